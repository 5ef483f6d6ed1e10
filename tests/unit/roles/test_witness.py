# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: of what an engine says nothing is lost or kept twice, and no answer breaks or floods the files.

Each test talks to a real unix socket, behind which it plays the engine.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.tests.support.fake_engine import request_of

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / 'roles' / 'docker_audit' / 'files' / 'witness' / 'witness.py'
spec = importlib.util.spec_from_file_location('witness', PROGRAM)
witness = importlib.util.module_from_spec(spec)
spec.loader.exec_module(witness)
store = witness.kept_files

A = 'a' * 64
NANO = 1795492663051000123
numbers = itertools.count()


def event(action='start', name='claude-hooks-a', identity=A, kind='container', nano=None, **attributes):
    nano = NANO + next(numbers) * 1000000 if nano is None else nano
    return {
        'status': action,
        'id': identity,
        'Type': kind,
        'Action': action,
        'scope': 'local',
        'time': nano // 10**9,
        'timeNano': nano,
        'Actor': {'ID': identity, 'Attributes': dict(attributes, name=name)},
    }


class Engine:
    """Answers GET /events as an engine does: with what it keeps, and without an end also with what comes."""

    def __init__(self, path, *memory, status='200 OK'):
        self.memory, self.asked, self.status = list(memory), [], status
        self.containers = {}  # id: what an inspect answers
        self._streams, self._clients, self._lock = [], [], threading.Lock()
        self._path = str(path)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self._path)
        self._server.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            while True:
                request = request_of(client)
                if request is None:
                    return
                target = request.split(b' ')[1].decode()
                if target.startswith('/containers/'):
                    client.sendall(self._told(target.split('/')[2]))
                    continue
                with self._lock:
                    client.sendall(('HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n' % self.status).encode())
                    for entry in self.memory:
                        self._send(client, json.dumps(entry).encode() + b'\n')
                    if 'until=' in target:
                        client.sendall(b'0\r\n\r\n')
                    else:
                        self._streams.append(client)
                    self.asked.append(target)
        except OSError:
            pass

    def _told(self, name):
        running = [{'Id': container, 'Labels': {'a': 'x' * 100000}} for container in self.containers]
        told = json.dumps(running if name == 'json' else self.containers.get(name, {}), separators=(',', ':'))
        return ('HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(told), told)).encode()

    @staticmethod
    def _send(client, data):
        client.sendall(b'%x\r\n' % len(data) + data + b'\r\n')

    def emit(self, *entries):
        for entry in entries:
            raw = entry if isinstance(entry, bytes) else json.dumps(entry).encode() + b'\n'
            with self._lock:
                if not isinstance(entry, bytes):
                    self.memory.append(entry)
                for stream in self._streams:
                    self._send(stream, raw)

    def cut(self):
        """The answers break off, the engine lives on."""
        with self._lock:
            self._streams.clear()
        for client in self._clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        os.unlink(self._path)
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()


class Ended(Exception):
    pass


class Host:
    """A folder, a socket, and a keeper that runs until it is told to end."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / 'docker.sock'
        self.dockerds = {1}
        self._stop = threading.Event()
        self.engine = self._thread = None

    def start(self, *memory, **options):
        self.dockerds = {max(self.dockerds, default=0) + 1}
        self.engine = Engine(self.path, *memory, **options)
        return self.engine

    def stop(self):
        """As a dockerd that is told to end: its process is gone when its answers end."""
        self.dockerds = set()
        self.engine.end()

    def keep(self, leaving=0, largest=store.LARGEST_FILE):
        self._stop.clear()
        self.keeper = witness.Follower(
            store.Store(str(self.folder), largest), str(self.path), self._engines, pause=0.02, leaving=leaving
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self.keeper.follow()
        except Ended:
            pass

    def _engines(self):
        if self._stop.is_set():
            raise Ended()
        return set(self.dockerds)

    def end_keeper(self):
        """As SIGTERM does."""
        self._stop.set()
        if self.engine:
            self.engine.cut()
        self._thread.join(10)
        self._stop.clear()
        self.keeper.end()

    def following(self, times=1):
        wait(lambda: len([target for target in self.engine.asked if 'until' not in target]) >= times)

    def entries(self):
        # What has no line end yet is still being written
        return [
            json.loads(line)
            for path in (self.folder / 'events.jsonl.1', self.folder / 'events.jsonl')
            if path.exists()
            for line in path.read_bytes().split(b'\n')[:-1]
            if line
        ]

    def events(self):
        return [(entry['Action'], entry['timeNano']) for entry in self.entries() if 'Type' in entry]

    def marks(self, *kinds):
        return [entry for entry in self.entries() if entry.get('mark') in kinds]

    def kept(self, *wanted):
        """Waits for these events, and says what is kept by then."""
        wait(lambda: {key(entry) for entry in wanted} <= set(self.events()))
        return self.events()


def key(entry):
    return entry['Action'], entry['timeNano']


def wait(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'nothing happened'
        time.sleep(0.01)


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    if host._thread:
        host._stop.set()
        if host.engine:
            host.engine.cut()
        host._thread.join(10)
        assert not host._thread.is_alive()


@pytest.mark.parametrize(
    'comm, uids, is_engine',
    [
        ('dockerd', '0\t0\t0\t0', True),
        ('dockerd', '1001\t1001\t1001\t1001', False),
        ('dockerd', '1001\t0\t0\t0', False),
        ('dockerd', '0\t0\t0\t0\nNSpid:\t4711', True),
        ('dockerd', '0\t0\t0\t0\nNSpid:\t4711\t1', False),  # in a container
        ('dockerd\nUid:\t0\t0\t0\t0', '1001\t1001\t1001\t1001', False),
        ('docker', '0\t0\t0\t0', False),
    ],
)
def test_only_a_dockerd_of_root_is_an_engine(tmp_path, comm, uids, is_engine):
    (tmp_path / '4711').mkdir()
    (tmp_path / '4711' / 'comm').write_text(comm + '\n')
    escaped = comm.replace('\n', '\\n')  # as the kernel writes it there (fs/proc/array.c proc_task_name)
    (tmp_path / '4711' / 'status').write_text('Name:\t%s\nUid:\t%s\nGid:\t0\t0\t0\t0\n' % (escaped, uids))
    assert witness.kernel.engines(str(tmp_path)) == ({4711} if is_engine else set())


def test_what_the_engine_still_knows_and_what_comes_is_kept_once(host):
    past, live = [event('create'), event()], [event('kill', signal='15'), event('die', exitCode='143')]
    engine = host.start(*past)
    before = time.time() * 1000
    host.keep()
    host.following()
    engine.emit(*live)
    assert host.kept(*past, *live) == [key(entry) for entry in past + live]
    assert (host.folder / 'events.jsonl').stat().st_mode & 0o777 == 0o600
    # One connection for events, one to ask about containers
    wait(lambda: len(host.marks('connected')) == 2)
    assert host.marks('gone', 'gap') == []
    for mark in host.marks('connected'):
        assert (mark['pid'], mark['looker']) == (os.getpid(), os.getppid())
        assert before - 1 <= mark['from'] <= mark['to'] <= time.time() * 1000 + 1


def test_an_engine_that_starts_anew_is_marked_and_nothing_is_lost_or_twice(host):
    first, second = [event(), event('die')], [event(), event('stop')]
    host.start()
    host.keep()
    host.following()
    host.engine.emit(*first)
    host.kept(*first)
    before = time.time() * 1000
    host.stop()
    wait(lambda: host.marks('gone'))
    host.start(second[0])
    host.following()
    host.engine.emit(second[1])
    assert host.kept(*second) == [key(entry) for entry in first + second]
    (gone,) = host.marks('gone', 'gap')
    assert before - 1 <= gone['time'] <= time.time() * 1000


def test_an_engine_that_is_back_at_once_is_marked_too(host):
    """As "systemctl restart" does it where systemd holds the socket: connects never fail."""
    host.start(event())
    host.keep()
    host.following()
    host.engine.end()
    last = event()
    host.start(last)
    host.kept(last)
    assert [mark['mark'] for mark in host.marks('gone', 'gap')] == ['gone']


def test_an_answer_that_breaks_off_is_no_end_of_the_engine(host):
    entries = [event() for _unused in range(3)]
    host.start(entries[0])
    host.keep()
    host.following()
    host.engine.memory.append(entries[1])  # while nobody listens
    host.engine.cut()
    host.following(2)
    host.engine.emit(entries[2])
    assert host.kept(*entries) == [key(entry) for entry in entries] and host.marks('gone', 'gap') == []


def test_a_keeper_that_starts_anew_goes_on_where_it_ended(host):
    entries = [event() for _unused in range(3)]
    host.start(entries[0])
    host.keep()
    host.following()
    host.kept(entries[0])
    host.end_keeper()
    host.engine.emit(entries[1])
    host.keep()
    host.following(2)
    host.engine.emit(entries[2])
    assert host.kept(*entries) == [key(entry) for entry in entries] and host.marks('gone', 'gap') == []


def test_health_checks_do_not_push_out_what_joins_two_keepers(host):
    """The last event that a keeper saw was none that is kept, and it is the only one that both know."""
    host.start(event())
    host.keep()
    host.following()
    check = event('exec_start: true')
    host.engine.emit(check)
    wait(lambda: store.told(check).key in host.keeper._seen)
    host.end_keeper()
    host.engine.memory[:] = [check, event('die')]
    host.keep()
    host.kept(host.engine.memory[1])
    assert host.marks('gap') == []


@pytest.mark.parametrize(
    'memory, is_gap', [([event() for _unused in range(3)], True), ([event() for _unused in range(256)], True)]
)
def test_an_engine_that_started_while_no_keeper_ran_is_a_gap(host, memory, is_gap):
    host.start(event())
    host.keep()
    host.following()
    host.end_keeper()
    ended = host.marks('ended')[0]['time']
    host.stop()
    host.start(*memory)
    host.keep()
    host.kept(memory[-1])
    assert [mark['from'] for mark in host.marks('gap')] == [ended]


def test_an_engine_that_was_gone_before_the_keeper_ended_leaves_no_gap(host):
    """As where a host boots: the engine ends first, and starts last."""
    host.start(event())
    host.keep()
    host.following()
    host.stop()
    wait(lambda: host.marks('gone'))
    host.end_keeper()
    last = event()
    host.start(last)
    host.keep()
    host.kept(last)
    assert host.marks('gap') == []


def test_a_new_engine_that_had_more_than_it_keeps_leaves_a_gap(host):
    host.start(event())
    host.keep()
    host.following()
    host.stop()
    wait(lambda: host.marks('gone'))
    memory = [event(kind='network') for _unused in range(255)] + [event()]
    host.start(*memory)
    host.kept(memory[-1])
    (gap,) = host.marks('gap')
    assert (gap['from'], gap['to']) == (
        host.marks('gone')[0]['time'],
        max(host.marks('gone')[0]['time'], memory[0]['timeNano'] // 1000000),
    )


def test_while_no_dockerd_runs_nobody_connects(host):
    """A connect to a socket that systemd holds would start the engine that somebody stopped."""
    host.start(event())
    host.dockerds = set()
    host.keep()
    time.sleep(0.3)
    assert host.engine.asked == [] and host.entries() == []


def test_a_dockerd_that_is_about_to_end_is_left_alone(host):
    host.start(event())
    host.keep(leaving=60)
    host.following()
    asked = len(host.engine.asked)
    host.engine.cut()
    time.sleep(0.3)
    assert len(host.engine.asked) == asked and host.marks('gone') == []
    host.dockerds = set()
    wait(lambda: host.marks('gone'))


# What cannot be read at all can have been an event of a container
UNREADABLE = [
    b'garbage\n',
    b'null\n',
    b'[]\n',
    b'{"Type":"container"}\n',
    b'{"Type": "container", "Acti\n',
    b'\xff\xfe\n',
    b'[' * 50000 + b'\n',
    b'{"a":' * 50000 + b'\n',
    json.dumps(dict(event(), timeNano='1')).encode() + b'\n',
    json.dumps(dict(event(), timeNano=1.5)).encode() + b'\n',
    json.dumps(dict(event(), timeNano=True)).encode() + b'\n',
    json.dumps(dict(event(), Actor=[])).encode() + b'\n',
    json.dumps(dict(event(), Action=['die'])).encode() + b'\n',
    b'{"timeNano":' + b'9' * 100000 + b'}\n',
]
OTHERS = [
    b'\n',
    json.dumps(event(identity='A' * 64)).encode() + b'\n',
    json.dumps(event(identity='../../etc')).encode() + b'\n',
    json.dumps(event(kind='image')).encode() + b'\n',
    json.dumps(event('exec_create: true')).encode() + b'\n',
    json.dumps(event('health_status: healthy')).encode() + b'\n',
]


@pytest.mark.parametrize('raw, gaps', [(raw, 1) for raw in UNREADABLE] + [(raw, 0) for raw in OTHERS])
def test_what_is_no_event_of_a_container_is_not_kept_and_breaks_nothing(host, raw, gaps):
    host.start()
    host.keep()
    host.following()
    last = event()
    host.engine.emit(raw, last)
    assert host.kept(last) == [key(last)] and host.marks('gone') == []
    assert len(host.marks('gap')) == gaps


@pytest.mark.parametrize(
    'attributes',
    [
        {'name': 'x\n{"mark":"gone","time":1}\n'},
        {'name': 'x\u2028\x85\x1d\r'},
        {'name': '\ud800'},
        {'name': 'n' * 900000},
        {'name': '\U0001f600' * 5000},
        {'com.docker.compose.project': 'p' * 900000, 'name': 'x'},
        {'Label' + 'l' * 500000: 'v', 'name': 'x'},
        {'name': 5, 'exitCode': None},
        {name: '\U0001f600' * 600 for name in store.ATTRIBUTES},
    ],
)
def test_hostile_names_and_labels_are_one_line_of_bounded_size(host, attributes):
    host.start()
    host.keep()
    host.following()
    entry = event('die')
    entry['Actor']['Attributes'] = attributes
    host.engine.emit(entry)
    host.kept(entry)
    lines = (host.folder / 'events.jsonl').read_bytes().split(b'\n')
    # the marks of the connects, the event, and nothing behind it
    (line,) = [line for line in lines[:-1] if 'Type' in json.loads(line)]
    assert max(map(len, lines)) < 13 * 512 * 12 + 4000 and lines[-1] == b'' and len(lines) <= 4
    kept = json.loads(line)['Actor']['Attributes']
    assert kept == {
        name: value[:512] for name, value in attributes.items() if name in store.ATTRIBUTES and isinstance(value, str)
    }


def test_a_line_too_long_to_read_is_a_gap_and_what_follows_is_kept(host):
    host.start()
    host.keep()
    host.following()
    last = event()
    host.engine.emit(event(label='x' * (3 << 20)), last)
    assert host.kept(last) == [key(last)]
    (gap,) = host.marks('gap')
    assert gap['from'] <= gap['to'] <= time.time() * 1000


def test_two_files_of_bounded_size_hold_the_newest(host):
    host.start()
    host.keep(largest=8000)
    host.following()
    entries = [event() for _unused in range(200)]
    for entry in entries:
        host.engine.emit(entry)
    host.kept(entries[-1])
    files = [host.folder / name for name in ('events.jsonl.1', 'events.jsonl')]
    assert [path.stat().st_size <= 8000 for path in files] == [True, True]
    assert sorted(path.name for path in host.folder.iterdir()) == ['docker.sock', 'events.jsonl', 'events.jsonl.1']
    events = host.events()
    assert 20 < len(events) < 200 and events == [key(entry) for entry in entries[-len(events) :]]
    # The connect of the process that still runs is explained as long as it runs.
    for path in files:
        starts = [json.loads(line).get('mark') for line in path.read_bytes().split(b'\n')[:2]]
        assert starts == ['connected', 'connected']
    # A file that is put aside between the reading of the two is read twice.
    read = kept_events.read([path.read_bytes() for path in (*files, files[0])])
    assert [(entry['Action'], entry['timeNano']) for entry in read['events']] == events
    assert {pid for pid, _start, _end in read['connects']} == {os.getpid()}


def test_a_cut_line_does_not_take_the_next_one_with_it(host):
    (host.folder / 'events.jsonl').write_bytes(b'{"Type":"container","Act')
    last = event()
    host.start(last)
    host.keep()
    wait(lambda: len((host.folder / 'events.jsonl').read_bytes().split(b'\n')) == 5)
    read = kept_events.read([(host.folder / 'events.jsonl').read_bytes()])
    assert [entry['Action'] for entry in read['events']] == ['start'] and read['connects']


def test_an_engine_that_answers_with_an_error_is_asked_less_and_less(host):
    host.start(status='500 Internal Server Error')
    host.keep()
    time.sleep(0.7)
    # After 0.04, 0.12, 0.28 and 0.6 s
    assert 2 <= len(host.marks('connected')) <= 5


def test_the_program_ends_with_the_signal_of_systemd_and_says_so(tmp_path):
    process = subprocess.Popen(
        [sys.executable, '-I', str(PROGRAM), str(tmp_path), str(tmp_path / 'none.sock')],
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0 and ('waiting for it' in line or 'cannot connect to' in line)
    entry = json.loads((tmp_path / 'events.jsonl').read_text().splitlines()[-1])
    assert (entry['mark'], entry['last']) == ('ended', None)


@pytest.mark.parametrize(
    'prepare, message',
    [
        (lambda folder: folder / 'missing', 'No such file or directory'),
        # Written to where it would grow without bound, or into what another user prepared
        (
            lambda folder: (folder / 'events.jsonl').symlink_to('/dev/full') or folder,
            'Too many levels of symbolic links',
        ),
    ],
)
def test_a_folder_that_cannot_be_used_ends_it_with_a_sentence(tmp_path, prepare, message):
    done = subprocess.run(
        [sys.executable, '-I', str(PROGRAM), str(prepare(tmp_path)), str(tmp_path / 'none.sock')],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith('events cannot be kept: ') and message in done.stderr


def test_a_full_disk_ends_it_so_that_a_new_start_writes_what_is_still_to_be_had(tmp_path, monkeypatch):
    files = store.Store(str(tmp_path))
    files.write({'mark': 'ended'})
    monkeypatch.setattr(store.os, 'write', lambda file, data: len(data) - 1)
    with pytest.raises(store.StoreError, match='only 16 of 17 bytes written'):
        files.write({'mark': 'ended'})
