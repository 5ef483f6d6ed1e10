# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was printed on this machine of the findings of a host, from one run to the next.

A host keeps how far its reader got, but it learns only with the next call that a batch was printed. When a run ends in
between, the token of that batch stands here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import urllib.parse
from collections.abc import Iterator

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import position as reader_state
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files


class PrintedError(Exception):
    """It cannot be kept, or another run keeps it; the message says why and what to do."""


class Printed:
    """The last batch of a host that a reader printed."""

    def __init__(self, reader: str, key: str, host: str) -> None:
        self._reader = reader
        self._host = host
        self._folder = reader_state.state_folder()
        self._name = 'printed-' + '@'.join(urllib.parse.quote(part, safe='') for part in (reader, key, host))

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep another run with this reader out meanwhile."""
        with self._reported(), files.OwnFolder(self._folder) as folder:
            lock = folder.open_lock(self._name + '.lock')
        with os.fdopen(lock):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PrintedError(
                    'the reader %s already follows %s from this machine: end that one, or give this one another name '
                    'with -e reader=NAME' % (self._reader, self._host)
                ) from None
            yield

    def token(self) -> str | None:
        """The token of the last batch that was printed, or None."""
        with self._reported():
            try:
                with files.OwnFolder(self._folder, make=False) as folder:
                    return folder.read(self._name, 200).decode('ascii', 'replace').strip() or None
            except FileNotFoundError:
                return None

    def record(self, token: str) -> None:
        """Note that this batch was printed."""
        with self._reported(), files.OwnFolder(self._folder) as folder:
            folder.write(self._name, token.encode('ascii', 'replace') + b'\n')

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PrintedError(
                'cannot keep on this machine what was printed: %s: %s'
                % (error.filename or self._folder, error.strerror)
            ) from error
