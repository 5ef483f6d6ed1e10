# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what a real engine and a real kernel recorded of a day leads to no wrong cause and to no wrong name.

verdicts_day is what tests/integration/test_verdicts_day.py recorded (KEEP_RECORD=FILE) with docker 20.10.24 and 28.2.2
on Debian 12, with compose 1.29 and 2.26: the events of the engine, findings, connects, and the script's own record of
who did what. events_engine_28 has the container events of such a day on engine 28.5.2 alone.
"""

from __future__ import annotations

import gzip
import json
import pathlib
import random

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide, sources

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'verdicts_day.jsonl.gz'
NAMES = 'claude-hooks-day-*'


@pytest.fixture(scope='module')
def day():
    read = {'event': [], 'finding': [], 'connect': [], 'harmless': [], 'down': [], 'gone': [], 'container': {}}
    with gzip.open(FIXTURE, 'rt', encoding='utf-8') as lines:
        for line in map(json.loads, lines):
            if 'container' in line:
                read['container'][line['container']] = line['noted']
            else:
                kind, value = line.popitem()
                read[kind].append(value)
    return read


def wrong(judged, containers):
    """The verdicts that name another cause or another caller than the script noted."""
    found = []
    for verdict in judged:
        # compose puts an id before the name, the test -new behind it
        name = 'claude-hooks-day-' + verdict['container'].partition('claude-hooks-day-')[2].removesuffix('-new')
        noted = [
            entry
            for entry in containers[name]
            if entry[0] in verdict['what'] or verdict['what'] == ['died'] and entry[0] == 'removed'
        ]
        pids = {pid for _what, _cause, pid in noted if pid}
        named = [who['pid'] in pids or who['ppid'] in pids for who in verdict['who']]
        if verdict['cause'] not in {cause for _what, cause, _pid in noted} | {'not_known'}:
            found.append(('cause', noted, verdict))
        elif verdict['confidence'] != 'open' and not all(named):
            found.append(('name', noted, verdict))
    return found


DOCKER = (0,)  # of root alone; the script also runs docker as another user


def looking(day, **other):
    first = times.moment(day['connect'][0]['timestamp']) - 60000
    ever = (first, float('inf'))
    here = {'commands': (sources.Watch(*ever, uids=DOCKER),), 'connects': (ever,), 'ends': (ever,), 'log_first': first}
    return sources.Sources(**{**here, **other})


def executions(day):
    ready = dict(day['finding'][0], argv=['docker', 'ps'], ppid=1)
    harmless = [dict(ready, pid=pid, timestamp=times.timestamp(time)) for pid, time in day['harmless']]
    return day['finding'] + harmless


def whole(day):
    return decide.Material(day['event'], executions(day), day['connect'], looking(day))


def test_nothing_wrong_is_said(day):
    judged = decide.verdicts(whole(day), container=NAMES)
    assert len(judged) > 80
    assert wrong(judged, day['container']) == []


def test_the_commands_are_certain(day):
    judged = decide.verdicts(whole(day), container=NAMES)
    by_cli = [verdict for verdict in judged if verdict['cause'] == 'cli']
    assert len([verdict for verdict in by_cli if verdict['confidence'] in ('certain', 'likely')]) > 50


def test_the_order_of_what_is_given_does_not_matter(day):
    def shuffled(values):
        return random.Random(1).sample(values, len(values))

    def judge(order):
        material = whole(day)
        return decide.verdicts(
            material._replace(executions=order(material.executions), connects=order(list(material.connects))),
            container=NAMES,
        )

    assert judge(shuffled) == judge(list)


def test_the_end_of_the_engine(day):
    material = decide.Material(day['down'], executions(day), (), looking(day, connects=()), engine_ends=day['gone'])
    judged = decide.verdicts(material, container=NAMES)
    assert [(verdict['cause'], verdict['confidence']) for verdict in judged] == [('engine_shutdown', 'certain')] * 2


# --- A day of engine 28.5.2 (Debian testing), which notes stop before die ---

FIXTURE_28 = FIXTURE.with_name('events_engine_28.jsonl.gz')
# What happened to the containers of each kind, read off the script of the day; a prune at its end removed the rest.
WHATS_28 = {
    'traversal': ['stopped', 'removed'],
    'curl': ['died', 'removed'],
    'remove_by_name': ['died', 'removed'],
    'sdk': ['stopped', 'removed'],
    'wrapped': ['stopped', 'removed'],
    'remove_by_id': ['died', 'removed'],
    'two_at_once': ['stopped', 'removed'],
    'sdk_kept_connection': ['died', 'removed'],
    'elsewhere': ['died', 'removed'],
    'restart': ['restarted', 'died', 'removed'],
    'own_137': ['died', 'removed'],
    'own_143': ['died', 'removed'],
    'stop_honoured': ['stopped', 'removed'],
    'killed_from_the_host': ['died', 'removed'],
    'kill': ['died', 'removed'],
    'rename_then_remove': ['renamed', 'died', 'removed'],
    'remove_by_prefix': ['died', 'removed'],
    'unwatched_user': ['died', 'removed'],
    'own_exit': ['died', 'removed'],
    'child_killed': ['died', 'removed'],
    'cron': ['died', 'removed'],
    'out_of_memory': ['died', 'removed'],
    'compose_v2': ['stopped', 'removed', 'renamed', 'stopped', 'removed'],
    'own_exit_after_a_signal': ['died', 'removed'],
    'stop_ignored': ['stopped', 'removed'],
}
ALONE_28 = {
    'own_exit': {('self_exit', 'likely')},
    'own_143': {('self_exit', 'likely')},
    'out_of_memory': {('oom', 'likely')},
}


@pytest.fixture(scope='module')
def day_28():
    with gzip.open(FIXTURE_28, 'rt', encoding='utf-8') as lines:
        return [json.loads(line) for line in lines]


def alone(events):
    """The verdicts on events where nothing else was looking."""
    return decide.verdicts(decide.Material(events), container=NAMES)


def kind_of(name):
    return name.partition('claude-hooks-day-')[2].removesuffix('-new').rpartition('-')[0]


def whats(judged):
    found = {}
    for verdict in judged:
        name = 'claude-hooks-day-' + verdict['container'].partition('claude-hooks-day-')[2].removesuffix('-new')
        found.setdefault(name, []).extend(verdict['what'])
    return found


def test_what_happened_on_a_day_of_engine_28(day_28):
    judged = alone(day_28)
    found = whats(judged)
    assert len(found) == 50
    assert {name: what for name, what in found.items() if what != WHATS_28[kind_of(name)]} == {}
    ends = {}
    for verdict in judged:
        if verdict['what'] == ['died']:
            ends.setdefault(kind_of(verdict['container']), set()).add((verdict['cause'], verdict['confidence']))
    assert {kind: ends[kind] for kind in ALONE_28} == ALONE_28


def swapped(events, chance):
    """The events with those of one end of a container in another order: their times change places."""
    ends = {}
    for event in events:
        if event['Action'] in ('stop', 'die', 'destroy', 'restart') and event['Actor']['ID']:
            ends.setdefault(event['Actor']['ID'], []).append(event)
    shuffled = list(events)
    for found in ends.values():
        for event in found:
            if event['Action'] != 'die':
                continue
            near = [one for one in found if abs(one['timeNano'] - event['timeNano']) < 120e6]
            times = [one['timeNano'] for one in near]
            chance.shuffle(times)
            for one, time in zip(near, times):
                shuffled[shuffled.index(one)] = dict(one, timeNano=time)
            break
    return sorted(shuffled, key=lambda event: event['timeNano'])


@pytest.mark.parametrize('seed', range(10))
def test_the_order_within_one_end_does_not_matter(day_28, seed):
    before = alone(day_28)
    after = alone(swapped(day_28, random.Random(seed)))
    assert whats(after) == whats(before)
    assert [
        (verdict['container'], verdict['cause'], verdict['confidence'])
        for verdict in after
        if 'died' in verdict['what']
    ] == [
        (verdict['container'], verdict['cause'], verdict['confidence'])
        for verdict in before
        if 'died' in verdict['what']
    ]
