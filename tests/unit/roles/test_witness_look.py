# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a look names who is connected and nobody else, and comes in time whatever a client does.

The sockets and the clients are real; this process plays the engine. That a real engine's clients are seen is
tests/integration/test_witness_looks.py.
"""

from __future__ import annotations

import errno
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import listeners
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import world

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / 'roles' / 'docker_audit' / 'files' / 'witness'))

import asking  # noqa: E402
import kernel  # noqa: E402
import look  # noqa: E402
import store as kept_files  # noqa: E402
import witness  # noqa: E402

A, B = 'a' * 64, 'b' * 64
NANO = 1795492663051000123
SECOND = 10**9

CLIENT = """
import socket, sys, time
made = []
for number in range(int(sys.argv[2])):
    made.append(socket.socket(socket.AF_UNIX))
    made[-1].connect(sys.argv[1])
print('connected', flush=True)
sys.stdin.read()
"""
# A child has the connection, too, or has it alone.
FORKED = CLIENT.replace("print('", "import os\nif os.fork() == 0:\n    sys.stdin.read()\n    os._exit(0)\nprint('")
GAVE = FORKED.replace('print(', 'made[0].close()\nprint(')
# Whoever else had the connection has closed it, and it is left that there was a way.
_CHILD = "import os\nif os.fork() == 0:\n    os._exit(0)\n%s\nprint('"
REAPED = CLIENT.replace("print('", _CHILD % 'os.wait()')
ZOMBIE = CLIENT.replace("print('", _CHILD % 'time.sleep(0.1)')
IGNORED = CLIENT.replace('import', 'import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nimport')
# curl has such a pair for itself
PAIRED = CLIENT.replace("print('", "pair = socket.socketpair()\nprint('")
REACHES = PAIRED.replace('pair()', '(socket.AF_UNIX, socket.SOCK_DGRAM)')
# Who connected has ended, and a child of it has the connection.
LEFT = """
import os, socket, sys
made = socket.socket(socket.AF_UNIX)
made.connect(sys.argv[1])
print(os.getpid(), flush=True)
if os.fork() == 0:
    sys.stdin.read()
"""


FORKING = threading.Lock()


def test_witness_and_coverage_leave_out_the_same_listeners_of_an_engine():
    """The witness is a program of its own on the host: it cannot use what the modules have."""
    assert kernel.OTHER_PATHS.pattern == listeners.OTHER_SOCKETS.pattern
    assert kernel.OTHER_PORTS == frozenset(listeners.SWARM_PORTS)


def wait(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'nothing happened'
        time.sleep(0.01)


class Engine:
    """This process with a listening socket, whose own connection is the witness's."""

    def __init__(self, folder):
        self.path = str(folder / 'docker.sock')
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(200)
        self.accepted, self.clients, self.others = [], [], []
        self.own = socket.socket(socket.AF_UNIX)
        self.own.connect(self.path)
        self.accept()
        self.looker = look.Looker(os.getpid(), engines=lambda: {os.getpid()})

    def accept(self, number=1):
        for _unused in range(number):
            self.accepted.append(self.server.accept()[0])

    def client(self, *words, number=1, text=CLIENT):
        words = [sys.executable, '-c', text, self.path, str(number), *words]
        with FORKING:
            client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.clients.append(client)
        self.accept(number)
        client.said = client.stdout.readline()
        return client

    def close(self):
        self.looker.helper.close()
        for client in self.clients:
            client.stdin.close()
            client.wait(10)
            client.stdout.close()
        for connection in [*self.accepted, *self.others, self.own, self.server]:
            connection.close()


