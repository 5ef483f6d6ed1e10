# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage of a day with stops of every kind: programs, containers on the engine of the lab, and what happened."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

KEY = 'claude-hooks-test'
IMAGE = os.environ['DOCKER_AUDIT_TEST_IMAGE']
SOCKET = os.path.realpath(os.environ['DOCKER_HOST'][len('unix://') :])
# Of another release's engine only its own CLI; the machine's own may have two.
OWN = not os.environ.get('DOCKER_AUDIT_TEST_ENGINE')
DOCKERS = sorted({os.path.realpath(path) for path in (shutil.which('docker'), OWN and '/usr/bin/docker') if path})
LABEL = 'claude_hooks.docker_audit=test'
PREFIX = 'claude-hooks-day-'
POLITE = ['sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 0.05; done']
DEAF = ['sleep', '600']  # as pid 1 it gets no signal that it does not handle
OPS = 1000  # a user whose docker is watched, beside root

#: container -> [(what, cause, pid of the asker or None)]: what the script did, in its own words
RECORDS: dict[str, list[tuple[str, str, int | None]]] = collections.defaultdict(list)

API = '''
import http.client, socket, sys, time
client = http.client.HTTPConnection('localhost')
client.sock = socket.socket(socket.AF_UNIX)
client.sock.connect(sys.argv[1])
for method, path in zip(sys.argv[2::2], sys.argv[3::2]):
    client.request(method, path)
    answer = client.getresponse()
    print(answer.status, answer.read().decode())
'''


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost')
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)


class Events(threading.Thread):
    """Follows the events of an engine until it is gone."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.events, self.gone = path, [], None
        self._client = Unix(path)
        self._client.request('GET', '/events')
        self._stream = self._client.getresponse()
        self.start()

    def run(self):
        try:
            for line in self._stream:
                self.events.append(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.gone = time.time() * 1000


def run(*words, wanted=0, **options):
    """Runs a program; returns (pid, output)."""
    options = {'stdin': subprocess.DEVNULL, **options}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    output = process.communicate(timeout=90)[0]
    assert wanted is None or process.returncode == wanted, (words, output)
    return process.pid, output.strip()


def docker(*words, **options):
    return run(random.choice(DOCKERS), *words, **options)


def api(*requests, wanted=0):
    """The pid of an API client that makes requests, each (method, path), over one connection."""
    return run(sys.executable, '-c', API, SOCKET, *(word for request in requests for word in request), wanted=wanted)[0]


def as_user(uid):
    """How to run a program as another user who may reach the engine."""
    home = {'HOME': '/', 'DOCKER_HOST': 'unix://' + SOCKET, 'PATH': os.environ['PATH']}
    return {'user': uid, 'group': os.stat(SOCKET).st_gid, 'extra_groups': [], 'env': home}


def container(name, *command, options=()):
    words = ['run', '-d', '--network', 'none', '--label', LABEL, '--name', name, *options, IMAGE, *command]
    identity = docker(*words)[1]
    if any('trap ' in word for word in command):
        await_traps(identity.split()[-1])
    return identity


def await_traps(identity):
    """Until the shell of a container has set its traps: what it does not handle is lost on a first process."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                if identity in (process / 'cgroup').read_text() and b'trap ' in (process / 'cmdline').read_bytes():
                    caught = re.search(r'^SigCgt:\s*(\w+)', (process / 'status').read_text(), re.MULTILINE)
                    if int(caught[1], 16) & ~(1 << signal.SIGCHLD - 1):
                        return
        time.sleep(0.02)


@contextlib.contextmanager
def foreground(*words, **options):
    """A program that goes on running, with a process group of its own, as a shell gives it; ended at the end."""
    quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    # Whatever runs in the background of a script has SIGINT ignored, what a user runs has not
    words = ['env', '--default-signal=INT', *words]
    with subprocess.Popen(words, start_new_session=True, **{**quiet, **options}) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def inspect(name, form):
    return docker('inspect', '-f', form, name)[1]


def wait_for(condition, what, seconds=40):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, '%s: not within %d s' % (what, seconds)
        time.sleep(0.1)


def is_state(name, *states):
    """Whether a container is in one of the states; "gone" where there is none."""
    return (docker('inspect', '-f', '{{.State.Status}}', name, wanted=None)[1].splitlines() or [''])[-1] in states


def await_running(name):
    wait_for(lambda: is_state(name, 'running'), name + ' runs')
    time.sleep(0.3)  # until its shell has set its traps


def await_end(name):
    wait_for(lambda: not is_state(name, 'running', 'removing', 'restarting'), name + ' ended')


def await_no(name):
    wait_for(lambda: name not in docker('ps', '-a', '--format', '{{.ID}} {{.Names}}')[1], name + ' is removed')


def first_process(name):
    return int(inspect(name, '{{.State.Pid}}'))


def note(name, what, cause, pid=None):
    RECORDS[name].append((what, cause, pid))


def end(process, number=signal.SIGTERM):
    """Send a signal; Ctrl-C goes to all that run in the foreground of a terminal."""
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    process.wait(30)


def folder_of(name):
    """A folder that is this container's alone."""
    folder = pathlib.Path('/tmp') / name
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir()
    return folder
