# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the findings of a log server from the logs of many hosts, several at a time in processes of their own.

A log with its rotations is read by itself, so that the records of two hosts never join, whatever their files lack.
"""

from __future__ import annotations

import glob
import json
import os
import re
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any, NamedTuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms, logs, rotations
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading, Stats
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find, forwarded, on_host

_SHOWN_PROBLEMS = 20
_SHOWN_UNREADABLE = 20


class StoreError(ValueError):
    """The files cannot be read as they were asked for; the message says why."""


class Log(NamedTuple):
    """The files of one log, the oldest first, and the host that its path names, if any."""

    files: list[str]
    host: str | None
    size: int


class _Part(TypedDict):
    """What one log gave."""

    found: find.Found
    stats: Stats
    forwarded: list[forwarded.Forwarded]
    verdicts: int
    damaged: int
    problems: list[str]


def ask(
    question: on_host.Question,
    patterns: Sequence[str],
    host_from: str | None,
    since: int | None,
    before: int | None,
    workers: int | None = None,
) -> tuple[on_host.Answer, list[str]]:
    """What the files hold of a time, in milliseconds since 1970, and what could not be read. Raises StoreError."""
    paths, left_out = matching(patterns)
    found = logs_of(paths, host_from)

    def read(log: Log) -> _Part:
        return _read(log, question, since, before)

    parts = in_processes(found, read, workers or len(os.sched_getaffinity(0)))
    return _joined(parts, question, since, before, len(found), left_out)


def logs_of(paths: Sequence[str], host_from: str | None) -> list[Log]:
    """The logs that files are of. host_from is a regular expression whose group is the host of a path."""
    host_of = _host_of(host_from)
    found = []
    for group in rotations.in_groups(paths):
        sizes = [os.stat(path).st_size for path in group]
        found.append(Log(group, host_of(group[-1]), sum(sizes)))
    return found


def matching(patterns: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files that patterns match, each once, and a sentence on each match that is left out. Raises StoreError."""
    known: dict[tuple[int, int], str] = {}
    left_out: dict[str, str] = {}
    for pattern in patterns:
        if not os.path.isabs(pattern):
            raise StoreError('logs must be absolute paths or patterns of them, not %r' % pattern)
        has_file = False
        # Sorted, so that of two names the same is taken each time
        for path in sorted(glob.glob(pattern)):
            try:
                status = os.stat(path)
            except OSError as error:
                left_out[path] = '%s: %s' % (path, error.strerror)
                continue
            if not stat.S_ISREG(status.st_mode):
                left_out[path] = '%s is no file' % path
                continue
            other = known.setdefault((status.st_dev, status.st_ino), path)
            has_file = True
            if other != path:
                left_out[path] = '%s is %s by another name, and was read once' % (path, other)
        if not has_file:
            more = ', which is a folder: name its files, for example %s' % os.path.join(pattern, '*.log*')
            raise StoreError('no file matches %s on this host%s' % (pattern, more if os.path.isdir(pattern) else ''))
    return sorted(known.values()), list(left_out.values())


def _host_of(host_from: str | None) -> Callable[[str], str | None]:
    if host_from is None:
        return lambda path: None
    try:
        pattern = re.compile(host_from)
    except re.error as error:
        raise StoreError('host_from is no regular expression: %s' % error) from error
    if pattern.groups != 1:
        raise StoreError('host_from must have one group, that of the host: %r has %d' % (host_from, pattern.groups))

    def host(path: str) -> str:
        named = pattern.search(path)
        if named is None or not named.group(1):
            raise StoreError('host_from %r finds no host in %s' % (host_from, path))
        return named.group(1)

    return host


def _read(log: Log, question: on_host.Question, since: int | None, before: int | None) -> _Part:
    """What one log holds. What cannot be read of it is a problem, the other logs are read all the same."""
    sent = forwarded.Reader(log.host)
    reading = Reading(question.key, files=log.files, beside=sent.feed)
    problems = []
    found = find.find([])
    try:
        found = find.find(
            reading,
            name=question.container,
            key=question.key,
            possible=question.possible,
            containers=question.containers,
            host=log.host,
            actions=question.actions,
            since=since,
            before=before,
        )
    except (logs.LogReaderError, forms.AuditLogError, find.FindingsError) as error:
        problems.append('%s: %s' % (log.files[-1], error))
    return {
        'found': found,
        'stats': reading.stats(),
        'forwarded': sent.found,
        'verdicts': sent.verdicts,
        'damaged': sent.damaged,
        'problems': problems + reading.problems(),
    }


