# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of processes and of the sockets of other processes, and the rights that this takes.

Sources: pidfd_open(2), pidfd_getfd(2), unix(7), socket(7), capabilities(7), proc(5), cgroups(7); moby's
daemon/listeners and daemon/libnetwork for what an engine listens on beside its API; include/uapi/linux/capability.h
for capset.
"""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import socket
import struct
import time

CAP_SYS_PTRACE = 19
# asm-generic/unistd.h, and the same number on every architecture but alpha
PIDFD_OPEN, PIDFD_GETFD = 434, 438
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CAPABILITY_VERSION_3 = 0x20080522
SO_PEERPIDFD = 77  # kernel 6.5

LONGEST_NAME = 512
MOST_SOCKETS = 256  # of a process, that are searched for a listening one
MOST_THREADS = 64  # of a process, that are asked for children

# A program with setuid, started by a link with that name, has the real user id of its caller. In a container a process
# has a number there, too.
ROOT = re.compile(rb'(?ms)^Uid:\t0\t0\t0\t0$(?!.*^NSpid:\t\d+\t)')
UNSET = 4294967295  # AUDIT_SID_UNSET, include/linux/audit.h
# Nobody asks the API there: metrics, the hook of runc, the manager of a swarm and its peers, the resolver of containers
OTHER_PATHS = re.compile(r'/(metrics\.sock|libnetwork/[0-9a-f]+\.sock|swarm/control\.sock)\Z')
OTHER_PORTS = frozenset((2377, 7946))
RESOLVER = '127.0.0.11'
METRICS = re.compile(rb'metrics-addr["=:\s\0]+[^"\s\0,}]*:([0-9]{1,5})["\s\0,}]')

# moby's daemon/daemon_unix.go: /docker/ID, and with systemd docker-ID.scope
_CONTAINER = re.compile(r'(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?\Z')
_UNITS = ('.service', '.scope', '.socket', '.mount', '.swap')


class Blind(Exception):
    """No look is possible on this host: the reason is one word."""


def call(name, *arguments):
    """A function of libc; OSError as the system says it."""
    try:
        # Not at the top: with memory that is never written and executed, ctypes may fail to load
        import ctypes

        function = getattr(ctypes.CDLL(None, use_errno=True), name)
        function.restype = ctypes.c_long
        words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
        result = function(*words)
    except (ImportError, MemoryError, AttributeError) as error:
        raise Blind('pidfd_getfd') from error
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def keep_capabilities(*wanted):
    """Give up all capabilities but these, for ever, and those too that the process does not have."""
    with open('/proc/self/status', 'rb') as stream:
        held = int(re.search(rb'(?m)^CapPrm:\s*([0-9a-f]+)$', stream.read()).group(1), 16)
    mask = sum(1 << number for number in wanted) & held
    low, high = mask & 0xFFFFFFFF, mask >> 32
    call('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call('capset', struct.pack('=Ii', CAPABILITY_VERSION_3, 0), struct.pack('=6I', low, low, 0, high, high, 0))


def end_with_parent():
    call('prctl', PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def engines(folder='/proc'):
    """The process ids of all dockerds of root: a process of any user can be called so, also of root in a container."""
    found = set()
    for entry in filter(str.isdigit, os.listdir(folder)):
        path = os.path.join(folder, entry)
        try:
            with open(path + '/comm', 'rb') as comm, open(path + '/status', 'rb') as status:
                if comm.read() == b'dockerd\n' and ROOT.search(status.read()):
                    found.add(int(entry))
        except OSError:
            pass  # it has ended meanwhile
    return found


def shown(data):
    """Bytes as text, with escapes for those that are no UTF-8."""
    return data.decode('utf-8', 'backslashreplace')


def started(pid):
    """(ticks from the boot to the start of a process, comm in bytes, pid of its parent), None for one that ended."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stream:
            before, _parenthesis, after = stream.read().rpartition(b')')
    except OSError:
        return None
    fields = after.split()
    # proc(5): starttime is field 22, and what comes after comm begins with field 3
    return None if fields[0] in (b'Z', b'X') else (int(fields[19]), before.partition(b'(')[2], int(fields[1]))


