# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of cause, one container each: clients of the API, the program itself, signals from elsewhere.

Each gets a name, makes its container vanish and notes who did what.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import time

from ansible_collections.claude_hooks.docker_audit.tests.support.day.stage import (
    API,
    DEAF,
    DOCKERS,
    OWN,
    POLITE,
    SOCKET,
    api,
    await_end,
    await_running,
    container,
    docker,
    first_process,
    folder_of,
    foreground,
    note,
    run,
)
from ansible_collections.claude_hooks.docker_audit.tests.support.sshd import Sshd


def unwatched_user(name):
    container(name, *DEAF)
    group = os.stat(SOCKET).st_gid
    note(
        name,
        'died',
        'api',
        docker(
            'kill', name, user=1001, group=group, extra_groups=[], env={'HOME': '/', 'DOCKER_HOST': 'unix://' + SOCKET}
        )[0],
    )


def sdk(name):
    container(name, *POLITE)
    note(
        name,
        'stopped',
        'api',
        run('/usr/bin/python3', '-c', 'import docker; docker.from_env().containers.get(%r).stop()' % name)[0],
    )


def sdk_kept_connection(name):
    container(name, *DEAF)
    code = 'import docker, time; c = docker.from_env().containers.get(%r); time.sleep(3); c.remove(force=True)' % name
    note(name, 'removed', 'api', run('/usr/bin/python3', '-c', code)[0])


def curl(name):
    container(name, *DEAF)
    note(
        name,
        'died',
        'api',
        run('curl', '-sS', '--unix-socket', SOCKET, '-X', 'POST', 'http://localhost/containers/%s/kill' % name)[0],
    )


def own_exit(name):
    container(name, 'sh', '-c', 'sleep 0.5; exit %d' % random.choice([0, 1, 3]))
    note(name, 'died', 'self_exit')


def own_143(name):
    container(name, 'sh', '-c', 'sleep 0.5; exit 143')
    note(name, 'died', 'self_exit')


def own_137(name):
    container(name, 'sh', '-c', 'sleep 0.5; exit 137')
    note(name, 'died', 'self_exit')


def child_killed(name):
    """The shell that is its first process ends with the code of its child."""
    container(name, 'sh', '-c', 'sleep 0.5; sh -c "kill -9 \\$\\$"; exit $?')
    note(name, 'died', 'self_exit')


def own_exit_after_a_signal(name):
    container(name, 'sh', '-c', 'trap "sleep 2; exit 7" HUP; while :; do sleep 0.05; done')
    note(name, 'died', 'self_exit', docker('kill', '-s', 'HUP', name)[0])
    time.sleep(2)


def elsewhere(name):
    """A docker stop of that name on another engine, which argv does not show, while an API client stops ours."""
    container(name, *DEAF)
    docker('stop', name, wanted=1, env={'PATH': '/usr/bin', 'HOME': '/', 'DOCKER_HOST': 'unix:///nonexistent'})
    note(name, 'died', 'api', run(sys.executable, '-c', API, SOCKET, 'POST', '/containers/%s/kill' % name)[0])


def two_at_once(name):
    container(name, *DEAF)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(docker, 'stop', '-t', '1', name) for _unused in range(2)]:
            note(name, 'stopped', 'cli', done.result()[0])


def out_of_memory(name):
    code = 'import time; time.sleep(0.5); x = []\nwhile True: x.append(bytearray(1 << 20))'
    container(name, 'python3', '-c', code, options=('--memory', '24m', '--memory-swap', '24m'))
    note(name, 'died', 'oom')


def killed_from_the_host(name):
    container(name, *DEAF)
    note(name, 'died', 'killed_outside_engine', run('kill', '-KILL', str(first_process(name)))[0])


# --- Clients of the API ---


def curl_stop(name):
    container(name, *POLITE)
    words = ['curl', '-sS', '--unix-socket', SOCKET, '-X', 'POST', 'http://localhost/containers/%s/stop' % name]
    note(name, 'stopped', 'api', run(*words)[0])


def curl_remove(name):
    container(name, *DEAF)
    words = ['curl', '-sS', '--unix-socket', SOCKET, '-X', 'DELETE', 'http://localhost/containers/%s?force=1' % name]
    note(name, 'removed', 'api', run(*words)[0])


def api_restart(name):
    container(name, *POLITE)
    note(name, 'restarted', 'api', api(('POST', '/containers/%s/restart' % name)))
    note(name, 'removed', 'cli', docker('rm', '-f', name)[0])


def updater(name):
    """As Watchtower does: stop, then remove, over one connection."""
    container(name, *POLITE)
    asker = api(('POST', '/containers/%s/stop?t=1' % name), ('DELETE', '/containers/%s' % name))
    for what in ('stopped', 'removed'):
        note(name, what, 'api', asker)


