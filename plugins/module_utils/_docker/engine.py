# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads events and the names of containers from the engine's socket.

Source: the Docker Engine API, GET /events and GET /containers/json; the attributes of an event are set in moby's
daemon/events.go LogContainerEventWithAttributes.

An entry of an answer can be as long as the labels of its container: each is read by itself, and of an event only what
tells something of a container's end is kept. An entry that cannot be read is counted, the others count all the same.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import time
import urllib.parse
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple, Optional, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.proc import ProcReader, is_of
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import entries
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.connection import EngineError, answer

SECONDS = 5  # for each of the two questions
REMEMBERED = 256  # events, eventsLimit in moby's daemon/events/events.go

# The attributes of events that something is read from: an event carries all labels of its container, too
ATTRIBUTES = (
    'name',
    'oldName',
    'exitCode',
    'signal',
    'image',
    'container',
    'execID',
    'com.docker.compose.project',
    'com.docker.compose.project.config_files',
    'com.docker.compose.project.working_dir',
    'com.docker.compose.service',
    'com.docker.compose.oneoff',
    'com.docker.swarm.service.id',
    'com.docker.swarm.service.name',
    'com.docker.stack.namespace',
)
# What the engine says of events of these actions. It copies the container's labels over that (moby daemon/events.go
# copyAttributes), and only then sets image and name: a label with one of these names forges it.
_FORGEABLE = {
    'exitCode': ('die', 'exec_die'),
    'signal': ('kill',),
    'oldName': ('rename',),
    'execID': ('exec_create', 'exec_start', 'exec_die', 'exec_detach'),
}
_LONGEST_VALUE = 4096  # PATH_MAX. A longer one is left out: part of it could be taken for the whole of another
_MOST_EVENTS = 40 * REMEMBERED  # podman keeps all

_LIST = '/containers/json?all=1'
_ID = re.compile(r'[0-9a-f]{64}\Z')


_Splitter = Callable[[Iterable[bytes]], Iterator[Optional[bytes]]]


class Actor(TypedDict):
    """What an event is about. The names are those of the engine's API."""

    ID: str
    Attributes: dict[str, str]


class EngineEvent(TypedDict):
    """An event, with what is needed of it. The names are those of the engine's API."""

    Type: str
    Action: str
    Actor: Actor
    timeNano: int


class Daemon(NamedTuple):
    """A process that runs dockerd."""

    pid: int
    argv: list[str] | None  # None where it was not read in time


class _Name(NamedTuple):
    """A name of a container, and where it is from."""

    id: str
    name: str
    source: str


_OWN, _OLD, _LABEL = 'name', 'oldName', 'label'  # a label that is called oldName is no name


class EngineStatus(TypedDict):
    """Whether an engine told all that it was asked, or None where it was not asked, and why it did not."""

    reachable: bool | None
    reason: str | None


class Remembered(NamedTuple):
    """What the engine keeps of events."""

    events: list[EngineEvent]  # oldest first
    total: int  # of all entries; with REMEMBERED of them, older ones may have been pushed out
    #: (from, to) in milliseconds, of its neighbours: when one happened that could not be read.
    gaps: list[tuple[float, float]]


def status(reason: str | None, asked: bool = True) -> EngineStatus:
    return {'reachable': reason is None if asked else None, 'reason': reason}


def container_names(path: str = names.SOCKET, seconds: float = SECONDS) -> tuple[dict[str, list[str]], str | None]:
    """({id: [names, the newest last]}, reason): reason is None, or why the engine did not tell all it should.

    The events still know containers that are removed, and names from before a renaming. The engine keeps the last 256
    events of every type, so what happened before them is known only of containers that are still there.
    """
    known: dict[str, dict[_Name, None]] = {}
    reason = None
    questions: tuple[tuple[str, _Splitter, Callable[[Any], list[_Name]]], ...] = (
        (_events_until_now({'type': ['container']}), entries.lines, _names_of_event),
        (_LIST, entries.elements, _names_of_container),
    )
    for question, split, names_of in questions:
        try:
            for one in _named(question, path, seconds, split, names_of):
                newest_last = known.setdefault(one.id, {})
                newest_last.pop(one, None)
                newest_last[one] = None
        except EngineError as error:
            reason = reason or str(error)
    trusted = {identity: _trusted(found) for identity, found in known.items()}
    return {identity: found for identity, found in trusted.items() if found}, reason


