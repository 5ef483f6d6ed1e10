# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records to events, and what the fields of an event say."""

from __future__ import annotations

import datetime
import functools
import re
from binascii import unhexlify

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import argv as decoding
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as line_records

# The execve and execveat of each machine that docker runs on: audit-userspace lib/*_table.h; arch is the kernel's
# AUDIT_ARCH_* (include/uapi/linux/audit.h). x32 calls carry the bit 0x40000000.
_EXECUTIONS = frozenset(
    b'arch=%s syscall=%s' % (arch, number)
    for arch, numbers in (
        (b'c000003e', (59, 322, 0x40000000 + 520, 0x40000000 + 545)),  # x86_64 and x32
        (b'40000003', (11, 358)),  # i386
        (b'c00000b7', (221, 281)),  # aarch64
        (b'40000028', (11, 387)),  # arm
        (b'c0000015', (11, 362)),  # ppc64le
        (b'80000016', (11, 354)),  # s390x
        (b'c00000f3', (221, 281)),  # riscv64
    )
    for number in (b'%d' % n for n in numbers)
)
_USUAL_CALLS = (b'arch=c000003e syscall=59 success=yes ', b'arch=c00000b7 syscall=221 success=yes ')
_EXECUTION_NAMES = (b'execve', b'execveat')
# connect, and the socketcall of i386: arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/asm-generic/unistd.h
_CONNECTS = (
    b'arch=c000003e syscall=42 ',
    b'arch=40000003 syscall=362 ',
    b'arch=40000003 syscall=102 ',
    b'arch=c00000b7 syscall=203 ',
)
_LOCAL_IDENT = re.compile(rb'([0-9/.-]{8,10})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{3}):([0-9]{1,20})\Z')
_LOCAL_DATES = ('%m/%d/%y', '%m/%d/%Y', '%Y-%m-%d', '%d.%m.%Y')
_CALL = re.compile(rb'arch=\S+ syscall=(\S+)')
_OUTCOMES = {b'yes': 'started', b'no ': 'failed', b'no': 'failed'}
_PROCESS_FIELD = re.compile(rb' (ppid|pid|auid|uid|tty|ses|comm|exe)=("[!#-~]*"|[^" ]\S*)(?= |$)')
_INTERPRETED_FIELD = re.compile(rb'(?:^| )([a-z_0-9-]+)=(.*?)(?= [a-z_0-9-]+=| ?$)')
_CWD = re.compile(rb'cwd=("[!#-~]*"|[0-9A-F]+)(?= |$)')
_TAIL_NAME = re.compile(rb'(?:^| )(UID|AUID)="([^"]*)"')
_KEY = re.compile(rb' key=("[!#-~]*"|[0-9A-F]+)(?= |$)')
_HEX = re.compile(rb'(?:[0-9A-F]{2})+\Z')
UNSET = 4294967295  # (uid_t)-1: no login uid, no session


class Event(object):
    """One event: the text of the records that tell of an execution, decoded when asked."""

    __slots__ = ('node', 'ident', 'syscall', 'names', 'execve', 'cwd', 'argv')
    interpreted = False

    def __init__(self, node, ident, syscall=None, names=b'', execve=None, cwd=None):
        self.node = node
        self.ident = ident
        self.syscall = syscall
        self.names = names
        self.execve = [] if execve is None else execve
        self.cwd = cwd
        self.argv = None


class InterpretedEvent(Event):
    """An event of `ausearch -i` text: any of its lines may be forged, as an argument can hold a line break."""

    __slots__ = ('timezone',)
    interpreted = True

    def __init__(self, event, timezone):
        super().__init__(event.node, event.ident, event.syscall, event.names, event.execve, event.cwd)
        self.timezone = timezone


def events(text, timezone=None):
    """All events of a text, in the order in which they begin.

    text is str, bytes, or a list of lines. timezone (a tzinfo) is where `ausearch -i` printed its local times.
    """
    data = forms.to_bytes(text)
    forms.refuse_other_formats(data)
    found = {}
    interpreted = False
    for line in data.split(b'\n'):
        for record in line_records.records(line):
            interpreted = interpreted or record.interpreted
            if record.kind is not None:
                key = (record.node, record.ident)
                if key not in found:
                    found[key] = Event(record.node, record.ident)
                add_record(found[key], record)
    if interpreted:
        # Also a record that looks raw may be forged, in such a text
        return [InterpretedEvent(event, timezone) for event in found.values()]
    return list(found.values())


def add_record(event, record):
    """Put one record into its event. Of records that come twice the first counts."""
    if record.kind == 'SYSCALL':
        if event.syscall is None:
            event.syscall = record.body
            event.names = record.names
    elif record.kind == 'EXECVE':
        event.execve.append(record.body)
        event.argv = None
    elif event.cwd is None:
        event.cwd = record.body


