# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: whatever the kernel writes is read back as it was, damage is noticed, no text makes reading fail or hang."""

from __future__ import annotations

import datetime
import json
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.forms import AuditLogError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = 'claude-hooks-docker'
ARGUMENT = st.one_of(
    st.sampled_from(
        [
            b'',
            b'docker',
            b'stop',
            b'claude-hooks-a',
            b'DEADBEEF',
            b'(null)',
            b'a b',
            b'"',
            b'a1="x"',
            b'\xff\xfe',
            b'\x1d',
            b'x\ntype=SYSCALL',
        ]
    ),
    st.binary(max_size=40).map(lambda value: value.replace(b'\0', b'')),
    st.integers(100, 700).map(lambda size: b'A' * size),
    st.integers(100, 700).map(lambda size: b'A ' * size),
)
ARGV = st.lists(ARGUMENT, max_size=12)


def only(lines):
    found = audit_log.events(audit_writer.text(lines))
    assert len(found) == 1
    return found[0]


@settings(max_examples=500, deadline=None)
@given(ARGV, st.integers(80, 400))
def test_an_argv_written_as_the_kernel_does_is_read_back(argv, room):
    event = only(audit_writer.event(argv, room=room))
    assert audit_log.argv(event) == (tuple(argv), None)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=30).map(lambda value: value.replace(b'\0', b'')), st.data())
def test_an_argument_split_at_any_place_is_read_back(argument, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(argument)), max_size=4)))
    parts = [argument[start:end] for start, end in zip([0] + cuts, cuts + [len(argument)])]
    encode = data.draw(st.booleans()) or not audit_writer.is_plain(argument)
    written = [part.hex().upper().encode() if encode and part else b'"%s"' % part for part in parts]
    bodies = [b'argc=2 a0="docker" a1_len=%d a1[0]=%s' % (len(argument) * 2 if encode else len(argument), written[0])]
    bodies += [b' a1[%d]=%s' % (index, text) for index, text in enumerate(written) if index]
    order = data.draw(st.permutations(bodies))
    assert audit_log.argv(audit_log.Event(None, b'1.1:1', execve=order)) == ((b'docker', argument), None)


@settings(max_examples=200, deadline=None)
@given(ARGV.filter(len), st.integers(80, 400), st.data())
def test_a_lost_execve_record_never_passes_for_a_whole_command(argv, room, data):
    bodies = audit_writer.execve(argv, room)
    lost = data.draw(st.integers(0, len(bodies) - 1))
    answer = audit_log.argv(audit_log.Event(None, b'1.1:1', execve=bodies[:lost] + bodies[lost + 1 :]))
    gap = answer[1]
    assert gap is not None and answer[0][:gap] == tuple(argv[:gap])


TEXT = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [
                    b'type=SYSCALL msg=audit(1795490000.100:1): ',
                    b'type=EXECVE msg=audit(1795490000.100:1): ',
                    b'type=CWD msg=audit(1795490000.100:1): ',
                    b'type=SYSCALL msg=audit(11/24/26 03:57:43.555:96) : ',
                    b'type=EXECVE msg=audit(11/24/26 03:57:43.555:96) : ',
                    b'node=a ',
                    b'\n',
                    b'\n',
                    b'\x1d',
                    b'arch=c000003e syscall=59 success=yes exit=0 ',
                    b'arch=x86_64 syscall=execve success=yes exit=0 ',
                    b'pid=1 ',
                    b'uid=99999999999999999999999 ',
                    b'comm="docker" exe="/usr/bin/docker" ',
                    b'key="claude-hooks-docker"',
                    b'key=claude-hooks-docker ',
                    b'key=636C617564652D686F6F6B732D646F636B6572',
                    b'argc=3 ',
                    b'argc=4294967295 ',
                    b'a0="docker" ',
                    b' a1="stop" ',
                    b'a2="claude-hooks-a"',
                    b' a2[0]=61',
                    b' a2[1]="x"',
                    b' a2_len=99 ',
                    b'cwd="/"',
                    b"msg='",
                    b'\0',
                    b'\r',
                    b'----',
                    b'time->Tue Nov 24 03:47:36 2026',
                    b'NODE,EVENT,DATE,',
                    b'At 03:47:36 11/24/26 ',
                ]
            ),
        ),
        max_size=40,
    ).map(b''.join),
)


