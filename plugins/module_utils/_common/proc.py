# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads /proc of other processes, in a helper process that is abandoned if a read hangs.

To read /proc/PID/cmdline the kernel locks the memory map of that process (fs/proc/base.c get_mm_cmdline), and a process
of any user can keep that lock for ever, by a page of a file system of its own. Some kernels do not even let a waiting
reader be killed. So the helper holds nothing that anybody waits for: no descriptor of ours but its two pipes, and a
session of its own. It is the Python that runs this, with a few lines of program, since a process with threads must not
fork on its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import time

# Audit writes the pids of the first pid namespace: in another one they mean other processes. PROC_PID_INIT_INO,
# include/linux/proc_ns.h
FIRST_NAMESPACE = 'pid:[4026531836]'

_INSIDE = re.compile(rb'(?m)^NSpid:\t\d+\t')
# What one part may take on a busy host, and all that never come together: those that come after are not known
SECONDS = 1.0
_LOST_SECONDS = 5.0
_START_SECONDS = 20.0  # Python can start slowly on a small host
_LONGEST = 1 << 16

# A request is a line: a process and what to read of it. Each part of the answer is -1, or its length, a line end and
# the part. What is read is in the order of the request, so that what comes before one that never ends is known.
_PROGRAM = (
    """
import os, sys
say = sys.stdout.buffer
say.write(b'ready\\n'); say.flush()
while True:
    words = os.fsencode(sys.stdin.readline()).split()
    if not words:
        break
    for name in words[1:]:
        path = os.path.join(os.fsencode(sys.argv[1]), words[0], name)
        try:
            if name in (b'exe', b'ns/pid'):
                part = os.fsencode(os.readlink(path))
            else:
                with open(path, 'rb') as file:
                    part = file.read(%d)
            say.write(b'%%d\\n' %% len(part) + part)
        except OSError:
            say.write(b'-1\\n')
        say.flush()
"""
    % _LONGEST
)


class ProcReader:
    """Reads what processes say of themselves, each within a time."""

    def __init__(self, folder: str = '/proc', seconds: float = SECONDS) -> None:
        self._folder = folder
        self._seconds = seconds
        self._lost = 0.0
        self._helper: subprocess.Popen[bytes] | None = None
        self._got = b''

    def close(self) -> None:
        if self._helper is None:
            return
        helper, self._helper = self._helper, None
        helper.kill()
        for pipe in (helper.stdin, helper.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what a helper that ended did not take is still to be written
                    pipe.close()
        try:
            helper.wait(0.1)
        except subprocess.TimeoutExpired:
            # The kernel does not let it go: it ends when the process that it waits for ends
            helper.returncode = -9

    def __enter__(self) -> ProcReader:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def read(self, pid: int, names: tuple[str, ...]) -> list[bytes | None]:
        """What files of a process hold, in the order of the names, None for one that is not there.

        The list is shorter where one was not read in time: what may never end comes last.
        """
        found: list[bytes | None] = []
        if self._lost >= _LOST_SECONDS or not self._is_started():
            return found
        start = time.monotonic()
        try:
            self._send(('%d %s\n' % (pid, ' '.join(names))).encode())
            for _name in names:
                found.append(self._part(time.monotonic() + self._seconds))
        except (OSError, ValueError):
            # A new helper, for the next one
            self._lost += time.monotonic() - start
            self.close()
        return found

    def _is_started(self) -> bool:
        if self._helper is not None:
            return True
        try:
            self._helper = subprocess.Popen(
                [sys.executable, '-I', '-S', '-c', _PROGRAM, self._folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._got = b''
            if self._line(time.monotonic() + _START_SECONDS) == b'ready':
                return True
        except (OSError, ValueError):
            pass
        self._lost = _LOST_SECONDS  # it will not start the next time either
        self.close()
        return False

    def _send(self, request: bytes) -> None:
        if self._helper is None or self._helper.stdin is None:
            raise OSError('the helper is not there')
        self._helper.stdin.write(request)
        self._helper.stdin.flush()

    def _part(self, deadline: float) -> bytes | None:
        length = int(self._line(deadline))
        if length < 0:
            return None
        while len(self._got) < length:
            self._receive(deadline)
        part, self._got = self._got[:length], self._got[length:]
        return part

    def _line(self, deadline: float) -> bytes:
        while b'\n' not in self._got:
            self._receive(deadline)
        line, _end, self._got = self._got.partition(b'\n')
        return line

    def _receive(self, deadline: float) -> None:
        if self._helper is None or self._helper.stdout is None:
            raise OSError('the helper is not there')
        ready, _unused, _unused = select.select([self._helper.stdout], [], [], max(0, deadline - time.monotonic()))
        piece = os.read(self._helper.stdout.fileno(), _LONGEST) if ready else b''
        if not piece:
            raise OSError('no answer')
        self._got += piece


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended. No lock that it could hold is needed to read its stat."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as file:
            return file.read().rpartition(b')')[2].split()[0] != b'Z'
    except OSError:
        return False


def user_ids(status: bytes | None) -> tuple[int, ...]:
    """The user ids in /proc/PID/status: real, effective, saved and of the file system. Empty where it has none."""
    for line in (status or b'').split(b'\n'):
        name, _colon, numbers = line.partition(b':')
        if name == b'Uid':
            return tuple(int(number) for number in numbers.split() if number.isdigit())
    return ()


def is_of(status: bytes | None, *users: int) -> bool:
    """Whether a process is wholly of one of the users: what calls itself dockerd can be anybody's. Root of a container,
    which has a number there, too (proc(5), NSpid), is not root of the host."""
    numbers = user_ids(status)
    if len(numbers) != 4 or len(set(numbers)) != 1 or (numbers[0] == 0 and _INSIDE.search(status or b'')):
        return False
    return numbers[0] in users
