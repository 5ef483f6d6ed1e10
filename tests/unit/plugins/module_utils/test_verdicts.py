# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a verdict names who asked only where nothing else can be, and says not known everywhere else."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import PatternError
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    LOGGED,
    PROJECT,
    SEEN,
    START,
    A,
    B,
    C,
    codes,
    command,
    connect,
    down,
    event,
    gone,
    judge,
    kill,
    life,
    short,
    stop,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CASES = {
    # without any request to the engine
    'own exit': (life(event(1, 'die', exitCode='0')), [], None, [('died', 'self_exit', 'likely', [])]),
    'own exit 143': (
        life(event(1, 'die', exitCode='143')),
        [command(0.9, 'docker stop claude-hooks-a')],
        None,
        [('died', 'self_exit', 'likely', [])],
    ),
    'memory': (life(event(0.9, 'oom'), event(1, 'die', exitCode='137')), [], None, [('died', 'oom', 'likely', [])]),
    'memory, noted after the death': (
        life(event(1, 'die', exitCode='137'), event(1.3, 'oom')),
        [],
        None,
        [('died', 'oom', 'likely', [])],
    ),
    'memory, then another end': (
        life(event(0.9, 'oom'), event(1, 'die', exitCode='1')),
        [],
        None,
        [('died', 'not_known', 'open', [])],
    ),
    'kill -9 from the host': (life(event(1, 'die', exitCode='137')), [], None, [('died', 'not_known', 'open', [])]),
    'the shim was killed': (life(event(1, 'die', exitCode='255')), [], None, [('died', 'not_known', 'open', [])]),
    'a kill before the last start': (
        life(
            event(-10, 'die', exitCode='137'),
            event(-9.9, 'kill', signal='9'),
            event(-9, 'start'),
            event(1, 'die', exitCode='5'),
        ),
        [command(-10.5, 'docker kill claude-hooks-a')],
        None,
        [('died', 'cli', 'likely', [100]), ('died', 'self_exit', 'likely', [])],
    ),
    # commands
    'stop': (life(*stop()), [command(0.8, 'docker stop claude-hooks-a')], SEEN, [('stopped', 'cli', 'certain', [100])]),
    # docker is a script, found by PATH or given by a name of another folder
    'stop by a script': (
        life(*stop()),
        [command(0.8, '/bin/sh ./docker stop claude-hooks-a', exe='/usr/bin/dash', comm='docker')],
        SEEN,
        [('stopped', 'cli', 'certain', [100])],
    ),
    'stop, connects not logged': (
        life(*stop()),
        [command(0.8, 'docker stop claude-hooks-a')],
        None,
        [('stopped', 'cli', 'likely', [100])],
    ),
    'stop of a deaf one': (
        life(
            event(1, 'kill', signal='15'),
            event(11, 'kill', signal='9'),
            event(11.1, 'die', exitCode='137'),
            event(11.2, 'stop'),
        ),
        [command(0.8, 'docker stop claude-hooks-a')],
        SEEN,
        [('stopped', 'cli', 'certain', [100])],
    ),
    'the kill is noted after the death': (
        life(event(1, 'die', exitCode='137'), event(1.01, 'kill', signal='9')),
        [command(0.8, 'docker kill claude-hooks-a')],
        SEEN,
        [('died', 'cli', 'certain', [100])],
    ),
    'remove by force is one verdict': (
        life(*gone()),
        [command(0.8, 'docker rm -f ' + A[:12])],
        SEEN,
        [('died+removed', 'cli', 'certain', [100])],
    ),
    'restart': (
        life(*stop(), event(1.5, 'start'), event(1.6, 'restart')),
        [command(0.8, 'docker restart claude-hooks-a')],
        SEEN,
        [('restarted', 'cli', 'certain', [100])],
    ),
    'rename, then remove': (
        life(
            event(1, 'rename', name='other', oldName='/claude-hooks-a'),
            event(3, 'die', name='other', exitCode='0'),
            event(5, 'destroy', name='other'),
        ),
        [
            command(0.8, 'docker rename claude-hooks-a other'),
            command(4.8, 'docker rm other', 101),
            command(4.7, 'docker rm claude-hooks-a', 102),
        ],
        SEEN + [connect(4.8, 102), connect(4.9, 101)],
        [
            ('renamed', 'cli', 'certain', [100]),
            ('died', 'self_exit', 'likely', []),
            ('removed', 'cli', 'certain', [101]),
        ],
    ),
    'prune': (
        life(event(-2, 'die', exitCode='0'), event(1, 'destroy'), event(1.1, 'prune', '')),
        [command(0.8, 'docker system prune -f')],
        SEEN,
        [('died', 'self_exit', 'likely', []), ('removed', 'cli', 'certain', [100])],
    ),
    'removed after the prune': (
        life(event(-2, 'die', exitCode='0'), event(0.9, 'prune', ''), event(3, 'destroy')),
        [command(0.8, 'docker system prune -f')],
        SEEN,
        [('died', 'self_exit', 'likely', []), ('removed', 'not_known', 'open', [])],
    ),
    'compose down of what was not there yet': (
        [event(0.7, 'create', **PROJECT), event(0.8, 'start', **PROJECT), *stop(**PROJECT)],
        [command(0.5, 'docker compose -p shop down')],
        None,
        [('stopped', 'not_known', 'open', [])],
    ),
    'compose down': (
        life(*down(**PROJECT), **PROJECT),
        [command(0.5, 'docker compose -p shop down')],
        [LOGGED, connect(0.9, 101, '/usr/libexec/docker-compose', ppid=100)],
        [('stopped+removed', 'cli', 'certain', [100])],
    ),
    'compose up gives the new container its name': (
        [
            event(0.7, 'create', name='a1_claude-hooks-a', **PROJECT),
            event(1, 'rename', oldName='/a1_claude-hooks-a', **PROJECT),
        ],
        [command(0.5, 'docker compose -p shop up -d --force-recreate')],
        [LOGGED, connect(0.6, 101, '/usr/libexec/docker-compose', ppid=100)],
        [('renamed', 'cli', 'certain', [100])],
    ),
    'compose stop of another service': (
        life(*stop(**PROJECT), **PROJECT),
        [command(0.8, 'docker compose -p shop stop db')],
        SEEN,
        [('stopped', 'not_known', 'open', [])],
    ),
    'compose up may do nothing': (
        life(*stop(**PROJECT), **PROJECT),
        [command(0.8, 'docker compose -p shop up -d')],
        SEEN,
        [('stopped', 'not_known', 'open', [100])],
    ),
    # two that fit, or none
    'two commands': (
        life(*stop()),
        [command(0.7, 'docker stop claude-hooks-a'), command(0.8, 'docker restart claude-hooks-a', 101)],
        None,
        [('stopped', 'cli', 'open', [100, 101])],
    ),
    'a command for another container': (
        life(*stop()),
        [command(0.8, 'docker stop claude-hooks-b')],
        SEEN,
        [('stopped', 'not_known', 'open', [])],
    ),
    'an ambiguous prefix': (
        life(*gone()) + life(identity=C, name='c'),
        [command(0.8, 'docker rm -f a1a1')],
        SEEN,
        [('died', 'not_known', 'open', []), ('removed', 'not_known', 'open', [])],
    ),
    'another container has that name': (
        life(*gone()) + life(identity=B, name='a1a1'),
        [command(0.8, 'docker rm -f a1a1')],
        SEEN,
        [('died', 'not_known', 'open', []), ('removed', 'not_known', 'open', [])],
    ),
    'rm without force does not end': (
        life(*kill()),
        [command(0.8, 'docker rm claude-hooks-a')],
        SEEN,
        [('died', 'not_known', 'open', [])],
    ),
    'a command of another engine': (
        life(*stop()),
        [command(0.8, 'docker -H tcp://far stop claude-hooks-a')],
        SEEN,
        [('stopped', 'not_known', 'open', [])],
    ),
    'a command that did not connect': (
        life(*stop()),
        [command(0.8, 'docker stop claude-hooks-a')],
        [LOGGED, connect(0.9, 7, '/usr/bin/curl')],
        [('stopped', 'api', 'open', [7])],
    ),
    'a command that connected too late': (
        life(*stop()),
        [command(0.8, 'docker stop claude-hooks-a')],
        [LOGGED, connect(0.9, 7, '/usr/bin/curl'), connect(1.05)],
        [('stopped', 'api', 'likely', [7])],
    ),
    'a command that did its work before': (
        life(*stop(), event(2, 'start'), *stop(4)),
        [command(0.8, 'docker stop claude-hooks-a')],
        SEEN + [connect(3.9, 7, '/usr/bin/curl')],
        [('stopped', 'cli', 'certain', [100]), ('stopped', 'api', 'likely', [7])],
    ),
    'a command too long ago': (
        life(*stop(31)),
        [command(0.8, 'docker stop claude-hooks-a')],
        None,
        [('stopped', 'not_known', 'open', [])],
    ),
    'arguments missing': (
        life(*stop()),
        [command(0.8, 'docker stop claude-hooks-b', argv_complete=False)],
        None,
        [('stopped', 'not_known', 'open', [100])],
    ),
    # clients of the API
    'one client': (life(*stop()), [], [connect(0.9, 7, '/usr/bin/python3')], [('stopped', 'api', 'likely', [7])]),
    'two clients, the nearest first': (
        life(*stop()),
        [],
        [connect(-40, 8, '/usr/bin/curl'), connect(0.9, 7, '/usr/bin/python3')],
        [('stopped', 'api', 'open', [7, 8])],
    ),
    'removed by a client': (
        life(*gone()),
        [],
        [connect(0.9, 7, '/usr/bin/python3')],
        [('died+removed', 'api', 'likely', [7])],
    ),
    'removed right after its end': (
        life(event(1, 'die', exitCode='0'), event(1.1, 'destroy')),
        [],
        None,
        [('died', 'self_exit', 'likely', []), ('removed', 'not_known', 'open', [])],
    ),
    'its own end after a signal': (
        life(event(1, 'kill', signal='1'), event(3, 'die', exitCode='7')),
        [command(0.8, 'docker kill -s HUP claude-hooks-a')],
        SEEN,
        [('died', 'not_known', 'open', [])],
    ),
}


