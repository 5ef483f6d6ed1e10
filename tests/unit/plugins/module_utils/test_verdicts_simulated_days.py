# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: nobody else is certain, also with Compose, other engines, and an engine that goes down or crashes.

The actors of test_verdicts_simulated.py and more of them, also on days of which not everything was recorded.
"""

from __future__ import annotations

import random

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Watch
from ansible_collections.claude_hooks.docker_audit.tests.unit.plugins.module_utils import test_verdicts_looks as looks
from ansible_collections.claude_hooks.docker_audit.tests.unit.plugins.module_utils import test_verdicts_simulated as sim
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    EVERYTHING,
    PLUGIN,
    START,
    command,
    connect,
    judge,
)

P = 'com.docker.compose.project'
P_SERVICE = 'com.docker.compose.service'
HOME = {'claude-hooks-x': ('shop', 'web'), 'claude-hooks-y': ('shop', 'db'), 'claude-hooks-z': ('other', 'web')}
ENGINE_DOWN = ('engine_shutdown', [])


class Day(sim.Host):
    """More actors than those of a Host, by their names: _do_NAME."""

    def __init__(self, seed, actors, steps=14):
        self.engine_ends, self.dead_until = [], -1
        #: Plugin -> the docker that started it
        self.plugin_of = {}
        self.by_environment = set()
        super().__init__(seed, actors, steps)
        for one in self.connects:
            if one['ppid'] == 1 and one['pid'] != 1:
                one['ppid'] = 2

    def _note(self, time, action, one, **attributes):
        if not one.labels:
            project, service = HOME.get(one.name, ('shop', 'web'))
            one.labels = {P: project, P_SERVICE: service, P + '.working_dir': '/srv/' + project}
        super()._note(time, action, one, **{**one.labels, **attributes})

    def _act(self, time):
        if time <= self.dead_until:
            return
        actor = self.chance.choice(self.actors)
        saved, self.actors = self.actors, [actor]
        special = getattr(self, '_do_' + actor, None)
        if special:
            special(time)
        else:
            super()._act(time)
        self.actors = saved

    def _client(
        self, time, argv, exe='/usr/bin/docker', plugin=False, logged=True, cwd='/', uid=0, delay=0.1, stays=0.01
    ):
        pid = next(self._pids)
        if logged:
            self.commands.append(command(time, argv, pid, cwd=cwd, uid=uid))
        cpid, more = (pid + 5000, {'ppid': pid}) if plugin else (pid, {})
        exe = PLUGIN if plugin else exe
        self.connects.append(connect(time + delay / 2, cpid, exe, uid=uid, **more))
        entry = [cpid, exe, time + delay / 2, time + delay + stays]
        self.connected.append(entry)
        if plugin:
            self.plugin_of[cpid] = pid
        return pid, cpid

    # people
    def _do_restart(self, time):
        name = self.chance.choice(sim.NAMES)
        pid, _c = self._client(time, 'docker restart -t 2 ' + name)
        self._later(time + 0.1, lambda t: self._restart(t, self._named(name), ('cli', [pid])))

    def _do_api_restart(self, time):
        name = self.chance.choice(sim.NAMES)
        pid, _c = self._client(time, '', exe='/usr/bin/curl', logged=False)
        self._later(time + 0.1, lambda t: self._restart(t, self._named(name), ('api', [pid])))

    def _restart(self, time, one, who):
        if one is None or time <= self.dead_until:
            return
        if one.runs:
            self._note(time, 'kill', one, signal='15')
            if one.ignores:
                one.stopped_by = one.stopped_by or who

                def force(t):
                    if one.runs and one.is_there and one.stopped_by is who:
                        self._note(t, 'kill', one, signal='9')
                        self._die(t + 0.03, one, '137', who, 'stop')
                        if one.is_there:
                            self._later(t + 0.08, lambda u: self._started_again(u, one))

                self._later(time + 2, force)
                return
            self._die(time + 0.05, one, '143', who, 'stop')
            if not one.is_there:
                return
        self._later(time + 0.1, lambda t: self._started_again(t, one))

    def _started_again(self, time, one):
        if one.is_there and not one.runs and time > self.dead_until:
            self._start(time, one)
            self._note(time + 0.01, 'restart', one)

    def _do_prune(self, time):
        pid, _c = self._client(time, 'docker container prune -f')

        def prune(t):
            if t <= self.dead_until:
                return
            for one in list(self._containers):
                if one.is_there and not one.runs:
                    self._remove(t, one, ('cli', [pid]))
                    t += 0.004
            self.events.append(
                {
                    'Type': 'container',
                    'Action': 'prune',
                    'Actor': {'ID': '', 'Attributes': {'reclaimed': '0'}},
                    'timeNano': round(START + (t + 0.002) * 1000) * 1000000,
                }
            )

        self._later(time + 0.1, prune)

    def _do_rename(self, time):
        name, new = self.chance.choice(sim.NAMES), self.chance.choice([*sim.NAMES, 'claude-hooks-n'])
        pid, _c = self._client(time, 'docker rename %s %s' % (name, new))

        def rename(t):
            one = self._named(name)
            if one is None or self._named(new) is not None or t <= self.dead_until:
                return
            one.name = new
            self._note(t, 'rename', one, oldName='/' + name)
            self.truth[one.id, 'renamed', round(t, 3)] = ('cli', [pid])

        self._later(time + 0.1, rename)

    def _do_unlogged(self, time):
        """another user's docker rm -f / stop that no rule logs, connect logged"""
        name = self.chance.choice(sim.NAMES)
        verb = self.chance.choice(['stop', 'rm -f', 'kill'])
        pid, _c = self._client(time, 'docker %s %s' % (verb, name), logged=False, uid=1000)
        self._later(time + 0.1, lambda t: self._ask(t, verb, '9' if verb == 'kill' else '', name, ('cli', [pid])))

    def _do_elsewhere(self, time):
        """A command to another engine, whose connect is logged as well"""
        name = self.chance.choice(sim.NAMES)
        verb = self.chance.choice(['stop -t 2', 'rm -f', 'kill'])
        host = self.chance.choice(['-H unix:///run/other.sock', '-c other'])
        before = len(self.connects)
        self._client(time, 'docker %s %s %s' % (host, verb, name))
        self.connected.pop()
        if self.chance.random() < 0.4:
            del self.connects[before:]

    def _do_update(self, time):
        name = self.chance.choice(sim.NAMES)
        policy = self.chance.choice(['no', 'always'])
        self._client(time, 'docker update --restart %s %s' % (policy, name))

        def update(t):
            one = self._named(name)
            if one is not None and t > self.dead_until:
                one.starts_again = policy == 'always'
                self._note(t, 'update', one)

        self._later(time + 0.1, update)

    # compose
    def _do_compose(self, time, v1=False):
        project = self.chance.choice(['shop', 'shop', 'other'])
        folder = self.chance.choice(['/srv/shop', '/srv/other', '/root'])
        how = self.chance.choice(['-p', 'folder', 'environment'])
        if how == 'folder':
            folder = '/srv/' + project
        verb = self.chance.choice(
            ['stop -t 2', 'down -t 2', 'restart -t 2', 'kill', 'rm -sf', 'up -d --force-recreate -t 2', 'up -d']
        )
        service = self.chance.choice(['', '', ' web', ' db']) if not verb.startswith('down') else ''
        line = 'docker compose %s%s%s' % ('-p %s ' % project if how == '-p' else '', verb, service)
        if v1:
            pid, cpid = self._client(time, '', exe='/usr/bin/python3', logged=False, stays=0.05)
            who = ('api', [pid])
        else:
            pid, cpid = self._client(time, line, plugin=True, cwd=folder, stays=0.05)
            who = ('cli', [pid])
        if how == 'environment':
            self.by_environment.add(pid)
        self._later(time + 0.1, lambda t: self._compose(t, verb.split()[0], project, service.strip(), who))

    def _do_compose1(self, time):
        self._do_compose(time, v1=True)

    def _compose(self, time, verb, project, service, who):
        for one in list(self._containers):
            labels = one.labels
            if not one.is_there or labels[P] != project or service not in ('', labels[P_SERVICE]):
                continue
            if time <= self.dead_until:
                return
            if verb == 'stop':
                self._ask(time, 'stop', '', one.name, who)
            elif verb == 'kill':
                self._ask(time, 'kill', '9', one.name, who)
            elif verb == 'restart':
                self._restart(time, one, who)
            elif verb in ('down', 'rm') or verb == 'up' and self.chance.random() < 0.7:
                was = one.runs
                self._ask(time, 'stop', '', one.name, who)

                def removed(t, one=one, name=one.name):
                    if one.is_there and not one.runs and t > self.dead_until:
                        self._remove(t, one, who)
                        if verb == 'up':
                            self._later(
                                t + 0.05,
                                lambda u: self._named(name) is None and u > self.dead_until and self._create(u, name),
                            )

                self._later(time + (2.2 if one.ignores and was else 0.1), removed)
            time += 0.003

    # engine
    def _do_down(self, time):
        running = [one for one in self._containers if one.is_there and one.runs]
        last = time
        for number, one in enumerate(running):
            at = time + 0.002 * number
            self._note(at, 'kill', one, signal='15')
            if one.ignores:

                def force(t, one=one):
                    if one.runs and one.is_there:
                        self._note(t, 'kill', one, signal='9')
                        self._die(t + 0.03, one, '137', ENGINE_DOWN, 'stop')

                one.stopped_by = one.stopped_by or ENGINE_DOWN
                force(at + 10)
                last = max(last, at + 10.05)
            else:
                self._die(at + 0.05, one, '143', ENGINE_DOWN, 'stop')
                last = max(last, at + 0.08)
        self._over(last + 0.3 + self.chance.random(), running, time)

    def _do_crash(self, time):
        running = [one for one in self._containers if one.is_there and one.runs]
        for one in running:
            one.runs = False
        self._over(time, running, time)

    def _over(self, time, running, since):
        self.engine_ends.append(START + time * 1000)
        for connection in self.connected:
            if connection[3] > since:
                connection[3] = min(connection[3], time)
        self.dead_until = time + 1
        begin = time + 0.7
        if any(pid == sim.OLD for pid, *_rest in self.connected):
            self.connects.append(connect(begin, sim.OLD, '/portainer'))
            self.connected.append([sim.OLD, '/portainer', begin, float('inf')])
        for one in running:
            if one.is_there and one.is_removed:
                self._later(
                    begin + 0.4, lambda t, one=one: one.is_there and not one.runs and self._remove(t, one, sim.ENGINE)
                )
            elif one.is_there and one.starts_again:
                self._later(begin + 0.4 + self.chance.random(), lambda t, one=one: self._start(t, one))

    def _ask(self, time, verb, number, name, who):
        if time > self.dead_until:
            super()._ask(time, verb, number, name, who)

    def _start(self, time, one):
        if time > self.dead_until:
            super()._start(time, one)


