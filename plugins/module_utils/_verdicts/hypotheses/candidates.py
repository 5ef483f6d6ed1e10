# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can have asked by the API at a moment, from what the witness saw and from the connects in the audit log.

A client can ask and leave before the look, so that its absence excludes nobody. Candidates are all who are in the look,
and all who connected since an earlier look, or were in that one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Mapping, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import Client, Look
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Entry, Evidence, note
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import Clients
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import STARTUP
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources

#: Milliseconds within which a client connects that comes in order to ask
NEW = 1000
# A request can wait for so long in the engine, while its client has left
_ANSWERED = STARTUP


class Candidate(NamedTuple):
    """Who can have asked."""

    who: Entry
    #: When it connected last, as far as that is known: by the audit log, else not before `after`.
    connected: float | None
    after: float
    is_in: bool
    #: Others can ask through it.
    passes_on: bool
    #: Why another process may have asked by its connection.
    doubts: tuple[Evidence, ...] = ()

    def is_new(self, asked: float) -> bool | None:
        """Whether it connected within a second before; None: not known."""
        if self.connected is not None:
            return self.connected >= asked - NEW - names.CLOCK_LAG
        return True if self.after >= asked - NEW - names.CLOCK_LAG else None if self.after > float('-inf') else False


class Candidates:
    """Those of each moment."""

    def __init__(self, looks: Sequence[Look], clients: Clients, sources: Sources, breaks: Sequence[float]) -> None:
        """looks in the order of time; breaks are moments that no connection outlives."""
        self._looks, self._clients, self._sources, self._breaks = looks, clients, sources, sorted(breaks)
        self._times = [look.time for look in looks]

    def at(self, asked: float, look: Look) -> list[Candidate]:
        """Everybody who can have asked, those that connected last first. A connection that is not in the look any more
        can have been handed on before: nobody has seen who held it."""
        first = self.base(asked)
        found: dict[tuple[object, ...], Candidate] = {}
        for earlier in self._looks[bisect_left(self._times, first) : bisect_left(self._times, asked)]:
            for one in earlier.clients:
                self._add(found, one, earlier, asked, False)
        for one in look.clients:
            self._add(found, one, look, asked, True)
        starts: dict[object, list[object]] = {}
        for kind, pid, start in found:
            if kind == 'pid':
                starts.setdefault(pid, []).append(start)
        for time, entry in self._clients.between(first, asked):
            key = _key_of(entry, time, starts.get(entry.get('pid'), ()))
            known = found.get(key)
            if known is None:
                found[key] = Candidate(entry, time, time, False, False)
            else:
                found[key] = known._replace(who={**known.who, **_of_record(entry)}, connected=time, after=time)
        seen = (one if one.is_in else one._replace(doubts=(note('holders_not_known'),)) for one in found.values())
        return sorted(seen, key=lambda one: (not one.is_in, -max(one.after, one.connected or 0)))

    def _add(
        self, found: dict[tuple[object, ...], Candidate], one: Client, look: Look, asked: float, is_now: bool
    ) -> None:
        """Add a connection of a look, unless it is ours, a docker command's whose words ask for something else, or one
        that came after the request."""
        if self.is_ours(one, look):
            return
        behind = self._clients.behind(one, look.time)
        if behind is not None and not behind.carries_requests:
            return
        before = look.before if look.before is not None else float('-inf')
        if is_now and behind is None and self._is_reused(one, before, look):
            one = Client(one.inode, one.listener, one.remote, one.pid, one.uid, None, gone=True)
        if is_now and one.pid is not None and one.seen is None and self._sources.connects_logged(before, look.time):
            later = [entry for _time, entry in self._clients.between(asked + 0.001, look.time)]
            if any(entry.get('pid') == one.pid for entry in later) and not any(
                entry.get('pid') == one.pid for _time, entry in self._clients.between(before, asked)
            ):
                return
        after = float('-inf')
        if one.seen is None:
            # No process connects before it has started
            after = max(before, one.start if one.start is not None else before, 0)
        key = _key_of_client(one, found)
        known = found.get(key)
        if known is not None:
            after = max(after, known.after)
        entry = _who(one, look.time)
        passes = passes_on(one) or behind is not None
        is_in, doubts = is_now, _doubts(one) if is_now else ()
        if known is not None:
            is_in, doubts = is_in or known.is_in, doubts + known.doubts
        found[key] = Candidate(entry, None, after, is_in, passes, doubts)

    def _is_reused(self, one: Client, before: float, look: Look) -> bool:
        """Whether the process with the number of who made a connection is another one: its connect would be logged. The
        kernel tells that itself from 6.5 on."""
        if one.pid is None or one.seen is not None or one.start is None:
            return False
        since = max(before, one.start) - names.CLOCK_LAG
        is_logged = self._sources.connects_logged(since, look.time) and not self._sources.hiding(look.time)
        if not is_logged or self._sources.lost != 0 or one.listener not in self._sources.sockets_at(since):
            return False
        return not any(entry.get('pid') == one.pid for _time, entry in self._clients.between(since, look.time))

    def is_ours(self, one: Client, look: Look) -> bool:
        return one.pid is not None and self._clients.is_ours(one.pid, look.time)

    def base(self, asked: float) -> float:
        """Who had left by then is known: the time of the last whole look that is old enough, or of the engine's start;
        -inf without any."""
        started = [time for time in self._breaks if time <= asked]
        start = started[-1] if started else float('-inf')
        for index in range(bisect_right(self._times, asked - _ANSWERED) - 1, -1, -1):
            if self._times[index] <= start:
                break
            if self._looks[index].is_whole:
                return self._times[index]
        return start