def outcome(event):
    """None for what is no execve or execveat: CONFIG_CHANGE, connects and the like also carry our key.

    For an execution whether the program started: 'started', 'failed', or 'unknown' where the record is cut before it.
    """
    if event.syscall is None:
        return None
    if event.syscall.startswith(_USUAL_CALLS):
        return 'started'
    call, _separator, rest = event.syscall.partition(b' success=')
    if call not in _EXECUTIONS:
        found = _CALL.match(call)
        if found is None or not (
            found.group(0) in _EXECUTIONS or (event.interpreted and found.group(1) in _EXECUTION_NAMES)
        ):
            return None
    return _OUTCOMES.get(rest[:3], 'unknown')


def is_connect(event):
    """Whether the event is a connect that succeeded, by (arch, syscall); i386 has socketcall, too."""
    return event.syscall is not None and event.syscall.startswith(_CONNECTS) and b' success=yes ' in event.syscall


def has_key(event, key):
    """Whether a rule with exactly this key logged the event."""
    return event.syscall.endswith(b' key="' + key + b'"') or key in keys(event)


def fields(event):
    """The fields of the SYSCALL record that tell who ran what, by name, as raw text."""
    pattern = _INTERPRETED_FIELD if event.interpreted else _PROCESS_FIELD
    result = {}
    for name, value in pattern.findall(event.syscall):
        result.setdefault(name.decode('ascii'), value)
    return result


def keys(event):
    """The keys of the rule that logged the event. One rule can have several: hex, joined by \\x01."""
    if event.interpreted:
        return [
            value
            for name, value in _INTERPRETED_FIELD.findall(event.syscall or b'')
            if name == b'key' and value != b'(null)'
        ]
    found = _KEY.search(event.syscall or b'')
    value = text_value(event, found.group(1)) if found else None
    return [] if value is None else value.split(b'\x01')


def text_value(event, raw):
    """A text field decoded to bytes, or None where there is none or where it is cut."""
    if raw is None or raw in (b'(null)', b'(none)', b'?', b''):
        return None
    if event.interpreted:
        return raw
    if raw[:1] == b'"':
        return raw[1:-1]
    return unhexlify(raw) if _HEX.match(raw) else None


def plain_value(raw):
    """A field that the kernel prints without quotes, as it stands (tty, arch)."""
    return None if raw in (None, b'(none)', b'?') else raw


def number(raw):
    """An integer field, or None where it is unset or no number."""
    if raw is None or len(raw) > 20 or not raw.isdigit():
        return None
    value = int(raw)
    return None if value == UNSET else value


def cwd(event):
    """The working directory, or None."""
    if event.cwd is None:
        return None
    if event.interpreted:
        return event.cwd[4:].rstrip(b' ') if event.cwd.startswith(b'cwd=') else None
    found = _CWD.match(event.cwd)
    return text_value(event, found.group(1)) if found else None


def argv(event):
    """The arguments, as (tuple of bytes, gap).

    gap is None when every argument is there. Else it is how many come before the first missing one, and
    the tuple goes on with those known after it. Long arguments come in chunks, `a2_len=16000 a2[0]=..` and then
    `a2[1]=..` in further records; each chunk is quoted or hex by itself.
    """
    if event.argv is None:
        if event.interpreted:
            known = decoding.interpreted_argv(event.execve)
            event.argv = known, len(known)
        else:
            plain = decoding.plain_argv(event.execve[0]) if len(event.execve) == 1 else None
            event.argv = plain or decoding.joined_argv(event.execve)
    return event.argv


def names(event):
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
def _tail_names(tail):
    return _known_names((name.decode('ascii'), value) for name, value in _TAIL_NAME.findall(tail))


def _known_names(pairs):
    return {name: None if value == b'unset' or value.startswith(b'unknown(') else value for name, value in pairs}


def ident(event):
    """The event's own name, `SECONDS.MILLI:SERIAL`, or None where only a local time without a zone is known."""
    if not event.interpreted:
        return event.ident.decode('ascii')
    time, serial = when(event)
    return None if time is None else '%d.%03d:%d' % (time // 1000, time % 1000, serial)


def when(event):
    """When the event happened, as (milliseconds since 1970 or None, serial or 0)."""
    raw = line_records.IDENT.match(event.ident)
    if raw:
        if event.interpreted and event.timezone is None:
            return None, int(raw.group(3))
        seconds, fraction, serial = raw.groups()
        return int(seconds) * 1000 + int(((fraction or b'') + b'000')[:3]), int(serial)
    local = _LOCAL_IDENT.match(event.ident)
    if local is None:
        return None, 0
    serial = int(local.group(4))
    if event.timezone is None:
        return None, serial
    for date in _LOCAL_DATES:
        try:
            moment = datetime.datetime.strptime(
                '%s %s' % (local.group(1).decode('ascii'), local.group(2).decode('ascii')), date + ' %H:%M:%S'
            )
            seconds = int(moment.replace(tzinfo=event.timezone).timestamp())
        except (ValueError, OverflowError):
            continue
        return seconds * 1000 + int(local.group(3)), serial
    return None, serial
