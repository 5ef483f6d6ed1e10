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
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from typing import Optional, Protocol, Tuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_Key = Tuple[Optional[bytes], Optional[bytes], bytes]  # host, node and ident, see events.key_of

# The records of one event are found when they lie less than this far apart. The kernel holds back 8192 records at most
# in the usual setting (-b 8192), of about 300 bytes.
BLOCK = 4 << 20

# Blocks that are shorter together are kept as one, to look for the records of an event in
_SHORT_BLOCK = 64 << 10

# From so many hits in a block on, whole events are matched from their first line on
_MANY = 64
_RECORDS = 3  # SYSCALL, EXECVE and CWD: those of an event that tell of an execution

# So far round an event others that claim its time and serial are noticed, also where few of the events are ours
_NEAR = 16 << 10
_FEW = 64
_SMALL = 512 << 10

# Records that say something of an execution, and those of other kinds that follow them
_TELLING = re.compile(rb'type=(?:SYSCALL|EXECVE|CWD|13\d\d) (?:msg=)?audit\(([^)\n]{1,80})\)')
_FOLLOWING = re.compile(
    rb'(?:node=\S{1,255} )?type=(?!SYSCALL|EXECVE|CWD)[A-Z_]{1,40} msg=audit\(([^)\n]{1,80})\): [^\n]*\n'
)

# What usually follows our key at the end of a SYSCALL: its tail, then the other records of the event. The groups:
# names, node and ident of the next line, first EXECVE, further ones, CWD. Anything else is left to records.records.
_OWN = rb'\2type=%s msg=audit\(\3\): '
_OTHER = rb'(?:' + _OWN % rb'(?!EXECVE|CWD|SYSCALL)[A-Z0-9_]{1,40}' + rb'[^\n]*\n){0,64}'
_REST = (
    rb'(?:\x1d([^\n]*))?\n'
    + rb'(?=((?:node=\S{1,255} )?)type=[A-Z0-9_]{1,40} msg=audit\((\d{1,11}\.\d{1,9}:\d{1,20})\): )'
    + _OTHER
    + rb'(?:'
    + _OWN % rb'EXECVE'
    + rb'([^\n]*)\n((?:'
    + _OWN % rb'EXECVE'
    + rb'[^\n]*\n){0,64}))?'
    + _OTHER
    + rb'(?:'
    + _OWN % rb'CWD'
    + rb'([^\n]*)\n)?'
)


# The same where an EXECVE and a CWD follow at once, as they do nearly always. The groups: names, ident, EXECVE, CWD.
# %(node)s is what each line begins with.
_USUAL = (
    rb' key="%(key)s"(?:\x1d([^\n]*))?\n'
    + rb'%(node)stype=EXECVE msg=audit\((\d{1,11}\.\d{1,9}:\d{1,20})\): ([^\n\x1d]*)(?:\x1d[^\n]*)?\n'
    + rb'%(node)stype=CWD msg=audit\(\2\): ( ?cwd="[!#-~]*")(?:\x1d[^\n]*)?\n'
)
_NODE = re.compile(rb'node=\S{1,255} ')
_USUAL_CALL = b'%stype=SYSCALL msg=audit(%s): arch=c000003e syscall=59 success=yes '


