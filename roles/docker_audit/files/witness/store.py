# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of the engine's events, and the two files that hold it.

Source: which events there are is moby's api/types/events and daemon/events, those of exec daemon/exec.go.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import re
import threading

NAME = 'events.jsonl'
# Two files of this size at most. An event takes about 400 bytes, a container's life about five events.
LARGEST_FILE = 8 << 20
LONGEST_LINE = 1 << 20  # of the engine: an event carries all labels of its container
LONGEST_VALUE = 512

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
    'com.docker.compose.oneoff',
    'com.docker.swarm.service.id',
    'com.docker.swarm.service.name',
    'com.docker.stack.namespace',
)
EXEC = re.compile(r'exec_(create: |start: |die\Z|detach\Z)')
EXEC_ATTRIBUTES = ('name', 'execID', 'exitCode')
EXEC_BEFORE = 60 * 10**9  # nanoseconds before the end of a container
MOST_EXECS = 48  # of one container
MOST_CONTAINERS = 64

_ID = re.compile(r'([0-9a-f]{64})?\Z')  # a prune has none


class StoreError(Exception):
    """Nothing can be written."""


class Told:
    """An event of the engine, as far as it is needed: how large it was does not matter any more."""

    __slots__ = ('key', 'nano', 'kept')

    def __init__(self, key, nano, kept):
        self.key, self.nano, self.kept = key, nano, kept


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


def told(event):
    """A parsed line of the engine as :class:`Told`, or None for something that is no event."""
    key = identity(event)
    if key is None:
        return None
    short = [part[:LONGEST_VALUE] for part in key[:3]] + [key[3]]  # so that what was kept has the same
    digest = hashlib.sha256(json.dumps(short).encode('ascii')).hexdigest()[:32]
    return Told(digest, key[3], reduced(event))


def reduced(event):
    """An event as it is kept, or None if it is not: of bounded size, whatever names and labels a container has."""
    kind, action, container, nano = identity(event)
    if kind != 'container' or not _ID.match(container):
        return None
    if action in ACTIONS:
        names = ATTRIBUTES
    elif EXEC.match(action) and container:
        names = EXEC_ATTRIBUTES
    else:
        return None
    attributes = event['Actor'].get('Attributes')
    attributes = attributes if isinstance(attributes, dict) else {}
    return {
        'Type': kind,
        'Action': action[:LONGEST_VALUE],
        'timeNano': nano,
        'Actor': {
            'ID': container,
            'Attributes': {
                name: attributes[name][:LONGEST_VALUE] for name in names if isinstance(attributes.get(name), str)
            },
        },
    }


def parsed(line):
    """What a line of JSON holds; None for a line that is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class Store:
    """Two files: the one that grows, and the one before it."""

    def __init__(self, folder, largest=LARGEST_FILE):
        self.path = os.path.join(folder, NAME)
        self._largest = largest
        self._first = {}  # to begin each file with
        self._lock = threading.RLock()
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
        with self._lock:
            if self._size + len(data) > self._largest:
                os.close(self._file)
                os.replace(self.path, self.path + '.1')
                self._open()
                for first in self._first.values():
                    self._append(first)
            self._append(data)
        return data

    def write_first(self, entry, kind):
        """Write it now, and at the begin of each file to come, until another of that kind takes its place."""
        with self._lock:
            self._first[kind] = self.write(entry)

    def tail(self):
        """The last entries, oldest first."""
        entries = []
        for path in (self.path + '.1', self.path):
            try:
                with open(path, 'rb') as stream:
                    stream.seek(max(0, os.fstat(stream.fileno()).st_size - LONGEST_LINE))
                    entries += [entry for entry in map(parsed, stream.read().split(b'\n')) if isinstance(entry, dict)]
            except OSError:
                pass
        return entries


class Execs:
    """The last programs started inside of each container, in memory alone."""

    def __init__(self):
        self._events = collections.OrderedDict()  # container: its events
        self._checks = collections.OrderedDict()  # container: the text of its health check

    def know_check(self, container, text):
        """The command of a health check, as the engine writes it into an event; None for a container without one."""
        self._checks.pop(container, None)
        if text is not None:
            self._checks[container] = text
            if len(self._checks) > 64 * MOST_CONTAINERS:
                self._checks.popitem(last=False)

    def add(self, kept):
        container = kept['Actor']['ID']
        if self._is_check(kept) or (': ' not in kept['Action'] and not self._was_started(kept)):
            return
        if container not in self._events:
            self._events[container] = collections.deque(maxlen=MOST_EXECS)
            if len(self._events) > MOST_CONTAINERS:
                self._events.popitem(last=False)
        self._events.move_to_end(container)
        self._events[container].append(kept)

    def take(self, container, nano):
        """Those of the last minute before an end, which are forgotten here."""
        events = self._events.pop(container, ())
        # A container's health check can have become known after its first run
        checks = {_exec_id(kept) for kept in events if self._is_check(kept)} - {None}
        return [
            kept
            for kept in events
            if nano - EXEC_BEFORE <= kept['timeNano'] <= nano
            and not self._is_check(kept)
            and _exec_id(kept) not in checks
        ]

    def _is_check(self, kept):
        """Whether the engine itself started it: nothing but its command tells (daemon/health.go)."""
        text = self._checks.get(kept['Actor']['ID'])
        verb, colon, _command = kept['Action'].partition(': ')
        return text is not None and bool(colon) and kept['Action'] == (verb + colon + text)[:LONGEST_VALUE]

    def _was_started(self, kept):
        """Whether the start is known of what has ended: that of a health check is not kept."""
        return any(_exec_id(other) == _exec_id(kept) for other in self._events.get(kept['Actor']['ID'], ()))


def _exec_id(kept):
    return kept['Actor']['Attributes'].get('execID')


def check_command(config):
    """The text of a container's health check in its events, or None; config is Config of an inspected container."""
    check = config.get('Healthcheck') if isinstance(config, dict) else None
    test = check.get('Test') if isinstance(check, dict) else None
    if not isinstance(test, list) or len(test) < 2 or not all(isinstance(word, str) for word in test):
        return None
    words = test[1:]
    if test[0] == 'CMD-SHELL':
        shell = config.get('Shell') or ['/bin/sh', '-c']
        words = [word for word in shell if isinstance(word, str)] + words
    elif test[0] != 'CMD':
        return None
    return words[0] + ' ' + ' '.join(words[1:])
