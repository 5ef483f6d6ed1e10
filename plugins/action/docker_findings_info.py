# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, asking_action


class ActionModule(asking_action.CheckedModule):
    """The module of this name, with its answer checked."""

    module = 'docker_findings_info'

    @property
    def kind(self):
        if self._task.args.get('cursor'):
            return answers.FOLLOWED
        return answers.STORED if self._task.args.get('logs') else self.module
