# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: who was connected when a container ended names an API client only where nobody else can have asked.

Tables: what was connected and logged, and what may be said of it. They were written before the code. The kill comes at
second 1, the look 3 ms later. `curl` connects in the same second and waits for the answer.
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import sources
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    ALWAYS,
    EVERYTHING,
    PROJECT,
    START,
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
    short,
    stop,
)

SOCKET = '/run/docker.sock'
SEEN = EVERYTHING._replace(sockets=(SOCKET,), lost=0)
DIED = event(-20, 'die', exitCode='0')
CURL, SDK, STREAM, DOCKER = 100, 200, 300, 400


def client(pid, exe='/usr/bin/curl', seen=None, start=0.8, **fields):
    """A connection: seen and start are seconds."""
    entry = {'inode': pid, 'listener': SOCKET, 'pid': pid, 'uid': 0, 'gid': 0, 'seen': seen and START + seen * 1000}
    entry.update(start=START + start * 1000, auid=None, ses=None, exe=exe, comm=exe.rpartition('/')[2])
    entry.update(accepts=False, shared=False, could_lend=False)
    return dict(entry, argv=[exe], argv_complete=True, **fields)


def look(at, *clients, action='kill', identity=A, event_at=1.0, **fields):
    entry = {'mark': 'look', 'time': START + at * 1000, 'took': 1, 'complete': True, 'dropped': 0}
    entry.update(before=START - 500000, listeners=[SOCKET], clients=list(clients))
    event = [action, identity, (START + event_at * 1000) * 1e6] if event_at is not None else None
    return {**entry, 'event': event, **fields}


def marks(*entries):
    return witness.marks(entries)


# A look long before, at which nobody was connected: whoever connected before it has left
CLEAN = look(-100, event_at=None)
CURL_IN = client(CURL)
CURL_LOGGED = connect(0.9, CURL, '/usr/bin/curl')
SDK_IN = client(SDK, '/usr/bin/python3', seen=-100, start=-200)
STREAM_IN = client(STREAM, '/usr/bin/monitor', seen=-100, start=-200)
PS_IN = client(1, '/usr/bin/docker', start=-51)
GONE_BEFORE = {**client(CURL, '/usr/bin/evil'), 'gone': True, 'inode': 7}
OTHER_BEFORE = client(CURL, '/usr/bin/evil', seen=-100, start=-200)
NOBODY = [connect(-500, 1, '/usr/bin/docker')]