@pytest.fixture(autouse=True)
def one_fork_at_a_time(monkeypatch):
    """A fork in another thread while Popen starts a program would hold the pipe at whose end Popen waits."""
    start = look.Helper.start

    def locked(self):
        with FORKING:
            start(self)

    monkeypatch.setattr(look.Helper, 'start', locked)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    # The machine that tests can be busy
    monkeypatch.setattr(look, 'PATIENCE', 30)
    monkeypatch.setattr(look, 'HOLDERS_PATIENCE', 30)
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_a_client_is_described_and_the_witness_itself_is_none(engine):
    before = time.time() * 1000
    client = engine.client('two words', '\udcff')
    told = engine.looker.look()
    (found,) = told['clients']
    assert engine.path in told['listeners'] and told['complete'] and told['dropped'] == 0 and told['before'] is None
    assert {name: found[name] for name in ('pid', 'uid', 'gid', 'seen', 'accepts', 'listener')} == {
        'pid': client.pid,
        'uid': os.getuid(),
        'gid': os.getgid(),
        'seen': None,
        'accepts': False,
        'listener': engine.path,
    }
    assert found['argv'] == [sys.executable, '-c', CLIENT, engine.path, '1', 'two words', '\\xff']
    assert found['argv_complete'] is True and os.path.samefile(found['exe'], sys.executable)
    assert before - 20 <= found['start'] <= told['time'] and 'gone' not in found
    # by which a plugin of docker is known
    assert found['ppid'] == os.getpid()
    assert found['inode'] == os.fstat(engine.accepted[-1].fileno()).st_ino
    assert json.loads(json.dumps(told)) == told


def test_a_second_look_says_when_a_connection_was_seen_first_and_which_are_new(engine):
    old = engine.client()
    first = engine.looker.look()
    new = engine.client()
    second = engine.looker.look()
    assert [(client['pid'], client['seen']) for client in second['clients']] == [
        (new.pid, None),
        (old.pid, first['time']),
    ]
    assert second['before'] == first['time']


def test_who_left_its_connection_to_another_is_gone_and_nothing_is_said_of_it(engine):
    client = engine.client(text=LEFT)
    client.wait(10)
    (found,) = engine.looker.look()['clients']
    assert found == {
        'inode': found['inode'],
        'listener': engine.path,
        'pid': int(client.said),
        'uid': os.getuid(),
        'gid': os.getgid(),
        'seen': None,
        'gone': True,
    }


def test_a_connection_is_shared_where_another_process_holds_it(engine):
    """A child that was forked has copies of all."""
    alone, forked = engine.client(number=2), engine.client(text=FORKED)
    told = {client['pid']: client for client in engine.looker.look()['clients']}
    assert (told[alone.pid]['shared'], told[forked.pid]['shared']) == (False, True)


def test_a_connection_that_its_process_has_given_away_is_shared(engine):
    client = engine.client(text=GAVE)
    (found,) = engine.looker.look()['clients']
    assert (found['pid'], found['shared']) == (client.pid, True) and 'gone' not in found


@pytest.mark.parametrize(
    'text, could', [(CLIENT, False), (PAIRED, False), (REAPED, True), (ZOMBIE, True), (REACHES, True), (IGNORED, None)]
)
def test_who_could_lend_its_connection_and_get_it_back_is_told(engine, text, could):
    engine.client(text=text)
    (found,) = engine.looker.look()['clients']
    assert (found['shared'], found['could_lend']) == (False, could)


def test_whether_a_connection_is_shared_is_not_known_where_there_is_no_time_to_look(engine, monkeypatch):
    monkeypatch.setattr(look, 'HOLDERS_PATIENCE', 0)
    engine.client()
    told = engine.looker.look()
    assert told['complete'] is True and 'shared' not in told['clients'][0]


def test_between_two_searches_for_holders_the_last_one_counts(engine, monkeypatch):
    searches = []
    search = kernel.holders
    monkeypatch.setattr(kernel, 'holders', lambda *given: searches.append(given) or search(*given))
    engine.client()
    engine.looker.look()
    engine.looker._search_after = time.monotonic() + 60
    new = engine.client()
    shared = {client['pid']: client.get('shared') for client in engine.looker.look()['clients']}
    assert len(searches) == 1 and shared.pop(new.pid) is None and list(shared.values()) == [False]


