# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: JSON makes no record of what a user typed, and no line is dropped without a word."""

from __future__ import annotations

import datetime
import json

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
    'Auditbeat': lambda line, typed: {'message': line, 'auditd': {'data': {'a1': typed, 'cmdline': typed}}},
}


@pytest.mark.parametrize('way', ['file', 'text'])
@pytest.mark.parametrize('make', DECODED.values(), ids=DECODED)
def test_an_argument_in_json_is_no_record(way, make, tmp_path):
    values = [make(line, typed) for line in STOP for typed in TYPED]
    assert read(way, jsonl(values), tmp_path) == ([['stop', 'claude-hooks-a']], [])


@pytest.mark.parametrize('way', ['file', 'text'])
def test_json_in_which_two_strings_say_different_things_names_neither_and_says_so(way, tmp_path):
    """Nobody knows how a collector calls what it decoded: a user must not choose the record."""
    values = [{'what': line, 'note': typed} for line, typed in zip(HARMLESS, TYPED)]
    found, problems = read(way, jsonl([*values, *({'message': line} for line in STOP)]), tmp_path)
    assert found == [['stop', 'claude-hooks-a']]
    (problem,) = problems
    assert 'has %d objects in which several strings begin records of different events' % len(values) in problem


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
