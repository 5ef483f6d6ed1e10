# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of client of the API, on an engine that nobody else asks meanwhile: each alone, beside three idle connections,
and beside a client that updates containers and finds nothing to do.

Each gets the engine and the name of a container that runs there, ends it and notes who did.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import incidents
from ansible_collections.claude_hooks.docker_audit.tests.support.day.stage import (
    DEAF,
    IMAGE,
    POLITE,
    PREFIX,
    docker,
    note,
    run,
    wait_for,
)

# So long may a request wait for its answer while its client has left: who came in that time can have asked, too
_QUIET = incidents.STARTUP / 1000 + 0.5
# Who connects within a second before is new, and nothing else may happen within a second
_APART = 1.2

_CONNECT = '''
import array, http.client, os, select, socket, sys, time
def connected(path):
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made
client = http.client.HTTPConnection('localhost')
def ask(method, path):
    client.request(method, path)
    return client.getresponse().read()
text = '%s %s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n'
'''
# Talks over its connection before it asks, and waits for a line.
_KEEPS = (
    _CONNECT
    + '''
client.sock = connected(sys.argv[1])
ask('GET', '/_ping')
print('ready', flush=True)
sys.stdin.readline()
ask(*sys.argv[2:4])
'''
)
_IN_A_CONTAINER = (
    _CONNECT
    + '''
while not os.path.exists('/go/go'): time.sleep(0.05)
client.sock = connected('/run/docker.sock')
ask(*sys.argv[1:3])
'''
)
# Asks, and has left before the engine can answer.
_HASTY = (
    _CONNECT
    + '''
made = connected(sys.argv[1])
made.send((text % tuple(sys.argv[2:4])).encode())
os._exit(0)
'''
)
# Connects, hands the connection to another process and ends; that one asks.
_HANDS_ON = (
    _CONNECT
    + '''
ours, theirs = socket.socketpair()
parent = os.getpid()
child = os.fork()
if not child:
    while os.getppid() == parent: time.sleep(0.01)
    _data, rights, _flags, _name = theirs.recvmsg(1, 64)
    made = socket.socket(fileno=array.array('i', rights[0][2])[0])
    made.send((text % tuple(sys.argv[2:4])).encode())
    made.recv(4096)
    os._exit(0)
print(child, flush=True)
made = connected(sys.argv[1])
ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [made.fileno()]))])
os._exit(0)
'''
)
_IDLE = (
    _CONNECT
    + '''
client.sock = connected(sys.argv[1])
if len(sys.argv) > 2:
    client.request('GET', '/events')
    client.getresponse()
print('ready', flush=True)
sys.stdin.readline()
'''
)
_UPDATES = (
    _CONNECT
    + '''
client.sock = connected(sys.argv[1])
ask('GET', '/containers/json')
print('ready', flush=True)
while not select.select([sys.stdin], [], [], 1)[0]:
    ask('GET', '/containers/json')
'''
)


class Here:
    """The engine of these kinds."""

    def __init__(self, path: str) -> None:
        self.path = path

    def docker(self, *words):
        return docker('--host', 'unix://' + self.path, *words)[1]

    def container(self, name, *command, options=()):
        return self.docker('run', '-d', '--network', 'none', '--name', name, *options, IMAGE, *command)

    def curl(self, method, target):
        return run('curl', '-sS', '--unix-socket', self.path, '-X', method, 'http://localhost' + target)[0]

    def python(self, code, *words):
        return run(sys.executable, '-c', code, self.path, *words)

    @contextlib.contextmanager
    def waiting(self, code, *words):
        """A client that has connected and waits for a line."""
        program = [sys.executable, '-c', code, self.path, *words]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            try:
                assert client.stdout.readline() == 'ready\n'
                yield client
            finally:
                client.stdin.close()  # it goes on, and ends
                client.wait(30)


def curl_kills(here, name):
    note(name, 'died', 'api', here.curl('POST', '/containers/%s/kill' % name))


