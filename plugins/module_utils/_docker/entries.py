# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads long JSON answers entry by entry, so that only one entry is in memory at a time.

Pure: pieces of bytes in, entries out.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator

LONGEST = 1 << 20  # bytes of an entry


class EntryError(ValueError):
    """What is wrong with an answer as a whole: "no list" or "cut"."""


def lines(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The lines of an answer that are not empty; None for one that is too long."""
    gathered = _Gathered()
    for piece in pieces:
        *ended, rest = piece.split(b'\n')
        for part in ended:
            gathered.add(part)
            yield from gathered.taken()
        gathered.add(rest)
    yield from gathered.taken()


def elements(pieces: Iterable[bytes]) -> Iterator[bytes | None]:
    """The elements of a JSON array; None for one that is too long. What is in them is not checked."""
    array = _Array()
    for piece in pieces:
        yield from array.feed(piece)
        if array.depth == 0 and piece.strip():
            break
    if array.depth != _ENDED:
        raise EntryError('cut' if array.depth else 'no list')


_ENDED = -1


class _Array:
    """Finds the ends of elements: commas and the closing bracket that stand in no text and in no other element."""

    _STRUCTURE = re.compile(rb'["\[\]{},]')
    _IN_TEXT = re.compile(rb'["\\]')

    def __init__(self) -> None:
        self.depth = 0  # 1 between the elements; _ENDED behind the array
        self._is_text = False
        self._skip = 0  # what a backslash at the end of a piece takes of the next one
        self._gathered = _Gathered()

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        start, self._skip, first = 0, 0, self._skip
        if self.depth == 0:
            start = first = len(piece) - len(piece.lstrip()) + 1
            if piece[start - 1 : start] != b'[':
                return
            self.depth = 1
        if self.depth == _ENDED:
            return  # what comes behind says nothing, but has to come: else the answer was cut
        for sign, place in self._signs(piece, first):
            is_end = sign in b']}'
            if self.depth == 1 and (is_end or sign == b','):
                self._gathered.add(piece[start : place - 1])
                yield from self._gathered.taken()
                start = place
            if is_end and self.depth == 1:
                self.depth = _ENDED
                return
            self.depth += (sign in b'[{') - is_end
        self._gathered.add(piece[start:])

    def _signs(self, piece: bytes, place: int) -> Iterator[tuple[bytes, int]]:
        """(sign, the place behind it) of what structures an array, outside of texts."""
        while True:
            hit = (self._IN_TEXT if self._is_text else self._STRUCTURE).search(piece, place)
            if hit is None:
                self._skip = max(0, place - len(piece))
                return
            sign, place = hit.group(), hit.end()
            if sign == b'"':
                self._is_text = not self._is_text
            elif sign == b'\\':
                place += 1
            else:
                yield sign, place


class _Gathered:
    """An entry that comes in parts. What makes it too long is dropped."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > LONGEST:
            self._parts = []
        else:
            self._parts.append(part)

    def taken(self) -> Iterator[bytes | None]:
        """The entry, if there is anything, and begin a new one."""
        entry = None if self._length > LONGEST else b''.join(self._parts)
        self._parts, self._length = [], 0
        if entry is None or entry.strip():
            yield entry
