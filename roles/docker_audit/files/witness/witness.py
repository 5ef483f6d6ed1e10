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
import json
import math
import os
import queue
import re
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import look  # noqa: E402
import store as kept_files  # noqa: E402

FOLDER = '/var/lib/claude-hooks'
SOCKET = '/run/docker.sock'
ENGINE_KEEPS = 256  # eventsLimit in moby's daemon/events/events.go
PAUSE = 2  # seconds, doubled up to the longest while nothing is learnt
LONGEST_PAUSE = 60
LEAVING = 30  # seconds that an engine may take to end after its answers ended
ANSWER = 60  # seconds: an engine that just starts lets its clients wait
LOOK = 2  # seconds: a look takes a few milliseconds, and half a second where a client does not let itself be read
LONGEST_ANSWER = 1 << 17  # bytes of a look
FRESH = 10 * 10**9  # nanoseconds: who is connected now says nothing of an event that is older
SAME_REQUEST = 10 * 10**9  # nanoseconds between the kill and the die of a request
MOST_CONTAINERS = 4096
MOST_ALSO = 100
LARGEST_INSPECT = 4 << 20  # bytes
CONTAINER = re.compile(rb'"Id":"([0-9a-f]{64})"')


def say(text):
    print(text, file=sys.stderr, flush=True)


def now():
    return int(time.time() * 1000)


def guarded(run):
    """For a thread: where nothing can be written, the whole program ends, and systemd starts it again."""

    def guard():
        try:
            run()
        except kept_files.StoreError as error:
            say('events cannot be kept: %s' % error)
            os._exit(1)

    return guard


def connect(store, path, kind):
    """A connection to the engine, marked so that nobody takes it for a client's."""
    connection = socket.socket(socket.AF_UNIX)
    before = time.time()
    try:
        connection.settimeout(ANSWER)
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    mark = {'mark': 'connected', 'pid': os.getpid(), 'looker': os.getppid()}
    mark.update({'from': math.floor(before * 1000), 'to': math.ceil(time.time() * 1000)})
    store.write_first(mark, kind)
    client = http.client.HTTPConnection('localhost')
    client.sock = connection
    return client


def ask(client, question):
    client.request('GET', question)
    response = client.getresponse()
    if response.status != 200:
        raise ValueError('it answered with status %d' % response.status)
    return response


class Looks:
    """Asks for looks: one at a time, each for all events that came since the one before was asked for."""

    def __init__(self, store, pair):
        self._store, self._pair = store, pair
        self._sight = None  # what was said last: a reason, '' for none
        self._number = 0
        self._lock = threading.Lock()
        self._is_busy, self._waiting = False, []
        self._asked = queue.Queue()  # (request, events)
        threading.Thread(target=guarded(self._run), daemon=True).start()

    def want(self, event=None):
        """After an event; without one it is to know who is connected already. Asked at once: who asks may leave."""
        with self._lock:
            self._waiting.append(event)
            if not self._is_busy:
                self._ask()

    def _ask(self):
        self._number = (self._number + 1) % 2**32
        request = struct.pack('=I', self._number)
        events, self._waiting, self._is_busy = self._waiting, [], True
        try:
            self._pair.send(request)
        except OSError:
            pass  # whoever waits for the answer finds out
        self._asked.put((request, [event for event in events if event is not None]))

    def _run(self):
        while True:
            request, events = self._asked.get()
            try:
                answer = self._answer(request)
            except (OSError, EOFError):
                self._see('child')
                return
            self._see('slow' if answer is None else answer.get('blind', ''))
            if events and answer is not None and 'blind' not in answer:
                mark = {'mark': 'look', 'event': events[0]}
                if events[1:]:
                    mark['also'] = events[1 : MOST_ALSO + 1]
                mark.update(answer)
                self._store.write(mark)
            with self._lock:
                self._is_busy = False
                if self._waiting:
                    self._ask()

    def _answer(self, request):
        """The answer, or None where none came in time. One that comes late is no answer to the next request."""
        deadline = time.monotonic() + LOOK
        while True:
            self._pair.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                answer = self._pair.recv(LONGEST_ANSWER)
            except socket.timeout:
                return None
            if not answer:
                raise EOFError()
            if answer[:4] == request:
                return json.loads(answer[4:])

    def _see(self, reason):
        if reason != self._sight:
            self._sight = reason
            mark = {'mark': 'blind', 'time': now(), 'reason': reason} if reason else {'mark': 'sees', 'time': now()}
            self._store.write_first(mark, 'sight')
            say('no look is possible: %s' % reason if reason else 'looks are possible')


