# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: each thing that keeps a host from seeing has its code, a healthy host has none, and no text makes this
fail.
"""

from __future__ import annotations

import pathlib
import re

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config as auditd_conf
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import (
    checks as coverage,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import (
    codes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[4]
KEY = 'claude-hooks-docker'
DOCKER = '/usr/bin/docker'
OURS = ['-a always,exit -F path=%s -F perm=x -F uid=%d -F key=%s' % (DOCKER, uid, KEY) for uid in (0, 1000)]
CONNECTS = '-a always,exit -F arch=b64 -S connect -F path=/run/docker.sock -F key=claude-hooks-docker-socket'
ALSO = [
    CONNECTS,
    '-a always,exit -F arch=b64 -S kill -F a1=9 -F key=claude-hooks-docker-signals',
    '-a always,exit -F path=/usr/bin/systemctl -F perm=x -F key=claude-hooks-docker-services',
]
HOUR = 3600 * 1000
NOW = 1795500000000
CONFIG = {
    'write_logs': 'yes',
    'log_format': 'ENRICHED',
    'max_log_file': '8',
    'num_logs': '5',
    'max_log_file_action': 'ROTATE',
    'space_left': '75',
    'space_left_action': 'SYSLOG',
    'admin_space_left': '50',
    'admin_space_left_action': 'SYSLOG',
    'disk_full_action': 'SYSLOG',
    'disk_error_action': 'SYSLOG',
}
LOG = {
    'path': '/var/log/audit/audit.log',
    'present': True,
    'files': 5,
    'bytes': 40 << 20,
    'first': NOW - 100 * HOUR,
    'last': NOW - 1000,
    'free': 9 << 30,
    'size': 20 << 30,
}
STATUS = {'enabled': 1, 'pid': 611, 'rate_limit': 0, 'backlog_limit': 8192, 'lost': 0}
UNIT = {'present': True, 'masked': False, 'enabled': True, 'needs': []}
CALLED = {'auditd.service': dict(UNIT, needs=['audit-rules.service']), 'audit-rules.service': dict(UNIT, enabled=False)}


def rules(*lines):
    return [audit_rules.parse_rule(line) for line in lines]


def host(**changes):
    """A host that sees everything, with changes."""
    healthy = {
        'reason': None,
        'now': NOW,
        'status': STATUS,
        'kernel': rules(*OURS, *ALSO),
        'unknown': [],
        'keys': [KEY],
        'rule_file': {'path': '/etc/audit/rules.d/x.rules', 'present': True, 'rules': rules(*OURS)},
        'cmdline': 'quiet -- audit=0',
        'consumer': 'auditd',
        'journal': False,
        'is_volatile': False,
        'config': CONFIG,
        'log': LOG,
        'executables': [{'path': '/bin/docker', 'real_path': DOCKER, 'is_plugin': False}],
        'real_paths': {DOCKER: DOCKER},
        'is_docker_host': True,
        'talkers': [{'uid': 0, 'name': 'root', 'why': 'owner of /run/docker.sock'}],
        'tcp': [],
        'sockets': ['/run/docker.sock'],
        'has_witness': True,
        'blind_witness': None,
        'units': {'auditd.service': UNIT, 'audit-rules.service': UNIT},
        'unseen': [],
    }
    return dict(healthy, **changes)


def kernel(*lines):
    return {'kernel': rules(*lines, *ALSO)}


def config(**changes):
    return {'config': dict(CONFIG, **changes)}


def log(**changes):
    return {'log': dict(LOG, **changes)}


def status(**changes):
    return {'status': dict(STATUS, **changes)}


def program(path, is_plugin=False, real=None):
    return {'executables': [{'path': path, 'real_path': real or path, 'is_plugin': is_plugin}]}


def talker(uid, name, why):
    return {'talkers': [{'uid': uid, 'name': name, 'why': why}]}


def unit(name='auditd.service', **changes):
    return {'units': dict({'auditd.service': UNIT, 'audit-rules.service': UNIT}, **{name: dict(UNIT, **changes)})}


WATCH = '-w /usr/bin/docker -p x -k docker'
CASES = [
    (
        'kernel_not_readable',
        'blind',
        {'reason': 'auditctl not found', 'status': {}, 'kernel': []},
        'auditctl not found',
    ),
    ('audit_off_at_boot', 'blind', {'cmdline': 'quiet audit=0'}, 'audit=0 in /proc/cmdline'),
    (
        'audit_off_at_boot',
        'blind',
        {'cmdline': 'audit=off', 'reason': 'protocol not supported'},
        'audit=off in /proc/cmdline',
    ),
    ('audit_disabled', 'blind', status(enabled=0), 'enabled 0'),
    ('auditd_not_running', 'blind', status(pid=0), 'auditctl -s: pid 0'),
    (
        'journal_volatile',
        'partial',
        {**status(pid=0), 'journal': True, 'is_volatile': True},
        '/var/log/journal does not exist',
    ),
    ('consumer_not_auditd', 'blind', {'consumer': 'auditbeat'}, 'pid 611, which is auditbeat'),
    ('auditd_not_running', 'blind', {'consumer': None}, 'a process that has ended'),
    ('never_task', 'blind', kernel('-a never,task', *OURS), '-a never,task'),
    ('log_not_written', 'blind', config(write_logs='no'), 'write_logs = no'),
    ('log_not_written', 'blind', config(log_format='NOLOG'), 'log_format = NOLOG'),
    ('log_not_written', 'blind', config(local_events='no'), 'local_events = no'),
    ('log_missing', 'blind', log(present=False, first=None, last=None), '/var/log/audit/audit.log does not exist'),
    ('log_stale', 'partial', log(last=NOW - 24 * HOUR), 'is 24 hours old'),
    ('log_disk_full', 'blind', log(free=0), 'no space is left where /var/log/audit/audit.log lies'),
    (
        'log_disk_full',
        'blind',
        dict(config(admin_space_left_action='SUSPEND'), **log(free=49 << 20)),
        '49 MB are left .* admin_space_left = 50 auditd does SUSPEND',
    ),
    (
        'log_disk_full',
        'blind',
        dict(config(space_left='25%', space_left_action='halt'), **log(free=4 << 30)),
        'space_left = 25% auditd does halt',
    ),
    (
        'rules_missing',
        'blind',
        kernel(),
        'no rule with the key claude-hooks-docker logs an execution; .* asks for 2 rules',
    ),
    (
        'rules_missing',
        'blind',
        kernel('-a always,exit -F path=/usr/bin/docker -F perm=w -F key=claude-hooks-docker'),
        'no rule with the key',
    ),
    (
        'docker_missing',
        'note',
        dict(kernel(), executables=[], is_docker_host=False, rule_file={'path': 'x', 'present': False, 'rules': []}),
        'nothing on PATH',
    ),
    (
        'rules_missing',
        'blind',
        dict(kernel(), executables=[], rule_file={'path': 'x', 'present': False, 'rules': []}),
        'x does not exist',
    ),
    ('rules_missing', 'blind', dict(kernel(), executables=[], is_docker_host=False), 'asks for 2 rules'),
    ('rules_partial', 'partial', kernel(OURS[0]), 'missing in the kernel: .* uid=1000'),
    (
        'rules_partial',
        'partial',
        kernel(*OURS, OURS[0].replace('docker -F', 'docker2 -F')),
        '/usr/bin/docker2 is watched, but not for uid 1000',
    ),
    (
        'rules_unexpected',
        'partial',
        kernel(*OURS, OURS[0].replace('uid=0', 'uid=7')),
        'not in /etc/audit/rules.d/x.rules: .* uid=7',
    ),
    ('rules_locked', 'partial', dict(kernel(OURS[0]), **status(enabled=2)), 'enabled 2, and 1 rules differ'),
    ('rules_not_at_boot', 'partial', unit(masked=True), 'auditd.service is masked'),
    ('rules_not_at_boot', 'partial', unit('audit-rules.service', masked=True), 'audit-rules.service is masked'),
    ('rules_not_at_boot', 'partial', unit(enabled=False), 'auditd.service is not enabled'),
    ('rules_not_at_boot', 'partial', unit('audit-rules.service', enabled=False), 'audit-rules.service is not enabled'),
    ('rules_not_at_boot', 'partial', unit(present=False), 'there is no auditd.service'),
    (
        'rule_shadowed',
        'blind',
        kernel(WATCH, *OURS),
        r'-w /usr/bin/docker -p x -k docker \(key docker\) comes first and takes: all of /usr/bin/docker by uid 0',
    ),
    ('rule_shadowed', 'partial', kernel(OURS[0], WATCH, OURS[1]), 'takes: all of /usr/bin/docker by uid 1000'),
    (
        'rule_shadowed',
        'partial',
        kernel('-a always,exit -F arch=b64 -S execve -F auid>=1000 -k cmds', *OURS),
        'key cmds.* some of /usr/bin/docker by uid 0',
    ),
    (
        'rule_shadowed',
        'partial',
        kernel('-a never,task -F uid=1000', *OURS),
        r'key none\) comes first and takes: all of /usr/bin/docker by uid 1000',
    ),
    ('records_excluded', 'blind', kernel('-a always,exclude -F msgtype=EXECVE', *OURS), 'msgtype=EXECVE'),
    ('records_excluded', 'partial', kernel('-a always,exclude -F msgtype=CWD', *OURS), 'msgtype=CWD'),
    ('records_excluded', 'partial', kernel('-a always,exclude -F msgtype=1300 -F auid=5', *OURS), 'msgtype=1300'),
    (
        'rule_path_stale',
        'blind',
        {'real_paths': {DOCKER: '/opt/docker'}},
        '/usr/bin/docker of the rule leads to /opt/docker',
    ),
    ('rule_path_stale', 'blind', {'real_paths': {DOCKER: None}}, '/usr/bin/docker of the rule does not exist'),
    ('binary_not_covered', 'partial', program('/usr/bin/docker-compose'), '/usr/bin/docker-compose'),
    (
        'binary_not_covered',
        'partial',
        program('/snap/bin/docker', real='/usr/bin/snap'),
        '/snap/bin/docker, which leads to /usr/bin/snap: a rule on it',
    ),
    (
        'plugin_not_covered',
        'note',
        program('/usr/libexec/docker/cli-plugins/docker-compose', True),
        '/usr/libexec/docker/cli-plugins/docker-compose',
    ),
    (
        'users_not_watched',
        'partial',
        talker(1001, 'anna', 'group docker of /run/docker.sock'),
        r'uid 1001 \(anna\): group docker of /run/docker.sock',
    ),
    ('users_not_watched', 'partial', talker(None, None, 'mode 0666 of /run/docker.sock'), 'every user: mode 0666'),
    (
        'engine_on_tcp',
        'partial',
        {'tcp': [('tcp://0.0.0.0:2375', '/etc/docker/daemon.json')]},
        '/etc/docker/daemon.json: tcp://0.0.0.0:2375',
    ),
    ('socket_not_covered', 'note', {'sockets': ['/run/docker.sock', '/run/other.sock']}, '^/run/other.sock$'),
    ('sources_off', 'note', {'kernel': rules(*OURS, *ALSO[1:])}, '^off: socket: which programs use the API$'),
    ('sources_off', 'note', {'kernel': rules(*OURS, *ALSO[::2])}, '^off: signals: who sent a SIGKILL$'),
    ('sources_off', 'note', {'kernel': rules(*OURS, *ALSO[:2])}, '^off: services: who stopped the engine$'),
    ('sources_off', 'note', {'has_witness': False}, '^off: witness: which client asked'),
    (
        'sources_off',
        'note',
        {'kernel': rules(*OURS), 'keys': ['claude-hooks-docker' + kind for kind in ('', *names.SUFFIXES)]},
        '^off: socket: .*; signals: .*; services: .*',
    ),
    ('witness_blind', 'note', {'blind_witness': 'ptrace_scope'}, 'its last word: ptrace_scope'),
    ('records_lost', 'partial', status(lost=7), 'lost 7'),
    ('rate_limited', 'note', status(rate_limit=100), 'rate_limit 100'),
    ('backlog_small', 'note', status(backlog_limit=64), 'backlog_limit 64'),
    (
        'log_retention_short',
        'note',
        log(first=NOW - 20 * HOUR),
        '2097152 bytes an hour fill 5 files of 8 MB in 20.0 hours',
    ),
    ('log_not_rotated', 'note', config(max_log_file_action='KEEP_LOGS'), 'max_log_file_action = keep_logs'),
    ('log_not_rotated', 'note', config(num_logs='1'), 'num_logs = 1'),
    (
        'log_may_stop',
        'note',
        config(disk_full_action='SUSPEND', disk_error_action='HALT'),
        'disk_full_action = SUSPEND, disk_error_action = HALT',
    ),
    (
        'not_readable',
        'partial',
        {'unseen': [('/etc/docker/daemon.json', 'Permission denied')]},
        '/etc/docker/daemon.json: Permission denied',
    ),
    ('not_readable', 'partial', {'unknown': ['LIST_RULES: x']}, 'LIST_RULES: x'),
]
#: What comes of itself with another problem.
COMPANIONS = {
    'audit_off_at_boot': {'kernel_not_readable'},
    'log_disk_full': {'log_may_stop'},
    'rules_locked': {'rules_partial'},
    'rules_partial': {'rules_unexpected'},
    'rules_missing': {'rules_unexpected'},
}


@pytest.mark.parametrize(
    'code, weight, changes, evidence', CASES, ids=['%d-%s' % (number, case[0]) for number, case in enumerate(CASES)]
)
def test_a_problem_has_its_code_weight_and_evidence(code, weight, changes, evidence):
    found = coverage.problems(host(**changes))
    assert [(one['weight'], bool(re.search(evidence, one['evidence']))) for one in found if one['code'] == code] == [
        (weight, True)
    ], found


@pytest.mark.parametrize(
    'code, weight, changes, evidence', CASES, ids=['%d-%s' % (number, case[0]) for number, case in enumerate(CASES)]
)
def test_nothing_else_is_said_of_that_host(code, weight, changes, evidence):
    others = {one['code'] for one in coverage.problems(host(**changes))} - {code}
    assert others <= COMPANIONS.get(code, set())


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'units': None},  # not a host of systemd
        {'units': CALLED},  # auditd.service requires what loads the rules
        {'units': dict(CALLED, **{'audit-rules.service': dict(UNIT, present=False, enabled=False)})},
        log(last=None),
        log(last=NOW - 23 * HOUR),
        log(free=49 << 20),  # it says so in the system log and goes on
        status(backlog_limit=0),
        log(first=NOW - HOUR // 2, files=1),  # too young to know a rate
        talker(1000, 'anna', 'group docker of /run/docker.sock'),
        dict(
            kernel('-a always,exit -F path=/usr/bin/docker -F perm=x -F key=claude-hooks-docker'),
            rule_file={'path': 'x', 'present': True, 'rules': rules('-w /usr/bin/docker -p x -k claude-hooks-docker')},
            **talker(1001, 'b', 'owner'),
        ),
        kernel('-a always,exclude -F msgtype=PROCTITLE', '-a never,exclude -F uid=3', *OURS),
        {'cmdline': None},
    ],
)
def test_a_healthy_host_has_no_problem(changes):
    assert coverage.problems(host(**changes)) == []


@pytest.mark.parametrize(
    'rule',
    [
        '-a always,exit -F path=/usr/bin/dockerd -F perm=x -k other',
        '-w /usr/bin/docker -p wa -k other',
        '-w /usr/bin/doc -p x -k other',
        '-a always,exit -F arch=b64 -S openat -F path=/usr/bin/docker -k other',
        '-a always,exit -F arch=b32 -S execve -k other',
        '-a always,exit -F arch=b64 -S execve -F uid=7 -k other',
        '-a always,exit -F arch=b64 -S execve -C euid!=uid -F auid!=unset -k user_emulation',
        '-a always,exit -F arch=b64 -S execve -F success=0 -k other',
        '-a always,exit -F path=/usr/bin/sudo -F perm=x -F auid>=1000 -F auid!=unset -k privileged',
        '-a always,exit -F arch=b64 -S execve -F exe=/usr/bin/sudo -k other',
        '-a always,task -F uid=0',
        '-a always,user -F uid=0',
    ],
)
def test_a_rule_that_takes_nothing_is_no_shadow(rule):
    assert coverage.problems(host(**kernel(rule, *OURS))) == []


@pytest.mark.parametrize(
    'rule',
    [
        '-a always,exit -F arch=b64 -S execve -k other',
        '-a always,exit -S execve,execveat -F key=other',
        '-a always,exit -F arch=b64 -S 59 -F key=other',
        '-w /usr/bin -p x -k other',
        '-w /usr/bin/ -k other',
        '-a never,exit -F path=/usr/bin/docker -F perm=x',
        '-a always,exit -F exe=/usr/bin/docker -S execve -k other',
        '-a always,exit -S execve -F uid<=1000 -F success=1 -k other',
        '-a always,exit -S execve -F uid!=5 -C uid=euid -k other',
    ],
)
def test_a_rule_that_takes_everything_blinds(rule):
    assert [(one['code'], one['weight']) for one in coverage.problems(host(**kernel(rule, *OURS)))] == [
        ('rule_shadowed', 'blind')
    ]


def test_a_rule_behind_ours_takes_nothing():
    assert coverage.problems(host(**kernel(*OURS, WATCH))) == []


def test_two_rules_that_together_take_all_blind_the_host():
    first, second = (line.replace('-F key=' + KEY, '-k other') for line in OURS)
    assert [one['weight'] for one in coverage.problems(host(**kernel(first, second, *OURS)))] == ['blind', 'blind']


def test_one_stale_path_of_two_is_partial():
    second = [line.replace('/usr/bin/docker', '/opt/docker') for line in OURS]
    changes = dict(
        kernel(*OURS, *second),
        rule_file={'path': 'x', 'present': True, 'rules': rules(*OURS, *second)},
        real_paths={'/opt/docker': None},
    )
    assert [(one['code'], one['weight']) for one in coverage.problems(host(**changes))] == [
        ('rule_path_stale', 'partial')
    ]


def test_the_heaviest_stand_first():
    found = coverage.problems(host(unseen=[('x', 'y')], **status(enabled=0, backlog_limit=64, lost=1)))
    assert [one['weight'] for one in found] == ['blind', 'partial', 'partial', 'note']


def test_every_code_is_provoked_here():
    assert {case[0] for case in CASES} | {'canary_not_seen', 'canary_refused'} == set(codes.CODES)


def test_every_code_is_documented_as_it_is_returned():
    rows = re.findall(
        r'^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$', (ROOT / 'docs' / 'coverage.md').read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted((code, *known) for code, known in codes.CODES.items())


@pytest.mark.parametrize(
    'weights, proven, expected',
    [
        (['note', 'partial', 'blind'], True, 'blind'),
        (['note', 'partial'], True, 'partial'),
        (['note'], True, 'proven'),
        (['note'], False, 'complete'),
        ([], False, 'complete'),
    ],
)
def test_the_verdict_is_that_of_the_heaviest_problem(weights, proven, expected):
    assert codes.outcome([{'weight': weight} for weight in weights], proven) == expected


@pytest.mark.parametrize(
    'changes, expected',
    [
        ({}, {'bytes': 40 << 20, 'capacity': 40 << 20, 'bytes_per_hour': 419430, 'hours': 100.0}),
        (
            log(bytes=4 << 20, first=NOW - 10 * HOUR, files=1),
            {'bytes': 4 << 20, 'capacity': 40 << 20, 'bytes_per_hour': 419430, 'hours': 100.0},
        ),
        (
            log(bytes=4 << 20, first=NOW - HOUR // 2, files=1),
            {'bytes': 4 << 20, 'capacity': 40 << 20, 'bytes_per_hour': None, 'hours': None},
        ),
        (
            log(first=NOW - HOUR // 2),
            {'bytes': 40 << 20, 'capacity': 40 << 20, 'bytes_per_hour': 83886080, 'hours': 0.5},
        ),
        (
            config(max_log_file_action='ignore'),
            {'bytes': 40 << 20, 'capacity': None, 'bytes_per_hour': 419430, 'hours': None},
        ),
        (log(bytes=0, first=None), {'bytes': 0, 'capacity': 40 << 20, 'bytes_per_hour': None, 'hours': None}),
        ({'config': None}, {'bytes': 40 << 20, 'capacity': None, 'bytes_per_hour': 419430, 'hours': None}),
    ],
)
def test_how_far_the_logs_reach_back(changes, expected):
    assert coverage.retention(host(**changes)) == expected


def test_bytes_that_are_not_utf_8_are_shown():
    assert codes.problem('binary_not_covered', '/opt/\udcff/docker')['evidence'] == '/opt/\\xff/docker'


names = st.sampled_from(sorted(CONFIG) + ['log_file', 'local_events'])
lines = st.lists(
    st.tuples(
        st.one_of(names, st.text(max_size=9)),
        st.sampled_from(['=', ' = ', '', ' ']),
        st.one_of(st.text(max_size=9), st.sampled_from(['²', '٣%', '-1', '9' * 5000, '%', 'SUSPEND', 'no'])),
    ).map(''.join)
)


@settings(deadline=None)
@given(
    status_lines=lines, conf_lines=lines, listing=lines, cmdline=st.text(max_size=20), number=st.integers(0, 1 << 62)
)
def test_no_text_makes_it_fail(status_lines, conf_lines, listing, cmdline, number):
    states = audit_rules.parse_status('\n'.join(status_lines + ['backlog_limit ²', 'lost %d' % number]))
    odd = ['-a always,exit -S execve -F uid=² -k x', '-a always,exit -F path=/x -F perm=x -F uid=² -k ' + KEY]
    kernel_rules, unknown = audit_rules.parse_listing('\n'.join(listing + odd))
    found = coverage.problems(
        host(
            status=states,
            kernel=kernel_rules + rules(*OURS),
            unknown=unknown,
            config=auditd_conf.parse('\n'.join(conf_lines)),
            cmdline=cmdline,
            log=dict(LOG, free=number, first=number, bytes=number),
        )
    )
    assert all(one['code'] in codes.CODES and one['weight'] in codes.WEIGHTS for one in found)