def curl_stops(here, name):
    note(name, 'stopped', 'api', here.curl('POST', '/containers/%s/stop' % name))


def curl_removes(here, name):
    note(name, 'removed', 'api', here.curl('DELETE', '/containers/%s?force=1' % name))


def kept_connection(here, name):
    """As a program with an SDK that connected before and asks now."""
    with here.waiting(_KEEPS, 'DELETE', '/containers/%s?force=1' % name) as client:
        time.sleep(3)
    note(name, 'removed', 'api', client.pid)


def from_a_container(here, name):
    """With the engine's socket mounted."""
    with tempfile.TemporaryDirectory() as folder:
        asker = 'asker-' + name
        options = ('-v', here.path + ':/run/docker.sock', '-v', folder + ':/go')
        here.container(asker, 'python3', '-c', _IN_A_CONTAINER, 'POST', '/containers/%s/kill' % name, options=options)
        pid = int(here.docker('inspect', '-f', '{{.State.Pid}}', asker))
        time.sleep(2)
        (pathlib.Path(folder) / 'go').touch()
        wait_for(lambda: here.docker('inspect', '-f', '{{.State.Running}}', asker) == 'false', asker + ' ended')
    note(name, 'died', 'api', pid)


def two_clients(here, name):
    """Each ends its own container in the same moment. Both have been connected for a while: neither is new."""
    other = name[:-1] + '1'
    here.container(other, *DEAF)
    kills = [['POST', '/containers/%s/kill' % one] for one in (name, other)]
    with here.waiting(_KEEPS, *kills[0]) as first, here.waiting(_KEEPS, *kills[1]) as second:
        time.sleep(2.5)
        first.stdin.close()
    note(name, 'died', 'api', first.pid)
    note(other, 'died', 'api', second.pid)


def hasty(here, name):
    """It asks, and has left within 2 ms after it connected."""
    note(name, 'died', 'api', here.python(_HASTY, 'POST', '/containers/%s/kill' % name)[0])


def handed_on(here, name):
    note(name, 'died', 'api', int(here.python(_HANDS_ON, 'POST', '/containers/%s/kill' % name)[1]))


#: With the program of its container. Removal comes last: a prune of the other engine is a minute away by then.
KINDS = {
    curl_kills: DEAF,
    curl_stops: POLITE,
    from_a_container: DEAF,
    two_clients: DEAF,
    hasty: DEAF,
    handed_on: DEAF,
    kept_connection: DEAF,
    curl_removes: DEAF,
}


@contextlib.contextmanager
def alone(here):
    yield


@contextlib.contextmanager
def beside_idle(here):
    """Three connections of others, one of them a stream of events."""
    with here.waiting(_IDLE), here.waiting(_IDLE), here.waiting(_IDLE, 'events'):
        yield


@contextlib.contextmanager
def beside_updater(here):
    """One that asks for the list of containers again and again, as Watchtower does, and ends none."""
    with here.waiting(_UPDATES):
        yield


def kind(ask, beside):
    return '%s_%s' % (ask.__name__, beside.__name__)


ALL = [kind(ask, beside) for beside in (alone, beside_idle, beside_updater) for ask in KINDS]


def start(here, beside, wanted):
    """The containers of the kinds."""
    for ask in KINDS:
        if kind(ask, beside) in wanted:
            here.container(PREFIX + kind(ask, beside) + '-0', *KINDS[ask])


def play(here, beside, wanted):
    """One after the other, so that who asks is alone with those beside."""
    with beside(here):
        for ask in KINDS:
            if kind(ask, beside) not in wanted:
                continue
            # A look that has none of those who asked before
            here.docker('create', '--name', 'other', IMAGE, 'true')
            here.docker('rm', 'other')
            time.sleep(_QUIET if beside is alone and ask is not two_clients else _APART)
            ask(here, PREFIX + kind(ask, beside) + '-0')
            time.sleep(_APART)
