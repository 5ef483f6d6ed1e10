# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit rules of the machine's kernel and the log of its auditd, for tests in tests/lab/lab."""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import re
import signal
import subprocess
import uuid
from typing import Callable, Iterator

from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

LOG = pathlib.Path('/var/log/audit/audit.log')


def auditctl(*words: str) -> str:
    return subprocess.run(
        ['auditctl', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout


def audit_pid() -> int:
    """The process that takes the kernel's records."""
    found = re.search(r'^pid (\d+)$', auditctl('-s'), re.MULTILINE)
    assert found, 'auditctl -s names no pid'
    return int(found.group(1))


@contextlib.contextmanager
def rule(*words: str, first: bool = False, where: str = 'always,exit') -> Iterator[None]:
    """A rule in the kernel, the first of all or the last. Without a ppid it is for whatever runs on the machine."""
    auditctl('-A' if first else '-a', where, *words)
    try:
        yield
    finally:
        auditctl('-d', where, *words)


def executions(path: str, key: str, *more: str) -> list[str]:
    """The words of a rule for executions of a program by this process: nothing else on the machine adds to them."""
    return ['-F', 'path=%s' % path, '-F', 'perm=x', '-F', 'ppid=%d' % os.getpid(), *more, '-F', 'key=%s' % key]


def is_logged(text: bytes) -> bool:
    """Whether the log or one of its rotations holds a text."""
    return any(text in pathlib.Path(path).read_bytes() for path in [LOG, *glob.glob('%s.*' % LOG)])


def wait_for_the_log(execute: Callable[[str], object]) -> None:
    """Until auditd has written all that was executed before. execute runs something logged, with a word in its argv."""
    mark = 'mark-%s' % uuid.uuid4()
    execute(mark)
    wait_until(lambda: is_logged(b'"%s"' % mark.encode()), '%s in the log: the rule or auditd does not log' % mark)


def rotate() -> None:
    """Let auditd begin a new log."""
    before = LOG.stat().st_ino
    os.kill(audit_pid(), signal.SIGUSR1)
    wait_until(lambda: LOG.exists() and LOG.stat().st_ino != before, 'auditd rotates its log on SIGUSR1')
