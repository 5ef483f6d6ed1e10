#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_audit_info
short_description: Compare the docker audit rule on disk with the kernel
version_added: 1.0.0
description:
  - Reads the rule file, the other rule files beside it, the rules in the kernel and the state of audit, and compares them.
  - Rules are compared by meaning, since C(auditctl -l) prints a rule in another form than it was written.
  - It also returns what C(augenrules --load) would do to rules that are not ours.
  - It changes nothing. If audit is not installed or cannot be read, it returns the reason and does not fail.
extends_documentation_fragment:
  - claude_hooks.docker_audit.attributes
  - claude_hooks.docker_audit.rules
attributes:
  check_mode:
    description: Can run in check mode and gives the same result.
    support: full
requirements:
  - Python 3.8 or later on the host
seealso:
  - module: claude_hooks.docker_audit.docker_cli_facts
  - module: claude_hooks.docker_audit.docker_coverage_info
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Compare the rule file with the kernel
  claude_hooks.docker_audit.docker_audit_info:
  register: audit

- name: Stop if the kernel does not hold the rules of the file
  ansible.builtin.assert:
    that: audit.in_sync
    fail_msg: "missing from the kernel: {{ audit.missing }}, unexpected: {{ audit.unexpected }}"
"""

RETURN = r"""
available:
  description: Whether the rules in the kernel could be read.
  returned: always
  type: bool
  sample: true
reason:
  description: Why they could not be read, or null.
  returned: always
  type: str
  sample: "auditctl not found: the package auditd (Debian) or audit (RHEL family) has it"
root:
  description: Whether the module ran with effective user id 0.
  returned: always
  type: bool
  sample: true
tools:
  description: The path of each audit program that is needed, null if it is missing.
  returned: always
  type: dict
  sample: {auditctl: /usr/sbin/auditctl, augenrules: /usr/sbin/augenrules, ausearch: /usr/sbin/ausearch}
missing_tools:
  description: The names of those that are missing.
  returned: always
  type: list
  elements: str
  sample: []
status:
  description: The integers that C(auditctl -s) prints, by its own names. Empty if it could not be read.
  returned: always
  type: dict
  sample: {enabled: 1, failure: 1, pid: 611, rate_limit: 0, backlog_limit: 8192, lost: 0, backlog: 0}
auditd_enabled:
  description: Whether auditd starts at boot, by systemd or by the links of its init script. Null if neither shows it.
  returned: always
  type: bool
  sample: true
arches:
  description: The values of C(-F arch=) with which rules for a system call cover all programs of this machine.
  returned: always
  type: list
  elements: str
  sample: [b64, b32]
service_programs:
  description: The real files of C(systemctl), C(service) and C(snap), which start and stop services, as far as they exist on the host.
  returned: always
  type: list
  elements: str
  sample: [/usr/bin/systemctl, /usr/sbin/service]
engine_sockets:
  description:
    - The unix sockets that rules for connections name. C(/run/docker.sock), and the others on which engines of root listen now.
    - Sockets in a folder that does not exist at boot are left out. The kernel refuses a rule for one, and that stops the load of all rules.
    - If no engine runs, those of the rule file.
  returned: always
  type: list
  elements: str
  sample: [/run/docker.sock]
immutable:
  description: Whether the kernel refuses changes of rules until the next boot (C(enabled 2)).
  returned: always
  type: bool
  sample: false
rule_file:
  description: Our rule file.
  returned: always
  type: dict
  contains:
    path:
      description: Its path.
      type: str
      sample: /etc/audit/rules.d/claude-hooks-docker.rules
    present:
      description: Whether it is there.
      type: bool
      sample: true
    owner:
      description:
        - V(managed) for a file with our header, V(recipe) for the file of the shell script that this collection replaces,
          V(foreign) for a file that is not ours.
        - Null if there is no file.
      type: str
      sample: managed
    access:
      description: Its owner (uid), group (gid) and mode, or null.
      type: list
      elements: raw
      sample: [0, 0, "0640"]
    content:
      description: Its text, or null.
      type: str
      sample: "\n# claude_hooks.docker_audit key=claude-hooks-docker\n-a always,exit -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker\n"
    rules:
      description: The rules in it, parsed.
      type: list
      elements: dict
      sample:
        - rule: -a always,exit -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker
          list: exit
          action: always
          arch: null
          syscalls: [all]
          fields: [[path, "=", /usr/bin/docker], [perm, "=", x], [uid, "=", "0"]]
          keys: [claude-hooks-docker]
          prepend: false
managed_files:
  description: The paths of all files below C(/etc/audit/rules.d) that are ours, by their header or as the file of that shell script.
  returned: always
  type: list
  elements: str
  sample: [/etc/audit/rules.d/claude-hooks-docker.rules]
