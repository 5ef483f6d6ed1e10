# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a source counts as looking only when the log and the kernel show that it was, and why an engine ended is
read from what its host noted, whatever else stands there.
"""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import kernel_log, reasons, sources

KEY = 'claude-hooks-docker'
SECOND = 1795492663


def changed(at, op, key=KEY, extra=b''):
    """As the kernel writes it (kernel/auditfilter.c audit_log_rule_change)."""
    return b'type=CONFIG_CHANGE msg=audit(%d.000:%d): auid=0 ses=1 op=%s key="%s" list=4 res=1%s' % (
        SECOND + at,
        at + 500,
        op.encode(),
        key.encode(),
        extra,
    )


def daemon(at, kind):
    return b'type=%s msg=audit(%d.000:%d): op=start ver=3.0.9 res=success' % (kind.encode(), SECOND + at, at + 100)


def periods(lines, is_loaded, first=0, now=1000, key=KEY):
    found = sources.in_force(sources.changes(lines), key, (SECOND + now) * 1000, (SECOND + first) * 1000, is_loaded)
    return [(start / 1000 - SECOND, end / 1000 - SECOND, last) for start, end, last in found]


@pytest.mark.parametrize(
    'lines, is_loaded, expected',
    [
        # no change in the log: what the kernel holds now was there, it may have come at boot without a record
        ([], True, [(0, 1000, True)]),
        ([], False, []),
        ([], None, []),
        ([changed(100, 'add_rule')], True, [(100, 1000, True)]),
        ([changed(100, 'add_rule')], None, [(100, 1000, True)]),
        ([changed(100, 'add_rule')], False, []),
        ([changed(100, 'remove_rule')], False, [(0, 100, False)]),
        # the first rule that went ends what is known of all, and those that stayed are those of now
        ([changed(100, 'remove_rule')], True, [(0, 100, False), (100, 1000, True)]),
        ([changed(100, 'remove_rule'), changed(101, 'remove_rule')], False, [(0, 100, False)]),
        # a reload
        (
            [
                changed(100, 'remove_rule'),
                changed(101, 'remove_rule'),
                changed(102, 'add_rule'),
                changed(103, 'add_rule'),
            ],
            True,
            [(0, 100, False), (102, 103, False), (103, 1000, True)],
        ),
        # of another key, also of one that has ours in it
        ([changed(100, 'remove_rule', 'other'), changed(200, 'remove_rule', KEY + '-socket')], True, [(0, 1000, True)]),
        # auditd was down: the log says nothing of that time
        ([daemon(300, 'DAEMON_END'), daemon(400, 'DAEMON_START')], True, [(0, 300, True), (400, 1000, True)]),
        ([daemon(300, 'DAEMON_END')], True, [(0, 300, True)]),
    ],
)
def test_when_a_rule_was_in_force(lines, is_loaded, expected):
    assert periods(lines, is_loaded) == expected


def test_a_log_without_records_shows_nothing():
    assert sources.in_force([], KEY, 1000, None, True) == []


def test_a_key_in_hex_and_a_change_that_failed_are_read():
    keys = ('a\x01' + KEY).encode().hex().upper().encode()
    line = b'type=CONFIG_CHANGE msg=audit(%d.000:7): auid=0 op=add_rule key=%s list=4 res=1' % (SECOND, keys)
    assert [change.key for change in sources.changes([line])] == ['a', KEY]
    assert sources.changes([line.replace(b'res=1', b'res=0')]) == []


def test_audit_that_is_switched_off_ends_a_period():
    off = b'type=CONFIG_CHANGE msg=audit(%d.000:7): op=set audit_enabled=0 old=1 auid=0 ses=1 res=1' % (SECOND + 100)
    on = b'type=CONFIG_CHANGE msg=audit(%d.000:9): op=set audit_enabled=1 old=0 auid=0 ses=1 res=1' % (SECOND + 200)
    assert periods([off, on], True) == [(0, 100, True), (200, 1000, True)]


def test_whose_commands_are_watched_is_known_of_the_rules_of_now_alone():
    rules = [sources.Rule(KEY, ('/usr/bin/docker',), (0,)), sources.Rule(KEY, ('/usr/bin/docker',), (1000,))]
    lines = [changed(100, 'remove_rule'), changed(101, 'add_rule'), changed(101, 'add_rule')]
    commands, connects, _signals = sources.watched(
        sources.changes(lines), rules, KEY, (SECOND + 1000) * 1000, SECOND * 1000
    )
    looking = sources.Sources(commands=commands, connects=connects)

    def at(start, end, uid=None):
        return looking.commands_logged((SECOND + start) * 1000, (SECOND + end) * 1000, uid)

    assert at(200, 300, 0) and at(200, 300, 1000) and not at(200, 300, 1001) and not at(200, 300)
    assert not at(50, 60, 0) and looking.commands_partly((SECOND + 50) * 1000, (SECOND + 60) * 1000)
    assert connects == ()


@pytest.mark.parametrize('uids, everybody', [((), True), ((0,), False)])
def test_a_rule_without_users_watches_everybody(uids, everybody):
    rules = [sources.Rule(KEY, (), (5,)), sources.Rule(KEY, (), uids)]
    commands, _connects, _signals = sources.watched([], rules, KEY, 2000, 0)
    assert sources.Sources(commands=commands).commands_logged(1, 2) is everybody


# --- Why an engine went down ---

# As systemd 252 wrote them on Debian 12
STOPPED = (
    b'type=SERVICE_STOP msg=audit(1795492663.051:91): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=unconfined '
    b"msg='unit=docker comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'"
)
SHUTDOWN = (
    b'type=SYSTEM_SHUTDOWN msg=audit(1795492670.000:99): pid=900 uid=0 auid=4294967295 ses=4294967295 subj=unconfined '
    b"msg=' comm=\"systemd-update-utmp\" exe=\"/usr/lib/systemd/systemd-update-utmp\" hostname=? addr=? res=success'"
)
SUDO = (
    b'type=USER_CMD msg=audit(1795492660.000:90): pid=800 uid=1000 auid=1000 ses=3 subj=unconfined '
    b"msg='cwd=\"/home/ops\" cmd=%s exe=\"/usr/bin/sudo\" terminal=pts/0 res=success'"
)


def test_the_unit_of_the_engine_ends_it():
    ends, why = reasons.of_records([STOPPED, SHUTDOWN])
    assert ends == [1795492663051]
    assert [(reason['code'], reason.get('unit')) for reason in why] == [
        ('unit_stopped', 'docker'),
        ('host_shut_down', None),
    ]


@pytest.mark.parametrize(
    'line',
    [
        # any process with CAP_AUDIT_WRITE, docker's default for containers, can send such words, but not as pid 1
        STOPPED.replace(b'pid=1 ', b'pid=4711 '),
        STOPPED.replace(b'unit=docker ', b'unit=docker-evil '),
        STOPPED.replace(b'res=success', b'res=failed'),
        STOPPED.replace(b'unit=docker ', b'unit=cron '),
        SHUTDOWN.replace(b'uid=0', b'uid=1000'),
        b'type=SERVICE_STOP msg=audit(99',
    ],
)
def test_what_is_not_said_by_systemd_or_not_of_the_engine_is_nothing(line):
    assert reasons.of_records([line]) == ([], [])


def test_containerd_has_an_end_that_is_not_that_of_the_engine():
    ends, why = reasons.of_records([STOPPED.replace(b'unit=docker', b'unit=containerd')])
    assert ends == [] and why[0]['unit'] == 'containerd'


@pytest.mark.parametrize(
    'typed, expected',
    [
        (b'73797374656D63746C207265737461727420646F636B6572', ['systemctl', 'restart', 'docker']),
        (b'"reboot"', ['reboot']),
        (b'"ls"', None),
    ],
)
def test_what_was_typed_with_sudo(typed, expected):
    why = reasons.of_records([SUDO % typed])[1]
    assert [reason['argv'] for reason in why] == ([expected] if expected else [])
    assert all((reason['uid'], reason['auid']) == (1000, 1000) for reason in why)


APT = """
Start-Date: 2026-11-24  06:12:01
Commandline: /usr/bin/unattended-upgrade
Upgrade: docker.io:amd64 (28.5.1, 28.5.2), curl:amd64 (8, 9)
End-Date: 2026-11-24  06:12:30

