# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what would do nothing or cannot be used is refused in one sentence, before any host is touched.

Runs the real ansible-playbook on a host whose Python notes that it was started.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
AUDIT = ROOT / 'playbooks' / 'audit.yml'
ROLE = [{'hosts': 'all', 'gather_facts': False, 'roles': ['claude_hooks.docker_audit.docker_audit']}]


@pytest.fixture
def play(tmp_path):
    python = tmp_path / 'python'
    python.write_text("#!/bin/sh\ntouch '%s/touched'\necho '{}'\n" % tmp_path)
    python.chmod(0o755)
    host = {'ansible_connection': 'local', 'ansible_python_interpreter': str(python)}
    (tmp_path / 'hosts.json').write_text(json.dumps({'all': {'hosts': {'web1': host, 'web2': host}}}))
    (tmp_path / 'role.yml').write_text(json.dumps(ROLE))

    def run(playbook, variables):
        (tmp_path / 'group_vars').mkdir()
        (tmp_path / 'group_vars' / 'all.json').write_text(json.dumps(variables))
        done = subprocess.run(
            [pathlib.Path(sys.executable).parent / 'ansible-playbook', '-i', 'hosts.json', playbook],
            cwd=tmp_path,
            env=dict(os.environ, ANSIBLE_NOCOLOR='1'),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).replace('\\"', '"'), (tmp_path / 'touched').exists()

    return run


def test_a_state_in_the_inventory_is_refused_by_audit_yml(play):
    code, output, is_touched = play(AUDIT, {'docker_audit_state': 'absent'})
    assert code == 2 and not is_touched, output
    assert 'docker_audit_state is set in the inventory (web1 and 1 more), where audit.yml would not obey it: ' in output


def test_without_one_the_host_is_asked(play):
    _code, output, is_touched = play(AUDIT, {'docker_audit_uids': [0]})
    assert is_touched, output


def test_a_playbook_of_somebody_else_may_set_the_state(play):
    _code, output, is_touched = play('role.yml', {'docker_audit_state': 'absent'})
    assert is_touched, output


def test_the_role_itself_says_once_what_is_wrong_and_prints_no_specification(play):
    wrong = {'docker_audit_state': 'gone', 'docker_audit_prepend': 'perhaps', 'docker_audit_paths': [{'a': 1}]}
    code, output, is_touched = play('role.yml', {**wrong, 'docker_audit_uids': 'all', 'docker_audit_key': ['k']})
    assert code == 2 and not is_touched, output
    for sentence in (
        'docker_audit_state: "gone" is no state: use present or absent',
        'docker_audit_prepend: "perhaps" is not a valid boolean: use true or false',
        'docker_audit_paths: [{"a": 1}] is no list of words: use a list, or words separated by commas',
        'docker_audit_key: ["k"] is no text',
    ):
        # Once for each host, and ansible-core from 2.19 on says once more what failed a task
        assert output.count(sentence) in (2, 3), output
    assert 'argument_spec_data' not in output and 'validate_args_context' not in output, output
