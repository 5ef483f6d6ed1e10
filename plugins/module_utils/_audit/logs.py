# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs on disk to audit events. All findings from files come through here; host_facts looks at the ends of the logs alone.

Sources: auditd.conf(5) for log_file and write_logs; audit-userspace src/auditd-event.c rotate_logs() for the names and
the order of rotated logs (audit.log, then audit.log.1, the oldest has the highest number; a rotation renames them all).

The logs are read in blocks and only searched for our key; a whole event is taken with one match at the place of a hit.
Whatever does not have the usual shape is left to audit_log.records, line by line, so that both ways give the same.
Blocks are read, not mapped: a log that is truncated while it is mapped would kill the process with SIGBUS.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections import namedtuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log

CONFIG = '/etc/audit/auditd.conf'
DEFAULT_LOG = '/var/log/audit/audit.log'

# The records of one event are found when they lie less than this far apart. The kernel holds back 8192 records at most
# in the usual setting (-b 8192), of about 300 bytes.
BLOCK = 4 << 20

# Blocks that are shorter together are kept as one, to look for the records of an event in
_SHORT_BLOCK = 64 << 10

# auditd writes the records of an event at once. What is older than this and not complete will not become so.
SETTLED_SECONDS = 2

# What is compared of a file, at its start and before the place up to which it was read
_FINGERPRINT_BYTES = 512

# A line that is longer than this is no record (MAX_AUDIT_MESSAGE_LENGTH is 8970): it is a hole of NUL bytes or the like.
_LONGEST_LINE = 64 << 10

_ROTATED = re.compile(r'\.([1-9][0-9]{0,8})\Z')

# What usually follows our key at the end of a SYSCALL: its tail, then the other records of the event. The groups: names,
# node and ident of the next line, first EXECVE, further ones, CWD. Anything else is left to audit_log.records.
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


class LogReaderError(OSError):
    """The audit logs cannot be read."""


_Piece = namedtuple('_Piece', ('file', 'start', 'block', 'end', 'is_last', 'is_rest'))


def _is_execution(event):
    return audit_log.outcome(event) is not None


