# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: quiet
type: stdout
short_description: Print only the views of playbooks, and problems
version_added: 1.0.0
description:
  - Prints only the views of this collection's playbooks (to stdout) and problems (to stderr). The C(make) targets of
    a checkout use it.
  - Messages of M(ansible.builtin.debug) are printed at the end, below the name of their host and whether it changed.
  - A failure is one line with the host, the task and the reason. If another host failed for the same reason,
    it refers to that host.
  - With C(-v) it prints what P(ansible.builtin.default#callback) prints.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
author: The claude_hooks.docker_audit team (@claude-hooks)
"""

import json
import os
import signal

from ansible import constants, context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, escape, parts

_DEBUG = ('debug', 'ansible.builtin.debug')
# A failure whose reason a view already names
_SHOWN = 'is_shown_above'


class CallbackModule(Default):
    """Prints what the tasks print, and problems."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'claude_hooks.docker_audit.quiet'

    def __init__(self):
        super().__init__()
        self._notes = {}
        self._reasons = {}

    def _is_quiet(self):
        return not self._display.verbosity

    def v2_playbook_on_start(self, playbook):
        # Ansible waits for ever where the reader of its output has gone: the thread that prints ends with it
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        # Workers write to programs that may have ended, and expect an error
        os.register_at_fork(after_in_child=_ignore_closed_pipes)
        if not self._is_quiet():
            super().v2_playbook_on_start(playbook)

    def v2_runner_on_ok(self, result):
        if not self._is_quiet():
            super().v2_runner_on_ok(result)
            return
        task, fields = _part(result, 'task'), _part(result, 'result')
        self._handle_warnings(fields)
        if task.action in _DEBUG:
            self._notes.setdefault(_host(result), []).extend(_lines(fields))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        if not self._is_quiet():
            super().v2_runner_on_failed(result, ignore_errors=ignore_errors)
        elif not ignore_errors and not _part(result, 'task').vars.get(_SHOWN):
            self._handle_warnings(_part(result, 'result'))
            self._problem(result)

    def v2_runner_on_unreachable(self, result):
        if not self._is_quiet():
            super().v2_runner_on_unreachable(result)
        elif not _part(result, 'task').ignore_unreachable:
            self._problem(result)

    def v2_runner_item_on_failed(self, result):
        if not self._is_quiet():
            super().v2_runner_item_on_failed(result)

    def v2_playbook_on_stats(self, stats):
        if not self._is_quiet():
            super().v2_playbook_on_stats(stats)
            return
        for host, lines in self._notes.items():
            summary = stats.summarize(host)
            is_changed = bool(summary['changed'])
            word = 'failed' if summary['failures'] else 'changed' if is_changed else 'unchanged'
            if is_changed and context.CLIARGS.get('check'):
                word = 'would change'
            colour = constants.COLOR_CHANGED if is_changed else constants.COLOR_OK
            self._display.display(
                '%s: %s' % (escape.printable(host), word), color=constants.COLOR_ERROR if word == 'failed' else colour
            )
            for line in lines:
                self._display.display('    ' + escape.printable(line))

    def _problem(self, result):
        fields = _part(result, 'result')
        message = fields.get('msg')
        if isinstance(fields.get('results'), list):
            failed = [item.get('msg') for item in fields['results'] if isinstance(item, dict) and item.get('failed')]
            message = failed[0] if failed else message
        reason = '%s: %s' % (
            escape.printable(_part(result, 'task').get_name().rpartition(' : ')[2]),
            answers.reason(message),
        )
        host = escape.printable(_host(result))
        # A sentence on fifty hosts, or on fifty names of one, stands once
        first = self._reasons.setdefault(reason, host)
        line = '%s: %s' % (host, reason if first == host else 'the same as ' + first)
        self._display.display(
            '\n'.join(parts.fitted([line], _columns())),
            color=constants.COLOR_ERROR,
            stderr=True,
        )


def _ignore_closed_pipes():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _part(result, name):
    """The host, task or fields of a result, public from ansible-core 2.19 on."""
    return getattr(result, name) if hasattr(result, name) else getattr(result, '_' + name)


def _host(result):
    return _part(result, 'host').get_name()


def _lines(fields):
    """What a debug task shows: its msg, or its var with the value."""
    if 'msg' in fields:
        message = fields['msg']
        return map(str, message) if isinstance(message, list) else str(message).split('\n')
    shown = [name for name in fields if not name.startswith('_ansible_') and name not in ('changed', 'failed')]
    return ['%s: %s' % (name, json.dumps(fields[name], default=str)) for name in shown]


def _columns():
    """The columns of the terminal that shows problems, or None where a line is data."""
    try:
        return os.get_terminal_size(2).columns or None
    except OSError:
        return None


def _silent(name):
    """A method that says nothing unless Ansible is to be verbose."""

    def method(self, *args, **kwargs):
        if not self._is_quiet():
            getattr(super(CallbackModule, self), name)(*args, **kwargs)

    method.__name__ = name
    return method


for _name in (
    # A play of its own adds this host where there is no inventory; that no host at all matches is an error of Ansible
    'v2_playbook_on_no_hosts_matched',
    'v2_runner_on_skipped',
    'v2_playbook_on_no_hosts_remaining',
    'v2_playbook_on_task_start',
    'v2_playbook_on_cleanup_task_start',
    'v2_playbook_on_handler_task_start',
    'v2_runner_on_start',
    'v2_playbook_on_play_start',
    'v2_runner_item_on_ok',
    'v2_runner_item_on_skipped',
    'v2_playbook_on_include',
    'v2_runner_retry',
    'v2_runner_on_async_poll',
    'v2_runner_on_async_ok',
    'v2_runner_on_async_failed',
    'v2_playbook_on_notify',
):
    setattr(CallbackModule, _name, _silent(_name))
