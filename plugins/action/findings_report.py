# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import plain, render, report_page, whole_file

try:
    import jmespath
except ImportError:
    jmespath = None

_WRITERS = {
    '.jsonl': render.jsonl,
    '.json': render.jsonl,
    '.csv': render.csv_text,
    '.yml': render.yaml_text,
    '.yaml': render.yaml_text,
}


class ActionModule(ActionBase):
    """Shows the findings of all hosts in one view and writes them to a file. Without results it only checks its options."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                'dest': {'type': 'path'},
                'format': {'type': 'str', 'choices': ['ecs']},
                'report': {'type': 'path'},
                'query': {'type': 'str'},
                'since': {'type': 'str'},
                'until': {'type': 'str'},
                'results': {'type': 'dict'},
            }
        )
        write = _writer(options['dest'], options['format'])
        report_page.check(options['report'])
        query = _compiled(options['query'])
        if options['results'] is None:
            return {'changed': False}
        hosts = plain.plain(options['results'])
        findings = [finding for result in hosts.values() for finding in result.get('findings') or []]
        items = query(render.by_time(findings))
        # Command lines can hold secrets: they are for the screen, not for the log that log_path may name.
        Display().display(
            '\n'.join([''] + render.view(items, hosts, options['since'], options['until'])), screen_only=True
        )
        return {
            'changed': whole_file.write_all(
                {
                    options['dest']: lambda: write(items),
                    options['report']: lambda: report_page.of_findings(
                        items, hosts, options['since'], options['until'], chosen=options['query'] is not None
                    ),
                },
                self._task.check_mode,
            )
        }


def _writer(dest, form):
    """The function that makes the text of the file, or None without a file."""
    if dest is None:
        if form is not None:
            raise AnsibleActionFail('format=%s is the form of a file: name one with dest=FILE.jsonl' % form)
        return None
    ending = os.path.splitext(dest)[1].lower()
    if ending not in _WRITERS:
        raise AnsibleActionFail(
            'dest=%s: write JSON Lines, CSV or YAML by naming a file that ends in one of %s'
            % (dest, ', '.join(_WRITERS))
        )
    if form == 'ecs' and _WRITERS[ending] is not render.jsonl:
        raise AnsibleActionFail(
            'dest=%s: format=ecs is written as JSON Lines, name a file that ends in .jsonl or .json' % dest
        )
    if not whole_file.is_writable(dest):
        raise AnsibleActionFail('dest=%s: name a file in a folder of this machine that you may write to' % dest)
    return render.ecs_jsonl if form == 'ecs' else _WRITERS[ending]


def _compiled(query):
    """A function that applies the JMESPath expression to a list of findings."""
    if query is None:
        return lambda findings: findings
    if jmespath is None:
        raise AnsibleActionFail(
            'query needs the Python package jmespath on the controller: install it for the Python of ansible-core'
        )
    try:
        expression = jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise AnsibleActionFail('query=%s is no JMESPath expression: %s' % (query, error))

    def apply(findings):
        try:
            return expression.search(findings)
        except jmespath.exceptions.JMESPathError as error:
            raise AnsibleActionFail('query=%s cannot be applied to the findings: %s' % (query, error))

    return apply
