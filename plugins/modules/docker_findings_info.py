#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_findings_info
short_description: Return who stopped or removed containers, from the audit logs of a host
version_added: 1.0.0
description:
  - Reads the audit logs of the host, rotated ones too, and returns who stopped, removed or otherwise took away a container.
  - If journald takes the audit records and no auditd runs, it reads the journal instead. The position of O(cursor) is then journald's cursor.
  - Only the findings leave the host, together with what was read, which period it covers, and what could not be read. So you can tell "nothing
    happened" from "nothing was recorded".
  - For each caller it returns the login of its session, from the audit log, and, if they still run, the process and its parent, from C(/proc).
  - Asks the docker engine for the names of containers, over its socket. It never runs the docker CLI, which the audit rule would log.
    As root it records when it did so in C(/var/lib/claude-hooks/connects.jsonl) if a rule logs these connections, so that
    M(claude_hooks.docker_audit.docker_verdicts_info) does not take them for those of a client.
  - Anybody can choose the words of a command line. The findings are plain data and are never templated.
  - With O(cursor) it returns only what is new since the last call, so a host can be followed without loss. Without O(cursor) it changes nothing.
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
  - claude_hooks.docker_audit.findings
  - claude_hooks.docker_audit.findings.possible
  - claude_hooks.docker_audit.findings.containers
attributes:
  check_mode:
    description: Returns the same findings, and does not move the position of O(cursor).
    support: full
