# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real files, links and folders under tmp_path; the real shell where the promise is to choose as it does."""

from __future__ import annotations

import ast
import errno
import json
import os
import pathlib
import socket
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import programs
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_cli_facts
from ansible_collections.claude_hooks.docker_audit.tests.unit.module_args import patch_module_args
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

with open('/bin/true', 'rb') as true:
    ELF = true.read()
SCRIPT = b'#!/bin/sh\nexec podman "$@"\n'


@pytest.fixture(autouse=True)
def no_usual_directories(monkeypatch):
    """The machine's own docker must not show in these tests."""
    monkeypatch.setattr(docker_cli_facts, 'USUAL_DIRECTORIES', ())


def program(path, content=ELF, mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def facts(*folders, names=('docker',)):
    return docker_cli_facts.docker_cli(list(names), [], ':'.join(str(folder) for folder in folders).encode())


def given_paths(*paths):
    return docker_cli_facts.docker_cli(['docker'], [str(path) for path in paths], None)


def make(kind, folder):  # noqa: C901, PLR0912 - a branch for each kind, no logic between them
    """Put one docker of a kind into a folder; return its real path."""
    docker = folder / 'docker'
    if kind == 'elf':
        return program(docker)
    if kind == 'script':
        return program(docker, SCRIPT)
    if kind == 'snap':
        link(docker, '../usr/bin/snap')
        return program(folder / '../usr/bin/snap').resolve()
    if kind in ('text', 'empty'):
        return program(docker, b'echo "$@"\n' if kind == 'text' else b'')
    if kind == 'not_executable':
        return program(docker, mode=0o644)
    if kind == 'directory':
        docker.mkdir(parents=True)
        return docker
    if kind == 'pipe':
        folder.mkdir(parents=True)
        os.mkfifo(docker, 0o755)
        return docker
    if kind == 'socket':
        folder.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(docker))
        docker.chmod(0o755)
        return docker
    if kind == 'dangling':
        link(docker, '/nonexistent/docker')
        return None
    if kind == 'through_file':
        program(folder / 'file')
        link(docker, 'file/docker')
        return None
    if kind == 'loop':
        link(docker, 'other')
        link(folder / 'other', 'docker')
        return None
    if kind == 'self':
        link(docker, 'docker')
        return None
    raise AssertionError(kind)


# what is there, its kind, executable, ruled, part of the reason
KINDS = [
    ('elf', 'elf', True, True, None),
    ('script', 'script', True, True, None),
    ('snap', 'snap', True, False, 'every snap command'),
    ('text', 'unknown', True, True, 'neither ELF nor a script'),
    ('empty', 'unknown', True, True, 'neither ELF nor a script'),
    ('not_executable', 'not_executable', False, False, 'mode 0644'),
    ('directory', 'directory', False, False, 'is a directory'),
    ('pipe', 'other', False, False, 'no regular file'),
    ('socket', 'other', False, False, 'no regular file'),
    ('dangling', 'dangling', False, False, 'No such file'),
    ('through_file', 'dangling', False, False, 'Not a directory'),
    ('loop', 'dangling', False, False, 'symbolic links'),
    ('self', 'dangling', False, False, 'symbolic links'),
]


@pytest.mark.parametrize('what, kind, executable, ruled, reason', KINDS, ids=[row[0] for row in KINDS])
def test_each_kind_is_told_and_only_what_can_run_is_ruled(tmp_path, monkeypatch, what, kind, executable, ruled, reason):
    monkeypatch.chdir(tmp_path)
    real = make(what, tmp_path / 'bin')
    real = real and str(real)
    result = facts(tmp_path / 'bin')
    [match] = result['found']
    assert (match['name'], match['path'], match['real_path'], match['kind']) == (
        'docker',
        str(tmp_path / 'bin/docker'),
        real,
        kind,
    )
    assert (reason is None) == (match['reason'] is None) and (reason or '') in (match['reason'] or '')
    assert result['path'] == (match['path'] if executable else None)
    assert result['real_path'] == (real if executable else None)
    assert result['real_paths'] == ([real] if ruled else [])
    assert result['uncovered'] == ([match] if executable and reason else [])


