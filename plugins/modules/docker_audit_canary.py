#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_audit_canary
short_description: Execute docker as each watched user, and prove that the audit log shows it
version_added: 1.0.0
description:
  - Executes C(docker --version) for each file and user that a rule in the kernel names, and waits until that very process stands in the
    audit log under the key of the rule, by its pid, user, program and time.
  - That proves the whole way, from the rule over the kernel, auditd and its disk to what is read when findings are wanted.
  - No instruction of docker runs. The process is stopped at the end of its C(execve) and killed there. It is traced by this module from
    before it becomes the user, so that nobody else can attach to it. Where the host lets nobody trace, it is refused.
  - A docker that others than root could have put there is not executed. So are the folders on the way to it judged, links, and the
    interpreter of a script.
  - No argument marks such an execution. Nobody can hide a command by making it look like this one.
options:
  keys:
    description: The keys of our rules in the kernel.
    type: list
    elements: str
    default: [claude-hooks-docker]
  seconds:
    description: How long to wait for the records, and for each docker to start.
    type: int
    default: 5
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
attributes:
  check_mode:
    description: Can run in check mode.
    support: partial
    details:
      - It executes nothing then, and is skipped.
requirements:
  - Python 3.8 or later on the host
  - The rights of root, to become each user
notes:
  - A rule for every user is tried as root and as the user id 65534, which need not have an account.
seealso:
  - module: claude_hooks.docker_audit.docker_coverage_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Prove that executions of docker come into the audit log
  claude_hooks.docker_audit.docker_audit_canary:
  become: true
  register: canary

- name: Stop where one does not
  ansible.builtin.assert:
    that: canary.proven
    fail_msg: "{{ canary.problems | map(attribute='evidence') | join('; ') }}"
"""

RETURN = r"""
proven:
  description: Whether there was something to execute, and all of it came into the log.
  returned: success
  type: bool
  sample: true
runs:
  description: What was executed, or was not.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file that a rule names.
      type: str
      sample: /usr/bin/docker
    uid:
      description: The user id it was executed as.
      type: int
      sample: 1000
    pid:
      description: The process, null where it was not executed.
      type: int
      sample: 4711
    event:
      description: The event of it in the log (C(SECONDS.MILLISECONDS:SERIAL)), or null.
      type: str
      sample: "1795492663.051:91"
    reason:
      description: Why it was not executed, or null.
      type: str
      sample:
problems:
  description: What is not proven, in the form of RV(claude_hooks.docker_audit.docker_coverage_info#module:problems).
  returned: success
  type: list
  elements: dict
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old


def main():
    module = AnsibleModule(
        argument_spec=dict(
            keys=dict(type='list', elements='str', default=['claude-hooks-docker'], no_log=False),
            seconds=dict(type='int', default=5),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_audit_canary')
    if old:
        module.fail_json(msg=old)
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import canary, codes

    if module.check_mode:
        module.exit_json(changed=False, skipped=True, msg='docker is not executed in check mode', proven=False, runs=[], problems=[])
    if os.geteuid() != 0:
        module.fail_json(msg='docker cannot be executed as each watched user by uid %d: set become' % os.geteuid())
    rc, listing, err = module.run_command([module.get_bin_path('auditctl', required=True), '-l'], environ_update=dict(LC_ALL='C'))
    if rc != 0:
        module.fail_json(msg='auditctl -l failed with exit code %d: %s' % (rc, (err or listing).strip()))
    rules = audit_rules.parse_listing(listing)[0]
    keys, seconds = module.params['keys'], module.params['seconds']
    runs, problems = [], []
    try:
        # The rules for services name other programs than docker.
        for key in [key for key in keys if not audit_rules.is_suffixed(key, keys)]:
            flown = canary.fly(rules, key, seconds)
            runs += flown
            problems += canary.problems(flown, key, seconds)
    except (log_reader.LogReaderError, forms.AuditLogError) as error:
        module.fail_json(msg=str(error))
    if not runs:
        problems = [codes.problem('canary_refused', 'no rule with the key %s logs an execution' % ' or '.join(keys))]
    module.exit_json(changed=False, proven=not problems, runs=runs, problems=problems)


if __name__ == '__main__':
    main()
