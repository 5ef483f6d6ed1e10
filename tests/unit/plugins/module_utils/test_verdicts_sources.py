# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a source counts as looking only when the log and the kernel show that it was, and why an engine ended is
read from what its host noted, whatever else stands there.
"""

from __future__ import annotations

import datetime
import json
import shlex

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

    assert [(watch.uids, watch.known) for watch in commands] == [(None, False), ((0, 1000), True)]
    assert not looking.commands_logged((SECOND + 200) * 1000, (SECOND + 300) * 1000)
    assert looking.commands_partly((SECOND + 50) * 1000, (SECOND + 60) * 1000)
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
    noted = reasons.of_records([STOPPED, SHUTDOWN, STOPPED.replace(b'_STOP', b'_START')])
    assert (noted.ends, noted.starts) == ([1795492663051], [1795492663051])
    assert [(reason.line['code'], reason.line.get('unit')) for reason in noted.reasons] == [
        ('unit_stopped', 'docker'),
        ('host_shut_down', None),
    ]
    # Anybody with CAP_AUDIT_WRITE can write the second
    assert [reason.line.get('record') for reason in noted.reasons] == [None, 'SYSTEM_SHUTDOWN']


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
    assert reasons.of_records([line]) == ([], [], [])


def test_containerd_has_an_end_that_is_not_that_of_the_engine():
    noted = reasons.of_records([STOPPED.replace(b'unit=docker', b'unit=containerd')])
    assert noted.ends == [] and noted.reasons[0].line['unit'] == 'containerd'


@pytest.mark.parametrize(
    'typed, expected',
    [
        (b'73797374656D63746C207265737461727420646F636B6572', ['systemctl', 'restart', 'docker']),
        (b'"reboot"', ['reboot']),
        (b'"ls"', None),
    ],
)
def test_what_was_typed_with_sudo(typed, expected):
    why = [reason.line for reason in reasons.of_records([SUDO % typed]).reasons]
    assert [reason['argv'] for reason in why] == ([expected] if expected else [])
    assert all((reason['uid'], reason['auid']) == (1000, 1000) for reason in why)


@pytest.mark.parametrize(
    'text, is_reason',
    [
        ('apt-get install -y docker.io', True),
        ('/usr/bin/apt upgrade', True),
        ('dnf update', True),
        ('sh -c "systemctl stop docker"', True),
        ('/opt/bin/upgrade-docker.sh', True),
        ('pkill dockerd', True),
        ('snap refresh', True),
        ('service docker restart', True),
        ('docker ps', False),
        ('docker logs web', False),
        ('apt list', False),
        ('apt-get update', False),
        ('vi /etc/docker/daemon.json', False),
        ('systemctl status docker', False),
    ],
)
def test_only_what_can_end_the_engine_is_a_reason(text, is_reason):
    typed = text.encode().hex().upper().encode()
    assert bool(reasons.of_records([SUDO % typed]).reasons) is is_reason


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
2026-11-24 06:12:20 status installed docker.io:amd64 28.5.2
2026-11-24 08:00:06 upgrade containerd:amd64 1.6 1.7
2026-11-24 08:03:00 status installed curl:amd64 9
2026-11-24 08:04:00 status installed containerd:amd64 1.7
2026-11-24 08:05:00 status installed containerd:amd64 1.7
2026-11-24 09:00:00 upgrade docker-ce:amd64 1 2
2026-11-24 09:00:01 upgrade docker-ce-cli:amd64 1 2
"""


def seconds(text):
    return datetime.datetime.fromisoformat('2026-11-24T' + text + '+00:00').timestamp() * 1000


