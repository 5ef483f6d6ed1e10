# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what a host answers is what its module returns, or that host was not read. Nobody else's view is touched."""

from __future__ import annotations

import copy
import datetime
import importlib
import json
import time

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    coverage_view,
    findings_view,
    formats,
    report_page,
    verdict_view,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

UTC = datetime.timezone.utc
PROCESS = {
    'pid': 9,
    'argv': ['sh', '-c', 'x'],
    'argv_hex': ['7368', '2d63', '78'],
    'argv_complete': True,
    'comm': 'sh',
    'exe': '/bin/sh',
    'unit': None,
    'container': None,
    'seen': None,
}
LOGIN = {
    'account': 'bob',
    'auid': 1000,
    'ses': 3,
    'exe': '/usr/sbin/sshd',
    'event': '1795564663.051:9',
    'timestamp': '2026-11-24T23:40:12.305Z',
    'terminal': '/dev/pts/0',
    'source': ['LOGIN'],
    'sure': 'record',
}
UNIT = {'name': 'x.service', 'setting': 'ExecStop', 'is_process': True}
FINDING = {
    'host': 'of the host',
    'timestamp': '2026-11-24T23:57:43.051Z',
    'event': '1795564663.051:91',
    'action': 'remove',
    'targets': ['a'],
    'matched': ['a'],
    'match': 'name',
    'pid': 7,
    'uid': 0,
    'auid': None,
    'ses': 3,
    'comm': 'docker',
    'exe': '/usr/bin/docker',
    'cwd': '/',
    'argv': ['docker', 'rm', 'a'],
    'argv_complete': True,
    'argv_hex': ['646f636b6572', '726d', '61'],
    'target_names': {'a': 'claude-hooks-a'},
    'keys': ['claude-hooks-docker'],
    'subcommand': 'rm',
    'origin': 'raw',
    'caller': {'login': LOGIN, 'process': PROCESS, 'parent': PROCESS, 'unit': UNIT},
}
FINDINGS = {
    'findings': [FINDING],
    'unreadable': [dict(FINDING, reason='failed')],
    'counts': {'bytes': 9, 'executions': 1, 'failed': 0, 'unreadable': 1, 'others': 0},
    'span': {'first': '2026-11-20T00:00:03.120Z', 'last': None},
}
# With what a look at the connections tells besides
ASKER = {**FINDING, 'unit': 'x.service', 'container': None, 'remote': '192.0.2.1:9', 'accepts': True, 'opid': 7}
VERDICT = {
    'host': None,
    'container': 'a',
    'id': 'f' * 64,
    'what': ['died'],
    'timestamp': '2026-11-24T23:57:43.120Z',
    'cause': 'cli',
    'confidence': 'certain',
    'who': [ASKER],
    'evidence': [
        {'code': 'die_event', 'time': '2026-11-24T03:57:43.120Z', 'exit_code': '137', 'then': None},
        {'code': 'command_names', 'argv': ['docker', 'rm', 'a'], 'argv_hex': ['64', '72', '61'], 'named': ['a']},
    ],
}
VERDICTS = {
    'verdicts': [VERDICT],
    'events': {
        'count': 3,
        'first': '2026-11-24T00:00:00.000Z',
        'full': False,
        'gaps': [FINDINGS['span']],
        'unasked': 1,
    },
    'connects': 0,
    'span': FINDINGS['span'],
    'watched': {'uids': [0], 'unwatched': ['bob'], 'commands': True, 'connects': False},
    'others': 2,
}
PROBLEM = {'code': 'rule_shadowed', 'weight': 'partial', 'evidence': 'x', 'remedy': 'y'}
COVERAGE = {
    'problems': [PROBLEM],
    'watched': [{'path': '/usr/bin/docker', 'uid': 0}],
    'retention': {'hours': 4.5, 'bytes': 9},
}
CANARY = {
    'problems': [],
    'proven': True,
    'runs': [{'path': '/usr/bin/docker', 'uid': 0, 'event': '1.000:1', 'pid': 7, 'reason': None}],
}
GOOD = {
    'docker_findings_info': FINDINGS,
    'docker_verdicts_info': VERDICTS,
    'docker_coverage_info': COVERAGE,
    'docker_audit_canary': CANARY,
}


def views(module, hosts):
    """Everything that is made of the answers of a module. A page of what was refused is as any other."""
    hosts = hiding.of_hosts(hosts)
    is_refused = 'failed' in hosts['evil']
    if module == 'docker_findings_info':
        findings = [finding for result in hosts.values() for finding in result.get('findings') or []]
        for make in (formats.jsonl, formats.csv_text, formats.yaml_text, formats.ecs_jsonl):
            assert isinstance(make(findings).encode(), bytes)
        if not is_refused:
            assert report_page.of_findings(findings, hosts, zone=UTC, now='2026-11-25T00:00:00Z').encode()
        return findings_view.view(findings_view.by_time(findings), hosts, zone=UTC)
    if module == 'docker_verdicts_info':
        if not is_refused:
            assert report_page.of_verdicts(hosts, zone=UTC, now='2026-11-25T00:00:00Z').encode()
        return verdict_view.view(hosts, zone=UTC, evidence=True)
    canaries = hosts if module == 'docker_audit_canary' else {}
    covered = {host: COVERAGE for host in hosts} if canaries else hosts
    summary = coverage_view.summary(covered, canaries)
    assert json.loads(json.dumps(summary)) == summary
    return coverage_view.view(summary)


