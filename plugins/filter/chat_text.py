# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, findings_view


def chat_text(finding, secrets=False):
    """A finding as a line for a chat. Its words come from anyone, so it is never templated."""
    taken = answers.finding(finding)
    if taken is None:
        raise AnsibleFilterError('claude_hooks.docker_audit.chat_text: it takes one finding')
    return wrap_var(findings_view.chat_line(taken if secrets else hiding.entry(taken)))


class FilterModule(object):
    """The filter that tells a chat of a finding."""

    def filters(self):
        return {'chat_text': chat_text}
