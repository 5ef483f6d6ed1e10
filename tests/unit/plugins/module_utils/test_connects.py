# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a connection of our own is known as such in all later runs, and nobody else's is."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import installed
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, proc
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects, engine


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(connects, '_noted', None)
    # As if the tests ran in the first one
    monkeypatch.setattr(proc, 'FIRST_NAMESPACE', os.readlink('/proc/self/ns/pid'))
    compiled = tmp_path / 'audit.rules'
    compiled.write_text('-a always,exit -F arch=b64 -S connect -F path=/run/docker.sock -F key=a-socket\n')
    monkeypatch.setattr(installed, 'COMPILED', str(compiled))
    return str(tmp_path / 'kept')


@pytest.mark.parametrize('path', names.SOCKET_SPELLINGS)
def test_a_process_notes_when_it_connects(folder, path):
    before = time.time() * 1000
    connects.note(path, 2, folder)
    (entry,) = connects.own(folder)
    assert entry.pid == os.getpid() and entry.first <= before and time.time() * 1000 + 2000 <= entry.last


def test_it_notes_once_for_the_connects_that_follow_and_again_later(folder, monkeypatch):
    for _connect in range(5):
        connects.note(names.SOCKET, 2, folder)
    assert len(connects.own(folder)) == 1
    later = time.time() + 3600
    monkeypatch.setattr(time, 'time', lambda: later)
    connects.note(names.SOCKET, 2, folder)
    first, second = connects.own(folder)
    assert first.last < later * 1000 - 3000000 and second.first <= later * 1000 <= second.last


def test_a_child_notes_for_itself(folder):
    connects.note(names.SOCKET, 2, folder)
    child = os.fork()
    if not child:
        connects.note(names.SOCKET, 2, folder)
        os._exit(0)
    os.waitpid(child, 0)
    assert [entry.pid for entry in connects.own(folder)] == [os.getpid(), child]


def test_what_the_rule_does_not_watch_is_not_noted(folder, tmp_path):
    connects.note(str(tmp_path / 'other.sock'), 2, folder)
    assert not os.path.exists(folder)


@pytest.mark.parametrize('rules', [None, '-D\n-a always,exit -F path=/usr/bin/docker -F perm=x -F key=a\n'])
def test_where_no_connection_is_logged_nothing_is_left_behind(folder, tmp_path, rules):
    compiled = tmp_path / 'audit.rules'
    compiled.unlink()
    if rules:
        compiled.write_text(rules)
    connects.note(names.SOCKET, 2, folder)
    assert not os.path.exists(folder)
    # A rule can be in the kernel alone
    os.mkdir(folder, 0o700)
    connects.note(names.SOCKET, 2, folder)
    assert len(connects.own(folder)) == 1


def test_in_another_pid_namespace_nothing_is_noted(folder, monkeypatch):
    """There, the number means another process to the kernel's records."""
    monkeypatch.setattr(proc, 'FIRST_NAMESPACE', 'pid:[1]')
    connects.note(names.SOCKET, 2, folder)
    assert connects.own(folder) == []


@pytest.mark.parametrize('make', [os.mkfifo, lambda path: os.symlink('/etc', path), lambda path: os.mkdir(path, 0o777)])
def test_a_folder_that_is_not_safe_is_neither_believed_nor_an_error(folder, make):
    umask = os.umask(0)
    make(folder)
    os.umask(umask)
    connects.note(names.SOCKET, 2, folder)
    assert connects.own(folder) == [] and not os.path.exists('/etc/' + connects.NAME)


def test_asking_an_engine_notes_it_before(folder, monkeypatch):
    noted = []
    monkeypatch.setattr(connects, 'note', lambda path, seconds: noted.append((path, seconds)))
    engine.container_names('/nonexistent/docker.sock', 3)
    assert noted == [('/nonexistent/docker.sock', 3)] * 2


def test_it_stays_bounded_and_the_newest_stay(folder, monkeypatch):
    monkeypatch.setattr(connects, '_LONGEST', 2000)
    for number in range(200):
        monkeypatch.setattr(connects, '_noted', None)
        monkeypatch.setattr(time, 'time', lambda number=number: 1795492663.0 + number)
        connects.note(names.SOCKET, 2, folder)
        entries = connects.own(folder)
        assert os.path.getsize(os.path.join(folder, connects.NAME)) <= 2100
        assert entries[-1].last == (1795492663 + number + 4) * 1000
    firsts = [entry.first for entry in entries]
    assert 10 < len(firsts) == firsts[-1] // 1000 - firsts[0] // 1000 + 1


def test_processes_at_the_same_time_lose_nothing(folder):
    program = '''
import os, sys
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc
proc.FIRST_NAMESPACE = os.readlink('/proc/self/ns/pid')
for _number in range(50):
    connects._noted = None
    connects.note(sys.argv[2], 2, sys.argv[1])
'''
    os.mkdir(folder, 0o700)
    processes = [subprocess.Popen([sys.executable, '-c', program, folder, names.SOCKET]) for _number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert sorted({entry.pid for entry in connects.own(folder)}) == sorted(process.pid for process in processes)
    assert len(connects.own(folder)) == 150


@pytest.mark.parametrize(
    'line',
    [b'', b'{"pid": 1', b'[]', b'null', b'{"pid": "1", "first": 1, "last": 2}', b'{"pid": true, "first": 1, "last": 2}']
    + [b'{"pid": 1, "first": 1}', b'[' * 100000, b'\xff'],
)
def test_a_line_that_was_cut_hides_no_other(folder, line):
    connects.note(names.SOCKET, 2, folder)
    with open(os.path.join(folder, connects.NAME), 'ab') as file:
        file.write(b'\n' + line)
    connects._noted = None
    connects.note(names.SOCKET, 2, folder)
    assert [entry.pid for entry in connects.own(folder)] == [os.getpid()] * 2
