#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_audit_canary
short_description: Execute docker as each watched user, and check that the audit log shows it
version_added: 1.0.0
description:
  - Executes C(docker --version) for each file and user that a rule in the kernel names, and waits until the
    audit log contains exactly this process under the key of the rule, with the same pid, user, program and time.
  - That tests everything from the rule in the kernel, through auditd and its disk, to the code that reads findings.
  - No instruction of docker runs. The process is stopped at the end of its C(execve) and killed there. This module traces it from
    before it changes to the user, so that nobody else can attach to it. If the host does not allow tracing, nothing is executed.
  - A docker that somebody other than root could have put there is not executed. The same is true of the folders and links on its path,
    and of the interpreter of a script.
  - Such an execution is not marked by an argument, so nobody can hide a command by making it look like one.
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
      - In check mode it executes nothing and is skipped.
requirements:
  - Python 3.8 or later on the host
  - Root access, to become each user
notes:
  - A rule for every user is tested as root and as user id 65534, which needs no account.
seealso:
  - module: claude_hooks.docker_audit.docker_coverage_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check that executions of docker reach the audit log
  claude_hooks.docker_audit.docker_audit_canary:
  become: true
  register: canary

- name: Stop if one does not
  ansible.builtin.assert:
    that: canary.proven
    fail_msg: "{{ canary.problems | map(attribute='evidence') | join('; ') }}"
"""

RETURN = r"""
proven:
  description: Whether there was something to execute, and all of it reached the log.
  returned: success
  type: bool
  sample: true
runs:
  description: What was executed, or why it was not.
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
      description: The process, null if it was not executed.
      type: int
      sample: 4711
    event:
      description: Its event in the log (C(SECONDS.MILLISECONDS:SERIAL)), or null.
      type: str
      sample: "1795492663.051:91"
    reason:
      description: Why it was not executed, or null.
      type: str
      sample:
problems:
  description: What could not be proven, in the format of RV(claude_hooks.docker_audit.docker_coverage_info#module:problems).
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
