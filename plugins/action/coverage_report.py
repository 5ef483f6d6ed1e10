# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    coverage_view,
    report_action,
    whole_file,
)


class ActionModule(report_action.ReportAction):
    """What each host sees and what stands in its way."""

    module = 'docker_coverage_info'
    options = {'canaries': {'type': 'dict', 'default': {}}}

    def check(self, given):
        if given['dest'] is not None:
            whole_file.check('dest', given['dest'], ('.json',))

    def report(self, hosts, given):
        ran = {host: result for host, result in given['canaries'].items() if result}
        summary = coverage_view.summary(hosts, answers.of_hosts('docker_audit_canary', ran))
        return report_action.Report(
            coverage_view.view(summary, report_action.painted, self.width()),
            {'dest': lambda: json.dumps(summary, indent=2) + '\n'},
            {'coverage': {name: host['coverage'] for name, host in summary['hosts'].items()}},
        )
