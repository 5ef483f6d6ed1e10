# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns records into events, and reads the fields of an event. add() alone decides what an event is made of.

Sources: the kernel writes the records (kernel/audit.c audit_log_untrustedstring and audit_log_n_hex, kernel/auditsc.c
audit_log_exit and audit_log_execve_info); auditd adds the ENRICHED tail (audit-userspace, src/auditd-event.c); ausearch
prints them again (src/ausearch-report.c); the field names are those of the audit field dictionary
(https://github.com/linux-audit/audit-documentation, specs/fields/field-dictionary.csv).
"""

from __future__ import annotations

import datetime
import functools
import re
from binascii import unhexlify
from collections.abc import Callable, Iterable

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import argv as decoding
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import dates, forms, machines
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as lines
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times

_USUAL_CALLS = (b'arch=c000003e syscall=59 success=yes ', b'arch=c00000b7 syscall=221 success=yes ')
_CALL = re.compile(rb'arch="?([^ "]+)"? syscall="?([^ "]+)"?')
_SUCCESS = re.compile(rb' success="?(yes|no)(?:["\s]|\Z)')
_TAIL_CALL = re.compile(rb'(?:^| )SYSCALL=(\S+)')
_PROCESS_FIELD = re.compile(rb' (ppid|pid|auid|uid|tty|ses|comm|exe)=("[!#-~]*"|[^" ]\S*)(?= |$)')
_INTERPRETED_FIELD = re.compile(rb'(?:^| )([a-z_0-9-]+)=(.*?)(?= [a-z_0-9-]+=| ?$)')
_CWD = re.compile(rb' ?cwd=("[!#-~]*"|[0-9A-F]+)(?= |$)')
_TAIL_NAME = re.compile(rb'(?:^| )(UID|AUID)="([^"]*)"')
_KEY = re.compile(rb' key=("[!#-~]*"|[0-9A-F]+|\(null\))(?= |$)')
_HEX = re.compile(rb'(?:[0-9A-F]{2})+\Z')
_UNKNOWN_USER = re.compile(rb'unknown\((\d{1,10})\)\Z')

UNSET = 4294967295  # (uid_t)-1: no login uid, no session

# Why the command of an execution cannot be told
CONTRADICTION = 'contradicting records'
NO_TIME = 'time damaged'


class Event:
    """One event: the text of the records that tell of an execution, decoded when asked."""

    __slots__ = (
        'host',
        'node',
        'ident',
        'origin',
        'syscall',
        'names',
        'execve',
        'cwd',
        'argv',
        'problem',
        'other',
        '_bodies',
    )
    interpreted = False

    def __init__(
        self,
        node: bytes | None,
        ident: bytes,
        syscall: bytes | None = None,
        names: bytes = b'',
        execve: list[bytes] | None = None,
        cwd: bytes | None = None,
        origin: str = lines.RAW,
        host: bytes | None = None,
    ) -> None:
        self.host = host
        self.node = host if node is None else node
        self.ident = ident
        self.origin = origin
        self.syscall = syscall
        self.names = names
        self.execve: list[bytes] = [] if execve is None else execve
        self.cwd = cwd
        self.argv: tuple[tuple[bytes, ...], int | None] | None = None
        self.problem: str | None = None
        self.other: bytes | None = None  # a SYSCALL record that contradicts the first
        self._bodies: set[bytes] | None = None

    def add(self, record: lines.Record) -> None:
        """Put a record in. One that stands twice is one; one that says something else makes the event unreadable."""
        if (
            record.origin == lines.SYSLOG
            and self.origin == lines.RAW
            and record.kind in (b'SYSCALL', b'EXECVE', b'CWD')
        ):
            self.origin = record.origin  # an event is worth what the least of its records is
        if record.kind == b'EXECVE':
            if self._bodies is None:
                self._bodies = set(self.execve)
            if record.body not in self._bodies:
                self._bodies.add(record.body)
                self.execve.append(record.body)
                self.argv = None
        elif record.kind == b'SYSCALL':
            known = self.syscall
            self.syscall = self._same(known, record.body)
            if known is not None and not known.startswith(record.body) and self.syscall is known:
                self.other = self.other or record.body
            self.names = self.names or record.tail
            if record.is_damaged:
                self.problem = NO_TIME
        elif record.kind == b'CWD':
            self.cwd = self._same(self.cwd, record.body)

    def _same(self, known: bytes | None, body: bytes) -> bytes:
        if known is None or body.startswith(known):
            return body
        if not known.startswith(body):  # else it was cut
            self.problem = self.problem or CONTRADICTION
        return known


class InterpretedEvent(Event):
    """An event of `ausearch -i` text: any of its lines may be forged, as an argument can hold a line break."""

    __slots__ = ('timezone', 'order')
    interpreted = True

    def __init__(self, event: Event, timezone: datetime.tzinfo | None, order: str | None = None) -> None:
        super().__init__(
            event.node, event.ident, event.syscall, event.names, event.execve, event.cwd, lines.INTERPRETED, event.host
        )
        self.problem = event.problem
        self.other = event.other
        self.timezone = timezone
        self.order = order


def key_of(record: lines.Record) -> tuple[bytes | None, bytes | None, bytes]:
    """What the records of one event have in common. Hosts that are told apart by their prefix alone never mix."""
    return record.host, record.node, record.ident


class Assembly:
    """Events out of records, in the order in which they begin. Records of the two forms never join."""

    def __init__(self, timezone: datetime.tzinfo | None = None) -> None:
        self._timezone = timezone
        self._found: dict[tuple[tuple[bytes | None, bytes | None, bytes], bool], Event] = {}
        self.is_interpreted = False  # from the first line of `ausearch -i` on, every line may be forged

    def add_line(
        self, line: bytes, is_met: Callable[[tuple[bytes | None, bytes | None, bytes]], bool] | None = None
    ) -> bool:
        """Take a line; whether it is a record. Raw records of events that somebody has met are left to him."""
        is_known = False
        for record in lines.records(line):
            is_known = True
            is_interpreted = record.origin == lines.INTERPRETED
            if is_interpreted and not record.is_forwarded:
                self.is_interpreted = True
            key = key_of(record)
            if record.kind in (b'SYSCALL', b'EXECVE', b'CWD') and (is_interpreted or not (is_met and is_met(key))):
                event = self._found.get((key, is_interpreted))
                if event is None:
                    event = Event(record.node, record.ident, origin=record.origin, host=record.host)
                    self._found[key, is_interpreted] = event
                event.add(record)
                if self.is_interpreted:
                    event.origin = lines.INTERPRETED
        return is_known

    def keyed(self) -> list[tuple[tuple[bytes | None, bytes | None, bytes], Event]]:
        """The events, each with what its records have in common."""
        order = dates.order(key[2] for key, is_interpreted in self._found if is_interpreted)
        return [
            (key, InterpretedEvent(event, self._timezone, order) if is_interpreted else event)
            for (key, is_interpreted), event in self._found.items()
        ]


def events(text: object, timezone: datetime.tzinfo | None = None) -> list[Event]:
    """All events of a text, whatever their keys, line by line. timezone is where `ausearch -i` was run."""
    assembly = Assembly(timezone)
    for line in forms.to_bytes(text).split(b'\n'):
        assembly.add_line(line)
    return [event for _key, event in assembly.keyed()]


def outcome(event: Event) -> str | None:
    """None for what is no execve or execveat: CONFIG_CHANGE, connects and the like also carry our key.

    For an execution whether the program started: 'started', 'failed', or 'unknown' where the record is cut before it.
    """
    if event.syscall is None or event.syscall.startswith(_USUAL_CALLS):
        return None if event.syscall is None else 'started'
    if not _is_execution(event, event.syscall):
        if event.other is None or not _is_execution(event, event.other):
            return None
    return {True: 'started', False: 'failed', None: 'unknown'}[succeeded(event)]


def _is_execution(event: Event, body: bytes) -> bool:
    found = _CALL.match(body)
    if found is None:
        # Some collector wrote it anew: the arguments tell, which only an execution has
        return not event.interpreted and bool(event.execve)
    machine, call = found.groups()
    if event.interpreted:
        return call in machines.EXECUTION_NAMES
    told = machines.is_execution(machine, call)
    if told is None:
        # A machine that nobody knows: what auditd made of the number, or the arguments, which only an execution has
        named = _TAIL_CALL.search(event.names)
        told = named.group(1) in machines.EXECUTION_NAMES if named else bool(event.execve)
    return told


def may_be_execution(event: Event) -> bool:
    """Whether outcome() can be told, or can become so by records that are still to come."""
    found = _CALL.match(event.syscall or b'')
    if outcome(event) is not None:
        return True
    return not event.interpreted and (found is None or machines.is_execution(*found.groups()) is None)


def is_connect(event: Event) -> bool:
    """Whether the event is a connect that succeeded, by (arch, syscall); i386 has socketcall, too."""
    return event.syscall is not None and event.syscall.startswith(machines.CONNECTS) and bool(succeeded(event))


def succeeded(event: Event) -> bool | None:
    """Whether the kernel did what was asked; None where the record does not say so."""
    found = _SUCCESS.search(event.syscall or b'')
    return found.group(1) == b'yes' if found else None


def has_key(event: Event, key: bytes) -> bool:
    """Whether a rule with exactly this key logged the event."""
    if event.syscall is None:
        return False
    return (
        event.syscall.endswith(b' key="' + key + b'"')
        or key in keys(event)
        or (event.other is not None and key in _keys_of(event, event.other))
    )


def is_keyless(event: Event) -> bool:
    """Whether the log has the arguments of an execution, and not the key of the rule that logged it.

    auditd cuts a SYSCALL record that is too long before its key, or drops it whole ("Netlink event from kernel is too
    big", audit-userspace lib/netlink.c), a full backlog loses any record, and a text can have been wrapped or cut. The
    kernel ends each SYSCALL record with a key (kernel/auditsc.c audit_log_key).
    """
    if event.interpreted or not event.execve:
        return False
    return not any(body and _KEY.search(body) for body in (event.syscall, event.other))


def has_any_key(record: lines.Record) -> bool:
    """Whether the key of a SYSCALL record can be read, whatever it is."""
    return bool(_KEY.search(record.body))


def fields(event: Event) -> dict[str, bytes]:
    """The fields of the SYSCALL record that tell who ran what, by name, as raw text."""
    pattern = _INTERPRETED_FIELD if event.interpreted else _PROCESS_FIELD
    result: dict[str, bytes] = {}
    for name, value in pattern.findall(event.syscall or b''):
        result.setdefault(name.decode('ascii'), value)
    return result


def keys(event: Event) -> list[bytes]:
    """The keys of the rule that logged the event. One rule can have several: hex, joined by \\x01."""
    return _keys_of(event, event.syscall or b'')


def _keys_of(event: Event, body: bytes) -> list[bytes]:
    if event.interpreted:
        return [value for name, value in _INTERPRETED_FIELD.findall(body) if name == b'key' and value != b'(null)']
    # The last one: a security context, which comes before the key, can hold what looks like one
    found = _KEY.match(body, body.rfind(b' key=')) if b' key=' in body else None
    value = text_value(event, found.group(1)) if found else None
    return [] if value is None else value.split(b'\x01')


def text_value(event: Event, raw: bytes | None) -> bytes | None:
    """A text field decoded to bytes, or None where there is none or where it is cut."""
    if raw is None or raw in (b'(null)', b'(none)', b'?', b''):
        return None
    if event.interpreted:
        return raw
    if raw[:1] == b'"':
        return raw[1:-1]
    return unhexlify(raw) if _HEX.match(raw) else None


def plain_value(raw: bytes | None) -> bytes | None:
    """A field that the kernel prints without quotes, as it stands (tty, arch); some collectors add quotes."""
    raw = _unquoted(raw)
    return None if raw in (None, b'(none)', b'?') else raw


def number(raw: bytes | None) -> int | None:
    """An integer field, or None where it is unset or no number."""
    raw = _unquoted(raw)
    unknown = _UNKNOWN_USER.match(raw) if raw else None  # what ausearch prints of a user without a name
    raw = unknown.group(1) if unknown else raw
    if raw is None or len(raw) > 20 or not raw.isdigit():
        return None
    value = int(raw)
    return None if value == UNSET else value


def _unquoted(raw: bytes | None) -> bytes | None:
    return raw[1:-1] if raw is not None and len(raw) > 1 and raw[:1] == raw[-1:] == b'"' else raw


def cwd(event: Event) -> bytes | None:
    """The working directory, or None."""
    if event.cwd is None:
        return None
    if event.interpreted:
        body = event.cwd.lstrip(b' ')
        return body[4:].rstrip(b' ') if body.startswith(b'cwd=') else None
    found = _CWD.match(event.cwd)
    return text_value(event, found.group(1)) if found else None


def argv(event: Event) -> tuple[tuple[bytes, ...], int | None]:
    """The arguments, as (tuple of bytes, gap).

    gap is None when every argument is there. Else it is how many come before the first missing one, and
    the tuple goes on with those known after it.
    """
    if event.argv is None:
        if event.interpreted:
            known = decoding.interpreted_argv(event.execve)
            event.argv = known, len(known)
        else:
            plain = decoding.plain_argv(event.execve[0]) if len(event.execve) == 1 else None
            event.argv = plain or decoding.joined_argv(event.execve)
        if event.argv is None:
            event.problem = event.problem or CONTRADICTION
            event.argv = (), 0
    return event.argv


def problem(event: Event) -> str | None:
    """Why nothing can be told of the command of an execution, whatever its records hold; or None."""
    argv(event)
    return event.problem


def names(event: Event) -> dict[str, bytes | None]:
    """The user names that the record carries, as {'UID': bytes or None, 'AUID': bytes or None}.

    An ENRICHED record has them in its tail, `ausearch -i` prints them in place of the numbers.
    """
    if not event.interpreted:
        return _tail_names(event.names)
    raw = fields(event)
    return _known_names(
        (name.upper(), raw[name]) for name in ('uid', 'auid') if name in raw and not raw[name].isdigit()
    )


@functools.lru_cache(maxsize=256)
def _tail_names(tail: bytes) -> dict[str, bytes | None]:
    return _known_names((name.decode('ascii'), value) for name, value in _TAIL_NAME.findall(tail))


def _known_names(pairs: Iterable[tuple[str, bytes]]) -> dict[str, bytes | None]:
    return {name: None if value == b'unset' or value.startswith(b'unknown(') else value for name, value in pairs}


def ident(event: Event) -> str | None:
    """The event's own name, `SECONDS.MILLI:SERIAL`, or None where its time is not known for certain."""
    if event.problem == NO_TIME:
        return None
    if not event.interpreted:
        return event.ident.decode('ascii')
    time, serial = when(event)
    return None if time is None else times.ident(time, serial)


def when(event: Event) -> tuple[int | None, int]:
    """When the event happened, as (milliseconds since 1970 or None, serial or 0)."""
    if isinstance(event, InterpretedEvent) and not (lines.IDENT.match(event.ident) and event.timezone is not None):
        return dates.moment(event.ident, event.timezone, event.order)
    return moment_of(event.ident)


def moment_of(raw: bytes) -> tuple[int | None, int]:
    """(milliseconds since 1970, serial) of the time and serial that a raw record begins with; None for what is none."""
    found = lines.IDENT.match(raw)
    if found is None:
        return None, 0
    seconds, fraction, serial = found.groups()
    return int(seconds) * 1000 + int(((fraction or b'') + b'000')[:3]), int(serial)
