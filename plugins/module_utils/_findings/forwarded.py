# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads findings that hosts forwarded, from the files of a log server.

A host writes each finding as the JSON object {"claude_hooks_docker_audit": 1, "id": TEXT, "kind": "finding", "finding":
{...}} into the MESSAGE of its journal; a verdict has the kind and the field "verdict". What carries it to the log
server may put a prefix before it, or the whole into a string of another object. A message that arrives twice has the
same id.
Whoever may write to the syslog can write such a message, so its origin is syslog.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import carried, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_MARK = names.FORWARDED.encode('ascii')
_DEEPEST = 4
_LONGEST = 64 << 10

# RFC 3164 and RFC 5424, as records.PREFIX, but with any tag
_SENDER = re.compile(rb'(?:<\d{1,3}>)?(?:' + records.TIME + rb'|1 \S{1,40} )(\S{1,255}) ')


class Forwarded(TypedDict):
    """A finding that a host forwarded, under the id of its message."""

    id: str
    finding: dict[str, Any]


class Reader:
    """Collects what was forwarded from blocks of one log. host is that of all of it, None where each line says it."""

    def __init__(self, host: str | None = None) -> None:
        self.found: list[Forwarded] = []
        self.verdicts = 0
        self.damaged = 0
        self._host = host

    def feed(self, block: bytes, end: int) -> int:
        """Read block[:end], which is whole lines. Returns how many of its lines were forwarded."""
        known = 0
        place = block.find(_MARK, 0, end)
        while place >= 0:
            start = block.rfind(b'\n', 0, place) + 1
            stop = block.find(b'\n', place, end)
            stop = end if stop < 0 else stop
            known += self._line(block[start:stop])
            place = block.find(_MARK, stop, end)
        return known

    def _line(self, line: bytes) -> bool:
        message, outer = _message(line)
        if message is None:
            return False
        kind, identity = message.get('kind'), message.get('id')
        if kind == 'verdict':
            self.verdicts += 1
            return True
        finding: Any = message.get('finding')
        if kind != 'finding' or not isinstance(identity, str) or not _is_finding(finding):
            self.damaged += 1
            return True
        sender = _SENDER.match(line)
        named = texts.shown(sender.group(1)) if sender else carried.host_of(outer)
        finding = {**finding, 'host': self._host or named or finding.get('host'), 'origin': records.SYSLOG}
        self.found.append({'id': identity, 'finding': finding})
        return True


def _is_finding(finding: Any) -> bool:
    """Whether every field is of its type: whoever may write to the syslog can have written it."""
    if not isinstance(finding, dict) or not _REQUIRED <= finding.keys() <= _FIELDS.keys():
        return False
    try:
        is_of_time = 0 <= times.moment(finding['timestamp']) < _LAST
    except (TypeError, AttributeError, times.TimeError):
        return False
    return is_of_time and all(_FIELDS[name](value) for name, value in finding.items())


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str) and not _SURROGATE.search(value)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _is_truth(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) and _is_text(part) for part in value)


def _is_names(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and isinstance(one, str) for name, one in value.items())


def _is_caller(value: Any, depth: int = 6) -> bool:
    if not isinstance(value, dict):
        return value is None
    return depth > 0 and all(
        _is_text(name)
        and (_is_list(part) if name in ('argv', 'argv_hex') else _is_plain(part) or _is_caller(part, depth - 1))
        for name, part in value.items()
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return abs(value) < 1 << 63  # nan is not
    return _is_text(value) or _is_number(value) or _is_truth(value) or _is_list(value)


_REQUIRED = frozenset(('host', 'timestamp', 'event', 'action', 'argv', 'targets', 'match'))
_FIELDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        'host timestamp event tty comm exe cwd user login_user node action subcommand docker_host context project '
        'signal match origin'.split(),
        _is_text,
    ),
    **dict.fromkeys('pid ppid uid auid ses'.split(), _is_number),
    **dict.fromkeys('keys targets matched argv argv_hex'.split(), _is_list),
    **dict.fromkeys('success argv_complete'.split(), _is_truth),
    'target_names': _is_names,
    'caller': _is_caller,
}
# What a host looks up for a finding, which can differ where it sends it once more
_LOOKED_UP = ('caller', 'target_names')
_SURROGATE = re.compile('[\ud800-\udfff]')
_LAST = 1 << 42  # milliseconds since 1970, in the year 2109


def _message(line: bytes) -> tuple[dict[str, Any] | None, Any]:
    """The message of a line, and the outermost object that it stands in."""
    text = texts.exact(line[:_LONGEST])
    place = text.find('{')
    if place < 0:
        return None, None
    try:
        outer = json.JSONDecoder().raw_decode(text, place)[0]
    except (ValueError, RecursionError):
        return None, None
    return _within(outer, _DEEPEST), outer


def _within(value: Any, depth: int) -> dict[str, Any] | None:
    if isinstance(value, str):
        if names.FORWARDED not in value or not value.lstrip().startswith('{'):
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict) and value.get(names.FORWARDED) == names.FORWARDED_VERSION:
        return value
    if depth and isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            found = _within(part, depth - 1)
            if found is not None:
                return found
    return None


class Wanted:
    """Chooses from what was forwarded, once for each id, as find.search() chooses from events."""

    def __init__(
        self,
        is_match: Callable[[str], bool],
        possible: bool,
        actions: Collection[str] | None,
        since: int | None,
        before: int | None,
    ) -> None:
        self.findings: list[dict[str, Any]] = []
        self.moments: list[int] = []
        self.twice = 0
        self.others = 0
        self._ids: set[tuple[Any, str, str]] = set()
        self._is_match = is_match
        self._possible = possible
        self._actions = actions
        self._since = since
        self._before = before

    def add(self, forwarded: Iterable[Forwarded]) -> None:
        for one in forwarded:
            finding = one['finding']
            # One host cannot hide what another sent, and no other finding what has the same id
            content = {name: value for name, value in finding.items() if name not in _LOOKED_UP}
            identity = (finding['host'], one['id'], json.dumps(content, sort_keys=True))
            if identity in self._ids:
                self.twice += 1
                continue
            self._ids.add(identity)
            moment = times.moment(finding['timestamp'])
            self.moments.append(moment)
            if (self._since is not None and moment < self._since) or (
                self._before is not None and moment > self._before
            ):
                continue
            if self._actions is not None and finding['action'] not in self._actions:
                continue
            if finding.get('match') == 'possible':
                if self._possible:
                    self.findings.append(finding)
            elif any(self._is_match(str(name)) for name in self._names(finding)):
                self.findings.append(finding)
            else:
                self.others += 1

    @staticmethod
    def _names(finding: dict[str, Any]) -> list[Any]:
        named = finding.get('target_names')
        matched = finding.get('matched')
        return [*(matched if isinstance(matched, list) else []), *(named.values() if isinstance(named, dict) else [])]