SHELL = [
    ('elf', 'script'),
    ('script', 'elf'),
    ('snap', 'elf'),
    ('text', 'elf'),
    ('empty', 'elf'),
    ('not_executable', 'elf'),
    ('directory', 'elf'),
    ('pipe', 'elf'),
    ('socket', 'elf'),
    ('dangling', 'elf'),
    ('through_file', 'script'),
    ('loop', 'script'),
    ('not_executable', 'directory', 'dangling', 'script', 'elf'),
    ('not_executable',),
    ('directory', 'dangling'),
    ('nothing', 'elf'),
    ('nothing',),
]


@pytest.mark.parametrize('kinds', SHELL, ids='-'.join)
@pytest.mark.parametrize('spelling', ['{}', '{}/', '/{}', '{}/../{base}'])
def test_path_is_what_the_shell_would_run(tmp_path, monkeypatch, kinds, spelling):
    monkeypatch.chdir(tmp_path)
    folders = []
    for number, kind in enumerate(kinds):
        folder = tmp_path / str(number) / 'bin'
        if kind != 'nothing':
            make(kind, folder)
        folders.append(spelling.format(folder, base='bin'))
    path = ':'.join(folders)
    shell = subprocess.run(
        ['/bin/sh', '-c', 'command -v docker'], env={'PATH': path}, stdout=subprocess.PIPE, check=False, text=True
    )
    ours = docker_cli_facts.docker_cli(['docker'], [], path.encode())['path']
    # sh keeps the doubled slash of "bin//docker"
    assert (ours or '') == shell.stdout.strip().replace('bin//', 'bin/')


@pytest.mark.parametrize('spelling', ['{}/', '/{}', '{}//', '{}/../bin', '{}/.'])
def test_the_real_path_has_one_spelling(tmp_path, spelling):
    real = program(tmp_path / 'bin/docker')
    assert facts(spelling.format(tmp_path / 'bin'))['real_paths'] == [str(real)]


@pytest.mark.parametrize('parts', [':{}', '{}:', '{}::{}', 'here:{}', './here:{}', '.:{}', '~/here:{}', '..:{}'])
def test_relative_parts_of_path_are_reported_and_never_searched(tmp_path, monkeypatch, parts):
    monkeypatch.chdir(tmp_path)
    for folder in ('.', 'here', '~/here'):
        program(tmp_path / folder / 'docker')
    real = program(tmp_path / 'bin/docker')
    value = parts.format(tmp_path / 'bin', tmp_path / 'bin')
    result = docker_cli_facts.docker_cli(['docker'], [], value.encode())
    assert result['real_paths'] == [str(real)]
    assert result['searched'] == [str(tmp_path / 'bin')]
    assert [part['path'] for part in result['skipped']] == [
        part for part in value.split(':') if not part.startswith('/')
    ]


@pytest.mark.parametrize('value, skipped', [(None, []), (b'', [''])], ids=['unset', 'empty'])
def test_without_path_the_usual_places_are_searched(tmp_path, monkeypatch, value, skipped):
    real = program(tmp_path / 'usual/docker')
    monkeypatch.setattr(docker_cli_facts, 'USUAL_DIRECTORIES', (os.fsencode(tmp_path / 'usual'),))
    result = docker_cli_facts.docker_cli(['docker'], [], value)
    assert (result['path'], result['searched']) == (str(real), [str(tmp_path / 'usual')])
    assert [part['path'] for part in result['skipped']] == skipped


def test_the_usual_places_come_after_path_and_each_folder_once(tmp_path, monkeypatch):
    monkeypatch.setattr(
        docker_cli_facts, 'USUAL_DIRECTORIES', (os.fsencode(tmp_path / 'usual'), os.fsencode(tmp_path / 'own'))
    )
    usual, own = program(tmp_path / 'usual/docker'), program(tmp_path / 'own/docker')
    result = facts(f'{tmp_path}/own/', tmp_path / 'own')
    assert result['searched'] == [str(tmp_path / 'own'), str(tmp_path / 'usual')]
    assert result['real_paths'] == [str(own), str(usual)]


