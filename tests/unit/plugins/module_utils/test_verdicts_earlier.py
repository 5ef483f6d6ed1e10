# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what happened before, to another container or in vain takes the blame for nothing.

Each case is a story with a known truth, which stands first. A name that is not the truth may stand in an open verdict
only. PORTAINER connected long before, and asks over that connection: it leaves no record when it asks.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import First, Marks
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.ends import OomKill
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Watch
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    ALWAYS,
    CURL,
    EVERYTHING,
    LOGGED,
    NAME,
    PLUGIN,
    PORTAINER,
    PROJECT,
    START,
    A,
    B,
    codes,
    command,
    connect,
    event,
    judge,
    kill,
    life,
    old,
    short,
    stop,
)

NOBODY = ('not_known', 'open')


def gone(at):
    return [*kill(at), event(at + 0.1, 'destroy')]


def asked(seconds, text, pid=100, exe='/usr/bin/docker', **fields):
    """(a command, its connect)"""
    if 'compose' in text:
        return command(seconds, text, pid), connect(seconds + 0.1, pid + 1000, PLUGIN, ppid=pid)
    return command(seconds, text, pid), connect(seconds + 0.1, pid, exe, **fields)


HUP = event(-1000, 'kill', signal='1')
ROTATED = asked(-1000.2, 'docker kill -s HUP ' + NAME, 50)
TERM = [event(1, 'kill', signal='15'), event(1.05, 'die', exitCode='143')]
STOP = asked(0.8, 'docker stop ' + NAME)
RAN = event(-30, 'die', exitCode='0')
SWARM = {'com.docker.swarm.service.name': 'w'}

