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
  - C(docker --version) asks no engine and does nothing. It is executed in C(/), without the environment or the configuration of any user.
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
    description: How long to wait for the records, and for each docker to end.
    type: int
    default: 5
attributes:
  check_mode:
    description: Executes nothing and is skipped.
    support: partial
  diff_mode:
    description: Changes nothing, so there is nothing to show.
    support: N/A
  platform:
    description: Linux with the audit user space tools.
    support: full
    platforms: linux
requirements:
  - Python 3.8 or later on the host
  - The rights of root, to become each user
notes:
  - A rule for every user is tried as root and as the user id 65534, which need not have an account.
seealso:
  - module: claude_hooks.docker_audit.docker_audit_info
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
  description: What is not proven, in the form of RV(claude_hooks.docker_audit.docker_audit_info#module:problems).
  returned: success
  type: list
  elements: dict
  sample: []
"""

import os
import pwd
import signal
import stat
import subprocess
import sys
import time

from ansible.module_utils.basic import AnsibleModule

# Of a rule for every user: one who may do all, and one who may do nothing (kernel, overflowuid).
SAMPLE_UIDS = (0, 65534)
ENVIRONMENT = dict(PATH='/usr/sbin:/usr/bin:/sbin:/bin', HOME='/nonexistent', DOCKER_CONFIG='/nonexistent')
MOST_LINKS = 40  # MAXSYMLINKS of the kernel

# The kernel stamps a record with a clock that ticks HZ times a second (audit_log_start: ktime_get_coarse_real_ts64).
TICK = 20


class Refused(Exception):
    """It must not be executed, or cannot; the message says why and what to do."""


def program_of(path):
    """The file that the kernel calls exe when path is executed: its real file, or the interpreter of a script.

    Raises Refused where anybody but root could have put it there.
    """
    real = real_file_of_root(path)
    with open(real, 'rb') as stream:
        first = stream.read(256).partition(b'\n')[0]
    if not first.startswith(b'#!'):
        return real
    words = first[2:].split()
    if not words:
        raise Refused('%s is a script without an interpreter' % path)
    return real_file_of_root(os.fsdecode(words[0]))


def real_file_of_root(path):
    """The real file of a path of which every part is owned by root and writable by nobody else."""
    place = '/'
    parts = ['.'] + path.split('/')
    links = 0
    while parts:
        part = parts.pop(0)
        place = os.path.dirname(place) if part == '..' else place if part in ('', '.') else os.path.join(place, part)
        try:
            status = os.lstat(place)
        except OSError as error:
            raise Refused('%s: %s' % (place, error.strerror))
        if status.st_uid != 0:
            raise Refused('%s is owned by uid %d: give it to root' % (place, status.st_uid))
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > MOST_LINKS:
                raise Refused('%s: too many links' % path)
            target = os.readlink(place)
            parts = target.split('/') + parts
            place = '/' if target.startswith('/') else os.path.dirname(place)
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Refused('%s can be written by others than root (mode %04o): chmod go-w %s' % (place, stat.S_IMODE(status.st_mode), place))
    if not stat.S_ISREG(status.st_mode):
        raise Refused('%s is not a file' % place)
    return place


def execute(path, uid, seconds):
    """Run ``docker --version`` as a user. Returns (pid, from when, until when) in milliseconds since 1970. Raises Refused."""
    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:
        gid = SAMPLE_UIDS[1]

    def become():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    start = int(time.time() * 1000)
    try:
        # start_new_session: it has no terminal, and can be ended with all that it may have started.
        process = subprocess.Popen(
            ['docker', '--version'], executable=path, cwd='/', env=ENVIRONMENT,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=become)
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused('it cannot be executed: %s' % (getattr(error, 'strerror', None) or error))
    end = int(time.time() * 1000)  # Popen returns when the program has started
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.pid, start - TICK, end


def wanted_runs(rules, key):
    """[(path, uid)] of the executions that the rules with the key log."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils import audit_rules

    pairs = [audit_rules.watches(rule) for rule in rules if key in rule['keys']]
    found = [(path, one) for path, uid in filter(None, pairs) for one in (SAMPLE_UIDS if uid is None else (uid,))]
    return sorted(set(found), key=found.index)


def fly(rules, key, seconds):
    """The runs for one key."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils import audit_log, log_reader

    wanted = wanted_runs(rules, key)
    if not wanted:
        return []
    following = log_reader.Following(key, log_reader.log_path())
    runs, waiting = [], {}
    try:
        for _event in following.events():
            pass  # what was before
        for path, uid in wanted:
            run = dict(path=path, uid=uid, pid=None, event=None, reason=None)
            runs.append(run)
            try:
                exe = program_of(path)
                run['pid'], start, end = execute(path, uid, seconds)
                waiting[(run['pid'], uid, os.fsencode(exe))] = (run, start, end)
            except Refused as error:
                run['reason'] = str(error)
        deadline = time.monotonic() + seconds
        while waiting:
            for event in following.events():
                fields = audit_log.fields(event)
                identity = (audit_log.number(fields.get('pid')), audit_log.number(fields.get('uid')), audit_log.text_value(event, fields.get('exe')))
                run, start, end = waiting.get(identity, (None, 0, 0))
                if run and audit_log.outcome(event) == 'started' and start <= (audit_log.when(event)[0] or 0) <= end:
                    run['event'] = audit_log.ident(event)
                    del waiting[identity]
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
    finally:
        following.close()
    return runs


def judge(runs, key, seconds):
    """The problems of the runs for one key."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils import coverage

    found = []
    for run in runs:
        label = '%s as uid %d' % (run['path'], run['uid'])
        if run['reason'] is not None:
            found.append(coverage.problem('canary_refused', '%s: %s' % (label, run['reason'])))
        elif run['event'] is None:
            found.append(coverage.problem('canary_not_seen', '%s, pid %d: nothing in the log with the key %s after %d s' % (label, run['pid'], key, seconds)))
    return found


def main():
    module = AnsibleModule(
        argument_spec=dict(
            keys=dict(type='list', elements='str', default=['claude-hooks-docker'], no_log=False),
            seconds=dict(type='int', default=5),
        ),
        supports_check_mode=True,
    )
    if sys.version_info < (3, 8):
        module.fail_json(
            msg='docker_audit_canary needs Python 3.8 or later on the host, this is %d.%d: set ansible_python_interpreter' % sys.version_info[:2])
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils import audit_log, audit_rules, coverage, log_reader

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
        for key in keys:
            flown = fly(rules, key, seconds)
            runs += flown
            problems += judge(flown, key, seconds)
    except (log_reader.LogReaderError, audit_log.AuditLogError) as error:
        module.fail_json(msg=str(error))
    if not runs:
        problems = [coverage.problem('canary_refused', 'no rule with the key %s logs an execution' % ' or '.join(keys))]
    module.exit_json(changed=False, proven=not problems, runs=runs, problems=problems)


if __name__ == '__main__':
    main()