def test_what_apt_and_dpkg_did_with_the_engine_is_told_once_and_explains_ends_until_it_was_done():
    found = reasons.of_packages(APT, DPKG, datetime.timezone.utc)
    assert [
        (reason.line['time'][11:19], *[reason.line[name] for name in ('tool', 'package', 'change')]) for reason in found
    ] == [
        # the second is dpkg's, the command line apt's
        ('06:12:03', '/usr/bin/unattended-upgrade', 'docker.io', 'upgrade 28.5.1 to 28.5.2'),
        ('07:00:00', 'apt-get install moby-engine (requested by ops (1000))', 'moby-engine', 'install 27.0'),
        ('08:00:06', 'dpkg', 'containerd', 'upgrade 1.6 to 1.7'),
        ('09:00:00', 'dpkg', 'docker-ce', 'upgrade 1 to 2'),
    ]
    assert [(reason.first, reason.last) for reason in found] == [
        (seconds('06:12:01'), seconds('06:12:31')),
        (seconds('07:00:00'), seconds('07:00:11')),
        (seconds('08:00:06'), seconds('08:04:01')),
        (seconds('09:00:00'), seconds('09:02:00')),  # it did not come to its end
    ]


@pytest.mark.parametrize(
    'line, can',
    [
        ('systemctl stop docker', True),
        ('/usr/bin/systemctl --no-block restart docker.service', True),
        ('systemctl -H web2 stop docker', True),
        ('systemctl stop docker.socket docker', True),
        ('systemctl stop "dock*"', True),
        ('systemctl kill -s KILL containerd', True),
        ('systemctl isolate rescue.target', True),
        ('systemctl poweroff', True),
        ('reboot', True),
        ('/usr/sbin/shutdown -h now', True),
        ('service docker stop', True),
        ('/bin/sh /usr/sbin/service docker restart', True),
        ('snap refresh', True),
        ('snap restart docker.dockerd', True),
        ('snap remove --purge docker', True),
        ('systemctl status docker', False),
        ('systemctl start docker', False),
        ('systemctl restart docker-backup', False),
        ('systemctl stop nginx', False),
        ('service nginx stop', False),
        ('service docker status', False),
        ('service --status-all', False),
        ('snap refresh lxd', False),
        ('snap list docker', False),
        ('systemctl', False),
        ('', False),
    ],
)
def test_which_command_for_services_can_have_stopped_the_engine(line, can):
    entry = {'timestamp': '2026-11-24T03:12:00.001Z', 'pid': 7, 'uid': 0, 'auid': 1000, 'exe': '/usr/bin/systemctl'}
    argv = shlex.split(line)
    found = reasons.of_commands([dict(entry, argv=argv, argv_complete=True)])
    assert [reason.line['argv'] for reason in found] == ([argv] if can else [])
    assert all(reason.line['pid'] == 7 and reason.line['auid'] == 1000 for reason in found)


SHUT = reasons.of_records([SHUTDOWN]).reasons[0]
TYPED = reasons.of_records([SUDO % b'"reboot"']).reasons[0]


@pytest.mark.parametrize(
    'reason, end, others, explains',
    [
        # a command explains what comes after it, not what was before
        (TYPED, 5, [], True),
        (TYPED, 119, [], True),
        (TYPED, 121, [], False),
        (TYPED, -1, [], False),
        # and of several ends the first; the same end can be noted twice
        (TYPED, 60, [30], False),
        (TYPED, 60, [-30, 90], True),
        (TYPED, 5, [3], True),
        # the shutdown of the host is noted once its services are down
        (SHUT, -5, [], True),
        (SHUT, 11, [], False),
        (SHUT, -60, [-30], False),
    ],
)
def test_which_end_of_the_engine_a_reason_explains(reason, end, others, explains):
    ends = sorted(reason.moment + 1000 * one for one in [*others, end])
    assert reasons.why([reason], reason.moment + 1000 * end, ends) == ([reason.line] if explains else [])


@pytest.mark.parametrize(
    'after, records, is_said',
    [
        (40, [], True),
        (301, [], False),
        # systemd noted it itself; somebody started the engine before the host went down
        (40, [SHUTDOWN], False),
        (40, [STOPPED.replace(b'_STOP', b'_START').replace(b'2663.051', b'2664.051')], False),
    ],
)
def test_a_boot_after_the_end_of_the_engine_is_said_where_no_shutdown_was_noted(after, records, is_said):
    noted = reasons.of_records([STOPPED, *records])
    found = reasons.of_boot(noted.ends[0] + 1000 * after, noted)
    assert [reason.line['code'] for reason in found] == (['host_booted'] if is_said else [])
    assert reasons.why(found, noted.ends[0], noted.ends) == [reason.line for reason in found]


