# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns lines of audit text into records. Only what stands here decides where a record begins.

A record is one line: `node=N type=T msg=audit(SECONDS.MILLI:SERIAL): name=value name=value`, with node= only where
auditd is told so. It begins where the line begins, or behind a syslog prefix, right after the tag of one that writes
audit records. Whoever can choose a text that the kernel or a program writes into a record as it is could else begin a
record of his own in the middle of a line: the kernel prints the name of an nftables table into NETFILTER_CFG without
any encoding (net/netfilter/nf_tables_api.c nf_tables_commit_audit_log), and any user with a user namespace chooses
that name.

A line that was cut by a crash or a full disk has the next record glued to it. Such a header is believed only behind a
kind of record in which the kernel encodes every value, and only where what it begins is whole.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

RAW, SYSLOG, INTERPRETED = 'raw', 'syslog', 'interpreted'

# Types by number, as the kernel itself writes them to the syslog while no auditd runs (include/uapi/linux/audit.h).
_NUMBERS = {b'1300': b'SYSCALL', b'1302': b'PATH', b'1307': b'CWD', b'1309': b'EXECVE', b'1327': b'PROCTITLE'}

# Kinds in which every text that a user can choose is quoted or hex: kernel/auditsc.c audit_log_exit, show_special,
# audit_log_execve_info, audit_log_proctitle, audit_log_fcaps; kernel/audit.c audit_log_name, audit_log_set_loginuid.
# What follows a security context is another matter, see _CHOSEN. LOGIN and OBJ_PID have one in their middle.
# Not among them, although they look so: SOCKADDR (auditd adds the path of the socket as it is, as SADDR={..}),
# ANOM_PROMISCUOUS (the name of a network device), NETFILTER_CFG, AVC, and whatever programs send (1100 to 2999).
_ENCODED = frozenset(
    (
        b'SYSCALL', b'EXECVE', b'CWD', b'PATH', b'PROCTITLE', b'FD_PAIR', b'OBJ_PID', b'MMAP', b'OPENAT2', b'IPC',
        b'SOCKETCALL', b'BPRM_FCAPS', b'CAPSET', b'EOE', b'LOGIN',
    )
)  # fmt: skip

# What root's own programs say of audit has no such text either
_OF_THE_SYSTEM = _ENCODED | {b'CONFIG_CHANGE', b'DAEMON_START', b'DAEMON_END', b'DAEMON_CONFIG', b'DAEMON_ROTATE'}

# The context of a process is printed as it is (kernel/audit.c audit_log_task_context). SELinux and SMACK allow no blank
# in one. AppArmor does: a profile in complain mode makes a profile for each program, PROFILE//null-PATH with the path
# that a user chose (security/apparmor/policy.c aa_new_learning_profile), and root of a user namespace that has a policy
# namespace of its own, as in a container of LXD, names his profiles as he likes; they show as :NAMESPACE:NAME, alone
# or behind // (security/apparmor/label.c aa_label_snxprint). Nothing that stands behind such a context begins a record.
_CHOSEN = re.compile(rb' (?:subj|obj)==?(?::|[^ ]*(?: \(\w{1,20}\))?/)')

#: auditd cuts a record at 8,970 bytes (MAX_AUDIT_MESSAGE_LENGTH, audit-userspace lib/libaudit.h), rsyslog at 8 KiB.
#: What a user chose in a context that long can stand where the end of the record, with its key, was.
LONGEST = 8000

_EXECVE, _NUMBERED_EXECVE, _SYSCALL = b'type=EXECVE msg=audit(', b'type=1309 audit(', b'type=SYSCALL msg=audit('
_FEW, _SMALL = 64, 512 << 10
# The key as it ends a whole SYSCALL record, or what auditd adds follows
_LAST_KEY = rb' key=(?:"[!#-~]*"|\(null\)|[0-9A-F]+)(?=[ \x1d\n])'
_WITH_KEY = re.compile(rb'[^\n\r\0\x1d]*' + _LAST_KEY)
_NODE = re.compile(rb'node=\S{1,255} ')

