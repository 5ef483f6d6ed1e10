# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a verdict is shown with its evidence, and nothing of a log or an engine reaches the terminal raw."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import verdict_view

UTC = datetime.timezone.utc
WHO = {
    'pid': 7,
    'ppid': 1,
    'uid': 0,
    'user': 'root',
    'auid': 1000,
    'exe': '/usr/bin/docker',
    'argv': ['docker', 'rm', '-f', 'x\x1b[2J'],
}
VERDICT = {
    'host': 'app1',
    'container': 'claude-hooks-a',
    'id': 'a' * 64,
    'what': ['died', 'removed'],
    'timestamp': '2026-11-24T03:57:43.120Z',
    'cause': 'cli',
    'confidence': 'certain',
    'who': [WHO],
    'evidence': [
        {'code': 'kill_event', 'time': '2026-11-24T03:57:43.118Z', 'signal': '9'},
        {'code': 'rename_event', 'time': '2026-11-24T03:57:43.119Z', 'old': 'named \u202eevil\x07', 'new': 'x'},
    ],
}
EVENTS = {'count': 256, 'first': '2026-11-24T03:12:00.001Z', 'full': True}


def test_a_block_has_cause_caller_and_evidence():
    assert verdict_view.block(VERDICT, UTC) == [
        '2026-11-24 03:57:43.120+00:00  app1  claude-hooks-a died, removed',
        '    id aaaaaaaaaaaa',
        '    cause cli (a docker command), certain',
        '    who user root (login 1000), pid 7, ppid 1, exe /usr/bin/docker',
        "        $ docker rm -f $'x\\x1b[2J'",
        '    - 2026-11-24T03:57:43.118Z kill, signal 9',
        "    - 2026-11-24T03:57:43.119Z rename from $'named \\u202eevil\\x07' to x",
    ]


def test_what_is_known_of_the_caller_stands_below_it():
    parent = {'pid': 1, 'comm': 'x', 'argv': ['evil\x1b[2J'], 'unit': 'cron.service', 'container': None}
    lines = verdict_view.block(
        dict(VERDICT, who=[dict(WHO, caller={'login': None, 'process': None, 'parent': parent})]), UTC
    )
    assert lines[5] == "        parent: 1 cron.service, now $'evil\\x1b[2J'"


def test_nobody_is_picked_where_the_verdict_is_open():
    lines = verdict_view.block(dict(VERDICT, confidence='open', cause='not_known'), UTC)
    assert '    can be user root (login 1000), pid 7, ppid 1, exe /usr/bin/docker' in lines


@pytest.mark.parametrize(
    'engine, rest', [(None, 'and to now'), ('no\x1b[1m', 'and the engine cannot be asked: no\\x1b[1m')]
)
def test_of_kept_events_the_view_names_the_gaps(engine, rest):
    gap = {'first': '2026-11-24T03:12:00.001Z', 'last': '2026-11-24T03:40:00.000Z'}
    assert verdict_view.reach(
        'app1', {'events': dict(EVENTS, kept=9, gaps=[gap], engine={'reachable': not engine, 'reason': engine})}, UTC
    ) == [
        'app1: kept events reach back to 2026-11-24 03:12:00.001+00:00, ' + rest,
        '    events are missing from 2026-11-24 03:12:00.001+00:00 to 2026-11-24 03:40:00.000+00:00',
    ]


def test_an_engine_that_cannot_be_asked_is_named_also_where_no_event_is_kept():
    events = {
        'count': 0,
        'first': None,
        'full': False,
        'kept': 0,
        'gaps': [],
        'engine': {'reachable': False, 'reason': 'no socket'},
    }
    assert verdict_view.reach('app1', {'events': events}, UTC) == [
        'app1: no event is kept, and the engine cannot be asked: no socket'
    ]


def test_of_many_the_first_are_shown():
    lines = verdict_view.block(
        dict(VERDICT, confidence='open', who=[dict(WHO, pid=number) for number in range(8)]), UTC
    )
    assert [line for line in lines if 'can be' in line][-2:] == [
        '    can be user root (login 1000), pid 4, ppid 1, exe /usr/bin/docker',
        '    can be 3 more, see below',
    ]


def test_the_view_says_how_far_back_it_sees_and_who_was_not_read():
    hosts = {
        'app1': {'verdicts': [VERDICT], 'events': EVENTS},
        'app2': {'verdicts': [], 'events': {'count': 0, 'first': None, 'full': False}},
        'far': {'unreachable': True, 'msg': 'no route\x1b[1m'},
    }
    assert verdict_view.view(hosts, zone=UTC)[-6:] == [
        'app1: the events of the engine reach back to 2026-11-24 03:12:00.001+00:00, what was before is forgotten',
        'app2: the engine remembers no event',
        '2 of 3 hosts read, since today: 1 verdict',
        '',
        'NOT READ:',
        '    far: unreachable: no route\\x1b[1m',
    ]
