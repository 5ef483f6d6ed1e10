# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import role_options, variables

_SPECIFICATION = pathlib.Path(__file__).parents[2] / 'roles' / 'docker_audit' / 'meta' / 'argument_specs.yml'

_WATCHED = '__docker_audit_watch_kinds'


class ActionModule(ActionBase):
    """Stops where a variable was given that would do nothing, or that holds what it cannot. It touches no host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(
            argument_spec={'playbook': {'type': 'str', 'choices': list(variables.PLAYBOOKS)}}
        )
        specification = yaml.safe_load(_SPECIFICATION.read_text())
        names = variables.option_names(specification)
        if given['playbook'] is None:
            return self._of_role(task_vars or {}, names, specification['argument_specs']['main']['options'])
        complaints = variables.extra(load_extra_vars(self._loader), given['playbook'], names)
        if given['playbook'] == 'audit' and not complaints:
            # These hold neither what a play nor what a role sets
            of_hosts = task_vars['hostvars']
            complaints = variables.of_inventory(
                host for host in task_vars['ansible_play_hosts_all'] if variables.PREFIX + 'state' in of_hosts[host]
            )
        if complaints:
            raise AnsibleActionFail('; '.join(complaints))
        return {'changed': False}

    def _of_role(self, values, names, specification):
        complaints = variables.of_role(values, names)
        told = {name: self._templar.template(values[name]) for name in (*names, _WATCHED) if name in values}
        checked = role_options.check(told, specification, told.get(_WATCHED, ()))
        if complaints or checked.complaints:
            raise AnsibleActionFail('; '.join(complaints + checked.complaints))
        return {'changed': False, 'options': checked.options}
