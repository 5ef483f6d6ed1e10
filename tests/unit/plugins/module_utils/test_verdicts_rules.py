# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: each rule by which a command fits or does not decides a case of its own.

In every case curl connected right before, too: where the command cannot have done it, the client is named; where it
can, but need not, both are listed; where it did it, the command is named, at most as likely.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    CURL,
    LOGGED,
    PORTAINER,
    A,
    B,
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

NAME = 'claude-hooks-a'
SHOP = {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': 'web',
    'com.docker.compose.project.working_dir': '/srv/shop',
    'com.docker.compose.project.config_files': '/srv/shop/compose.yml',
}
TASK = {
    'com.docker.swarm.service.name': 'shop_web',
    'com.docker.swarm.service.id': 'tploop8q',
    'com.docker.stack.namespace': 'shop',
}
PRUNED = [event(1.2, 'prune', '', '')]
DIED = event(-20, 'die', exitCode='0')


def removed(at=-30, **labels):
    return old(event(at, 'die', exitCode='0', **labels), event(1, 'destroy', **labels), **labels)


def signalled(number, code):
    return [event(1, 'kill', signal=number), event(1.05, 'die', exitCode=code)]


NAMES = ' '.join('x%d' % number for number in range(50))
HELD = [event(0.2, 'die', exitCode='1', **SHOP), event(1, 'stop', **SHOP)]
RENAMED = event(1, 'rename', oldName='/' + NAME, name='x')