def places(value, path=()):
    """Where there is a value in an answer, the answer itself included."""
    yield path
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, path + (name,))


def changed(answer, path, value):
    if not path:
        return value
    answer = copy.deepcopy(answer)
    at = answer
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return answer


def nested(depth):
    value = 'x'
    for _unused in range(depth):
        value = [value]
    return value


PLACES = [(module, path) for module, answer in GOOD.items() for path in places(answer) if path]
HOSTILE = {
    'null': None,
    'text': '\x1b[2J{{ 7*7 }}\u202e',
    'half a surrogate': '\ud800',
    'huge': 'x' * (1 << 20),
    'number': 7,
    'huge number': 1 << 70,
    'not finite': float('inf'),
    'no number': float('nan'),
    'true': True,
    'list': ['x'],
    'dictionary': {'x': 'y'},
    'list of lists': [[['x']]],
    'deep': nested(100),
    'too deep for Python': nested(20000),
    'time that no zone has': '9999-12-31T23:59:59.999Z',
    'time before all times': '0001-01-01T00:00:00.000Z',
    'digits of other scripts': '\u0661\u0662\u00b2',
}


# One test a place, not one a value: what pytest does round a test takes longer than the test
@pytest.mark.parametrize('module, path', PLACES, ids=lambda part: part if isinstance(part, str) else str(part))
def test_whatever_stands_anywhere_the_views_are_made_and_the_other_host_is_in_them(module, path):
    good = answers.checked(module, 'web1', GOOD[module])
    for name, value in HOSTILE.items():
        hosts = answers.of_hosts(module, {'evil': changed(GOOD[module], path, value), 'web1': GOOD[module]})
        assert hosts['web1'] == good, name
        lines = views(module, hosts)
        assert [line for line in lines if not line.isprintable()] == [] and any('web1' in line for line in lines), name
        if 'failed' in hosts['evil']:
            assert hosts['evil']['msg'].startswith('this host did not answer as %s does: ' % module), name


# Names that a view, a file or Ansible itself knows
KNOWN = sorted(
    {path[-1] for _module, path in PLACES if isinstance(path[-1], str)}
    | {'ansible_stats', 'add_host', 'add_group', 'skipped', 'results', 'users', 'seconds', 'new', 'through', 'projects'}
)


def known_elsewhere(module, is_evidence):
    """Answers with one field that belongs to another place."""
    for path in [()] + [path for one, path in PLACES if one == module and ('evidence' in path[-2:-1]) == is_evidence]:
        there = GOOD[module]
        for name in path:
            there = there[name]
        if isinstance(there, dict) and path[-1:] != ('target_names',) and bool(path) >= is_evidence:
            for name in sorted(set(KNOWN) - set(there)):
                for value in (5, None, ['x'], {'x': 'y'}):
                    yield (*path, name), changed(GOOD[module], (*path, name), value)


@pytest.mark.parametrize('module', GOOD)
def test_what_no_module_returns_there_is_taken_out(module):
    good = answers.checked(module, 'web1', GOOD[module])
    for path, evil in known_elsewhere(module, is_evidence=False):
        if path not in (('skipped',), ('failed',)):  # which are of the answer itself
            assert answers.checked(module, 'web1', evil) == good, path


def test_whatever_a_line_of_evidence_holds_the_views_are_made():
    good = answers.checked('docker_verdicts_info', 'web1', VERDICTS)
    for path, evil in known_elsewhere('docker_verdicts_info', is_evidence=True):
        hosts = answers.of_hosts('docker_verdicts_info', {'evil': evil, 'web1': VERDICTS})
        assert hosts['web1'] == good
        assert any('web1' in line for line in views('docker_verdicts_info', hosts)), path


def as_documented(field):
    """A value with all that a module documents of a field."""
    if 'contains' in field:
        value = {name: as_documented(part) for name, part in field['contains'].items()}
        return [value] if field['type'] == 'list' else value
    return field.get('sample')


@pytest.mark.parametrize('kind', answers.KINDS)
def test_nothing_that_a_module_documents_is_taken_out(kind):
    name = 'ansible_collections.claude_hooks.docker_audit.plugins.modules.' + kind.split()[0]
    fields = yaml.safe_load(importlib.import_module(name).RETURN)
    answer = {field: as_documented(fields[field]) for field in fields}
    if kind != answers.FOLLOWED:
        answer = {field: value for field, value in answer.items() if field not in ('token', 'acked', 'gaps')}
    kept = {field: value for field, value in answer.items() if value is not None}
    assert answers.checked(kind, 'app1', kept) == kept


