# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a named reader gets each finding until it says that it has it, whichever way it asks and whenever it began.

That the module and the event source keep this with real logs is shown in tests/integration/test_findings_cursor.py and
tests/unit/extensions/test_event_source.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import ReaderState, StateError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.follower import Follower
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.on_host import Question
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

DAY = 24 * 3600
NOON = 1795478400  # of some day, long enough ago to be settled
QUESTION = Question(socket='/nonexistent/docker.sock')


class Log:
    """A log, and calls that read on in it."""

    def __init__(self, path):
        self.path = path
        path.touch()
        self._serial = 0

    def stop(self, name, second, node=None):
        self._serial += 1
        argv = [b'docker', b'stop', b'claude-hooks-' + name.encode()]
        options = {} if node is None else {'node': node}
        event = audit_writer.event(argv, seconds=NOON + second, milli=0, serial=self._serial, **options)
        with self.path.open('ab') as log:
            log.write(audit_writer.text(event))

    def call(self, since, ack=None, reader='tail', question=QUESTION, **options):
        """(names, token, whether the ack was right) of a call like that of the module."""
        listener, kept = os.pipe()
        follower = Follower(question, reader, str(self.path), since * 1000, listener, **options)
        with contextlib.closing(follower):
            assert follower.open() is None
            acked = ack is not None and follower.acknowledge(ack)
            batch = follower.next(0)
            token = follower.offer(batch)
        os.close(listener)
        os.close(kept)
        return [finding['targets'][0][13:] for finding in batch.answer['findings']], token, acked


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'state'))
    return Log(tmp_path / 'audit.log')


def test_a_first_batch_that_was_never_acknowledged_comes_the_next_day_too(log):
    """Each day begins with its own midnight, but the reader began with the one before."""
    log.stop('a', 0)
    assert log.call(NOON - DAY // 2)[0] == ['a']
    log.stop('b', DAY)
    names, token, _acked = log.call(NOON + DAY // 2)
    assert names == ['a', 'b']
    assert log.call(NOON + DAY // 2, ack=token)[0] == []


def test_a_first_run_that_found_nothing_began_all_the_same(log):
    assert log.call(NOON - DAY // 2)[0] == []
    log.stop('a', 0)
    assert log.call(NOON + DAY // 2)[0] == ['a']


def test_a_first_run_can_be_made_to_begin_earlier(log):
    log.stop('a', 0)
    log.stop('b', DAY)
    assert log.call(NOON + DAY // 2)[0] == ['b']
    assert log.call(NOON - DAY // 2)[0] == ['a', 'b']


def test_once_something_was_acknowledged_the_position_counts_alone(log):
    log.stop('a', 0)
    token = log.call(NOON - DAY // 2)[1]
    log.stop('b', 1)
    names, token, acked = log.call(NOON + 9 * DAY, ack=token)
    assert (names, acked) == (['b'], True)
    names, token, acked = log.call(NOON - 9 * DAY, ack='other')
    assert (names, acked) == (['b'], False)
    assert log.call(NOON - 9 * DAY, ack=token)[::2] == ([], True)


def test_without_keeping_nothing_changes(log, tmp_path):
    log.stop('a', 0)
    token = log.call(NOON - 1)[1]
    before = {path: path.read_bytes() for path in (tmp_path / 'state').rglob('*.json')}
    for _time in range(2):
        assert log.call(NOON - 9, ack=token, keeps=False) == (['a'], None, False)
    assert {path: path.read_bytes() for path in (tmp_path / 'state').rglob('*.json')} == before


def test_what_was_received_in_parts_is_known_whichever_way_the_next_asks(log):
    log.stop('a', 0)
    log.stop('b', 1)
    listener, kept = os.pipe()
    with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), (NOON - 1) * 1000, listener)) as source:
        source.open()
        batch = source.next(0)
        source.offer(batch)
        source.take(batch.answer['findings'][0]['event'])
    with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), (NOON - 1) * 1000, listener)) as other:
        other.open()
        again = other.next(0)
        events = [finding['event'] for finding in again.answer['findings']]
        assert [other.is_new(event) for event in events] == [False, True]
    os.close(listener)
    os.close(kept)


def test_findings_are_shown_under_the_host_that_was_asked_for(log):
    """What their records name stays inside."""
    log.stop('a', 0, node=b'web1')
    log.stop('b', 0, node=b'web2')
    listener, kept = os.pipe()
    with contextlib.closing(
        Follower(QUESTION._replace(host='app1'), 'tail', str(log.path), (NOON - 1) * 1000, listener)
    ) as follower:
        follower.open()
        findings = follower.next(0).answer['findings']
    os.close(listener)
    os.close(kept)
    assert [finding['host'] for finding in findings] == ['app1', 'app1'] and 'node' not in findings[0]


def test_where_nobody_listens_there_is_no_batch(log):
    listener, kept = os.pipe()
    with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), NOON * 1000, listener=kept)) as follower:
        follower.open()
        os.close(listener)
        start = time.monotonic()
        assert follower.next(60) is None and time.monotonic() - start < 20
    os.close(kept)


def test_the_engine_is_asked_only_when_something_happened(log):
    for expected, reason in ((None, 'it was not asked: nothing happened'), (False, 'cannot ask an engine at')):
        listener, kept = os.pipe()
        with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), NOON * 1000, listener)) as follower:
            follower.open()
            status = follower.next(0).answer['engine']
        os.close(listener)
        os.close(kept)
        assert status['reachable'] is expected and status['reason'].startswith(reason)
        log.stop('a', 0)


def test_a_second_reader_of_the_same_name_is_refused(log, monkeypatch):
    monkeypatch.setattr(ReaderState, 'lock', functools.partialmethod(ReaderState.lock, seconds=0.2))
    with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), 0)) as first:
        first.open()
        with contextlib.closing(Follower(QUESTION, 'tail', str(log.path), 0)) as second, pytest.raises(
            StateError, match='another reader named tail reads on this host'
        ):
            second.open()


def test_each_of_two_names_of_one_host_gets_all_and_keeps_the_other_out_of_nothing(log):
    log.stop('a', 0)
    listener, kept = os.pipe()
    with contextlib.ExitStack() as stack:
        followers = [
            stack.enter_context(
                contextlib.closing(Follower(QUESTION._replace(host=name), 'tail', str(log.path), 0, listener))
            )
            for name in ('web1', 'web1.example.com')
        ]
        for expected in (1, 0):
            for follower in followers:
                follower.open()
                batch = follower.next(0)
                assert len(batch.answer['findings']) == expected
                assert follower.acknowledge(follower.offer(batch))
            for follower in followers:
                follower.close()
    os.close(listener)
    os.close(kept)
