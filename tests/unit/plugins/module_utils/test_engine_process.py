# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: an engine is what runs dockerd as root or as the owner of the socket; no other is asked for more."""

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine


class Proc:
    """A folder that stands for /proc."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, pid, exe='/usr/bin/dockerd', uids=(0, 0, 0, 0), cmdline=b'dockerd\0-H\0fd://\0', inside=False):
        own = self.folder / str(pid)
        own.mkdir()
        if exe:
            (own / 'exe').symlink_to(exe)
        pids = 'NSpid:\t%d%s\n' % (pid, '\t1' if inside else '')
        (own / 'status').write_text('Name:\tdockerd\nUid:\t%s\n%s' % ('\t'.join(map(str, uids)), pids))
        if cmdline is None:
            os.mkfifo(own / 'cmdline')
        else:
            (own / 'cmdline').write_bytes(cmdline)


@pytest.fixture
def proc(tmp_path):
    (tmp_path / 'self').symlink_to('1')
    return Proc(tmp_path)


@pytest.mark.parametrize(
    'options, users, is_engine',
    [
        ({}, (0,), True),
        ({'exe': '/usr/bin/dockerd (deleted)'}, (0,), True),
        ({'exe': '/usr/bin/dockerd-rootless'}, (0,), False),
        ({'exe': None}, (0,), False),  # a thread of the kernel
        ({'uids': (1001,) * 4}, (0,), False),
        ({'uids': (1001,) * 4}, (0, 1001), True),
        ({'uids': (1001, 0, 0, 0)}, (0, 1001), False),
        ({'uids': ()}, (0,), False),
        # root in a container, and an engine of a user that has a namespace of its own
        ({'inside': True}, (0,), False),
        ({'inside': True, 'uids': (1001,) * 4}, (0, 1001), True),
    ],
)
def test_who_is_an_engine(proc, options, users, is_engine):
    proc.add(77, **options)
    expected = [engine.Daemon(77, ['dockerd', '-H', 'fd://'])] if is_engine else []
    assert engine.running(users, str(proc.folder)) == expected


def test_one_whose_command_line_never_comes_is_known_without_it(proc):
    proc.add(77, cmdline=None)
    proc.add(78)
    assert engine.running({0}, str(proc.folder)) == [(77, None), (78, ['dockerd', '-H', 'fd://'])]


def test_the_command_lines_of_other_users_are_not_read(proc):
    for pid in range(100, 160):
        proc.add(pid, uids=(1001,) * 4, cmdline=None)
    proc.add(9)
    start = time.monotonic()
    assert [daemon.pid for daemon in engine.running({0}, str(proc.folder))] == [9]
    assert time.monotonic() - start < 10


def test_without_proc_there_is_none(tmp_path):
    assert engine.running({0}, str(tmp_path / 'missing')) == []