# events, commands, other connects, who must not be named alone, expected
STORIES = {
    # A signal that a program survived long ago
    'SIGHUP by docker, then curl sends TERM': (old(HUP, *TERM), [ROTATED], [CURL], ('api', 'likely', [300])),
    'SIGHUP by docker, then curl kills': (old(HUP, *kill()), [ROTATED], [CURL], ('api', 'likely', [300])),
    'SIGHUP by docker, then curl stops': (old(HUP, *stop()), [ROTATED], [CURL], ('api', 'likely', [300])),
    'SIGHUP by docker, then docker stop': (old(HUP, *stop()), [ROTATED, STOP], [], ('cli', 'certain', [100])),
    'SIGHUP by a client, then docker stop beside curl': (
        old(HUP, *stop()),
        [STOP],
        [connect(-1001, 60, '/usr/bin/curl'), CURL],
        ('cli', 'likely', [100]),
    ),
    'SIGUSR1 by docker 5 s before curl kills': (
        old(event(1, 'kill', signal='10'), event(5, 'kill', signal='9'), event(5.05, 'die', exitCode='137')),
        [asked(0.8, 'docker kill -s USR1 ' + NAME)],
        [connect(4.9, 300, '/usr/bin/curl')],
        ('api', 'likely', [300]),
    ),
    'SIGHUP by Compose, then curl kills': (
        old(event(-1000, 'kill', signal='1', **PROJECT), *kill(**PROJECT), **PROJECT),
        [asked(-1000.2, 'docker compose -p shop kill -s HUP', 50)],
        [CURL],
        ('api', 'likely', [300]),
    ),
    # A command that did nothing
    'docker stop of one that had ended, which Portainer starts and stops': (
        old(RAN, event(3, 'start'), *stop(8)),
        [STOP],
        [PORTAINER],
        (*NOBODY, [100, 301]),
    ),
    'docker compose stop of one that had ended': (
        old(RAN, event(3, 'start', **PROJECT), *stop(8, **PROJECT), **PROJECT),
        [asked(0.8, 'docker compose -p shop stop')],
        [PORTAINER],
        (*NOBODY, [100, 301]),
    ),
    'docker rm of one that runs is refused': (
        old(*gone(3)),
        [asked(0.8, 'docker rm ' + NAME)],
        [PORTAINER],
        ('api', 'likely', [301]),
    ),
    # A signal that was ignored
    'TERM by docker kill, and an own end': (
        life(event(1, 'kill', signal='15'), event(10, 'die', exitCode='1')),
        [asked(0.8, 'docker kill -s TERM ' + NAME)],
        [],
        ('cli', 'likely', [100]),
    ),
    'TERM by docker kill, and 137 later': (
        life(event(1, 'kill', signal='15'), event(6, 'die', exitCode='137')),
        [asked(0.8, 'docker kill -s TERM ' + NAME)],
        [],
        (*NOBODY, []),
    ),
    'SIGKILL before the time that docker stop gives': (
        old(
            event(1, 'kill', signal='15'),
            event(5, 'kill', signal='9'),
            event(5.05, 'die', exitCode='137'),
            event(5.1, 'stop'),
        ),
        [asked(0.8, 'docker stop -t 60 ' + NAME)],
        [connect(4.9, 300, '/usr/bin/curl')],
        (*NOBODY, [100]),
    ),
    'docker stop of one that a client is stopping': (
        life(
            event(1, 'kill', signal='15'),
            event(1.5, 'kill', signal='15'),
            event(3, 'kill', signal='9'),
            event(3.03, 'die', exitCode='137'),
            event(3.04, 'stop'),
        ),
        [asked(1.3, 'docker stop -t 1 ' + NAME)],
        [CURL],
        (*NOBODY, [100, 300]),
    ),
    # Plugins ask for what their words do not say
    'an unknown plugin beside Portainer': (
        life(*stop()),
        [(command(0.5, 'docker foo redeploy'), connect(0.9, 101, '/root/.docker/cli-plugins/docker-foo', ppid=100))],
        [PORTAINER],
        (*NOBODY, [100, 301]),
    ),
    # An engine that goes down
    'one was stopped long before the engine ended the other one': (
        life(*stop()) + life(*stop(40, B, 'b'), identity=B, name='b'),
        [],
        [CURL],
        ('api', 'likely', [300]),
    ),
    # A docker of an earlier run
    'docker run in the foreground, whose run is over': (
        life(RAN, event(-29, 'start'), event(1, 'kill', signal='2'), event(1.05, 'die', exitCode='130')),
        [asked(-60.5, 'docker run --name %s x' % NAME)],
        [PORTAINER],
        ('api', 'likely', [301]),
    ),
    'docker start -a, whose run is over': (
        old(
            event(-50, 'start'),
            RAN,
            event(-29, 'start'),
            event(1, 'kill', signal='2'),
            event(1.05, 'die', exitCode='130'),
        ),
        [asked(-50.5, 'docker start -a ' + NAME)],
        [PORTAINER],
        ('api', 'likely', [301]),
    ),
    # A number that is used again
    'a pid that docker ps had before': (
        life(*stop()),
        [(command(-500, 'docker ps'), connect(-499.9))],
        [PORTAINER, connect(0.9, 100, uid=1001, auid=1001)],
        (*NOBODY, [100, 301]),
    ),
    # A name that moved on
    'docker stop meant the one that had the name then': (
        [
            event(-60, 'create', A, 'new'),
            event(-59, 'start', A, 'new'),
            event(2, 'rename', A, NAME, oldName='/new'),
            *stop(6),
        ],
        [STOP],
        [PORTAINER],
        (*NOBODY, [100, 301]),
    ),
    'a container that Compose made for one run': (
        life(
            *stop(5, **PROJECT, **{'com.docker.compose.oneoff': 'True'}),
            **PROJECT,
            **{'com.docker.compose.oneoff': 'True'},
        ),
        [asked(0.8, 'docker compose -p shop stop')],
        [PORTAINER],
        (*NOBODY, [100, 301]),
    ),
    'a stop that the engine notes late': (
        old(event(1, 'kill', signal='15'), event(1.1, 'die', exitCode='143'), event(3.5, 'stop')),
        [STOP],
        [PORTAINER],
        ('cli', 'certain', [100]),
    ),
}


