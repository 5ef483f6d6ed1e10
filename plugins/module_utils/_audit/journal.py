# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads audit records from the journal of a host on which journald takes them and no auditd runs.

journald writes each record as an entry of its own: the name of its type and the text of the kernel as MESSAGE, the
serial as _AUDIT_ID, the time as _SOURCE_REALTIME_TIMESTAMP (systemd src/journal/journald-audit.c). Fields that begin
with an underscore are its own, so nobody else can write such an entry. Types below 1100, LOGIN among them, it leaves
out. Without auditd the kernel prints the same records to its log, from where they come into the journal once more, with
another _TRANSPORT.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import IO, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc

#: Stands for the journal where else the path of auditd's log stands.
LOG = 'the journal'

AUDITD_PID = '/run/auditd.pid'
_SYSTEMD = '/run/systemd/system'
_SOCKET = 'systemd-journald-audit.socket'
_PLACES = '/usr/sbin:/usr/bin:/sbin:/bin'
_FIELDS = 'MESSAGE,_AUDIT_TYPE,_AUDIT_ID,_SOURCE_REALTIME_TIMESTAMP'
_MATCH = '_TRANSPORT=audit'
_PID = re.compile(r'^pid (\d+)$', re.M)
_NUMBERED = re.compile(rb'(?:AUDIT|<audit-)(\d{4})>?\Z')
# Types for which systemd has no name where it was built without libaudit (include/uapi/linux/audit.h, lib/libaudit.h)
_NAMES = {
    b'1105': b'USER_START', b'1112': b'USER_LOGIN', b'1123': b'USER_CMD', b'1127': b'SYSTEM_BOOT',
    b'1128': b'SYSTEM_SHUTDOWN', b'1130': b'SERVICE_START', b'1131': b'SERVICE_STOP', b'1138': b'SOFTWARE_UPDATE',
    b'1300': b'SYSCALL', b'1302': b'PATH', b'1305': b'CONFIG_CHANGE', b'1307': b'CWD', b'1309': b'EXECVE',
    b'1318': b'OBJ_PID', b'1327': b'PROCTITLE',
}  # fmt: skip


class LogReaderError(OSError):
    """The audit logs cannot be read; the message says why."""


class Entry(NamedTuple):
    """A record as auditd would write it, where it is, and when it came (microseconds since 1970)."""

    cursor: str
    line: bytes
    ident: bytes
    arrived: int


def takes_records() -> bool:
    """Whether journald takes the audit records of this host, and no auditd does."""
    if not os.path.isdir(_SYSTEMD) or _runs(AUDITD_PID):
        return False
    systemctl, auditctl = _program('systemctl'), _program('auditctl')
    if systemctl is None or _output([systemctl, 'is-active', _SOCKET]).strip() != 'active':
        return False
    pid = _PID.search(_output([auditctl, '-s'])) if auditctl else None
    return pid is None or not proc.is_running(int(pid.group(1)))


def entries(cursor: str | None = None, since: int | None = None, newest: int | None = None) -> Iterator[Entry]:
    """The records in the journal, in order: from an entry on, from a time on (milliseconds), or the newest so many.

    The entry at the cursor comes first, if it is still there: `--after-cursor` left out the next one, too, with a match
    and before systemd 255 (systemd issue 30288).
    """
    chosen = [] if cursor is None else ['--cursor=' + cursor]
    chosen += [] if since is None else ['--since=@%d' % (since // 1000)]
    chosen += [] if newest is None else ['--lines=%d' % newest]
    with _running([*chosen, '--output=export', '--output-fields=' + _FIELDS]) as process:
        stream = process.stdout
        if stream is None:
            raise LogReaderError('journalctl has no output')
        yield from _entries(stream)
        code = process.wait()
        if code:
            said = process.stderr.read(2000).decode('utf-8', 'replace').strip() if process.stderr else ''
            raise LogReaderError('journalctl failed with exit code %d: %s' % (code, said))


def blocks(size: int) -> Iterator[bytes]:
    """All records of the journal, in blocks of whole lines."""
    lines: list[bytes] = []
    length = 0
    for entry in entries():
        lines.append(entry.line)
        length += len(entry.line)
        if length >= size:
            yield b''.join(lines)
            lines, length = [], 0
    if lines:
        yield b''.join(lines)


def follow() -> subprocess.Popen[bytes]:
    """A process that prints something when a record comes; and once at its start, where there is one."""
    # Its complaints go nowhere: who reads the entries says them
    return subprocess.Popen(
        [_journalctl(), *_QUIETLY, '--follow', '--lines=1', '--output=cat', _MATCH],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


_QUIETLY = ('--no-pager', '--quiet')


@contextlib.contextmanager
def _running(options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [_journalctl(), *_QUIETLY, *options, _MATCH],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, LC_ALL='C'),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _entries(stream: IO[bytes]) -> Iterator[Entry]:
    """Entries in the Journal Export Format: NAME=value, or NAME, eight bytes of length and the value."""
    fields: dict[bytes, bytes] = {}
    for line in stream:
        name, separator, value = line[:-1].partition(b'=')
        if not name:
            entry = _entry(fields)
            if entry is not None:
                yield entry
            fields = {}
        elif separator:
            fields[name] = value
        else:
            length = int.from_bytes(stream.read(8), 'little')
            fields[name] = stream.read(length)
            stream.read(1)
    entry = _entry(fields)
    if entry is not None:
        yield entry


def _entry(fields: dict[bytes, bytes]) -> Entry | None:
    moment, serial = fields.get(b'_SOURCE_REALTIME_TIMESTAMP', b''), fields.get(b'_AUDIT_ID', b'')
    kind, _blank, body = fields.get(b'MESSAGE', b'').partition(b' ')
    if not (moment.isdigit() and len(moment) > 6 and serial.isdigit() and kind and b'__CURSOR' in fields):
        return None
    numbered = _NUMBERED.match(kind)
    if numbered:
        kind = _NAMES.get(fields.get(b'_AUDIT_TYPE', numbered.group(1)), b'UNKNOWN[%s]' % numbered.group(1))
    ident = b'%s.%s:%s' % (moment[:-6], moment[-6:-3], serial)
    # A program may send a record that has lines: none of them begins a record
    line = b'type=%s msg=audit(%s): %s\n' % (kind, ident, body.replace(b'\n', b' '))
    arrived = fields.get(b'__REALTIME_TIMESTAMP', b'0')
    return Entry(fields[b'__CURSOR'].decode('ascii', 'replace'), line, ident, int(arrived) if arrived.isdigit() else 0)


def _journalctl() -> str:
    program = _program('journalctl')
    if program is None:
        raise LogReaderError('journald takes the audit records of this host, and there is no journalctl to read them')
    return program


def _program(name: str) -> str | None:
    return shutil.which(name, path='%s:%s' % (os.environ.get('PATH', ''), _PLACES))


def _output(words: list[str]) -> str:
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            env=dict(os.environ, LC_ALL='C'),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout.decode('utf-8', 'replace')


def _runs(pid_file: str) -> bool:
    try:
        with open(pid_file, encoding='ascii') as file:
            return proc.is_running(int(file.read(20)))
    except (OSError, ValueError):
        return False
