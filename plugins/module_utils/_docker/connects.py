# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records our own connections to the engine, so that no verdict takes them for a client's.

The rule for the socket logs each connect, also those by which this collection asks for names and events. A name that a
process gives itself proves nothing: so each process notes its number and the time in a file that only root can write,
and that is what counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import time
from typing import Any, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import installed
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names, proc

FOLDER = '/var/lib/claude-hooks'
NAME = 'connects.jsonl'
_LONGEST = 1 << 20  # about 20,000 entries; the older half goes when it is full


class OwnConnect(NamedTuple):
    """The process that may have connected, and when: milliseconds since 1970, both included."""

    pid: int
    first: int
    last: int


# What this process noted last
_noted: OwnConnect | None = None


def note(path: str, seconds: float, folder: str = FOLDER) -> None:
    """Note that this process will connect to a socket within so many seconds. What cannot be kept stops nothing.

    Only the socket that the rule watches matters. Nobody but root can write there, nor has to be believed.
    Where nothing of ours is installed, nothing is left behind.
    """
    global _noted
    now = time.time()
    if os.path.realpath(path) != os.path.realpath(names.SOCKET):
        return
    if _noted is not None and _noted.pid == os.getpid() and (now + seconds) * 1000 <= _noted.last:
        return
    # Twice as long: the second question usually follows at once
    entry = OwnConnect(os.getpid(), math.floor(now * 1000) - names.CLOCK_LAG, math.ceil((now + 2 * seconds) * 1000))
    with contextlib.suppress(OSError):
        if os.readlink('/proc/self/ns/pid') == proc.FIRST_NAMESPACE:
            _append(folder, json.dumps(entry._asdict()).encode('ascii') + b'\n')
            _noted = entry


def own(folder: str = FOLDER) -> list[OwnConnect]:
    """The connects of this collection on this host, oldest first."""
    try:
        with files.OwnFolder(folder, make=False) as kept:
            text = kept.read(NAME, 2 * _LONGEST)
    except OSError:
        return []
    entries = [_entry(line) for line in text.split(b'\n')]
    return [entry for entry in entries if entry is not None]


def _append(folder: str, line: bytes) -> None:
    with files.OwnFolder(folder, make=_is_logged()) as kept:
        lock = kept.open_lock(NAME + '.lock')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            handle = kept.open_lock(NAME)
            try:
                size = os.fstat(handle).st_size
                if size + len(line) <= _LONGEST:
                    # What a full disk cut ends with this
                    os.pwrite(handle, line if not size else b'\n' + line, size)
                    return
            finally:
                os.close(handle)
            text = kept.read(NAME, _LONGEST)
            kept.write(NAME, text[len(text) // 2 :].partition(b'\n')[2] + line)
        finally:
            os.close(lock)


def _is_logged() -> bool:
    """Whether the rules of this host, as augenrules wrote them, have one for connections to the engine."""
    try:
        return names.SOCKET_SUFFIX.encode('ascii') in files.read_regular(installed.COMPILED, _LONGEST)
    except OSError:
        return False


def _entry(line: bytes) -> OwnConnect | None:
    try:
        entry: Any = json.loads(line)
        values = [entry[name] for name in OwnConnect._fields]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None  # cut by a full disk or a power cut
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return None
    return OwnConnect(*values)
