# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the hits of one key in a block of audit text, and the events that are whole where they are.

The text is only searched for our key. An event of the usual shape is taken with one match at the place of a hit;
whatever does not have it is left to records.py.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Callable, Generator, Iterator, Optional, Protocol, Tuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records

Key = Tuple[Optional[bytes], Optional[bytes], bytes]  # host, node and ident, see events.key_of
Note = Callable[[records.Record], None]

# From so many hits in a block on, whole events are matched from their first line on
_MANY = 64
_RECORDS = 3  # SYSCALL, EXECVE and CWD: those of an event that tell of an execution

# So far round an event others that claim its time and serial are noticed, also where few of the events are ours
_NEAR = 16 << 10
_FEW = 64
SMALL = 512 << 10

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
_USUAL_CALL = b'%stype=SYSCALL msg=audit(%s): arch=c000003e syscall=59 success=yes '


class Idle(Protocol):
    """Somebody who only counts executions of commands without interest, which are most of what a host runs."""

    def is_inert(self, execve: bytes) -> bool:
        """Whether an execution with this EXECVE record is one of these, whatever its other records say."""

    def takes(self, execve: bytes, syscall: bytes) -> bool:
        """Whether an execution with this EXECVE record and SYSCALL record is one of these."""

    def count(self, idents: list[bytes]) -> None:
        """Count these."""


