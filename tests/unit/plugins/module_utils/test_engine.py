# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the engine's names come over its socket; whatever listens there, the answer comes soon and raises nothing.

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
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, engine, entries
from ansible_collections.claude_hooks.docker_audit.tests.support.fake_engine import Listener, chunked, ok
from hypothesis import given
from hypothesis import strategies as st

A, B, C = 'a' * 64, 'b' * 64, 'c' * 64


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
        # nor is the old name known where a renaming shows that label, whichever tells of it first
        (
            [event(A, 'own', 'start', oldName='not-me'), event(A, 'new', 'rename', oldName='not-me')],
            [],
            {A: ['own', 'new']},
        ),
        (
            [event(A, 'new', 'rename', oldName='not-me'), event(A, 'new', 'destroy', oldName='not-me')],
            [],
            {A: ['new']},
        ),
        (
            [event(A, 'new', 'rename', oldName='not-me')],
            [dict(container(A, '/new'), Labels={'oldName': 'not-me'})],
            {A: ['new']},
        ),
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
    assert (known, reason) == ({}, 'its answer to %s is longer than %d bytes' % (path, connection.LONGEST_ANSWER))


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
        b'[' + b'[],' * 1000000 + b'[]]',
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


LABELS = {'label %d' % number: 'x' * 1000 for number in range(64)}


def test_containers_with_many_labels_are_known(tmp_path):
    """64 KB of labels in each of 300 events and containers: they come to more than 16 MB."""
    ids = ['%064x' % number for number in range(300)]
    stream = chunked(*(event(identity, 'n' + identity[-3:], **LABELS) for identity in ids[:256]))
    listed = ok(json.dumps([dict(container(identity, '/m'), Labels=LABELS) for identity in ids]).encode())
    known, reason, _asked = names(tmp_path, stream, listed)
    assert reason is None and len(known) == 300 and known[ids[7]] == ['n007', 'm']
    (tmp_path / 's').unlink()
    remembered = events(tmp_path, stream)
    assert (len(remembered.events), remembered.total, remembered.gaps) == (256, 256, [])
    assert remembered.events[7]['Actor'] == {'ID': ids[7], 'Attributes': {'name': 'n007'}}


def test_an_entry_that_is_too_long_is_counted_and_hides_no_other(tmp_path):
    long = 'x' * entries.LONGEST
    stream = chunked(event(A, 'one'), event(B, 'two', label=long), event(C, 'three'))
    listed = ok(json.dumps([container(A, '/four'), dict(container(B, '/two'), Labels=long), container(C)]).encode())
    known, reason, _asked = names(tmp_path, stream, listed)
    assert known == {A: ['one', 'four'], C: ['three']}
    assert reason == '1 of the entries in its answer to /events cannot be read'
    (tmp_path / 's').unlink()
    remembered = events(tmp_path, stream)
    first, last = (found["timeNano"] / 1e6 for found in remembered.events)
    assert ([found["Actor"]["ID"] for found in remembered.events], remembered.gaps) == ([A, C], [(first, last)])


def events(folder, reply):
    with Listener(folder / 's', {'/events': reply}) as listener:
        return engine.events(listener.path)


@pytest.mark.parametrize(
    'number',
    [
        '0',
        '-1',
        str(1 << 63),
        '9' * 5000,
        '1e400',
        '-1e400',
        '1795492663051000000.0',
        'NaN',
        'Infinity',
        'true',
        '"5"',
        '[]',
    ]
    + ['null'],
)
def test_a_time_out_of_range_makes_one_event_bad(tmp_path, number):
    good = event(A, 'one')
    found = events(tmp_path, chunked(good, good.replace(b'1795492663051000000', number.encode()), good))
    assert (len(found.events), found.total, len(found.gaps)) == (2, 3, 1)
    assert found.events[0]['timeNano'] == 1795492663051000000


@pytest.mark.parametrize(
    'change',
    [{'Type': None}, {'Type': ''}, {'Action': 5}, {'Action': ''}, {'timeNano': None}],
)
def test_what_is_no_event_is_bad(tmp_path, change):
    bad = json.dumps(dict(json.loads(event(A, 'one')), **change)).encode()
    found = events(tmp_path, chunked(bad + b'\n', event(B, 'two')))
    assert ([entry['Actor']['ID'] for entry in found.events], found.total, len(found.gaps)) == ([B], 2, 1)


def test_of_an_event_only_what_is_needed_is_kept(tmp_path):
    """A value that is cut could be taken for another: it is left out."""
    labels = {'com.docker.compose.project': 'p', 'other': 'x', 'com.docker.compose.project.working_dir': '/' * 5000}
    (found,) = events(tmp_path, chunked(event(A, 'one', exitCode='137', **labels))).events
    assert found['Actor'] == {
        'ID': A,
        'Attributes': {'name': 'one', 'exitCode': '137', 'com.docker.compose.project': 'p'},
    }


def test_of_an_engine_that_never_forgets_the_newest_count(tmp_path):
    count = engine._MOST_EVENTS + 10
    found = events(tmp_path, ok(b''.join(event(A, 'n%d' % number) for number in range(count))))
    assert (found.total, found.gaps) == (count, [])
    assert [found.events[place]['Actor']['Attributes']['name'] for place in (0, -1)] == ['n10', 'n%d' % (count - 1)]


JSON = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('"\\[]{},:x\u00e9'), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\]', max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON), st.integers(1, 9), st.booleans())
def test_an_array_comes_apart_wherever_it_is_cut(items, size, is_ascii):
    text = ('\n ' + json.dumps(items, ensure_ascii=is_ascii) + '\n').encode()
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    assert [json.loads(element) for element in entries.elements(pieces)] == items


@pytest.mark.parametrize('text', [b'[', b'[1', b'[{"a": [}', b'["]', b'["\\"]'])
def test_an_array_that_is_cut_is_an_error(text):
    with pytest.raises(entries.EntryError, match='cut'):
        list(entries.elements([text]))


def test_no_thread_and_no_descriptor_is_left(tmp_path):
    before = threading.active_count(), len(os.listdir('/proc/self/fd'))
    names(tmp_path, seconds=60)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (threading.active_count(), len(os.listdir('/proc/self/fd'))) != before:
        time.sleep(0.05)
    assert (threading.active_count(), len(os.listdir('/proc/self/fd'))) == before


@pytest.mark.parametrize('entry', [{}, {'Id': 7, 'Names': ['/x']}, {'Id': 'short', 'Names': ['/x']}, None, 'x'])
def test_an_entry_of_the_list_that_is_no_container_is_counted(tmp_path, entry):
    listed = ok(json.dumps([container(A, '/one'), entry]).encode())
    known, reason, _asked = names(tmp_path, chunked(event(B, 'two')), listed)
    assert known == {A: ['one'], B: ['two']}
    assert reason == '1 of the entries in its answer to /containers/json cannot be read'
