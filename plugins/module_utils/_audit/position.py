# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a named reader of the audit logs got, kept from one call to the next.

A batch that was given out is only offered: the position moves when its token comes back, so that a batch that nobody
received is given out again. The folder is that of the XDG Base Directory Specification for state.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
import time
import urllib.parse
import uuid

_FORMAT = 1
_LONGEST = 16 << 20
_READER = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z')
_POSITION = {
    'fingerprint': str,
    'offset': int,
    'before': str,
    'done': list,
    'reported': list,
    'last': (int, type(None)),
}
_OFFERED = {'since': (int, type(None)), 'taken': (list, type(None))}


class StateError(Exception):
    """The state cannot be used; the message says why and what to do."""


class ReaderState(object):
    """The position of one reader of the events with one key. To be locked before it is used."""

    def __init__(self, key, reader, folder=None):
        if not _READER.match(reader):
            raise StateError(
                'the name %r of a reader must be of 1 to 64 letters, digits, dots, dashes and underscores' % reader
            )
        self._key = key
        self._reader = reader
        self._folder = folder or state_folder()
        self._path = os.path.join(self._folder, '%s@%s.json' % (reader, urllib.parse.quote(key, safe='')))
        self._lock = None
        self._state = {'token': None, 'position': None, 'offered': None}

    @property
    def position(self):
        """See log_reader.Following; None where nothing is acknowledged yet."""
        return self._state['position']

    @property
    def since(self):
        """What offer() was told last; None once a batch is acknowledged."""
        return (self._state['offered'] or {}).get('since')

    @property
    def taken(self):
        """The names in the batch on offer that were received one by one; see take()."""
        return list((self._state['offered'] or {}).get('taken') or ())

    def lock(self, seconds=5):
        """Keep another reader of the same name out until unlock(), or until this process ends.

        A reader whose connection broke takes a moment to notice: so long another one waits.
        """
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._lock = os.open(self._path + '.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StateError(
                'cannot keep the position of the reader %s: %s: %s' % (self._reader, self._folder, error.strerror)
            )
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(self._lock, 20, 0).decode('ascii', 'replace').strip()
                    raise StateError(
                        'another reader named %s reads on this host (process %s): give each a name of its own. What a lost '
                        'connection left behind ends by itself within a minute' % (self._reader, holder)
                    )
                time.sleep(0.1)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b'%d\n' % os.getpid(), 0)

    def unlock(self):
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self):
        """Read what is kept. Returns None, or why it cannot be used: then everything is to be read anew."""
        try:
            state = _read(self._path)
            _check(state, self._key, self._reader)
        except FileNotFoundError:
            return None
        except OSError as error:
            return '%s cannot be read: %s' % (self._path, error.strerror)
        except ValueError as error:
            return '%s is damaged or not ours: %s' % (self._path, error)
        self._state = {name: state.get(name) for name in self._state}
        return None

    def acknowledge(self, token):
        """Move the position behind the batch with this token. False where the token is not that of the last batch."""
        offered = self._state['offered']
        if offered and offered.get('token') == token:
            self._save({'token': token, 'position': offered.get('position'), 'offered': None})
        return self._state['token'] == token

    def offer(self, position, since=None, taken=()):
        """Keep the position after a batch, and return the token that is to come back when the batch was received.

        since is from where on the first batch was looked for (milliseconds since 1970); taken is what was received of it before.
        """
        token = uuid.uuid4().hex
        self._save(
            dict(self._state, offered={'token': token, 'position': position, 'since': since, 'taken': list(taken)})
        )
        return token

    def take(self, name):
        """Note that a part of the batch on offer was received, for a reader whose batch is received in parts."""
        self._save(dict(self._state, offered=dict(self._state['offered'], taken=self.taken + [name])))

    def _save(self, state):
        text = json.dumps(dict(state, format=_FORMAT, key=self._key, reader=self._reader))
        draft = self._path + '.new'
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, 'w') as file:
                os.fchmod(handle, 0o600)
                file.write(text)
                file.flush()
                os.fsync(handle)
            os.replace(draft, self._path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StateError(
                'cannot keep the position of the reader %s in %s: %s: nothing is lost, what was found is given out again when that works'
                % (self._reader, self._path, error.strerror)
            )
        self._state = state


def state_folder():
    """${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks of the user who reads."""
    base = os.environ.get('XDG_STATE_HOME') or ''
    if not os.path.isabs(base):  # the specification: such a path is to be ignored
        base = os.path.join(os.path.expanduser('~'), '.local', 'state')
    return os.path.join(base, 'claude-hooks')


def _read(path):
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, 'rb') as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, 'it is not a file of this user')
        try:
            return json.loads(file.read(_LONGEST))
        except RecursionError:
            raise ValueError('it is nested too deeply')


def _check(state, key, reader):
    """Raise ValueError where this is not a state that _save wrote for this reader."""
    if not isinstance(state, dict) or (state.get('format'), state.get('key'), state.get('reader')) != (
        _FORMAT,
        key,
        reader,
    ):
        raise ValueError('it is not the state of the reader %s of the key %s' % (reader, key))
    offered = state.get('offered')
    if not isinstance(offered, (dict, type(None))):
        raise ValueError('offered has an unknown form')
    for part in (state, offered or {}):
        if not isinstance(part.get('token'), (str, type(None))):
            raise ValueError('token has an unknown form')
        if part.get('position') is not None:
            _check_position(part['position'])
    for name, kind in _OFFERED.items():
        if not _is((offered or {}).get(name), kind):
            raise ValueError('%s of offered has an unknown form' % name)


def _check_position(position):
    if not isinstance(position, dict) or set(position) != set(_POSITION):
        raise ValueError('position has an unknown form')
    for name, kind in _POSITION.items():
        if not _is(position[name], kind):
            raise ValueError('%s of position has an unknown form' % name)
    if position['offset'] < 0:
        raise ValueError('offset of position is negative')


def _is(value, kind):
    """Whether a value of JSON is of a kind; lists are of strings here, and a bool is no number."""
    return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and not (isinstance(value, list) and not all(isinstance(part, str) for part in value))
    )
