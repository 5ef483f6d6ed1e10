# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until something is written to a log, or until nobody reads the output of this process.

Sources: inotify(7) and its constants in include/uapi/linux/inotify.h; poll(2): a pipe whose last reader is gone has
POLLERR, one whose last writer is gone POLLHUP.
"""

from __future__ import annotations

import ctypes
import os
import select
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import journal

WRITTEN, EXPIRED, GONE = 'written', 'expired', 'gone'

_MODIFY, _MOVED_TO, _CREATE = 0x2, 0x80, 0x100
_STEP = 0.5  # seconds between two looks where the kernel gives no inotify instance (fs.inotify.max_user_instances)
_TOGETHER = 0.03  # auditd writes the records of an event one by one, within some milliseconds
_SPACING = 0.2  # a log that is written to all the time is not worth more looks


class LogWatch:
    """Watches the folder of a log, since a rotation replaces the log.

    Somebody listens as long as the other end of the pipe listener is open. Else that is stdout.
    """

    def __init__(self, log: str, listener: int = 1) -> None:
        log = os.path.realpath(log)
        self._log = log
        self._last = 0.0
        self._inotify = _inotify(os.path.dirname(log))
        self._seen = self._state()
        self._listener = listener

    def close(self) -> None:
        if self._inotify is not None:
            os.close(self._inotify)
            self._inotify = None

    def wait(self, seconds: float) -> str:
        """WRITTEN when the log was written to since the last call, GONE when nobody listens any more, else EXPIRED."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if self._inotify is None:
                left = min(left, _STEP)
            ready = self._poll(max(0, left), True)
            if ready == GONE:
                return GONE
            if ready == WRITTEN or (self._inotify is None and self._state() != self._seen):
                pause = max(_TOGETHER, self._last + _SPACING - time.monotonic())
                if self._poll(pause, False) == GONE:
                    return GONE
                self._drain()
                self._seen = self._state()
                self._last = time.monotonic()
                return WRITTEN
            if time.monotonic() >= deadline:
                return EXPIRED

    def _poll(self, seconds: float, for_log: bool) -> str:
        poll = select.poll()
        poll.register(self._listener, 0)
        if for_log and self._inotify is not None:
            poll.register(self._inotify, select.POLLIN)
        ready = dict(poll.poll(int(seconds * 1000) + 1))
        if self._listener in ready:
            return GONE
        return WRITTEN if ready else EXPIRED

    def _drain(self) -> None:
        try:
            while self._inotify is not None and os.read(self._inotify, 1 << 16):
                pass
        except BlockingIOError:
            pass

    def _state(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._log)
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


class JournalWatch(LogWatch):
    """Watches the journal, where that stands for the log: by journalctl, which prints what comes."""

    def __init__(self, listener: int = 1) -> None:
        self._log = ''
        self._last = 0.0
        self._listener = listener
        self._seen = None
        self._inotify = None
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._inotify = None

    def _start(self) -> None:
        self._process = journal.follow()
        if self._process.stdout is not None:
            self._inotify = self._process.stdout.fileno()
            os.set_blocking(self._inotify, False)

    def _drain(self) -> None:
        super()._drain()
        if self._process.poll() is not None:
            self.close()
            self._start()


def watch(log: str, listener: int = 1) -> LogWatch:
    """What watches a log, or the journal where that stands for it."""
    return JournalWatch(listener) if log == journal.LOG else LogWatch(log, listener)


def _inotify(folder: str) -> int | None:
    """A descriptor that can be read when something in the folder changes, or None."""
    libc = ctypes.CDLL(None)
    try:
        descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    except AttributeError:
        return None
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(folder), _MODIFY | _MOVED_TO | _CREATE) < 0:
        os.close(descriptor)
        return None
    return descriptor
