# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from files what the checks need to know about a host besides its rules. It runs no program and changes nothing.

What cannot be read is told in ``unseen``, so that it is never taken for not being there.
Sources: proc(5), the Docker documentation of daemon.json and dockerd.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import time
from typing import Callable, TypedDict, TypeVar

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import journal
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.names import KEPT, SOCKET
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import auditd, listeners
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.tree import Tree
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, events, programs

PERSISTENT = '/var/log/journal'  # without it, journald keeps the journal in /run (journald.conf(5), Storage=auto)
GROUP = 'docker'

UNITS = ('auditd.service', 'audit-rules.service')

# The witness writes this only when it changes, so that it can be anywhere in a file
_SIGHT = re.compile(rb'^\{"mark": ?"(?:blind|sees)".*', re.MULTILINE)
_LONGEST_KEPT = 16 << 20  # the witness begins another file after 8 MiB

T = TypeVar('T')


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
    journal: bool  # whether that is journald
    is_volatile: bool  # whether the journal is kept in memory alone
    config: dict[str, str] | None  # auditd.conf
    log: auditd.Log
    executables: list[Executable]
    real_paths: dict[str, str | None]
    is_docker_host: bool
    talkers: list[Talker]
    tcp: list[tuple[str, str]]  # address and where it is from
    sockets: list[str]  # on which an engine listens
    has_witness: bool
    blind_witness: str | None  # why the witness cannot see who is connected
    units: dict[str, auditd.Unit] | None  # None without systemd
    unseen: list[tuple[str, str]]  # path and reason


def facts(audit_pid: int, rule_paths: list[str], search_path: str | None = None, root: str = '/') -> HostFacts:
    """Read the host. ``audit_pid`` is that of ``auditctl -s``, ``rule_paths`` are files of rules."""
    host = Tree(root)
    takes = audit_pid == 0 and root == '/' and journal.takes_records()
    settings = None if takes else auditd.settings_of(host)
    engines, of_root = _daemons(host)
    addresses, metrics = listeners.told(host, engines, of_root)
    return {
        'now': int(time.time() * 1000),
        'cmdline': host.text('/proc/cmdline'),
        'consumer': auditd.program(host, audit_pid) if audit_pid else None,
        'journal': takes,
        'is_volatile': not host.is_there(PERSISTENT),
        'config': settings,
        'log': auditd.log_of_journal() if takes else auditd.log_of(host, settings),
        'executables': _executables(host, search_path),
        'real_paths': {path: host.real_file(path) for path in rule_paths},
        'is_docker_host': bool(engines) or host.is_there(SOCKET),
        'talkers': _talkers(host, addresses),
        'tcp': listeners.tcp(host, engines, addresses, metrics),
        'sockets': listeners.unix(host, [pid for pid, _words in engines]),
        'has_witness': host.is_there(KEPT),
        'blind_witness': _blind_witness(host),
        'units': {name: auditd.unit(host, name) for name in UNITS} if host.is_there('/run/systemd/system') else None,
        'unseen': host.unseen,
    }


def _blind_witness(host: Tree) -> str | None:
    texts = [host.data(path, _LONGEST_KEPT) or b'' for path in (KEPT, KEPT + '.1')]
    state = events.read(b'\n'.join(_SIGHT.findall(text)) for text in texts)['marks'].state
    return None if state is None else state[1]


# --- What can stop containers ----------------------------------------------------------------------------------------


def _executables(host: Tree, search_path: str | None) -> list[Executable]:
    """The programs by which containers of an engine can be stopped, each real file once."""
    folders = [part.rstrip('/') for part in (search_path or '').split(':') if part.startswith('/') and part != '/']
    places = [(folder, 'docker', False) for folder in folders + list(programs.ALL_FOLDERS)]
    places += [(folder, 'docker-compose', False) for folder in folders + list(programs.ALL_FOLDERS)]
    places += [(folder, 'docker-compose', True) for folder in programs.PLUGIN_FOLDERS]
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
            places += [(other, 'podman', False) for other in folders + list(programs.ALL_FOLDERS)]
    return found


# --- Who can talk to the engine --------------------------------------------------------------------------------------


def _daemons(host: Tree) -> tuple[list[tuple[int, list[str]]], set[int]]:
    """``[(pid, [argument, ...])]`` of the engines of root and of the user whom the socket belongs to, and the pids of
    root's."""
    owner = host.status(SOCKET)
    of_root = known = engine.running({0}, host.place('/proc'))
    if owner is not None and owner.st_uid != 0:
        known = engine.running({0, owner.st_uid}, host.place('/proc'))
    found = []
    for pid, words in known:
        if words is None:
            host.unseen.append(('/proc/%d/cmdline' % pid, 'it did not answer'))
        found.append((pid, words or []))
    return found, {daemon.pid for daemon in of_root}


def _talkers(host: Tree, addresses: list[tuple[str, str]]) -> list[Talker]:
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


def _is_of_its_user(host: Tree, path: str) -> bool:
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