Start-Date: 2026-11-24  07:00:00
Commandline: apt-get install moby-engine
Requested-By: ops (1000)
Install: moby-engine:amd64 (27.0), libc:amd64 (1, automatic)
End-Date: 2026-11-24  07:00:10

Start-Date: no time
Upgrade: docker.io:amd64 (1, 2)
"""
DPKG = """2026-11-24 06:12:03 upgrade docker.io:amd64 28.5.1 28.5.2
2026-11-24 06:12:03 status half-configured docker.io:amd64 28.5.1
2026-11-24 06:12:05 upgrade curl:amd64 8 9
2026-11-24 06:12:06 remove containerd:amd64 1.7 <none>
"""


def test_what_apt_and_dpkg_did_with_the_engine():
    zone = datetime.timezone.utc
    apt, dpkg = reasons.of_apt(APT, zone), reasons.of_dpkg(DPKG, zone)
    assert [(reason['time'], reason['tool'], reason['package'], reason['change']) for reason in apt] == [
        ('2026-11-24T06:12:01.000Z', '/usr/bin/unattended-upgrade', 'docker.io', 'upgrade 28.5.1 to 28.5.2'),
        (
            '2026-11-24T07:00:00.000Z',
            'apt-get install moby-engine (requested by ops (1000))',
            'moby-engine',
            'install 27.0',
        ),
    ]
    assert [(reason['time'], reason['package'], reason['change']) for reason in dpkg] == [
        ('2026-11-24T06:12:03.000Z', 'docker.io', 'upgrade 28.5.1 to 28.5.2'),
        ('2026-11-24T06:12:06.000Z', 'containerd', 'remove 1.7 to <none>'),
    ]


# --- Whom the kernel killed ---

ID = 'd0ddfc5a' * 8
# As kernel 6.1 wrote it
KILLED = (
    b'6,2327,2543090952,-;oom-kill:constraint=%s,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/x,task_memcg=%s'
    b',task=python3,pid=22243,uid=0\n'
)


@pytest.mark.parametrize(
    'group',
    [
        '/docker/' + ID,
        '/system.slice/docker-%s.scope' % ID,
        '/docker/%s/init' % ID,
        '/user.slice/user-1000.slice/user@1000.service/app.slice/docker-%s.scope' % ID,
    ],
)
@pytest.mark.parametrize('constraint, limit', [('CONSTRAINT_MEMCG', True), ('CONSTRAINT_NONE', False)])
def test_the_kernel_names_the_container(group, constraint, limit):
    record = KILLED % (constraint.encode(), group.encode())
    found, covered = kernel_log.kills([b'6,1,1000000,-;Linux version\n', record], 1000.0, 9e9)
    assert found == [(1000.0 + 2543090.952, ID, limit, 'python3', 22243)]
    assert covered == ((2000.0, 9e9),)


@pytest.mark.parametrize(
    'record',
    [
        b'',
        b'rubbish',
        KILLED % (b'CONSTRAINT_MEMCG', b'/system.slice/cron.service'),
        # a program can write to /dev/kmsg, but not what begins a record; and a task cannot hold a line
        b'14,2327,2543090952,-;x oom-kill:constraint=CONSTRAINT_MEMCG,a,task_memcg=/docker/%s,task=x,pid=1,'
        % ID.encode(),
    ],
)
def test_another_record_of_the_kernel_is_nothing(record):
    assert kernel_log.kills([record], 0, 1)[0] == []


def test_without_the_right_to_read_the_kernel_log_it_covers_nothing():
    assert list(kernel_log.read('/nonexistent')) == [] and kernel_log.kills([], 0, 1) == ([], ())


@pytest.mark.parametrize(
    'carrier', [b'type=NETFILTER_CFG msg=audit(1.000:3): table=%s:2', b"type=USER_CMD msg=audit(1.000:3): msg='%s'"]
)
def test_a_change_in_the_middle_of_a_line_is_none(carrier):
    for kind in (b'CONFIG_CHANGE', b'DAEMON_START', b'DAEMON_END'):
        forged = b'type=%s msg=audit(2.000:4): op=remove_rule key="claude-hooks-docker" list=4 res=1' % kind
        assert sources.changes([forged]) != []
        assert sources.changes([carrier % forged]) == []