class Idle(Protocol):
    """Somebody who only counts executions of commands without interest, which are most of what a host runs."""

    def is_inert(self, execve: bytes) -> bool:
        """Whether an execution with this EXECVE record is one of these, whatever its other records say."""

    def takes(self, execve: bytes, syscall: bytes) -> bool:
        """Whether an execution with this EXECVE record and SYSCALL record is one of these."""

    def count(self, idents: list[bytes]) -> None:
        """Count these."""


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
        is_wanted: Callable[[audit.Event], bool] = audit.may_be_execution,
        timezone: datetime.tzinfo | None = None,
        idle: Idle | None = None,
    ) -> None:
        self.idle = idle
        self._is_wanted = is_wanted
        self._timezone = timezone
        self._key = texts.as_bytes(key)
        # Several keys of one rule come as one hex value; events.keys tells which.
        self._hit = re.compile(rb' key=(?:"' + re.escape(self._key) + rb'"(?:' + _REST + rb')?|[0-9A-F])')
        self._unknown_line = re.compile(
            rb'[^\n]*?(?:SYSCALL|syscall)[^\n]*?\bkey[^\n]{1,14}?' + re.escape(self._key) + rb'[^\n]*'
        )
        self._quoted = b' key="' + self._key + b'"'
        self._encoded = self._key.hex().upper().encode('ascii')
        self._key_length = len(self._quoted)
        self._usual: tuple[bytes, re.Pattern[bytes]] | None = None
        self._before: deque[tuple[bytes, int]] = deque()
        self._turned = 0
        self._all_usual = False  # whether every execution of the block is ours and of the usual shape
        self._waiting: dict[_Key, audit.Event] = {}
        self._since: dict[_Key, int] = {}
        self._seen: tuple[set[_Key], set[_Key]] = (set(), set())
        self._assembly: audit.Assembly | None = None
        self.bytes = 0
        self.first: int | None = None
        self.last: int | None = None
        self.has_records = False  # whether any line of the text is a record
        self.skipped = 0  # executions that idle took
        self.unknown = 0  # lines that tell of an execution with our key in no form that is known
        self.is_garbled = False  # whether one of them is a record that no user can have written
        self.first_unknown = b''

    def feed(self, block: bytes, end: int) -> Iterator[audit.Event]:
        """The events that are complete with block[:end], which is whole lines."""
        self.bytes += end
        if self._is_interpreted(block, end):
            yield from self._interpret(block, end)
            return
        if self.bytes - self._turned >= BLOCK:
            self._seen = (self._seen[1], set())
            self._turned = self.bytes
        found: dict[_Key, audit.Event] = {}
        hits = yield from self._search(block, end, found)
        if self._is_wanted is audit.may_be_execution and not self._all_usual:  # and not connects or signals
            self._note_keyless(block, end, found)
        if found:
            for before, before_end in self._before:
                _collect(before, before_end, found)
        if found or self._waiting:
            wanted = dict(self._waiting)
            wanted.update(found)
            _collect(block, end, wanted)
        if not hits or end < _SMALL:
            self._note_unknown(block, end)
        yield from self._complete(found)
        self._keep(block, end)

    def _complete(self, found: dict[_Key, audit.Event]) -> Iterator[audit.Event]:
        """The events that are complete now. The others wait for records that come within a block."""
        for key, event in list(self._waiting.items()):
            if is_complete(event) or self.bytes - self._since[key] >= BLOCK:
                del self._waiting[key], self._since[key]
                if self._may_be_ours(event):
                    yield event
        for key, event in found.items():
            if not is_complete(event):
                self._waiting[key] = event
                self._since[key] = self.bytes
            elif self._may_be_ours(event):
                yield event

    def _keep(self, block: bytes, end: int) -> None:
        """Keep the last blocks, of BLOCK bytes together."""
        if self._before and self._before[-1][1] + end <= _SHORT_BLOCK:
            before, before_end = self._before.pop()
            block, end = before[:before_end] + block[:end], before_end + end
        self._before.append((block, end))
        while sum(length for _block, length in self._before) - self._before[0][1] >= BLOCK:
            self._before.popleft()

    def end_text(self) -> Iterator[audit.Event]:
        """The events of `ausearch -i` text, which are known when it is read to its end. What comes next may be raw."""
        if self._assembly is not None:
            for event in self._assembly.events():
                if audit.has_key(event, self._key) and self._is_wanted(event):
                    yield event
            self._assembly = None
            self._before.clear()

    def finish(self) -> Iterator[audit.Event]:
        """The events that the end of the logs left incomplete."""
        yield from self.end_text()
        yield from (event for event in self._waiting.values() if self._may_be_ours(event))
        self._waiting = {}

    def _may_be_ours(self, event: audit.Event) -> bool:
        return audit.has_key(event, self._key) or audit.is_keyless(event)

    def _is_interpreted(self, block: bytes, end: int) -> bool:
        """Whether block[:end] is or begins to be `ausearch -i` text; notes the times that it covers, if it is not."""
        if self._assembly is not None:
            return True
        first, last = records.first_record(block, 0, end), records.last_record(block, 0, end)
        self.has_records = self.has_records or first is not None
        for record in (first, last):
            if record is not None and record.origin == records.INTERPRETED:
                return True
            moment = audit.moment_of(record.ident)[0] if record is not None else None
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)
        return end < _SMALL and b') : ' in block[:end] and self._has_interpreted_line(block, end)

    @staticmethod
    def _has_interpreted_line(block: bytes, end: int) -> bool:
        return any(
            record.origin == records.INTERPRETED
            for line in block[:end].split(b'\n')
            if b') : ' in line
            for record in records.records(line)
        )

    def _interpret(self, block: bytes, end: int) -> Iterator[audit.Event]:
        """Read line by line; what stands before the first line of `ausearch -i` is still certain."""
        if self._assembly is None:
            self._assembly = audit.Assembly(self._timezone)
        for line in block[:end].split(b'\n'):
            if self._assembly.add_line(line):
                self.has_records = True
            elif self._key in line and self._unknown_line.match(line):
                self._add_unknown(line)
        # Of an event that began before
        _collect(block, end, self._waiting)
        yield from ()

    def _search(self, block: bytes, end: int, incomplete: dict[_Key, audit.Event]) -> Generator[audit.Event, None, int]:
        """Yield the events that are whole where they are, note others in incomplete, return the number of hits."""
        self._all_usual = False
        hits = block.count(self._quoted, 0, end)
        is_encoded = block.find(self._encoded, 0, end) >= 0
        if not hits and not is_encoded:
            return 0
        mentions = _Mentions(block, end)
        parts = [(0, end)]
        if hits >= _MANY and _is_clean(block, 0, end):
            parts = yield from self._search_whole(block, end, hits)
        for start, stop in parts:
            hits += yield from self._search_part(block, start, stop, incomplete, mentions, is_encoded)
        return hits

    def _search_whole(self, block: bytes, end: int, hits: int) -> Generator[audit.Event, None, list[tuple[int, int]]]:
        """The same for events of the usual shape, where so many are ours. Returns the parts of the block with others.

        An event is whole here if its records are three lines, and no other record of the block claims to be its.
        """
        node, pattern = self._usual_of(block)
        found = list(pattern.finditer(block, 0, end))
        name = node[5:-1] or None
        keys = {(None, name, match[2]) for match in found}
        before, now = self._seen
        if len(keys) != len(found) or not (keys.isdisjoint(before) and keys.isdisjoint(now)):
            return [(0, end)]
        claims = _TELLING.findall(block, 0, end)
        # Those found have so many themselves
        is_all = len(claims) == _RECORDS * len(found)
        elsewhere = set() if is_all else {ident for ident, count in Counter(claims).items() if count != _RECORDS}
        now |= keys
        is_inert, takes = (_is_never, _is_never) if self.idle is None else (self.idle.is_inert, self.idle.takes)
        parts: list[tuple[int, int]] = []
        idle: list[bytes] = []
        for match in found:
            names, ident, execve, cwd = match.groups()
            place, stop = match.span()
            start = block.rfind(b'\n', 0, place) + 1
            if (
                block.startswith(_USUAL_CALL % (node, ident), start)
                and block.count(b'audit(', start, stop) == _RECORDS
                and block.find(b'\x1d', start, place) < 0
                and ident not in elsewhere
                and (names is None or b' key=' not in names)
                and stop - start < records.LONGEST
            ):
                if is_inert(execve):
                    idle.append(ident)
                    continue
                syscall = block[block.index(b'): ', start) + 3 : place + self._key_length]
                if takes(execve, syscall):
                    idle.append(ident)
                    continue
                if names is None or records.has_names_of_others(syscall):
                    names = b''
                event = audit.Event(name, ident, syscall, names, [execve], cwd)
                if audit.argv(event)[1] is None:
                    yield event
                    continue
            now.discard((None, name, ident))
            parts.append((start, stop))
        if self.idle is not None and idle:
            self.skipped += len(idle)
            self.idle.count(idle)
        self._all_usual = is_all and not parts
        return parts if len(found) == hits else parts + _between(block, end, found)

    def _usual_of(self, block: bytes) -> tuple[bytes, re.Pattern[bytes]]:
        """What the lines of a block begin with, and the pattern of the end of a usual event of such lines."""
        begin = _NODE.match(block)
        node = begin.group() if begin else b''
        if self._usual is None or self._usual[0] != node:
            names = {b'node': re.escape(node), b'key': re.escape(self._key)}
            self._usual = node, re.compile(_USUAL % names)
        return self._usual

    def _search_part(
        self,
        block: bytes,
        position: int,
        end: int,
        incomplete: dict[_Key, audit.Event],
        mentions: _Mentions,
        is_encoded: bool,
    ) -> Generator[audit.Event, None, int]:
        """The same for block[position:end], one by one."""
        hits = 0
        while position < end:
            # One search for all hits until one is not usual: that one may have matched more than its own line
            for hit in self._hits(block, position, end, is_encoded):
                hits += 1
                event = self._usual_event(block, position, hit, mentions)
                if event is None:
                    break
                position = hit.end()
                if self._is_new((None, event.node, event.ident)):
                    yield event
            else:
                return hits
            start = block.rfind(b'\n', position, hit.start()) + 1 or position
            position = block.find(b'\n', hit.start(), end) + 1 or end
            for record in records.records(block[start:position].rstrip(b'\n')):
                if record.kind == b'SYSCALL':
                    self._note(record, incomplete)
        return hits

    def _hits(self, block: bytes, position: int, end: int, is_encoded: bool) -> Iterator[re.Match[bytes]]:
        """Where our key is. The search for a text is faster than that for a pattern."""
        if is_encoded:
            yield from self._hit.finditer(block, position, end)
            return
        place = block.find(self._quoted, position, end)
        while place >= 0:
            hit = self._hit.match(block, place, end)
            if hit is None:
                return
            yield hit
            place = block.find(self._quoted, hit.end(), end)

    def _note(self, record: records.Record, incomplete: dict[_Key, audit.Event]) -> None:
        event: audit.Event = audit.Event(record.node, record.ident, record.body, record.tail)
        if record.origin == records.INTERPRETED:
            event = audit.InterpretedEvent(event, self._timezone)
        # What it is can depend on a record that contradicts it: whoever takes the event looks at all of it
        if (
            audit.has_key(event, self._key)
            and audit.key_of(record) not in self._waiting
            and self._is_new(audit.key_of(record))
        ):
            fresh: audit.Event = audit.Event(record.node, record.ident, origin=record.origin, host=record.host)
            incomplete[audit.key_of(record)] = (
                audit.InterpretedEvent(fresh, self._timezone) if event.interpreted else fresh
            )

    def _note_keyless(self, block: bytes, end: int, incomplete: dict[_Key, audit.Event]) -> None:
        for place in records.without_syscall(block[:end]):
            start = block.rfind(b'\n', 0, place) + 1
            stop = block.find(b'\n', place, end)
            for record in records.records(block[start : end if stop < 0 else stop]):
                key = audit.key_of(record)
                is_taken = any(key in known for known in (incomplete, self._waiting, *self._seen))
                if record.kind == b'EXECVE' and record.origin != records.INTERPRETED and not is_taken:
                    incomplete[key] = audit.Event(record.node, record.ident, origin=record.origin, host=record.host)

    def _usual_event(
        self, block: bytes, position: int, hit: re.Match[bytes], mentions: _Mentions
    ) -> audit.Event | None:
        """The event of a hit if it is complete, has one record a line, and no record elsewhere claims to be its."""
        names, node, ident, execve, further, cwd = hit.groups()
        if cwd is None or not _untailed(cwd).endswith(b'"'):
            return None
        place, end = hit.span()
        start = block.rfind(b'\n', position, place) + 1 or position
        head = node + b'type=SYSCALL msg=audit(' + ident + b'): '
        if not block.startswith(head, start):
            return None
        count = block.count(b'\n', start, end)
        if block.count(b'audit(', start, end) != count or not _is_clean(block, start, end):
            return None
        bodies = [] if execve is None else [_untailed(execve)]
        if further:
            bodies += [_untailed(line[line.index(b'): ') + 3 :]) for line in further.split(b'\n')[:-1]]
            if len(set(bodies)) != len(bodies):
                return None
        if mentions.has_others(ident, start, end, count, len(bodies) + 2):
            return None
        # The key is quoted and the last of the body, see self._hit
        body = block[start + len(head) : place + self._key_length]
        if b'\x1d' in body or (names and b' key=' in names) or len(body) + len(names or b'') >= records.LONGEST:
            return None
        if names and records.has_names_of_others(body):
            names = b''
        event = audit.Event(node[5:-1] if node else None, ident, body, names or b'', bodies, _untailed(cwd))
        return event if audit.argv(event)[1] is None or audit.outcome(event) == 'failed' else None

    def _is_new(self, key: _Key) -> bool:
        """Whether the event was not met before: logs can hold a record twice."""
        before, now = self._seen
        if key in now or key in before:
            return False
        now.add(key)
        return True

    def _note_unknown(self, block: bytes, end: int) -> None:
        place = block.find(self._key, 0, end)
        while place >= 0:
            start = block.rfind(b'\n', 0, place) + 1
            stop = block.find(b'\n', place, end)
            stop = end if stop < 0 else stop
            line = block[start:stop]
            if self._unknown_line.match(line) and not self._is_known(line):
                self._add_unknown(line)
            place = block.find(self._key, stop, end)

    def _is_known(self, line: bytes) -> bool:
        found = list(records.records(line))
        return bool(found) and not any(
            record.kind == b'SYSCALL'
            and self._key in record.body[record.body.rfind(b' key=') :]
            and not audit.has_any_key(record)
            for record in found
        )

    def _add_unknown(self, line: bytes) -> None:
        self.first_unknown = self.first_unknown or line
        record = next(records.records(line), None)
        self.is_garbled = self.is_garbled or (record is not None and record.origin == records.RAW)
        self.unknown += 1


