# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: an engine, a docker or a client that is slower, later or refused makes nobody else certain.

Each day has a client (pid 200 in the looks, 301 in the log) that has been connected for long and did nothing.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import First, Marks
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Watch
from ansible_collections.claude_hooks.docker_audit.tests.unit.plugins.module_utils import test_verdicts_looks as looks
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    ALWAYS,
    EVERYTHING,
    LOGGED,
    NAME,
    PLUGIN,
    PORTAINER,
    PROJECT,
    START,
    A,
    B,
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

EVER = float('inf')
DOCKER = looks.client(100, '/usr/bin/docker', start=0.8)
SHOP = {
    **PROJECT,
    'com.docker.compose.project.working_dir': '/srv/shop',
    'com.docker.compose.project.config_files': '/srv/shop/c.yml',
}


DB = {**SHOP, 'com.docker.compose.service': 'db'}
BLOG = {name: value.replace('shop', 'blog') for name, value in SHOP.items()}
COMPOSE = looks.client(1100, PLUGIN, start=0.2, ppid=100)


def blog(*events):
    return [event(-3600, 'create', B, 'blog-web-1', **BLOG), event(-3599, 'start', B, 'blog-web-1', **BLOG), *events]


def slow_db():
    """A service that Compose waits for."""
    made = [event(-3600, 'create', B, 'shop-db-1', **DB), event(-3599, 'start', B, 'shop-db-1', **DB)]
    asked = [event(time, 'kill', B, 'shop-db-1', signal=signal, **DB) for time, signal in ((0.3, '15'), (10, '9'))]
    return made + asked


def in_order(events):
    return sorted(events, key=lambda one: one['timeNano'])


def ran(at, text, pid=100, **fields):
    """A docker command and its connect."""
    is_compose = 'compose' in text
    program = PLUGIN if is_compose else '/usr/bin/docker'
    connected = connect(at + 0.1, pid + 1000 * is_compose, program, ppid=pid if is_compose else 1)
    return command(at, text, pid, **fields), connected


def seen(events, asked=(), moments=((1, 'kill', A, ()),), looking=looks.SEEN, more=(), **options):
    """The verdicts with a witness; moments are its looks: (time, action, id, who is connected besides)."""
    marks = looks.marks(
        looks.look(-100, looks.SDK_IN, event_at=None),
        *[
            looks.look(time + 0.003, looks.SDK_IN, *also, action=action, identity=identity, event_at=time)
            for time, action, identity, also in moments
        ],
    )
    connects = [*looks.NOBODY, *(connected for _one, connected in asked), *more]
    return short(judge(in_order(events), [one for one, _connected in asked], connects, looking, marks=marks, **options))


def logged(events, asked=(), clients=(PORTAINER,), looking=EVERYTHING, **options):
    """The verdicts by the log alone."""
    connects = [LOGGED, *clients, *(connected for _one, connected in asked)]
    return short(judge(in_order(events), [one for one, _connected in asked], connects, looking, **options))


def beside(*events):
    return [event(-3600, 'create', B, 'b'), event(-3599, 'start', B, 'b'), *events]


def beside_db(events):
    return [event(-3600, 'create', B, 'shop-db-1', **DB), event(-3599, 'start', B, 'shop-db-1', **DB), *events]


def killed_at(end, identity=A, name=NAME, **labels):
    """Somebody asked to stop it, and it was killed when its time was over."""
    return [
        event(1, 'kill', identity, name, signal='15', **labels),
        event(end, 'kill', identity, name, signal='9', **labels),
        event(end + 0.05, 'die', identity, name, exitCode='137', **labels),
    ]


def at_destroy(time, *also):
    return ((time, 'destroy', A, also),)