# Every repetition is bounded, so that no input takes more than linear time.
_HEAD = re.compile(
    rb'(?:node=([^=\n]{1,255}?) )?type=([A-Z0-9_\[\]]{1,40}) (?:msg=)?audit\(([^)\n]{1,80})\)( ?):[ \t]?'
)
_GLUED = re.compile(rb'type=([A-Z0-9_]{1,40}) msg=audit\((\d{1,11}\.\d{1,9}:\d{1,20})\): ')
_GLUED_NODE = re.compile(rb'node=(\S{1,255}) \Z')
IDENT = re.compile(rb'(\d{1,11})(?:\.(\d{1,9}))?:(\d{1,20})\Z')
# What `ausearch -i` prints in its place is that of the locale; some collectors leave the serial out
_LOCAL_IDENT = re.compile(rb'(?:[^\n]{6,60}\d\.\d{3}|\d{1,11}):\d{1,20}\Z')

# What stands before a record in a file of a syslog daemon: RFC 3164 and what rsyslog, syslog-ng, journalctl and dmesg
# make of it, and RFC 5424. A tag is believed where it names a program of audit or the kernel; whoever may write to the
# syslog can choose it, so what comes this way has an origin of its own.
_TAG = rb'(?:[\w./-]{0,60}audi(?:t|sp)[\w./-]{0,60}|kernel)'
_ISO_TIME = rb'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?'
TIME = (
    rb'(?:[A-Za-z\x80-\xff]{3,12}\.? {1,2}\d{1,2} (?:\d{4} )?(?:\d\d:\d\d:\d\d(?:\.\d{1,9})? )?'
    rb'|' + _ISO_TIME + rb' |\d{9,11}\.\d{1,9} |\[[ \d.]{1,20}\] )'  # journalctl -o short-unix and -o short-monotonic
)
PREFIX = re.compile(
    rb'(?:\d{1,5} )?(?:<\d{1,3}>)?(?:'
    + TIME
    + rb'(\S{1,255}) ('
    + _TAG
    + rb'(?:\[\d{1,10}\])?): ?(?: (?=type=|node=))?'
    rb'|1 \S{1,40} (\S{1,255}) ('
    + _TAG
    + rb') \S{1,128} \S{1,32} (?:-|(?:\[(?:[^]\\\n]|\\.){0,400}\]){1,8}) (?:\xef\xbb\xbf)?)'
    rb'(?:\[[ \d.]{1,20}\] ?)?(?:audit: )?'
)
#: The tag of lines that stood in one string together, or that `ausearch -i` printed: one can be a part of another
OF_LINES = b'audit-lines'
BOM = b'\xef\xbb\xbf'
_INDENTS = frozenset((b' ', b'\t', BOM[:1]))
_NO_HOST = re.compile(rb'-\Z|\d\d:\d\d')
# dmesg, with -x, -T, --time-format iso and the caller that a kernel can be built to tell, and /dev/kmsg
_RING = re.compile(
    rb'(?:(?:<\d{1,3}>)?(?:[a-z]{1,8} {0,3}:[a-z]{1,8} {0,3}: ?)?(?:(?:\[[^\]\n]{1,40}\] ?){0,2}|'
    + _ISO_TIME
    + rb' )|\d{1,5},\d{1,20},\d{1,20},[^;\n]{1,80};)audit: '
)
# The log of a container (CRI, kubectl logs --timestamps), CloudWatch, Grafana: a time alone
_STREAM = re.compile(_ISO_TIME + rb'[ \t](?:std(?:out|err) [FP] )?(?=(?:node=\S{1,255} )?type=)')

