# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.forms import AuditLogError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import PatternError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import captures, options


def docker_findings(
    text,
    container=names.DEFAULT_CONTAINER,
    key=names.DEFAULT_KEY,
    possible=True,
    containers=None,
    host=None,
    timezone=None,
):
    """Text of ausearch or of an audit log to findings. Command lines come from anyone, so they are never templated."""
    try:
        chosen = options.checked(container, key, possible, {} if containers is None else containers, host)
        read = reading.Reading(key, text=text, timezone=options.zone(timezone))
        return captures.findings_of('docker_findings', read, chosen)
    except (AuditLogError, findings.FindingsError, PatternError, options.OptionError) as error:
        raise AnsibleFilterError('claude_hooks.docker_audit.docker_findings: %s' % error) from error


class FilterModule(object):
    """The filter that reads what ausearch printed."""

    def filters(self):
        return {'docker_findings': docker_findings}