STOP = ran(0.8, 'docker stop ' + NAME)
SHOP_STOP = ran(0.1, 'docker compose -p shop stop')
AT_DB = [(0.3, 'kill', B, (COMPOSE,))]
RUN = ran(-60.5, 'docker run -d --rm --name %s x' % NAME)
ASKED_B = event(1.01, 'kill', B, 'b', signal='15')
ENDED_B = [event(85, 'die', B, 'b', exitCode='0'), event(85.1, 'stop', B, 'b')]
TERMS = [event(1, 'kill', signal='15'), event(8, 'kill', signal='15'), event(8.05, 'die', exitCode='143')]
PRUNED = {
    'Type': 'container',
    'Action': 'prune',
    'Actor': {'ID': '', 'Attributes': {}},
    'timeNano': round(START + 72000) * 1000000,
}
RENAMED = [
    event(1, 'kill', signal='15'),
    event(4, 'rename', name='claude-hooks-old', oldName='/' + NAME),
    event(11, 'kill', name='claude-hooks-old', signal='9'),
    event(11.05, 'die', name='claude-hooks-old', exitCode='137'),
    event(11.1, 'stop', name='claude-hooks-old'),
]
PAIR = old(*stop()) + beside(*stop(1.2, B, 'b'))
LATELY = (connect(-40, 301, '/portainer'),)
PYTHON = looks.client(300, '/usr/bin/python3', start=0.8)

