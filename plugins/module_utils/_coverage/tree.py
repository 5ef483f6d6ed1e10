# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the files of a host, and remembers which it could not read, so that they are not taken for missing.

It runs no program and changes nothing.
"""

from __future__ import annotations

import glob
import os
from typing import Callable, TypeVar

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

_LONGEST_FILE = 4 << 20

T = TypeVar('T')


class Tree:
    """Reads files below a root, so that tests can have a tree of their own, and remembers what it could not read."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip('/')
        self.unseen: list[tuple[str, str]] = []

    def place(self, path: str) -> str:
        return self._root + path

    def is_there(self, path: str) -> bool:
        return os.path.lexists(self.place(path))

    def real_file(self, path: str) -> str | None:
        """The file that a path leads to, or None."""
        real = os.path.realpath(self.place(path))
        if not os.path.isfile(real):
            return None
        return real[len(os.path.realpath(self._root or '/').rstrip('/')) :] if self._root else real

    def data(self, path: str, longest: int = _LONGEST_FILE) -> bytes | None:
        """The first bytes of a file, or None where there is none or it cannot be read."""
        return self.attempt(path, lambda place: files.read_regular(place, longest))

    def text(self, path: str, longest: int = _LONGEST_FILE) -> str | None:
        data = self.data(path, longest)
        return None if data is None else data.decode('utf-8', 'backslashreplace')

    def names(self, path: str) -> list[str]:
        """What a folder holds, nothing where there is none."""
        return sorted(self.attempt(path, os.listdir) or [])

    def link(self, path: str) -> str | None:
        """Where a link leads, or None for what is none."""
        try:
            return os.readlink(self.place(path))
        except OSError:
            return None

    def status(self, path: str) -> os.stat_result | None:
        return self.attempt(path, os.stat)

    def glob(self, pattern: str) -> list[str]:
        return [found[len(self._root) :] for found in sorted(glob.glob(self.place(pattern)))]

    def attempt(self, path: str, function: Callable[[str], T]) -> T | None:
        try:
            return function(self.place(path))
        # A process can end while it is looked at.
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            return None
        except ValueError:  # no file can have that name, as with a NUL
            return None
        except OSError as error:
            self.unseen.append((path, error.strerror or str(error)))
            return None
