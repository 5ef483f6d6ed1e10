# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what processes say of themselves is read as it is, and none makes the reader wait for longer than a moment.

A FIFO that nobody writes to stands for a file of /proc that never answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc


@pytest.fixture
def folder(tmp_path):
    for pid in range(1, 40):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / 'comm').write_bytes(b'name %d\n' % pid)
        (tmp_path / str(pid) / 'exe').symlink_to('/usr/bin/name')
    return tmp_path


def test_it_reads_what_the_kernel_gives():
    with proc.ProcReader() as reader:
        comm, cmdline, exe, missing = reader.read(os.getpid(), ('comm', 'cmdline', 'exe', 'missing'))
        with open('/proc/self/cmdline', 'rb') as file:
            assert cmdline == file.read() and comm and os.fsdecode(exe) == os.readlink('/proc/self/exe')
        assert missing is None and reader.read(2**22 + 1, ('comm',)) == [None]


@pytest.mark.parametrize('content', [b'', b'\n\n', b'-1\n5\n', bytes(range(256)), b'x' * 70000])
def test_any_bytes_come_as_they_are(folder, content):
    (folder / '1' / 'cmdline').write_bytes(content)
    with proc.ProcReader(str(folder)) as reader:
        assert reader.read(1, ('cmdline', 'comm')) == [content[:65536], b'name 1\n']


def test_what_comes_before_one_that_never_answers_is_known_and_so_is_the_next_process(folder):
    os.mkfifo(folder / '1' / 'cmdline')
    with proc.ProcReader(str(folder)) as reader:
        start = time.monotonic()
        assert reader.read(1, ('comm', 'exe', 'cmdline', 'comm')) == [b'name 1\n', b'/usr/bin/name']
        assert time.monotonic() - start < proc.SECONDS + 5
        assert reader.read(2, ('comm',)) == [b'name 2\n']


def test_many_that_never_answer_cost_a_bounded_time(folder, monkeypatch):
    monkeypatch.setattr(proc, '_LOST_SECONDS', 1)
    for pid in range(1, 40):
        os.mkfifo(folder / str(pid) / 'cmdline')
    start = time.monotonic()
    with proc.ProcReader(str(folder), seconds=0.1) as reader:
        lengths = [len(reader.read(pid, ('comm', 'cmdline'))) for pid in range(1, 40)]
    assert time.monotonic() - start < 15 and lengths[0] == 1 and lengths[-1] == 0


def test_the_helper_holds_no_descriptor_of_ours_and_ends_with_us():
    """Whoever waits for our output must not wait for a helper that cannot end."""
    program = '''
import os, sys
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc
inherited = os.open('/dev/null', os.O_RDONLY)
os.set_inheritable(inherited, True)
reader = proc.ProcReader()
reader.read(os.getpid(), ('comm',))
pid = reader._helper.pid
links = sorted(os.readlink('/proc/%d/fd/%s' % (pid, name)) for name in os.listdir('/proc/%d/fd' % pid))
print(pid, os.getsid(pid) == pid, [link.partition(':')[0] for link in links])
'''
    done = subprocess.run([sys.executable, '-c', program], stdout=subprocess.PIPE, text=True, check=True)
    pid, is_leader, links = done.stdout.split(' ', 2)
    assert (is_leader, links) == ('True', "['/dev/null', 'pipe', 'pipe']\n")
    deadline = time.monotonic() + 10
    while os.path.exists('/proc/' + pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists('/proc/' + pid)


@pytest.mark.parametrize('python', ['/nonexistent/python', '/bin/false', '/bin/true', ''])
def test_without_a_helper_nothing_is_known(folder, monkeypatch, python):
    monkeypatch.setattr(sys, 'executable', python)
    with proc.ProcReader(str(folder)) as reader:
        assert reader.read(1, ('comm',)) == reader.read(2, ('comm',)) == []


def test_no_descriptor_is_left(folder):
    before = sorted(os.listdir('/proc/self/fd'))
    os.mkfifo(folder / '1' / 'cmdline')
    with proc.ProcReader(str(folder), seconds=0.1) as reader:
        for _time in range(3):
            reader.read(1, ('cmdline',))
            reader.read(2, ('comm',))
    assert sorted(os.listdir('/proc/self/fd')) == before


@pytest.mark.parametrize(
    'status, users, expected',
    [
        (b'Name:\tdockerd\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n', (0,), True),
        (b'Uid:\t1000\t1000\t1000\t1000\n', (0,), False),
        (b'Uid:\t1000\t1000\t1000\t1000\n', (0, 1000), True),
        (b'Uid:\t1000\t0\t0\t0\n', (0, 1000), False),
        (b'Uid:\t0\t0\t1000\t0\n', (0,), False),
        (b'Name:\tUid:\t0\t0\t0\t0\n', (0,), False),
        (b'Uid:\n', (0,), False),
        (b'', (0,), False),
        (None, (0,), False),
    ],
)
def test_a_process_is_of_a_user_with_all_its_ids(status, users, expected):
    assert proc.is_of(status, *users) == expected


def test_a_helper_that_was_killed_is_replaced(folder):
    with proc.ProcReader(str(folder)) as reader:
        assert reader.read(1, ('comm',)) == [b'name 1\n']
        reader._helper.kill()  # pylint: disable=protected-access
        reader._helper.wait()  # pylint: disable=protected-access
        assert reader.read(1, ('comm',)) == []
        assert reader.read(1, ('comm',)) == [b'name 1\n']
