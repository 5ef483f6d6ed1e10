# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit records from the journal: read as from the log of auditd, followed by journald's cursor.

A program in the place of journalctl prints exports. molecule/fleet_faults/verify_journal.yml has a real journald.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import (
    config,
    follow_journal,
    journal,
    logs,
    watch,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

KEY = 'claude-hooks-docker'
PROGRAM = r"""#!%s
import sys, os, time
options = dict(word.partition('=')[::2] for word in sys.argv[1:])
assert '_TRANSPORT' in options and options['_TRANSPORT'] == 'audit', options
if os.path.exists('%s/broken'):
    sys.stderr.write('No journal files were opened due to insufficient permissions.\n')
    sys.exit(1)
def entries():
    with open('%s/export', 'rb') as file:
        return [entry + b'\n' for entry in file.read().split(b'\n\n') if entry.strip()]
if '--follow' in options:
    seen = max(0, len(entries()) - 1)
    while True:
        now = entries()
        for entry in now[seen:]:
            print('SYSCALL', flush=True)
        seen = len(now)
        time.sleep(0.02)
found = entries()
assert options['--output'] == 'export', options
if '--cursor' in options:
    at = [number for number, entry in enumerate(found) if b'__CURSOR=' + options['--cursor'].encode() + b'\n' in entry]
    found = found[at[0]:] if at else found
if '--lines' in options:
    found = found[-int(options['--lines']):]
sys.stdout.buffer.write(b'\n'.join(found) + (b'\n' if found else b''))
"""


class Journal:
    """The journal of a host, and its programs."""

    def __init__(self, folder):
        self.folder = folder
        self._count = 0
        (folder / 'export').touch()
        self.program('journalctl', PROGRAM % (sys.executable, folder, folder))
        self.takers('active', '0')

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def takers(self, socket, pid):
        self.program('systemctl', '#!/bin/sh\necho %s\n' % socket)
        self.program('auditctl', '#!/bin/sh\nprintf "enabled 1\\npid %s\\n"\n' % pid)

    def record(self, kind, body, serial, seconds=1795490000, arrived=None, number=None):
        self._count += 1
        arrived = seconds if arrived is None else arrived
        lines = [
            '__CURSOR=s=1;i=%x' % self._count,
            '__REALTIME_TIMESTAMP=%d' % (arrived * 1000000),
            '_BOOT_ID=b',
            '_SOURCE_REALTIME_TIMESTAMP=%d' % (seconds * 1000000 + 100000),
            '_AUDIT_TYPE=%d' % (number or 1300),
            '_AUDIT_ID=%d' % serial,
        ]
        with (self.folder / 'export').open('ab') as file:
            file.write('\n'.join(lines).encode() + b'\n')
            text = b'%s %s' % (kind.encode(), body.encode())
            if '\n' in body:
                file.write(b'MESSAGE\n' + len(text).to_bytes(8, 'little') + text + b'\n')
            else:
                file.write(b'MESSAGE=' + text + b'\n')
            file.write(b'\n')

    def syscall(self, serial, **options):
        body = 'arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7 auid=0 uid=0 tty=pts0 ses=3 comm="docker" '
        self.record('SYSCALL', body + 'exe="/usr/bin/docker" subj=unconfined key="%s"' % KEY, serial, **options)

    def rest(self, serial, name='web', **options):
        self.record('EXECVE', 'argc=3 a0="docker" a1="stop" a2="claude-hooks-%s"' % name, serial, **options)
        self.record('CWD', 'cwd="/root"', serial, **options)

    def stop(self, serial, name='web', **options):
        self.syscall(serial, **options)
        self.rest(serial, name, **options)


@pytest.fixture
def system(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', '%s:%s' % (tmp_path, os.environ['PATH']))
    monkeypatch.setattr(journal, '_SYSTEMD', str(tmp_path))
    monkeypatch.setattr(journal, 'AUDITD_PID', str(tmp_path / 'auditd.pid'))
    return Journal(tmp_path)


def names(events):
    return [one['targets'][0][13:] for one in find.find(events)['findings']]


PIDS = {'nobody': 0, 'self': os.getpid(), 'gone': 4194305}  # the last is higher than any pid


@pytest.mark.parametrize(
    ('socket', 'taker', 'auditd', 'expected'),
    [
        ('active', 'nobody', None, True),
        ('inactive', 'nobody', None, False),
        ('active', 'self', None, False),
        ('active', 'gone', None, True),
        ('active', 'nobody', 'self', False),
        ('active', 'nobody', 'gone', True),
    ],
)
def test_who_takes_the_records_decides(system, socket, taker, auditd, expected):
    system.takers(socket, str(PIDS[taker]))
    if auditd:
        (system.folder / 'auditd.pid').write_text('%d\n' % PIDS[auditd])
    assert journal.takes_records() is expected
    if expected:
        assert config.log_path(str(system.folder / 'auditd.conf')) == journal.LOG


def test_the_journal_is_read_as_a_log(system):
    system.stop(1, 'a')
    system.record('USER_CMD', "pid=9 uid=0 msg='cmd=x\ntype=SYSCALL msg=audit(1795490000.100:9): key=\"%s\"'" % KEY, 2)
    system.stop(3, 'b', seconds=1795490005)
    reading = Reading(KEY, log=journal.LOG)
    found = find.find(reading)
    assert [(one['targets'], one['origin'], one['event']) for one in found['findings']] == [
        (['claude-hooks-a'], 'raw', '1795490000.100:1'),
        (['claude-hooks-b'], 'raw', '1795490005.100:3'),
    ]
    assert found['executions'] == 2
    assert (reading.stats()['first'], reading.stats()['last']) == (1795490000100, 1795490005100)


def test_what_a_real_journald_wrote_is_read(system):
    # systemd 252 of Debian 12 on a 6.1 kernel, `journalctl -o export --output-fields=... _TRANSPORT=audit`
    recorded = pathlib.Path(__file__).parents[2] / 'fixtures' / 'journal-systemd-252.export'
    (system.folder / 'export').write_bytes(recorded.read_bytes())
    found = find.find(Reading(KEY, log=journal.LOG))
    assert [(one['action'], one['targets'], one['cwd']) for one in found['findings']] == [
        ('stop', ['claude-hooks-a'], '/root'),
        ('remove', ['claude-hooks-b c'], '/root'),
    ]
    assert (found['executions'], found['unreadable_count']) == (3, 0)
    assert names(follow_journal.of(KEY, journal.LOG).events()) == ['a', 'b c']


def test_types_without_a_name_get_theirs(system):
    system.record('AUDIT1131', "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=docker'", 1, number=1131)
    system.record('AUDIT1999', 'x=y', 2, number=1999)
    lines = [entry.line for entry in journal.entries()]
    assert [line.partition(b' ')[0] for line in lines] == [b'type=SERVICE_STOP', b'type=UNKNOWN[1999]']


def test_verdicts_read_it_too(system):
    system.record('CONFIG_CHANGE', 'op=add_rule key="%s" list=4 res=1' % KEY, 1, number=1305)
    system.stop(2)
    logged = host.read_logs(KEY, journal.LOG)
    assert len(logged.executions) == 1
    assert [line[:18] for line in logged.lines[0]] == [b'type=CONFIG_CHANGE']


def test_why_it_cannot_be_read_is_said(system):
    (system.folder / 'broken').touch()
    with pytest.raises(logs.LogReaderError, match='exit code 1: No journal files were opened due to insufficient'):
        list(Reading(KEY, log=journal.LOG).events())


def follow(position=None):
    following = follow_journal.of(KEY, journal.LOG, position)
    found = names(following.events())
    return found, following


def test_each_event_comes_once(system):
    system.stop(1, 'a')
    found, first = follow()
    assert (found, first.position['cursor']) == (['a'], 's=1;i=3')
    assert follow(first.position)[0] == []
    system.stop(2, 'b')
    found, second = follow(first.position)
    assert (found, second.gap) == (['b'], None)
    # The same follower goes on
    system.stop(3, 'c')
    assert names(second.events()) == ['c']


def test_an_event_that_has_just_begun_is_waited_for(system):
    now = int(time.time())
    system.stop(1, 'a')
    system.syscall(2, seconds=now, arrived=now)
    found, first = follow()
    assert (found, first.is_waiting, first.position['cursor']) == (['a'], True, 's=1;i=3')
    system.rest(2, 'b', seconds=now, arrived=now)
    found, second = follow(first.position)
    assert (found, second.is_waiting) == (['b'], False)
    # It is not settled yet, and comes no second time
    assert second.position['cursor'] == 's=1;i=3'
    assert follow(second.position)[0] == []


def test_a_gap_is_told_where_the_entry_of_the_cursor_is_gone(system):
    system.stop(1, 'a')
    _found, first = follow()
    (system.folder / 'export').write_bytes(b'')
    system.stop(5, 'b', seconds=1795490100)
    found, second = follow(first.position)
    assert (found, second.gap) == (['b'], (1795490000100, 1795490100100))


def test_a_reader_of_the_log_goes_on_in_the_journal(system):
    position = {'fingerprint': 'x', 'offset': 9, 'before': 'y', 'done': [], 'reported': [], 'last': 1795490050000}
    system.stop(1, 'a')
    system.stop(2, 'b', seconds=1795490100)
    found, following = follow(position)
    assert (found, following.gap) == (['b'], None)


def test_the_watch_sees_each_record(system):
    listener, kept = os.pipe()
    with contextlib.closing(watch.watch(journal.LOG, listener)) as watching:
        system.stop(1)
        assert watching.wait(10) == watch.WRITTEN
        while watching.wait(0.3) == watch.WRITTEN:
            pass
        assert watching.wait(0.1) == watch.EXPIRED
        system.stop(2)
        assert watching.wait(10) == watch.WRITTEN
        # journalctl that ended is started again
        watching._process.kill()
        assert watching.wait(10) == watch.WRITTEN
        os.close(kept)
        assert watching.wait(10) == watch.GONE
    os.close(listener)


def test_a_reader_that_comes_back_to_the_log_of_auditd_goes_on_behind_its_last_record(system):
    """auditd was stopped for a while: what it wrote before was reported from its log, and is not reported again."""

    def event(serial, seconds, name):
        argv = [b'docker', b'stop', b'claude-hooks-' + name.encode()]
        return audit_writer.text(audit_writer.event(argv, seconds=seconds, serial=serial, key=KEY.encode()))

    log = system.folder / 'audit.log'
    log.write_bytes(event(1, 1795490000, 'a') + event(2, 1795490010, 'b'))
    (system.folder / 'audit.log.1').write_bytes(event(8, 1795480000, 'old'))
    first = follow_journal.of(KEY, str(log))
    assert names(first.events()) == ['old', 'a', 'b']
    system.stop(3, 'c', seconds=1795490020)
    second = follow_journal.of(KEY, journal.LOG, first.position)
    assert names(second.events()) == ['c']
    with log.open('ab') as file:
        file.write(event(4, 1795490030, 'd'))
    third = follow_journal.of(KEY, str(log), second.position)
    assert (names(third.events()), third.gap) == (['d'], None)
    third.close()
    fourth = follow_journal.of(KEY, str(log), third.position)
    assert (names(fourth.events()), fourth.gap) == ([], None)
    with log.open('ab') as file:
        file.write(event(5, 1795490040, 'e'))
    assert names(fourth.events()) == ['e']
    fourth.close()
