# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked beside the events: for looks, and for the first process of each container.

Source: the Docker Engine API, GET /containers/json, GET /containers/(id)/json.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import queue
import re
import socket
import struct
import sys
import threading
import time

import kernel
import store as kept_files

ANSWER = 60  # seconds: an engine that just starts lets its clients wait
LOOK = 2  # seconds: a look takes a few milliseconds, and half a second where a client does not let itself be read
LONGEST_ANSWER = 1 << 17  # bytes of a look
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
    started = kernel.started(pid)
    lines = [line.split(':', 2)[-1] for line in kernel.groups(pid).split('\n') if container in line]
    after = kernel.started(pid)
    is_it = bool(lines) and started is not None and after is not None and started[0] == after[0]
    return {
        'mark': 'first',
        'time': now(),
        'id': container,
        'pid': pid,
        'start': kernel.moment(started[0]) if is_it else None,
        'cgroup': lines[0][: kept_files.LONGEST_VALUE] if is_it else None,
        'shim': started[2] if is_it else None,
        'restart': restart if restart in ('no', 'always', 'unless-stopped', 'on-failure') else None,
    }
