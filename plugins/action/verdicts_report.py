# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    plain,
    render,
    report_page,
    verdict_view,
    whole_file,
)


class ActionModule(ActionBase):
    """Shows the verdicts of all hosts in one view and writes them to a file. Without results it only checks its options."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                'dest': {'type': 'path'},
                'report': {'type': 'path'},
                'since': {'type': 'str'},
                'until': {'type': 'str'},
                'results': {'type': 'dict'},
            }
        )
        dest = options['dest']
        whole_file.check('dest', dest, ('.jsonl', '.json'))
        report_page.check(options['report'])
        if options['results'] is None:
            return {'changed': False}
        hosts = plain.plain(options['results'])
        # Command lines can hold secrets: they are for the screen, not for the log that log_path may name.
        Display().display(
            '\n'.join([''] + verdict_view.view(hosts, options['since'], options['until'])), screen_only=True
        )
        return {
            'changed': whole_file.write_all(
                {
                    dest: lambda: render.jsonl(
                        verdict_view.by_time(
                            [verdict for result in hosts.values() for verdict in result.get('verdicts') or []]
                        )
                    ),
                    options['report']: lambda: report_page.of_verdicts(hosts, options['since'], options['until']),
                },
                self._task.check_mode,
            )
        }