SETTINGS = {
    'restarts': ['docker', 'restart', 'api_restart', 'curl', 'program', 'create', 'update'],
    'restarts and an old client': ['docker', 'restart', 'old', 'program', 'create'],
    'prunes and renames': ['docker', 'prune', 'curl', 'program', 'create', 'rename'],
    'another user': ['docker', 'unlogged', 'curl', 'create'],
    'another engine': ['docker', 'elsewhere', 'old', 'create', 'elsewhere'],
    'Compose': ['compose', 'compose', 'docker', 'curl', 'create', 'program'],
    'Compose and an old client': ['compose', 'compose', 'docker', 'old', 'create', 'program'],
    'Compose 1': ['compose', 'compose1', 'docker', 'create'],
    'an engine that goes down': ['docker', 'down', 'create', 'create', 'program'],
    'an engine that goes down beside an old client': ['docker', 'old', 'down', 'create', 'create', 'program'],
    'an engine that crashes': ['docker', 'curl', 'crash', 'create', 'create', 'program'],
    'an engine that crashes beside an old client': ['docker', 'old', 'crash', 'create', 'create', 'program'],
}
SOCKETS = ('/run/docker.sock', '/run/other.sock')
FOREVER = float('inf')
#: Of each setting; thousands were played by hand
SEEDS = 8


