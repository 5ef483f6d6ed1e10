# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to text and back: logs and command lines hold any bytes, JSON and screens hold text."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import overload


class PatternError(ValueError):
    """A name pattern cannot be used."""


@overload
def shown(value: bytes) -> str: ...


@overload
def shown(value: bytes | None) -> str | None: ...


def shown(value: bytes | None) -> str | None:
    """Bytes as text for JSON: bytes that are not UTF-8 as \\xNN."""
    return None if value is None else value.decode('utf-8', 'backslashreplace')


def quoted(value: bytes) -> str:
    """Bytes in quotes for a sentence: what cannot be printed is escaped, once, and most of what is no text left out."""
    text = ''.join(
        char if char.isprintable() else char.encode('unicode_escape').decode('ascii') for char in shown(value)
    )
    text = text if len(text) <= max(40, len(value) * 3 // 2) else text[:40] + '...'
    quote = '"' if "'" in text else "'"
    return quote + text + quote


@overload
def shown_text(value: str) -> str: ...


@overload
def shown_text(value: str | None) -> str | None: ...


def shown_text(value: str | None) -> str | None:
    """Text that may hold bytes as surrogates (see exact), shown."""
    return None if value is None else shown(as_bytes(value))


def exact(value: bytes) -> str:
    """Bytes as text from which as_bytes() gets them back; what is not UTF-8 becomes surrogates (PEP 383)."""
    return value.decode('utf-8', 'surrogateescape')


def as_bytes(value: str) -> bytes:
    """Text as bytes, also where it holds bytes as surrogates. What no encoder takes becomes a question mark."""
    try:
        return value.encode('utf-8', 'surrogateescape')
    except UnicodeEncodeError:
        return value.encode('utf-8', 'replace')


def is_utf8(value: bytes) -> bool:
    """Whether shown() tells the bytes without loss."""
    try:
        value.decode('utf-8')
    except UnicodeDecodeError:
        return False
    return True


def name_matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a name matches a shell pattern; case matters, as it does to the engine."""
    try:
        matches = re.compile(fnmatch.translate(pattern)).match
    except re.error as error:
        raise PatternError('the pattern %r of container names cannot be used: %s' % (pattern, error)) from error
    return lambda name: matches(name) is not None
