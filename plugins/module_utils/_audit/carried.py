# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the lines of audit out of JSON and of what journalctl exports.

There is no code for single products. A collector that keeps the original line in some string of a JSON object is read
whatever it calls that string, if it is not a name for arguments and the like. What it says of the host goes in front of
the line, as in RFC 5424.
Sources: systemd.journal-fields(7) and JOURNAL_EXPORT_FORMATS.md of systemd for what journalctl exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_DEEPEST = 12
LONGEST = 64 << 20  # what is held of one entry of an export, or of one line

# Where collectors put what they decoded, which any user can have typed: names of audit's fields, of laurel, of Wazuh
# and of the Elastic Common Schema
_TYPED = re.compile(
    r'(?i)(?:.*\.)?(?:a\d{1,4}|arg[sv]?|arguments?|execve|process|cmd(?:_?line)?|command(?:_?line)?|proctitle|title|exe'
    r'|executable|comm|cwd|name|path|key|working_directory)(?:\..*)?\Z'
)
# What collectors call the line itself, which decides where other strings hold records, too: Wazuh's previous_output
_LINE = re.compile(r'(?i)(?:.*\.)?(?:message|msg|original|full_log|log|line|_?raw)\Z')
_BETWEEN = re.compile(rb'-{4,}\Z|time->')  # what ausearch prints between events


