# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the state of auditd from files: its configuration, its log, its units, and which program takes the kernel's
records.

Sources: auditd.conf(5), proc(5), systemd.unit(5) for the places of units.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
    config,
    journal,
    logs,
    records,
    rotations,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.tree import Tree

UNIT_FOLDERS = (
    '/etc/systemd/system',
    '/run/systemd/system',
    '/usr/local/lib/systemd/system',
    '/usr/lib/systemd/system',
    '/lib/systemd/system',
)

_END = 65536  # of a log, to find its last record in


class Log(TypedDict):
    """The log of auditd with its rotations. Times are milliseconds since 1970."""

    path: str
    present: bool
    files: int
    bytes: int
    first: int | None
    last: int | None
    free: int | None  # bytes on its disk
    size: int | None


class Unit(TypedDict):
    """A unit of systemd."""

    present: bool
    masked: bool
    enabled: bool
    needs: list[str]


def program(host: Tree, pid: int) -> str | None:
    """The name of the file that a process runs, or None where there is no such process."""
    exe = host.link('/proc/%d/exe' % pid)
    if exe is None:
        # It is for root alone; comm can be read by everybody, and is what the process calls itself.
        comm = host.text('/proc/%d/comm' % pid)
        return None if comm is None else comm.rstrip('\n')
    return os.path.basename(exe[: -len(' (deleted)')] if exe.endswith(' (deleted)') else exe)


def settings_of(host: Tree) -> dict[str, str] | None:
    """auditd.conf as a dict of words, or None where it cannot be read."""
    text = host.text(config.CONFIG)
    if text is None:
        if not any(path == config.CONFIG for path, _reason in host.unseen):
            host.unseen.append((config.CONFIG, 'it does not exist'))
        return None
    return config.parse(text)


def log_of(host: Tree, settings: dict[str, str] | None) -> Log:
    path = (settings or {}).get('log_file') or config.DEFAULT_LOG
    log: Log = {
        'path': path,
        'present': False,
        'files': 0,
        'bytes': 0,
        'first': None,
        'last': None,
        'free': None,
        'size': None,
    }
    folder, name = os.path.split(path)
    # One that cannot be listed is told in unseen: the log is then not said to be missing.
    before = len(host.unseen)
    ages = {entry: rotations.age(entry, name) for entry in host.names(folder)}
    names = sorted((entry for entry, age in ages.items() if age is not None), key=lambda entry: ages[entry] or (0, 0))
    log['present'] = name in names or len(host.unseen) > before
    log['files'] = len(names)
    for entry in names:
        status = host.status(os.path.join(folder, entry))
        log['bytes'] += status.st_size if status else 0
    if names:
        log['first'] = _first(host, os.path.join(folder, names[-1]))
        log['last'] = _last(host, os.path.join(folder, names[0]))
    try:
        disk = os.statvfs(host.place(folder))
        log['free'], log['size'] = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    except OSError:
        pass
    return log


def log_of_journal() -> Log:
    """The journal as far as a log has it: journald sees to its size."""
    log: Log = {
        'path': journal.LOG,
        'present': True,
        'files': 1,
        'bytes': 0,
        'first': None,
        'last': None,
        'free': None,
        'size': None,
    }
    try:
        for entry in journal.entries(newest=1):
            log['last'] = audit_events.moment_of(entry.ident)[0]
    except OSError:
        log['present'] = False
    return log


def _first(host: Tree, path: str) -> int | None:
    """When the first record of a log was written, in milliseconds since 1970, also of a compressed one."""

    def moment(place: str) -> int | None:
        with contextlib.closing(logs.File(files.open_regular(place), path)) as file:
            return file.first_moment()

    return host.attempt(path, moment)


def _last(host: Tree, path: str) -> int | None:
    """When the last record of a log was written."""

    def end(place: str) -> bytes:
        with open(files.open_regular(place), 'rb') as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            return file.read(_END)

    found = host.attempt(path, end) or b''
    # It begins within a line, in which the text of some user may look like a record
    last = records.last_record(found, found.find(b'\n') + 1 if len(found) == _END else 0, len(found))
    return audit_events.moment_of(last.ident)[0] if last else None


def unit(host: Tree, name: str) -> Unit:
    """Whether a unit is there, masked (a link to /dev/null, or empty), enabled (wanted by another); what it needs."""
    paths = [folder + '/' + name for folder in UNIT_FOLDERS if host.is_there(folder + '/' + name)]
    # The first folder wins.
    text = None if not paths or host.link(paths[0]) == '/dev/null' else host.text(paths[0])
    needs = re.findall(r'(?m)^(?:Requires|Wants|BindsTo)=(.*)$', text or '')
    return {
        'present': bool(paths),
        'masked': bool(paths) and not text,
        'enabled': any(
            host.glob('%s/*.%s/%s' % (folder, kind, name)) for folder in UNIT_FOLDERS for kind in ('wants', 'requires')
        ),
        'needs': ' '.join(needs).split(),
    }


def not_at_boot(units: dict[str, Unit], is_journal: bool = False) -> list[str]:
    """Why the rules are not there after the next boot. From audit 4.0 audit-rules.service loads them, and
    auditd.service requires it. Where journald takes the records, that one is not needed for anything else.
    """
    auditd, loader = units['auditd.service'], units['audit-rules.service']
    if is_journal and loader['present'] and loader['enabled'] and not loader['masked']:
        return []
    reasons = []
    if not auditd['present']:
        reasons.append('there is no auditd.service')
    for name, unit in sorted(units.items()):
        if unit['masked']:
            reasons.append('%s is masked' % name)
    if auditd['present'] and not auditd['masked'] and not auditd['enabled']:
        reasons.append('auditd.service is not enabled')
    is_called = auditd['enabled'] and ('audit-rules.service' in auditd['needs'])
    if loader['present'] and not loader['masked'] and not loader['enabled'] and not is_called:
        reasons.append('audit-rules.service is not enabled')
    return reasons
