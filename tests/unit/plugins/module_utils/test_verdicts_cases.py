# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what once led to a wrong name, to untrue certainty or to a silence that explains nothing, comes out right.

Each case is a story of a host, on events as engines 20.10 and 28.5 note them (the sequences were recorded), with what
was looking. Names are pids; 100 and more are commands, 300 and more clients of the API.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.states import State
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import First, Marks
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import reasons
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.ends import OomKill
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    ALWAYS,
    CURL,
    EVERYTHING,
    LOGGED,
    NAME,
    PLUGIN,
    PORTAINER,
    START,
    A,
    codes,
    command,
    connect,
    down,
    event,
    judge,
    kill,
    life,
    short,
    stop,
)


def of(project, folder='/srv/shop', service='web', files=None, **more):
    """The labels that Compose gives a container."""
    return {
        'com.docker.compose.project': project,
        'com.docker.compose.service': service,
        'com.docker.compose.project.working_dir': folder,
        'com.docker.compose.project.config_files': files or folder + '/docker-compose.yml',
        **more,
    }


BLOG = life(identity='bb' * 32, name='blog-web-1', **of('blog', '/srv/blog'))
SHOP = life(*stop(**of('shop')), **of('shop'))


def compose(seconds, text, pid=100, cwd='/srv/shop', connects=True):
    """(a Compose command, the connect of its plugin)"""
    return command(seconds, text, pid, cwd=cwd), connect(seconds + 0.1, pid + 1000, PLUGIN, ppid=pid)


# --- Wrong names ---

OTHER_PROJECT = [
    # typed in /srv/shop, they mean another project
    ('docker compose -f /srv/blog/docker-compose.yml down', '/srv/shop'),
    ('docker compose -f ../blog/docker-compose.yml stop', '/srv/shop'),
    ('docker compose --project-directory /srv/blog down', '/srv/shop'),
    ('docker compose -p blog down', '/srv/shop'),
    ('docker compose down', '/srv/blog'),
]


@pytest.mark.parametrize('text, cwd', OTHER_PROJECT)
def test_a_command_for_another_project_is_not_named(text, cwd):
    found, connected = compose(0.5, text, cwd=cwd)
    (verdict,) = judge(SHOP + BLOG, [found], [LOGGED, connected, CURL])
    assert short([verdict]) == [('stopped', 'api', 'likely', [300])]
    assert ('command_of_environment' in codes(verdict)) is (' -p ' not in text)


@pytest.mark.parametrize(
    'also, expected',
    [
        ([], ('cli', 'likely', [101])),  # COMPOSE_PROJECT_NAME=shop docker compose -f /srv/blog/... fits as well
        (
            [event(0.6, 'kill', 'bb' * 32, 'blog-web-1', signal='15', **of('blog', '/srv/blog'))],
            ('cli', 'certain', [101]),
        ),
        # by somebody else, before that command and long after
        (
            [event(-5, 'kill', 'bb' * 32, 'blog-web-1', signal='15', **of('blog', '/srv/blog'))],
            ('cli', 'likely', [101]),
        ),
        (
            [event(7000, 'kill', 'bb' * 32, 'blog-web-1', signal='15', **of('blog', '/srv/blog'))],
            ('cli', 'likely', [101]),
        ),
        # a crash loop says nothing of what was asked for
        (
            [event(0.6, 'die', 'bb' * 32, 'blog-web-1', exitCode='1', **of('blog', '/srv/blog'))],
            ('cli', 'likely', [101]),
        ),
        # of a third project
        ([event(0.6, 'create', 'cc' * 32, 'c', **of('c', '/srv/c'))], ('cli', 'likely', [101])),
    ],
)
@pytest.mark.parametrize('text, cwd', [pair for pair in OTHER_PROJECT if ' -p ' not in pair[0]])
def test_a_command_that_can_mean_a_project_by_its_environment_lowers_what_is_certain(text, cwd, also, expected):
    """Only -p comes before COMPOSE_PROJECT_NAME (measured with compose 2.26 and 2.40)."""
    found, connected = compose(0.5, text, cwd=cwd)
    sure = [command(0.6, 'docker stop claude-hooks-a', 101), connect(0.7, 101)]
    events = sorted(SHOP + BLOG + also, key=lambda one: one['timeNano'])
    (verdict,) = [one for one in judge(events, [found, sure[0]], [LOGGED, connected, sure[1]]) if one['id'] == A]
    assert short([verdict]) == [('stopped', *expected)]
    assert ('command_of_environment' in codes(verdict)) is (expected[1] == 'likely')


@pytest.mark.parametrize('text, cwd', OTHER_PROJECT)
def test_a_command_that_can_mean_a_project_by_its_environment_is_a_candidate_where_nobody_else_is(text, cwd):
    found, connected = compose(0.5, text, cwd=cwd)
    (verdict,) = judge(SHOP + BLOG, [found], [LOGGED, connected])
    assert short([verdict]) == [('stopped', 'not_known', 'open', [] if ' -p ' in text else [100])]


SAME_PROJECT = [
    ('docker compose down', '/srv/shop'),
    ('docker compose down', '/srv/shop/deep/below'),
    ('docker compose -f docker-compose.yml stop web', '/srv/shop'),
    ('docker compose -f /srv/shop/docker-compose.yml stop', '/root'),
    ('docker compose -f srv/shop/docker-compose.yml stop', '/'),
    ('docker compose --project-directory ../srv/shop stop', '/root'),
    ('docker compose -p shop stop', '/root'),
    ('docker compose -p Shop stop', '/root'),
]


