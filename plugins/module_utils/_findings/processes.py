# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that still live: what they call themselves, and the unit or the container that they are in.

Sources: proc(5) for stat, cmdline, loginuid and sessionid; cgroups(7) for cgroup; the kernel's include/linux/proc_ns.h for
the number of the first pid namespace; moby's daemon/daemon_unix.go and runc for the cgroup of a container:
`/docker/ID`, with systemd `docker-ID.scope`.
"""

from __future__ import annotations

import os
import re
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log

# Audit writes the pids of the first pid namespace: in another one they mean other processes
_FIRST_NAMESPACE = 'pid:[4026531836]'  # PROC_PID_INIT_INO

# Milliseconds. The start of a process is known to a tick of 10 ms, and the clock of audit lags by as much (audit_log_start:
# ktime_get_coarse_real_ts64). A pid is used again only when all others were.
_TOLERANCE = 20

_LONGEST_COMMAND = 4096
_CONTAINER = re.compile(r'/(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?(?=/|$)', re.MULTILINE)
_UNIT = re.compile(r'/([^/]+\.(?:service|scope|socket|mount|swap))(?=/|$)', re.MULTILINE)


class Processes(object):
    """The processes of this host, each read once."""

    def __init__(self, names=None, proc='/proc'):
        """names maps the ids of containers to a list of their names, the newest last."""
        self.node = os.uname()[1]  # as auditd names it with name_format = hostname
        self._names = names or {}
        self._proc = proc
        self._read = {}
        self._seen = int(time.time() * 1000)
        self._booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            self._is_usable = os.readlink(os.path.join(proc, 'self/ns/pid')) == _FIRST_NAMESPACE
        except OSError:
            self._is_usable = False

    def booted(self):
        """When this host was booted, in milliseconds since 1970."""
        return self._booted * 1000

    def engine_since(self, pid_file='/var/run/docker.pid'):
        """When the docker engine of this host was started (milliseconds since 1970), or None where that is not known."""
        try:
            with open(pid_file, 'rb') as file:
                started, comm = self._stat(int(file.read(20)))
        except (OSError, ValueError, IndexError):
            return None
        return started if self._is_usable and comm == b'dockerd' else None

    def look(self, pid, moment, login):
        """The process with a pid, if it lived at a moment (milliseconds since 1970) and still lives; else None.

        login is (auid, ses) of the event that tells of the pid, each None where unset: a process with another is another one.
        """
        if not self._is_usable or pid is None or moment is None or moment < self.booted():
            return None
        if pid not in self._read:
            self._read[pid] = self._process(pid)
        if self._read[pid] is None:
            return None
        started, own_login, shown = self._read[pid]
        if started > moment + _TOLERANCE or own_login not in (None, login):
            return None
        return dict(shown, argv=list(shown['argv']))

    def _process(self, pid):
        """(start in milliseconds, (auid, ses) or None, what is shown), or None for a process that is gone."""
        try:
            started, comm = self._stat(pid)
            command = self._bytes(pid, 'cmdline', _LONGEST_COMMAND)
            groups = self._bytes(pid, 'cgroup', 1 << 16).decode('utf-8', 'backslashreplace')
            login = self._login(pid)
            exe = self._exe(pid)
            # Not one that took its place meanwhile
            if self._stat(pid)[0] != started:
                return None
        except (OSError, ValueError, IndexError, OverflowError):
            return None
        words = command.split(b'\0')[:-1] if command.endswith(b'\0') else command.split(b'\0') if command else []
        container = _container(groups)
        shown = {
            'pid': pid,
            'comm': _shown(comm),
            'exe': exe,
            'argv': [_shown(word) for word in words],
            'argv_complete': len(command) < _LONGEST_COMMAND,
            'unit': None if container else _unit(groups),
            'container': container,
            'container_name': (self._names.get(container) or [None])[-1],
            'started': audit_log.timestamp(int(started)),
            'seen': audit_log.timestamp(self._seen),
        }
        return started, login, shown

    def _stat(self, pid):
        """(start in milliseconds since 1970, comm)"""
        before, _parenthesis, after = self._bytes(pid, 'stat', 4096).rpartition(b')')
        fields = after.split()
        if fields[0] in (b'Z', b'X'):
            raise ValueError('it has ended')
        # starttime is field 22, and what comes after comm begins with field 3
        return round((self._booted + int(fields[19]) / os.sysconf('SC_CLK_TCK')) * 1000, 3), before.partition(b'(')[2]

    def _login(self, pid):
        try:
            numbers = [int(self._bytes(pid, name, 20)) for name in ('loginuid', 'sessionid')]
        except FileNotFoundError:
            return None
        return tuple(None if number == audit_log.UNSET else number for number in numbers)

    def _exe(self, pid):
        try:
            return _shown(os.fsencode(os.readlink(os.path.join(self._proc, str(pid), 'exe'))))
        except OSError:
            return None

    def _bytes(self, pid, name, longest):
        with open(os.path.join(self._proc, str(pid), name), 'rb') as file:
            return file.read(longest)


def _container(groups):
    """The id of the container of a process, or None. Of one within another it is the outer one, which this host's engine knows."""
    found = _CONTAINER.search(groups)
    return found.group(1) if found else None


def _unit(groups):
    """The systemd unit of a process, or None."""
    for line in groups.split('\n'):
        _number, _colon, rest = line.partition(':')
        controllers, _colon, path = rest.partition(':')
        # cgroups(7): that of version 2 has no controllers, that of systemd a name
        found = _UNIT.findall(path) if controllers in ('', 'name=systemd') else []
        if found:
            return found[-1]
    return None


def _shown(value):
    return value.decode('utf-8', 'backslashreplace')