def in_processes(found: Sequence[Log], read: Callable[[Log], Any], workers: int) -> Iterable[Any]:
    """What read() makes of each log, in so many processes. Raises StoreError where one of them dies."""
    shares: list[list[Log]] = [[] for _worker in range(max(1, min(workers, len(found))))]
    loads = [0] * len(shares)
    for log in sorted(found, key=lambda one: -one.size):
        least = loads.index(min(loads))
        shares[least].append(log)
        loads[least] += log.size
    if len(shares) == 1:
        yield from map(read, shares[0])
        return
    running = []
    for share in shares:
        # In files, not in pipes: a reader never waits for this process
        results = tempfile.TemporaryFile()
        running.append((_forked(share, read, results), results))
    failed = [os.waitpid(pid, 0)[1] for pid, _results in running]
    for (_pid, results), status in zip(running, failed):
        with results:
            results.seek(0)
            if status:
                said = results.read()[-2000:].decode('utf-8', 'replace')
                raise StoreError('a process that read logs ended with status %d: %s' % (status, said))
            for line in results:
                yield json.loads(line)


def _forked(share: Sequence[Log], read: Callable[[Log], Any], results: IO[bytes]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for log in share:
            results.write(json.dumps(read(log)).encode('ascii') + b'\n')
        results.flush()
        status = 0
    except BaseException:
        results.write(traceback.format_exc().encode('utf-8', 'replace'))
        results.flush()
    finally:
        os._exit(status)


# Long, as it is one sum after the other.
def _joined(
    parts: Iterable[_Part],
    question: on_host.Question,
    since: int | None,
    before: int | None,
    count: int,
    left_out: Sequence[str],
) -> tuple[on_host.Answer, list[str]]:
    findings: list[Any] = []
    unreadable: list[Any] = []
    problems = list(left_out)
    counts = {'bytes': 0, 'executions': 0, 'failed': 0, 'others': 0, 'unreadable': 0, 'logs': count, 'twice': 0}
    moments: list[int] = []
    wanted = forwarded.Wanted(
        texts.name_matcher(question.container), question.possible, question.actions, since, before
    )
    for part in parts:
        found, stats = part['found'], part['stats']
        findings += found['findings']
        unreadable += found['unreadable']
        problems += part['problems']
        for name in ('executions', 'failed', 'others'):
            counts[name] += found[name]
        counts['unreadable'] += found['unreadable_count'] + part['damaged']
        counts['bytes'] += stats['bytes']
        moments += [time for time in (stats['first'], stats['last']) if time is not None]
        wanted.add(part['forwarded'])
    findings += wanted.findings
    counts['twice'] = wanted.twice
    counts['others'] += wanted.others
    moments += wanted.moments
    findings.sort(key=lambda one: (one['timestamp'] or '', times.of_ident(one['event']) or (0, 0), one['host'] or ''))
    once = [one for one, last in zip(findings, [None, *findings]) if one['host'] is None or one != last]
    # Copies of a log. Of hosts without a name nobody knows whether they are one
    counts['twice'] += len(findings) - len(once)
    counts['executions'] -= len(findings) - len(once)
    findings = once
    unreadable.sort(key=lambda one: (one['timestamp'] or '', times.of_ident(one['event']) or (0, 0), one['host'] or ''))
    more = len(problems) - _SHOWN_PROBLEMS
    if more > 0:
        problems = problems[:_SHOWN_PROBLEMS] + ['%d more files have such problems' % more]
    nameless = sum(one['host'] is None for one in findings)
    if nameless:
        problems.append(
            '%s no host: their records have neither node= nor a prefix. Say with host_from which part of the path is '
            'the host' % ('1 finding names' if nameless == 1 else '%d findings name' % nameless)
        )
    answer: on_host.Answer = {
        'findings': findings,
        'unreadable': unreadable[:_SHOWN_UNREADABLE],
        'counts': counts,  # type: ignore[typeddict-item]
        'span': on_host.span(min(moments, default=None), max(moments, default=None)),
        'engine': {'reachable': None, 'reason': 'logs of other hosts'},
    }
    return answer, problems