@pytest.mark.parametrize('text, cwd', SAME_PROJECT)
def test_a_command_for_the_project_is_named_from_wherever_it_is_typed(text, cwd):
    found, connected = compose(0.5, text, cwd=cwd)
    judged = judge(SHOP + BLOG, [found], [LOGGED, connected])
    assert short(judged) == [('stopped', 'cli', 'certain', [100])]


@pytest.mark.parametrize(
    'text, expected',
    [
        ('docker compose stop', ('not_known', 'open', [100, 300])),
        ('docker compose -p shop stop', ('cli', 'likely', [100])),
        ('docker compose -f docker-compose.yml stop', ('cli', 'likely', [100])),
    ],
)
def test_a_project_known_by_its_folder_alone_is_a_guess_while_another_client_connected(text, expected):
    """COMPOSE_PROJECT_NAME and .env can name another project, and are not in the log."""
    found, connected = compose(0.5, text)
    judged = judge(SHOP + BLOG, [found], [LOGGED, connected, CURL])
    assert short(judged) == [('stopped', *expected)]


def test_compose_1_strips_the_name_of_a_project():
    labels = of('myapp')
    found, connected = compose(0.5, 'docker-compose -p My.App stop', cwd='/root')
    found = dict(found, exe='/usr/bin/docker-compose')
    judged = judge(life(*stop(**labels), **labels), [found], [LOGGED, connected])
    assert short(judged) == [('stopped', 'cli', 'certain', [100])]


def test_of_two_projects_in_one_folder_the_folder_alone_names_neither():
    other = life(identity='cc' * 32, name='other', **of('staging'))
    found, connected = compose(0.5, 'docker compose stop')
    ((_what, cause, confidence, who),) = short(judge(SHOP + other, [found], [LOGGED, connected, CURL]))
    assert (cause, confidence) == ('not_known', 'open') and set(who) == {100, 300}


def test_what_a_link_may_lead_to_is_not_excluded():
    labels = of('shop', '/var/www/shop')
    found, connected = compose(0.5, 'docker compose -f /srv/blog/docker-compose.yml stop')
    options = {'real': {'/var/www/shop': None, '/var/www/shop/docker-compose.yml': None}}
    events = life(*stop(**labels), **labels) + BLOG
    assert short(judge(events, [found], [LOGGED, connected, CURL], **options)) == [
        ('stopped', 'not_known', 'open', [100, 300])
    ]


@pytest.mark.parametrize('force, at', [('', -200), ('-f ', 0.5)])
def test_an_answer_that_came_late_is_not_taken_for_a_force(force, at):
    """`-f c.yml` names a file: Compose waits for an answer, and a client that is connected can be quicker."""
    labels = of('shop')
    events = [
        event(-600, 'create', **labels),
        event(-599, 'start', **labels),
        event(-300, 'die', exitCode='0', **labels),
    ]
    events.append(event(1, 'destroy', **labels))
    found, connected = compose(at, 'docker compose -f docker-compose.yml rm %sweb' % force)
    assert short(judge(events, [found], [LOGGED, connected]))[-1] == ('removed', 'cli', 'certain', [100])
    client = connect(0.9, 301, '/portainer')
    assert short(judge(events, [found], [LOGGED, connected, client]))[-1] == ('removed', 'cli', 'likely', [100])


def test_a_word_behind_dashes_is_no_force():
    found = [command(0.8, 'docker rm claude-hooks-a -- -f')]
    judged = judge(life(*kill()), found, [LOGGED, connect(0.85), CURL])
    assert short(judged) == [('died', 'api', 'likely', [300])]


@pytest.mark.parametrize('looking', [(), ((ALWAYS[0], START - 20000),), ((START + 20000, ALWAYS[1]),)])
def test_a_rule_that_went_or_came_later_accuses_nobody(looking):
    """Our own earlier runs and any other old client: connects of another time say nothing of this one."""
    earlier = [connect(-40, 300, '/usr/bin/python3'), connect(30, 302, '/usr/bin/python3')]
    (verdict,) = judge(life(*stop()), [], earlier, looking=EVERYTHING._replace(connects=looking))
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')
    assert 'connects_not_logged' in codes(verdict)


def test_our_own_connects_are_no_candidates():
    own = [(300, START + 850, START + 1000)]
    (verdict,) = judge(life(*stop()), [], [LOGGED, CURL], own=own)
    assert (verdict['cause'], verdict['who']) == ('not_known', [])


def test_the_clients_of_an_earlier_engine_are_no_candidates():
    connects = [connect(-200, 301, '/portainer'), LOGGED, CURL]
    assert short(judge(life(*stop()), [], connects, engine_since=START - 70000)) == [
        ('stopped', 'api', 'likely', [300])
    ]


SWARM = {'com.docker.swarm.service.name': 'shop_web', 'com.docker.swarm.service.id': 'tploop8q'}


@pytest.mark.parametrize(
    'text, expected',
    [
        (None, ('stopped', 'engine', 'certain', [])),
        ('docker service rm blog_web', ('stopped', 'engine', 'certain', [])),
        ('docker service update --image x blog_web', ('stopped', 'engine', 'certain', [])),
        ('docker service rm shop_web', ('stopped', 'cli', 'likely', [100])),
        ('docker service scale shop_web=0', ('stopped', 'cli', 'likely', [100])),
        ('docker service scale shop_web=2', ('stopped', 'not_known', 'open', [100])),
    ],
)
def test_the_agent_of_a_swarm_ends_its_tasks(text, expected):
    found = [command(0, text)] if text else []
    connects = [LOGGED, connect(0.1)] if text else [LOGGED]
    assert short(judge(life(*stop(**SWARM), **SWARM), found, connects)) == [expected]


