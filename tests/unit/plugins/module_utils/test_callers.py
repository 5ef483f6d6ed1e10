# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a caller is named only by the login of that very session, and by nothing where there is a doubt.

The fixtures are what auditd 3.0.9 (Debian 12) and 4.0.2 (Debian 13) wrote of logins by ssh with and without a terminal,
of sudo and su, of cron, of a systemd unit, over a reboot after which session numbers came again, and over a restart of
auditd.
"""

from __future__ import annotations

import pathlib
import re
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import sessions
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import callers
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from hypothesis import given, settings
from hypothesis import strategies as st

FOLDER = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'logins'
AFTER_THE_BOOT = 1795524230 * 1000  # of the recorded reboot


class Living:
    """Stands for the processes of this host, of which none lives."""

    node = 'here'

    def __init__(self, booted=None, look=None):
        self.booted = lambda: booted
        self.of = look or (lambda pid, time, login: None)


def recorded(name, booted=None):
    """{container: (auid, ses, account, address, terminal, exe) or None} of the last stop of each."""
    log = str(FOLDER / name)
    found = findings.search(Reading('claude-hooks-docker', files=[log]).events())['findings']
    callers.add(found, log_reader.lines_with(sessions.LINES, log), Living(booted))
    logins = {}
    for finding in found:
        login = finding['caller']['login']
        logins.setdefault(finding['targets'][0].removeprefix('claude-hooks-'), []).append(
            login and tuple(login[field] for field in ('auid', 'ses', 'account', 'address', 'terminal', 'exe'))
        )
    return logins


@pytest.mark.parametrize(
    'name, program',
    [('sshd-sudo-su.debian12.log', '/usr/sbin/sshd'), ('sshd-sudo-su.debian13.log', '/usr/lib/openssh/sshd-session')],
)
def test_what_sshd_let_in_is_told_also_behind_sudo_and_su(name, program):
    assert recorded(name) == {
        'ssh': [(0, 3, 'root', '10.99.0.1', 'ssh', program)],
        'tty': [(0, 4, 'root', '10.99.0.1', '/dev/pts/0', program)],
        'sudo': [(1000, 5, 'watched', '10.99.0.1', 'ssh', program)],
        'su': [(1000, 6, 'watched', '10.99.0.1', 'ssh', program)],
        'sudo-u': [(1000, 7, 'watched', '10.99.0.1', 'ssh', program)],
    }


def cron(auid, ses, account):
    return (auid, ses, account, None, 'cron', '/usr/sbin/cron')


RECORDED = {
    'unit': [None],  # no login
    'crontab': [cron(1000, 5, 'watched'), cron(1000, 3, 'watched')],
    'cron': [cron(0, 6, 'root'), cron(0, 4, 'root')],
    'second-boot': [(1000, 2, 'watched', '10.99.0.1', 'ssh', '/usr/sbin/sshd')],
}


@pytest.mark.parametrize(
    'booted, again',
    [
        (AFTER_THE_BOOT, (0, 5, 'root', '10.99.0.1', 'ssh', '/usr/sbin/sshd')),
        (AFTER_THE_BOOT + 10**6, None),
        (None, None),
    ],
)
def test_a_session_number_of_an_earlier_boot_is_another_session(booted, again):
    """ses=5 was cron's before the reboot, and root's after it; then auditd was started again, which is no boot."""
    assert recorded('cron-unit-reboot.debian12.log', booted) == dict(RECORDED, **{'auditd-again': [again]})


# --- Tables -----------------------------------------------------------------------------------------------------------


def login(second, serial=None, ses=5, auid=1000, pid=70, node=b'', milli=0, result=1):
    serial = second if serial is None else serial
    return (
        node + b'type=LOGIN msg=audit(%d.%03d:%d): pid=%d uid=0 subj=unconfined old-auid=4294967295 auid=%d tty=(none) '
        b'old-ses=4294967295 ses=%d res=%d' % (second, milli, serial, pid, auid, ses, result) + b'\x1dUID="root"'
    )


def opened(
    second,
    ses=5,
    auid=1000,
    pid=70,
    acct=b'"alice"',
    exe=b'"/usr/sbin/sshd"',
    addr=b'192.0.2.1',
    terminal=b'ssh',
    serial=None,
    kind=b'USER_START',
    node=b'',
    result=b'success',
):
    op = b'PAM:session_open grantors=pam_unix,pam_limits acct=' + acct if kind == b'USER_START' else b'login id=1000'
    head = b'type=%s msg=audit(%d.500:%d): pid=%d uid=0 auid=%d ses=%d subj=x y ' % (
        kind,
        second,
        second if serial is None else serial,
        pid,
        auid,
        ses,
    )
    return (
        node
        + head
        + b"msg='op=%s exe=%s hostname=h addr=%s terminal=%s res=%s'\x1dUID=\"root\""
        % (op, exe, addr, terminal, result)
    )


MARK = re.compile(rb'\Atype=(SYSTEM_BOOT) msg=audit\((\d+)\.')
BOOT = (
    b'pid=744 uid=0 auid=4294967295 ses=4294967295 subj=kernel msg=\' comm="systemd-update-utmp" '
    b'exe="/usr/lib/systemd/systemd-update-utmp" hostname=? addr=? terminal=? res=success\''
)


def mark(kind, second, before=b''):
    body = BOOT if kind == b'SYSTEM_BOOT' else b'op=start ver=3.0.9 res=success'
    return before + b'type=%s msg=audit(%d.100:%d): ' % (kind, second, 9000 + second) + body


def entry(second=50, ses=5, auid=1000, serial=None, node=None, milli=900):
    return {
        'event': '%d.%03d:%d' % (second, milli, second if serial is None else serial),
        'node': node,
        'ses': ses,
        'auid': auid,
        'pid': 9,
        'ppid': 8,
    }


def told(lines, booted=None, **fields):
    logins = sessions.Logins(booted)
    logins.add(lines)
    found = logins.of(entry(**fields))
    return found and (found['account'], found['address'], found['terminal'])


ALICE = ('alice', '192.0.2.1', 'ssh')
CASES = {
    'a login': ([login(10), opened(11)], {}, ALICE),
    'none': ([], {}, None),
    'without a login uid': ([login(10), opened(11)], {'auid': None}, None),
    'without a session': ([login(10), opened(11)], {'ses': None}, None),
    'another session': ([login(10, ses=4), opened(11, ses=4)], {}, None),
    'another login uid': ([login(10, auid=1001), opened(11, auid=1001)], {}, None),
    'later than the event': ([login(60), opened(61)], {}, None),
    'later by its serial': ([login(10, serial=51), opened(11, serial=52)], {}, None),
    'refused': ([login(10, result=0)], {}, None),
    'nobody says more': ([login(10)], {}, (None, None, None)),
    'a name that is no plain text': ([login(10), opened(11, acct=b'616C2069')], {}, ('al i', '192.0.2.1', 'ssh')),
    'a name that is not UTF-8': ([login(10), opened(11, acct=b'FF1B')], {}, ('\\xff\x1b', '192.0.2.1', 'ssh')),
    'half a byte': ([login(10), opened(11, acct=b'FF1')], {}, (None, '192.0.2.1', 'ssh')),
    'an address that is more than one word': (
        [login(10), opened(11, addr=b'1.1.1.1 terminal=x res=success addr=2.2.2.2')],
        {},
        (None, None, None),
    ),
    'what failed': ([login(10), opened(11, result=b'failed')], {}, (None, None, None)),
    'sudo in the session': (
        [login(10), opened(11, pid=71, acct=b'"root"', exe=b'"/usr/bin/sudo"', addr=b'?', terminal=b'?')],
        {},
        (None, None, None),
    ),
    'the same pid in another session': ([login(10), opened(11, ses=6)], {}, (None, None, None)),
    'the same pid and session on another node': ([login(10), opened(11, node=b'node=a ')], {}, (None, None, None)),
    'the same pid and session with another login uid': ([login(10), opened(11, auid=0)], {}, (None, None, None)),
    'before the login by its serial': ([login(10), opened(11, serial=9)], {}, (None, None, None)),
    'long after the login': ([login(10), opened(71)], {'second': 90}, (None, None, None)),
    'before the login': ([login(10), opened(9)], {}, (None, None, None)),
    'with a terminal': (
        [login(10), opened(11), opened(12, pid=72, kind=b'USER_LOGIN', terminal=b'/dev/pts/0')],
        {},
        ('alice', '192.0.2.1', '/dev/pts/0'),
    ),
    'with a terminal that has no name': (
        [login(10), opened(11), opened(12, kind=b'USER_LOGIN', terminal=b'?')],
        {},
        ALICE,
    ),
    'a terminal of another program': (
        [login(10), opened(11), opened(12, kind=b'USER_LOGIN', exe=b'"/bin/login"', terminal=b'tty1')],
        {},
        ALICE,
    ),
    'without PAM': (
        [login(10), opened(12, kind=b'USER_LOGIN', terminal=b'/dev/pts/0')],
        {},
        (None, '192.0.2.1', '/dev/pts/0'),
    ),
    'the last of that number': ([login(10), opened(11), login(20, auid=1001), opened(21, auid=1001)], {}, None),
    'of another node': ([login(10, node=b'node=a '), opened(11, node=b'node=a ')], {}, None),
    'of the same node': (
        [login(10, node=b'node=a '), opened(11, node=b'node=a '), login(12, node=b'node=b ')],
        {'node': 'a'},
        ALICE,
    ),
    # boots
    'booted in between': ([login(10), opened(11), mark(b'SYSTEM_BOOT', 20)], {}, None),
    # the kernel knows when it was booted; a container can write such a record
    'not booted in between, whatever the log says': (
        [login(10), opened(11), mark(b'SYSTEM_BOOT', 20)],
        {'booted': 5000},
        ALICE,
    ),
    'booted in between, of which the log says nothing': ([login(10), opened(11)], {'booted': 20000}, None),
    'a boot that systemd did not tell': (
        [login(10), opened(11), mark(b'SYSTEM_BOOT', 20).replace(b'update-utmp', b'x')],
        {},
        ALICE,
    ),
    'booted in that millisecond': ([login(10), opened(11), mark(b'SYSTEM_BOOT', 50)], {'milli': 100}, None),
    'booted after the event': ([login(10), opened(11), mark(b'SYSTEM_BOOT', 60)], {}, ALICE),
    'auditd started in between': ([login(10), opened(11), mark(b'DAEMON_START', 20)], {}, None),
    'auditd ended in between': ([login(10), opened(11), mark(b'DAEMON_END', 20)], {}, None),
    'auditd started in between, no boot since the login': (
        [login(10), opened(11), mark(b'DAEMON_START', 20)],
        {'booted': 5000},
        ALICE,
    ),
    'auditd started in between, a boot since the login': (
        [login(10), opened(11), mark(b'DAEMON_START', 20)],
        {'booted': 15000},
        None,
    ),
    'auditd started after a crash': (
        [login(10), opened(11), mark(b'DAEMON_START', 20, b'type=SYSCALL msg=audit(19.0:1): arch=c00\0\0')],
        {},
        None,
    ),
    'auditd started before': ([mark(b'DAEMON_START', 9), login(10), opened(11)], {}, ALICE),
    'sessions counted from 1 on again': ([login(10), opened(11), login(30, serial=12, ses=1)], {}, None),
    'sessions counted on': ([login(10), opened(11), login(30, ses=6)], {}, ALICE),
    'two logins at once, out of order': ([login(10), opened(11), login(10, serial=11, ses=4, milli=20)], {}, ALICE),
    'twice in the log': ([login(10), opened(11)] * 2, {}, ALICE),
    # lines that are none
    'a record within another': ([b"type=USER_CMD msg=audit(10.0:10): msg='x " + login(10) + b"'"], {}, None),
    'cut': ([login(10)[:-20]], {}, None),
}


@pytest.mark.parametrize('lines, fields, expected', CASES.values(), ids=CASES)
def test_login(lines, fields, expected):
    assert told(lines, **fields) == expected
    assert told(lines[::-1], **fields) == expected


def test_the_login_tells_when_and_by_which_record():
    logins = sessions.Logins()
    logins.add([login(10, milli=5), opened(11)])
    assert logins.of(entry()) == {
        'account': 'alice',
        'address': '192.0.2.1',
        'hostname': 'h',
        'terminal': 'ssh',
        'exe': '/usr/sbin/sshd',
        'auid': 1000,
        'ses': 5,
        'timestamp': '1970-01-01T00:00:10.005Z',
        'event': '10.005:10',
        'source': ['LOGIN', 'USER_START'],
        'sure': 'likely',
    }


@pytest.mark.parametrize('event', [None, '', '10', 'x.y:z', '1.2:3', '50.900'])
def test_an_entry_without_a_time_has_no_login(event):
    logins = sessions.Logins()
    logins.add([login(10), opened(11)])
    assert logins.of(dict(entry(), event=event)) is None


# --- No more of the logs is read than needed -------------------------------------------------------------------------


def taken(entries, batches, booted=None):
    """How many of the batches were taken."""
    count = []

    def give():
        for batch in batches:
            count.append(batch)
            yield batch

    callers.add(entries, give(), Living(booted))
    return len(count)


@pytest.mark.parametrize(
    'entries, batches, expected',
    [
        ([entry(ses=None, auid=None)], [[login(10)]], 0),
        ([], [[login(10)]], 0),
        ([entry()], [[login(10)], []], 1),
        ([entry()], [[], [login(10)], []], 2),
        ([entry(), entry(ses=6)], [[login(10)], [login(9, ses=6)], []], 2),
        ([entry()], [[mark(b'SYSTEM_BOOT', 20)], [login(10)]], 1),
        ([entry()], [[mark(b'DAEMON_START', 20)], [login(10)]], 1),
        ([entry()], [[mark(b'SYSTEM_BOOT', 60)], [login(10)], []], 2),
    ],
)
def test_older_logs_are_left_alone_where_they_can_tell_no_more(entries, batches, expected):
    assert taken(entries, batches) == expected


def test_a_restart_of_auditd_since_the_last_boot_is_looked_behind():
    entries = [entry()]
    assert taken(entries, [[mark(b'DAEMON_START', 20)], [login(10), opened(11)], []], 5000) == 2
    assert entries[0]['caller']['login']['account'] == 'alice'


def test_processes_are_asked_for_with_the_time_and_the_session_of_the_event():
    asked = []
    entries = [entry()]
    callers.add(entries, [], Living(look=lambda *question: asked.append(question) or {'pid': question[0]}))
    assert asked == [(9, 50900, (1000, 5)), (8, 50900, (1000, 5))]
    assert entries[0]['caller'] == {'login': None, 'process': {'pid': 9}, 'parent': {'pid': 8}}


@pytest.mark.parametrize('node, expected', [(None, {'pid': 8}), ('here', {'pid': 8}), ('far', None)])
def test_processes_of_another_host_are_not_looked_for_on_this_one(node, expected):
    entries = [entry(node=node)]
    callers.add(entries, [], Living(look=lambda pid, time, login: {'pid': pid}))
    assert entries[0]['caller']['parent'] == expected


@pytest.mark.parametrize('node, expected', [('here', 'alice'), ('far', None)])
def test_the_boot_of_this_host_says_nothing_of_another(node, expected):
    entries = [entry(node=node)]
    head = b'node=%s ' % node.encode()
    callers.add(entries, [[login(10, node=head), opened(11, node=head), mark(b'DAEMON_START', 20, head)]], Living(5000))
    assert (entries[0]['caller']['login'] or {}).get('account') == expected


# --- Whatever the log holds -------------------------------------------------------------------------------------------

SECONDS, SESSIONS, USERS = st.integers(0, 100), st.integers(1, 4), st.sampled_from([0, 1000, 1001])
LINES = st.one_of(
    st.builds(login, SECONDS, SECONDS, SESSIONS, USERS, st.integers(70, 72), st.sampled_from([b'', b'node=a '])),
    st.builds(
        opened,
        SECONDS,
        SESSIONS,
        USERS,
        st.integers(70, 72),
        st.sampled_from([b'"alice"', b'FF', b'"', b'']),
        serial=SECONDS,
        kind=st.sampled_from([b'USER_START', b'USER_LOGIN']),
        node=st.sampled_from([b'', b'node=a ']),
    ),
    st.builds(mark, st.sampled_from([b'SYSTEM_BOOT', b'DAEMON_START', b'DAEMON_END']), SECONDS),
    st.binary(max_size=200),
)


def damaged(line, cut, place, more):
    place %= len(line) + 1
    return line[:place] + more + line[place:][cut:]


@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.one_of(LINES, st.builds(damaged, LINES, st.integers(0, 50), st.integers(0, 300), st.binary(max_size=20))),
        max_size=12,
    ),
    st.one_of(st.none(), SECONDS.map(lambda second: second * 1000)),
    SECONDS,
    SESSIONS,
    USERS,
    SECONDS,
)
def test_no_log_crashes_it_or_makes_it_name_another_session(lines, booted, second, ses, auid, serial):
    logins = sessions.Logins(booted)
    logins.add(lines)
    found = logins.of(entry(second, ses, auid, serial))
    if found:
        assert (found['ses'], found['auid']) == (ses, auid)
        moment, own = found['event'].split(':')
        assert float(moment) <= second + 0.9 and int(own) < serial
        between = [line for line in lines if b'type=SYSTEM_BOOT msg=audit(' in line and sessions.LINES.search(line)]
        for line in between:
            booted_at = MARK.search(line)  # pylint: disable=protected-access
            assert not booted_at or not float(moment) <= int(booted_at.group(2)) + 0.1 <= second + 0.9


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(SECONDS, USERS), min_size=1, max_size=6), st.data())
def test_over_boots_only_the_right_login_is_named(plan, data):
    """Boots, each with sessions from 1 on; the records of some are lost."""
    lines, truth, now, serial = [], [], 0, 0
    for boot, (_second, _auid) in enumerate(plan):
        now, serial = now + 10, 1
        last_boot = now
        lines += [mark(b'DAEMON_START', now)] + ([mark(b'SYSTEM_BOOT', now + 1)] if data.draw(st.booleans()) else [])
        for ses in range(1, data.draw(st.integers(1, 4)) + 1):
            now, serial = now + 2, serial + data.draw(st.integers(1, 30))
            account = b'"u%d-%d"' % (boot, ses)
            auid = data.draw(USERS)
            if data.draw(st.booleans()):
                lines += [login(now, serial, ses, auid), opened(now, ses, auid, acct=account, serial=serial + 1)]
            truth.append((now, serial + 2, ses, auid, account.decode().strip('"')))
            serial += 2
    logins = sessions.Logins(data.draw(st.sampled_from([None, last_boot * 1000])))
    logins.add(data.draw(st.permutations(lines)))
    for second, number, ses, auid, account in truth:
        found = logins.of(entry(second, ses, auid, number))
        assert found is None or found['account'] == account


# --- What others can write ------------------------------------------------------------------------------------------

FORGERIES = FOLDER.parent / 'hostile' / 'real-kernel-6.1-forgeries.log'


def test_on_a_real_kernel_no_invented_login_is_told():
    """A daemon (uid 33) set its login uid itself; a container sent USER_START of another account, and a SYSTEM_BOOT."""
    log = str(FORGERIES)
    found = findings.search(Reading('claude-hooks-docker', files=[log]).events())['findings']
    callers.add(found, log_reader.lines_with(sessions.LINES, log), Living())
    told = {finding['targets'][0]: finding['caller']['login'] for finding in found}
    assert {
        name: login and (login['auid'], login['ses'], login['account'], login['source'], login['sure'])
        for name, login in told.items()
    } == {
        'claude-hooks-by-uid33': (1000, 1, None, ['LOGIN'], 'self'),
        # auditd named the login uid, and neither carol nor alice is that name
        'claude-hooks-by-container': (1000, 2, None, ['LOGIN'], 'record'),
        'claude-hooks-by-alice': (1000, 3, None, ['LOGIN'], 'record'),
    }


def named(line, name):
    return line.partition(b'\x1d')[0] + b'\x1dUID="root" OLD-AUID="unset" AUID="%s"' % name


@pytest.mark.parametrize(
    'lines, expected',
    [
        ([login(10), opened(11)], ('alice', 'likely')),
        ([named(login(10), b'alice'), opened(11)], ('alice', 'likely')),
        ([named(login(10), b'bob'), opened(11)], (None, 'record')),
        ([named(login(10), b'unset'), opened(11)], ('alice', 'likely')),
        # the first that fits counts, whatever comes before
        ([named(login(10), b'alice'), opened(11, acct=b'"carol"'), opened(12)], ('alice', 'likely')),
        ([login(10), opened(11).replace(b' uid=0 ', b' uid=33 ')], (None, 'record')),
        ([login(10).replace(b' uid=0 ', b' uid=33 '), opened(11)], (None, 'self')),
        ([login(10)], (None, 'record')),
        ([login(10).replace(b'\x1d', b'#035'), opened(11).replace(b'\x1d', b' ')], ('alice', 'likely')),
    ],
)
def test_a_login_says_how_sure_it_is(lines, expected):
    logins = sessions.Logins()
    logins.add(lines)
    found = logins.of(entry())
    assert (found['account'], found['sure']) == expected


CARRIER = b'type=NETFILTER_CFG msg=audit(20.000:17): table=%s:2 family=7 op=nft_register_table comm="nft"'


@pytest.mark.parametrize('forged', [mark(b'SYSTEM_BOOT', 20), mark(b'DAEMON_START', 20), login(15), opened(12)])
def test_a_record_in_the_middle_of_a_line_takes_no_login_away(forged):
    lines = [login(10), opened(11), CARRIER % forged, CARRIER % (b' ' + forged)]
    assert told(lines) == ALICE


def test_the_start_of_auditd_is_known_behind_a_line_that_was_cut():
    cut = b'type=PATH msg=audit(19.000:1): item=0 name="/usr'
    assert told([login(10), opened(11), mark(b'DAEMON_START', 20, cut)]) is None


@pytest.mark.parametrize(
    'make',
    [
        lambda n: [login(10 + n // 9, n, ses=n) for n in range(n)],
        lambda n: [login(10, n, ses=n - m) for m in range(1, n)],
        lambda n: [login(10, 1)] * n + [opened(11, acct=b'"x"', serial=m) for m in range(n)],
        lambda n: [mark(b'DAEMON_START', m) for m in range(n)],
        lambda n: [login(m, m, ses=5) for m in range(n)],
    ],
)
def test_many_sessions_take_linear_time(make):
    def spent(size):
        lines = make(size)
        start = time.process_time()
        logins = sessions.Logins()
        logins.add(lines)
        for number in range(size):
            one = entry(5000000 + number, serial=number + 10**9, ses=number % size)
            logins.is_settled(one)
            logins.of(one)
        return time.process_time() - start

    # eight times as much: 64 if it were quadratic
    assert min(spent(8000) for _run in range(2)) < 24 * max(min(spent(1000) for _run in range(3)), 0.01)
