# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the marks of the witness: who was connected to the engine when a container ended, and first processes.

Pure. The file is root's, but what it quotes (command lines, names of programs) is chosen by other users: every value is
checked, cut to a length, and a mark that does not fit is left out. All times are milliseconds since 1970.
The format is written by roles/docker_audit/files/witness.
"""

from __future__ import annotations

import math
import re
from typing import Any, Iterable, Mapping, NamedTuple

_MOST_CLIENTS = 64
_MOST_EVENTS = 256
_LONGEST = 512  # characters of a text
_MOST_WORDS = 256
_ID = re.compile(r'[0-9a-f]{64}\Z')


class Client(NamedTuple):
    """A connection that the engine had at a look. pid and uid are those of the process that made it; they are None over
    TCP."""

    inode: int
    listener: str
    remote: str | None
    pid: int | None
    uid: int | None
    #: The first earlier look that had it; None: it came since the look before.
    seen: float | None
    #: The process that made it has ended: nothing below is known.
    gone: bool
    start: float | None = None
    ppid: int | None = None
    auid: int | None = None
    ses: int | None = None
    exe: str | None = None
    comm: str | None = None
    argv: tuple[str, ...] = ()
    argv_complete: bool = False
    unit: str | None = None
    container: str | None = None
    #: Whether it listens itself, so that others can ask through it; None: not known.
    accepts: bool | None = None
    #: Whether another process holds a connection of this one, too, or has got it; None: not known.
    shared: bool | None = None
    #: Whether it has or had a way to lend them: children, or unix sockets to others; None: not known.
    could_lend: bool | None = None


class Look(NamedTuple):
    """All connections of the engine at a moment."""

    time: float
    #: When it was over.
    end: float
    #: The look before it; None: there was none in this life of the engine.
    before: float | None
    #: (action, id of the container, milliseconds) of the events that it is about.
    events: tuple[tuple[str, str, float], ...]
    #: Whether every connection is in it.
    is_whole: bool
    listeners: tuple[str, ...]
    clients: tuple[Client, ...]


class First(NamedTuple):
    """The first process of a container, as it was when the container started, or when the witness came."""

    time: float
    id: str
    pid: int
    #: None where the process had ended before it could be looked up.
    start: float | None
    shim: int | None


class Marks(NamedTuple):
    """What a witness saw, in the order of time."""

    looks: tuple[Look, ...] = ()
    firsts: tuple[First, ...] = ()
    #: (from, to, reason) of times in which no look was possible; without an end up to now.
    blind: tuple[tuple[float, float, str], ...] = ()
    #: The last of the marks that say whether looks are possible: (time, reason), reason None where they are.
    state: tuple[float, str | None] | None = None


def marks(entries: Iterable[Mapping[str, Any]]) -> Marks:
    """The marks among the entries of the files, in any order; each once."""
    looks: set[Look] = set()
    firsts: set[First] = set()
    states: set[tuple[float, str]] = set()
    for entry in entries:
        kind = entry.get('mark')
        if kind == 'look':
            look = _look(entry)
            looks |= set() if look is None else {look}
        elif kind == 'first':
            first = _first(entry)
            firsts |= set() if first is None else {first}
        elif kind in ('sees', 'blind'):
            time = number(entry.get('time'))
            if time is not None:
                states.add((time, '' if kind == 'sees' else _text(entry.get('reason')) or 'not said'))
    ordered = sorted(states)
    edges = [time for time, _reason in ordered[1:]] + [math.inf]
    blind = tuple((time, edge, reason) for (time, reason), edge in zip(ordered, edges) if reason and edge > time)
    state = (ordered[-1][0], ordered[-1][1] or None) if ordered else None
    return Marks(
        tuple(sorted(looks, key=lambda one: one[:2])), tuple(sorted(firsts, key=lambda one: one[:3])), blind, state
    )


def _look(entry: Mapping[str, Any]) -> Look | None:
    time, took = number(entry.get('time')), number(entry.get('took'))
    found = entry.get('clients')
    if time is None or not isinstance(found, list):
        return None
    clients = [_client(one) for one in found[:_MOST_CLIENTS]]
    is_whole = entry.get('complete') is True and entry.get('dropped') == 0 and len(found) <= _MOST_CLIENTS
    named = entry.get('listeners')
    listeners = [_text(one) for one in named[:_MOST_EVENTS]] if isinstance(named, list) else [None]
    also = entry.get('also')
    events = [_event(one) for one in [entry.get('event'), *(also[:_MOST_EVENTS] if isinstance(also, list) else [])]]
    return Look(
        time,
        time + max(took or 0, 0),
        number(entry.get('before')),
        tuple(one for one in events if one is not None),
        is_whole and None not in clients and None not in listeners,
        tuple(one for one in listeners if one is not None),
        tuple(one for one in clients if one is not None),
    )


def _event(value: Any) -> tuple[str, str, float] | None:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
        return None
    nano = number(value[2])
    identity = value[1] if isinstance(value[1], str) and _ID.match(value[1]) else None
    return None if nano is None or identity is None else (value[0][:_LONGEST], identity, nano / 1e6)


def _client(entry: Any) -> Client | None:
    if not isinstance(entry, dict):
        return None
    inode, listener = _whole(entry.get('inode')), _text(entry.get('listener'))
    pid, remote = _whole(entry.get('pid')), _text(entry.get('remote'))
    # A pid of 0 is a process of another pid namespace
    if inode is None or listener is None or (not pid and remote is None):
        return None
    words = entry.get('argv')
    argv = [_text(word) for word in words[:_MOST_WORDS]] if isinstance(words, list) else []
    is_gone = entry.get('gone') is True or (pid is not None and number(entry.get('start')) is None)
    client = Client(
        inode,
        listener,
        remote,
        pid or None,
        _whole(entry.get('uid')),
        number(entry.get('seen')),
        is_gone,
    )
    if is_gone:
        return client
    container = _text(entry.get('container'))
    return client._replace(
        start=number(entry.get('start')),
        ppid=_whole(entry.get('ppid')),
        auid=_whole(entry.get('auid')),
        ses=_whole(entry.get('ses')),
        exe=_text(entry.get('exe')),
        comm=_text(entry.get('comm')),
        argv=tuple(word for word in argv if word is not None),
        argv_complete=entry.get('argv_complete') is True and None not in argv and len(argv) < _MOST_WORDS,
        unit=_text(entry.get('unit')),
        container=container if container and _ID.match(container) else None,
        accepts=_truth(entry.get('accepts')),
        shared=_truth(entry.get('shared')),
        could_lend=_truth(entry.get('could_lend')),
    )


def _first(entry: Mapping[str, Any]) -> First | None:
    time, identity, pid = number(entry.get('time')), _text(entry.get('id')), _whole(entry.get('pid'))
    if time is None or identity is None or not _ID.match(identity) or not pid:
        return None
    return First(time, identity, pid, number(entry.get('start')), _whole(entry.get('shim')))


def number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _whole(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and 0 <= found < 1 << 63 and found == int(found) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None
