# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Safe reading and writing by root in folders where other users may have put links or devices.

To open a device can have effects (/dev/watchdog reboots the host), a FIFO makes the reader wait, a link leads anywhere.
So a path is first opened with O_PATH, which opens nothing, and what it names is opened only when it is a regular file.
A controller that runs no Linux has neither O_PATH nor /proc: there the name is looked up before it is opened.

Sources: open(2) for O_PATH and O_NOFOLLOW, proc(5) for /proc/self/fd, symlink(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import NoReturn

_O_PATH = getattr(os, 'O_PATH', 0)
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _FLAGS  # opened and not O_PATH, so that an automount happens
_MOST_LINKS = 40  # MAXSYMLINKS, include/linux/namei.h


def open_regular(path: str) -> int:
    """A descriptor to read a regular file. OSError where it is none, or where a link of another user leads to it."""
    folder, name = _followed(path)
    try:
        return _opened(name, folder, path)
    finally:
        os.close(folder)


def read_regular(path: str, longest: int) -> bytes:
    """The first bytes of a regular file."""
    with os.fdopen(open_regular(path), 'rb') as file:
        return file.read(longest)


class OwnFolder:
    """A folder that nobody but its user can change, with files that are the user's.

    OSError, with a sentence, for anything else that stands there. One process at a time may write a file: lock it.
    """

    def __init__(self, path: str, make: bool = True) -> None:
        self.path = os.path.abspath(path)
        self._folder = _entered(self.path, make)
        status = os.fstat(self._folder)
        if status.st_uid != os.geteuid():
            self.close()
            _refuse(self.path, 'it belongs to uid %d, not to uid %d who runs this' % (status.st_uid, os.geteuid()))
        if status.st_mode & 0o022:
            self.close()
            _refuse(self.path, 'its mode %04o lets others write to it: chmod 700 it' % stat.S_IMODE(status.st_mode))

    def close(self) -> None:
        os.close(self._folder)

    def __enter__(self) -> OwnFolder:
        return self

    def __exit__(self, *_reason: object) -> None:
        self.close()

    def open_lock(self, name: str) -> int:
        """A descriptor of a file to lock and to write to, made where it is missing."""
        try:
            return self._opened(name, os.O_RDWR)
        except FileNotFoundError:
            try:
                return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=self._folder)
            except FileExistsError:  # made by another run meanwhile
                return self.open_lock(name)

    def read(self, name: str, longest: int) -> bytes:
        """The first bytes of a file."""
        with os.fdopen(self._opened(name, os.O_RDONLY), 'rb') as file:
            return file.read(longest)

    def _opened(self, name: str, access: int) -> int:
        return _opened(name, self._folder, os.path.join(self.path, name), access, os.geteuid())

    def write(self, name: str, data: bytes) -> None:
        """Put a file there in one step. What stands there is replaced: a link is not followed."""
        draft = name + '.new'
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=self._folder)  # of a run that was killed
        _write(self._folder, name, draft, data)


def _opened(name: str, folder: int, path: str, access: int = os.O_RDONLY, owner: int = -1) -> int:
    """Open what a name in a folder is, if that is a regular file. path is for the message."""
    access |= os.O_NONBLOCK | os.O_CLOEXEC
    if not _O_PATH:
        _check(os.stat(name, dir_fd=folder, follow_symlinks=False), path, owner)
        return os.open(name, access | os.O_NOFOLLOW, dir_fd=folder)
    named = os.open(name, _O_PATH | _FLAGS, dir_fd=folder)
    try:
        _check(os.fstat(named), path, owner)
        return os.open('/proc/self/fd/%d' % named, access)
    finally:
        os.close(named)


def _check(status: os.stat_result, path: str, owner: int) -> None:
    if stat.S_ISLNK(status.st_mode):
        _refuse(path, 'it is a link')
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, 'it is not a file')
    if owner not in (-1, status.st_uid):
        _refuse(path, 'it belongs to uid %d, but this runs as uid %d' % (status.st_uid, owner))
    if owner != -1 and status.st_mode & 0o022:
        # In a folder that others can enter they can write to it
        _refuse(path, 'its mode %04o lets others write to it: chmod 600 it' % stat.S_IMODE(status.st_mode))