def test_the_usual_places_are_those_of_the_documentation(monkeypatch):
    monkeypatch.undo()
    assert docker_cli_facts.USUAL_DIRECTORIES == (b'/usr/local/bin', b'/usr/bin', b'/bin', b'/snap/bin')


def second_folder_link(tmp_path):
    link(tmp_path / 'second', 'first')


def second_file_link(tmp_path):
    link(tmp_path / 'second/docker', '../first/docker')


def second_hard_link(tmp_path):
    (tmp_path / 'second').mkdir()
    os.link(tmp_path / 'first/docker', tmp_path / 'second/docker')


@pytest.mark.parametrize('second', [second_folder_link, second_file_link, second_hard_link])
def test_the_same_real_file_is_found_once(tmp_path, second):
    real = program(tmp_path / 'first/docker')
    second(tmp_path)
    assert [match['path'] for match in facts(tmp_path / 'first', tmp_path / 'second')['found']] == [str(real)]


def test_a_dangling_link_in_merged_folders_is_found_once(tmp_path):
    link(tmp_path / 'usr/bin/docker', 'nowhere')
    link(tmp_path / 'bin', 'usr/bin')
    assert len(facts(tmp_path / 'usr/bin', tmp_path / 'bin')['found']) == 1


def test_the_real_path_is_followed_through_every_link(tmp_path):
    real = program(tmp_path / 'opt/docker-28.2.2/docker')
    link(tmp_path / 'opt/current', 'docker-28.2.2')
    link(tmp_path / 'alternatives/docker', tmp_path / 'opt/current/docker')
    link(tmp_path / 'bin/docker', '../alternatives/docker')
    result = facts(tmp_path / 'bin')
    assert (result['path'], result['real_path'], result['real_paths']) == (
        str(tmp_path / 'bin/docker'),
        str(real),
        [str(real)],
    )


def test_a_snap_in_front_is_the_choice_and_the_binary_behind_it_is_ruled(tmp_path):
    snap, real = make('snap', tmp_path / 'snap'), make('elf', tmp_path / 'bin')
    result = facts(tmp_path / 'snap', tmp_path / 'bin')
    assert (result['real_path'], result['real_paths']) == (str(snap), [str(real)])


def test_a_file_that_runs_is_not_hidden_by_the_same_file_where_it_cannot(tmp_path, monkeypatch):
    # stands for a noexec bind mount: same device and inode, and access(2) denies execution there
    program(tmp_path / 'noexec/docker')
    (tmp_path / 'bin').mkdir()
    os.link(tmp_path / 'noexec/docker', tmp_path / 'bin/docker')
    monkeypatch.setattr(os, 'access', lambda path, mode: b'noexec' not in path)
    assert facts(tmp_path / 'noexec', tmp_path / 'bin')['real_paths'] == [str(tmp_path / 'bin/docker')]


def test_names_are_searched_in_their_order(tmp_path):
    docker, podman = program(tmp_path / 'a/docker'), program(tmp_path / 'b/podman')
    result = facts(tmp_path / 'b', tmp_path / 'a', names=('docker', 'podman'))
    assert (result['path'], result['real_paths']) == (str(docker), [str(docker), str(podman)])


def test_two_names_of_one_file_are_both_found_and_ruled_once(tmp_path):
    podman = program(tmp_path / 'podman')
    link(tmp_path / 'docker', 'podman')
    result = facts(tmp_path, names=('docker', 'podman'))
    assert [match['name'] for match in result['found']] == ['docker', 'podman']
    assert result['real_paths'] == [str(podman)]


# Measured with auditctl 3.0.9: `auditctl -R` loads a rule with each of RULABLE, and `auditctl -l` shows its path
# unchanged.
RULABLE = ['plain', 'a=b', 'R&D', 'a>b', "it's", 'caf\u00e9', '100%', '#1', '{{x}}', 'a"b', 'a,b']
UNRULABLE = [
    'a b',
    'a\tb',
    'a\nb',
    'a\x7fb',
    'a\u00a0b',
    'a\u2028b',
    'a\u202eb',
    'a\\b',
    'a!=b',
    'a>=b',
    'a<=b',
    'a&=b',
]


