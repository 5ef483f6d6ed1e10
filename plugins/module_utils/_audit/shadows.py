# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calculates which executions an earlier rule takes from ours: the kernel logs an event once, under the first rule that
matches.

Sources: kernel/auditsc.c audit_filter_rules() and audit_filter_syscall(). Pure: parsed rules in, plain values out.
"""

from __future__ import annotations

import re
from typing import Literal

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.rules import Rule, has_execution

Share = Literal['all', 'some', 'none']


def takes(rule: Rule, path: str, uid: int | None) -> Share:
    """Whether a rule of the exit or task list matches when ``uid`` (None: any user) executes ``path``: ``all``,
    ``some`` or ``none``.

    ``some`` is also the answer where it rests on what is not known beforehand, such as the login user.
    Which rule gets an event: the first that matches, kernel/auditsc.c audit_filter_rules() with its prio.
    """
    if rule['list'] == 'task':
        # There is no system call yet, and no file: the filter runs when a process is made.
        if rule['action'] != 'never':
            return 'none'
    elif rule['list'] != 'exit' or not has_execution(rule) or rule['arch'] == '=b32':
        return 'none'
    found: Share = 'all'
    for name, operator, value in rule['fields']:
        one = _field_takes(name, operator, value, path, uid)
        if one == 'none':
            return 'none'
        if one == 'some':
            found = 'some'
    return found


def _field_takes(name: str, operator: str, value: str, path: str, uid: int | None) -> Share:
    if name == 'path':
        is_within = path == value or path.startswith(value.rstrip('/') + '/')
        return 'all' if is_within == (operator == '=') else 'none'
    if name == 'exe':
        return 'all' if (path == value) == (operator == '=') else 'none'
    if name == 'perm':
        return 'all' if 'x' in value else 'none'
    if name == 'success':
        return 'all' if (value in ('1', 'yes')) == (operator == '=') else 'none'
    if name == 'compare' and set(re.split('[!=]+', value)) == set(('uid', 'euid')):
        # They differ in programs with the setuid bit alone, which docker has not.
        return 'none' if '!=' in value else 'all'
    if name in ('uid', 'euid', 'suid', 'fsuid'):
        return _number_takes(operator, value, uid)
    return 'some'


def _number_takes(operator: str, value: str, number: int | None) -> Share:
    if number is None or not value.isdecimal() or operator not in ('=', '!=', '<', '>', '<=', '>='):
        return 'some'
    wanted = int(value)
    holds = {
        '=': number == wanted,
        '!=': number != wanted,
        '<': number < wanted,
        '>': number > wanted,
        '<=': number <= wanted,
        '>=': number >= wanted,
    }
    return 'all' if holds[operator] else 'none'
