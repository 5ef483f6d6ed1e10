# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: JSON makes no record of what a user typed, and no line is dropped without a word."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import carried, forms
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

KEY = 'claude-hooks-docker'
HARMLESS = [line.decode() for line in audit_writer.event([b'docker', b'ps'], serial=2)]
STOP = [line.decode() for line in audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], serial=1)]
TYPED = [line.decode() for line in audit_writer.event([b'docker', b'rm', b'claude-hooks-db'], serial=7)]


def read(way, text, tmp_path, **options):
    """(words of what was found, what could not be read), of a file or of its text"""
    path = tmp_path / 'log'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    options.update({'files': [str(path)]} if way == 'file' else {'text': text})
    reading = Reading(KEY, timezone=datetime.timezone.utc, **options)
    found = findings.find(reading.events(), name='*')
    return [finding['argv'][1:] for finding in found['findings']], reading.problems()


def jsonl(values):
    return ''.join(json.dumps(value) + '\n' for value in values)


# An object for a record of the kernel, and a record that is an argument in it
DECODED = {
    'laurel with the line': lambda line, typed: {'message': line, 'EXECVE': {'ARGV': ['docker', 'ps', typed]}},
    'only such an argument': lambda line, typed: {'message': line, 'EXECVE': {'ARGV': [typed]}},
    'ECS': lambda line, typed: {'event.original': line, 'process': {'args': [typed], 'title': typed}},
    'ECS, dotted': lambda line, typed: {'message': line, 'process.command_line': typed, 'process.args': [typed]},
    'Wazuh': lambda line, typed: {'full_log': line, 'data': {'audit': {'execve': {'a0': 'docker', 'a1': typed}}}},
    'Wazuh, with lines of before': lambda line, typed: {'full_log': line, 'previous_output': typed + '\n' + line},
    'a name that nobody knows': lambda line, typed: {'message': line, 'note': typed},
    'an object in it': lambda line, typed: {'message': line, 'note': json.dumps({'message': typed})},
    'Auditbeat, a failed login': lambda line, typed: {'message': line, 'auditd': {'data': {'acct': typed}}},
    'Falco': lambda line, typed: {'log': line, 'output_fields': {'proc.pcmdline': typed}},
    'flattened': lambda line, typed: {'message': line, 'process_args': typed},
    'OpenTelemetry': lambda line, typed: {
        'body': {'stringValue': line},
        'attributes': [{'key': 'process.command_line', 'value': {'stringValue': typed}}],
    },
    'Loki': lambda line, typed: {'values': [['1795490000000000000', line]]},
    'Auditbeat': lambda line, typed: {'message': line, 'auditd': {'data': {'a1': typed, 'cmdline': typed}}},
}


@pytest.mark.parametrize('way', ['file', 'text'])
@pytest.mark.parametrize('make', DECODED.values(), ids=DECODED)
def test_an_argument_in_json_is_no_record(way, make, tmp_path):
    values = [make(line, typed) for line in STOP for typed in TYPED]
    found, problems = read(way, jsonl(values), tmp_path)
    assert found == [['stop', 'claude-hooks-a']]
    assert all('those of a usual name for the line' in problem for problem in problems)


@pytest.mark.parametrize('name, is_said', [('what', True), ('x.note', True), ('Message', False), ('body', False)])
@pytest.mark.parametrize('way', ['file', 'text'])
def test_a_line_under_a_name_that_nobody_knows_is_read_and_said(way, name, is_said, tmp_path):
    found, problems = read(way, jsonl({name: line} for line in STOP), tmp_path)
    assert found == [['stop', 'claude-hooks-a']]
    assert ['can have forged it' in problem for problem in problems] == [True] * is_said


@pytest.mark.parametrize('way', ['file', 'text'])
def test_json_in_which_two_strings_say_different_things_names_neither_and_says_so(way, tmp_path):
    """Nobody knows how a collector calls what it decoded: a user must not choose the record."""
    values = [{'what': line, 'note': typed} for line, typed in zip(HARMLESS, TYPED)]
    found, problems = read(way, jsonl([*values, *({'message': line} for line in STOP)]), tmp_path)
    assert found == [['stop', 'claude-hooks-a']]
    (problem,) = problems
    assert 'has objects in which several strings begin records of different events, so that nobody' in problem
    assert ', %d of them, the first' % len(values) in problem


