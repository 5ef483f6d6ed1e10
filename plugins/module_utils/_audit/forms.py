# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the many formats of audit text into lines that records.py reads, or names the format that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import carried, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_RAW_WAY = 'use `ausearch --raw -k KEY --input-logs </dev/null`'
_TAIL_LINE = re.compile(rb'(?:ARCH|SADDR|[A-Z_]{0,5}[UG]ID|OLD-AUID)=')
_EXPORT = re.compile(rb'(?:__CURSOR|__REALTIME_TIMESTAMP|_TRANSPORT)=')
_COUNTED = re.compile(rb'[A-Z_][A-Z0-9_]{0,63}\Z')  # a field of an export whose value has its length in front
_BEGINS = re.compile(rb'node=|type=|[A-Z]{3,20} [a-z]+=')
_JSON = re.compile(rb'\{|\[\s*[\[{"]')
# A line with a time in front, as a syslog daemon, journalctl, dmesg and others write it
_TIMED = re.compile(
    rb'(?m)^(?:<\d{1,3}>|\d{9,11}[. ]|\d{8}T?\d{6}|@[0-9a-f]{8,24} |\[[ \d.]{1,20}\]|'
    + records.TIME
    + rb'|(?!type=|node=|time->)[^\n]{0,40}?'
    rb'(?:\d\d:\d\d:\d\d|\d{4}[-/.]\d\d[-/.]\d\d))'
)
_COLOUR = re.compile(rb'\x1b\[[\d;]{0,20}[mK]')
_SAMPLE = 64 << 10
# A line that begins in another way than those of auditd's own log; the second is searched for much faster
_OTHER, _OTHER_LINE = re.compile(rb'(?!type=|node=)'), re.compile(rb'\n(?!type=|node=)')
_EXPORT_BLOCK = 1 << 20
_LONGEST_JSON = carried.LONGEST  # of a text that does not have one object a line

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
    (re.compile(rb'\xff\xfe|\xfe\xff|[^\s\0]\0[^\s\0]\0|\0[^\s\0]\0[^\s\0]'), 'UTF-16', 'convert it to UTF-8'),
    (
        re.compile(rb'[^\n]{0,3000}?msg=audit\([^\n]{1,3000}?[^\n](?:node=\S{1,255} )?type=[A-Z]{2,30} msg=audit\('),
        'a text without line ends between its records',
        'give one record a line',
    ),
    (
        re.compile(rb'.{0,3000}?=\xe2\x80[\x9c-\x9f]', re.DOTALL),
        'a text with typographic quotes',
        'give the text as it was',
    ),
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
            rb'(?:[^\n]{0,200}\baudit(?:\[\d{1,10}\])?: (?:audit: )?)?[A-Z][A-Z0-9_]{2,30} (?!msg=audit)[a-z_-]{1,20}='
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
        if is_export and _COUNTED.match(line):
            raise AuditLogError(
                'a list of lines (stdout_lines) of an export of the journal cannot be read where a value has its '
                'length in bytes in front, which a list does not keep: give the text (stdout)'
            )
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


def is_json(text: bytes) -> bool:
    """Whether a text begins as JSON does, in which a line may be as long as it likes."""
    return bool(_JSON.match(text.lstrip(b' \t\r\n' + records.BOM)))


def is_nothing(text: bytes) -> bool:
    """Whether a text says that there are no events."""
    return text.strip(b' \t\r\n\0-') in (b'', b'<no matches>')


class Lines:
    """Blocks of one text, in any form, to blocks of lines with records. Lines go through as they are."""

    def __init__(self) -> None:
        self._form: str | None = None
        self._is_forwarded = False
        self._objects = carried.Objects()
        self._rest: list[bytes] = []
        self._length = 0
        self._enough = _EXPORT_BLOCK  # from so many bytes on entries of an export are looked for
        self._is_cut = False

    def of(self, block: bytes, end: int) -> tuple[bytes, int]:
        """(block, end) with the lines of block[:end], which is whole lines."""
        if self._form is None:
            if block.startswith(records.BOM):
                block, end = block[len(records.BOM) :], end - len(records.BOM)
            self._form = _form(block[: min(end, _SAMPLE)])
        if self._form == 'lines':
            return self._plain(block, end)
        if self._form == 'json':
            return _joined(self._objects.of_lines(block[:end]))
        self._is_cut = self._is_cut or self._length > _LONGEST_JSON
        if self._is_cut:
            return b'', 0
        self._rest.append(block[:end])
        self._length += end
        if self._form != 'export' or self._length < self._enough:
            return b'', 0
        text = b''.join(self._rest)
        lines, place = self._objects.of_export(text, False)
        self._rest, self._length = [text[place:]], len(text) - place
        self._enough = max(_EXPORT_BLOCK, 2 * self._length)
        return _joined(lines)

    def _plain(self, block: bytes, end: int) -> tuple[bytes, int]:
        if b'\x1b' in block:  # grep --color
            block = _COLOUR.sub(b'', block[:end])
            end = len(block)
        if not self._is_forwarded and (_OTHER.match(block, 0, end) or _OTHER_LINE.search(block, 0, end - 1)):
            self._is_forwarded = bool(_TIMED.search(block, 0, end))
        if not self._is_forwarded:
            return block, end
        made = carried.with_front(_rejoined(block, end))
        return made, len(made)

    @property
    def is_plain(self) -> bool:
        """Whether the lines are those of the text itself."""
        return self._form in (None, 'lines')

    def finish(self) -> tuple[bytes, int]:
        """What is left when the text is at its end."""
        text = b''.join(self._rest)
        self._rest = []
        if self._form == 'export':
            return _joined(self._objects.of_export(text, not self._is_cut)[0])
        return _joined(self._objects.of_text(text))

    def problems(self) -> list[tuple[str, bytes]]:
        """What was left out, as sentences that begin with a verb, and a sample."""
        found = [
            ('%s, %d of them, the first' % (reason, count), first)
            for reason, (count, first) in self._objects.left_out.items()
        ]
        if self._is_cut:
            found.append(
                (
                    'was read for its first %d MiB only: JSON with objects over several lines, and an entry of an '
                    'export, are read whole. Give one object a line (jq -c .)' % (_LONGEST_JSON >> 20),
                    b'',
                )
            )
        return found


def _joined(lines: Iterable[bytes]) -> tuple[bytes, int]:
    made = b''.join(line + b'\n' for line in lines)
    return made, len(made)


def _rejoined(block: bytes, end: int) -> bytes:
    """A line that a syslog daemon cut is put together again: what follows has the same prefix and holds no record."""
    kept: list[list[bytes]] = []
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
            and b'audit(' not in line
        ):
            kept[-1].append(line[prefix.end() :])
        else:
            kept.append([line])
            before = sender
    return b'\n'.join(b''.join(parts) for parts in kept)


def _form(begin: bytes) -> str:
    begin = begin.lstrip(b' \t\r\n' + records.BOM)
    if _EXPORT.match(begin):
        return 'export'
    if not _JSON.match(begin):
        return 'lines'
    first, end, _rest = begin.partition(b'\n')
    return 'json' if not end or carried.parsed(first) is not None else 'objects'
