# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs on disk."""

from __future__ import annotations

import hashlib
import os
import re
from collections import namedtuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files as own_files

# The records of one event are found when they lie less than this far apart. The kernel holds back 8192 records at most
# in the usual setting (-b 8192), of about 300 bytes.
BLOCK = 4 << 20
# What is compared of a file, at its start and before the place up to which it was read
_FINGERPRINT_BYTES = 512
# A line that is longer than this is no record (MAX_AUDIT_MESSAGE_LENGTH is 8970): it is a hole of NUL bytes.
_LONGEST_LINE = 64 << 10
_ROTATED = re.compile(r'\.([1-9][0-9]{0,8})\Z')


class LogReaderError(OSError):
    """The audit logs cannot be read."""


Piece = namedtuple('Piece', ('file', 'start', 'block', 'end', 'is_last', 'is_rest'))


def lines_with(pattern, log, block=BLOCK):
    """The lines of a log and its rotations with a pattern, as a list for each file, the newest file first."""
    logs = Logs(log)
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


class File(object):
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
            yield Piece(self, start, block, end, start + len(block) >= os.fstat(self.handle).st_size, False)

    def rest_pieces(self, size):
        """What the last line of the file holds that has no end yet: it may be half a record."""
        rest = records.uncut(os.pread(self.handle, size, self.offset))
        return [Piece(self, self.offset, rest, len(rest), True, True)] if rest else []

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
        """Whether the file was truncated since it was read, also if it has grown again; True for one that was empty."""
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


def pieces_of_files(paths, size):
    for path in paths:
        handle = open_file(path)
        try:
            file = File(handle)
            yield from file.pieces(size)
            yield from file.rest_pieces(size)
        finally:
            os.close(handle)


class Logs(object):
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
                held[identity] = File(handle)
                opened.append(held[identity])
        number += 1
    return opened[::-1]


def _siblings(log):
    folder, name = os.path.split(log)
    try:
        return [entry for entry in os.listdir(folder or '.') if entry.startswith(name + '.')]
    except OSError as error:
        raise LogReaderError('cannot list %s: %s' % (folder, _reason(error))) from error


def open_file(path):
    try:
        return _open(path)
    except FileNotFoundError:
        raise LogReaderError('%s does not exist' % path) from None


def _open(path):
    try:
        return own_files.open_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LogReaderError('cannot read %s: %s' % (path, _reason(error))) from error


def _reason(error):
    return error.strerror + (
        ': audit logs are for root and the log_group of auditd.conf' if isinstance(error, PermissionError) else ''
    )


# The names that moved, for those who have not followed yet
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (  # noqa: E402
    config,
    follow,
    scan,
)


def __getattr__(name):
    for module in (config, follow, scan):
        if name in vars(module):
            return vars(module)[name]
    raise AttributeError(name)
