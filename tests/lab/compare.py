# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests must leave on a machine as they met it, and how it differs afterwards."""

from __future__ import annotations

import hashlib
import os
import pathlib
import stat

import audit

COUNTERS = (
    'pid',
    'lost',
    'backlog',
    'backlog_wait_time_actual',
)  # of "auditctl -s"; who has the pid is among the daemons
DAEMONS = ('auditd', 'dockerd', 'containerd', 'sshd')


def files():
    """{path: mode, owner and content} of /etc/audit"""
    found = {}
    for path in sorted([audit.CONFIGURATION, *audit.CONFIGURATION.rglob('*')]):
        info = path.lstat()
        content = 'folder'
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path)] = f'{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid} {content}'
    return found


def daemons():
    """The command lines of those that run."""
    found = []
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            name = (process / 'comm').read_text().strip()
            words = (process / 'cmdline').read_bytes().decode(errors='replace').replace('\0', ' ').strip()
        except OSError:
            continue  # it has ended
        # One that has ended has no words; the session of somebody who is logged in is no daemon.
        if name in DAEMONS and words and (not words.startswith('sshd: ') or '[listener]' in words):
            found.append(words)
    return sorted(found)


def digest(path, size):
    """Of the first bytes of a log: what comes later is added."""
    with open(path, 'rb') as log:
        return hashlib.sha256(log.read(size)).hexdigest()


def logs():
    """{path: inode, size and digest}"""
    found = {}
    for path in sorted(audit.LOGS.glob('*')):
        info = path.stat()
        found[str(path)] = [info.st_ino, info.st_size, digest(path, info.st_size)]
    return found


def take():
    settings = {name: value for name, value in audit.status().items() if name not in COUNTERS}
    return {'rules': audit.rules(), 'settings': settings, 'files': files(), 'daemons': daemons(), 'logs': logs()}


def lines_of(value):
    """Of a part of what take() returns, for reading and for comparing."""
    return [f'{name} {text}' for name, text in value.items()] if isinstance(value, dict) else list(value)


def damaged(before):
    """Logs that are no longer what they were, with more at their end at most."""
    found = []
    for name, (inode, size, content) in before.items():
        path = pathlib.Path(name)
        if not path.exists():
            found.append(f'{name} is gone')
        elif path.stat().st_ino != inode:
            found.append(f'{name} is another file: it was rotated or replaced')
        elif path.stat().st_size < size or digest(path, size) != content:
            found.append(f'{name} was cut or changed')
    return found


def differences(before, after):
    """[line to print], whether there is any difference"""
    report, differ = [], False
    for part, title in (
        ('rules', 'rules in the kernel'),
        ('settings', 'settings of the kernel'),
        ('files', 'files of /etc/audit'),
        ('daemons', 'daemons'),
    ):
        was, is_now = lines_of(before[part]), lines_of(after[part])
        same = was == is_now
        differ = differ or not same
        report.append(
            f'{title + ":":24}{len(was)} before, {len(is_now)} after, {"the same" if same else "not the same"}'
        )
        if same and part != 'files':
            report += [f'      {line}' for line in is_now]
        else:
            report += [f'    - {line}' for line in was if line not in is_now]
            report += [f'    + {line}' for line in is_now if line not in was]
            if not same and sorted(was) == sorted(is_now):
                report.append('    in another order')
    harm = damaged(before['logs'])
    report.append(
        f'{"logs:":24}{len(before["logs"])} before, {len(after["logs"])} after, {"not " if harm else ""}whole'
    )
    return report + [f'    {line}' for line in harm], differ or bool(harm)
