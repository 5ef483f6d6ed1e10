# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what is new in the audit logs since a position."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs, records, scan
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import Position
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Stats

# auditd writes the records of an event at once. What is older than this and not complete will not become so.
SETTLED_SECONDS = 2


class Following:
    """The events with one key that were not met before, by this reader or by an earlier one that left its position.

    position is None before anything was read, else a dict that JSON can hold:
      fingerprint  of the first record of the file that was read up to offset (bytes). It tells the file, whatever its
                   name, inode and device have become
      before       a fingerprint of what stands before the offset: after a crash a file can have lost its end
      done         the fingerprints of the older files
      reported     [events that stand behind the offset and were given all the same, as scan.name() calls them]
      last         when the last record that was read was written (milliseconds since 1970)
    The offset stays before the first record that is not SETTLED_SECONDS old, so that an event is whole when it is
    passed, also where its records interleave with others or straddle a rotation. A clock may be set back: times of
    records are compared with each other only in a log that lost its end in a crash, and after a time in which journald
    took the records, from which the position is a cursor of the journal.
    """

    def __init__(self, key: str, log: str, position: Position | None = None, block: int = logs.BLOCK) -> None:
        self.position = position
        self.gap: tuple[int | None, int | None] | None = (
            None  # or (first, last) in milliseconds, each or None: what was written between may be lost
        )
        self.is_waiting = False  # whether something is held back, to be asked for again in SETTLED_SECONDS
        self._key = key
        self._log = log
        self._block = block
        self._logs: logs.Logs | None = None
        self._reported = set(position['reported']) if position else set()
        self._older: list[str | None] = []
        # (a file, or None for all, and when the last record was written that was read of it)
        self._repeated: tuple[logs.File | None, int | None] | None = None
        self._is_lost = False
        self._stats: Stats = {'bytes': 0, 'first': None, 'last': None}

    def events(self) -> Iterator[audit_events.Event]:
        """The new events. When all were taken, the position is behind them."""
        opened = self._open()
        scanning = scan.Scan(self._key)
        place: tuple[logs.File, int] | None = None
        reported: set[str] = set()
        self.is_waiting = False
        fresh = _Fresh(time.time())
        late = repeated = None
        for piece in opened.pieces(self._block):
            fresh = _Fresh(time.time())
            if not piece.is_rest:
                late = _late(piece, fresh)
            place = place or self._first_to_repeat(opened, piece, fresh, late)
            repeated = self._repeated[1] if self._repeated and self._repeated[0] in (None, piece.file) else None
            yield from self._new(
                scanning.feed(piece.block, piece.end), fresh, late, repeated, reported if place else None
            )
        yield from self._new(scanning.finish(), fresh, late, repeated, reported if place else None)
        self._take_stats(scanning)
        self._pass(opened, place, reported, scanning.last)

    def stats(self) -> Stats:
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return self._stats.copy()

    def close(self) -> None:
        if self._logs:
            self._logs.close()
            self._logs = None

    def _open(self) -> logs.Logs:
        """Open what is to be read, and find the position in it."""
        if self._logs and not any(file.is_replaced() for file in self._logs.files):
            self._logs.open_newer()
            return self._logs
        self.close()
        opened = self._logs = logs.Logs(self._log)
        self._repeated = None
        position = self.position
        if position is None:
            return opened
        if position.get('cursor'):
            self._repeated = (None, position['last'])
            return opened
        files = opened.files
        same = [file for file in files if file.fingerprint() == position['fingerprint']]
        whole = [file for file in same if file.before(position['offset']) == position['before']]
        # While a log is copied and then truncated, the copy has the same first record
        if whole:
            number = files.index(whole[-1])
            self._older = [file.fingerprint() for file in files[:number]]
            opened.pass_by(files[:number])
            whole[-1].offset = position['offset']
            return opened
        self._is_lost = True
        done = [file for file in files if file.fingerprint() in position['done']]
        self._older = [file.fingerprint() for file in done]
        opened.pass_by(done)
        if same:
            # It lost its end, in a crash: what is not newer than the last that was read, was read
            self._repeated = (same[-1], position['last'])
        return opened

    def _new(
        self,
        events: Iterator[audit_events.Event],
        fresh: _Fresh,
        late: bytes | None,
        repeated: int | None,
        reported: set[str] | None,
    ) -> Iterator[audit_events.Event]:
        for event in events:
            moment = audit_events.when(event)[0]
            name = scan.name(event)
            was_read = repeated is not None and moment is not None and moment <= repeated
            if not was_read and name not in self._reported:
                if not scan.is_complete(event) and (event.ident == late or fresh.holds(moment)):
                    self.is_waiting = True
                    continue
                yield event
            if reported is not None:
                reported.add(name)

    def _first_to_repeat(
        self, opened: logs.Logs, piece: logs.Piece, fresh: _Fresh, late: bytes | None
    ) -> tuple[logs.File, int] | None:
        """(file, offset) from where on a piece is to be read again, or None."""
        offset = fresh.place(piece.block, piece.end, late)
        if offset is None and piece.is_rest and (piece.file is opened.files[-1] or fresh.holds(piece.file.modified())):
            offset = 0
        return None if offset is None else (piece.file, piece.start + offset)

    def _take_stats(self, scanning: scan.Scan) -> None:
        if self._is_lost and scanning.bytes and self.position:
            self.gap = (self.gap[0] if self.gap else self.position['last'], None if self._repeated else scanning.first)
            self._is_lost = False
        stats = self._stats
        stats['bytes'] += scanning.bytes
        stats['first'] = min((time for time in (stats['first'], scanning.first) if time is not None), default=None)
        stats['last'] = max((time for time in (stats['last'], scanning.last) if time is not None), default=None)

    def _pass(
        self, opened: logs.Logs, place: tuple[logs.File, int] | None, reported: set[str], last: int | None
    ) -> None:
        """Note how far the logs were read, for the next call to go on from there."""
        if place is None or place[0].fingerprint() is None:
            begun = [file for file in opened.files if file.fingerprint()]
            place = (begun[-1], begun[-1].offset) if begun else None
        if place is None:
            return
        file, offset = place
        number = opened.files.index(file)
        self._older += [older.fingerprint() for older in opened.files[:number]]
        opened.pass_by(opened.files[:number])
        self._reported = reported
        self._repeated = None
        self.position = {
            'fingerprint': file.fingerprint() or '',
            'offset': offset,
            'before': file.before(offset),
            'done': [fingerprint for fingerprint in self._older if fingerprint],
            'reported': sorted(reported),
            'last': last if last is not None or self.position is None else self.position['last'],
        }
        for again in opened.files:
            again.offset = offset if again is file else 0