def test_a_number_that_another_process_has_by_now_is_that_of_nobody(engine, monkeypatch):
    """Also on a kernel that does not say whether the process of a connection has ended."""
    monkeypatch.setattr(kernel, '_has_ended', lambda copy: False)
    client = engine.client()
    assert 'gone' not in engine.looker.look()['clients'][0]
    real = kernel.started
    monkeypatch.setattr(kernel, 'started', lambda pid: (real(pid)[0] + 1, b'sshd', 1))
    assert engine.looker.look()['clients'][0]['gone'] is True
    monkeypatch.setattr(kernel, 'started', real)
    found = engine.looker.look()['clients'][0]  # once gone, always gone
    assert found['gone'] is True and found['pid'] == client.pid and 'argv' not in found


def test_a_number_that_was_used_again_before_the_first_look_is_that_of_nobody(engine, monkeypatch):
    """The kernel itself says that the process of the connection has ended."""
    try:
        engine.own.getsockopt(socket.SOL_SOCKET, kernel.SO_PEERPIDFD, 4)
    except OSError:
        pytest.skip('the kernel is older than 6.5')
    client = engine.client(text=LEFT)
    client.wait(10)
    other = kernel.started(os.getpid())
    monkeypatch.setattr(kernel, 'started', lambda pid: other)
    assert engine.looker.look()['clients'][0]['gone'] is True


def test_a_process_that_started_after_the_connection_was_seen_first_is_not_who_connected(engine, monkeypatch):
    monkeypatch.setattr(kernel, '_has_ended', lambda copy: False)
    engine.client()
    real = kernel.moment
    monkeypatch.setattr(kernel, 'moment', lambda ticks: real(ticks) + 60000)
    assert engine.looker.look()['clients'][0]['gone'] is True


def test_a_process_that_is_replaced_while_it_is_read_is_gone(engine, monkeypatch):
    engine.client()
    real, answers = kernel.started, []

    def started(pid):
        answers.append(real(pid))
        return answers[-1] if len(answers) < 3 else (answers[-1][0] + 5, b'other', 1)

    monkeypatch.setattr(kernel, 'started', started)
    found = engine.looker.look()['clients'][0]
    assert found['gone'] is True and 'argv' not in found


def test_a_client_over_tcp_has_an_address_and_no_process(engine):
    server = socket.create_server(('127.0.0.1', 0))
    other = socket.create_connection(server.getsockname())
    engine.others += [server, other, server.accept()[0]]
    told = engine.looker.look()
    name = 'tcp:127.0.0.1:%d' % server.getsockname()[1]
    (found,) = told['clients']
    assert name in told['listeners'] and found['listener'] == name
    assert found['remote'] == '127.0.0.1:%d' % other.getsockname()[1]
    assert found['pid'] is found['uid'] is found['gid'] is None and 'gone' not in found


def test_a_client_that_listens_itself_may_speak_for_another(engine):
    text = 'import socket\nserver = socket.create_server(("127.0.0.1", 0))\n' + CLIENT
    engine.client(text=text)
    engine.client('dial-stdio')
    assert [client['accepts'] for client in engine.looker.look()['clients']] == [True, True]


def test_of_many_the_newest_are_listed_and_the_rest_is_counted(engine):
    engine.client(number=60)
    engine.looker.look()
    newest = engine.client('x' * 5000, number=20)
    told = engine.looker.look()
    assert len(told['clients']) + told['dropped'] == 80 and len(told['clients']) <= look.MOST_CLIENTS
    assert [client['pid'] for client in told['clients'][:20]] == [newest.pid] * 20
    assert len(json.dumps(told['clients'])) < look.LONGEST_CLIENTS + 200
    assert told['clients'][0]['argv_complete'] is False and sum(map(len, told['clients'][0]['argv'])) <= 512


def test_a_process_is_described_once_however_many_connections_it_has(engine, monkeypatch):
    """A thousand of one process made each look later than anybody waits for it."""
    described, started = [], []
    real = kernel.sockets, kernel.started
    monkeypatch.setattr(kernel, 'sockets', lambda *given: described.append(given) or real[0](*given))
    monkeypatch.setattr(kernel, 'started', lambda pid: started.append(pid) or real[1](pid))
    many = engine.client(number=20)
    asker = engine.client()
    told = engine.looker.look()
    assert len(told['clients']) == 21 and told['dropped'] == 0
    assert sorted(pid for pid, _name in described) == sorted([many.pid, asker.pid])
    assert started.count(many.pid) == 3 and all(client['argv'] for client in told['clients'])


