# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: whatever Compose takes away, a command line that docker_command knows can have asked for it.

The Compose of the machine runs generated command lines against an engine that only records, in a folder whose project
has several services, dependencies, two containers of one service and a container of a service that left the file. Each
request that ends, removes, pauses or renames a container must be one that the reading of the command line allows.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import shlex
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import Execution
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import compose
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import Event, Incident
from recording_engine import RecordingEngine

GENERATED = int(os.environ.get('COMPOSE_LINES', '150'))
SEED = int(os.environ.get('COMPOSE_SEED', '20'))
TIMEOUT = 20
PLUGIN_FOLDERS = ('/usr/libexec/docker/cli-plugins', '/usr/local/lib/docker/cli-plugins')

FILE = """\
services:
  web: {image: x, depends_on: {db: {condition: service_started, restart: true}}}
  db: {image: x}
  worker: {image: x, depends_on: [db]}
  lone: {image: x}
  tool: {image: x, profiles: [extra]}
"""
SERVICES = ('web', 'db', 'worker', 'worker', 'lone', 'tool', 'gone')
PROJECT = 'shop'
NETWORK = {'com.docker.compose.project': PROJECT, 'com.docker.compose.network': 'default'}


_VERSION = {'ApiVersion': '1.41', 'Version': '20.10.24', 'OSType': 'linux', 'Os': 'linux', 'Swarm': {}}
FIXED = {
    ('GET', '/images/json'): (200, []),
    ('GET', '/networks'): (200, []),
    ('GET', '/volumes'): (200, {'Volumes': []}),
    ('GET', '/info'): (200, _VERSION),
    ('GET', '/version'): (200, _VERSION),
    ('POST', '/networks/create'): (201, {'Id': 'f' * 64}),
    ('POST', '/containers/create'): (201, {'Id': 'f' * 64}),
}


class ProjectEngine(RecordingEngine):
    """Has the containers of one project, made by another version of its file."""

    def __init__(self, path, folder):
        super().__init__(path)
        self.containers = {}
        self.running = set()
        self.taken = []
        for number, service in enumerate(SERVICES):
            labels = {
                'com.docker.compose.project': PROJECT,
                'com.docker.compose.service': service,
                'com.docker.compose.container-number': str(1 + (number and SERVICES[number - 1] == service)),
                'com.docker.compose.oneoff': 'False',
                'com.docker.compose.config-hash': 'of-another-file',
                'com.docker.compose.project.working_dir': str(folder),
                'com.docker.compose.project.config_files': str(folder / 'compose.yml'),
            }
            self.containers['%064x' % (number + 1)] = ('%s-%s-%d' % (PROJECT, service, number), labels)
        self.forget()

    def forget(self):
        """As it was at first."""
        self.requests = []
        self.taken = []
        self.running = set(self.containers)

    def answer(self, method, path, query):
        self._take(method, path)
        if path == '/containers/json':
            wanted = json.loads(query.get('filters', '{}')).get('label', {})
            return 200, [
                self._summary(identity, *each)
                for identity, each in self.containers.items()
                if all(_has(each[1], label) for label in wanted)
            ]
        found = re.fullmatch('/containers/([^/]+)/json', path)
        if found:
            return self._inspect(found.group(1))
        if (method, path) in FIXED:
            return FIXED[method, path]
        if path.startswith('/images/') and method == 'GET':
            return 200, {'Id': 'sha256:' + 'a' * 64, 'RepoDigests': [], 'Config': {}}
        if path.startswith('/networks/') and method == 'GET':
            return 200, {'Id': 'f' * 64, 'Name': PROJECT + '_default', 'Labels': NETWORK}
        if path.endswith('/wait'):
            return 200, {'StatusCode': 0}
        if method in ('POST', 'DELETE'):
            return 204, None
        return super().answer(method, path, query)

    def _inspect(self, reference):
        for identity, (name, labels) in self.containers.items():
            if reference in (identity, name):
                return 200, _inspected(identity, name, labels, identity in self.running)
        return (200, _inspected(reference, 'new', {}, True)) if reference == 'f' * 64 else (404, None)

    def _summary(self, identity, name, labels):
        return {
            'Id': identity,
            'Names': ['/' + name],
            'Image': 'x',
            'ImageID': 'sha256:' + 'a' * 64,
            'Labels': labels,
            'State': 'running' if identity in self.running else 'exited',
            'Status': 'Up',
            'NetworkSettings': {'Networks': {}},
            'Mounts': [],
        }

    def _take(self, method, path):
        """Note what a request takes away: (what, whether the engine notes a stop, service)."""
        found = re.fullmatch('/containers/([^/]+)(?:/(stop|kill|restart|start|pause|rename))?', path)
        if not found or method not in ('POST', 'DELETE'):
            return
        identity = next((one for one, known in self.containers.items() if found.group(1) in (one, known[0])), None)
        if identity is None:
            return
        service = self.containers[identity][1]['com.docker.compose.service']
        verb = found.group(2)
        if verb in ('stop', 'restart', 'kill') or method == 'DELETE' and identity in self.running:
            self.taken.append(('died', verb in ('stop', 'restart'), service))
        if method == 'DELETE':
            self.taken.append(('removed', False, service))
        elif verb == 'rename':
            self.taken.append(('renamed', False, service))
        elif verb == 'pause':
            self.taken.append(('paused', False, service))
        if verb in ('restart', 'start'):
            self.running.add(identity)
        elif verb in ('stop', 'kill') or method == 'DELETE':
            self.running.discard(identity)


