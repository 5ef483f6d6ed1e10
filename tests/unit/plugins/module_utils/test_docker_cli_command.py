# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what verdicts need of a command line (force, timeout, signal, files, …) is what docker makes of it."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.parse import parse


def read(line):
    return parse(shlex.split(line))


@pytest.mark.parametrize(
    'line, force',
    [
        ('docker rm -f c', True),
        ('docker rm c -f', True),
        ('docker rm -vf c', True),
        ('docker rm --force=1 c', True),
        ('docker container remove --force c', True),
        ('docker rm c', False),
        ('docker rm c -- -f', False),
        ('docker rm -f=false c', False),
        ('docker rm -f --force=0 c', False),
        ('docker rm -- -f', False),
        ('docker container prune -f', True),
        ('docker system prune', False),
        ('docker swarm leave --force', True),
        ('docker service update --force s', True),
        ('docker compose -f c.yml rm', False),
        ('docker compose -f c.yml rm -f', True),
        ('docker compose rm web -sf', True),
        ('docker-compose -f c.yml rm', False),
        ('docker-compose rm -f', True),
        ('/bin/sh /usr/bin/docker rm -fa', True),
    ],
)
def test_force_is_an_option_of_the_command_and_nothing_else(line, force):
    command = read(line)
    assert (command.action is not None, command.force) == (True, force)


@pytest.mark.parametrize(
    'line, timeout',
    [
        ('docker stop c', None),
        ('docker stop -t 5 c', 5),
        ('docker stop -t5 c', 5),
        ('docker stop -t=5 c', 5),
        ('docker stop --time 0x10 c', 16),
        ('docker stop --timeout=-1 c', -1),
        ('docker stop -t 1 -t 2 c', 2),
        ('docker stop c -- -t 5', None),
        ('docker restart --time=010 c', 8),
        ('docker compose -p x stop -t 7 web', 7),
        ('docker compose down --timeout 7', 7),
        ('docker-compose stop --time 7', 7),
        ('docker kill c', None),
    ],
)
def test_the_timeout_is_a_number_as_go_reads_it(line, timeout):
    assert read(line).timeout == timeout


@pytest.mark.parametrize(
    'line, signal, ends',
    [
        ('docker kill c', None, True),
        ('docker kill -s KILL c', 'KILL', True),
        ('docker kill -s 9 c', '9', True),
        ('docker kill -s 09 c', '09', True),
        ('docker kill --signal=sigkill c', 'sigkill', True),
        ('docker kill -s HUP c', 'HUP', None),
        ('docker kill -s SIGTERM c', 'SIGTERM', None),
        ('docker kill -s 15 c', '15', None),
        ('docker kill -s RTMIN+3 c', 'RTMIN+3', None),
        ('docker kill -s WINCH c', 'WINCH', None),
        ('docker kill -s STOP c', 'STOP', False),
        ('docker kill -s 19 c', '19', False),
        ('docker kill -s 0 c', '0', False),
        ('docker kill -s 99 c', '99', False),
        ('docker kill -s nonsense c', 'nonsense', False),
        ('docker kill -s \u00b2 c', '\u00b2', False),
        ('docker kill -s \u0663 c', '\u0663', False),
        ('docker kill -s HUP -s KILL c', 'KILL', True),
        ('docker stop c', None, True),
        ('docker stop -s HUP c', 'HUP', True),
        ('docker stop -s HUP -t -1 c', 'HUP', None),
        ('docker restart c', None, True),
        ('docker rm c', None, False),
        ('docker rm -f c', None, True),
        ('docker pause c', None, False),
        ('docker commit c', None, False),
        ('docker rename c d', None, False),
        ('docker update -m 6m c', None, None),
        ('docker checkpoint create c p', None, True),
        ('docker container prune -f', None, False),
        ('docker service scale s=0', None, None),
        ('docker stack rm s', None, True),
        ('docker compose kill -s HUP', 'HUP', None),
        ('docker-compose kill -s HUP', 'HUP', None),
        ('docker-compose kill', None, True),
        ('docker compose down', None, True),
        ('docker compose rm -f', None, False),
        ('docker compose rm -sf', None, True),
        ('docker compose rm --stop=false -f', None, False),
        ('docker compose pause', None, False),
        ('docker compose up -d', None, None),
        ('docker buildx stop b', None, True),
        ('/bin/sh /usr/bin/docker kill -a', None, True),
        ('/bin/sh /usr/bin/docker rm -a', None, False),
    ],
)
def test_whether_a_command_ends_its_containers_by_itself(line, signal, ends):
    command = read(line)
    assert (command.action is not None, command.signal, command.ends) == (True, signal, ends)


@pytest.mark.parametrize(
    'line, filters',
    [
        ('docker container prune -f', ()),
        ('docker container prune --filter until=24h --filter label!=a=b', (('until', '24h'), ('label!', 'a=b'))),
        ('docker system prune -af --filter=UNTIL=1h', (('until', '1h'),)),
        ('/bin/sh /usr/bin/docker stop -f name=x', (('name', 'x'),)),
    ],
)
def test_the_filters_of_a_prune(line, filters):
    assert read(line).filters == filters


