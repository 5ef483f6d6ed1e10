# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what inspect shows of a container is read, and whatever else an engine answers is none."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import states
from ansible_collections.claude_hooks.docker_audit.tests.support.fake_engine import Listener, ok

# As engine 20.10.24 answered on 2026-11-26, without what is not read
ANSWER = {
    'Id': 'a1' * 32,
    'Name': '/claude-hooks-a',
    'State': {
        'Status': 'exited',
        'Running': False,
        'OOMKilled': False,
        'Pid': 0,
        'ExitCode': 1,
        'FinishedAt': '2026-11-26T00:36:56.369610542Z',
    },
    'Config': {'Labels': {'com.docker.compose.project': 'shop', 'other': 'x'}},
}


def read(**changed):
    return states.of_answer(json.dumps(dict(ANSWER, State=dict(ANSWER['State'], **changed))).encode())


def test_the_state_of_a_container():
    assert read() == (
        'a1' * 32,
        'claude-hooks-a',
        1795653416369,
        1,
        False,
        False,
        {'com.docker.compose.project': 'shop'},
    )


@pytest.mark.parametrize(
    'finished, expected',
    [
        ('0001-01-01T00:00:00Z', None),
        ('2026-11-26T00:36:56Z', 1795653416000),
        ('2026-11-26T00:36:56.3Z', 1795653416300),
        ('2026-11-26T01:36:56.369+01:00', 1795653416369),
        ('2026-13-26T01:36:56Z', None),
        (None, None),
        (5, None),
    ],
)
def test_when_it_ended(finished, expected):
    assert read(FinishedAt=finished).finished == expected


@pytest.mark.parametrize(
    'body', [b'', b'[]', b'null', b'{}', b'{"Id": 5}', json.dumps(dict(ANSWER, State=None)).encode(), b'[' * 100000]
)
def test_what_is_no_answer_is_none(body):
    assert states.of_answer(body) is None


def test_a_code_that_is_no_number_is_none():
    assert read(ExitCode=True) is None and read(ExitCode='1') is None


def answers(count, wait=0.0):
    """What an engine says of some containers, each after a time."""

    def reply(identity):
        text = ok(json.dumps(dict(ANSWER, Id=identity)).encode())
        return lambda client: time.sleep(wait) or client.sendall(text)

    ids = ['%064x' % number for number in range(count)]
    return ids, {'/containers/%s/json' % identity: reply(identity) for identity in ids}


def test_every_container_is_asked_for(tmp_path):
    ids, replies = answers(350)
    with Listener(tmp_path / 's', replies) as listener:
        found, left_out = states.states(ids, listener.path, 60)
    assert ([state.id for state in found], left_out) == (ids, 0)


def test_those_for_which_there_is_no_time_are_counted(tmp_path):
    ids, replies = answers(20, 0.2)
    with Listener(tmp_path / 's', replies) as listener:
        found, left_out = states.states(ids, listener.path, 1)
    assert 0 < len(found) < 10 and len(found) + left_out == 20
