# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds why an engine went down, in the records of systemd, the package manager and sudo.

Sources: systemd writes SERVICE_STOP and SERVICE_START once a unit is down or up (src/core/unit.c
unit_notify, audit_log_user_comm_message), systemd-update-utmp SYSTEM_SHUTDOWN, sudo USER_CMD, rpm's plugin audit
SOFTWARE_UPDATE (rpm-plugin-audit(8); that of RHEL 7's yum has no op=); /var/log/apt/history.log is
apt-pkg/deb/dpkgpm.cc WriteHistoryTag, /var/log/dpkg.log lib/dpkg/log.c; snapd answers GET /v2/changes of its REST API
(recorded of 2.57) with tasks that say which snap's services they stop (overlord/snapstate, overlord/servicestate).
"""

from __future__ import annotations

import datetime
import fnmatch
import json
import re
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Evidence, note

# pid, uid and auid stand before msg=' and are the kernel's: what follows is whatever the sender says
_RECORD = re.compile(
    rb'(?:node=\S{1,255} )?type=(SERVICE_START|SERVICE_STOP|SYSTEM_SHUTDOWN|SOFTWARE_UPDATE|USER_CMD) '
    rb'msg=audit\((\d{1,11})\.(\d{3}):\d{1,10}\): pid=(\d{1,10}) uid=(\d{1,10}) auid=(\d{1,10}) ses=\d{1,10} '
    rb"(?:subj=\S{1,300} )?msg='([^\n]*)'"
)
_UNIT = re.compile(rb'unit=(docker|containerd|snap\.docker\.dockerd)(?:\.service)? ')
_SOFTWARE = re.compile(rb'(?:op=(\S{1,20}) )?sw="([^"]{1,300})"')
_TOOL = re.compile(rb' comm="([^"]{1,16})"')
_COMMAND = re.compile(rb' cmd=("[^"]*"|[0-9A-F]+) ')
_ABOUT = re.compile(r'\b(?:docker|containerd|reboot|shutdown|poweroff|halt|init [06]|apt|apt-get|dnf|yum|snap)\b')
_SHELLS = ('sh', 'bash', 'dash', 'zsh', 'ksh', 'env', 'nohup', 'setsid', 'xargs')
_INSTALLERS = ('apt', 'apt-get', 'aptitude', 'dnf', 'yum', 'zypper', 'tdnf', 'microdnf')
_CHANGES = frozenset(
    'install reinstall upgrade dist-upgrade full-upgrade safe-upgrade upgrade-minimal update downgrade remove purge '
    'autoremove erase distro-sync swap in up dup rm'.split()
)
# The engine and what it runs containers with; not its CLI, compose or buildx, which leave it alone
_PACKAGE = re.compile(
    r'(?:docker(?:\.io|-ce|-ee|-engine)?|moby-(?:engine|containerd|runc)|containerd(?:\.io)?|runc)(?=-\d|:|\Z)'
)
_UNSET = b'4294967295'
_SECOND = 1000
# Between the end of an engine as it is noted by different programs
_AT_ONCE = 10 * _SECOND
# From a command to the end of the engine: it gives its containers time
_SOON = 120 * _SECOND
# From the end of an engine to the next boot, at most
_BOOTS = 300 * _SECOND
# The engine's own unit: its end is the end of the engine
_ENGINES = ('docker', 'snap.docker.dockerd')

_UNITS = ('docker', 'containerd', 'snap.docker.dockerd')
_TYPES = ('.service', '.socket')
_VERBS = frozenset(
    'stop restart try-restart condrestart force-stop force-restart full-restart kill '
    'reload-or-restart try-reload-or-restart force-reload'.split()
)
_HOST_VERBS = ('reboot', 'poweroff', 'halt', 'kexec', 'soft-reboot', 'isolate')
_SNAP_VERBS = ('stop', 'restart', 'refresh', 'revert', 'remove', 'disable', 'switch')


class Reason(NamedTuple):
    """What can be the reason of an end of the engine."""

    #: The line of evidence.
    line: Evidence
    #: When it was noted, in milliseconds like the next two.
    moment: float
    #: The ends that it explains lie between these.
    first: float
    last: float
    #: Whether it explains one end alone, the nearest.
    is_single: bool = False


class Noted(NamedTuple):
    """What systemd and others noted: when the engine's unit stopped and started, and reasons for a stop."""

    ends: list[float]
    starts: list[float]
    reasons: list[Reason]


def of_records(lines: Iterable[bytes]) -> Noted:
    """What audit records tell."""
    ends: set[float] = set()
    starts: set[float] = set()
    reasons = []
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
            if kind == b'SERVICE_STOP':
                reasons.append(_reason('unit_stopped', time, -_AT_ONCE, _AT_ONCE, unit=name))
            if name in _ENGINES:
                (ends if kind == b'SERVICE_STOP' else starts).add(float(time))
        elif uid == b'0' or kind == b'USER_CMD':
            reasons += _other(kind, time, uid, auid, body)
    return Noted(sorted(ends), sorted(starts), sorted(reasons, key=lambda reason: reason.moment))


def of_commands(executed: Iterable[Mapping[str, Any]]) -> list[Reason]:
    """The commands that can have stopped the engine, of executions that the rule for services logged."""
    found = []
    for entry in executed:
        argv = entry['argv']
        # A script is run by an interpreter: /bin/sh /usr/sbin/service docker stop
        begin = next((place for place, word in enumerate(argv[:3]) if _base(word) == 'service'), 0)
        if argv and entry['timestamp'] and _can_stop(_base(argv[begin]), argv[begin + 1 :]):
            who = {name: entry[name] for name in ('pid', 'uid', 'auid', 'exe')}
            time = times.moment(entry['timestamp'])
            found.append(_reason('service_command', time, 0, _SOON, is_single=True, argv=list(argv), **who))
    return found


def _can_stop(program: str, words: Sequence[str]) -> bool:
    """Whether it can stop the engine or the host. systemctl has the names reboot, poweroff, halt and shutdown, too."""
    plain = [word for word in words if not word.startswith('-')]
    if program == 'service':  # service(8): the name comes first
        return plain[1:2] != [] and plain[0] in _UNITS and plain[1] in _VERBS
    if program == 'snap':  # refresh without a name is about all
        named = any(word.partition('.')[0] == 'docker' for word in plain[1:])
        return plain[:1] == ['refresh'] and not plain[1:] or plain[:1] != [] and plain[0] in _SNAP_VERBS and named
    if program != 'systemctl':
        return program in ('reboot', 'poweroff', 'halt', 'shutdown', 'telinit', 'init')
    # The value of an option can stand before the verb. A unit can be named by a pattern, with its type or without
    units = [word.rpartition('.')[0] if word.endswith(_TYPES) else word for word in plain]
    names_engine = any(fnmatch.fnmatchcase(unit, word) for word in units for unit in _UNITS)
    return any(word in _HOST_VERBS for word in plain) or names_engine and any(word in _VERBS for word in plain)


def _is_about_engine(words: Sequence[str]) -> bool:
    """Whether what was typed with sudo can end the engine or the host."""
    program, rest = _base(words[0]), words[1:]
    if program in _SHELLS:
        return bool(_ABOUT.search(' '.join(rest)))
    if program in _INSTALLERS:
        # "apt-get update" changes no package, "dnf update" does
        return bool(_CHANGES & set(rest)) and not (program.startswith('apt') and 'update' in rest)
    if program in ('dpkg', 'rpm', 'pkill', 'killall'):
        return any('docker' in word or 'containerd' in word for word in rest)
    # A script for that
    is_script = 'docker' in program and program not in ('docker', 'docker-compose')
    return is_script or program == 'unattended-upgrade' or _can_stop(program, rest)


def _base(word: str) -> str:
    return word.rpartition('/')[2]


def of_boot(booted: float, noted: Noted) -> list[Reason]:
    """That the host booted after an end of the engine, and nobody had started that before: systemd does not always note
    a shutdown (where it is built without utmp, as in Debian 13)."""
    ends = [end for end in noted.ends if booted - _BOOTS <= end <= booted]
    if not ends or any(ends[-1] < start < booted for start in noted.starts):
        return []
    if any(reason.line['code'] == 'host_shut_down' and reason.moment > ends[-1] for reason in noted.reasons):
        return []
    end = ends[-1] - booted
    return [_reason('host_booted', int(booted), end - _AT_ONCE, end + _AT_ONCE)]


def _other(kind: bytes, time: int, uid: bytes, auid: bytes, body: bytes) -> Iterator[Reason]:
    if kind == b'SYSTEM_SHUTDOWN':
        yield _reason('host_shut_down', time, -_SOON, _AT_ONCE, is_single=True, record='SYSTEM_SHUTDOWN')
    elif kind == b'SOFTWARE_UPDATE':
        software = _SOFTWARE.search(body)
        if software and _PACKAGE.match(text.shown(software.group(2))):
            tool = _TOOL.search(body)
            yield _reason(
                'package_changed',
                time,
                -_SOON,
                _SOON,
                tool=(text.shown(tool.group(1)) if tool else 'rpm') + _requested(auid),
                package=text.shown(software.group(2)),
                change=text.shown(software.group(1) or b'install or update'),
                record='SOFTWARE_UPDATE',
            )
    else:
        command = _COMMAND.search(body)
        words = _value(command.group(1)) if command else ''
        if _is_about_engine(words.split(' ')):
            who = {'uid': int(uid), 'auid': None if auid == _UNSET else int(auid), 'record': 'USER_CMD'}
            yield _reason('sudo_command', time, 0, _SOON, is_single=True, argv=words.split(' '), **who)


def _requested(auid: bytes) -> str:
    return '' if auid == _UNSET else ' (requested by login uid %d)' % int(auid)


def _value(raw: bytes) -> str:
    if raw[:1] == b'"':
        return text.shown(raw[1:-1])
    return text.shown(bytes.fromhex(raw.decode())) if len(raw) % 2 == 0 else ''


def of_packages(history: str, log: str, zone: datetime.tzinfo | None = None) -> list[Reason]:
    """What apt's history and dpkg's log say of the engine's packages; their times are those of the host.

    dpkg knows the second, apt the command line: what both tell is told once.
    """
    found, unpacked = [], _of_dpkg(log, zone)
    for reason in _of_apt(history, zone):
        same = [
            other
            for other in unpacked
            if other.line['package'] == reason.line['package'] and reason.first <= other.moment <= reason.last
        ]
        found.append(reason._replace(line=dict(reason.line, time=same[0].line['time'])) if same else reason)
        unpacked = [other for other in unpacked if other not in same]
    return found + unpacked


def _of_apt(history: str, zone: datetime.tzinfo | None) -> Iterator[Reason]:
    for block in history.split('\n\n'):
        fields = dict(line.partition(': ')[::2] for line in block.strip().split('\n') if ': ' in line)
        time, end = _local(fields.get('Start-Date', ''), zone), _local(fields.get('End-Date', ''), zone)
        if time is None:
            continue
        takes = _SOON if end is None else end - time + _SECOND
        by = fields.get('Requested-By')
        tool = (fields.get('Commandline') or 'apt') + (f' (requested by {by})' if by else '')
        for change in ('Upgrade', 'Install', 'Reinstall', 'Downgrade', 'Remove', 'Purge'):
            for package, versions in re.findall(r'([^\s,(]+) \(([^)]*)\)', fields.get(change, '')):
                if _PACKAGE.match(package):
                    versions = versions.replace(', automatic', '').replace(', ', ' to ')
                    yield _reason(
                        'package_changed',
                        time,
                        0,
                        takes,
                        tool=tool,
                        package=package.partition(':')[0],
                        change=f'{change.lower()} {versions}',
                    )


def _of_dpkg(log: str, zone: datetime.tzinfo | None) -> list[Reason]:
    reasons: list[Reason] = []
    for found in re.finditer(
        r'^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (?:(install|upgrade|remove|purge) (\S+) (\S+) (\S+)|'
        r'status (?:installed|not-installed|config-files) (\S+) \S+)$',
        log,
        re.MULTILINE,
    ):
        moment, change, package, old, new, done = found.groups()
        time = _local(moment, zone)
        if time is None or not _PACKAGE.match(package or done):
            continue
        name = (package or done).partition(':')[0]
        if package:
            told = f'{change} {old} to {new}'
            reasons.append(_reason('package_changed', time, 0, _SOON, tool='dpkg', package=name, change=told))
        else:
            # Its scripts restart the engine before it is installed
            reasons = [
                reason._replace(last=time + _SECOND)
                if reason.line['package'] == name and time >= reason.moment and reason.last == reason.moment + _SOON
                else reason
                for reason in reasons
            ]
    return reasons


def of_snap(answer: bytes) -> list[Reason]:
    """When snapd stopped the engine that is a snap, and for which change: its answer to /v2/changes?select=all."""
    try:
        changes = json.loads(answer)['result']
        return [reason for change in changes for reason in _of_change(change)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _of_change(change: Any) -> Iterator[Reason]:
    for task in change.get('tasks') or ():
        if task['kind'] in ('stop-snap-services', 'service-control') and '"docker"' in task['summary']:
            # Nanoseconds, which Python 3.8 does not read
            stamp = re.sub(r'(\.\d{3})\d*', r'\1', task.get('ready-time') or task['spawn-time'])
            time = _local(stamp, None)
            if time is not None:
                change_of = text.shown_text(str(change['summary']))
                yield _reason('package_changed', time, -_SOON, _SOON, tool='snapd', package='docker', change=change_of)


def _local(moment: str, zone: datetime.tzinfo | None) -> int | None:
    try:
        return times.moment('T'.join(moment.split()), zone)
    except times.TimeError:
        return None


def _reason(code: str, time: int, first: float, last: float, is_single: bool = False, **values: object) -> Reason:
    """A reason of the ends between two moments, relative to its own."""
    return Reason(note(code, time=time, **values), time, time + first, time + last, is_single)


def why(reasons: Iterable[Reason], time: float, ends: Sequence[float]) -> list[Evidence]:
    """The lines of those that explain an end of the engine, of several ends."""
    found = []
    for reason in reasons:
        low, high = sorted((reason.moment, time))
        between = any(low < end < high and abs(end - time) > _AT_ONCE for end in ends)
        if reason.first <= time <= reason.last and not (reason.is_single and between):
            found.append(reason.line)
    return found