@pytest.mark.parametrize('connects, expected', [([LOGGED], 'certain'), (None, 'open'), ([LOGGED, PORTAINER], 'open')])
def test_rm_by_the_engine_is_folded_into_the_end_where_nobody_else_can_be(connects, expected):
    """docker run --rm: destroy comes 4 to 8 ms after die (measured)."""
    judged = judge(life(event(1, 'die', exitCode='0'), event(1.006, 'destroy')), [], connects)
    if expected == 'certain':
        assert short(judged) == [('died+removed', 'self_exit', 'likely', [])]
    else:
        assert [verdict['confidence'] for verdict in judged] == ['likely', 'open']
        assert (judged[1]['what'], judged[1]['cause']) == (['removed'], 'not_known')


def test_a_stop_of_a_container_that_is_removed_by_the_engine_names_who_stopped_it():
    events = life(*stop(), event(1.16, 'destroy'))
    judged = judge(events, [command(0.8, 'docker stop claude-hooks-a')], [LOGGED, connect(0.9)])
    assert short(judged) == [('stopped+removed', 'cli', 'certain', [100])]


def test_a_health_check_that_failed_right_before_is_evidence_and_a_lone_client_is_not_accused_of_what_is_not_seen():
    events = life(event(0.5, 'health_status: unhealthy'), *stop())
    cadvisor = connect(-30, 301, '/usr/bin/cadvisor')
    later = EVERYTHING._replace(connects=((START - 45000, ALWAYS[1]),))
    (verdict,) = judge(events, [], [LOGGED, cadvisor], looking=later)
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')
    assert {'unhealthy', 'connects_logged_later'} <= set(codes(verdict))


# --- Untrue certainty ---


def ran_inside(at, what, ended=None, identity='e1'):
    inside = [
        event(at, 'exec_create: ' + what, execID=identity),
        event(at + 0.001, 'exec_start: ' + what, execID=identity),
    ]
    return inside + ([event(ended, 'exec_die', execID=identity, exitCode='0')] if ended else [])


@pytest.mark.parametrize('what', ['kill 1', 'sh -c kill 1', 'pkill -f server', '/bin/kill -TERM 1'])
def test_docker_exec_that_kills_is_named(what):
    """Measured: exec_create, exec_start, exec_die, die with 0, all within 60 ms, and no kill event."""
    events = life(*ran_inside(1, what, 1.03), event(1.06, 'die', exitCode='0'))
    found = [command(0.8, 'docker exec claude-hooks-a ' + what)]
    ((label, cause, confidence, who),) = short(judge(events, found, [LOGGED, connect(0.9)]))
    assert (label, cause, who) == ('died', 'cli', [100]) and confidence == 'likely'


@pytest.mark.parametrize(
    'found, who',
    [([command(0.8, 'docker exec -it claude-hooks-a sh')], [100]), ([], [])],
)
def test_what_still_runs_inside_can_have_ended_it(found, who):
    events = life(*ran_inside(1, 'sh'), event(30, 'die', exitCode='0'))
    assert short(judge(events, found, [LOGGED, connect(0.9)] if found else [LOGGED])) == [
        ('died', 'not_known', 'open', who)
    ]


@pytest.mark.parametrize(
    'found, connects, expected',
    [
        ([], [LOGGED], ('self_exit', 'likely', [])),
        ([], None, ('not_known', 'open', [])),
        ([], [LOGGED, PORTAINER], ('not_known', 'open', [301])),
        ([command(0.8, 'docker exec claude-hooks-a kill 1')], [LOGGED, connect(0.9)], ('not_known', 'open', [100])),
    ],
)
def test_where_events_are_kept_without_what_was_started_inside_that_is_not_excluded(found, connects, expected):
    looking = EVERYTHING._replace(execs=())
    judged = judge(life(event(1, 'die', exitCode='0')), found, connects, looking=looking)
    assert short(judged) == [('died', *expected)]


def test_a_health_check_is_no_asker():
    checks = [
        one for number in range(5) for one in ran_inside(number, 'curl -f localhost', number + 0.1, 'e%d' % number)
    ]
    assert short(judge(life(*checks, event(4.5, 'die', exitCode='3')), [], [LOGGED])) == [
        ('died', 'self_exit', 'likely', [])
    ]


@pytest.mark.parametrize('code', ['0', '1', '143'])
def test_an_end_of_its_own_is_never_certain(code):
    """kill -TERM from the host, which the program handles: there is no record of it."""
    (verdict,) = judge(life(event(1, 'die', exitCode=code)), [], [LOGGED])
    assert (verdict['cause'], verdict['confidence']) == ('self_exit', 'likely')
    assert 'signals_not_logged' in codes(verdict)


def test_a_stop_of_a_crash_loop_says_both():
    """Measured with 20.10: the last die, then 1.1 s later stop, without a kill."""
    loop = [one for number in range(4) for one in (event(number, 'die', exitCode='1'), event(number + 0.5, 'start'))]
    events = life(*loop, event(4, 'die', exitCode='1'), event(5.1, 'stop'))
    judged = judge(events, [command(4.9, 'docker stop claude-hooks-a')], [LOGGED, connect(5)])
    assert short(judged)[-2:] == [('died', 'self_exit', 'likely', []), ('stopped', 'cli', 'certain', [100])]
    assert {'stop_event', 'had_ended_by_itself'} <= set(codes(judged[-1])) and 'crash_loop' in codes(judged[-2])