def moment(ticks):
    """Milliseconds since 1970 of a number of ticks since the boot."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return round((booted + ticks / os.sysconf('SC_CLK_TCK')) * 1000, 1)


def groups(pid):
    """The lines of /proc/PID/cgroup."""
    try:
        with open('/proc/%d/cgroup' % pid, 'rb') as stream:
            return shown(stream.read(65536))
    except OSError:
        return ''


def place(text):
    """(container id, systemd unit) of a process with these lines, each None where it is in none.

    What comes first from the root decides: below a unit whoever runs it may make groups of any name, and in a
    container the container may.
    """
    found = None
    for line in text.split('\n'):
        _number, _colon, rest = line.partition(':')
        controllers, _colon, path = rest.partition(':')
        for name in path.split('/'):
            container = _CONTAINER.match(name)
            if container:
                return container.group(1), None
            if name.endswith(_UNITS):
                # cgroups(7): that of version 2 has no controllers, that of systemd a name
                found = name + _of_user(name, path) if controllers in ('', 'name=systemd') else found
                break
    return None, found


def _of_user(name, path):
    """What a user's own systemd calls a unit, as /NAME; it may have the name of one of the host."""
    units = [part for part in path.rpartition(name)[2].split('/') if part.endswith(_UNITS)]
    return '/' + units[-1] if units and name.startswith('user@') else ''


def number_in(path):
    """The number in a file, None where it is unset or cannot be read."""
    try:
        with open(path, 'rb') as stream:
            number = int(stream.read(32))
    except (OSError, ValueError):
        return None
    return None if number == UNSET else number


def link(path):
    try:
        return shown(os.fsencode(os.readlink(path)))[:LONGEST_NAME]
    except OSError:
        return None


# --- Sockets of other processes ---------------------------------------------------------------------------------------


def copies(pid):
    """([what is known of each socket of a process], whether all could be read)."""
    found, complete = [], True
    try:
        handle = call('syscall', PIDFD_OPEN, pid, 0)
    except OSError as error:
        raise _reason(error) from error
    try:
        for name in _socket_fds(pid):
            try:
                with socket.socket(fileno=call('syscall', PIDFD_GETFD, handle, int(name), 0)) as copy:
                    entry = _read_socket(copy)
            except OSError as error:
                if error.errno in (errno.EBADF, errno.ENOTCONN):
                    continue  # closed meanwhile
                if error.errno in (errno.ENOSYS, errno.EPERM, errno.EACCES, errno.ESRCH):
                    raise _reason(error) from error
                complete = False
            else:
                if entry:
                    found.append(entry)
    finally:
        os.close(handle)
    return found, complete


def _socket_fds(pid):
    folder = '/proc/%d/fd' % pid
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise _reason(error) from error
    for name in names:
        try:
            if os.readlink('%s/%s' % (folder, name)).startswith('socket:['):
                yield name
        except OSError:
            pass  # closed meanwhile


def _reason(error):
    """The exception for what a look cannot do."""
    if error.errno in (errno.ESRCH, errno.ENOENT):
        return ProcessLookupError(error.errno, error.strerror)
    if error.errno == errno.ENOSYS:
        return Blind('pidfd_getfd')
    # security/yama/yama_lsm.c: scope 3 refuses whatever capability a process has
    return Blind('ptrace_scope' if number_in('/proc/sys/kernel/yama/ptrace_scope') == 3 else 'capability')


def _read_socket(copy):
    """What a socket says of itself; None for one that no API has."""
    if copy.family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) or copy.type != socket.SOCK_STREAM:
        return None
    entry = {
        'inode': os.fstat(copy.fileno()).st_ino,
        'accepts': bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)),
        'remote': None,
        'ended': False,
    }
    entry.update(pid=None, uid=None, gid=None)
    name = copy.getsockname()
    if copy.family == socket.AF_UNIX:
        entry['name'] = _path(name)
        if name and not entry['accepts']:
            pid, uid, gid = _peer_process(copy)
            # 0 is a process that this pid namespace does not have
            entry.update(pid=pid or None, uid=uid, gid=gid, ended=_has_ended(copy))
        return entry if name else None
    entry['name'] = 'tcp:' + _address(name)
    if not entry['accepts']:
        entry['remote'] = _address(copy.getpeername())
    return entry


def _has_ended(copy):
    """Whether the process that made a connection has ended, where the kernel tells: its number may be used again."""
    try:
        handle = struct.unpack('=i', copy.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))[0]
    except OSError as error:
        return error.errno == errno.ESRCH
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(handle)


def _address(name):
    return ('[%s]:%d' if ':' in name[0] else '%s:%d') % (name[0].partition('%')[0], name[1])


def is_other(entry, metrics):
    name = entry['name']
    if not name.startswith('tcp:'):
        return bool(OTHER_PATHS.search(name))
    host, _colon, port = name[len('tcp:') :].rpartition(':')
    return host == RESOLVER or int(port) in OTHER_PORTS or int(port) in metrics


