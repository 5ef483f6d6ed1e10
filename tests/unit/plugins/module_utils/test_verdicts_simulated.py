# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: whatever people, clients and programs do to containers in whichever order, no verdict names the wrong one.

A simulated engine obeys random actors and notes what a real one notes; it knows who did what. It refuses what an engine
refuses, its containers ignore signals, start again by their policy, or go with their end (--rm). What is simulated here
is played on real engines by the scripted day; this one tries far more orders.
"""

from __future__ import annotations

import heapq
import itertools
import random

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.tests.unit.plugins.module_utils import test_verdicts_looks as looks
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    LOGGED,
    START,
    command,
    connect,
    event,
    judge,
)

NAMES = ['claude-hooks-x', 'claude-hooks-y', 'claude-hooks-z']
# Who is there, and whether an old client keeps its connection and asks over it
SETTINGS = {
    'people and curl': ['docker', 'docker', 'curl', 'program', 'create', 'visitor'],
    'people and an old client': ['docker', 'docker', 'old', 'program', 'create'],
    'people, curl and an old client': ['docker', 'curl', 'old', 'create', 'visitor'],
}
OLD = 301
ITSELF = ('self_exit', [])
ENGINE = ('engine', [])
ASKED = [('stop', ''), ('kill', '9'), ('kill', '15'), ('kill', '1'), ('rm', ''), ('rm -f', ''), ('start', '')]


class Container:
    def __init__(self, identity, name, chance):
        self.id, self.name = identity, name
        self.is_there, self.runs, self.stopped_by, self.labels = True, True, None, {}
        self.starts_again, self.is_removed, self.ignores = (chance.random() < part for part in (0.4, 0.2, 0.3))


class Host:
    """Events, commands and connects of some minutes, and who caused each end and removal."""

    #: Plugin -> the docker that started it
    plugin_of = {}

    def __init__(self, seed, actors, steps=14):
        self.chance, self.actors = random.Random(seed), actors
        self.events, self.commands, self.connects = [], [], [LOGGED]
        self.truth, self.signals = {}, {}
        #: [pid, program, from, to] of connections
        self.connected = [[OLD, '/portainer', -40, float('inf')]] if 'old' in actors else []
        self._pids, self._order, self._containers, self._queue = itertools.count(1001), itertools.count(), [], []
        if 'old' in actors:
            self.connects.append(connect(-40, OLD, '/portainer'))
        for name in NAMES:
            self._create(-60, name)
        time = 0
        for _step in range(steps):
            self._later(time, self._act)
            time += self.chance.choice([0.2, 0.5, 1, 3, 8, 30])
        while self._queue:
            at, _number, happen = heapq.heappop(self._queue)
            happen(at)

    def _later(self, time, happen):
        heapq.heappush(self._queue, (time, next(self._order), happen))

    def _note(self, time, action, one, **attributes):
        self.events.append(event(time, action, one.id, one.name, **attributes))

    def _named(self, name):
        return next((one for one in self._containers if one.is_there and one.name == name), None)

    def _create(self, time, name):
        one = Container('%02x' % (16 + len(self._containers)) * 32, name, self.chance)
        self._containers.append(one)
        self._note(time, 'create', one)
        self._note(time + 0.01, 'start', one)

    def _act(self, time):
        actor, name = self.chance.choice(self.actors), self.chance.choice(NAMES)
        verb, number = self.chance.choice(ASKED)
        one = self._named(name)
        if actor == 'create':
            if one is None:
                self._create(time, name)
        elif actor == 'program':
            if one and one.runs:
                # Whoever stops it gets the answer that it is stopped
                then = 'stop' if one.stopped_by else None
                self._die(time, one, self.chance.choice(['0', '1', '3']), one.stopped_by or ITSELF, then)
        elif actor == 'visitor':
            self.connects.append(connect(time, next(self._pids), '/usr/bin/curl'))
        elif actor == 'old':
            self._ask(time, verb, number, name, ('api', [OLD]))
        else:
            pid = next(self._pids)
            if actor == 'docker':
                option = ' -s ' + number if number else ' -t 2' if verb == 'stop' else ''
                self.commands.append(command(time, 'docker %s%s %s' % (verb, option, name), pid))
            self.connects.append(connect(time + 0.05, pid, '/usr/bin/' + actor))
            who = ('cli' if actor == 'docker' else 'api', [pid])
            self.connected.append([pid, '/usr/bin/' + actor, time + 0.05, time + 0.11])
            self._later(time + 0.1, lambda then: self._ask(then, verb, number, name, who))

    def _ask(self, time, verb, number, name, who):
        one = self._named(name)
        if one is None:
            return
        if verb == 'start' and not one.runs:
            self._start(time, one)
        elif verb == 'stop' and one.runs:
            self._note(time, 'kill', one, signal='15')
            if one.ignores:
                one.stopped_by = one.stopped_by or who
                self._later(time + 2, lambda then: self._stop_by_force(then, one, who))
            else:
                self._die(time + 0.05, one, self.chance.choice(['0', '143']), who, 'stop')
        elif verb == 'kill' and one.runs:
            self._kill(time, one, number, who)
        elif verb.startswith('rm') and (not one.runs or verb == 'rm -f'):
            if one.runs:
                self._note(time, 'kill', one, signal='9')
                self._die(time + 0.03, one, '137', who)
                time += 0.05
            if one.is_there:
                self._remove(time, one, who)

    def marks(self):
        """What a witness sees 3 ms after each request: whoever asked for an end stays until it is over."""
        for (_identity, _what, time), (_cause, pids) in self.truth.items():
            for connection in self.connected:
                if self.plugin_of.get(connection[0], connection[0]) in pids:
                    connection[3] = max(connection[3], time + 0.02)
        requests = [one for one in self.events if one['Action'] in ('kill', 'destroy')]
        entries, seen, before = [], {}, -500
        for one in sorted(requests, key=lambda one: one['timeNano']):
            at = (one['timeNano'] / 1e6 - START) / 1000
            now = [(pid, exe, since) for pid, exe, since, until in self.connected if since <= at + 0.003 <= until]
            clients = [
                looks.client(pid, exe, seen=seen.get(pid), start=since - 0.05, ppid=self.plugin_of.get(pid, 2))
                for pid, exe, since in now
            ]
            entry = looks.look(at + 0.003, *clients, action=one['Action'], identity=one['Actor']['ID'], event_at=at)
            entries.append(dict(entry, before=START + before * 1000))
            seen = {**{pid: at + 0.003 for pid, _exe, _since in now}, **seen}
            before = at + 0.003
        return looks.marks(*entries)

    def _stop_by_force(self, time, one, who):
        if one.runs and one.is_there and one.stopped_by is who:
            self._note(time, 'kill', one, signal='9')
            self._die(time + 0.03, one, '137', who, 'stop')

    def _kill(self, time, one, number, who):
        self._note(time, 'kill', one, signal=number)
        self.signals.setdefault(one.id, []).append((time, number))
        if number == '9':
            self._die(time + 0.03, one, '137', who, 'stop' if one.stopped_by else None)
        elif number == '15' and not one.ignores:
            self._die(time + 0.05, one, '143', who)

    def _start(self, time, one):
        if one.is_there and not one.runs:
            one.runs, one.stopped_by, one.ignores = True, None, self.chance.random() < 0.3
            self._note(time, 'start', one)

    def _die(self, time, one, code, who, then=None):
        one.runs = False
        self._note(time, 'die', one, exitCode=code)
        self.truth[one.id, 'died', round(time, 3)] = who
        if then:
            self._note(time + 0.01, then, one)
        if one.is_removed:
            self._remove(time + 0.016, one, ENGINE if who is ITSELF else who)
        elif one.starts_again and who is ITSELF:
            self._later(time + 0.3 + self.chance.random(), lambda at: self._start(at, one))

    def _remove(self, time, one, who):
        one.is_there = False
        self._note(time, 'destroy', one)
        self.truth[one.id, 'removed', round(time, 3)] = who


def judged(host, **options):
    return judge(sorted(host.events, key=lambda one: one['timeNano']), host.commands, host.connects, **options)


def wrong(host, **options):
    """The verdicts that name somebody else than who did it, and that are not open."""
    found = []
    for verdict in judged(host, **options):
        at = round((times.moment(verdict['timestamp']) - START) / 1000, 3)
        what = 'removed' if verdict['what'][0] == 'removed' else 'died'
        keys = [key for key in host.truth if key[:2] == (verdict['id'], what) and abs(key[2] - at) < 0.002]
        if not keys:
            continue  # two events that came too near to each other
        key = keys[0]
        told = (verdict['cause'], [who['pid'] for who in verdict['who']])
        # KNOWN LIMIT: within ten seconds, an end after a SIGTERM that the program ignored can be its own
        is_near = any(at - 10 <= time <= at for time, number in host.signals.get(verdict['id'], ()) if number == '15')
        is_limit = verdict['confidence'] == 'likely' and host.truth[key] is ITSELF and is_near
        if verdict['confidence'] != 'open' and told != host.truth[key] and not is_limit:
            found.append((verdict['what'], verdict['confidence'], told, host.truth[key]))
    return found


@pytest.mark.parametrize('actors', SETTINGS.values(), ids=SETTINGS)
def test_nobody_else_is_named(actors):
    assert [(seed, found) for seed in range(200) for found in wrong(Host(seed, actors))] == []


@pytest.mark.parametrize('actors', SETTINGS.values(), ids=SETTINGS)
def test_with_a_witness_nobody_else_is_named(actors):
    hosts = [Host(seed, actors) for seed in range(200)]
    assert [found for host in hosts for found in wrong(host, looking=looks.SEEN, marks=host.marks())] == []


def test_the_simulation_makes_verdicts_of_all_kinds():
    hosts = [Host(seed, SETTINGS['people and curl']) for seed in range(40)]
    found = [verdict for host in hosts for verdict in judged(host)]
    assert {verdict['cause'] for verdict in found} == {'cli', 'api', 'self_exit', 'not_known'}
    assert {verdict['confidence'] for verdict in found} == {'certain', 'likely', 'open'}
    # Only a witness makes clients certain
    found = [verdict for host in hosts for verdict in judged(host, looking=looks.SEEN, marks=host.marks())]
    assert ('api', 'certain') in {(verdict['cause'], verdict['confidence']) for verdict in found}
