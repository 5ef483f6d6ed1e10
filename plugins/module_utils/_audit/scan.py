# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the events with one key in blocks of audit text; filter, lookup, modules and followers all use it.

The text is only searched for our key; a whole event is taken with one match at the place of a hit. Whatever does not
have the usual shape is left to records.py, line by line, so that both ways give the same.
"""

from __future__ import annotations

import datetime
import re
from collections import deque
from collections.abc import Callable, Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import hits, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

# The records of one event are found when they lie less than this far apart. The kernel holds back 8192 records at most
# in the usual setting (-b 8192), of about 300 bytes.
BLOCK = 4 << 20

# Blocks that are shorter together are kept as one, to look for the records of an event in
_SHORT_BLOCK = 64 << 10

_INTERPRETED = re.compile(rb'\) : ')  # faster than a search for the text
_CUT = re.compile(rb'^(?:[^\n]{0,200}[ :])?type=SYSCALL msg=audit\((?![^\n]* key=)[^\n]*', re.MULTILINE)


class Scan:
    """Finds the events with one key, by default the executions, in audit log text that comes in blocks of whole lines.

    The other records of an event that is not complete where its SYSCALL record is found are looked for in the block
    before, its own and those that follow, for the length of one block. A rotation can make blocks that are very short:
    these count as one with what was before. Memory holds two blocks, whatever the length of the logs.

    Executions whose key is not in the log (events.is_keyless) are among them: they may be ours.
    """

    def __init__(
        self,
        key: str,
        is_wanted: Callable[[audit_events.Event], bool] = audit_events.may_be_execution,
        timezone: datetime.tzinfo | None = None,
        idle: hits.Idle | None = None,
    ) -> None:
        self.hits = hits.Hits(texts.as_bytes(key), idle)
        self._is_wanted = is_wanted
        self._timezone = timezone
        self._key = texts.as_bytes(key)
        self._named_key = re.compile(rb'\bkey[^\n]{1,14}?' + re.escape(self._key))
        self._before: deque[tuple[bytes, int]] = deque()
        self._turned = 0
        self._waiting: dict[hits.Key, audit_events.Event] = {}
        self._since: dict[hits.Key, int] = {}
        self._again: set[hits.Key] = set()  # of those waited for, whose time and serial were met before
        self._assembly: audit_events.Assembly | None = None
        self.is_given = False  # whether somebody gave the text, of any form
        self.bytes = 0
        self.first: int | None = None
        self.last: int | None = None
        self.has_records = False  # whether any line of the text is a record
        self.unknown = 0  # lines that tell of an execution with our key in no form that is known
        self.is_garbled = False  # whether one of them is a record that no user can have written
        self.first_unknown = b''
        self.cut = 0  # SYSCALL records without the key that each has, in short blocks
        self.first_cut = b''

    def feed(self, block: bytes, end: int) -> Iterator[audit_events.Event]:
        """The events that are complete with block[:end], which is whole lines."""
        self.bytes += end
        if self._is_interpreted(block, end):
            yield from self._interpret(block, end)
            return
        if self.bytes - self._turned >= BLOCK:
            self.hits.turn()
            self._turned = self.bytes
        found: dict[hits.Key, audit_events.Event] = {}
        count = yield from self.hits.search(block, end, lambda record: self._note(record, found))
        if self._is_wanted is audit_events.may_be_execution and not self.hits.all_usual:  # and not connects or signals
            self._note_keyless(block, end, found)
        if found:
            for before, before_end in self._before:
                _collect(before, before_end, found)
        if found or self._waiting:
            wanted = dict(self._waiting)
            wanted.update(found)
            _collect(block, end, wanted)
        if self._is_wanted is audit_events.may_be_execution and (
            not count or self.hits.unread or end < hits.SMALL or self._is_elsewhere(block, end)
        ):
            self._note_unknown(block, end)
        yield from self._complete(found)
        self._keep(block, end)

    def _complete(self, found: dict[hits.Key, audit_events.Event]) -> Iterator[audit_events.Event]:
        """The events that are complete now. The others wait for records that come within a block."""
        for key, event in list(self._waiting.items()):
            if is_complete(event) or self.bytes - self._since[key] >= BLOCK:
                del self._waiting[key], self._since[key]
                if self._may_be_ours(event) and self._is_new(key, event):
                    yield event
        for key, event in found.items():
            if not is_complete(event):
                self._waiting[key] = event
                self._since[key] = self.bytes
            elif self._may_be_ours(event) and self._is_new(key, event):
                yield event

    def _is_new(self, key: hits.Key, event: audit_events.Event) -> bool:
        """Logs can hold an event twice. One that has the time and serial of another, and says something else, is none
        that anybody can read."""
        if key not in self._again:
            self.hits.remember(key, event)
            return True
        self._again.discard(key)
        if self.hits.is_same(key, event):
            return False
        event.problem = audit_events.CONTRADICTION
        return True

    def _keep(self, block: bytes, end: int) -> None:
        """Keep the last blocks, of BLOCK bytes together."""
        if self._before and self._before[-1][1] + end <= _SHORT_BLOCK:
            before, before_end = self._before.pop()
            block, end = before[:before_end] + block[:end], before_end + end
        self._before.append((block, end))
        while sum(length for _block, length in self._before) - self._before[0][1] >= BLOCK:
            self._before.popleft()

    def end_text(self) -> Iterator[audit_events.Event]:
        """The events of `ausearch -i` text, which are known when it is read to its end. What comes next may be raw."""
        if self._assembly is not None:
            for key, event in self._assembly.keyed():
                if not event.interpreted and self.hits.is_met(key):
                    self._again.add(key)
                if self._may_be_ours(event) and self._is_wanted(event) and self._is_new(key, event):
                    yield event
            self._assembly = None
            self._before.clear()

    def finish(self) -> Iterator[audit_events.Event]:
        """The events that the end of the logs left incomplete."""
        yield from self.end_text()
        for key, event in self._waiting.items():
            if self._may_be_ours(event) and self._is_new(key, event):
                yield event
        self._waiting = {}

    def _may_be_ours(self, event: audit_events.Event) -> bool:
        return audit_events.has_key(event, self._key) or audit_events.is_keyless(event)

    def _is_interpreted(self, block: bytes, end: int) -> bool:
        """Whether block[:end] is or begins to be `ausearch -i` text; notes the times that it covers, if it is not."""
        if self._assembly is not None:
            return True
        first, last = records.first_record(block, 0, end), records.last_record(block, 0, end)
        self.has_records = self.has_records or first is not None
        for record in (first, last):
            if record is not None and record.origin == records.INTERPRETED:
                return True
            moment = audit_events.moment_of(record.ident)[0] if record is not None else None
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)
        # The log of a host never has such lines
        can_have = end < hits.SMALL or self.is_given
        return can_have and bool(_INTERPRETED.search(block, 0, end)) and self._has_interpreted_line(block, end)

    @staticmethod
    def _has_interpreted_line(block: bytes, end: int) -> bool:
        return any(
            record.origin == records.INTERPRETED
            for line in block[:end].split(b'\n')
            if b') : ' in line
            for record in records.records(line)
        )

    def _interpret(self, block: bytes, end: int) -> Iterator[audit_events.Event]:
        """Read line by line; what stands before the first line of `ausearch -i` is still certain."""
        if self._assembly is None:
            self._assembly = audit_events.Assembly(self._timezone)
        for line in block[:end].split(b'\n'):
            if self._assembly.add_line(line, self._waiting.__contains__):
                self.has_records = True
            if self._key in line and self._tells_of_call(line) and not self._is_known(line):
                self._add_unknown(line)
        # Of an event that began before
        _collect(block, end, self._waiting)
        yield from ()

    def _note(self, record: records.Record, incomplete: dict[hits.Key, audit_events.Event]) -> None:
        event: audit_events.Event = audit_events.Event(record.node, record.ident, record.body, record.tail)
        if record.origin == records.INTERPRETED:
            event = audit_events.InterpretedEvent(event, self._timezone)
        # What it is can depend on a record that contradicts it: whoever takes the event looks at all of it
        key = audit_events.key_of(record)
        if audit_events.has_key(event, self._key) and key not in self._waiting and key not in incomplete:
            if self.hits.is_met(key):
                self._again.add(key)
            fresh: audit_events.Event = audit_events.Event(
                record.node, record.ident, origin=record.origin, host=record.host
            )
            incomplete[key] = audit_events.InterpretedEvent(fresh, self._timezone) if event.interpreted else fresh

    def _note_keyless(self, block: bytes, end: int, incomplete: dict[hits.Key, audit_events.Event]) -> None:
        done = 0
        for place in records.without_syscall(block, end):
            if place < done:
                continue  # in the same line
            start = block.rfind(b'\n', done, place) + 1 or done
            stop = block.find(b'\n', place, end)
            done = end if stop < 0 else stop
            for record in records.records(block[start:done]):
                key = audit_events.key_of(record)
                is_taken = key in incomplete or key in self._waiting or self.hits.is_met(key)
                if record.kind == b'EXECVE' and record.origin != records.INTERPRETED and not is_taken:
                    incomplete[key] = audit_events.Event(
                        record.node, record.ident, origin=record.origin, host=record.host
                    )

    def _is_elsewhere(self, block: bytes, end: int) -> bool:
        """Whether our key stands elsewhere than as the key of a record. Those with a suffix are of other rules."""
        mentions, keys = block.count(self._key, 0, end), self.hits.quoted
        return mentions != keys and mentions - block.count(self._key + b'-', 0, end) != keys

    def _note_unknown(self, block: bytes, end: int) -> None:
        place = block.find(self._key, 0, end)
        while place >= 0:
            start = block.rfind(b'\n', 0, place) + 1
            stop = block.find(b'\n', place, end)
            stop = end if stop < 0 else stop
            line = block[start:stop]
            if self._tells_of_call(line) and not self._is_known(line):
                self._add_unknown(line)
            place = block.find(self._key, stop, end)
        if end < hits.SMALL:
            cut = _CUT.findall(block, 0, end)
            self.cut += len(cut)
            self.first_cut = self.first_cut or b''.join(cut[:1])

    def _tells_of_call(self, line: bytes) -> bool:
        """Whether a line names a system call and, after that, our key. In linear time, whatever stands in it."""
        calls = [place for place in (line.find(b'SYSCALL'), line.find(b'syscall')) if place >= 0]
        return bool(calls) and bool(self._named_key.search(line, min(calls) + 7))

    def _is_known(self, line: bytes) -> bool:
        """Whether the records of a line can be read, and no other one with our key is within it."""
        found = list(records.records(line))
        ours = [
            record
            for record in found
            if record.kind == b'SYSCALL' and self._key in record.body[record.body.find(b' key=') :]
        ]
        if ours and line.count(b' key="%s"' % self._key) > len(ours):
            return False
        return bool(found) and not any(
            record.origin != records.INTERPRETED and not audit_events.has_any_key(record) for record in ours
        )

    def _add_unknown(self, line: bytes) -> None:
        self.first_unknown = self.first_unknown or line
        record = next(records.records(line), None)
        self.is_garbled = self.is_garbled or (record is not None and record.origin == records.RAW)
        self.unknown += 1


def name(event: audit_events.Event) -> str:
    """What tells an event from all others of a host's logs, as text."""
    return texts.shown(event.ident if event.node is None else event.node + b' ' + event.ident)


