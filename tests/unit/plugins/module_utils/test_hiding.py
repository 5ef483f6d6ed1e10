# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what can be a secret in a command line is hidden wherever an answer quotes it, and nothing else is."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding

SECRET = 'hunter2'


@pytest.mark.parametrize(
    'argv, shown',
    [
        ('docker rm -f web', 'docker rm -f web'),
        ('docker login -u bob -p hunter2 reg', 'docker login -u bob -p *** reg'),
        ('docker run -e A=hunter2 -p 80:80 img cmd hunter2', 'docker run -e A=*** -p 80:80 img *** ***'),
        ('sudo docker run -e A=hunter2 img', 'sudo docker run -e A=*** img'),
        ('sudo -u bob /usr/bin/docker login --password=hunter2', 'sudo -u bob /usr/bin/docker login --password=***'),
        ('timeout 5 docker-compose exec web x hunter2', 'timeout 5 docker-compose exec web *** ***'),
        # docker as the name of an image or a container is no command of its own
        ('docker run docker ps hunter2', 'docker run docker *** ***'),
        ('docker rm docker web', 'docker rm docker web'),
        ('/bin/sh /usr/local/bin/docker login -p hunter2', '/bin/sh /usr/local/bin/docker login -p ***'),
    ],
)
def test_the_command_line_of_docker_is_hidden_by_its_grammar_also_where_another_program_runs_it(argv, shown):
    assert hiding.command(argv.split()) == shown.split()


def finding(*argv, **changes):
    return dict({'argv': list(argv), 'exe': '/usr/bin/docker', 'targets': [], 'matched': []}, **changes)


def process(*argv):
    return {'pid': 7, 'argv': list(argv)}


LOGIN = ('docker', 'login', '-p', SECRET)
QUOTING = {
    'argv': finding(*LOGIN),
    'by another name': finding('innocent', 'login', '-p', SECRET),
    'compose by another name': finding('x', 'exec', 'web', SECRET, exe='/usr/bin/docker-compose'),
    'targets': finding('docker', 'rm', 'token=' + SECRET, targets=['token=' + SECRET], matched=['token=' + SECRET]),
    'by another name, with docker as a later word': finding('x', 'login', '-p', SECRET, 'docker'),
    'a client that a look saw': {'who': [finding('sudo', 'bash', '-c', SECRET, exe='/usr/bin/sudo', keys=[])]},
    'evidence of a client': {
        'evidence': [{'code': 'client_then', 'argv': ['env', 'A=' + SECRET], 'exe': '/usr/bin/env'}]
    },
    'engine': finding('docker', 'rm', 'a', docker_host='tcp://bob:%s@far:2376' % SECRET),
    'caller': finding('docker', 'rm', 'a', caller={'login': None, 'process': process(*LOGIN), 'parent': None}),
    'parent': finding('docker', 'rm', 'a', caller={'parent': process('sudo', *LOGIN)}),
    'parent that is a shell': finding('docker', 'rm', 'a', caller={'parent': process('sh', '-c', ' '.join(LOGIN))}),
    'asker': {'who': [finding(*LOGIN)], 'evidence': []},
    'exec': {'who': [], 'evidence': [{'code': 'exec_started', 'command': 'env X=' + SECRET}]},
    'sudo': {'who': [], 'evidence': [{'code': 'sudo_command', 'argv': list(LOGIN)}]},
    'evidence of another': {'who': [], 'evidence': [{'code': 'x', 'argv': list(LOGIN)}]},
}


@pytest.mark.parametrize('name', ['findings', 'unreadable', 'verdicts'])
@pytest.mark.parametrize('entry', QUOTING.values(), ids=QUOTING)
def test_a_secret_is_hidden_wherever_an_answer_quotes_it_and_the_answer_itself_stays(entry, name):
    answer = {name: [entry], 'counts': {}}
    kept = copy.deepcopy(answer)
    text = json.dumps(hiding.of_answer(answer))
    assert SECRET not in text and '***' in text and answer == kept


def test_a_client_that_is_another_program_stays_readable():
    curl = ['curl', '--unix-socket', '/run/docker.sock', 'http://x/containers/web/stop']
    shown = hiding.entry({'who': [finding(*curl, exe='/usr/bin/curl', keys=[])], 'evidence': []})
    assert shown['who'][0]['argv'] == curl


def test_a_target_that_equals_a_hidden_word_stays():
    argv = ['docker', 'rm', 'web', '-f', '--new-secret', 'web']
    shown = hiding.entry(finding(*argv, targets=['web'], matched=['web']))
    assert (shown['argv'][-1], shown['targets'], shown['matched']) == ('***', ['web'], ['web'])


def test_bytes_of_a_hidden_word_are_hidden_too():
    words = [b'docker', b'login', b'-p', b'\xffhunter2', b'\xfe']
    argv = [word.decode('utf-8', 'backslashreplace') for word in words]
    hidden = hiding.entry(finding(*argv, argv_hex=[word.hex() for word in words]))
    assert [bytes.fromhex(word) for word in hidden['argv_hex']] == [b'docker', b'login', b'-p', b'***', b'\xfe']


def test_an_answer_without_secrets_is_the_same():
    answer = {'findings': [finding('docker', 'rm', 'web', targets=['web'], matched=['web'], project='p')], 'span': {}}
    assert hiding.of_answer(answer) == answer


def test_a_host_that_was_not_read_stays_so():
    assert hiding.of_hosts({'web1': {'failed': True, 'msg': 'x'}}) == {'web1': {'failed': True, 'msg': 'x'}}
