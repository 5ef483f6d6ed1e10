# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what a host sees is shown with its evidence and in one word, and nothing of it reaches the terminal raw."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import coverage_view

NOTE = {
    'code': 'backlog_small',
    'weight': 'note',
    'evidence': 'auditctl -s: backlog_limit 64',
    'remedy': 'Set -b 8192.',
}
PARTIAL = {
    'code': 'rule_shadowed',
    'weight': 'partial',
    'evidence': '-w /x -k \x1b[2J\nweb9: proven',
    'remedy': 'Set docker_audit_prepend.',
}
BLIND = {
    'code': 'canary_not_seen',
    'weight': 'blind',
    'evidence': '/usr/bin/docker as uid 0, pid 7',
    'remedy': 'See the other problems.',
}
RUN = {'path': '/usr/bin/docker', 'uid': 0, 'pid': 7, 'event': '1795492663.051:91', 'reason': None}
RETENTION = {'bytes': 7, 'capacity': 41943040, 'bytes_per_hour': 1, 'hours': 100.0}


def looked(*problems):
    return {
        'problems': list(problems),
        'coverage': 'x',
        'watched': [{'path': '/usr/bin/docker', 'uid': 0}],
        'retention': RETENTION,
    }


def flown(*problems, runs=(RUN,)):
    return {'problems': list(problems), 'runs': list(runs), 'proven': not problems}


@pytest.mark.parametrize(
    'result, canary, word',
    [
        (looked(), {}, 'complete'),
        (looked(NOTE), {}, 'complete'),
        (looked(NOTE, PARTIAL), {}, 'partial'),
        (looked(BLIND), {}, 'blind'),
        (looked(NOTE), flown(), 'proven'),
        (looked(PARTIAL), flown(), 'partial'),
        (looked(), flown(BLIND), 'blind'),
        (looked(), {'skipped': True, 'runs': [], 'proven': False, 'problems': []}, 'complete'),
        (looked(), {'failed': True, 'msg': 'set become'}, 'partial'),
        (looked(), {'unreachable': True, 'msg': 'gone'}, 'partial'),
        ({'failed': True, 'msg': 'x'}, {}, 'failed'),
        ({'unreachable': True, 'msg': 'x'}, {}, 'unreachable'),
        ({}, {}, 'failed'),
    ],
)
def test_one_word_for_a_host(result, canary, word):
    found = coverage_view.summary({'web1': result}, {'web1': canary})
    assert found['hosts']['web1']['coverage'] == word and found['counts'] == {
        one: int(one == word) for one in coverage_view.VERDICTS
    }


def test_the_view_of_all_hosts():
    results = {
        'web1': looked(PARTIAL, NOTE),
        'web2': {'unreachable': True, 'msg': 'no route\x1b[1m'},
        'web3': looked(NOTE),
    }
    assert coverage_view.view(
        coverage_view.summary(results, {'web1': flown(BLIND, runs=[dict(RUN, event=None)]), 'web3': flown()})
    ) == [
        'web1: blind',
        '    blind    canary_not_seen  /usr/bin/docker as uid 0, pid 7',
        '                              -> See the other problems.',
        '    partial  rule_shadowed    -w /x -k \\x1b[2J\\nweb9: proven',
        '                              -> Set docker_audit_prepend.',
        '    note     backlog_small    auditctl -s: backlog_limit 64',
        '                              -> Set -b 8192.',
        '',
        'web2: unreachable',
        '    unreachable: no route\\x1b[1m',
        '',
        'web3: proven',
        '    note     backlog_small  auditctl -s: backlog_limit 64',
        '                            -> Set -b 8192.',
        '    seen     /usr/bin/docker executed as uid 0: event 1795492663.051:91',
        '',
        'HOST  COVERAGE     BLIND  PARTIAL  NOTE  WATCHED  LOGS HOLD',
        'web1  blind        1      1        1     1        4 days',
        'web2  unreachable  0      0        0     0        -',
        'web3  proven       0      0        1     1        4 days',
        '',
        '3 hosts: 1 unreachable, 1 blind, 1 proven',
    ]


def test_a_remedy_of_several_problems_stands_once():
    lines = coverage_view.block(
        'web1',
        coverage_view.summary({'web1': looked(PARTIAL, dict(PARTIAL, evidence='-w /y -k y'))}, {})['hosts']['web1'],
    )
    assert [line.split()[0] for line in lines] == ['web1:', 'partial', 'partial', '->']


def test_long_evidence_is_cut():
    block = coverage_view.block(
        'web1', coverage_view.summary({'web1': looked(dict(NOTE, evidence='x' * 700))}, {})['hosts']['web1']
    )
    assert block[1].endswith('x ... (100 more characters)')


def test_in_a_terminal_nothing_is_wider_and_a_file_has_whole_lines():
    evidence = 'no rule of ours for /usr/local/bin/docker-compose with uid 0, and none for uid 1000 -> proven'
    found = coverage_view.summary({'web1': looked(dict(PARTIAL, evidence=evidence, remedy='Set ' + 'it ' * 30))}, {})
    lines = coverage_view.view(found, width=80)
    assert max(map(len, lines)) <= 80 and lines[:6] == [
        'web1: partial',
        '    partial  rule_shadowed  no rule of ours for /usr/local/bin/docker-compose',
        '                              with uid 0, and none for uid 1000 -> proven',
        '                            -> Set it it it it it it it it it it it it it it it',
        '                               it it it it it it it it it it it it it it it',
        '',
    ]
    assert any(line.endswith(evidence) for line in coverage_view.view(found))


def test_a_word_is_never_broken():
    found = coverage_view.summary({'web1': looked(dict(PARTIAL, evidence='-w /' + 'x' * 90))}, {})
    assert any(line.endswith('/' + 'x' * 90) for line in coverage_view.view(found, width=80))
