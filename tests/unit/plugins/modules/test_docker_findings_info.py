# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no audit and no engine; tests/integration/test_findings_info.py has the rest."""

from __future__ import annotations

import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import command as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_findings_info


def test_every_action_of_the_core_can_be_chosen():
    documented = yaml.safe_load(docker_findings_info.DOCUMENTATION)['options']['actions']['choices']
    assert documented == docker_findings_info.ACTIONS == list(docker_cli.ACTIONS)
