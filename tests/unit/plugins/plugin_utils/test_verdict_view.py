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


def test_a_verdict_is_one_line():
    assert verdict_view.block([VERDICT], UTC) == [
        'app1: claude-hooks-a ended and removed by 1000 (as root) at 2026-11-24 03:57:43.120+00:00: '
        "docker rm -f $'x\\x1b[2J'"
    ]


def test_with_evidence_all_that_it_rests_on_stands_below():
    assert verdict_view.block([VERDICT], UTC, evidence=True)[1:] == [
        '    id aaaaaaaaaaaa, a docker command (certain)',
        '    - 2026-11-24 03:57:43.118+00:00 the engine sent signal 9 (event kill)',
        "    - 2026-11-24 03:57:43.119+00:00 it was renamed from $'named \\u202eevil\\x07' to x (event rename)",
    ]


def line(**fields):
    return verdict_view.headline([dict(VERDICT, **fields)], UTC).partition('claude-hooks-a ')[2]


AT = ' at 2026-11-24 03:57:43.120+00:00: '


@pytest.mark.parametrize(
    'fields, expected',
    [
        (
            {'cause': 'api', 'confidence': 'likely', 'who': [dict(WHO, argv=None, exe='/usr/bin/curl')]},
            'ended and removed by 1000 (as root)' + AT + '/usr/bin/curl (pid 7) (likely)',
        ),
        (
            {
                'cause': 'self_exit',
                'confidence': 'likely',
                'who': [],
                'what': ['died'],
                'evidence': [{'code': 'die_event', 'exit_code': '3'}],
            },
            'ended' + AT + 'by itself, exit code 3 (likely)',
        ),
        (
            {
                'cause': 'oom',
                'who': [],
                'what': ['died'],
                'evidence': [{'code': 'oom_of_limit', 'time': '2026-11-24T03:57:43.000Z', 'task': 'java', 'pid': 8}],
            },
            'ended' + AT + 'out of memory; 2026-11-24 03:57:43.000+00:00 the kernel killed its process java (pid 8): '
            'the container was at its memory limit',
        ),
        (
            {
                'cause': 'engine_shutdown',
                'who': [],
                'what': ['stopped'],
                'evidence': [
                    {
                        'code': 'package_changed',
                        'time': '2026-11-24T03:57:43.000Z',
                        'tool': 'apt',
                        'package': 'docker.io',
                        'change': '1 to 2',
                        'record': 'SOFTWARE_UPDATE',
                    }
                ],
            },
            "stopped" + AT + "the engine went down; 2026-11-24 03:57:43.000+00:00 apt changed docker.io: '1 to 2' "
            '(record SOFTWARE_UPDATE)',
        ),
        (
            {'cause': 'not_known', 'confidence': 'open', 'what': ['died']},
            'ended at 2026-11-24 03:57:43.120+00:00: cause not known',
        ),
        (
            {'cause': 'cli', 'confidence': 'open', 'what': ['died']},
            'ended at 2026-11-24 03:57:43.120+00:00: by a docker command, but which one is not known',
        ),
    ],
)
def test_the_line_of_a_verdict(fields, expected):
    assert line(**fields) == expected


@pytest.mark.parametrize(
    'who, expected',
    [
        ({'user': 'root', 'uid': 0, 'auid': None}, 'root'),
        ({'user': None, 'uid': 1001, 'auid': 1001}, '1001'),
        ({'user': 'root', 'uid': 0, 'auid': 1000, 'login_user': 'ops'}, 'ops (as root)'),
        (
            {
                'user': 'root',
                'uid': 0,
                'auid': 1000,
                'caller': {'parent': {'pid': 4, 'argv': [], 'comm': 'sudo'}, 'login': {'account': 'ops'}},
            },
            'ops (sudo)',
        ),
    ],
)
def test_who_it_was_in_one_word(who, expected):
    asker = {**{name: WHO[name] for name in ('pid', 'ppid', 'exe', 'argv')}, **who}
    assert line(who=[asker]).startswith('ended and removed by %s at' % expected)