class _Mentions:
    """Which records claim the time and serial of an event: counted at once where a search for each takes longer."""

    def __init__(self, block: bytes, end: int) -> None:
        self._block, self._end = block, end
        self._asked = 0
        self._counts: Counter[bytes] | None = None

    def has_others(self, ident: bytes, start: int, end: int, lines: int, telling: int) -> bool:
        """Whether there are more than those in block[start:end]: so many lines, so many that tell of the execution."""
        self._asked += 1
        if self._counts is None and (self._asked > _FEW or self._end < _SMALL):
            self._counts = Counter(_TELLING.findall(self._block, 0, self._end))
        if self._counts is not None:
            return self._counts[ident] != telling
        count = self._block.count(b'audit(%s)' % ident, max(0, start - _NEAR), min(self._end, end + _NEAR))
        while count > lines:
            following = _FOLLOWING.match(self._block, end, self._end)
            if following is None or following.group(1) != ident:
                return True
            lines += 1
            end = following.end()
        return False


def name(event: audit.Event) -> str:
    """What tells an event from all others of a host's logs, as text."""
    return texts.shown(event.ident if event.node is None else event.node + b' ' + event.ident)


def is_complete(event: audit.Event) -> bool:
    """Whether no further record can add to the event."""
    if event.syscall is None or event.cwd is None:
        return False
    return audit.argv(event)[1] is None or audit.outcome(event) == 'failed'


