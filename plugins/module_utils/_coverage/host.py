# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What coverage needs to know of a host beside its rules, read from files. It runs no program and changes nothing.

What cannot be read is told in ``unseen``, so that it is never taken for not being there.
Sources: proc(5), auditd.conf(5), the Docker documentation of daemon.json and dockerd, systemd.unit(5) for the places of
units.
"""

from __future__ import annotations

import glob
import grp
import json
import os
import pwd
import re
import stat
import time
from typing import Any, Callable, TypedDict, TypeVar

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config, logs, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

DAEMON_JSON = '/etc/docker/daemon.json'
SOCKET = '/run/docker.sock'
GROUP = 'docker'

#: Beside PATH, which with sudo is often shorter than the operator's.
PROGRAM_FOLDERS = ('/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/snap/bin')
#: Where docker looks for plugins (cli/cli-plugins/manager in docker/cli).
PLUGIN_FOLDERS = (
    '/usr/local/lib/docker/cli-plugins',
    '/usr/local/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/libexec/docker/cli-plugins',
)
UNIT_FOLDERS = (
    '/etc/systemd/system',
    '/run/systemd/system',
    '/usr/local/lib/systemd/system',
    '/usr/lib/systemd/system',
    '/lib/systemd/system',
)
UNITS = ('auditd.service', 'audit-rules.service')

#: Ports of a swarm, where dockerd listens too: for other managers, not for clients of the API.
SWARM_PORTS = (2377, 7946)

_END = 65536  # of a log, to find its last record in
_LISTEN = '0A'  # include/net/tcp_states.h
_LONGEST_FILE = 4 << 20

T = TypeVar('T')


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


class Executable(TypedDict):
    """A program by which containers can be stopped."""

    path: str
    real_path: str
    is_plugin: bool


class Talker(TypedDict):
    """Who may write to the socket of an engine. A uid of None is everybody."""

    uid: int | None
    name: str | None
    why: str


class HostFacts(TypedDict):
    """What coverage needs to know of a host beside its rules."""

    now: int
    cmdline: str | None
    consumer: str | None  # who takes the audit records
    config: dict[str, str] | None  # auditd.conf
    log: Log
    executables: list[Executable]
    real_paths: dict[str, str | None]
    is_docker_host: bool
    talkers: list[Talker]
    tcp: list[tuple[str, str]]  # address and where it is from
    units: dict[str, Unit] | None  # None without systemd
    unseen: list[tuple[str, str]]  # path and reason


def facts(audit_pid: int, rule_paths: list[str], search_path: str | None = None, root: str = '/') -> HostFacts:
    """Read the host. ``audit_pid`` is that of ``auditctl -s``, ``rule_paths`` are files of rules."""
    host = _Host(root)
    settings = _config(host)
    engines = _daemons(host)
    addresses, metrics = _told(host, engines)
    return {
        'now': int(time.time() * 1000),
        'cmdline': host.text('/proc/cmdline'),
        'consumer': _program(host, audit_pid) if audit_pid else None,
        'config': settings,
        'log': _log(host, settings),
        'executables': _executables(host, search_path),
        'real_paths': {path: host.real_file(path) for path in rule_paths},
        'is_docker_host': bool(engines) or host.is_there(SOCKET),
        'talkers': _talkers(host, addresses),
        'tcp': _tcp(host, engines, addresses, metrics),
        'units': {name: _unit(host, name) for name in UNITS} if host.is_there('/run/systemd/system') else None,
        'unseen': host.unseen,
    }


class _Host:
    """Reads files below a root, so that tests can have a tree of their own, and remembers what it could not read."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip('/')
        self.unseen: list[tuple[str, str]] = []

    def place(self, path: str) -> str:
        return self._root + path

    def is_there(self, path: str) -> bool:
        return os.path.lexists(self.place(path))

    def real_file(self, path: str) -> str | None:
        """The file that a path leads to, or None."""
        real = os.path.realpath(self.place(path))
        if not os.path.isfile(real):
            return None
        return real[len(os.path.realpath(self._root or '/').rstrip('/')) :] if self._root else real

    def data(self, path: str) -> bytes | None:
        """The bytes of a file, or None where there is none or it cannot be read."""
        return self.attempt(path, self._read)

    def text(self, path: str) -> str | None:
        data = self.data(path)
        return None if data is None else data.decode('utf-8', 'backslashreplace')

    def names(self, path: str) -> list[str]:
        """What a folder holds, nothing where there is none."""
        return sorted(self.attempt(path, os.listdir) or [])

    def link(self, path: str) -> str | None:
        """Where a link leads, or None for what is none."""
        try:
            return os.readlink(self.place(path))
        except OSError:
            return None

    def status(self, path: str) -> os.stat_result | None:
        return self.attempt(path, os.stat)

    def glob(self, pattern: str) -> list[str]:
        return [found[len(self._root) :] for found in sorted(glob.glob(self.place(pattern)))]

    def attempt(self, path: str, function: Callable[[str], T]) -> T | None:
        try:
            return function(self.place(path))
        # A process can end while it is looked at.
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            return None
        except OSError as error:
            self.unseen.append((path, error.strerror or str(error)))
            return None

    @staticmethod
    def _read(place: str) -> bytes:
        return files.read_regular(place, _LONGEST_FILE)