@pytest.mark.parametrize('text, named', [('stop', [100]), ('kill', []), ('rm -f', []), ('rm -sf', [100])])
def test_of_composes_commands_those_that_stop_hold_a_crash_loop(text, named):
    labels = of('shop')
    events = life(event(4, 'die', exitCode='1', **labels), event(5.1, 'stop', **labels), **labels)
    found, connected = compose(4.9, 'docker compose -p shop %s' % text)
    assert short(judge(events, [found], [LOGGED, connected]))[-1][3] == named


@pytest.mark.parametrize(
    'text',
    [
        'docker run --name claude-hooks-a image',
        'docker start -a claude-hooks-a',
        'docker attach claude-hooks-a',
        'docker attach ' + A[:12],
    ],
)
def test_a_signal_through_a_docker_in_the_foreground_hours_later(text):
    events = life(event(7200, 'kill', signal='2'), event(7200.05, 'die', exitCode='130'))
    ((label, cause, confidence, who),) = short(judge(events, [command(-60.5, text)], [connect(-60.4)]))
    assert (label, cause, who) == ('died', 'cli', [100]) and confidence == 'likely'


@pytest.mark.parametrize('number, at, expected', [('2', -10, 'likely'), ('2', 7199, 'open'), ('15', -10, 'open')])
def test_a_client_beside_a_docker_in_the_foreground_can_have_sent_it(number, at, expected):
    events = life(event(7200, 'kill', signal=number), event(7200.05, 'die', exitCode='0'))
    found = [command(-60.5, 'docker run --name claude-hooks-a image')]
    (verdict,) = judge(events, found, [connect(-60.4), connect(at, 301, '/portainer')])
    assert verdict['confidence'] == expected and 100 in {who['pid'] for who in verdict['who']}
    assert expected == 'likely' or len(verdict['who']) == 2


def test_a_run_without_a_name_is_known_by_the_container_that_it_made():
    events = life(event(7200, 'kill', signal='15'), event(7200.05, 'die', exitCode='143'))
    judged = judge(events, [command(-60.5, 'docker run image')], [LOGGED, connect(-60.4)])
    assert short(judged) == [('died', 'cli', 'likely', [100])]


def test_a_compose_in_the_foreground_can_have_stopped_it():
    labels = of('shop')
    found, connected = compose(-61, 'docker compose up')
    events = life(*stop(7200, **labels), **labels)
    assert short(judge(events, [found], [connected])) == [('stopped', 'cli', 'likely', [100])]
    portainer = connect(0, 301, '/portainer')
    assert short(judge(events, [found], [connected, portainer])) == [('stopped', 'not_known', 'open', [100, 301])]


@pytest.mark.parametrize('text', ['docker compose watch', 'docker compose up --watch', 'docker compose watch --no-up'])
@pytest.mark.parametrize('removal', [False, True])
def test_a_compose_that_watches_files_can_have_made_it_anew(text, removal):
    labels = of('shop')
    found, connected = compose(-61, text)
    happened = [event(7200, 'destroy', **labels)] if removal else stop(7200, **labels)
    if removal:
        happened.insert(0, event(3600, 'die', exitCode='0', **labels))
    judged = judge(life(*happened, **labels), [found], [connected, connect(0, 301, '/portainer')])
    assert short(judged)[-1][1:] == ('not_known', 'open', [100, 301])


def test_a_docker_whose_command_is_logged_is_never_called_unknown():
    found = [command(-3000, 'docker logs -f other')]
    (verdict,) = judge(life(*stop()), found, [connect(-2999.9)])
    assert 'docker_not_logged' not in codes(verdict) and not verdict['who']


def test_a_client_on_another_host_is_named_by_what_carries_its_requests():
    found = [command(0.5, 'docker system dial-stdio', 100)]
    (verdict,) = judge(life(*stop()), found, [LOGGED, connect(0.6)])
    assert [who['argv'] for who in verdict['who']] == [['docker', 'system', 'dial-stdio']]


MEMORY = life(event(1, 'die', exitCode='137'))
FIRST = Marks(firsts=(First(START - 40000, A, 77, START - 40100, 76),))


@pytest.mark.parametrize(
    'limit, pid, expected, code',
    [
        (True, 77, ('oom', 'certain'), 'oom_of_limit'),
        (False, 77, ('oom', 'certain'), 'oom_of_host'),
        (True, 78, ('not_known', 'open'), 'oom_other_victim'),
    ],
)
def test_the_kernel_says_whose_memory_ended_what(limit, pid, expected, code):
    """20.10 on cgroup 2 gave 137 with neither an oom event nor OOMKilled: the kernel's line is what there is."""
    kills = [OomKill(START + 950, A, limit, 'python3', pid)]
    (verdict,) = judge(MEMORY, [], [LOGGED], oom_kills=kills, marks=FIRST)
    assert (verdict['cause'], verdict['confidence']) == expected and code in codes(verdict)


@pytest.mark.parametrize(
    'code, others, expected, says',
    [
        ('137', 0, ('oom', 'certain'), 'oom_of_limit'),
        ('137', None, ('oom', 'likely'), 'oom_of_limit'),  # it may have had others
        # a shell ends with the code of its child
        ('137', 1, ('oom', 'likely'), 'oom_one_of_several'),
        # a first process that is killed ends with 137: it was another one, and what it did then is its own
        ('3', 1, ('self_exit', 'likely'), 'oom_other_victim'),
    ],
)
def test_who_of_a_container_was_killed_for_want_of_memory(code, others, expected, says):
    kills = [OomKill(START + 950, A, True, 'python3', 77, others=others)]
    (verdict,) = judge(life(event(1, 'die', exitCode=code)), [], [LOGGED], oom_kills=kills)
    assert (verdict['cause'], verdict['confidence']) == expected and says in codes(verdict)


