# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: who asks the engine to end a container is seen in the act, and nobody else is taken for him.

A real engine, real clients, three idle connections beside. Needs what tests/lab/lab gives.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import (
    kernel_audit,
    own_engine,
    own_witness,
    playing,
)
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

IMAGE = os.environ['DOCKER_AUDIT_TEST_IMAGE']
TCP = '127.0.0.1:23751'
SLEEP = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done']
PS_FIELDS = ('CapEff', 'CapPrm', 'NoNewPrivs')

# A client of Python's own: connects to argv[1], asks for each of the other arguments (METHOD PATH), says so.
CLIENT = """
import http.client, os, socket, sys
def connected(path):
    if path.startswith('tcp:'):
        host, port = path[4:].rsplit(':', 1)
        return socket.create_connection((host, int(port)))
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made
client = http.client.HTTPConnection('localhost')
client.sock = connected(sys.argv[1])
for request in sys.argv[2:]:
    client.request(*request.split(' '))
    client.getresponse().read()
os.write(1, b'.')
"""
# In a container, where what it says does not hold it: asks once the CLI that started it has ended, and stays.
IN_CONTAINER = """
import os, time
while not os.path.exists('/go/now'): time.sleep(0.01)
try: exec(%r)
finally: time.sleep(600)
"""
# Asks, and is gone before the engine can answer.
HASTY = """
import socket, sys
made = socket.socket(socket.AF_UNIX)
made.connect(sys.argv[1])
made.send(('%s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n' % sys.argv[2]).encode())
"""
# Connects, hands the connection to another process and ends; that one asks.
HANDS_ON = """
import array, os, socket, sys, time
ours, theirs = socket.socketpair()
if os.fork() == 0:
    while os.getppid() == int(sys.argv[3]): time.sleep(0.01)
    _data, rights, _flags, _name = theirs.recvmsg(1, 64)
    made = socket.socket(fileno=array.array('i', rights[0][2])[0])
    made.send(('%s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n' % sys.argv[2]).encode())
    made.recv(4096)
    os.write(1, b'.')
    os._exit(0)
made = socket.socket(socket.AF_UNIX)
made.connect(sys.argv[1])
ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [made.fileno()]))])
""".replace('sys.argv[3]', 'os.getpgrp()')
# The same, but the one that connected keeps its connection, or a copy of it is all that the other one needs.
LENDS = HANDS_ON.replace('    while os.getppid() == int(os.getpgrp()): time.sleep(0.01)\n', '') + 'os.wait()\n'
GIVES = LENDS.replace('os.wait()', 'made.close()\nos.wait()')
# A child asks by the connection of its parent, and has ended when the look is taken.
INHERITED = """
import os, socket, sys
made = socket.socket(socket.AF_UNIX)
made.connect(sys.argv[1])
if os.fork() == 0:
    made.send(('%s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n' % sys.argv[2]).encode())
    os._exit(0)
os.wait()
made.recv(4096)
os.write(1, b'.')
"""


def engine_request(path, method, target, body=None):
    client = http.client.HTTPConnection('localhost')
    client.sock = socket.socket(socket.AF_UNIX)
    client.sock.connect(path)
    client.request(method, target, json.dumps(body) if body else None, {'Content-Type': 'application/json'})
    response = client.getresponse()
    text = response.read()
    client.close()
    return response.status, text