def _has(labels, wanted):
    name, equals, value = wanted.partition('=')
    return name in labels and (not equals or labels[name] == value)


def _inspected(identity, name, labels, running):
    return {
        'Id': identity,
        'Name': '/' + name,
        'Image': 'sha256:' + 'a' * 64,
        'State': {'Status': 'running' if running else 'exited', 'Running': running, 'ExitCode': 0},
        'Config': {'Labels': labels, 'Image': 'x', 'Tty': False},
        'HostConfig': {'NetworkMode': 'default', 'LogConfig': {'Type': 'none'}},
        'NetworkSettings': {'Networks': {}},
        'Mounts': [],
    }


# --- Programs --------------------------------------------------------------------------------------------------------


def plugins():
    """Version to path, for each Compose plugin of the machine, or that the environment names."""
    named = os.environ.get('DOCKER_AUDIT_TEST_COMPOSE', '').split(os.pathsep)
    found = {}
    for path in [*named, *(folder + '/docker-compose' for folder in PLUGIN_FOLDERS)]:
        if path and os.access(path, os.X_OK):
            said = subprocess.run(
                [path, 'version', '--short'], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            found.setdefault(said.stdout.strip(), path)
    assert found, 'no Compose plugin on this machine: install one, the parser is held against it'
    return found


class Folder:
    """A project's folder and the engine that its Compose asks."""

    def __init__(self, path):
        self.path = path / PROJECT
        self.path.mkdir()
        (self.path / 'compose.yml').write_text(FILE)
        (self.path / 'sub').mkdir()
        self.engine = ProjectEngine(path / 'e.sock', self.path)
        self.engine.__enter__()

    def run(self, program, words):
        """What a Compose with these words took away."""
        self.engine.forget()
        # One that stays (up, watch) has asked for what it wanted to by then
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [program, *words],
                cwd=str(self.path),
                env={'HOME': str(self.path), 'DOCKER_HOST': self.engine.address, 'PATH': '/nowhere'},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT,
                check=False,
            )
        return sorted(set(self.engine.taken))


# --- What the reading allows -----------------------------------------------------------------------------------------


def allows(argv, folder, what, stopped, service):
    """Whether a verdict would take this command line into account."""
    labels = {
        world.PROJECT: PROJECT,
        world.SERVICE: service,
        world.FOLDER: str(folder.path),
        world.FILES: str(folder.path / 'compose.yml'),
    }
    command = docker_cli.parse(argv)
    if what == 'paused':
        return command.action == 'compose_pause'
    event = Event(1500, 'kill', '', '1' * 64, 'x', labels)
    incident = Incident(what, 1600, event.id, 'x', labels, requests=(event,) if what == 'died' else (), stopped=stopped)
    one = Execution(1000, 1, {'cwd': str(folder.path), 'argv': argv}, command)
    return compose.claim(one, 1000, incident, world.World([event], {})) is not None or command.watches


