#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_verdicts_info
short_description: Return why containers ended or were removed, and who asked for it
version_added: 1.0.0
description:
  - Combines the events of the docker engine with the audit log of the host, and returns a verdict for each time that a matching container ended,
    was removed or was renamed.
  - A verdict is V(certain) only if the records leave no other explanation. V(not_known) is a possible result, and so is a list of candidates.
  - Asks the engine over its socket. It never runs the docker CLI, which the audit rule would log.
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
  - claude_hooks.docker_audit.findings
attributes:
  check_mode:
    description: Changes nothing.
    support: full
options:
  since:
    description:
      - Return no verdict on anything before this time (ISO 8601). Without an offset it is the local time of the host.
      - V(today) and V(yesterday) are midnights in the local time of the host, and V(-2h) is two hours ago (C(s), C(m), C(h), C(d), C(w)).
    type: str
    default: today
  before:
    description: Return no verdict on anything after this time, in the format of O(since).
    type: str
  socket:
    description: The socket of the docker engine.
    type: path
    default: /run/docker.sock
  kept:
    description:
      - The file of events that the service of O(claude_hooks.docker_audit.docker_audit#role:main:docker_audit_witness) writes,
        and the older one beside it. It is read if it exists and only root can write it.
      - If there is one, verdicts are possible even if the engine does not answer, for example because it went down.
    type: path
    default: /var/lib/claude-hooks/events.jsonl
  host:
    description: The host name to put into the verdicts, like C(inventory_hostname).
    type: str
requirements:
  - Python 3.8 or later on the host
  - The rights to read the audit logs and to reach the socket of the engine, usually those of root
notes:
  - The engine remembers its last 256 events of every type, and nothing from before its start. O(kept) holds many more of them, and the times
    when the engine went down. RV(events) shows how far back they go.
  - API clients are seen only if connections to the engine's socket are logged, under the O(key) with the suffix C(-socket).
    A connection shows who talked to the engine, not what was requested.
  - A container that was killed from outside the engine, for example by C(kill -9) on the host, ends with 137. A program can also end with 137 by
    itself. If no record shows which of the two it was, the cause is V(not_known).
seealso:
  - module: claude_hooks.docker_audit.docker_findings_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Find out why containers ended today
  claude_hooks.docker_audit.docker_verdicts_info:
    host: "{{ inventory_hostname }}"
  become: true
  register: verdicts

- name: Show what is known
  ansible.builtin.debug:
    msg: "{{ item.container }} {{ item.what | join(', ') }}: {{ item.cause }} ({{ item.confidence }})"
  loop: "{{ verdicts.verdicts }}"
  loop_control:
    label: "{{ item.id }}"
"""

RETURN = r"""
verdicts:
  description: The verdicts, ordered by time.
  returned: success
  type: list
  elements: dict
  contains:
    host: {type: str, description: O(host)., sample: app1}
    container: {type: str, description: The name of the container at that time., sample: claude-hooks-dev}
    id: {type: str, description: Its id., sample: 3f2a9c1b77d0a5c1e0f4b2d6978812345678901234567890abcdefabcdefabcd}
    what:
      type: list
      elements: str
      description:
        - What happened to it, of V(died), V(stopped), V(restarted), V(removed) and V(renamed).
        - Its end and its removal by the same command are one verdict.
      sample: [died, removed]
    timestamp: {type: str, description: When it happened (RFC 3339 in UTC with milliseconds)., sample: "2026-11-24T03:57:43.120Z"}
    cause:
      type: str
      description:
        - V(cli) is a docker command in the audit log, V(api) a client of the engine's API that no such command explains.
        - V(engine) is the engine itself, as with C(--rm), V(engine_shutdown) its own end.
        - V(self_exit), V(oom), V(killed_outside_engine) and V(containerd) (a client of containerd, like C(ctr)) are ends that nobody requested from the engine.
        - V(not_known) if more than one of these is possible, or none is shown.
      sample: cli
    confidence:
      type: str
      description:
        - V(certain) if one cause is shown, and all others are excluded by sources that were recording at that moment.
        - V(likely) if one is shown, none of the others is, but not all of them can be excluded.
        - V(open) otherwise. RV(verdicts[].who) then lists candidates, and RV(verdicts[].evidence) names the sources that were not recording.
      sample: certain
    who:
      type: list
      elements: dict
      description:
        - The findings, as M(claude_hooks.docker_audit.docker_findings_info) returns them, or the connections to the engine, one for each process.
        - Connections have the same fields, except those about a command.
        - Each has a C(caller) with the login, the processes that still run, and the systemd unit that ran the command.
      sample: []
    more: {type: int, description: "How many more candidates there are than those in RV(verdicts[].who).", sample: 0}
    evidence:
      type: list
      elements: dict
      description:
        - What the verdict is based on. Each entry has a C(code) and the values that belong to it.
        - M(claude_hooks.docker_audit.verdicts_report) and the playbook print a sentence for each code.
      sample:
        - {code: kill_event, time: "2026-11-24T03:57:43.118Z", signal: "9"}
        - {code: die_event, time: "2026-11-24T03:57:43.120Z", exit_code: "137", then: null}
events:
  description: How far back the events of the engine go.
  returned: success
  type: dict
  contains:
    count: {type: int, description: "How many there are, those of O(kept) included.", sample: 256}
    first: {type: str, description: "When the oldest of them was, or null.", sample: "2026-11-24T03:12:00.001Z"}
    full: {type: bool, description: "Whether the engine has dropped older ones. If not, it has all since its start.", sample: true}
    kept: {type: int, description: How many O(kept) holds., sample: 0}
    gaps:
      description:
        - "Periods of which events are missing between RV(events.first) and now: (C(first), C(last)), oldest first."
        - An event of the engine that cannot be read makes the time between its neighbors such a period.
      type: list
      elements: dict
      sample: [{first: "2026-11-24T03:12:00.001Z", last: "2026-11-24T03:40:11.500Z"}]
    unasked:
      description: Of how many containers there was no time to ask the engine how they ended last. An end of these before RV(events.first) is not known.
      type: int
      sample: 0
    engine:
      description: Whether the engine itself answered, and if not, why. Without O(kept) that is an error.
      type: dict
      sample: {reachable: true, reason: null}
others:
  description: How many verdicts on containers whose names do not match are left out.
  returned: success
  type: int
  sample: 7
connects:
  description: How many connections to the engine the audit log contains. Zero means that the rule for them is not in force, or that nobody connected.
  returned: success
  type: int
  sample: 12
span:
  description: The period that the logs cover, counting records of any kind. Both are null if there are no records.
  returned: success
  type: dict
  contains:
    first: {type: str, description: When the oldest record was written., sample: "2026-11-20T00:00:03.120Z"}
    last: {type: str, description: When the newest record was written., sample: "2026-11-24T03:58:01.007Z"}
watched:
  description: What is logged now.
  returned: success
  type: dict
  contains:
    commands: {type: bool, description: Whether docker commands are logged., sample: true}
    uids: {type: list, elements: int, description: "Of which users. Null means all, or that it is not known.", sample: [0, 1000]}
    connects: {type: bool, description: Whether connections to the engine are logged., sample: true}
    unwatched: {type: list, elements: str, description: Members of the group docker whose commands are not logged., sample: [bob]}
"""


from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old


# Long, as each option and each import that waits for the check of the Python has its line.
def main():
    module = AnsibleModule(
        argument_spec=dict(
            container=dict(type='str', default='claude-hooks-*'),
            key=dict(type='str', default='claude-hooks-docker', no_log=False),
            since=dict(type='str', default='today'),
            before=dict(type='str'),
            socket=dict(type='path', default='/run/docker.sock'),
            kept=dict(type='path', default='/var/lib/claude-hooks/events.jsonl'),
            host=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_verdicts_info')
    if old:
        module.fail_json(msg=old)
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms, logs, rules
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text, times
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host

    params = module.params
    for option in ('container', 'key'):
        if not params[option]:
            module.fail_json(msg='%s must not be empty' % option)
    # Without auditctl, or without the right to ask the kernel, its rules are not known
    auditctl = module.get_bin_path('auditctl')
    listed, asked = [
        module.run_command([auditctl, option]) if auditctl else (1, '', '') for option in ('-l', '-s')]
    systemctl = module.get_bin_path('systemctl')

    def show_units(arguments):
        return module.run_command([systemctl] + arguments)[1] if systemctl else ''

    try:
        since, before = times.period(params['since'], params['before'])
        result = on_host.verdicts(
            params['key'], params['container'], params['socket'], params['kept'], params['host'], since, before,
            listed[1] if listed[0] == 0 else None, show_units,
            rules.parse_status(asked[1]).get('lost') if asked[0] == 0 else None)
    except connection.EngineError as error:
        module.fail_json(msg='%s: start it, or name the socket of another with socket=PATH' % error)
    except (logs.LogReaderError, forms.AuditLogError, text.PatternError, times.TimeError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == '__main__':
    main()
