# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An sshd of a test's own on loopback."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
from typing import Any

from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until


class Sshd:
    """Lets root in with a key of its own, with PAM as the sshd of a host does, or without."""

    def __init__(self, folder: pathlib.Path, use_pam: bool = False, settings: tuple[str, ...] = ()) -> None:
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.key = folder / 'key'
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / 'sshd_config'
        for key in (self.key, folder / 'host_key'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key], check=True)
        lines = [
            'Port %d' % self.port,
            'ListenAddress 127.0.0.1',
            'HostKey %s' % (folder / 'host_key'),
            'AuthorizedKeysFile %s.pub' % self.key,
            'PidFile none',
            'StrictModes no',
            'UsePAM %s' % ('yes' if use_pam else 'no'),
            'PermitRootLogin prohibit-password',
            'Subsystem sftp internal-sftp',
            *settings,
        ]
        self._config.write_text('\n'.join(lines) + '\n')
        pathlib.Path('/run/sshd').mkdir(exist_ok=True)

    def start(self) -> None:
        program = shutil.which('sshd')
        assert program, 'sshd is not installed'
        self._process = subprocess.Popen(
            [program, '-D', '-f', str(self._config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers, 'sshd listens')

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return not probe.connect_ex(('127.0.0.1', self.port))

    def stop(self) -> None:
        """End it with all its sessions, as a host that goes down does."""
        assert self._process is not None
        found = [self._process.pid]
        for pid in found:
            found += children(pid, 'sshd')
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def login(self, command: str, *options: str, **more: Any) -> subprocess.Popen[bytes]:
        """A session that runs a command."""
        words = ['ssh', '-F', 'none', '-i', str(self.key), '-p', str(self.port)]
        for option in ('StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'):
            words += ['-o', option]
        nothing = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)
        return subprocess.Popen([*words, *options, 'root@127.0.0.1', command], **{**nothing, **more})


def children(pid: int, name: str) -> list[int]:
    listed = subprocess.run(['pgrep', '-P', str(pid), '-x', name], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in listed.split()]
