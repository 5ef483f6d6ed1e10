# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what is new in the journal since a position, where journald takes the audit records."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import follow, journal, logs, scan
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import Position
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Stats

# So many entries are remembered, to hold back an event from its first record on
_REMEMBERED = 20000


def of(key: str, log: str, position: Position | None = None) -> follow.Following | JournalFollowing:
    """What follows the log of auditd, or the journal where that stands for the log."""
    return JournalFollowing(key, position) if log == journal.LOG else follow.Following(key, log, position)


class JournalFollowing:
    """The same as follow.Following for the journal: its position is the cursor of an entry.

    The cursor stays before the first record of each event that has one which came less than SETTLED_SECONDS ago.
    """

    def __init__(self, key: str, position: Position | None = None) -> None:
        self.position = position
        self.gap: tuple[int | None, int | None] | None = None
        self.is_waiting = False
        self._key = key
        self._stats: Stats = {'bytes': 0, 'first': None, 'last': None}

    def events(self) -> Iterator[audit_events.Event]:
        """The new events. When all were taken, the position is behind them."""
        position = self.position
        scanning = scan.Scan(self._key)
        now = time.time() * 1000000
        recent: deque[tuple[str, bytes]] = deque(maxlen=_REMEMBERED)
        given: deque[tuple[bytes, str]] = deque(maxlen=_REMEMBERED)
        young: set[bytes] = set()
        self.is_waiting = False
        known = set(position['reported']) if position else set()
        # A reader that came from the log of auditd goes on behind its last record
        last = position['last'] if position and not position.get('cursor') else None
        for block in self._blocks(position, recent, young, now):
            yield from self._new(scanning.feed(block, len(block)), known, young, given, last)
        yield from self._new(scanning.finish(), known, young, given, last)
        self._take(scanning)
        self._pass(position, recent, given, young, scanning.last)

    def stats(self) -> Stats:
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return self._stats.copy()

    def close(self) -> None:
        """Nothing is held open."""

    def _blocks(
        self, position: Position | None, recent: deque[tuple[str, bytes]], young: set[bytes], now: float
    ) -> Iterator[bytes]:
        cursor = position.get('cursor') if position else None
        since = position['last'] if position and not cursor else None
        lines: list[bytes] = []
        length = 0
        is_first = True
        for entry in journal.entries(cursor, since):
            if cursor is not None and is_first:
                is_first = False
                if entry.cursor == cursor:
                    recent.append((entry.cursor, b''))
                    continue
                # Its entry is gone, and with it whatever came next
                self.gap = (position['last'] if position else None, audit_events.moment_of(entry.ident)[0])
            recent.append((entry.cursor, entry.ident))
            if now - entry.arrived < follow.SETTLED_SECONDS * 1000000:
                young.add(entry.ident)
            lines.append(entry.line)
            length += len(entry.line)
            if length >= logs.BLOCK:
                yield b''.join(lines)
                lines, length = [], 0
        yield b''.join(lines)

    def _new(
        self,
        events: Iterator[audit_events.Event],
        known: set[str],
        young: set[bytes],
        given: deque[tuple[bytes, str]],
        last: int | None,
    ) -> Iterator[audit_events.Event]:
        for event in events:
            moment = audit_events.when(event)[0]
            name = scan.name(event)
            if last is not None and moment is not None and moment <= last:
                continue
            if name not in known:
                if event.ident in young and not scan.is_complete(event):
                    self.is_waiting = True
                    continue
                yield event
            given.append((event.ident, name))

    def _take(self, scanning: scan.Scan) -> None:
        stats = self._stats
        stats['bytes'] += scanning.bytes
        stats['first'] = min((one for one in (stats['first'], scanning.first) if one is not None), default=None)
        stats['last'] = max((one for one in (stats['last'], scanning.last) if one is not None), default=None)

    def _pass(
        self,
        position: Position | None,
        recent: deque[tuple[str, bytes]],
        given: deque[tuple[bytes, str]],
        young: set[bytes],
        last: int | None,
    ) -> None:
        """Note how far the journal was read."""
        settled = position.get('cursor') if position else None
        held: set[bytes] = set()
        for cursor, ident in recent:
            if held or ident in young:
                held.add(ident)
            else:
                settled = cursor
        if settled is None:
            return  # nothing is old enough: all comes again
        self.position = {
            'fingerprint': '',
            'offset': 0,
            'before': '',
            'done': [],
            'reported': sorted({name for ident, name in given if ident in held}),
            'last': last if last is not None or position is None else position['last'],
            'cursor': settled,
        }