@pytest.mark.parametrize(
    'seconds, drift, expected',
    [
        (0.1, 0, ('oom', 'certain')),
        (60, 70, ('oom', 'likely')),
        (-60, 70, ('oom', 'likely')),
        (60, 50, ('not_known', 'open')),
    ],
)
def test_the_clock_of_the_kernel_log_can_have_drifted_since_the_boot(seconds, drift, expected):
    kills = [OomKill(START + 1000 - seconds * 1000, A, True, 'python3', 77, others=0, drift=drift * 1000)]
    looking = EVERYTHING._replace(kernel=(ALWAYS,))
    (verdict,) = judge(MEMORY, [], [LOGGED], oom_kills=kills, looking=looking)
    assert (verdict['cause'], verdict['confidence']) == expected


def killed(seconds, pid=300, exe='/usr/bin/kill', opid=77, success=True, ppid=76, of_host=True):
    return dict(connect(seconds, pid, exe), opid=opid, success=success, ppid=ppid, of_host=of_host)


SIGNALS = EVERYTHING._replace(signals=(ALWAYS,), kernel=(ALWAYS,), lost=0)
NAMED = ('killed_outside_engine', 'certain', [300])
LIKELY = ('killed_outside_engine', 'likely', [300])
OPEN = ('not_known', 'open', [])


@pytest.mark.parametrize(
    'code, signals, expected, says',
    [
        ('137', [killed(0.99)], NAMED, 'signal_sent'),
        ('137', [killed(-5)], NAMED, 'signal_sent'),  # a busy host
        ('137', [killed(0.9), killed(0.95)], NAMED, 'signal_sent'),  # by the same twice
        ('137', [killed(0.9), killed(0.95, opid=80)], NAMED, 'signal_sent'),  # pkill
        ('137', [killed(0.9), killed(0.95, 301)], ('killed_outside_engine', 'open', [300, 301]), 'signal_sent'),
        ('137', [killed(0.99, success=False)], OPEN, 'only_kill_is_logged'),
        ('137', [killed(0.99, success=None)], OPEN, 'only_kill_is_logged'),
        ('137', [killed(0.99, opid=78)], OPEN, 'only_kill_is_logged'),  # to another process of it
        ('137', [killed(-59.5)], OPEN, 'only_kill_is_logged'),  # before it started
        ('137', [], OPEN, 'only_kill_is_logged'),
        # its first process has ended with another code: the signal came too late
        ('3', [killed(0.99)], ('self_exit', 'likely', []), 'only_kill_is_logged'),
        # the engine notes its kills: what is left are other clients of containerd
        ('137', [killed(0.99, 400, '/usr/bin/runc')], ('containerd', 'likely', []), 'signal_sent'),
        # a program of that name which the shim did not start, and one that came after it
        ('137', [killed(0.99, 400, '/tmp/runc', ppid=1)], ('not_known', 'open', [400]), 'signal_sent'),
        ('137', [killed(0.9, 400, '/usr/bin/runc'), killed(0.99)], ('not_known', 'open', [400, 300]), 'signal_sent'),
        # from inside the container it does nothing to its first process
        ('137', [killed(0.99, of_host=False)], ('not_known', 'open', [300]), 'signal_maybe_inside'),
        ('137', [killed(0.99, 400, '/bin/runc', of_host=False)], ('not_known', 'open', [400]), 'signal_maybe_inside'),
        ('137', [killed(0.9, 301, of_host=False), killed(0.99)], NAMED, 'signal_maybe_inside'),
        ('255', [killed(0.9, opid=76, of_host=False)], NAMED, 'signal_to_shim'),
        # containerd ends what a killed shim leaves
        ('255', [killed(0.8, opid=76), killed(0.9, 400, '/usr/sbin/runc')], NAMED, 'signal_to_shim'),
        ('137', [killed(0.8, opid=76), killed(0.9, 400, '/usr/sbin/runc')], NAMED, 'signal_to_shim'),
        ('255', [], OPEN, 'code_of_shim'),
    ],
)
def test_a_sigkill_to_the_first_process_or_to_its_shim_is_named(code, signals, expected, says):
    events = life(event(1, 'die', exitCode=code))
    (verdict,) = judge(events, [], [LOGGED], SIGNALS, signals=signals, marks=FIRST)
    assert short([verdict])[0][1:] == expected and says in codes(verdict)


@pytest.mark.parametrize(
    'looking, code',
    [
        ({'lost': None}, 'records_lost'),
        ({'lost': 3}, 'records_lost'),
        ({'unseen': START - 99999}, 'processes_before_audit'),
        ({'signals': ()}, 'signals_not_logged'),
    ],
)
def test_who_sent_a_sigkill_is_not_certain_where_another_can_have_come_first_unseen(looking, code):
    (verdict,) = judge(MEMORY, [], [LOGGED], SIGNALS._replace(**looking), signals=[killed(0.99)], marks=FIRST)
    assert short([verdict])[0][1:] == LIKELY and code in codes(verdict)


@pytest.mark.parametrize(
    'first',
    [
        First(START - 70000, A, 77, START - 70100, 76),  # of the run before
        First(START - 40000, A, 77, None, 76),  # it was gone before anybody looked
        First(START - 40000, 'bb' * 32, 77, START - 40100, 76),
    ],
)
def test_a_pid_that_may_be_that_of_another_process_names_nobody_for_sure(first):
    marks = Marks(firsts=(first,))
    (verdict,) = judge(MEMORY, [], [LOGGED], SIGNALS, signals=[killed(0.99)], marks=marks)
    assert short([verdict])[0][1:] == ('not_known', 'open', [300]) and 'signal_near' in codes(verdict)


