# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ausearch
short_description: Return findings about stopped and removed containers from audit logs and saved C(ausearch) output
version_added: 1.0.0
description:
  - Reads audit logs, or what C(ausearch) printed into files, on the controller. It does not run C(ausearch).
  - The files may be of any size, and compressed with gzip, xz or bzip2. They are read one after the other as one log,
    so an event that continues in the next file is complete.
  - It reads the same formats as P(claude_hooks.docker_audit.docker_findings#filter). A file without any audit
    record is an error if no other file could be read, else a warning. The message says what was found instead.
options:
  _terms:
    description:
      - Files, or patterns of files. A relative one is taken from the folder of the playbook. V(-) is the file of that
        name.
      - Of the files that a pattern matches, rotated logs come first, the oldest (C(audit.log.4),
        C(audit.log-20261119.gz)) before C(audit.log).
    type: list
    elements: str
    required: true
  since:
    description: Report nothing before this time (ISO 8601). Without an offset it is the controller's local time.
    type: str
  before:
    description: Report nothing after this time (ISO 8601). Without an offset it is the controller's local time.
    type: str
extends_documentation_fragment:
  - claude_hooks.docker_audit.findings
  - claude_hooks.docker_audit.findings.possible
  - claude_hooks.docker_audit.findings.containers
  - claude_hooks.docker_audit.findings.captures
seealso:
  - plugin: claude_hooks.docker_audit.docker_findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show who stopped a container, from the logs of this machine
  ansible.builtin.debug:
    msg: "{{ item.timestamp }} {{ item.login_user | default(item.auid) }}: {{ item.argv | join(' ') }}"
  loop: "{{ query('claude_hooks.docker_audit.ausearch', '/var/log/audit/audit.log*') }}"
  loop_control:
    label: "{{ item.event }}"

- name: Count the removals of one day in a saved capture
  ansible.builtin.debug:
    msg: "{{ found | selectattr('action', 'equalto', 'remove') | length }}"
  vars:
    found: "{{ query('claude_hooks.docker_audit.ausearch', 'captures/app1.raw', host='app1', since='2026-11-24',
      before='2026-11-24T23:59:59.999') }}"
"""

RETURN = r"""
_raw:
  description: The findings, ordered by time, as P(claude_hooks.docker_audit.docker_findings#filter) returns them.
  type: list
  elements: dict
"""

import glob
import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs, reading, rotations
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.forms import AuditLogError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import PatternError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.times import TimeError, moment
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import captures, options


class LookupModule(LookupBase):
    """Findings from files on the controller."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        try:
            chosen = options.checked(
                *(self.get_option(name) for name in ('container', 'key', 'possible', 'containers', 'host'))
            )
            for bound in ('since', 'before'):
                text = self.get_option(bound)
                chosen[bound] = None if text is None else moment(text)
            zone = options.zone(self.get_option('timezone'))
            paths = [path for term in terms for path in self._files(term, variables)]
            read = reading.Reading(chosen['key'], files=paths, timezone=zone)
            return captures.findings_of('ausearch', read, chosen)
        except (
            AuditLogError,
            findings.FindingsError,
            PatternError,
            TimeError,
            logs.LogReaderError,
            options.OptionError,
        ) as error:
            raise AnsibleLookupError('claude_hooks.docker_audit.ausearch: %s' % error) from error

    def _files(self, term, variables):
        if not isinstance(term, str) or not term:
            raise options.OptionError('give the path of a file or a pattern, not %r' % (term,))
        path = os.path.join(self.get_basedir(variables or {}), os.path.expanduser(term))
        if os.path.lexists(path):
            return [path]
        paths = glob.glob(path)
        if not paths:
            raise options.OptionError('there is no file %s' % path)
        return rotations.in_order(paths)