# events, when it was typed, the command, and who is named: its pid, the client's, or both
# Another service of the project ended right before
IN_TURN = stop(-1, B, 'shop-db-1', **{**SHOP, 'com.docker.compose.service': 'db'}) + stop(**SHOP)
CASES = {
    'a stop makes a stop event': (life(*kill()), 0.5, 'docker stop ' + NAME, {300}),
    'a restart makes one, too': (life(*kill()), 0.5, 'docker restart ' + NAME, {300}),
    'a kill makes none': (life(*stop()), 0.5, 'docker kill -s TERM ' + NAME, {100, 300}),
    'a kill by another signal': (life(*kill()), 0.5, 'docker kill -s HUP ' + NAME, {300}),
    'a kill by another name': (life(*kill()), 0.5, 'docker kill -s SIGHUP ' + NAME, {300}),
    'a kill by a number': (life(*kill()), 0.5, 'docker kill -s 1 ' + NAME, {300}),
    'a kill by that number': (life(*kill()), 0.5, 'docker kill -s 9 ' + NAME, {100}),
    'a kill by that name': (life(*kill()), 0.5, 'docker kill -s SIGKILL ' + NAME, {100}),
    'a remove by force sends KILL': (
        life(event(1, 'kill', signal='15'), event(1.1, 'die', exitCode='143')),
        0.5,
        'docker rm -f ' + NAME,
        {300},
    ),
    'a remove does not rename': (life(RENAMED), 0.5, 'docker rm ' + NAME, {300}),
    'a rename': (life(RENAMED), 0.5, 'docker rename %s x' % NAME, {100}),
    'a stop in time': (life(*stop()), -8, 'docker stop ' + NAME, {100}),
    'a stop too long ago': (life(*stop()), -12, 'docker stop ' + NAME, {300}),
    'a restart of many, one after the other': (life(*stop()), -30, 'docker restart b c d ' + NAME, {100}),
    'a restart of many, too long ago': (life(*stop()), -50, 'docker restart b c d ' + NAME, {300}),
    'a restart of one, too long ago': (life(*stop()), -30, 'docker restart ' + NAME, {300}),
    'a restart of many with a timeout': (life(*stop()), -50, 'docker restart -t 30 b c d ' + NAME, {100}),
    'a restart of many that waits for ever': (old(*stop()), -500, 'docker restart -t -1 b ' + NAME, {100}),
    'a removal by force waits for the end': (removed(), -15, 'docker rm -f ' + NAME, {100}),
    'a removal without force does not': (removed(), -15, 'docker rm ' + NAME, {300}),
    'a prune': (removed() + PRUNED, 0.5, 'docker container prune -f', {100}),
    'a prune by another name': (removed() + PRUNED, 0.5, 'docker system prune -f', {100}),
    'a prune that waited for an answer': (removed() + PRUNED, -500, 'docker container prune', {100}),
    'a prune that was answered long after': (
        removed() + [dict(PRUNED[0], timeNano=PRUNED[0]['timeNano'] + 400 * 10**9)],
        -100,
        'docker container prune',
        {100, 300},
    ),
    'a prune that did not wait': (removed() + PRUNED, -500, 'docker container prune -f', {300}),
    'a prune with a filter': (removed() + PRUNED, 0.5, 'docker container prune -f --filter until=1h', {100, 300}),
    'a prune whose end is not noted': (removed(), 0.5, 'docker container prune -f', {100, 300}),
    'a prune that had ended': (removed() + [event(0.8, 'prune', '', '')], 0.5, 'docker container prune -f', {300}),
    'a prune ends nothing': (life(*kill()), 0.5, 'docker container prune -f', {300}),
    'arguments that are not known': (life(*stop()), 0.5, 'docker stop b', {100, 300}),
    # Compose
    'down': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop down', {100}),
    'kill makes no stop event': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop kill', {300}),
    'kill': (old(*kill(**SHOP), **SHOP), 0.5, 'docker compose -p shop kill', {100}),
    'down makes a stop event': (old(*kill(**SHOP), **SHOP), 0.5, 'docker compose -p shop down', {300}),
    'up at the second Ctrl-C kills': (
        old(*kill(**SHOP), **SHOP),
        0.5,
        'docker compose -p shop up --force-recreate',
        {100, 300},
    ),
    'up that recreates': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop up -d --force-recreate', {100}),
    'up that may do nothing': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop up -d', {100, 300}),
    'rm does not stop': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop rm -f', {300}),
    'rm that stops': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop rm -sf', {100}),
    'ps does nothing': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop ps', {300}),
    'stop does not remove': (removed(**SHOP), 0.5, 'docker compose -p shop stop', {300}),
    'stop does not rename': (
        old(event(1, 'rename', oldName='/x', **SHOP), **SHOP),
        0.5,
        'docker compose -p shop stop',
        {300},
    ),
    'kill does not rename': (
        old(event(1, 'rename', oldName='/x', **SHOP), **SHOP),
        0.5,
        'docker compose -p shop kill',
        {300},
    ),
    'a service': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop stop db web', {100}),
    'another service': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop stop db', {300}),
    'another service of up': (
        old(*stop(**SHOP), **SHOP),
        0.5,
        'docker compose -p shop up -d --force-recreate db',
        {100, 300},
    ),
    'a service that is scaled': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -p shop scale web=1', {100, 300}),
    'a container that is no project': (old(*stop()), 0.5, 'docker compose -p shop stop', {300}),
    'a file that other projects were made from': (
        old(*stop(**SHOP), **SHOP),
        0.5,
        'docker compose -f /srv/blog/compose.yml stop',
        {100, 300},
    ),
    'its own file': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -f /srv/shop/compose.yml stop', {100}),
    'a file from the standard input': (old(*stop(**SHOP), **SHOP), 0.5, 'docker compose -f - stop', {100, 300}),
    'stop, too long ago': (old(*stop(**SHOP), **SHOP), -700, 'docker compose -p shop stop', {300}),
    'stop, after a long grace period': (old(*stop(**SHOP), **SHOP), -300, 'docker compose -p shop stop', {100, 300}),
    'kill, too long ago': (old(*kill(**SHOP), **SHOP), -300, 'docker compose -p shop kill', {300}),
    'stop with a timeout': (old(*IN_TURN, **SHOP), -300, 'docker compose -p shop stop -t 60', {100}),
    'stop that waits for ever': (old(*IN_TURN, **SHOP), -900, 'docker compose -p shop stop -t -1', {100}),
    'stop out of its turn': (old(*stop(**SHOP), **SHOP), -300, 'docker compose -p shop stop -t 60', {100, 300}),
    'stop between its turns': (
        old(*IN_TURN[:-3], *stop(9, **SHOP), **SHOP),
        -30,
        'docker compose -p shop stop',
        {100, 300},
    ),
    'rm waits for an answer': (removed(at=-600, **SHOP), -500, 'docker compose -p shop rm', {100}),
    'rm leaves alone what ran when it asked': (removed(**SHOP), -500, 'docker compose -p shop rm', {100, 300}),
    'rm by force does not': (removed(**SHOP), -500, 'docker compose -p shop rm -f', {300}),
    # Real-time signals, as docker counts them
    'the signal by a real-time name': (life(*signalled('37', '165')), 0.5, 'docker kill -s SIGRTMIN+3 ' + NAME, {100}),
    'from the last one down': (life(*signalled('63', '191')), 0.5, 'docker kill -s RTMAX-1 ' + NAME, {100}),
    'another real-time signal': (life(*kill()), 0.5, 'docker kill -s RTMIN+3 ' + NAME, {300}),
    'a number with zeros': (life(*signalled('15', '143')), 0.5, 'docker kill -s 000015 ' + NAME, {100}),
    'no number, though a digit': (life(*kill()), 0.5, 'docker kill -s \u00b2 ' + NAME, {300}),
    'no signal at all': (life(*kill()), 0.5, 'docker kill -s nonsense ' + NAME, {300}),
    # fifty at once, each as long as it takes
    'the last of a hundred': (life(*stop(11.6)), 0.5, 'docker stop %s %s' % (NAMES, NAME), {100}),
    'of fifty none waits': (life(*stop(11.6)), 0.5, 'docker stop ' + NAMES.replace('x0 ', NAME + ' ', 1), {300}),
    'the last of a hundred, by force': (life(*gone(11.6)), 0.5, 'docker rm -f %s %s' % (NAMES, NAME), {100}),
    # Compose sends one signal, too
    'compose kill by the signal': (life(*kill(**SHOP), **SHOP), 0.5, 'docker compose -p shop kill', {100}),
    'compose kill by another': (life(*kill(**SHOP), **SHOP), 0.5, 'docker compose -p shop kill -s HUP', {300}),
    # whoever is removed by force has ended right before, and a prune takes nothing that runs
    'a prune right after an end': (life(*gone(), *PRUNED), 0.5, 'docker container prune -f', {100, 300}),
    # a name that was another container's when the command came
    'typed before it was made': (
        [event(0, 'create'), event(0.2, 'start'), *stop()],
        -2,
        'docker stop ' + NAME,
        {100, 300},
    ),
    # between two starts
    'a stop holds': (old(*[dict(one) for one in HELD]), 0.5, 'docker stop ' + NAME, {100}),
    'a kill does not hold': (old(*[dict(one) for one in HELD]), 0.5, 'docker kill ' + NAME, {300}),
    'compose stop holds': (old(*HELD, **SHOP), 0.5, 'docker compose -p shop stop', {100}),
    'compose kill does not hold': (old(*HELD, **SHOP), 0.5, 'docker compose -p shop kill', {300}),
}