def test_connections_that_ended_are_forgotten(engine):
    for _unused in range(3):
        client = engine.client()
        engine.looker.look()
        client.kill()
        client.wait(10)
        engine.accepted.pop().close()
    engine.looker.look()
    assert engine.looker._known == {}


def test_an_engine_that_ends_has_closed_its_listeners_and_its_clients_are_seen(engine):
    """It does that before it ends its containers."""
    client = engine.client()
    assert engine.looker.look()['listeners'].count(engine.path) == 1
    engine.server.close()
    told = engine.looker.look()
    assert [found['pid'] for found in told['clients']] == [client.pid] and told['complete'] is True
    assert told['listeners'].count(engine.path) == 1


def test_an_engine_that_does_not_hold_the_connection_of_the_witness_is_another_one(engine):
    engine.client()
    told = look.Looker(1, engines=lambda: {os.getpid()}).look()
    assert told['clients'] == [] and told['complete'] is False and told['took'] == 0


@pytest.mark.parametrize(
    'number, scope, reason',
    [
        (errno.ENOSYS, None, 'pidfd_getfd'),
        (errno.EPERM, 1, 'capability'),
        (errno.EPERM, None, 'capability'),
        (errno.EPERM, 3, 'ptrace_scope'),
    ],
)
def test_where_no_look_is_possible_the_reason_is_a_word(engine, monkeypatch, number, scope, reason):
    def call(*_unused):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(kernel, 'call', call)
    monkeypatch.setattr(kernel, 'number_in', lambda path: scope)
    with pytest.raises(kernel.Blind, match=reason):
        engine.looker.look()


@pytest.fixture
def proc(tmp_path):
    """A /proc in which the command line of 7 never comes."""
    for pid in (7, 8):
        (tmp_path / str(pid)).mkdir()
    os.mkfifo(tmp_path / '7' / 'cmdline')
    (tmp_path / '8' / 'cmdline').write_bytes(b'sh\0-c\0x\0')
    return str(tmp_path)


def test_a_command_line_that_never_comes_holds_a_look_up_once_and_not_for_long(proc):
    helper = look.Helper(proc)
    begin = time.monotonic()
    assert helper.argv(7, 1, begin + 0.3) is None
    assert 0.25 < time.monotonic() - begin < 1
    # the same process is not asked again, another one is
    begin = time.monotonic()
    assert helper.argv(7, 1, begin + 0.3) is None and time.monotonic() - begin < 0.1
    assert helper.argv(8, 1, time.monotonic() + 5) == b'sh\0-c\0x\0'
    assert helper.argv(9, 1, time.monotonic() + 5) is None  # it has ended
    helper.close()
    wait(lambda: not helper.close() and not helper._ended)


@pytest.mark.parametrize('fork', [None, lambda: (none for none in ()).throw(BlockingIOError())])
def test_helpers_that_do_not_end_become_no_more(proc, monkeypatch, fork):
    helper = look.Helper(proc)
    monkeypatch.setattr(helper, '_reap', lambda: None)
    if fork:
        monkeypatch.setattr(look.os, 'fork', fork)
    for ticks in range(look.MOST_STUCK + 2):
        assert helper.argv(7, ticks, time.monotonic() + 0.1) is None
    assert len(helper._ended) == (0 if fork else look.MOST_STUCK)
    assert helper.argv(8, 1, time.monotonic() + 5) is None
    monkeypatch.undo()
    wait(lambda: not helper.close() and not helper._ended)
    assert helper.argv(8, 1, time.monotonic() + 5) == b'sh\0-c\0x\0'
    helper.close()


