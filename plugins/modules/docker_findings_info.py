#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_findings_info
short_description: Find in the audit logs of a host who stopped or removed containers
version_added: 1.0.0
description:
  - Reads the audit logs of the host, with all rotations, and returns who stopped, removed or otherwise took away a container.
  - Where journald takes the audit records and no auditd runs, it reads the journal instead, with journald's cursor as the position of O(cursor).
  - Only the findings leave the host, and with them what tells silence from blindness - what was read, which time it covers, and what could not be read.
  - Tells of each asker the login of its session, from the audit log, and of itself and its parent, where they still live, what C(/proc) says.
  - Asks the docker engine for the names behind container ids, over its socket. It never runs the docker CLI, which would fire the audit rule.
    As root it notes when it did so in C(/var/lib/claude-hooks/connects.jsonl), so that M(claude_hooks.docker_audit.docker_verdicts_info)
    does not take these connections for those of a client.
  - Command lines are chosen by anybody. The findings are plain data and are never templated.
  - With O(cursor) it gives only what is new since the last call, which makes it a way to follow a host without loss. Else it changes nothing.
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
  - claude_hooks.docker_audit.findings
  - claude_hooks.docker_audit.findings.possible
  - claude_hooks.docker_audit.findings.containers
attributes:
  check_mode:
    description: Gives the same findings, and leaves the position of O(cursor) where it is.
    support: full
