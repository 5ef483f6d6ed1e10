# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no audit and no engine; tests/integration/test_findings_info.py has the rest."""

from __future__ import annotations

import json
import types

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import command as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_findings_info
from ansible_collections.claude_hooks.docker_audit.tests.unit.module_args import patch_module_args


def test_every_action_of_the_core_can_be_chosen():
    documented = yaml.safe_load(docker_findings_info.DOCUMENTATION)['options']['actions']['choices']
    assert documented == docker_findings_info.ACTIONS == list(docker_cli.ACTIONS)


def test_an_old_python_is_told_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(docker_findings_info, 'sys', types.SimpleNamespace(version_info=(3, 7, 17)))
    with patch_module_args({}), pytest.raises(SystemExit):
        docker_findings_info.main()
    told = json.loads(capsys.readouterr().out)
    assert (told['failed'], told['msg']) == (
        True,
        'docker_findings_info needs Python 3.8 or later on the host, this is 3.7: set ansible_python_interpreter',
    )