class Inspector:
    """Asks the engine for the first process of containers, over a connection of its own."""

    def __init__(self, store, path, know_check):
        self._store, self._path, self._know_check = store, path, know_check
        self._wanted = queue.Queue(MOST_CONTAINERS)
        self._client = None
        threading.Thread(target=guarded(self._run), daemon=True).start()

    def want(self, container=None):
        """A container, '' for none any more: the engine ends, or all that run. A flood of starts is not followed."""
        try:
            self._wanted.put_nowait(container)
        except queue.Full:
            pass

    def _run(self):
        while True:
            wanted = self._wanted.get()
            try:
                if not wanted:
                    self._close()
                for container in self._running() if wanted is None else filter(None, [wanted]):
                    self._inspect(container)
            except (http.client.HTTPException, ValueError, OSError) as error:
                say('the engine does not tell of a container: %s' % (str(error) or type(error).__name__))
                self._close()

    def _close(self):
        if self._client:
            self._client.close()
            self._client = None

    def _ask(self, question):
        if self._client is None:
            self._client = connect(self._store, self._path, 'inspect')
        return ask(self._client, question)

    def _running(self):
        """The ids of those that run. The answer has all labels of all of them: it is never held as a whole."""
        response = self._ask('/containers/json')
        found, rest = [], b''
        while len(found) < MOST_CONTAINERS:
            piece = response.read(65536)
            if not piece:
                return list(dict.fromkeys(found))
            rest += piece
            last = 0
            for match in CONTAINER.finditer(rest):
                found.append(match.group(1).decode('ascii'))
                last = match.end()
            rest = rest[max(last, len(rest) - 80) :]
        self._close()
        return list(dict.fromkeys(found))

    def _inspect(self, container):
        try:
            response = self._ask('/containers/%s/json' % container)
        except ValueError:
            self._close()
            return  # it is gone again
        text = response.read(LARGEST_INSPECT + 1)
        if len(text) > LARGEST_INSPECT:
            self._close()
            return
        told = kept_files.parsed(text)
        state, config, host = ((told or {}).get(name) for name in ('State', 'Config', 'HostConfig'))
        self._know_check(container, kept_files.check_command(config))
        pid = state.get('Pid') if isinstance(state, dict) else None
        if not isinstance(pid, int) or pid <= 0:
            return
        policy = host.get('RestartPolicy') if isinstance(host, dict) else None
        restart = policy.get('Name') if isinstance(policy, dict) else None
        self._store.write(first(container, pid, restart))


def first(container, pid, restart):
    """The mark of the first process of a container. What has not its id in its cgroup is another process by now."""
    started = look.started(pid)
    lines = [line.split(':', 2)[-1] for line in look.groups(pid).split('\n') if container in line]
    after = look.started(pid)
    is_it = bool(lines) and started is not None and after is not None and started[0] == after[0]
    return {
        'mark': 'first',
        'time': now(),
        'id': container,
        'pid': pid,
        'start': look.moment(started[0]) if is_it else None,
        'cgroup': lines[0][: kept_files.LONGEST_VALUE] if is_it else None,
        'shim': started[2] if is_it else None,
        'restart': restart if restart in ('no', 'always', 'unless-stopped', 'on-failure') else None,
    }


class Follower:
    """Follows the engine from one of its lives to the next."""

    def __init__(self, store, path=SOCKET, engines=look.engines, pause=PAUSE, leaving=LEAVING, pair=None):
        self._store, self._path, self._engines, self._pause, self._leaving = store, path, engines, pause, leaving
        self._seen = collections.OrderedDict()  # of the last events, whatever their type
        self._until = None  # when the last thing happened that is known of an earlier process, in milliseconds
        self._left = False  # the engine followed last went away before our eyes
        self._end = None  # when its answer ended, in milliseconds, until it is known whether it went away
        self._followed = set()  # the dockerds that ran then
        self._is_live = False
        self._execs = kept_files.Execs()
        self._killed = collections.OrderedDict()  # container: when it was killed or died last
        self._looks = Looks(store, pair) if pair else None
        self._inspector = Inspector(store, path, self._execs.know_check)
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
                say(reason)
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
        if self._end is not None and self._followed <= running and now() - self._end < self._leaving * 1000:
            return True, 'waiting for the engine to end'
        follows, client = False, None
        try:
            try:
                client = connect(self._store, self._path, 'stream')
            except OSError as error:
                self._gone()
                return True, 'cannot connect to %s: %s' % (self._path, error.strerror or error)
            self._catch_up(ask(client, '/events?since=0&until=%.6f' % time.time()))
            # What came meanwhile is among what is given once more
            stream = ask(client, '/events?since=0')
            client.sock.settimeout(None)
            follows, self._followed = True, running
            say('following the engine at %s' % self._path)
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
                self._end = now()
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
                say('an event of more than %d bytes was left out' % kept_files.LONGEST_LINE)
                self._store.write({'mark': 'gap', 'from': now(), 'to': now()})
                continue
            told = kept_files.told(kept_files.parsed(line))
            if told:
                yield told

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
                        'to': max(self._until, past[0].nano // 1000000 if past else now()),
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
        self._store.write({'mark': 'ended', 'time': now(), 'last': next(reversed(self._seen), None), 'engine': running})


def read_engine(folder, path, pair):
    """The process that reads what the engine says; returns its exit status."""
    look.keep_capabilities()
    look.end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        follower = Follower(kept_files.Store(folder), path, pair=pair)
        try:
            follower.follow()
        finally:
            follower.end()
    except kept_files.StoreError as error:
        say('events cannot be kept: %s' % error)
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
    look.keep_capabilities(look.CAP_SYS_PTRACE)
    look.serve(ours, reader)
    status = os.waitpid(reader, 0)[1]
    sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)


if __name__ == '__main__':
    main()