@pytest.mark.parametrize('events, found, connects, expected', CASES.values(), ids=CASES)
def test_verdict(events, found, connects, expected):
    assert short(judge(events, found, connects)) == expected


def orders(kind, times_, sent, code):
    """The events of one end, in every order that no lock of the engine forbids."""
    attributes = {'kill': {'signal': sent}, 'die': {'exitCode': code}}
    for order in itertools.permutations(kind):
        if order.index('kill') == 0:
            yield [event(at, action, **attributes.get(action, {}), **PROJECT) for at, action in zip(times_, order)]


@pytest.mark.parametrize('spread', [0, 0.001, 0.02])
@pytest.mark.parametrize(
    'kind, command_line, sent, expected',
    [
        (('kill', 'die', 'stop'), 'docker stop claude-hooks-a', '15', ('stopped', 'cli', 'certain', [100])),
        (
            ('kill', 'die', 'stop', 'destroy'),
            'docker compose -p shop down',
            '15',
            ('stopped+removed', 'cli', 'certain', [100]),
        ),
        (
            ('kill', 'die', 'stop', 'start'),
            'docker restart claude-hooks-a',
            '15',
            ('restarted', 'cli', 'certain', [100]),
        ),
        (('kill', 'die', 'destroy'), 'docker rm -f claude-hooks-a', '9', ('died+removed', 'cli', 'certain', [100])),
    ],
)
def test_what_belongs_to_one_end_is_joined_in_any_order(kind, command_line, sent, expected, spread):
    for events in orders(
        kind, [1 + number * spread for number in range(len(kind))], sent, '137' if sent == '9' else '0'
    ):
        actions = [one['Action'] for one in events]
        if 'start' in kind:
            if actions.index('stop') > actions.index('start'):
                continue  # the engine stops and starts one after the other
            events.append(event(1.2, 'restart', **PROJECT))
        assert short(judge(life(*events, **PROJECT), [command(0.8, command_line)], SEEN)) == [expected], actions