# How the byte 0x1D between a record and what auditd adds to it is spelt by what carried it: rsyslog, terminals,
# JSON and others; a question mark and U+FFFD where it was replaced
SEPARATOR = rb'(?:\x1d|#035|\^\]|\\x1[dD]|\\u001[dD]|\\035|<1[dD]>|<GS>|%1[dD]|\xef\xbf\xbd|\xe2\x90\x9d|\?)'
_AT_END = re.compile(SEPARATOR + rb' ?\Z')
_ENDS = frozenset(b'\x1d5]dD>S\xbd\x9d?3')
_KEY = rb' key=(?:"[!#-~]*"|\(null\)|(?:[0-9A-F]{2})+)'
_TAIL_OF_SYSCALL = re.compile(rb'(' + _KEY + rb')[^\n]{0,12}?(?=ARCH=)')  # at the last key: a context comes before it
_WHOLE = {
    b'SYSCALL': re.compile(rb'arch=.*' + _KEY + rb' ?\Z', re.DOTALL),
    b'DAEMON_START': re.compile(rb'op=.* res=\w+ ?\Z', re.DOTALL),
    b'DAEMON_END': re.compile(rb'op=.* res=\w+ ?\Z', re.DOTALL),
    b'DAEMON_ABORT': re.compile(rb'op=.* res=\w+ ?\Z', re.DOTALL),
    b'CWD': re.compile(rb' ?cwd=(?:"[!#-~]*"|(?:[0-9A-F]{2})+) ?\Z'),
    b'EXECVE': re.compile(
        rb'(?:argc=\d{1,10}(?= |\Z))?'
        rb'(?: a\d{1,10}(?:_len=\d{1,12}|(?:\[\d{1,10}\])?=(?:"[!#-~]*"|(?:[0-9A-F]{2})+)))* ?\Z'
    ),
}  # fmt: skip


class Record(NamedTuple):
    """What one record says. ident is its time and serial, as they are written."""

    origin: str
    host: bytes | None  # what the syslog prefix says
    node: bytes | None
    ident: bytes
    kind: bytes
    body: bytes
    tail: bytes  # what auditd added
    is_damaged: bool = False  # the time cannot be read
    is_forwarded: bool = False  # it has a prefix of its own, which no other line of the text gave it


# A hole can have millions of them
_BETWEEN_NULS = re.compile(rb'[^\0]+')


class _Head(NamedTuple):
    origin: str
    host: bytes | None
    found: re.Match[bytes]
    is_forwarded: bool = False


def records(line: bytes) -> Iterator[Record]:
    """The records of one line, in order: usually one. What stands behind a hole of NUL bytes begins as a line does."""
    line = line.rstrip(b'\r\t')
    if b'\r' in line and not _CHOSEN.search(line, 0, line.index(b'\r')):
        line = line[: line.index(b'\r')]
    if b'\0' not in line:
        yield from _records(line, False)
        return
    parts = _BETWEEN_NULS.findall(line)
    is_of_auditd = True
    for number, part in enumerate(parts):
        for record in _records(part, number + 1 < len(parts) or line.endswith(b'\0')):
            # What stands before the hole can be of a line that was none of auditd
            yield record if is_of_auditd or record.origin != RAW else record._replace(origin=SYSLOG, is_forwarded=True)
        is_of_auditd = is_of_auditd and part.startswith((b'type=', b'node='))


def is_record(line: bytes) -> bool:
    """Whether a record begins where the line begins, or behind its prefix."""
    return next(records(line), None) is not None


def may_hold_text(line: bytes) -> bool:
    """Whether a line can hold text that a user chose as it is, with what str.splitlines() takes for a line end."""
    record = next(records(line), None)
    return record is None or record.kind not in _OF_THE_SYSTEM or bool(_CHOSEN.search(line))


def _records(text: bytes, is_cut: bool) -> Iterator[Record]:
    head = _head(text)
    if head is None:
        return
    origin, host, found, is_forwarded = head
    node, kind, ident, blank = found.groups()
    start = found.end()
    is_first = True
    while True:
        kind = _NUMBERS.get(kind, kind)
        following = _GLUED.search(text, start) if kind in _ENCODED and not blank else None
        if following and _CHOSEN.search(text, start, following.start()):
            following = None
        body = text[start : following.start() if following else len(text)]
        next_node = None
        if following:
            named = _GLUED_NODE.search(body[-262:])
            if named:
                next_node = named.group(1)
                body = body[: len(body) - len(named.group(0))]
        record = _record(origin, host, node, ident, kind, bool(blank), uncut(body) if following or is_cut else body)
        record = record and record._replace(is_forwarded=is_forwarded)
        if record is not None and (is_first or (kind in _WHOLE and _WHOLE[kind].match(record.body))):
            yield record
        elif not is_first and kind in _WHOLE:
            return
        if following is None:
            return
        is_first = False
        node, kind, ident, start = next_node, following.group(1), following.group(2), following.end()


