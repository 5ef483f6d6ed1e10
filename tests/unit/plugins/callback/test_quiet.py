# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: with the callback quiet the views stand alone on stdout, each problem once on stderr; -v brings the rest.

Runs the real make and ansible-playbook on hosts whose Python is a script that prints an answer of our choice.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

ROOT = pathlib.Path(__file__).resolve().parents[4]
BIN = pathlib.Path(sys.executable).parent
SPAN = {'first': '2026-11-20T00:00:03.120Z', 'last': '2026-11-24T23:58:01.007Z'}
FINDING = {
    'host': None,
    'timestamp': '2026-11-24T23:57:43.051Z',
    'event': '1795564663.051:91',
    'action': 'remove',
    'targets': ['claude-hooks-a'],
    'match': 'name',
    'pid': 7,
    'ppid': 1,
    'uid': 0,
    'auid': 1000,
    'exe': '/usr/bin/docker',
    'cwd': '/root',
    'argv': ['docker', 'rm', 'claude-hooks-a'],
    'argv_complete': True,
}
ANSWER = {
    'changed': False,
    'findings': [FINDING],
    'unreadable': [],
    'counts': {'bytes': 9, 'executions': 1, 'failed': 0, 'unreadable': 0},
    'span': SPAN,
    'verdicts': [],
    'events': {
        'count': 0,
        'first': None,
        'full': False,
        'gaps': [],
        'kept': 0,
        'engine': {'reachable': True, 'reason': None},
    },
    'connects': 0,
    'token': 'x' * 32,
    'acked': True,
    'gaps': [],
}
PYTHON = 'ansible_python_interpreter=' + sys.executable
HOSTS = {'good': json.dumps(ANSWER), 'bad': json.dumps({'failed': True, 'msg': 'no audit log'})}


@pytest.fixture(scope='module')
def inventory(tmp_path_factory):
    return playing.answering(tmp_path_factory.mktemp('hosts'), HOSTS, "cat '%s'")


def command(inventory, target, args='', limit='good'):
    words = ['make', '-s', target, 'INVENTORY=%s' % inventory, 'ARGS=%s' % args, 'LIMIT=' + limit]
    # Nothing is set up: the environment of this test has it all
    venv = os.path.relpath(BIN.parent, ROOT)
    return [*words, '-o', venv + '/ready', 'VENV=' + venv]


def environment(inventory, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(('ANSIBLE_', 'MAKE', 'MFLAGS'))}
    return dict(kept, XDG_STATE_HOME=str(inventory.parent), **more)


