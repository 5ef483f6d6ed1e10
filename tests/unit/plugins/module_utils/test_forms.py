# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: audit text in every form that people have is read as what it was, or refused with a reason, never silently.

The fixtures are forms that were taken from public reports, all with the same execution.
"""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
import os
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forms, logs, rotations
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

FOLDER = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'forms'
EXPECTED = json.loads((FOLDER / 'expected.json').read_text())
KEY = 'claude-hooks-docker'
STOP = ['docker', 'stop', 'claude-hooks-a']
LINES = audit_writer.event([word.encode() for word in STOP], enriched=True)
TEXT = audit_writer.text(LINES)


def read(text=None, zone=datetime.timezone.utc, **options):
    reading = Reading(KEY, text=text, timezone=zone, **options)
    return findings.find(reading.events()), reading.warnings()


def only(text):
    found, problems = read(text)
    assert problems == []
    (finding,) = found['findings']
    return finding


@pytest.mark.parametrize('name', sorted(EXPECTED))
@pytest.mark.parametrize('way', ['file', 'text'])
def test_each_form_gives_what_it_should_or_says_why_not(name, way):
    expected = dict(EXPECTED[name])
    reason = expected.pop('or', None)
    argvs = expected.pop('argv')
    options = {'files': [str(FOLDER / name)]} if way == 'file' else {'text': (FOLDER / name).read_bytes()}
    try:
        found, problems = read(**options)
    except forms.AuditLogError as error:
        assert reason and len(str(error)) > 40
        return
    if [finding['argv'] for finding in found['findings']] != argvs:
        assert reason and (problems or found['unreadable'])
        return
    for field, value in expected.items():
        assert [finding.get(field) for finding in found['findings']] == [value] * len(argvs)
    assert found['findings'] or found['unreadable'] or problems or not reason


def sentence(text):
    with pytest.raises(forms.AuditLogError) as raised:
        read(text)
    return str(raised.value)


@pytest.mark.parametrize('nothing', ['', '\n', '<no matches>', '<no matches>\n', '\n\n', '----\n', []])
def test_nothing_is_no_finding_and_no_error(nothing):
    found, problems = read(nothing)
    assert (found['findings'], found['executions'], found['unreadable_count'], problems) == ([], 0, 0, [])


# a text, and what its refusal says
REFUSED = {
    'no record': (b'sudo: a password is required\n', "no audit record in this text, it begins with 'sudo: a password"),
    'gzip': (gzip.compress(TEXT), 'compressed'),
    'zstd': (b'\x28\xb5\x2f\xfd' + gzip.compress(TEXT), 'compressed: unpack it first'),
    'UTF-16': (TEXT.decode('latin-1').encode('utf-16'), 'UTF-16'),
    'UTF-16 without a mark': (TEXT.decode('latin-1').encode('utf-16-le'), 'UTF-16'),
    'HTML': (TEXT.replace(b'"', b'&quot;'), 'HTML'),
    'HTML by number': (TEXT.replace(b'"', b'&#34;'), 'HTML'),
    'a page': (b'<!DOCTYPE html><html><body>x</body></html>\n', 'HTML'),
    'CSV': (b'time,host,raw\n' + b''.join(b'1,web1,"%s"\n' % line.replace(b'"', b'""') for line in LINES), 'CSV'),
    'typographic quotes': (TEXT.replace(b'="', '=\u201c'.encode()), 'typographic quotes'),
    'a part of JSON': (TEXT.replace(b'"', b'\\"'), 'a part of JSON'),
    'laurel': (b'{"ID":"1795490000.100:1","SYSCALL":{"arch":"0xc000003e","key":"claude-hooks-docker"}}\n', 'laurel'),
    'go-audit': (
        b'{"sequence":1,"timestamp":"1795490000.100","messages":[{"type":1300,"data":"arch=c000003e"}]}\n',
        'go-audit',
    ),
    'JSON of something else': (b'{"level": "info", "msg": "started"}\n', 'JSON without the original line'),
    'journalctl': (b'Nov 24 03:13:20 web1 audit[9]: EXECVE argc=1 a0="docker"\n', 'a form of journalctl'),
    'without event numbers': (b'type=SYSCALL msg=audit(11/24/26 03:13:20) : syscall=execve key=x\n', 'event numbers'),
}


@pytest.mark.parametrize('text, expected', REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_name(text, expected):
    assert expected in sentence(text)
    assert expected in sentence(text.decode('utf-8', 'surrogateescape'))


def test_a_text_that_begins_with_something_else_shows_its_first_line_with_the_key():
    said = sentence(b'---\ninsertId: a\n' + b''.join(b"text: '%s'\n" % line for line in LINES))
    assert "it begins with '---', and its first line with the key claude-hooks-docker is \"text: 'type=SYSCALL" in said


def test_each_file_shows_its_own_line_of_an_unknown_form(tmp_path):
    for name in 'ab':
        (tmp_path / name).write_bytes(b'x\n' + b''.join(b'%s %s\n' % (name.encode(), line) for line in LINES))
    with pytest.raises(forms.AuditLogError, match="is 'a type=SYSCALL.*is 'b type=SYSCALL"):
        read(files=[str(tmp_path / 'a'), str(tmp_path / 'b')])


def test_a_hole_at_the_beginning_is_no_utf_16():
    assert 'UTF-16' not in sentence(b'\0' * 5000 + b'x type=SYSCALL syscall=59 key="claude-hooks-docker"\n')


@pytest.mark.parametrize('between', [b'\r', b'\\n', b'512 <13>1 2026-11-24T03:13:20Z web1 audispd - - - '])
def test_records_without_line_ends_between_them_are_said(between):
    found, problems = read(between.join(LINES + [line.replace(b'.100:1)', b'.100:2)') for line in LINES]))
    assert found['findings'] == [] and found['unreadable']
    assert ['without line ends between its records' in problem for problem in problems] == [True]


def test_a_part_that_cannot_be_read_is_a_warning():
    found, problems = read(TEXT + TEXT.replace(b':1)', b':2)').replace(b'"', b'&quot;'))
    assert len(found['findings']) == 1 and 'with the key claude-hooks-docker' in problems[0] and 'HTML' in problems[0]


def test_a_log_without_our_key_is_nothing_to_speak_of():
    assert read(audit_writer.text(audit_writer.event([b'ls'], key=b'other'))) == read('')


# --- How the separator of ENRICHED records is spelt ------------------------------------------------------------------

SEPARATORS = [
    b'', b' ', b'#035', b'^]', b'\\x1d', b'\\x1D', b'\\u001d', b'\\u001D', b'\\035', b'<1d>', b'<GS>', b'%1D',
    '\ufffd'.encode(), '\u241d'.encode(), b'?', b'\x1d',
]  # fmt: skip


@pytest.mark.parametrize('separator', SEPARATORS)
@pytest.mark.parametrize('key', [KEY.encode(), b'x\x01' + KEY.encode(), KEY.encode() + b'\x01x'])
def test_the_separator_may_be_lost_or_spelt_in_any_way(separator, key):
    lines = audit_writer.event([word.encode() for word in STOP], enriched=True, key=key)
    # ausearch --raw adds one to plain records, too
    text = audit_writer.text([line if b'\x1d' in line else line + b'\x1d' for line in lines])
    finding = only(text.replace(b'\x1d', separator))
    assert [finding[name] for name in ('argv', 'cwd', 'login_user', 'user')] == [STOP, '/root', 'bob', 'root']
    assert KEY in finding['keys'] and finding['argv_complete']


# --- What a syslog daemon puts in front ------------------------------------------------------------------------------

PREFIXES = {
    b'Nov 24 03:13:20 web1 audispd: ': 'web1',
    b'Nov  4 03:13:20 web1 audisp-syslog[612]: ': 'web1',
    b'<13>Nov 24 03:13:20 web1 audit_log: ': 'web1',
    b'2026-11-24T03:13:20.100+01:00 web1 tag_audit_log: ': 'web1',
    b'2026-11-24T03:13:20Z web1.example.org auditd: ': 'web1.example.org',
    b'Nov 24 2026 03:13:20 192.0.2.7 audispd: ': '192.0.2.7',
    b'<13>1 2026-11-24T03:13:20.100Z web1 audispd 612 - - ': 'web1',
    b'310 <13>1 2026-11-24T03:13:20.100Z web1 audispd 612 - - \xef\xbb\xbf': 'web1',
    b'Nov 24 03:13:20 relay audispd: node=web1 ': 'web1',
    b'Nov 24 03:13:20 audispd: ': None,
    b'Nov 24 03:13:20 web1 audispd:  ': 'web1',
    b'Nov 24 03:13:20 relay audispd:  node=web1 ': 'web1',
    b'<13>1 2026-11-24T03:13:20.100Z web1 audispd 612 - [x@1 a="b"] ': 'web1',
    b'<13>1 - web1 audispd - - - ': 'web1',
    b'Nov 24 03:13:20 fe80::1%eth0 audispd[123]: ': 'fe80::1%eth0',
    b'Nov 24 03:13:20 relay audispd: node="web 1" ': '"web 1"',
    b'[   12.345678] web1 audispd[123]: ': 'web1',
    b'1795490000.100000 web1 audispd[123]: ': 'web1',
    # a time alone: CloudWatch and kubectl logs --timestamps, and the log of a container (CRI)
    b'2026-11-24T03:13:20.100Z ': None,
    b'2026-11-24T03:13:20.100Z\t': None,
    b'2026-11-24T03:13:20.100Z node=web1 ': 'web1',
    b'2026-11-24T03:13:20.100000000+01:00 stdout F ': None,
    b'2026-11-24T03:13:20.100000000Z stderr P ': None,
}
KERNEL = {
    b'Nov 24 03:13:20 web1 kernel: audit: ': 'web1',
    b'Nov 24 03:13:20 web1 kernel: [ 1234.567890] audit: ': 'web1',
    b'[ 1234.567890] audit: ': None,
    b'[Tue Nov 24 03:13:20 2026] audit: ': None,
    b'[ 1234.567890 <    0.000001>] audit: ': None,
    b'[ 1234.567890] [   T123] audit: ': None,
    b'[ 1234.567890][   T123] audit: ': None,
    b'kern  :notice: [ 1234.567890] audit: ': None,
    b'kern  :notice: 2026-11-24T03:13:20,100000+01:00 audit: ': None,
    b'2026-11-24T03:13:20,100000+01:00 audit: ': None,
    b'5,1234,1234567890,-;audit: ': None,
    b'[   12.345678] web1 kernel: audit: ': 'web1',
    b'1795490000.100000 web1 kernel: audit: ': 'web1',
}


@pytest.mark.parametrize('prefix', PREFIXES)
def test_a_syslog_prefix_names_the_host(prefix):
    finding = only(b''.join(prefix + line + b'\n' for line in LINES))
    assert (finding['argv'], finding['host'], finding['origin']) == (STOP, PREFIXES[prefix], 'syslog')


@pytest.mark.parametrize('prefix', KERNEL)
def test_what_the_kernel_writes_without_auditd_is_read(prefix):
    lines = [line.replace(b'SYSCALL msg=', b'1300 ').replace(b'EXECVE msg=', b'1309 ') for line in LINES[:2]]
    finding = only(b''.join(prefix + line.partition(b'\x1d')[0] + b'\n' for line in lines))
    assert (finding['argv'], finding['host'], finding['origin']) == (STOP, KERNEL[prefix], 'syslog')


@pytest.mark.parametrize(
    'prefix',
    [
        b'Nov 24 03:13:20 web1 sshd[1]: Invalid user audispd: ',
        b'Nov 24 03:13:20 web1 sshd[1]: audispd: ',
        b'<13>1 2026-11-24T03:13:20.100Z web1 sshd 612 - - audispd: ',
        b'x Nov 24 03:13:20 web1 audispd: ',
        b'user said: ',
        b'2026-11-24T03:13:20.100Z web1 ',
        b'2026-11-24T03:13:20.100Z stdout said ',
        b'2026-11-24T03:13:20.100Z sshd[1]: ',
        b'1795490000.100000 web1 sshd[1]: audit: ',
    ],
)
def test_a_record_behind_another_tag_is_none(prefix):
    text = audit_writer.text(audit_writer.event([b'ls'], serial=9, key=b'other'))
    found, _problems = read(text + b''.join(prefix + line + b'\n' for line in LINES))
    assert (found['findings'], found['executions']) == ([], 0)


def test_records_of_two_hosts_never_join():
    one, two = (b'Nov 24 03:13:20 %s audispd: ' % host for host in (b'web1', b'web2'))
    found, _problems = read(one + LINES[0] + b'\n' + two + LINES[1] + b'\n' + two + LINES[2] + b'\n')
    reasons = [entry['reason'] for entry in found['unreadable']]
    assert (reasons, found['findings']) == (['no arguments', 'SYSCALL record missing'], [])


# --- JSON lines that carry the original line -------------------------------------------------------------------------


def objects(make):
    return '\n'.join(json.dumps(make(line.decode())) for line in LINES) + '\n'


JSON = {
    'docker json-file': (lambda line: {'log': line + '\n', 'stream': 'stdout', 'time': 'x'}, None),
    'Fluentd': (lambda line: {'message': line, 'hostname': 'web1', 'tag': 'audit'}, 'web1'),
    'ECS, the line twice': (
        lambda line: {'message': line, 'event': {'original': line}, 'host': {'name': 'web1'}},
        'web1',
    ),
    'Elasticsearch': (lambda line: {'_index': 'x', '_source': {'message': line, 'agent': {'name': 'web1'}}}, 'web1'),
    'nested': (lambda line: {'a': {'b': [{'text': line}]}, 'host': 'web1'}, 'web1'),
    'JSON within JSON': (lambda line: {'log': json.dumps({'message': line, 'host': 'web1'})}, 'web1'),
    'with its prefix': (lambda line: {'raw': 'Nov 24 03:13:20 web2 audispd: ' + line, 'host': 'relay'}, 'web2'),
}


@pytest.mark.parametrize('make, host', JSON.values(), ids=JSON)
def test_json_that_carries_the_line_is_read_whoever_made_it(make, host):
    finding = only(objects(make))
    assert [finding[name] for name in ('argv', 'cwd', 'login_user', 'host', 'origin')] == [
        STOP, '/root', 'bob', host, 'syslog',
    ]  # fmt: skip


def test_a_list_of_objects_and_objects_over_several_lines_are_read():
    values = [{'host': 'web1', 'message': line.decode()} for line in LINES]
    for text in (json.dumps(values), json.dumps(values, indent=2), '\n'.join(json.dumps(v, indent=1) for v in values)):
        assert only(text)['argv'] == STOP


def test_several_records_in_one_string_are_read_as_wazuh_joins_them():
    joined = b' '.join(line.partition(b'\x1d')[0] for line in LINES).decode()
    assert only(json.dumps({'full_log': joined, 'agent': {'name': 'web1'}}) + '\n')['argv'] == STOP


# --- The journal -----------------------------------------------------------------------------------------------------


def entries(transport='audit', **more):
    for line in LINES:
        kind, _blank, body = line.partition(b'\x1d')[0].partition(b' ')
        yield dict(
            more,
            __CURSOR='s=1',
            _TRANSPORT=transport,
            _HOSTNAME='web1',
            _AUDIT_ID='1',
            _SOURCE_REALTIME_TIMESTAMP='1795490000100000',
            MESSAGE=(kind.partition(b'=')[2] + b' ' + body.partition(b'): ')[2]).decode(),
        )


def as_json(entry):
    return json.dumps(entry).encode() + b'\n'


def as_json_of_bytes(entry):
    return as_json(dict(entry, MESSAGE=list(entry['MESSAGE'].encode())))


def as_export(entry):
    return b''.join(b'%s=%s\n' % (name.encode(), value.encode()) for name, value in entry.items()) + b'\n'


def as_binary_export(entry):
    message = entry.pop('MESSAGE').encode()
    return as_export(entry)[:-1] + b'MESSAGE\n' + len(message).to_bytes(8, 'little') + message + b'\n\n'


@pytest.mark.parametrize('form', [as_json, as_json_of_bytes, as_export, as_binary_export])
def test_an_export_of_the_journal_is_read(form):
    finding = only(b''.join(form(entry) for entry in entries()))
    assert [finding[name] for name in ('argv', 'cwd', 'host', 'event', 'origin')] == [
        STOP, '/root', 'web1', '1795490000.100:1', 'syslog',
    ]  # fmt: skip


def test_what_a_user_writes_into_the_journal_is_no_record():
    forged = b''.join(
        json.dumps({'_TRANSPORT': 'syslog', 'SYSLOG_IDENTIFIER': 'app', 'MESSAGE': line.decode()}).encode() + b'\n'
        for line in LINES
    )
    assert 'no audit record' in sentence(forged)


def test_the_tag_of_a_program_of_audit_is_believed_of_root_alone():
    """With logger -t audit, anybody can choose it."""
    by_root, by_a_user = (
        b''.join(
            as_json({'_TRANSPORT': 'syslog', 'SYSLOG_IDENTIFIER': 'audit', '_UID': uid, 'MESSAGE': line.decode()})
            for line in LINES
        )
        for uid in ('0', '1007')
    )
    assert only(by_root)['argv'] == STOP and 'no audit record' in sentence(by_a_user)


@pytest.mark.parametrize('form', [as_json, as_json_of_bytes, as_binary_export])
def test_a_line_end_in_a_record_of_the_journal_begins_no_record(form):
    """A process with CAP_AUDIT_WRITE chooses the text of a USER record."""
    forged = b'\n'.join(LINES).replace(b':1)', b':7)').partition(b'\x1d')[0] + b'\n' + b'\n'.join(LINES[1:])
    entry = {
        '_TRANSPORT': 'audit',
        '_HOSTNAME': 'web1',
        '_AUDIT_ID': '9',
        '_SOURCE_REALTIME_TIMESTAMP': '1795490001100000',
        'MESSAGE': "USER_CMD pid=1 uid=0 msg='x\n%s'" % forged.decode(),
    }
    found, _problems = read(form(entry))
    assert found['findings'] == [] and found['unreadable'] == []


# --- Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'machine, call',
    [
        ('c0000102', 221), ('400000f3', 281), ('00000008', 4011), ('40000008', 4356), ('c0000008', 5057),
        ('e0000008', 6057), ('80000015', 11), ('00000014', 362), ('8000002b', 59), ('0000000f', 11), ('4', 355),
        ('c0009026', 513), ('80000016', 354), ('c00000b7', 281),
    ],
)  # fmt: skip
def test_executions_of_other_machines_are_known(machine, call):
    text = TEXT.replace(b'arch=c000003e syscall=59', b'arch=%s syscall=%d' % (machine.encode(), call))
    assert only(text.replace(b'SYSCALL=execve', b'SYSCALL=?'))['argv'] == STOP


def test_a_machine_that_nobody_knows_is_told_by_its_tail_or_its_arguments():
    strange = TEXT.replace(b'arch=c000003e syscall=59', b'arch=deadbeef syscall=7')
    assert only(strange)['argv'] == STOP
    assert only(strange.replace(b' SYSCALL=execve', b''))['argv'] == STOP
    assert read(strange.replace(b'SYSCALL=execve', b'SYSCALL=connect'))[0]['executions'] == 0


def test_quoted_values_and_users_without_a_name_are_read():
    quoted = TEXT.replace(b'success=yes', b'success="yes"').replace(b'uid=0', b'uid="0"').replace(b'=pts0', b'="pts0"')
    finding = only(quoted)
    assert [finding[name] for name in ('success', 'uid', 'tty')] == [True, 0, 'pts0']
    text = (
        'type=EXECVE msg=audit(11/24/26 03:13:20.100:1) : argc=3 a0=docker a1=stop a2=claude-hooks-a \n'
        'type=SYSCALL msg=audit(11/24/26 03:13:20.100:1) : arch=x86_64 syscall=execve success=yes pid=9 '
        'auid=unknown(1002) uid=root ses=3 comm=docker exe=/usr/bin/docker key=claude-hooks-docker \n'
    )
    finding = only(text)
    assert [finding[name] for name in ('auid', 'login_user', 'user')] == [1002, None, 'root']


@pytest.mark.parametrize(
    'dates, expected',
    [
        (['11/24/26'], '2026-11-24T03:13:20.100Z'),
        (['24/11/26'], '2026-11-24T03:13:20.100Z'),
        (['24/11/2026'], '2026-11-24T03:13:20.100Z'),
        (['24.11.2026'], '2026-11-24T03:13:20.100Z'),
        (['05.11.2026'], '2026-11-05T03:13:20.100Z'),
        (['2026-11-05'], '2026-11-05T03:13:20.100Z'),
        (['2026年11月24日'], '2026-11-24T03:13:20.100Z'),
        (['2026. 11. 24.'], '2026-11-24T03:13:20.100Z'),
        (['11/11/26'], '2026-11-11T03:13:20.100Z'),
        (['05/11/26'], None),
        # another date of the same text tells
        (['05/11/26', '24/11/26'], '2026-11-05T03:13:20.100Z'),
        (['11/05/26', '11/24/26'], '2026-11-05T03:13:20.100Z'),
        (['32/11/26'], None),
    ],
)
def test_local_dates_are_read_where_their_order_is_known(dates, expected):
    text = ''.join(
        'type=EXECVE msg=audit({0} 03:13:20.100:{1}) : argc=3 a0=docker a1=stop a2=claude-hooks-a \n'
        'type=SYSCALL msg=audit({0} 03:13:20.100:{1}) : arch=x86_64 syscall=execve success=yes '
        'comm=docker exe=/usr/bin/docker key=claude-hooks-docker \n'.format(date, serial)
        for serial, date in enumerate(dates, 1)
    )
    found, problems = read(text)
    assert expected in [finding['timestamp'] for finding in found['findings']]
    assert bool(problems) == (dates == ['05/11/26'])


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('pack', [gzip.compress, lzma.compress, bz2.compress])
def test_compressed_logs_are_read(tmp_path, pack):
    (tmp_path / 'audit.log.1').write_bytes(pack(audit_writer.text(*(LINES for _event in range(5)), LINES[:2])))
    found, problems = read(files=[str(tmp_path / 'audit.log.1')], block=700)
    assert ([finding['argv'] for finding in found['findings']], problems) == ([STOP], [])


def test_a_compressed_log_that_is_cut_is_an_error(tmp_path):
    (tmp_path / 'audit.log.1.gz').write_bytes(gzip.compress(TEXT)[:-20])
    with pytest.raises(logs.LogReaderError, match='cannot unpack .*audit.log.1.gz'):
        read(files=[str(tmp_path / 'audit.log.1.gz')])


@pytest.mark.parametrize(
    'names',
    [
        ['audit.log.3', 'audit.log.2.gz', 'audit.log.1', 'audit.log'],
        ['audit.log-20261119', 'audit.log-20261120.gz', 'audit.log.20261121', 'audit.log'],
        ['audit.log-20261120.xz', 'audit.log.2', 'audit.log.1', 'audit.log'],
        ['audit-20261119.log', 'audit-20261120.log.gz', 'audit.log'],
    ],
)
def test_rotations_are_read_in_their_order(tmp_path, names):
    pack = {'.gz': gzip.compress, '.xz': lzma.compress}
    lines = [audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], seconds=1795490000 + n) for n in range(9)]
    flat = [line for event in lines for line in event]
    size = len(flat) // len(names) + 1
    for number, name in enumerate(names):
        text = audit_writer.text(flat[number * size : (number + 1) * size])
        (tmp_path / name).write_bytes(pack.get(name[-3:], bytes)(text))
    (tmp_path / 'audit.log.old').write_bytes(b'x')
    found, _problems = read(None, log=str(tmp_path / 'audit.log'))
    assert [finding['event'] for finding in found['findings']] == ['%d.100:1' % (1795490000 + n) for n in range(9)]
    assert rotations.in_order([str(tmp_path / name) for name in sorted(names)])[-1] == str(tmp_path / 'audit.log')


def test_a_date_behind_the_name_costs_nothing(tmp_path, monkeypatch):
    for name in ('audit.log', 'audit.log.20261121', 'audit.log.9999999'):
        (tmp_path / name).write_bytes(TEXT)
    opened = []
    real = logs._open  # pylint: disable=protected-access
    monkeypatch.setattr(logs, '_open', lambda path: opened.append(path) or real(path))
    assert len(read(None, log=str(tmp_path / 'audit.log'))[0]['findings']) == 1
    assert len(opened) < 20


def test_the_folder_is_what_counts(tmp_path):
    os.mkdir(tmp_path / 'audit.log.5x')
    (tmp_path / 'audit.log').write_bytes(TEXT)
    assert len(read(None, log=str(tmp_path / 'audit.log'))[0]['findings']) == 1


@pytest.mark.parametrize('change', [b'\xef\xbb\xbf%s', b'  %s', b'\n\n%s\n\n', b'%s\0\0\0'])
def test_what_stands_round_a_text_changes_nothing(change):
    assert only(change % TEXT)['argv'] == STOP


@pytest.mark.parametrize(
    'old, new',
    [
        (b'\n', b'\r\n'),
        (b'\n', b'   \n'),
        (b'\n', b'\t\n'),
        (b'type=', b'\ttype='),
        (b'): ', b'):\t'),
        (b'arch=c000003e syscall=59', b'syscall=59 arch=c000003e'),
        (b'arch=c000003e ', b''),
    ],
)
def test_what_somebody_did_to_the_lines_is_never_a_reason_for_silence(old, new):
    assert old in TEXT and only(TEXT.replace(old, new))['argv'] == STOP


@pytest.mark.parametrize('width', [40, 60, 72, 80, 100, 132, 200])
def test_a_wrapped_text_says_so(width):
    lines = [
        line.encode() if isinstance(line, str) else line for line in audit_writer.event([b'docker', b'stop', b'x'])
    ]
    text = b''.join(line[at : at + width] + b'\n' for line in lines for at in range(0, len(line), width))
    found, problems = read(text)
    assert found['findings'] == []
    assert ['wrapped or cut' in problem for problem in problems] == [True]


@pytest.mark.parametrize('length', [120, 200, 240])
@pytest.mark.parametrize('before', [b'', b'Nov 24 03:13:20 web1 audisp-syslog: '])
def test_an_execution_of_docker_whose_syscall_record_lost_its_key_is_shown_as_unreadable(length, before):
    lines = [line.encode() if isinstance(line, str) else line for line in LINES]
    cut = [before + line for line in [lines[0][:length], *lines[1:]]]
    assert b' key=' not in cut[0]
    whole = [line.replace(b':1)', b':2)') for line in lines]
    found, problems = read(b'\n'.join([*cut, *whole]) + b'\n')
    assert [finding['event'] for finding in found['findings']] == ['1795490000.100:2']
    assert [one['reason'] for one in found['unreadable']] == ['key cut off']
    assert len(problems) == 1 and '1 of them' in problems[0]


def test_a_program_that_is_not_docker_is_not_shown_for_a_lost_key():
    lines = audit_writer.event([b'grep', b'-c', b'x'], enriched=True)
    lines = [line.encode() if isinstance(line, str) else line for line in lines]
    found, problems = read(b'\n'.join([lines[0][:200], *lines[1:]]) + b'\n')
    assert found['unreadable'] == [] and len(problems) == 1


def test_structured_data_of_rfc_5424_can_hold_an_escaped_bracket():
    data = b'[timeQuality tzKnown="1"][x@1 a="b \\] \\" c"]'
    lines = [line.encode() if isinstance(line, str) else line for line in LINES]
    before = b'<13>1 2026-11-24T03:13:20.100Z web1 audisp-syslog - - ' + data + b' '
    assert only(b'\n'.join(before + line for line in lines) + b'\n')['host'] == 'web1'


def test_of_two_files_each_shows_its_own_record_without_a_key(tmp_path):
    for name in 'ab':
        line = [line.encode() if isinstance(line, str) else line for line in LINES][0][:120]
        (tmp_path / name).write_bytes(line.replace(b'.100:1)', b'.100:%d)' % ord(name)) + b'\n')
    _found, problems = read(files=[str(tmp_path / 'a'), str(tmp_path / 'b')])
    assert [':%d)' % ord(name) in problem for name, problem in zip('ab', problems)] == [True, True]
