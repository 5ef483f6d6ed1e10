# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executes a program as a user, and kills it before its first instruction runs.

While a process runs as a user, that user can attach to it and make it act, under the login uid of whoever started it.
So the child asks to be traced by us while it is still root: then nobody else can attach (ptrace(2): EPERM for what is
already traced). The kernel stops it at the end of its execve (PTRACE_EVENT_EXEC), and there it is killed. It is killed
also where we end first (PTRACE_O_EXITKILL). The record of the execve is written all the same, as the kernel finishes
the call (kernel/auditsc.c, __audit_syscall_exit).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Iterator, NoReturn

# include/uapi/linux/ptrace.h
_TRACEME, _CONT, _SETOPTIONS = 0, 7, 0x4200
_O_TRACEEXEC, _O_EXITKILL = 1 << 4, 1 << 20
_EVENT_EXEC = 4
_STEP = 0.002


class NotStarted(Exception):
    """The program was not executed, or not traced; the message says why."""


@contextlib.contextmanager
def stopped_at_exec(
    path: str, words: list[str], environment: dict[str, str], uid: int, gid: int, seconds: float
) -> Iterator[int]:
    """The pid of a process that has executed a program as a user and is stopped there. It is killed afterwards.

    It has nothing of its caller: no group, terminal or file, and / as its folder. Raises NotStarted.
    """
    ptrace = _ptrace()
    reading, writing = os.pipe()  # closed by the execve
    pid = os.fork()
    if pid == 0:
        _child(ptrace, writing, path, words, environment, uid, gid)
    os.close(writing)
    try:
        _follow(ptrace, pid, reading, time.monotonic() + seconds)
        yield pid
    finally:
        os.close(reading)
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class _Ptrace:
    """The system call, which Python has not."""

    def __init__(self) -> None:
        import ctypes

        self._errno = ctypes.get_errno
        self._call = ctypes.CDLL(None, use_errno=True).ptrace
        self._call.restype = ctypes.c_long
        self._call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def __call__(self, request: int, pid: int = 0, data: int = 0) -> None:
        if self._call(request, pid, None, data or None) != 0:
            raise OSError(self._errno(), os.strerror(self._errno()))


def _ptrace() -> _Ptrace:
    try:
        return _Ptrace()
    except (ImportError, AttributeError, OSError) as error:
        raise NotStarted('this Python cannot trace a process: %s' % error) from error


def _child(
    ptrace: _Ptrace, writing: int, path: str, words: list[str], environment: dict[str, str], uid: int, gid: int
) -> NoReturn:
    """Become the user and execute the program. What fails is written to the pipe, as its place and error number."""
    place = 'traced'
    try:
        ptrace(_TRACEME)
        os.kill(os.getpid(), signal.SIGSTOP)  # for the options of the trace, which need a process that is stopped
        place = 'executed'
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        for name in os.listdir('/proc/self/fd'):
            if int(name) > 2 and int(name) != writing:
                with contextlib.suppress(OSError):  # that of the list itself is closed already
                    os.close(int(name))
        os.setsid()
        os.chdir('/')
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.execve(path, words, environment)
    except OSError as error:
        os.write(writing, b'%s %d' % (place.encode(), error.errno or 0))
    finally:
        os._exit(127)


def _follow(ptrace: _Ptrace, pid: int, reading: int, deadline: float) -> None:
    """Wait until the child is stopped at the end of its execve. Raises NotStarted."""
    try:
        _next_stop(pid, reading, deadline)
        ptrace(_SETOPTIONS, pid, _O_TRACEEXEC | _O_EXITKILL)
        ptrace(_CONT, pid)
        # A signal that somebody else sends meanwhile is not handed on.
        while _next_stop(pid, reading, deadline) != signal.SIGTRAP | _EVENT_EXEC << 8:
            ptrace(_CONT, pid)
    except OSError as error:
        raise NotStarted('it cannot be traced: %s' % error.strerror) from error


def _next_stop(pid: int, reading: int, deadline: float) -> int:
    """The signal, and the event above it, at which the child stopped."""
    while True:
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if found and os.WIFSTOPPED(status):
            return status >> 8
        if found:
            place, _blank, number = os.read(reading, 100).partition(b' ')
            reason = os.strerror(int(number)) if number else 'it ended at once'
            raise NotStarted('it cannot be %s: %s' % (place.decode() or 'executed', reason))
        if time.monotonic() > deadline:
            raise NotStarted('it did not start in time')
        time.sleep(_STEP)