class _Fresh:
    """Tells which records are so new that others of their event may still come."""

    def __init__(self, now: float) -> None:
        self._now = now
        seconds = range(int(now - SETTLED_SECONDS), int(now + SETTLED_SECONDS) + 1)
        # Few blocks hold the first: they are searched once, the others once for each second
        self._spans = {b'audit(%d' % (second // 100) for second in seconds}
        self._seconds = [b'audit(%d' % second for second in seconds]

    def holds(self, moment: float | None) -> bool:
        """moment in milliseconds since 1970. What lies in the future was written before the clock was set back."""
        return moment is not None and abs(self._now * 1000 - moment) < SETTLED_SECONDS * 1000

    def place(self, block: bytes, end: int, late: bytes | None) -> int | None:
        """Where the first line with such a record, or with one of the event late, starts in block[:end]; or None."""
        patterns = [b'audit(%s)' % late] if late else []
        if any(block.find(span, 0, end) >= 0 for span in self._spans):
            patterns += self._seconds
        places = [
            place for place in (self._line(block, end, pattern, late) for pattern in patterns) if place is not None
        ]
        return min(places) if places else None

    def _line(self, block: bytes, end: int, pattern: bytes, late: bytes | None) -> int | None:
        """Where the first line starts that has the pattern, and a new record: it may stand in an argument as well."""
        place = block.find(pattern, 0, end)
        while place >= 0:
            start = block.rfind(b'\n', 0, place) + 1
            stop = block.find(b'\n', place, end)
            stop = end if stop < 0 else stop
            for record in records.records(block[start:stop]):
                if record.ident == late or self.holds(audit_events.moment_of(record.ident)[0]):
                    return start
            place = block.find(pattern, stop, end)
        return None


def _late(piece: logs.Piece, fresh: _Fresh) -> bytes | None:
    """The event of the last record of a file that is being written, as auditd may lag behind; or None."""
    if not piece.is_last or not fresh.holds(piece.file.modified()):
        return None
    record = records.last_record(piece.block, 0, piece.end)
    return record.ident if record else None