def is_complete(event: audit_events.Event) -> bool:
    """Whether no further record can add to the event."""
    if event.syscall is None or event.cwd is None:
        return False
    return audit_events.argv(event)[1] is None or audit_events.outcome(event) == 'failed'


def _collect(block: bytes, end: int, wanted: dict[hits.Key, audit_events.Event]) -> None:
    """Put the records of the wanted events that stand in the block into them."""
    done = 0
    for place in _places(block, end, {ident for _host, _node, ident in wanted}):
        if place >= done:
            start = block.rfind(b'\n', done, place) + 1 or done
            done = block.find(b'\n', place, end) + 1 or end
            for record in records.records(block[start:done].rstrip(b'\n')):
                event = wanted.get(audit_events.key_of(record))
                if event is not None:
                    event.add(record)


def _places(block: bytes, end: int, idents: set[bytes]) -> list[int]:
    """Where the records with these times and serials may be, in order. To search for each is faster for a few."""
    places = []
    if len(idents) <= 3:
        for ident in idents:
            place = block.find(b'audit(%s)' % ident, 0, end)
            while place >= 0:
                places.append(place)
                place = block.find(b'audit(%s)' % ident, place + 1, end)
        return sorted(places)
    # One that is damaged can hold what divides the text: then all records are looked at
    is_damaged = any(b'audit(' in ident or b')' in ident for ident in idents)
    place = 0
    for piece in block[:end].split(b'audit('):
        if is_damaged or piece[: piece.find(b')')] in idents:
            places.append(place)
        place += len(piece) + 6
    return places
