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


class PrintedError(Exception):
    """It cannot be kept, or another run keeps it; the message says why and what to do."""


class Printed:
    """The last batch of a host that a reader printed."""

    def __init__(self, reader: str, key: str, host: str) -> None:
        self._reader = reader
        self._host = host
        self._folder = reader_state.state_folder()
        self._path = os.path.join(
            self._folder, 'printed-' + '@'.join(urllib.parse.quote(part, safe='') for part in (reader, key, host))
        )

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep another run with this reader out meanwhile."""
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            lock = os.open(self._path + '.lock', os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._error(error) from error
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
        try:
            with open(self._path, encoding='ascii', errors='replace') as file:
                return file.read(200).strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error) from error

    def record(self, token: str) -> None:
        """Note that this batch was printed."""
        draft = self._path + '.new'
        try:
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), 'w', encoding='ascii'
            ) as file:
                file.write(token + '\n')
            os.replace(draft, self._path)
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> PrintedError:
        return PrintedError(
            'cannot keep on this machine what was printed: %s: %s' % (error.filename or self._folder, error.strerror)
        )
