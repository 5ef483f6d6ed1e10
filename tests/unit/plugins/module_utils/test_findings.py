# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a finding says of a command what is certain, what may be, and nothing more."""

from __future__ import annotations

import json

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer
from hypothesis import given, settings
from hypothesis import strategies as st

DEV, WEB, OTHER = 'a1' * 32, 'b2' * 32, 'a1' + 'c3' * 31
CONTAINERS = {DEV: 'claude-hooks-dev', WEB: '/web', OTHER: 'cafe'}


def events(*command_lines, **options):
    return audit_log.events(
        audit_writer.text(
            *(
                audit_writer.event([word.encode('utf-8', 'surrogateescape') for word in argv], serial=serial, **options)
                for serial, argv in enumerate(command_lines)
            )
        )
    )


def find(*command_lines, event=None, **options):
    return findings.find(events(*command_lines, **(event or {})), **options)


# targets of docker rm, containers, name pattern: match and the targets that match; None for no finding
@pytest.mark.parametrize(
    'targets, containers, name, expected',
    [
        (['claude-hooks-dev'], {}, 'claude-hooks-*', ('name', ['claude-hooks-dev'])),
        (
            ['web', 'claude-hooks-dev', 'claude-hooks-b'],
            {},
            'claude-hooks-*',
            ('name', ['claude-hooks-dev', 'claude-hooks-b']),
        ),
        (['web'], {}, 'claude-hooks-*', None),
        # a pattern without wildcards is one name, and no part of a name
        (['claude-hooks-dev'], {}, 'claude-hooks-dev', ('name', ['claude-hooks-dev'])),
        (['claude-hooks-dev2'], {}, 'claude-hooks-dev', None),
        (['x-claude-hooks-dev'], {}, 'claude-hooks-*', None),
        (['claude-hooks-dev\nx'], {}, 'claude-hooks-dev', None),
        # docker 28 trims blanks
        (['claude-hooks-dev\n'], {}, 'claude-hooks-dev', ('name', ['claude-hooks-dev'])),
        (['Claude-hooks-dev'], {}, 'claude-hooks-*', None),
        (['claude-hooks-b'], {}, 'claude-hooks-[ab]', ('name', ['claude-hooks-b'])),
        (['claude-hooks-c'], {}, 'claude-hooks-[!ab]', ('name', ['claude-hooks-c'])),
        (['claude-hooks-b'], {}, 'claude-hooks-?', ('name', ['claude-hooks-b'])),
        # no part of the pattern is a regular expression
        (['claude-hooksXb'], {}, 'claude-hooks.b', None),
        (['web'], {}, '*', ('name', ['web'])),
        # an id that nothing is known about may be that of a matching container
        (['a1a1'], {}, 'claude-hooks-*', ('possible', [])),
        (['A1A1'], {}, 'claude-hooks-*', None),
        (['a1' * 33], {}, 'claude-hooks-*', None),
        # ids, as the engine resolves them: the whole one, then a name, then the start of one alone
        ([DEV], CONTAINERS, 'claude-hooks-*', ('id', [DEV])),
        (['a1a1'], CONTAINERS, 'claude-hooks-*', ('id', ['a1a1'])),
        (['b2b2'], CONTAINERS, 'claude-hooks-*', None),
        (['b2b2'], CONTAINERS, 'web', ('id', ['b2b2'])),
        (['cafe'], CONTAINERS, 'claude-hooks-*', None),
        (['cafe'], CONTAINERS, 'cafe', ('name', ['cafe'])),
        # the start of two, and an id of none: then it may have been another
        (['a1'], CONTAINERS, 'claude-hooks-*', ('possible', [])),
        (['dddd'], CONTAINERS, 'claude-hooks-*', ('possible', [])),
        # what is most certain counts
        (['dddd', 'a1a1', 'claude-hooks-x'], CONTAINERS, 'claude-hooks-*', ('name', ['a1a1', 'claude-hooks-x'])),
        (['dddd', 'a1a1', 'web'], CONTAINERS, 'claude-hooks-*', ('id', ['a1a1'])),
    ],
)
def test_how_targets_match(targets, containers, name, expected):
    found = find(['docker', 'rm', '-f'] + targets, containers=containers, name=name)['findings']
    assert [(finding['match'], finding['matched']) for finding in found] == ([expected] if expected else [])


