# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of cause of Docker Compose, which touches more than it names. Each kind has a project of its own."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from contextlib import contextmanager

from ansible_collections.claude_hooks.docker_audit.tests.support.day.stage import (
    DOCKERS,
    IMAGE,
    LABEL,
    OWN,
    POLITE,
    api,
    await_end,
    await_running,
    docker,
    end,
    folder_of,
    foreground,
    inspect,
    note,
    run,
)


def _service(name=None, **more):
    named = {'container_name': name} if name else {}
    return {'image': IMAGE, 'network_mode': 'none', 'labels': [LABEL], 'command': POLITE, **named, **more}


@contextmanager
def _project(name, **services):
    """A folder with a compose file, and how to run docker there: with the compose of the engine's release."""
    folder = folder_of(name)
    (folder / 'config' / 'cli-plugins').mkdir(parents=True)
    (folder / 'config' / 'cli-plugins' / 'docker-compose').symlink_to(os.environ['DOCKER_AUDIT_TEST_COMPOSE'])
    try:
        (folder / 'compose.yml').write_text(json.dumps({'services': services}))
        yield folder, {'cwd': folder, 'env': dict(os.environ, DOCKER_CONFIG=str(folder / 'config'))}
    finally:
        shutil.rmtree(folder)


def compose_v1(name):
    folder = folder_of(name)
    try:
        (folder / 'docker-compose.yml').write_text(json.dumps({'version': '2.4', 'services': {'a': _service(name)}}))
        run('docker-compose', 'up', '-d', cwd=folder)
        if OWN:
            # compose 1.29 reads ContainerConfig of an image, which engines from 25 on do not give (KeyError)
            first = run('docker-compose', 'up', '-d', '--force-recreate', cwd=folder)[0]
            for what in ('stopped', 'renamed', 'removed'):
                note(name, what, 'api', first)
        second = run('docker-compose', 'down', cwd=folder)[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'api', second)
    finally:
        shutil.rmtree(folder)