class Host:
    """An engine, the witness beside it, and what it wrote."""

    def __init__(self, folder, path):
        self.folder, self.path = folder, path
        self.kept = folder / 'kept' / 'events.jsonl'
        self.number = 0

    def docker(self, *words):
        words = ['docker', '--host', 'unix://' + self.path, *words]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def container(self, *options, words=None):
        self.number += 1
        return self.docker(
            'run', '-d', '--network', 'none', '--name', 'look-%d' % self.number, *options, IMAGE, *(words or SLEEP)
        )

    def python(self, text, *arguments):
        """The words of a client."""
        return [sys.executable, '-c', text, self.path, *arguments]

    @contextlib.contextmanager
    def inside(self, tmp_path, text, *arguments):
        """A client in a container while it is connected: its id."""
        words = ['python3', '-c', IN_CONTAINER % text, '/run/docker.sock', *arguments]
        asker = self.container('-v', self.path + ':/run/docker.sock', '-v', '%s:/go' % tmp_path, words=words)
        (tmp_path / 'now').touch()
        try:
            yield asker
        finally:
            self.docker('kill', asker)

    def entries(self):
        return [json.loads(line) for line in self.kept.read_bytes().split(b'\n')[:-1] if line]

    def actions(self, container):
        return [entry['Action'] for entry in self.entries() if 'Actor' in entry and entry['Actor']['ID'] == container]

    def looks(self, container):
        """Of this container, by the action they follow."""
        found = {}
        for entry in self.entries():
            if entry.get('mark') == 'look':
                for event in [entry['event'], *entry.get('also', ())]:
                    if event[1] == container:
                        found.setdefault(event[0], entry)
        return found

    def look(self, container, action='kill'):
        wait_until(lambda: action in self.looks(container), self.kept.read_text)
        return self.looks(container)[action]


@pytest.fixture(scope='module')
def host(tmp_path_factory):
    """With three idle clients, one of which listens to events, and a first look behind it."""
    folder = tmp_path_factory.mktemp('looks')
    with own_engine.running(folder, IMAGE, 'tcp://' + TCP) as path:
        host = Host(folder, path)
        host.early = host.container()  # before the witness
        idle = []
        with own_witness.running(folder, path) as witness:
            host.witness = witness.pid
            for request in (b'', b'', b'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'):
                idle.append(socket.socket(socket.AF_UNIX))
                idle[-1].connect(path)
                idle[-1].send(request)
            first = host.container()
            host.docker('kill', first)
            host.look(first)
            yield host
        for connection in idle:
            connection.close()


def askers(look):
    """The clients of a look that were not there at an earlier one; the three idle ones are, and are this process."""
    old = [client for client in look['clients'] if client['seen'] is not None]
    assert [client['pid'] for client in old] == [os.getpid()] * 3
    assert look['complete'] and look['dropped'] == 0
    return [client for client in look['clients'] if client['seen'] is None]


