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
  - The last step of the playbook C(claude_hooks.docker_audit.findings). It runs on the controller and touches no host.
  - It prints a table for people, what was seen of each host's log, and last the hosts that could not be read.
  - Whatever comes from a log and does not print (control characters, bidi marks, characters without a width) is shown by its code.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
  - claude_hooks.docker_audit.report.page
  - claude_hooks.docker_audit.report.secrets
options:
  registered:
    description:
      - The name of the variable in which each host of the play has the result of M(claude_hooks.docker_audit.docker_findings_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results by host, in place of O(registered). Ansible takes longer for them where there are many.
    type: dict
  dest:
    description:
      - File on the controller to write the findings to, with mode 0600. Its ending says the form.
      - V(.jsonl) and V(.json) are JSON Lines, V(.csv) is CSV, V(.yml) and V(.yaml) are YAML.
      - In CSV, lists are JSON, and a cell that a spreadsheet would take for a formula starts with an apostrophe.
    type: path
  format:
    description: With V(ecs) the JSON Lines in O(dest) have the names of the Elastic Common Schema.
    type: str
    choices: [ecs]
  select:
    description: A JMESPath expression that is applied to the list of findings. What it makes of them is shown and written.
    type: str
  container:
    description: The pattern of container names that the hosts were asked for, to be named where it leaves something out.
    type: str
  since:
    description: From when on the hosts were asked for findings, to be shown. Without it, that is today.
    type: str
  before:
    description: Until when the hosts were asked for findings, to be shown.
    type: str
  logs:
    description: Whether the hosts were asked for the logs of other hosts. Each finding is then shown under the host that it names.
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