def _trusted(found: Iterable[_Name]) -> list[str]:
    """Names, the newest last, without old ones that a label can have forged."""
    sources = {_OWN} if any(one.source == _LABEL for one in found) else {_OWN, _OLD}
    newest_first = [one.name for one in found if one.source in sources][::-1]
    return list(dict.fromkeys(newest_first))[::-1]


def labels_shown(action: str, attributes: Mapping[str, Any]) -> set[str]:
    """The attributes that are labels of the container: the engine sets none of that name for the action."""
    return {name for name, by in _FORGEABLE.items() if name in attributes and action.partition(':')[0] not in by}


def _named(
    question: str, path: str, seconds: float, split: _Splitter, names_of: Callable[[Any], list[_Name]]
) -> Iterator[_Name]:
    """The names of an answer. EngineError at its end where it cannot be read in part."""
    good = bad = 0
    try:
        with contextlib.closing(answer(path, question, seconds)) as pieces:
            for entry in split(pieces):
                try:
                    found = names_of(parsed(entry))
                except ValueError:
                    bad += 1
                else:
                    good += 1
                    yield from found
    except entries.EntryError as error:
        raise EngineError('its answer to %s is %s' % (question.partition('?')[0], error)) from error
    _complain(question, good, bad)


def matching_name(found: list[str], is_match: Callable[[str], bool]) -> str:
    """The newest name that matches, else the newest: a renamed container is still the one that had such a name."""
    return next((name for name in reversed(found) if is_match(name)), found[-1])


def events(path: str = names.SOCKET, seconds: float = SECONDS) -> Remembered:
    """The last events of every type that the engine keeps: none from before its start."""
    kept: collections.deque[EngineEvent] = collections.deque(maxlen=_MOST_EVENTS)
    gaps: list[tuple[float, float]] = []
    total = bad = 0
    last = 0.0
    is_gap = False
    # Of every type, since these push out one another
    question = _events_until_now({})
    with contextlib.closing(answer(path, question, seconds)) as pieces:
        for line in entries.lines(pieces):
            total += 1
            try:
                kept.append(event_of(parsed(line)))
            except ValueError:
                bad += 1
                is_gap = True
                continue
            if is_gap:
                gaps.append((last, kept[-1]['timeNano'] / 1e6))
                is_gap = False
            last = kept[-1]['timeNano'] / 1e6
    if bad and not kept:
        _complain(question, 0, bad)
    if is_gap:
        gaps.append((last, time.time() * 1000))
    return Remembered(list(kept), total, gaps)


def event_of(value: Any) -> EngineEvent:
    """An event from its JSON, with what is needed of it. ValueError for what is none, or has a number out of range."""
    actor = _entry(value, 'Actor', dict)
    nano = value.get('timeNano') if isinstance(value, dict) else None
    if not isinstance(nano, int) or isinstance(nano, bool) or not 0 < nano < 1 << 63:
        raise ValueError('it has no time')
    kind, action, identity = _entry(value, 'Type', str), _entry(value, 'Action', str), _entry(actor, 'ID', str)
    if not kind or not action or any(len(text) > entries.LONGEST for text in (kind, action, identity)):
        raise ValueError('it is no event')
    attributes = _entry(actor, 'Attributes', dict)
    needed = {name: attributes[name] for name in ATTRIBUTES if isinstance(attributes.get(name), str)}
    return {
        'Type': kind,
        'Action': action[:_LONGEST_VALUE],
        'Actor': {
            'ID': identity,
            # That there is such a label counts, whatever its length: see labels_shown
            'Attributes': {
                name: text if len(text) <= _LONGEST_VALUE else ''
                for name, text in needed.items()
                if len(text) <= _LONGEST_VALUE or name in _FORGEABLE
            },
        },
        'timeNano': nano,
    }


