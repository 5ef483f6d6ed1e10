# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import public
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.parse import DockerCliError, parse


def docker_command(argv):
    """One argument vector to its action and targets. A command line comes from anyone, so it is never templated."""
    try:
        return wrap_var(public(parse(argv)))
    except DockerCliError as error:
        raise AnsibleFilterError('claude_hooks.docker_audit.docker_command: %s' % error) from error


class FilterModule(object):
    """The filter that reads one docker command line."""

    def filters(self):
        return {'docker_command': docker_command}
