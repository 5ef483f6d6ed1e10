# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads running processes: their command lines, and their units or containers.

A process can keep its command line from being read: then all else of it is known.

Sources: proc(5) for stat, cmdline, loginuid and sessionid; cgroups(7) for cgroup; the kernel's include/linux/proc_ns.h
for the number of the first pid namespace; moby's daemon/daemon_unix.go and runc for the cgroup of a container:
`/docker/ID`, with systemd `docker-ID.scope`.
"""

from __future__ import annotations

import os
import re
import time
from typing import Mapping, NamedTuple, Optional, Tuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.events import UNSET
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.proc import (
    FIRST_NAMESPACE,
    ProcReader,
    is_of,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import shown

# Milliseconds. The start of a process is known to a tick of 10 ms, and the clock of audit lags by as much
# (audit_log_start: ktime_get_coarse_real_ts64). A pid is used again only when all others were.
_TOLERANCE = 20

_LONGEST_COMMAND = 4096
_CONTAINER = re.compile(r'(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?\Z')
_UNITS = ('.service', '.scope', '.socket', '.mount', '.swap')

Login = Tuple[Optional[int], Optional[int]]

# The command line last, as it may never come, and once more whether it is still the same process
_READ = ('stat', 'cgroup', 'loginuid', 'sessionid', 'exe', 'cmdline', 'stat')


class Process(TypedDict):
    """What is told of a process."""

    pid: int
    comm: str
    exe: str | None
    argv: list[str]
    argv_complete: bool
    unit: str | None
    container: str | None
    container_name: str | None
    started: str | None
    seen: str | None


class _Known(NamedTuple):
    started: float  # milliseconds since 1970
    login: Login | None
    shown: Process


class Processes:
    """The processes of this host, each read once. To be closed."""

    def __init__(self, names: Mapping[str, list[str]] | None = None, proc: str = '/proc') -> None:
        """names maps the ids of containers to a list of their names, the newest last."""
        self.node = os.uname()[1]  # as auditd names it with name_format = hostname
        self._names = names or {}
        self._reader = ProcReader(proc)
        self._read: dict[int, _Known | None] = {}
        self._seen = int(time.time() * 1000)
        self._booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            self._is_usable = os.readlink(os.path.join(proc, 'self/ns/pid')) == FIRST_NAMESPACE
        except OSError:
            self._is_usable = False

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def booted(self) -> float:
        """When this host was booted, in milliseconds since 1970."""
        return self._booted * 1000

    def engine_since(self, pid_file: str = '/run/docker.pid') -> float | None:
        """When the docker engine of this host was started, in milliseconds since 1970. None where that is not known."""
        try:
            status, stat = self._reader.read(int(files.read_regular(pid_file, 20)), ('status', 'stat'))
            started, comm = self._start(stat)
        except (OSError, ValueError, IndexError):
            return None
        return started if self._is_usable and comm == b'dockerd' and is_of(status, 0) else None

    def of(self, pid: int | None, moment: float | None, login: Login) -> Process | None:
        """The process with a pid, if it lived at a moment (milliseconds since 1970) and still lives; else None.

        login is that of the event that has the pid, each part None where unset: a process with another is another.
        """
        if not self._is_usable or pid is None or moment is None or moment < self.booted():
            return None
        if pid not in self._read:
            try:
                self._read[pid] = self._process(pid)
            except (OSError, ValueError, IndexError, OverflowError):
                self._read[pid] = None
        known = self._read[pid]
        if known is None or known.started > moment + _TOLERANCE or known.login not in (None, login):
            return None
        return {**known.shown, 'argv': list(known.shown['argv'])}

    def _process(self, pid: int) -> _Known:
        """An exception for a process that is gone."""
        parts = self._reader.read(pid, _READ)
        if len(parts) == len(_READ) - 2:
            parts += [None, *self._reader.read(pid, ('stat',))]
        elif parts[-2] is None:
            raise ValueError('it is gone')
        stat, cgroup, loginuid, sessionid, exe, command, after = parts
        started, comm = self._start(stat)
        # Not one that took its place meanwhile
        if cgroup is None or self._start(after)[0] != started:
            raise ValueError('it is gone')
        container, unit = _place(shown(cgroup))
        names = self._names.get(container or '')
        words = (command or b'')[:_LONGEST_COMMAND].split(b'\0')
        told: Process = {
            'pid': pid,
            'comm': shown(comm),
            'exe': shown(exe),
            'argv': [shown(word) for word in (words if words[-1] else words[:-1])],
            'argv_complete': command is not None and len(command) < _LONGEST_COMMAND,
            'unit': unit,
            'container': container,
            'container_name': names[-1] if names else None,
            'started': times.timestamp(int(started)),
            'seen': times.timestamp(self._seen),
        }
        return _Known(started, _login(loginuid, sessionid), told)

    def _start(self, stat: bytes | None) -> tuple[float, bytes]:
        """(start in milliseconds since 1970, comm)"""
        before, _parenthesis, after = (stat or b'').rpartition(b')')
        fields = after.split()
        if fields[0] in (b'Z', b'X'):
            raise ValueError('it has ended')
        # starttime is field 22, and what comes after comm begins with field 3
        return round((self._booted + int(fields[19]) / os.sysconf('SC_CLK_TCK')) * 1000, 3), before.partition(b'(')[2]


def _login(loginuid: bytes | None, sessionid: bytes | None) -> Login | None:
    """None for a kernel without audit of logins."""
    if loginuid is None or sessionid is None:
        return None
    auid, ses = int(loginuid), int(sessionid)
    return None if auid == UNSET else auid, None if ses == UNSET else ses


def _place(groups: str) -> tuple[str | None, str | None]:
    """(container id, systemd unit) of a process, each None where it is in none, as the witness reads them (kernel.py).

    What comes first from the root decides: below a unit whoever runs it may make groups of any name, and in a
    container the container may.
    """
    unit = None
    for line in groups.split('\n'):
        _number, _colon, rest = line.partition(':')
        controllers, _colon, path = rest.partition(':')
        parts = path.split('/')
        for number, name in enumerate(parts):
            container = _CONTAINER.match(name)
            if container:
                return container.group(1), None
            if name.endswith(_UNITS):
                # cgroups(7): that of version 2 has no controllers, that of systemd a name
                unit = name + _of_user(name, parts[number + 1 :]) if controllers in ('', 'name=systemd') else unit
                break
    return None, unit


def _of_user(name: str, below: list[str]) -> str:
    """What a user's own systemd calls a unit, as /NAME: it may have the name of one of the host."""
    units = [part for part in below if part.endswith(_UNITS)]
    return '/' + units[-1] if units and name.startswith('user@') else ''