@pytest.mark.parametrize(
    'argv',
    [
        ['docker', 'system', 'prune', '-f'],
        ['docker', 'container', 'prune', '-f'],
        ['docker', 'compose', '-p', 'x', 'down'],
        ['docker', 'stack', 'rm', 'claude-hooks-a'],
        ['docker', 'swarm', 'leave', '-f'],
    ],
)
def test_commands_that_name_no_container_are_possible_and_can_be_left_out(argv):
    assert [finding['match'] for finding in find(argv)['findings']] == ['possible']
    assert find(argv, possible=False)['findings'] == []


@pytest.mark.parametrize('reference', ['a1a1', DEV])
def test_the_names_of_another_engine_are_its_own(reference):
    here, there = find(
        ['docker', 'rm', reference], ['docker', '-H', 'tcp://other:2375', 'rm', reference], containers=CONTAINERS
    )['findings']
    assert [(finding['match'], finding['docker_host']) for finding in (here, there)] == [
        ('id', None),
        ('possible', 'tcp://other:2375'),
    ]


@pytest.mark.parametrize(
    'docker_host, context, foreign',
    [
        (None, None, False),
        ('unix:///var/run/docker.sock', None, False),
        ('unix:///run/docker.sock', None, False),
        (None, 'default', False),
        ('unix:///run/other-docker.sock', None, True),
        ('ssh://app2', None, True),
        (None, 'prod', True),
    ],
)
def test_which_engine_is_foreign(docker_host, context, foreign):
    assert names.is_foreign(docker_host, context) is foreign


COMPOSE = ['compose', '-p', 'x', 'down']
PLUGIN = '/usr/libexec/docker/cli-plugins/docker-compose'


# two executions as (argv, pid, ppid, exe): how many findings
@pytest.mark.parametrize(
    'first, second, count',
    [
        ((['docker'] + COMPOSE, 10, 1), ([PLUGIN] + COMPOSE, 11, 10), 1),
        # run twice
        ((['docker'] + COMPOSE, 10, 1), (['docker'] + COMPOSE, 11, 1), 2),
        # the plugin run by hand, or by another docker
        ((['docker'] + COMPOSE, 10, 1), ([PLUGIN] + COMPOSE, 11, 1), 2),
        ((['docker'] + COMPOSE + ['web'], 10, 1), ([PLUGIN] + COMPOSE, 11, 10), 2),
        # a docker that a compose run by docker started
        ((['docker'] + COMPOSE, 10, 1), (['docker'] + COMPOSE, 11, 10), 2),
    ],
)
def test_compose_is_counted_once_with_its_plugin(first, second, count):
    lines = [
        audit_writer.event(
            [word.encode() for word in argv],
            serial=serial,
            pid=pid,
            ppid=ppid,
            exe=argv[0].encode(),
            comm=argv[0].rpartition('/')[2].encode(),
        )
        for serial, (argv, pid, ppid) in enumerate([first, second])
    ]
    found = findings.find(audit_log.events(audit_writer.text(*lines)))['findings']
    assert (len(found), found[0]['pid']) == (count, 10)