def _followed(path: str) -> tuple[int, str]:
    """(a descriptor of the folder, the name in it) of what a path leads to, which is no link.

    Links on the way must be root's or the user's own; the last one must be in a folder that nobody else may write to.
    """
    parts = _parts(path)
    folder = _root_of(path)
    links = 0
    try:
        while parts:
            name = parts.pop(0)
            status, target = _looked_up(name, folder)
            if target is None:
                if not parts:
                    return os.dup(folder), name
                folder = _replaced(folder, _open_folder(name, folder))
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if status.st_uid not in _trusted() or (not parts and _others_write(os.fstat(folder))):
                _refuse(path, '%s is a link that another user could have put there' % name)
            if os.path.isabs(target):
                folder = _replaced(folder, _root_of(target))
            parts = _parts(target) + parts
    finally:
        os.close(folder)
    _refuse(path, 'it is not a file')


def _looked_up(name: str, folder: int) -> tuple[os.stat_result, str | None]:
    """What a name is, and where it leads if it is a link, both of the same moment."""
    if not _O_PATH:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return status, os.readlink(name, dir_fd=folder) if stat.S_ISLNK(status.st_mode) else None
    named = os.open(name, _O_PATH | _FLAGS, dir_fd=folder)
    try:
        status = os.fstat(named)
        return status, os.readlink('', dir_fd=named) if stat.S_ISLNK(status.st_mode) else None
    finally:
        os.close(named)


def _entered(path: str, make: bool) -> int:
    """A descriptor of a folder, made where that is asked for. Nobody else may be able to put another in its place."""
    folder = _root_of(path)
    done = ''
    try:
        for name in _parts(path):
            status = os.fstat(folder)
            # With the sticky bit, who owns an entry moves it, and who owns the folder
            is_shared = bool(status.st_mode & stat.S_ISVTX) and status.st_uid in _trusted()
            if _others_write(status) and not is_shared:
                _refuse(
                    done or '/',
                    'another user can change it (uid %d, mode %04o), so uid %d keeps nothing below it: set HOME or '
                    'XDG_STATE_HOME to a folder that is safe from others'
                    % (status.st_uid, stat.S_IMODE(status.st_mode), os.geteuid()),
                )
            done += '/' + name
            with contextlib.suppress(FileExistsError):
                if make:
                    os.mkdir(name, 0o700, dir_fd=folder)
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) and done != path:
                # Its target is checked in turn; whoever made the link could have made a folder as well
                real = os.path.realpath(done)
                if os.path.islink(real):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), done)
                return _entered(real + path[len(done) :], make)
            folder = _replaced(folder, _open_folder(name, folder))
        return os.dup(folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(error.errno, 'it is a link or a file, not a folder', done) from error
        raise
    finally:
        os.close(folder)


def _root_of(path: str) -> int:
    return os.open('/' if os.path.isabs(path) else '.', _FOLDER)


def _open_folder(name: str, folder: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except PermissionError:  # it may be passed through, but not listed
        if not _O_PATH:
            raise
        return os.open(name, _O_PATH | os.O_DIRECTORY | _FLAGS, dir_fd=folder)


def _parts(path: str) -> list[str]:
    return [part for part in path.split('/') if part not in ('', '.')]


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new


def _trusted() -> tuple[int, int]:
    """The users that may decide where a path of ours leads."""
    return 0, os.geteuid()


def _others_write(status: os.stat_result) -> bool:
    """Whether somebody but root and the user may write to a folder. An ACL shows in the bits of the group (acl(5))."""
    # Where each user has a group of the same name, mode 0775 is usual for one's own folders
    own_group = os.geteuid() != 0 and status.st_gid == os.getegid()
    return status.st_uid not in _trusted() or bool(status.st_mode & (0o002 if own_group else 0o022))


def _write(folder: int, name: str, draft: str, data: bytes) -> None:
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, 'wb') as file:
            os.fchmod(handle, 0o600)
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)


def _refuse(path: str, reason: str) -> NoReturn:
    raise OSError(errno.EPERM, reason, path)