def moment(one):
    return times.moment(one['timestamp'])


def lost(host, chance, looking):
    host.commands = [one for one in host.commands if chance.random() > 0.3]
    host.connects = [one for one in host.connects if chance.random() > 0.3]
    return looking._replace(lost=7), ()


def gap(host, chance, looking):
    start = START + chance.random() * 30000
    end = start + chance.random() * 20000
    host.events = [one for one in host.events if not start <= one['timeNano'] / 1e6 <= end]
    return looking, [(start, end)]


def later(host, chance, looking):
    """The rules came during the day."""
    commands, connects = START + chance.random() * 40000, START + chance.random() * 60000
    host.commands = [one for one in host.commands if moment(one) >= commands]
    host.connects = [one for one in host.connects if moment(one) >= connects]
    return looking._replace(commands=(Watch(commands, FOREVER),), connects=((connects, FOREVER),)), ()


def went(host, chance, looking):
    """The rules went during the day."""
    commands, connects = START + chance.random() * 40000, START + chance.random() * 60000
    host.commands = [one for one in host.commands if moment(one) <= commands]
    host.connects = [one for one in host.connects if moment(one) <= connects]
    watch = Watch(-FOREVER, commands, None, False)
    return looking._replace(commands=(watch,), connects=((-FOREVER, connects),)), ()


