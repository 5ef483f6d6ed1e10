# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: each condition of a verdict matters, and each line of evidence has the values of what happened.

They were written for changes to one condition or one line that the tests of before did not notice.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.ends import OomKill
from ansible_collections.claude_hooks.docker_audit.tests.unit.plugins.module_utils.test_verdicts_looks import (
    CLEAN,
    CURL,
    CURL_IN,
    CURL_LOGGED,
    DOCKER,
    DOCKER_IN,
    FITS,
    NOBODY,
    SDK_IN,
    SEEN,
    client,
    look,
    marks,
)
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    LOGGED,
    START,
    A,
    codes,
    command,
    connect,
    event,
    gone,
    judge,
    kill,
    life,
    old,
    short,
    stop,
)

UNLOGGED = SEEN._replace(connects=())


def line(verdict, code):
    return next(one for one in verdict['evidence'] if one['code'] == code)


def test_a_look_after_the_end_excludes_no_command():
    found = marks(CLEAN, look(1.3, CURL_IN))
    judged = judge(life(*stop(1)), [FITS], NOBODY, UNLOGGED, marks=found)
    assert short(judged) == [('stopped', 'cli', 'likely', [DOCKER])]


def test_of_two_commands_that_are_connected_none_is_picked():
    found = marks(CLEAN, look(1.003, DOCKER_IN, client(402, '/usr/bin/docker')))
    other = command(0.7, 'docker stop claude-hooks-a', 402)
    (verdict,) = judge(life(*stop(1)), [FITS, other], NOBODY, UNLOGGED, marks=found)
    assert verdict['confidence'] == 'open' and {who['pid'] for who in verdict['who']} == {DOCKER, 402}


def test_a_command_that_is_not_connected_is_in_the_evidence():
    (verdict,) = judge(life(*stop(1)), [FITS], NOBODY, UNLOGGED, marks=marks(CLEAN, look(1.003)))
    assert line(verdict, 'not_connected_then')['pid'] == DOCKER


@pytest.mark.parametrize('at, is_noted', [(-58, True), (-61, False)])
def test_a_health_check_counts_for_a_minute(at, is_noted):
    events = old(event(at, 'health_status: unhealthy'), *kill(1))
    (verdict,) = judge(events, [], [*NOBODY, CURL_LOGGED], SEEN, marks=marks(CLEAN, look(1.003, CURL_IN)))
    assert ('unhealthy' in codes(verdict)) is is_noted


@pytest.mark.parametrize('accepts', [True, False])
def test_that_others_can_ask_through_a_client_is_in_the_evidence(accepts):
    found = marks(CLEAN, look(1.003, dict(CURL_IN, accepts=accepts)))
    (verdict,) = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)
    assert line(verdict, 'client_then').get('through', False) is accepts


def test_who_left_before_the_look_is_told_from_who_is_in_it():
    found = marks(look(-100, SDK_IN, event_at=None), look(1.003, CURL_IN))
    (verdict,) = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)
    assert line(verdict, 'client_then')['pid'] == CURL and line(verdict, 'client_before')['pid'] == SDK_IN['pid']


@pytest.mark.parametrize('count, more', [(20, 0), (23, 3)])
def test_of_many_clients_the_number_of_the_others_is_said(count, more):
    clients = [client(500 + number, seen=-100, start=-200) for number in range(count)]
    found = marks(look(-100, *clients, event_at=None), look(1.003, *clients))
    (verdict,) = judge(life(*kill(1)), [], NOBODY, SEEN, marks=found)
    assert (verdict['confidence'], len(verdict['who']), verdict['more']) == ('open', 20, more)


@pytest.mark.parametrize('unseen, confidence', [(None, 'certain'), (START - 90000, 'likely')])
def test_beside_a_command_that_left_no_process_before_audit_may_be_unseen(unseen, confidence):
    events = life(*stop(1)[:2])
    given = command(0.8, 'docker kill -s TERM claude-hooks-a', DOCKER)
    found = marks(CLEAN, look(1.003))
    looking = SEEN._replace(unseen=unseen)
    judged = judge(events, [given], [*NOBODY, connect(0.85, DOCKER)], looking, marks=found)
    assert short(judged) == [('died', 'cli', confidence, [DOCKER])]


def test_a_socket_has_the_same_name_below_var_run():
    found = marks(CLEAN, look(1.003, CURL_IN, listeners=['/var/run/docker.sock']))
    judged = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)
    assert short(judged) == [('died', 'api', 'certain', [CURL])]


