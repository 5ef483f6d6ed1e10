# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the filter and the lookup share, checked."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

import zoneinfo

_OFFSET = re.compile(r'([+-])([01]\d|2[0-3]):?([0-5]\d)\Z')


class OptionError(ValueError):
    """An option has a value that cannot be used."""


def checked(container: Any, key: Any, possible: Any, containers: Any, host: Any) -> dict[str, Any]:
    """The options of findings.find() that every way of asking has."""
    for label, value in (('container', container), ('key', key)):
        if not isinstance(value, str) or not value:
            raise OptionError('%s must be a non-empty string, not %r' % (label, value))
    if not isinstance(possible, bool):
        raise OptionError('possible must be true or false, not %r' % (possible,))
    if not isinstance(containers, Mapping) or not all(
        isinstance(part, str) for pair in containers.items() for part in pair
    ):
        raise OptionError('containers must map container ids to names')
    if host is not None and not isinstance(host, str):
        raise OptionError('host must be a string, not %r' % (host,))
    return {'name': container, 'key': key, 'possible': possible, 'containers': dict(containers), 'host': host}


def zone(text: Any) -> datetime.tzinfo | None:
    """A time zone by its name (Europe/Berlin, UTC) or offset (+02:00), or None."""
    if text is None:
        return None
    if isinstance(text, str):
        offset = _OFFSET.match(text)
        if offset:
            minutes = int(offset.group(2)) * 60 + int(offset.group(3))
            return datetime.timezone(datetime.timedelta(minutes=-minutes if offset.group(1) == '-' else minutes))
        if text in ('UTC', 'Z'):
            # also where the system has no time zone files
            return datetime.timezone.utc
        try:
            return zoneinfo.ZoneInfo(text)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise OptionError('timezone must be a name like Europe/Berlin or an offset like +01:00, not %r' % (text,))
