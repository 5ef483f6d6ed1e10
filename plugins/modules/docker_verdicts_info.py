#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_verdicts_info
short_description: Find out why containers vanished, and who asked for it
version_added: 1.0.0
description:
  - Joins the events of the docker engine with the audit log of the host, and gives a verdict for every time a matching container ended,
    was removed or was renamed.
  - It names who asked only where the audit log and the times leave no other. V(not_known) is an answer, and so is a list of all that it can have been.
  - Asks the engine over its socket. It never runs the docker CLI, which would fire the audit rule.
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
      - Give no verdict on what was before this time (ISO 8601). Without an offset it is the local time of the host.
      - V(today) is the last midnight in the local time of the host.
    type: str
    default: today
  before:
    description: Give no verdict on what was after this time (ISO 8601). Without an offset it is the local time of the host.
    type: str
  socket:
    description: The socket of the docker engine.
    type: path
    default: /var/run/docker.sock
  kept:
    description:
      - The file of events that the service of O(claude_hooks.docker_audit.docker_audit#role:main:docker_audit_witness) writes,
        with an older one beside it. It is read where it is there and only root can write it.
      - With it the engine need not answer, as where it went down.
    type: path
    default: /var/lib/claude-hooks/events.jsonl
  host:
    description: What to name as the host of the verdicts, like C(inventory_hostname).
    type: str
requirements:
  - Python 3.8 or later on the host
  - The rights to read the audit logs and to reach the socket of the engine, usually those of root
notes:
  - The engine remembers its last 256 events of every type, and nothing from before its start. O(kept) holds many more, and when the engine
    itself went down. RV(events) says how far back that is.
  - API clients are seen only where connects to the socket of the engine are logged, under the O(key) with C(-socket) at its end.
    A connect tells who talked to the engine, not what was asked.
  - That a container was killed from outside the engine, as by C(kill -9) on the host, is never given as a cause.
    All that is kept of it is the exit code 137, with which a program can end itself, and a shell does whose last command was killed.
    So it is V(not_known), and the evidence says what it can have been.
seealso:
  - module: claude_hooks.docker_audit.docker_findings_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Find out why containers vanished today
  claude_hooks.docker_audit.docker_verdicts_info:
    host: "{{ inventory_hostname }}"
  become: true
  register: judged

- name: Show what is known
  ansible.builtin.debug:
    msg: "{{ item.container }} {{ item.what | join(', ') }}: {{ item.cause }} ({{ item.confidence }})"
  loop: "{{ judged.verdicts }}"
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
        - V(cli) is a docker command in the audit log, V(api) a request to the engine that no such command explains.
        - V(self_exit) and V(oom) are ends that the engine was not asked for, V(engine_shutdown) is the engine itself.
        - V(not_known) where more than one of these can be, or none is shown.
      sample: cli
    confidence:
      type: str
      description: V(certain), V(likely), or V(open) where nobody is picked from RV(verdicts[].who).
      sample: certain
    who:
      type: list
      elements: dict
      description:
        - The findings, as M(claude_hooks.docker_audit.docker_findings_info) gives them, or the connects to the engine, one for each process.
        - Connects have the same fields without those of a command. Each has a C(caller), its login and the processes that still live.
      sample: []
    evidence:
      type: list
      elements: str
      description: What the verdict rests on, line by line.
      sample: ["2026-11-24T03:57:43.118Z kill, signal 9", "2026-11-24T03:57:43.120Z die, exit code 137"]
events:
  description: How far back events reach.
  returned: success
  type: dict
  contains:
    count: {type: int, description: "How many there are, those of O(kept) included.", sample: 256}
    first: {type: str, description: "When the oldest of them was, or null.", sample: "2026-11-24T03:12:00.001Z"}
    full: {type: bool, description: Whether the engine has pushed out older ones. Else it has all since its start., sample: true}
    kept: {type: int, description: How many O(kept) holds., sample: 0}
    gaps:
      description: "Times from which events are missing between RV(events.first) and now: (C(from), C(to)), oldest first."
      type: list
      elements: dict
      sample: [{from: "2026-11-24T03:12:00.001Z", to: "2026-11-24T03:40:11.500Z"}]
    engine: {type: str, description: "Why the engine itself could not be asked, or null. Without O(kept) that is an error.", sample: null}
connects:
  description: How many connects to the engine the audit log holds. Zero says that the rule for them is not in force, or that nobody connected.
  returned: success
  type: int
  sample: 12
span:
  description: The time that the logs cover, whoever wrote into them. Both are null where they hold no record.
  returned: success
  type: dict
  contains:
    first: {type: str, description: When the oldest record was written., sample: "2026-11-20T00:00:03.120Z"}
    last: {type: str, description: When the newest record was written., sample: "2026-11-24T03:58:01.007Z"}
"""

import os
import stat
import sys

from ansible.module_utils.basic import AnsibleModule


def read_kept(path):
    """The texts of the kept files. The newer one first: one that is put aside meanwhile is read twice, and not missed."""
    texts = []
    for name in (path, path + '.1'):
        try:
            with open(name, 'rb') as stream:
                status = os.fstat(stream.fileno())
                if stat.S_ISREG(status.st_mode) and status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    texts.append(stream.read())
        except OSError:
            pass
    return texts


def look(params, since, until):
    """What the engine and the logs say."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as connects_of_ours
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import callers, processes
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import judge as verdicts

    kept = kept_events.read(read_kept(params['kept']))
    reason = None
    try:
        remembered = engine.events(params['socket'])
    except engine.EngineError as error:
        if not kept['events'] and not kept['gone']:
            raise
        remembered, reason = engine.Remembered([], 0, 0), str(error)
    happened = kept_events.joined(remembered.events, kept['events'])
    names, unused = engine.container_names(params['socket'])
    log = log_reader.log_path()
    reading = log_reader.Reading(params['key'], log=log)
    executions = list(reading.events())
    connecting = log_reader.Reading(params['key'] + '-socket', log=log, is_wanted=audit_log.is_connect)
    connects = findings.connects(connecting.events())
    found = findings.search(executions, name='*', key=params['key'])['findings']
    times = [event['timeNano'] // 1000000 for event in happened]
    full = remembered.total >= engine.REMEMBERED
    blind = list(kept['gaps'])
    if times and (full or kept['events']):
        blind.append((0, times[0]))
    span = reading.stats()
    living = processes.Processes(names)
    judged = verdicts.judge(
        kept_events.still_there(happened, since), found, connects or None, name=params['container'], host=params['host'], since=since, until=until,
        harmless=findings.harmless(executions, params['key']), containers=names, engine_ends=kept['gone'], own=kept['connects'] + connects_of_ours.own(), blind=blind,
        # The engine at another socket is another process
        engine_since=living.engine_since() if os.path.realpath(params['socket']) == os.path.realpath(engine.SOCKET) else None)
    askers = list(dict((id(who), who) for verdict in judged for who in verdict['who']).values())
    callers.add(askers, log_reader.lines_with(callers.LINES, log), living)
    for who in askers:
        who['host'] = who['host'] if params['host'] is None else params['host']
    findings.shown(askers)
    return {
        'verdicts': judged,
        'events': {
            'count': len(happened), 'first': audit_log.timestamp(int(times[0])) if times else None, 'full': full, 'kept': len(kept['events']),
            'gaps': [{'from': audit_log.timestamp(int(start)), 'to': audit_log.timestamp(int(end))} for start, end in kept['gaps']], 'engine': reason},
        'connects': len(connects),
        'span': {'first': audit_log.timestamp(span['first']), 'last': audit_log.timestamp(span['last'])},
    }


def main():
    module = AnsibleModule(
        argument_spec=dict(
            container=dict(type='str', default='claude-hooks-*'),
            key=dict(type='str', default='claude-hooks-docker', no_log=False),
            since=dict(type='str', default='today'),
            before=dict(type='str'),
            socket=dict(type='path', default='/var/run/docker.sock'),
            kept=dict(type='path', default='/var/lib/claude-hooks/events.jsonl'),
            host=dict(type='str'),
        ),
        supports_check_mode=True,
    )
    if sys.version_info < (3, 8):
        module.fail_json(
            msg='docker_verdicts_info needs Python 3.8 or later on the host, this is %d.%d: set ansible_python_interpreter' % sys.version_info[:2])
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text, times
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

    params = module.params
    for option in ('container', 'key'):
        if not params[option]:
            module.fail_json(msg='%s must not be empty' % option)
    try:
        since, until = times.period(params['since'], params['before'])
        result = look(params, since, until)
    except (log_reader.LogReaderError, audit_log.AuditLogError, times.TimeError, text.PatternError, engine.EngineError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == '__main__':
    main()
