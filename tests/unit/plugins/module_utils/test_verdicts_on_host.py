# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what a host holds becomes sources with the periods in which they looked, and no more is claimed."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import listeners
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries as audit_entries
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host as host_facts
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host, reasons, sources

KEY = 'claude-hooks-docker'
BOOTED, NOW = 1795400000000, 1795500000000
NOTHING = {'events': [], 'gone': [], 'connects': [], 'gaps': [], 'marks': witness.Marks()}
EVENT = {'Type': 'container', 'Action': 'start', 'Actor': {'ID': 'a' * 64, 'Attributes': {}}}


def event(at):
    return dict(EVENT, timeNano=at * 1000000)


def sources_of(lines=(), listing='No rules', **fields):
    logged = host_facts.Logged([], [], [], [], [list(lines)], BOOTED, NOW)
    known = {
        'key': KEY,
        'logged': logged,
        'listing': listing,
        'now': NOW,
        'booted': BOOTED,
        'events': [],
        'full': False,
        'kept': NOTHING,
        'containers': {},
        'engine_since': None,
        'reasons': [],
        'own': [],
        'states': [],
        'kernel': [],
        'real': None,
    }
    return on_host.material(host_facts.Host(**{**known, **fields})).sources


@pytest.mark.parametrize(
    'listing, uids',
    [
        ('-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=' + KEY, (0,)),
        ('-w /usr/bin/docker -p x -k ' + KEY, None),
        ('-a always,exit -F path=/usr/bin/docker -F perm=x -F uid=0 -F uid!=5 -F key=' + KEY, (0,)),
    ],
)
def test_the_rules_of_the_kernel_say_who_is_watched(listing, uids):
    (watch,) = sources_of(listing=listing).commands
    assert watch == (BOOTED, NOW, uids, True)


@pytest.mark.parametrize('listing', ['No rules', '-w /usr/bin/docker -p x -k %s-other' % KEY, '-w /x -p x -k x' + KEY])
def test_the_rule_of_another_key_watches_nothing(listing):
    assert sources_of(listing=listing).commands == ()


def test_the_socket_has_a_rule_of_its_own():
    looking = sources_of(
        listing='-a always,exit -F arch=b64 -S connect -F path=/run/docker.sock -F key=%s-socket' % KEY
    )
    assert looking.connects == ((BOOTED, NOW),) and looking.commands == ()


@pytest.mark.parametrize(
    'fields, blind, ends',
    [
        # what an engine remembers is of its own time
        ({'events': [event(NOW - 50)]}, (), ((NOW - 50, NOW),)),
        ({'events': [event(NOW - 50)], 'engine_since': NOW - 60}, ((0, NOW - 60),), ((NOW - 50, NOW),)),
        ({'events': [event(NOW - 50)], 'full': True, 'engine_since': NOW - 60}, ((0, NOW - 50),), ((NOW - 50, NOW),)),
        (
            {
                'events': [event(NOW - 50)],
                'kept': dict(NOTHING, events=[event(NOW - 50)], gaps=[(NOW - 40, NOW - 30)]),
            },
            ((NOW - 40, NOW - 30), (0, NOW - 50)),
            ((NOW - 50, NOW - 40), (NOW - 30, NOW)),
        ),
        ({}, (), ((NOW, NOW),)),
    ],
)
def test_how_far_events_are_known(fields, blind, ends):
    looking = sources_of(**fields)
    assert [[round(time) for time in period] for period in looking.blind] == [list(period) for period in blind]
    assert [[round(time) for time in period] for period in looking.ends] == [list(period) for period in ends]


def started(at):
    return b'type=DAEMON_START msg=audit(%d.%03d:9): op=start' % divmod(at, 1000)


@pytest.mark.parametrize(
    'lines, auditd_since, sees_all',
    [
        ([started(BOOTED + 5000)], None, True),
        ([started(BOOTED + 5000), started(NOW - 5)], NOW - 5, True),
        ([started(NOW - 5)], None, False),  # installed hours after the boot
        ([], BOOTED + 5000, True),  # the record was rotated away
        ([], NOW - 5, False),
    ],
)
def test_what_ran_before_audit_is_never_seen(lines, auditd_since, sees_all, monkeypatch):
    monkeypatch.setattr(on_host.files, 'read_regular', lambda path, longest: b'quiet')
    assert (sources_of(lines, auditd_since=auditd_since).unseen is None) is sees_all


