# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. It runs on the controller alone.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: verdicts_report
short_description: Show the verdicts of all hosts in one view, and write them to a file
version_added: 1.0.0
description:
  - The last step of the playbook C(claude_hooks.docker_audit.verdicts). It runs on the controller and touches no host.
  - It prints a line for every verdict, how far back each host was seen, and last the hosts that could not be read.
  - Where a verdict is open, it names the three nearest candidates and what was not looking.
  - Whatever comes from a log or an engine and does not print is shown by its code.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
  - claude_hooks.docker_audit.report.page
  - claude_hooks.docker_audit.report.secrets
options:
  registered:
    description:
      - The name of the variable in which each host of the play has the result of M(claude_hooks.docker_audit.docker_verdicts_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results by host, in place of O(registered). Ansible takes longer for them where there are many.
    type: dict
  dest:
    description: File on the controller to write the verdicts to as JSON Lines, with mode 0600. It ends in V(.jsonl) or V(.json).
    type: path
  container:
    description: The pattern of container names that the hosts were asked for, to be named where it leaves something out.
    type: str
  since:
    description: From when on the hosts were asked for verdicts, to be shown. Without it, that is today.
    type: str
  before:
    description: Until when the hosts were asked for verdicts, to be shown.
    type: str
  evidence:
    description: Whether to print below each verdict what it rests on. The files always have it.
    type: bool
    default: false
attributes:
  check_mode:
    description: Shows the verdicts and writes no file.
    support: full
seealso:
  - module: claude_hooks.docker_audit.docker_verdicts_info
"""

EXAMPLES = r"""
- name: Find out who stopped or removed the containers
  claude_hooks.docker_audit.docker_verdicts_info:
  register: judged

- name: Show the verdicts of all hosts
  claude_hooks.docker_audit.verdicts_report:
    registered: judged
    dest: verdicts.jsonl
  run_once: true
"""

RETURN = r"""
"""
