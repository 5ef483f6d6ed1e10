# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: logs on disk are read whole, once, whatever rotates meanwhile, in bounded memory, as plain text is read."""

from __future__ import annotations

import os
import re
import tracemalloc

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = 'claude-hooks-docker'


def stop(serial, **options):
    return audit_writer.event([b'docker', b'stop', b'claude-hooks-%d' % serial], serial=serial, **options)


def serials(events):
    return [int(finding['event'].rpartition(':')[2]) for finding in findings.find(events)['findings']]


def read_log(log, **options):
    return Reading(KEY, log=str(log), **options).events()


@st.composite
def logs(draw):  # noqa: C901, PLR0912 - one branch a kind of damage
    """Lines of several events, some ours, in the wild: moved, doubled, glued, cut, prefixed, with NUL and CR."""
    lines = []
    for serial in range(draw(st.integers(1, 12))):
        argv = [b'docker'] + draw(
            st.lists(
                st.sampled_from(
                    [
                        b'stop',
                        b'rm',
                        b'ps',
                        b'compose',
                        b'down',
                        b'claude-hooks-a',
                        b'a b',
                        b'\xff',
                        b'c' * 64,
                        b'AAAA ' * 60,
                    ]
                ),
                max_size=5,
            )
        )
        lines += audit_writer.event(
            argv,
            serial=serial,
            room=draw(st.sampled_from([120, 7500])),
            enriched=draw(st.booleans()),
            success=draw(st.sampled_from([True, True, True, False])),
            node=draw(st.sampled_from([None, None, b'a', b'b'])),
            cwd=draw(st.sampled_from([b'/root', b'/a b', None])),
            extra=draw(st.booleans()),
            key=draw(
                st.sampled_from(
                    [
                        b'claude-hooks-docker',
                        b'claude-hooks-docker',
                        b'claude-hooks-docker2',
                        b'x\x01claude-hooks-docker',
                        b'x\x01y',
                        None,
                    ]
                )
            ),
            call=draw(st.sampled_from([59, 59, 59, 322, 42])),
            comm=draw(st.sampled_from([b'docker', b'sh', b'my docker'])),
        )
    for _change in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        change = draw(
            st.sampled_from(['move', 'double', 'drop', 'glue', 'cut', 'prefix', 'nul', 'cr', 'noise', 'user'])
        )
        if change == 'move':
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
        elif change == 'double':
            lines.insert(place, lines[place])
        elif change == 'drop' and len(lines) > 1:
            lines.pop(place)
        elif change == 'glue' and place + 1 < len(lines):
            lines[place] = lines[place][: draw(st.integers(0, len(lines[place])))] + lines.pop(place + 1)
        elif change == 'cut':
            lines[place] = lines[place][: draw(st.integers(0, len(lines[place])))]
        elif change == 'prefix':
            lines[place] = b'Nov 24 h audispd: ' + lines[place]
        elif change == 'nul':
            where = draw(st.integers(0, len(lines[place])))
            lines[place] = lines[place][:where] + b'\0' * 50 + lines[place][where:]
        elif change == 'cr':
            lines[place] += b'\r'
        elif change == 'noise':
            lines.insert(
                place,
                draw(
                    st.sampled_from(
                        [b'', b'----', b'time->Tue Nov 24 03:47:36 2026', b'garbage key="claude-hooks-docker"']
                    )
                ),
            )
        elif change == 'user':
            lines[place] = b"type=USER_CMD msg=audit(1795490000.100:5): msg='x " + lines[place] + b"'"
    return lines