def test_a_sender_is_a_candidate_once_and_none_where_the_kernel_refused():
    signals = [killed(0.5), killed(0.9, opid=80), killed(0.8, 301, success=False)]
    (verdict,) = judge(MEMORY, [], [LOGGED], SIGNALS, signals=signals)
    assert short([verdict])[0][1:] == ('not_known', 'open', [300]) and codes(verdict).count('signal_near') == 1


def test_a_sigkill_beside_a_kill_for_want_of_memory_names_neither():
    kills = [OomKill(START + 950, A, True, 'python3', 77)]
    (verdict,) = judge(MEMORY, [], [LOGGED], SIGNALS, signals=[killed(0.99)], marks=FIRST, oom_kills=kills)
    assert short([verdict])[0][1:] == ('not_known', 'open', [300])


def test_the_first_process_of_a_later_run_is_none_of_an_earlier_one():
    """A container with a restart policy runs again, with another first process, when the question is asked."""
    kills = [OomKill(START + 950, A, True, 'python3', 70, others=0)]
    events = [*MEMORY, event(1.5, 'start'), event(20, 'die', exitCode='137')]
    marks = Marks(firsts=(First(START + 1600, A, 77, START + 1500, 76),))
    first, second = judge(events, [], [LOGGED], SIGNALS, signals=[killed(19.9)], marks=marks, oom_kills=kills)
    assert (first['cause'], first['confidence']) == ('oom', 'certain')
    assert short([second])[0][1:] == NAMED


@pytest.mark.parametrize('exe, who', [('/usr/bin/bash', [300]), ('/usr/bin/runc', [])])
def test_a_signal_to_a_process_that_is_not_known_is_a_candidate(exe, who):
    sent = dict(connect(0.99, 300, exe), opid=78)
    (verdict,) = judge(MEMORY, [], [LOGGED], signals=[sent], looking=EVERYTHING._replace(signals=(ALWAYS,)))
    assert (verdict['cause'], [one['pid'] for one in verdict['who']]) == ('not_known', who)


@pytest.mark.parametrize(
    'text, at',
    [
        ('docker compose -p shop up -d db', 0.5),  # a dependent
        ('docker compose -p shop restart db', 0.5),  # depends_on with restart
        ('docker compose -p shop up -d --remove-orphans db', 0.5),
        ('docker compose -p shop scale db=2', 0.5),
        ('docker compose -p shop down', -190),  # the second service, after a long grace period of the first
    ],
)
def test_what_compose_touches_without_naming_it_is_open_with_that_command(text, at):
    labels = of('shop')
    events = [event(-3600, 'create', **labels), event(-3599, 'start', **labels), *stop(**labels)]
    found, connected = compose(at, text)
    (verdict,) = judge(events, [found], [connected])
    assert [who['pid'] for who in verdict['who']] == [100] and verdict['confidence'] in ('open', 'likely')


# --- Honest silence ---


@pytest.mark.parametrize(
    'looking, code',
    [
        (EVERYTHING._replace(commands=(), connects=()), 'commands_not_logged'),
        (EVERYTHING._replace(commands=(), connects=(), log_first=START), 'log_begins_later'),
        (
            EVERYTHING._replace(
                commands=(EVERYTHING.commands[0]._replace(uids=(0,)),), connects=(), unwatched=('bob', 'ann')
            ),
            'users_not_watched',
        ),
        (EVERYTHING._replace(connects=()), 'connects_not_logged'),
        (EVERYTHING._replace(ends=()), 'engine_end_not_known'),
        (EVERYTHING._replace(unseen=START - 7200000), 'processes_before_audit'),
    ],
)
def test_an_open_verdict_says_what_was_not_looking(looking, code):
    (verdict,) = judge(life(*stop()), [], [], looking=looking)
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open') and code in codes(verdict)


def test_no_client_is_accused_where_docker_commands_were_not_logged():
    (verdict,) = judge(life(*stop()), [], [LOGGED, CURL], looking=EVERYTHING._replace(commands=()))
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open') and 'commands_not_logged' in codes(
        verdict
    )


def test_a_docker_of_an_unwatched_user_is_no_client_of_the_api():
    other = connect(0.9, 300, '/usr/bin/docker', uid=1001, ppid=299)
    (verdict,) = judge(life(*stop()), [], [LOGGED, other])
    assert (verdict['cause'], [who['pid'] for who in verdict['who']]) == ('not_known', [300])
    assert 'docker_not_logged' in codes(verdict)


def test_clients_that_audit_cannot_see_make_a_command_likely_at_most():
    unseen = EVERYTHING._replace(unseen=START - 7200000)
    judged = judge(life(*stop()), [command(0.8, 'docker stop claude-hooks-a')], [LOGGED, connect(0.9)], looking=unseen)
    assert short(judged) == [('stopped', 'cli', 'likely', [100])]


def test_the_end_of_the_engine_has_its_reason():
    line = {'code': 'package_changed', 'time': times.timestamp(START), 'package': 'docker.io'}
    reason = reasons.Reason(line, START, START, START + 5000)
    events = life(*stop()) + life(*stop(1.01, 'bb' * 32, 'b'), identity='bb' * 32, name='b')
    (verdict,) = judge(events, [], [LOGGED], engine_ends=[START + 2000], reasons=[reason])
    assert (verdict['cause'], verdict['confidence']) == ('engine_shutdown', 'certain')
    assert line in verdict['evidence'] and NAME == verdict['container']


