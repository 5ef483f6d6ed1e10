# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: live_output
short_description: Turn off output buffering for the rest of a run
version_added: 1.0.0
description:
  - For tasks that print while they run, like M(claude_hooks.docker_audit.findings_follow).
  - Ansible buffers output to a pipe in blocks of some kilobytes. After this lookup, each line is written at once.
  - While it waits for tasks, Ansible polls for results a thousand times a second (C(internal_poll_interval)).
    After this lookup, it polls four times a second.
  - After this lookup, Ctrl-C ends the run without an error, since it is the usual way to end it.
  - These are settings of the main process. Use it in a C(when) of M(ansible.builtin.meta), which that process
    evaluates. In other tasks it has no effect.
options: {}
author: The claude_hooks.docker_audit team (@claude-hooks)
"""

EXAMPLES = r"""
- name: Show each line at once
  ansible.builtin.meta: end_play
  when: not lookup('claude_hooks.docker_audit.live_output')
"""

RETURN = r"""
_raw:
  description: V(true), alone in a list.
  type: list
  elements: bool
"""

import signal
import sys

from ansible import constants
from ansible.plugins.lookup import LookupBase

# Seconds. A result, not a line of output, can be seen so much later.
_POLL = 0.25


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        if hasattr(sys.stdout, 'reconfigure'):
            sys.stdout.reconfigure(line_buffering=True)
        _end_at_ctrl_c()
        constants.DEFAULT_INTERNAL_POLL_INTERVAL = max(_POLL, constants.DEFAULT_INTERNAL_POLL_INTERVAL)
        return [True]


def _end_at_ctrl_c():
    """Make of what Ansible does at Ctrl-C a usual end: else it prints an error, and make another."""
    before = signal.getsignal(signal.SIGINT)

    def end(number, frame):
        try:
            # Its own handler, from ansible-core 2.19 on, passes the signal on to the workers
            (before if callable(before) else signal.default_int_handler)(number, frame)
        except KeyboardInterrupt:
            raise SystemExit(0) from None

    signal.signal(signal.SIGINT, end)
