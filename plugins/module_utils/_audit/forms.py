# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the many formats of audit text into lines that records.py reads, or names the format that cannot be read.

There is no code for single products. A collector that keeps the original line in some string of a JSON object is read
whatever it calls that string. What it says of the host goes in front of the line, as in RFC 5424.
Sources: systemd.journal-fields(7) and JOURNAL_EXPORT_FORMATS.md of systemd for what journalctl exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_RAW_WAY = 'use `ausearch --raw -k KEY --input-logs </dev/null`'
_TAIL_LINE = re.compile(rb'(?:ARCH|SADDR|[A-Z_]{0,5}[UG]ID|OLD-AUID)=')
_EXPORT = re.compile(rb'(?:__CURSOR|__REALTIME_TIMESTAMP|_TRANSPORT)=')
_BEGINS = re.compile(rb'node=|type=|[A-Z]{3,20} [a-z]+=')
_JSON = re.compile(rb'\{|\[\s*[\[{]')
_LONGEST_JSON = 64 << 20  # of a text that does not have one object a line
_DEEPEST = 12

# What a text is that holds no record, by what stands at its beginning or in its first line with our key
_NAMES: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb'\s*NODE,EVENT,DATE,'), 'the csv format of ausearch', 'which leaves out the arguments: ' + _RAW_WAY),
    (
        re.compile(rb'\s*(?:On \S{1,255} at|At) \d\d:\d\d:\d\d \S{1,20} '),
        'the text format of ausearch',
        'which leaves out the arguments of commands: ' + _RAW_WAY,
    ),
    (re.compile(rb'\x1f\x8b|\xfd7zXZ\0|BZh'), 'compressed', 'give the file itself to the lookup, or unpack it'),
    (re.compile(rb'\x28\xb5\x2f\xfd|PK\x03\x04|\x04"M\x18'), 'compressed', 'unpack it first'),
    (re.compile(rb'\xff\xfe|\xfe\xff|\S\0\S\0|\0\S\0\S'), 'UTF-16', 'convert it to UTF-8'),
    (
        re.compile(rb'\{.{0,200}"(?:SYSCALL|EXECVE)" ?: ?[\[{]', re.DOTALL),
        'JSON of laurel',
        'which keeps no audit record: give the audit.log of that host',
    ),
    (
        re.compile(rb'\{.{0,200}"messages" ?: ?\[ ?\{.{0,80}"(?:type|data)"', re.DOTALL),
        'JSON of go-audit',
        'which keeps no audit record: give the audit.log of that host',
    ),
    (
        re.compile(rb'(?is).{0,3000}?(?:&quot;|&#34;)|\s*<(?:!doctype|html|pre)\b'),
        'HTML',
        'give the text as it was, without &quot; for quotes',
    ),
    (
        re.compile(rb'.{0,3000}?=""[^"\n]', re.DOTALL),
        'CSV, in which quotes are doubled',
        'export the original lines as text or JSON',
    ),
    (re.compile(rb'[^\n]{0,3000}?=\\+"'), 'a part of JSON, in which quotes are escaped', 'give the whole objects'),
    (
        re.compile(
            rb'(?:[^\n]{0,200}\baudit(?:\[\d{1,10}\])?: (?:audit: )?)?[A-Z][A-Z0-9_]{2,30} [a-z_-]{1,20}='
            rb'|[^\n]{20,60} \[s=[0-9a-f]{1,40}[;\]]'
        ),
        'a form of journalctl',
        'which has no event numbers: use `journalctl -o export _TRANSPORT=audit`',
    ),
    (
        re.compile(rb'.{0,3000}?audit\([^)\n]{6,60}\d\d:\d\d(?:\.\d{1,3})?\)', re.DOTALL),
        'a form without event numbers',
        'so that nobody can tell which records belong together: have the records forwarded as they are',
    ),
    (re.compile(rb'\s*[\[{]\s*["{]'), 'JSON without the original line of audit', 'have the collector keep that line'),
)  # fmt: skip


class AuditLogError(ValueError):
    """The text is not something that audit events can be read from."""