@pytest.mark.parametrize(
    'before, then, connects, expected',
    [
        # exactly one: in the look and in the log
        ([CLEAN], [CURL_IN], [CURL_LOGGED], ('api', 'certain', [CURL])),
        # in the log alone: it may have handed its connection on, and who had it has closed it before the look
        ([CLEAN], [], [CURL_LOGGED], ('api', 'likely', [CURL])),
        # it has ended, and its connection is there: it may have handed that on
        ([CLEAN], [dict(CURL_IN, gone=True)], [CURL_LOGGED], ('api', 'open', [CURL])),
        (
            [look(-100, SDK_IN, event_at=None)],
            [dict(CURL_IN, gone=True), SDK_IN],
            [CURL_LOGGED],
            ('api', 'open', {CURL, SDK}),
        ),
        # another one holds it, too, or may hold it
        ([CLEAN], [dict(CURL_IN, shared=True)], [CURL_LOGGED], ('api', 'open', [CURL])),
        ([CLEAN], [dict(CURL_IN, shared=None)], [CURL_LOGGED], ('api', 'likely', [CURL])),
        ([CLEAN], [dict(CURL_IN, shared='no')], [CURL_LOGGED], ('api', 'likely', [CURL])),
        # nobody else holds it now, and somebody else may have held it when it asked
        ([CLEAN], [dict(CURL_IN, could_lend=True)], [CURL_LOGGED], ('api', 'likely', [CURL])),
        ([CLEAN], [dict(CURL_IN, could_lend=None)], [CURL_LOGGED], ('api', 'likely', [CURL])),
        # two connections of one process, of which it has given one away
        (
            [CLEAN],
            [dict(CURL_IN, inode=7), dict(CURL_IN, shared=True)],
            [CURL_LOGGED],
            ('api', 'open', [CURL]),
        ),
        # an idle one that is shared can have asked, but is no new one
        (
            [look(-100, SDK_IN, event_at=None)],
            [CURL_IN, dict(SDK_IN, shared=True)],
            [CURL_LOGGED],
            ('api', 'likely', [CURL]),
        ),
        # one that keeps its connection, and no other; its start is calculated anew at each look
        ([look(-100, client(SDK, 'x', start=-200.0004), event_at=None)], [SDK_IN], [], ('api', 'certain', [SDK])),
        ([look(-100, SDK_IN, event_at=None)], [SDK_IN], [], ('api', 'certain', [SDK])),
        # beside idle ones: the new one is likely, an old one is open
        ([look(-100, SDK_IN, event_at=None)], [CURL_IN, SDK_IN], [CURL_LOGGED], ('api', 'likely', [CURL])),
        ([look(-100, SDK_IN, STREAM_IN, event_at=None)], [SDK_IN, STREAM_IN], [], ('api', 'open', {SDK, STREAM})),
        # left before the look, and idle ones are there: it can have been either
        ([look(-100, SDK_IN, event_at=None)], [SDK_IN], [CURL_LOGGED], ('api', 'open', {CURL, SDK})),
        # an idle one left between two looks: it can have asked and left
        ([look(-100, SDK_IN, event_at=None)], [CURL_IN], [CURL_LOGGED], ('api', 'likely', [CURL])),
        # two new ones
        (
            [CLEAN],
            [CURL_IN, client(SDK)],
            [CURL_LOGGED, connect(0.95, SDK, '/usr/bin/curl')],
            ('api', 'open', {CURL, SDK}),
        ),
        # who connected after the kill did not ask for it
        ([CLEAN], [CURL_IN, client(SDK)], [CURL_LOGGED, connect(1.002, SDK, 'x')], ('api', 'certain', [CURL])),
        # no look before: who connected long ago can still be there, and asked and left
        ([], [CURL_IN], [connect(-200, SDK, '/usr/bin/python3'), CURL_LOGGED], ('api', 'likely', [CURL])),
        # the look before was less than ten seconds before: an answer can take that long
        ([look(-5, event_at=None)], [CURL_IN], [connect(-6, SDK, 'x'), CURL_LOGGED], ('api', 'likely', [CURL])),
        # the look before had it not, so that it is ended: it does not count
        ([look(-50, event_at=None)], [CURL_IN], [connect(-60, SDK, 'x'), CURL_LOGGED], ('api', 'certain', [CURL])),
        # but one that is not whole can have missed it
        (
            [look(-50, event_at=None, complete=False)],
            [CURL_IN],
            [connect(-60, SDK, 'x'), CURL_LOGGED],
            ('api', 'likely', [CURL]),
        ),
        # docker commands whose arguments ask for something else do not count
        ([CLEAN], [CURL_IN, PS_IN], [connect(0.9, 1), CURL_LOGGED], ('api', 'certain', [CURL])),
        # a regular visitor beside an old one is as likely to be there by chance
        (
            [look(-100, SDK_IN, event_at=None)],
            [CURL_IN, SDK_IN],
            [*(connect(at, 500 + at, '/usr/bin/curl') for at in (-60, -50, -40)), CURL_LOGGED],
            ('api', 'open', {CURL, SDK, 440, 450, 460}),
        ),
        # its pid was that of another process before, whose connection is still there, in whichever order
        ([CLEAN], [GONE_BEFORE, CURL_IN], [CURL_LOGGED], ('api', 'open', [CURL, CURL])),
        ([CLEAN], [CURL_IN, GONE_BEFORE], [CURL_LOGGED], ('api', 'open', [CURL, CURL])),
        # or whose connect the log alone has
        ([CLEAN], [CURL_IN], [connect(-50, CURL, '/usr/bin/evil'), CURL_LOGGED], ('api', 'likely', [CURL])),
        ([CLEAN], [], [connect(-50, CURL, '/usr/bin/evil'), CURL_LOGGED], ('api', 'open', [CURL, CURL])),
        # or it never connected itself: the one before it did, and handed its connection on
        ([CLEAN], [CURL_IN], [connect(-50, CURL, '/usr/bin/evil')], ('api', 'open', [CURL])),
        ([CLEAN], [CURL_IN], [], ('api', 'open', [CURL])),
        # or that an earlier look had
        ([look(-100, OTHER_BEFORE, event_at=None)], [CURL_IN], [CURL_LOGGED], ('api', 'likely', [CURL])),
        # over TCP no rule sees anybody
        (
            [CLEAN],
            [{'inode': 9, 'listener': 'tcp:127.0.0.1:2375', 'remote': '10.0.0.9:4711', 'pid': None, 'seen': None}],
            [],
            ('api', 'open', [None]),
        ),
    ],
)
def test_who_asked_by_the_api(before, then, connects, expected):
    seen = marks(*before, look(1.003, *then))
    judged = judge(life(*kill(1)), [], [*NOBODY, *connects], SEEN, marks=seen)
    (what, cause, confidence, pids) = short(judged)[0]
    assert (what, cause, confidence) == ('died', *expected[:2]), judged
    assert (set(pids) if isinstance(expected[2], set) else pids) == expected[2]


