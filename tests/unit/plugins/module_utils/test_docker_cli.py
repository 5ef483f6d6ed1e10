# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a command line is read as docker reads it, whatever is in it.

The cases are in fixtures/argv_cases.json and argv_cases_2.json (given) and argv_cases_own.json (ours: one for each rule
of the parser). tests/integration/live/test_docker_cli.py holds those that say so against docker itself.
"""

from __future__ import annotations

import json
import pathlib
import shlex
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import ACTIONS, public
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[2] / 'fixtures'
# The names of a case's fields where the result's are longer.
FIELDS = {
    'action': 'action',
    'targets': 'targets',
    'target_kind': 'target_kind',
    'host': 'docker_host',
    'context': 'context',
    'project': 'project',
    'signal': 'signal',
}
NOTHING = {
    'action': None,
    'subcommand': None,
    'targets': [],
    'target_kind': None,
    'docker_host': None,
    'context': None,
    'project': None,
    'signal': None,
}


def read(argv):
    return public(docker_cli.parse(argv))


def cases(name):
    return [
        pytest.param(case, id='%s # %s' % (ascii(shlex.join(case['argv'])), case['note']))
        for case in json.loads((FIXTURES / name).read_text(encoding='utf-8'))
    ]


CASES = cases('argv_cases.json') + cases('argv_cases_2.json') + cases('argv_cases_own.json')


@pytest.mark.parametrize('case', CASES)
def test_a_case_is_read_as_written(case):
    reading = read(case['argv'])
    # A kind that is not written is none; other fields that are not written are not part of the case.
    expected = dict({'target_kind': None}, **{field: case[field] for field in FIELDS if field in case})
    assert {field: reading[FIELDS[field]] for field in expected} == expected


def test_every_action_has_a_case():
    seen = {case.values[0]['action'] for case in CASES}
    assert seen == set(ACTIONS) | {None}


@pytest.mark.parametrize(
    'argv, subcommand',
    [
        (['docker', 'container', 'rm', 'x'], 'container rm'),
        (['docker', 'container', 'remove', 'x'], 'container remove'),
        (['docker', '-D', 'stack', '--orchestrator', 'swarm', 'down', 'x'], 'stack down'),
        (['docker', 'compose', '-p', 'x', 'down'], 'compose down'),
        (['docker-compose', '-p', 'x', 'down'], 'compose down'),
        (['docker', 'ps', '-a'], 'ps'),
        (['docker', 'rm'], 'rm'),
        (['docker', 'volume', 'ls'], 'volume ls'),
        (['docker', '-v'], None),
        (['docker'], None),
    ],
)
def test_the_subcommand_is_shown_as_typed_also_where_nothing_happens(argv, subcommand):
    assert read(argv)['subcommand'] == subcommand


@pytest.mark.parametrize('argv', [[], [''], ['docker'], ['ls', 'stop', 'x'], ['docker/', 'stop', 'x']])
def test_what_is_no_docker_command_gives_nothing(argv):
    assert read(argv) == NOTHING


@pytest.mark.parametrize(
    'wrong, named',
    [
        ('docker stop x', 'str'),
        (None, 'NoneType'),
        ({'docker': 'stop'}, 'dict'),
        ([b'docker', b'stop'], 'bytes'),
        (['docker', 'stop', 5], 'int'),
    ],
)
@pytest.mark.parametrize('function', [docker_cli.parse, docker_cli.without_interpreter])
def test_anything_but_a_list_of_strings_is_refused_by_name(function, wrong, named):
    with pytest.raises(docker_cli.DockerCliError, match=named):
        function(wrong)


@pytest.mark.parametrize(
    'argv, stripped',
    [
        (['/bin/sh', '/opt/docker', 'stop', 'x'], ['/opt/docker', 'stop', 'x']),
        (['/bin/sh', '-e', '/opt/docker', 'stop', 'x'], ['/opt/docker', 'stop', 'x']),
        (['/bin/sh', '/opt/other', 'stop', 'x'], None),
        (['/bin/sh', 'docker', 'stop', 'x'], None),
        (['/bin/sh', '-e', '-u', '/opt/docker', 'stop', 'x'], None),
        (['docker', 'cp', '/opt/docker', 'x:/'], None),
        (['/opt/docker', 'stop', 'x'], None),
        (['/bin/sh'], None),
        ([], None),
    ],
)
def test_only_the_interpreter_of_a_docker_that_is_a_script_is_left_out(argv, stripped):
    expected = (argv, False) if stripped is None else (stripped, True)
    assert docker_cli.without_interpreter(argv) == expected


@pytest.mark.parametrize(
    'argv, comm, exe, expected',
    [
        (['/bin/sh', './docker', 'stop', 'x'], 'docker', '/usr/bin/dash', (['docker', 'stop', 'x'], True, True)),
        # without the name of the process, an absolute path of docker is the script
        (['/bin/sh', '/opt/docker', 'stop', 'x'], None, '/usr/bin/dash', (['docker', 'stop', 'x'], True, True)),
        (['/bin/sh', './docker', 'ps'], '', '/usr/bin/dash', (['docker', './docker', 'ps'], False, False)),
        # the kernel cuts the name after 15 bytes, also within a letter
        (
            ['/bin/sh', '/opt/docker-compose-%s' % ('é' * 5), 'down'],
            'docker-compose-',
            '/usr/bin/dash',
            (['docker-compose', 'down'], True, True),
        ),
        (
            ['/bin/sh', '/opt/doc-docker-xx\u00e9', 'ps'],
            'doc-docker-xx\u00e9',
            '/usr/bin/dash',
            (['docker', 'ps'], True, True),
        ),
        (
            ['/bin/sh', '/opt/doc-docker-xyy\u00e9', 'ps'],
            'doc-docker-xyy\\xc3',
            '/usr/bin/dash',
            (['docker', 'ps'], True, True),
        ),
        # docker as the interpreter of a script
        (['/usr/bin/docker', './x'], 'x', '/usr/bin/docker', (['docker', './x'], False, True)),
        ([], 'docker', None, (['docker'], False, True)),
    ],
)
def test_what_a_logged_execution_runs(argv, comm, exe, expected):
    assert docker_cli.of_execution(argv, comm, exe) == expected


# --- Properties ------------------------------------------------------------------------------------------------------

# What the parser looks for, so that random lines get deep into it, beside any text at all.
VOCABULARY = sorted({word for case in CASES for word in case.values[0]['argv']})
words = st.one_of(
    st.sampled_from(VOCABULARY),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF)),
    st.text('-=tfsvh.,/:1x', max_size=6),
)
programs = st.sampled_from(
    [
        ['docker'],
        ['/usr/bin/docker'],
        ['docker-compose'],
        ['/usr/libexec/docker/cli-plugins/docker-compose'],
        # a script: podman's words are read, too
        ['/bin/sh', '/usr/bin/docker'],
    ]
)
lines = st.builds(lambda program, rest: program + rest, programs, st.lists(words, max_size=12))


@settings(max_examples=1000, deadline=None)
@given(st.one_of(lines, st.lists(words, max_size=5)))
def test_any_list_of_strings_gives_a_whole_result(argv):
    reading = read(argv)
    assert list(reading) == list(NOTHING)
    assert reading['action'] is None or reading['action'] in ACTIONS
    assert isinstance(reading['targets'], list) and all(isinstance(target, str) for target in reading['targets'])
    assert all(value is None or isinstance(value, str) for key, value in reading.items() if key != 'targets')
    assert reading['action'] or (reading['targets'], reading['target_kind'], reading['signal']) == ([], None, None)
    assert json.loads(json.dumps(reading)) == reading
    command = docker_cli.parse(argv)
    assert not (command.harmless and (command.action or command.attached))
    assert not command.podman or (command.action and argv[0] == '/bin/sh')


@settings(max_examples=300, deadline=None)
@given(lines)
def test_a_reading_depends_on_the_words_alone(argv):
    before = list(argv)
    assert docker_cli.parse(argv) == docker_cli.parse(tuple(argv))
    assert argv == before


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=6), st.sampled_from([['run'], ['container', 'run'], ['exec'], ['create']]))
def test_nothing_behind_an_image_or_a_container_is_docker_s_own(arguments, command):
    assert read(['docker'] + command + ['image'] + arguments)['action'] is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.text('abc0-_.', min_size=1).filter(lambda name: not name.startswith(('-', '.'))), min_size=1, max_size=5
    ),
    st.data(),
)
def test_options_of_stop_may_stand_anywhere_and_change_no_target(names, data):
    argv = ['docker', 'stop'] + names
    for option in data.draw(
        st.lists(st.sampled_from([['-t', '5'], ['-t5'], ['--time=5'], ['-s', 'INT'], ['--help=false']]), max_size=3)
    ):
        # Between the names, but not between an option and its value.
        free = [position for position in range(2, len(argv) + 1) if argv[position - 1] not in ('-t', '-s')]
        position = data.draw(st.sampled_from(free))
        argv[position:position] = option
    assert (read(argv)['action'], read(argv)['targets']) == ('stop', names)


def steps(argv):
    """The number of function calls, Python's and C's, that one reading takes."""
    counted = [0]

    def count(_frame, event, _argument):
        counted[0] += event in ('call', 'c_call')

    sys.setprofile(count)
    try:
        docker_cli.parse(argv)
    finally:
        sys.setprofile(None)
    return counted[0]


@pytest.mark.parametrize(
    'line',
    [
        lambda count: ['docker', 'stop'] + ['x'] * count,
        lambda count: ['docker', 'rm'] + ['-f'] * count + ['x'],
        lambda count: ['docker', 'rm', '-' + 'f' * count, 'x'],
        lambda count: ['docker'] + ['-D'] * count + ['stop', 'x'],
        lambda count: ['docker', 'container'] + ['--help=false'] * count + ['stop', 'x'],
        lambda count: ['docker'] + ['-H', 'x'] * count + ['stop', 'x'],
        lambda count: ['docker', 'compose'] + ['-f', 'x'] * count + ['down'] + ['x'] * count,
        lambda count: ['docker-compose'] + ['--file', 'x'] * count + ['stop'] + ['x'] * count,
        lambda count: ['docker', 'stop'] + ['x/../y'] * count,
        lambda count: (
            ['docker', 'compose', 'up']
            + ['s%d' % number for number in range(count)]
            + ['--scale=t%d=0' % number for number in range(count)]
        ),
    ],
    ids=['targets', 'options', 'bundle', 'global', 'between', 'hosts', 'compose', 'standalone', 'paths', 'scales'],
)
def test_the_work_grows_with_the_number_of_words(line):
    # Calls say nothing about copying inside a call, so that the longer line is long enough to be felt, too.
    assert steps(line(100000)) < 12 * steps(line(10000))


@pytest.mark.parametrize('value', ['0' * 10**6, '1' * 10**6, '1_' * 10**6, '0x' + 'f' * 10**6])
def test_a_long_number_is_judged_without_being_computed(value):
    assert read(['docker', 'stop', '-t', value, 'x'])['action'] == ('stop' if not value.strip('0') else None)


@pytest.mark.parametrize('shape', ['1', '1.', '1h', '1_', '1e', '0x', '/1', ':1', '1 '])
@pytest.mark.parametrize(
    'words',
    [
        ['update', '--memory'],
        ['update', '--memory-swap'],
        ['update', '--cpus'],
        ['update', '--cpu-period'],
        ['update', '--blkio-weight'],
        ['update', '--restart'],
        ['service', 'update', '--replicas'],
        ['service', 'update', '--stop-grace-period'],
        ['service', 'update', '--update-max-failure-ratio'],
    ],
    ids=' '.join,
)
def test_the_longest_word_that_is_nearly_a_number_takes_no_time(words, shape):
    # MAX_ARG_STRLEN of the kernel; a pattern that goes back took 17 minutes for it.
    argv = ['docker', *words, shape * (131070 // len(shape)) + 'x', 'c']
    before = time.process_time()
    docker_cli.parse(argv)
    assert time.process_time() - before < 1


@pytest.mark.parametrize('target', ['a/' * 100000 + '..', '../' * 100000 + 'containers/x', '/' * 1000000])
def test_a_long_path_is_cleaned_and_nothing_else(target):
    targets = read(['docker', 'stop', target])['targets']
    assert targets in ([], ['x'], ['/'.join('a' * 99999)])
