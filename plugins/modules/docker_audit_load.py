#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_audit_load
short_description: Load our audit rule file into the kernel without losing other rules
version_added: 1.0.0
description:
  - Loads the rule files with C(augenrules --load), and compares the kernel with our file. If the kernel does not hold its rules, it fails
    and names the file and the line that stopped the load.
  - Restores, one by one, other rules that the load dropped, for example those after a line with an error. If a run is killed, the next one restores them.
  - Refuses a load that would drop rules that are in no file, overwrite lines of C(/etc/audit/audit.rules), or apply a dangerous setting (see
    RV(claude_hooks.docker_audit.docker_audit_info#module:load.pending)).
  - Does nothing if the kernel's rules are locked until the next boot.
options:
  accept:
    description: Whether to load even if that would lose or lock rules of others.
    type: bool
    default: false
extends_documentation_fragment:
  - claude_hooks.docker_audit.rules
  - claude_hooks.docker_audit.attributes
attributes:
  check_mode:
    description: Predicts a change and loads nothing.
    support: full
requirements:
  - Python 3.8 or later on the host
  - Root access
seealso:
  - module: claude_hooks.docker_audit.docker_audit_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Load the rules into the kernel
  claude_hooks.docker_audit.docker_audit_load:
  become: true
"""

RETURN = r"""
added:
  description: Our rules that the kernel holds now and did not hold before.
  returned: success
  type: list
  elements: str
  sample: ["-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker"]
removed:
  description: Our rules that the kernel held before and no longer holds.
  returned: success
  type: list
  elements: str
  sample: []
restored:
  description: Rules of others that the load dropped and that were restored.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old


def main():
    module = AnsibleModule(
        argument_spec=dict(
            keys=dict(type='list', elements='str', default=['claude-hooks-docker'], no_log=False),
            rule_file=dict(type='str', default='claude-hooks-docker.rules'),
            accept=dict(type='bool', default=False),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_audit_load')
    if old:
        module.fail_json(msg=old)
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import installed, loading

    if module.check_mode:
        module.exit_json(changed=True, added=[], removed=[], restored=[])

    def run(words):
        return module.run_command(words, environ_update={'LC_ALL': 'C'})

    params = module.params
    tools = dict((name, module.get_bin_path(name)) for name in installed.TOOLS + ('unshare',))
    loader = loading.Loader(run, tools, params['rule_file'], params['keys'], params['accept'])
    try:
        loaded = loader.apply()
    except (loading.LoadError, installed.HostError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg='%s: %s' % (error.filename, error.strerror))
    module.exit_json(changed=True, **loaded._asdict())


if __name__ == '__main__':
    main()
