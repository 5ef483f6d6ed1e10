# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the audit log and its rotated files in order, in blocks of whole lines; compressed files too.

Sources: audit-userspace src/auditd-event.c rotate_logs() for the names and the order of what auditd rotates
(audit.log, then audit.log.1, the oldest has the highest number; a rotation renames them all); logrotate(8) for dated
and compressed ones.

Blocks are read, not mapped: a log that is truncated while it is mapped would kill the process with SIGBUS.
"""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
    carried,
    forms,
    journal,
    records,
    rotations,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.events import moment_of
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

BLOCK = 1 << 20

# What is compared of a file, at its start and before the place up to which it was read
_FINGERPRINT_BYTES = 512
# A line that is longer than this is no record (MAX_AUDIT_MESSAGE_LENGTH is 8970): it is a hole of NUL bytes. But one
# with a JSON object can be longer.
_LONGEST_LINE = 64 << 10

_PACKED = {b'\x1f\x8b': gzip.open, b'\xfd7zXZ\0': lzma.open, b'BZh': bz2.open}
_PACKED_ERRORS = (EOFError, OSError, zlib.error, lzma.LZMAError)


LogReaderError = journal.LogReaderError


class Piece(NamedTuple):
    """A part of a log. block[:end] is whole lines; is_rest is what the last line has so far."""

    file: File
    start: int
    block: bytes
    end: int
    is_last: bool
    is_rest: bool


class File:
    """An open log and how far it is read. What is compressed is read as what it holds."""

    def __init__(self, handle: int, path: str = '') -> None:
        self.handle = handle
        self.offset = 0
        self._path = path
        self._fingerprint: str | None = None
        begin = os.pread(handle, 6, 0)
        self._unpack = next((opener for magic, opener in _PACKED.items() if begin.startswith(magic)), None)
        self._unpacked: IO[bytes] | None = None
        self._place = 0  # up to which it is unpacked, and what was there last
        self._held = b''
        self._goes_on = False  # whether the next block begins within a line
        self._is_json: bool | None = None

    def close(self) -> None:
        if self._unpacked is not None:
            self._unpacked.close()
            self._unpacked = None
        os.close(self.handle)

    def _read(self, size: int, offset: int) -> bytes:
        if self._unpack is None:
            return os.pread(self.handle, size, offset)
        try:
            if self._unpacked is None or offset < self._place - len(self._held):
                self._unpacked = self._unpack(os.fdopen(os.open('/proc/self/fd/%d' % self.handle, os.O_RDONLY), 'rb'))  # type: ignore[operator]
                self._place, self._held = 0, b''
            while self._place < offset:
                skipped = len(self._unpacked.read(min(1 << 20, offset - self._place)))
                self._held = b''
                if not skipped:
                    return b''
                self._place += skipped
            # A block ends with a line: what is behind that was unpacked already
            held = self._held[len(self._held) - (self._place - offset) :]
            more = self._unpacked.read(size - len(held)) if size > len(held) else b''
        except _PACKED_ERRORS as error:
            raise LogReaderError('cannot unpack %s: %s' % (self._path, error)) from error
        self._place += len(more)
        self._held = held + more
        return self._held[:size]

    def blocks(self, size: int) -> Iterator[tuple[bytes, int]]:
        """What was added since the last call, as (block, end of its last whole line)."""
        while True:
            block = self._next(size)
            end = block.rfind(b'\n') + 1
            if not end and len(block) > _LONGEST_LINE:
                block, end = self._long_line(block)
            if not end:
                return
            self.offset += end
            self._goes_on = block[end - 1 : end] not in (b'\n', b'\0')
            yield block, end

    def _next(self, size: int) -> bytes:
        block = self._read(size, self.offset)
        # No record begins in the middle of a line
        return b'?' + block[1:] if self._goes_on and block else block

    def _long_line(self, block: bytes) -> tuple[bytes, int]:
        """What is read of a line that is longer than a block: all of an object, else up to where a record may begin."""
        if self._is_json is None:
            self._is_json = forms.is_json(self._read(_LONGEST_LINE, 0))
        if not self._is_json:
            # A record behind a hole of NUL bytes
            last = len(block) - _LONGEST_LINE
            return block, max(block.rfind(b'\0type=', last), block.rfind(b'\0node=', last)) + 1 or len(block)
        size = len(block)
        while len(block) == size < carried.LONGEST and b'\n' not in block:
            size *= 2
            block = self._read(size, self.offset)
        return block, block.rfind(b'\n') + 1 or len(block)

    def text(self, size: int) -> Iterator[tuple[bytes, int, bool]]:
        """All of it: (block, end, whether that is the last line, which has no end)."""
        for block, end in self.blocks(size):
            yield block, end, False
        rest = self._next(size)
        if rest:
            yield rest, len(rest), True

    def pieces(self, size: int) -> Iterator[Piece]:
        """What blocks() gives, with its place."""
        self.fingerprint()  # of what is read now, to be compared later
        for block, end in self.blocks(size):
            start = self.offset - end
            is_last = self._unpack is None and start + len(block) >= os.fstat(self.handle).st_size
            yield Piece(self, start, block, end, is_last, False)

    def rest_pieces(self, size: int) -> list[Piece]:
        """What the last line of the file holds that has no end yet: it may be half a record."""
        rest = records.uncut(self._next(size))
        return [Piece(self, self.offset, rest, len(rest), True, True)] if rest else []

    def modified(self) -> float:
        """When the file was written to, in milliseconds since 1970."""
        return os.fstat(self.handle).st_mtime * 1000

    def first_moment(self) -> int | None:
        """When its first record was written, in milliseconds since 1970."""
        begin = self._read(_LONGEST_LINE, 0)
        record = records.first_record(begin, 0, len(begin))
        return moment_of(record.ident)[0] if record else None

    def fingerprint(self) -> str | None:
        """What tells this log from any other: its first line holds a time and a serial. None while it has no line."""
        if self._fingerprint is None:
            self._fingerprint = self._first_line()
        return self._fingerprint

    def before(self, offset: int) -> str:
        """A fingerprint of what stands before the offset."""
        start = max(0, offset - _FINGERPRINT_BYTES)
        return _digest(self._read(offset - start, start))

    def is_replaced(self) -> bool:
        """Whether the file was truncated since it was read, also if it has grown again; True for one that was empty."""
        return (
            self._fingerprint is None
            or (self._unpack is None and os.fstat(self.handle).st_size < self.offset)
            or self._first_line() != self._fingerprint
        )

    def _first_line(self) -> str | None:
        line, end, _rest = self._read(_FINGERPRINT_BYTES, 0).partition(b'\n')
        return _digest(line) if end or len(line) == _FINGERPRINT_BYTES else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


class _Journal(File):
    """The journal in the place of a log: read once, from its first entry to its last."""

    def __init__(self) -> None:
        self.offset = 0

    def close(self) -> None:
        pass

    def pieces(self, size: int) -> Iterator[Piece]:
        for block in journal.blocks(size):
            yield Piece(self, self.offset, block, len(block), False, False)
            self.offset += len(block)


class Logs:
    """A log and its rotations, open and oldest first; or the journal, where that is the log."""

    def __init__(self, log: str) -> None:
        self.files: list[File] = []
        self._log = log
        self._held: dict[tuple[int, int], File] = {}
        self.open_newer()

    def open_newer(self) -> None:
        """Open also what is new since the last call."""
        if self._log == journal.LOG:
            self.files = [_Journal()]
            return
        self.files += _open_newer(self._log, self._held)
        if not self.files:
            raise LogReaderError(
                '%s does not exist: auditd has written no log on this host. If `auditctl -s` shows the pid of another '
                'program, that program takes the audit records' % self._log
            )

    def pieces(self, size: int) -> Iterator[Piece]:
        """What was not read yet, also of files that a rotation makes meanwhile."""
        if self._log == journal.LOG:
            yield from self.files[0].pieces(size)
            return
        for file in self.files:
            yield from file.pieces(size)
            if file is self.files[-1]:
                self.open_newer()
                # auditd wrote to the old file up to the moment of a rotation
                yield from file.pieces(size)
            yield from file.rest_pieces(size)

    def pass_by(self, files: list[File]) -> None:
        """Read these no more. They stay open: an inode that is in use cannot become that of another file."""
        self.files = [file for file in self.files if file not in files]

    def close(self) -> None:
        for file in self._held.values():
            file.close()
        self.files = []


def lines_of(piece: Piece, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """The whole lines of a piece with a pattern, each once."""
    block, end = piece.block, piece.end
    done = 0
    for hit in pattern.finditer(block, 0, end):
        if hit.start() >= done:
            start = max(done, block.rfind(b'\n', done, hit.start()) + 1)
            stop = block.find(b'\n', hit.start(), end)
            stop = end if stop < 0 else stop
            done = stop + 1
            yield block[start:stop]


def lines_with(pattern: re.Pattern[bytes], log: str) -> Iterator[list[bytes]]:
    """The lines of a log and its rotations with a pattern, as a list for each file, the newest file first."""
    logs = Logs(log)
    try:
        for file in reversed(logs.files):
            yield [line for piece in file.pieces(BLOCK) for line in lines_of(piece, pattern)]
    finally:
        logs.close()


@contextlib.contextmanager
def opened(path: str) -> Iterator[File]:
    """One file that somebody named."""
    try:
        file = File(_open(path), path)
    except FileNotFoundError:
        raise LogReaderError('%s does not exist' % path) from None
    try:
        yield file
    finally:
        file.close()


def _open_newer(log: str, held: dict[tuple[int, int], File]) -> list[File]:
    """Open the log and its rotations that are not held yet; oldest first.

    They are opened from the newest on: a rotation meanwhile moves files to higher numbers, so none is missed, and one
    that is met again is known by its inode, which cannot be used anew while it is open. The folder is listed: a number
    says nothing of how many there are.
    """
    found: list[tuple[tuple[int, int], File]] = []
    waiting = _rotations(log)
    done = set()
    while waiting:
        path = min(waiting, key=waiting.__getitem__)
        place = waiting.pop(path)
        done.add(path)
        try:
            handle = _open(path)
        except FileNotFoundError:
            continue
        status = os.fstat(handle)
        identity = (status.st_dev, status.st_ino)
        if identity in held:
            os.close(handle)
        else:
            held[identity] = File(handle, path)
            found.append((place, held[identity]))
        if place[0] < 2:
            # A rotation meanwhile gives the next number to the file that had this one
            following = '%s.%d' % (log, place[1] + 1)
            if following not in done:
                waiting.setdefault(following, (1, place[1] + 1))
    if any(place[0] == 2 for place, _file in found):
        return _by_time([file for _place, file in reversed(found)])
    return [file for _place, file in reversed(found)]


def _by_time(opened_files: list[File]) -> list[File]:
    """Of dated and numbered rotations together only the first records tell the order."""
    last = 0
    keys = []
    for file in opened_files:
        moment = file.first_moment()
        last = last if moment is None else moment
        keys.append(last)
    order = sorted(range(len(opened_files)), key=lambda number: keys[number])
    return [opened_files[number] for number in order]


def _rotations(log: str) -> dict[str, tuple[int, int]]:
    folder, name = os.path.split(log)
    try:
        entries = os.listdir(folder or '.')
    except OSError as error:
        raise LogReaderError('cannot list %s: %s' % (folder, _reason(error))) from error
    found = {log: (0, 0)}
    for entry in entries:
        place = rotations.age(entry, name)
        if place is not None:
            found[os.path.join(folder, entry)] = place
    return found


def _open(path: str) -> int:
    try:
        return files.open_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LogReaderError('cannot read %s: %s' % (path, _reason(error))) from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)) + (
        ': audit logs are for root and the log_group of auditd.conf' if error.errno == errno.EACCES else ''
    )