own_keys:
  description:
    - The keys that count as ours, O(keys) first, then those recorded in managed files.
    - Each is followed by itself with the suffixes C(-socket), C(-signals) and C(-services).
  returned: always
  type: list
  elements: str
  sample: [claude-hooks-docker, claude-hooks-docker-socket, claude-hooks-docker-signals, claude-hooks-docker-services]
kernel_rules:
  description: The rules in the kernel with one of RV(own_keys), as C(auditctl -l) prints them, and the arguments with which auditctl deletes each.
  returned: always
  type: list
  elements: dict
  sample:
    - rule: -a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker
      delete: [-d, "always,exit", -S, all, -F, path=/usr/bin/docker, -F, perm=x, -F, uid=0, -F, key=claude-hooks-docker]
in_sync:
  description: Whether the kernel holds exactly the rules of our file. False if the kernel's rules could not be read.
  returned: always
  type: bool
  sample: true
missing:
  description: Rules of the file that the kernel does not hold.
  returned: always
  type: list
  elements: str
  sample: []
unexpected:
  description: Rules in the kernel with one of our keys that are not in the file.
  returned: always
  type: list
  elements: str
  sample: []
foreign_use:
  description: Rules with one of our keys in files that are not ours.
  returned: always
  type: list
  elements: dict
  sample:
    - {line: -w /usr/bin/docker -k claude-hooks-docker, file: /etc/audit/rules.d/50-cis.rules, number: 7, compiled: 12, key: claude-hooks-docker}
witness:
  description: The service that saves the events of the engine and who is connected to it.
  returned: always
  type: dict
  contains:
    unit: {type: str, description: The path of its unit., sample: /etc/systemd/system/claude-hooks-witness.service}
    program: {type: str, description: The path of its program., sample: /usr/local/lib/claude-hooks-witness/witness.py}
    state: {type: str, description: The file that it writes., sample: /var/lib/claude-hooks/events.jsonl}
    files:
      description: Which of its files exist, and their folder if it contains nothing else.
      type: list
      elements: str
      sample: []
    systemd: {type: bool, description: Whether systemd runs on the host., sample: true}
    runs: {type: bool, description: "Whether it runs, was started after its files were written, and starts at boot.", sample: true}
    unit_text: {type: str, description: "The text of its unit, or null.", sample: "[Service]\nExecStart=/usr/bin/python3"}
    program_sha1:
      description: The SHA-1 of the files of its program, one after the other in the order of their names. Null if one is missing.
      type: str
      sample: 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83
    old_unit:
      description: The path of the unit that an earlier version of the role installed.
      type: str
      sample: /etc/systemd/system/claude-hooks-keep-events.service
    old_files:
      description: Which files of that unit and its program exist.
      type: list
      elements: str
      sample: []