def test_a_crash_loop_and_runs_that_remove_themselves_are_one_line():
    ended = dict(VERDICT, cause='self_exit', confidence='likely', who=[], what=['died'], evidence=[])
    later = dict(ended, timestamp='2026-11-24T04:00:00.000Z', id='b' * 64)
    hosts = {
        'app1': {
            'verdicts': [ended, dict(ended), later, dict(VERDICT, timestamp='2026-11-24T05:00:00.000Z')],
            'events': EVENTS,
        }
    }
    lines = verdict_view.view(hosts, zone=UTC)
    assert [each for each in lines if 'by itself' in each] == [
        'app1: claude-hooks-a ended 3 times, from 2026-11-24 03:57:43.120+00:00 to 2026-11-24 04:00:00.000+00:00: '
        'by itself (likely)'
    ]


def test_what_is_known_of_the_caller_stands_below_it():
    parent = {'pid': 1, 'comm': 'x', 'argv': ['evil\x1b[2J'], 'unit': 'cron.service', 'container': None}
    lines = verdict_view.block(
        [dict(VERDICT, who=[dict(WHO, caller={'login': None, 'process': None, 'parent': parent})])], UTC
    )
    assert lines[1] == "    parent: 1 cron.service, now $'evil\\x1b[2J'"


def test_nobody_is_picked_where_the_verdict_is_open_and_what_was_not_looking_is_said():
    codes = ['kill_event', 'connects_not_logged', 'engine_end_not_known', 'records_lost']
    gaps = [{'code': code} for code in codes]
    lines = verdict_view.block([dict(VERDICT, confidence='open', cause='not_known', evidence=gaps)], UTC)
    assert lines[1:] == [
        "    possibly 1000 (as root): docker rm -f $'x\\x1b[2J'",
        '    connections to the engine were not logged: an API client cannot be ruled out',
        '    it is not known whether the engine went down then',
    ]
    assert 'not_known' not in ''.join(lines)


def test_a_line_can_be_coloured():
    assert verdict_view.block([VERDICT], UTC, paint=lambda verdict, text: verdict['cause'] + text[:4]) == ['cliapp1']


@pytest.mark.parametrize(
    'engine, rest', [(None, 'and reach to now'), ('no\x1b[1m', 'and the engine cannot be asked: no\\x1b[1m')]
)
def test_of_kept_events_the_view_names_the_gaps(engine, rest):
    gap = {'first': '2026-11-24T03:12:00.001Z', 'last': '2026-11-24T03:40:00.000Z'}
    assert verdict_view.reach(
        'app1', {'events': dict(EVENTS, kept=9, gaps=[gap], engine={'reachable': not engine, 'reason': engine})}, UTC
    ) == [
        'app1: the saved events go back to 2026-11-24 03:12:00.001+00:00, ' + rest,
        '    events are missing from 2026-11-24 03:12:00.001+00:00 to 2026-11-24 03:40:00.000+00:00',
    ]


def test_the_view_says_how_many_states_were_left_out():
    lines = verdict_view.reach('app1', {'events': dict(EVENTS, unasked=7)}, UTC)
    assert lines[1:] == ['    how 7 containers ended last could not be asked in time']
    assert len(verdict_view.reach('app1', {'events': dict(EVENTS, unasked=0)}, UTC)) == 1


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
        'app1: no event is saved, and the engine cannot be asked: no socket'
    ]


def test_of_many_the_nearest_are_shown():
    many = [dict(WHO, pid=number, timestamp='2026-11-24T03:57:0%d.000Z' % number, argv=None) for number in range(8)]
    lines = verdict_view.block([dict(VERDICT, confidence='open', who=many, more=4)], UTC)
    assert lines[1:] == [
        '    possibly 1000 (as root): /usr/bin/docker (pid 7)',
        '    possibly 1000 (as root): /usr/bin/docker (pid 6)',
        '    possibly 1000 (as root): /usr/bin/docker (pid 5)',
        '    and 9 more candidates',
    ]


@pytest.mark.parametrize(
    'watched, expected',
    [
        (
            {'commands': True, 'uids': [0, 1000], 'connects': False, 'unwatched': ['bob']},
            'docker commands of the users 0, 1000 are logged, those of bob are not, '
            'connections to the engine are not logged',
        ),
        (
            {'commands': True, 'uids': None, 'connects': True, 'unwatched': []},
            'docker commands of every user are logged, connections to the engine are logged',
        ),
        (
            {'commands': False, 'uids': None, 'connects': False, 'unwatched': []},
            'docker commands are not logged, connections to the engine are not logged',
        ),
    ],
)
def test_the_view_says_what_is_watched(watched, expected):
    span = {'first': '2026-11-20T00:00:00.000Z', 'last': None}
    lines = verdict_view.reach('app1', {'events': EVENTS, 'watched': watched, 'span': span}, UTC)
    assert lines[1:] == ['    the log begins at 2026-11-20 00:00:00.000+00:00; ' + expected]


