# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what any user can write makes the reader take more than linear time.

Usage: python3 benchmarks/hostile.py [--runs N] [--limit RATIO] [NAME ...]

Each input grows ×1 ×2 ×4 ×8, up to the longest argument that the kernel lets through (MAX_ARG_STRLEN, 131,072 bytes)
or to the most words of an execve. Printed are the best times of N runs in milliseconds, and how much they grow per
doubling. Work in proportion to the input doubles; the exit status is 1 where one grows by more than the limit (2.3).
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
import types
from typing import Callable, Iterator, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
GROWTH = (1, 2, 4, 8)
LONGEST_WORD = 131071
MOST_WORDS = 100000
# Below this a time says nothing about growth.
FELT = 0.01


class Input(NamedTuple):
    """One input: ``make(size)`` gives what to run."""

    name: str
    largest: int
    make: Callable[[int], Callable[[], object]]


def importable() -> None:
    """Make this checkout the collection, whatever its folder is called."""
    for name, path in (
        ('ansible_collections', None),
        ('ansible_collections.claude_hooks', None),
        ('ansible_collections.claude_hooks.docker_audit', ROOT),
    ):
        package = types.ModuleType(name)
        package.__path__ = [str(path)] if path else []
        sys.modules[name] = package


def command_lines() -> Iterator[Input]:
    """Words and numbers of words that could send the grammar back and forth."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.parse import parse
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.secrets import masked

    def both(argv: list[str]) -> Callable[[], object]:
        return lambda: (parse(argv), masked(argv))

    numbers = {
        'digits': lambda size: '1' * size + 'x',
        'dots': lambda size: '1.' * (size // 2) + 'x',
        'hours': lambda size: '1h' * (size // 2) + 'x',
        'underscores': lambda size: '1_' * (size // 2) + 'x',
        'hex': lambda size: '0x' + 'f' * size + 'x',
        'exponents': lambda size: '1e' * (size // 2) + 'x',
        'colons': lambda size: 'a:1' * (size // 3) + 'x',
    }
    options = {
        'bytes': ['update', '--memory'],
        'swap': ['update', '--memory-swap'],
        'cpus': ['update', '--cpus'],
        'int': ['update', '--cpu-period'],
        'uint16': ['update', '--blkio-weight'],
        'restart': ['update', '--restart'],
        'uint': ['service', 'update', '--replicas'],
        'duration': ['service', 'update', '--stop-grace-period'],
        'float': ['service', 'update', '--update-max-failure-ratio'],
    }
    for kind, words in options.items():
        for shape, make in numbers.items():
            yield Input(
                'a number: %s, %s' % (kind, shape),
                LONGEST_WORD,
                lambda size, words=words, make=make: both(['docker', *words, make(size), 'c']),
            )
    texts = {
        'letters of a bundle': lambda size: ['rm', '-' + 'f' * size, 'c'],
        'a path': lambda size: ['stop', 'a/' * (size // 4) + '../' * (size // 6) + 'c'],
        'slashes': lambda size: ['rm', '/' * size],
        'blanks': lambda size: ['rm', '\x85 \u3000' * (size // 6) + 'x' + ' ' * (size // 2)],
        'a signal': lambda size: ['kill', '-s', '9' * size, 'c'],
        'a replica': lambda size: ['compose', 'up', '--scale', 'web=' + '9' * size],
        'replicas of a service': lambda size: ['service', 'scale', 's=' + '0' * size],
        'a filter': lambda size: ['container', 'prune', '--filter', 'a=' * (size // 2)],
        'an address': lambda size: ['-H', 'tcp://' + 'a:b@' * (size // 4), 'ps'],
        'schemes': lambda size: ['build', '://' * (size // 3)],
        'secret names': lambda size: ['run', '--label', 'pass' * (size // 4), 'img'],
        'separators': lambda size: ['run', '--label', 'a=,' * (size // 3), 'img'],
        'colons and blanks': lambda size: ['build', 'a: ' * (size // 3)],
    }
    for name, line in texts.items():
        yield Input('a word: ' + name, LONGEST_WORD, lambda size, line=line: both(['docker', *line(size)]))
    lines = {
        'targets': lambda count: ['docker', 'stop'] + ['c'] * count,
        'options': lambda count: ['docker', 'rm'] + ['-f'] * count + ['c'],
        'global options': lambda count: ['docker'] + ['-D'] * count + ['stop', 'c'],
        'addresses': lambda count: ['docker'] + ['-H', 'x'] * count + ['stop', 'c'],
        'options of a group': lambda count: ['docker', 'container'] + ['--help=false'] * count + ['stop', 'c'],
        'environment': lambda count: ['docker', 'run'] + ['-e', 'A=b'] * count + ['img'],
        'inside': lambda count: ['docker', 'exec', 'c'] + ['x'] * count,
        'unknown': lambda count: ['docker', 'nothing'] + ['--x=y'] * count,
        'filters': lambda count: ['container', 'prune'] + ['--filter', 'a=b'] * count,
        'files': lambda count: ['docker', 'compose'] + ['-f', 'x'] * count + ['up'] + ['web'] * count,
        'scales': lambda count: (
            ['docker', 'compose', 'up']
            + [word for number in range(count) for word in ('--scale', 's%d=0' % number)]
            + ['t%d' % number for number in range(count)]
        ),
        'services to scale': lambda count: ['docker', 'service', 'scale'] + ['s%d=0' % one for one in range(count)],
        'standalone': lambda count: ['docker-compose'] + ['--file', 'x'] * count + ['stop'] + ['web'] * count,
        'podman': lambda count: ['/bin/sh', '/usr/bin/docker', 'rm', '-a'] + ['c'] * count,
        'another program': lambda count: ['curl'] + ['--password', 'x'] * count,
    }
    for name, line in lines.items():
        yield Input('many words: ' + name, MOST_WORDS, lambda count, line=line: both(line(count)))


def references() -> Iterator[Input]:
    """Ids that a command names, each of which can be any container's: on a host with as many containers."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import name_matcher
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.match import Labels, resolver

    def resolving(count: int, ids: list[str]) -> Callable[[], object]:
        containers = {'%064x' % (number << 200): 'web-%d' % number for number in range(count)}

        def run() -> object:
            resolve = resolver(Labels(containers), name_matcher('claude-hooks-*'))
            return [resolve(one, False) for one in ids]

        return run

    ids = {
        'of no container': lambda count: ['f%011x' % number for number in range(count)],
        'of many containers': lambda count: ['0'] * count,
        'of one container each': lambda count: [('%064x' % (number << 200))[:20] for number in range(count)],
    }
    for name, make in ids.items():
        yield Input('ids: ' + name, MOST_WORDS, lambda count, make=make: resolving(count, make(count)))