def who_of(events, at, text, **fields):
    finding = command(at, text, **fields)
    judged = judge(events, [finding], [LOGGED, connect(at + 0.05), CURL])
    verdict = [one for one in judged if one['cause'] != 'self_exit'][-1]
    return {who['pid'] for who in verdict['who']}, verdict


@pytest.mark.parametrize('events, at, text, expected', CASES.values(), ids=CASES)
def test_a_rule_of_a_command(events, at, text, expected):
    fields = {'argv_complete': False} if text == 'docker stop b' else {}
    who, verdict = who_of(events, at, text, **fields)
    assert who == expected, verdict
    assert verdict['confidence'] == ('open' if len(who) > 1 else 'likely')


SWARM_CASES = {
    'a service by its id': ('docker service rm tploop8q', 0, True),
    'a service, too long ago': ('docker service rm shop_web', -120, False),
    'a stack': ('docker stack rm shop', 0, True),
    'another stack': ('docker stack rm blog', 0, False),
    'a stack that is deployed anew': ('docker stack deploy -c c.yml shop', 0, True),
    'another stack that is deployed anew': ('docker stack deploy -c c.yml blog', 0, False),
    'a service that has the name of the stack': ('docker service update shop', 0, False),
    'a node that leaves': ('docker swarm leave -f', 0, True),
}


