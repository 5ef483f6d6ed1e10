# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executes docker as each watched user and searches the audit log for exactly that process.

It is the only part of the core that starts a program, and no instruction of it runs (traced). Only what root alone can
have put there is executed: the path is walked as the kernel does (path_resolution(7)).
"""

from __future__ import annotations

import os
import pwd
import stat
import time
from typing import Any, Dict, Iterable, NamedTuple, Optional, Tuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config, follow_journal
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import traced
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.codes import Problem, problem

# Of a rule for every user: one who may do all, and one who may do nothing (kernel, overflowuid).
SAMPLE_UIDS = (0, 65534)
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/nonexistent', 'DOCKER_CONFIG': '/nonexistent'}
WAY_OUT = 'give docker a place that root alone can write to'
MOST_LINKS = 40  # MAXSYMLINKS of the kernel
MOST_INTERPRETERS = 5  # fs/exec.c, exec_binprm
FIRST_LINE = 256  # BINPRM_BUF_SIZE of the kernel, include/uapi/linux/binfmts.h

# The kernel stamps a record with a clock that ticks HZ times a second (audit_log_start: ktime_get_coarse_real_ts64).
TICK = 20


class Refused(Exception):
    """It must not be executed, or cannot; the message says why and what to do."""


class Run(TypedDict):
    """One execution, and the event of it in the log."""

    path: str
    uid: int
    pid: int | None  # None where it was not executed, for the reason
    event: str | None
    reason: str | None


class Execution(NamedTuple):
    """A process that executed docker, and in milliseconds since 1970 between which times."""

    pid: int
    start: int
    end: int


#: Those not yet seen, by what tells their event: pid, uid and program.
Waiting = Dict[Tuple[Optional[int], Optional[int], Optional[bytes]], Tuple[Run, Execution]]


def program_of(path: str) -> str:
    """The file that the kernel calls exe when path is executed: its real file, or the last interpreter of a script.

    Raises Refused where anybody but root could have put any of them there.
    """
    real = real_file_of_root(path)
    for _depth in range(MOST_INTERPRETERS):
        first = files.read_regular(real, FIRST_LINE).partition(b'\n')[0]
        if not first.startswith(b'#!'):
            return real
        # Blanks and tabs alone end it (fs/binfmt_script.c)
        words = first[2:].replace(b'\t', b' ').split(b' ')
        words = [word for word in words if word]
        if not words:
            raise Refused('%s is a script without an interpreter' % real)
        real = real_file_of_root(os.fsdecode(words[0]))
    raise Refused('%s: a script whose interpreters are scripts, more than %d deep' % (path, MOST_INTERPRETERS))


def real_file_of_root(path: str) -> str:
    """The real file of a path of which every part is owned by root and writable by nobody else."""
    place = '/'
    parts = ['.'] + path.split('/')
    links = 0
    while parts:
        part = parts.pop(0)
        place = os.path.dirname(place) if part == '..' else place if part in ('', '.') else os.path.join(place, part)
        try:
            status = os.lstat(place)
        except OSError as error:
            raise Refused('%s: %s' % (place, error.strerror)) from error
        if status.st_uid != 0:
            raise Refused('%s is owned by uid %d: %s' % (place, status.st_uid, WAY_OUT))
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                raise Refused('%s: too many links' % path)
            target = os.readlink(place)
            parts = target.split('/') + parts
            place = '/' if target.startswith('/') else os.path.dirname(place)
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Refused(
                '%s can be written by others than root (mode %04o): %s' % (place, stat.S_IMODE(status.st_mode), WAY_OUT)
            )
    if not stat.S_ISREG(status.st_mode):
        raise Refused('%s is not a file' % place)
    return place


def execute(path: str, uid: int, seconds: float) -> Execution:
    """Let a process execute ``docker --version`` as a user, and end it there. Raises Refused."""
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = SAMPLE_UIDS[1]
    start = int(time.time() * 1000)
    try:
        with traced.stopped_at_exec(path, ['docker', '--version'], ENVIRONMENT, uid, gid, seconds) as pid:
            end = int(time.time() * 1000)
    except traced.NotStarted as error:
        raise Refused(str(error)) from error
    return Execution(pid, start - TICK, end)


def wanted(rules: list[audit_rules.Rule], key: str) -> list[tuple[str, int]]:
    """Path and user of the executions that the rules with the key log."""
    pairs = [audit_rules.watches(rule) for rule in rules if key in rule['keys']]
    found = [(path, one) for path, uid in filter(None, pairs) for one in (SAMPLE_UIDS if uid is None else (uid,))]
    return sorted(set(found), key=found.index)


def fly(rules: list[audit_rules.Rule], key: str, seconds: float) -> list[Run]:
    """The runs for one key."""
    pairs = wanted(rules, key)
    if not pairs:
        return []
    following = follow_journal.of(key, config.log_path())
    runs: list[Run] = []
    waiting: Waiting = {}
    try:
        for _event in following.events():
            pass  # what was before
        for path, uid in pairs:
            run: Run = {'path': path, 'uid': uid, 'pid': None, 'event': None, 'reason': None}
            runs.append(run)
            try:
                exe = program_of(path)
                done = execute(path, uid, seconds)
                run['pid'] = done.pid
                waiting[(done.pid, uid, os.fsencode(exe))] = (run, done)
            except Refused as error:
                run['reason'] = str(error)
        deadline = time.monotonic() + seconds
        while waiting:
            _notice(following.events(), waiting)
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    finally:
        following.close()
    return runs


def _notice(events: Iterable[Any], waiting: Waiting) -> None:
    """Note the events of the runs that are waited for, which have their pid, user, program and time."""
    for event in events:
        fields = audit_events.fields(event)
        identity = (
            audit_events.number(fields.get('pid')),
            audit_events.number(fields.get('uid')),
            audit_events.text_value(event, fields.get('exe')),
        )
        if identity not in waiting or audit_events.outcome(event) != 'started':
            continue
        run, done = waiting[identity]
        if done.start <= (audit_events.when(event)[0] or 0) <= done.end:
            run['event'] = audit_events.ident(event)
            del waiting[identity]


def problems(runs: list[Run], key: str, seconds: float) -> list[Problem]:
    """The problems of the runs for one key."""
    found = []
    for run in runs:
        label = '%s as uid %d' % (run['path'], run['uid'])
        if run['reason'] is not None:
            found.append(problem('canary_refused', '%s: %s' % (label, run['reason'])))
        elif run['event'] is None:
            evidence = '%s, pid %s: nothing in the log with the key %s after %d s' % (label, run['pid'], key, seconds)
            found.append(problem('canary_not_seen', evidence))
    return found