def _is_clean(block: bytes, start: int, end: int) -> bool:
    """Whether no byte is there that ends a record before its line ends, as in logs that were damaged or copied."""
    return block.find(b'\0', start, end) < 0 and block.find(b'\r', start, end) < 0


def _is_never(*_records: bytes) -> bool:
    return False


def _between(block: bytes, end: int, found: list[re.Match[bytes]]) -> list[tuple[int, int]]:
    """The parts of a block beside the events found, in lines."""
    edges = [0]
    for match in found:
        edges += [block.rfind(b'\n', 0, match.start()) + 1, match.end()]
    edges.append(end)
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2]) if start < stop]


def _untailed(body: bytes) -> bytes:
    return body.partition(b'\x1d')[0]


def _collect(block: bytes, end: int, wanted: dict[_Key, audit.Event]) -> None:
    """Put the records of the wanted events that stand in the block into them."""
    done = 0
    for place in _places(block, end, {ident for _host, _node, ident in wanted}):
        if place >= done:
            start = block.rfind(b'\n', done, place) + 1 or done
            done = block.find(b'\n', place, end) + 1 or end
            for record in records.records(block[start:done].rstrip(b'\n')):
                event = wanted.get(audit.key_of(record))
                if event is not None:
                    event.add(record)


def _places(block: bytes, end: int, idents: set[bytes]) -> list[int]:
    """Where the records with these times and serials are, in order. A search for each is faster while they are few."""
    places = []
    if len(idents) <= 3:
        for ident in idents:
            place = block.find(b'audit(%s)' % ident, 0, end)
            while place >= 0:
                places.append(place)
                place = block.find(b'audit(%s)' % ident, place + 1, end)
        return sorted(places)
    place = 0
    for piece in block[:end].split(b'audit('):
        if piece[: piece.find(b')')] in idents:
            places.append(place)
        place += len(piece) + 6
    return places
