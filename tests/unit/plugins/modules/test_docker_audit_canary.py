# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no audit. test_canary.py of module_utils and tests/integration/test_coverage.py have the rest."""

from __future__ import annotations

import json

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_audit_canary
from ansible_collections.claude_hooks.docker_audit.tests.unit.module_args import patch_module_args


def test_check_mode_executes_nothing(capsys, monkeypatch):
    monkeypatch.setattr(docker_audit_canary.AnsibleModule, 'run_command', None)
    with patch_module_args({'_ansible_check_mode': True}), pytest.raises(SystemExit):
        docker_audit_canary.main()
    told = json.loads(capsys.readouterr().out)
    assert (told['skipped'], told['proven'], told['runs']) == (True, False, [])