@pytest.mark.parametrize('text, at, expected', SWARM_CASES.values(), ids=SWARM_CASES)
def test_a_rule_of_a_swarm_command(text, at, expected):
    assert (100 in who_of(life(*stop(**TASK), **TASK), at, text)[0]) is expected


@pytest.mark.parametrize('option', ['-f compose.yml', '--project-directory shop', ''])
def test_a_folder_that_is_not_known_excludes_nothing(option):
    who, verdict = who_of(old(*stop(**SHOP), **SHOP), 0.5, 'docker compose %s stop' % option, cwd=None)
    assert who == {100, 300} and 'command_may_mean' in codes(verdict)


@pytest.mark.parametrize('socket, expected', [('/srv/docker.sock', {100}), ('/srv/other.sock', set())])
def test_a_command_that_names_the_socket_of_this_engine_means_it(socket, expected):
    found = [command(0.5, 'docker -H unix://%s stop %s' % (socket, NAME))]
    (verdict,) = judge(life(*stop()), found, socket='/srv/docker.sock')
    assert {who['pid'] for who in verdict['who']} == expected


ENGINES = ['-c mine', '--context=mine', '-H unix:///run//docker.sock', '-H unix:///root/link.sock']


@pytest.mark.parametrize('option', ENGINES)
def test_a_command_that_connected_to_this_engine_means_it_whatever_it_calls_it(option):
    found = [command(0.5, 'docker %s stop %s' % (option, NAME))]
    judged = judge(life(*stop()), found, [LOGGED, connect(0.55), PORTAINER])
    assert short(judged) == [('stopped', 'cli', 'certain', [100])]
    run = [command(-50, 'docker %s run --name %s x' % (option, NAME))]
    (verdict,) = judge(life(*signalled('2', '130')), run, [LOGGED, connect(-49.9), PORTAINER])
    assert 100 in [who['pid'] for who in verdict['who']]


@pytest.mark.parametrize('option', ['-H tcp://127.0.0.1:2375', '-H localhost', '-H tcp://10.0.0.1:2375', '-c mine'])
def test_where_a_command_can_have_asked_this_engine_over_tcp_no_client_is_accused(option):
    found = [command(0.5, 'docker %s stop %s' % (option, NAME))]
    (verdict,) = judge(life(*stop()), found, [LOGGED, PORTAINER])
    assert (verdict['confidence'], [who['pid'] for who in verdict['who']]) == ('open', [301])
    assert 'named_another_engine' in codes(verdict)


@pytest.mark.parametrize('option', ['-H ssh://far', '-H unix:///srv/other.sock'])
def test_a_command_that_asked_another_engine_is_not_named(option):
    found = [command(0.5, 'docker %s stop %s' % (option, NAME))]
    assert short(judge(life(*stop()), found, [LOGGED, PORTAINER])) == [('stopped', 'api', 'likely', [301])]


def test_a_swarm_command_renames_nothing():
    assert 100 not in who_of(life(event(1, 'rename', oldName='/y', **TASK), **TASK), 0, 'docker service rm shop_web')[0]


def test_a_command_that_names_another_service_is_listed_with_what_it_names():
    text = 'docker compose -p shop up -d --force-recreate db'
    _who, verdict = who_of(old(*stop(**SHOP), **SHOP), 0.5, text)
    (line,) = [line for line in verdict['evidence'] if line['code'] == 'command_of_project']
    assert (line['service'], line['named']) == ('web', ['db'])


@pytest.mark.parametrize('target, expected', [(A, {100}), (A[:1], {100}), ('b2', {300}), ('A1', {300}), ('', {300})])
def test_a_reference_is_resolved_as_the_engine_does(target, expected):
    who, _verdict = who_of(life(*stop()), 0.5, 'docker stop ' + (target or 'x'))
    assert who == expected


