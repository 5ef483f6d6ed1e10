# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit log text in blocks to the events with one key."""

from __future__ import annotations

import os
import re

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms, logs, records

# Blocks that are shorter together are kept as one, to look for the records of an event in
_SHORT_BLOCK = 64 << 10


# What usually follows our key at the end of a SYSCALL: its tail, then the other records of the event. The groups:
# names, node and ident of the next line, first EXECVE, further ones, CWD. Anything else is left to audit_log.records.
_OWN = rb'\2type=%s msg=audit\(\3\): '
_OTHER = rb'(?:' + _OWN % rb'(?!EXECVE|CWD)[A-Z0-9_]{1,40}' + rb'[^\n]*\n){0,64}'
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


def _is_execution(event):
    return audit_log.outcome(event) is not None


class Scan(object):
    """Finds the events with one key, by default the executions, in audit log text that comes in blocks of whole lines.

    The other records of an event that is not complete where its SYSCALL record is found are looked for in the block
    before, its own and those that follow, for the length of one block. A rotation can make blocks that are very short:
    these count as one with what was before. Memory holds two blocks, whatever the length of the logs.
    """

    def __init__(self, key, is_wanted=_is_execution):
        self._is_wanted = is_wanted
        self._key = key.encode('utf-8', 'surrogateescape')
        # Several keys of one rule come as one hex value; audit_log.keys tells which.
        self._hit = re.compile(rb' key=(?:"' + re.escape(self._key) + rb'"(?:' + _REST + rb')?|[0-9A-F])')
        self._key_length = len(b' key=""') + len(self._key)
        self._before = (b'', 0)
        self._waiting = {}
        self._since = {}
        self._seen = (set(), set())
        self.bytes = 0
        self.first = None
        self.last = None

    def feed(self, block, end):
        """The events that are complete with block[:end], which is whole lines."""
        self.bytes += end
        self._note_times(block, end)
        self._seen = (self._seen[1], set())
        found = {}
        yield from self._search(block, end, found)
        if found:
            _collect(self._before[0], self._before[1], found)
        if found or self._waiting:
            wanted = dict(self._waiting)
            wanted.update(found)
            _collect(block, end, wanted)
        for key, event in list(self._waiting.items()):
            if is_complete(event) or self.bytes - self._since[key] >= logs.BLOCK:
                del self._waiting[key], self._since[key]
                yield event
        for key, event in found.items():
            if is_complete(event):
                yield event
            else:
                self._waiting[key] = event
                self._since[key] = self.bytes
        before, before_end = self._before
        self._before = (
            (block, end) if before_end + end > _SHORT_BLOCK else (before[:before_end] + block[:end], before_end + end)
        )

    def finish(self):
        """The events that the end of the logs left incomplete."""
        yield from self._waiting.values()
        self._waiting = {}

    def _search(self, block, end, incomplete):
        """Yield the events that are whole where they stand; note the others in incomplete."""
        # These bytes end a record before its line ends, and are in no log that was not damaged or copied
        clean = b'\0' not in block and b'\r' not in block
        position = 0
        while position < end:
            # One search for all hits until one is not usual: that one may have matched more than its own line
            for hit in self._hit.finditer(block, position, end):
                event = self._usual_event(block, position, hit) if clean else None
                if event is None:
                    break
                position = hit.end()
                if self._is_new(event.node, event.ident):
                    yield event
            else:
                return
            start = block.rfind(b'\n', position, hit.start()) + 1 or position
            position = block.find(b'\n', hit.start(), end) + 1 or end
            for record in records.records(block[start:position]):
                if record.kind == 'SYSCALL':
                    event = audit_log.Event(record.node, record.ident, record.body)
                    if (
                        audit_log.has_key(event, self._key)
                        and self._is_wanted(event)
                        and self._is_new(event.node, event.ident)
                    ):
                        incomplete[(event.node, event.ident)] = audit_log.Event(event.node, event.ident)

    def _usual_event(self, block, position, hit):
        """The event of a hit if it is complete and has one record in each line, else None."""
        names, node, ident, execve, further, cwd = hit.groups()
        if cwd is None:
            return None
        place, end = hit.span()
        start = block.rfind(b'\n', position, place) + 1 or position
        head = node + b'type=SYSCALL msg=audit(' + ident + b'): '
        if not block.startswith(head, start):
            return None
        # Each line has a record: most events have three lines up to CWD, for others the lines are counted
        records = block.count(b'audit(', start, end)
        if (records != 3 or execve is None) and records != block.count(b'\n', start, end):
            return None
        bodies = [] if execve is None else [execve.partition(b'\x1d')[0]]
        if further:
            bodies += [line[line.index(b'): ') + 3 :].partition(b'\x1d')[0] for line in further.split(b'\n')[:-1]]
        # The key is quoted and the last of the body, see self._hit
        body = block[start + len(head) : place + self._key_length]
        event = audit_log.Event(
            node[5:-1] if node else None, ident, body, names or b'', bodies, cwd.partition(b'\x1d')[0]
        )
        return event if audit_log.argv(event)[1] is None or audit_log.outcome(event) == 'failed' else None

    @staticmethod
    def name(event):
        """What tells an event from all others of a host's logs, as text."""
        return (event.ident if event.node is None else event.node + b' ' + event.ident).decode(
            'utf-8', 'backslashreplace'
        )

    def _is_new(self, node, ident):
        """Whether the event was not met before: logs can hold a record twice."""
        key = ident if node is None else node + b' ' + ident
        before, now = self._seen
        if key in now or key in before:
            return False
        now.add(key)
        return True

    def _note_times(self, block, end):
        for place in (block.find(b'audit(', 0, end), block.rfind(b'audit(', 0, end)):
            moment = (
                audit_log.when(audit_log.Event(None, block[place + 6 : place + 90].partition(b')')[0]))[0]
                if place >= 0
                else None
            )
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)