@settings(max_examples=500, deadline=None)
@given(
    TEXT,
    st.sampled_from(
        [bytes, lambda data: data.decode('latin-1'), lambda data: data.decode('utf-8', 'surrogateescape').splitlines()]
    ),
)
def test_no_text_raises_anything_but_our_own_exception(data, form):
    try:
        events = audit_log.events(form(data), datetime.timezone.utc)
    except AuditLogError:
        return
    result = findings.find(events, name='*', containers={'a' * 64: 'x'})
    json.dumps(result).encode('utf-8')


@pytest.mark.parametrize('wrong', [None, 3, {'stdout': ''}, ['type=', {}], [None]])
def test_what_is_no_text_is_refused(wrong):
    with pytest.raises(AuditLogError, match='must be a string or a list of lines'):
        audit_log.events(wrong)


HEADERS = b'type=SYSCALL msg=audit(1795490000.100:1): '
HARD = {
    'headers on one line': lambda size: HEADERS * (size // len(HEADERS)),
    'headers of our events on one line': lambda size: (
        (HEADERS + b'arch=c000003e syscall=59 success=yes key="claude-hooks-docker"') * (size // 100)
    ),
    'one event without end': lambda size: (
        (HEADERS + b'arch=c000003e syscall=59 success=yes key="claude-hooks-docker"\n') * (size // 100)
    ),
    'one execve record': lambda size: (
        HEADERS
        + b'arch=c000003e syscall=59 success=yes key="claude-hooks-docker"\n'
        + HEADERS.replace(b'SYSCALL', b'EXECVE')
        + b'argc=9'
        + b' a1[1]="x"' * (size // 10)
    ),
    'unclosed quotes': lambda size: HEADERS.replace(b'SYSCALL', b'EXECVE') + b' a1="' * (size // 5),
    'half headers': lambda size: b'type=A msg=audit(' * (size // 17),
    'nodes': lambda size: b'node=' * (size // 5) + HEADERS,
    'NUL': bytes,
    'keys': lambda size: b' key="claude-hooks-docker"' * (size // 26),
    'interpreted': lambda size: HEADERS.replace(b': ', b' : ') + b'a=' + b' aaaa' * (size // 5),
    'interpreted arguments': lambda size: (
        HEADERS.replace(b'SYSCALL', b'EXECVE').replace(b': ', b' : ') + b' a0=x a1=x' * (size // 10)
    ),
}


def seconds(function):
    best = None
    for _repeat in range(3):
        start = time.process_time()
        function()
        spent = time.process_time() - start
        best = spent if best is None else min(best, spent)
    return best


@pytest.mark.parametrize('case', HARD)
@pytest.mark.parametrize('way', ['plain', 'fast'])
def test_hard_text_takes_linear_time(case, way, tmp_path):
    def read(size):
        path = tmp_path / str(size)
        path.write_bytes(HARD[case](size))
        if way == 'fast':
            return lambda: findings.find(Reading(KEY, files=[str(path)]).events(), name='*')
        return lambda: findings.find(audit_log.events(path.read_bytes()), name='*')

    # sixteen times the text: 16 if linear, 256 if quadratic
    assert seconds(read(1 << 20)) < 60 * max(seconds(read(1 << 16)), 0.001)


@settings(max_examples=200, deadline=None)
@given(st.lists(ARGV, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(argvs, random):
    lines = [
        line
        for serial, argv in enumerate(argvs)
        for line in audit_writer.event([b'docker', b'stop'] + argv, serial=serial, room=200)
    ]
    mixed = list(lines)
    random.shuffle(mixed)
    assert findings.find(audit_log.events(audit_writer.text(mixed)), name='*') == findings.find(
        audit_log.events(audit_writer.text(lines)), name='*'
    )


SYSCALL = (
    b'type=SYSCALL msg=audit(1795490000.100:1): arch=c000003e syscall=59 success=yes exit=0 pid=100 '
    b'comm="docker" exe="/usr/bin/docker" key="claude-hooks-docker"'
)
EXECVE = b'type=EXECVE msg=audit(1795490000.100:1): argc=3 a0="docker" a1="stop" a2="claude-hooks-a"'
NAME_A = ('name', ['docker', 'stop', 'claude-hooks-a'], True, None)


# what stands in the log, and of the finding: match, argv, argv_complete, cwd; None for no finding
@pytest.mark.parametrize(
    'data, expected',
    [
        # a record cut by a crash, the next one glued to it: what is whole counts, what may be cut does not
        (SYSCALL + EXECVE + b'\n', NAME_A),
        (SYSCALL + b'\x1dAUID="bo' + EXECVE + b'\n', NAME_A),
        (EXECVE + b'node=b ' + SYSCALL.replace(b':1)', b':9)') + b'\n' + SYSCALL + b'\n', NAME_A),
        (b'type=CWD msg=audit(1795490000.100:1): cwd="/roo' + SYSCALL + b'\n' + EXECVE, NAME_A),
        (b'type=CWD msg=audit(1795490000.100:1): cwd=2F' + SYSCALL + b'\n' + EXECVE, NAME_A),
        (b'type=CWD msg=audit(1795490000.100:1): cwd="/root"' + SYSCALL + b'\n' + EXECVE, NAME_A[:3] + ('/root',)),
        (SYSCALL + b'\n' + EXECVE[:-1] + SYSCALL + b'\n', None),
        (
            SYSCALL + b'\n' + EXECVE.replace(b'"claude-hooks-a"', b'636C617564652D686F6F6B732D61') + SYSCALL + b'\n',
            None,
        ),
        # an argument with half a hex digit, of lower case, or with a byte that the kernel would not quote
        (SYSCALL + b'\n' + EXECVE.replace(b'"claude-hooks-a"', b'636'), None),
        (SYSCALL + b'\n' + EXECVE.replace(b'hooks-a', b'hooks\t-a'), None),
        # the last argument is missing: what stands before it is certain
        (
            SYSCALL + b'\n' + EXECVE.replace(b'argc=3', b'argc=4'),
            ('name', ['docker', 'stop', 'claude-hooks-a'], False, None),
        ),
        # one before it is missing: it may be an option that changes everything
        (
            SYSCALL + b'\n' + EXECVE.replace(b'argc=3', b'argc=4').replace(b'a2=', b'a3='),
            ('possible', ['docker', 'stop', 'claude-hooks-a'], False, None),
        ),
        # a length that its chunks do not reach
        (SYSCALL + b'\n' + EXECVE.replace(b'a2=', b'a2_len=99 a2[0]='), None),
        # quoted text is literal, also where it looks like hex
        (SYSCALL + b'\n' + EXECVE.replace(b'"claude-hooks-a"', b'"636C617564652D686F6F6B732D61"'), None),
        (
            SYSCALL + b'\n' + EXECVE.replace(b'"claude-hooks-a"', b'"deadbeef"'),
            ('possible', ['docker', 'stop', 'deadbeef'], True, None),
        ),
        # the kernel's own way while no auditd runs
        (
            b'Nov 24 03:13:20 h kernel: audit: '
            + SYSCALL.replace(b'SYSCALL msg=', b'1300 ')
            + b'\nNov 24 03:13:20 h kernel: audit: '
            + EXECVE.replace(b'EXECVE msg=', b'1309 '),
            NAME_A,
        ),
        # what a program put into its own message is no record
        (b"type=USER_CMD msg=audit(1795490000.100:7): pid=1 uid=0 msg='cmd=" + SYSCALL + b" '\n" + EXECVE, None),
        # other calls with our key
        (SYSCALL.replace(b'syscall=59', b'syscall=42') + b'\n' + EXECVE, None),
        (SYSCALL.replace(b'arch=c000003e', b'arch=40000003') + b'\n' + EXECVE, None),
        (SYSCALL.replace(b'syscall=59', b'syscall=322') + b'\n' + EXECVE, NAME_A),
        (SYSCALL.replace(b'syscall=59', b'syscall=59 per=400000') + b'\n' + EXECVE, NAME_A),
        (SYSCALL.replace(b'arch=c000003e syscall=59', b'arch=c00000b7 syscall=221') + b'\n' + EXECVE, NAME_A),
        # other keys
        (SYSCALL.replace(b'claude-hooks-docker"', b'x-claude-hooks-docker"') + b'\n' + EXECVE, None),
        (
            SYSCALL.replace(
                b'"claude-hooks-docker"', b'610178'.replace(b'78', b'636C617564652D686F6F6B732D646F636B6572')
            )
            + b'\n'
            + EXECVE,
            NAME_A,
        ),
        (SYSCALL.replace(b'"claude-hooks-docker"', b'636C617564652D686F6F6B732D646F636B657261') + b'\n' + EXECVE, None),
        (SYSCALL.replace(b'"claude-hooks-docker"', b'636C617564652D686F6F6B732D646F636B6572A') + b'\n' + EXECVE, None),
        # a key in an argument or in the tail is none of the rule
        (
            SYSCALL.replace(b'key="claude-hooks-docker"', b'key=(null)\x1d key="claude-hooks-docker"') + b'\n' + EXECVE,
            None,
        ),
    ],
)
def test_damaged_and_foreign_records(data, expected):
    found = findings.find(audit_log.events(data))['findings']
    assert [(finding['match'], finding['argv'], finding['argv_complete'], finding['cwd']) for finding in found] == (
        [expected] if expected else []
    )


INTERPRETED = (
    '----\n'
    'type=EXECVE msg=audit(07/24/26 03:57:43.555:96) : argc=3 a0=docker a1=stop a2=claude-hooks-a%s \n'
    'type=SYSCALL msg=audit(07/24/26 03:57:43.555:96) : arch=x86_64 syscall=execve success=yes exit=0 ppid=7 pid=9 '
    'auid=bob uid=root ses=3 tty=(none) '
    'comm=docker exe=/usr/bin/docker key=claude-hooks-docker key=b \n'
)


def test_interpreted_text_names_users_and_several_keys():
    (finding,) = findings.find(audit_log.events(INTERPRETED % ''))['findings']
    assert [
        finding[name]
        for name in (
            'match',
            'matched',
            'pid',
            'uid',
            'auid',
            'ses',
            'tty',
            'user',
            'login_user',
            'keys',
            'timestamp',
            'event',
        )
    ] == [
        'possible',
        ['claude-hooks-a'],
        9,
        None,
        None,
        3,
        None,
        'root',
        'bob',
        ['claude-hooks-docker', 'b'],
        None,
        None,
    ]


def test_interpreted_times_need_a_zone():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    (finding,) = findings.find(audit_log.events(INTERPRETED % '', zone))['findings']
    assert (finding['timestamp'], finding['event']) == ('2026-07-24T01:57:43.555Z', '1784858263.555:96')
    with pytest.raises(findings.FindingsError, match='give the timezone'):
        findings.find(audit_log.events(INTERPRETED % ''), since=0)


# an argument with line breaks that looks like a raw record, or like one that ausearch -i prints
@pytest.mark.parametrize(
    'forged, count, unknown',
    [
        (SYSCALL.decode().replace('100:1', '100:7') + '\n' + EXECVE.decode().replace('100:1', '100:7'), 2, False),
        ((INTERPRETED % '-2').replace(':96', ':97'), 2, False),
        ((INTERPRETED % '-2').replace('07/24/26 03:57:43.555:96) :', '1795490000.100:7):'), 1, True),
    ],
)
def test_a_record_forged_in_interpreted_text_gives_no_certain_finding(forged, count, unknown):
    reading = Reading('claude-hooks-docker', text=INTERPRETED % ('\n' + forged))
    found = findings.find(reading.events())['findings']
    assert [(finding['match'], finding['origin']) for finding in found] == [('possible', 'interpreted')] * count
    assert ['have no known form, 1 of them' in problem for problem in reading.problems()] == [True] * unknown


def test_a_line_of_the_interpreted_form_hides_no_raw_event():
    text = (INTERPRETED % '').encode() + b'\n' + SYSCALL + b'\n' + EXECVE + b'\n'
    one, raw = findings.find(Reading('claude-hooks-docker', text=text).events())['findings']
    assert [(one['event'], one['origin']), (raw['event'], raw['origin'])] == [
        (None, 'interpreted'),
        ('1795490000.100:1', 'interpreted'),
    ]
    assert raw['argv'] == ['docker', 'stop', 'claude-hooks-a'] and raw['argv_complete']


def test_a_command_whose_end_is_lost_is_counted():
    result = findings.find(audit_log.events(SYSCALL + b'\n' + EXECVE[:-1]))
    assert (result['findings'], result['unreadable_count'], result['unreadable'][0]['reason']) == (
        [],
        1,
        'arguments missing',
    )


@pytest.mark.parametrize(
    'seconds_since, expected',
    [
        ('1795490000.100', '2026-11-24T03:13:20.100Z'),
        ('0.000', '1970-01-01T00:00:00.000Z'),
        ('99999999999.999', '5138-11-16T09:46:39.999Z'),
    ],
)
def test_times_are_rfc_3339(seconds_since, expected):
    events = audit_log.events('type=SYSCALL msg=audit(%s:1): arch=c000003e' % seconds_since)
    assert [times.timestamp(audit_log.when(event)[0]) for event in events] == [expected]
