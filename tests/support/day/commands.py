# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of cause, one container each: commands of docker.

Each gets a name, makes its container vanish and notes who did what.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

from ansible_collections.claude_hooks.docker_audit.tests.support.day.stage import (
    DEAF,
    DOCKERS,
    IMAGE,
    LABEL,
    OPS,
    POLITE,
    SOCKET,
    api,
    as_user,
    await_end,
    await_no,
    await_running,
    container,
    docker,
    end,
    foreground,
    note,
    run,
    wait_for,
)

# --- A command of docker ---


def stop_honoured(name):
    container(name, *POLITE)
    note(name, 'stopped', 'cli', docker('stop', name)[0])


def stop_ignored(name):
    container(name, *DEAF)
    note(name, 'stopped', 'cli', docker('stop', '-t', '1', name)[0])


def kill(name):
    container(name, *DEAF)
    note(name, 'died', 'cli', docker('kill', name)[0])


def remove_by_name(name):
    container(name, *DEAF)
    note(name, 'removed', 'cli', docker('rm', '-f', name)[0])


def remove_by_id(name):
    note(name, 'removed', 'cli', docker('rm', '-f', container(name, *DEAF))[0])


def remove_by_prefix(name):
    note(name, 'removed', 'cli', docker('container', 'rm', '--force', container(name, *DEAF)[:10])[0])


def restart(name):
    container(name, *POLITE)
    note(name, 'restarted', 'cli', docker('restart', name)[0])
    note(name, 'removed', 'cli', docker('rm', '-f', name)[0])


def rename_then_remove(name):
    container(name, *DEAF)
    note(name, 'renamed', 'cli', docker('rename', name, name + '-new')[0])
    note(name, 'removed', 'cli', docker('rm', '-f', name + '-new')[0])


def traversal(name):
    container(name, *POLITE)
    note(name, 'stopped', 'cli', docker('stop', name)[0])
    note(name, 'removed', 'cli', docker('volume', 'rm', '-f', '../containers/' + name)[0])


def wrapped(name):
    container(name, *POLITE)
    note(name, 'stopped', 'cli', run('bash', '-c', '%s stop %s; true' % (random.choice(DOCKERS), name))[0])


def cron(name):
    container(name, *DEAF)
    script = pathlib.Path('/tmp') / (name + '.sh')
    script.write_text('#!/bin/sh\nset -e\ndocker kill %s\nexit 0\n' % name)
    script.chmod(0o755)
    note(
        name,
        'died',
        'cli',
        run(
            'env',
            '-i',
            'PATH=%s:/usr/bin:/bin' % os.path.dirname(DOCKERS[0]),
            'DOCKER_HOST=unix://' + SOCKET,
            str(script),
        )[0],
    )
    script.unlink()


# --- More commands of docker ---


def kill_by_a_signal(name):
    container(name, *POLITE)
    note(name, 'died', 'cli', docker('kill', '--signal', 'TERM', name)[0])
    await_end(name)


def stop_two_at_once(name):
    container(name, *POLITE)
    container(name + '-new', *DEAF)
    asker = docker('stop', '--time=1', name, name + '-new')[0]
    note(name, 'stopped', 'cli', asker)


def remove_with_volumes(name):
    container(name, *DEAF, options=('-v', '/data'))
    note(name, 'removed', 'cli', docker('container', 'rm', '-fv', name)[0])


def remove_a_stopped_one(name):
    container(name, 'true')
    note(name, 'died', 'self_exit')
    await_end(name)
    note(name, 'removed', 'cli', docker('rm', name)[0])


def prune_by_label(name):
    container(name, 'true', options=('--label', 'day=' + name))
    note(name, 'died', 'self_exit')
    await_end(name)
    note(name, 'removed', 'cli', docker('container', 'prune', '--force', '--filter', 'label=day=' + name)[0])


def another_watched_user(name):
    container(name, *POLITE)
    note(name, 'stopped', 'cli', docker('stop', name, **as_user(OPS))[0])


def engine_by_option(name):
    container(name, *DEAF)
    note(name, 'died', 'cli', docker('-H', 'unix://' + SOCKET, 'kill', name)[0])


def xargs(name):
    container(name, *DEAF)
    words = ['sh', '-c', 'echo %s | xargs %s rm -f' % (name, random.choice(DOCKERS))]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    process.wait(60)
    note(name, 'removed', 'cli', None)  # a child of a child, whose pid the script does not get to know


def not_forced(name):
    """A docker rm whose -f is a name, which takes nothing away, while an API client kills."""
    container(name, *DEAF)
    docker('rm', name, '--', '-f', wanted=1)
    note(name, 'died', 'api', api(('POST', '/containers/%s/kill' % name)))


def stop_of_a_crash_loop(name):
    """It ends by itself again and again; the stop keeps it from coming back."""
    container(name, 'sh', '-c', 'sleep 0.3; exit 3', options=('--restart', 'always'))
    note(name, 'died', 'self_exit')
    time.sleep(2)
    asker = docker('stop', name)[0]
    for what in ('stopped', 'died'):
        note(name, what, 'cli', asker)
    await_end(name)


