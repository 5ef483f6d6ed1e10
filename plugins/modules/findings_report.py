# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. It runs on the controller alone.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: findings_report
short_description: Show the findings of all hosts in one view, and write them to a file
version_added: 1.0.0
description:
  - Used by the playbook C(claude_hooks.docker_audit.findings). It runs on the controller and touches no host.
  - It prints a table of findings, the period that each host's log covers, and the hosts that could not be read.
  - Characters from a log that do not print (control characters, bidi marks, characters without a width) are shown as escape codes.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
  - claude_hooks.docker_audit.report.page
  - claude_hooks.docker_audit.report.secrets
options:
  registered:
    description:
      - The name of the variable in which each host of the play registered the result of M(claude_hooks.docker_audit.docker_findings_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results as a dictionary by host, instead of O(registered). Ansible takes longer for many hosts.
    type: dict
  dest:
    description:
      - File on the controller to write the findings to, with mode 0600. Its suffix selects the format.
      - V(.jsonl) and V(.json) are JSON Lines, V(.csv) is CSV, V(.yml) and V(.yaml) are YAML.
      - In CSV, lists are JSON, and a cell that a spreadsheet would take for a formula starts with an apostrophe.
    type: path
  format:
    description: With V(ecs) the fields of the JSON Lines in O(dest) have the names of the Elastic Common Schema.
    type: str
    choices: [ecs]
  select:
    description: A JMESPath expression that is applied to the list of findings. Its result is shown and written.
    type: str
  container:
    description: The pattern of container names that was used on the hosts. The view names it if it left something out.
    type: str
  since:
    description: The start of the period that was used on the hosts, to be shown. The default is today.
    type: str
  before:
    description: The end of the period that was used on the hosts, to be shown.
    type: str
  logs:
    description: Whether the hosts read the logs of other hosts. Each finding is then shown under the host that it names.
    type: bool
    default: false
attributes:
  check_mode:
    description: Shows the findings and writes no file.
    support: full
seealso:
  - module: claude_hooks.docker_audit.docker_findings_info
"""

EXAMPLES = r"""
- name: Read the findings
  claude_hooks.docker_audit.docker_findings_info:
  register: found

- name: Show the findings of all hosts
  claude_hooks.docker_audit.findings_report:
    registered: found
    dest: findings.jsonl
  run_once: true
"""

RETURN = r"""
"""