# argv, comm, exe: match of the pattern, or None
@pytest.mark.parametrize(
    'argv, comm, exe, match',
    [
        (['docker', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/docker', 'name'),
        # argv[0] is what the caller likes
        (['sleep', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/docker', 'name'),
        (['', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/docker', 'name'),
        (['dlink', 'stop', 'claude-hooks-a'], 'dlink', '/usr/bin/docker', 'name'),
        (['docker', 'compose', 'down'], 'docker-compose', PLUGIN, 'possible'),
        # docker is a script, run by a shell, by env, with an argument of its own
        (['/bin/sh', '/usr/bin/docker', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/dash', 'name'),
        # podman-docker's script, or another: what only podman reads is a possibility
        (['/bin/sh', '/usr/bin/docker', 'stop', '-a'], 'docker', '/usr/bin/dash', 'possible'),
        (['/bin/sh', '/usr/bin/docker', 'rm', '-fi', 'claude-hooks-a'], 'docker', '/usr/bin/dash', 'possible'),
        (['/bin/sh', '/usr/bin/docker', 'pod', 'rm', 'claude-hooks-a'], 'docker', '/usr/bin/dash', 'possible'),
        (['/bin/sh', '/usr/bin/docker', 'rm', '-fi', 'other'], 'docker', '/usr/bin/dash', None),
        (['docker', 'stop', '-a'], 'docker', '/usr/bin/docker', None),
        (['/bin/sh', '-e', '/usr/bin/docker', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/dash', 'name'),
        (['/usr/bin/env', 'bash', './docker', 'stop', 'claude-hooks-a'], 'docker', '/usr/bin/env', 'name'),
        (
            ['/usr/bin/python3', '/usr/bin/docker-compose', '-p', 'x', 'down'],
            'docker-compose',
            '/usr/bin/python3.11',
            'possible',
        ),
        # a script by another name, under our key
        (['/bin/sh', '/opt/wrap', 'stop', 'claude-hooks-a'], 'wrap', '/usr/bin/dash', 'possible'),
        # docker as the interpreter of a script: it gets the script's path as an argument
        (['/usr/bin/docker', 'stop', './claude-hooks-a'], 'claude-hooks-a', '/usr/bin/docker', 'name'),
        # a file that nothing calls docker, under our key: a hard link of docker, or a rule on more than docker
        (['./d', 'stop', 'claude-hooks-a'], 'd', '/srv/d', 'possible'),
        (['ls', 'claude-hooks-a'], 'ls', '/usr/bin/ls', None),
        # the inner command of a shell logs its own event
        (['docker', 'run', 'img', 'sh', '-c', 'docker stop claude-hooks-a'], 'docker', '/usr/bin/docker', None),
    ],
)
def test_what_runs_is_told_by_comm_and_exe(argv, comm, exe, match):
    found = find(argv, event={'comm': comm.encode(), 'exe': exe.encode()})['findings']
    assert [finding['match'] for finding in found] == ([match] if match else [])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(findings._INERT)),
    st.lists(
        st.sampled_from(
            [
                'stop',
                'rm',
                'prune',
                'down',
                '--',
                '-f',
                '--remove-orphans',
                'claude-hooks-a',
                '-H',
                'x',
                'compose',
                'docker',
            ]
        )
    ),
    st.sampled_from(['docker', 'docker-compose']),
)
def test_commands_that_are_not_parsed_take_nothing_away(word, rest, program):
    assert docker_cli.parse([program, word.decode()] + rest).action is None


def test_bytes_that_are_no_utf_8_are_shown_escaped_and_given_in_hex():
    (finding,) = find(['docker', 'stop', 'claude-hooks-\udcff', 'caf\u00e9'], event={'cwd': b'/srv/\xfe'})['findings']
    assert (finding['targets'], finding['matched'], finding['cwd']) == (
        ['claude-hooks-\\xff', 'caf\u00e9'],
        ['claude-hooks-\\xff'],
        '/srv/\\xfe',
    )
    assert finding['argv_hex'] == ['646f636b6572', '73746f70', '636c617564652d686f6f6b732dff', '636166c3a9']
    json.dumps(finding).encode('ascii')


def test_argv_hex_is_only_there_where_it_is_needed():
    (finding,) = find(['docker', 'stop', 'claude-hooks-caf\u00e9'])['findings']
    assert 'argv_hex' not in finding


def test_findings_are_ordered_by_time_then_serial():
    lines = [
        audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], seconds=seconds, serial=serial)
        for seconds, serial in [(9, 1), (5, 7), (5, 10), (5, 9)]
    ]
    found = findings.find(audit_log.events(audit_writer.text(*lines)))['findings']
    assert [finding['event'] for finding in found] == ['5.100:7', '5.100:9', '5.100:10', '9.100:1']


@pytest.mark.parametrize('nodes, count', [((b'n1', b'n1'), 1), ((None, None), 1), ((b'n1', b'n2'), 2)])
@pytest.mark.parametrize('host', [None, 'h1'])
def test_a_plugin_of_compose_is_the_command_of_its_own_node(nodes, count, host):
    """The same pids on two nodes are other processes, also where one name is shown for both."""
    lines = [
        audit_writer.event([b'docker', b'compose', b'down'], serial=1, node=nodes[0], pid=100),
        audit_writer.event([b'/x/docker-compose', b'compose', b'down'], serial=2, node=nodes[1], pid=101, ppid=100),
    ]
    found = findings.find(audit_log.events(audit_writer.text(*lines)), host=host)['findings']
    assert len(found) == count and all('node' not in finding for finding in found)


def test_host_is_the_one_given_else_the_node():
    assert [
        find(['docker', 'stop', 'claude-hooks-a'], event={'node': node}, host=host)['findings'][0]['host']
        for node, host in [(None, None), (b'n1', None), (None, 'h1'), (b'n1', 'h1')]
    ] == [None, 'n1', 'h1', 'h1']


def test_actions_since_and_until_narrow_the_findings():
    lines = [
        audit_writer.event([b'docker', word, b'claude-hooks-a'], seconds=seconds, milli=0, serial=seconds)
        for seconds, word in [(1, b'stop'), (2, b'rm'), (3, b'kill')]
    ]
    text = audit_writer.text(*lines)

    def actions(**options):
        result = findings.find(audit_log.events(text), **options)
        return [finding['action'] for finding in result['findings']], result['executions']

    assert actions(actions=['remove', 'kill']) == (['remove', 'kill'], 3)
    assert actions(since=2000) == (['remove', 'kill'], 2)
    assert actions(before=2000) == (['stop', 'remove'], 2)
    assert actions(since=2001, before=2999) == ([], 0)


def test_failed_executions_are_counted_and_shown_apart():
    result = find(
        ['docker', 'stop', 'claude-hooks-a'],
        event={'success': False, 'comm': b'bash', 'exe': b'/usr/bin/bash', 'enriched': True},
    )
    record = result['unreadable'][0].pop('record')
    assert result == {
        'findings': [],
        'executions': 1,
        'failed': 1,
        'others': 0,
        'unreadable_count': 1,
        'unreadable': [
            {
                'host': None,
                'timestamp': '2026-11-24T03:13:20.100Z',
                'event': '1795490000.100:0',
                'reason': 'failed',
                'origin': 'raw',
                'pid': 100,
                'ppid': 99,
                'uid': 0,
                'auid': 1000,
                'ses': 3,
                'tty': 'pts0',
                'comm': 'bash',
                'exe': '/usr/bin/bash',
                'cwd': '/root',
                'success': False,
                'keys': ['claude-hooks-docker'],
                'user': 'root',
                'login_user': 'bob',
            }
        ],
    }
    assert record.startswith('arch=c000003e syscall=59 success=no exit=-2') and len(record) <= 300


def test_of_many_unreadable_ones_the_first_are_shown():
    result = find(*[['docker']] * 500, event={'success': False})
    assert (result['unreadable_count'], [entry['event'] for entry in result['unreadable']]) == (
        500,
        ['1795490000.100:%d' % serial for serial in range(20)],
    )


@pytest.mark.parametrize(
    'words, options, others',
    [
        (['stop', 'other'], {}, 1),
        (['stop', 'claude-hooks-a'], {}, 0),
        (['stop', 'claude-hooks-a', 'other'], {}, 0),
        (['ps'], {}, 0),
        (['system', 'prune', '-f'], {'possible': False}, 0),
        (['stop', 'other'], {'name': '*'}, 0),
        (['stop', 'other'], {'actions': ['stop']}, 0),
        (['stop', 'other'], {'since': 1 << 50}, 0),
    ],
)
def test_commands_about_other_containers_are_counted(words, options, others):
    assert find(['docker', *words], **options)['others'] == others


def test_many_commands_about_other_containers_are_all_counted():
    assert find(*[['docker', 'rm', 'other']] * 3, ['docker', 'rm', 'claude-hooks-a'])['others'] == 3


def test_an_id_has_the_name_of_its_container_beside_it():
    identity = '3f2a9c1b77d0' + '0' * 52
    containers = {identity: 'claude-hooks-db', '4' * 64: 'other'}
    finding = find(['docker', 'rm', '3f2a', '444'], containers=containers)['findings'][0]
    assert finding['match'] == 'id' and finding['target_names'] == {'3f2a': 'claude-hooks-db'}
    assert 'target_names' not in find(['docker', 'rm', 'claude-hooks-db'], containers=containers)['findings'][0]
