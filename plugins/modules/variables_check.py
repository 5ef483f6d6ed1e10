# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. It runs on the controller alone.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: variables_check
short_description: Refuse variables that would have no effect or have an invalid value
version_added: 1.0.0
description:
  - The first step of the playbooks and of the role of this collection. It runs on the controller and touches no host.
  - Refuses an extra variable (C(-e)) that is an old name, that belongs to another of our playbooks, or that differs from a variable of O(playbook)
    by one edit (by two, from seven letters on), and names the nearest one. Other extra variables are accepted.
  - For the role, refuses any variable that begins with C(docker_audit_) but is not one of its options, and any option with an invalid value,
    with a sentence for each. It returns the options with their values converted.
options:
  playbook:
    description: The playbook that was started. By default, the variables of the role are checked.
    type: str
    choices: [audit, coverage, findings, tail, verdicts]
extends_documentation_fragment:
  - action_common_attributes
attributes:
  check_mode:
    description: Checks the same.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: N/A
  platform:
    platforms: all
author: The claude_hooks.docker_audit team (@claude-hooks)
"""

EXAMPLES = r"""
- name: Check the extra variables before any host is touched
  claude_hooks.docker_audit.variables_check:
    playbook: findings
  run_once: true
"""

RETURN = r"""
options:
  description: The options of the role without C(docker_audit_), each converted to its type.
  returned: success, without O(playbook)
  type: dict
  sample:
    state: present
    uids: [0, 1000]
    watch: [docker]
"""
