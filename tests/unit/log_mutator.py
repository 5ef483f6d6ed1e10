# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damages audit logs at random, and compares the fast way of reading with the one that reads line by line.

Usage: python -m ansible_collections.claude_hooks.docker_audit.tests.unit.log_mutator [SECONDS [SEED]]
"""

from __future__ import annotations

import gzip
import json
import pathlib
import random
import sys
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

FIXTURES = pathlib.Path(__file__).resolve().parent / 'fixtures'
KEY = 'claude-hooks-docker'
_LONGEST = 12000
# One in so many logs is as long as those that are read in another way
_LONG = 100
_WORDS = [
    b'type=SYSCALL msg=audit(1795490000.100:1): ', b'type=EXECVE msg=audit(1795490000.100:1): argc=2 a0="x" a1="y"',
    b'node=a ', b'\0\0', b'\r', b'\x1d', b'"', b'#035', b'audit(', b') : ', b' key="claude-hooks-docker"', b"msg='",
    b'type=CWD msg=audit(1795490000.100:1): cwd="/"', b'Nov 24 03:13:20 web1 audispd: ', b' a1="z"', b'argc=3 ', b'\n',
    b' subj=a//null-/x', b' subj=:ns:x y', b' (complain) key=(null)', b'x key="claude-hooks-docker"\x1dARCH=x UID="y"',
    b'2026-11-24T03:13:20.100Z ', b'[ 1.2] [ T1] audit: ', b'\t',
]  # fmt: skip


def seeds() -> list[bytes]:
    """What is damaged: captures, forms, and logs of attacks."""
    folders = [FIXTURES / folder for folder in ('captures', 'captures/synthetic', 'forms', 'hostile')]
    texts = [path.read_bytes() for folder in folders for path in sorted(folder.glob('*.log'))]
    return texts + [gzip.decompress(path.read_bytes()) for path in sorted((FIXTURES / 'hostile').glob('*.log.gz'))]


def mutate(text: bytes, chance: random.Random) -> bytes:  # noqa: C901, PLR0912 - one branch a kind of damage
    """A part of a log with some damage."""
    lines = text.split(b'\n')
    if len(text) > _LONGEST:
        start = chance.randrange(len(lines))
        lines = lines[start : start + 40]
    for _change in range(chance.randrange(1, 7)):
        place = chance.randrange(len(lines))
        line = lines[place]
        cut = chance.randrange(len(line) + 1)
        change = chance.randrange(9)
        if change == 0:
            lines.insert(chance.randrange(len(lines)), lines.pop(place))
        elif change == 1:
            lines.insert(chance.randrange(len(lines)), line)
        elif change == 2 and len(lines) > 1:
            lines.pop(place)
        elif change == 3 and place + 1 < len(lines):
            lines[place] = line[:cut] + lines.pop(place + 1)
        elif change == 4:
            lines[place] = line[:cut]
        elif change == 5:
            lines[place] = line[:cut] + chance.choice(_WORDS) + line[cut:]
        elif change == 6:
            lines[place] = chance.choice(_WORDS) + line
        elif change == 7 and line:
            lines[place] = line[:cut] + bytes([chance.randrange(256)]) + line[cut + 1 :]
        else:
            # one event takes the time and serial of another
            other = chance.choice(lines)
            mine, theirs = (audit.lines._HEAD.search(part) for part in (line, other))  # pylint: disable=protected-access
            if mine and theirs:
                lines[place] = line[: mine.start(3)] + theirs.group(3) + line[mine.end(3) :]
    return b'\n'.join(lines)


def lengthened(text: bytes, node: bytes | None = None) -> bytes:
    """A log within executions of others, longer than what is looked at line by line."""
    begin = b'' if node is None else b'node=%s ' % node
    lines = [
        begin + line.replace(b'1795490000.', b'17954%05d.' % number)
        for number in range(600)
        for line in audit_writer.event([b'ls', b'-l'], serial=1000 + number, key=b'other', enriched=True)
    ]
    return b'\n'.join(lines + text.split(b'\n') + lines[:1200])


def both_ways(text: bytes) -> tuple[str, str]:
    """What both ways find, as text."""
    lines = forms.Lines()
    made, end = lines.of(text + b'\n', len(text) + 1)
    rest, rest_end = lines.finish()
    plain = findings.find(audit.events(made[:end] + rest[:rest_end]), name='*')
    fast = findings.find(Reading(KEY, text=text).events(), name='*')
    return tuple(json.dumps(found, sort_keys=True) for found in (plain, fast))  # type: ignore[return-value]


def run(count: int, seconds: float, seed: int) -> tuple[int, list[bytes]]:
    """How many logs were compared, and those that differ."""
    chance = random.Random(seed)
    texts = seeds()
    end = time.monotonic() + seconds
    compared, different = 0, []
    while compared < count and time.monotonic() < end:
        text = mutate(chance.choice(texts), chance)
        if compared % _LONG == _LONG - 1:
            text = lengthened(text, chance.choice((None, b'a')))
        plain, fast = both_ways(text)
        compared += 1
        if plain != fast:
            different.append(text)
    return compared, different


if __name__ == '__main__':
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    number = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    done, bad = run(sys.maxsize, length, number)
    print('%d mutated logs read both ways, %d differ, seed %d' % (done, len(bad), number))
    for one in bad[:3]:
        print(repr(one))
    sys.exit(bool(bad))
