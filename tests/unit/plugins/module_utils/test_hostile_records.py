# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: nobody below root makes a record, hides one or changes one, whatever text he gets into the log.

fixtures/hostile/real-kernel-6.1-forgeries.log was written by auditd 3.0.9 on a kernel 6.1 while a user without any
right made nftables tables with names like records, and a container with docker's default rights sent user-space
records. real-kernel-6.1-apparmor.log.gz is of the same kernel with AppArmor: a profile in complain mode makes a profile
for each program that a user starts, with its path in the name.
"""

from __future__ import annotations

import gzip
import json
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer, log_mutator

HOSTILE = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'hostile'
FORGERIES = HOSTILE / 'real-kernel-6.1-forgeries.log'
APPARMOR = gzip.decompress((HOSTILE / 'real-kernel-6.1-apparmor.log.gz').read_bytes())
KEY = 'claude-hooks-docker'
REAL = audit_writer.event([b'docker', b'rm', b'-f', b'claude-hooks-db'], enriched=True)
FORGED = audit_writer.event([b'docker', b'stop', b'claude-hooks-forged'], serial=7, extra=False)
FAR = [b'type=PATH msg=audit(1795490001.000:%d): item=0 name="/x"' % serial for serial in range(9)]
# The same time and serial as the real one
TWIN = audit_writer.event([b'docker', b'ps'], pid=2, extra=False)


def read(text, **options):
    reading = Reading(KEY, text=text)
    found = findings.find(reading.events(), **options)
    return (
        [(finding['argv'][-1], finding['uid'], finding['match'], finding['origin']) for finding in found['findings']],
        [entry['reason'] for entry in found['unreadable']],
        reading.stats()['last'],
    )


ONLY_THE_REAL_ONE = ([('claude-hooks-db', 0, 'name', 'raw')], [], 1795490000100)


def test_on_a_real_kernel_only_what_ran_is_found():
    found, unreadable, _last = read(FORGERIES.read_bytes())
    assert [name for name, _uid, _match, _origin in found] == [
        'claude-hooks-by-uid33',
        'claude-hooks-by-container',
        'claude-hooks-by-alice',
    ]
    assert unreadable == []


def test_on_a_real_kernel_with_apparmor_nothing_is_forged_and_nothing_lost():
    found = findings.find(Reading(KEY, text=APPARMOR).events(), name='*')
    names = ['event', 'eventkeynames', 'keynames', 'cr', 'nl', 'fields', 'nlkey', 'interp']
    assert [finding['argv'] for finding in found['findings']] == [
        ['/usr/bin/docker', 'stop', 'claude-hooks-real-' + name] for name in names
    ]
    # auditd takes the names of users from what the user wrote; this log has none of its own
    assert {(one['uid'], one['auid'], one.get('user'), one.get('login_user')) for one in found['findings']} == {
        (1000, None, None, None)
    }
    # auditd left out the SYSCALL records of these, as they were too long, and cut others
    assert [(one['reason'], one['pid'], one['event']) for one in found['unreadable']] == [
        ('key cut off', 781, '1795680173.649:299'),
        ('SYSCALL record missing', None, '1795680176.349:349'),
        ('SYSCALL record missing', None, '1795680177.699:419'),
    ]
    assert found == findings.find(events.events(APPARMOR), name='*')


@pytest.mark.parametrize('block', [10000, 1 << 20])
@pytest.mark.parametrize(
    'lines, expected',
    [
        (REAL[1:], ['SYSCALL record missing']),
        ([REAL[0].replace(b'subj=unconfined', b'subj=a//' + b'x' * 9000)[:8970], *REAL[1:]], ['key cut off']),
        # The text of a user stands where the key was
        (
            [REAL[0].replace(b'subj=unconfined', b'subj=a//' + b'x' * 9000 + b' key="%s"' % KEY.encode()), *REAL[1:]],
            ['key cut off'],
        ),
        (audit_writer.event([b'docker', b'rm', b'-f', b'claude-hooks-db'], key=b'other'), []),
        (audit_writer.event([b'cat', b'claude-hooks-db'])[1:], []),
        # ausearch prints the SYSCALL record last
        (audit_writer.event([b'docker', b'rm', b'-f', b'claude-hooks-db'], key=b'other')[::-1], []),
    ],
)
def test_an_execution_whose_key_is_not_in_the_log_is_counted_where_its_words_are_those_of_docker(
    tmp_path, lines, expected, block
):
    log = tmp_path / 'audit.log'
    log.write_bytes(audit_writer.text(FAR, lines, FAR * 20))
    found = findings.find(Reading(KEY, str(log), block=block).events())
    assert [one['reason'] for one in found['unreadable']] == expected and not found['findings']
    assert found == findings.find(events.events(log.read_bytes()))


ADDED = b'type=CONFIG_CHANGE msg=audit(1795490000.090:9): auid=0 ses=1 op=add_rule key="%s" list=4 res=1' % KEY.encode()
GLUED = b'type=EXECVE msg=audit(' + b'\n'.join(REAL)


@pytest.mark.parametrize('node', [None, b'web1'])
@pytest.mark.parametrize(
    'lines, reasons, number',
    [
        (REAL, [], 1),
        ([REAL[0].partition(b' key=')[0], ADDED, *REAL[1:]], ['key cut off'], 0),
        # another record has the key that this one lacks
        ([ADDED, REAL[0].partition(b' key=')[0], *REAL[1:]], ['key cut off'], 0),
        ([ADDED, *REAL[1:]], ['SYSCALL record missing'], 0),
        # that of another event, and what was glued to the head of another record
        ([REAL[0].replace(b'0:1)', b'0:8)'), *REAL[1:]], ['no arguments', 'SYSCALL record missing'], 0),
        (GLUED.split(b'\n'), ['SYSCALL record missing'], 0),
        # a hole of NUL bytes, as a crash of the host leaves it, ends the record before its key
        ([REAL[0].replace(b' uid=', b'\0\0uid=', 1), *REAL[1:]], ['key cut off'], 0),
        ([REAL[0], b'type=BPRM_FCAPS msg=audit(1795490000.100:1): fver=0', *REAL[1:]], [], 1),
    ],
)
def test_in_a_long_log_too_no_execution_without_its_key_is_lost(lines, reasons, number, node):
    lines = lines if node is None else [b'node=%s %s' % (node, line) for line in lines]
    text = log_mutator.lengthened(b'\n'.join(lines), node)
    found = findings.find(Reading(KEY, text=text).events())
    assert (sorted(one['reason'] for one in found['unreadable']), len(found['findings'])) == (sorted(reasons), number)
    assert log_mutator.both_ways(text)[0] == log_mutator.both_ways(text)[1]


# A record with a text that a user chose: the kernel (or auditd, behind 0x1D) prints it as it is
CARRIERS = {
    'an nftables table': b'type=NETFILTER_CFG msg=audit(1795490000.000:3): table=%s:2 family=7 op=nft comm="nft"',
    'the path of a socket': (
        b'type=SOCKADDR msg=audit(1795490000.000:3): saddr=0100\x1dSADDR={ saddr_fam=local path=%s }'
    ),
    'a socket whose separator was lost': b'type=SOCKADDR msg=audit(1795490000.000:3): saddr=0100 SADDR={ path=%s }',
    'a user-space message': b"type=USER_START msg=audit(1795490000.000:3): pid=9 uid=0 msg='%s'",
    'a network device': b'type=ANOM_PROMISCUOUS msg=audit(1795490000.000:3): dev=%s prom=256 old_prom=0',
    'AppArmor': b'type=AVC msg=audit(1795490000.000:3): apparmor="DENIED" profile=%s comm="x"',
    'a kind that nobody knows': b'type=UNKNOWN[1399] msg=audit(1795490000.000:3): text=%s',
    'an argument': b'type=EXECVE msg=audit(1795490000.000:3): argc=2 a0="x" a1=" %s"',
}


@pytest.mark.parametrize('carrier', CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize('forged', [FORGED, TWIN], ids=['another event', 'the same event'])
@pytest.mark.parametrize('glue', [b'', b' ', b'node=x ', b'x" ', b'key=(null)', b'\x1d'])
def test_a_record_in_the_middle_of_a_line_is_none(carrier, forged, glue):
    lines = [carrier % (glue + line) for line in forged] + [carrier % (glue + line + b' ') for line in forged]
    assert read(audit_writer.text(lines, REAL)) == ONLY_THE_REAL_ONE
    assert read(audit_writer.text(REAL[:2], lines, REAL[2:])) == ONLY_THE_REAL_ONE


def test_a_header_of_interpreted_text_within_a_line_changes_nothing():
    for carrier in CARRIERS.values():
        line = carrier % (b'x' * 150 + b' type=CWD msg=audit(1) : cwd=/ ')
        assert read(audit_writer.text(REAL, [line]), since=0) == ONLY_THE_REAL_ONE


def test_a_time_in_an_argument_changes_nothing_of_what_the_log_covers():
    odd = audit_writer.event([b'docker', b'ps', b'audit(99999999999.000:1)', b'x'], serial=9, key=b'other', extra=True)
    assert read(audit_writer.text(REAL, odd)) == ONLY_THE_REAL_ONE


# A record that was glued to one that was cut, and is not whole itself
@pytest.mark.parametrize(
    'glued',
    [
        REAL[0][:-60].partition(b' subj=')[0],
        b'type=EXECVE msg=audit(1795490000.100:1): argc=2 a0="docker" a1="x" and more',
        b'type=CWD msg=audit(1795490000.100:1): cwd="/tmp" :2 family=7',
    ],
)
def test_what_is_glued_to_another_record_must_be_whole(glued):
    cut = b'type=PATH msg=audit(1795490000.000:3): item=0 name="/usr'
    assert read(audit_writer.text(REAL, [cut + glued])) == ONLY_THE_REAL_ONE


# --- The context of a process, which AppArmor prints as it is ---------------------------------------------------------

CONTEXTS = {
    'of a program under a profile in complain mode': b'helper//null-/tmp/%s (complain)',
    'of a policy namespace': b':lxd-c1_<var-lib-lxd>:%s (enforce)',
    'of a policy namespace under a profile': b'lxd-c1_//&:lxd-c1_<var-lib-lxd>:%s (enforce)',
    'of two profiles with their modes': b'lxd-c1 (enforce)//&:lxd-c1_<var-lib-lxd>:%s (enforce)',
    'as older kernels print it': b'=helper//null-/tmp/%s (complain)',
}
# Ended by a record that may be left out, which takes what the kernel wrote behind the context
TOLD = b' '.join(FORGED[:3]) + b' type=EOE msg=audit(1795490000.100:7): '
CHOSEN = {
    'an event': TOLD,
    'an event behind a key': b'x key="claude-hooks-docker" ' + TOLD,
    'an event behind a key and names': b'x key="claude-hooks-docker"\x1dARCH=x86_64 UID="root"' + TOLD,
    'a key': b'x key="claude-hooks-docker"',
    'a key and names': b'x key="claude-hooks-docker"\x1dARCH=x86_64 SYSCALL=execve AUID="eve" UID="eve"',
    'a key and names without separator': b'x key="claude-hooks-docker" ARCH=x86_64 SYSCALL=execve AUID="eve" UID="eve"',
    'an end of line that is none': b'x\rtype=CWD',
    'fields': b'x success=no uid=33 auid=33 comm="eve" exe="/eve" key=(null)',
}


@pytest.mark.parametrize('context', CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize('chosen', CHOSEN.values(), ids=CHOSEN)
@pytest.mark.parametrize('is_enriched', [True, False])
def test_a_context_that_a_user_chose_forges_hides_and_changes_nothing(context, chosen, is_enriched):
    plain = audit_writer.event([b'docker', b'rm', b'-f', b'claude-hooks-db'], enriched=is_enriched)
    label = b'subj=' + context % chosen
    odd = [plain[0].replace(b'subj=unconfined', label), *plain[1:]]
    assert odd != plain
    for before, after in ([], []), (FAR, []), ([], FAR):
        told = findings.find(Reading(KEY, text=audit_writer.text(before, odd, after)).events(), since=0)
        expected = findings.find(Reading(KEY, text=audit_writer.text(before, plain, after)).events(), since=0)
        # auditd makes names of users from fields that a user wrote: better none than his
        for finding in expected['findings'] if b'=' in chosen else ():
            finding.pop('user', None), finding.pop('login_user', None)
        assert told == expected
    # Nor does the execution of another rule become ours
    others = [odd[0].rpartition(b' key=')[0] + b' key="other"', *odd[1:]]
    assert read(audit_writer.text(others), since=0)[:2] == ([], [])


@pytest.mark.parametrize('kind', [b'OBJ_PID', b'LOGIN'])
@pytest.mark.parametrize('context', CONTEXTS.values(), ids=CONTEXTS)
def test_nothing_begins_behind_the_context_of_another_process(kind, context):
    line = b'type=%s msg=audit(1795490000.000:3): pid=7 %s=' + context % TOLD + b' res=1'
    assert read(audit_writer.text([line % (kind, b'obj')], [line % (kind, b'subj')], REAL)) == ONLY_THE_REAL_ONE


# A context that no user chose: what is glued to a record that was cut there is still read
@pytest.mark.parametrize(
    'context', [b'system_u:system_r:container_t:s0:c1,c2', b'docker-default (enforce)', b'=unconfined']
)
@pytest.mark.parametrize('end', [b'', b' key="cla', b' key="other"'])
def test_a_record_that_is_glued_behind_a_context_is_read(context, end):
    cut = (
        b'type=SYSCALL msg=audit(1795490000.000:3): arch=c000003e syscall=59 success=yes exe="/x" subj=' + context + end
    )
    assert read(audit_writer.text([cut + REAL[0]], REAL[1:])) == ONLY_THE_REAL_ONE


# --- Records that contradict each other ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'other',
    [
        TWIN[0],  # another process
        TWIN[0].replace(b'key="claude-hooks-docker"', b'key=(null)'),
        TWIN[1],  # argc=2
        b'type=EXECVE msg=audit(1795490000.100:1): argc=4 a0="docker" a1="rm" a2="-f" a3="web"',
        b'type=CWD msg=audit(1795490000.100:1): cwd="/tmp"',
    ],
)
@pytest.mark.parametrize('place', [0, 1, 2, 3, 14])
def test_records_that_contradict_each_other_make_no_command(other, place):
    lines = REAL + FAR
    found, unreadable, _last = read(audit_writer.text(lines[:place], [other], lines[place:]))
    assert (found, unreadable) == ([], ['contradicting records'])


@pytest.mark.parametrize('place', [0, 1, 3, 14])
def test_a_record_that_stands_twice_contradicts_nothing(place):
    lines = REAL + FAR
    for again in REAL:
        found, unreadable, _last = read(audit_writer.text(lines[:place], [again], lines[place:]))
        assert (len(found), unreadable) == (1, [])


def test_what_comes_by_way_of_a_syslog_says_so():
    prefix = b'Nov 24 03:13:20 web1 audispd: '
    found, _unreadable, _last = read(audit_writer.text([prefix + line for line in REAL]))
    assert found == [('claude-hooks-db', 0, 'name', 'syslog')]


@pytest.mark.parametrize('place', [0, 1, 2])
def test_an_event_is_worth_what_the_least_of_its_records_is(place):
    """A record of a syslog without a host, that anybody may write to, adds to one of the kernel."""
    lines = [b'[ 1234.567890] audit: ' + line if number == place else line for number, line in enumerate(REAL)]
    assert [origin for *_rest, origin in read(audit_writer.text(lines))[0]] == ['syslog']


def test_a_line_of_interpreted_text_in_a_syslog_makes_nothing_else_uncertain():
    prefix = b'Nov 24 03:13:20 web1 audispd: '
    line = prefix + b'type=CWD msg=audit(11/24/26 03:13:20.100:1) : cwd=/'
    found, _unreadable, _last = read(audit_writer.text([line], REAL))
    assert found == [('claude-hooks-db', 0, 'name', 'syslog')]


@pytest.mark.parametrize(
    'before, after',
    [
        (b'Nov 24 03:13:20 web1 evil[7]: hello\n', b''),
        (b'Nov 24 03:13:20 web1 evil[7]: hello\n                       ', b''),
        (b'', b'Nov 24 03:13:20 web1 sshd[7]: bye\n'),
        (b'2026-11-24T03:13:20+00:00 web1 evil: hello\n', b''),
        (b'[   12.345678] evil: hello\n', b''),
        (b'    ', b''),
        (b'\t', b''),
        (b'\xef\xbb\xbf  ', b''),
    ],
)
def test_a_line_in_a_text_that_is_no_log_of_auditd_can_be_of_anybody(before, after):
    """journalctl and dmesg print the further lines of what a user wrote, indented or as they are."""
    indent = before.rpartition(b'\n')[2]
    text = before + (b'\n' + indent).join(audit_writer.text(REAL).split(b'\n')) + b'\n' + after
    assert read(text)[0] == [('claude-hooks-db', 0, 'name', 'syslog')]


def far_apart(*events):
    """A log with so much between the events that none is looked for beside another."""
    noise = b''.join(
        audit_writer.text(audit_writer.event([b'ls', b'-l'], serial=number, seconds=1795491000 + number, key=b'other'))
        for number in range(2000)
    )
    return noise.join(audit_writer.text(event) for event in events)


@pytest.mark.parametrize('count', [1, 100])  # from so many hits in a block on they are searched in another way
@pytest.mark.parametrize(
    'change',
    [
        lambda line: line.replace(b'claude-hooks-db', b'claude-hooks-a'),
        lambda line: line.replace(b' uid=0', b' uid=1001'),
        lambda line: line.replace(b'success=yes', b'items=2 success=yes'),
    ],
)
def test_another_event_under_a_time_and_serial_of_long_before_is_said(change, count, tmp_path):
    """Of two that somebody forwards one can be forged: neither takes the other away without a word."""
    forged = [change(line) for line in REAL]
    assert forged != REAL
    many = [audit_writer.event([b'docker', b'ps'], serial=100 + number) for number in range(count)]
    usual = audit_writer.text(*many)
    log = tmp_path / 'audit.log'
    log.write_bytes(audit_writer.text(REAL) + usual + far_apart([], forged) + usual)
    for block in (1 << 16, 1 << 20):
        found = findings.find(Reading(KEY, files=[str(log)], block=block).events())
        assert [one['reason'] for one in found['unreadable']] == ['contradicting records']
        # Looked for in one block they are one event, that nobody can read
        names = [one['argv'][-1] for one in found['findings']]
        assert names == ['claude-hooks-db'] or (block == 1 << 20 and names == [])


@pytest.mark.parametrize('count', [0, 100])
def test_an_event_that_stands_twice_is_one(count):
    many = [audit_writer.event([b'docker', b'ps'], serial=100 + number) for number in range(count)]
    log = audit_writer.text(*many) + far_apart(REAL, REAL, REAL[:1], REAL[1:]) + audit_writer.text(*many)
    assert read(log)[:2] == ([('claude-hooks-db', 0, 'name', 'raw')], [])


def test_a_line_of_no_known_form_is_said_in_a_log_of_any_length():
    strange = b'\n'.join(b'Tue 24.11. 03h13 web1 >> ' + line.replace(b':1)', b':7)') for line in REAL) + b'\n'
    log = far_apart(REAL, []) + strange + far_apart([], [])
    reading = Reading(KEY, text=log)
    assert len(findings.find(reading.events())['findings']) == 1 and len(log) > 1 << 20
    assert ['have no known form, 1 of them' in problem for problem in reading.problems()] == [True]


# --- Both ways -------------------------------------------------------------------------------------------------------


def test_both_ways_of_reading_agree_on_damaged_logs():
    compared, different = log_mutator.run(1500, 20, 20261126)
    assert compared > 100 and different == []


def executed(serial, ident=None):
    head = b'msg=audit(%s): ' % (ident or b'1795490000.100:%d' % serial)
    return [
        b'type=SYSCALL ' + head + b'arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=0 uid=0 ses=1 '
        b'comm="docker" exe="/usr/bin/docker" key="claude-hooks-docker"',
        b'type=EXECVE msg=audit(1795490000.100:%d): argc=3 a0="docker" a1="stop" a2="x"' % serial,
        b'type=PATH msg=audit(1795490000.100:%d): item=0 name="/usr/bin/docker"' % serial,
    ]


DAMAGED = [
    executed(serial, ident) for serial, ident in enumerate([None, None, None, b'179549audit(1:3', b'1.1:4) : 5'])
]


@pytest.mark.parametrize(
    'lines',
    [
        pytest.param(sum(DAMAGED[:4], []), id='a head within a head, among several'),
        pytest.param(
            [
                b'type=EXECVE msg=audit(type=EXECVE msg=audit(1795490000.100:1): argc=2 a0="x" a1="y"',
                executed(1)[1],
                *executed(2),
            ],
            id='a head within a head, and no SYSCALL',
        ),
        pytest.param(sum(DAMAGED, []), id='a bracket within a head, among several'),
        pytest.param(
            [*executed(1)[1:], b'type=CWD msg=audit(11/24/26 03:13:20.100:9) : cwd=/'], id='no SYSCALL, in text of -i'
        ),
    ],
)
def test_both_ways_of_reading_agree_on_what_the_mutator_found(lines):
    plain, fast = log_mutator.both_ways(b'\n'.join(lines))
    assert plain == fast and json.loads(plain)['unreadable_count'] > 0


@pytest.mark.parametrize('end', ['\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\x85', '\u2028'])
@pytest.mark.parametrize('carrier', sorted(set(CARRIERS.values()) - {CARRIERS['an argument']}))  # which is encoded
def test_what_a_list_of_lines_makes_of_a_text_is_never_called_raw(carrier, end):
    text = audit_writer.text([carrier % end.encode().join([b'', *FORGED, b''])], REAL)
    assert [origin for *_rest, origin in read(text)[0]] == ['raw']
    assert [origin for *_rest, origin in read(text.decode().splitlines())[0]] == ['interpreted'] * 2


def test_a_list_of_lines_without_text_of_users_is_raw():
    text = audit_writer.text([b'type=CONFIG_CHANGE msg=audit(1795490000.000:3): op=add_rule key="x" res=1'], REAL)
    assert read(text.decode().splitlines()) == ONLY_THE_REAL_ONE


def test_a_line_of_no_known_form_is_counted_in_a_long_log_too():
    lines = sum(map(executed, range(100)), [b'type=USER_END msg=audit(1795490000.000:7): ' + b'x' * 600000])
    lost = b'<13>SYSCALL at 03:13 by uid 0: exe "/usr/bin/docker", key "claude-hooks-docker" (#99)'
    reading = Reading('claude-hooks-docker', text=b'\n'.join([*lines, lost]))
    assert findings.find(reading.events(), name='*')['executions'] == 100
    assert [problem for problem in reading.problems() if 'have no known form, 1 of them' in problem]