def listener(entry, listeners):
    """The name of the listener that a socket is a connection of, or None."""
    name = entry['name']
    if name in listeners or not name.startswith('tcp:'):
        return name if name in listeners else None
    port = name.rpartition(':')[2]
    wild = [other for other in ('tcp:0.0.0.0:' + port, 'tcp:[::]:' + port) if other in listeners]
    return wild[0] if wild else None


def metrics_ports(pid):
    """The ports on which an engine shows metrics: who reads those asks for nothing else."""
    found = set()
    for path in ('/proc/%d/cmdline' % pid, '/etc/docker/daemon.json'):
        try:
            with open(path, 'rb') as stream:
                found.update(map(int, METRICS.findall(stream.read(65536) + b'\0')))
        except OSError:
            pass
    return frozenset(found)


def sockets(pid, name):
    """(whether a process has a listening socket, inodes of its connections to a listener, whether it has a unix socket
    to anybody else); each None if not seen.

    With a listening socket it may speak for another, and by a unix socket it can hand on a connection (unix(7),
    SCM_RIGHTS). Its standard input and outputs lead to who started it.
    """
    try:
        handle = call('syscall', PIDFD_OPEN, pid, 0)
    except OSError:
        return None, None, None
    accepts, found, reaches = False, set(), False
    try:
        for position, number in enumerate(_socket_fds(pid)):
            if position >= MOST_SOCKETS:
                return accepts or None, None, None
            try:
                with socket.socket(fileno=call('syscall', PIDFD_GETFD, handle, int(number), 0)) as copy:
                    if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        accepts = True
                    elif _peer(copy) == name:
                        found.add(os.fstat(copy.fileno()).st_ino)
                    elif copy.family == socket.AF_UNIX and int(number) > 2 and _peer_process(copy)[0] != pid:
                        reaches = True
            except OSError as error:
                if error.errno != errno.EBADF:
                    return accepts or None, None, None
        return accepts, found, reaches
    except (Blind, OSError):
        return accepts or None, None, None
    finally:
        os.close(handle)


def had_children(pid):
    """Whether a process has or had children, which get copies of its connections; None if not known.

    The kernel adds the page faults of a child to its parent that waits for it (proc(5), cminflt). One that ignores
    SIGCHLD waits for none, and nothing is left of them.
    """
    folder = '/proc/%d' % pid
    try:
        threads = os.listdir(folder + '/task')
        for thread in threads[:MOST_THREADS]:
            with open('%s/task/%s/children' % (folder, thread), 'rb') as stream:
                if stream.read(1):
                    return True
        with open(folder + '/stat', 'rb') as stream:
            if int(stream.read().rpartition(b')')[2].split()[8]):
                return True
        with open(folder + '/status', 'rb') as stream:
            ignored = int(re.search(rb'(?m)^SigIgn:\s*([0-9a-f]+)$', stream.read()).group(1), 16)
    except (OSError, AttributeError, IndexError):
        return None  # it has ended, or the kernel does not list children
    return None if len(threads) > MOST_THREADS or ignored >> signal.SIGCHLD - 1 & 1 else False


def _peer_process(copy):
    """(pid, uid, gid) of who made the other end of a unix socket: the process itself, where it made a pair."""
    return struct.unpack('=iII', copy.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


def _peer(copy):
    """The path of the socket that a connection of a client leads to, else None."""
    if copy.family != socket.AF_UNIX:
        return None
    try:
        name = copy.getpeername()
    except OSError:  # not connected
        return None
    return _path(name)


def _path(name):
    """The name of a unix socket as text: an abstract one begins with @ (unix(7))."""
    return shown((name if isinstance(name, bytes) else os.fsencode(name)).replace(b'\0', b'@', 1))


def holders(inodes, deadline, folder='/proc'):
    """{inode: pids of all processes that hold that socket}; None if not all processes could be seen in time."""
    wanted = {'socket:[%d]' % inode: inode for inode in inodes}
    found = {inode: set() for inode in inodes}
    for pid in os.listdir(folder):
        path = '%s/%s/fd/' % (folder, pid)
        try:
            # The first process keeps sockets for others (sd_notify(3)), and asks no engine
            for name in os.listdir(path) if pid.isdigit() and pid != '1' else ():
                if time.monotonic() >= deadline:
                    return None
                try:
                    inode = wanted.get(os.readlink(path + name))
                except FileNotFoundError:
                    continue  # closed meanwhile
                if inode is not None:
                    found[inode].add(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
        except OSError:  # one that is not ours to see
            return None
    return found