@pytest.mark.parametrize(
    'value',
    [
        {'stdout': '\n'.join(STOP), 'stdout_lines': STOP},
        {'stdout_lines': ['----', 'time->Tue Nov 24 03:47:36 2026', *STOP]},
        {'stdout': '----\ntime->Tue Nov 24 03:47:36 2026\n' + '\n'.join(STOP), 'cmd': ['ausearch', '-k', KEY]},
        STOP,
        [{'message': line} for line in STOP],
    ],
)
def test_several_lines_in_one_object_are_read(value, tmp_path):
    assert read('text', json.dumps(value) + '\n', tmp_path) == ([['stop', 'claude-hooks-a']], [])


@pytest.mark.parametrize('way', ['file', 'text'])
def test_an_object_that_cannot_be_parsed_is_said(way, tmp_path):
    lines = jsonl({'message': line} for line in STOP)
    torn = json.dumps({'message': TYPED[0]})[:-1] + '\n'
    found, problems = read(way, lines + torn, tmp_path)
    assert found == [['stop', 'claude-hooks-a']] and 'have no known form, 1 of them' in problems[0]
    found, problems = read(way, json.dumps({'message': STOP[0]}, indent=1) + '\n' + torn, tmp_path)
    assert 'have no known form, 1 of them' in problems[0]


@pytest.mark.parametrize('way', ['file', 'text'])
def test_a_line_among_objects_is_not_of_auditd(way, tmp_path):
    text = jsonl({'message': line} for line in HARMLESS) + '\n'.join(STOP) + '\n'
    reading = Reading(KEY, text=text)
    assert [one['origin'] for one in findings.find(reading.events())['findings']] == ['syslog']
    assert read(way, text, tmp_path) == ([['stop', 'claude-hooks-a']], [])


@pytest.mark.parametrize('way', ['file', 'text'])
@pytest.mark.parametrize('indent', [None, 1])
def test_a_byte_order_mark_costs_no_record(way, indent, tmp_path):
    text = ''.join(json.dumps({'message': line}, indent=indent) + '\n' for line in STOP)
    assert read(way, b'\xef\xbb\xbf' + text.encode(), tmp_path) == ([['stop', 'claude-hooks-a']], [])


@pytest.mark.parametrize('way', ['file', 'text'])
@pytest.mark.parametrize('end', ['', '\n'])
def test_one_line_of_many_megabytes_is_read(way, end, tmp_path):
    """As `curl .../_search` writes it."""
    others = [{'_source': {'message': line.replace(':2)', ':%d)' % n)}} for n in range(3, 4000) for line in HARMLESS]
    hits = [*others, *({'_source': {'message': line}} for line in STOP)]
    text = json.dumps({'hits': {'hits': hits}}) + end
    assert len(text) > 3 << 20
    assert read(way, text, tmp_path) == ([['stop', 'claude-hooks-a']], [])


def entry(line, size=0):
    kind, _blank, body = line.partition(' ')
    fields = {
        '__CURSOR': 's=1',
        '_TRANSPORT': 'audit',
        '_AUDIT_ID': '1',
        '_SOURCE_REALTIME_TIMESTAMP': '1795490000100000',
        'MESSAGE': kind.partition('=')[2] + ' ' + body.partition('): ')[2],
    }
    text = ''.join('%s=%s\n' % field for field in fields.items()).encode()
    return text + b'NOISE\n' + size.to_bytes(8, 'little') + b'\n' * size + b'\n\n'


@pytest.mark.parametrize('way', ['file', 'text'])
def test_an_export_is_read_to_its_end_whatever_its_length(way, tmp_path, monkeypatch):
    monkeypatch.setattr(forms, '_LONGEST_JSON', 1 << 20)
    text = b''.join(entry(line, 700 << 10) for line in [*HARMLESS, *STOP])
    assert len(text) > 4 << 20
    assert read(way, text, tmp_path, block=1 << 16)[1] == [] and read(way, text, tmp_path)[0] == []
    text = b''.join(entry(line, 700 << 10) for line in STOP)
    assert read(way, text, tmp_path, block=1 << 16) == ([['stop', 'claude-hooks-a']], [])


def test_an_entry_that_says_it_is_endless_holds_nothing_up(tmp_path):
    bad = entry(HARMLESS[0])[: -len(b'\0' * 8 + b'\n\n')] + b'\xff' * 8 + b'x\n\n'
    assert read('text', bad + b'\n'.join(entry(line) for line in STOP), tmp_path)[0] == []