@pytest.mark.parametrize('events, found, connects, expected', STORIES.values(), ids=STORIES)
def test_who_ended_it(events, found, connects, expected):
    engine_ends = [START + 42000] if any(one['Actor']['ID'] == B for one in events) else []
    ordered = sorted(events, key=lambda one: one['timeNano'])
    commands, connected = [one for one, _connect in found], [one for _command, one in found]
    judged = judge(ordered, commands, [LOGGED, *connected, *connects], engine_ends=engine_ends)
    ends = [one for one in judged if one['id'] == A and one['what'] not in (['removed'], ['renamed'])]
    _what, cause, confidence, who = short(ends)[-1]
    assert (cause, confidence, sorted(who)) == expected


@pytest.mark.parametrize(
    'after, expected',
    [
        (0.3, ('engine_shutdown', 'certain')),
        (4, ('not_known', 'open')),  # a slow engine, or somebody who stops one after the other
        (30, ('api', 'likely')),
    ],
)
def test_an_engine_that_goes_down_ends_all_in_the_same_moment(after, expected):
    other = life(*stop(1 + after, B, 'b'), identity=B, name='b')
    events = sorted(life(*stop()) + other, key=lambda one: one['timeNano'])
    connects = [LOGGED] if after < 1 else [LOGGED, CURL]
    judged = judge(events, [], connects, engine_ends=[START + 3000 + after * 1000], container='*')
    (verdict,) = [one for one in judged if one['id'] == A]
    assert (verdict['cause'], verdict['confidence']) == expected


@pytest.mark.parametrize('text, by', [('docker rm ' + NAME, 'removal'), ('docker rm -f ' + NAME, 'removal')])
def test_a_removal_right_after_its_own_end_can_be_the_engines(text, by):
    """With --rm; the command came before the end, and did not cause it."""
    found, connected = asked(0.85, text)
    events = life(event(1, 'die', exitCode='0'), event(1.006, 'destroy'))
    removal = judge(events, [found], [LOGGED, connected])[-1]
    assert removal['what'] == ['removed'] and removal['confidence'] == 'open', by


@pytest.mark.parametrize(
    'text, expected',
    [
        ('docker run -d --rm --name %s x', [('died+removed', 'self_exit', 'likely', [])]),
        ('docker run -d --name %s x', [('died', 'self_exit', 'likely', []), ('removed', 'not_known', 'open', [])]),
        (
            'docker run -d --rm --name y%s x',
            [('died', 'self_exit', 'likely', []), ('removed', 'not_known', 'open', [])],
        ),
    ],
)
def test_without_the_log_of_connects_docker_run_with_rm_is_why_it_is_gone(text, expected):
    events = life(event(1, 'die', exitCode='0'), event(1.006, 'destroy'))
    assert short(judge(events, [command(-60.5, text % NAME)])) == expected


def test_docker_rm_after_docker_stop_is_certain():
    stopped, removed = asked(0.8, 'docker stop ' + NAME), asked(1.3, 'docker rm ' + NAME, 101)
    judged = judge(life(*stop(), event(1.5, 'destroy')), [stopped[0], removed[0]], [LOGGED, stopped[1], removed[1]])
    assert short(judged) == [('stopped', 'cli', 'certain', [100]), ('removed', 'cli', 'certain', [101])]


def test_a_kill_before_the_docker_restart_of_the_next_run_is_no_restart():
    found, connected = asked(5.8, 'docker restart ' + NAME)
    events = old(*kill(), event(3, 'start'), *stop(6, code='0'), event(6.3, 'start'), event(6.35, 'restart'))
    judged = judge(events, [found], [LOGGED, PORTAINER, connected])
    assert short(judged) == [('died', 'api', 'likely', [301]), ('restarted', 'cli', 'certain', [100])]


SEEN = EVERYTHING._replace(signals=(ALWAYS,), kernel=(ALWAYS,), lost=0)
FIRST = Marks(firsts=(First(START - 40000, A, 77, START - 40100, 76),))


