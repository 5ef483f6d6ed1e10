# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold command lines: whole or not there, readable by their owner alone."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile

#: What means the standard output of the run: the worker's own is /dev/null, and nothing may be renamed onto a device.
_STDOUT = ('-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1')


class FileError(ValueError):
    """A file cannot be written there; the message says which option named it and what to name instead."""


def is_stdout(path: str | None) -> bool:
    """Whether the standard output of the run is meant."""
    return path in _STDOUT


def check(option: str, path: str, endings: tuple[str, ...], unnamed: tuple[str, ...] = ()) -> None:
    """Refuse a file that has another ending, or cannot be put there. The unnamed endings are taken, too."""
    if is_stdout(path) and option == 'dest':
        return
    if not path.lower().endswith(endings + unnamed) or not _is_writable(path):
        folder = os.path.dirname(os.path.abspath(path))
        raise FileError(
            '%s=%s: %sname a file that ends in %s, in a folder of this machine that you may write to'
            % (option, path, '' if os.path.isdir(folder) else 'there is no folder %s, ' % folder, ' or '.join(endings))
        )
    with contextlib.suppress(FileNotFoundError):
        kind = os.lstat(path).st_mode
        # A link is replaced by the file, never followed
        if not stat.S_ISREG(kind) and not stat.S_ISLNK(kind):
            raise FileError('%s=%s is a device, a FIFO or a socket: name a file' % (option, path))


def _is_writable(path: str) -> bool:
    folder = os.path.dirname(os.path.abspath(path))
    return os.path.isdir(folder) and os.access(folder, os.W_OK) and not os.path.isdir(path)


def write(path: str, text: str) -> None:
    """Put the text there in one step."""
    path = os.path.abspath(path)
    descriptor, draft = tempfile.mkstemp(dir=os.path.dirname(path), prefix='.' + os.path.basename(path))  # mode 0600
    try:
        # No translation of line ends: CSV has its own
        with open(descriptor, 'w', encoding='utf-8', newline='') as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