# --- auditd ----------------------------------------------------------------------------------------------------------


def _program(host: _Host, pid: int) -> str | None:
    """The name of the file that a process runs, or None where there is no such process."""
    exe = host.link('/proc/%d/exe' % pid)
    if exe is None:
        # It is for root alone; comm can be read by everybody, and is what the process calls itself.
        comm = host.text('/proc/%d/comm' % pid)
        return None if comm is None else comm.rstrip('\n')
    return os.path.basename(exe[: -len(' (deleted)')] if exe.endswith(' (deleted)') else exe)


def _config(host: _Host) -> dict[str, str] | None:
    """auditd.conf as a dict of words, or None where it cannot be read."""
    text = host.text(config.CONFIG)
    if text is None:
        if not any(path == config.CONFIG for path, _reason in host.unseen):
            host.unseen.append((config.CONFIG, 'it does not exist'))
        return None
    return config.parse(text)


def _log(host: _Host, settings: dict[str, str] | None) -> Log:
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
    ages = {entry: logs.age(entry, name) for entry in host.names(folder)}
    names = sorted((entry for entry, age in ages.items() if age is not None), key=lambda entry: ages[entry] or (0, 0))
    log['present'] = name in names or len(host.unseen) > before
    log['files'] = len(names)
    for entry in names:
        status = host.status(os.path.join(folder, entry))
        log['bytes'] += status.st_size if status else 0
    if names:
        log['first'] = _moments(host, os.path.join(folder, names[-1]))[0]
        log['last'] = _moments(host, os.path.join(folder, names[0]))[1]
    try:
        disk = os.statvfs(host.place(folder))
        log['free'], log['size'] = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    except OSError:
        pass
    return log


def _moments(host: _Host, path: str) -> tuple[int | None, int | None]:
    """When the first and the last record of a log were written, in milliseconds since 1970."""

    def ends(place: str) -> tuple[bytes, bytes]:
        with open(files.open_regular(place), 'rb') as file:
            start = file.read(16384)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            return start, file.read(_END)

    found = host.attempt(path, ends)
    if found is None:
        return None, None
    # Both begin or end within a line, in which the text of some user may look like a record
    first = records.first_record(found[0], 0, found[0].rfind(b'\n') + 1)
    last = records.last_record(found[1], found[1].find(b'\n') + 1 if len(found[1]) == _END else 0, len(found[1]))
    return (
        audit_events.moment_of(first.ident)[0] if first else None,
        audit_events.moment_of(last.ident)[0] if last else None,
    )


def _unit(host: _Host, name: str) -> Unit:
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


# --- What can stop containers ----------------------------------------------------------------------------------------


def _executables(host: _Host, search_path: str | None) -> list[Executable]:
    """The programs by which containers of an engine can be stopped, each real file once."""
    folders = [part.rstrip('/') for part in (search_path or '').split(':') if part.startswith('/') and part != '/']
    places = [(folder, 'docker', False) for folder in folders + list(PROGRAM_FOLDERS)]
    places += [(folder, 'docker-compose', False) for folder in folders + list(PROGRAM_FOLDERS)]
    places += [(folder, 'docker-compose', True) for folder in PLUGIN_FOLDERS]
    found: list[Executable] = []
    seen = set()
    for folder, name, is_plugin in places:
        path = folder + '/' + name
        real = host.real_file(path)
        if real is None or real in seen or not os.access(host.place(real), os.X_OK):
            continue
        seen.add(real)
        found.append({'path': path, 'real_path': real, 'is_plugin': is_plugin})
        # The docker of podman is a script that executes podman.
        start = (host.data(real) or b'')[:4096] if name == 'docker' else b''
        if start.startswith(b'#!') and b'podman' in start:
            places += [(other, 'podman', False) for other in folders + list(PROGRAM_FOLDERS)]
    return found


# --- Who can talk to the engine --------------------------------------------------------------------------------------


def _daemons(host: _Host) -> list[tuple[int, list[str]]]:
    """``[(pid, [argument, ...])]`` of the engines of root and of the user whom the socket belongs to."""
    owner = host.status(SOCKET)
    found = []
    for pid, words in engine.running({0} if owner is None else {0, owner.st_uid}, host.place('/proc')):
        if words is None:
            host.unseen.append(('/proc/%d/cmdline' % pid, 'it did not answer'))
        found.append((pid, words or []))
    return found


