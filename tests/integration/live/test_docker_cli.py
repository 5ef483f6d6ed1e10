# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what docker_command says of a command line is what docker's own CLI asks of an engine.

Every docker CLI of the machine runs every command line against an engine that only records; the requests are
translated by their path alone and held against the prediction. The lines are the fixtures' and generated ones.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import queue
import random
import re
import shlex
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import commands, plugins
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    options as known_options,
)
from recording_engine import RecordingEngine

FIXTURES = pathlib.Path(__file__).parents[2] / 'unit' / 'fixtures'
GENERATED = int(os.environ.get('DOCKER_CLI_LINES', '300'))
SEED = int(os.environ.get('DOCKER_CLI_SEED', '20'))
TIMEOUT = 20
WORKERS = 4
#: The addresses in the fixtures; each run has the recording engine's in their place.
ADDRESSES = ('unix:///run/other-docker.sock', 'tcp://127.0.0.1:23750')
CONTEXT = 'claude-hooks-remote'
NOTHING = (None, ())


# --- The CLIs and their runs -----------------------------------------------------------------------------------------


def docker_clis():
    """Version to path, for each docker that is no script; two files of one version count once."""
    found = {}
    for folder in os.environ['PATH'].split(os.pathsep) + ['/usr/local/bin', '/usr/bin', '/bin']:
        path = os.path.join(folder, 'docker')
        if os.access(path, os.X_OK) and os.path.isfile(path):
            said = subprocess.run(
                [path, '--version'],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
            version = re.match(r'Docker version ([0-9.]+)', said.stdout)
            if version:
                found.setdefault(version.group(1), path)
    assert found, (
        'no docker CLI on this machine: install one (Debian: apt-get install docker.io), the parser is held against it'
    )
    return found


class Runner:
    """Runs command lines, several at once, each against an engine of its own."""

    def __init__(self, folder):
        self._engines = queue.SimpleQueue()
        self._open = []
        for number in range(WORKERS):
            home = folder / str(number)
            engine = RecordingEngine(home.with_suffix('.sock'))
            metadata = home / 'contexts' / 'meta' / hashlib.sha256(CONTEXT.encode()).hexdigest()
            metadata.mkdir(parents=True)
            (metadata / 'meta.json').write_text(
                json.dumps(
                    {
                        'Name': CONTEXT,
                        'Metadata': {},
                        'Endpoints': {'docker': {'Host': engine.address, 'SkipTLSVerify': False}},
                    }
                )
            )
            self._open.append(engine.__enter__())
            self._engines.put((engine, home))

    def close(self):
        for engine in self._open:
            engine.__exit__()

    def requests(self, path, argv):
        engine, home = self._engines.get()
        try:
            engine.requests = []
            words = list(argv)
            for address, position in itertools.product(ADDRESSES, range(len(words))):
                words[position] = words[position].replace(address, engine.address)
            environment = {
                'HOME': str(home),
                'DOCKER_CONFIG': str(home),
                'DOCKER_HOST': engine.address,
                'PATH': '/nowhere',
            }
            # A yes to every question; a CLI that waits for more has asked the engine what it wanted to before.
            try:
                subprocess.run(
                    [argv[0]] + words[1:],
                    executable=path,
                    input=b'y\n',
                    env=environment,
                    cwd=str(home),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=TIMEOUT,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                pass
            return engine.requests
        finally:
            self._engines.put((engine, home))

    def observe(self, clis, lines):
        """For each line a dict: CLI version to (action, targets)."""
        jobs = [(number, version) for number in range(len(lines)) for version in clis]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            seen = list(pool.map(lambda job: effect(self.requests(clis[job[1]], lines[job[0]])), jobs))
        result = [{} for _line in lines]
        for (number, version), what in zip(jobs, seen):
            result[number][version] = what
        return result


@pytest.fixture(scope='module')
def clis():
    return docker_clis()


@pytest.fixture(scope='module')
def runner(tmp_path_factory):
    runner = Runner(tmp_path_factory.mktemp('docker'))
    yield runner
    runner.close()


# --- From requests to an effect --------------------------------------------------------------------------------------


def effect(requests):
    """(action, sorted targets) of the requests. The CLI asks for several containers at once: no order."""
    actions = {}
    stack = None
    for method, path, query, body in requests:
        if method == 'GET' and path == '/services' and 'com.docker.stack.namespace=' in query.get('filters', ''):
            stack = next(iter(json.loads(query['filters'])['label'])).partition('=')[2]
        for action, target in one_effect(method, path, query, body):
            if action == 'service_rm' and stack is not None:
                action, target = 'stack_rm', [stack]
            actions.setdefault(action, []).extend(target)
    if 'remove' in actions:
        # A line that reaches services as well is reported by its containers.
        actions.pop('service_rm', None)
    assert len(actions) < 2, 'several actions in one command: %s' % actions
    return next(((action, tuple(sorted(targets))) for action, targets in actions.items()), NOTHING)


def one_effect(method, path, query, body):
    if method == 'POST' and path == '/containers/prune':
        yield 'prune', []
    if method == 'POST' and path == '/swarm/leave':
        yield 'swarm_leave', []
    found = re.fullmatch(r'/containers/(.+)/(stop|kill|restart|pause|rename|update)', path, re.S)
    if method == 'POST' and found:
        yield found.group(2), [found.group(1)]
    found = re.fullmatch(r'/containers/(.+)/checkpoints', path, re.S)
    if method == 'POST' and found and json.loads(body)['Exit']:
        yield 'checkpoint', [found.group(1)]
    # With link=1 the engine removes a legacy link's alias and no container; a checkpoint is no container either.
    found = re.fullmatch(r'/containers/(?![^/]+/checkpoints/[^/]+$)(.+)', path, re.S)
    if method == 'DELETE' and found and 'link' not in query:
        yield 'remove', [found.group(1)]
    # The engine's routes for services and nodes take a name without a slash; an update without a version is refused.
    found = re.fullmatch(r'/services/([^/]+)', path)
    if method == 'DELETE' and found:
        yield 'service_rm', [found.group(1)]
    found = re.fullmatch(r'/services/([^/]+)/update', path)
    if method == 'POST' and found and 'version' in query:
        # "update" always says where the credentials come from, or that it rolls back; "scale" says neither.
        yield ('service_update' if {'registryAuthFrom', 'rollback'} & set(query) else 'service_scale'), [found.group(1)]
    found = re.fullmatch(r'/nodes/([^/]+)/update', path)
    if method == 'POST' and found:
        asked = json.loads(body)
        # The node of the recording engine has neither role nor labels: what is there now is new.
        if asked['Availability'].lower() in ('drain', 'pause') or asked.get('Role') or asked.get('Labels'):
            yield 'node_drain', [found.group(1)]
    if method == 'POST' and path == '/commit' and query.get('pause') != '0':
        yield 'pause', [re.sub('^/', '', query['container'])]


def predicted(argv):
    reading = docker_cli.parse(list(argv))
    return reading.action, tuple(sorted(reading.targets))


def report(problems):
    return '\n'.join(
        '%s\n  predicted %s\n  docker %s: %s' % (shlex.join(argv), said, version, seen)
        for argv, said, version, seen in problems
    )


# --- The lines of the fixtures ---------------------------------------------------------------------------------------


def fixture_cases():
    for name in ('argv_cases.json', 'argv_cases_own.json'):
        for case in json.loads((FIXTURES / name).read_text(encoding='utf-8')):
            if any(checked.startswith('docker-') for checked in case['checked_against']) and not (
                case['action'] or ''
            ).startswith('compose_'):
                yield case


def test_the_fixtures_are_what_docker_does(clis, runner):
    cases = list(fixture_cases())
    problems = []
    for case, seen in zip(cases, runner.observe(clis, [case['argv'] for case in cases])):
        said = predicted(case['argv'])
        for version, what in seen.items():
            # A CLI that the case was not checked against may know less, or send the blanks that others trim: no
            # container has a blank in its name.
            without_effect = what == NOTHING or what[1] and all(re.search(r'\s', name) for name in what[1])
            if what != said and ('docker-%s' % version in case['checked_against'] or not without_effect):
                problems.append((case['argv'], said, version, what))
    assert not problems, report(problems)


# --- Generated lines -------------------------------------------------------------------------------------------------

VALUES = {
    'text': ['x', '', '-x', 'a=b'],
    'int': ['5', '-1', '0x1f', '1_0', '08', 'x', ''],
    'uint16': ['10', '70000'],
    'uint': ['1', '-1'],
    'duration': ['5s', '1m30s', '5'],
    'bytes': ['6m', '1.5GiB', '1 kb', 'm', ''],
    'swap': ['-1', '1g', '-2'],
    'cpus': ['1.5', '1/2', 'x'],
    'float': ['0.5', 'x'],
    'restart': ['no', 'on-failure:3', 'on-failure:x', 'a:b:c'],
    'filter': ['label=a', 'label', ''],
}
#: Left out: options whose values the CLI looks up or takes apart, those that neither version here has, and --time,
#: which 28 refuses beside -t and 20.10 does not know beside -s (only the versions between take all three).
LEFT_OUT = {
    'time',
    'args',
    'config-add',
    'credential-spec',
    'dns-add',
    'dns-search-add',
    'dns-option-add',
    'endpoint-mode',
    'entrypoint',
    'env-add',
    'generic-resource-add',
    'host-add',
    'image',
    'isolation',
    'mount-add',
    'network-add',
    'placement-pref-add',
    'placement-pref-rm',
    'publish-add',
    'publish-rm',
    'restart-condition',
    'secret-add',
    'sysctl-add',
    'ulimit-add',
    'with-registry-auth',
    'platform',
    'health-cmd',
    'no-healthcheck',
    'orchestrator',
    'kubeconfig',
    'namespace',
    'config-rm',
    'secret-rm',
    'network-rm',
    'label-rm',
    'availability',
    'role',
    'log-opt',
    'constraint-add',
    'health-start-interval',
    'oom-score-adj',
    'memory-swap',
    'memory-swappiness',
    'replicas',
    'max-concurrent',
    'mount-rm',
    'user',
    'init',
    'update-order',
    'rollback-order',
}
NAMES = [
    'claude-hooks-a',
    'claude-hooks-b',
    '/claude-hooks-a',
    'claude-hooks-a/',
    './x',
    'x/../claude-hooks-b',
    '../containers/claude-hooks-a',
    '../services/web',
    'stop',
    '-',
    '',
    'a/b',
    '..',
    '.',
    'true',
    '5',
    'web=0',
    '0a1b2c',
]


def leaves(group, path=()):
    for word, node in sorted(group.commands.items()):
        if hasattr(node, 'commands'):
            yield from leaves(node, path + (word,))
        else:
            yield path + (word,), node


def spell(random_, option, spelling):
    """One option in one of the forms that pflag reads."""
    if option.kind is None:
        return [spelling + random_.choice([''] * 12 + ['=true', '=false', '=0', '=', '=maybe'])]
    value = random_.choice(VALUES[option.kind][:1] * 20 + VALUES[option.kind])
    forms = [[spelling + '=' + value], [spelling, value]] * 3 + [[spelling]]
    return random_.choice(forms + ([[spelling + value]] * 3 if len(spelling) == 2 else []))


def generated_lines(count):
    """Command lines from the parser's own tables: what it believes to be options is what docker is asked about."""
    random_ = random.Random(SEED)
    absent = {name.rstrip('*') for name in plugins.PLUGINS}  # a star marks what docker's reference alone names
    # Left out, too: what takes nothing away, plugins that this test's home has not, commands that read a file, stay in
    # the foreground or look at an image's name before they ask anything, and promote and demote, for which the
    # recording engine takes a service for a node.
    choices = [
        (path, command)
        for path, command in leaves(commands.ROOT)
        if path[0] not in ('builder', *absent)
        and path[-1] not in ('run', 'commit', 'promote', 'demote')
        and path not in (('stack', 'deploy'), ('stack', 'up'))
        and not docker_cli.is_inert(command)
    ]
    for number in range(count):
        path, command = (
            choices[number % len(choices)] if random_.random() < 0.5 else random_.choice(choices[:4] + choices)
        )
        table = known_options(command.options)
        options = sorted((name, option) for name, option in table.items() if option.name not in LEFT_OUT)
        words = []
        for _word in range(random_.choice([1, 1, 1, 2, 2, 3])):
            words.append([random_.choice(NAMES[:2] * 6 + NAMES)])
        for _word in range(random_.choice([0, 0, 1, 1, 2, 3])):
            name, option = random_.choice([pair for pair in options if pair[1].name != 'help'] * 8 + options)
            words.append(spell(random_, option, name))
        letters = [name[1] for name, option in options if len(name) == 2 and option.name != 'help']
        if letters and random_.random() < 0.25:
            words.append(['-' + ''.join(random_.choice(letters) for _letter in range(random_.choice([2, 3])))])
        if random_.random() < 0.2:
            words.append(
                random_.choice(
                    [['--']] * 4
                    + [['--unknown'], ['-Z'], ['--help'], ['--help=false'], ['-test.v'], ['---'], ['--=x'], ['-h']]
                )
            )
        random_.shuffle(words)
        line = list(path)
        if len(path) > 1 and random_.random() < 0.2:
            line[1:1] = random_.choice(
                [['--'], ['--', 'x'], ['--help'], ['--help=false'], ['-f'], ['--x=y'], ['-h=false']]
            )
        leading = []
        for _word in range(random_.choice([0, 0, 0, 1, 2])):
            leading += random_.choice(
                [
                    ['-D'],
                    ['--debug'],
                    ['-l', 'debug'],
                    ['-linfo'],
                    ['--log-level=nonsense'],
                    ['--tls=false'],
                    ['-v'],
                    ['--version'],
                    ['--help'],
                    ['--help=false'],
                    ['-H', ADDRESSES[0]],
                    ['-H' + ADDRESSES[0]],
                    ['--host=' + ADDRESSES[0]],
                    ['-c', CONTEXT],
                    ['-c' + CONTEXT],
                    ['--context', ''],
                    ['--'],
                    ['--', '-D'],
                    ['--', '--', 'x'],
                    ['-Dv'],
                    ['-Z'],
                    ['-H', 'ftp://x'],
                    ['-D=false'],
                ]
            )
        yield ['docker'] + leading + line + [word for group in words for word in group]


def test_generated_lines_are_what_docker_does(clis, runner):
    lines = list(generated_lines(GENERATED))
    problems = []
    acting = 0
    for argv, seen in zip(lines, runner.observe(clis, lines)):
        said = predicted(argv)
        acting += said != NOTHING
        for version, what in seen.items():
            if what not in (said, NOTHING):
                problems.append((argv, said, version, what))
        # Only an option that no CLI here knows, or a value that the engine would refuse, leaves a prediction unseen.
        if said != NOTHING and said not in seen.values():
            problems.append((argv, said, 'of any version', NOTHING))
    assert acting > GENERATED / 8, 'the generated lines are all refused: they show nothing'
    assert not problems, report(problems)


# --- Every other command ---------------------------------------------------------------------------------------------


def all_commands(path, words=()):
    """The commands that a CLI's help texts list, as tuples of words."""
    said = subprocess.run(
        [path, *words, '--help'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False
    ).stdout
    listed = re.findall(r'^  ([a-z][a-z-]*)\*? ', '\n'.join(re.findall(r'Commands:\n(?:\n|  .*\n)*', said)), re.M)
    if not listed or len(words) == 2:
        yield words
    else:
        for word in listed:
            yield from all_commands(path, words + (word,))


def test_no_command_reaches_a_container_behind_the_parsers_back(clis, runner):
    commands = sorted({words for path in clis.values() for words in all_commands(path)} - {('login',), ('logout',)})
    assert len(commands) > 100 and ('container', 'rm') in commands
    # One argument, and two, the second as the last part of a longer path (a checkpoint's).
    names = [['../containers/claude-hooks-a'], ['../containers/claude-hooks-a', '../../claude-hooks-a']]
    lines = [['docker', *words, *arguments] for words in commands for arguments in names]
    problems = []
    for argv, seen in zip(lines, runner.observe(clis, lines)):
        said = predicted(argv)
        problems += [(argv, said, version, what) for version, what in seen.items() if what not in (said, NOTHING)]
    assert not problems, report(problems)