@contextlib.contextmanager
def asking(words):
    """A client that stays until the block ends, however late a busy machine looks at it.

    The pipe for what it says at its end is full until then.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b' ' * 4096)
    os.set_blocking(writing, True)
    with open(reading, 'rb') as said:
        # A session of its own for the one that hands its connection on
        asker = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=writing, start_new_session=True)
        os.close(writing)
        yield asker
        said.read()
    assert asker.wait(30) == 0


CURL = ['curl', '-s', '-i', '-N', '--unix-socket', '{path}', '-X']


@pytest.mark.parametrize(
    'words, exe',
    [
        ([*CURL, 'POST', 'http://x/containers/{id}/stop'], 'curl'),
        ([*CURL, 'POST', 'http://x/containers/{id}/kill'], 'curl'),
        ([*CURL, 'DELETE', 'http://x/containers/{id}?force=1'], 'curl'),
        (['docker', '--host', 'unix://{path}', 'stop', '{id}'], 'docker'),
        (['docker', '--host', 'unix://{path}', 'rm', '-f', '{id}'], 'docker'),
    ],
    ids=lambda words: ' '.join(words[-2:]) if isinstance(words, list) else words,
)
def test_who_asks_is_seen_with_all_that_proc_has(host, words, exe):
    container = host.container()
    words = [word.format(path=host.path, id=container) for word in words]
    before = time.time() * 1000
    with asking(words) as asker:
        look = host.look(container)
    (client,) = askers(look)
    assert (client['pid'], client['uid'], client['gid'], client['argv']) == (asker.pid, 0, 0, words)
    assert os.path.basename(client['exe']) == exe == client['comm'] and client['argv_complete'] is True
    assert before - 20 <= client['start'] <= look['time'] and client['accepts'] is False
    assert client['ppid'] == os.getpid()
    assert client['listener'] == host.path and client['inode'] > 0 and 'gone' not in client
    assert host.path in look['listeners'] and 'tcp:' + TCP in look['listeners']
    # with its login, which the kernel says of this process too
    login = int(pathlib.Path('/proc/self/loginuid').read_text())
    assert client['auid'] == (None if login == 4294967295 else login)


def test_a_client_that_keeps_its_connection_is_seen_at_both_and_known_at_the_second(host):
    containers = [host.container(), host.container()]
    words = host.python(CLIENT, *('POST /containers/%s/stop' % container for container in containers))
    with asking(words) as asker:
        second = host.look(containers[1])
    (first,) = askers(host.look(containers[0]))
    (again,) = [client for client in second['clients'] if client['pid'] != os.getpid()]
    assert (first['pid'], again['pid']) == (asker.pid, asker.pid) and first['inode'] == again['inode']
    assert first['seen'] is None and again['seen'] == host.look(containers[0])['time']


def test_a_client_inside_of_a_container_is_seen_with_its_container(host, tmp_path):
    victim = host.container()
    with host.inside(tmp_path, CLIENT, 'POST /containers/%s/kill' % victim) as asker:
        look = host.look(victim)
    (client,) = askers(look)
    assert client['container'] == asker and client['comm'] == 'python3' and client['argv'][0] == 'python3'
    assert client['pid'] > 0 and 'unit' not in client


def test_what_a_client_calls_itself_neither_makes_a_line_nor_moves_it_out_of_its_container(host, tmp_path):
    victim = host.container()
    forged = '\n{"mark":"look","event":["kill","%s",1],"clients":[]}\n\x1b[2J\u2028"\\' % victim
    text = "import ctypes\nctypes.CDLL(None).prctl(15, b'sshd\\n\"}')\n" + CLIENT
    with host.inside(tmp_path, text, 'POST /containers/%s/kill' % victim, forged) as asker:
        look = host.look(victim)
    (client,) = askers(look)
    assert look['event'][2] > 1 and client['container'] == asker
    # said as it is, and cut: a reader that shows it has to escape it
    assert client['comm'] == 'sshd\n"}' and '/usr/bin/python3' in client['exe']
    assert sum(map(len, client['argv'])) <= 512 and client['argv_complete'] is False
    assert all(line.startswith(b'{"') and line.endswith(b'}') for line in host.kept.read_bytes().split(b'\n')[:-1])


def test_a_client_over_tcp_is_seen_by_its_address(host):
    container = host.container()
    words = [sys.executable, '-c', CLIENT, 'tcp:' + TCP, 'POST /containers/%s/stop' % container]
    with asking(words):
        look = host.look(container)
    (client,) = askers(look)
    assert client['listener'] == 'tcp:' + TCP and client['remote'].startswith('127.0.0.1:')
    assert client['pid'] is client['uid'] is client['gid'] is None


def test_of_two_at_once_both_are_seen(host):
    containers = [host.container(), host.container()]
    words = [host.python(CLIENT, 'POST /containers/%s/stop' % container) for container in containers]
    with asking(words[0]) as one, asking(words[1]) as other:
        looks = [host.look(container) for container in containers]
    for asker, look in zip((one, other), looks):
        assert asker.pid in [client['pid'] for client in look['clients']]


def test_who_asks_and_leaves_at_once_is_seen_or_nobody_is(host):
    seen = 0
    for _unused in range(5):
        container = host.container()
        asker = subprocess.Popen(host.python(HASTY, 'POST /containers/%s/kill' % container), stdin=subprocess.DEVNULL)
        asker.wait(30)
        found = askers(host.look(container))
        assert {client['pid'] for client in found} <= {asker.pid}
        # What /proc has of a process that is gone is that of nobody
        assert all(not client.get('argv') or client['argv'][-1].endswith(container + '/kill') for client in found)
        seen += len(found)
    late = [entry['time'] - entry['event'][2] / 1e6 for entry in host.entries() if entry.get('mark') == 'look']
    print('looks %s ms after the event' % [round(number, 1) for number in sorted(late)])
    print('seen %d of 5 that left at once' % seen)


def test_who_handed_a_connection_on_is_gone_and_nobody_is_named_for_it(host):
    container = host.container()
    with asking(host.python(HANDS_ON, 'POST /containers/%s/stop' % container)) as asker:
        asker.wait(30)
        look = host.look(container)
    (client,) = askers(look)
    assert (client['pid'], client['gone']) == (asker.pid, True)
    assert not {'argv', 'exe', 'comm', 'start'} & set(client)


@pytest.mark.parametrize(
    'text, shared, could',
    [(LENDS, True, True), (GIVES, True, True), (CLIENT, False, False), (INHERITED, (True, False), True)],
)
def test_a_connection_that_another_process_holds_or_could_have_held_is_seen_to_be_so(host, text, shared, could):
    container = host.container()
    with asking(host.python(text, 'POST /containers/%s/stop' % container)) as asker:
        look = host.look(container)
    (client,) = askers(look)
    assert (client['pid'], client['could_lend'], 'gone' in client) == (asker.pid, could, False)
    assert client['shared'] in (shared if isinstance(shared, tuple) else (shared,))


@pytest.mark.parametrize('words, action', [(['rm', '{id}'], 'destroy'), (['rename', '{id}', 'other'], 'rename')])
def test_what_takes_no_time_has_a_look_of_its_own_which_names_nobody_else(host, words, action):
    """Removal of a stopped container, and a new name: whoever asked may be gone when the look is taken."""
    container = host.container(words=['true'])
    host.docker('wait', container)
    assert askers(host.look(container, 'die')) is not None
    words = ['docker', '--host', 'unix://' + host.path, *[word.format(id=container) for word in words]]
    asker = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    asker.wait(20)
    look = host.look(container, action)
    found = askers(look)
    print('%s: %d seen %.1f ms after' % (action, len(found), look['time'] - look['event'][2] / 1e6))
    assert {client['pid'] for client in found} <= {asker.pid}
    # The CLI may be about to end, without memory and so without a command line, when the look is taken
    told = [client for client in found if not client.get('gone')]
    assert all(client['argv'] == words if client['argv_complete'] else client['argv'] == [] for client in told), told


def test_the_first_process_of_each_container_is_noted(host):
    container = host.container('--restart', 'on-failure')
    pid, started = host.docker('inspect', '-f', '{{.State.Pid}} {{.State.StartedAt}}', container).split()
    wait_until(lambda: [entry for entry in host.entries() if entry.get('id') == container], host.entries)
    (mark,) = [entry for entry in host.entries() if entry.get('id') == container]
    shim = pathlib.Path('/proc/%s/stat' % pid).read_text().rpartition(')')[2].split()[1]
    assert (mark['pid'], mark['shim'], mark['restart']) == (int(pid), int(shim), 'on-failure')
    assert container in mark['cgroup'] and abs(mark['start'] - time.time() * 1000) < 60000
    # one that ran before the witness did
    (early,) = [entry for entry in host.entries() if entry.get('id') == host.early]
    assert early['restart'] == 'no' and early['start'] < mark['start']


def test_what_was_executed_inside_is_kept_where_the_container_ends_and_its_health_check_is_not(host):
    checked = host.container('--health-cmd', 'test -e /', '--health-interval', '1s')
    other = host.container()
    host.docker('exec', other, 'true')
    host.docker('exec', checked, 'sh', '-c', 'exit 0')
    time.sleep(2.5)
    # Not waited for: the container may take it along before its exit code is known
    host.docker('exec', '-d', checked, 'sh', '-c', 'kill 1 #' + 'x' * 1000)
    wait_until(lambda: 'die' in host.actions(checked), host.entries)
    executed = [action for action in host.actions(checked) if action.startswith('exec_')]
    assert executed[:3] == ['exec_create: sh -c exit 0', 'exec_start: sh -c exit 0', 'exec_die']
    assert [action[:23] for action in executed[3:5]] == ['exec_create: sh -c kill', 'exec_start: sh -c kill ']
    assert max(map(len, executed)) == 512 and not [action for action in executed if 'test -e' in action]
    assert host.actions(other) == ['create', 'start']


def test_labels_of_400_kb_and_many_stops_at_once_lose_nothing_and_take_little_memory(host):
    containers = []
    for number in range(12):
        # one large label each, as the engine takes them
        body = {'Image': IMAGE, 'Cmd': SLEEP, 'Labels': {'large': 'x' * 400000}, 'HostConfig': {'NetworkMode': 'none'}}
        answer, text = engine_request(host.path, 'POST', '/containers/create?name=large-%d' % number, body)
        assert answer == 201, text
        containers.append(json.loads(text)['Id'])
    host.docker('start', *containers)
    host.docker('kill', *containers)
    host.docker('rm', *containers)
    # A look can be written before the event that it was taken for
    wait_until(lambda: all('destroy' in host.actions(container) for container in containers), host.entries)
    for container in containers:
        assert host.look(container)['clients'] and host.look(container, 'destroy')['clients']
        assert host.actions(container) == ['create', 'start', 'kill', 'die', 'destroy']
    assert not [entry for entry in host.entries() if entry.get('mark') in ('gap', 'blind')]
    peak = {pid: int(status(pid)['VmHWM'].split()[0]) for pid in processes(host.witness)}
    print('peak of memory in kB: %s' % peak)
    assert sum(peak.values()) < 64 << 10


def status(pid):
    lines = pathlib.Path('/proc/%d/status' % pid).read_text().splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(':') for line in lines)}


def processes(pid):
    children = pathlib.Path('/proc/%d/task/%d/children' % (pid, pid)).read_text().split()
    return [pid, *map(int, children)]


def test_who_reads_the_engine_has_no_capability_and_who_looks_has_one(host):
    (reader,) = {entry['pid'] for entry in host.entries() if 'looker' in entry}
    rights = {pid: [status(pid)[name] for name in PS_FIELDS] for pid in processes(host.witness)}
    assert rights.pop(host.witness) == ['0000000000080000', '0000000000080000', '1']
    # the one that reads the engine, and the one that reads command lines
    assert reader in rights and set(map(tuple, rights.values())) == {('0' * 16, '0' * 16, '1')}


# --- Who sent SIGKILL ---

KEY = 'looks-%d' % os.getpid()
# What "docker_audit_watch: signals" puts into the kernel
SIGNAL_CALLS = {'a1': 'kill,tkill,rt_sigqueueinfo,pidfd_send_signal', 'a2': 'tgkill,rt_tgsigqueueinfo'}


@pytest.fixture(scope='module')
def signals_logged():
    with contextlib.ExitStack() as stack:
        for argument, calls in SIGNAL_CALLS.items():
            words = ('-F', 'arch=b64', '-S', calls, '-F', argument + '=9', '-F', 'key=%s-signals' % KEY)
            stack.enter_context(kernel_audit.rule(*words))
        yield


def verdict(host, container):
    """That on the end of a container, once the witness and auditd have written all that led to it."""
    wait_until(lambda: 'die' in host.actions(container), host.entries)
    ended = subprocess.Popen(['sleep', '60'])
    ended.kill()
    ended.wait()
    wait_until(lambda: kernel_audit.is_logged(b'opid=%d ' % ended.pid), 'the SIGKILL of the test in the log')
    options = {'key': KEY, 'container': 'look-*', 'socket': host.path, 'kept': str(host.kept)}
    done, answer = playing.ask('docker_verdicts_info', options)
    assert done, answer
    (found,) = [each for each in answer['verdicts'] if each['id'] == container]
    return found, [line['code'] for line in found['evidence']]


def first_process(host, container):
    """(its pid, that of its shim), once the witness has noted them."""
    wait_until(lambda: [entry for entry in host.entries() if entry.get('id') == container], host.entries)
    (mark,) = [entry for entry in host.entries() if entry.get('id') == container]
    return mark['pid'], mark['shim']


KILL = 'import os, sys; os.kill(int(sys.argv[1]), 9)'
PIDFD = 'import os, signal, sys; signal.pidfd_send_signal(os.pidfd_open(int(sys.argv[1])), 9)'


@pytest.mark.parametrize(
    'text, whom, code', [(KILL, 0, 'signal_sent'), (KILL, 1, 'signal_to_shim'), (PIDFD, 1, 'signal_to_shim')]
)
def test_who_killed_it_from_the_host_is_named(host, signals_logged, text, whom, code):
    container = host.container()
    pid = first_process(host, container)[whom]
    killer = subprocess.Popen([sys.executable, '-c', text, str(pid)], stdin=subprocess.DEVNULL)
    assert killer.wait(20) == 0
    found, codes = verdict(host, container)
    assert (found['cause'], [who['pid'] for who in found['who']]) == ('killed_outside_engine', [killer.pid]), found
    # Whether every process is seen, and no record was lost, is a matter of the machine
    doubts = {'processes_before_audit', 'records_lost'} & set(codes)
    assert code in codes and found['confidence'] == ('likely' if doubts else 'certain')


@pytest.mark.parametrize('text', [KILL, PIDFD])
def test_who_kills_it_from_inside_does_nothing_and_is_not_named(host, signals_logged, text):
    """The kernel logs it as it does any other SIGKILL, and the program can end with 137 right after that."""
    words = ['sh', '-c', 'sleep 2; python3 -c "%s" 1; exit 137' % text]
    container = host.container(words=words)
    first_process(host, container)
    found, codes = verdict(host, container)
    assert 'signal_maybe_inside' in codes and 'signal_sent' not in codes, found
    assert (found['cause'], found['confidence']) == ('not_known', 'open')


def test_whoever_uses_a_descriptor_of_its_first_process_is_a_candidate(host, signals_logged):
    """Where that came from is in no record."""
    container = host.container()
    pid = first_process(host, container)[0]
    killer = subprocess.Popen([sys.executable, '-c', PIDFD, str(pid)], stdin=subprocess.DEVNULL)
    assert killer.wait(20) == 0
    found, codes = verdict(host, container)
    assert (found['confidence'], [who['pid'] for who in found['who']]) == ('open', [killer.pid]), found
    assert 'signal_maybe_inside' in codes


def test_who_may_not_kill_it_did_not(host, signals_logged):
    container = host.container(words=['sh', '-c', 'trap "exit 137" TERM; while :; do sleep 0.05; done'])
    pid = first_process(host, container)[0]
    words = ['setpriv', '--reuid', '1000', '--clear-groups', sys.executable, '-c', KILL, str(pid)]
    assert subprocess.run(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 1
    host.docker('exec', '-d', container, 'sh', '-c', 'kill 1')
    found, codes = verdict(host, container)
    assert not {'signal_sent', 'signal_near'} & set(codes) and 'only_kill_is_logged' in codes
    assert found['cause'] in ('cli', 'not_known') and found['confidence'] == 'open', found


def test_a_client_of_containerd_is_a_cause_of_its_own(host, signals_logged):
    container = host.container()
    first_process(host, container)
    address = str(host.folder / 'exec' / 'containerd' / 'containerd.sock')
    words = ['ctr', '--address', address, '--namespace', 'day', 'task', 'kill', '--signal', 'SIGKILL', container]
    subprocess.run(words, stdin=subprocess.DEVNULL, timeout=30, check=True)
    found, codes = verdict(host, container)
    if 'signal_maybe_inside' in codes:  # a runc that uses a file descriptor
        assert (found['cause'], found['confidence']) == ('not_known', 'open'), found
        return
    assert (found['cause'], found['confidence'], found['who']) == ('containerd', 'likely', []), found
    assert 'signal_sent' in codes


def test_an_exit_with_137_is_no_kill(host, signals_logged):
    (host.folder / 'go').mkdir()
    words = ['sh', '-c', 'while [ ! -e /go/now ]; do sleep 0.05; done; exit 137']
    container = host.container('-v', '%s:/go' % (host.folder / 'go'), words=words)
    first_process(host, container)
    (host.folder / 'go' / 'now').touch()
    found, codes = verdict(host, container)
    assert (found['cause'], found['confidence'], found['who']) == ('not_known', 'open', [])
    assert 'only_kill_is_logged' in codes
