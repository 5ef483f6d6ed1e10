# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. It runs on the controller alone.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: coverage_report
short_description: Show what each host sees and what stands in its way, and write it to a file
version_added: 1.0.0
description:
  - The last step but one of the playbook C(claude_hooks.docker_audit.coverage). It runs on the controller and touches no host.
  - It prints a block for every host with its problems, then a table of all hosts.
  - Whatever comes from a host and does not print is shown by its code.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
options:
  registered:
    description:
      - The name of the variable in which each host of the play has the result of M(claude_hooks.docker_audit.docker_coverage_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results by host, in place of O(registered). Ansible takes longer for them where there are many.
    type: dict
  canaries:
    description: The results of M(claude_hooks.docker_audit.docker_audit_canary) by host, where it was run.
    type: dict
    default: {}
  dest:
    description: File on the controller to write the same to as one JSON object, with mode 0600. It ends in V(.json).
    type: path
attributes:
  check_mode:
    description: Shows the coverage and writes no file.
    support: full
seealso:
  - module: claude_hooks.docker_audit.docker_coverage_info
  - module: claude_hooks.docker_audit.docker_audit_canary
"""

EXAMPLES = r"""
- name: Look for what keeps the host from seeing
  claude_hooks.docker_audit.docker_coverage_info:
  register: looked

- name: Show the coverage of all hosts
  claude_hooks.docker_audit.coverage_report:
    registered: looked
    dest: coverage.json
  run_once: true
"""

RETURN = r"""
coverage:
  description:
    - What each host comes to. V(failed) and V(unreachable) could not be asked, the others are as in M(claude_hooks.docker_audit.docker_coverage_info).
    - V(proven) is one that is V(complete) and whose canary was seen.
  returned: with O(registered) or O(results)
  type: dict
  sample: {web1: proven, web2: blind, web3: unreachable}
"""