@pytest.mark.parametrize('first', ['stop', 'die'])
def test_the_engine_went_down_whichever_it_notes_first(first):
    def ended(at, *more):
        times = (at + 0.1, at + 0.12)
        stop_at, die_at = times if first == 'stop' else times[::-1]
        return sorted(
            [
                event(at, 'kill', *more, signal='15'),
                event(die_at, 'die', *more, exitCode='0'),
                event(stop_at, 'stop', *more),
            ],
            key=lambda one: one['timeNano'],
        )

    events = life(*ended(1)) + life(*ended(1.02, B, 'b'), identity=B, name='b')
    assert short(judge(events, engine_ends=[START + 3000])) == [('stopped', 'engine_shutdown', 'certain', [])]


def test_the_engine_went_down():
    events = life(*stop()) + life(*stop(1.02, B, 'b'), identity=B, name='b')
    assert short(judge(events, engine_ends=[START + 3000])) == [('stopped', 'engine_shutdown', 'certain', [])]


@pytest.mark.parametrize(
    'later, end, expected',
    [
        # 20.10 notes a stop after the end of the container, and tells nobody any more
        ([], 3000, ('died', 'engine_shutdown', 'certain', [])),
        # it told of what happened later
        ([event(3, 'die', B, 'b', exitCode='0'), event(3.1, 'stop', B, 'b')], 4000, ('died', 'not_known', 'open', [])),
    ],
)
def test_a_stop_that_an_engine_which_goes_down_did_not_tell(later, end, expected):
    other = stop(1.02, B, 'b')[: 1 if later else None]
    events = life(*stop()[:2]) + life(*other, *later, identity=B, name='b')
    judged = {verdict['id']: verdict for verdict in judge(events, engine_ends=[START + end], container='*')}
    assert short([judged[A]]) == [expected]


