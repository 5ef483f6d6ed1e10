# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what the docker engine tells of containers: it remembers 256 events, and none from before its start.

usage: keep_events.py [FOLDER [SOCKET]]

Writes FOLDER/events.jsonl, one JSON object per line: the events as the engine gives them, without what tells nothing of
a container's end, and marks of its own. Times of marks are milliseconds since 1970.

    {"mark": "connected", "pid", "from", "to"}   this process connected to the engine in that time
    {"mark": "gone", "time"}                     the engine went away
    {"mark": "gap", "from", "to"}                what happened in that time was lost in part
    {"mark": "ended", "time", "last", "engine"}  this process ended: the last event that it saw, whether an engine ran

Run by systemd, of the standard library alone, and a file of its own, so that a host needs nothing else for it.
Source: the Docker Engine API, GET /events; which events there are is moby's api/types/events and daemon/events.
"""

from __future__ import annotations

import collections
import http.client
import json
import math
import os
import re
import signal
import socket
import sys
import time

FOLDER = '/var/lib/claude-hooks'
SOCKET = '/run/docker.sock'
NAME = 'events.jsonl'
# Two files of this size at most. An event takes about 400 bytes, a container's life about five events.
LARGEST_FILE = 8 << 20
LONGEST_LINE = 1 << 20  # of the engine: an event carries all labels of its container
LONGEST_VALUE = 512
ENGINE_KEEPS = 256  # eventsLimit in moby's daemon/events/events.go
PAUSE = 2  # seconds, doubled up to the longest while nothing is learnt
LONGEST_PAUSE = 60
LEAVING = 30  # seconds that an engine may take to end after its answers ended
ANSWER = 60  # seconds: an engine that just starts lets its clients wait

# What takes a container away, and what tells which it was. Health checks are left out: they alone would fill the files.
ACTIONS = frozenset(('create', 'start', 'kill', 'oom', 'die', 'stop', 'restart', 'destroy', 'rename', 'prune'))
ATTRIBUTES = (
    'name',
    'oldName',
    'exitCode',
    'signal',
    'image',
    'com.docker.compose.project',
    'com.docker.compose.project.config_files',
    'com.docker.compose.project.working_dir',
    'com.docker.compose.service',
    'com.docker.swarm.service.id',
    'com.docker.swarm.service.name',
    'com.docker.stack.namespace',
)

_ID = re.compile(r'([0-9a-f]{64})?\Z')  # a prune has none


def say(text):
    print(text, file=sys.stderr, flush=True)


class StoreError(Exception):
    """Nothing can be written."""


def engines(folder='/proc'):
    """The process ids of all dockerds of root: a process of any user can be called so.

    Where systemd holds the socket (docker.socket), a connect would start an engine that somebody has stopped.
    """
    found = set()
    for entry in os.listdir(folder):
        if entry.isdigit():
            try:
                with open('%s/%s/comm' % (folder, entry), 'rb') as stream:
                    if stream.read() != b'dockerd\n':
                        continue
                with open('%s/%s/status' % (folder, entry), 'rb') as stream:
                    # A program with setuid, started by a link with that name, has the real user id of its caller
                    if re.search(rb'(?m)^Uid:\t0\t0\t0\t0$', stream.read()):
                        found.add(int(entry))
            except OSError:
                pass  # it has ended meanwhile
    return found


def identity(event):
    """What tells an event from all others, or None for something that is no event."""
    actor = event.get('Actor') if isinstance(event, dict) else None
    key = (
        (event.get('Type'), event.get('Action'), actor.get('ID'), event.get('timeNano'))
        if isinstance(actor, dict)
        else (None,)
    )
    return (
        key
        if all(isinstance(part, str) for part in key[:3]) and isinstance(key[-1], int) and not isinstance(key[-1], bool)
        else None
    )


def reduced(event):
    """An event as it is kept, or None if it is not: of bounded size, whatever names and labels a container has."""
    kind, action, container, nano = identity(event)
    if kind != 'container' or action not in ACTIONS or not _ID.match(container):
        return None
    attributes = event['Actor'].get('Attributes')
    attributes = attributes if isinstance(attributes, dict) else {}
    return {
        'Type': kind,
        'Action': action,
        'timeNano': nano,
        'Actor': {
            'ID': container,
            'Attributes': {
                name: attributes[name][:LONGEST_VALUE] for name in ATTRIBUTES if isinstance(attributes.get(name), str)
            },
        },
    }


class Store:
    """Two files: the one that grows, and the one before it."""

    def __init__(self, folder, largest=LARGEST_FILE):
        self.path = os.path.join(folder, NAME)
        self._largest = largest
        self._first = None  # to begin each file with
        self._file = None
        self._open()

    def _open(self):
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(error) from error
        self._size = os.fstat(self._file).st_size
        if self._size and os.pread(self._file, 1, self._size - 1) != b'\n':
            self._append(b'\n')  # what was cut by a full disk or a power cut is no part of the next line

    def _append(self, data):
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise StoreError('%s: %s' % (self.path, error.strerror)) from error
        self._size += written
        if written < len(data):
            raise StoreError('%s: only %d of %d bytes written' % (self.path, written, len(data)))

    def write(self, entry):
        data = json.dumps(entry, separators=(',', ':')).encode('ascii') + b'\n'
        if self._size + len(data) > self._largest:
            os.close(self._file)
            os.replace(self.path, self.path + '.1')
            self._open()
            if self._first:
                self._append(self._first)
        self._append(data)
        return data

    def write_first(self, entry):
        """Write it now, and at the begin of each file to come."""
        self._first = self.write(entry)

    def tail(self):
        """The last entries, oldest first."""
        entries = []
        for path in (self.path + '.1', self.path):
            try:
                with open(path, 'rb') as stream:
                    stream.seek(max(0, os.fstat(stream.fileno()).st_size - LONGEST_LINE))
                    entries += [entry for entry in map(_parsed, stream.read().split(b'\n')) if isinstance(entry, dict)]
            except OSError:
                pass
        return entries


def _parsed(line):
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class Keeper:
    """Follows the engine from one of its lives to the next."""

    def __init__(self, store, path=SOCKET, engines=engines, pause=PAUSE, leaving=LEAVING):
        self._store, self._path, self._engines, self._pause, self._leaving = store, path, engines, pause, leaving
        self._seen = collections.OrderedDict()  # of the last events, whatever their type
        self._until = None  # when the last thing happened that is known of an earlier process, in milliseconds
        self._left = False  # the engine followed last went away before our eyes
        self._end = None  # when its answer ended, in milliseconds, until it is known whether it went away
        self._followed = set()  # the dockerds that ran then
        for entry in store.tail():
            last = entry.get('last')
            self._left = entry.get('engine') is False
            if identity(entry):
                self._see(identity(entry))
                self._until = entry['timeNano'] // 1000000
            elif isinstance(last, list) and len(last) == 4:
                self._see(tuple(last))
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
        """Follow an engine while it lasts; returns (whether something new is known, why it did not go on)."""
        running = self._engines()
        if not running:
            self._gone()
            return True, 'no dockerd runs: waiting for it'
        if self._end is not None and self._followed <= running and now() - self._end < self._leaving * 1000:
            return True, 'waiting for the engine to end'
        connection = socket.socket(socket.AF_UNIX)
        follows = False
        try:
            connection.settimeout(ANSWER)
            before = time.time()
            try:
                connection.connect(self._path)
            except OSError as error:
                self._gone()
                return True, 'cannot connect to %s: %s' % (self._path, error.strerror or error)
            self._store.write_first(
                {
                    'mark': 'connected',
                    'pid': os.getpid(),
                    'from': math.floor(before * 1000),
                    'to': math.ceil(time.time() * 1000),
                }
            )
            client = http.client.HTTPConnection('localhost')
            client.sock = connection
            self._catch_up(self._ask(client, '/events?since=0&until=%.6f' % time.time()))
            # What came meanwhile is among what is given once more
            stream = self._ask(client, '/events?since=0')
            connection.settimeout(None)
            follows, self._followed = True, running
            say('following the engine at %s' % self._path)
            for event in self._events(stream):
                self._keep(event)
            return True, 'the engine ended its answer'
        except (http.client.HTTPException, ValueError, OSError) as error:
            return follows, 'the engine broke off: %s' % (str(error) or type(error).__name__)
        finally:
            if follows:
                self._end = now()
            connection.close()

    def _ask(self, client, question):
        client.request('GET', question)
        response = client.getresponse()
        if response.status != 200:
            raise ValueError('it answered with status %d' % response.status)
        return response

    def _events(self, stream):
        while True:
            line = stream.readline(LONGEST_LINE)
            if not line.endswith(b'\n'):
                if len(line) < LONGEST_LINE:
                    return
                while line and not line.endswith(b'\n'):
                    line = stream.readline(LONGEST_LINE)
                say('an event of more than %d bytes was left out' % LONGEST_LINE)
                self._store.write({'mark': 'gap', 'from': now(), 'to': now()})
                continue
            event = _parsed(line)
            if identity(event):
                yield event

    def _catch_up(self, stream):
        """Take what the engine still knows, and find out whether it is the one of before and what was missed."""
        past = list(self._events(stream))
        if any(identity(event) in self._seen for event in past):
            self._end = None  # it is the same
        else:
            self._gone()
            # All that another engine had since its start is there, unless it had more than it keeps
            if self._until is not None and (not self._left or len(past) >= ENGINE_KEEPS):
                self._store.write(
                    {
                        'mark': 'gap',
                        'from': self._until,
                        'to': max(self._until, past[0]['timeNano'] // 1000000 if past else now()),
                    }
                )
        self._left = False
        for event in past:
            self._keep(event)

    def _keep(self, event):
        key = identity(event)
        if key in self._seen:
            return
        kept = reduced(event)
        if kept:
            self._store.write(kept)
        self._see(key)

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


def now():
    return int(time.time() * 1000)


def main():
    folder, path = (sys.argv[1:] + [FOLDER, SOCKET][len(sys.argv) - 1 :])[:2]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(0))
    try:
        keeper = Keeper(Store(folder), path)
        try:
            keeper.follow()
        finally:
            keeper.end()
    except StoreError as error:
        sys.exit('events cannot be kept: %s' % error)


if __name__ == '__main__':
    main()