def test_the_same_command_explains_one_end_alone():
    twice = life(*stop(), event(2, 'start'), *stop(3))
    judged = judge(twice, [command(0.5, 'docker stop ' + NAME)], [LOGGED, connect(0.6)])
    assert [[who['pid'] for who in verdict['who']] for verdict in judged] == [[100], []]
    assert 'command_names' not in codes(judged[1])


QUIT = 'nginx -s quit'
EXEC = [event(-20, 'exec_start: ' + QUIT, execID='e'), event(-19.9, 'exec_die', execID='e', exitCode='0')]


@pytest.mark.parametrize('inside, expected', [(QUIT, 'open'), ('ls /', 'likely')])
def test_what_was_asked_inside_to_end_can_take_a_while(inside, expected):
    events = [dict(one, Action=one['Action'].replace(QUIT, inside)) for one in EXEC]
    found = [command(-20.2, 'docker exec %s %s' % (NAME, inside))]
    (verdict,) = judge(life(*events, event(1, 'die', exitCode='0')), found, [LOGGED, connect(-20.1)])
    assert verdict['confidence'] == expected


INTERRUPTED = signalled('2', '130')
BEGUN = [event(0.9, 'exec_start: kill 1', execID='e'), event(1, 'die', exitCode='143')]

# what happened, commands (when, which, whether it connected), and which of them is named; 300 is a client beside
ATTACHED = {
    'attached by another engine': (INTERRUPTED, [(-30, 'docker -H ssh://far attach ' + NAME, False)], set()),
    'attached by another engine of the environment': (INTERRUPTED, [(-30, 'docker attach ' + NAME, False)], set()),
    'what carries requests is no run': (INTERRUPTED, [(-65, 'docker system dial-stdio', False)], set()),
    'what runs inside gets no signal of it': (INTERRUPTED, [(-30, 'docker exec -it %s sh' % NAME, True)], set()),
    'attached after the end': (INTERRUPTED, [(30, 'docker attach ' + NAME, True)], set()),
    'attached to another': (INTERRUPTED, [(-30, 'docker attach b2', True)], set()),
    'a run long before': (INTERRUPTED, [(-900, 'docker run image', True)], set()),
    'two of them': (
        INTERRUPTED,
        [(-30, 'docker attach ' + NAME, True), (-20, 'docker attach ' + NAME, True)],
        {100, 101},
    ),
    'no docker hands on a stop': (stop(), [(-30, 'docker attach ' + NAME, True)], set()),
    'nobody catches a kill': (kill(), [(-30, 'docker attach ' + NAME, True)], set()),
    'an attach starts nothing inside': (BEGUN, [(0.5, 'docker attach ' + NAME, True)], set()),
    'a run starts nothing inside': (BEGUN, [(-60.5, 'docker run image', True)], set()),
    'exec of another': (BEGUN, [(0.5, 'docker exec b2 kill 1', True)], set()),
    'exec by another engine': (BEGUN, [(0.5, 'docker -H ssh://far exec %s kill 1' % NAME, False)], set()),
    'exec long before': (BEGUN, [(-30, 'docker exec %s kill 1' % NAME, True)], set()),
    'exec': (BEGUN, [(0.5, 'docker exec %s kill 1' % NAME, True)], {100}),
}


@pytest.mark.parametrize('happened, ran, expected', ATTACHED.values(), ids=ATTACHED)
def test_a_rule_of_a_docker_that_stays(happened, ran, expected):
    found, connects = [], [connect(-1000, 1), connect(0.8, 300, '/usr/bin/curl')]
    for number, (at, text, connected) in enumerate(ran):
        found.append(command(at, text, 100 + number))
        connects += [connect(at + 0.1, 100 + number)] if connected else []
    verdict = judge(life(*happened), [*found, command(-1000.5, 'docker ps', 1)], connects)[-1]
    assert {who['pid'] for who in verdict['who']} - {300} == expected, verdict
