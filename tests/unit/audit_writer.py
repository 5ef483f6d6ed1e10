# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes audit records as the kernel and auditd do, for tests.

After kernel/audit.c audit_log_untrustedstring() and kernel/auditsc.c audit_log_execve_info().
"""

from __future__ import annotations

KEY = b'claude-hooks-docker'
_NAME_ROOM = 32  # the kernel's buffer for " a1_len=2 a1[0]="


def is_plain(value):
    return all(0x21 <= byte < 0x7F and byte != 0x22 for byte in value)


def value(text):
    return b'"%s"' % text if is_plain(text) else text.hex().upper().encode()


def execve(argv, room=7500):
    """The bodies of the EXECVE records of an argv; room is how many characters of arguments go into one record."""
    bodies = [b'argc=%d' % len(argv)]
    left = room
    for index, argument in enumerate(argv):
        encode = not is_plain(argument)
        length = len(argument) * 2 if encode else len(argument)
        chunk = 0
        rest = argument
        while True:
            if _NAME_ROOM + 8 > left:
                bodies.append(b'')
                left = room
            space = len(rest) * 2 if encode else len(rest) + 2
            if chunk or space + _NAME_ROOM > left:
                name = (b' a%d_len=%d' % (index, length) if not chunk else b'') + b' a%d[%d]=' % (index, chunk)
                chunk += 1
            else:
                name = b' a%d=' % index
            left -= len(name)
            size = len(rest)
            if space > left:
                size = max(1, left // 2 if encode else left - 2)
            part, rest = rest[:size], rest[size:]
            text = part.hex().upper().encode() if encode else b'"%s"' % part
            bodies[-1] += name + text
            left -= len(text)
            if not rest:
                break
    return bodies


# Long, as what a test can want otherwise in an event is many things, and each has its line.
def event(
    argv,
    seconds=1795490000,
    milli=100,
    serial=1,
    node=None,
    key=KEY,
    success=True,
    enriched=False,
    cwd=b'/root',
    room=7500,
    call=59,
    pid=100,
    ppid=99,
    comm=b'docker',
    exe=b'/usr/bin/docker',
    extra=True,
):
    """The lines of one event, in the kernel's order."""
    keys = b'(null)' if key is None else value(key)
    lines = [
        (
            b'SYSCALL',
            b'arch=c000003e syscall=%d success=%s exit=%d a0=1 a1=2 a2=3 a3=8 items=2 ppid=%d pid=%d auid=1000 uid=0 '
            b'gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=%s exe=%s subj=unconfined key=%s'
            % (call, b'yes' if success else b'no', 0 if success else -2, ppid, pid, value(comm), value(exe), keys),
        )
    ]
    if success:
        lines += [(b'EXECVE', body) for body in execve(argv, room)]
    if cwd is not None:
        lines.append((b'CWD', b'cwd=' + value(cwd)))
    if extra:
        lines.append(
            (
                b'PATH',
                b'item=0 name="/usr/bin/docker" inode=341712 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 '
                b'nametype=NORMAL',
            )
        )
        lines.append((b'PROCTITLE', b'proctitle=' + (b'\0'.join(argv)[:128].hex().upper().encode() or b'(null)')))
    tails = (
        {
            b'SYSCALL': b'\x1dARCH=x86_64 SYSCALL=execve AUID="bob" UID="root" GID="root"',
            b'PATH': b'\x1dOUID="root" OGID="root"',
        }
        if enriched
        else {}
    )
    head = b'node=%s ' % node if node else b''
    return [
        head + b'type=%s msg=audit(%d.%03d:%d): ' % (kind, seconds, milli, serial) + body + tails.get(kind, b'')
        for kind, body in lines
    ]


def text(*events_lines):
    return b''.join(line + b'\n' for lines in events_lines for line in lines)
