# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the times that `ausearch -i` prints: local times, with dates in the format of the user's locale (strftime %x).

Source: audit-userspace src/ausearch-report.c. Of `05/11/26` nobody can tell whether it is in May or in November, unless
another date of the same text has a day above 12: then no time is told rather than a wrong one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

DAY_FIRST, MONTH_FIRST = 'day first', 'month first'

_LOCAL = re.compile(rb'(\d{1,4})(\D{1,8})(\d{1,4})(\D{1,8})(\d{1,4})\D{0,8} (\d\d):(\d\d):(\d\d)\.(\d{3}):(\d{1,20})\Z')


def order(idents: Iterable[bytes]) -> str | None:
    """Whether the day or the month stands first in the dates of one text, or None where they do not tell."""
    found: str | None = None
    for ident in idents:
        local = _LOCAL.match(ident)
        if local is None or not _is_unclear(local):
            continue
        first, second = int(local.group(1)), int(local.group(3))
        told = DAY_FIRST if first > 12 else MONTH_FIRST if second > 12 else found
        if found is not None and told != found:
            return None
        found = told
    return found


def is_ambiguous(ident: bytes, known: str | None) -> bool:
    """Whether a date can be read in two ways."""
    local = _LOCAL.match(ident)
    return local is not None and _is_unclear(local) and known is None and local.group(1) != local.group(3)


def _is_unclear(local: re.Match[bytes]) -> bool:
    """With the year at the start or dots between, the order is known: it is 2026-11-24, 24.11.2026 everywhere."""
    return len(local.group(1)) < 4 and b'.' not in local.group(2)


def moment(ident: bytes, zone: datetime.tzinfo | None, known: str | None) -> tuple[int | None, int]:
    """(milliseconds since 1970 or None, serial or 0) of what stands between the brackets."""
    local = _LOCAL.match(ident)
    if local is None:
        last = re.search(rb':(\d{1,20})\Z', ident)
        return None, int(last.group(1)) if last else 0
    serial = int(local.group(10))
    if zone is None or is_ambiguous(ident, known):
        return None, serial
    numbers = [int(local.group(place)) for place in (1, 3, 5)]
    if len(local.group(1)) == 4:
        year, month, day = numbers
    elif _is_unclear(local) and known == MONTH_FIRST:
        month, day, year = numbers
    else:
        day, month, year = numbers
    try:
        hour, minute, second = (int(local.group(place)) for place in (6, 7, 8))
        when = datetime.datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second)
        seconds = int(when.replace(tzinfo=zone).timestamp())
    except (ValueError, OverflowError):
        return None, serial
    return seconds * 1000 + int(local.group(9)), serial