# --- Lines -----------------------------------------------------------------------------------------------------------

#: Words before the command, behind it, and what it acts on; `|` stands between them.
GLOBAL = (
    "-p shop | -p Shop | -f compose.yml | --project-directory . | --profile extra | --profile '*' | "
    '--env-file /dev/null | --ansi never | --parallel 2 | -p other | --all-resources | --dry-run | '
    '--compatibility | -f ./sub/../compose.yml | --progress=plain | -p=shop | -fcompose.yml'
)
ANY = ' | web | db | worker | lone web | tool | gone | -- db | nothing'
OPTIONS = {
    'up': (
        '-d | --no-deps | --force-recreate | --no-recreate | --remove-orphans | --scale worker=1 | '
        '--scale=worker=0 | --no-start | --wait | -t 1 | --timeout=0 | --always-recreate-deps | -V | --scale '
        'tool=0 | --no-build | --abort-on-container-exit | --exit-code-from web | --attach web | --pull never '
        '| --quiet-pull | -y | --menu=false'
    ),
    'create': '--force-recreate | --no-recreate | --remove-orphans | --scale worker=1 | --pull never | --build | -y',
    'down': '-v | --remove-orphans | -t 1 | --timeout 0 | --rmi local | --volumes',
    'stop': '-t 1 | --timeout=2',
    'kill': '-s TERM | --signal=9 | -sHUP | --remove-orphans',
    'restart': '-t 1 | --no-deps | --timeout 0',
    'rm': '-f | -s | -fsv | -fs | --force --stop | -v | -a -f | -s=false -f',
    'ps': '-a',
    'ls': '-a',
    'config': '-q',
    'watch': '--no-up',
    'run': '--rm | -d | --no-deps | --remove-orphans | --name one | -T | -e A=b | --entrypoint sh | --build | -P',
    'exec': '-T | -d | --index 1',
    'scale': '--no-deps',
    'commit': '-p=false',
    'wait': '--down-project',
    'stats': '--no-stream',
}
FREE = {
    'wait': 'web',
    'scale': 'worker=1 | worker=0 web=2 | db=0 | tool=0',
    'run': 'web | worker true | lone stop db | tool',
    'exec': 'web true | db kill 1',
    'cp': 'x web:/',
    'port': 'web 80',
    'commit': 'web y',
}
PLAIN = 'unpause start ps logs top images config events pull build cp version attach export volumes ls port'.split()
ACTING = 'up up up create down stop kill restart rm rm run run scale pause wait'.split()


def words(text):
    """The alternatives that a text lists, each as a list of words."""
    return [shlex.split(part) for part in text.split('|')] if text else []


def generated(number):
    chance = random.Random(SEED)
    for position in range(number):
        verb = chance.choice(ACTING if position % 3 else [*OPTIONS, *PLAIN])
        known, leading = words(OPTIONS.get(verb, '')), words(GLOBAL)
        own = chance.sample(known, min(len(known), chance.randrange(4)))
        before = chance.sample(leading, chance.randrange(3))
        arguments = chance.choice(words(FREE.get(verb, ANY)))
        yield [*itertools.chain(*before), verb, *itertools.chain(*own), *arguments]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = Folder(tmp_path_factory.mktemp('c'))
    yield folder
    folder.engine.__exit__()


@pytest.mark.parametrize('version, program', sorted(plugins().items()))
def test_what_compose_takes_away_is_what_the_line_allows(version, program, folder):
    problems, acting = [], 0
    for line in generated(GENERATED):
        taken = folder.run(program, line)
        acting += bool(taken)
        argv = ['docker', 'compose', *line]
        problems += [(shlex.join(argv), each) for each in taken if not allows(argv, folder, *each)]
    assert acting > GENERATED / 4, 'most lines are refused: they show nothing'
    assert not problems, '\n'.join('%s: %s' % each for each in problems)
