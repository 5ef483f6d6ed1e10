# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a host and back of the modules that read it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers

# What the result of a module can hold for Ansible to print or to set
_ANSIBLES_OWN = frozenset(
    ('warnings', 'deprecations', 'exception', 'ansible_facts', 'invocation', 'diff', 'module_stdout', 'module_stderr')
)
# What it takes out by itself, and quotes in a warning (ansible/vars/clean.py, remove_internal_keys)
_QUOTED = (*constants.INTERNAL_RESULT_KEYS, '_ansible_')


class AskingAction(ActionBase):  # type: ignore[misc]  # Ansible's has no types
    """Runs modules on a host, and checks their answers before Ansible prints or keeps any of them.

    Ansible itself prints warnings, deprecations, exceptions and reasons of failures as raw as a host sent them.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def ask(
        self, module: str, arguments: dict[str, Any] | None, task_vars: dict[str, Any], kind: str | None = None
    ) -> dict[str, Any]:
        """The checked answer of a module, also where the host cannot be reached. kind is that of its answer."""
        context = getattr(self._connection, '_play_context', self._play_context)
        no_log = context.no_log if context else False
        # ssh prints what it gets from -vvv on. Below that, no_log would only hide why a host cannot be reached.
        if context:
            context.no_log = no_log and self._display.verbosity > 2
        try:
            result: dict[str, Any] = self._execute_module(
                module_name='claude_hooks.docker_audit.' + module, module_args=arguments, task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            result = {'unreachable': True, 'msg': self._reason(error)}
        except AnsibleError as error:
            result = {'failed': True, 'msg': str(error)}
        finally:
            if context:
                context.no_log = no_log
        if isinstance(result.get('warnings'), list):  # Ansible adds its own, of the Python that it found
            result = dict(result, warnings=[_message(warning) for warning in result['warnings']])
        return answers.checked(kind or module, str(task_vars['inventory_hostname']), result)

    def _reason(self, error: AnsibleConnectionFailure) -> str:
        """Why a host cannot be reached, asked for again with a command that prints nothing where no_log hid it."""
        if 'censored' in str(error):
            self._connection._play_context.no_log = False
            try:
                self._low_level_execute_command('exit 0', sudoable=False)
            except AnsibleConnectionFailure as again:
                return str(again)
        return str(error)

    def _parse_returned_data(self, res: dict[str, Any], *profile: Any) -> Any:
        """What the module printed, without all that Ansible would print or obey itself."""
        lines = (res.get('stdout') or '').split('\n')
        # Ansible quotes what comes after the result in a warning
        while len(lines) > 1 and not lines[-1].rstrip().endswith('}'):
            lines.pop()
        data = super()._parse_returned_data(dict(res, stdout=_without_ansibles_own(lines)), *profile)
        # Why a module did not start, or that it crashed, stands on the last line
        last = str(res.get('stderr') or '').strip().rpartition('\n')[2]
        if not isinstance(data, dict):
            return _stripped(data, last)
        if not data.get('_ansible_parsed', True):
            data['msg'] = '%s: %s' % (data.get('msg'), last) if last else data.get('msg')
        warnings = [_message(warning) for warning in data.get('warnings') or () if isinstance(data['warnings'], list)]
        kept = _kept(data)
        return dict(kept, warnings=warnings) if warnings else kept


class CheckedModule(AskingAction):
    """Takes the place of the module of the same name: runs it with the arguments of the task."""

    module: ClassVar[str]

    @property
    def kind(self) -> str:
        """The kind of its answer."""
        return self.module

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        return self.ask(self.module, None, task_vars or {}, self.kind)


def _without_ansibles_own(lines: list[str]) -> str:
    """The result that a module printed, its warnings as texts that print. Ansible 2.21 shows them as it reads."""
    first = next((number for number, line in enumerate(lines) if line.startswith('{')), 0)
    try:
        data = json.loads('\n'.join(lines[first:]))
    except (ValueError, RecursionError):
        return '\n'.join(lines)
    if not isinstance(data, dict):
        return '\n'.join(lines)
    kept = {name: value for name, value in _kept(data).items() if not name.startswith(_QUOTED)}
    warnings = data.get('warnings')
    if isinstance(warnings, list):
        kept['warnings'] = [_message(warning) for warning in warnings]
    return json.dumps(kept)


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in _ANSIBLES_OWN}


def _stripped(result: Any, last: str) -> Any:
    """The same of the object that ansible-core has in place of a dict from 2.21 on (ansible/_internal/_task.py)."""
    if not result.ansible_parsed and last:
        result.msg = '%s: %s' % (result.msg, last)
    result.result_data = _kept(result.result_data)
    for name in _ANSIBLES_OWN - {'warnings', 'deprecations', 'invocation'}:
        setattr(result, name, None)
    result.pending_changes = type(result.pending_changes)()
    return result


def _message(warning: Any) -> str:
    """The text of a warning, which from ansible-core 2.19 on comes as an object, from a module as a dict."""
    if isinstance(warning, dict):
        event = warning.get('event')
        return answers.reason(event.get('msg') if isinstance(event, dict) else None)
    text = warning if isinstance(warning, str) else getattr(getattr(warning, 'event', None), 'msg', None)
    return answers.reason(text)