@pytest.mark.parametrize(
    'signals, memory, expected',
    [
        (True, False, ('killed_outside_engine', 'certain', [300])),
        (False, True, ('oom', 'certain', [])),
        (True, True, ('not_known', 'open', [300])),
    ],
)
def test_what_the_kernel_says_comes_before_a_signal_that_was_ignored(signals, memory, expected):
    events = life(event(1, 'kill', signal='15'), event(6, 'die', exitCode='137'))
    killed = dict(connect(5.95, 300, '/usr/bin/kill'), opid=77, success=True, of_host=True)
    found, connected = asked(0.8, 'docker kill -s TERM ' + NAME)
    (verdict,) = judge(
        events,
        [found],
        [LOGGED, connected],
        SEEN,
        marks=FIRST,
        signals=[killed] if signals else [],
        oom_kills=[OomKill(START + 5900, A, True, 'python3', 77)] if memory else [],
    )
    assert short([verdict]) == [('died', *expected)]


def test_beside_the_line_of_the_kernel_docker_kill_is_not_certain():
    found, connected = asked(0.8, 'docker kill ' + NAME)
    kills = [OomKill(START + 900, A, True, 'python3', 77)]
    (verdict,) = judge(life(*kill()), [found], [LOGGED, connected], SEEN, marks=FIRST, oom_kills=kills)
    assert verdict['confidence'] == 'open'


@pytest.mark.parametrize(
    'text, at, expected',
    [
        ('kill 1', -1, ('cli', 'likely')),
        ('pkill -f worker', -40, ('not_known', 'open')),
        ('kill -HUP 1', -1, ('not_known', 'open')),
        ('kill -s SIGUSR1 1', -1, ('not_known', 'open')),
        ('kill -0 1', -1, ('not_known', 'open')),
    ],
)
def test_docker_exec_is_named_for_what_ends_a_program_soon(text, at, expected):
    inside = [event(at, 'exec_start: ' + text, execID='e'), event(at + 0.1, 'exec_die', execID='e', exitCode='0')]
    found, connected = asked(at - 0.2, 'docker exec %s %s' % (NAME, text))
    (verdict,) = judge(old(*inside, event(1, 'die', exitCode='1')), [found], [LOGGED, connected])
    assert (verdict['cause'], verdict['confidence']) == expected or verdict['confidence'] == expected[1] == 'open'


@pytest.mark.parametrize('lost', [0, 500])
@pytest.mark.parametrize('events', [life(*stop()), life(*stop(**SWARM), **SWARM)], ids=['docker stop', 'swarm'])
def test_with_lost_records_nothing_is_certain(events, lost):
    found = [] if SWARM.keys() & events[0]['Actor']['Attributes'].keys() else [STOP]
    connects = [LOGGED, *(connected for _command, connected in found)]
    (verdict,) = judge(events, [one for one, _connect in found], connects, EVERYTHING._replace(lost=lost))
    assert (verdict['confidence'] == 'certain') is (lost == 0)


@pytest.mark.parametrize('since, code', [(-4, 'commands_logged_later'), (5, 'commands_not_logged')])
def test_where_commands_are_logged_only_since_shortly_before_that_is_said(since, code):
    looking = EVERYTHING._replace(commands=(Watch(START + since * 1000, ALWAYS[1]),), connects=())
    (verdict,) = judge(life(*stop()), [], None, looking)
    assert verdict['confidence'] == 'open' and code in codes(verdict)


def test_a_command_may_have_done_its_work_in_a_gap_of_the_events():
    found, connected = STOP
    blind = [(START + 900, START + 5000)]
    (verdict,) = judge(old(*stop(8)), [found], [LOGGED, PORTAINER, connected], blind=blind)
    assert verdict['confidence'] == 'open' and {who['pid'] for who in verdict['who']} == {100, 301}


def test_with_two_sockets_a_command_for_another_one_is_not_certain():
    found, connected = asked(0.8, 'docker -H unix:///run/second.sock stop ' + NAME)
    looking = EVERYTHING._replace(sockets=('/run/docker.sock', '/run/second.sock'))
    (verdict,) = judge(old(*stop()), [found], [LOGGED, PORTAINER, connected], looking)
    assert verdict['confidence'] == 'open' and {who['pid'] for who in verdict['who']} == {100, 301}


