# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis: a client of the API asked, judged by who was connected to the engine when the container ended.

Exactly one candidate is certain where nobody else can have connected unseen, or have used its connection. An idle, a
busy and a streaming connection look alike.

A docker command waits for the end of what it stops, kills or removes by force (moby's daemon/stop.go, kill.go and
delete.go answer after it): one that is not connected before that end did not ask this engine itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Iterable, Sequence, Tuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import Look
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers, world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import (
    Answer,
    Entry,
    Evidence,
    note,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import (
    SHOWN_OTHERS,
    Clients,
    is_docker,
    moment,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.candidates import (
    NEW,
    Candidate,
    Candidates,
    passes_on,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.commands import who_did
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    SOON,
    STARTUP,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources

CAUSE = 'api'

_ACTIONS = {
    'died': ('kill', 'stop', 'die', 'restart'),
    'held': ('stop', 'restart'),
    'removed': ('destroy',),
    'renamed': ('rename',),
}
#: A look, with the time of the request that it is of.
Seen = Tuple[float, Look]

# Another process may have used its connection, and nothing says that one did
_SLIGHT_DOUBTS = ('holders_not_known', 'client_could_lend')
_HOUR = 3600 * 1000
_REGULAR = 3  # visits in an hour at which nothing happened


class Looks:
    """What the witness saw at the ends of containers."""

    def __init__(
        self,
        looks: Sequence[Look],
        clients: Clients,
        known: world.World,
        sources: Sources,
        breaks: Sequence[float],
        asked: Iterable[float],
    ) -> None:
        """looks in the order of time; breaks are moments that no connection outlives; asked those of all requests."""
        self._clients, self._world, self._sources = clients, known, sources
        self._candidates = Candidates(looks, clients, sources, breaks)
        self._asked = sorted(asked)
        self._of: dict[str, list[tuple[float, str, Look]]] = {}
        for look in looks:
            for action, identity, time in look.events:
                self._of.setdefault(identity, []).append((time, action, look))

    def of(self, incident: Incident) -> tuple[tuple[float, Look], ...]:
        """The looks at the requests that an incident can be due to, each with the time of the request."""
        wanted = [time for time in incident.times if incident.time - 6 * STARTUP <= time <= incident.time + SOON]
        found: dict[float, Look] = {}
        for time, action, look in self._of.get(incident.id, ()):
            if action in _ACTIONS[incident.what] and any(abs(time - one) <= 1 for one in wanted):
                found.setdefault(time, look)
        return tuple(sorted(found.items(), key=lambda one: one[0]))

    def have_others(self, seen: Sequence[Seen]) -> bool:
        """Whether anybody was connected then that is no docker command."""
        return any(
            self._clients.behind(one, look.time) is None and not self._candidates.is_ours(one, look)
            for _asked, look in seen
            for one in look.clients
        )

    # --- A docker command, with the look as a second witness ---

    def confirm(self, incident: Incident, seen: Sequence[Seen], command: Answer) -> Answer:
        """What the looks make of the answer of the hypothesis on docker commands."""
        if not seen:
            return command
        asked, look = seen[-1]
        waits = look.is_whole and _waits(incident, look)
        proxies = any(passes_on(one) for one in look.clients if not self._candidates.is_ours(one, look))
        if command.state == answers.EXCLUDED or not waits or proxies or self._has_unknown_docker(look):
            return command
        # Whoever waits is in every look at the same request
        present = [entry for entry in command.who if any(self._is_in(entry, one) for _asked, one in seen)]
        if len(present) == 1 and command.sure:
            return command._replace(state=answers.SHOWN, who=tuple(present))
        if present:
            # It is this engine's connection
            missing = tuple(line for line in command.missing if line['code'] != 'several_engines')
            return command._replace(missing=missing) if len(present) == len(command.who) else command
        pids = [line.get('pid') for line in command.evidence if line['code'] == 'did_not_connect']
        absent = [note('not_connected_then', **who_did(entry)) for entry in command.who]
        if command.who:
            if (
                len([one for one in self._candidates.at(asked, look) if one.is_in and one.is_new(asked) is not False])
                == 1
            ):
                return answers.excluded(command.cause)._replace(evidence=tuple(absent))
            evidence = command.evidence + tuple(absent)
            return command._replace(state=answers.NOT_KNOWN, sure=False, evidence=evidence, beside=())
        if pids:
            # It asked another engine: neither the log nor the look has it, and no record is lost
            is_told = self._sources.lost == 0 and not self._sources.hiding(asked)
            gone = is_told and not any(one.pid in pids for one in look.clients)
            return answers.excluded(command.cause)._replace(evidence=command.evidence) if gone else command
        return answers.excluded(command.cause)

    def _has_unknown_docker(self, look: Look) -> bool:
        """Whether a docker is connected whose command is not known: a plugin (Compose) is another process than the
        docker that the log has, and only its connect says whose."""
        return any(
            (one.exe or 'docker').rpartition('/')[2].startswith('docker')
            and self._clients.behind(one, look.time) is None
            for one in look.clients
            if not self._candidates.is_ours(one, look)
        )

    def _dockers(self, incident: Incident, look: Look) -> list[Evidence]:
        """The docker commands in a look that can have asked, whatever the usual times say: those that wait for what
        they do to this container, and those whose containers the engine ends and removes (run --rm, a build)."""
        found = []
        called = {incident.old_name, incident.name, *self._world.names_until(incident.id, look.time)}
        for one in look.clients:
            behind = self._clients.behind(one, look.time)
            if behind is None or self._candidates.is_ours(one, look):
                continue
            command = behind.command
            action = command.action or ''
            names_it = any(target in called or incident.id.startswith(target) for target in command.targets)
            does = action == 'prune' or (
                action and not action.startswith('compose') and (command.everything or names_it)
            )
            if does or command.auto_remove or 'build' in (command.subcommand or '').split():
                found.append(note('docker_then', **who_did(behind.entry)))
        return found

    def _is_in(self, entry: Entry, look: Look) -> bool:
        """Whether the process of a command, or a plugin that it started, is connected."""
        ran = moment(entry)
        for one in look.clients:
            behind = self._clients.behind(one, look.time)
            if behind is not None and (behind.time, behind.serial) == ran:
                return True
        return False

    # --- A client of the API ---

    def ask(self, incident: Incident, seen: Sequence[Seen], command: Answer) -> Answer:
        """A client of the API. command is the answer of the hypothesis on docker commands."""
        if command.state == answers.SHOWN:
            return self._beside(seen, command)
        found = [self._ask(incident, asked, look, command) for asked, look in seen]
        shown = [one for one in found if one.state == answers.SHOWN]
        same = {tuple(entry.get('pid') for entry in one.who) for one in found}
        if len(shown) == len(found) and len(same) == 1:
            return max(shown, key=lambda one: len(one.missing))
        if len(found) == 1 or all(one.state == answers.EXCLUDED for one in found):
            return found[0]
        # Each request of the end has askers of its own
        who = {entry.get('pid'): entry for one in found for entry in one.who}
        evidence = tuple(answers.once([line for one in found for line in one.evidence]))
        missing = tuple(answers.once([line for one in found for line in one.missing]))
        return Answer(CAUSE, answers.NOT_KNOWN, tuple(who.values()), evidence, missing)

    def _ask(self, incident: Incident, asked: float, look: Look, command: Answer) -> Answer:
        found = self._candidates.at(asked, look)
        missing = self._missing(asked, look)
        dockers = self._dockers(incident, look)
        missing += dockers
        if not found:
            return answers.not_known(CAUSE, *missing) if missing else answers.excluded(CAUSE)
        new = [one for one in found if one.is_new(asked) is not False]
        sure = [one for one in new if one.is_new(asked) and all(line['code'] in _SLIGHT_DOUBTS for line in one.doubts)]
        evidence = tuple(self._line(one, asked) for one in found[:SHOWN_OTHERS])
        if incident.unhealthy is not None and asked - incident.unhealthy <= 6 * STARTUP:
            evidence = (note('unhealthy', time=incident.unhealthy), *evidence)
        missing += answers.once([line for one in found for line in one.doubts])
        if len(found) == 1 and not missing:
            return Answer(CAUSE, answers.SHOWN, (found[0].who,), evidence)
        # Without the log of connects, one that did not wait for the end can have come and gone
        if not self._sources.connects_logged(asked - STARTUP, asked) and not _waits(incident, look):
            sure = []
        if len(sure) == 1 and len(new) == 1 and (len(found) == 1 or self._is_striking(sure[0], incident, asked)):
            older = (note('older_clients', count=len(found) - 1),) if len(found) > 1 else ()
            return Answer(CAUSE, answers.SHOWN, (sure[0].who,), evidence, older + tuple(missing))
        is_api = command.state == answers.EXCLUDED and not dockers and not any(is_docker(one.who) for one in found)
        who = tuple(one.who for one in found[:SHOWN_OTHERS])
        more = max(0, len(found) - SHOWN_OTHERS)
        cause = CAUSE if is_api else 'not_known'
        return Answer(cause, answers.NOT_KNOWN, who, evidence, tuple(missing), more, sure=is_api)

    def _is_striking(self, one: Candidate, incident: Incident, asked: float) -> bool:
        """Whether the one new client among older ones is there for this request, and not by chance: nothing else ended
        in that second, and its program is no regular visitor."""
        near = self._asked[bisect_left(self._asked, asked - NEW) : bisect_right(self._asked, asked + NEW)]
        if not one.is_in or any(time not in incident.times for time in near):
            return False
        visits = self._clients.visits(str(one.who.get('exe') or ''), asked - _HOUR, asked - NEW)
        for_nothing = 0
        for visit in reversed(visits[-100:]):
            position = bisect_left(self._asked, visit - names.CLOCK_LAG)
            for_nothing += position == len(self._asked) or self._asked[position] > visit + NEW
        return for_nothing < _REGULAR

    def _beside(self, seen: Sequence[Seen], command: Answer) -> Answer:
        """Whether a client can have asked where a command fits: one that connected since that command started."""
        start = moment(command.who[0])[0]
        asked, look = seen[0]
        found = []
        for one in self._candidates.at(asked, look):
            after = one.connected if one.connected is not None else one.after
            is_unknown = one.connected is None and float('-inf') < one.after < start
            if after >= start or is_unknown:
                found.append(one)
        is_in = any(self._is_in(command.who[0], each) for _asked, each in seen)
        if found:
            lines = tuple(self._line(one, asked) for one in found[:3])
            return answers.not_known(CAUSE, evidence=(note('connected_meanwhile', count=len(found)), *lines))
        logged = self._sources.connects_logged(start, asked) and not self._sources.hiding(asked)
        others = self._unwatched(asked, look)
        if not logged:
            # One can have come, asked and left before the look
            return answers.not_known(CAUSE, note('connects_not_logged'))
        if others:
            return answers.not_known(CAUSE, note('listeners_not_watched', listeners=others))
        is_seen = look.is_whole and is_in or asked - start <= 2 * STARTUP
        return answers.excluded(CAUSE) if is_seen else answers.not_known(CAUSE)

    def _unwatched(self, asked: float, look: Look) -> list[str]:
        """The addresses of the engine to which connects were not logged."""
        listeners = sorted({*look.listeners, *(one.listener for one in look.clients)})
        return [name for name in listeners if _plain(name) not in map(_plain, self._sources.sockets_at(asked))]

    def _missing(self, asked: float, look: Look) -> list[Evidence]:
        """Why others can have connected unseen."""
        sources = self._sources
        missing = [] if look.is_whole else [note('look_not_whole')]
        others = self._unwatched(asked, look)
        if not sources.connects_logged(asked - STARTUP, asked):
            missing.append(note('connects_not_logged'))
        elif not sources.connects_logged(self._candidates.base(asked), asked):
            missing.append(note('connects_logged_later'))
        elif others:
            missing.append(note('listeners_not_watched', listeners=others))
        twice = sources.came_twice(asked - STARTUP, asked)
        if twice is not None:
            missing.append(note('clock_set_back', time=twice))
        missing += sources.hiding(asked)
        if sources.lost_at(asked) != 0:
            missing.append(note('records_lost', count=sources.lost))
        return missing

    def _line(self, one: Candidate, asked: float) -> Evidence:
        who = one.who
        connected = one.connected
        seconds = None if connected is None else round((asked - connected) / 1000, 1)
        values = {'seconds': seconds, 'new': one.is_new(asked), 'remote': who.get('remote'), **who_did(who)}
        if who.get('accepts') or one.passes_on:
            values['through'] = True
        return note('client_then', **values) if one.is_in else note('client_before', **values)


def _waits(incident: Incident, look: Look) -> bool:
    """Whether a docker command that asked for it was still waiting for its answer at a look.

    Commands of a swarm have their answer before its agent does the work."""
    if world.SWARM_SERVICE in incident.attributes:
        return False
    deadly = any(request.attributes.get('signal') == '9' for request in incident.requests)
    return incident.what == 'died' and incident.time > look.end and (incident.stopped or deadly)


def _plain(listener: str) -> str:
    return listener[4:] if listener.startswith('/var/run/') else listener
