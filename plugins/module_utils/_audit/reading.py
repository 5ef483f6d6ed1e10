# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the logs of a host, files or a text once, and reports everything that it cannot read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import dates, forms, logs, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.hits import Idle
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.scan import Scan
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text as texts

_SHOWN = 80
_SAMPLE = 4000


class Stats(TypedDict):
    """How much was read, and which time it covers (milliseconds since 1970, or None)."""

    bytes: int
    first: int | None
    last: int | None


class _Text(NamedTuple):
    """One text: what to call it, and its blocks, (block, end of its last whole line, whether it is the rest)."""

    name: str
    blocks: Iterator[tuple[bytes, int, bool]]


class Reading:
    """The events with one key: events() first, to its end, then stats(), problems() and is_empty_handed()."""

    def __init__(
        self,
        key: str,
        log: str | None = None,
        files: Sequence[str] | None = None,
        block: int = logs.BLOCK,
        is_wanted: Callable[[audit_events.Event], bool] = audit_events.may_be_execution,
        text: object = None,
        timezone: datetime.tzinfo | None = None,
        beside: Callable[[bytes, int], int] | None = None,
    ) -> None:
        """beside also gets each block of files, and says how many of its lines it knows."""
        self._beside = beside
        self._key = key
        self._scan = Scan(key, is_wanted, timezone)
        self._log = log
        self._files = files
        self._block = block
        self._text = None if text is None else forms.to_bytes(text)
        # Who made lines of it by str.splitlines(), as Ansible makes stdout_lines, also broke a line at a form feed or
        # the like in it, so that any user can have begun a record there.
        self._is_split = isinstance(text, (list, tuple)) and any(
            records.may_hold_text(line) for line in (self._text or b'').split(b'\n') if line
        )
        self._problems: list[str] = []
        self._events = 0
        self._bytes = 0  # of files, whatever their form is
        self._is_ambiguous = False
        self._has_records = False

    def events(self, idle: Idle | None = None) -> Iterator[audit_events.Event]:
        """The events with the key, roughly in the order of the logs, without those that idle takes."""
        self._scan.hits.idle = idle
        for event in self._read():
            self._events += not audit_events.is_keyless(event)
            if self._is_split and event.origin == records.RAW:
                event.origin = records.INTERPRETED
            if isinstance(event, audit_events.InterpretedEvent) and dates.is_ambiguous(event.ident, event.order):
                self._is_ambiguous = True
            yield event

    def stats(self) -> Stats:
        return {'bytes': self._bytes or self._scan.bytes, 'first': self._scan.first, 'last': self._scan.last}

    def problems(self) -> list[str]:
        """What could not be read, and why, as sentences."""
        found = list(self._problems)
        if self._is_ambiguous:
            found.append(
                'the dates of this text can be month/day or day/month, and no day above 12 shows which: '
                'their times are null. Use `LC_ALL=C ausearch --raw`'
            )
        return found

    def warnings(self) -> list[str]:
        """The problems of a text of which something was read. Raises AuditLogError where nothing at all was."""
        found = self.problems()
        if self.is_empty_handed():
            raise forms.AuditLogError('; '.join(found))
        return found

    def is_empty_handed(self) -> bool:
        """Whether nothing at all came out of what should have held something."""
        has_events = self._events or self._scan.hits.skipped
        return bool(self._problems) and not has_events and (not self._has_records or self._scan.is_garbled)

    def _read(self) -> Iterator[audit_events.Event]:
        if self._files is None and self._text is None:
            opened = logs.Logs(self._log or '')
            try:
                for piece in opened.pieces(self._block):
                    yield from self._scan.feed(piece.block, piece.end)
                yield from self._scan.finish()
            finally:
                opened.close()
            return
        self._scan.is_given = True
        for text in self._texts():
            yield from self._read_text(text)
        yield from self._scan.finish()

    def _texts(self) -> Iterator[_Text]:
        if self._text is not None:
            yield _Text('this text', iter([(self._text + b'\n', len(self._text) + 1, False)]))
        for path in self._files or ():
            with logs.opened(path) as file:
                yield _Text(path, file.text(self._block))

    # Long, as all that is known of a text at its end is counted on the way.
    def _read_text(self, text: _Text) -> Iterator[audit_events.Event]:
        lines = forms.Lines()
        before = self._scan.unknown
        self._scan.has_records = False
        self._scan.first_unknown = b''
        begin = b''
        is_empty = True
        known = 0
        for block, end, is_rest in text.blocks:
            if is_empty:
                begin = (block[:end].lstrip() if len(block) < _SAMPLE else block[:_SAMPLE].lstrip()) or begin
                is_empty = forms.is_nothing(block[: min(end, _SAMPLE)]) and forms.is_nothing(block[:end])
            self._bytes += end
            known += self._beside(block, end) if self._beside else 0
            made, made_end = lines.of(block, end)
            if is_rest and lines.is_plain:
                # Nobody knows whether a last line without its end is whole
                made = records.uncut(made)
                made_end = len(made)
            if made_end:
                yield from self._scan.feed(made, made_end)
        made, made_end = lines.finish()
        if made_end:
            yield from self._scan.feed(made, made_end)
        yield from self._scan.end_text()
        for what, sample in lines.problems():
            shown = ': ' + texts.quoted(sample[:_SHOWN]) if sample else ''
            self._problems.append('%s %s%s' % (text.name, what, shown))
        self._has_records = self._has_records or self._scan.has_records
        if not is_empty and not self._scan.has_records and not known:
            self._problems.append(self._without_records(text.name, begin))
        elif self._scan.unknown > before:
            first = self._scan.first_unknown
            self._problems.append(
                'lines of %s with the key %s have no known form, %d of them, the first: %s%s'
                % (
                    text.name,
                    self._key,
                    self._scan.unknown - before,
                    texts.quoted(first[:_SHOWN]),
                    _explained(first),
                )
            )
        if self._scan.cut:
            self._problems.append(
                'SYSCALL records of %s end before the key of their rule, %d of them, the first: %s: '
                'was it wrapped or cut?' % (text.name, self._scan.cut, texts.quoted(self._scan.first_cut[:_SHOWN]))
            )
            self._scan.cut, self._scan.first_cut = 0, b''

    def _without_records(self, name: str, begin: bytes) -> str:
        first, line, explained = begin.partition(b'\n')[0], self._scan.first_unknown, _explained(begin)
        said = 'no audit record in %s, it begins with %s%s' % (name, texts.quoted(first[:_SHOWN]), explained)
        if not line or line.lstrip() == first or explained:
            return said
        return '%s, and its first line with the key %s is %s%s' % (
            said,
            self._key,
            texts.quoted(line[:_SHOWN]),
            _explained(line),
        )


def _explained(sample: bytes) -> str:
    form = forms.form_of(sample)
    return ': ' + form if form else ''