def test_what_is_left_out_of_a_text_that_is_too_long_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(forms, '_LONGEST_JSON', 1 << 20)
    values = [{'message': line.replace(':2)', ':%d)' % number)} for number in range(9, 3000) for line in HARMLESS]
    text = ''.join(json.dumps(value, indent=1) + '\n' for value in [{'message': STOP[0]}, *values])
    _found, problems = read('file', text, tmp_path)
    assert any('was read for its first 1 MiB only' in problem for problem in problems)


# What a user wrote, in a text that is none of auditd
LINES_OF_OTHERS = {
    'behind a NUL in a container': lambda line: json.dumps({'log': 'hi\0' + line + '\n'}),
    'behind a NUL in a stream': lambda line: '2026-11-24T03:13:20.1Z stdout F hi\0' + line,
    'behind a NUL in a syslog': lambda line: 'Nov 24 03:13:20 web1 foo[3]: hi\0' + line,
    'behind a NUL, indented': lambda line: '          a\0' + line,
    'behind a byte order mark': lambda line: 'Nov 24 03:13:20 web1 foo[3]: hi\n\ufeff' + line,
    'behind a byte order mark, among objects': lambda line: '{"message": "hi"}\n\ufeff' + line,
    'RFC 5424': lambda line: '<13>1 2026-11-24T03:13:20Z web1 foo - - - hi\n' + line,
    'RFC 5424 without priority': lambda line: '1 2026-11-24T03:13:20Z web1 foo - - - hi\n' + line,
    'coloured': lambda line: '\x1b[32mNov 24 03:13:20 web1 foo: hi\x1b[0m\n' + line,
    'with a year': lambda line: 'Tue Nov 24 03:13:20 2026 hi\n' + line,
    'with slashes': lambda line: '2026/11/24 03:13 hi\n' + line,
    'in brackets': lambda line: '[2026-11-24 03:13:20] hi\n' + line,
    'since 1970': lambda line: '1795490000 hi\n' + line,
    'a time alone': lambda line: '03:13:20 hi\n' + line,
}


@pytest.mark.parametrize('way', ['file', 'text'])
@pytest.mark.parametrize('make', LINES_OF_OTHERS.values(), ids=LINES_OF_OTHERS)
def test_what_others_wrote_is_never_raw(way, make, tmp_path):
    text = '\n'.join(make(line) for line in TYPED) + '\n'
    (tmp_path / 'log').write_text(text)
    options = {'files': [str(tmp_path / 'log')]} if way == 'file' else {'text': text}
    found = findings.find(Reading(KEY, **options).events(), name='*')
    assert {one['origin'] for one in found['findings'] + found['unreadable']} <= {'syslog'}


@pytest.mark.parametrize('size', [(1 << 20) - 50, 1 << 20, (1 << 20) + 7, 3 << 20])
def test_no_record_begins_in_the_middle_of_a_line_however_long_it_is(size, tmp_path):
    text = '\n'.join(STOP) + '\n' + ''.join('x' * size + line + '\n' for line in TYPED)
    for way in ('file', 'text'):
        found, problems = read(way, text, tmp_path)
        assert found == [['stop', 'claude-hooks-a']]
        assert way == 'file' or 'have no known form, 1 of them' in problems[0]


INTERPRETED = (
    'type=SYSCALL msg=audit(11/24/26 03:13:20.100:9) : arch=x86_64 syscall=execve success=yes exit=0 pid=9 auid=bob '
    'uid=root comm=docker exe=/usr/bin/docker key=claude-hooks-docker\n'
    'type=EXECVE msg=audit(11/24/26 03:13:20.100:9) : argc=3 a0=docker a1=ps a2=%s\n'
)