@pytest.mark.parametrize(
    'then, connects, expected',
    [
        # nobody but the engine itself is left
        ([], [], ('engine_shutdown', 'certain', [])),
        # who was there can have sent the signal, or have been there by chance
        ([CURL_IN], [CURL_LOGGED], ('not_known', 'open', [CURL])),
    ],
)
def test_one_container_alone_whose_stop_the_engine_did_not_tell_as_it_went_down(then, connects, expected):
    seen = marks(CLEAN, look(1.003, *then))
    events = life(*stop()[:2])
    (verdict,) = judge(events, [], [*NOBODY, *connects], SEEN, marks=seen, engine_ends=[START + 3000])
    assert short([verdict]) == [('died', *expected)]
    assert 'engine_went_down' in codes(verdict)


@pytest.mark.parametrize('text, confidence', [('-p blog', 'certain'), ('-f /srv/blog/compose.yml', 'likely')])
def test_beside_a_compose_that_can_mean_the_project_by_its_environment_no_client_is_certain(text, confidence):
    labels = {
        'com.docker.compose.project': 'shop',
        'com.docker.compose.project.working_dir': '/srv/shop',
        'com.docker.compose.project.config_files': '/srv/shop/compose.yml',
    }
    blog = {name: value.replace('shop', 'blog') for name, value in labels.items()}
    events = life(*kill(1, **labels), **labels) + life(identity='b2' * 32, name='blog', **blog)
    given = command(0.7, 'docker compose %s kill' % text, DOCKER, cwd='/srv/shop')
    plugin = client(401, '/usr/libexec/docker/cli-plugins/docker-compose', ppid=DOCKER)
    connects = [*NOBODY, CURL_LOGGED, connect(0.8, 401, plugin['exe'], ppid=DOCKER)]
    seen = marks(look(-20, event_at=None), look(1.003, CURL_IN, plugin))
    (verdict,) = judge(events, [given], connects, SEEN, marks=seen)
    assert short([verdict]) == [('died', 'api', confidence, [CURL])]
    assert ('command_of_environment' in codes(verdict)) is (confidence == 'likely')


@pytest.mark.parametrize('added, confidence', [(-30, 'certain'), (60, 'likely')])
def test_a_rule_of_a_further_socket_that_came_later_proves_nothing(added, confidence):
    """Of rules with one key, the log tells when one came, not which."""
    also = '/srv/proxy/docker.sock'
    edge = START + added * 1000
    looking = SEEN._replace(sockets=(SOCKET, also), connects=((float('-inf'), edge), (edge, float('inf'))))
    seen = marks(look(-20, event_at=None), look(1.003, CURL_IN, listeners=[SOCKET, also]))
    (verdict,) = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], looking, marks=seen)
    assert (verdict['cause'], verdict['confidence']) == ('api', confidence)
    assert ('listeners_not_watched' in codes(verdict)) is (confidence == 'likely')


