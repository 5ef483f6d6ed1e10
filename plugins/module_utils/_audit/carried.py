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
LONGEST = 64 << 20  # what is held of one line

# Where collectors put what they decoded, which any user can have typed: names of audit's fields, of laurel, of Wazuh,
# of osquery, of Falco and of the Elastic Common Schema
_TYPED = re.compile(
    r'a\d{1,4}|arg[sv]?|arguments?|execve|process|proc|p?cmd(?:line)?|command|commandline|proctitle|title|exe|executable'
    r'|comm|cwd|name|path|key|directory|acct|primary|secondary|env|environment'
)
# What collectors call the line itself, which decides where other strings hold records, too: Wazuh's previous_output
_LINE = re.compile(r'(?i)(?:.{0,200}\.)?(?:message|msg|original|full_log|log|line|_?raw)\Z')
# What holds it elsewhere: Ansible, OpenTelemetry, Loki, Google Cloud, Vector; and what has no name, as a list of lines
_KNOWN = re.compile(
    _LINE.pattern[:-2]
    + r'|(?i:stdout(?:_lines)?|body|string_?value|values?|text_?payload|payload|text|content|line_text|)\Z'
)
# What ausearch prints between events, and a time beside a line, as Loki has it
_BETWEEN = re.compile(rb'-{4,}\Z|time->|[\d.:TZ+-]{1,40}\Z')

TORN = (
    'has objects in which several strings begin records of different events, so that nobody can tell which one the '
    'collector read. If each field is a host (Salt, the json callback of Ansible), give the text of one host at a time'
)
CHOSEN = (
    'has objects in which several strings begin records of different events: those of a usual name for the line '
    '(message, full_log, event.original and the like) were read'
)
BROKEN = (
    'has lists of lines, in which a text that a user chose can be a line of its own: give the text (stdout), not the '
    'list (stdout_lines)'
)
UNUSUAL = (
    'has objects in which no string of a usual name for the line (message, full_log, event.original and the like) is a '
    'record: another one was read, and if that holds arguments, whoever may run a command can have forged it'
)
CUT = 'has an entry that is not whole: the export of the journal was cut or changed'