@pytest.mark.parametrize('module', GOOD)
def test_a_good_answer_is_taken_as_it_is_but_for_the_name_of_the_host(module):
    taken = answers.checked(module, 'web1', GOOD[module])
    expected = copy.deepcopy(GOOD[module])
    for entry in [entry for name in ('findings', 'unreadable', 'verdicts') for entry in expected.get(name, ())]:
        for each in [entry, *entry.get('who', ())]:
            each['host'] = 'web1'
    assert taken == expected


@pytest.mark.parametrize(
    'module, path, value, reason',
    [
        ('docker_findings_info', ('findings',), 'x', 'findings is a text, not a list'),
        ('docker_findings_info', ('findings', 0, 'argv', 1), 7, 'findings[0].argv[1] is a number, not a text'),
        ('docker_findings_info', ('findings', 0, 'exe'), 'x' * 600000, 'findings[0].exe has 600000 characters'),
        ('docker_findings_info', ('findings', 0, 'pid'), '7', 'findings[0].pid is a text, not a whole number'),
        ('docker_findings_info', ('findings', 0, 'timestamp'), 'today', 'findings[0].timestamp is no time'),
        ('docker_findings_info', ('findings', 0, 'argv_hex'), ['0'], 'findings[0].argv_hex[0] is not hex'),
        (
            'docker_findings_info',
            ('findings', 0, 'target_names', 'x' * 101),
            'x',
            'findings[0].target_names has a field with a strange name',
        ),
        ('docker_findings_info', ('counts',), {'executions': 1, 'failed': 0}, 'counts.unreadable is missing'),
        ('docker_verdicts_info', ('verdicts', 0, 'who'), None, 'verdicts[0].who is null, not a list'),
        ('docker_coverage_info', ('problems', 0, 'weight'), 'x', 'problems[0].weight is none of blind, partial, note'),
    ],
)
def test_the_reason_says_what_is_wrong(module, path, value, reason):
    assert answers.checked(module, 'web1', changed(GOOD[module], path, value)) == {
        'failed': True,
        'msg': 'this host did not answer as %s does: %s' % (module, reason),
    }


@pytest.mark.parametrize(
    'answer, expected',
    [
        ({'failed': True, 'msg': 'a\n  b\x1b[2J', 'stdout': 'x'}, {'failed': True, 'msg': 'a b\\x1b[2J'}),
        ({'failed': True, 'msg': ['x']}, {'failed': True, 'msg': 'the module gave no reason'}),
        ({'unreachable': True, 'msg': 'Task failed: no route'}, {'unreachable': True, 'msg': 'no route'}),
        ({}, {'failed': True, 'msg': 'it was not asked'}),
    ],
)
def test_a_failure_keeps_its_reason_alone(answer, expected):
    assert answers.checked('docker_findings_info', 'web1', answer) == expected


def test_only_the_proof_can_be_skipped():
    assert answers.checked('docker_audit_canary', 'web1', {'skipped': True, 'runs': 'x'}) == {'skipped': True}
    assert 'failed' in answers.checked('docker_findings_info', 'web1', {'skipped': True, 'findings': 'x'})
    assert 'skipped' not in answers.checked('docker_findings_info', 'web1', {**FINDINGS, 'skipped': True})


def test_a_text_of_100_megabytes_is_refused_at_once():
    started = time.monotonic()
    taken = answers.checked(
        'docker_findings_info', 'web1', changed(FINDINGS, ('findings', 0, 'cwd'), 'x' * (100 << 20))
    )
    assert 'has 104857600 characters' in taken['msg'] and time.monotonic() - started < 2


def test_an_argument_of_the_kernels_longest_length_is_taken():
    argv = ['docker', 'rm', '\\xff' * (128 << 10)]
    answer = changed(FINDINGS, ('findings', 0, 'argv'), argv)
    assert answers.checked('docker_findings_info', 'web1', answer)['findings'][0]['argv'] == argv


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda parts: some.lists(parts, max_size=4) | some.dictionaries(some.text(max_size=20), parts, max_size=4),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=some.sampled_from(PLACES), value=JSON)
def test_no_value_of_json_breaks_a_view(place, value):
    module, path = place
    hosts = answers.of_hosts(module, {'evil': changed(GOOD[module], path, value)})
    assert [line for line in views(module, hosts) if not line.isprintable()] == []


def test_the_steps_of_ssh_do_not_take_the_place_of_its_reason():
    steps = ''.join('debug%d: step %d\r\n' % (number % 3 + 1, number) for number in range(1000))
    said = 'no way: OpenSSH_9.2p1\r\n%sssh: connect to host x: Connection refused\r\n' % steps
    assert answers.reason(said) == 'no way: OpenSSH_9.2p1 ssh: connect to host x: Connection refused'
    assert answers.reason('debug1: x') == answers.reason(None) == 'the module gave no reason'