def state(at, name='claude-hooks-a', identity=A, code=143, oom=False, running=False):
    return State(identity, name, START + int(at * 1000), code, oom, running, {})


OTHER = state(1.5, 'other', 'bb' * 32)
TWO = [state(1), OTHER]


@pytest.mark.parametrize(
    'states, ends, found, expected',
    [
        # the engine was started again and has forgotten its events
        (TWO, [START + 3000], [], ('died', 'engine_shutdown', 'likely', [])),
        (TWO, [START + 3000], ['docker stop claude-hooks-a'], ('died', 'not_known', 'open', [100])),
        (TWO, [START + 60000], [], ('died', 'not_known', 'open', [])),
        (TWO[:1], [START + 3000], [], ('died', 'not_known', 'open', [])),
        (TWO, [], [], ('died', 'not_known', 'open', [])),
        ([state(1, code=137, oom=True), OTHER], [], [], ('died', 'oom', 'likely', [])),
        # it says so for any process that was killed at any time
        ([state(1, code=3, oom=True), OTHER], [], [], ('died', 'not_known', 'open', [])),
        (
            [state(1, code=137, oom=True), OTHER],
            [],
            ['docker kill claude-hooks-a'],
            ('died', 'not_known', 'open', [100]),
        ),
        ([state(1, running=True)], [], [], None),
    ],
)
def test_a_container_that_is_still_there_has_its_verdict_after_a_restart_of_the_engine(states, ends, found, expected):
    commands = [command(0.8, text) for text in found]
    blind = ((0, START + 70000),)
    judged = judge([], commands, [LOGGED, connect(0.9)], states=states, engine_ends=ends, blind=blind)
    assert short(judged) == ([expected] if expected else [])
    assert not judged or 'events_forgotten' in codes(judged[0])


def test_what_the_events_say_of_an_end_is_not_said_again():
    judged = judge(life(event(1, 'die', exitCode='3')), states=[state(1.2, code=3)])
    assert short(judged) == [('died', 'self_exit', 'likely', [])]


def test_compose_down_is_one_line_with_its_command():
    labels = of('shop')
    found, connected = compose(0.5, 'docker compose down')
    assert short(judge(life(*down(**labels), **labels), [found], [LOGGED, connected])) == [
        ('stopped+removed', 'cli', 'certain', [100])
    ]


# --- Who else was connected ---

STOPPED_BY = [command(0.8, 'docker stop claude-hooks-a')]


@pytest.mark.parametrize(
    'client, expected',
    [
        (PORTAINER, 'certain'),  # it is connected all the time, and asks for nothing
        (connect(0.85, 301, '/portainer'), 'likely'),
        (connect(0.95, 301, '/portainer'), 'likely'),
        (connect(1.5, 301, '/portainer'), 'certain'),  # too late
    ],
)
def test_a_client_beside_a_command_that_fits(client, expected):
    (verdict,) = judge(life(*stop()), STOPPED_BY, [LOGGED, connect(0.9), client])
    assert (verdict['cause'], verdict['confidence'], len(verdict['who'])) == ('cli', expected, 1)
    assert ('connected_meanwhile' in codes(verdict)) is (expected == 'likely')


def test_an_old_client_beside_a_command_that_waited_long_can_have_been_quicker():
    labels = of('shop')
    events = [
        event(-600, 'create', **labels),
        event(-599, 'start', **labels),
        event(-300, 'die', exitCode='0', **labels),
    ]
    events.append(event(1, 'destroy', **labels))
    found, connected = compose(-200, 'docker compose rm web')
    old = connect(-250, 301, '/portainer')
    assert short(judge(events, [found], [old, connected]))[-1] == ('removed', 'cli', 'likely', [100])
    assert short(judge(events, [found], [connected]))[-1] == ('removed', 'cli', 'certain', [100])


def test_a_docker_in_the_foreground_removes_nothing():
    found = [command(-60.5, 'docker run --name claude-hooks-a image')]
    events = life(event(1, 'kill', signal='2'), event(1.05, 'die', exitCode='130'), event(1.056, 'destroy'))
    judged = judge(events, found, [connect(-60.4), PORTAINER])
    assert short(judged) == [('died', 'cli', 'likely', [100]), ('removed', 'not_known', 'open', [301])]


def test_a_compose_in_the_foreground_is_attached_to_what_was_there_before():
    labels = of('shop')
    found, connected = compose(-61, 'docker compose up')
    events = [event(-3600, 'create', **labels), event(-60, 'start', **labels), *stop(7200, **labels)]
    assert short(judge(events, [found], [connected])) == [('stopped', 'cli', 'likely', [100])]


@pytest.mark.parametrize('project, named', [('shop', {100, 300}), ('blog', {300})])
def test_a_compose_in_the_foreground_is_attached_to_its_own_project_alone(project, named):
    labels = of('shop')
    found, connected = compose(-61, 'docker compose -p %s up' % project)
    events = [event(-3600, 'create', **labels), event(-60, 'start', **labels), *stop(100, **labels)]
    verdict = judge(events + BLOG, [found], [LOGGED, connected, connect(99.9, 300, '/usr/bin/curl')])[-1]
    assert {who['pid'] for who in verdict['who']} == named


@pytest.mark.parametrize('logged, expected', [(-50, 'likely'), (-40, 'open')])
def test_a_client_is_named_where_all_that_the_engine_ever_had_are_logged(logged, expected):
    looking = EVERYTHING._replace(connects=((START + logged * 1000, ALWAYS[1]),))
    (verdict,) = judge(life(*stop()), [], [CURL], looking=looking, engine_since=START - 45000)
    assert verdict['confidence'] == expected and [who['pid'] for who in verdict['who']] == [300]