@pytest.mark.parametrize(
    'change, looking',
    [
        ({'complete': False}, {}),
        ({'dropped': 3}, {}),
        ({'listeners': [SOCKET, '/srv/proxy/docker.sock']}, {}),
        ({'listeners': [SOCKET, 'tcp:127.0.0.1:2375']}, {}),
        ({}, {'sockets': ()}),
        ({}, {'unseen': 1.0}),
        ({}, {'lost': 4}),
        ({}, {'lost': None}),
        ({}, {'connects': ((START - 50000, START + 9000),)}),
        ({}, {'connects': ()}),
        ({}, {'commands': ()}),
    ],
)
def test_what_was_not_looking_takes_the_certainty(change, looking):
    """A look that is not whole or a source that was not there leaves others who can have asked."""
    found = marks(CLEAN, dict(look(1.003, CURL_IN), **change))
    looking = {'commands': EVERYTHING.commands, **looking}
    judged = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], SEEN._replace(**looking), marks=found)
    expected = 'certain' if looking['commands'] == () else 'likely'  # with connects logged a docker is among those
    assert short(judged) == [('died', 'api', expected, [CURL])], judged


def test_an_engine_that_started_since_had_no_older_connection():
    found = marks(look(1.003, CURL_IN))
    logged = SEEN._replace(connects=((START - 50000, START + 9000),))
    judged = judge(life(*kill(1)), [], [CURL_LOGGED], logged, marks=found, engine_since=START - 40000)
    assert short(judged) == [('died', 'api', 'certain', [CURL])]


def test_of_a_process_whose_number_another_one_had_nothing_is_said():
    """On a kernel that does not tell that the one which connected has ended."""
    connects = [*NOBODY, connect(-50, CURL, '/usr/bin/evil')]
    (verdict,) = judge(life(*kill(1)), [], connects, SEEN, marks=marks(CLEAN, look(1.003, CURL_IN)))
    assert [who['exe'] for who in verdict['who']] == ['/usr/bin/evil'] and 'client_gone' in codes(verdict)


def test_a_look_of_another_event_says_nothing():
    found = marks(CLEAN, look(1.003, CURL_IN, identity=B))
    assert short(judge(life(*kill(1)), [], NOBODY, SEEN, marks=found))[0][3] != [CURL]


def test_our_own_modules_are_no_candidates():
    found = marks(CLEAN, look(1.003, CURL_IN, client(SDK)))
    own = [(SDK, START + 500, START + 2000)]
    judged = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED, connect(0.9, SDK)], SEEN, marks=found, own=own)
    assert short(judged) == [('died', 'api', 'certain', [CURL])]


