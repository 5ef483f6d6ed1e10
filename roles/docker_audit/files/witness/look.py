# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to the docker engine at this moment, read from the engine's own sockets.

The process that looks holds CAP_SYS_PTRACE and reads no text of the engine. A request carries a number and nothing
else, the answer is JSON. Whoever is found is described from /proc; a command line is read by a process of its own
without any capability, since a process can keep its command line from being read for ever.
"""

from __future__ import annotations

import collections
import json
import os
import select
import signal
import socket
import struct
import time

import kernel

MOST_CLIENTS = 64
LONGEST_CLIENTS = 32768  # of all clients of a look together, as JSON
LONGEST_ARGV = 512
MOST_SILENT = 256
MOST_STUCK = 4  # helpers that were killed and do not end: the kernel may not let them
PATIENCE = 0.5  # seconds for all command lines of a look
HOLDERS_PATIENCE = 0.1  # seconds for the search in all processes
# Who passes on what others say, although nobody connects to it
FORWARDERS = frozenset(('sshd', 'sshd-session'))


class Helper:
    """A process without capabilities that reads command lines, and is killed when one of them does not come."""

    def __init__(self, proc='/proc'):
        self._proc = proc
        self._pid = self._socket = None
        self._ended = []
        self._silent = {}  # (pid, ticks) of processes that did not answer

    def argv(self, pid, ticks, deadline):
        """The command line as bytes, at most one more than are kept; None if it cannot be read in time."""
        if (pid, ticks) in self._silent or time.monotonic() >= deadline:
            return None
        self.start()
        if self._pid is None:
            return None
        try:
            self._socket.send(struct.pack('=I', pid))
            if select.select([self._socket], [], [], max(0, deadline - time.monotonic()))[0]:
                answer = self._socket.recv(LONGEST_ARGV + 2)
                return answer[1:] if answer[:1] == b'+' else None
            if len(self._silent) >= MOST_SILENT:
                self._silent.clear()
            self._silent[pid, ticks] = None
        except OSError:
            pass  # it has ended
        self.close()
        return None

    def start(self):
        """Where it does not run: before a command line is wanted, since a start takes longer than that."""
        self._reap()
        if self._pid is not None or len(self._ended) >= MOST_STUCK:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = os.fork()
        except OSError:  # too many processes, or too little memory
            ours.close()
            theirs.close()
            return
        if not pid:
            try:
                ours.close()
                kernel.keep_capabilities()
                kernel.end_with_parent()
                _serve_argv(theirs, self._proc)
            finally:
                os._exit(0)
        theirs.close()
        self._pid, self._socket = pid, ours

    def close(self):
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._socket.close()
            self._ended.append(self._pid)
            self._pid = None
        self._reap()

    def _reap(self):
        # One may still be in the read that hangs
        self._ended = [pid for pid in self._ended if not os.waitpid(pid, os.WNOHANG)[0]]


def _serve_argv(pair, proc):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    while True:
        request = pair.recv(4)
        if len(request) < 4:
            return
        try:
            with open('%s/%d/cmdline' % (proc, *struct.unpack('=I', request)), 'rb') as stream:
                pair.send(b'+' + stream.read(LONGEST_ARGV + 1))
        except OSError:
            pair.send(b'-')


class Looker:
    """Takes looks at the engine that holds a connection of a process: the one that this process follows."""

    def __init__(self, own, engines=kernel.engines):
        self._own, self._engines = own, engines
        self._engine = None
        self._listeners = {}  # of that engine: when it ends, it closes them first
        self._last = None  # when the look before was taken, in milliseconds
        self._known = {}  # inode of a connection: (milliseconds of the first look at it, ticks of its process or None)
        self._metrics = (None, frozenset())  # of which process
        self._search_after = 0  # the search for other holders may take no more than half of the time
        self._shared = {}  # inode of a connection: what the last search found
        self.helper = Helper()

    def look(self):
        """{time, took, before, complete, dropped, listeners, clients}; Blind where no look is possible.

        What was not there at the look of `before` has come since. None: there was none, of this engine.
        """
        begin, now = time.monotonic(), round(time.time() * 1000, 1)
        found = self._find()
        if found is None:
            nothing = {'complete': False, 'dropped': 0, 'listeners': [], 'clients': []}
            return dict(nothing, time=now, took=0, before=None)
        listeners, connections, complete = found
        before, self._last = self._last, now if complete else self._last
        starts = {pid: kernel.started(pid) for pid in {entry['pid'] for entry in connections} if pid}
        clients = [self._first(entry, starts, now) for entry in connections if entry['pid'] != self._own]
        if complete:
            there = {client['inode'] for client in clients}
            self._known = {inode: known for inode, known in self._known.items() if inode in there}
        # Those that came last first: if some are dropped, it is those that were there all the time
        clients.sort(key=lambda client: (client['seen'] is not None, -client['inode']))
        kept, held, told, size, deadline = [], {}, {}, 0, time.monotonic() + PATIENCE
        for client in clients[:MOST_CLIENTS]:
            held[client['inode']] = self._tell(client, told, deadline)
            size += len(json.dumps(client)) + len(', "shared": false')
            if size > LONGEST_CLIENTS:
                break
            kept.append(client)
        took = round((time.monotonic() - begin) * 1000, 1)
        self._share(kept, held)
        return {
            'time': now,
            'took': took,
            'before': before,
            'complete': complete,
            'dropped': len(clients) - len(kept),
            'listeners': listeners,
            'clients': kept,
        }

    def _find(self):
        """(listeners, connections, complete) of the engine that is followed, or None."""
        for attempt in (0, 1):
            for pid in ([self._engine] if self._engine else []) if not attempt else sorted(self._engines()):
                found = self._sockets(pid)
                if found and any(entry['pid'] == self._own for entry in found[1]):
                    if pid != self._engine:
                        self._known, self._last = {}, None
                    self._engine, self._listeners = pid, dict.fromkeys(found[0])
                    return found
        self._engine = None
        return None

    def _sockets(self, pid):
        """What a dockerd has of sockets of its API, or None if it has ended."""
        if self._metrics[0] != pid:
            self._metrics = (pid, kernel.metrics_ports(pid))
        try:
            copies, complete = kernel.copies(pid)
        except ProcessLookupError:
            return None
        listeners = dict(self._listeners) if pid == self._engine else {}
        for entry in copies:
            if entry['accepts'] and not kernel.is_other(entry, self._metrics[1]):
                listeners[entry['name']] = None
        connections = []
        for entry in copies:
            name = None if entry['accepts'] else kernel.listener(entry, listeners)
            if name is not None:
                connections.append(dict(entry, name=name))
        return sorted(listeners), connections, complete

    def _first(self, entry, starts, now):
        """What is known of a connection before anything is read that takes time."""
        client = {'inode': entry['inode'], 'listener': entry['name']}
        if entry['remote']:
            client['remote'] = entry['remote']
        client.update({name: entry[name] for name in ('pid', 'uid', 'gid')})
        start = starts.get(entry['pid'])
        ticks = start[0] if start and not entry['ended'] else None
        if entry['inode'] in self._known:
            client['seen'], first = self._known[entry['inode']]
            ticks = ticks if ticks == first else None
        else:
            client['seen'] = None
            ticks = ticks if ticks is not None and kernel.moment(ticks) <= now else None
        # Once gone, always gone: its number may be that of another process by now
        self._known[entry['inode']] = (now if client['seen'] is None else client['seen'], ticks)
        if ticks is None and entry['pid']:
            client['gone'] = True
        return client

    def _tell(self, client, told, deadline):
        """Add what /proc has of the process of a connection. Returns its own ends of such connections, if seen.

        told has those that were described already: a process can have thousands of connections.
        """
        pid, ticks = client['pid'], self._known[client['inode']][1]
        if not pid or ticks is None:
            return None
        key = pid, ticks, client['listener']
        if key not in told:
            told[key] = self._describe(*key, deadline)
        facts, held = told[key]
        if facts is None:
            self._known[client['inode']] = (self._known[client['inode']][0], None)
            client['gone'] = True
        else:
            client.update(facts)
        return held

    def _describe(self, pid, ticks, listener, deadline):
        """(facts, own ends of its connections to a listener) of a process; the facts are None for one that ended."""
        start = kernel.started(pid)
        argv = self.helper.argv(pid, ticks, deadline)
        container, unit = kernel.place(kernel.groups(pid))
        accepts, held, reaches = kernel.sockets(pid, listener)
        exe = kernel.link('/proc/%d/exe' % pid)
        words = [] if argv is None else argv[:LONGEST_ARGV].split(b'\0')
        facts = {
            'start': kernel.moment(ticks),
            'ppid': start[2] if start else None,
            'auid': kernel.number_in('/proc/%d/loginuid' % pid),
            'ses': kernel.number_in('/proc/%d/sessionid' % pid),
            'exe': exe,
            'comm': kernel.shown(start[1]) if start else '',
            'argv': [kernel.shown(word) for word in (words if words and words[-1] else words[:-1])],
            # A process that is about to end has none any more
            'argv_complete': bool(argv) and len(argv) <= LONGEST_ARGV,
            'accepts': os.path.basename(exe or '') in FORWARDERS or b'dial-stdio' in words or accepts,
            # Whether another process can have had its connections: without it, that is not known
            'could_lend': reaches or kernel.had_children(pid) if reaches is not None else None,
        }
        if container:
            facts['container'] = container
        elif unit:
            facts['unit'] = unit[: kernel.LONGEST_NAME]
        # Not one that took its place meanwhile
        after = kernel.started(pid)
        if start is None or after is None or start[0] != ticks or after[0] != ticks:
            return None, None
        return facts, held

    def _share(self, clients, held):
        """Add whether other processes hold the connections of each process, too, or it has given one of them away.

        Without it, that is not known.
        """
        begin = time.monotonic()
        seen = [client for client in clients if held[client['inode']] is not None]
        if seen and begin >= self._search_after:
            self._shared = self._search(clients, seen, held, begin + HOLDERS_PATIENCE)
            end = time.monotonic()
            self._search_after = end + (end - begin)
        for client in seen:
            if client['inode'] in self._shared:
                client['shared'] = self._shared[client['inode']]

    def _search(self, clients, seen, held, deadline):
        holders = kernel.holders(set().union(*(held[client['inode']] for client in seen)), deadline)
        made = collections.Counter((client['pid'], client['listener']) for client in clients)
        shared = {}
        for client in seen if holders is not None else ():
            pid, own = client['pid'], held[client['inode']]
            is_given = len(own) < made[pid, client['listener']]
            shared[client['inode']] = is_given or any(holders[inode] - {pid} for inode in own)
        return shared


def serve(pair, own):
    """Answer requests for looks until the other end is closed."""
    looker = Looker(own)
    while True:
        looker.helper.start()
        request = pair.recv(4)
        if len(request) < 4:
            looker.helper.close()
            return
        try:
            answer = looker.look()
        except kernel.Blind as error:
            answer = {'blind': str(error)}
        pair.send(request + json.dumps(answer, separators=(',', ':')).encode('ascii'))
