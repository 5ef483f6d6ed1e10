# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: of an asker its login, and what still lives of it, are told as they really were, and nothing of any other.

A real login over sshd and PAM, real processes, real containers with pid namespaces of their own. Needs what
tests/lab/lab gives.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.tests.support import kernel_audit, playing
from ansible_collections.claude_hooks.docker_audit.tests.support.sshd import Sshd
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
KEY = 'claude-hooks-test'
DOCKER = os.path.realpath(shutil.which('docker'))
SOCKET = os.path.realpath('/run/docker.sock')
IMAGE = os.environ['DOCKER_AUDIT_TEST_IMAGE']
LABEL = 'claude_hooks.docker_audit=test'  # tests/lab/lab removes what carries it
NOWHERE = 'DOCKER_HOST=unix:///nonexistent'


@pytest.fixture(scope='module', autouse=True)
def rules():
    added = [
        ['-F', 'path=' + DOCKER, '-F', 'perm=x', '-F', 'key=' + KEY],
        ['-F', 'arch=b64', '-S', 'connect', '-F', 'path=' + SOCKET, '-F', 'key=%s-socket' % KEY],
    ]
    with contextlib.ExitStack() as stack:
        for words in added:
            # First in the list: a rule that another test left would take the events.
            stack.enter_context(kernel_audit.rule(*words, first=True))
        yield


@pytest.fixture
def name():
    return 'claude-hooks-caller-%s' % uuid.uuid4().hex[:12]


@pytest.fixture
def living():
    """Processes to be ended after a test."""
    started = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def ask(module, name, **options):
    """What a module returns, run by Ansible."""
    succeeded, returned = playing.ask(module, dict({'key': KEY, 'container': name}, **options))
    assert succeeded, returned
    return returned


def caller(name):
    (finding,) = ask('docker_findings_info', name, possible=False)['findings']
    return finding, finding['caller']


def wait_for_the_log(text):
    wait_until(lambda: kernel_audit.is_logged(text.encode()), '%s in the log' % text)


@pytest.fixture
def sshd(tmp_path):
    server = Sshd(tmp_path, use_pam=True)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize('options, terminal', [([], 'ssh'), (['-tt'], '/dev/pts/')])
def test_the_login_over_ssh_is_told(sshd, name, options, terminal):
    before = time.time()
    assert sshd.login('%s docker rm -f %s' % (NOWHERE, name), *options).wait(20) is not None
    wait_for_the_log(name)
    finding, known = caller(name)
    login = known['login']
    assert (login['account'], login['address'], login['auid'], login['ses'], os.path.basename(login['exe'])) == (
        'root',
        '127.0.0.1',
        0,
        finding['ses'],
        'sshd',
    )
    assert login['terminal'].startswith(terminal) and login['timestamp'] <= finding['timestamp']
    assert time.strftime('%Y-%m-%dT%H:%M', time.gmtime(before - 60)) < login['timestamp']
    assert (known['process'], known['parent']) == (None, None)


def test_two_logins_at_once_are_kept_apart(sshd, name):
    runs = [sshd.login('%s docker stop %s-%d; sleep 1' % (NOWHERE, name, number)) for number in range(4)]
    for run in runs:
        run.wait(20)
    wait_for_the_log(name + '-3')
    found = ask('docker_findings_info', name + '-*', possible=False)['findings']
    records = re.findall(
        r'type=LOGIN msg=audit\((\S+)\): pid=\d+ .*? ses=(\d+) res=1',
        pathlib.Path('/var/log/audit/audit.log').read_text(errors='replace'),
    )
    assert len(found) == 4 and len({finding['ses'] for finding in found}) == 4
    for finding in found:
        event = [event for event, ses in records if int(ses) == finding['ses']][-1]
        assert (finding['caller']['login']['ses'], finding['caller']['login']['event']) == (finding['ses'], event)