@pytest.mark.parametrize(
    'since, confidence', [(float('-inf'), 'certain'), (START, 'certain'), (START + 1500, 'likely')]
)
def test_while_connects_to_another_engine_cannot_be_told_apart_no_command_is_certain(since, confidence):
    """The user's environment can name the other one."""
    found, connected = STOP
    looking = EVERYTHING._replace(sockets=('/run/docker.sock', '/run/second.sock'), apart_since=since)
    (verdict,) = judge(old(*stop()), [found], [LOGGED, connected], looking)
    assert (verdict['cause'], verdict['confidence']) == ('cli', confidence)
    assert ('several_engines' in codes(verdict)) == (confidence == 'likely')


def test_another_engine_makes_no_doubt_where_no_command_is_named():
    looking = EVERYTHING._replace(sockets=('/run/docker.sock', '/run/second.sock'), apart_since=float('inf'))
    (verdict,) = judge(old(*stop()), [], [LOGGED, PORTAINER], looking)
    assert (verdict['cause'], verdict['confidence']) == ('api', 'likely') and 'several_engines' not in codes(verdict)


@pytest.mark.parametrize(
    'text, name, expected',
    [
        ('docker buildx rm mine', 'buildx_buildkit_mine0', ('cli', 'certain', [100])),
        ('docker buildx rm mine', 'buildx_buildkit_mine1', (*NOBODY, [100, 301])),
        ('docker buildx rm', 'buildx_buildkit_mine0', (*NOBODY, [100, 301])),
        ('docker buildx rm mine', 'buildx', ('api', 'likely', [301])),
    ],
)
def test_a_builder_is_removed_by_force(text, name, expected):
    """Without a name it is the current one, which no log has; the names of further nodes are their owner's."""
    plugin = connect(0.9, 101, PLUGIN.replace('compose', 'buildx'), ppid=100)
    events = life(*kill(name=name), event(1.1, 'destroy', name=name), name=name)
    judged = judge(events, [command(0.5, text)], [LOGGED, PORTAINER, plugin], container='*')
    _what, cause, confidence, who = short(judged)[0]
    assert (cause, confidence, sorted(who)) == expected


def test_the_name_of_a_service_can_be_the_start_of_the_id_of_another():
    labels = {'com.docker.swarm.service.name': 'shop_web', 'com.docker.swarm.service.id': 'dbz8q1tploopabcdefghijklm'}
    found = [command(0, 'docker service rm db')]
    (verdict,) = judge(life(*stop(**labels), **labels), found, [LOGGED, connect(0.1)])
    assert verdict['confidence'] == 'open'


OTHERS = {'com.docker.compose.project': 'other', 'com.docker.compose.project.working_dir': '/srv/other'}
SHOP = {**PROJECT, 'com.docker.compose.project.working_dir': '/srv/shop'}


@pytest.mark.parametrize('after, confidence', [(0.5, 'certain'), (5, 'likely')])
def test_what_another_project_is_asked_for_later_excludes_no_command_in_its_folder(after, confidence):
    """COMPOSE_PROJECT_NAME=shop docker compose stop, in /srv/other: Compose asks at once."""
    found, connected = asked(0.7, 'docker compose stop')
    stopped = asked(0.8, 'docker stop ' + NAME, 101)
    other = [event(-60, 'create', B, 'b', **OTHERS), event(0.8 + after, 'kill', B, 'b', signal='1', **OTHERS)]
    events = sorted(old(*stop(**SHOP), **SHOP) + other, key=lambda one: one['timeNano'])
    judged = judge(events, [dict(found, cwd='/srv/other'), stopped[0]], [LOGGED, connected, stopped[1]])
    assert short(judged) == [('stopped', 'cli', confidence, [101])]


