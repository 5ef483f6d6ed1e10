# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: only what root alone could have put there is executed, only as asked, and no instruction of it runs.

tests/integration/test_coverage.py has the kernel.
"""

from __future__ import annotations

import os
import pathlib
import time
import types

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import canary, traced


@pytest.fixture
def owned(tmp_path, monkeypatch):
    """A folder that stands for / here: what is above it, and every owner, is root's, but for names in the set."""
    others = set()
    real = os.lstat

    def lstat(path):
        status = real(path)
        mode = status.st_mode if str(path).startswith(str(tmp_path) + '/') else status.st_mode & ~0o022
        return os.stat_result([mode, *status[1:4], 1000 if os.path.basename(path) in others else 0, *status[5:]])

    monkeypatch.setattr(canary.os, 'lstat', lstat)
    return types.SimpleNamespace(root=tmp_path, others=others)


def program(path, content='\x7fELF', mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def test_the_program_of_a_file_of_root(owned):
    path = program(owned.root / 'bin' / 'docker')
    assert canary.program_of(path) == path


def test_links_are_followed_to_the_real_file(owned):
    path = program(owned.root / 'opt' / 'docker')
    (owned.root / 'bin').symlink_to('opt')
    (owned.root / 'opt' / 'link').symlink_to('../bin/./docker')
    assert canary.program_of(str(owned.root / 'bin' / 'link')) == path


def test_the_program_of_a_script_is_its_interpreter(owned):
    shell = program(owned.root / 'sh')
    assert canary.program_of(program(owned.root / 'docker', '#! %s -e\n' % shell)) == shell


@pytest.mark.parametrize('sign', ['\v', '\f', '\r'])
def test_only_blanks_and_tabs_end_the_name_of_an_interpreter_as_for_the_kernel(owned, sign):
    shell = program(owned.root / 'sh')
    other = program(owned.root / ('sh' + sign + 'x'))
    assert canary.program_of(program(owned.root / 'docker', '#!\t%s\t-e %s\n' % (other, shell))) == other


@pytest.mark.parametrize(
    'name, mode, message',
    [
        ('bin', 0o777, r'/bin can be written by others than root \(mode 0777\): give docker a place that root alone'),
        ('bin', 0o775, 'can be written by others'),
        ('bin', 0o1777, 'can be written by others'),
        ('bin/docker', 0o757, 'can be written by others'),
        ('bin/docker', 0o775, 'can be written by others'),
    ],
)
def test_what_others_can_write_is_refused(owned, name, mode, message):
    path = program(owned.root / 'bin' / 'docker')
    (owned.root / name).chmod(mode)
    with pytest.raises(canary.Refused, match=message):
        canary.program_of(path)


@pytest.mark.parametrize('name', ['docker', 'bin', 'link'])
def test_what_others_own_is_refused(owned, name):
    program(owned.root / 'bin' / 'docker')
    (owned.root / 'link').symlink_to('bin/docker')
    owned.others.add(name)
    with pytest.raises(canary.Refused, match='/%s is owned by uid 1000: give docker a place that root alone' % name):
        canary.program_of(str(owned.root / 'link'))


def test_a_folder_on_the_way_of_a_link_is_judged_too(owned):
    program(owned.root / 'open' / 'docker')
    (owned.root / 'open').chmod(0o777)
    (owned.root / 'bin').mkdir()
    (owned.root / 'bin' / 'docker').symlink_to('../open/docker')
    with pytest.raises(canary.Refused, match='/open can be written by others'):
        canary.program_of(str(owned.root / 'bin' / 'docker'))


def test_an_interpreter_that_others_can_write_is_refused(owned):
    shell = program(owned.root / 'sh', mode=0o777)
    with pytest.raises(canary.Refused, match='/sh can be written by others'):
        canary.program_of(program(owned.root / 'docker', '#!%s\n' % shell))


def test_what_is_no_program_is_refused(owned):
    (owned.root / 'round').symlink_to('round')
    (owned.root / 'folder').mkdir()
    for name, message in (('round', 'too many links'), ('gone', 'No such file'), ('folder', 'is not a file')):
        with pytest.raises(canary.Refused, match=message):
            canary.program_of(str(owned.root / name))
    with pytest.raises(canary.Refused, match='a script without an interpreter'):
        canary.program_of(program(owned.root / 'docker', '#!\n'))


def test_the_program_of_a_script_of_a_script_is_the_last_interpreter(owned):
    shell = program(owned.root / 'sh')
    inner = program(owned.root / 'inner', '#!%s\n' % shell)
    assert canary.program_of(program(owned.root / 'docker', '#!%s -x\n' % inner)) == shell


def test_an_inner_interpreter_that_others_can_write_is_refused(owned):
    shell = program(owned.root / 'sh', mode=0o777)
    inner = program(owned.root / 'inner', '#!%s\n' % shell)
    with pytest.raises(canary.Refused, match='/sh can be written by others'):
        canary.program_of(program(owned.root / 'docker', '#!%s\n' % inner))


def test_interpreters_that_never_end_are_refused(owned):
    program(owned.root / 'docker', '#!%s\n' % (owned.root / 'docker'))
    with pytest.raises(canary.Refused, match='whose interpreters are scripts'):
        canary.program_of(str(owned.root / 'docker'))


def test_no_instruction_of_the_program_runs(tmp_path):
    path = program(tmp_path / 'docker', '#!/bin/sh\ntouch %s\n' % (tmp_path / 'ran'))
    done = canary.execute(path, os.geteuid(), 5)
    time.sleep(0.1)
    assert not (tmp_path / 'ran').exists() and not os.path.exists('/proc/%d' % done.pid)


def test_it_is_executed_with_nothing_of_its_caller_and_traced_by_us_alone(monkeypatch):
    monkeypatch.setenv('DOCKER_HOST', 'tcp://example.com')
    with traced.stopped_at_exec(
        '/bin/true', ['docker', '--version'], canary.ENVIRONMENT, os.geteuid(), os.getegid(), 5
    ) as pid:
        proc = pathlib.Path('/proc/%d' % pid)
        status = dict(line.split(':\t', 1) for line in (proc / 'status').read_text().splitlines() if ':\t' in line)
        assert (proc / 'environ').read_bytes().split(b'\0')[:-1] == [
            ('%s=%s' % item).encode() for item in canary.ENVIRONMENT.items()
        ]
        assert (proc / 'cmdline').read_bytes() == b'docker\0--version\0'
        assert (status['State'][0], int(status['TracerPid']), status['Groups'].strip()) == ('t', os.getpid(), '')
        assert os.readlink(proc / 'cwd') == '/' and os.getsid(pid) == pid
        assert {os.readlink(link) for link in (proc / 'fd').iterdir()} == {'/dev/null'}
        assert int((proc / 'loginuid').read_text()) == int(pathlib.Path('/proc/self/loginuid').read_text())
    assert not proc.exists()


def test_a_kernel_that_lets_nobody_trace_is_told(monkeypatch, tmp_path):
    def refused(request, pid=0, data=0):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(traced, '_Ptrace', lambda: refused)
    with pytest.raises(canary.Refused, match='it cannot be traced: Operation not permitted'):
        canary.execute(program(tmp_path / 'docker', '#!/bin/sh\n'), os.geteuid(), 5)


def test_what_does_not_start_in_time_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(traced.os, 'setsid', lambda: time.sleep(60))
    before = time.monotonic()
    with pytest.raises(canary.Refused, match='it did not start in time'):
        canary.execute(program(tmp_path / 'docker', '#!/bin/sh\n'), os.geteuid(), 0.2)
    assert time.monotonic() - before < 10


def test_what_cannot_be_executed_is_told(tmp_path):
    with pytest.raises(canary.Refused, match='it cannot be executed: Permission denied'):
        canary.execute(program(tmp_path / 'docker', mode=0o644), os.geteuid(), 1)


@pytest.mark.parametrize(
    'lines, wanted',
    [
        (
            [
                '-a always,exit -F path=/a -F perm=x -F uid=0 -F key=k',
                '-a always,exit -F path=/a -F perm=x -F uid=7 -F key=k',
            ],
            [('/a', 0), ('/a', 7)],
        ),
        (['-w /a -p x -k k'], [('/a', 0), ('/a', 65534)]),
        (['-a always,exit -F path=/a -F perm=x -F uid=0 -F key=k'] * 2, [('/a', 0)]),
        (
            [
                '-a always,exit -F path=/a -F perm=x -F key=x-k',
                '-a always,exit -F arch=b64 -S connect -F path=/s -F key=k',
                '-a never,exit -F path=/a -F key=k',
            ],
            [],
        ),
    ],
)
def test_every_file_and_user_of_our_rules_is_tried(lines, wanted):
    assert canary.wanted([audit_rules.parse_rule(line) for line in lines], 'k') == wanted
