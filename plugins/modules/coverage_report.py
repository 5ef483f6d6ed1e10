# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. It runs on the controller alone.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: coverage_report
short_description: Show the coverage of all hosts in one view, and write it to a file
version_added: 1.0.0
description:
  - Used by the playbook C(claude_hooks.docker_audit.coverage). It runs on the controller and touches no host.
  - It prints the problems of each host, then a table of all hosts.
  - Characters from a host that do not print are shown as escape codes.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
options:
  registered:
    description:
      - The name of the variable in which each host of the play registered the result of M(claude_hooks.docker_audit.docker_coverage_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results as a dictionary by host, instead of O(registered). Ansible takes longer for many hosts.
    type: dict
  canaries:
    description: The results of M(claude_hooks.docker_audit.docker_audit_canary) by host, if it was run.
    type: dict
    default: {}
  dest:
    description: File on the controller to write the same to, as one JSON object, with mode 0600. Its name must end in V(.json).
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
- name: Check what keeps the host from recording docker commands
  claude_hooks.docker_audit.docker_coverage_info:
  register: checked

- name: Show the coverage of all hosts
  claude_hooks.docker_audit.coverage_report:
    registered: checked
    dest: coverage.json
  run_once: true
"""

RETURN = r"""
coverage:
  description:
    - The result of each host. V(failed) and V(unreachable) hosts could not be checked, the others are as in M(claude_hooks.docker_audit.docker_coverage_info).
    - V(proven) is a V(complete) host whose test executions all reached the log.
  returned: with O(registered) or O(results)
  type: dict
  sample: {web1: proven, web2: blind, web3: unreachable}
"""
