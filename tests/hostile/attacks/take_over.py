# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to attach to every process that appears until its stdin ends; prints those that it got, then how many it tried.

Who attaches to a process of the canary's acts under the login uid of whoever started the canary.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys

ATTACH, DETACH = 16, 17
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

os.setpriority(os.PRIO_PROCESS, 0, 0)
tried = 0
newest = os.getpid()
print('ready', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    # Pids are given in order: what comes next is known before it is there
    for pid in range(newest + 1, newest + 8):
        if ptrace(ATTACH, pid, None, None) == 0:
            print('attached', pid, flush=True)
            os.waitpid(pid, 0x40000000)
            ptrace(DETACH, pid, None, None)
        if os.path.exists('/proc/%d' % pid):
            tried += 1
            newest = max(newest, pid - 4)
print('tried', tried, flush=True)
