# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs on disk to audit events. The only code that opens log files.

Sources: auditd.conf(5) for log_file and write_logs; audit-userspace src/auditd-event.c rotate_logs() for the names and
the order of rotated logs (audit.log, then audit.log.1, the oldest has the highest number; a rotation renames them all).

The logs are read in blocks and only searched for our key; a whole event is taken with one match at the place of a hit.
Whatever does not have the usual shape is left to audit_log.records, line by line, so that both ways give the same.
Blocks are read, not mapped: a log that is truncated while it is mapped would kill the process with SIGBUS.
"""
from __future__ import annotations

import os
import re
import stat

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils import audit_log

CONFIG = '/etc/audit/auditd.conf'
DEFAULT_LOG = '/var/log/audit/audit.log'

# The records of one event are found when they lie less than this far apart. The kernel holds back 8192 records at most
# in the usual setting (-b 8192), of about 300 bytes.
BLOCK = 4 << 20

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
    + rb'(?:' + _OWN % rb'EXECVE' + rb'([^\n]*)\n((?:' + _OWN % rb'EXECVE' + rb'[^\n]*\n){0,64}))?'
    + _OTHER
    + rb'(?:' + _OWN % rb'CWD' + rb'([^\n]*)\n)?'
)


class LogReaderError(OSError):
    """The audit logs cannot be read."""


class Scan(object):
    """Finds the events with one key in audit log text that comes in blocks of whole lines.

    An event that is not complete where its SYSCALL record is found waits for the next block: its other records are
    looked for in the block before, its own and the next. Memory holds two blocks, whatever the length of the logs.
    """

    def __init__(self, key):
        self._key = key.encode('utf-8', 'surrogateescape')
        # Several keys of one rule come as one hex value; audit_log.keys tells which.
        self._hit = re.compile(rb' key=(?:"' + re.escape(self._key) + rb'"(?:' + _REST + rb')?|[0-9A-F])')
        self._key_length = len(b' key=""') + len(self._key)
        self._before = (b'', 0)
        self._waiting = {}
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
        yield from self._waiting.values()
        self._waiting = {}
        for key, event in found.items():
            if _is_complete(event):
                yield event
            else:
                self._waiting[key] = event
        self._before = (block, end)

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
                    if audit_log.has_key(event, self._key) and audit_log.outcome(event) is not None and self._is_new(event.node, event.ident):
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
            bodies += [line[line.index(b'): ') + 3:].partition(b'\x1d')[0] for line in further.split(b'\n')[:-1]]
        # The key is quoted and the last of the body, see self._hit
        body = block[start + len(head):place + self._key_length]
        event = audit_log.Event(node[5:-1] if node else None, ident, body, names or b'', bodies, cwd.partition(b'\x1d')[0])
        return event if audit_log.argv(event)[1] is None or audit_log.outcome(event) == 'failed' else None

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
            time = audit_log.when(audit_log.Event(None, block[place + 6:place + 90].partition(b')')[0]))[0] if place >= 0 else None
            if time is not None:
                self.first = time if self.first is None else min(self.first, time)
                self.last = time if self.last is None else max(self.last, time)


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
        if piece[:piece.find(b')')] in idents:
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
            raise LogReaderError('%s does not exist: auditd is not installed on this host, so nothing is logged' % config)
    except OSError as error:
        raise LogReaderError('cannot read %s: %s: run as root' % (config, error.strerror))
    if settings.get('write_logs', 'yes').lower() == 'no' or settings.get('log_format', '').lower() == 'nolog':
        raise LogReaderError(
            '%s says write_logs = no, so auditd keeps no log on this host: read where its plugins send the records, '
            'or set write_logs = yes and reload auditd' % config)
    return settings.get('log_file') or DEFAULT_LOG


class Reading(object):
    """One pass over the audit logs of a host, or over given files; events() first, then stats()."""

    def __init__(self, key, log=None, files=None, block=BLOCK):
        self._scan = Scan(key)
        self._log = log
        self._files = files
        self._block = block

    def events(self):
        """The events with the key, roughly in the order of the logs."""
        blocks = _blocks_of_log(self._log, self._block) if self._files is None else _blocks_of_files(self._files, self._block)
        for block, end in blocks:
            yield from self._scan.feed(block, end)
        yield from self._scan.finish()

    def stats(self):
        """How much was read, and which time it covers (milliseconds since 1970, or None)."""
        return {'bytes': self._scan.bytes, 'first': self._scan.first, 'last': self._scan.last}


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

    def rest(self, size):
        """What the last line of the file holds that has no end yet: it may be half a record."""
        rest = audit_log.uncut(os.pread(self.handle, size, self.offset))
        return [(rest, len(rest))] if rest else []


def _blocks_of_files(paths, size):
    for path in paths:
        handle = _open_file(path)
        try:
            file = _File(handle)
            yield from file.blocks(size)
            yield from file.rest(size)
        finally:
            os.close(handle)


def _blocks_of_log(log, size):
    """A log and its rotations, oldest first, also those that a rotation makes while they are read."""
    held = {}
    try:
        pending = _open_newer(log, held)
        if not pending:
            raise LogReaderError(
                '%s does not exist: auditd has written no log on this host. If `auditctl -s` shows the pid of another '
                'program, that one owns the audit records' % log)
        while pending:
            for file in pending[:-1]:
                yield from file.blocks(size)
                yield from file.rest(size)
            newest = pending[-1]
            yield from newest.blocks(size)
            pending = _open_newer(log, held)
            # auditd wrote to the old file up to the moment of a rotation
            yield from newest.blocks(size)
            yield from newest.rest(size)
    finally:
        for file in held.values():
            os.close(file.handle)


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
    return error.strerror + (': audit logs are for root and the log_group of auditd.conf' if isinstance(error, PermissionError) else '')
