# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores how far a named reader of the audit logs got.

A batch that was given out is only offered: the position moves when its token comes back, so that a batch that nobody
received is given out again. The folder is that of the XDG Base Directory Specification for state.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import urllib.parse
import uuid
from typing import Any, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

_FORMAT = 1
_LONGEST = 16 << 20
_READER = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z')


class StateError(Exception):
    """The state cannot be used; the message says why and what to do."""


class _OfJournal(TypedDict, total=False):
    cursor: str


class Position(_OfJournal):
    """A place in the audit logs; Following says what each part is for. In the journal it has a cursor."""

    fingerprint: str
    offset: int
    before: str
    done: list[str]
    reported: list[str]
    last: int | None


class _Offered(TypedDict):
    token: str
    position: Position | None
    taken: list[str]  # the names of what was received of the batch, one by one


class _Kept(TypedDict):
    token: str | None  # of the batch that was acknowledged last
    position: Position | None
    since: int | None  # where the first run began, in milliseconds since 1970; it counts while there is no position
    offered: _Offered | None


# What load() accepts
_FORMS: dict[str, dict[str, Any]] = {
    'state': {'token': (str, type(None)), 'since': (int, type(None))},
    'offered': {'token': str, 'taken': list},
    'position': {
        'fingerprint': str,
        'offset': int,
        'before': str,
        'done': list,
        'reported': list,
        'last': (int, type(None)),
    },
}


class ReaderState:
    """The position of one reader of the events with one key. To be locked before it is used."""

    def __init__(self, key: str, reader: str, folder: str | None = None, host: str | None = None) -> None:
        """host is what the inventory calls this one: each of two names has a position of its own."""
        if not _READER.match(reader):
            raise StateError(
                'the name %r of a reader must be of 1 to 64 letters, digits, dots, dashes and underscores' % reader
            )
        self._key = key
        self._reader = reader
        self._folder = folder or state_folder()
        self._host = host
        names = (key,) if host is None else (key, host)
        self._name = '@'.join([reader, *(urllib.parse.quote(name, safe='') for name in names)]) + '.json'
        self._own: files.OwnFolder | None = None
        self._lock: int | None = None
        self._taken: list[str] = []
        self._known: set[str] = set()
        self._taken_file: int | None = None
        self._state: _Kept = {'token': None, 'position': None, 'since': None, 'offered': None}

    @property
    def position(self) -> Position | None:
        """None where nothing is acknowledged yet."""
        return self._state['position']

    @property
    def taken(self) -> list[str]:
        """The names in the batch on offer that were received one by one; see take()."""
        return list(self._taken)

    def is_taken(self, name: str) -> bool:
        """Whether a part of the batch on offer was received."""
        return name in self._known

    def lock(self, seconds: float = 5) -> None:
        """Keep another reader of the same name out until unlock(), or until this process ends.

        A reader whose connection broke takes a moment to notice: so long another one waits.
        """
        try:
            self._own = files.OwnFolder(self._folder)
            self._lock = self._own.open_lock(self._name + '.lock')
        except OSError as error:
            self.unlock()
            raise StateError(
                'cannot keep the position of the reader %s: %s: %s'
                % (self._reader, error.filename or self._folder, error.strerror)
            ) from error
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.pread(self._lock, 20, 0).decode('ascii', 'replace').strip()
                    raise StateError(
                        'another reader named %s reads on this host (process %s): give each a name of its own. '
                        'What a lost connection left behind ends by itself within a minute' % (self._reader, holder)
                    ) from None
                time.sleep(0.1)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b'%d\n' % os.getpid(), 0)

    def unlock(self) -> None:
        for handle in (self._lock, self._taken_file):
            if handle is not None:
                os.close(handle)
        self._lock = self._taken_file = None
        if self._own is not None:
            self._own.close()
            self._own = None

    def load(self) -> str | None:
        """Read what is kept. Returns None, or why it cannot be used: then everything is to be read anew."""
        path = os.path.join(self._folder, self._name)
        try:
            state = _parsed(self._own_folder().read(self._name, _LONGEST))
            _check(state, self._key, self._reader, self._host)
        except FileNotFoundError:
            return None
        except OSError as error:
            return '%s cannot be read: %s' % (path, error.strerror)
        except ValueError as error:
            return '%s is damaged or not ours: %s' % (path, error)
        self._state = {
            'token': state.get('token'),
            'position': state.get('position'),
            'since': state.get('since'),
            'offered': state.get('offered'),
        }
        self._know(self._received())
        return None

    def begun(self, since: int, keep: bool = True) -> int | None:
        """From where on to read, in milliseconds since 1970, or None where there is a position. It is kept.

        A first run of which nothing was acknowledged began with its own `today`: a later one would leave out the rest.
        """
        if self._state['position'] is not None:
            return None
        kept = self._state['since']
        first = since if kept is None else min(since, kept)
        if keep and first != kept:
            self._save({**self._state, 'since': first})
        return first

    def acknowledge(self, token: str) -> bool:
        """Move the position behind the batch with this token. False where the token is not that of the last batch."""
        offered = self._state['offered']
        if offered and offered['token'] == token:
            self._save({**self._state, 'token': token, 'position': offered['position'], 'offered': None})
        return self._state['token'] == token

    def offer(self, position: Position | None, taken: list[str] | None = None) -> str:
        """Keep the position after a batch, and return the token that is to come back when the batch was received.

        taken is what was received of the batch before.
        """
        token = uuid.uuid4().hex
        self._save({**self._state, 'offered': {'token': token, 'position': position, 'taken': taken or []}})
        return token

    def take(self, name: str) -> None:
        """Note that a part of the batch on offer was received, for a reader whose batch is received in parts."""
        offered = self._state['offered']
        if offered is None:
            raise StateError('nothing is on offer')
        # One line, not the whole state: else a batch of n parts would be written n times
        line = json.dumps([offered['token'], name]).encode('ascii') + b'\n'
        try:
            if self._taken_file is None:
                self._taken_file = self._own_folder().open_lock(self._name + '.taken')
            os.lseek(self._taken_file, 0, os.SEEK_END)
            os.write(self._taken_file, line)
            os.fsync(self._taken_file)
        except OSError as error:
            raise self._unkept(error) from error
        self._taken.append(name)
        self._known.add(name)

    def _received(self) -> list[str]:
        """The names of what was received of the batch on offer: when it was offered, and since."""
        offered = self._state['offered']
        if offered is None:
            return []
        found = list(offered['taken'])
        try:
            lines = self._own_folder().read(self._name + '.taken', _LONGEST).split(b'\n')
        except OSError:
            lines = []
        for line in lines:
            try:
                token, name = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue  # cut when the process was killed: its part comes again
            if token == offered['token'] and isinstance(name, str):
                found.append(name)
        return found

    def _know(self, names: list[str]) -> None:
        self._taken = names
        self._known = set(names)

    def _own_folder(self) -> files.OwnFolder:
        if self._own is None:
            raise StateError('the reader %s is not locked' % self._reader)
        return self._own

    def _save(self, state: _Kept) -> None:
        text = json.dumps(dict(state, format=_FORMAT, key=self._key, reader=self._reader, host=self._host))
        try:
            self._own_folder().write(self._name, text.encode('ascii'))
            # What the lines tell is in the state now, or was of another batch
            if self._taken_file is not None:
                os.ftruncate(self._taken_file, 0)
        except OSError as error:
            raise self._unkept(error) from error
        self._state = state
        offered = state['offered']
        self._know(list(offered['taken']) if offered else [])

    def _unkept(self, error: OSError) -> StateError:
        return StateError(
            'cannot keep the position of the reader %s in %s: %s. Nothing is lost: the same findings are '
            'returned again once the position can be kept'
            % (self._reader, os.path.join(self._folder, self._name), error.strerror)
        )


