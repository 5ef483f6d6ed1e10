# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as this collection keeps them, milliseconds since 1970, and as people and audit write them."""

from __future__ import annotations

import datetime
import functools
import re

_IDENT = re.compile(r'([0-9]{1,11})\.([0-9]{3}):([0-9]{1,20})\Z')


class TimeError(ValueError):
    """A time that was asked for cannot be used."""


def moment(text: str, zone: datetime.tzinfo | None = None) -> int:
    """ISO 8601 to milliseconds. A time without offset is taken in zone, or in this machine's own."""
    try:
        parsed = datetime.datetime.fromisoformat(re.sub(r'[zZ]\Z', '+00:00', text.strip()))
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=zone)
        seconds = parsed.timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError, OSError):
        raise TimeError(
            '%r is no ISO 8601 time: write it like 2026-11-24, 2026-11-24T03:57:43 or 2026-11-24T03:57:43.051Z'
            % (text,)
        ) from None
    return int(round(seconds * 1000))


def period(since: str, before: str | None = None) -> tuple[int, int | None]:
    """The two ends of a time that was asked for. since can be today, before None: now."""
    first = moment(datetime.date.today().isoformat() if since == 'today' else since)
    last = None if before is None else moment(before)
    if last is not None and first > last:
        raise TimeError('since is later than before: nothing can be found')
    return first, last


def timestamp(milliseconds: int | None) -> str | None:
    """RFC 3339 in UTC with milliseconds, or None."""
    return None if milliseconds is None else '%s.%03dZ' % (_second(milliseconds // 1000), milliseconds % 1000)


@functools.lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')


def ident(milliseconds: int, serial: int) -> str:
    """The name of an audit event, SECONDS.MILLI:SERIAL."""
    return '%d.%03d:%d' % (milliseconds // 1000, milliseconds % 1000, serial)


def of_ident(text: str | None) -> tuple[int, int] | None:
    """(milliseconds, serial) of the name of an audit event, or None for what is none."""
    found = _IDENT.match(text or '')
    return (int(found.group(1)) * 1000 + int(found.group(2)), int(found.group(3))) if found else None
