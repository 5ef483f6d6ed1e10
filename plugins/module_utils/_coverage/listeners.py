# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where engines listen for clients: unix sockets and TCP.

Sources: proc(5) and net/unix/af_unix.c unix_seq_show for /proc/net/unix; opts/hosts.go of docker/cli for addresses.
"""

from __future__ import annotations

import collections
import json
import os
import re
import stat
from typing import Any, Collection, Iterable, Iterator, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.tree import Tree
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

DAEMON_JSON = '/etc/docker/daemon.json'
#: Ports of a swarm, where dockerd listens too: for other managers, not for clients of the API.
SWARM_PORTS = (2377, 7946)

# A line of less than 200 bytes for each of a million sockets, which users can have: that of an engine can come last
_LONGEST_LIST = 200 << 20
_LISTEN = '0A'  # include/net/tcp_states.h
_ACCEPTS = 0x10000  # __SO_ACCEPTCON of include/uapi/linux/net.h
# Num: RefCount Protocol Flags Type St Inode Path; the path of an abstract socket begins with @
_UNIX = re.compile(r'[0-9A-Fa-f]+: [0-9A-Fa-f]+ [0-9A-Fa-f]+ ([0-9A-Fa-f]{8}) [0-9A-Fa-f]+ [0-9A-Fa-f]+ +(\d+) (/.*)')
#: Where dockerd listens for others than clients of the API: metrics of plugins, libnetwork's helpers, swarm's control
OTHER_SOCKETS = re.compile(r'/(metrics\.sock|libnetwork/[0-9a-f]+\.sock|swarm/control\.sock)\Z')
# What an audit rule can name as it stands
_RULED = re.compile(r'(?:/[\w@%+,.:-]+)+\Z', re.ASCII)


def of_root(host: Tree | None = None) -> list[str] | None:
    """The unix sockets of engines of root that a rule can name, also after the next boot; None where no engine runs.

    Of several names for one socket all but one are made up, so none of them gets a rule but the usual one.
    """
    host = host or Tree('/')
    daemons = engine.running({0}, host.place('/proc'))
    if not daemons:
        return None
    known = [pair for daemon in daemons for pair in _unix(host, daemon.pid)]
    times = collections.Counter(inode for inode, _path in set(known))
    found = sorted({path for inode, path in known if times[inode] == 1 or path == names.SOCKET})
    return [path for path in found if _RULED.match(path) and _is_of_root(host, path) and not _is_volatile(host, path)]


class Listener(NamedTuple):
    """The socket of an engine, as an audit record names it (kernel/auditsc.c audit_log_name), and when it was made."""

    device: str
    inode: int
    since: float
    path: str


class Apart(NamedTuple):
    """The unix sockets of the engine that is asked, those of other engines of root, and its own addresses on TCP."""

    own: frozenset[str] = frozenset()
    others: tuple[Listener, ...] = ()
    tcp: tuple[str, ...] = ()


def apart(socket: str, host: Tree | None = None) -> Apart:
    """The unix sockets of the engine that listens on this one, and of the others, where one does."""
    host = host or Tree('/')
    daemons = engine.running({0}, host.place('/proc'))
    found = [unix(host, [daemon.pid]) for daemon in daemons]
    path = os.path.join(os.path.realpath(os.path.dirname(socket)), os.path.basename(socket))
    ours = {listener[:2] for paths in found if path in paths for listener in _made(host, paths)}
    others = [listener for paths in found if path not in paths for listener in _made(host, paths)]
    own = frozenset(other for paths in found if path in paths for other in paths)
    asked = [(daemon.pid, daemon.argv or []) for daemon, paths in zip(daemons, found) if path in paths]
    addresses = tcp(host, asked, [], told(host, asked, [pid for pid, _words in asked])[1]) if asked else []
    return Apart(
        own,
        tuple(listener for listener in others if ours and listener[:2] not in ours),
        tuple(address for address, _place in addresses),
    )


def _made(host: Tree, paths: Iterable[str]) -> list[Listener]:
    known = [(path, host.status(path)) for path in paths]
    return [
        Listener('%02x:%02x' % (os.major(one.st_dev), os.minor(one.st_dev)), one.st_ino, one.st_mtime * 1000, path)
        for path, one in known
        if one is not None and stat.S_ISSOCK(one.st_mode)
    ]


def unix(host: Tree, pids: Iterable[int]) -> list[str]:
    """The unix sockets on which these engines listen for clients, in the spelling /run/docker.sock.

    /proc/net/unix shows names as they are, also with line ends in them: any user can add a name to those of an engine,
    and take none away.
    """
    return sorted({path for pid in pids for _inode, path in _unix(host, pid)})


def _unix(host: Tree, pid: int) -> Iterator[tuple[str, str]]:
    """(inode, path) of each name of a unix socket on which an engine listens for clients."""
    inodes = _inodes(host, pid)
    for line in (host.text('/proc/%d/net/unix' % pid, _LONGEST_LIST) or '').split('\n')[1:] if inodes else ():
        known = _UNIX.match(line)
        if known and known.group(2) in inodes and int(known.group(1), 16) & _ACCEPTS:
            folder, name = os.path.split(known.group(3))
            path = os.path.join(os.path.realpath(folder), name)
            if not OTHER_SOCKETS.search(path):
                yield known.group(2), path


def tcp(
    host: Tree, engines: list[tuple[int, list[str]]], addresses: list[tuple[str, str]], metrics: list[str]
) -> list[tuple[str, str]]:
    """``[(address, place)]`` where an engine listens on TCP, or is told to."""
    # What has no scheme is TCP (opts/hosts.go in docker/cli).
    found = [pair for pair in addresses if pair[0] and not pair[0].startswith(('unix:', 'fd:', 'npipe:', 'vsock:'))]
    other_ports = SWARM_PORTS + tuple(
        int(address.rpartition(':')[2]) for address in metrics if re.search(r':[0-9]{1,5}\Z', address)
    )
    for pid, _words in engines:
        inodes = _inodes(host, pid)
        for kind in ('tcp', 'tcp6') if inodes else ():
            for line in (host.text('/proc/%d/net/%s' % (pid, kind), _LONGEST_LIST) or '').split('\n')[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[3] == _LISTEN and fields[9] in inodes:
                    port = int(fields[1].rpartition(':')[2], 16)
                    if port not in other_ports:
                        found.append(('%s port %d' % (kind, port), 'listening socket of dockerd, pid %d' % pid))
    return found


def told(
    host: Tree, engines: list[tuple[int, list[str]]], of_root: Collection[int]
) -> tuple[list[tuple[str, str]], list[str]]:
    """What the engines are told by command line and file: ``([(address, place)], [metrics address])``.

    of_root are the pids of root's: no file is opened because the process of a user names it.
    """
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
            elif name == '--config-file' and pid in of_root:
                paths.add(value)
    for path in sorted(paths):
        settings = _daemon_json(host, path)
        hosts = settings.get('hosts')
        addresses += [
            (address, path) for address in (hosts if isinstance(hosts, list) else []) if isinstance(address, str)
        ]
        metrics.append(str(settings.get('metrics-addr')))
    return addresses, metrics


def _daemon_json(host: Tree, path: str) -> dict[str, Any]:
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


def _inodes(host: Tree, pid: int) -> set[str]:
    """The sockets of a process."""
    links = [host.link('/proc/%d/fd/%s' % (pid, name)) for name in host.names('/proc/%d/fd' % pid)]
    return {link[len('socket:[') : -1] for link in links if link and link.startswith('socket:[')}


def _is_of_root(host: Tree, path: str) -> bool:
    status = host.status(path)
    return status is not None and stat.S_ISSOCK(status.st_mode) and status.st_uid == 0


def _is_volatile(host: Tree, path: str) -> bool:
    """Whether the folder of a socket is missing at boot until somebody makes it: a load of the rules would stop there.

    The kernel refuses a rule on a path whose folder does not exist (kernel/audit_watch.c audit_get_nd). /run is always
    there when auditd starts; what is in it is made anew at each boot, and so is all that lies on another tmpfs.
    """
    folder = os.path.dirname(path)
    kinds = {}
    for line in (host.text('/proc/self/mounts') or '').split('\n'):
        fields = line.split(' ')
        if len(fields) > 2 and (folder + '/').startswith(fields[1].rstrip('/') + '/'):
            kinds[fields[1]] = fields[2]
    return folder != '/run' and kinds.get(max(kinds, key=len, default=''), 'tmpfs') in ('tmpfs', 'ramfs')