def api_rename(name):
    container(name, *DEAF)
    note(name, 'renamed', 'api', api(('POST', '/containers/%s/rename?name=%s-new' % (name, name))))
    note(name, 'removed', 'cli', docker('rm', '-f', name + '-new')[0])


def heal(name):
    """Something restarts it as soon as it is unhealthy, as autoheal does."""
    checks = (
        '--health-cmd',
        'false',
        '--health-interval',
        '1s',
        '--health-retries',
        '1',
        '--health-start-period',
        '0s',
    )
    container(name, *POLITE, options=checks)
    for _try in range(100):
        if docker('inspect', '-f', '{{.State.Health.Status}}', name)[1] == 'unhealthy':
            break
        time.sleep(0.1)
    note(name, 'restarted', 'api', api(('POST', '/containers/%s/restart?t=1' % name)))
    note(name, 'removed', 'cli', docker('rm', '-f', name)[0])


def idle_client_beside(name):
    """A client that only listens is connected while a docker command stops it."""
    container(name, *POLITE)
    with foreground('curl', '-sN', '--unix-socket', SOCKET, 'http://localhost/events') as stream:
        note(name, 'stopped', 'cli', docker('stop', name)[0])
        stream.terminate()


# What a docker -H ssh:// of another host starts on this one, and what it hands to it.
_THROUGH = '''
import subprocess, sys
program = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(program.pid)
program.stdin.write(b'POST %s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n' % sys.argv[1].encode())
program.stdin.flush()
assert b' 204 ' in program.stdout.readline()
program.stdin.close()
program.wait(30)
'''


def dial_stdio(name):
    """It asks for whatever comes through it."""
    container(name, *DEAF)
    words = [
        sys.executable,
        '-c',
        _THROUGH,
        '/containers/%s/kill' % name,
        random.choice(DOCKERS),
        'system',
        'dial-stdio',
    ]
    note(name, 'died', 'api', int(run(*words)[1]))


def over_ssh(name):
    """By the docker of another host, which logs in here. Who asks on this host is the dial-stdio that it starts."""
    container(name, *POLITE)
    folder = folder_of(name)
    script = folder / 'forced'
    words = ['#!/bin/sh', 'echo $$ >>%s/pids' % folder, 'DOCKER_HOST=unix://%s exec %s system dial-stdio']
    script.write_text('\n'.join(words) % (SOCKET, random.choice(DOCKERS)) + '\n')
    script.chmod(0o755)
    sshd = Sshd(folder, settings=('ForceCommand %s' % script,))
    sshd.start()
    try:
        ssh = folder / 'ssh'
        options = '-i %s -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null' % sshd.key
        ssh.write_text('#!/bin/sh\nexec /usr/bin/ssh %s "$@"\n' % options)
        ssh.chmod(0o755)
        there = {'PATH': '%s:%s' % (folder, os.environ['PATH']), 'HOME': str(folder)}
        docker('-H', 'ssh://root@127.0.0.1:%d' % sshd.port, 'stop', name, env=there)
    finally:
        sshd.stop()
    for pid in (folder / 'pids').read_text().split():
        note(name, 'stopped', 'api', int(pid))
    shutil.rmtree(folder)


# --- Itself, and signals from elsewhere than the engine ---


def restart_policy(name):
    container(name, 'sh', '-c', 'sleep 0.3; exit 4', options=('--restart', 'on-failure:1'))
    note(name, 'died', 'self_exit')
    time.sleep(2)
    await_end(name)


def handled_signal_from_the_host(name):
    """The program ends by itself, as it was told to: nothing but the exit code 0 is left of that."""
    container(name, *POLITE)
    await_running(name)
    note(name, 'died', 'killed_outside_engine', run('kill', '-TERM', str(first_process(name)))[0])
    await_end(name)


def killed_shim(name):
    container(name, *DEAF)
    shim = int(pathlib.Path('/proc/%d/stat' % first_process(name)).read_text().rpartition(')')[2].split()[1])
    note(name, 'died', 'killed_outside_engine', run('kill', '-KILL', str(shim))[0])
    await_end(name)


def killed_by_ctr(name):
    """A client of containerd, which the engine does not see."""
    identity = container(name, *DEAF)
    sockets = ['/run/docker/containerd/containerd.sock', '/run/containerd/containerd.sock']
    if not OWN:
        sockets = [os.path.dirname(SOCKET) + '/exec/containerd/containerd.sock']
    words = ['ctr', '--address', next(filter(os.path.exists, sockets)), '--namespace', 'moby']
    run(*words, 'tasks', 'kill', '--signal', '9', identity)
    note(name, 'died', 'containerd')
    await_end(name)