@pytest.mark.parametrize('folder', RULABLE, ids=ascii)
def test_a_real_path_that_auditctl_reads_as_it_stands_is_ruled(tmp_path, folder):
    real = program(tmp_path / folder / 'docker')
    link(tmp_path / 'bin/docker', real)
    assert facts(tmp_path / 'bin')['real_paths'] == [str(real)]


@pytest.mark.parametrize('folder', UNRULABLE, ids=ascii)
@pytest.mark.parametrize('content', [ELF, SCRIPT, b'text'], ids=['elf', 'script', 'unknown'])
def test_a_real_path_that_could_break_the_rule_file_is_uncovered(tmp_path, folder, content):
    real = program(tmp_path / folder / 'docker', content)
    link(tmp_path / 'bin/docker', real)
    result = facts(tmp_path / 'bin')
    assert result['real_paths'] == []
    [match] = result['uncovered']
    assert (match['real_path'], 'cannot be written in an audit rule' in match['reason']) == (str(real), True)


def test_bytes_that_are_not_utf8_are_shown_escaped_and_uncovered(tmp_path):
    folder = os.fsencode(tmp_path) + b'/caf\xe9'
    os.mkdir(folder)
    with open(folder + b'/docker', 'wb', opener=lambda path, flags: os.open(path, flags, 0o755)) as docker:
        docker.write(ELF)
    result = docker_cli_facts.docker_cli(['docker'], [], folder)
    assert (result['real_path'], result['real_paths']) == (f'{tmp_path}/caf\\xe9/docker', [])


def test_an_executable_that_cannot_be_read_is_ruled_with_a_reason(tmp_path, monkeypatch):
    real = program(tmp_path / 'docker', mode=0o111)

    def denied(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, 'Permission denied')

    monkeypatch.setattr(docker_cli_facts, 'open', denied, raising=False)  # root reads every file
    result = facts(tmp_path)
    assert result['real_paths'] == [str(real)]
    [match] = result['uncovered']
    assert (match['kind'], 'Permission denied' in match['reason']) == ('unknown', True)


