# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executes docker as each watched user and looks for that very process in the audit log. It is the only part of the
core that runs a program.

Only what root alone can have put there is executed: the path is walked as the kernel does (path_resolution(7)).
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config, follow
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import codes

# Of a rule for every user: one who may do all, and one who may do nothing (kernel, overflowuid).
SAMPLE_UIDS = (0, 65534)
ENVIRONMENT = dict(PATH='/usr/sbin:/usr/bin:/sbin:/bin', HOME='/nonexistent', DOCKER_CONFIG='/nonexistent')
WAY_OUT = 'give docker a place that root alone can write to'
MOST_LINKS = 40  # MAXSYMLINKS of the kernel

# The kernel stamps a record with a clock that ticks HZ times a second (audit_log_start: ktime_get_coarse_real_ts64).
TICK = 20


class Refused(Exception):
    """It must not be executed, or cannot; the message says why and what to do."""


def program_of(path):
    """The file that the kernel calls exe when path is executed: its real file, or the interpreter of a script.

    Raises Refused where anybody but root could have put it there.
    """
    real = real_file_of_root(path)
    with open(real, 'rb') as stream:
        first = stream.read(256).partition(b'\n')[0]
    if not first.startswith(b'#!'):
        return real
    words = first[2:].split()
    if not words:
        raise Refused('%s is a script without an interpreter' % path)
    return real_file_of_root(os.fsdecode(words[0]))


def real_file_of_root(path):
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


def execute(path, uid, seconds):
    """Run ``docker --version`` as a user. Returns (pid, from when, until when) in milliseconds since 1970. Raises
    Refused.
    """
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = SAMPLE_UIDS[1]

    def become():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    start = int(time.time() * 1000)
    try:
        # start_new_session: it has no terminal, and can be ended with all that it may have started.
        process = subprocess.Popen(
            ['docker', '--version'],
            executable=path,
            cwd='/',
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=become,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused('it cannot be executed: %s' % (getattr(error, 'strerror', None) or error)) from error
    end = int(time.time() * 1000)  # Popen returns when the program has started
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.pid, start - TICK, end


def wanted(rules, key):
    """[(path, uid)] of the executions that the rules with the key log."""
    pairs = [audit_rules.watches(rule) for rule in rules if key in rule['keys']]
    found = [(path, one) for path, uid in filter(None, pairs) for one in (SAMPLE_UIDS if uid is None else (uid,))]
    return sorted(set(found), key=found.index)


def fly(rules, key, seconds):
    """The runs for one key."""
    pairs = wanted(rules, key)
    if not pairs:
        return []
    following = follow.Following(key, config.log_path())
    runs, waiting = [], {}
    try:
        for _event in following.events():
            pass  # what was before
        for path, uid in pairs:
            run = dict(path=path, uid=uid, pid=None, event=None, reason=None)
            runs.append(run)
            try:
                exe = program_of(path)
                run['pid'], start, end = execute(path, uid, seconds)
                waiting[(run['pid'], uid, os.fsencode(exe))] = (run, start, end)
            except Refused as error:
                run['reason'] = str(error)
        deadline = time.monotonic() + seconds
        while waiting:
            for event in following.events():
                fields = audit_log.fields(event)
                identity = (
                    audit_log.number(fields.get('pid')),
                    audit_log.number(fields.get('uid')),
                    audit_log.text_value(event, fields.get('exe')),
                )
                run, start, end = waiting.get(identity, (None, 0, 0))
                if run and audit_log.outcome(event) == 'started' and start <= (audit_log.when(event)[0] or 0) <= end:
                    run['event'] = audit_log.ident(event)
                    del waiting[identity]
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    finally:
        following.close()
    return runs


def problems(runs, key, seconds):
    """The problems of the runs for one key."""
    found = []
    for run in runs:
        label = '%s as uid %d' % (run['path'], run['uid'])
        if run['reason'] is not None:
            found.append(codes.problem('canary_refused', '%s: %s' % (label, run['reason'])))
        elif run['event'] is None:
            found.append(
                codes.problem(
                    'canary_not_seen',
                    '%s, pid %d: nothing in the log with the key %s after %d s' % (label, run['pid'], key, seconds),
                )
            )
    return found