@pytest.mark.parametrize(
    'events, words',
    [
        (EVENTS, 'No container ended or was removed.'),
        (dict(EVENTS, first='2026-11-24T04:00:00.001Z'), 'No container ended or was removed, as far as is known.'),
        (dict(EVENTS, count=0), 'No container ended or was removed, as far as is known.'),
        (dict(EVENTS, gaps=[{'first': None, 'last': None}]), 'No container ended or was removed, as far as is known.'),
    ],
)
def test_that_no_container_vanished_is_said_where_that_is_known(events, words):
    found = verdict_view.view({'app1': {'verdicts': [], 'events': events}}, '2026-11-24T04:00:00Z', zone=UTC)
    assert found[0] == words


def test_where_no_host_was_read_nothing_is_said_of_containers():
    found = verdict_view.view({'far': {'failed': True, 'msg': 'no engine'}}, '2026-11-24T04:00:00Z', zone=UTC)
    assert found[0] == 'No host was read, so nothing is known about any container.'


def test_the_view_says_how_far_back_it_sees_and_who_was_not_read():
    hosts = {
        'app1': {'verdicts': [VERDICT], 'events': EVENTS},
        'app2': {'verdicts': [], 'events': {'count': 0, 'first': None, 'full': False}},
        'far': {'unreachable': True, 'msg': 'no route\x1b[1m'},
    }
    assert verdict_view.view(hosts, zone=UTC)[-7:] == [
        'app1: the events of the engine go back to 2026-11-24 03:12:00.001+00:00, older ones are forgotten',
        'app2: the engine remembers no event',
        '2 of 3 hosts read, since today: 1 verdict',
        'What the verdicts are based on: -e evidence=true',
        '',
        'NOT READ:',
        '    far: unreachable: no route\\x1b[1m',
    ]


def test_all_times_are_of_one_zone():
    zone = datetime.timezone(datetime.timedelta(hours=5))
    text = '\n'.join(verdict_view.view({'app1': {'verdicts': [VERDICT], 'events': EVENTS}}, zone=zone, evidence=True))
    assert text.count('+05:00') >= 3 and 'Z ' not in text and '+00:00' not in text


@pytest.mark.parametrize(
    'others, expected',
    [
        (0, []),
        (1, ["1 verdict of other containers is not shown (container=web-*): -e container='*' shows all"]),
        (3, ["3 verdicts of other containers are not shown (container=web-*): -e container='*' shows all"]),
    ],
)
def test_the_view_says_what_the_pattern_left_out(others, expected):
    hosts = {'app1': {'verdicts': [], 'events': EVENTS, 'others': others}}
    lines = verdict_view.view(hosts, zone=UTC, container='web-*')
    assert [line for line in lines if 'not shown' in line] == expected


def test_in_a_terminal_a_command_has_a_line_of_its_own_that_can_be_copied():
    verdict = dict(VERDICT, who=[dict(WHO, argv=['docker', 'rm', '-f', 'x'] + ['y'] * 60)])
    lines = verdict_view.block([verdict], UTC, evidence=True, width=60, paint=lambda _verdict, line: '<%s>' % line)
    assert lines == [
        '<app1: claude-hooks-a ended and removed by 1000 (as root) at>',
        '<        2026-11-24 03:57:43.120+00:00>',
        '<    $ docker rm -f x ' + ' '.join(['y'] * 60) + '>',
        '    id aaaaaaaaaaaa, a docker command (certain)',
        '    - 2026-11-24 03:57:43.118+00:00 the engine sent signal 9',
        '      (event kill)',
        '    - 2026-11-24 03:57:43.119+00:00 it was renamed from',
        "      $'named \\u202eevil\\x07' to x (event rename)",
    ]


def test_in_a_terminal_what_is_below_is_broken_at_blanks():
    hosts = {'app1': {'verdicts': [VERDICT], 'events': dict(EVENTS, engine={}), 'others': 3}}
    lines = verdict_view.view(hosts, zone=UTC, width=80)
    assert max(map(len, lines)) <= 80
    assert len(lines) > len(verdict_view.view(hosts, zone=UTC))