@pytest.mark.parametrize('survives, end', [(True, START + 3000), (False, START + 100000), (False, None)])
def test_not_every_stop_before_an_end_of_the_engine_is_its_own(survives, end):
    events = life(*stop()) + (life(identity=B, name='b') if survives else [])
    assert short(judge(events, engine_ends=[end] if end else [])) == [('stopped', 'not_known', 'open', [])]


CURL = connect(0.9, 300, '/usr/bin/curl')
OLD = connect(-40, 300, '/usr/bin/portainer')  # it can have kept its connection
PAIR = life(*stop()) + life(*stop(1.02, B, 'b'), identity=B, name='b')
OWN = (7, START + 880, START + 910)


@pytest.mark.parametrize(
    'events, connects, end, own, expected',
    [
        (PAIR, [LOGGED], 3, (), ('engine_shutdown', 'certain', [])),
        # An end that comes late: each container has its own time to end.
        (PAIR, [LOGGED], 12, (), ('not_known', 'open', [])),
        (PAIR, [LOGGED, OLD], 12, (), ('not_known', 'open', [300])),
        (PAIR, [LOGGED, OLD], 3, (), ('engine_shutdown', 'likely', [])),
        # Nobody asks for all containers in the same moment and for the engine, too.
        (PAIR, [LOGGED, CURL], 3, (), ('engine_shutdown', 'likely', [])),
        # Of one container a client can have asked, whatever happened to the engine then.
        (life(*stop()), [LOGGED, CURL], 3, (), ('not_known', 'open', [300])),
        (life(*stop()), [LOGGED, OLD], 3, (), ('engine_shutdown', 'likely', [])),
        # A connect of our own is nobody's; one of the same process at another time, or of another at that time, is.
        (life(*stop()), [LOGGED, connect(0.9, 7, '/usr/bin/python3')], 3, [OWN], ('engine_shutdown', 'certain', [])),
        (life(*stop()), [LOGGED, connect(0.82, 7, '/usr/bin/python3')], 3, [OWN], ('not_known', 'open', [7])),
        (life(*stop()), [LOGGED, connect(0.911, 7, '/usr/bin/python3')], 3, [OWN], ('not_known', 'open', [7])),
        (life(*stop()), [LOGGED, connect(0.9, 8, '/usr/bin/python3')], 3, [OWN], ('not_known', 'open', [8])),
        # The clock of audit ticks behind.
        (life(*stop()), [LOGGED, connect(0.84, 7, '/usr/bin/python3')], 3, [OWN], ('engine_shutdown', 'certain', [])),
    ],
)
def test_an_end_of_the_engine_and_clients_of_it(events, connects, end, own, expected):
    (verdict,) = judge(events, [], connects, engine_ends=[START + end * 1000], own=own)
    assert (verdict['cause'], verdict['confidence'], [who['pid'] for who in verdict['who']]) == expected