def state_folder() -> str:
    """${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks of the user who reads."""
    base = os.environ.get('XDG_STATE_HOME') or ''
    if not os.path.isabs(base):  # the specification: such a path is to be ignored
        base = os.path.join(os.path.expanduser('~'), '.local', 'state')
    return os.path.join(base, 'claude-hooks')


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def _check(state: Any, key: str, reader: str, host: str | None) -> None:
    """Raise ValueError where this is not a state that _save wrote for this reader."""
    known = {'format': _FORMAT, 'key': key, 'reader': reader, 'host': host}
    if not isinstance(state, dict) or {name: state.get(name) for name in known} != known:
        raise ValueError('it is not the state of the reader %s of the key %s' % (reader, key))
    _check_form(state, 'state')
    if state.get('offered') is not None:
        _check_form(state['offered'], 'offered')
    for part in (state, state.get('offered') or {}):
        if part.get('position') is not None:
            _check_form(part['position'], 'position')
            if not isinstance(part['position'].get('cursor', ''), str):
                raise ValueError('cursor of position has an unknown form')
            if part['position']['offset'] < 0:
                raise ValueError('offset of position is negative')


def _check_form(holder: Any, name: str) -> None:
    if not isinstance(holder, dict):
        raise ValueError('%s has an unknown form' % name)
    for entry, kind in _FORMS[name].items():
        if not _is(holder.get(entry), kind):
            raise ValueError('%s of %s has an unknown form' % (entry, name))


def _is(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of a kind; lists are of strings here, and a bool is no number."""
    return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and not (isinstance(value, list) and not all(isinstance(part, str) for part in value))
    )
