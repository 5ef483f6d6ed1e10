# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that a test may end, beside the one of the lab."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import time
from typing import Iterator


@contextlib.contextmanager
def running(folder: pathlib.Path, image: str | None = None, *also: str) -> Iterator[str]:
    """The path of the socket of an engine that has the image, and listens at other places also. It gets SIGTERM at the
    end.

    A second one in the same folder finds its containers again.
    """
    path = str(folder / 'docker.sock')
    log = open(folder / 'log', 'ab')
    process = subprocess.Popen(
        _command(folder, path, also), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    try:
        here = ['docker', '--host', 'unix://' + path]
        deadline = time.monotonic() + 40
        while subprocess.run(here + ['info'], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline and process.poll() is None, (folder / 'log').read_text()
            time.sleep(0.2)
        if image is not None and not _has(here, image):
            save = subprocess.Popen(['docker', 'save', image], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            subprocess.run(here + ['load'], stdin=save.stdout, capture_output=True, check=True)
            save.wait()
        yield path
    finally:
        process.terminate()
        process.wait(40)
        log.close()


def _has(docker: list[str], image: str) -> bool:
    words = [*docker, 'image', 'inspect', image]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _command(folder: pathlib.Path, path: str, also: tuple[str, ...]) -> list[str]:
    return [
        'dockerd',
        '--host',
        'unix://' + path,
        '--data-root',
        str(folder / 'data'),
        '--exec-root',
        str(folder / 'exec'),
        '--pidfile',
        str(folder / 'pid'),
        '--bridge=none',
        '--iptables=false',
        '--ip-forward=false',
        '--containerd-namespace',
        'day',
        '--containerd-plugins-namespace',
        'day-plugins',
        *('--host=' + place for place in also),
        # Newer engines wait or refuse where nobody said that this is meant
        *(['--tls=false'] if any(place.startswith('tcp:') for place in also) else []),
    ]