def compose_recreate(name):
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        first = docker('compose', 'up', '-d', '--force-recreate', **here)[0]
        for what in ('stopped', 'renamed', 'removed'):
            note(name, what, 'cli', first)
        second = docker('compose', 'down', **here)[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', second)


def compose_stop(name):
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        note(name, 'stopped', 'cli', docker('compose', 'stop', 'a', **here)[0])
        note(name, 'removed', 'cli', docker('compose', 'rm', '-f', 'a', **here)[0])


def compose_kill(name):
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        note(name, 'died', 'cli', docker('compose', 'kill', **here)[0])
        note(name, 'removed', 'cli', docker('compose', 'down', **here)[0])


def compose_restart(name):
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        note(name, 'restarted', 'cli', docker('compose', 'restart', '-t', '1', **here)[0])
        asker = docker('compose', 'down', **here)[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)


def compose_orphan(name):
    """A service that is no longer in the file, and that no command names."""
    with _project(name, a=_service(), b=_service(name)) as (folder, here):
        docker('compose', 'up', '-d', **here)
        (folder / 'compose.yml').write_text(json.dumps({'services': {'a': _service()}}))
        first = docker('compose', 'up', '-d', '--remove-orphans', **here)[0]
        second = docker('compose', 'down', **here)[0]  # the other service, which has the same name before its own
        for what in ('stopped', 'removed'):
            for asker in (first, second):
                note(name, what, 'cli', asker)


def compose_scale(name):
    """The second container of a service goes; Compose gives it its name."""
    with _project(name, a=_service()) as (_folder, here):
        docker('compose', 'up', '-d', '--scale', 'a=2', **here)
        first = docker('compose', 'up', '-d', '--scale', 'a=1', **here)[0]
        second = docker('compose', 'down', **here)[0]
        for what in ('stopped', 'removed'):
            for asker in (first, second):
                note(name, what, 'cli', asker)


def compose_dependent(name):
    """Its dependency is recreated, and with depends_on.restart it is restarted, by a command that names the other."""
    services = {
        'db': _service(),
        'web': _service(name, depends_on={'db': {'condition': 'service_started', 'restart': True}}),
    }
    with _project(name, **services) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        note(name, 'restarted', 'cli', docker('compose', 'restart', '-t', '1', 'db', **here)[0])
        asker = docker('compose', 'down', **here)[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)


def compose_in_the_foreground(name):
    """Ctrl-C on docker compose up."""
    with _project(name, a=_service(name)) as (_folder, here):
        with foreground(random.choice(DOCKERS), 'compose', 'up', **here) as client:
            await_running(name)
            time.sleep(1)
            end(client, signal.SIGINT)
        note(name, 'stopped', 'cli', client.pid)
        await_end(name)
        note(name, 'removed', 'cli', docker('compose', 'down', **here)[0])


def compose_by_file(name):
    """From elsewhere, with the file named."""
    with _project(name, a=_service(name)) as (folder, here):
        docker('compose', 'up', '-d', **here)
        asker = docker('compose', '-f', str(folder / 'compose.yml'), 'down', **{**here, 'cwd': '/'})[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)


def compose_by_project(name):
    """By the project's name alone, from elsewhere."""
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        asker = docker('compose', '-p', name, 'down', **{**here, 'cwd': '/'})[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)


def compose_from_below(name):
    """In a folder below that of the project."""
    with _project(name, a=_service(name)) as (folder, here):
        docker('compose', 'up', '-d', **here)
        (folder / 'below').mkdir()
        asker = docker('compose', 'down', **{**here, 'cwd': folder / 'below'})[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)


def compose_elsewhere(name):
    """In this project's folder somebody takes another project down, by its file, while an API client stops this one."""
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        other_name = name[:-1] + '1'
        with _project(other_name, a=_service(other_name)) as (other, there):
            docker('compose', 'up', '-d', **there)
            asker = docker('compose', '-f', str(other / 'compose.yml'), 'down', **here)[0]
            for what in ('stopped', 'removed'):
                note(other_name, what, 'cli', asker)
            note(name, 'stopped', 'api', api(('POST', '/containers/%s/stop?t=1' % name)))
        note(name, 'removed', 'cli', docker('compose', 'down', **here)[0])


def compose_answered_late(name):
    """docker compose rm waits for an answer; others come and go meanwhile."""
    with _project(name, a=_service(name)) as (_folder, here):
        docker('compose', 'up', '-d', **here)
        note(name, 'stopped', 'cli', docker('compose', 'stop', **here)[0])
        with foreground(random.choice(DOCKERS), 'compose', 'rm', **{**here, 'stdin': -1}) as client:
            time.sleep(12)
            client.communicate(b'y\n', timeout=60)
        note(name, 'removed', 'cli', client.pid)


def compose_run(name):
    """A service is run once in the foreground, and removed with its end."""
    with _project(name, a=_service()) as (_folder, here):
        words = ['compose', 'run', '--rm', '--name', name, 'a', 'sh', '-c', 'sleep 0.5; exit 0']
        asker = docker(*words, **here)[0]
        note(name, 'died', 'self_exit')
        note(name, 'removed', 'cli', asker)
        note(name, 'removed', 'engine')
        docker('compose', 'down', **here)


def compose_watch(name):
    """A file of the project changes, and the docker compose watch that has been running restarts the service."""
    develop = {'watch': [{'action': 'sync+restart', 'path': './src', 'target': '/tmp/src'}]}
    with _project(name, a=_service(name, build={'context': '.'}, develop=develop)) as (folder, here):
        (folder / 'src').mkdir()
        docker('compose', 'up', '-d', '--no-build', **here)
        started = inspect(name, '{{.State.StartedAt}}')
        with foreground(random.choice(DOCKERS), 'compose', 'watch', '--no-up', **here) as client:
            for number in range(9):
                (folder / 'src' / str(number)).touch()  # until it is watching
                deadline = time.monotonic() + 10
                while inspect(name, '{{.State.StartedAt}}') == started and time.monotonic() < deadline:
                    time.sleep(0.5)
                if time.monotonic() < deadline:
                    break
            await_running(name)
            time.sleep(2)  # nothing that it has begun may be cut
            end(client, signal.SIGINT)
        note(name, 'restarted', 'cli', client.pid)
        asker = docker('compose', 'down', **here)[0]
        for what in ('stopped', 'removed'):
            note(name, what, 'cli', asker)
