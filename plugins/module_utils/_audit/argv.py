# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the arguments of an execution from its EXECVE records.

Source: kernel/auditsc.c audit_log_execve_info. A value that has only the bytes 0x21 to 0x7e without the quote is
quoted, any other is upper-case hex; a long one comes in chunks, `a2_len=16000 a2[0]=..` and then `a2[1]=..` in further
records.
"""

from __future__ import annotations

import functools
import re
from binascii import unhexlify

_ARGC = re.compile(rb'argc=(\d{1,10})(?: |$)')
# What stands between the quoted arguments of the usual record: `argc=2 a0=`, ` a1=`, and nothing at the end
_QUOTED_BETWEEN = [
    [b'argc=%d a0=' % count] + [b' a%d=' % index for index in range(1, count)] + [b''] for count in range(64)
]
_PRINTABLE = bytes(range(0x20, 0x7F))
_QUOTE = ord('"')
_ARGUMENT = re.compile(rb' a(\d{1,10})(?:\[(\d{1,10})\])?=(?:"([!#-~]*)"|([0-9A-F]+))(?= |$)')
_LENGTH = re.compile(rb' a(\d{1,10})_len=(\d{1,12})(?= |$)')
_INTERPRETED_ARGUMENT = re.compile(rb' a(\d{1,10})(?:_len=\d{1,12} a\1)?(?:\[(\d{1,10})\])?=')
_HEX = re.compile(rb'(?:[0-9A-F]{2})+\Z')


def plain_argv(body: bytes) -> tuple[tuple[bytes, ...], int | None] | None:
    """What argv() gives for the usual record, argc=N and then N whole arguments in order; None for any other record."""
    # Hosts repeat their commands
    return _remembered_argv(body) if len(body) < 300 else _read_plain_argv(body)


def _read_plain_argv(body: bytes) -> tuple[tuple[bytes, ...], int | None] | None:
    if body.translate(None, _PRINTABLE):
        return None
    parts = body.split(b'"')
    count = len(parts) // 2
    if count < len(_QUOTED_BETWEEN) and parts[::2] == _QUOTED_BETWEEN[count] and body.count(b' ') == count:
        return tuple(parts[1::2]), None
    words = body.split(b' ')
    if words[0] != b'argc=%d' % (len(words) - 1):
        return None
    result: list[bytes] = []
    for position, word in enumerate(words[1:]):
        index, _separator, value = word.partition(b'=')
        if index != b'a%d' % position:
            return None
        if _HEX.match(value):
            result.append(unhexlify(value))
        elif len(value) > 1 and value[0] == value[-1] == _QUOTE and value.count(b'"') == 2:
            result.append(value[1:-1])
        else:
            return None
    return tuple(result), None


_remembered_argv = functools.lru_cache(maxsize=2000)(_read_plain_argv)


def joined_argv(bodies: list[bytes]) -> tuple[tuple[bytes, ...], int | None] | None:
    """What argv() gives for records with chunks, gaps or several bodies; None where they contradict each other."""
    counts: set[int] = set()
    chunks: dict[int, dict[int, tuple[bytes, bytes]]] = {}
    lengths: dict[int, int] = {}
    for body in bodies:
        declared = _ARGC.match(body)
        if declared:
            counts.add(int(declared.group(1)))
        for index, chunk, quoted, encoded in _ARGUMENT.findall(b' ' + body):
            if len(encoded) % 2 == 0:
                parts = chunks.setdefault(int(index), {})
                written = (quoted or encoded, unhexlify(encoded) if encoded else quoted)
                if parts.setdefault(int(chunk or 0), written) != written:
                    return None
        if b'_len=' in body:
            for index, length in _LENGTH.findall(body):
                lengths.setdefault(int(index), int(length))
    if len(counts) > 1:
        return None
    return _in_order(chunks, lengths, next(iter(counts), None))


def _in_order(
    chunks: dict[int, dict[int, tuple[bytes, bytes]]], lengths: dict[int, int], count: int | None
) -> tuple[tuple[bytes, ...], int | None]:
    result: list[bytes] = []
    gap = None
    expected = 0
    for index in sorted(chunks):
        parts = chunks[index]
        # The length counts the characters in the record. The kernel calls it untrusted, as another thread can change
        # the argument meanwhile: so it never sizes anything here, it only shows that a chunk is missing.
        whole = sorted(parts) == list(range(len(parts))) and sum(
            len(written) for written, _value in parts.values()
        ) >= lengths.get(index, 0)
        if gap is None and (index != expected or not whole):
            gap = len(result)
        if whole:
            result.append(b''.join(parts[position][1] for position in sorted(parts)))
        expected = index + 1
    if gap is None and (count is None or expected != count):
        gap = len(result)
    return tuple(result), gap


def interpreted_argv(bodies: list[bytes]) -> tuple[bytes, ...]:
    """The likeliest arguments of `ausearch -i` text, which has neither quotes nor escapes: only ever a guess."""
    parts: dict[int, dict[int, bytes]] = {}
    for body in bodies:
        body = b' ' + (body[:-1] if body.endswith(b' ') else body)
        starts: list[tuple[tuple[int, int], re.Match[bytes]]] = []
        last: tuple[int, int] | None = None
        for found in _INTERPRETED_ARGUMENT.finditer(body):
            place = (int(found.group(1)), int(found.group(2) or 0))
            if last is None or place in ((last[0] + 1, 0), (last[0], last[1] + 1)):
                starts.append((place, found))
                last = place
        for position, (place, found) in enumerate(starts):
            end = starts[position + 1][1].start() if position + 1 < len(starts) else len(body)
            parts.setdefault(place[0], {}).setdefault(place[1], body[found.end() : end])
    return tuple(b''.join(parts[index][chunk] for chunk in sorted(parts[index])) for index in sorted(parts))
