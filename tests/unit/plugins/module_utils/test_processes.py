# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a process is told of only if it is the one that the event names, with the unit or container that it is in.

What the kernel really writes is asked in tests/integration/test_callers.py; here a folder stands for /proc.
"""

from __future__ import annotations

import os
import pathlib
import sys
import threading
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import processes
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / 'roles' / 'docker_audit' / 'files' / 'witness'))

import kernel as witness_kernel  # noqa: E402

ID, INNER = 'a1' * 32, 'b2' * 32
TICKS = os.sysconf('SC_CLK_TCK')


def booted():
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


class Proc:
    """A folder with one process, which started some seconds after the boot."""

    def __init__(self, folder, pid=4711, second=1.0, comm='python3', state='S', namespace='pid:[4026531836]', **files):
        self.folder, self.pid = folder, pid
        (folder / 'self' / 'ns').mkdir(parents=True)
        (folder / 'self' / 'ns' / 'pid').symlink_to(namespace)
        own = folder / str(pid)
        own.mkdir()
        content = {
            'stat': '%d (%s) %s 1 2 3 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 1 2\n'
            % (pid, comm, state, second * TICKS),
            'cmdline': '/usr/bin/python3\0/opt/clean.py\0',
            'cgroup': '0::/system.slice/cron.service\n',
            'loginuid': '1000',
            'sessionid': '5',
            'status': 'Name:\t%s\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n' % comm,
        }
        for name, text in dict(content, **files).items():
            if text is not None:
                (own / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (own / 'exe').symlink_to('/usr/bin/python3.11')

    def look(self, second=2.0, login=(1000, 5), names=None, pid=None):
        with processes.Processes(names, str(self.folder)) as living:
            return living.of(pid or self.pid, (booted() + second) * 1000, login)


def test_a_parent_that_lives_is_told_of(tmp_path):
    found = Proc(tmp_path).look()
    times = [found.pop(name) for name in ('started', 'seen')]
    assert found == {
        'pid': 4711,
        'comm': 'python3',
        'exe': '/usr/bin/python3.11',
        'argv': ['/usr/bin/python3', '/opt/clean.py'],
        'argv_complete': True,
        'unit': 'cron.service',
        'container': None,
        'container_name': None,
    }
    assert times[0] < times[1] and all(moment.endswith('Z') for moment in times)


@pytest.mark.parametrize(
    'look, changes',
    [
        ({}, {'second': 3.0}),  # another process has the pid now
        ({}, {'state': 'Z'}),
        ({}, {'state': 'X'}),
        ({}, {'namespace': 'pid:[4026532000]'}),  # the pids of audit are those of another namespace
        ({}, {'stat': ''}),
        ({}, {'stat': '4711 (x) S 1\n'}),
        ({}, {'cmdline': None}),
        ({}, {'cgroup': None}),
        ({}, {'loginuid': '1001'}),
        ({}, {'sessionid': '6'}),
        ({}, {'sessionid': '4294967295'}),
        ({'login': (None, None)}, {}),
        ({'pid': 4712}, {}),
        ({'second': -0.01}, {'second': 0}),  # before the last boot
    ],
)
def test_what_is_another_process_or_may_be_is_not_told_of(tmp_path, look, changes):
    assert Proc(tmp_path, **changes).look(**look) is None


@pytest.mark.parametrize(
    'look, changes',
    [
        ({}, {'loginuid': None, 'sessionid': None}),  # a kernel without audit of logins
        ({'login': (None, None)}, {'loginuid': '4294967295', 'sessionid': '4294967295'}),
        ({}, {'comm': 'a) Z 1 (b'}),
        ({'second': 1.0}, {'second': 1.01}),  # the clock of audit lags by a tick
    ],
)
def test_the_same_process_is_known_as_such(tmp_path, look, changes):
    assert Proc(tmp_path, **changes).look(**look)['pid'] == 4711


@pytest.mark.parametrize(
    'groups, unit, container',
    [
        ('0::/system.slice/cron.service', 'cron.service', None),
        ('0::/user.slice/user-1000.slice/session-5.scope', 'session-5.scope', None),
        # a user's own systemd may call a unit like one of the host
        (
            '0::/user.slice/user-1000.slice/user@1000.service/app.slice/cron.service',
            'user@1000.service/cron.service',
            None,
        ),
        ('0::/user.slice/user-1000.slice/session-5.scope/cron.service', 'session-5.scope', None),
        ('0::/system.slice/runner.service/cron.service', 'runner.service', None),
        ('0::/system.slice/a\\x2db.service/sub', 'a\\x2db.service', None),
        ('12:pids:/user.slice\n1:name=systemd:/system.slice/cron.service', 'cron.service', None),
        ('12:pids:/system.slice/other.service\n1:name=systemd:/', None, None),
        ('0::/', None, None),
        ('0::/init.scope', 'init.scope', None),
        ('0::/system.slice/docker-%s.scope' % ID, None, ID),
        ('0::/docker/%s' % ID, None, ID),
        ('12:pids:/docker/%s\n1:name=systemd:/docker/%s' % (ID, ID), None, ID),
        ('0::/../../docker/%s' % ID, None, ID),
        ('0::/docker/%s/docker/%s' % (ID, INNER), None, ID),
        ('0::/docker/%s/system.slice/cron.service' % ID, None, ID),
        ('0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-%s.scope' % ID, None, ID),
        ('0::/docker/%s' % ID[:12], None, None),
        # whoever runs a unit may make groups of any name below it
        ('0::/user.slice/user@7.service/docker-%s.scope' % ID, 'user@7.service/docker-%s.scope' % ID, None),
        ('0::/system.slice/runner.service/docker/%s' % ID, 'runner.service', None),
        ('0::/docker/%sff' % ID, None, None),
        ('', None, None),
    ],
)
def test_the_unit_or_the_container_is_told(tmp_path, groups, unit, container):
    found = Proc(tmp_path, cgroup=groups + '\n').look()
    assert (found['unit'], found['container']) == (unit, container)
    assert witness_kernel.place(groups + '\n') == (container, unit)


def test_a_container_has_the_name_that_the_engine_tells(tmp_path):
    assert (
        Proc(tmp_path, cgroup='0::/docker/%s\n' % ID).look(names={ID: ['old', 'watchtower']})['container_name']
        == 'watchtower'
    )


@pytest.mark.parametrize(
    'raw, argv, complete',
    [
        (b'', [], True),
        (b'sh\0-c\0\0', ['sh', '-c', ''], True),
        (b'sshd: alice@pts/0', ['sshd: alice@pts/0'], True),
        (b'a\xff\x1b\0', ['a\\xff\x1b'], True),
        (b'x' * 5000, ['x' * 4096], False),
    ],
)
def test_the_command_line_is_what_the_process_calls_it(tmp_path, raw, argv, complete):
    found = Proc(tmp_path, cmdline=raw).look()
    assert (found['argv'], found['argv_complete']) == (argv, complete)


def test_one_that_takes_its_place_while_it_is_read_is_not_taken_for_it(tmp_path):
    proc = Proc(tmp_path, sessionid=None)
    own = tmp_path / '4711'
    os.mkfifo(own / 'sessionid')  # the reader waits here until it is written

    def replace():
        with (own / 'sessionid').open('w') as fifo:
            stat = (own / 'stat').read_text()
            (own / 'stat').write_text(stat.replace(' %d 1 2' % TICKS, ' %d 1 2' % (TICKS + 1)))
            fifo.write('5')

    thread = threading.Thread(target=replace, daemon=True)
    thread.start()
    assert proc.look() is None
    thread.join(10)


def test_of_one_whose_command_line_never_comes_all_else_is_told(tmp_path):
    """A process can block the lock that it takes to read it: a FIFO that nobody writes to stands for that."""
    proc = Proc(tmp_path, cmdline=None)
    os.mkfifo(tmp_path / '4711' / 'cmdline')
    start = time.monotonic()
    found = proc.look()
    assert (found['argv'], found['argv_complete'], found['unit']) == ([], False, 'cron.service')
    assert time.monotonic() - start < 10


def test_what_is_told_of_a_process_is_not_shared(tmp_path):
    Proc(tmp_path)
    living = processes.Processes(None, str(tmp_path))
    first, second = (living.of(4711, (booted() + 2) * 1000, (1000, 5)) for _time in range(2))
    assert first == second and first['argv'] is not second['argv']


def test_a_process_is_read_once(tmp_path):
    proc = Proc(tmp_path)
    living = processes.Processes(None, str(tmp_path))
    moment = (booted() + 2) * 1000
    first = living.of(4711, moment, (1000, 5))
    (tmp_path / '4711' / 'cmdline').write_bytes(b'other\0')
    assert living.of(4711, moment, (1000, 5)) == first and proc.look()['argv'] == ['other']


@pytest.mark.parametrize(
    'text, changes, known',
    [
        ('4711', {'comm': 'dockerd'}, True),
        ('4711\n', {'comm': 'dockerd'}, True),
        ('4711', {'comm': 'python3'}, False),
        ('4712', {'comm': 'dockerd'}, False),
        ('x', {'comm': 'dockerd'}, False),
        ('4711', {'comm': 'dockerd', 'namespace': 'pid:[1]'}, False),
        ('4711', {'comm': 'dockerd', 'status': 'Uid:\t1000\t1000\t1000\t1000\n'}, False),
        ('4711', {'comm': 'dockerd', 'status': 'Uid:\t1000\t0\t0\t0\n'}, False),  # through a program with setuid
        ('4711', {'comm': 'dockerd', 'status': None}, False),
        (None, {'comm': 'dockerd'}, False),
    ],
)
def test_the_start_of_the_engine(tmp_path, text, changes, known):
    Proc(tmp_path, **changes)
    if text:
        (tmp_path / 'docker.pid').write_text(text)
    since = processes.Processes(None, str(tmp_path)).engine_since(str(tmp_path / 'docker.pid'))
    assert (since is not None and abs(since - (booted() + 1) * 1000) < 100) == known


@pytest.mark.parametrize('pid, moment', [(None, 10**13), (4711, None)])
def test_without_a_pid_or_a_time_nothing_is_told(tmp_path, pid, moment):
    Proc(tmp_path)
    assert processes.Processes(None, str(tmp_path)).of(pid, moment, (1000, 5)) is None


def test_the_boot_is_that_of_this_host():
    with open('/proc/stat', encoding='ascii') as stat:
        seconds = next(int(line.split()[1]) for line in stat if line.startswith('btime '))
    assert abs(processes.Processes().booted() - seconds * 1000) < 2000


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {name: st.binary(max_size=100) for name in ('stat', 'cmdline', 'cgroup', 'loginuid', 'sessionid')}
    )
)
def test_nothing_that_a_process_writes_crashes_it(tmp_path_factory, files):
    Proc(tmp_path_factory.mktemp('proc'), **files).look()
