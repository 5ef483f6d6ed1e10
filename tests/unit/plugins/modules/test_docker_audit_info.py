# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what the role removes is all of the witness and of the service before it, and nothing of anybody else."""

from __future__ import annotations

import hashlib
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_audit_info

SOURCE = pathlib.Path(__file__).resolve().parents[4] / 'roles' / 'docker_audit' / 'files' / 'witness'


class Module:
    """Of Ansible, with a systemd that tells what it is given."""

    told = ''

    def run_command(self, words):
        return 0, self.told, ''


@pytest.fixture
def host(tmp_path, monkeypatch):
    for name in ('UNITS', 'WITNESS_UNIT', 'WITNESS', 'OLD_UNIT', 'OLD_PROGRAM'):
        monkeypatch.setattr(docker_audit_info, name, str(tmp_path) + getattr(docker_audit_info, name))
    monkeypatch.setattr(names, 'KEPT', str(tmp_path) + names.KEPT)
    monkeypatch.setattr(docker_audit_info, 'is_booted', lambda: True)
    return tmp_path


def put(host, *paths):
    for path in paths:
        file = pathlib.Path(str(host) + path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('x')


def relative(host, paths):
    return [path[len(str(host)) :] for path in paths]


def test_the_names_are_those_of_the_files_that_the_role_copies():
    assert sorted(path.name for path in SOURCE.glob('*.py')) == list(docker_audit_info.WITNESS_FILES)


def test_all_of_it_is_listed_and_what_is_not_ours_keeps_its_folder(host):
    folder = '/usr/local/lib/claude-hooks-witness'
    put(host, *('%s/%s' % (folder, name) for name in docker_audit_info.WITNESS_FILES))
    put(host, '/etc/systemd/system/claude-hooks-witness.service', '/var/lib/claude-hooks/events.jsonl')
    put(host, '/etc/systemd/system/claude-hooks-keep-events.service', '/usr/local/lib/claude-hooks-keep-events.py')
    found = docker_audit_info.look_at_witness(Module())
    ours = ['/etc/systemd/system/claude-hooks-witness.service', folder, '/var/lib/claude-hooks/events.jsonl']
    assert relative(host, found['files']) == [*ours, '/var/lib/claude-hooks']
    assert relative(host, found['old_files']) == [
        '/etc/systemd/system/claude-hooks-keep-events.service',
        '/usr/local/lib/claude-hooks-keep-events.py',
    ]
    assert found['program_sha1'] == hashlib.sha1(b'x' * 5).hexdigest() and found['runs'] is False
    put(host, '/var/lib/claude-hooks/other')
    assert relative(host, docker_audit_info.look_at_witness(Module())['files']) == ours


def test_a_program_of_which_a_file_is_missing_has_no_sum(host):
    put(host, '/usr/local/lib/claude-hooks-witness/witness.py')
    found = docker_audit_info.look_at_witness(Module())
    assert found['program_sha1'] is None and found['old_files'] == []
