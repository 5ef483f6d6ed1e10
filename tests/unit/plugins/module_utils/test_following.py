# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a reader that goes on from its position meets each event once, whatever happens to logs, or tells a gap."""

from __future__ import annotations

import functools
import json
import os
import shutil
import types

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import follow, logs
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = 'claude-hooks-docker'
START = 1795490000.0


class Host(object):
    """A log that is written as auditd does, a clock, and a reader that is a new process at each read by default."""

    def __init__(self, folder, monkeypatch=None):
        self.log = folder / 'audit.log'
        self.log.touch()
        self.now = START
        self.position = None
        self.gaps = []
        self.found = []
        self.following = None
        self.serial = 0
        follow.time = types.SimpleNamespace(time=lambda: self.now)
        self._touch()

    def _touch(self):
        if self.log.exists():
            os.utime(self.log, (self.now, self.now))

    def lines(self, ours=True, age=0.0, **options):
        """The text of the lines of a new event."""
        self.serial += 1
        moment = self.now - age
        argv = [b'docker', b'stop', b'claude-hooks-%d' % self.serial]
        options.setdefault('key', KEY.encode() if ours else None)
        return [
            line + b'\n'
            for line in audit_writer.event(
                argv, seconds=int(moment), milli=int(moment * 1000) % 1000, serial=self.serial, **options
            )
        ]

    def write(self, *texts):
        with self.log.open('ab') as log:
            log.write(b''.join(texts))
        self._touch()

    def pass_time(self, seconds):
        self.now += seconds

    def stop(self, **options):
        self.write(*self.lines(**options))
        return self.serial

    def rotate(self, keep=99):
        """As auditd does: src/auditd-event.c rotate_logs()."""
        for number in range(keep, 0, -1):
            source = '%s.%d' % (self.log, number - 1) if number > 1 else str(self.log)
            if os.path.exists(source):
                os.rename(source, '%s.%d' % (self.log, number))
        self.log.touch()
        self._touch()

    def copytruncate(self):
        """As logrotate does."""
        for number in range(99, 1, -1):
            if os.path.exists('%s.%d' % (self.log, number - 1)):
                os.rename('%s.%d' % (self.log, number - 1), '%s.%d' % (self.log, number))
        shutil.copy2(self.log, '%s.1' % self.log)
        os.truncate(self.log, 0)
        self._touch()

    def read(self, again=True):
        """Meet what is new; again: in a new process. Returns the serials."""
        if again or self.following is None:
            if self.following:
                self.following.close()
            self.following = follow.Following(KEY, str(self.log), self.position, block=4096)
        events = [event for event in self.following.events() if audit_log.has_key(event, KEY.encode())]
        self.incomplete = [event for event in events if audit_log.argv(event)[1] is not None]
        serials = sorted(int(event.ident.rpartition(b':')[2]) for event in events)
        self.position = json.loads(json.dumps(self.following.position))
        self.found += serials
        if self.following.gap:
            self.gaps.append(self.following.gap)
            self.following.gap = None
        return serials


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, 'time', None)
    return Host(tmp_path)


@pytest.fixture(params=[True, False], ids=['new process', 'same process'])
def again(request):
    return request.param


def test_each_event_is_met_once(host, again):
    met = []
    for step in range(30):
        for _event in range(step % 3):
            host.stop()
            host.stop(ours=False)
        host.now += step / 7
        met.append(len(host.read(again)))
    assert met == [step % 3 for step in range(30)] and len(set(host.found)) == len(host.found)


def test_nothing_of_other_keys_is_met_and_the_position_passes_it(host):
    for _event in range(50):
        host.stop(ours=False)
    host.now += 10
    assert host.read() == [] and host.position['offset'] == host.log.stat().st_size


@pytest.mark.parametrize('lines', [1, 2, 3, 4])
@pytest.mark.parametrize('cut', [0, 5, -1])
def test_a_half_written_event_is_held_back_until_it_is_complete(host, again, lines, cut):
    text = host.lines()
    half = b''.join(text[:lines])
    half = half[: len(half) - cut] if cut >= 0 else half + text[lines][:20]
    host.write(half)
    first = host.read(again)
    host.now += 1
    host.write(b''.join(text)[len(half) :])
    assert first + host.read(again) == [1] and (lines > 2 or first == [])


def test_a_half_written_event_that_stays_so_is_given_after_two_seconds(host, again):
    host.write(*host.lines()[:2])
    assert host.read(again) == [] and host.following.is_waiting
    host.now += 1.9
    assert host.read(again) == []
    host.now += 0.2
    assert host.read(again) == [1]
    host.now += 10
    assert host.read(again) == []


@pytest.mark.parametrize('lines', [1, 2, 3])
def test_a_last_line_that_never_ends_is_given_once(host, again, lines):
    host.stop(ours=False)
    text = b''.join(host.lines()[:lines])
    host.write(text[:-1])
    first = host.read(again)
    host.now += 3
    assert first + host.read(again) == [2] and host.read(again) == []
    assert (lines > 2) == (first == [2])
    # auditd goes on behind it after a crash
    host.stop()
    assert host.read(again) == [3]


