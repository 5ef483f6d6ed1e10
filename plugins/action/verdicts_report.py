# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    formats,
    report_action,
    report_page,
    verdict_view,
    whole_file,
)


class ActionModule(report_action.ReportAction):
    """The verdicts of all hosts."""

    module = 'docker_verdicts_info'
    options = {**report_action.SECRETS, 'report': {'type': 'path'}, 'since': {'type': 'str'}, 'before': {'type': 'str'}}

    def check(self, given):
        if given['dest'] is not None:
            whole_file.check('dest', given['dest'], ('.jsonl', '.json'))
        report_page.check(given['report'])

    def report(self, hosts, given):
        since, until = given['since'], given['before']
        return report_action.Report(
            verdict_view.view(hosts, since, until),
            {
                'dest': lambda: formats.jsonl(verdict_view.of_all(hosts)),
                'report': lambda: report_page.of_verdicts(hosts, since, until),
            },
            {},
        )
