#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_coverage_info
short_description: Return what keeps a host from recording who stopped a container
version_added: 1.0.0
description:
  - Checks for everything that keeps a host from recording who stopped a container, and returns a remedy for each problem.
  - It reads the rules in the kernel and their files, auditd.conf, the ends of the audit logs, C(/proc), C(/etc/docker/daemon.json), accounts,
    and the folders of programs.
  - It changes nothing. If audit is not installed, that is one of the problems, not a failure.
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
  - claude_hooks.docker_audit.rules
attributes:
  check_mode:
    description: Can run in check mode and gives the same result.
    support: full
requirements:
  - Python 3.8 or later on the host
  - Root access, since nobody else can read all of this
seealso:
  - module: claude_hooks.docker_audit.docker_audit_info
  - module: claude_hooks.docker_audit.docker_audit_canary
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check what keeps the host from recording who stopped a container
  claude_hooks.docker_audit.docker_coverage_info:
  become: true
  register: checked

- name: Stop if the host is blind
  ansible.builtin.assert:
    that: checked.coverage != 'blind'
    fail_msg: "{{ checked.problems | map(attribute='evidence') | join('; ') }}"
"""

RETURN = r"""
own_keys:
  description: O(keys), those recorded in managed rule files, and all of these with each suffix.
  returned: success
  type: list
  elements: str
  sample: [claude-hooks-docker, claude-hooks-docker-socket, claude-hooks-docker-signals, claude-hooks-docker-services]
coverage:
  description:
    - The weight of the heaviest of RV(problems), V(blind) or V(partial), and V(complete) if there is neither.
    - Only M(claude_hooks.docker_audit.docker_audit_canary) proves that the records really reach the log.
  returned: success
  type: str
  choices: [blind, partial, complete]
  sample: partial
problems:
  description: What keeps the host from recording who stopped a container, the heaviest first.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: A stable name. C(docs/coverage.md) of the collection lists them.
      type: str
      sample: rule_shadowed
    weight:
      description: V(blind) if no execution of docker can be read back, V(partial) if some cannot, V(note) for what can prevent that later or is not logged.
      type: str
      choices: [blind, partial, note]
      sample: partial
    meaning:
      description: What every problem with this code means.
      type: str
      sample: "A rule before ours takes its events: the kernel logs an event once, under the first rule that matches."
    evidence:
      description: What was found. It can contain names that any user chose.
      type: str
      sample: "-w /usr/bin/docker -p x -k docker (key docker) comes first and takes: all of /usr/bin/docker by uid 0"
    remedy:
      description: What to do.
      type: str
      sample: Set docker_audit_prepend, which puts our rule first, or search the log for the key of that rule.
watched:
  description: The executions that the kernel logs under our key. A null C(uid) means every user.
  returned: success
  type: list
  elements: dict
  sample:
    - {path: /usr/bin/docker, uid: 0}
    - {path: /usr/bin/docker, uid: 1000}
retention:
  description: How far back the audit logs go.
  returned: success
  type: dict
  contains:
    bytes:
      description: Their size.
      type: int
      sample: 20971520
    capacity:
      description: The size that they may reach, null if they are not rotated.
      type: int
      sample: 41943040
    bytes_per_hour:
      description: Bytes written to them per hour, over the period that they cover. Null if that is less than one hour.
      type: int
      sample: 218453
    hours:
      description: How many hours full logs cover at that rate, or null.
      type: float
      sample: 192.0
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old


# Long, as each option and each import that waits for the check of the Python has its line.
def main():
    module = AnsibleModule(
        argument_spec=dict(
            keys=dict(type='list', elements='str', default=['claude-hooks-docker'], no_log=False),
            rule_file=dict(type='str', default='claude-hooks-docker.rules'),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_coverage_info')
    if old:
        module.fail_json(msg=old)
    if os.geteuid() != 0:
        module.fail_json(
            msg='the host could not be checked: that needs root, and this ran as uid %d. Set become, or start it with sudo' % os.geteuid())
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import installed
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import checks, codes, host_facts

    def run(words):
        return module.run_command(words, environ_update={'LC_ALL': 'C'})

    kernel = installed.kernel(run, module.get_bin_path('auditctl'))
    try:
        files = installed.rule_files(run, module.params['rule_file'], module.params['keys'])
    except installed.HostError as error:
        module.fail_json(msg=str(error))
    # Where the role was given another name for the rule file, that one is ours too.
    ours = [path for path in files.texts if path in files.managed or path == files.own_path]
    host = dict(
        reason=kernel.reason, status=kernel.status, kernel=kernel.rules, unknown=kernel.unknown, keys=files.keys,
        rule_file=dict(path=' and '.join(ours) or files.own_path, present=bool(ours), rules=files.rules(*ours)))
    watched = checks.watched(host)
    host.update(host_facts.facts(kernel.status.get('pid', 0), [path for path, _uid in watched], os.environ.get('PATH')))
    problems = checks.problems(host)
    module.exit_json(
        changed=False,
        own_keys=files.keys,
        coverage=codes.outcome(problems),
        problems=problems,
        watched=[dict(path=path, uid=uid) for path, uid in watched],
        retention=checks.retention(host),
    )


if __name__ == '__main__':
    main()
