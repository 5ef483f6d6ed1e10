# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import coverage_view, plain, whole_file


class ActionModule(ActionBase):
    """Shows what all hosts see in one view and writes it to a file. Without results it only checks its options."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                'dest': {'type': 'path'},
                'results': {'type': 'dict'},
                'canaries': {'type': 'dict', 'default': {}},
            }
        )
        dest = options['dest']
        whole_file.check('dest', dest, ('.json',))
        if options['results'] is None:
            return {'changed': False}
        found = coverage_view.summary(plain.plain(options['results']), plain.plain(options['canaries']))
        Display().display('\n'.join([''] + coverage_view.view(found)))
        written = whole_file.write_all({dest: lambda: json.dumps(found, indent=2) + '\n'}, self._task.check_mode)
        return {'changed': written, 'coverage': {name: host['coverage'] for name, host in found['hosts'].items()}}
