# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of an action plugin. On the host it runs docker_findings_info.
from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: findings_follow
short_description: Print the findings of each host as they arrive
version_added: 1.0.0
description:
  - The heart of the playbook C(claude_hooks.docker_audit.tail). It prints each new finding of a host as one line, until it is stopped.
  - The first run starts with what was found today. Each later run goes on where the one before it ended, so that nothing is missed and nothing comes twice.
  - Where logs of the host were gone before they were read, it prints a line that begins with C(GAP) and says from when to when.
  - Findings, gaps and a last line of each host go to stdout. A host that is away or back, and an execution whose command is not in the log, go to stderr.
  - A host that goes away is tried again after 1, 2, 4 and at last every 60 seconds, and goes on where it was. One that cannot be read in the first place fails.
  - Whatever comes from a log and does not print (control characters, bidi marks, characters without a width) is shown by its code.
extends_documentation_fragment:
  - claude_hooks.docker_audit.findings
  - claude_hooks.docker_audit.findings.possible
  - claude_hooks.docker_audit.report.secrets
options:
  reader:
    description:
      - Who follows. How far a reader got is kept on the host for each O(key), and what it printed last on the controller,
        both in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks). Readers of different names do not disturb each other.
      - Letters, digits, dots, dashes and underscores.
    type: str
    default: tail
  output:
    description: V(text) is a line for people, V(jsonl) is the whole finding as a JSON object, alone on its line.
    type: str
    choices: [text, jsonl]
    default: text
  duration:
    description: End after so many seconds. Without it, the run goes on until it is stopped.
    type: float
attributes:
  check_mode:
    description: Prints what is new and ends. The next run prints it again.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: N/A
notes:
  - Each host is followed by a process of its own. There must be as many forks as hosts.
  - Over ssh, a host that is silent for 45 seconds counts as gone, unless an option for ssh already says C(ServerAlive).
seealso:
  - module: claude_hooks.docker_audit.docker_findings_info
  - plugin: claude_hooks.docker_audit.live_output
    plugin_type: lookup
author: The claude_hooks.docker_audit team (@claude-hooks)
"""

EXAMPLES = r"""
- name: Show each line at once
  ansible.builtin.meta: end_play
  when: not lookup('claude_hooks.docker_audit.live_output')

- name: Print what is found in the next hour
  claude_hooks.docker_audit.findings_follow:
    reader: one-hour
    duration: 3600
  become: true
"""

RETURN = r"""
findings:
  description: How many findings were printed.
  returned: success
  type: int
  sample: 12
gaps:
  description: How often logs were gone before they were read.
  returned: success
  type: int
  sample: 0
reconnects:
  description: How often the host was back after it could not be read.
  returned: success
  type: int
  sample: 1
"""