@pytest.mark.parametrize(
    'code, blind, expected',
    [
        ('0', [], ('self_exit', 'likely')),
        # before its start, or after its end
        ('0', [(-1000, -59)], ('self_exit', 'likely')),
        ('0', [(-1000, -60)], ('self_exit', 'likely')),
        ('0', [(2, 5)], ('self_exit', 'likely')),
        # long before its end: it would have obeyed
        ('0', [(-1000, -58.9)], ('not_known', 'open')),
        ('0', [(0, 0.5)], ('not_known', 'open')),
        ('137', [(0, 0.5)], ('not_known', 'open')),
    ],
)
def test_what_was_not_seen_was_not_asked_for_is_not_said(code, blind, expected):
    periods = [(START + start * 1000, START + end * 1000) for start, end in blind]
    (verdict,) = judge(life(event(1, 'die', exitCode=code)), blind=periods)
    assert (verdict['cause'], verdict['confidence']) == expected


@pytest.mark.parametrize(
    'code, also, expected',
    [
        ('0', [], ('self_exit', 'likely')),
        ('137', [], ('not_known', 'open')),
        ('137', [event(99.9, 'oom')], ('oom', 'likely')),
    ],
)
def test_a_start_that_was_not_seen_makes_nothing_certain(code, also, expected):
    (verdict,) = judge(also + [event(100, 'die', exitCode=code)], blind=[(0, START + 30000)])
    assert (verdict['cause'], verdict['confidence']) == expected and 'events_forgotten' in codes(verdict)


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, [('stopped', 'api', 'open', [7, 8])]),
        ({'engine_since': START - 30000}, [('stopped', 'api', 'likely', [7])]),
        ({'engine_ends': [START - 30000]}, [('stopped', 'api', 'likely', [7])]),
        ({'engine_since': START + 30000}, [('stopped', 'api', 'open', [7, 8])]),  # another engine, later
        ({'engine_since': START - 45000}, [('stopped', 'api', 'open', [7, 8])]),  # systemd may have handed it on
    ],
)
def test_no_connection_outlives_the_engine(options, expected):
    connects = [connect(-100, 8, '/usr/bin/curl'), connect(0.9, 7, '/usr/bin/python3')]
    assert short(judge(life(*stop()), connects=connects, **options)) == expected


@pytest.mark.parametrize(
    'text, other, expected',
    [
        # nothing shows that it worked on its own project
        ('docker compose down', '/srv/other', [('stopped+removed', 'cli', 'likely', [100])]),
        (
            'docker compose -f /srv/shop/compose.yml down',
            '/srv/other',
            [('stopped+removed', 'not_known', 'open', [100, 101])],
        ),
        ('docker compose down', '/srv/unknown', [('stopped+removed', 'not_known', 'open', [100, 101])]),
    ],
)
def test_a_compose_command_means_the_project_that_is_known_of_its_folder(text, other, expected):
    def labels(project, folder):
        return {'com.docker.compose.project': project, 'com.docker.compose.project.working_dir': folder}

    events = life(*down(**labels('shop', '/srv/shop')), **labels('shop', '/srv/shop'))
    events += life(identity=B, name='b', **labels('other', '/srv/other'))
    found = [command(0.5, 'docker compose down', cwd='/srv/shop'), command(0.6, text, 101, cwd=other)]
    judged = judge(
        events,
        found,
        [LOGGED] + [connect(0.7, pid + 100, '/usr/libexec/docker-compose', ppid=pid) for pid in (100, 101)],
    )
    assert [(what, cause, confidence, sorted(pids)) for what, cause, confidence, pids in short(judged)] == expected


@pytest.mark.parametrize('folder', ['//', '//srv', 'srv', '.', ''])
def test_a_folder_that_is_no_plain_path_ends_the_search_for_a_project(folder):
    labels = {'com.docker.compose.project': 'shop', 'com.docker.compose.project.working_dir': '/srv/shop'}
    events = life(*down(**labels), **labels)
    judged = judge(events, [command(0.5, 'docker compose down', cwd=folder)], [LOGGED])
    assert {verdict['confidence'] for verdict in judged} == {'open'}


def test_only_matching_names_count_but_also_earlier_ones():
    renamed = life(
        event(0, 'rename', B, 'plain', oldName='/claude-hooks-b'),
        *kill(2, B, 'plain'),
        identity=B,
        name='claude-hooks-b',
    )
    events = life(*gone(name='other'), name='other') + renamed
    assert [(verdict['container'], verdict['what']) for verdict in judge(events)] == [
        ('plain', ['renamed']),
        ('plain', ['died']),
    ]


def test_since_and_until_are_for_what_happened():
    events = life(event(1, 'die', exitCode='0'), event(5, 'start'), event(6, 'die', exitCode='1'))
    assert [verdict['timestamp'] for verdict in judge(events, since=START + 1001)] == [times.timestamp(START + 6000)]
    assert [verdict['timestamp'] for verdict in judge(events, before=START + 1001)] == [times.timestamp(START + 1000)]


