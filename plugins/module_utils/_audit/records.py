# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux audit text to audit events.

Sources: the kernel writes the records (kernel/audit.c audit_log_untrustedstring and audit_log_n_hex, kernel/auditsc.c
audit_log_exit and audit_log_execve_info); auditd adds the ENRICHED tail (audit-userspace, src/auditd-event.c); ausearch
prints them again (src/ausearch-report.c); the field names are those of the audit field dictionary
(https://github.com/linux-audit/audit-documentation, specs/fields/field-dictionary.csv).

A record is one line: `node=N type=T msg=audit(SECONDS.MILLI:SERIAL): name=value name=value`, with node= only where auditd
is told so. Records with the same node, time and serial are one event. The kernel quotes a value that has only the
bytes 0x21 to 0x7e without the quote, and writes any other as upper-case hex, so no value can break out of its record.
"""

from __future__ import annotations

import datetime
import functools
import re
from binascii import unhexlify
from collections import namedtuple


class AuditLogError(ValueError):
    """The text is not something that audit events can be read from."""


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

# Types by number, as the kernel itself writes them to the syslog while no auditd runs (include/uapi/linux/audit.h).
_KINDS = {
    b'SYSCALL': 'SYSCALL',
    b'EXECVE': 'EXECVE',
    b'CWD': 'CWD',
    b'1300': 'SYSCALL',
    b'1309': 'EXECVE',
    b'1307': 'CWD',
}

# Every repetition is bounded, so that no input takes more than linear time.
HEADER = re.compile(rb'type=([A-Z0-9_\[\]]{1,40}) (?:msg=)?audit\(([^)\n]{1,80})\)( ?): ?')
_NODE = re.compile(rb'node=(\S{1,255}) \Z')
_IDENT = re.compile(rb'(\d{1,11})(?:\.(\d{1,9}))?:(\d{1,20})\Z')
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

_ARGC = re.compile(rb'argc=(\d{1,10})(?: |$)')
# What stands between the quoted arguments of the usual record: `argc=2 a0=`, ` a1=`, and nothing at the end
_QUOTED_BETWEEN = [
    [b'argc=%d a0=' % count] + [b' a%d=' % index for index in range(1, count)] + [b''] for count in range(64)
]
_PRINTABLE = bytes(range(0x20, 0x7F))
_QUOTE = ord('"')
_ARGUMENT = re.compile(rb' a(\d{1,10})(?:\[(\d{1,10})\])?=(?:"([!#-~]*)"|([0-9A-F]+))(?= |$)')
_LENGTH = re.compile(rb' a(\d{1,10})_len=(\d{1,12})(?= |$)')
_INTERPRETED_ARGUMENT = re.compile(rb' a(\d{1,10})(?:_len=\d{1,12} a\1)?(?:\[(\d{1,10})\])?=')

# The first words of the formats that carry no arguments: `ausearch --format csv` and `--format text`.
_CSV = re.compile(rb'\s*NODE,EVENT,DATE,')
_TEXT = re.compile(rb'\s*(?:On \S{1,255} at|At) \d\d:\d\d:\d\d \S{1,20} ')
_TAIL_LINE = re.compile(rb'[A-Z_]+=')

UNSET = 4294967295  # (uid_t)-1: no login uid, no session


Record = namedtuple('Record', ('node', 'ident', 'interpreted', 'kind', 'body', 'names'))


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
    data = to_bytes(text)
    refuse_other_formats(data)
    found = {}
    interpreted = False
    for line in data.split(b'\n'):
        for record in records(line):
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


def to_bytes(text):
    """The text as bytes. A list of lines is joined, and the ENRICHED tails that str.splitlines cut off are put back."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        try:
            return text.encode('utf-8', 'surrogateescape')
        except UnicodeEncodeError:
            return text.encode('utf-8', 'replace')
    if isinstance(text, (list, tuple)):
        lines = []
        for line in text:
            if not isinstance(line, (str, bytes)):
                raise AuditLogError(
                    'audit text must be a string or a list of lines, but the list holds %s' % type(line).__name__
                )
            line = to_bytes(line)
            if lines and _TAIL_LINE.match(line):
                lines[-1] += b'\x1d' + line
            else:
                lines.append(line)
        return b'\n'.join(lines)
    raise AuditLogError(
        'audit text must be a string or a list of lines, not %s: give the stdout or stdout_lines of a result'
        % type(text).__name__
    )


def refuse_other_formats(data):
    """Stop at the ausearch formats that leave the arguments out."""
    for pattern, name in ((_CSV, 'csv'), (_TEXT, 'text')):
        if pattern.match(data[:400]):
            raise AuditLogError(
                'this is the %s format of ausearch, which leaves out the arguments of commands: '
                'use `ausearch --raw -k KEY --input-logs </dev/null`' % name
            )


def records(line):
    """The records of one line, in order.

    Usually one. A line that was cut (a crash, a full disk) has the next record glued to it; NUL blocks, parts of lines
    and syslog prefixes come before a record. What follows msg=' was written by a program, not by the kernel, and is
    never taken for a record.
    """
    found = HEADER.search(line)
    before = line[: found.start()] if found else b''
    while found and b"msg='" not in before:
        following = HEADER.search(line, found.end())
        text = line[found.end() : following.start() if following else len(line)]
        # ausearch -i alone writes a blank between the time and the colon
        interpreted = found.group(3) == b' '
        if interpreted or _IDENT.match(found.group(2)):
            node = _NODE.search(before[-262:])
            body, _separator, names = (uncut(text) if following else text).partition(b'\x1d')
            yield Record(
                node.group(1) if node else None,
                found.group(2),
                interpreted,
                _KINDS.get(found.group(1)),
                clean(body),
                names,
            )
        before = text
        found = following


def clean(body):
    """A body up to the first byte that no record holds."""
    for stop in (b'\n', b'\r', b'\0'):
        if stop in body:
            body = body[: body.index(stop)]
    return body


def uncut(text):
    """A record that ends without its line end: leave out the last value, unless something shows that it is whole."""
    node = _NODE.search(text[-262:])
    if node:
        text = text[: len(text) - len(node.group(0))]
    if b'\x1d' in text or text.endswith(b'"'):
        return text
    return text[: text.rfind(b' ') + 1]


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
            known = _interpreted_argv(event.execve)
            event.argv = known, len(known)
        else:
            event.argv = (_plain_argv(event.execve[0]) if len(event.execve) == 1 else None) or _joined_argv(
                event.execve
            )
    return event.argv


def _plain_argv(body):
    """What argv() gives for the usual record, argc=N and then N whole arguments in order; None for any other record."""
    # Hosts repeat their commands
    return _remembered_argv(body) if len(body) < 300 else _read_plain_argv(body)


def _read_plain_argv(body):
    if body.translate(None, _PRINTABLE):
        return None
    parts = body.split(b'"')
    count = len(parts) // 2
    if count < len(_QUOTED_BETWEEN) and parts[::2] == _QUOTED_BETWEEN[count] and body.count(b' ') == count:
        return tuple(parts[1::2]), None
    words = body.split(b' ')
    if words[0] != b'argc=%d' % (len(words) - 1):
        return None
    result = []
    for position, word in enumerate(words[1:]):
        index, _separator, value = word.partition(b'=')
        if index != b'a%d' % position:
            return None
        if _HEX.match(value):
            result.append(unhexlify(value))
        elif len(value) > 1 and value[0] == value[-1] == _QUOTE and value.count(b'"') == 2:
            result.append(value[1:-1])
        else:
            return None
    return tuple(result), None


_remembered_argv = functools.lru_cache(maxsize=2000)(_read_plain_argv)


def _joined_argv(bodies):
    count = None
    chunks = {}
    lengths = {}
    for body in bodies:
        declared = _ARGC.match(body)
        if declared and count is None:
            count = int(declared.group(1))
        for index, chunk, quoted, encoded in _ARGUMENT.findall(b' ' + body):
            if len(encoded) % 2 == 0:
                parts = chunks.setdefault(int(index), {})
                parts.setdefault(int(chunk or 0), (quoted or encoded, unhexlify(encoded) if encoded else quoted))
        if b'_len=' in body:
            for index, length in _LENGTH.findall(body):
                lengths.setdefault(int(index), int(length))
    result = []
    gap = None
    expected = 0
    for index in sorted(chunks):
        parts = chunks[index]
        # The length counts the characters in the record. The kernel calls it untrusted, as another thread can change
        # the argument meanwhile: so it never sizes anything here, it only shows that a chunk is missing.
        whole = sorted(parts) == list(range(len(parts))) and sum(
            len(written) for written, _value in parts.values()
        ) >= lengths.get(index, 0)
        if gap is None and (index != expected or not whole):
            gap = len(result)
        if whole:
            result.append(b''.join(parts[position][1] for position in sorted(parts)))
        expected = index + 1
    if gap is None and (count is None or expected != count):
        gap = len(result)
    return tuple(result), gap


def _interpreted_argv(bodies):
    """The likeliest arguments of `ausearch -i` text, which has neither quotes nor escapes: only ever a guess."""
    parts = {}
    for body in bodies:
        body = b' ' + (body[:-1] if body.endswith(b' ') else body)
        starts = []
        last = None
        for found in _INTERPRETED_ARGUMENT.finditer(body):
            place = (int(found.group(1)), int(found.group(2) or 0))
            if last is None or place in ((last[0] + 1, 0), (last[0], last[1] + 1)):
                starts.append((place, found))
                last = place
        for position, (place, found) in enumerate(starts):
            end = starts[position + 1][1].start() if position + 1 < len(starts) else len(body)
            parts.setdefault(place[0], {}).setdefault(place[1], body[found.end() : end])
    return tuple(b''.join(parts[index][chunk] for chunk in sorted(parts[index])) for index in sorted(parts))


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
    raw = _IDENT.match(event.ident)
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


def timestamp(milliseconds):
    """RFC 3339 in UTC with milliseconds, or None."""
    return None if milliseconds is None else '%s.%03dZ' % (_second(milliseconds // 1000), milliseconds % 1000)


@functools.lru_cache(maxsize=256)
def _second(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')
