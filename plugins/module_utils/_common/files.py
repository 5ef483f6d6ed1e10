# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that this collection keeps for itself: written whole or not at all, read only where nobody else can make them.

A folder is trusted when it is of this user or of root and nobody else may write to it: else another user could put a
link, a FIFO or a state of his own there.
"""

from __future__ import annotations

import errno
import os
import stat


def make_private_folder(folder: str) -> None:
    """Make a folder that only this user can use, or raise OSError where it is there and others may write to it."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    status = os.stat(folder)
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(
            errno.EPERM,
            'the folder %s belongs to uid %d and has mode %o: it must be of uid %d, and nobody else may write to it'
            % (folder, status.st_uid, stat.S_IMODE(status.st_mode), os.geteuid()),
        )


def read_own(path: str, longest: int) -> bytes:
    """What a file of this user holds. Raises OSError for a link, for what is no file, and for somebody else's file."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, 'rb') as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, 'it is not a file of this user')
        return file.read(longest)


def replace(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole, or leave the old one. What a killed run left as a draft is taken away."""
    draft = path + '.new'
    try:
        os.unlink(draft)
    except FileNotFoundError:
        pass
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, 'wb') as file:
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
    os.replace(draft, path)
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """After this the names in the folder survive a power failure."""
    handle = os.open(folder or '.', os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