def answers() -> Iterator[Input]:
    """What listens at the engine's socket can say anything, and a user can give a container any labels."""
    import json

    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, entries

    def reading(text: bytes, split: Callable[[list[bytes]], Iterator[bytes | None]]) -> Callable[[], object]:
        pieces = [text[place : place + 65536] for place in range(0, len(text), 65536)]

        def parsed(entry: bytes | None) -> object:
            try:
                return engine.event_of(engine.parsed(entry))
            except ValueError:
                return None

        def run() -> object:
            try:
                return [parsed(entry) for entry in split(pieces)]
            except entries.EntryError:
                return None

        return run

    labels = b'{"Labels":' + json.dumps({'label %d' % number: 'x' * 50 for number in range(1000)}).encode() + b'}'
    arrays = {
        'labels': lambda size: b'[' + b','.join([labels] * (size // len(labels))) + b']',
        'empty lists': lambda size: b'[' + b'[],' * (size // 3) + b'[]]',
        'open lists': lambda size: b'[' * size,
        'backslashes': lambda size: b'["' + b'\\' * size + b'"]',
        'a long number': lambda size: b'[' + b'9' * size + b']',
        'quotes': lambda size: b'[' + b'"' * size,
    }
    for name, make in arrays.items():
        yield Input(
            'a list of an engine: ' + name, 1 << 20, lambda size, make=make: reading(make(size), entries.elements)
        )
    streams = {
        'empty lines': lambda size: b'\n' * size,
        'no line end': lambda size: b'x' * size,
        'numbers': lambda size: b'{"timeNano":%s}\n' % (b'9' * 1000) * (size // 1000),
        'labels': lambda size: (labels + b'\n') * (size // len(labels)),
    }
    for name, make in streams.items():
        yield Input('events of an engine: ' + name, 1 << 20, lambda size, make=make: reading(make(size), entries.lines))


#: Whoever reads something that users write adds a function here.
def audit_logs() -> Iterator[Input]:
    """Lines that any user can have written into the log, and a record of theirs in place of each line."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import sessions
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find

    def reading(text: bytes) -> Callable[[], object]:
        return lambda: find.find(Reading('claude-hooks-docker', text=text).events(), name='*')

    head = b'type=%s msg=audit(1795490000.100:1): '
    call = head % b'SYSCALL' + b'arch=c000003e syscall=59 success=yes comm="docker" key="claude-hooks-docker"'
    words = head % b'EXECVE' + b'argc=2 a0="docker" a1="ps"'
    texts = {
        'headers on one line': lambda count: (head % b'SYSCALL') * count,
        'whole records on one line': lambda count: call * count,
        'one event over and over': lambda count: (call + b'\n' + words + b'\n') * count,
        'records that contradict each other': lambda count: b''.join(
            call.replace(b'"docker"', b'"%d"' % number) + b'\n' for number in range(count)
        ),
        'as many arguments of one event': lambda count: (
            call + b'\n' + b''.join(head % b'EXECVE' + b'argc=9 a%d="x"\n' % number for number in range(count))
        ),
        'one time and serial in many tables': lambda count: (
            (head % b'NETFILTER_CFG' + b'table=' + call + b':2\n') * count + call + b'\n'
        ),
        'prefixes': lambda count: b'Nov 24 03:13:20 h audispd: x\n' * count,
        'one long prefix': lambda count: b'Nov 24 03:13:20 h audit' + b'audit' * count,
        'half an object': lambda count: b'{"a": "' + b'audit(' * count,
        'nested objects': lambda count: b'{"a":' * count + b'1' + b'}' * count,
        'objects': lambda count: b'{"message": "audit("}\n' * count,
        'a long name in an object': lambda count: b'{"%s":"audit("}\n' % (b'name.' * count),
        'lines of one sender that begin no record': lambda count: (
            b'Nov 24 03:13:20 h audispd: x%s\n' % (b'x' * 99) * count
        ),
        'fields of an export': lambda count: b'__CURSOR=x\n' + b'A=b\n' * count,
        'fields of an export that have a length': lambda count: b'__CURSOR=x\n' + b'A\n\2\0\0\0\0\0\0\0x\n\n' * count,
        'interpreted': lambda count: (head.replace(b': ', b' : ') % b'EXECVE' + b'argc=2 a0=x a1=y\n') * count,
        'one argument with system calls and the key': lambda count: (
            call + b'\n' + head % b'EXECVE' + b'argc=2 a0="docker" a1="%sclaude-hooks-docker"\n' % (b'syscall' * count)
        ),
        'EXECVE heads on one line': lambda count: b'web1 audit: ' + (head % b'EXECVE') * count,
        'lines with the key': lambda count: b'SYSCALL key=x claude-hooks-docker\n' * count,
    }
    for name, make in texts.items():
        yield Input('log: ' + name, 16000, lambda count, make=make: reading(make(count)))

    def logging_in(lines: list[bytes]) -> Callable[[], object]:
        def run() -> object:
            logins = sessions.Logins()
            logins.add(lines)
            asked = {'node': None, 'auid': 1000, 'event': '9999999999.100:4000000000'}
            return [logins.of({**asked, 'ses': number}) for number in range(len(lines))]

        return run

    login = (
        b'type=LOGIN msg=audit(%d.100:%d): pid=7 uid=0 subj=x old-auid=4294967295 auid=1000 tty=(none) '
        b'old-ses=4294967295 ses=%d res=1'
    )
    said = (
        b"type=USER_START msg=audit(1795490000.500:%d): pid=7 uid=0 auid=1000 ses=5 "
        b"msg='op=PAM:session_open acct=\"x\" "
        b"exe=\"/x\" hostname=? addr=? terminal=ssh res=success'"
    )
    sets = {
        'sessions': lambda count: [login % (1795490000 + number, number, number) for number in range(count)],
        'sessions that count down': lambda count: [login % (1795490000, n, count - n) for n in range(count)],
        'logins of one session': lambda count: [login % (1795490000, number, 5) for number in range(count)],
        'words on one session': lambda count: [login % (1795490000, 0, 5)] + [said % number for number in range(count)],
        'starts of auditd': lambda count: [head % b'DAEMON_START' + b'op=start res=success'] * count,
    }
    for name, make in sets.items():
        yield Input('logins: ' + name, 16000, lambda count, make=make: logging_in(make(count)))


SOURCES = (command_lines, references, answers, audit_logs)


def best(run: Callable[[], object], runs: int) -> float:
    """The shortest of some runs, in seconds of processor time: what else runs on the machine does not count."""
    times = []
    for _run in range(runs):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME', help='only inputs whose name has one of these in it')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--limit', type=float, default=2.3)
    options = parser.parse_args()
    importable()
    worse = 0
    for one in (each for source in SOURCES for each in source()):
        if options.names and not any(name in one.name for name in options.names):
            continue
        times = [best(one.make(one.largest * growth // GROWTH[-1]), options.runs) for growth in GROWTH]
        # The mean of the three doublings: one alone is at the mercy of what else the machine does.
        ratio = (times[-1] / times[0]) ** (1 / (len(GROWTH) - 1))
        is_worse = ratio > options.limit and times[-1] > FELT
        worse += is_worse
        shown = ' '.join('%9.3f' % (seconds * 1000) for seconds in times)
        print('%-40s %s   x%.2f%s' % (one.name, shown, ratio, '  MORE THAN LINEAR' if is_worse else ''), flush=True)
    return 1 if worse else 0


if __name__ == '__main__':
    sys.exit(main())