options:
  actions:
    description: Report these actions only. Without it, all.
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
      - With O(cursor) it counts only as long as there is no position yet.
    type: str
    default: today
  before:
    description: Report nothing after this time, written as O(since).
    type: str
  socket:
    description: The socket of the docker engine that is asked for the names of containers. Where no engine answers, ids stay V(possible).
    type: path
    default: /run/docker.sock
  cursor:
    description:
      - Name of a reader whose position in the logs is kept on the host, one for each O(key). Letters, digits, dots, dashes and underscores.
      - What comes after the position is returned. It moves only when O(ack) says that this was received.
      - The position outlasts rotation of the logs. Where logs are gone before they were read, RV(gaps) says so.
      - It is kept in C(${XDG_STATE_HOME:-$HOME/.local/state}/claude-hooks) of the user who runs the module. A folder that another user can
        change is refused, also where root runs with the C(HOME) of another.
    type: str
  wait:
    description: With O(cursor), wait for up to so many seconds until there is something new. The log is watched, not polled.
    type: int
    default: 0
  ack:
    description: The RV(token) of the last call with this O(cursor), which says that its findings were received. Without it they come again.
    type: str
  host:
    description: What to name as the host of the findings, like C(inventory_hostname). Without it, that is the C(node) of the records, else null.
    type: str
  logs:
    description:
      - Files of a log server to read instead of the log of this host, as absolute paths or patterns of them. Rotated and compressed ones are read
        in their order, several logs at a time, on all cores that the module may use.
      - It reads all forms that P(claude_hooks.docker_audit.ausearch#lookup) reads, and the findings that hosts forwarded. One that arrived twice is
        reported once, see RV(counts.twice).
      - The host of a finding is what its record names (C(node=)), else the host in the prefix of the line. The records of two hosts never join.
      - The engine of this host is not asked, and findings have no C(caller).
    type: list
    elements: str
  host_from:
    description:
      - With O(logs), which part of a path is the host, as a regular expression with one group. It counts more than what a line says, which whoever
        sends it can choose.
    type: str
requirements:
  - Python 3.8 or later on the host
  - The rights to read the audit logs and to reach the socket of the engine, usually those of root
notes:
  - The names in O(containers) come on top of those that the engine tells, and count more than these.
  - The engine remembers its last 256 events, and nothing from before its start. The id of a container that was removed before that stays V(possible).
  - An id counts as that of a matching container also when the container had a matching name before it was renamed, as far as the engine remembers.
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

- name: Find the certain removals of web containers in one week
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

- name: Say that it was received
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
    signal: {type: str, description: "The signal given to C(docker kill) or C(docker stop), else null.", sample: KILL}
    match:
      type: str
      description:
        - V(name) if a target matches the pattern, V(id) if it is the id of a container that does.
        - V(possible) if the command can hit a matching container but its arguments do not say so.
      sample: name
    origin:
      type: str
      description:
        - Which way the records came, and so who could have forged them.
        - V(raw) are those of auditd's own log, which nobody below root can forge.
        - V(syslog) went through a syslog, a journal or a collector, and whoever may write there can forge them.
        - V(interpreted) is C(ausearch -i), where an argument of any command can look like a record.
      sample: raw
    pid: {type: int, description: Process id of the command., sample: 14342}
    ppid: {type: int, description: Process id of what ran it., sample: 14296}
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
      description: What is known of the asker beyond its own record. What is not known for certain is null.
      type: dict
      contains:
        login:
          description:
            - The login of the session, from the audit log. RV(findings[].auid) and RV(findings[].ses) are those of its record.
            - It is null where there was no login, where the log no longer holds it, and where the host may have been booted in between.
          type: dict
          contains:
            account: {type: str, description: The name that was logged in with., sample: alice}
            address: {type: str, description: "From where, null where it was on this host.", sample: 192.0.2.1}
            hostname: {type: str, description: "The name of that address, as the program that let the user in recorded it.", sample: 192.0.2.1}
            terminal: {type: str, description: "On what. It is V(ssh) without a terminal, V(cron) for a job.", sample: /dev/pts/0}
            exe: {type: str, description: The program that let the user in., sample: /usr/sbin/sshd}
            auid: {type: int, description: Login user id., sample: 1000}
            ses: {type: int, description: Login session., sample: 3}
            timestamp: {type: str, description: When., sample: "2026-11-24T03:40:12.305Z"}
            event: {type: str, description: Time and serial of the LOGIN record., sample: "1795491612.305:52"}
            source:
              description: The kinds of records that it rests on. The kernel writes V(LOGIN), programs write the others.
              type: list
              elements: str
              sample: [LOGIN, USER_START]
            sure:
              type: str
              description:
                - How sure it is. No login is certain. A process with CAP_AUDIT_WRITE, which docker gives to containers, can write what programs write.
                - V(likely) if a program that lets users in said so, in agreement with what the kernel wrote.
                - V(record) if there is a LOGIN record alone. The account and what else programs say is null then.
                - V(self) if a process without a login, and not of root, gave this login uid to itself. It rests on that record alone.
              sample: likely
        process:
          description:
            - The process itself, as RV(findings[].caller.parent). It is null where it has ended, as most commands have.
            - It tells what a client of the API is that keeps running.
          type: dict
        parent:
          description:
            - The process that ran it, where that still lives, as it is when it is looked at.
            - It is null where it has ended, and where another process has its number now, which its start, later than the event, or
              its login session shows.
          type: dict
          contains:
            pid: {type: int, description: Process id., sample: 14296}
            comm: {type: str, description: Name of the program., sample: python3}
            exe: {type: str, description: "Path of the program, null for a thread of the kernel.", sample: /usr/bin/python3.11}
            argv:
              description: What it calls its command line. Empty where it keeps that from being read.
              type: list
              elements: str
              sample: [/usr/bin/python3, /opt/clean.py]
            argv_complete: {type: bool, description: Whether that is shorter than 4 KiB. Else it is cut., sample: true}
            unit: {type: str, description: "The systemd unit that it is in, null in a container.", sample: cron.service}
            container: {type: str, description: "Id of the container that it is in, else null.", sample: null}
            container_name: {type: str, description: "Name of that container, if the engine knows it.", sample: null}
            started: {type: str, description: When the process started., sample: "2026-11-24T03:57:42.910Z"}
            seen:
              description: When it was looked at. A process can have become another program since the event.
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
        - V(contradicting records) if two records of the event say different things, V(time damaged) if its time cannot be read.
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
  description: What was read. All but the bytes count what happened from O(since) to O(before).
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
    twice: {type: int, description: "How many findings were left out because they arrived again or stand in a copy of a log. Only with O(logs).", sample: 0}
    unreadable: {type: int, description: "Those of them whose command is not in the log, the failed ones included.", sample: 0}
span:
  description: The time that the logs cover, whoever wrote into them. Both are null where they hold no record.
  returned: success
  type: dict
  contains:
    first: {type: str, description: When the oldest record was written., sample: "2026-11-20T00:00:03.120Z"}
    last: {type: str, description: When the newest record was written., sample: "2026-11-24T03:58:01.007Z"}
token:
  description: What to give as O(ack) to the next call. Null in check mode.
  returned: with O(cursor)
  type: str
  sample: 4bd5a4f1d6b84a0c9a3e0c1a9d1c6d5e
acked:
  description: Whether O(ack) was the token of the last batch, or of the last that was acknowledged before.
  returned: with O(cursor)
  type: bool
  sample: true
gaps:
  description: The times from which logs were gone before they were read, so that findings may be missing. Empty where none were.
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
    reachable: {type: bool, description: "Whether it returned all that was asked. Null with O(cursor) while nothing happens: it is not asked.", sample: false}
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


def follow(module, question, log, since):
    """What is new in the logs, as soon as there is something. Ends the process when nobody waits for it any more."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.follower import Follower

    params = module.params
    follower = Follower(question, params['cursor'], log, since, keeps=not module.check_mode)
    damage = follower.open()
    if damage:
        module.warn('%s: reading from %s on again' % (damage, params['since']))
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
