# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the labs share: running programs of this machine, telling its processes apart, installing what is missing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CACHE_DIR = (
    pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'claude-hooks-docker-audit'
)


class LabError(Exception):
    """The lab cannot be had; the message says why and what to do."""


def say(message):
    print('lab: ' + message, file=sys.stderr, flush=True)


def command(*words):
    """Run a program for its output. A failure carries the program's own words."""
    result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(
            f'{" ".join(words)} failed with exit code {result.returncode}: {(result.stderr or result.stdout).strip()}'
        )
    return result.stdout


def tail(log):
    lines = log.read_text(errors='replace').splitlines()[-15:]
    return f'The end of what it said ({log}):\n' + '\n'.join(lines or ['(nothing)'])


def long_command(log, *words, **environment):
    """Run a program whose output matters only when it fails."""
    with log.open('wb') as output:
        code = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(os.environ, **environment),
            check=False,
        ).returncode
    if code:
        raise LabError(f'{" ".join(map(str, words))} failed with exit code {code}. {tail(log)}')


def start_time(pid):
    """When a process started, in clock ticks since boot, or None if it has ended. It is not that of a later one."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(')')[2].split()  # proc(5): state is field 3, starttime field 22
    return None if fields[0] == 'Z' else int(fields[19])


def is_root_on_debian():
    os_release = pathlib.Path('/etc/os-release')
    return os.geteuid() == 0 and os_release.exists() and 'ID=debian' in os_release.read_text().splitlines()


def end_those(processes, number, seconds):
    """Send a signal to processes, {pid: start time}, and wait until they have ended, but no longer than that."""
    deadline, descriptors = time.monotonic() + seconds, []
    for pid, started in processes.items():
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)  # cannot come to mean a later process with the same pid
            descriptors.append(process)
            if start_time(pid) == started:
                signal.pidfd_send_signal(process, number)
    for process in descriptors:
        select.select([process], [], [], max(0, deadline - time.monotonic()))  # readable when it has ended
        os.close(process)


def install_packages(packages, log):
    """Install what is missing of a table of programs and their Debian packages. No daemon is started."""
    missing = sorted({package for program, package in packages.items() if not shutil.which(program)})
    if not missing:
        return
    say('installing ' + ' '.join(missing))
    apt = ['apt-get', '--quiet', '-o', 'DPkg::Lock::Timeout=300']
    with tempfile.TemporaryDirectory() as folder:
        # What packages call to start their daemon. Found first, it says that all is well.
        for name in ('invoke-rc.d', 'deb-systemd-invoke'):
            script = pathlib.Path(folder, name)
            script.write_text('#!/bin/sh\nexit 0\n')
            script.chmod(0o755)
        path = f'{folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        apt += ['-o', f'DPkg::Path={path}']
        for words in (['update'], ['install', '--yes', '--no-install-recommends'] + missing):
            long_command(log, *apt, *words, DEBIAN_FRONTEND='noninteractive', PATH=path)


def end_cleanly():
    """Whoever asks us to stop gets a clean machine: an exception runs the "finally" blocks."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))


def hold(lock, refusal):
    """Take a lock, an open file, that is free again when this process has ended, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabError(refusal) from None