def parsed(line: bytes) -> Any:
    """The JSON value of one line, or None."""
    try:
        return json.loads(line.strip().rstrip(b',').decode('utf-8', 'surrogateescape'), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None


def with_front(text: bytes) -> bytes:
    """The lines of a text that is no log of auditd: what begins one of them can come from whoever writes to it."""
    return re.sub(rb'(?m)^(?=(?:\xef\xbb\xbf)?(?:node=|type=))', _front(None), text)


class Objects:
    """Lines of the objects of one text. Notes what is not read, by reason: how often, and a line of the first."""

    def __init__(self) -> None:
        self.left_out: dict[str, tuple[int, bytes]] = {}

    def note(self, reason: str, sample: bytes) -> None:
        count, first = self.left_out.get(reason, (0, sample))
        self.left_out[reason] = count + 1, first

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
                if place + 8 + length >= len(text):
                    if is_all:
                        self.note(CUT, line)
                    return lines, start
                entry[texts.exact(name)] = texts.exact(text[place + 8 : place + 8 + length])
                place += 8 + length + 1
        if is_all:
            lines += self._lines_of(entry)
        return lines, len(text) if is_all else start

    def _lines_of(self, value: Any, host: str | None = None, depth: int = 0) -> Iterator[bytes]:
        """The lines of audit in one JSON value, wherever in it they stand, with the host that the object names."""
        if isinstance(value, list) and not all(isinstance(part, str) for part in value) and depth <= _DEEPEST:
            for part in value:
                yield from self._lines_of(part, host, depth + 1)
            return
        one = _Object(self)
        host = host_of(value) or host
        one.walk('', value, host, depth)
        yield from one.chosen()
        for part in one.inner:
            yield from self._lines_of(part, host, depth + 1)


class _Object:
    """One object: the places in it that hold lines, with their names, and the lists of objects that it has."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._holders: list[tuple[str, list[bytes]]] = []
        self._others: list[bytes] = []
        self._broken: list[bytes] = []
        self.inner: list[Any] = []

    def chosen(self) -> list[bytes]:
        """The lines of it, and what only looks like some."""
        holders = self._holders
        if self._broken and not holders:
            self._objects.note(BROKEN, self._broken[0])
        if not _agree(holders):
            holders = [holder for holder in holders if _LINE.match(holder[0])]
            is_told = bool(holders) and _agree(holders)
            self._objects.note(CHOSEN if is_told else TORN, self._holders[0][1][0])
            holders = holders if is_told else []
        elif holders and not any(_KNOWN.match(name) for name, _lines in holders):
            self._objects.note(UNUSUAL, holders[0][1][0])
        return (holders[0][1] if holders else []) + self._others

    def walk(self, name: str, value: Any, host: str | None, depth: int) -> None:
        """Look into a value that has this name."""
        if isinstance(value, str):
            self._look_into_text(name, value, host, depth)
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            self._look_into_list(name, value, host)
        elif depth > _DEEPEST:
            self._leave(json.dumps(value).encode())
        elif isinstance(value, list):
            self.inner.append(value)
        elif isinstance(value, dict) and ('_TRANSPORT' in value or '__REALTIME_TIMESTAMP' in value):
            self._take(name, list(_lines_of_journal(value)))
        elif isinstance(value, dict):
            # A pair, as OpenTelemetry writes attributes
            known = value['key'] if set(value) == {'key', 'value'} and isinstance(value['key'], str) else None
            for inner_name, part in value.items():
                called = inner_name if known is None else known
                if not any(_TYPED.fullmatch(word) for word in re.split('[._-]', called[:500].lower())):
                    self.walk(called, part, host, depth + 1)

    def _leave(self, text: bytes) -> None:
        """Let lines go on that begin no record, so that those with our key are noted."""
        self._others += [b'? ' + line for line in text.split(b'\n')]

    def _take(self, name: str, lines: list[bytes]) -> None:
        if lines:
            self._holders.append((name, lines))

    def _look_into_text(self, name: str, value: str, host: str | None, depth: int) -> None:
        within = parsed(texts.as_bytes(value)) if value.lstrip()[:1] == '{' else None
        if isinstance(within, dict):
            one = _Object(self._objects)
            one.walk(name, within, host_of(within) or host, depth + 1)
            # A user can have written this object
            self._holders += [(inner if _LINE.match(name) else name, lines) for inner, lines in one._holders]
            self._others += one._others
            self._broken += one._broken
            self.inner += one.inner
        elif 'audit(' in value:
            lines = _lines_with_host(host, texts.as_bytes(value).split(b'\n'))
            self._take(name, lines)
            if not lines:
                self._leave(texts.as_bytes(value))

    def _look_into_list(self, name: str, value: list[str], host: str | None) -> None:
        lines = [texts.as_bytes(part) for part in value]
        told = [line for line in lines if line.strip() and not _BETWEEN.match(line)]
        if len(told) > 1 and any(map(records.may_hold_text, told)) and any(map(records.is_record, told)):
            self._broken += told[:1]
        elif all(map(records.is_record, told)):
            self._take(name, _lines_with_host(host, told))


def _agree(holders: list[tuple[str, list[bytes]]]) -> bool:
    """Whether all hold records of the same events."""
    told = {frozenset(record.ident for line in lines for record in records.records(line)) for _name, lines in holders}
    return len(told) < 2


def _lines_with_host(host: str | None, lines: list[bytes]) -> list[bytes]:
    """The lines of a text that begins with a record, none of which goes on behind a hole of NUL bytes."""
    lines = [line.replace(b'\0', b' ') for line in lines if line.strip(b' \t\r\0') and not _BETWEEN.match(line)]
    if not lines or not records.is_record(lines[0]):
        return []
    first = next(records.records(lines[0]))
    can_be_part = len(lines) > 1 or first.origin == records.INTERPRETED
    front = _front(host, records.OF_LINES if can_be_part else b'audit')
    bare = (b'type=', b'node=', b' ', b'\t', b'\xef')
    return [front + line.lstrip(b' \t' + records.BOM) if line.startswith(bare) else line for line in lines]


def _front(host: str | None, tag: bytes = b'audit') -> bytes:
    named = re.sub(rb'\s', b'_', texts.as_bytes(host))[:255] if host else b'-'
    return b'1 - ' + named + b' ' + tag + b' - - - '


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
    message = entry.get('MESSAGE', entry.get('message'))
    if isinstance(message, list) and all(
        isinstance(byte, str) and byte.isascii() and byte.isdigit() and len(byte) < 4 for byte in message
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
