# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    findings_view,
    formats,
    report_action,
    report_page,
    whole_file,
)

try:
    import jmespath
except ImportError:
    jmespath = None


class ActionModule(report_action.ReportAction):
    """The findings of all hosts."""

    module = 'docker_findings_info'
    options = {
        **report_action.SECRETS,
        'format': {'type': 'str', 'choices': ['ecs']},
        'report': {'type': 'path'},
        'select': {'type': 'str'},
        'since': {'type': 'str'},
        'container': {'type': 'str'},
        'before': {'type': 'str'},
        'logs': {'type': 'bool', 'default': False},
    }

    def kind(self, given):
        return answers.STORED if given['logs'] else self.module

    def check(self, given):
        dest = given['dest']
        report_page.check(given['report'], dest)
        if dest is not None:
            formats.writer(dest, given['format'])
            whole_file.check('dest', dest, tuple(formats.WRITERS))
        elif given['format'] is not None:
            raise AnsibleActionFail('format=%s is the form of a file: name one with dest=FILE.jsonl' % given['format'])
        _compiled(given['select'])

    def report(self, hosts, given):
        findings = [finding for result in hosts.values() for finding in result.get('findings') or []]
        items = _compiled(given['select'])(findings_view.by_time(findings))
        since, until = given['since'], given['before']
        return report_action.Report(
            findings_view.view(
                items,
                hosts,
                since,
                until,
                container=given['container'],
                paint=report_action.painted,
                width=self.width(),
                select=given['select'],
            ),
            {
                'dest': lambda: formats.writer(given['dest'], given['format'])(items),
                'report': lambda: report_page.of_findings(
                    items, hosts, since, until, chosen=given['select'] is not None, container=given['container']
                ),
            },
            {},
        )


def _compiled(select):
    """A function that applies the JMESPath expression to a list of findings."""
    if select is None:
        return lambda findings: findings
    if jmespath is None:
        raise AnsibleActionFail(
            'select needs the Python package jmespath on the controller: install it for the Python of ansible-core'
        )
    try:
        expression = jmespath.compile(select)
    except jmespath.exceptions.JMESPathError as error:
        raise AnsibleActionFail('select=%s is no JMESPath expression: %s' % (select, error)) from error

    def apply(findings):
        try:
            return expression.search(findings)
        except jmespath.exceptions.JMESPathError as error:
            raise AnsibleActionFail('select=%s cannot be applied to the findings: %s' % (select, error)) from error

    return apply