def is_complete(event):
    """Whether no further record can add to the event."""
    if event.syscall is None or event.cwd is None:
        return False
    return audit_log.argv(event)[1] is None or audit_log.outcome(event) == 'failed'


def _collect(block, end, wanted):
    """Put the records of the wanted events that stand in the block into them."""
    done = 0
    for place in _places(block, end, {ident for _node, ident in wanted}):
        if place >= done:
            start = block.rfind(b'\n', done, place) + 1 or done
            done = block.find(b'\n', place, end) + 1 or end
            for record in records.records(block[start:done]):
                event = wanted.get((record.node, record.ident))
                if event is not None and record.kind is not None:
                    audit_log.add_record(event, record)


def _places(block, end, idents):
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


class Reading(object):
    """One pass over the audit logs of a host, or over given files; events() first, then stats()."""

    def __init__(self, key, log=None, files=None, block=logs.BLOCK, is_wanted=_is_execution):
        self._scan = Scan(key, is_wanted)
        self._log = log
        self._files = files
        self._block = block

    def events(self):
        """The events with the key, roughly in the order of the logs."""
        if self._files is None:
            opened = logs.Logs(self._log)
            pieces = opened.pieces(self._block)
        else:
            opened = None
            pieces = logs.pieces_of_files(self._files, self._block)
        try:
            for piece in pieces:
                yield from self._scan.feed(piece.block, piece.end)
            yield from self._scan.finish()
        finally:
            if opened:
                opened.close()

    def stats(self):
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return {'bytes': self._scan.bytes, 'first': self._scan.first, 'last': self._scan.last}


def file_events(paths, key, timezone=None):
    """The events with the key in files: audit logs, oldest first, or ausearch output; timezone is that of its -i."""
    raw = []
    for path in paths:
        if _is_interpreted(path):
            with open(path, 'rb') as handle:
                yield from audit_log.events(handle.read(), timezone)
        else:
            raw.append(path)
    yield from Reading(key, files=raw).events()


def _is_interpreted(path):
    """Whether a file holds `ausearch -i` text. Raises AuditLogError for the formats that cannot be read."""
    handle = logs.open_file(path)
    try:
        forms.refuse_other_formats(os.pread(handle, 400, 0))
        for block, end in logs.File(handle).blocks(logs.BLOCK):
            place = block.find(b') : ', 0, end)
            while place >= 0:
                header = records.HEADER.search(block, max(0, place - 160), place + 4)
                if header and header.group(3):
                    return True
                place = block.find(b') : ', place + 1, end)
        return False
    finally:
        os.close(handle)