def to_bytes(text: object) -> bytes:
    """The text as bytes. A list of lines is joined, and the ENRICHED tails that str.splitlines cut off are put back."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return texts.as_bytes(text)
    if not isinstance(text, (list, tuple)):
        raise AuditLogError(
            'audit text must be a string or a list of lines, not %s: give the stdout or stdout_lines of a result'
            % type(text).__name__
        )
    lines: list[bytes] = []
    is_export = False
    for line in text:
        if not isinstance(line, (str, bytes)):
            raise AuditLogError(
                'audit text must be a string or a list of lines, but the list holds %s' % type(line).__name__
            )
        line = to_bytes(line)
        is_export = is_export or bool(_EXPORT.match(line))
        if lines and not is_export and _TAIL_LINE.match(line):
            lines[-1] += b'\x1d' + line
        else:
            lines.append(line)
    return b'\n'.join(lines)


def form_of(sample: bytes) -> str | None:
    """The name of a form that cannot be read, with what to do; or None where it is none that is known."""
    for pattern, name, advice in _NAMES:
        if pattern.match(sample[:4000]):
            return 'this is %s: %s' % (name, advice) if name == 'compressed' else 'this is %s, %s' % (name, advice)
    return None


def is_nothing(text: bytes) -> bool:
    """Whether a text says that there are no events."""
    return text.strip(b' \t\r\n\0-') in (b'', b'<no matches>')


class Lines:
    """Blocks of one text, in any form, to blocks of lines with records. Lines go through as they are."""

    def __init__(self) -> None:
        self._form: str | None = None
        self._is_forwarded = False
        self._rest: list[bytes] = []
        self._length = 0

    def of(self, block: bytes, end: int) -> tuple[bytes, int]:
        """(block, end) with the lines of block[:end], which is whole lines."""
        if self._form is None:
            self._form = _form(block[: min(end, 65536)])
            first = records.first_record(block, 0, min(end, 65536)) if self._form == 'lines' else None
            self._is_forwarded = first is not None and first.is_forwarded
        if self._form == 'lines':
            return _rejoined(block, end) if self._is_forwarded else (block, end)
        text = block[:end]
        if self._form == 'json':
            lines = list(_lines_of_json_text(text))
        elif self._length < _LONGEST_JSON:
            # Objects over several lines, and what journalctl exports: only whole can they be read
            self._rest.append(text)
            self._length += end
            return b'', 0
        else:
            lines = []
        made = b''.join(line + b'\n' for line in lines)
        return made, len(made)

    @property
    def is_plain(self) -> bool:
        """Whether the lines are those of the text itself."""
        return self._form in (None, 'lines')

    def finish(self) -> tuple[bytes, int]:
        """What is left when the text is at its end."""
        text = b''.join(self._rest)
        self._rest = []
        lines = _lines_of_export(text) if self._form == 'export' else _lines_of_objects(text)
        made = b''.join(line + b'\n' for line in lines)
        return made, len(made)


def _rejoined(block: bytes, end: int) -> tuple[bytes, int]:
    """A line that a syslog daemon cut is put together again: what follows has the same prefix and begins no record."""
    kept: list[bytes] = []
    before = None
    for line in block[:end].split(b'\n'):
        prefix = records.PREFIX.match(line)
        sender = prefix.groups() if prefix else None
        if (
            prefix
            and sender == before
            and kept
            and b'audisp' in line[: prefix.end()]
            and not _BEGINS.match(line, prefix.end())
        ):
            kept[-1] += line[prefix.end() :]
        else:
            kept.append(line)
            before = sender
    made = b'\n'.join(kept)
    return made, len(made)


def _form(begin: bytes) -> str:
    begin = begin.lstrip(b' \t\r\n\xef\xbb\xbf')
    if _EXPORT.match(begin):
        return 'export'
    if not _JSON.match(begin):
        return 'lines'
    first, end, _rest = begin.partition(b'\n')
    return 'json' if not end or _parsed(first) is not None else 'objects'


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.strip().rstrip(b',').decode('utf-8', 'surrogateescape'), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _lines_of_json_text(text: bytes) -> Iterator[bytes]:
    for line in text.split(b'\n'):
        if b'audit' in line or b'AUDIT' in line:
            yield from _lines_of(_parsed(line))


def _lines_of_objects(text: bytes) -> Iterator[bytes]:
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
            return
        yield from _lines_of(value)


def _lines_of_export(text: bytes) -> Iterator[bytes]:
    """Entries of `journalctl -o export`: NAME=value, or NAME, eight bytes of length and value; a blank line ends it."""
    entry: dict[str, Any] = {}
    place = 0
    while place < len(text):
        end = text.find(b'\n', place)
        end = len(text) if end < 0 else end
        line = text[place:end]
        place = end + 1
        name, separator, value = line.partition(b'=')
        if not line:
            yield from _lines_of(entry)
            entry = {}
        elif separator:
            entry[texts.exact(name)] = texts.exact(value)
        else:
            length = int.from_bytes(text[place : place + 8], 'little')
            entry[texts.exact(name)] = texts.exact(text[place + 8 : place + 8 + length])
            place += 8 + length + 1
    yield from _lines_of(entry)


def _lines_of(value: Any, depth: int = 0) -> Iterator[bytes]:
    """The lines of audit in one JSON value, wherever in it they stand, with the host that the object names."""
    if isinstance(value, dict) and ('_TRANSPORT' in value or '__REALTIME_TIMESTAMP' in value):
        yield from _lines_of_journal(value)
        return
    host = host_of(value)
    for string in _strings(value, 0):
        if string.lstrip()[:1] == '{' and depth < 3:
            inner = _parsed(texts.as_bytes(string))
            if inner is not None:
                yield from _lines_of(inner, depth + 1)
                continue
        if 'audit(' in string:
            yield from _with_host(host, texts.as_bytes(string))


def _with_host(host: str | None, text: bytes) -> Iterator[bytes]:
    lines = [line for line in text.split(b'\n') if line.strip()]
    if not lines or not records.is_record(lines[0]):
        return
    for line in lines:
        record = next(records.records(line), None)
        yield line if record is not None and record.is_forwarded else _front(host) + line.lstrip(b' ')


def _front(host: str | None) -> bytes:
    named = re.sub(rb'\s', b'_', texts.as_bytes(host))[:255] if host else b'-'
    return b'1 - ' + named + b' audit - - - '


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part, depth + 1)


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
        yield from _with_host(host, re.sub(rb'^audit: ', b'', text))


def _is_of_audit(entry: dict[str, Any]) -> bool:
    """Whether a program of audit wrote an entry to the journal: anybody can choose the tag, nobody the uid."""
    return str(entry.get('_UID')) == '0' and bool(_AUDIT_TAG.match(str(entry.get('SYSLOG_IDENTIFIER'))))