# --- Each source by itself ---


def test_a_removal_is_no_end_of_the_engine():
    events = life(event(-10, 'die', exitCode='0'), event(1, 'destroy'))
    found = [command(0.8, 'docker rm claude-hooks-a')]
    judged = judge(events, found, [LOGGED, connect(0.9)], looking=EVERYTHING._replace(ends=()))
    assert short(judged)[-1] == ('removed', 'cli', 'certain', [100])


def test_what_ran_on_an_earlier_engine_does_not_run_on_this_one():
    other = [event(-3600, 'start', 'bb' * 32, 'b'), event(-3600, 'start', 'cc' * 32, 'c')]
    events = other + life(*stop()) + life(*stop(1.01, 'dd' * 32, 'd'), identity='dd' * 32, name='d')
    (verdict,) = judge(events, [], [LOGGED], engine_ends=[START - 1000000, START + 2000])
    assert (verdict['cause'], verdict['confidence']) == ('engine_shutdown', 'certain')


def test_a_stop_right_before_the_engine_went_down_is_that_of_its_command():
    found = [command(0.8, 'docker stop claude-hooks-a')]
    judged = judge(life(*stop()), found, [LOGGED, connect(0.9)], engine_ends=[START + 3000])
    assert short(judged) == [('stopped', 'cli', 'likely', [100])]


@pytest.mark.parametrize(
    'looking, has, has_not',
    [
        ({}, {'kernel_log_not_read', 'signals_not_logged'}, {'only_kill_is_logged'}),
        ({'kernel': (ALWAYS,)}, {'signals_not_logged'}, {'kernel_log_not_read'}),
        ({'signals': (ALWAYS,)}, {'only_kill_is_logged', 'kernel_log_not_read'}, {'signals_not_logged'}),
    ],
)
def test_of_a_137_it_is_said_what_was_not_looking(looking, has, has_not):
    (verdict,) = judge(MEMORY, [], [LOGGED], looking=EVERYTHING._replace(**looking))
    assert verdict['confidence'] == 'open'
    assert has <= set(codes(verdict)) and not has_not & set(codes(verdict))


def test_a_signal_after_the_end_did_not_make_it():
    sent = dict(connect(1.01, 300, '/usr/bin/bash'), opid=77)
    (verdict,) = judge(
        MEMORY, [], [LOGGED], signals=[sent], marks=FIRST, looking=EVERYTHING._replace(signals=(ALWAYS,))
    )
    assert verdict['who'] == []


@pytest.mark.parametrize(
    'exit_code, code', [('3', 'code_of_program'), ('129', 'code_like_signal'), ('255', 'code_of_shim')]
)
def test_what_an_exit_code_says(exit_code, code):
    (verdict,) = judge(life(event(1, 'die', exitCode=exit_code)), [], [LOGGED])
    assert code in codes(verdict)


@pytest.mark.parametrize('after, expected', [(15, 1), (25, 2)])
def test_an_end_and_a_removal_far_apart_are_two_verdicts(after, expected):
    labels = of('shop')
    found, connected = compose(0.5, 'docker compose down')
    events = life(*stop(**labels), event(1.1 + after, 'destroy', **labels), **labels)
    assert len(judge(events, [found], [LOGGED, connected])) == expected


@pytest.mark.parametrize('more, then', [([], 'stop'), ([event(1.2, 'start'), event(1.3, 'restart')], 'restart')])
def test_what_followed_an_end_stands_in_the_evidence(more, then):
    (verdict,) = judge(life(*stop(), *more), [], [LOGGED])
    (line,) = [line for line in verdict['evidence'] if line['code'] == 'die_event']
    assert line['then'] == then


@pytest.mark.parametrize('at, is_hidden', [(0.5, True), (-20, False), (30, False)])
def test_a_command_that_the_log_does_not_tell_can_have_been_the_one(at, is_hidden):
    """A user whose security context is too long for auditd hides the words of a docker command."""
    moment = START + 1000 * at
    looking = EVERYTHING._replace(unreadable=((moment, moment),))
    (verdict,) = judge(life(*stop()), [], [LOGGED, CURL], looking=looking)
    assert ('command_not_told' in codes(verdict)) is is_hidden
    assert (verdict['cause'], verdict['confidence']) == (('not_known', 'open') if is_hidden else ('api', 'likely'))
    named = command(0.8, 'docker stop claude-hooks-a')
    (verdict,) = judge(life(*stop()), [named], [LOGGED, connect(0.85)], looking=looking)
    assert (verdict['cause'], verdict['confidence']) == ('cli', 'likely' if is_hidden else 'certain')


@pytest.mark.parametrize('at, is_twice', [(0.5, True), (-20, False), (30, False)])
def test_while_the_clock_was_set_back_no_client_is_accused(at, is_twice):
    """docker ran at 5 s, the clock went back to 0.5 s, and the container ended at 1 s."""
    looking = EVERYTHING._replace(set_back=((START + 1000 * at, START + 1000 * (at + 4.5)),))
    later = command(5, 'docker stop claude-hooks-a')
    (verdict,) = judge(life(*stop()), [later], [LOGGED, CURL, connect(5.05)], looking=looking)
    assert ('clock_set_back' in codes(verdict)) is is_twice
    assert (verdict['cause'], verdict['confidence']) == (('not_known', 'open') if is_twice else ('api', 'likely'))