def parsed(line: bytes) -> Any:
    """The JSON value of one line, or None."""
    try:
        return json.loads(line.strip().rstrip(b',').decode('utf-8', 'surrogateescape'), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None


def with_front(text: bytes) -> bytes:
    """The lines of a text that is no log of auditd: what begins one of them can come from whoever writes to it."""
    return re.sub(rb'(?m)^(?=node=|type=)', _front(None), text)


class Objects:
    """Lines of the objects of one text. Counts those in which several strings begin records of different events."""

    def __init__(self) -> None:
        self.torn = 0
        self.first_torn = b''

    def of_lines(self, text: bytes) -> Iterator[bytes]:
        """One object a line; lines that are none go through."""
        for line in text.split(b'\n'):
            if b'audit' in line or b'AUDIT' in line:
                value = parsed(line)
                yield from [with_front(line)] if value is None else self._lines_of(value)

    def of_text(self, text: bytes) -> Iterator[bytes]:
        """JSON values one after the other, or in one list, over as many lines as they like."""
        decoder = json.JSONDecoder(parse_int=str, parse_float=str)
        written = text.decode('utf-8', 'surrogateescape')
        place = 0
        while place < len(written):
            if written[place] in ' \t\r\n,':
                place += 1
                continue
            try:
                value, place = decoder.raw_decode(written, place)
            except (ValueError, RecursionError):
                yield with_front(texts.as_bytes(written[place:]))
                return
            yield from self._lines_of(value)

    def of_export(self, text: bytes, is_all: bool) -> tuple[list[bytes], int]:
        """Lines of the entries of `journalctl -o export`, and where the first one begins that is not whole yet.

        NAME=value, or NAME, eight bytes of length and value; a blank line ends an entry.
        """
        lines: list[bytes] = []
        entry: dict[str, Any] = {}
        place = start = 0
        while place < len(text):
            end = text.find(b'\n', place)
            if end < 0 and not is_all:
                return lines, start
            end = len(text) if end < 0 else end
            line = text[place:end]
            place = end + 1
            name, separator, value = line.partition(b'=')
            if not line:
                lines += self._lines_of(entry)
                entry, start = {}, place
            elif separator:
                entry[texts.exact(name)] = texts.exact(value)
            else:
                length = int.from_bytes(text[place : place + 8], 'little')
                if place + 8 + length >= len(text) and not is_all and length < LONGEST:
                    return lines, start
                entry[texts.exact(name)] = texts.exact(text[place + 8 : place + 8 + length])
                place += 8 + length + 1
        if is_all:
            lines += self._lines_of(entry)
        return lines, len(text) if is_all else start

    def _lines_of(self, value: Any, host: str | None = None, depth: int = 0) -> Iterator[bytes]:
        """The lines of audit in one JSON value, wherever in it they stand, with the host that the object names."""
        if depth > _DEEPEST:
            return
        if isinstance(value, list) and not all(isinstance(part, str) for part in value):
            for part in value:
                yield from self._lines_of(part, host, depth + 1)
            return
        inner: list[Any] = []
        host = host_of(value) or host
        holders = [(name, lines) for name, lines in _holders('', value, host, inner, depth) if lines]
        if not _agree(holders):
            holders = [(name, lines) for name, lines in holders if _LINE.match(name)] or holders
        if not _agree(holders):
            self.torn += 1
            self.first_torn = self.first_torn or holders[0][1][0]
        elif holders:
            yield from holders[0][1]
        for part in inner:
            yield from self._lines_of(part, host, depth + 1)


def _agree(holders: list[tuple[str, list[bytes]]]) -> bool:
    """Whether all hold records of the same events."""
    told = {frozenset(record.ident for line in lines for record in records.records(line)) for _name, lines in holders}
    return len(told) < 2


def _holders(
    name: str, value: Any, host: str | None, inner: list[Any], depth: int
) -> Iterator[tuple[str, list[bytes]]]:
    """The name and the lines of each place of an object. A list of strings is one; objects in lists go to inner."""
    if isinstance(value, str):
        within = parsed(texts.as_bytes(value)) if value.lstrip()[:1] == '{' else None
        if isinstance(within, dict):
            for inner_name, lines in _holders(name, within, host_of(within) or host, inner, depth + 1):
                yield inner_name if _LINE.match(name) else name, lines  # a user can have written this object
        elif 'audit(' in value:
            yield name, _lines_with_host(host, texts.as_bytes(value).split(b'\n'))
    elif depth > _DEEPEST:
        return
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        lines = [line for part in value for line in texts.as_bytes(part).split(b'\n')]
        is_text = all(records.is_record(line) for line in lines if line.strip() and not _BETWEEN.match(line))
        yield name, _lines_with_host(host, lines) if is_text else []
    elif isinstance(value, list):
        inner.append(value)
    elif isinstance(value, dict):
        is_entry = '_TRANSPORT' in value or '__REALTIME_TIMESTAMP' in value
        yield name, list(_lines_of_journal(value)) if is_entry else []
        for inner_name, part in () if is_entry else value.items():
            if not _TYPED.match(inner_name):
                yield from _holders(inner_name, part, host, inner, depth + 1)


def _lines_with_host(host: str | None, lines: list[bytes]) -> list[bytes]:
    """The lines of a text that begins with a record."""
    lines = [line for line in lines if line.strip() and not _BETWEEN.match(line)]
    if not lines or not records.is_record(lines[0]):
        return []
    found = []
    for line in lines:
        record = next(records.records(line), None)
        has_prefix = record is not None and record.is_forwarded and line[:1] not in b' \t'
        found.append(line if has_prefix else _front(host) + line.lstrip(b' \t'))
    return found


def _front(host: str | None) -> bytes:
    named = re.sub(rb'\s', b'_', texts.as_bytes(host))[:255] if host else b'-'
    return b'1 - ' + named + b' audit - - - '


_HOST_NAMES = (
    'host',
    'hostname',
    '_hostname',
    'host.name',
    'host_name',
    'agent.name',
    'beat.hostname',
    'fromhost',
    'node',
)
_HOST_HOLDERS = (
    'host',
    'agent',
    'beat',
    'observer',
    'kubernetes',
    '_source',
    'fields',
    'result',
    'resource',
    'attributes',
)


def host_of(value: Any, depth: int = 0) -> str | None:
    """What a JSON object calls the host that it is from."""
    if not isinstance(value, dict) or depth > 3:
        return None
    named = {str(name).lower(): part for name, part in value.items()}
    for name in _HOST_NAMES:
        if isinstance(named.get(name), str) and named[name]:
            return str(named[name])
    for holder in _HOST_HOLDERS:
        part = named.get(holder)
        if isinstance(part, dict):
            inner = {str(name).lower(): one for name, one in part.items()}
            for name in ('name', 'hostname', 'host'):
                if isinstance(inner.get(name), str) and inner[name]:
                    return str(inner[name])
            found = host_of(part, depth + 1)
            if found:
                return found
    return None


_AUDIT_TAG = re.compile(r'.*audi(?:t|sp)')


def _lines_of_journal(entry: dict[str, Any]) -> Iterator[bytes]:
    """An entry of the journal. What starts with an underscore is set by journald itself and can be believed."""
    message = entry.get('MESSAGE')
    if isinstance(message, list) and all(
        isinstance(byte, str) and byte.isdigit() and len(byte) < 4 for byte in message
    ):
        message = texts.exact(bytes(int(byte) & 255 for byte in message))
    if not isinstance(message, str):
        return
    host = entry.get('_HOSTNAME')
    host = host if isinstance(host, str) else None
    text = texts.as_bytes(message)
    if entry.get('_TRANSPORT') == 'audit':
        moment, serial = str(entry.get('_SOURCE_REALTIME_TIMESTAMP')), str(entry.get('_AUDIT_ID'))
        kind, _blank, body = text.partition(b' ')
        if re.match(r'\d{7,17}\Z', moment) and re.match(r'\d{1,20}\Z', serial):
            head = 'msg=audit(%s.%s:%s): ' % (moment[:-6], moment[-6:-3], serial)
            # A line end in it is that of a user, who must not begin a record there
            yield _front(host) + b'type=' + kind + b' ' + head.encode() + body.replace(b'\n', b' ')
    elif entry.get('_TRANSPORT') == 'kernel' or _is_of_audit(entry):
        yield from _lines_with_host(host, re.sub(rb'^audit: ', b'', text).split(b'\n'))


def _is_of_audit(entry: dict[str, Any]) -> bool:
    """Whether a program of audit wrote an entry to the journal: anybody can choose the tag, nobody the uid."""
    return str(entry.get('_UID')) == '0' and bool(_AUDIT_TAG.match(str(entry.get('SYSLOG_IDENTIFIER'))))
