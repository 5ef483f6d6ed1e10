# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: kept events and those of the engine are joined without doubles, and no line of a file raises anything.

What the files look like is in tests/unit/roles/test_witness.py, which reads them with this module, too.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from hypothesis import given
from hypothesis import strategies as st

A, B = 'a' * 64, 'b' * 64
NANO = 1795492663051000123


def event(action='die', identity=A, nano=NANO, **attributes):
    return {
        'Type': 'container',
        'Action': action,
        'Actor': {'ID': identity, 'Attributes': attributes},
        'timeNano': nano,
    }


def lines(*entries):
    return b''.join(json.dumps(entry).encode() + b'\n' for entry in entries)


def test_what_the_engine_and_a_file_both_have_is_there_once():
    both, only = event(), event('start', nano=NANO + 1)
    told = [
        engine.event_of(dict(both, status='die', scope='local', Actor={'ID': A, 'Attributes': {'other': 'label'}})),
        engine.event_of(dict(only, time=1)),
    ]
    joined = kept_events.joined(told, kept_events.read([lines(both)])['events'])
    assert [entry['Action'] for entry in joined] == ['die', 'start']


@pytest.mark.parametrize(
    'other', [event(identity=B), event('kill'), event(nano=NANO + 1000000), event(nano=NANO - 1000000)]
)
def test_what_differs_stays(other):
    read = kept_events.read([lines(event()), lines(other)])['events']
    assert len(read) == 2 and read == sorted(read, key=lambda entry: entry['timeNano'])


def test_containers_removed_long_before_are_left_out_and_only_these():
    hour, now = 3600 * 10**9, NANO // 1000000
    old = [event('start', nano=NANO - 3 * hour), event('destroy', nano=NANO - 2 * hour)]
    stay = [
        event('die', B, NANO - 5 * hour),  # it is still there
        event('start', 'c' * 64, NANO - 3 * hour),
        event('destroy', 'c' * 64, NANO - hour // 2),
        event('prune', '', NANO - 4 * hour),
        {'Type': 'container', 'timeNano': NANO},
        event('destroy', 'd' * 64, NANO),
    ]
    assert kept_events.still_there(old + stay, now) == stay


def test_marks_are_told_once_in_the_order_of_time():
    text = lines(
        {'mark': 'gap', 'from': 5, 'to': 6},
        {'mark': 'gone', 'time': 9},
        {'mark': 'connected', 'pid': 7, 'from': 1, 'to': 2},
        {'mark': 'gone', 'time': 3},
        {'mark': 'ended', 'time': 4, 'last': None, 'engine': True},
        {'mark': 'gone', 'time': 9},
    )
    assert kept_events.read([text, text]) == {
        'events': [],
        'gone': [3, 9],
        'connects': [(7, 1, 2)],
        'gaps': [(5, 6)],
        'marks': witness.Marks(),
    }


@pytest.mark.parametrize(
    'line',
    [
        b'',
        b'{',
        b'null',
        b'[1]',
        b'\xff',
        b'[' * 100000,
        b'{"mark":"gone"}',
        b'{"mark":"gone","time":"1"}',
        b'{"mark":"gone","time":true}',
        b'{"mark":"gone","time":NaN}',
        b'{"mark":"gone","time":1' + b'0' * 400 + b'}',
        b'{"Type":"container","timeNano":-Infinity}',
        b'{"mark":"connected","pid":1}',
        b'{"mark":"connected","pid":"1","from":1,"to":2}',
        b'{"mark":"gap","from":1}',
        b'{"mark":["gone"],"time":1}',
        b'{"Type":"container"}',
        b'{"Type":"container","timeNano":"1"}',
        b'{"Type":"image","timeNano":1}',
        b'{"Type":"container","Action":"die","Act',
    ],
)
def test_what_is_no_entry_is_left_out(line):
    read = kept_events.read([line + b'\n' + lines(event())])
    assert len(read.pop('events')) == 1 and read == {'gone': [], 'connects': [], 'gaps': [], 'marks': witness.Marks()}


@given(st.binary())
def test_no_bytes_raise(text):
    kept_events.read([text])