def _told(host: _Host, engines: list[tuple[int, list[str]]]) -> tuple[list[tuple[str, str]], list[str]]:
    """What the engines are told by command line and file: ``([(address, place)], [metrics address])``."""
    addresses: list[tuple[str, str]] = []
    metrics: list[str] = []
    paths = {DAEMON_JSON}
    for pid, words in engines:
        for position, word in enumerate(words):
            name, separator, value = word.partition('=')
            if not separator:
                value = ''.join(words[position + 1 : position + 2])
            if word.startswith('-H') and word != '-H':
                name, value = '-H', word[2:].lstrip('=')
            if name in ('-H', '--host'):
                addresses.append((value, 'command line of dockerd, pid %d' % pid))
            elif name == '--metrics-addr':
                metrics.append(value)
            elif name == '--config-file':
                paths.add(value)
    for path in sorted(paths):
        settings = _daemon_json(host, path)
        hosts = settings.get('hosts')
        addresses += [
            (address, path) for address in (hosts if isinstance(hosts, list) else []) if isinstance(address, str)
        ]
        metrics.append(str(settings.get('metrics-addr')))
    return addresses, metrics


def _daemon_json(host: _Host, path: str) -> dict[str, Any]:
    text = host.text(path)
    if text is None or not text.strip():
        return {}
    try:
        settings = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        host.unseen.append((path, 'it is not the JSON of a docker engine'))
        return {}
    return settings


def _tcp(
    host: _Host, engines: list[tuple[int, list[str]]], addresses: list[tuple[str, str]], metrics: list[str]
) -> list[tuple[str, str]]:
    """``[(address, place)]`` where an engine listens on TCP, or is told to."""
    # What has no scheme is TCP (opts/hosts.go in docker/cli).
    found = [pair for pair in addresses if pair[0] and not pair[0].startswith(('unix:', 'fd:', 'npipe:', 'vsock:'))]
    other_ports = SWARM_PORTS + tuple(
        int(address.rpartition(':')[2]) for address in metrics if re.search(r':[0-9]{1,5}\Z', address)
    )
    for pid, _words in engines:
        links = [host.link('/proc/%d/fd/%s' % (pid, name)) for name in host.names('/proc/%d/fd' % pid)]
        inodes = set(link[len('socket:[') : -1] for link in links if link and link.startswith('socket:['))
        for kind in ('tcp', 'tcp6') if inodes else ():
            for line in (host.text('/proc/%d/net/%s' % (pid, kind)) or '').split('\n')[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[3] == _LISTEN and fields[9] in inodes:
                    port = int(fields[1].rpartition(':')[2], 16)
                    if port not in other_ports:
                        found.append(('%s port %d' % (kind, port), 'listening socket of dockerd, pid %d' % pid))
    return found


def _talkers(host: _Host, addresses: list[tuple[str, str]]) -> list[Talker]:
    """``[{uid, name, why}]`` of the users who may write to the socket of an engine; uid None is everybody."""
    paths = [SOCKET] + [address[len('unix://') :] for address, _place in addresses if address.startswith('unix:///')]
    # Engines without root listen in the folder of their user.
    paths += [path for path in host.glob('/run/user/*/docker.sock') if _is_of_its_user(host, path)]
    found: list[Talker] = []
    groups: dict[int, str] = {}
    seen = set()
    for path in paths:
        status = host.status(path)
        if status is None or (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        if status.st_mode & stat.S_IWUSR:
            found.append({'uid': status.st_uid, 'name': _name(status.st_uid), 'why': 'owner of %s' % path})
        if status.st_mode & stat.S_IWGRP:
            groups.setdefault(status.st_gid, path)
        if status.st_mode & stat.S_IWOTH:
            found.append({'uid': None, 'name': None, 'why': 'mode %04o of %s' % (stat.S_IMODE(status.st_mode), path)})
    if not seen:
        # The engine is not there now; this is the group that it gives its socket to.
        group = _group(grp.getgrnam, GROUP)
        groups = {group.gr_gid: SOCKET} if group else {}
    for gid, path in groups.items():
        group = _group(grp.getgrgid, gid)
        why = 'group %s of %s' % (group.gr_name if group else gid, path)
        for uid, name in sorted(_members(gid, group).items()):
            found.append({'uid': uid, 'name': name, 'why': why})
    return found


def _is_of_its_user(host: _Host, path: str) -> bool:
    """Whether a socket below /run/user/UID is that user's, and the folder too: a link can lead to anything."""
    folder = os.path.dirname(path)
    owners = [status.st_uid for status in (host.status(path), host.status(folder)) if status is not None]
    return [str(uid) for uid in owners] == [os.path.basename(folder)] * 2


def _members(gid: int, group: grp.struct_group | None) -> dict[int, str]:
    """The users of a group, by uid, also those whose first group it is."""
    found = {user.pw_uid: user.pw_name for user in pwd.getpwall() if user.pw_gid == gid}
    for name in group.gr_mem if group else ():
        try:
            found[pwd.getpwnam(name).pw_uid] = name
        except KeyError:
            pass  # a name without an account cannot log in
    return found


def _group(ask: Callable[[T], grp.struct_group], name: T) -> grp.struct_group | None:
    try:
        return ask(name)
    except KeyError:
        return None


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