def script(name, folder, living, *more):
    """A shell script that lives on after it has run docker for a container that is not there."""
    path = folder / 'clean up.sh'
    path.write_text(
        '\n'.join(['#!/bin/sh', 'export ' + NOWHERE, '%s stop %s' % (DOCKER, name), *(more or ['sleep 60 & wait']), ''])
    )
    living.append(
        subprocess.Popen(
            ['/bin/sh', str(path), 'evil\x1b[2J'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    )
    wait_for_the_log(name)
    return living[-1]


def test_a_parent_that_lives_is_told_and_one_that_has_ended_is_not(name, tmp_path, living):
    parent = script(name, tmp_path, living)
    finding, known = caller(name)
    assert (finding['ppid'], known['login'], known['process']) == (parent.pid, None, None)
    assert known['parent']['pid'] == parent.pid and known['parent']['argv'] == [
        '/bin/sh',
        str(tmp_path / 'clean up.sh'),
        'evil\x1b[2J',
    ]
    assert (known['parent']['exe'], known['parent']['container']) == (os.path.realpath('/bin/sh'), None)
    # The start of a process is known to a tick, and by another clock than that of audit
    started = times.moment(known['parent']['started'])
    assert started <= times.moment(finding['timestamp']) + 20 and known['parent']['seen'] > finding['timestamp']
    code, shown = playing.play('playbooks/findings.yml', options={'key': KEY, 'container': name})
    assert (
        code == 0
        and "    parent: %d" % parent.pid in shown
        and "'%s' $'evil\\x1b[2J'" % (tmp_path / 'clean up.sh') in shown
        and '\x1b' not in shown
    )
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    assert caller(name)[1]['parent'] is None


def test_another_process_with_the_pid_of_the_parent_is_not_taken_for_it(name, tmp_path, living):
    parent = script(name, tmp_path, living, 'exit 0')
    parent.wait(20)
    time.sleep(0.1)
    for _attempt in range(50):
        # The kernel gives the next free number (proc(5), ns_last_pid)
        pathlib.Path('/proc/sys/kernel/ns_last_pid').write_text(str(parent.pid - 1))
        other = subprocess.Popen(['/bin/sleep', '60'], stdin=subprocess.DEVNULL)
        living.append(other)
        if other.pid == parent.pid:
            break
    assert other.pid == parent.pid
    finding, known = caller(name)
    assert (finding['ppid'], known['parent']) == (other.pid, None)


def test_a_client_in_a_container_is_named_by_its_container(name):
    """Its pid is another one in its own pid namespace."""

    def docker(*words):
        return subprocess.run(
            [DOCKER, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        ).stdout.strip()

    run = ['run', '-d', '--network', 'none', '--label', LABEL]
    target = docker(*run, '--name', name, IMAGE, 'sleep', '600')
    code = (
        "import http.client, socket, time; c = http.client.HTTPConnection('localhost'); "
        "c.sock = socket.socket(socket.AF_UNIX); "
        "c.sock.connect('/engine.sock'); c.request('POST', '/containers/%s/kill'); c.getresponse(); time.sleep(600)"
        % target
    )
    agent = docker(*run, '--name', 'agent-' + name, '-v', SOCKET + ':/engine.sock', IMAGE, 'python3', '-c', code)
    wait_until(lambda: docker('inspect', '-f', '{{.State.Running}}', target) == 'false', 'the end of the container')
    wait_for_the_log('comm="python3"')
    time.sleep(1)
    (verdict,) = [verdict for verdict in ask('docker_verdicts_info', name)['verdicts'] if verdict['id'] == target]
    (process,) = [
        who['caller']['process'] for who in verdict['who'] if (who['caller']['process'] or {}).get('container')
    ]
    assert (process['container'], process['container_name'], process['unit']) == (agent, 'agent-' + name, None)
    assert process['argv'][:2] == ['python3', '-c']


def test_the_caller_is_told_live(sshd, name, tmp_path, living):
    """With tail.yml, while the shell that ran docker still lives; what a shell runs is shown with secrets alone."""
    options = {'key': KEY, 'container': name, 'possible': False, 'output': 'jsonl', 'duration': 12, 'secrets': True}
    command = [str(BIN / 'ansible-playbook'), 'playbooks/tail.yml', '-e', json.dumps(options)]
    living.append(
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(os.environ, ANSIBLE_NOCOLOR='1', XDG_STATE_HOME=str(tmp_path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    time.sleep(5)
    living.append(sshd.login('%s docker stop %s; sleep 15; true' % (NOWHERE, name)))
    lines = [json.loads(line) for line in living[0].stdout if line.startswith('{')]
    assert living[0].wait(30) == 0
    (known,) = [line['caller'] for line in lines]
    assert (known['login']['account'], known['login']['address']) == ('root', '127.0.0.1')
    assert known['parent']['argv'][-1].endswith('sleep 15; true') and known['parent']['started']
