# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible import constants as C
from ansible.utils.color import stringc
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    formats,
    report_action,
    report_page,
    verdict_view,
    whole_file,
)

# By what a reader looks for: somebody took it away, something broke, it is open
_COLORS = {
    **dict.fromkeys(('cli', 'api', 'killed_outside_engine', 'containerd'), C.COLOR_CHANGED),
    **dict.fromkeys(('oom', 'engine_shutdown'), C.COLOR_ERROR),
    'not_known': C.COLOR_WARN,
}


def _painted(verdict, line):
    return stringc(line, _COLORS.get(verdict['cause'], C.COLOR_OK))


class ActionModule(report_action.ReportAction):
    """The verdicts of all hosts."""

    module = 'docker_verdicts_info'
    options = {
        **report_action.SECRETS,
        'report': {'type': 'path'},
        'since': {'type': 'str'},
        'before': {'type': 'str'},
        'container': {'type': 'str'},
        'evidence': {'type': 'bool', 'default': False},
    }

    def check(self, given):
        report_page.check(given['report'], given['dest'])
        if given['dest'] is not None:
            whole_file.check('dest', given['dest'], ('.jsonl', '.json'))

    def report(self, hosts, given):
        since, until = given['since'], given['before']
        return report_action.Report(
            verdict_view.view(
                hosts,
                since,
                until,
                evidence=given['evidence'],
                paint=_painted,
                container=given['container'],
                width=self.width(),
            ),
            {
                'dest': lambda: formats.jsonl(verdict_view.of_all(hosts)),
                'report': lambda: report_page.of_verdicts(hosts, since, until, container=given['container']),
            },
            {},
        )