def test_each_request_of_an_end_has_askers_of_its_own():
    """A stop by one, and SIGKILL by another before its time is over: nobody is named alone."""
    events = life(*stop(1)[:1], event(3, 'kill', signal='9'), event(3.05, 'die', exitCode='137'), event(3.1, 'stop'))
    found = marks(CLEAN, look(1.003, CURL_IN), look(3.003, client(200, start=2.8), event_at=3.0))
    connects = [*NOBODY, CURL_LOGGED, connect(2.9, 200, '/usr/bin/curl')]
    (verdict,) = judge(events, [], connects, SEEN, marks=found)
    assert verdict['confidence'] == 'open' and {who['pid'] for who in verdict['who']} == {CURL, 200}


def test_of_several_processes_the_number_is_said():
    kills = [OomKill(START + 900, A, True, 'python3', 77, others=3)]
    (verdict,) = judge(life(event(1, 'die', exitCode='137')), [], [LOGGED], oom_kills=kills)
    assert line(verdict, 'oom_one_of_several')['count'] == 4


@pytest.mark.parametrize('ends, expected', [(1, None), (2, 2), (3, 3)])
def test_a_crash_loop_is_one_from_the_second_time_on(ends, expected):
    crashes = [one for at in range(ends) for one in (event(at - 10, 'die', exitCode='1'), event(at - 9.5, 'start'))]
    verdict = judge(life(*crashes, event(1, 'die', exitCode='1')), [], [LOGGED])[-1]
    found = [one['count'] for one in verdict['evidence'] if one['code'] == 'crash_loop']
    assert found == ([] if expected is None else [expected])


def test_what_the_engine_noted_is_in_the_evidence():
    renamed = judge(life(event(1, 'rename', name='claude-hooks-b', oldName='/claude-hooks-a')), [], [LOGGED])[0]
    assert line(renamed, 'rename_event')['old'] == 'claude-hooks-a' and 'destroy_event' not in codes(renamed)
    removed = judge(life(*gone(1)), [], [LOGGED])
    assert 'destroy_event' in codes(removed[-1])
    assert 'nobody_asked' in codes(judge(life(event(1, 'die', exitCode='0')), [], [LOGGED])[0])
    task = {'com.docker.swarm.service.name': 'web'}
    assert line(judge(life(*stop(1, **task), **task), [], [LOGGED])[0], 'swarm_task')['service'] == 'web'


BOOTS = {'at no known time': float('-inf'), 'before it': START + 1, 'after it': START + 9000000}


@pytest.mark.parametrize('booted', BOOTS.values(), ids=BOOTS)
@pytest.mark.parametrize('is_command', [True, False])
def test_before_the_last_boot_nothing_is_certain(is_command, booted):
    """What that kernel lost, and when audit was turned on then, nobody can tell any more."""
    looking = SEEN._replace(booted=booted)
    if is_command:
        typed = [command(0.8, 'docker stop claude-hooks-a')]
        (verdict,) = judge(life(*stop()), typed, [LOGGED, connect(0.9)], looking=looking)
    else:
        found = marks(CLEAN, look(1.003, CURL_IN))
        (verdict,) = judge(old(*kill()), [], [*NOBODY, CURL_LOGGED], looking, marks=found)
    is_before = booted > START + 1000
    assert (verdict['confidence'] == 'certain') is not is_before
    assert ('earlier_boot' in codes(verdict)) is is_before


@pytest.mark.parametrize('unlogged', [(), ('tcp port 2375',)])
@pytest.mark.parametrize('is_command', [True, False])
def test_a_client_at_an_address_that_is_not_logged_can_have_asked(is_command, unlogged):
    """Also where a look shows that nobody was connected any more."""
    looking = SEEN._replace(unlogged=unlogged, signals=())
    typed = [command(0.8, 'docker stop claude-hooks-a')] if is_command else []
    (verdict,) = judge(life(*stop()), typed, [LOGGED, connect(0.9)], looking=looking)
    assert (verdict['confidence'] == 'certain') is (is_command and not unlogged)
    assert ('listeners_not_watched' in codes(verdict)) is bool(unlogged)


@pytest.mark.parametrize(
    'looking, listeners, code',
    [
        (SEEN, [], None),
        (SEEN, ['tcp:0.0.0.0:2375'], 'listeners_not_watched'),
        (UNLOGGED, [], 'connects_not_logged'),
        (SEEN._replace(booted=START + 9000000), [], 'connects_not_logged'),
    ],
)
def test_a_look_excludes_nobody_who_asked_and_left_before_it(looking, listeners, code):
    found = marks(CLEAN, look(1.003, DOCKER_IN, listeners=['/run/docker.sock', *listeners]))
    (verdict,) = judge(life(*stop(1)), [FITS], [LOGGED, connect(0.9, DOCKER)], looking, marks=found)
    assert (verdict['cause'], verdict['confidence']) == ('cli', 'likely' if code else 'certain')
    assert code is None or code in codes(verdict)