@pytest.mark.parametrize(
    'text, unit, container',
    [
        ('0::/system.slice/cron.service\n', 'cron.service', None),
        ('0::/system.slice/docker-%s.scope\n' % A, None, A),
        ('12:pids:/docker/%s\n1:name=systemd:/docker/%s\n' % (A, A), None, A),
        ('0::/docker/%s/docker/%s\n' % (A, B), None, A),  # an engine in a container: the outer is this host's
        ('4:memory:/x.service\n1:name=systemd:/user.slice/user-0.slice/session-3.scope\n', 'session-3.scope', None),
        # whoever runs a unit may make groups of any name below it
        (
            '0::/user.slice/user-7.slice/user@7.service/app.slice/docker-%s.scope\n' % A,
            'user@7.service/docker-%s.scope' % A,
            None,
        ),
        ('0::/user.slice/user-7.slice/user@7.service/app.slice/nginx.service\n', 'user@7.service/nginx.service', None),
        ('0::/system.slice/runner.service/docker/%s\n' % A, 'runner.service', None),
        ('1:name=systemd:/user.slice/user@7.service/docker/%s\n0::/x\n' % A, 'user@7.service', None),
        ('0::/docker/%s/system.slice/cron.service\n' % A, None, A),
        ('0::/custom.slice/docker-%s.scope/x\n' % A, None, A),
        ('0::/\n', None, None),
        ('', None, None),
        ('0::/docker/%s\n' % A[:-1], None, None),
    ],
)
def test_the_place_of_a_process(text, unit, container):
    assert kernel.place(text) == (container, unit)


@pytest.mark.parametrize(
    'name, is_other',
    [
        ('/run/docker.sock', False),
        ('/run/docker/metrics.sock', True),
        ('/run/docker/libnetwork/0123456789ab.sock', True),
        ('/run/docker/swarm/control.sock', True),
        ('/srv/metrics.sock.d/docker.sock', False),
        ('tcp:0.0.0.0:2375', False),
        ('tcp:[::]:2377', True),
        ('tcp:10.0.0.1:7946', True),
        ('tcp:127.0.0.11:40000', True),
        ('tcp:127.0.0.1:9323', True),
    ],
)
def test_on_what_else_an_engine_listens(name, is_other):
    assert kernel.is_other({'name': name}, {9323}) is is_other


@pytest.mark.parametrize(
    'text, ports',
    [
        (b'dockerd\0--metrics-addr\x00127.0.0.1:9323\0', [b'9323']),
        (b'dockerd\0--metrics-addr=[::1]:9323\0-H\0tcp://0.0.0.0:2375\0', [b'9323']),
        (b'{"metrics-addr": "0.0.0.0:9323", "hosts": ["tcp://0.0.0.0:2375"]}', [b'9323']),
        (b'{"hosts": ["tcp://0.0.0.0:2375"]}', []),
    ],
)
def test_where_an_engine_shows_metrics(text, ports):
    assert kernel.METRICS.findall(text + b'\0') == ports


# --- What is kept ----------------------------------------------------------------------------------------------------


def event(action, container=A, nano=NANO, **attributes):
    return {
        'Type': 'container',
        'Action': action,
        'timeNano': nano,
        'Actor': {'ID': container, 'Attributes': attributes},
    }


def execute(command, number, nano, container=A):
    return [
        kept_files.reduced(event('exec_%s%s' % (verb, command), container, nano + place, execID=str(number), name='n'))
        for place, (verb, command) in enumerate([('create: ', command), ('start: ', command), ('die', '')])
    ]


def test_what_is_kept_has_the_same_key_as_what_it_was_made_of():
    long = event('exec_create: ' + 'x' * 5000, name='n' * 5000, label='l' * 400000)
    told = kept_files.told(long)
    assert len(json.dumps(told.kept)) < 1500
    assert kept_files.told(told.kept).key == told.key and kept_files.told(event('die')).key != told.key


def test_the_programs_of_the_last_minute_are_kept_and_no_health_check():
    execs = kept_files.Execs()
    execs.know_check(A, 'test -e /')
    old, checked, new = (
        execute(command, number, NANO + number * 40 * SECOND)
        for number, command in enumerate(['old', 'test -e /', 'new'])
    )
    for kept in old + checked + new:
        execs.add(kept)
    execs.add(execute('other', 5, NANO, B)[0])
    assert execs.take(A, NANO + 90 * SECOND) == new
    assert execs.take(A, NANO + 90 * SECOND) == []