def test_the_name_of_a_client_has_its_command_line_and_its_connect():
    found = marks(CLEAN, look(1.003, dict(CURL_IN, argv=['curl', '-X', 'POST', '\x1b[1m'], accepts=True)))
    who = judge(life(*kill(1)), [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)[0]['who'][0]
    assert who['argv'] == ['curl', '-X', 'POST', '\x1b[1m'] and who['event'] == '0.9:100' and who['accepts'] is True


def test_a_removal_by_force_is_one_verdict():
    clients = [CURL_IN]
    found = marks(CLEAN, look(1.003, *clients), look(1.103, *clients, action='destroy', event_at=1.1))
    judged = judge(life(*gone(1)), [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)
    assert short(judged) == [('died+removed', 'api', 'certain', [CURL])]


def test_who_had_its_answer_can_have_left_where_connects_are_not_logged():
    """Of a removal the answer comes at once: whoever is connected at the look may have come by chance."""
    ended = life(dict(DIED), event(1, 'destroy'))
    found = marks(CLEAN, look(1.003, CURL_IN, action='destroy'))
    for connects, expected in ((SEEN.connects, 'certain'), ((), 'open')):
        given = [*NOBODY, CURL_LOGGED] if connects else []
        judged = judge(ended, [], given, SEEN._replace(connects=connects), marks=found)
        assert short(judged)[-1] == ('removed', 'api', expected, [CURL]), judged


def test_another_container_that_ends_at_the_same_time_leaves_it_open_who_asked_beside_an_old_client():
    before = look(-100, SDK_IN, event_at=None)
    found = marks(before, look(1.003, CURL_IN, SDK_IN), look(1.203, CURL_IN, SDK_IN, identity=B, event_at=1.2))
    other = life(*kill(1.2, B, 'claude-hooks-b'), identity=B, name='claude-hooks-b')
    judged = judge(life(*kill(1)) + other, [], [*NOBODY, CURL_LOGGED], SEEN, marks=found)
    assert [one[1:3] for one in short(judged)] == [('api', 'open')] * 2


# --- A docker command that fits ---------------------------------------------------------------------------------------
# The docker process waits for its answer: until the container has ended. `present`: its pid is in the look.

DOCKER_IN = client(DOCKER, '/usr/bin/docker')
PLUGIN_IN = client(401, '/usr/libexec/docker/cli-plugins/docker-compose', ppid=DOCKER)
PROXY_IN = client(SDK, '/usr/sbin/haproxy', accepts=True)
REMOTE_IN = {'inode': 9, 'listener': 'tcp:127.0.0.1:2375', 'remote': '127.0.0.1:4711', 'pid': None, 'seen': None}
FITS = command(0.8, 'docker stop ' + 'claude-hooks-a', DOCKER)


@pytest.mark.parametrize(
    'then, connects, expected',
    [
        # connects are not logged: the look is the second witness, but somebody can have asked and left before it
        ([DOCKER_IN], None, ('cli', 'likely', [DOCKER])),
        ([dict(DOCKER_IN, gone=True)], None, ('cli', 'likely', [DOCKER])),
        ([PLUGIN_IN], None, ('cli', 'likely', [DOCKER])),
        ([DOCKER_IN, SDK_IN], None, ('cli', 'likely', [DOCKER])),
        ([DOCKER_IN, CURL_IN], None, ('cli', 'likely', [DOCKER])),
        # a process that is older than the command, whose connection can have come since
        ([DOCKER_IN, client(SDK, start=-5)], None, ('cli', 'likely', [DOCKER])),
        # not connected while it would wait: it asked another engine (DOCKER_HOST, a context)
        ([CURL_IN], None, ('api', 'likely', [CURL])),
        ([], None, ('not_known', 'open', [DOCKER])),
        ([SDK_IN], None, ('not_known', 'open', [DOCKER, SDK])),
        # but for those through which it can have asked
        ([PROXY_IN], None, ('cli', 'likely', [DOCKER])),
        ([REMOTE_IN], None, ('cli', 'likely', [DOCKER])),
        ([dict(SDK_IN, accepts=True)], None, ('cli', 'likely', [DOCKER])),
        ([dict(CURL_IN, accepts=None)], None, ('cli', 'likely', [DOCKER])),
        # connects are logged
        ([DOCKER_IN], [connect(0.85, DOCKER)], ('cli', 'certain', [DOCKER])),
        ([DOCKER_IN, CURL_IN], [connect(0.85, DOCKER), CURL_LOGGED], ('cli', 'likely', [DOCKER])),
        ([CURL_IN], [CURL_LOGGED], ('api', 'certain', [CURL])),
        ([], [CURL_LOGGED], ('api', 'likely', [CURL])),
    ],
)
def test_a_command_that_fits_and_a_look(then, connects, expected):
    looking = SEEN if connects is not None else SEEN._replace(connects=())
    given = [*NOBODY, *(connects or ())]
    judged = judge(life(*stop(1)), [FITS], given, looking, marks=marks(CLEAN, look(1.003, *then)))
    assert short(judged) == [('stopped', *expected)], judged


@pytest.mark.parametrize('lost, expected', [(0, 'certain'), (3, 'open'), (None, 'open')])
def test_where_records_can_be_lost_a_command_without_a_connect_can_have_asked(lost, expected):
    judged = judge(
        life(*stop(1)),
        [FITS],
        [*NOBODY, CURL_LOGGED],
        SEEN._replace(lost=lost),
        marks=marks(CLEAN, look(1.003, CURL_IN)),
    )
    assert short(judged)[0][2] == expected, judged


def test_a_command_that_has_its_answer_can_have_left():
    """docker kill -s TERM does not wait: that it is not connected says nothing."""
    events = life(*stop(1)[:2])
    found = marks(CLEAN, look(1.003, CURL_IN))
    given = command(0.8, 'docker kill -s TERM claude-hooks-a', DOCKER)
    judged = judge(events, [given], NOBODY, SEEN._replace(connects=()), marks=found)
    assert short(judged)[0][1:3] == ('cli', 'likely'), judged


def test_a_command_of_a_swarm_has_its_answer_before_the_agent_ends_a_task():
    task = {'com.docker.swarm.service.name': 'web'}
    given = command(0.2, 'docker service rm web', DOCKER)
    found = marks(CLEAN, look(1.003))
    judged = judge(life(*stop(1, **task), **task), [given], [*NOBODY, connect(0.25, DOCKER)], SEEN, marks=found)
    assert short(judged) == [('stopped', 'cli', 'likely', [DOCKER])], judged


def test_of_two_commands_the_one_that_waits_is_named():
    found = marks(CLEAN, look(1.003, DOCKER_IN))
    other = command(0.7, 'docker stop claude-hooks-a', 402)
    judged = judge(life(*stop(1)), [FITS, other], NOBODY, SEEN._replace(connects=()), marks=found)
    assert short(judged) == [('stopped', 'cli', 'likely', [DOCKER])]


def test_a_command_over_ssh_is_named_through_its_dial_stdio():
    there = command(0.7, 'docker system dial-stdio', DOCKER)
    found = marks(CLEAN, look(1.003, dict(DOCKER_IN, accepts=True, argv=['docker', 'system', 'dial-stdio'])))
    judged = judge(life(*stop(1)), [there], [*NOBODY, connect(0.75, DOCKER)], SEEN, marks=found)
    assert short(judged) == [('stopped', 'api', 'certain', [DOCKER])] and judged[0]['who'][0]['accepts'] is True


@pytest.mark.parametrize('change', [{}, {'gone': True}])
def test_a_plugin_whose_docker_is_not_known_excludes_no_command(change):
    """Without the rule for the socket nothing says that a process of Compose belongs to the docker that is logged."""
    plugin = client(401, '/usr/libexec/docker/cli-plugins/docker-compose', **change)
    given = command(0.7, 'docker compose -p shop stop web', DOCKER)
    found = marks(CLEAN, look(1.003, plugin))
    judged = judge(life(*stop(1, **PROJECT), **PROJECT), [given], None, SEEN, marks=found)
    assert short(judged) == [('stopped', 'cli', 'likely', [DOCKER])], judged


def test_a_look_that_is_not_whole_excludes_no_command():
    found = marks(CLEAN, look(1.003, CURL_IN, complete=False))
    judged = judge(life(*stop(1)), [FITS], NOBODY, SEEN._replace(connects=()), marks=found)
    assert short(judged) == [('stopped', 'cli', 'likely', [DOCKER])]


# --- The marks of a file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'change',
    [
        {'time': None},
        {'time': 'x'},
        {'time': float('nan')},
        {'clients': None},
        {'clients': {}},
    ],
)
def test_a_look_without_its_time_or_clients_is_none(change):
    assert witness.marks([{**look(1), **change}]) == witness.Marks()


@pytest.mark.parametrize(
    'entry',
    [None, 1, [], {}, {'inode': 1}, {'inode': -1, 'listener': SOCKET, 'pid': 1}, {'inode': 1, 'listener': 2, 'pid': 1}],
)
def test_a_client_that_cannot_be_read_leaves_the_look_not_whole(entry):
    found = witness.marks([look(1, entry, CURL_IN)]).looks[0]
    assert not found.is_whole and [one.pid for one in found.clients] == [CURL]


def test_what_a_client_chose_is_bounded():
    words = ['x' * 9000] * 9000
    found = witness.marks([look(1, *[dict(CURL_IN, argv=words, exe='y' * 9000)] * 9000)]).looks[0]
    assert len(found.clients) == 64 and not found.is_whole
    assert len(found.clients[0].argv) == 256 and len(found.clients[0].exe or '') == 512


def test_the_times_in_which_no_look_was_possible():
    def state(mark, time, reason=None):
        return {'mark': mark, 'time': time, 'reason': reason}

    found = witness.marks([state('sees', 1), state('blind', 5, 'slow'), state('sees', 7), state('blind', 9, 'child')])
    assert found.blind == ((5.0, 7.0, 'slow'), (9.0, float('inf'), 'child')) and found.state == (9.0, 'child')


def test_a_look_at_many_events_is_of_each():
    found = witness.marks([dict(look(1), also=[['kill', B, START * 1e6], 'x', ['kill', 'short', 1]])]).looks[0]
    assert [one[1] for one in found.events] == [A, B]


def test_the_settings_of_these_tables():
    assert (
        isinstance(EVERYTHING, sources.Sources)
        and ALWAYS in SEEN.connects
        and codes(judge(life(*kill(1)), [], NOBODY, SEEN)[0])
    )
