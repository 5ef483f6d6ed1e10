# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's witness beside an engine, without systemd."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import subprocess
import sys
from typing import Iterator

from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / 'roles' / 'docker_audit' / 'files' / 'witness' / 'witness.py'


class Witness:
    def __init__(self, folder: pathlib.Path, path: str) -> None:
        (folder / 'kept').mkdir(parents=True)
        self.kept = folder / 'kept' / 'events.jsonl'
        self.kept.touch()
        self._log = folder / 'witness.log'
        words = [sys.executable, '-I', str(PROGRAM), str(self.kept.parent), path]
        with open(self._log, 'wb') as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)
        self.pid = self._process.pid
        try:
            wait_until(lambda: '"sees"' in self.text(), self.log)
        except BaseException:
            self.kill()
            raise

    def log(self) -> str:
        return self._log.read_text()

    def text(self) -> str:
        """All that it wrote."""
        files = (self.kept.with_name(self.kept.name + '.1'), self.kept)
        return ''.join(path.read_text() for path in files if path.exists())

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(10) == 0, self.log()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@contextlib.contextmanager
def running(folder: pathlib.Path, path: str) -> Iterator[Witness]:
    """A witness that looks at the engine at a socket. It is asked to end where all went well."""
    witness = Witness(folder, path)
    try:
        yield witness
        witness.end()
    finally:
        witness.kill()
        print(witness.log())