# As rpm's plugin writes it, on Enterprise Linux 7 without op= and from 8 on
YUM = (
    b"type=SOFTWARE_UPDATE msg=audit(1795492663.436:839): pid=2856 uid=0 auid=1000 ses=2 subj=unconfined_u:"
    b"unconfined_r:unconfined_t:s0 msg='sw=\"%s\" sw_type=rpm key_enforce=0 gpg_res=1 root_dir=\"/\" comm=\"yum\" "
    b"exe=\"/usr/bin/python2.7\" hostname=? addr=? terminal=? res=success'"
)
DNF = (
    b"type=SOFTWARE_UPDATE msg=audit(1795492663.614:625): pid=2847 uid=0 auid=4294967295 ses=4294967295 subj=system_u:"
    b"system_r:rpm_t:s0 msg='op=update sw=\"%s\" sw_type=rpm key_enforce=0 gpg_res=1 root_dir=\"/\" "
    b"comm=\"dnf-automatic\" "
    b"exe=\"/usr/bin/python3.9\" hostname=? addr=? terminal=? res=success'\x1dUID=\"root\" AUID=\"unset\""
)


@pytest.mark.parametrize(
    'record, package, tool, change',
    [
        (YUM, b'docker-ce-3:26.1.4-1.el7.x86_64', 'yum (requested by login uid 1000)', 'install or update'),
        (DNF, b'containerd.io-1.6.32-3.1.el9.x86_64', 'dnf-automatic', 'update'),
        (DNF, b'docker-2:1.13.1-210.git7d71120.el7.x86_64', 'dnf-automatic', 'update'),
        (DNF, b'moby-engine-24.0.5-1.fc39.x86_64', 'dnf-automatic', 'update'),
        (DNF, b'runc-4:1.1.12-2.el9.x86_64', 'dnf-automatic', 'update'),
    ],
)
def test_what_rpm_did_with_the_engine(record, package, tool, change):
    (reason,) = reasons.of_records([record % package]).reasons
    assert [reason.line[name] for name in ('tool', 'package', 'change')] == [tool, package.decode(), change]
    # It is written when all packages are done
    assert reasons.why([reason], reason.moment - 60000, []) == [reason.line]


@pytest.mark.parametrize('package', [b'nginx-1:1.20.1', b'docker-compose-plugin-2.27.0', b'docker-ce-cli-1:26.1.4'])
def test_packages_that_leave_the_engine_alone_are_no_reason(package):
    assert reasons.of_records([DNF % package]) == ([], [], [])


def snapd(tasks, summary='Auto-refresh 5 snaps', kind='auto-refresh'):
    """As snapd 2.57 answers."""
    told = {'label': '', 'done': 1, 'total': 1}
    tasks = [
        dict(
            {'id': str(number), 'status': 'Done', 'progress': told, 'spawn-time': '2026-11-26T08:10:15.494196351Z'},
            **task,
        )
        for number, task in enumerate(tasks)
    ]
    change = {'id': '2', 'kind': kind, 'summary': summary, 'status': 'Done', 'tasks': tasks, 'ready': True}
    change.update({'spawn-time': '2026-11-26T08:10:15.494227828Z', 'ready-time': '2026-11-26T08:14:15.496109436Z'})
    return json.dumps({'type': 'sync', 'status-code': 200, 'status': 'OK', 'result': [change]}).encode()


STOP = {
    'kind': 'stop-snap-services',
    'summary': 'Stop snap "docker" services',
    'ready-time': '2026-11-26T08:12:15.496108935Z',
}