def test_of_a_last_line_that_never_ends_the_arguments_are_read(host):
    host.write(b''.join(host.lines()[:2])[:-1])
    host.now += 3
    assert host.read() == [1] and not host.incomplete


def test_an_event_that_auditd_writes_late_is_held_back_too(host, again):
    text = host.lines(age=30)
    host.write(*text[:1])
    assert host.read(again) == []
    host.write(*text[1:])
    assert host.read(again) == [1]


@pytest.mark.parametrize('order', [[1, 2, 0], [2, 1, 0], [1, 0, 2], [2, 0, 1]])
def test_records_that_come_in_another_order_are_one_event(host, again, order):
    text = host.lines(extra=False)
    found = []
    for number in order:
        host.write(text[number])
        found += host.read(again)
    assert found == [1]


@pytest.mark.parametrize('rounds', [1, 2, 3])
def test_events_whose_records_interleave(host, again, rounds):
    found = []
    for _round in range(rounds):
        first, second = host.lines(), host.lines()
        host.write(first[0], second[0], *second[1:])
        found += host.read(again)
        host.write(*first[1:])
        found += host.read(again)
    assert sorted(found) == list(range(1, 2 * rounds + 1))


def test_an_event_from_before_the_clock_was_set_back_is_not_held_back_for_long(host, again):
    host.write(*host.lines()[:2])
    host.now -= 3600
    host._touch()
    found = host.read(again)
    host.now += 2.1
    assert found + host.read(again) == [1]


@pytest.mark.parametrize('rotations', [1, 2, 3])
@pytest.mark.parametrize('lines', [0, 1, 2, 3])
def test_rotations_between_two_reads(host, again, rotations, lines):
    host.stop()
    assert host.read(again) == [1]
    expected = []
    for _rotation in range(rotations):
        expected.append(host.stop())
        text = host.lines()
        expected.append(host.serial)
        host.write(*text[:lines])
        host.rotate()
        host.write(*text[lines:])
    assert host.read(again) == expected and host.read(again) == [] and not host.gaps
    host.now += 5
    host.rotate()
    assert host.read(again) == [] and host.stop() in host.read(again)


def test_a_log_that_is_copied_and_truncated(host, again):
    for number in range(1, 4):
        host.stop()
        assert len(host.read(again)) == 1
        late = host.stop()
        host.copytruncate()
        assert host.read(again) == [late]
        host.now += number
    assert not host.gaps


def test_a_log_that_was_empty_and_is_copied_and_truncated_at_once(host, again):
    assert host.read(again) == []
    early = host.stop()
    host.copytruncate()
    late = host.stop()
    assert host.read(again) == [early, late]