def test_a_kernel_that_was_booted_with_audit_sees_all(monkeypatch):
    monkeypatch.setattr(on_host.files, 'read_regular', lambda path, longest: b'quiet audit=1\n')
    assert sources_of([started(NOW - 5)]).unseen is None


# Measured: kill -9 from a shell, with the rule of the role
KILLED = b"""\
type=SYSCALL msg=audit(1795450000.120:77): arch=c000003e syscall=62 success=yes exit=0 a0=1267 a1=9 a2=0 a3=0 items=0 \
ppid=800 pid=801 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="bash" \
exe="/usr/bin/bash" subj=unconfined key="claude-hooks-docker-signals"
type=OBJ_PID msg=audit(1795450000.120:77): opid=4711 oauid=-1 ouid=0 oses=-1 ocomm="sleep"
"""


# Measured: a client that connects, with the rule of the role
CONNECTED = b"""\
type=SYSCALL msg=audit(1795450000.%d:%d): arch=c000003e syscall=42 success=yes exit=0 a0=3 a1=7ffeb7211d40 a2=11 a3=0 \
items=1 ppid=800 pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="curl" \
exe="/usr/bin/curl" subj=unconfined key="claude-hooks-docker-socket"
type=SOCKADDR msg=audit(1795450000.%d:%d): saddr=01002F72756E2F646F636B65722E736F636B00
type=CWD msg=audit(1795450000.%d:%d): cwd="/"
type=PATH msg=audit(1795450000.%d:%d): item=0 name=%s inode=%d dev=fe:00 mode=0140660 ouid=0 ogid=998 rdev=00:00 \
nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0
"""


def connected(pid, inode, name=b'"/run/docker.sock"'):
    ident = (120 + pid, pid)
    return CONNECTED % (*ident, pid, *ident, *ident, *ident, name, inode)


def test_a_connect_to_the_socket_of_another_engine_is_none(tmp_path):
    """By its inode: inside a container, or after a change of folder, the name says nothing."""
    log = tmp_path / 'audit.log'
    log.write_bytes(connected(1, 7) + connected(2, 8) + connected(3, 8, b'2F72756E2F61206222') + connected(4, 9))
    others = [
        listeners.Listener('fe:00', 8, 1795450000000, '/a'),
        # made since: what had the number before was another file
        listeners.Listener('fe:00', 9, 1795450001000, '/b'),
        listeners.Listener('fe:01', 7, 0, '/c'),
    ]
    pids = [
        [entry['pid'] for entry in audit_entries.connects(host_facts.read_logs(KEY, str(log), given).connects)]
        for given in ((), others)
    ]
    assert pids == [[1, 2, 3, 4], [1, 4]]


def signals_of(tmp_path, text):
    log = tmp_path / 'audit.log'
    log.write_bytes(text)
    logged = host_facts.read_logs(KEY, str(log))
    return on_host._signals(logged.signals, [line for lines in logged.lines for line in lines])


@pytest.mark.parametrize(
    'old, new, of_host',
    [
        (b'', b'', True),
        (b'a0=1267', b'a0=ffffffffffffed99', True),  # kill -9 -- -4711, its process group
        (b'a0=1267', b'a0=ffffed99', True),
        (b'syscall=62 ', b'syscall=62 per=8 ', True),
        (b'a0=1267', b'a0=1', False),  # what a process inside the container says
        (b'a0=1267', b'a0=0', False),
        (b'success=yes', b'success=no', False),
        # a file descriptor, even one that has such a number
        (b'syscall=62 ', b'syscall=424 ', False),
        (b'syscall=62 ', b'syscall=5424 ', False),
    ],
)
def test_a_sender_inside_a_container_has_another_number_for_its_first_process(tmp_path, old, new, of_host):
    (sent,) = signals_of(tmp_path, KILLED.replace(old, new))
    assert sent['of_host'] is of_host


