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
  - Used by the playbook C(claude_hooks.docker_audit.verdicts). It runs on the controller and touches no host.
  - It prints a line for each verdict, how far back the records of each host go, and the hosts that could not be read.
  - For an open verdict it names the three nearest candidates and the sources that were not recording.
  - Characters from a log or an engine that do not print are shown as escape codes.
author: The claude_hooks.docker_audit team (@claude-hooks)
extends_documentation_fragment:
  - claude_hooks.docker_audit.report
  - claude_hooks.docker_audit.report.page
  - claude_hooks.docker_audit.report.secrets
options:
  registered:
    description:
      - The name of the variable in which each host of the play registered the result of M(claude_hooks.docker_audit.docker_verdicts_info).
      - Without it and O(results) the other options are only checked.
    type: str
  results:
    description: The same results as a dictionary by host, instead of O(registered). Ansible takes longer for many hosts.
    type: dict
  dest:
    description: File on the controller to write the verdicts to as JSON Lines, with mode 0600. Its name must end in V(.jsonl) or V(.json).
    type: path
  container:
    description: The pattern of container names that was used on the hosts. The view names it if it left something out.
    type: str
  since:
    description: The start of the period that was used on the hosts, to be shown. The default is today.
    type: str
  before:
    description: The end of the period that was used on the hosts, to be shown.
    type: str
  evidence:
    description: Whether to print below each verdict what it is based on. The files always contain it.
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
  register: verdicts

- name: Show the verdicts of all hosts
  claude_hooks.docker_audit.verdicts_report:
    registered: verdicts
    dest: verdicts.jsonl
  run_once: true
"""

RETURN = r"""
"""