def parsed(text: bytes | None) -> Any:
    """The JSON of one entry. ValueError for what is none, and for None, one that is too long."""
    if text is None:
        raise ValueError('it is too long')
    try:
        return json.loads(text, parse_int=_integer, parse_constant=_no_number)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def _integer(digits: str) -> int | None:
    # int() takes quadratic time for a long one; no number of an engine has more than 64 bits
    return int(digits) if len(digits) <= 20 else None


def _no_number(_name: str) -> None:
    return None


def _complain(question: str, good: int, bad: int) -> None:
    name = question.partition('?')[0]
    if bad and not good:
        raise EngineError('its answer to %s is not the JSON of an engine' % name)
    if bad:
        raise EngineError('%d of the entries in its answer to %s cannot be read' % (bad, name))


def _events_until_now(filters: dict[str, list[str]]) -> str:
    # Without an end the engine goes on to wait for new events.
    return '/events?' + urllib.parse.urlencode(
        {'since': '0', 'until': '%.6f' % time.time(), 'filters': json.dumps(filters, separators=(',', ':'))}
    )


def _names_of_event(event: Any) -> list[_Name]:
    actor = _entry(event, 'Actor', dict)
    identity, attributes = _entry(actor, 'ID', str), _entry(actor, 'Attributes', dict)
    is_label = _OLD in labels_shown(_entry(event, 'Action', str), attributes)
    before = _name(identity, _entry(attributes, _OLD, str), _LABEL if is_label else _OLD)
    return before + _name(identity, _entry(attributes, 'name', str), _OWN)


def _names_of_container(container: Any) -> list[_Name]:
    """Those of a container that is there now. ValueError for what is none."""
    identity = _entry(container, 'Id', str)
    if not _ID.match(identity):
        raise ValueError('it is no container')
    found = _name(identity, _entry(_entry(container, 'Labels', dict), _OLD, str), _LABEL)
    for name in _entry(container, 'Names', list):
        # /other/alias is what another container calls this one, by --link
        if isinstance(name, str) and name.count('/') < 2:
            found += _name(identity, name, _OWN)
    return found


def _entry(holder: Any, name: str, kind: type) -> Any:
    """An entry of a JSON object, or an empty one if there is none of that kind."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, kind) else kind()


def _name(identity: str, name: str, source: str) -> list[_Name]:
    name = name.lstrip('/')
    return [_Name(identity, name, source)] if name and _ID.match(identity) else []


# --- The process ------------------------------------------------------------------------------------------------------


def running(users: Iterable[int], folder: str = '/proc') -> list[Daemon]:
    """The engines of some users, by their pids. Nothing where /proc cannot be listed.

    A process of any user can be called dockerd and carry any command line. One that is wholly of root, or of the user
    whom the engine's socket belongs to, could do the host no more harm by lying than it can without. All four user ids
    have to be that user's: a program with setuid, started by a link with that name, has its caller's real one
    (credentials(7)).
    """
    try:
        pids = sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except OSError:
        return []
    found = []
    trusted = frozenset(users)
    with ProcReader(folder) as reader:
        for pid in pids:
            if _is_dockerd(folder, pid):
                # The owner before the command line: a process of another user is not asked for it
                (status,) = reader.read(pid, ('status',)) or [None]
                if is_of(status, *trusted):
                    line = next(iter(reader.read(pid, ('cmdline',))), None)
                    words = None if line is None else line.decode('utf-8', 'backslashreplace').split('\0')[:-1]
                    found.append(Daemon(pid, words))
    return found


def _is_dockerd(folder: str, pid: int) -> bool:
    try:
        exe = os.fsencode(os.readlink(os.path.join(folder, str(pid), 'exe')))
    except OSError:
        return False
    return os.path.basename(exe[: -len(b' (deleted)')] if exe.endswith(b' (deleted)') else exe) == b'dockerd'
