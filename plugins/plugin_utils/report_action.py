# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report actions have in common: check the options, show all hosts in one view, write the files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible.utils.display import Display
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    escape,
    formats,
    parts,
    whole_file,
)

Text = Callable[[], str]

# By what a reader looks for: it was taken away, it can come back by itself, it is well
_COLOURS = {
    **dict.fromkeys(('remove', 'kill', 'blind', 'failed', 'unreachable'), constants.COLOR_ERROR),
    **dict.fromkeys(('complete', 'proven'), constants.COLOR_OK),
}


def painted(text: str, about: str) -> str:
    """A text in the colour of what it is about, where the run has a terminal and NO_COLOR is not set."""
    return str(stringc(text, _COLOURS.get(about, constants.COLOR_CHANGED)))


# What Ansible adds to a result, as objects of its own, and has said already
_OF_ANSIBLE = ('warnings', 'deprecations', 'exception')


class Report(NamedTuple):
    """What is shown, what the file of each option holds, and what the task returns besides."""

    lines: list[str]
    files: dict[str, Text]
    returned: dict[str, Any]


#: The option of those that show command lines
SECRETS = {'secrets': {'type': 'bool', 'default': False, 'no_log': False}}
_OPTIONS = {
    'dest': {'type': 'path'},
    # What Ansible checks and copies: the answers of many hosts are passed by their name
    'registered': {'type': 'str'},
    'results': {'type': 'dict'},
}


def _registered(name: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """What each host of the play has under the name of a variable, as it is.

    An expression would be searched for templates, value by value, which takes longer than the view of it.
    """
    known = task_vars['hostvars']
    found = {host: known.raw_get(host).get(name) for host in task_vars['ansible_play_hosts_all']}
    return {
        host: {part: result[part] for part in result if part not in _OF_ANSIBLE} if isinstance(result, Mapping) else {}
        for host, result in found.items()
    }


class ReportAction(ActionBase):  # type: ignore[misc]  # Ansible's has no types
    """Shows the results of all hosts in one view, writes them to files. Without results it only checks its options."""

    TRANSFERS_FILES = False
    _requires_connection = False

    #: The module whose results are shown
    module: ClassVar[str]
    #: The options of the action beside dest and results
    options: ClassVar[dict[str, dict[str, Any]]] = {}

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        spec = {**_OPTIONS, **self.options}
        _validation, given = self.validate_argument_spec(argument_spec=spec)
        try:
            for option in ('since', 'before'):
                if given.get(option):
                    times.asked(given[option])
            self.check(given)
            results = given['results']
            if given['registered'] is not None:
                results = _registered(given['registered'], task_vars or {})
            if results is None:
                return {'changed': False}
            hosts = answers.of_hosts(self.kind(given), results)
            report = self.report(hosts if given.get('secrets') else hiding.of_hosts(hosts), given)
            self._show(report.lines, whole_file.is_stdout(given['dest']))
            changed = self._write({given[option]: text for option, text in report.files.items() if given[option]})
        except (whole_file.FileError, formats.FormatError, times.TimeError) as error:
            raise AnsibleActionFail(str(error)) from error
        return dict(report.returned, changed=changed)

    def kind(self, given: dict[str, Any]) -> str:
        """The kind of the answers that are shown."""
        return self.module

    def check(self, given: dict[str, Any]) -> None:
        """Refuse what cannot be done, before any host is touched."""
        raise NotImplementedError

    def report(self, hosts: dict[str, Any], given: dict[str, Any]) -> Report:
        """The view and the files of what the hosts returned."""
        raise NotImplementedError

    def width(self) -> int | None:
        """The columns of the terminal that shows the view, or None where it goes elsewhere: there a line is data.

        A worker's own stdout is /dev/null, so the main process is asked.
        """
        output = 2 if whole_file.is_stdout(self._task.args.get('dest')) else 1
        with contextlib.suppress(OSError):
            handle = os.open('/proc/%d/fd/%d' % (os.getppid(), output), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                return max(40, os.get_terminal_size(handle).columns or parts.WIDTH)
            finally:
                os.close(handle)
        return None

    def _show(self, lines: list[str], is_beside: bool) -> None:
        """Show the view, on stderr where stdout is for the file."""
        self._say('\n'.join([''] + lines) + '\n', is_beside)

    def _write(self, files: dict[str, Text]) -> bool:
        """Write the files and name them, in check mode none. Returns whether there is any that stays."""
        is_beside = any(map(whole_file.is_stdout, files))
        for path, text in files.items():
            if whole_file.is_stdout(path):
                self._say(text(), is_error=False, newline=False)
            elif not self._task.check_mode:
                try:
                    whole_file.write(path, text())
                except (OSError, formats.FormatError) as error:
                    raise AnsibleActionFail('%s not written: %s' % (path, error)) from error
                self._say('Written: %s' % escape.printable(path), is_beside)
        return any(not whole_file.is_stdout(path) for path in files)

    @staticmethod
    def _say(text: str, is_error: bool, newline: bool = True) -> None:
        # Command lines can hold secrets: they are for the screen, not for the log that log_path may name.
        # A worker's own stdout is /dev/null: the main process prints.
        Display().display(text, screen_only=True, stderr=is_error, newline=newline)