options:
  actions:
    description: Report only these actions. By default, all are reported.
    type: list
    elements: str
    choices:
      - stop
      - kill
      - remove
      - restart
      - pause
      - rename
      - update
      - checkpoint
      - prune
      - service_rm
      - service_scale
      - service_update
      - stack_rm
      - node_drain
      - swarm_leave
      - compose_down
      - compose_stop
      - compose_rm
      - compose_kill
      - compose_restart
      - compose_pause
      - compose_up
      - compose_scale
  since:
    description:
      - Report nothing before this time (ISO 8601). Without an offset it is the local time of the host.
      - V(today) and V(yesterday) are midnights in the local time of the host, and V(-2h) is two hours ago (C(s), C(m), C(h), C(d), C(w)).
      - With O(cursor) it has an effect only if there is no position yet.
    type: str
    default: today
  before:
    description: Report nothing after this time, in the format of O(since).
    type: str
  socket:
    description: The socket of the docker engine that is asked for the names of containers. If no engine answers, a command that gives an id is V(possible).
    type: path
    default: /run/docker.sock
  cursor:
    description:
      - Name of a reader whose position in the logs is kept on the host, one for each O(key) and O(host). Letters, digits, dots, dashes and underscores.
      - The module returns what comes after the position. The position moves only when O(ack) confirms that this was received.
      - The position stays valid when logs are rotated. If logs were deleted before they were read, RV(gaps) says so.
      - It is kept in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks) of the user who runs the module. A folder that another user can
        change is refused, even if root runs with the C(HOME) of another user.
    type: str
  wait:
    description: With O(cursor), wait up to this many seconds for something new. The log is watched, not polled.
    type: int
    default: 0
  ack:
    description: The RV(token) of the last call with this O(cursor), to confirm that its findings were received. Without it they are returned again.
    type: str
  host:
    description: The host name to put into the findings, like C(inventory_hostname). The default is the C(node) of the records, else null.
    type: str
  logs:
    description:
      - Files of a log server to read instead of the log of this host, as absolute paths or patterns. Rotated and compressed files are read
        in order, and several logs at a time, on all cores that the module may use.
      - It reads all formats that P(claude_hooks.docker_audit.ausearch#lookup) reads, and the findings that hosts forwarded. One that arrived twice is
        reported once, see RV(counts.twice).
      - The host of a finding is the one that its record names (C(node=)), else the host in the prefix of the line. Records of two hosts are never joined.
      - The engine of this host is not asked, and findings have no C(caller).
    type: list
    elements: str
  host_from:
    description:
      - With O(logs), a regular expression with one group, which matches the host in a path. It has priority over the host in a line, which the sender
        can choose.
    type: str
requirements:
  - Python 3.8 or later on the host
  - The rights to read the audit logs and to reach the socket of the engine, usually those of root
notes:
  - The names in O(containers) are added to those that the engine returns, and have priority over them.
  - The engine remembers its last 256 events, and nothing from before its start. A command that gives the id of a container
    that was removed earlier is V(possible).
  - An id also counts as that of a matching container if the container had a matching name before it was renamed, as far as the engine remembers.
seealso:
  - module: claude_hooks.docker_audit.docker_coverage_info
  - plugin: claude_hooks.docker_audit.docker_findings
    plugin_type: filter
  - plugin: claude_hooks.docker_audit.ausearch
    plugin_type: lookup
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Find who stopped or removed a container today
  claude_hooks.docker_audit.docker_findings_info:
    host: "{{ inventory_hostname }}"
  become: true
  register: audit

- name: Show them
  ansible.builtin.debug:
    msg: "{{ item.timestamp }} {{ item.login_user | default(item.auid) }}: {{ item.argv | join(' ') }}"
  loop: "{{ audit.findings }}"
  loop_control:
    label: "{{ item.event }}"

- name: Read what all hosts sent to this log server
  claude_hooks.docker_audit.docker_findings_info:
    logs: [/var/log/remote/*/audit.log*]
    host_from: remote/([^/]+)/
    since: -2d
  become: true

- name: Find the commands that removed web containers by name or id in one week
  claude_hooks.docker_audit.docker_findings_info:
    container: web-*
    actions: [remove]
    possible: false
    since: "2026-11-16"
    before: "2026-11-22T23:59:59.999"
  become: true

- name: Find what happened to a container that the engine no longer knows
  claude_hooks.docker_audit.docker_findings_info:
    containers:
      3f2a9c1b77d0: claude-hooks-dev
  become: true

- name: Find what is new since the last call
  claude_hooks.docker_audit.docker_findings_info:
    cursor: nightly-report
  become: true
  register: news

- name: Confirm that it was received
  claude_hooks.docker_audit.docker_findings_info:
    cursor: nightly-report
    ack: "{{ news.token }}"
  become: true
"""

RETURN = r"""
findings:
  description: The findings, ordered by time, then by serial number.
  returned: success
  type: list
  elements: dict
  contains:
    host: {type: str, description: "O(host), else the C(node) of the records, else null.", sample: app1}
    timestamp: {type: str, description: When the command started (RFC 3339 in UTC with milliseconds)., sample: "2026-11-24T03:57:43.051Z"}
    event: {type: str, description: Time and serial of the audit event., sample: "1795492663.051:91"}
    action: {type: str, description: What the command does., sample: remove}
    subcommand: {type: str, description: The words of the docker command as they were typed., sample: container rm}
    targets: {type: list, elements: str, description: "What the command names, normalised as the engine does.", sample: [claude-hooks-dev]}
    matched: {type: list, elements: str, description: Those of the targets that match., sample: [claude-hooks-dev]}
    docker_host: {type: str, description: "The engine given with C(-H), else null.", sample: null}
    context: {type: str, description: "The context given with C(-c), else null.", sample: null}
    project: {type: str, description: "The Compose project given with C(-p), else null.", sample: null}
    signal: {type: str, description: "The signal given with C(--signal) to a C(kill), C(stop) or C(restart), also of Compose, else null.", sample: KILL}
    match:
      type: str
      description:
        - V(name) if a target matches the pattern, V(id) if it is the id of a container that does.
        - V(possible) if the command can hit a matching container but its arguments do not say so.
      sample: name
    origin:
      type: str
      description:
        - How the records were read, and so who could have forged them.
        - V(raw) are those of auditd's own log, which nobody below root can forge.
        - V(syslog) went through a syslog, a journal or a collector, and whoever may write there can forge them.
        - V(interpreted) is C(ausearch -i), where an argument of any command can look like a record.
      sample: raw
    pid: {type: int, description: Process id of the command., sample: 14342}
    ppid: {type: int, description: Process id of its parent., sample: 14296}
    uid: {type: int, description: User id., sample: 0}
    auid: {type: int, description: "Login user id, null where there was no login.", sample: 1000}
    ses: {type: int, description: "Login session, null where there was no login.", sample: 3}
    tty: {type: str, description: "Terminal, null where there is none.", sample: pts0}
    comm: {type: str, description: Name of the file that was executed., sample: docker}
    exe: {type: str, description: Path of the program., sample: /usr/bin/docker}
    cwd: {type: str, description: Working directory., sample: /root}
    argv: {type: list, elements: str, description: "The command line. Bytes that are not UTF-8 show as C(\\xNN).", sample: [docker, rm, -f, claude-hooks-dev]}
    argv_complete: {type: bool, description: Whether every argument is known exactly., sample: true}
    success: {type: bool, description: Whether the program started. It does not show what docker then did., sample: true}
    keys: {type: list, elements: str, description: Keys of the audit rule., sample: [claude-hooks-docker]}
    user: {type: str, description: "Name of the user, only where the record carries it.", sample: root}
    login_user: {type: str, description: "Name of the login user, only where the record carries it.", sample: bob}
    target_names:
      type: dict
      description: "The names of those targets that are ids, only with RV(findings[].match=id)."
      sample: {3f2a9c1b77d0: claude-hooks-dev}
    argv_hex: {type: list, elements: str, description: "The command line in hex, only where some of it is not UTF-8.", sample: [646f636b6572, "ff"]}
    caller:
      description: What is known about the caller besides the record of the command. What is not certain is null.
      type: dict
      contains:
        login:
          description:
            - The login of the session, from the audit log. RV(findings[].auid) and RV(findings[].ses) are those of its record.
            - It is null if there was no login, if the log no longer contains it, or if the host may have been booted in between.
          type: dict
          contains:
            account: {type: str, description: The name that the user logged in with., sample: alice}
            address: {type: str, description: "The address that the user came from, null for a login on this host.", sample: 192.0.2.1}
            hostname: {type: str, description: "The name of that address, as the program that let the user in recorded it.", sample: 192.0.2.1}
            terminal: {type: str, description: "The terminal. V(ssh) for ssh without a terminal, V(cron) for a job.", sample: /dev/pts/0}
            exe: {type: str, description: The program that let the user in., sample: /usr/sbin/sshd}
            auid: {type: int, description: Login user id., sample: 1000}
            ses: {type: int, description: Login session., sample: 3}
            timestamp: {type: str, description: When the user logged in., sample: "2026-11-24T03:40:12.305Z"}
            event: {type: str, description: Time and serial of the LOGIN record., sample: "1795491612.305:52"}
            source:
              description: The types of the records that it is based on. The kernel writes V(LOGIN), programs write the others.
              type: list
              elements: str
              sample: [LOGIN, USER_START]
            sure:
              type: str
              description:
                - How sure it is. No login is certain. A process with CAP_AUDIT_WRITE, which docker gives to containers, can write the same as
                  a login program.
                - V(likely) if the program that let the user in recorded it, and the kernel's record agrees.
                - V(record) if there is only a LOGIN record. The account and all else that programs record is null then.
                - V(self) if a process of a user other than root, without a login, set this login uid for itself. It is based on that record alone.
              sample: likely
        process:
          description:
            - The process itself, with the same fields as RV(findings[].caller.parent). It is null if it has ended, as most commands have.
            - For a client of the API that keeps running, it shows which program that is.
          type: dict
        parent:
          description:
            - The process that ran the command, if it still runs, as it was when it was read.
            - It is null if it has ended, or if another process has its pid now (one that started later than the event, or of another
              login session).
          type: dict
          contains:
            pid: {type: int, description: Process id., sample: 14296}
            comm: {type: str, description: Name of the program., sample: python3}
            exe: {type: str, description: "Path of the program, null for a thread of the kernel.", sample: /usr/bin/python3.11}
            argv:
              description: Its command line, which the process itself can change. Empty if it cannot be read.
              type: list
              elements: str
              sample: [/usr/bin/python3, /opt/clean.py]
            argv_complete: {type: bool, description: Whether it is shorter than 4 KiB. Longer ones are cut., sample: true}
            unit: {type: str, description: "The systemd unit that it runs in, null in a container.", sample: cron.service}
            container: {type: str, description: "Id of the container that it runs in, else null.", sample: null}
            container_name: {type: str, description: "Name of that container, if the engine knows it.", sample: null}
            started: {type: str, description: When the process started., sample: "2026-11-24T03:57:42.910Z"}
            seen:
              description: When it was read. The process can have executed another program since the event.
              type: str
              sample: "2026-11-24T03:57:43.301Z"
unreadable:
  description: The first 20 executions with our key whose command is not in the log. They may or may not have taken away a container.
  returned: success
  type: list
  elements: dict
  contains:
    host: {type: str, description: As in RV(findings)., sample: app1}
    timestamp: {type: str, description: As in RV(findings)., sample: "2026-11-24T03:57:43.051Z"}
    event: {type: str, description: As in RV(findings)., sample: "1795492663.051:91"}
    reason:
      type: str
      description:
        - V(failed) if the program did not start. The kernel logs no arguments then, and RV(unreadable[].comm) and RV(unreadable[].exe) are the caller's.
        - V(no arguments) or V(arguments missing) if records were lost or cut.
        - V(contradicting records) if two records of the event contradict each other, V(time damaged) if its time cannot be read.
        - V(SYSCALL record missing) or V(key cut off) if the arguments are those of a docker command that takes a matching container away,
          but the record that holds the key, and the process, is lost or cut at its greatest length. It may have been another program than docker.
      sample: failed
    origin: {type: str, description: As in RV(findings)., sample: raw}
    pid: {type: int, description: As in RV(findings)., sample: 14342}
    ppid: {type: int, description: As in RV(findings)., sample: 14296}
    uid: {type: int, description: As in RV(findings)., sample: 0}
    auid: {type: int, description: As in RV(findings)., sample: 1000}
    ses: {type: int, description: As in RV(findings)., sample: 3}
    tty: {type: str, description: As in RV(findings)., sample: pts0}
    comm: {type: str, description: As in RV(findings)., sample: bash}
    exe: {type: str, description: As in RV(findings)., sample: /usr/bin/bash}
    cwd: {type: str, description: As in RV(findings)., sample: /root}
    success: {type: bool, description: As in RV(findings)., sample: false}
    keys: {type: list, elements: str, description: As in RV(findings)., sample: [claude-hooks-docker]}
    user: {type: str, description: As in RV(findings)., sample: root}
    login_user: {type: str, description: As in RV(findings)., sample: bob}
    record: {type: str, description: The first 300 bytes of the SYSCALL record., sample: arch=c000003e syscall=59 success=no exit=-13}
counts:
  description: How much was read. Everything but the bytes is counted from O(since) to O(before).
  returned: success
  type: dict
  contains:
    bytes: {type: int, description: The length of the logs that were read., sample: 8388600}
    executions: {type: int, description: Executions of docker that our rule logged., sample: 212}
    failed: {type: int, description: Those of them that did not start., sample: 0}
    others:
      type: int
      description: Those of them that took away containers whose names do not match. They are not among RV(findings).
      sample: 7
    logs: {type: int, description: "How many logs were read, each with its rotations. Only with O(logs).", sample: 1200}
    twice: {type: int, description: "How many findings were left out because they arrived twice or are in a copy of a log. Only with O(logs).", sample: 0}
    unreadable: {type: int, description: "Those of them whose command is not in the log, the failed ones included.", sample: 0}
span:
  description: The period that the logs cover, counting records of any kind. Both are null if there are no records.
  returned: success
  type: dict
  contains:
    first: {type: str, description: When the oldest record was written., sample: "2026-11-20T00:00:03.120Z"}
    last: {type: str, description: When the newest record was written., sample: "2026-11-24T03:58:01.007Z"}
token:
  description: The value for O(ack) of the next call. Null in check mode.
  returned: with O(cursor)
  type: str
  sample: 4bd5a4f1d6b84a0c9a3e0c1a9d1c6d5e
acked:
  description: Whether O(ack) was the token of the last batch, or of the last that was acknowledged before.
  returned: with O(cursor)
  type: bool
  sample: true
gaps:
  description: The periods of which logs were deleted before they were read, so that findings may be missing. Empty if there are none.
  returned: with O(cursor)
  type: list
  elements: dict
  contains:
    first: {type: str, description: "When the last record before the gap was written, or null.", sample: "2026-11-24T03:57:43.051Z"}
    last: {type: str, description: "When the first record after the gap was written, or null.", sample: "2026-11-24T05:12:00.120Z"}
engine:
  description: Whether the docker engine returned the names of its containers.
  returned: success
  type: dict
  contains:
    reachable: {type: bool, description: "Whether it returned all of them. Null with O(logs), and with O(cursor) if nothing is new.", sample: false}
    reason: {type: str, description: "Why not, or null.", sample: "cannot ask an engine at /run/docker.sock: No such file or directory"}
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old

# The same as ACTIONS in module_utils/_docker/cli, which Python before 3.8 cannot import.
ACTIONS = [
    'stop', 'kill', 'remove', 'restart', 'pause', 'rename', 'update', 'checkpoint', 'prune',
    'service_rm', 'service_scale', 'service_update', 'stack_rm', 'node_drain', 'swarm_leave',
    'compose_down', 'compose_stop', 'compose_rm', 'compose_kill', 'compose_restart', 'compose_pause', 'compose_up', 'compose_scale',
]


def other_owner(module):
    """A sentence on who gets the audit records, if the kernel says that it is not auditd. Else an empty one."""
    auditctl = module.get_bin_path('auditctl')
    if auditctl is None:
        return ''
    rc, out, unused = module.run_command([auditctl, '-s'], environ_update={'LC_ALL': 'C'})
    found = re.search(r'^pid (\d+)$', out, re.M)
    if rc != 0 or found is None:
        return ''
    pid = found.group(1)
    if pid == '0':
        return 'auditd does not run (auditctl -s says pid 0), so that nothing is added to its log: start it'
    try:
        with open('/proc/%s/comm' % pid, 'rb') as stream:
            name = stream.read().decode('utf-8', 'replace').strip()
    except (IOError, OSError):
        # of another pid namespace: it cannot be told
        return ''
    if name == 'auditd':
        return ''
    return 'the process %s (%s) gets the audit records of this host instead of auditd, so that nothing is added to its log' % (pid, name)


def not_logged(module):
    """A sentence on a rule that is not in force, if the kernel says so. Else an empty one."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import installed, rules

    kernel = installed.kernel(module.run_command, module.get_bin_path('auditctl'))
    key = module.params['key']
    if kernel.reason or (kernel.status.get('enabled') != 0 and rules.with_keys(kernel.rules, [key])):
        return ''
    return (
        'no audit rule with the key %s is in force, so docker commands are not logged: audit.yml -e state=present '
        'installs it, coverage.yml checks it' % key
    )


def follow(module, question, log, since):
    """What is new in the logs, as soon as there is something. Ends the process when nobody waits for it any more."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.follower import Follower

    params = module.params
    follower = Follower(question, params['cursor'], log, since, keeps=not module.check_mode)
    damage = follower.open()
    if damage:
        module.warn('%s: reading from %s on again' % (damage, params['since']))
    missing = not_logged(module)
    if missing:
        module.warn(missing)
    acked = params['ack'] is not None and follower.acknowledge(params['ack'])
    batch = follower.next(params['wait'])
    if batch is None:
        module.fail_json(msg='whoever asked for the findings is gone')
    return dict(batch.answer, token=follower.offer(batch), acked=acked, gaps=batch.gaps)


def checked(module):
    """What is asked of the host, once the options are known to fit together."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.on_host import Question

    params = module.params
    for option in ('container', 'key'):
        if not params[option]:
            module.fail_json(msg='%s must not be empty' % option)
    if not all(isinstance(label, str) for label in params['containers'].values()):
        module.fail_json(msg='containers must map container ids to names')
    if params['wait'] < 0 or (params['wait'] and params['cursor'] is None):
        module.fail_json(msg='wait is for a cursor, in seconds from 0 on')
    return Question(**dict((name, params[name]) for name in Question._fields))


# Long, as each option and each import that waits for the check of the Python has its line.
def main():
    module = AnsibleModule(
        argument_spec=dict(
            container=dict(type='str', default='claude-hooks-*'),
            key=dict(type='str', default='claude-hooks-docker', no_log=False),
            possible=dict(type='bool', default=True),
            actions=dict(type='list', elements='str', choices=ACTIONS),
            since=dict(type='str', default='today'),
            before=dict(type='str'),
            containers=dict(type='dict', default={}),
            socket=dict(type='path', default='/run/docker.sock'),
            host=dict(type='str'),
            cursor=dict(type='str'),
            wait=dict(type='int', default=0),
            ack=dict(type='str', no_log=False),
            logs=dict(type='list', elements='str'),
            host_from=dict(type='str'),
        ),
        mutually_exclusive=[('cursor', 'before'), ('cursor', 'logs'), ('host', 'host_from')],
        required_by={'ack': 'cursor', 'host_from': 'logs'},
        supports_check_mode=True,
    )
    old = too_old('docker_findings_info')
    if old:
        module.fail_json(msg=old)
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import journal
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.config import log_path
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.forms import AuditLogError
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.logs import LogReaderError
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import StateError
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import PatternError
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.times import TimeError, period
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import on_host, store

    params = module.params
    question = checked(module)
    try:
        since, before = period(params['since'], params['before'])
        if params['logs']:
            result, problems = store.ask(question, params['logs'], params['host_from'], since, before)
            for problem in problems:
                module.warn(problem)
            module.exit_json(changed=False, **result)
        log = log_path()
        result = on_host.ask(question, log, since, before) if params['cursor'] is None else follow(module, question, log, since)
    except LogReaderError as error:
        owner = other_owner(module)
        module.fail_json(msg='%s%s' % (error, '; ' + owner if owner else ''))
    except (AuditLogError, PatternError, StateError, TimeError, store.StoreError) as error:
        module.fail_json(msg=str(error))
    owner = '' if log == journal.LOG else other_owner(module)
    if owner:
        module.warn(owner)
    module.exit_json(changed=False, **result)


if __name__ == '__main__':
    main()