@pytest.mark.parametrize(
    'text, doubts',
    [
        # COMPOSE_PROJECT_NAME can have named another project, of which nothing ran
        ('docker compose stop web', {'environment_not_logged'}),
        ('docker compose stop', {'environment_not_logged', 'service_not_named'}),
        # of a profile that is not active, or of another file
        ('docker compose -p shop -f c.yml stop', {'service_not_named'}),
        ('docker-compose -p shop stop', {'service_not_named'}),
        # all that have its label
        ('docker compose -p shop stop', set()),
        ('docker compose -p shop down', set()),
        ('docker compose -p shop stop web', set()),
    ],
)
def test_beside_an_old_client_a_compose_is_certain_if_it_names_project_and_service(text, doubts):
    found, connected = asked(0.7, text)
    found['exe'] = '/usr/bin/' + text.split()[0]
    (verdict,) = judge(old(*stop(**SHOP), **SHOP), [dict(found, cwd='/srv/shop')], [LOGGED, PORTAINER, connected])
    assert short([verdict]) == [('stopped', 'cli', 'likely' if doubts else 'certain', [100])]
    assert {'environment_not_logged', 'service_not_named'}.intersection(codes(verdict)) == doubts
    # with nobody else there
    (verdict,) = judge(old(*stop(**SHOP), **SHOP), [dict(found, cwd='/srv/shop')], [LOGGED, connected])
    assert short([verdict]) == [('stopped', 'cli', 'certain', [100])]


CRASH = START - 10000
ASKED_BEFORE = event(-2, 'create', B, 'b')


@pytest.mark.parametrize(
    'others, connects, expected',
    [
        ([], [], ('engine', 'certain', [])),
        # by a policy
        ([event(-2, 'start', B, 'b')], [], ('engine', 'certain', [])),
        ([], [connect(-5, 301, '/portainer')], (*NOBODY, [301])),
        ([ASKED_BEFORE], [connect(-5, 301, '/portainer')], ('api', 'likely', [301])),
    ],
)
def test_after_a_crash_the_next_engine_removes_what_was_run_with_rm(others, connects, expected):
    """Of an engine that crashed no end of a container is noted."""
    events = sorted(old(event(1, 'destroy')) + others, key=lambda one: one['timeNano'])
    judged = judge(events, [], [LOGGED, *connects], engine_ends=[CRASH])
    assert short(judged) == [('removed', *expected)]
    assert ('removed_at_start' in codes(judged[0])) is (ASKED_BEFORE not in others)


def test_a_container_that_was_made_after_a_crash_is_not_removed_by_the_start():
    events = [event(-3, 'create'), event(1, 'destroy')]
    assert 'removed_at_start' not in codes(judge(events, [], [LOGGED], engine_ends=[CRASH])[0])


@pytest.mark.parametrize('blind, expected', [([], ('api', 'likely')), ([(START + 2000, START + 3000)], NOBODY)])
def test_what_ended_in_a_gap_of_the_events_does_not_run_on_when_the_engine_goes_down(blind, expected):
    events = sorted(life(*stop()) + life(identity=B, name='b'), key=lambda one: one['timeNano'])
    judged = judge(events, [], [LOGGED, CURL], engine_ends=[START + 4000], blind=blind)
    assert (judged[0]['cause'], judged[0]['confidence']) == expected


@pytest.mark.parametrize('text', ['docker kill ' + NAME, 'docker compose -p shop kill'])
def test_a_restart_right_after_a_kill_takes_no_blame_from_it(text):
    """docker restart of a container that has ended starts it, and notes a restart."""
    found, connected = asked(0.8, text)
    again = asked(1.3, 'docker restart ' + NAME, 101)
    events = old(*kill(**PROJECT), event(1.6, 'start', **PROJECT), event(1.61, 'restart', **PROJECT), **PROJECT)
    verdict = judge(events, [found, again[0]], [LOGGED, PORTAINER, connected, again[1]])[0]
    assert verdict['confidence'] == 'open' and 100 in [who['pid'] for who in verdict['who']]
