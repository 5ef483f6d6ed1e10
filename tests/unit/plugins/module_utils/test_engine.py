# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the engine's names come over its socket, and whatever listens there, the answer comes soon and raises nothing.

Each test talks to a real unix socket, behind which it answers byte by byte as it likes.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.parse

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

A, B, C = 'a' * 64, 'b' * 64, 'c' * 64


class Listener:
    """Answers every request at a socket with what `replies` has for its path: bytes, or a function that writes them."""

    def __init__(self, path, replies):
        self.path = str(path)
        self.asked = []
        self._replies = replies
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self.path)
        self._server.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_unused):
        # accept() is not woken by close()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _serve(self):
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            with client:
                try:
                    self._answer(client)
                except OSError:
                    pass  # it has heard enough

    def _answer(self, client):
        request = b''
        while not request.endswith(b'\r\n\r\n'):
            piece = client.recv(4096)
            if not piece:
                return
            request += piece
        target = request.split(b' ')[1].decode()
        self.asked.append((target, request))
        reply = self._replies[target.partition('?')[0]]
        if callable(reply):
            reply(client)
        else:
            client.sendall(reply)


def ok(body, status='200 OK'):
    return (
        b'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % (status.encode(), len(body))
        + body
    )


def chunked(*pieces):
    chunks = b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in pieces)
    return b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + chunks + b'0\r\n\r\n'


def event(identity, name, action='start', **attributes):
    return (
        json.dumps(
            {
                'Type': 'container',
                'Action': action,
                'Actor': {'ID': identity, 'Attributes': dict(attributes, name=name)},
                'time': 1795492663,
                'timeNano': 1795492663051000000,
            }
        ).encode()
        + b'\n'
    )


def container(identity, *names):
    return {'Id': identity, 'Names': list(names), 'Image': 'x', 'State': 'running'}


NO_EVENTS = chunked()
NO_CONTAINERS = ok(b'[]')


def names(folder, events=NO_EVENTS, containers=NO_CONTAINERS, seconds=5):
    with Listener(folder / 's', {'/events': events, '/containers/json': containers}) as listener:
        return engine.container_names(listener.path, seconds) + (listener.asked,)


@pytest.mark.parametrize(
    'events, containers, expected',
    [
        ((), [], {}),
        ((), [container(A, '/claude-hooks-a')], {A: ['claude-hooks-a']}),
        ([event(A, 'removed', 'destroy')], [container(B, '/there')], {A: ['removed'], B: ['there']}),
        # --link gives a container further names, which are not its own
        ((), [container(A, '/other/alias', '/own', '/third/alias')], {A: ['own']}),
        # a renaming, told by the events before it, by the event itself, and by neither
        (
            [event(A, 'old', 'create'), event(A, 'new', 'rename', oldName='/old')],
            [container(A, '/new')],
            {A: ['old', 'new']},
        ),
        ([event(A, 'new', 'rename', oldName='/old')], [], {A: ['old', 'new']}),
        ([event(A, 'old')], [container(A, '/new')], {A: ['old', 'new']}),
        (
            [event(A, 'one'), event(A, 'two', 'rename', oldName='/one'), event(A, 'one', 'rename', oldName='/two')],
            [],
            {A: ['two', 'one']},
        ),
        # a label may be called oldName: that is no renaming
        ([event(A, 'own', 'start', oldName='claude-hooks-not-me')], [], {A: ['own']}),
    ],
)
def test_names_of_removed_and_present_containers_the_newest_last(tmp_path, events, containers, expected):
    known, reason, _asked = names(tmp_path, chunked(*events), ok(json.dumps(containers).encode()))
    assert (known, reason) == (expected, None)


def test_it_asks_for_past_events_of_containers_and_for_stopped_containers(tmp_path):
    before = time.time()
    asked = names(tmp_path)[2]
    (events, _request), (containers, _other) = asked
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(events).query))
    # Without an end in the present the engine would never finish its answer
    assert before - 1 < float(query.pop('until')) <= time.time()
    assert query == {'since': '0', 'filters': '{"type":["container"]}'}
    assert containers == '/containers/json?all=1'


def test_an_event_cut_by_the_chunks_is_read_whole(tmp_path):
    text = event(A, 'one') + event(B, 'two')
    known, reason, _asked = names(tmp_path, chunked(*(text[place : place + 7] for place in range(0, len(text), 7))))
    assert (known, reason) == ({A: ['one'], B: ['two']}, None)


@pytest.mark.parametrize(
    'make',
    [
        lambda path: None,
        lambda path: path.write_text('no socket'),
        lambda path: path.mkdir(),
        lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),  # nobody listens any more
    ],
)
def test_no_engine_is_no_error(tmp_path, make):
    path = tmp_path / 's'
    make(path)
    known, reason = engine.container_names(str(path))
    assert known == {} and reason.startswith('cannot ask an engine at %s: ' % path)


@pytest.mark.parametrize('path', ['', 'x' * 4000, 'a\0b'])
def test_a_path_that_can_be_no_socket_is_no_error(path):
    known, reason = engine.container_names(path)
    assert known == {} and reason


