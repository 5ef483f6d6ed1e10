# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: whatever tests do and however they end, the lab puts the audit of the machine back, whoever started auditd.

A lab in a lab: the outer one is the machine. Run it with tests/lab/lab audit python -m pytest tests/lab.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

LAB = pathlib.Path(__file__).with_name('lab')
FOLDER = '/run/claude-hooks-docker-audit-inner-lab'
SOCKET = '/var/run/docker.sock'
RULES = (
    '-w /etc/hosts -p r -k by-hand',
    '-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=claude-hooks-docker',
)
# What a test can do to the audit of a machine: other rules, settings and files, a log that is rotated and emptied.
HARM = """
set -e
auditctl -D; auditctl -w /etc/passwd -p r -k harm; auditctl -b 4096 -f 0
echo '-w /etc/shadow -p r -k harm' >/etc/audit/rules.d/harm.rules; chmod 0600 /etc/audit/auditd.conf
rm /etc/audit/rules.d/audit.rules
pid=$(auditctl -s | sed -n 's/^pid //p'); kill -USR1 $pid
until [ -e /var/log/audit/audit.log.1 ]; do sleep 0.1; done
: >/var/log/audit/audit.log; rm /var/log/audit/audit.log.1
kill $pid; until auditctl -s | grep -q '^pid 0$'; do sleep 0.1; done; auditd
"""


def lab(*words):
    result = subprocess.run(
        [sys.executable, str(LAB), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=dict(os.environ, CLAUDE_HOOKS_LAB_DIR=FOLDER),
        check=False,
        timeout=120,
    )
    return result.returncode, result.stdout + result.stderr


def auditctl(*words):
    return subprocess.run(['auditctl', *words], capture_output=True, text=True, check=True).stdout


def auditd():
    return int(auditctl('-s').split('\npid ')[1].split()[0])


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def end_auditd():
    pid = auditd()
    if pid:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: auditd() == 0 and not os.path.exists('/run/auditd.pid'), 'auditd ends')


def by_init_script():
    # As "service auditd start" does where there is no systemd: it loads the rules of /etc/audit, after a -D.
    subprocess.run(
        ['/etc/init.d/auditd', 'start'], env=dict(os.environ, _SKIP_SYSTEMCTL_REDIRECT='yes'), check=True, timeout=60
    )


STARTS = {
    'by nobody': lambda: None,
    'by hand': lambda: subprocess.run(['/sbin/auditd'], check=True),
    'in the foreground': lambda: subprocess.Popen(['auditd', '-n'], start_new_session=True),
    'by its init script': by_init_script,
}


@pytest.fixture(params=list(STARTS))
def machine(request, tmp_path):
    """A machine with rules that are in no file, and an auditd that somebody started. Yields a file for "lab after"."""
    end_auditd()
    STARTS[request.param]()
    if request.param != 'by nobody':
        wait_until(lambda: auditd() != 0, 'auditd starts')
    auditctl('-D')
    for rule in RULES:
        auditctl(*rule.split())
    auditctl('-b', '1234')
    file = str(tmp_path / 'before')
    code, output = lab('before', file)
    assert code == 0, output
    yield file
    lab('down')
    auditctl('-D')


def is_same(file):
    return lab('after', file)[0] == 0


def is_as_before(file):
    code, output = lab('after', file)
    assert code == 0, output
    assert auditctl('-l').splitlines() == list(RULES)
    return True


def test_a_run_that_ends_leaves_no_trace(machine):
    code, output = lab('audit', 'sh', '-c', HARM + 'exit 7')
    assert code == 7, output
    assert is_as_before(machine)


def kill_half_way(verb, script, ready):
    """Run a script in the lab, and kill the process group of the lab once the script has made a file."""
    process = subprocess.Popen(
        [sys.executable, str(LAB), verb, 'sh', '-c', '%s\ntouch %s; sleep 987' % (script, ready)],
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, CLAUDE_HOOKS_LAB_DIR=FOLDER),
        start_new_session=True,
    )
    try:  # the first run on a machine makes the image
        wait_until(lambda: ready.exists() or process.poll() is not None, 'the run is half way', 900)
        assert process.poll() is None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def runs(*words):
    return subprocess.run(['pgrep', '-f', '^' + ' '.join(words)], capture_output=True, check=False).returncode == 0


def test_a_run_that_was_killed_is_cleaned_up_after(machine, tmp_path):
    kill_half_way('audit', HARM + 'setsid sleep 986 &', tmp_path / 'ready')
    assert runs('sleep', '986') and not is_same(machine)
    for _twice in range(2):
        code, output = lab('down')
        assert code == 0, output
        assert is_as_before(machine)
    assert not runs('sleep', '98[67]')


@pytest.mark.parametrize('machine', ['by hand'], indirect=True)
def test_an_auditd_that_was_killed_is_none_although_the_kernel_names_it_for_a_while(machine):
    pid = auditd()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists('/proc/%d' % pid), 'auditd ends')
    code, output = lab('audit', 'true')
    assert code == 0 and 'started the auditd of this machine' not in output, output


@pytest.fixture(params=['nothing', 'a folder'])
def at_the_socket(request):
    """Where no engine listens, an engine makes a folder there for a container that mounts its socket."""
    before = os.path.lexists(SOCKET)
    if request.param == 'a folder' and not before:
        os.mkdir(SOCKET)
    yield
    if request.param == 'a folder' and not before:
        os.rmdir(SOCKET)


@pytest.mark.parametrize('machine', ['by hand'], indirect=True)
def test_the_engine_of_a_run_that_was_killed_ends_with_its_containers(machine, at_the_socket, tmp_path):
    start = (
        'docker run --detach --network none --label claude_hooks.docker_audit=test "$DOCKER_AUDIT_TEST_IMAGE" sleep 985'
    )
    kill_half_way('run', 'set -e; ' + start, tmp_path / 'ready')
    assert runs('sleep', '985')
    code, output = lab('down')
    assert code == 0, output
    assert is_as_before(machine)
    assert not runs('sleep', '98[57]')