def test_the_evidence_is_codes_and_values():
    evidence = judge(life(*kill()), [command(0.8, 'docker kill ' + A[:12])], SEEN)[0]['evidence']
    assert evidence == [
        {'code': 'kill_event', 'time': times.timestamp(START + 1000), 'signal': '9'},
        {'code': 'die_event', 'time': times.timestamp(START + 1050), 'exit_code': '137', 'then': None},
        {
            'code': 'command_names',
            'target': 'a1a1a1a1a1a1',
            'how': 'prefix',
            'time': times.timestamp(START + 800),
            'argv': ['docker', 'kill', 'a1a1a1a1a1a1'],
            'pid': 100,
            'exe': '/usr/bin/docker',
            'uid': 0,
            'auid': None,
        },
    ]


@pytest.mark.parametrize(
    'rubbish',
    [
        None,
        [],
        {},
        {'Type': 'container'},
        {'Type': 'container', 'Action': 'die', 'Actor': {'ID': 5}, 'timeNano': 1},
        {'Type': 'container', 'Action': 'die', 'Actor': {'ID': A, 'Attributes': {'exitCode': 7}}, 'timeNano': True},
    ],
)
def test_what_is_no_event_is_left_out(rubbish):
    assert judge([rubbish]) == []


def test_a_pattern_that_cannot_be_used_is_refused():
    assert issubclass(PatternError, ValueError)
    assert judge(life(*stop()), container='[') == []


# --- No order and no overlap names somebody who did not ask ---

IDS = {'claude-hooks-%d' % number: ('%x' % (number + 10)) * 64 for number in range(3)}
TIMES = st.integers(0, 400).map(lambda tenths: tenths / 10)
ASKERS = st.sampled_from(['stop', 'kill', 'rm -f', 'api', 'self', 'elsewhere'])


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(TIMES, st.sampled_from(sorted(IDS)), ASKERS), max_size=8),
    st.lists(TIMES, max_size=5),
    st.booleans(),
    st.randoms(),
)
def test_no_order_and_no_overlap_names_somebody_who_did_not_ask(plan, pings, logged, shuffled):
    events, found, connects, truth = [], [], [], {}
    for name, identity in IDS.items():
        events += life(identity=identity, name=name)
    for number, (at, name, asker) in enumerate(sorted(plan)):
        pid, identity = 1000 + number, IDS[name]
        at += number * 0.5  # one container does not end twice at once
        if asker in ('stop', 'kill', 'rm -f', 'elsewhere'):
            found.append(command(at, 'docker %s %s' % ('stop' if asker == 'elsewhere' else asker, name), pid))
        if asker in ('stop', 'kill', 'rm -f', 'api'):
            connects.append(connect(at + 0.05, pid, '/usr/bin/curl' if asker == 'api' else '/usr/bin/docker'))
        if asker == 'elsewhere':
            continue
        ending = {'stop': stop, 'api': kill, 'kill': kill, 'rm -f': kill}.get(asker)
        ended = ending(at + 0.1, identity, name) if ending else [event(at + 0.1, 'die', identity, name, exitCode='0')]
        events += ended + [event(at + 0.4, 'start', identity, name)]
        truth[identity, next(one['timeNano'] for one in ended if one['Action'] == 'die') // 1000000] = (
            {'api': 'api', 'self': 'self_exit'}.get(asker, 'cli'),
            pid,
        )
    connects += [connect(at, 5000 + number, '/usr/bin/curl') for number, at in enumerate(pings)] + [LOGGED]
    for values in (events, found, connects):
        shuffled.shuffle(values)
    judged = judge(events, found, connects if logged else None)
    assert len(judged) == len(truth)
    for verdict in judged:
        cause, pid = truth[verdict['id'], times.moment(verdict['timestamp'])]
        if logged:
            assert verdict['cause'] in (cause, 'not_known'), verdict
            assert verdict['confidence'] == 'open' or [who['pid'] for who in verdict['who']] == (
                [] if cause == 'self_exit' else [pid]
            ), verdict
        else:
            # A command that went to another engine, or came too late, is known by its connect alone
            assert verdict['confidence'] != 'certain' or not verdict['who'], verdict