@settings(max_examples=300, deadline=None)
@given(logs(), st.sampled_from([4096, 1 << 20]))
def test_the_fast_way_gives_what_the_plain_way_gives(tmp_path_factory, lines, block):
    # Moved lines stay within a block of their event: the logs are at most this long
    path = tmp_path_factory.getbasetemp() / 'made.log'
    path.write_bytes(audit_writer.text(lines))
    block = max(block, len(path.read_bytes()) // 2 + 400)
    fast = findings.find(Reading(KEY, files=[str(path)], block=block).events(), name='*')
    plain = findings.find(audit_log.events(path.read_bytes()), name='*')
    for part in ('findings', 'unreadable'):
        for one, other in zip(fast[part], plain[part]):
            if (one['origin'], other['origin']) == ('syslog', 'raw'):
                other['origin'] = 'syslog'  # a line of a syslog says that the whole text is none of auditd
    assert fast == plain


def test_a_record_glued_to_a_usual_event_is_not_lost(tmp_path):
    log = tmp_path / 'audit.log'
    log.write_bytes(
        b''.join(
            line if line.startswith(b'type=CWD') else line + b'\n'
            for serial in range(20)
            for line in stop(serial, extra=False)
        )
        + b'\n'
    )
    assert serials(read_log(log)) == list(range(20))


def test_a_record_glued_to_a_failed_execution_is_not_lost(tmp_path):
    log = tmp_path / 'audit.log'
    first, second = (
        [
            line.replace(b'success=yes', b'success=no')
            for line in stop(serial, extra=False)
            if b'type=EXECVE' not in line
        ]
        for serial in (1, 2)
    )
    log.write_bytes(first[0] + b'\n' + first[-1] + second[0] + b'\n' + second[-1] + b'\n')
    assert findings.find(read_log(log))['failed'] == 2


@pytest.mark.parametrize('times', [2, 3])
def test_an_event_that_stands_twice_is_counted_once(tmp_path, times):
    log = tmp_path / 'audit.log'
    log.write_bytes(audit_writer.text(*[stop(1), stop(2, cwd=None)] * times))
    assert findings.find(read_log(log))['executions'] == 2


def test_lines_are_found_in_each_log_the_newest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(log_reader, 'BLOCK', 70)
    for number in range(3):
        (tmp_path / ('audit.log.%d' % number if number else 'audit.log')).write_bytes(
            b''.join(
                b'type=%s msg=audit(%d.000:%d): x\n' % (kind, 9 - number, 1) for kind in (b'LOGIN', b'CWD', b'LOGIN')
            )
            + b'type=LOGIN half'
        )
    batches = list(log_reader.lines_with(re.compile(b'type=LOGIN '), str(tmp_path / 'audit.log')))
    assert batches == [[b'type=LOGIN msg=audit(%d.000:1): x' % (9 - number)] * 2 for number in range(3)]


def test_of_a_line_without_an_end_no_part_is_given_twice(tmp_path):
    """A crash can leave a hole in a log. What is given was as much for each hit as stands behind it."""
    log = tmp_path / 'audit.log'
    log.write_bytes((b'type=LOGIN ' + b'\0' * 4000) * 300 + b'\ntype=LOGIN msg=audit(1.000:1): x\n')
    (batch,) = log_reader.lines_with(re.compile(b'type=LOGIN '), str(log))
    assert batch[-1] == b'type=LOGIN msg=audit(1.000:1): x'
    assert sum(map(len, batch)) <= os.path.getsize(log)


@pytest.mark.parametrize('block', [700, 1024, 4096, 1 << 20])
def test_no_event_is_lost_where_a_block_ends(tmp_path, block):
    log = tmp_path / 'audit.log'
    log.write_bytes(audit_writer.text(*(stop(serial) for serial in range(200))))
    assert serials(read_log(log, block=block)) == list(range(200))


def test_rotated_logs_are_read_oldest_first_and_as_one(tmp_path):
    lines = [line for serial in range(40) for line in stop(serial)]
    # cut between the records of an event, so that it straddles two files
    for number, (start, end) in enumerate([(133, len(lines)), (87, 133), (41, 87), (0, 41)]):
        path = tmp_path / ('audit.log.%d' % (number * 5) if number else 'audit.log')
        path.write_bytes(audit_writer.text(lines[start:end]))
    (tmp_path / 'audit.log.old').write_bytes(audit_writer.text(stop(99)))
    reading = Reading(KEY, log=str(tmp_path / 'audit.log'))
    assert serials(reading.events()) == list(range(40))
    assert reading.stats()['bytes'] == sum(len(line) + 1 for line in lines)


def rotate(log, keep):
    """As auditd does: src/auditd-event.c rotate_logs()."""
    for number in range(keep, 0, -1):
        source = '%s.%d' % (log, number - 1) if number > 1 else str(log)
        if os.path.exists(source):
            os.rename(source, '%s.%d' % (log, number))


@pytest.mark.parametrize('rotations', [1, 2, 3])
@pytest.mark.parametrize('after', [0, 1, 10, 30])
def test_a_rotation_while_reading_loses_and_doubles_nothing(tmp_path, after, rotations):
    log = tmp_path / 'audit.log'
    (tmp_path / 'audit.log.1').write_bytes(audit_writer.text(*(stop(serial) for serial in range(20))))
    log.write_bytes(audit_writer.text(*(stop(serial) for serial in range(20, 40))))
    last = 40
    found = []
    for count, event in enumerate(read_log(log, block=2048)):
        found.append(event)
        if count == after:
            for _rotation in range(rotations):
                split = stop(last)
                with log.open('ab') as handle:
                    handle.write(audit_writer.text(split[:2]))
                rotate(log, 9)
                log.write_bytes(audit_writer.text(split[2:], stop(last + 1)))
                last += 2
    assert serials(found) == list(range(last))


@pytest.mark.parametrize('opened', [0, 1, 2])
def test_a_rotation_while_opening_loses_and_doubles_nothing(tmp_path, monkeypatch, opened):
    log = tmp_path / 'audit.log'
    for number, name in enumerate(['audit.log.2', 'audit.log.1', 'audit.log']):
        (tmp_path / name).write_bytes(audit_writer.text(stop(number)))
    real = files.open_regular
    calls = []

    def open_and_rotate(path):
        handle = real(path)
        if len(calls) == opened:
            rotate(log, 9)
            log.write_bytes(audit_writer.text(stop(3)))
        calls.append(path)
        return handle

    monkeypatch.setattr(files, 'open_regular', open_and_rotate)
    assert serials(read_log(log)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    'tail, expected',
    [
        # the last line has no end yet: its last value may be half of one
        (b'argc=3 a0="docker" a1="stop" a2="claude-hooks-1"', [1]),
        (b'argc=3 a0="docker" a1="stop" a2="claude-hooks-1', []),
        (b'argc=3 a0="docker" a1="stop" a2=636C617564652D686F6F6B732D31', []),
        (b'argc=3 a0="docker" a1="stop" a2=636C617564652D686F6F6B732D31\n', [1]),
        (b'argc=3 a0="docker" a1="stop" a2=636C617564652D686F6F6B732D31\x1d', [1]),
    ],
)
def test_a_last_line_without_an_end_is_read_as_far_as_it_is_certain(tmp_path, tail, expected):
    log = tmp_path / 'audit.log'
    log.write_bytes(stop(1)[0] + b'\ntype=EXECVE msg=audit(1795490000.100:1): ' + tail)
    assert serials(read_log(log)) == expected


def test_stats_tell_what_was_read_and_which_time_it_covers(tmp_path):
    log = tmp_path / 'audit.log'
    (tmp_path / 'audit.log.1').write_bytes(audit_writer.text(stop(1, seconds=1795490000), stop(2, seconds=1795490005)))
    log.write_bytes(audit_writer.text(stop(3, seconds=1795490009, milli=7, key=None)))
    reading = Reading(KEY, log=str(log))
    assert serials(reading.events()) == [1, 2]
    size = log.stat().st_size + (tmp_path / 'audit.log.1').stat().st_size
    assert reading.stats() == {'bytes': size, 'first': 1795490000100, 'last': 1795490009007}


@pytest.mark.parametrize(
    'filling',
    [
        pytest.param(lambda: audit_writer.text(*(stop(serial, key=None) for serial in range(500))), id='others'),
        pytest.param(
            lambda: audit_writer.text(
                *(audit_writer.event([b'docker', b'ps'], serial=serial, cwd=None) for serial in range(500))
            ),
            id='incomplete',
        ),
        pytest.param(lambda: bytes(300000), id='NUL'),
    ],
)
def test_memory_does_not_grow_with_the_log(tmp_path, filling):
    log = tmp_path / 'audit.log'
    part = filling()

    def peak(parts):
        with log.open('wb') as handle:
            for _part in range(parts):
                handle.write(part)
        tracemalloc.start()
        assert serials(read_log(log, block=1 << 16)) == []
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(1)
    # Blocks, and events that are not complete, are kept for 4 MiB of the log
    enough = 1 + (8 << 20) // len(part)
    assert peak(2 * enough) < 1.2 * peak(enough)


@pytest.mark.parametrize(
    'text, expected',
    [
        ('log_file = /srv/a.log\n', '/srv/a.log'),
        ('#log_file = /srv/b.log\n LOG_FILE=/srv/a.log\n', '/srv/a.log'),
        ('write_logs = yes\n', config.DEFAULT_LOG),
        ('write_logs = no\nlog_file = /srv/a.log\n', 'write_logs = no, so auditd keeps no log'),
        ('log_format = NOLOG\n', 'write_logs = no, so auditd keeps no log'),
    ],
)
def test_the_log_is_the_one_that_auditd_conf_names(tmp_path, text, expected):
    conf = tmp_path / 'auditd.conf'
    conf.write_text(text)
    try:
        answer = config.log_path(str(conf))
    except log_reader.LogReaderError as error:
        answer = str(error)
    assert expected in answer


def test_without_auditd_conf_and_log_audit_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(config, 'DEFAULT_LOG', str(tmp_path / 'audit.log'))
    with pytest.raises(log_reader.LogReaderError, match='auditd is not installed'):
        config.log_path(str(tmp_path / 'auditd.conf'))


def test_a_missing_log_is_an_error_with_the_likely_reason(tmp_path):
    with pytest.raises(
        log_reader.LogReaderError, match='audit.log does not exist: auditd has written no log.*auditctl -s'
    ):
        list(read_log(tmp_path / 'audit.log'))


def make_fifo(path):
    os.mkfifo(path)


@pytest.mark.parametrize('make', [make_fifo, os.mkdir])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, make):
    make(tmp_path / 'audit.log')
    for events in (read_log(tmp_path / 'audit.log'), Reading(KEY, files=[str(tmp_path / "audit.log")]).events()):
        with pytest.raises(log_reader.LogReaderError, match='it is not a file'):
            list(events)
