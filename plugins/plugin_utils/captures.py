# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of texts and files on the controller: what filter and lookup share. They say what they cannot read."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape

# Before ansible-core 2.19 what must not be templated is marked; since then, only what is trusted is templated.
_MARKS_WHAT_IS_UNSAFE = wrap_var('').__class__ is not str


def findings_of(plugin: str, reading: Reading, chosen: dict[str, Any]) -> Any:
    """The findings, never templated, as command lines come from anyone. AuditLogError where nothing can be read."""
    found = findings.find(reading, **chosen)
    warnings = reading.warnings()
    if found['unreadable']:
        first = found['unreadable'][0]
        warnings.append(
            'the command of %d executions of docker is not in the log, the first: event %s, %s'
            % (found['unreadable_count'], first['event'], first['reason'])
        )
    for warning in warnings:
        Display().warning('claude_hooks.docker_audit.%s: %s' % (plugin, escape.printable(warning)))
    return wrap_var(found['findings']) if _MARKS_WHAT_IS_UNSAFE else found['findings']
