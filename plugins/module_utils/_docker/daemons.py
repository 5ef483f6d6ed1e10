# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker engines that run on a host, told from what only calls itself so.

A process of any user can be called dockerd and carry any command line. One that is wholly of root, or of the user whom
the engine's socket belongs to, could do the host no more harm by lying than it can without. All four user ids have to
be that user's: a program with setuid, started by a link with that name, has its caller's real one (credentials(7)).
"""

from __future__ import annotations

import os
from typing import Iterable, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.proc import ProcReader, is_of

_DELETED = b' (deleted)'


class Daemon(NamedTuple):
    """A process that runs dockerd."""

    pid: int
    argv: list[str] | None  # None where it was not read in time


def running(users: Iterable[int], folder: str = '/proc') -> list[Daemon]:
    """The engines of some users, by their pids. Nothing where /proc cannot be listed."""
    try:
        pids = sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    except OSError:
        return []
    found = []
    trusted = frozenset(users)
    with ProcReader(folder) as reader:
        for pid in pids:
            if _is_dockerd(folder, pid):
                # The owner before the command line: a process of another user is not asked for it
                (status,) = reader.read(pid, ('status',)) or [None]
                if is_of(status, *trusted):
                    line = next(iter(reader.read(pid, ('cmdline',))), None)
                    words = None if line is None else line.decode('utf-8', 'backslashreplace').split('\0')[:-1]
                    found.append(Daemon(pid, words))
    return found


def _is_dockerd(folder: str, pid: int) -> bool:
    try:
        exe = os.fsencode(os.readlink(os.path.join(folder, str(pid), 'exe')))
    except OSError:
        return False
    return os.path.basename(exe[: -len(_DELETED)] if exe.endswith(_DELETED) else exe) == b'dockerd'