class Scan(object):
    """Finds the events with one key, the executions if nothing else is wanted, in audit log text that comes in blocks of whole lines.

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
            if _is_complete(event) or self.bytes - self._since[key] >= BLOCK:
                del self._waiting[key], self._since[key]
                yield event
        for key, event in found.items():
            if _is_complete(event):
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
            for record in audit_log.records(block[start:position]):
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


def _is_complete(event):
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
            for record in audit_log.records(block[start:done]):
                event = wanted.get((record.node, record.ident))
                if event is not None and record.kind is not None:
                    audit_log.add_record(event, record)


def _places(block, end, idents):
    """Where the records with these times and serials stand, in order. To search for each is faster while they are few."""
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


def log_path(config=CONFIG):
    """The log that auditd writes on this host. Raises LogReaderError where it writes none."""
    settings = {}
    try:
        with open(config, 'rb') as handle:
            for line in handle.read(1 << 20).decode('utf-8', 'replace').splitlines():
                name, separator, value = line.partition('=')
                if separator and not name.lstrip().startswith('#'):
                    settings[name.strip().lower()] = value.strip()
    except FileNotFoundError:
        if not os.path.exists(DEFAULT_LOG):
            raise LogReaderError(
                '%s does not exist: auditd is not installed on this host, so nothing is logged' % config
            )
    except OSError as error:
        raise LogReaderError('cannot read %s: %s: run as root' % (config, error.strerror))
    if settings.get('write_logs', 'yes').lower() == 'no' or settings.get('log_format', '').lower() == 'nolog':
        raise LogReaderError(
            '%s says write_logs = no, so auditd keeps no log on this host: read where its plugins send the records, '
            'or set write_logs = yes and reload auditd' % config
        )
    return settings.get('log_file') or DEFAULT_LOG


class Reading(object):
    """One pass over the audit logs of a host, or over given files; events() first, then stats()."""

    def __init__(self, key, log=None, files=None, block=BLOCK, is_wanted=_is_execution):
        self._scan = Scan(key, is_wanted)
        self._log = log
        self._files = files
        self._block = block

    def events(self):
        """The events with the key, roughly in the order of the logs."""
        if self._files is None:
            logs = _Logs(self._log)
            pieces = logs.pieces(self._block)
        else:
            logs = None
            pieces = _pieces_of_files(self._files, self._block)
        try:
            for piece in pieces:
                yield from self._scan.feed(piece.block, piece.end)
            yield from self._scan.finish()
        finally:
            if logs:
                logs.close()

    def stats(self):
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return {'bytes': self._scan.bytes, 'first': self._scan.first, 'last': self._scan.last}


class Following(object):
    """The events with one key that were not met before, by this reader or by an earlier one that left its position.

    position is None before anything was read, else a dict that JSON can hold:
      fingerprint  of the first record of the file that was read up to offset (bytes). It tells the file, whatever its name,
                   inode and device have become
      before       a fingerprint of what stands before the offset: after a crash a file can have lost its end
      done         the fingerprints of the older files
      reported     [events that stand behind the offset and were given all the same, as Scan.name() calls them]
      last         when the last record that was read was written (milliseconds since 1970)
    The offset stays before the first record that is not SETTLED_SECONDS old, so that an event is whole when it is passed,
    also where its records interleave with others or straddle a rotation. A clock may be set back: times of records are
    compared with each other only in a log that lost its end in a crash.
    """

    def __init__(self, key, log, position=None, block=BLOCK):
        self.position = position
        self.gap = None  # or (first, last) in milliseconds, each or None: what was written between may be lost
        self.is_waiting = False  # whether something is held back, to be asked for again in SETTLED_SECONDS
        self._key = key
        self._log = log
        self._block = block
        self._logs = None
        self._reported = set(position['reported']) if position else set()
        self._older = []
        self._repeated = None
        self._is_lost = False
        self._stats = {'bytes': 0, 'first': None, 'last': None}

    def events(self):
        """The new events. When all were taken, the position is behind them."""
        self._open()
        scan = Scan(self._key)
        place = None
        reported = set()
        self.is_waiting = False
        fresh = _Fresh(time.time())
        late = None
        for piece in self._logs.pieces(self._block):
            fresh = _Fresh(time.time())
            if not piece.is_rest:
                late = _late(piece, fresh)
            place = place or self._first_to_repeat(piece, fresh, late)
            repeated = self._repeated[1] if self._repeated and piece.file is self._repeated[0] else None
            yield from self._new(scan.feed(piece.block, piece.end), fresh, late, repeated, reported if place else None)
        yield from self._new(scan.finish(), fresh, late, None, reported if place else None)
        self._take_stats(scan)
        self._pass(place, reported, scan.last)

    def stats(self):
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return dict(self._stats)

    def close(self):
        if self._logs:
            self._logs.close()
            self._logs = None

    def _open(self):
        """Open what is to be read, and find the position in it."""
        if self._logs and not any(file.is_replaced() for file in self._logs.files):
            self._logs.open_newer()
            return
        self.close()
        self._logs = _Logs(self._log)
        self._repeated = None
        position = self.position
        if position is None:
            return
        files = self._logs.files
        same = [file for file in files if file.fingerprint() == position['fingerprint']]
        whole = [file for file in same if file.before(position['offset']) == position['before']]
        # While a log is copied and then truncated, the copy has the same first record
        if whole:
            number = files.index(whole[-1])
            self._older = [file.fingerprint() for file in files[:number]]
            self._logs.pass_by(files[:number])
            whole[-1].offset = position['offset']
            return
        self._is_lost = True
        done = [file for file in files if file.fingerprint() in position['done']]
        self._older = [file.fingerprint() for file in done]
        self._logs.pass_by(done)
        if same:
            # It lost its end, in a crash: what is not newer than the last that was read, was read
            self._repeated = (same[-1], position['last'])

    def _new(self, events, fresh, late, repeated, reported):
        for event in events:
            moment = audit_log.when(event)[0]
            if repeated is not None and moment is not None and moment <= repeated:
                continue
            name = Scan.name(event)
            if name not in self._reported:
                if not _is_complete(event) and (event.ident == late or fresh.holds(moment)):
                    self.is_waiting = True
                    continue
                yield event
            if reported is not None:
                reported.add(name)

    def _first_to_repeat(self, piece, fresh, late):
        """(file, offset) from where on a piece is to be read again, or None."""
        offset = fresh.place(piece.block, piece.end, late)
        if (
            offset is None
            and piece.is_rest
            and (piece.file is self._logs.files[-1] or fresh.holds(piece.file.modified()))
        ):
            offset = 0
        return None if offset is None else (piece.file, piece.start + offset)

    def _take_stats(self, scan):
        if self._is_lost and scan.bytes:
            self.gap = (self.gap[0] if self.gap else self.position['last'], None if self._repeated else scan.first)
            self._is_lost = False
        stats = self._stats
        stats['bytes'] += scan.bytes
        for name, choose in (('first', min), ('last', max)):
            times = [value for value in (stats[name], getattr(scan, name)) if value is not None]
            stats[name] = choose(times) if times else None

    def _pass(self, place, reported, last):
        """Note how far the logs were read, for the next call to go on from there."""
        if place is None or place[0].fingerprint() is None:
            begun = [file for file in self._logs.files if file.fingerprint()]
            place = (begun[-1], begun[-1].offset) if begun else None
        if place is None:
            return
        file, offset = place
        number = self._logs.files.index(file)
        self._older += [older.fingerprint() for older in self._logs.files[:number]]
        self._logs.pass_by(self._logs.files[:number])
        self._reported = reported
        self._repeated = None
        self.position = {
            'fingerprint': file.fingerprint(),
            'offset': offset,
            'before': file.before(offset),
            'done': [fingerprint for fingerprint in self._older if fingerprint],
            'reported': sorted(reported),
            'last': last if last is not None or self.position is None else self.position['last'],
        }
        for again in self._logs.files:
            again.offset = offset if again is file else 0


class _Fresh(object):
    """Tells which records are so new that others of their event may still come."""

    def __init__(self, now):
        self._now = now
        seconds = range(int(now - SETTLED_SECONDS), int(now + SETTLED_SECONDS) + 1)
        # Few blocks hold the first: they are searched once, the others once for each second
        self._spans = {b'audit(%d' % (second // 100) for second in seconds}
        self._seconds = [b'audit(%d' % second for second in seconds]

    def holds(self, moment):
        """moment in milliseconds since 1970. What lies in the future was written before the clock was set back."""
        return moment is not None and abs(self._now * 1000 - moment) < SETTLED_SECONDS * 1000

    def place(self, block, end, late):
        """Where the first line with such a record, or with one of the event late, starts in block[:end]; or None."""
        patterns = [b'audit(%s)' % late] if late else []
        if any(block.find(span, 0, end) >= 0 for span in self._spans):
            patterns += self._seconds
        places = [place for place in (block.find(pattern, 0, end) for pattern in patterns) if place >= 0]
        return block.rfind(b'\n', 0, min(places)) + 1 if places else None


def _late(piece, fresh):
    """The event of the last record of a file that is being written, as auditd may lag behind; or None."""
    if not piece.is_last or not fresh.holds(piece.file.modified()):
        return None
    place = piece.block.rfind(b'audit(', 0, piece.end)
    return piece.block[place + 6 : place + 90].partition(b')')[0] if place >= 0 else None


def lines_with(pattern, log, block=BLOCK):
    """The lines of a log and its rotations in which a pattern is found, as a list for each file, the newest file first."""
    logs = _Logs(log)
    try:
        for file in reversed(logs.files):
            lines = []
            for piece in file.pieces(block):
                for hit in pattern.finditer(piece.block, 0, piece.end):
                    start = piece.block.rfind(b'\n', 0, hit.start()) + 1
                    lines.append(piece.block[start : piece.block.find(b'\n', hit.start())])
            yield lines
    finally:
        logs.close()


def file_events(paths, key, timezone=None):
    """The events with the key in files: audit logs, oldest first, or what ausearch printed; timezone is for `ausearch -i`."""
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
    handle = _open_file(path)
    try:
        audit_log.refuse_other_formats(os.pread(handle, 400, 0))
        for block, end in _File(handle).blocks(BLOCK):
            place = block.find(b') : ', 0, end)
            while place >= 0:
                header = audit_log.HEADER.search(block, max(0, place - 160), place + 4)
                if header and header.group(3):
                    return True
                place = block.find(b') : ', place + 1, end)
        return False
    finally:
        os.close(handle)


class _File(object):
    """An open log and how far it is read."""

    def __init__(self, handle):
        self.handle = handle
        self.offset = 0
        self._fingerprint = None

    def blocks(self, size):
        """What was added since the last call, as (block, end of its last whole line)."""
        while True:
            block = os.pread(self.handle, size, self.offset)
            end = block.rfind(b'\n') + 1
            if not end and len(block) > _LONGEST_LINE:
                start = block.rfind(b'type=', len(block) - _LONGEST_LINE)
                end = start if start > 0 else len(block)
            if not end:
                return
            self.offset += end
            yield block, end

    def pieces(self, size):
        """What blocks() gives, with its place."""
        self.fingerprint()  # of what is read now, to be compared later
        for block, end in self.blocks(size):
            start = self.offset - end
            yield _Piece(self, start, block, end, start + len(block) >= os.fstat(self.handle).st_size, False)

    def rest_pieces(self, size):
        """What the last line of the file holds that has no end yet: it may be half a record."""
        rest = audit_log.uncut(os.pread(self.handle, size, self.offset))
        return [_Piece(self, self.offset, rest, len(rest), True, True)] if rest else []

    def modified(self):
        """When the file was written to, in milliseconds since 1970."""
        return os.fstat(self.handle).st_mtime * 1000

    def fingerprint(self):
        """What tells this log from any other: its first line holds a time and a serial. None while it has no line."""
        if self._fingerprint is None:
            self._fingerprint = self._first_line()
        return self._fingerprint

    def before(self, offset):
        """A fingerprint of what stands before the offset."""
        start = max(0, offset - _FINGERPRINT_BYTES)
        return _digest(os.pread(self.handle, offset - start, start))

    def is_replaced(self):
        """Whether the file was truncated since it was read, also if it has grown again. Of one that was empty nobody can tell."""
        return (
            self._fingerprint is None
            or os.fstat(self.handle).st_size < self.offset
            or self._first_line() != self._fingerprint
        )

    def _first_line(self):
        line, end, _rest = os.pread(self.handle, _FINGERPRINT_BYTES, 0).partition(b'\n')
        return _digest(line) if end or len(line) == _FINGERPRINT_BYTES else None


def _digest(text):
    return hashlib.sha256(text).hexdigest()[:32]


def _pieces_of_files(paths, size):
    for path in paths:
        handle = _open_file(path)
        try:
            file = _File(handle)
            yield from file.pieces(size)
            yield from file.rest_pieces(size)
        finally:
            os.close(handle)


class _Logs(object):
    """A log and its rotations, open and oldest first."""

    def __init__(self, log):
        self.files = []
        self._log = log
        self._held = {}
        self.open_newer()

    def open_newer(self):
        """Open also what is new since the last call."""
        self.files += _open_newer(self._log, self._held)
        if not self.files:
            raise LogReaderError(
                '%s does not exist: auditd has written no log on this host. If `auditctl -s` shows the pid of another '
                'program, that one owns the audit records' % self._log
            )

    def pieces(self, size):
        """What was not read yet, also of files that a rotation makes meanwhile."""
        for file in self.files:
            yield from file.pieces(size)
            if file is self.files[-1]:
                self.open_newer()
                # auditd wrote to the old file up to the moment of a rotation
                yield from file.pieces(size)
            yield from file.rest_pieces(size)

    def pass_by(self, files):
        """Read these no more. They stay open: an inode that is in use cannot become that of another file."""
        self.files = [file for file in self.files if file not in files]

    def close(self):
        for file in self._held.values():
            os.close(file.handle)
        self.files = []


def _open_newer(log, held):
    """Open the log and its rotations that are not held yet; oldest first.

    They are opened from the newest on: a rotation meanwhile moves files to higher numbers, so none is missed, and one
    that is met again is known by its inode, which cannot be used anew while it is open.
    """
    opened = []
    highest = max([0] + [int(found.group(1)) for found in map(_ROTATED.search, _siblings(log)) if found])
    number = 0
    while True:
        try:
            handle = _open('%s.%d' % (log, number) if number else log)
        except FileNotFoundError:
            if number > highest:
                break
        else:
            status = os.fstat(handle)
            identity = (status.st_dev, status.st_ino)
            if identity in held:
                os.close(handle)
                if number == 0 or not opened:
                    break
            else:
                held[identity] = _File(handle)
                opened.append(held[identity])
        number += 1
    return opened[::-1]


def _siblings(log):
    folder, name = os.path.split(log)
    try:
        return [entry for entry in os.listdir(folder or '.') if entry.startswith(name + '.')]
    except OSError as error:
        raise LogReaderError('cannot list %s: %s' % (folder, _reason(error)))


def _open_file(path):
    try:
        return _open(path)
    except FileNotFoundError:
        raise LogReaderError('%s does not exist' % path)


def _open(path):
    try:
        # A FIFO must not make us wait: O_NONBLOCK means nothing for a file
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LogReaderError('cannot read %s: %s' % (path, _reason(error)))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise LogReaderError('cannot read %s: it is not a file' % path)
    return handle


def _reason(error):
    return error.strerror + (
        ': audit logs are for root and the log_group of auditd.conf' if isinstance(error, PermissionError) else ''
    )