def _head(text: bytes) -> _Head | None:
    # A log of audit has no blanks there; journalctl and dmesg indent the further lines of what a user wrote
    start = len(text) - len(text.lstrip(b' \t' + BOM)) if text[:1] in _INDENTS else 0
    found = _HEAD.match(text, start)
    if found:
        return _Head(INTERPRETED if found.group(4) else SYSLOG if start else RAW, None, found, bool(start))
    if start:
        return None
    prefix = PREFIX.match(text) or _RING.match(text) or _STREAM.match(text)
    if prefix is None:
        return None
    found = _HEAD.match(text, prefix.end())
    if found is None:
        return None
    host = (prefix.group(1) or prefix.group(3)) if prefix.re is PREFIX else None
    # Each line of a stream can be one of many that an argument had
    is_forwarded = prefix.re is not _STREAM and not (prefix.re is PREFIX and prefix.group(4) == OF_LINES)
    return _Head(SYSLOG, None if host is None or _NO_HOST.match(host) else host, found, is_forwarded)


def _record(
    origin: str, host: bytes | None, node: bytes | None, ident: bytes, kind: bytes, is_interpreted: bool, text: bytes
) -> Record | None:
    """The record, or None for what has no event number."""
    if is_interpreted:
        if not _LOCAL_IDENT.match(ident):
            return None
        body, _separator, tail = text.partition(b'\x1d')
        return Record(INTERPRETED, host, node, ident, kind, body, tail)
    is_damaged = not IDENT.match(ident)
    if is_damaged and kind != b'SYSCALL':
        return None
    if kind == b'SYSCALL' and len(text) >= LONGEST:
        chosen = _CHOSEN.search(text)
        text = text[: chosen.start()] if chosen else text
    body, separator, tail = _divided(kind, text)
    if not separator:
        if kind == b'SYSCALL':
            found = _TAIL_OF_SYSCALL.match(body, max(0, body.rfind(b' key='))) if b'ARCH=' in body else None
            if found:
                body, tail = body[: found.end(1)], body[found.end() :]
        if body and body[-1] in _ENDS:
            body = _AT_END.sub(b'', body)
    if kind == b'SYSCALL' and tail and has_names_of_others(body):
        tail = b''
    return Record(origin, host, node, ident, kind, body, tail, is_damaged)


def has_names_of_others(body: bytes) -> bool:
    """Whether auditd can have taken the names of users, which it adds to a SYSCALL record, from its security context.

    Fields that a user wrote into a context (see _CHOSEN) have a = each, and auditd believes them.
    """
    context = body.find(b' subj=')
    return context >= 0 and body.find(b'=', context + 7, body.rfind(b' key=')) >= 0


def _divided(kind: bytes, text: bytes) -> tuple[bytes, bytes, bytes]:
    """What the kernel wrote, the separator, what auditd added. A context can hold a separator, too, before the key."""
    parts = text.partition(b'\x1d')
    if kind == b'SYSCALL' and b' key=' in parts[2] and _CHOSEN.search(parts[0]):
        parts = text.rpartition(b'\x1d')
        if b' key=' in parts[2]:
            return text, b'', b''
    return parts


def uncut(text: bytes) -> bytes:
    """A record that ends without its line end: leave out the last value, unless something shows that it is whole."""
    if b'\x1d' in text or text.endswith(b'"'):
        return text
    return text[: text.rfind(b' ') + 1]


def first_record(lines: bytes, start: int, end: int) -> Record | None:
    """The first record in lines[start:end]."""
    while start < end:
        stop = lines.find(b'\n', start, end)
        stop = end if stop < 0 else stop
        record = next(records(lines[start:stop]), None)
        if record is not None:
            return record
        start = stop + 1
    return None


def last_record(lines: bytes, start: int, end: int) -> Record | None:
    """The last record in lines[start:end]."""
    while end > start:
        begin = max(lines.rfind(b'\n', start, end - 1) + 1, start)
        found = list(records(lines[begin:end].rstrip(b'\n')))
        if found:
            return found[-1]
        end = begin
    return None