class Hits:
    """The search for one key, block by block. An event that was met before is not met again."""

    def __init__(self, key: bytes, idle: Idle | None = None) -> None:
        self.idle = idle
        self.skipped = 0  # executions that idle took
        self.all_usual = False  # whether every execution of the last block is ours and of the usual shape
        self._key = key
        # Several keys of one rule come as one hex value; events.keys tells which.
        self._hit = re.compile(rb' key=(?:"' + re.escape(key) + rb'"(?:' + _REST + rb')?|[0-9A-F])')
        self._quoted = b' key="' + key + b'"'
        self._encoded = key.hex().upper().encode('ascii')
        self._key_length = len(self._quoted)
        self._usual: tuple[bytes, re.Pattern[bytes]] | None = None
        self.quoted = 0  # how often the last block has our key as that of a record
        self.unread = 0  # hits of the last block in lines that hold no SYSCALL record that could be read
        # What was met, and a hash of what it said: of its EXECVE record alone where idle took it, 0 if not known yet
        self._seen: tuple[dict[Key, int], dict[Key, int]] = ({}, {})

    def turn(self) -> None:
        """Forget what was met before the last turn."""
        self._seen = (self._seen[1], {})

    def is_met(self, key: Key) -> bool:
        """Whether the event was met."""
        return any(key in known for known in self._seen)

    def is_same(self, key: Key, event: audit_events.Event) -> bool:
        """Whether an event says what the one said that was met under its time and serial, as far as that is known."""
        before, now = self._seen
        known = now.get(key) or before.get(key)
        return not known or not event.execve or known in (_hash(b'', event.execve[0]), _digest(event))

    def remember(self, key: Key, event: audit_events.Event) -> None:
        """Keep what an event says."""
        self._seen[1][key] = _digest(event)

    def search(self, block: bytes, end: int, note: Note) -> Generator[audit_events.Event, None, int]:
        """Yield the events that are whole where they are, note SYSCALL records of others, return the number of hits."""
        self.all_usual = False
        self.unread = 0
        hits = self.quoted = block.count(self._quoted, 0, end)
        is_encoded = block.find(self._encoded, 0, end) >= 0
        if not hits and not is_encoded:
            return 0
        mentions = _Mentions(block, end)
        parts = [(0, end)]
        if hits >= _MANY and records.is_clean(block, 0, end):
            parts = yield from self._search_whole(block, end, hits)
        for start, stop in parts:
            hits += yield from self._search_part(block, start, stop, note, mentions, is_encoded)
        return hits

    # Long, as a call for each event would take longer than all that is done with it.
    def _search_whole(
        self, block: bytes, end: int, hits: int
    ) -> Generator[audit_events.Event, None, list[tuple[int, int]]]:
        """The same for events of the usual shape, where so many are ours. Returns the parts of the block with others.

        An event is whole here if its records are three lines, and no other record of the block claims to be its.
        """
        node, pattern = self._usual_of(block)
        found = list(pattern.finditer(block, 0, end))
        name = node[5:-1] or None
        keys: dict[Key, int] = {(None, name, match[2]): hash(match[3]) for match in found}
        before, now = self._seen
        if len(keys) != len(found) or not (before.keys().isdisjoint(keys) and now.keys().isdisjoint(keys)):
            return [(0, end)]
        claims = _TELLING.findall(block, 0, end)
        # Those found have so many themselves
        is_all = len(claims) == _RECORDS * len(found)
        elsewhere = set() if is_all else {ident for ident, count in Counter(claims).items() if count != _RECORDS}
        now.update(keys)
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
                event = audit_events.Event(name, ident, syscall, names, [execve], cwd)
                if audit_events.argv(event)[1] is None:
                    now[None, name, ident] = _hash(syscall, execve)
                    yield event
                    continue
            now.pop((None, name, ident))
            parts.append((start, stop))
        if self.idle is not None and idle:
            self.skipped += len(idle)
            self.idle.count(idle)
        self.all_usual = is_all and not parts
        return parts if len(found) == hits else parts + _between(block, end, found)

    def _usual_of(self, block: bytes) -> tuple[bytes, re.Pattern[bytes]]:
        """What the lines of a block begin with, and the pattern of the end of a usual event of such lines."""
        node = records.node_of(block)
        if self._usual is None or self._usual[0] != node:
            names = {b'node': re.escape(node), b'key': re.escape(self._key)}
            self._usual = node, re.compile(_USUAL % names)
        return self._usual

    def _search_part(
        self,
        block: bytes,
        position: int,
        end: int,
        note: Note,
        mentions: _Mentions,
        is_encoded: bool,
    ) -> Generator[audit_events.Event, None, int]:
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
                key = (None, event.node, event.ident)
                if not self.is_met(key):
                    self.remember(key, event)
                    yield event
                elif not self.is_same(key, event):
                    event.problem = audit_events.CONTRADICTION
                    yield event
            else:
                return hits
            start = block.rfind(b'\n', position, hit.start()) + 1 or position
            position = block.find(b'\n', hit.start(), end) + 1 or end
            calls = [one for one in records.records(block[start:position].rstrip(b'\n')) if one.kind == b'SYSCALL']
            self.unread += not calls
            for record in calls:
                note(record)
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

    def _usual_event(
        self, block: bytes, position: int, hit: re.Match[bytes], mentions: _Mentions
    ) -> audit_events.Event | None:
        """The event of a hit if it is complete, has one record a line, and no record elsewhere claims to be its."""
        names, node, ident, execve, further, cwd = hit.groups()
        if cwd is None or not untailed(cwd).endswith(b'"'):
            return None
        place, end = hit.span()
        start = block.rfind(b'\n', position, place) + 1 or position
        head = node + b'type=SYSCALL msg=audit(' + ident + b'): '
        if not block.startswith(head, start):
            return None
        count = block.count(b'\n', start, end)
        if block.count(b'audit(', start, end) != count or not records.is_clean(block, start, end):
            return None
        bodies = [] if execve is None else [untailed(execve)]
        if further:
            bodies += [untailed(line[line.index(b'): ') + 3 :]) for line in further.split(b'\n')[:-1]]
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
        event = audit_events.Event(node[5:-1] if node else None, ident, body, names or b'', bodies, untailed(cwd))
        return event if audit_events.argv(event)[1] is None or audit_events.outcome(event) == 'failed' else None


class _Mentions:
    """Which records claim the time and serial of an event: counted at once where a search for each takes longer."""

    def __init__(self, block: bytes, end: int) -> None:
        self._block, self._end = block, end
        self._asked = 0
        self._counts: Counter[bytes] | None = None

    def has_others(self, ident: bytes, start: int, end: int, lines: int, telling: int) -> bool:
        """Whether there are more than those in block[start:end]: so many lines, so many that tell of the execution."""
        self._asked += 1
        if self._counts is None and (self._asked > _FEW or self._end < SMALL):
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


def _hash(syscall: bytes, execve: bytes) -> int:
    return hash(execve) if not syscall else hash((syscall, execve))


def _digest(event: audit_events.Event) -> int:
    return _hash(event.syscall or b'', event.execve[0]) if event.execve else 0


def _is_never(*_records: bytes) -> bool:
    return False


def _between(block: bytes, end: int, found: list[re.Match[bytes]]) -> list[tuple[int, int]]:
    """The parts of a block beside the events found, in lines."""
    edges = [0]
    for match in found:
        edges += [block.rfind(b'\n', 0, match.start()) + 1, match.end()]
    edges.append(end)
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2]) if start < stop]


def untailed(body: bytes) -> bytes:
    return body.partition(b'\x1d')[0]
