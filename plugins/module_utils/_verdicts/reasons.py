# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds why an engine went down, in the records of systemd, the package manager and sudo.

Sources: systemd writes SERVICE_STOP and SERVICE_START once a unit is down or up (src/core/unit.c
unit_notify, audit_log_user_comm_message), systemd-update-utmp SYSTEM_SHUTDOWN, sudo USER_CMD, dnf and rpm
SOFTWARE_UPDATE; /var/log/apt/history.log is apt-pkg/deb/dpkgpm.cc WriteHistoryTag, /var/log/dpkg.log lib/dpkg/log.c.
"""

from __future__ import annotations

import datetime
import re
from typing import Iterable, Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Evidence, note

LINES = re.compile(rb'type=(?:SERVICE_START|SERVICE_STOP|SYSTEM_SHUTDOWN|SOFTWARE_UPDATE|USER_CMD) ')

# pid, uid and auid stand before msg=' and are the kernel's: what follows is whatever the sender says
_RECORD = re.compile(
    rb'(?:node=\S{1,255} )?type=(SERVICE_START|SERVICE_STOP|SYSTEM_SHUTDOWN|SOFTWARE_UPDATE|USER_CMD) '
    rb'msg=audit\((\d{1,11})\.(\d{3}):\d{1,10}\): pid=(\d{1,10}) uid=(\d{1,10}) auid=(\d{1,10}) ses=\d{1,10} '
    rb"(?:subj=\S{1,300} )?msg='([^\n]*)'"
)
_UNIT = re.compile(rb'unit=(docker|containerd|snap\.docker\.dockerd)(?:\.service)? ')
_SOFTWARE = re.compile(rb'op=(\S{1,20}) sw="([^"]{1,300})"')
_COMMAND = re.compile(rb' cmd=("[^"]*"|[0-9A-F]+) ')
_ABOUT = re.compile(
    r'docker|containerd|runc|\b(?:reboot|shutdown|poweroff|halt|init 0|init 6|apt|apt-get|dnf|yum|snap)\b'
)
_PACKAGE = re.compile(r'(?:docker|moby|containerd|runc)[-a-z.]*')
_UNSET = b'4294967295'
# The engine's own unit: its end is the end of the engine
_ENGINES = ('docker', 'snap.docker.dockerd')


def of_records(lines: Iterable[bytes]) -> tuple[list[float], list[Evidence]]:
    """(when the engine's unit had stopped, what can be the reason of an end of the engine, each with its moment)."""
    ends, reasons = set(), []
    for line in lines:
        found = _RECORD.match(line)
        if not found:
            continue
        kind, seconds, milli, pid, uid, auid, body = found.groups()
        time = int(seconds) * 1000 + int(milli)
        if kind in (b'SERVICE_STOP', b'SERVICE_START'):
            unit = _UNIT.match(body)
            # Only systemd itself may speak of its units
            if not unit or pid != b'1' or uid != b'0' or b'res=success' not in body:
                continue
            name = unit.group(1).decode()
            reasons.append(_reason('unit_stopped' if kind == b'SERVICE_STOP' else 'unit_started', time, unit=name))
            if kind == b'SERVICE_STOP' and name in _ENGINES:
                ends.add(float(time))
        elif uid == b'0' or kind == b'USER_CMD':
            reasons += _other(kind, time, uid, auid, body)
    return sorted(ends), sorted(reasons, key=lambda reason: reason['moment'])


def _other(kind: bytes, time: int, uid: bytes, auid: bytes, body: bytes) -> Iterator[Evidence]:
    if kind == b'SYSTEM_SHUTDOWN':
        yield _reason('host_shut_down', time)
    elif kind == b'SOFTWARE_UPDATE':
        software = _SOFTWARE.search(body)
        if software and _PACKAGE.match(text.shown(software.group(2))):
            change, package = map(text.shown, software.groups())
            yield _reason('package_changed', time, tool='rpm', package=package, change=change)
    else:
        command = _COMMAND.search(body)
        words = _value(command.group(1)) if command else ''
        if _ABOUT.search(words):
            login = None if auid == _UNSET else int(auid)
            yield _reason('sudo_command', time, argv=words.split(' '), uid=int(uid), auid=login)


def _value(raw: bytes) -> str:
    if raw[:1] == b'"':
        return text.shown(raw[1:-1])
    return text.shown(bytes.fromhex(raw.decode())) if len(raw) % 2 == 0 else ''


def of_apt(history: str, zone: datetime.tzinfo | None = None) -> list[Evidence]:
    """What apt did with the engine's packages. Its times are those of the host."""
    reasons = []
    for block in history.split('\n\n'):
        fields = dict(line.partition(': ')[::2] for line in block.strip().split('\n') if ': ' in line)
        time = _local(fields.get('Start-Date', ''), zone)
        if time is None:
            continue
        for change in ('Upgrade', 'Install', 'Reinstall', 'Downgrade', 'Remove', 'Purge'):
            for package in re.findall(r'([^\s,(]+) \(([^)]*)\)', fields.get(change, '')):
                if _PACKAGE.match(package[0]):
                    tool = fields.get('Commandline') or 'apt'
                    by = fields.get('Requested-By')
                    versions = package[1].replace(', automatic', '').replace(', ', ' to ')
                    reasons.append(
                        _reason(
                            'package_changed',
                            time,
                            tool=tool + (f' (requested by {by})' if by else ''),
                            package=package[0].partition(':')[0],
                            change=f'{change.lower()} {versions}',
                        )
                    )
    return reasons


def of_dpkg(log: str, zone: datetime.tzinfo | None = None) -> list[Evidence]:
    """What dpkg did with the engine's packages, to the second."""
    reasons = []
    for found in re.finditer(
        r'^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (install|upgrade|remove|purge) (\S+) (\S+) (\S+)$', log, re.MULTILINE
    ):
        moment, change, package, old, new = found.groups()
        time = _local(moment, zone)
        if time is not None and _PACKAGE.match(package):
            name = package.partition(':')[0]
            reasons.append(
                _reason('package_changed', time, tool='dpkg', package=name, change=f'{change} {old} to {new}')
            )
    return reasons


def _local(moment: str, zone: datetime.tzinfo | None) -> int | None:
    try:
        return times.moment('T'.join(moment.split()), zone)
    except times.TimeError:
        return None


def _reason(code: str, time: float, **values: object) -> Evidence:
    return dict(note(code, time=time, **values), moment=time)