DEEP = b'[' * 100000
GARBAGE = [
    b'HTTP/1.1 200\r\n',  # nothing at all: for events, that is an answer
    b'',
    b'\0\xff\r\n\r\n',
    b'SSH-2.0-OpenSSH_9.2\r\n',
    b'HTTP/9.9 200 OK\r\n\r\n[]',
    b'HTTP/1.1 ' + b'9' * 100000 + b'\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n[',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n[',
    b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 1000 + b'\r\n[]',
    ok(b'<html>'),
    ok(b'\xff\xfe\0'),
    ok(DEEP),
    ok(b'{"a":' * 100000),
    ok(b'{}', '500 Internal Server Error'),
    ok(b'[]', '404 Not Found'),
    b'HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n',
]


@pytest.mark.parametrize('garbage', GARBAGE)
def test_garbage_is_a_reason_and_what_else_was_learnt_stays(tmp_path, garbage):
    known, reason, _asked = names(tmp_path, chunked(event(A, 'one')), garbage)
    assert known == {A: ['one']} and reason


@pytest.mark.parametrize('garbage', GARBAGE[1:])
def test_garbage_instead_of_events_leaves_the_containers(tmp_path, garbage):
    known, reason, _asked = names(tmp_path, garbage, ok(json.dumps([container(B, '/two')]).encode()), seconds=2)
    assert known == {B: ['two']} and reason


@pytest.mark.parametrize(
    'item',
    [
        None,
        1,
        'x',
        [],
        {},
        {'Actor': None},
        {'Actor': {'ID': 5, 'Attributes': {'name': 'x'}}},
        {'Actor': {'ID': A, 'Attributes': []}},
        {'Actor': {'ID': A, 'Attributes': {'name': ['x']}}},
        {'Actor': {'ID': 'A' * 64, 'Attributes': {'name': 'x'}}},
        {'Actor': {'ID': A + '\n', 'Attributes': {'name': 'x'}}},
        {'Actor': {'ID': A, 'Attributes': {'name': ''}}},
        {'Id': A},
        {'Id': A, 'Names': None},
        {'Id': A, 'Names': [None, 1, {}, '', '/']},
        {'Id': None, 'Names': ['/x']},
        {'Id': 'f' * 12, 'Names': ['/x']},
        {'Id': '../etc', 'Names': ['/x']},
    ],
)
def test_json_of_another_shape_names_nothing(tmp_path, item):
    text = json.dumps(item).encode()
    assert names(tmp_path, chunked(text + b'\n'), ok(b'[' + text + b']'))[0] == {}


@pytest.mark.parametrize('text', [b'null', b'5', b'"x"', b'{"message": "page not found"}'])
def test_a_list_that_is_none_is_a_reason(tmp_path, text):
    known, reason, _asked = names(tmp_path, containers=ok(text))
    assert (known, reason) == ({}, 'its answer to /containers/json is no list')


@pytest.mark.parametrize('path', ['/events', '/containers/json'])
def test_an_endless_answer_is_cut(tmp_path, path):
    def endless(client):
        client.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
        while True:
            client.sendall(b' ' * 65536)

    replies = {'/events': NO_EVENTS, '/containers/json': NO_CONTAINERS, path: endless}
    with Listener(tmp_path / 's', replies) as listener:
        known, reason = engine.container_names(listener.path)
    assert (known, reason) == ({}, 'its answer to %s is longer than %d bytes' % (path, engine.LONGEST_ANSWER))


@pytest.mark.parametrize(
    'start',
    [
        b'',
        b'HTTP/1.1 200 OK\r\n',
        b'HTTP/1.1 200 OK\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n',
    ],
)
@pytest.mark.parametrize('pause', [0.05, 60])
def test_a_slow_answer_is_given_up_also_when_it_drips(tmp_path, start, pause):
    given_up = threading.Event()

    def slow(client):
        client.sendall(start)
        while not given_up.wait(pause):
            client.sendall(b'1')

    with Listener(tmp_path / 's', {'/events': slow, '/containers/json': NO_CONTAINERS}) as listener:
        before = time.monotonic()
        reason = engine.container_names(listener.path, 0.4)[1]
        took = time.monotonic() - before
        given_up.set()
    assert reason.endswith('did not answer /events within 0.4 s') and took < 30


def test_an_engine_that_says_100_continue_for_ever_is_given_up(tmp_path):
    def forever(client):
        while True:
            client.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')

    reason = names(tmp_path, forever, seconds=0.4)[1]
    assert reason.endswith('did not answer /events within 0.4 s')


def test_a_socket_that_accepts_nobody_is_given_up(tmp_path):
    path = str(tmp_path / 's')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _number in range(2)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(path)
        before = time.monotonic()
        known, reason = engine.container_names(path, 0.3)
        for client in waiting:
            client.close()
    assert known == {} and reason and time.monotonic() - before < 30


@pytest.mark.parametrize(
    'body',
    [
        b'[' + b'9' * 8000000 + b']',
        b'[' + b'[],' * 2000000 + b'[]]',
        json.dumps([container(A, *('/n%d' % number for number in range(300000)))]).encode(),
    ],
    ids=['a long number', 'many lists', 'many names'],
)
def test_a_large_answer_takes_linear_time(tmp_path, body):
    before = (
        time.process_time()
    )  # of this process, whatever else the machine does; with the square of the length it would be hours
    names(tmp_path, containers=ok(body))
    assert time.process_time() - before < 60


def test_no_thread_and_no_descriptor_is_left(tmp_path):
    before = threading.active_count(), len(os.listdir('/proc/self/fd'))
    names(tmp_path, seconds=60)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (threading.active_count(), len(os.listdir('/proc/self/fd'))) != before:
        time.sleep(0.05)
    assert (threading.active_count(), len(os.listdir('/proc/self/fd'))) == before