@pytest.mark.parametrize('problem', [errno.EACCES, errno.EIO, errno.ESTALE], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_searched_is_reported_and_the_search_goes_on(tmp_path, monkeypatch, problem):
    closed, real = program(tmp_path / 'closed/docker').parent, program(tmp_path / 'bin/docker')
    for call in ('stat', 'lstat'):
        monkeypatch.setattr(os, call, failing_below(os.fsencode(closed), problem, getattr(os, call)))
    result = facts(closed, tmp_path / 'bin')
    assert result['real_paths'] == [str(real)]
    assert result['skipped'] == [{'path': str(closed), 'reason': os.strerror(problem)}]


def failing_below(folder, problem, call):
    def fail(path, *args, **kwargs):
        if os.fsencode(path).startswith(folder + b'/'):
            raise OSError(problem, os.strerror(problem))
        return call(path, *args, **kwargs)

    return fail


def test_folders_that_are_missing_or_files_are_passed_over(tmp_path):
    real = program(tmp_path / 'bin/docker')
    result = facts(tmp_path / 'missing', program(tmp_path / 'file'), tmp_path / 'bin')
    assert (result['real_paths'], result['skipped']) == ([str(real)], [])


@pytest.mark.parametrize(
    'part', ['{}/loop', '{}/' + 'x' * 300, '{}' + '/x' * 3000], ids=['loop', 'long name', 'long path']
)
def test_folders_that_cannot_exist_are_reported(tmp_path, part):
    link(tmp_path / 'loop', 'loop')
    folder = part.format(tmp_path)
    assert [skipped['path'] for skipped in facts(folder)['skipped']] == [folder]


def test_where_no_file_gets_a_rule_a_sentence_says_why(tmp_path):
    folder = tmp_path / 'bin'
    sentence = 'docker, podman not found in PATH or the usual places (%s)' % folder
    assert facts(folder, names=('docker', 'podman'))['reason'] == sentence
    (folder / 'podman').mkdir(parents=True)
    also = '; %s/podman is a directory' % folder
    assert facts(folder, names=('docker', 'podman'))['reason'] == sentence + also
    program(folder / 'docker')
    assert facts(folder, names=('docker', 'podman'))['reason'] is None
    gone = tmp_path / 'gone'
    assert given_paths(gone)['reason'] == '%s not found; %s No such file or directory' % (gone, gone)


def test_given_paths_replace_the_search(tmp_path):
    program(tmp_path / 'bin/docker')
    real = program(tmp_path / 'opt/docker-28')
    result = docker_cli_facts.docker_cli(['docker'], [str(real)], os.fsencode(tmp_path / 'bin'))
    assert (result['real_paths'], result['found'][0]['name'], result['searched']) == ([str(real)], 'docker-28', [])


@pytest.mark.parametrize('path', ['gone/docker', 'file/docker', 'file/'])
def test_a_given_path_without_a_file_is_reported_as_missing(tmp_path, path):
    program(tmp_path / 'file')
    result = given_paths(f'{tmp_path}/{path}')
    assert [match['kind'] for match in result['found']] == ['missing']
    assert result['path'] is None


def test_given_paths_of_one_file_are_found_once(tmp_path):
    real = program(tmp_path / 'opt/docker')
    again = link(tmp_path / 'bin/docker', real)
    assert [match['path'] for match in given_paths(again, real, again)['found']] == [str(again)]


def run_module(args, capsys):
    with patch_module_args(args), pytest.raises(SystemExit):
        docker_cli_facts.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize('check', [False, True])
def test_the_module_returns_the_fact_from_its_own_path_and_no_change(tmp_path, monkeypatch, capsys, check):
    real = program(tmp_path / 'docker')
    monkeypatch.setenv('PATH', str(tmp_path))
    result = run_module({'_ansible_check_mode': check}, capsys)
    assert (result['ansible_facts']['docker_cli']['real_paths'], result['changed']) == ([str(real)], False)


BAD_OPTIONS = [
    ({'executables': []}, 'executables is empty'),
    ({'executables': ['']}, "''"),
    ({'executables': ['.']}, "'.'"),
    ({'executables': ['..']}, "'..'"),
    ({'executables': ['docker', 'bin/docker']}, "'bin/docker'"),
    ({'executables': ['/usr/bin/docker']}, "'/usr/bin/docker'"),
    ({'executables': ['a b']}, "'a b'"),
    ({'executables': ['a\tb']}, r"'a\tb'"),
    ({'executables': ['a\nb']}, r"'a\nb'"),
    ({'executables': ['a\x00b']}, r"'a\x00b'"),
    ({'executables': ['a\u00a0b']}, r"'a\xa0b'"),
    ({'paths': ['bin/docker']}, "paths: 'bin/docker' is not absolute"),
    ({'paths': ['/usr/bin/docker', '']}, "paths: '' is not absolute"),
    ({'paths': ['/a\x00b']}, 'NUL'),
]


@pytest.mark.parametrize('options, words', BAD_OPTIONS, ids=[ascii(row[0]) for row in BAD_OPTIONS])
def test_a_wrong_option_fails_with_its_value_in_the_message(capsys, options, words):
    result = run_module(options, capsys)
    assert result['failed'] and words in result['msg']


PATH_PARTS = st.one_of(
    st.sampled_from([b'', b'.', b'/', b'//', b'bin', b'/proc/self/fd', b'/dev']),
    st.binary(max_size=20).map(lambda part: part.replace(b'\0', b'')),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PATH_PARTS, max_size=6))
def test_no_path_value_makes_it_raise_or_return_what_json_cannot_carry(parts):
    result = docker_cli_facts.docker_cli(['null'], [], b':'.join(parts))
    assert json.loads(json.dumps(result).encode('utf-8')) == result
    assert all(folder.startswith('/') for folder in result['searched'])


def test_what_is_imported_before_the_version_is_checked_is_plain_for_every_python():
    """A Python that is too old must get as far as the sentence that says so."""
    text = pathlib.Path(programs.__file__).read_text()
    plain = (
        ast.Module,
        ast.Assign,
        ast.Expr,
        ast.Tuple,
        ast.Constant,
        ast.Name,
        ast.BinOp,
        ast.Add,
        ast.Store,
        ast.Load,
    )
    assert [type(node) for node in ast.walk(ast.parse(text)) if not isinstance(node, plain)] == []