def everything(_host, _chance, looking):
    return looking, ()


def wrong(host, looking, blind, **options):
    """The verdicts that are certain of somebody else."""
    events = sorted(host.events, key=lambda one: one['timeNano'])
    found = []
    for verdict in judge(
        events, host.commands, host.connects, looking, blind=blind, engine_ends=host.engine_ends, **options
    ):
        at = round((moment(verdict) - START) / 1000, 3)
        what = verdict['what'][0] if verdict['what'][0] in ('removed', 'renamed') else 'died'
        keys = [key for key in host.truth if key[:2] == (verdict['id'], what) and abs(key[2] - at) < 0.002]
        if not keys or verdict['confidence'] != 'certain':
            continue
        cause, pids = host.truth[keys[0]]
        # A docker of which no command is logged is a client
        told = [host.plugin_of.get(who['pid'], who['pid']) for who in verdict['who']]
        # KNOWN LIMIT: COMPOSE_PROJECT_NAME, and somebody asks for the project of the folder in the same second
        is_limit = bool(host.by_environment.intersection(pids))
        if (told != pids or not pids and verdict['cause'] != cause) and not is_limit:
            found.append((at, verdict['what'], verdict['cause'], told, cause, pids))
    return found


@pytest.mark.parametrize('is_seen', [False, True], ids=['alone', 'witness'])
@pytest.mark.parametrize('what_is_left', [everything, lost, gap, later, went])
@pytest.mark.parametrize('actors', SETTINGS.values(), ids=SETTINGS)
def test_nobody_else_is_certain(actors, what_is_left, is_seen):
    found = []
    for seed in range(SEEDS):
        host = Day(seed, actors)
        options = {'marks': host.marks()} if is_seen else {}
        looking = looks.SEEN if is_seen else EVERYTHING
        if 'elsewhere' in actors:
            looking = looking._replace(sockets=SOCKETS)
        looking, blind = what_is_left(host, random.Random(seed), looking)
        found += [(seed, one) for one in wrong(host, looking, blind, **options)]
    assert found == []


def test_the_days_make_certain_verdicts_of_all_kinds():
    found = set()
    for actors in SETTINGS.values():
        for seed in range(10):
            host = Day(seed, actors)
            events = sorted(host.events, key=lambda one: one['timeNano'])
            looking = looks.SEEN
            judged = judge(
                events, host.commands, host.connects, looking, engine_ends=host.engine_ends, marks=host.marks()
            )
            found |= {verdict['cause'] for verdict in judged if verdict['confidence'] == 'certain'}
    assert found == {'cli', 'api', 'engine', 'engine_shutdown'}