OPEN = ('not_known', 'open', [200])
CASES = {
    # An engine that goes down gives each container its own time (ShutdownTimeout in moby's daemon/daemon.go)
    'a grace of 85 s': (lambda: seen(old(*stop()) + beside(ASKED_B, *ENDED_B), engine_ends=[START + 86000]), OPEN),
    'an end within the grace': (lambda: seen(old(*stop()) + beside(ASKED_B), engine_ends=[START + 40000]), OPEN),
    'an end that takes its time': (
        lambda: seen(old(*stop()) + beside(*stop(1.02, B, 'b')), engine_ends=[START + 13500]),
        OPEN,
    ),
    # docker stop a b; systemctl stop docker
    'a user who is not watched': (
        lambda: short(
            judge(
                in_order(PAIR),
                [],
                None,
                EVERYTHING._replace(commands=(Watch(-EVER, EVER, (0, 1000)),), unwatched=('bob',)),
                engine_ends=[START + 4000],
            )
        ),
        ('engine_shutdown', 'likely', []),
    ),
    'a new client at the end of the engine': (
        lambda: short(
            judge(
                in_order(PAIR),
                [],
                None,
                looks.SEEN,
                marks=looks.marks(
                    looks.CLEAN, looks.look(1.003, PYTHON), looks.look(1.203, PYTHON, identity=B, event_at=1.2)
                ),
                engine_ends=[START + 4000],
            )
        ),
        ('engine_shutdown', 'likely', []),
    ),
    # The engine notes a removal when all is removed (cleanupContainer in moby's daemon/delete.go)
    '--rm that takes its time': (
        lambda: seen(life(event(1, 'die', exitCode='0'), event(2.6, 'destroy')), [RUN], at_destroy(2.6)),
        OPEN,
    ),
    '--rm of what did not start': (
        lambda: seen(
            [event(0.5, 'create'), event(1, 'destroy')],
            [ran(0.2, 'docker run --rm --name %s x typo' % NAME)],
            at_destroy(1, DOCKER),
        ),
        OPEN,
    ),
    'an end in a gap': (
        lambda: seen(life(event(1.006, 'destroy')), [RUN], at_destroy(1.006), blind=[(START + 900, START + 1005)]),
        OPEN,
    ),
    'a build that was ended': (
        lambda: seen(
            [event(-3, 'create'), event(-2.9, 'start'), *kill()],
            [ran(-5, 'docker build .')],
            ((1, 'kill', A, (DOCKER,)),),
        ),
        OPEN,
    ),
    'a build that removes a step': (
        lambda: seen(
            [event(-3, 'create'), event(-2.9, 'start'), event(-1, 'die', exitCode='0'), event(1, 'destroy')],
            [ran(-5, 'docker build .')],
            at_destroy(1, DOCKER),
        ),
        OPEN,
    ),
    # A docker that waits for its answer
    'an engine that is busy': (lambda: seen(old(*stop(12)), [STOP], ((12, 'kill', A, (DOCKER,)),)), OPEN),
    'a removal of 29 s': (
        lambda: seen(
            old(*kill(), event(30, 'destroy')),
            [ran(0.8, 'docker rm -f ' + NAME)],
            ((1, 'kill', A, (DOCKER,)), (30, 'destroy', A, (DOCKER,))),
        ),
        OPEN,
    ),
    'a removal of 12 s of what had ended': (
        lambda: seen(
            old(event(-500, 'die', exitCode='0'), event(13, 'destroy')),
            [ran(0.8, 'docker rm ' + NAME)],
            at_destroy(13, DOCKER),
        ),
        OPEN,
    ),
    'a prune of 70 s': (
        lambda: seen(
            old(event(-500, 'die', exitCode='0'), event(70, 'destroy'), PRUNED),
            [ran(0.8, 'docker container prune -f')],
            at_destroy(70, DOCKER),
        ),
        OPEN,
    ),
    'a new name while it waits': (
        lambda: seen(
            old(*RENAMED),
            [STOP, ran(3.8, 'docker rename %s claude-hooks-old' % NAME, 101)],
            ((1, 'kill', A, (DOCKER,)), (11, 'kill', A, (DOCKER,))),
        ),
        OPEN,
    ),
    'a stop in a gap': (
        lambda: seen(old(*stop()[:2]), [STOP], ((1, 'kill', A, (DOCKER,)),), blind=[(START + 1120, START + 3000)]),
        OPEN,
    ),
    # A request that it survived
    'a second TERM of somebody else': (
        lambda: seen(
            old(*TERMS),
            [ran(0.8, 'docker kill -s TERM ' + NAME)],
            ((1, 'kill', A, (DOCKER,)), (8, 'kill', A, ())),
        ),
        ('not_known', 'open', [100, 200]),
    ),
    'a second TERM of a new client': (
        lambda: logged(old(*TERMS), [ran(0.8, 'docker kill -s TERM ' + NAME)], [connect(7.9, 300, '/usr/bin/curl')]),
        ('not_known', 'open', [100]),
    ),
    'a kill inside after it': (
        lambda: logged(
            old(
                event(1, 'kill', signal='15'),
                event(5.91, 'exec_start: kill -TERM 7', execID='e'),
                event(6, 'die', exitCode='143'),
            ),
            [ran(0.8, 'docker kill -s TERM ' + NAME), ran(5.8, 'docker exec %s kill -TERM 7' % NAME, 101)],
            [],
        ),
        ('cli', 'likely', [100]),
    ),
    'a gap that can hide an end': (
        lambda: logged(
            old(event(1, 'kill', signal='9'), event(8, 'die', exitCode='137')),
            [ran(0.8, 'docker kill ' + NAME)],
            blind=[(START + 1020, START + 4000)],
        ),
        ('not_known', 'open', [100, 301]),
    ),
    'a SIGKILL of the host during a stop': (
        lambda: logged(
            old(event(1, 'kill', signal='15'), event(5, 'die', exitCode='137'), event(5.1, 'stop')),
            [STOP],
            [],
            EVERYTHING._replace(signals=(ALWAYS,)),
            marks=Marks(firsts=(First(START - 3599000, A, 77, START - 3600000, 70),)),
            signals=[dict(connect(4.95, 300, '/usr/bin/kill'), opid=77, success=True, of_host=True)],
        ),
        ('not_known', 'open', [100, 300]),
    ),
    # What the engine refused
    'rm -f while it is removed': (
        lambda: logged(old(*kill(-6), event(4, 'destroy')), [ran(0.8, 'docker rm -f ' + NAME)]),
        ('cli', 'likely', [100]),
    ),
    'rm while --rm removes it': (
        lambda: logged(
            life(event(1, 'die', exitCode='0'), event(1.5, 'destroy')), [RUN, ran(1.1, 'docker rm ' + NAME)], []
        ),
        ('not_known', 'open', [100]),
    ),
    'a name that was taken': (
        lambda: logged(
            old(event(1, 'rename', name='claude-hooks-x', oldName='/' + NAME)),
            [ran(0.8, 'docker rename %s taken' % NAME)],
        ),
        ('api', 'likely', [301]),
    ),
    # An engine that starts after a crash stops what outlived it (restore in moby's daemon/daemon.go)
    'the start of an engine': (
        lambda: logged(old(*stop()), [STOP], [], engine_ends=[START - 3000], engine_since=START - 1000),
        ('cli', 'likely', [100]),
    ),
    'a client at the start of an engine': (
        lambda: logged(
            old(*stop()), [], [connect(0.2, 301, '/portainer')], engine_ends=[START - 3000], engine_since=START - 1000
        ),
        ('not_known', 'open', [301]),
    ),
    '--rm at the start of an engine': (
        lambda: logged(
            old(*stop(-20), event(1, 'destroy')),
            [],
            [connect(0.2, 301, '/portainer')],
            engine_ends=[START - 15000],
            engine_since=START - 1000,
        ),
        ('not_known', 'open', [301]),
    ),
    '--rm beside what outlived a crash': (
        lambda: logged(
            old(event(1, 'destroy')) + beside(*stop(0.5, B, 'b')),
            [],
            [connect(0.2, 301, '/portainer')],
            engine_ends=[START - 3000],
            engine_since=START - 1000,
        ),
        ('not_known', 'open', [301]),
    ),
    # It waits at its prompt, or for another service, while the client removes or stops one
    'a prune at its prompt': (
        lambda: seen(
            old(event(-500, 'die', exitCode='0'), event(70, 'destroy'), PRUNED),
            [ran(0.8, 'docker container prune')],
            at_destroy(70, DOCKER),
        ),
        ('cli', 'likely', [100]),
    ),
    'compose rm at its prompt': (
        lambda: seen(
            old(event(-500, 'die', exitCode='0', **SHOP), event(70, 'destroy', **SHOP), **SHOP),
            [ran(0.8, 'docker compose -p shop rm web')],
            at_destroy(70, COMPOSE),
        ),
        ('cli', 'likely', [100]),
    ),
    'a profile that is not active': (
        lambda: seen(
            slow_db() + old(*stop(0.5, **SHOP), **SHOP),
            [ran(0.1, 'docker compose -p shop -f c.yml stop')],
            [*AT_DB, (0.5, 'kill', A, (COMPOSE,))],
        ),
        ('cli', 'likely', [100]),
    ),
    'a Compose that waits for another service': (
        lambda: seen(slow_db() + old(*stop(2.5, **SHOP), **SHOP), [SHOP_STOP], [*AT_DB, (2.5, 'kill', A, (COMPOSE,))]),
        ('not_known', 'open', [100, 200]),
    ),
    # Timeouts and grace periods have no bound
    'a restart that waited an hour and a half for another': (
        lambda: logged(
            beside(*killed_at(5401, B, 'b')) + old(*stop(5401.2)), [ran(0.8, 'docker restart b ' + NAME)], LATELY
        ),
        ('not_known', 'open', [100, 301]),
    ),
    'a restart of two hours each': (
        lambda: logged(
            beside(*killed_at(7201, B, 'b')) + old(*stop(7201.2)),
            [ran(0.8, 'docker restart -t 7200 b ' + NAME)],
            LATELY,
        ),
        ('not_known', 'open', [100, 301]),
    ),
    'a Compose that waited half an hour for a service': (
        lambda: logged(
            beside_db(killed_at(1801, B, 'shop-db-1', **DB)) + old(*stop(1801.2, **SHOP), **SHOP), [SHOP_STOP], LATELY
        ),
        ('not_known', 'open', [100, 301]),
    ),
    'a stop after two hours beside another': (
        lambda: logged(
            old(event(7196.2, 'kill', signal='15'), *killed_at(7201), event(7201.2, 'stop')),
            [ran(0.8, 'docker stop -t 7200 ' + NAME), ran(7196, 'docker stop ' + NAME, 101)],
            [],
        ),
        ('not_known', 'open', [100, 101]),
    ),
    'a SIGKILL before two hours are over': (
        lambda: logged(
            old(*killed_at(4001), event(4001.2, 'stop')),
            [ran(0.8, 'docker stop -t 7200 ' + NAME)],
            [connect(4000.9, 300, '/usr/bin/curl')],
        ),
        ('not_known', 'open', [100]),
    ),
    # COMPOSE_PROJECT_NAME
    'a Compose in the folder of another project': (
        lambda: logged(old(*stop(2, **SHOP), **SHOP) + blog(), [ran(0.8, 'docker compose stop', cwd='/srv/blog')]),
        ('not_known', 'open', [301, 100]),
    ),
    'a Compose in the folder of another project, seen': (
        lambda: seen(
            old(*stop(2, **SHOP), **SHOP) + blog(),
            [ran(0.8, 'docker compose stop', cwd='/srv/blog')],
            ((2, 'kill', A, (COMPOSE,)),),
        ),
        ('not_known', 'open', [200, 100]),
    ),
    'one that had left': (
        lambda: seen(
            old(*stop(2, **SHOP), **SHOP) + blog(),
            [ran(0.8, 'docker compose stop', cwd='/srv/blog')],
            ((2, 'kill', A, ()),),
        ),
        ('api', 'likely', [200]),
    ),
    'a Compose that asked for another project first': (
        lambda: logged(
            old(*stop(4, **SHOP), **SHOP) + blog(*stop(1, B, 'blog-web-1', **BLOG)),
            [ran(0.8, 'docker compose stop', cwd='/srv/shop')],
        ),
        ('not_known', 'open', [100, 301]),
    ),
    'one that asked for this project first': (
        lambda: logged(
            old(*stop(1, **SHOP), **SHOP) + blog(*stop(0.9, B, 'blog-web-1', **BLOG)),
            [ran(0.8, 'docker compose stop', cwd='/srv/shop')],
        ),
        ('cli', 'likely', [100]),
    ),
    'a Compose by its file': (
        lambda: logged(old(*stop(**SHOP), **SHOP), [ran(0.7, 'docker compose -f /srv/shop/c.yml stop')]),
        ('cli', 'likely', [100]),
    ),
    'a clock that was set back': (
        lambda: seen(
            old(*kill()),
            looking=looks.SEEN._replace(set_back=((START + 500, START + 6000),)),
            more=[connect(5.9, 300, '/usr/bin/curl')],
        ),
        ('api', 'open', [200]),
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_nobody_else_is_certain(case):
    make, expected = CASES[case]
    last = [verdict for verdict in make() if verdict[0] != 'renamed' or case == 'a name that was taken'][-1]
    assert last[1:] == expected


WAITS = 'docker stop -t 60 ' + NAME


def waited(at, signal='15', stops=2):
    """SIGKILL a minute after the first request for a signal, which was not obeyed; another request came at a time."""
    ended = [event(60.3, 'kill', signal='9', **SHOP), event(60.4, 'die', exitCode='137', **SHOP)]
    asked = [event(0.3, 'kill', signal='15', **SHOP), event(at, 'kill', signal=signal, **SHOP)]
    return old(*asked, *ended, *[event(60.5, 'stop', **SHOP)] * stops, **SHOP)


@pytest.mark.parametrize(
    'events, second, who',
    {
        'a longer stop': (waited(20.3), ran(20, 'docker stop -t 300 ' + NAME, 120), [100, 120]),
        'a Compose that would wait longer': (
            waited(20.3),
            ran(20, 'docker compose -p shop stop -t 300', 120),
            [100, 120],
        ),
        'whose time ends with that of the first': (
            waited(50.3),
            ran(50, 'docker compose -p shop restart', 120),
            [100, 120],
        ),
        'a signal that was survived': (waited(20.3, stops=1), ran(20, 'docker kill -s TERM ' + NAME, 120), [100, 120]),
    }.values(),
)
def test_the_time_that_is_over_can_be_that_of_an_earlier_stop(events, second, who):
    assert logged(events, [ran(0, WAITS), second], ()) == [('stopped', 'not_known', 'open', who)]


def test_a_signal_that_stops_nothing_is_not_taken_for_an_earlier_stop():
    events = waited(30, signal='1', stops=1)
    found = [ran(0, WAITS), ran(29.9, 'docker kill -s HUP ' + NAME, 120)]
    assert logged(events, found, ()) == [('stopped', 'cli', 'certain', [100])]