def passes_on(one: Client) -> bool:
    """Whether a docker command can have come through it. What is not known of a docker itself is no matter."""
    return one.pid is None or one.accepts is True or (one.accepts is None and not one.gone)


def _key_of_client(one: Client, found: Mapping[tuple[object, ...], Candidate]) -> tuple[object, ...]:
    """Which asker a connection is of: all connections of a process are one, and a pid can be used again. Each look
    calculates when a process started by its own clock, so that the times differ a little."""
    if one.pid is None:
        return 'remote', one.remote, one.inode
    if one.gone or one.start is None:
        return 'pid', one.pid, None
    second = one.start // 1000
    near = [key for key in (('pid', one.pid, second + step) for step in (0, -1, 1)) if key in found]
    return near[0] if near else ('pid', one.pid, second)


def _key_of(entry: Entry, time: float, starts: Sequence[object]) -> tuple[object, ...]:
    """Which process with the pid of a connect made it: one that a look has, else one known by program and parent."""
    pid = entry.get('pid')
    before = [start for start in starts if isinstance(start, float) and start * 1000 <= time + names.CLOCK_LAG]
    if before:
        return 'pid', pid, max(before)
    return ('pid', pid, None) if None in starts else ('record', pid, entry.get('ppid'), entry.get('exe'))


def _doubts(one: Client) -> tuple[Evidence, ...]:
    """Why another process than the one that made a connection may have asked by it."""
    if one.gone:
        return (note('client_gone'),)
    if one.pid is None or (one.shared is False and one.could_lend is False):
        return ()
    if one.shared is False and one.could_lend:
        return (note('client_could_lend'),)
    return (note('client_shares') if one.shared else note('holders_not_known'),)


def _who(one: Client, time: float) -> Entry:
    """A client as a verdict names it."""
    entry: dict[str, object] = {
        'host': None,
        'timestamp': times.timestamp(int(time)),
        'event': None,
        'pid': one.pid,
        'ppid': one.ppid,
        'uid': one.uid,
        'auid': one.auid,
        'ses': one.ses,
        'tty': None,
        'comm': one.comm,
        'exe': one.exe,
        'cwd': None,
        'success': True,
        'keys': [],
        'node': None,
    }
    if one.argv:
        entry.update(argv=list(one.argv), argv_complete=one.argv_complete)
    for name in ('remote', 'unit', 'container', 'accepts'):
        value = getattr(one, name)
        if value is not None:
            entry[name] = value
    return entry


def _of_record(entry: Entry) -> dict[str, object]:
    """What the record of a connect says of its process."""
    return {name: value for name, value in entry.items() if value is not None or name in ('node', 'host')}
