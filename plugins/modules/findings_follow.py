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
  - Used by the playbook C(claude_hooks.docker_audit.tail). It prints each new finding of a host as one line, until it is stopped.
  - The first run starts with today's findings. Each later run continues where the last one ended, so nothing is missed or printed twice.
  - If logs of the host were deleted before they were read, it prints a line that begins with C(GAP) and the period.
  - Findings, gaps and a summary line for each host go to stdout. Messages about hosts that cannot be reached, and about executions whose command is not in
    the log, go to stderr.
  - A host that can no longer be reached is retried after 1, 2, 4 and finally every 60 seconds, and continues where it was. A host that cannot be read at the
    start fails.
  - Characters from a log that do not print (control characters, bidi marks, characters without a width) are shown as escape codes.
extends_documentation_fragment:
  - claude_hooks.docker_audit.findings
  - claude_hooks.docker_audit.findings.possible
  - claude_hooks.docker_audit.report.secrets
options:
  reader:
    description:
      - Name of the reader. Its position is kept on the host, one for each O(key) and name in the inventory, and what it printed last on the controller,
        both in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks). Readers of different names do not disturb each other.
      - Letters, digits, dots, dashes and underscores.
    type: str
    default: tail
  output:
    description: V(text) prints a line of text, V(jsonl) the whole finding as a JSON object on a line of its own.
    type: str
    choices: [text, jsonl]
    default: text
  duration:
    description: End after this many seconds. By default, the run continues until it is stopped.
    type: float
attributes:
  check_mode:
    description: Prints what is new and ends. The next run prints it again.
    support: full
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: N/A
notes:
  - Each host is followed by its own process, so there must be at least as many forks as hosts.
  - Over ssh, a host that does not answer for 45 seconds counts as unreachable, unless the ssh options already set C(ServerAlive).
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

- name: Print the findings of the next hour
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
  description: How often logs were deleted before they were read.
  returned: success
  type: int
  sample: 0
reconnects:
  description: How often the host could be read again after it could not.
  returned: success
  type: int
  sample: 1
"""