def make(inventory, *words, **options):
    done = subprocess.run(
        command(inventory, *words, **options),
        cwd=ROOT,
        env=environment(inventory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    'args, is_told',
    [('', True), ('-e docker_audit_uids=0', True), ('--check', False), ('-C', False), ('--diff --check', False)],
)
def test_the_next_step_is_named_only_where_this_one_was_done(inventory, args, is_told):
    words = command(inventory, 'audit-install', args)
    shown = subprocess.run(
        [*words, '-n'], cwd=ROOT, env=environment(inventory), capture_output=True, text=True, check=True
    )
    assert ("echo 'Next: " in shown.stdout) == is_told, shown.stdout


def test_the_view_stands_alone(inventory):
    code, out, err = make(inventory, 'audit-findings')
    assert (code, err) == (0, ''), err
    assert out.lstrip().startswith('TIME ') and out.rstrip().endswith(
        '1 of 1 host read, since today: 1 finding, 1 docker execution seen'
    ), out


@pytest.mark.parametrize('target', ['audit-findings', 'audit-verdicts'])
def test_a_reason_stands_once_and_is_no_news_of_ansible(inventory, target):
    code, out, err = make(inventory, target, limit='all')
    assert code == 2 and (out + err).count('no audit log') == 1 and '    bad: no audit log' in out, out + err
    assert not re.search(r'PLAY|TASK|fatal|\[ERROR\]|Not read', out + err), out + err


@pytest.mark.parametrize('target', ['audit-findings', 'audit-verdicts'])
def test_a_time_that_is_none_is_refused_before_any_host_is_touched(inventory, target):
    code, out, err = make(inventory, target, '-e since=lastweek')
    assert code == 2 and out == '' and err.count("'lastweek' is no ISO 8601 time: write it like") == 1, out + err


def test_a_reason_of_several_hosts_stands_once(inventory):
    code, _out, err = make(inventory, 'audit-install', '-e docker_audit_uids=root', limit='all')
    assert code == 2 and err.count('"root" is no user id') == 1, err
    assert err.splitlines()[1] in ('bad: the same as good', 'good: the same as bad'), err


def test_what_is_refused_is_one_line_on_stderr(inventory):
    code, out, err = make(inventory, 'audit-findings', '-e dest=x.txt')
    assert code == 2 and out == '' and err.count('x.txt') == 1 and '[ERROR]' not in err, err
    assert re.match(r'good: .*: dest=x\.txt: write JSON Lines', err), err


@pytest.mark.parametrize('dest', ['-', '/dev/stdout'])
@pytest.mark.parametrize('target', ['audit-findings', 'audit-verdicts'])
def test_a_file_that_is_stdout_has_it_for_itself(inventory, target, dest):
    code, out, err = make(inventory, target, '-e dest=' + dest)
    assert code == 0 and 'host read' in err and os.path.lexists('/dev/stdout'), err
    assert [json.loads(line)['argv'] for line in out.splitlines()] == (
        [FINDING['argv']] if target == 'audit-findings' else []
    )


def test_followed_findings_are_pure_json(inventory):
    code, out, err = make(inventory, 'audit-tail', '--check -e output=jsonl')
    assert code == 0 and [json.loads(line)['host'] for line in out.splitlines()] == ['good'], out + err
    assert err.splitlines() == [
        "Following 1 host: good (container='claude-hooks-*', reader=tail)",
        'good: 1 finding, 0 gaps, 0 reconnects',
    ]


def test_a_file_that_was_written_is_named(inventory, tmp_path):
    path = tmp_path / 'x.csv'
    code, out, _err = make(inventory, 'audit-findings', '-e dest=%s' % path)
    assert code == 0 and out.endswith('\nWritten: %s\n' % path) and path.exists(), out


def test_v_brings_the_output_of_ansible(inventory):
    code, out, _err = make(inventory, 'audit-findings', '-v')
    assert code == 0 and 'PLAY RECAP' in out and 'TASK [Read the audit log]' in out


def test_messages_stand_below_their_host(tmp_path):
    (tmp_path / 'x.yml').write_text(
        '[{hosts: localhost, gather_facts: false, tasks: [{debug: {msg: [one, "t\\e[2Jwo"]}}, '
        '{command: /bin/true}, {debug: {msg: three}}, {debug: {var: given}}]}]'
    )
    done = subprocess.run(
        [
            BIN / 'ansible-playbook',
            '-i',
            'localhost,',
            '-c',
            'local',
            tmp_path / 'x.yml',
            '-e',
            PYTHON,
            '-e',
            '{"given": [1, "x"]}',
        ],
        env=dict(os.environ, ANSIBLE_STDOUT_CALLBACK='claude_hooks.docker_audit.quiet', ANSIBLE_NOCOLOR='1'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == 'localhost: changed\n    one\n    t\\x1b[2Jwo\n    three\n    given: [1, "x"]\n', (
        done.stdout + done.stderr
    )


def test_a_run_ends_where_nobody_reads_its_output(inventory):
    """As with "| head". Ansible alone waits for ever then."""
    process = subprocess.Popen(
        command(inventory, 'audit-findings'),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(inventory),
        start_new_session=True,
    )
    process.stdout.close()
    try:
        assert process.wait(60) != 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def in_a_terminal(words, env, until, number):
    """The output of a program in a terminal of its own, where Ctrl-C is typed once it has printed something."""
    terminal, inside = pty.openpty()
    # Not pty.fork: a child of a process with several threads, like a worker of pytest, can wait for a lock for ever.
    process = subprocess.Popen(
        ['setsid', '--ctty', *words], stdin=inside, stdout=inside, stderr=inside, cwd=ROOT, env=env
    )
    os.close(inside)
    output, typed, deadline = b'', False, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # pty(7): EIO once the other end is closed
            part = b''
        output += part
        if not part:
            break
        if until in output and not typed:
            typed = True
            os.write(terminal, number)
    os.close(terminal)
    return process.wait(60), output.decode()


def test_ctrl_c_ends_a_tail_without_an_error(inventory):
    words = command(inventory, 'audit-tail')
    status, output = in_a_terminal(words, environment(inventory, NO_COLOR='1'), b'$ docker rm', b'\x03')
    assert status in (-signal.SIGINT, 0, 130), status
    assert not re.search(r'ERROR|\*\*\*|Traceback|Error ', output), output
    assert output.startswith('Following 1 host: good '), shlex.quote(output)


@pytest.mark.parametrize('more, is_coloured', [({}, True), ({'NO_COLOR': '1'}, False)])
def test_a_terminal_has_colours_unless_no_color_is_set(inventory, more, is_coloured):
    env = environment(inventory, TERM='xterm', **more)
    status, output = in_a_terminal(command(inventory, 'audit-findings'), env, b'never', b'')
    assert status == 0 and ('\x1b' in output) == is_coloured, output


@pytest.mark.parametrize('columns', [80, 120])
def test_a_view_is_broken_at_the_width_of_the_terminal_and_whole_in_a_pipe(tmp_path, columns):
    evidence = 'no rule for ' + ', '.join('/opt/docker-%d/bin/docker' % number for number in range(12))
    problem = {'code': 'rule_missing', 'weight': 'partial', 'evidence': evidence, 'remedy': 'Run audit.yml.'}
    answer = {'changed': False, 'problems': [problem], 'coverage': 'partial', 'watched': [], 'retention': None}
    python = tmp_path / 'python'
    python.write_text("#!/bin/sh\ncat <<'.'\n%s\n.\n" % json.dumps(dict(answer, own_keys=['claude-hooks-docker'])))
    python.chmod(0o755)
    host = {'ansible_connection': 'local', 'ansible_python_interpreter': str(python)}
    path = tmp_path / 'hosts.json'
    path.write_text(json.dumps({'all': {'hosts': {'good': host}}}))
    words = ['sh', '-c', 'stty cols %d; %s' % (columns, shlex.join(command(path, 'audit-coverage')))]
    status, output = in_a_terminal(words, environment(path, NO_COLOR='1'), b'never', b'')
    lines = output.split('\r\n')
    assert status == 0 and columns - 30 < max(map(len, lines)) <= columns, output
    assert sum('/opt/docker-' in line for line in lines) > 2, output
    assert evidence in make(path, 'audit-coverage')[1]