# --- A command of docker that is attached to the container, or runs something in it ---


def run_in_the_foreground(name):
    """Ctrl-C, which docker run hands on."""
    words = [random.choice(DOCKERS), 'run', '--network', 'none', '--label', LABEL, '--name', name, IMAGE, *POLITE]
    with foreground(*words) as client:
        await_running(name)
        end(client, signal.SIGINT)
    note(name, 'died', 'cli', client.pid)
    await_end(name)


def start_attached(name):
    container(name, *POLITE)
    note(name, 'stopped', 'cli', docker('stop', name)[0])
    with foreground(random.choice(DOCKERS), 'start', '--attach', name) as client:
        await_running(name)
        end(client)
    note(name, 'died', 'cli', client.pid)
    await_end(name)


def attach(name):
    container(name, *POLITE)
    with foreground(random.choice(DOCKERS), 'attach', name) as client:
        await_running(name)
        end(client)
    note(name, 'died', 'cli', client.pid)
    await_end(name)


def exec_of_kill(name):
    container(name, *POLITE)
    await_running(name)
    note(name, 'died', 'cli', docker('exec', name, 'sh', '-c', 'kill 1', wanted=None)[0])
    await_end(name)


def exec_by_the_api(name):
    container(name, *POLITE)
    await_running(name)
    code = '''
import http.client, json, socket, sys
def ask(path, body):
    client = http.client.HTTPConnection('localhost')
    client.sock = socket.socket(socket.AF_UNIX)
    client.sock.connect(sys.argv[1])
    client.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
    return json.loads(client.getresponse().read() or b'{}')
made = ask('/containers/%s/exec' % sys.argv[2], {'Cmd': ['sh', '-c', 'kill 1']})
ask('/exec/%s/start' % made['Id'], {'Detach': True})
'''
    note(name, 'died', 'api', run(sys.executable, '-c', code, SOCKET, name)[0])
    await_end(name)


def exec_that_harms_nobody(name):
    container(name, 'sh', '-c', 'sleep 2; exit 5')
    docker('exec', name, 'true')
    note(name, 'died', 'self_exit')
    await_end(name)


def removed_by_the_engine(name):
    """--rm: it ends by itself, and the engine removes it."""
    docker('run', '-d', '--rm', '--network', 'none', '--label', LABEL, '--name', name, IMAGE, 'sleep', '0.5')
    note(name, 'died', 'self_exit')
    note(name, 'removed', 'engine')
    await_end(name)


def stop_of_one_with_rm(name):
    docker('run', '-d', '--rm', '--network', 'none', '--label', LABEL, '--name', name, IMAGE, *POLITE)
    asker = docker('stop', name)[0]
    note(name, 'stopped', 'cli', asker)
    note(name, 'removed', 'engine')
    note(name, 'removed', 'cli', asker)
    await_end(name)


# --- Services of a swarm, whose agent stops and removes what a command asked for ---


class _Swarm:
    """A swarm of this engine alone, as long as a kind needs one."""

    def __init__(self):
        self._lock, self._users = threading.Lock(), 0

    def __enter__(self):
        with self._lock:
            if not self._users:
                docker('swarm', 'init', '--advertise-addr', '127.0.0.1')
            self._users += 1

    def __exit__(self, *_unused):
        with self._lock:
            self._users -= 1
            if not self._users:
                docker('swarm', 'leave', '--force')


_SWARM = _Swarm()


def _task(name):
    """The container of a service with one task."""
    options = ['--network', 'host', '--label', LABEL, '--no-resolve-image', '--restart-condition', 'none']
    docker('service', 'create', '--detach', '--name', name, *options, IMAGE, *POLITE)
    found = []
    wait_for(
        lambda: found.extend(docker('ps', '-q', '--filter', 'name=' + name)[1].split()) or found, name + ' runs', 90
    )
    time.sleep(0.5)  # until its shell has set its trap
    return found[0]


def _note_both(name, asker, *what):
    for one in what:
        note(name, one, 'cli', asker)
        note(name, one, 'engine')


def swarm_scale(name):
    with _SWARM:
        task = _task(name)
        _note_both(name, docker('service', 'scale', '--detach', name + '=0')[0], 'stopped', 'removed')
        await_no(task)
        docker('service', 'rm', name)


def swarm_remove(name):
    with _SWARM:
        task = _task(name)
        _note_both(name, docker('service', 'rm', name)[0], 'stopped', 'removed')
        await_no(task)


def swarm_kill(name):
    """A task is killed by a command that names its container; that of its service removes what is left."""
    with _SWARM:
        task = _task(name)
        note(name, 'died', 'cli', docker('kill', task)[0])
        await_end(task)
        _note_both(name, docker('service', 'rm', name)[0], 'removed')
        await_no(task)
