# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts times between milliseconds since 1970, the formats of audit, and those that people write."""

from __future__ import annotations

import datetime
import functools
import re
import time

_IDENT = re.compile(r'([0-9]{1,11})\.([0-9]{3}):([0-9]{1,20})\Z')

_AGO = re.compile(r'-([0-9]{1,6})([smhdw])\Z')
_UNITS = {'s': 1000, 'm': 60000, 'h': 3600000, 'd': 86400000, 'w': 604800000}
_DAYS = {'today': 0, 'yesterday': 1}


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
            '%r is no ISO 8601 time: write it like 2026-11-24, 2026-11-24T03:57:43 or 2026-11-24T03:57:43.051Z, '
            'or today, yesterday, -30m, -2h, -3d, -1w' % (text,)
        ) from None
    return int(round(seconds * 1000))


def asked(text: str, zone: datetime.tzinfo | None = None, now: int | None = None) -> int:
    """A time as people ask for it, to milliseconds: ISO 8601, today and yesterday (midnight), -2h (so long ago)."""
    now = int(time.time() * 1000) if now is None else now
    word = text.strip().lower() if isinstance(text, str) else ''
    ago = _AGO.match(word)
    if ago:
        return max(0, now - int(ago.group(1)) * _UNITS[ago.group(2)])
    if word in _DAYS:
        day = datetime.datetime.fromtimestamp(now / 1000, datetime.timezone.utc).astimezone(zone).date()
        return moment((day - datetime.timedelta(days=_DAYS[word])).isoformat(), zone)
    return moment(text, zone)


def period(since: str, before: str | None = None) -> tuple[int, int | None]:
    """The two ends of a time that was asked for, in this machine's zone. before None: now."""
    now = int(time.time() * 1000)
    first = asked(since, None, now)
    last = None if before is None else asked(before, None, now)
    if last is not None and first > last:
        raise TimeError('since is later than before (%s, %s): nothing can be found' % (since, before))
    if first > now:
        raise TimeError('since lies in the future: nothing can be found yet')
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