def test_a_log_while_it_is_copied(host, again):
    for _event in range(3):
        host.stop()
    assert host.read(again) == [1, 2, 3]
    text = host.log.read_bytes()
    for size in (len(text) // 2, len(text)):
        (host.log.parent / 'audit.log.1').write_bytes(text[:size])
        host.stop()
        assert host.read(again) == [host.serial]
    assert not host.gaps


def test_a_file_that_was_read_and_has_another_inode_now(host):
    host.stop()
    host.read()
    host.rotate()
    old = '%s.1' % host.log
    kept = '%s.kept' % host.log
    shutil.copy2(old, kept)
    # The file that was read is written anew under the number of another
    os.rename(host.log, old)
    os.rename(kept, '%s.2' % host.log)
    host.log.touch()
    new = host.stop()
    assert host.read() == [new] and not host.gaps


@pytest.mark.parametrize('change', ['truncated', 'deleted', 'rotated away'])
def test_what_is_gone_before_it_was_read_is_a_gap_and_the_rest_is_met_once(host, change):
    host.stop()
    host.rotate()
    host.now += 100
    host.stop()
    assert len(host.read()) == 2
    lost = host.stop()
    host.now += 50
    if change == 'truncated':
        os.truncate(host.log, 0)
    elif change == 'deleted':
        os.unlink(host.log)
        host.log.touch()
    else:
        for _rotation in range(3):
            host.rotate(keep=2)
            host.stop()
    after = host.stop()
    found = host.read()
    assert found[-1] == after and lost not in found and 1 not in found
    assert host.gaps == [(int((START + 100) * 1000), int((START + 150) * 1000))]
    assert host.read() == [] and len(host.gaps) == 1


def test_what_was_read_long_ago_is_not_repeated_after_gaps(host):
    host.stop()
    host.now += 10
    host.read()
    for _gap in range(2):
        host.rotate()
        host.stop()
        for _read in range(2):
            host.now += 10
            host.read()
        last = host.now - 20
        os.truncate(host.log, 0)
        after = host.stop()
        assert host.read() == [after] and host.gaps.pop() == (int(last * 1000), int(host.now * 1000))
        os.truncate(host.log, 0)
        after = host.stop()
        assert host.read() == [after] and host.gaps.pop()


def test_a_gap_is_told_once(host, again):
    host.stop()
    host.read(again)
    os.truncate(host.log, 0)
    for _event in range(3):
        host.stop()
        host.read(again)
    assert len(host.gaps) == 1


def test_a_reader_that_runs_reads_a_deleted_log_to_its_end(host):
    host.stop()
    assert host.read(again=False) == [1]
    with host.log.open('ab') as log:
        os.unlink(host.log)
        log.write(b''.join(host.lines()))
    host.log.touch()
    new = host.stop()
    assert host.read(again=False) == [2, new] and not host.gaps


@pytest.mark.parametrize('jump', [-86400, -3600, -2, -1, -0.1, 3600])
def test_a_clock_that_is_set_loses_and_repeats_nothing(host, again, jump):
    found = []
    for step in range(12):
        text = host.lines()
        host.write(*text[: 1 + step % 3])
        found += host.read(again)
        if step == 5:
            host.now += jump
        host.write(*text[1 + step % 3 :])
        found += host.read(again)
        host.now += 0.4
    assert found == list(range(1, 13)) and not host.gaps


@pytest.mark.parametrize('kept', [0, 1, 2, 3])
def test_a_log_that_lost_its_end_in_a_crash_repeats_nothing_and_tells_of_a_gap(host, kept):
    """The disk may not have what the reader saw: auditd writes without fsync (flush = INCREMENTAL_ASYNC)."""
    sizes = [0]
    for _event in range(4):
        host.stop()
        sizes.append(host.log.stat().st_size)
        host.now += 1
    host.now += 5
    assert host.read() == [1, 2, 3, 4]
    os.truncate(host.log, sizes[kept])
    host.now += 60
    after = [host.stop() for _event in range(6)]
    assert host.read() == after and len(host.gaps) == 1
    assert host.read() == []


def test_events_of_two_nodes_with_the_same_serial_are_two(host, again):
    host.stop(node=b'a')
    host.serial -= 1
    assert host.read(again) == [1]
    host.stop(node=b'b')
    assert host.read(again) == [1] and host.read(again) == []


def test_an_empty_log_is_read_from_its_first_record_on(host, again):
    assert host.read(again) == [] and host.position is None
    host.stop()
    assert host.read(again) == [1] and not host.gaps


def test_a_log_that_is_not_there_any_more_is_an_error_and_read_again_when_it_is(host):
    host.stop()
    host.read()
    os.rename(host.log, '%s.aside' % host.log)
    with pytest.raises(logs.LogReaderError, match='does not exist'):
        host.read()
    os.rename('%s.aside' % host.log, host.log)
    new = host.stop()
    assert host.read() == [new] and not host.gaps


def test_the_rest_of_a_large_log_is_not_read_again(host):
    for _event in range(300):
        host.stop()
        host.now += 1
    host.read()
    size = host.log.stat().st_size
    assert size - host.position['offset'] < 4000 and len(host.position['reported']) < 10
    host.read()
    assert host.following.stats()['bytes'] < 4000


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just('write'), st.integers(1, 5)),
        st.tuples(st.just('read'), st.booleans()),
        st.tuples(st.just('rotate'), st.just(0)),
        st.tuples(st.just('copy'), st.just(0)),
        st.tuples(st.just('pass'), st.sampled_from([0.01, 0.5, 1.9, 2.1, 60])),
        st.tuples(st.just('set'), st.sampled_from([-3600, -1, 3600])),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(operations=OPERATIONS, data=st.data())
def test_whatever_happens_in_whatever_order_each_event_is_met_once(tmp_path_factory, operations, data):
    """auditd writes piece by piece; each event is whole before two seconds have passed."""
    real = follow.time
    host = Host(tmp_path_factory.mktemp('host'))
    try:
        pending = []
        expected = []
        for operation, value in operations:
            if operation == 'write':
                events = []
                for _event in range(value):
                    ours = data.draw(st.booleans())
                    events.append(host.lines(ours=ours, room=data.draw(st.sampled_from([40, 7500]))))
                    expected += [host.serial] if ours else []
                while any(events):
                    # Records of events that happen together interleave
                    event = data.draw(st.sampled_from(list(filter(None, events))))
                    pending.append(event.pop(0))
                count = data.draw(st.integers(0, len(pending)))
                text = b''.join(pending[:count])
                cut = data.draw(st.integers(0, 30)) if count else 0
                host.write(text[: len(text) - cut])
                pending = [text[len(text) - cut :]] * bool(cut) + pending[count:]
            elif operation == 'read':
                host.read(value)
            else:
                # auditd finishes its line before it rotates; a copy takes whole lines only in this test
                if operation in ('pass', 'set') or (pending and not pending[0].startswith(b'type=')):
                    host.write(*pending)
                    pending = []
                {
                    'rotate': host.rotate,
                    'copy': host.copytruncate,
                    'pass': functools.partial(host.pass_time, value),
                    'set': functools.partial(host.pass_time, value),
                }[operation]()
        host.write(*pending)
        host.read()
        assert sorted(host.found) == expected and not host.gaps
        host.now += 10
        host.read()
        assert sorted(host.found) == expected
    finally:
        if host.following:
            host.following.close()
        follow.time = real
