# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import variables


class ActionModule(ActionBase):
    """Stops a playbook that was given an extra variable which would do nothing. It touches no host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        complaints = variables.complaints(load_extra_vars(self._loader))
        if complaints:
            raise AnsibleActionFail('; '.join(complaints))
        return {'changed': False}