@pytest.mark.parametrize(
    'answer, expected',
    [
        (snapd([STOP]), [('2026-11-26T08:12:15.496Z', 'Auto-refresh 5 snaps')]),  # names no snap from four on
        (
            snapd(
                [
                    {
                        'kind': 'service-control',
                        'summary': 'Run service command "restart" for services ["dockerd"] of snap "docker"',
                    }
                ],
                'Running service command',
                'service-control',
            ),
            [('2026-11-26T08:10:15.494Z', 'Running service command')],
        ),
        (snapd([dict(STOP, summary='Stop snap "lxd" services')]), []),
        (snapd([{'kind': 'mark-seeded', 'summary': 'Mark system seeded "docker"'}]), []),
        (snapd([dict(STOP, **{'ready-time': 'now'})]), []),
        (b'', []),
        (b'[]', []),
        (b'{"result": [5]}', []),
    ],
)
def test_when_snapd_stopped_the_engine(answer, expected):
    found = [reason.line for reason in reasons.of_snap(answer)]
    assert [(line['time'], line['change']) for line in found] == expected


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
    assert found == [(1000.0 + 2543090.952, ID, limit, 'python3', 22243, False, None, pytest.approx(1271.5, abs=0.1))]
    assert covered == ((2000.0, 9e9),)


# As kernel 6.1 wrote it, in a container with a limit of its own
TABLE = (
    b'6,2320,2543090952,-;Tasks state (memory values in pages):\n',
    b'6,2321,2543090952,-;[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n',
    b'6,2322,2543090952,-;[   1990]     0  1990      571      391    16384        0             0 sh\n',
    b'6,2323,2543090952,-;[  22243]     0 22243    16955     4300    53248        0             0 python3\n',
)
OWN = '/system.slice/docker-%s.scope' % ID


def killed_in(limit_of, constraint='CONSTRAINT_MEMCG'):
    return KILLED.replace(b'/x', limit_of.encode()) % (constraint.encode(), OWN.encode())


@pytest.mark.parametrize(
    'records, code, others',
    [
        ([*TABLE, killed_in(OWN)], 'oom_of_limit', 1),
        ([*TABLE[:2], TABLE[3], killed_in(OWN)], 'oom_of_limit', 0),
        ([killed_in(OWN)], 'oom_of_limit', None),
        ([*TABLE[:3], killed_in(OWN)], 'oom_of_limit', None),  # the victim is not in the table: it is of something else
        # of an earlier lack
        ([*TABLE, killed_in('/elsewhere'), killed_in(OWN)], 'oom_of_limit', None),
        # the table has those of other containers, too
        ([*TABLE, killed_in('/lab.slice')], 'oom_of_group', None),
        ([*TABLE, killed_in(OWN, 'CONSTRAINT_NONE')], 'oom_of_host', None),
        # the head of the next table
        ([*TABLE, TABLE[1], TABLE[3], killed_in(OWN)], 'oom_of_limit', 0),
        # a program can write such a row, but not as the kernel
        ([*TABLE[:2], TABLE[3], b'12' + TABLE[2][1:], killed_in(OWN)], 'oom_of_limit', 0),
    ],
)
def test_whose_memory_ran_out_and_how_many_processes_it_had(records, code, others):
    kill = kernel_log.kills(records, 0.0, 9e9)[0][-1]
    assert (kill.code, kill.others) == (code, others)


@pytest.mark.parametrize(
    'record',
    [
        b'',
        b'rubbish',
        b'12' + (KILLED % (b'CONSTRAINT_MEMCG', OWN.encode()))[1:],
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


@pytest.mark.parametrize(
    'moments, periods',
    [
        ([(1000, 1), (9000, 2), (4000, 3), (9500, 4)], [(4000, 9000)]),
        ([(1000, 1), (9000, 2), (8500, 3)], []),  # events that were logged at once
        ([(9000, 70), (4000, 3)], []),  # after a boot the numbers begin anew
        ([(9000, 1), (None, 0), (4000, 2)], [(4000, 9000)]),
        ([], []),
    ],
)
def test_a_clock_that_was_set_back_is_known_by_the_numbers_of_events(moments, periods):
    assert list(sources.twice(moments)) == periods
