# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what the docker engine tells of containers, and who is connected to it when one of them ends.

usage: witness.py [FOLDER [SOCKET]]

The engine remembers 256 events, none from before its start, and never who asked. This program writes
FOLDER/events.jsonl, one JSON object per line: the events as the engine gives them, without what tells nothing of a
container's end, and marks of its own. Times of marks are milliseconds since 1970.

    {"mark": "connected", "pid", "looker", "from", "to"}   this process connected to the engine in that time
    {"mark": "gone", "time"}                     the engine went away
    {"mark": "gap", "from", "to"}                what happened in that time was lost in part
    {"mark": "ended", "time", "last", "engine"}  this process ended: the last event that it saw, whether an engine ran
    {"mark": "sees" | "blind", "time", "reason"} from here on looks are possible, or not
    {"mark": "look", "time", "took", "before", "event", "also", "complete", "dropped", "listeners", "clients"}
                                                 who was connected then, right after this event (and others beside it)
    {"mark": "first", "time", "id", "pid", "start", "cgroup", "shim", "restart"}   the first process of a container

Two processes: the one that is started looks, with CAP_SYS_PTRACE alone (look.py); its child reads what the engine says
and writes the files, without any capability. Either ends with the other.

Run by systemd, of the standard library alone, and a folder of its own, so that a host needs nothing else for it.
Source: the Docker Engine API, GET /events, GET /containers/json, GET /containers/(id)/json.
"""

from __future__ import annotations

import collections
import http.client
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import asking  # noqa: E402
import kernel  # noqa: E402
import look  # noqa: E402
import store as kept_files  # noqa: E402

FOLDER = '/var/lib/claude-hooks'
SOCKET = '/run/docker.sock'
ENGINE_KEEPS = 256  # eventsLimit in moby's daemon/events/events.go
PAUSE = 2  # seconds, doubled up to the longest while nothing is learnt
LONGEST_PAUSE = 60
LEAVING = 30  # seconds that an engine may take to end after its answers ended
FRESH = 10 * 10**9  # nanoseconds: who is connected now says nothing of an event that is older
SAME_REQUEST = 10 * 10**9  # nanoseconds between the kill and the die of a request
MOST_CONTAINERS = 4096


class Follower:
    """Follows the engine from one of its lives to the next."""

    def __init__(self, store, path=SOCKET, engines=kernel.engines, pause=PAUSE, leaving=LEAVING, pair=None):
        self._store, self._path, self._engines, self._pause, self._leaving = store, path, engines, pause, leaving
        self._seen = collections.OrderedDict()  # of the last events, whatever their type
        self._until = None  # when the last thing happened that is known of an earlier process, in milliseconds
        self._left = False  # the engine followed last went away before our eyes
        self._end = None  # when its answer ended, in milliseconds, until it is known whether it went away
        self._followed = set()  # the dockerds that ran then
        self._is_live = False
        self._execs = kept_files.Execs()
        self._killed = collections.OrderedDict()  # container: when it was killed or died last
        self._looks = asking.Looks(store, pair) if pair else None
        self._inspector = asking.Inspector(store, path, self._execs.know_check)
        for entry in store.tail():
            told, last = kept_files.told(entry), entry.get('last')
            self._left = entry.get('engine') is False
            if told:
                self._see(told.key)
                self._until = told.nano // 1000000
            elif isinstance(last, str):
                self._see(last)
            if isinstance(entry.get('time'), int):
                self._until = entry['time']

    def follow(self):
        """Until a signal comes."""
        told, pause = None, self._pause
        while True:
            learnt, reason = self._attempt()
            if reason != told:
                asking.say(reason)
            told, pause = reason, self._pause if learnt else min(2 * pause, LONGEST_PAUSE)
            time.sleep(pause)

    def _attempt(self):
        """Follow an engine while it lasts; returns (whether something new is known, why it did not go on).

        Where systemd holds the socket (docker.socket), a connect would start an engine that somebody has stopped.
        """
        running = self._engines()
        if not running:
            self._gone()
            return True, 'no dockerd runs: waiting for it'
        if self._end is not None and self._followed <= running and asking.now() - self._end < self._leaving * 1000:
            return True, 'waiting for the engine to end'
        follows, client = False, None
        try:
            try:
                client = asking.connect(self._store, self._path, 'stream')
            except OSError as error:
                self._gone()
                return True, 'cannot connect to %s: %s' % (self._path, error.strerror or error)
            self._catch_up(asking.ask(client, '/events?since=0&until=%.6f' % time.time()))
            # What came meanwhile is among what is given once more
            stream = asking.ask(client, '/events?since=0')
            client.sock.settimeout(None)
            follows, self._followed = True, running
            asking.say('following the engine at %s' % self._path)
            if self._looks:
                self._looks.want()
            self._inspector.want()
            self._is_live = True
            for told in self._events(stream):
                self._keep(told)
            return True, 'the engine ended its answer'
        except (http.client.HTTPException, ValueError, OSError) as error:
            return follows, 'the engine broke off: %s' % (str(error) or type(error).__name__)
        finally:
            self._is_live = False
            if follows:
                self._end = asking.now()
                self._inspector.want('')
            if client:
                client.close()

    def _events(self, stream):
        """Of bounded size each: an event can carry a megabyte of labels, and the engine tells 256 at once."""
        while True:
            line = stream.readline(kept_files.LONGEST_LINE)
            if not line.endswith(b'\n'):
                if len(line) < kept_files.LONGEST_LINE:
                    return
                while line and not line.endswith(b'\n'):
                    line = stream.readline(kept_files.LONGEST_LINE)
                self._leave_out('an event of more than %d bytes' % kept_files.LONGEST_LINE)
                continue
            told = kept_files.told(kept_files.parsed(line))
            if told:
                yield told
            elif line.strip():
                self._leave_out('an event that cannot be read')

    def _leave_out(self, what):
        """Nobody knows what it was of."""
        asking.say('%s was left out' % what)
        self._store.write({'mark': 'gap', 'from': asking.now(), 'to': asking.now()})

    def _catch_up(self, stream):
        """Take what the engine still knows, and find out whether it is the one of before and what was missed."""
        past = list(self._events(stream))
        if any(told.key in self._seen for told in past):
            self._end = None  # it is the same
        else:
            self._gone()
            # All that another engine had since its start is there, unless it had more than it keeps
            if self._until is not None and (not self._left or len(past) >= ENGINE_KEEPS):
                self._store.write(
                    {
                        'mark': 'gap',
                        'from': self._until,
                        'to': max(self._until, past[0].nano // 1000000 if past else asking.now()),
                    }
                )
        self._left = False
        for told in past:
            self._keep(told)

    def _keep(self, told):
        if told.key in self._seen:
            return
        self._see(told.key)
        kept = told.kept
        if kept is None:
            return
        action, container = kept['Action'], kept['Actor']['ID']
        if action.startswith('exec_'):
            self._execs.add(kept)
            return
        is_fresh = abs(time.time() * 10**9 - told.nano) < FRESH
        if self._is_request(action, container, told.nano) and is_fresh and self._looks:
            self._looks.want([action, container, told.nano])  # before anything that takes time
        if action == 'start' and self._is_live:
            self._inspector.want(container)
        if action == 'die':
            for started in self._execs.take(container, told.nano):
                self._store.write(started)
        self._store.write(kept)
        if action == 'destroy':
            self._execs.know_check(container, None)

    def _is_request(self, action, container, nano):
        """Whether somebody may ask for it just now: with a kill comes a die, with both a stop."""
        killed = self._killed.pop(container, None)
        if action in ('kill', 'die', 'stop'):
            self._killed[container] = nano
            if len(self._killed) > MOST_CONTAINERS:
                self._killed.popitem(last=False)
            return action == 'kill' or killed is None or nano - killed > SAME_REQUEST
        if action in ('oom', 'create') and killed is not None:
            self._killed[container] = killed
        return action in ('destroy', 'rename')

    def _see(self, key):
        self._seen[key] = None
        if len(self._seen) > 8 * ENGINE_KEEPS:
            self._seen.popitem(last=False)

    def _gone(self):
        if self._end is not None:
            self._store.write({'mark': 'gone', 'time': self._end})
            self._until, self._end, self._left = self._end, None, True

    def end(self):
        running = bool(self._engines())
        if not running:
            self._gone()
        self._store.write(
            {'mark': 'ended', 'time': asking.now(), 'last': next(reversed(self._seen), None), 'engine': running}
        )


def read_engine(folder, path, pair):
    """The process that reads what the engine says; returns its exit status."""
    kernel.keep_capabilities()
    kernel.end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        follower = Follower(kept_files.Store(folder), path, pair=pair)
        try:
            follower.follow()
        finally:
            follower.end()
    except kept_files.StoreError as error:
        asking.say('events cannot be kept: %s' % error)
        return 1
    except SystemExit:
        pass
    return 0


def _end(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def main():
    folder, path = (sys.argv[1:] + [FOLDER, SOCKET][len(sys.argv) - 1 :])[:2]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reader = os.fork()
    if not reader:
        status = 1
        try:
            ours.close()
            status = read_engine(folder, path, theirs)
        finally:
            sys.stderr.flush()
            os._exit(status)
    theirs.close()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.kill(reader, number))
    kernel.keep_capabilities(kernel.CAP_SYS_PTRACE)
    look.serve(ours, reader)
    status = os.waitpid(reader, 0)[1]
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


if __name__ == '__main__':
    main()