@pytest.mark.parametrize(
    'make',
    [
        lambda text: json.dumps({'stdout': text}) + '\n',
        lambda text: json.dumps({'stdout': text}, indent=1) + '\n',
        lambda text: json.dumps([{'host': 'web1', 'stdout': text}]) + '\n',
        lambda text: jsonl({'message': line} for line in text.split('\n')),
        lambda text: ''.join('2026-11-24T03:13:20.1Z stdout F %s\n' % line for line in text.split('\n')),
        lambda text: '\n'.join(audit_text('other', 3000)) + '\n' + text + '\n'.join(audit_text('other', 3000)) + '\n',
    ],
)
def test_an_argument_in_interpreted_text_is_never_more_than_that(make, tmp_path):
    reading = Reading(KEY, text=make(INTERPRETED % ('x\n' + '\n'.join(TYPED))))
    found = findings.find(reading.events(), name='*')
    assert [one['origin'] for one in found['findings']] == ['interpreted']
    path = tmp_path / 'log'
    path.write_text(make(INTERPRETED % ('x\n' + '\n'.join(TYPED))))
    assert findings.find(Reading(KEY, files=[str(path)]).events(), name='*')['findings'] == found['findings']


def audit_text(key, count):
    lines = [line.decode() for line in audit_writer.event([b'ls'], serial=1000, key=key.encode())]
    return [line.replace(':1000)', ':%d)' % (1000 + number)) for number in range(count) for line in lines]


@pytest.mark.parametrize(
    'value',
    [
        {'USER_LOGIN': [{'acct': TYPED[0]}]},
        {'auditd': {'summary': {'object': {'primary': TYPED[0]}}}},
        {'columns': {'cmdline': 'ls', 'env': TYPED[0]}},
    ],
)
def test_json_without_the_line_is_refused_whatever_was_typed(value, tmp_path):
    found, problems = read('text', json.dumps(value) + '\n', tmp_path)
    assert found == [] and 'no audit record in this text' in problems[0]


@pytest.mark.parametrize(
    'make',
    [
        lambda line: {'message': '[web1] ' + line},
        lambda line: {'message': '\x1b[1m' + line},
        lambda line: {'stdout': 'Last login: x\n' + line},
        lambda line: json.loads('{"a":' * 14 + json.dumps({'message': line}) + '}' * 14),
    ],
)
def test_our_key_in_an_object_that_is_not_read_is_said(make, tmp_path):
    text = jsonl([*(make(line) for line in TYPED), *({'message': line} for line in STOP)])
    found, problems = read('text', text, tmp_path)
    assert found == [['stop', 'claude-hooks-a']] and 'have no known form, 1 of them' in problems[0]


def test_an_entry_of_the_journal_with_odd_digits_ends_nothing(tmp_path):
    odd = {'_TRANSPORT': 'journal', 'MESSAGE': ['\u00b2', '1'], 'SYSLOG_IDENTIFIER': 'audit', '_UID': '0'}
    text = jsonl([odd, *({'message': line} for line in STOP)])
    assert read('text', text + '{"x": "audit"}\n', tmp_path)[0] == [['stop', 'claude-hooks-a']]


def test_an_export_as_a_list_is_refused_where_it_counts_bytes():
    lines = [line.decode('latin-1') for line in b''.join(entry(line) for line in STOP).split(b'\n')]
    with pytest.raises(forms.AuditLogError, match='give the text'):
        Reading(KEY, text=lines)


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_log_of_several_blocks_is_read(pack, tmp_path):
    text = '\n'.join([*audit_text('other', 2000), *STOP, *audit_text('other', 2000)]) + '\n'
    for block in (1 << 12, 1 << 16, 1 << 20):
        assert read('file', pack(text.encode()), tmp_path, block=block) == ([['stop', 'claude-hooks-a']], [])


def test_lines_that_look_like_colours_of_grep_are_read(tmp_path):
    for word in (b'docker', b'claude-hooks', b'type=SYSCALL', KEY.encode()):
        text = '\n'.join(STOP).encode().replace(word, b'\x1b[01;31m\x1b[K' + word + b'\x1b[m\x1b[K')
        assert read('text', text, tmp_path) == ([['stop', 'claude-hooks-a']], [])


def test_a_record_behind_a_second_tag_is_no_part_of_the_line_before(tmp_path):
    lines = [b'Nov 24 03:13:20 web1 audispd: ' + line.encode() for line in STOP]
    relayed = [b'Nov 24 03:13:20 web1 audispd: relay audispd: ' + line.encode() for line in TYPED]
    found, problems = read('text', b'\n'.join([*lines, *relayed]), tmp_path)
    assert found == [['stop', 'claude-hooks-a']] and 'have no known form, 1 of them' in problems[0]


def test_a_host_is_found_wherever_collectors_write_it():
    assert carried.host_of({'_source': {'agent': {'name': 'web1'}}}) == 'web1'
