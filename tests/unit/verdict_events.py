# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events, commands and connects as the tests of verdicts put them together, seconds after a START."""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import public
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide, sources

START = 1795492663000
A, B, C = 'a1' * 32, 'b2' * 32, 'a1' * 4 + 'c3' * 28
NAME = 'claude-hooks-a'


def event(seconds, action, identity=A, name=NAME, **attributes):
    return {
        'Type': 'container',
        'Action': action,
        'Actor': {'ID': identity, 'Attributes': dict(attributes, name=name)},
        'timeNano': round(START + seconds * 1000) * 1000000,
    }


def command(seconds, text, pid=100, **fields):
    argv = text.split()
    finding = {
        'timestamp': times.timestamp(int(START + seconds * 1000)),
        'event': '%s:%d' % (seconds, pid),
        'host': None,
        'pid': pid,
        'ppid': 1,
        'uid': 0,
        'auid': None,
        'cwd': '/',
        'exe': '/usr/bin/docker',
        'argv': argv,
        'argv_complete': True,
    }
    finding.update(public(docker_cli.parse(argv)))
    return dict(finding, **fields)


def connect(seconds, pid=100, exe='/usr/bin/docker', **fields):
    return dict(
        {
            'timestamp': times.timestamp(int(START + seconds * 1000)),
            'event': '%s:%d' % (seconds, pid),
            'host': None,
            'pid': pid,
            'ppid': 1,
            'uid': 0,
            'auid': None,
            'exe': exe,
        },
        **fields,
    )


def life(*more, identity=A, name=NAME, **labels):
    return [event(-60, 'create', identity, name, **labels), event(-59, 'start', identity, name, **labels), *more]


def old(*more, **labels):
    """A container that was there an hour before."""
    return [event(-3600, 'create', **labels), event(-3599, 'start', **labels), *more]


def stop(at=1, identity=A, name=NAME, code='143', **labels):
    return [
        event(at, 'kill', identity, name, signal='15', **labels),
        event(at + 0.1, 'die', identity, name, exitCode=code, **labels),
        event(at + 0.15, 'stop', identity, name, **labels),
    ]


def kill(at=1, identity=A, name=NAME, **labels):
    return [
        event(at, 'kill', identity, name, signal='9', **labels),
        event(at + 0.05, 'die', identity, name, exitCode='137', **labels),
    ]


def gone(at=1, identity=A, name=NAME, **labels):
    return kill(at, identity, name, **labels) + [event(at + 0.1, 'destroy', identity, name, **labels)]


def down(at=1, identity=A, name=NAME, **labels):
    """What compose down does to each container."""
    return stop(at, identity, name, **labels) + [event(at + 0.2, 'destroy', identity, name, **labels)]


LOGGED = connect(-50, pid=1, exe='/usr/bin/docker')  # the rule for connects was in force by then
PROJECT = {'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web'}


ALWAYS = (float('-inf'), float('inf'))
EVERYTHING = sources.Sources(
    commands=(sources.Watch(*ALWAYS),), connects=(ALWAYS,), ends=(ALWAYS,), log_first=float('-inf')
)


def judge(events, found=(), connects=None, looking=EVERYTHING, **options):
    """The verdicts. Without connects these are not logged; everything that options do not say was looking."""
    if connects is None:
        looking = looking._replace(connects=())
    given = {name: options.pop(name) for name in decide.Material._fields if name in options}
    looking = looking._replace(blind=tuple(options.pop('blind', ())))
    executions = [*found, command(-51, 'docker ps', 1)]
    material = decide.Material(events, executions, connects or (), looking, **given)
    return decide.verdicts(material, **options)


def short(judged):
    return [
        ('+'.join(verdict['what']), verdict['cause'], verdict['confidence'], [who['pid'] for who in verdict['who']])
        for verdict in judged
    ]


def codes(verdict):
    return [line['code'] for line in verdict['evidence']]


SEEN = [LOGGED, connect(0.9)]
#: Who asks right away, and who keeps a connection from long before.
CURL = connect(0.9, 300, '/usr/bin/curl')
PORTAINER = connect(-40, 301, '/portainer')
PLUGIN = '/usr/libexec/docker/cli-plugins/docker-compose'