def test_a_health_check_that_becomes_known_late_is_none_of_a_person_either():
    execs = kept_files.Execs()
    for kept in execute('sh -c ' + 'x' * 600, 1, NANO) + execute('real', 2, NANO + 9):
        execs.add(kept)
    execs.know_check(A, 'sh -c ' + 'x' * 600)
    assert execs.take(A, NANO + SECOND) == execute('real', 2, NANO + 9)


def test_neither_many_programs_nor_many_containers_take_more_memory():
    execs = kept_files.Execs()
    for number in range(500):
        for kept in execute('x', number, NANO + number, '%064x' % (number % 100)) + execute('y', number, NANO + number):
            execs.add(kept)
        execs.know_check('%064x' % number, 'x')
    assert len(execs._events) == kept_files.MOST_CONTAINERS
    assert len(execs.take(A, NANO + SECOND)) == kept_files.MOST_EXECS


@pytest.mark.parametrize(
    'config, command',
    [
        ({'Healthcheck': {'Test': ['CMD', 'curl', '-f', 'x']}}, 'curl -f x'),
        ({'Healthcheck': {'Test': ['CMD', 'true']}}, 'true '),
        ({'Healthcheck': {'Test': ['CMD-SHELL', 'curl x || exit 1']}}, '/bin/sh -c curl x || exit 1'),
        ({'Healthcheck': {'Test': ['CMD-SHELL', 'x']}, 'Shell': ['/bin/bash', '-lc']}, '/bin/bash -lc x'),
        ({'Healthcheck': {'Test': ['NONE']}}, None),
        ({'Healthcheck': {'Test': []}}, None),
        ({'Healthcheck': {'Test': ['OTHER', 'x']}}, None),
        ({'Healthcheck': {'Test': ['CMD', 5]}}, None),
        ({'Healthcheck': None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_command_of_a_health_check_as_the_engine_writes_it(config, command):
    assert kept_files.check_command(config) == command


@pytest.mark.parametrize(
    'actions, looks',
    [
        ('kill die stop', 'kill'),
        ('kill stop die', 'kill'),  # as engine 28 tells
        ('kill +10 kill die stop', 'kill kill'),  # it ignored the first one
        ('kill die destroy', 'kill destroy'),
        ('die', 'die'),
        ('oom die', 'die'),
        ('kill +3600 die', 'kill die'),  # a signal that it handled
        ('kill die stop start restart', 'kill'),
        ('kill die start die', 'kill die'),
        ('destroy', 'destroy'),
        ('rename', 'rename'),
        ('create start', ''),
    ],
)
def test_each_request_has_a_look_at_its_first_event(tmp_path, actions, looks):
    follower = witness.Follower(kept_files.Store(str(tmp_path)))
    nano, found = NANO, []
    for word in actions.split():
        if word.startswith('+'):
            nano += int(word) * SECOND + SECOND
        elif follower._is_request(word, A, nano):
            found.append(word)
    assert ' '.join(found) == looks


# --- Requests for looks ----------------------------------------------------------------------------------------------


class Asked:
    """The other end of the requests."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(asking, 'LOOK', 0.3)
        ours, self.pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pair.settimeout(10)
        self.store = kept_files.Store(str(folder))
        self.looks = asking.Looks(self.store, ours)

    def answer(self, request=None, **told):
        request = self.pair.recv(64) if request is None else request
        self.pair.send(request + json.dumps(dict({'time': 1, 'clients': []}, **told)).encode())
        return request

    def marks(self):
        with open(self.store.path, 'rb') as stream:
            return [json.loads(line) for line in stream.read().split(b'\n')[:-1]]

    def names(self):
        return [mark['mark'] for mark in self.marks()]


@pytest.fixture
def asked(tmp_path, monkeypatch):
    asked = Asked(tmp_path, monkeypatch)
    yield asked
    asked.pair.close()


def test_events_that_come_while_a_look_is_taken_share_the_next_one(asked):
    for number in range(5):
        asked.looks.want(['kill', A, number])
    asked.answer()
    asked.answer(time=2)
    wait(lambda: asked.names() == ['sees', 'look', 'look'])
    first, second = asked.marks()[1:]
    assert first['event'] == ['kill', A, 0] and 'also' not in first
    assert (second['event'], second['also'], second['time']) == (
        ['kill', A, 1],
        [['kill', A, number] for number in (2, 3, 4)],
        2,
    )


def test_a_look_that_is_late_is_marked_and_answers_nothing_later(asked):
    asked.looks.want(['kill', A, 1])
    late = asked.pair.recv(64)
    wait(lambda: asked.names() == ['blind'])
    assert asked.marks()[0]['reason'] == 'slow'
    asked.looks.want(['kill', A, 2])
    asked.answer(late, time=7)
    asked.answer(time=8)
    wait(lambda: asked.names() == ['blind', 'sees', 'look'])
    assert (asked.marks()[-1]['event'], asked.marks()[-1]['time']) == (['kill', A, 2], 8)


def test_why_no_look_is_possible_is_marked_once(asked):
    for number in range(3):
        asked.looks.want(['kill', A, number])
        asked.answer(blind='ptrace_scope')
    asked.looks.want()
    asked.answer()
    wait(lambda: asked.names() == ['blind', 'sees'])
    assert asked.marks()[0]['reason'] == 'ptrace_scope'


def test_who_looks_is_gone(asked):
    asked.looks.want()
    asked.pair.close()
    wait(lambda: asked.names() == ['blind'])
    assert asked.marks()[0]['reason'] == 'child'
    asked.looks.want(['kill', A, 1])  # nothing breaks


def test_a_hundred_stops_a_second_are_all_kept_and_looked_at(engine, tmp_path, monkeypatch):
    """The looks are real ones, at this process."""
    monkeypatch.setattr(asking, 'LOOK', 30)  # however busy the machine is
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=look.serve, args=(theirs, os.getpid()), daemon=True)
    real = kernel.engines
    look.Looker.__init__.__defaults__ = (lambda: {os.getpid()},)
    try:
        thread.start()
        (tmp_path / 'kept').mkdir()
        store = kept_files.Store(str(tmp_path / 'kept'))
        client = engine.client()
        follower = witness.Follower(store, pair=ours)
        begin, count = time.monotonic(), 300
        for number in range(count):
            container = '%064x' % number
            for place, action in enumerate(('kill', 'die', 'stop', 'destroy')):
                told = kept_files.told(event(action, container, time.time_ns() + place, label='l' * 1000))
                follower._keep(told)
            time.sleep(max(0, begin + (number + 1) / 100 - time.monotonic()))

        def entries():
            with open(store.path, 'rb') as stream:
                return [json.loads(line) for line in stream.read().split(b'\n')[:-1]]

        def looked():
            looks = [entry for entry in entries() if entry.get('mark') == 'look']
            assert all([found['pid'] for found in entry['clients']] == [client.pid] for entry in looks)
            return [(one[0], one[1]) for entry in looks for one in [entry['event'], *entry.get('also', ())]]

        wanted = [(action, '%064x' % number) for number in range(count) for action in ('kill', 'destroy')]
        wait(lambda: len(looked()) >= len(wanted), 30)
        assert sorted(looked()) == sorted(wanted)
        assert [entry['Action'] for entry in entries() if 'Type' in entry] == ['kill', 'die', 'stop', 'destroy'] * count
    finally:
        look.Looker.__init__.__defaults__ = (real,)
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        ours.close()
        theirs.close()


def test_the_labels_by_which_verdicts_tell_compose_commands_apart_are_kept():
    """Without com.docker.compose.oneoff a container of "compose run" passed for one of the service."""
    labels = {world.PROJECT, world.SERVICE, world.FOLDER, world.FILES, world.SWARM_SERVICE, world.STACK}
    assert labels | {world.ONEOFF} <= set(kept_files.ATTRIBUTES)