forwarder:
  description: The service and the timer that send findings and verdicts to the journal.
  returned: always
  type: dict
  contains:
    unit: {type: str, description: The path of the service's unit., sample: /etc/systemd/system/claude-hooks-forward.service}
    timer: {type: str, description: The path of the timer's unit., sample: /etc/systemd/system/claude-hooks-forward.timer}
    program: {type: str, description: The path of the program., sample: /usr/local/lib/claude-hooks-forward.pyz}
    files:
      description: Which of their files exist.
      type: list
      elements: str
      sample: []
    systemd: {type: bool, description: Whether systemd runs on the host., sample: true}
    runs: {type: bool, description: "Whether the timer runs, and starts at boot.", sample: true}
    unit_text: {type: str, description: "The text of the service's unit, or null.", sample: "[Service]\nType=oneshot"}
    timer_text: {type: str, description: "The text of the timer's unit, or null.", sample: "[Timer]\nOnActiveSec=10s"}
    program_sha1: {type: str, description: "The SHA-1 of the program, or null.", sample: 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83}
compiled:
  description: Whether C(/etc/audit/audit.rules), which C(augenrules) writes, contains a rule with one of our keys.
  returned: always
  type: bool
  sample: true
load:
  description: What C(augenrules --load) would do now to rules that are not ours.
  returned: always
  type: dict
  contains:
    deletes_all:
      description: Whether it first deletes all rules from the kernel (C(-D)).
      type: bool
      sample: true
    lost:
      description: Lines of C(/etc/audit/audit.rules) that are in no file below C(rules.d), and are lost when the file is written again.
      type: list
      elements: str
      sample: []
    pending:
      description: Lines that are not yet in force and would lock (C(-e 2)), silence (C(-e 0)) or endanger (C(-f 2)) the host.
      type: list
      elements: dict
      sample:
        - {line: -e 2, file: /etc/audit/rules.d/99-finalize.rules, number: 1, compiled: 9}
    dropped:
      description: Rules in the kernel that are in no file, and that C(-D) would delete.
      type: list
      elements: str
      sample: []
    refusals:
      description: A sentence for each of C(lost), C(pending) and C(dropped).
      type: list
      elements: str
      sample: []
stopped_at:
  description:
    - The first line of the merged rule files that the kernel does not hold, or that occurs twice. Null if there is none.
    - If a load failed, this is the line where it stopped. C(auditctl -R) itself reports it only in the system log.
  returned: always
  type: dict
  sample: {line: -a always,exit -S no_such_call -F key=broken, file: /etc/audit/rules.d/60-broken.rules, number: 2, compiled: 9}
"""

import glob
import hashlib
import os
import platform
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old

UNITS = '/etc/systemd/system'
WITNESS_UNIT = UNITS + '/claude-hooks-witness.service'
# A folder of its own, which nothing else uses, so that it goes without a trace
WITNESS = '/usr/local/lib/claude-hooks-witness'
WITNESS_FILES = ('asking.py', 'kernel.py', 'look.py', 'store.py', 'witness.py')
OLD_UNIT = UNITS + '/claude-hooks-keep-events.service'
OLD_PROGRAM = '/usr/local/lib/claude-hooks-keep-events.py'
FORWARDER_UNIT = UNITS + '/claude-hooks-forward.service'
FORWARDER_TIMER = UNITS + '/claude-hooks-forward.timer'
FORWARDER = '/usr/local/lib/claude-hooks-forward.pyz'
LONGEST_FORWARDER = 16 << 20


def wants(unit, target='multi-user.target'):
    """The link by which systemd starts a unit at boot."""
    return os.path.join(UNITS, target + '.wants', os.path.basename(unit))


def look_at_witness(module):
    """What the host has of the service that keeps the engine's events."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.installed import read_text
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.names import KEPT

    folder = os.path.dirname(KEPT)
    kept = [path for path in (KEPT, KEPT + '.1') if os.path.lexists(path)]
    if os.path.isdir(folder) and not os.path.islink(folder) and set(os.listdir(folder)) <= set(map(os.path.basename, kept)):
        kept.append(folder)
    needed = [wants(WITNESS_UNIT), WITNESS_UNIT, WITNESS]
    files = [path for path in needed if os.path.lexists(path)]
    programs = [os.path.join(WITNESS, name) for name in WITNESS_FILES]
    texts = [read_text(path) for path in programs]
    complete = None not in texts
    runs = is_booted() and files == needed and complete and runs_as_installed(module, [WITNESS_UNIT] + programs)
    return dict(
        unit=WITNESS_UNIT, program=programs[-1], state=KEPT, files=files + kept, systemd=is_booted(), runs=runs,
        unit_text=read_text(WITNESS_UNIT),
        program_sha1=hashlib.sha1(''.join(texts).encode('utf-8')).hexdigest() if complete else None,
        old_unit=OLD_UNIT, old_files=[path for path in (wants(OLD_UNIT), OLD_UNIT, OLD_PROGRAM) if os.path.lexists(path)])


def runs_as_installed(module, files):
    """Whether the service runs, and was started after its files were written: a run of the role can have died in between."""
    asked = ['systemctl', 'show', '--property=ActiveState,ExecMainStartTimestampMonotonic', os.path.basename(WITNESS_UNIT)]
    told = dict(line.partition('=')[::2] for line in module.run_command(asked)[1].split('\n'))
    started = told.get('ExecMainStartTimestampMonotonic', '')
    if told.get('ActiveState') != 'active' or not started.isdigit():
        return False
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    return all(os.stat(path).st_ctime < booted + int(started) / 1e6 for path in files)


def look_at_forwarder(module):
    """What the host has of the service that sends findings and verdicts to the journal."""
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.installed import read_text
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files, names

    parts = (wants(FORWARDER_TIMER, 'timers.target'), FORWARDER_TIMER, FORWARDER_UNIT, FORWARDER)
    found = [path for path in parts if os.path.lexists(path)]
    program = files.read_regular(FORWARDER, LONGEST_FORWARDER) if os.path.isfile(FORWARDER) else None
    return dict(
        unit=FORWARDER_UNIT, timer=FORWARDER_TIMER, program=FORWARDER, systemd=is_booted(),
        files=found + sorted(glob.glob(os.path.join(os.path.dirname(names.KEPT), 'forward*'))),
        unit_text=read_text(FORWARDER_UNIT), timer_text=read_text(FORWARDER_TIMER),
        program_sha1=None if program is None else hashlib.sha1(program).hexdigest(),
        runs=is_booted() and set(parts) <= set(found)
        and module.run_command(['systemctl', 'is-active', '--quiet', os.path.basename(FORWARDER_TIMER)])[0] == 0)


def is_booted():
    return os.path.isdir('/run/systemd/system')  # sd_booted(3)


def find_service_programs(module):
    found = (module.get_bin_path(name) for name in ('systemctl', 'service', 'snap'))
    return list(dict.fromkeys(os.path.realpath(path) for path in found if path))


def find_engine_sockets(file_rules):
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import listeners

    found = listeners.of_root()
    if found is None:
        found = audit_rules.paths(rule for rule in file_rules if any(key.endswith(names.SOCKET_SUFFIX) for key in rule['keys']))
    return sorted(set([names.SOCKET] + found), key=lambda path: (path != names.SOCKET, path))


def access(path):
    """[uid, gid, mode] of a file, or None if there is none."""
    if not os.path.isfile(path):
        return None
    info = os.stat(path)
    return [info.st_uid, info.st_gid, '%04o' % stat.S_IMODE(info.st_mode)]


def is_enabled(module):
    """Whether auditd starts at boot, as ansible.builtin.service would find out; None if nothing tells."""
    systemctl = module.get_bin_path('systemctl')
    if systemctl and is_booted():
        return module.run_command([systemctl, 'is-enabled', '--quiet', 'auditd.service'])[0] == 0
    return bool(glob.glob('/etc/rc?.d/S??auditd')) or None


# Long, as it is one list of what is returned.
def main():
    module = AnsibleModule(
        argument_spec=dict(
            keys=dict(type='list', elements='str', default=['claude-hooks-docker'], no_log=False),
            rule_file=dict(type='str', default='claude-hooks-docker.rules'),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_audit_info')
    if old:
        module.fail_json(msg=old)
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forecast, installed
    from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules

    def run(words):
        return module.run_command(words, environ_update={'LC_ALL': 'C'})

    # get_bin_path adds /sbin, /usr/sbin and /usr/local/sbin to the PATH of the connection, which often lacks them.
    tools = dict((name, module.get_bin_path(name)) for name in installed.TOOLS)
    kernel = installed.kernel(run, tools['auditctl'])
    try:
        files = installed.rule_files(run, module.params['rule_file'], module.params['keys'])
    except installed.HostError as error:
        module.fail_json(msg=str(error))
    content = files.texts.get(files.own_path)
    file_rules = files.rules(files.own_path)
    ours = audit_rules.with_keys(kernel.rules, files.keys)
    missing, unexpected = audit_rules.difference(file_rules, ours)
    merged = forecast.merge(files.texts.items())
    # The role writes our file anew with a blank first line, which no neighbour without a final newline can swallow.
    rewritten = forecast.merge((path, '\n' + text if path in files.managed else text) for path, text in files.texts.items())
    compiled = installed.read_text(installed.COMPILED) or ''
    effects = forecast.effects(rewritten, compiled, kernel.rules, kernel.status, files.keys, installed.resolve_id)

    module.exit_json(
        changed=False,
        available=kernel.reason is None,
        reason=kernel.reason,
        root=os.geteuid() == 0,
        tools=tools,
        missing_tools=sorted(name for name in tools if tools[name] is None),
        status=kernel.status,
        auditd_enabled=is_enabled(module),
        arches=audit_rules.arches(platform.machine()),
        service_programs=find_service_programs(module),
        engine_sockets=find_engine_sockets(file_rules),
        immutable=kernel.is_locked,
        rule_file=dict(
            path=files.own_path, present=content is not None, owner=files.owners.get(files.own_path),
            access=access(files.own_path), content=content, rules=file_rules),
        managed_files=files.managed,
        own_keys=files.keys,
        kernel_rules=[{'rule': rule['rule'], 'delete': audit_rules.deletion(rule)} for rule in ours],
        in_sync=kernel.reason is None and not missing and not unexpected,
        missing=missing,
        unexpected=unexpected,
        foreign_use=[
            dict(entry, key=key) for entry in merged if entry['file'] not in files.managed
            for key in [audit_rules.used_key(entry['line'], files.keys)] if key is not None],
        witness=look_at_witness(module),
        forwarder=look_at_forwarder(module),
        compiled=any(audit_rules.has_key(line, files.keys) for line in compiled.split('\n')),
        load=dict(effects, refusals=forecast.refusals(effects)),
        stopped_at=forecast.stopped_at(merged, kernel.rules, installed.resolve_id),
    )


if __name__ == '__main__':
    main()
