# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The options by which a module knows the rules of this collection."""

    DOCUMENTATION = r"""
options:
  keys:
    description:
      - The keys of our rules in the kernel. Keys recorded in managed rule files count as ours too,
        and so does each of these with the suffix C(-socket), C(-signals) or C(-services).
    type: list
    elements: str
    default: [claude-hooks-docker]
  rule_file:
    description: The name of our rule file below C(/etc/audit/rules.d).
    type: str
    default: claude-hooks-docker.rules
"""