@pytest.mark.parametrize(
    'line, expected',
    [
        (
            'docker compose -f a -f b --project-directory /p --profile x --env-file e -p shop up -d',
            {
                'files': ('a', 'b'),
                'project_directory': '/p',
                'project': 'shop',
                'attached': False,
            },
        ),
        ('docker compose --workdir /p down -v', {'project_directory': '/p'}),
        ('docker-compose -f a --file=b -p shop down', {'files': ('a', 'b'), 'project': 'shop'}),
        ('docker-compose -H tcp://x:1 -f a down', {'files': ('a',), 'docker_host': 'tcp://x:1'}),
        ('docker compose rm -s', {'stop_before_rm': True, 'files': ()}),
        ('docker compose rm web -- -s', {'stop_before_rm': False, 'targets': ('web', '-s')}),
        ('docker compose up', {'detached': False, 'attached': True, 'everything': True}),
        ('docker compose up --wait web', {'detached': True, 'attached': False, 'everything': False}),
        ('docker compose up --no-start', {'detached': False, 'attached': False}),
        ('docker compose create', {'detached': True, 'attached': False, 'everything': True}),
        ('docker compose up -d --force-recreate --remove-orphans', {'force_recreate': True, 'remove_orphans': True}),
        ('docker compose up -d --scale web=0', {'scale': {'web': 0}, 'targets': ('web',), 'everything': True}),
        (
            'docker compose up -d --scale web=0 --scale db=2 api web',
            {'scale': {'web': 0, 'db': 2}, 'targets': ('api', 'web', 'db'), 'everything': False},
        ),
        ('docker compose scale web=1 web=0', {'scale': {'web': 0}, 'targets': ('web', 'web'), 'everything': False}),
        ('docker service scale a=3 b=0', {'scale': {'a': 3, 'b': 0}, 'everything': False}),
        ('docker service update --replicas 0 a', {'scale': {'a': 0}}),
        ('docker compose down web', {'everything': False, 'targets': ('web',)}),
        ('docker rename a b', {'targets': ('a',)}),
        ('docker container prune -f', {'everything': True}),
        ('docker compose run --rm web x', {'everything': True, 'attached': True, 'attached_to': 'web'}),
        ('docker compose run -d web x y', {'detached': True, 'attached': False}),
        ('/bin/sh /usr/bin/docker stop -a', {'everything': True, 'podman': True}),
        ('/bin/sh /usr/bin/docker stop a', {'everything': False, 'podman': False}),
    ],
)
def test_the_options_that_matter(line, expected):
    command = read(line)
    assert command.action is not None
    assert {name: getattr(command, name) for name in expected} == expected


@pytest.mark.parametrize(
    'line, to',
    [
        ('docker exec -it -u root c kill 1', 'c'),
        ('docker exec -d c -- kill 1', 'c'),
        ('docker container exec c kill', 'c'),
        ('docker run --rm --name c img stop', 'c'),
        ('docker run --rm img', None),
        ('docker run --detach=false img x -d', None),
        ('docker attach c', 'c'),
        ('docker attach --sig-proxy=false c', 'c'),
        ('docker start -a c', 'c'),
        ('docker start -i c', 'c'),
        ('docker system dial-stdio', None),
        ('docker compose exec web kill 1', 'web'),
        ('docker compose run --no-deps web x', 'web'),
        ('docker compose attach web', 'web'),
        ('docker-compose exec -T web kill 1', 'web'),
        ('/bin/sh /usr/bin/docker exec c kill 1', 'c'),
    ],
)
def test_what_hands_on_or_runs_inside_is_attached_and_no_action(line, to):
    command = parse(shlex.split(line))
    assert (command.action, command.targets, command.attached, command.harmless) == (None, (), True, False)
    assert command.attached_to == to


@pytest.mark.parametrize(
    'line',
    [
        'docker run -d img',
        'docker run --rm -d --name c img x',
        'docker start c d',
        'docker attach --no-stdin --sig-proxy=false c',
        'docker create --name c img',
        'docker ps -a',
        'docker container wait c',
        'docker logs -f c',
        'docker cp a c:/b',
        'docker unpause c',
        'docker login -u x',
        'docker context use x',
        'docker swarm ca --rotate',
        'docker plugin disable -f p',
        'docker buildx prune -af',
        'docker compose ps',
        'docker compose start web',
        'docker compose build',
        'docker compose --dry-run down',
        'docker commit --no-pause c',
        'docker rm -f',
        'docker rm --help c',
        'docker stop --nonsense c',
        'docker start -a c d',
        'docker',
        'docker --version',
        'docker-compose ps',
    ],
)
def test_what_takes_nothing_away_and_hands_nothing_on_is_harmless(line):
    command = read(line)
    assert (command.action, command.attached, command.harmless) == (None, False, True)


@pytest.mark.parametrize(
    'line', ['docker scout x', 'docker debug c', 'docker compose nothing', '/bin/sh /usr/bin/docker wat', 'ls x']
)
def test_what_nobody_knows_is_not_harmless(line):
    command = read(line)
    assert (command.action, command.attached, command.harmless) == (None, False, False)


def test_an_unknown_option_is_refused_for_sure_only_where_docker_is_published():
    known = parse(['docker', 'stop', '--option-of-tomorrow', 'a'])
    unpublished = parse(['docker', 'offload', 'stop', '--option-of-tomorrow'])
    assert (known.action, known.harmless) == (None, True)
    assert (unpublished.action, unpublished.harmless, unpublished.subcommand) == (None, False, 'offload stop')