def test_who_sent_a_signal_and_to_whom(tmp_path):
    (sent,) = signals_of(tmp_path, KILLED)
    assert (sent['opid'], sent['pid'], sent['auid'], sent['exe']) == (4711, 801, 1000, '/usr/bin/bash')


# Debian 12: systemctl stop docker, with the rule of the role for services
STOPPED = b"""\
type=SYSCALL msg=audit(1795450000.120:78): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=2 \
ppid=800 pid=802 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="systemctl" \
exe="/usr/bin/systemctl" subj=unconfined key="claude-hooks-docker-services"
type=EXECVE msg=audit(1795450000.120:78): argc=3 a0="systemctl" a1="stop" a2="docker"
type=CWD msg=audit(1795450000.120:78): cwd="/root"
"""


def test_who_stopped_the_engine_is_read_from_the_rule_for_services(tmp_path):
    log = tmp_path / 'audit.log'
    log.write_bytes(STOPPED)
    services = host_facts.read_logs(KEY, str(log)).services
    (reason,) = reasons.of_commands(on_host.audit_entries.executions(services, KEY + '-services'))
    assert reason.line == {
        'code': 'service_command',
        'time': '2026-11-23T16:06:40.120Z',
        'argv': ['systemctl', 'stop', 'docker'],
        'pid': 802,
        'uid': 0,
        'auid': 1000,
        'exe': '/usr/bin/systemctl',
    }


# auditd left out a SYSCALL record that was too long for it
HIDDEN = b"""\
type=EXECVE msg=audit(1795450000.120:79): argc=3 a0="docker" a1="stop" a2="web"
type=CWD msg=audit(1795450000.120:79): cwd="/"
"""


def test_a_command_that_the_log_hides_is_known_by_its_time(tmp_path):
    log = tmp_path / 'audit.log'
    log.write_bytes(HIDDEN)
    executed, unread = on_host.entries(host_facts.read_logs(KEY, str(log)).executions, KEY)
    assert (executed, unread) == ([], [(1795450000120, 1795450000120)])


@pytest.mark.parametrize('mode, is_believed', [(0o600, True), (0o640, True), (0o660, False), (0o602, False)])
def test_kept_events_that_others_can_write_are_not_believed(tmp_path, mode, is_believed):
    path = tmp_path / 'events.jsonl'
    path.write_bytes(b'{}')
    path.chmod(mode)
    (tmp_path / 'events.jsonl.1').symlink_to(path)
    assert set(host_facts._kept_texts(str(path))) == ({b'{}'} if is_believed else set())


OTHER = listeners.Listener('00:17', 5, NOW - 9, '/run/b')
SOCKET_RULE = '-a always,exit -F arch=b64 -S connect -F path=%s -F key=' + KEY + '-socket'


@pytest.mark.parametrize(
    'paths, own, others, expected',
    [
        (['/run/docker.sock'], [], [], -sources.FOREVER),
        (['/run/docker.sock', '/srv/api'], ['/run/docker.sock', '/srv/api'], [], -sources.FOREVER),
        (
            ['/run/docker.sock', '/run/b'],
            ['/run/docker.sock'],
            [listeners.Listener('00:17', 5, NOW - 9, '/run/b')],
            NOW - 9,
        ),
        # an engine that is not there any more
        (['/run/docker.sock', '/run/b'], ['/run/docker.sock'], [], sources.FOREVER),
        (['/run/docker.sock', '/run/b'], [], [], sources.FOREVER),
    ],
)
def test_since_when_the_connects_of_several_engines_are_told_apart(paths, own, others, expected):
    listing = '\n'.join(SOCKET_RULE % path for path in paths)
    found = sources_of(listing=listing, sockets=listeners.Apart(frozenset(own), tuple(others)))
    assert (found.sockets, found.apart_since) == (tuple(paths), expected)


def test_where_an_engine_listens_besides_is_not_logged():
    own = frozenset(['/run/docker.sock', '/srv/api'])
    found = sources_of(listing=SOCKET_RULE % '/run/docker.sock', sockets=listeners.Apart(own, (), ('tcp port 2375',)))
    assert found.unlogged == ('/srv/api', 'tcp port 2375')