def without_syscall(block: bytes, end: int) -> Iterator[int]:
    """Where EXECVE records may stand whose event has no whole SYSCALL record in block[:end]: none is left out."""
    found: list[tuple[int, bytes]] = []
    is_small = end < _SMALL
    if not is_small and is_clean(block, 0, end):
        node = node_of(block)
        # A block of a log often begins between the two
        is_between = block.startswith(node + _EXECVE)
        number = block.count(_EXECVE, 0, end) - is_between
        first, following = _pairs(node)
        pairs = [one.span() for one in following.finditer(block, 0, end)]
        pairs += [one.span() for one in [first.match(block)] if one]
        # Two heads each, that of the SYSCALL and that of the EXECVE record: with another one between, the key is its
        if number == len(pairs) and all(block.count(b' msg=audit(', *span) == 2 for span in pairs):
            return iter((0,) if is_between else ())
    text = block[:end]
    for head in (_EXECVE, _NUMBERED_EXECVE) if is_small else (_EXECVE,):
        found += _without_syscall(text, head)
    # ausearch prints the SYSCALL record last
    after = set(_idents_of_syscalls(text)) if len(found) > _FEW else ()
    return (place for place, ident in found if ident not in after)


def is_clean(block: bytes, start: int, end: int) -> bool:
    """Whether no byte is there that ends a record before its line ends, as in logs that were damaged or copied."""
    return block.find(b'\0', start, end) < 0 and block.find(b'\r', start, end) < 0


def node_of(block: bytes) -> bytes:
    """What the lines of a block begin with: the node= of the first one, or nothing."""
    begin = _NODE.match(block)
    return begin.group() if begin else b''


@functools.lru_cache(maxsize=16)
def _pairs(node: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Whole SYSCALL records that the EXECVE record of their event follows, in the first line and in others. The second
    begins with a text, which is searched for much faster than a pattern."""
    begin = re.escape(node)
    call = begin + rb'type=SYSCALL msg=audit\(([^)\n]{1,80})\): [^\n]{0,%d}' % (LONGEST - 2500) + _KEY
    pair = call + rb' ?(?:\x1d[^\n]{0,2000})?\n' + begin + rb'type=EXECVE msg=audit\(\1\)'
    return re.compile(pair), re.compile(rb'\n' + pair)


def _without_syscall(text: bytes, head: bytes) -> Iterator[tuple[int, bytes]]:
    pieces = text.split(head)
    place = 0
    before = pieces[0]
    last: tuple[bytes, bytes] | None = None
    for piece in pieces[1:]:
        place += len(before)
        ident = piece[: piece.find(b')')]
        end = before.rfind(b'\n')
        start = before.rfind(b'\n', 0, max(0, end)) + 1
        prefix = before[end + 1 :]
        # The line before is the SYSCALL record, or another EXECVE record that was looked at
        is_line = bool(start) or before is pieces[0]  # and not the rest of one
        is_syscall = is_line and before.startswith(prefix + _SYSCALL + ident + b'): ', start) and end - start < LONGEST
        is_whole = is_syscall and _has_key(before, start + len(prefix), end)
        if not is_whole and (start or last != (prefix, ident)):
            yield place, ident
        # A head within a line says nothing of the record that the line is, nor does one of a record that is damaged
        is_within = (end < 0 and place > len(before)) or b'audit(' in prefix
        last = None if is_within or not piece.startswith(ident + b'): ') else (prefix, ident)
        place += len(head)
        before = piece


def _has_key(text: bytes, start: int, end: int) -> bool:
    """Whether the SYSCALL record text[start:end] ends with its line, and has a key that no user wrote."""
    if text.find(b' msg=audit(', start + len(_SYSCALL), end) >= 0 or _CHOSEN.search(text, start, end):
        return False
    return bool(_WITH_KEY.match(text, start, end + 1))


def _idents_of_syscalls(text: bytes) -> Iterator[bytes]:
    for piece in text.split(b'\n' + _SYSCALL)[1:]:
        if piece.find(b'\n') < LONGEST and _has_key(piece, 0, piece.find(b'\n')):
            yield piece.partition(b'): ')[0]
