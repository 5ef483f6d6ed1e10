# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis: a docker command asked for it.

Sources: what the CLI does at once and what one after the other is cli/command/container of docker/cli; which services
a Compose command touches is pkg/compose of docker/compose.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers, world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Answer, Evidence, note
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import (
    PROMPT,
    SHOWN_OTHERS,
    Clients,
    Execution,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import compose, traces
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    LONGEST_TIMEOUT,
    SOON,
    STARTUP,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources

CAUSE = 'cli'

# parallelOperation in cli/command/container/utils.go of docker/cli
_AT_ONCE = 50
_ENDS = ('stop', 'kill', 'restart', 'checkpoint')
_BY_TARGET = _ENDS + ('remove', 'rename')
# The containers of docker buildx (driver/docker-container of docker/buildx)
_BUILDER = 'buildx_buildkit_'
_SWARM = ('service_rm', 'service_scale', 'service_update', 'stack_rm', 'node_drain', 'swarm_leave')
# The manager and the agent of a swarm work on their own after the command (measured: 1.1 s, and 10 s to the removal)
_SWARM_WORKS = 60 * 1000


# From a removal to the end of a prune that made it
_PRUNES = 60 * 1000


class Claim(NamedTuple):
    """A command that fits. sure: it does that to this container; connected: it was seen to connect to this engine;
    in_turn: it asks at that moment; doubts: why it can have been another client that was connected."""

    execution: Execution
    target: str | None
    evidence: Evidence
    sure: bool
    connected: bool = False
    in_turn: bool = True
    doubts: tuple[Evidence, ...] = ()


class Commands:
    """The commands by what they name. A command that is sure to have done its work is used up."""

    def __init__(self, ran: Sequence[Execution], clients: Clients, known: world.World, sources: Sources) -> None:
        self._clients, self._world, self._sources = clients, known, sources
        self._used: dict[tuple[object, ...], Incident] = {}
        self._targets: dict[str, list[Execution]] = {}
        self._kinds: dict[str, list[Execution]] = {'prune': [], 'compose': [], 'swarm': [], 'cut': [], 'builder': []}
        for one in ran:
            command = one.command
            if not command.action:
                continue
            if command.action in _BY_TARGET:
                for target in command.targets:
                    self._targets.setdefault(target, []).append(one)
                if not one.entry.get('argv_complete', True):
                    self._kinds['cut'].append(one)
                if (command.subcommand or '').startswith('buildx'):
                    self._kinds['builder'].append(one)
            elif command.action in _SWARM:
                self._kinds['swarm'].append(one)
            elif command.action.startswith('compose'):
                self._kinds['compose'].append(one)
            elif command.action == 'prune':
                self._kinds['prune'].append(one)
        self._composing = max((compose.longest(one.command) for one in self._kinds['compose']), default=0)
        self._asking = max((_turns(one.command) for some in self._targets.values() for one in some), default=0)
        self._hex = sorted({len(target) for target in self._targets if len(target) <= 64})

    def ask(self, incident: Incident, have_connected: bool, are_others: bool) -> tuple[Answer, Answer]:
        """The answer for an incident, right before which other clients connected or not, or at all; and that of Compose
        commands that name another project, and can mean this one by their environment."""
        claims, remarks, by_environment = self.fitting(incident)
        lines = [fits(claim) for claim in by_environment]
        other = answers.not_known(CAUSE, *lines, who=[claim.execution.entry for claim in by_environment])
        if any(claim.in_turn for claim in by_environment):
            other = other._replace(beside=(note('environment_not_logged'),))
        answer = self._ask(incident, claims, remarks, have_connected, are_others)
        return answer, other if by_environment else answers.excluded(CAUSE)

    def _ask(
        self,
        incident: Incident,
        claims: Sequence[Claim],
        remarks: Sequence[Evidence],
        have_connected: bool,
        are_others: bool,
    ) -> Answer:
        lines = [*map(fits, claims), *remarks]
        sure = [claim for claim in claims if claim.sure]
        who = [claim.execution.entry for claim in claims]
        start = incident.asked - STARTUP
        missing = self._doubt(start, incident.time)
        # COMPOSE_PROJECT_NAME, which nobody logs, can name another project than that of the folder
        by_folder = any(claim.evidence['code'] == 'of_folder' for claim in sure)
        is_doubted = by_folder and have_connected or are_others and not all(claim.in_turn for claim in sure)
        if len(claims) == 1 and sure and not is_doubted:
            self._used.setdefault(_use(claims[0], incident), incident)
            if incident.asked < self._sources.apart_since:
                missing += (note('several_engines'),)
            return answers.shown(CAUSE, *lines, who=who)._replace(missing=missing, beside=claims[0].doubts)
        if claims:
            is_sure = len(sure) == len(claims) and (not are_others or all(claim.in_turn for claim in claims))
            doubts = tuple(answers.once([line for claim in claims for line in claim.doubts]))
            return answers.not_known(CAUSE, who=who, evidence=lines)._replace(sure=is_sure, beside=doubts)
        if missing:
            return answers.not_known(CAUSE, *missing, evidence=remarks)
        if remarks:
            # It may have asked another engine, or audit lost the record of its connect
            return answers.not_known(CAUSE, evidence=remarks)
        if self._sources.commands_logged(start, incident.time) or self._sources.connects_logged(start, incident.time):
            # With connects logged, a docker that was not logged is among those who connected
            return answers.excluded(CAUSE)
        return answers.not_known(CAUSE, *self._missing(start, incident.time))

    def _doubt(self, start: float, end: float) -> tuple[Evidence, ...]:
        """Why a command of that time can be missing among those known."""
        unread, twice = self._sources.unread(start, end), self._sources.came_twice(start, end)
        if unread is not None:
            return (note('command_not_told', time=unread),)
        return () if twice is None else (note('clock_set_back', time=twice),)

    def _missing(self, start: float, end: float) -> list[Evidence]:
        sources = self._sources
        if sources.log_first is not None and sources.log_first > start:
            return [note('log_begins_later', time=sources.log_first)]
        if not sources.commands_partly(start, end):
            return [not_logged(sources, end)]
        return [note('users_not_watched', users=list(sources.unwatched))]

    def fitting(self, incident: Incident) -> tuple[list[Claim], list[Evidence], list[Claim]]:
        """The commands that fit, remarks on those that nearly do, and what fits by its environment alone."""
        claims: list[Claim] = []
        by_environment: list[Claim] = []
        remarks: list[Evidence] = []
        moments = incident.times
        # Of more than can be shown none is picked, however many there are
        for one in reversed(self._candidates(incident)):
            if len(claims) + len(by_environment) >= SHOWN_OTHERS:
                break
            connected = self._clients.of(one)
            # The request follows the last connect; a command that waited for an answer connected early
            ready = max([one.time] + [time for time in connected if time <= min(moments)])
            claim = self._claim(one, ready, incident)
            if claim is None or self._used.get(_use(claim, incident), incident) is not incident:
                continue
            if not self._is_of_this_run(one, ready, incident):
                claim = claim._replace(sure=False)
            if self._clients.is_elsewhere(one):
                if may_be_tcp(one.command):
                    remarks.append(note('named_another_engine', **who_did(one.entry)))
            elif not connected and self._sources.connects_logged(one.time, max(moments)):
                remarks.append(note('did_not_connect', **who_did(one.entry)))
            elif not connected or any(min(connected) <= time for time in moments):
                found = by_environment if claim.evidence['code'] == 'of_environment' else claims
                found.append(claim._replace(connected=bool(connected)))
        return claims[::-1], remarks[::-1], by_environment[::-1]

    def _candidates(self, incident: Incident) -> list[Execution]:
        moments = incident.times
        last, waited = max(moments), self._world.waited_since(min(moments))
        first = waited - PROMPT - max(self._composing, self._asking)
        lists = [self._targets.get(incident.old_name, [])]
        lists += [self._targets.get(incident.id[:length], []) for length in self._hex]
        lists.append(between(self._kinds['cut'], last - PROMPT, last))
        if incident.what == 'removed':
            lists.append(between(self._kinds['prune'], last - PROMPT, last))
        if incident.old_name.startswith(_BUILDER):
            lists.append(between(self._kinds['builder'], last - PROMPT, last))
        if world.PROJECT in incident.attributes:
            # But for a new name, Compose works on what it finds
            made = None if incident.what == 'renamed' else self._world.created(incident.id)
            lists.append(between(self._kinds['compose'], max(waited - self._composing, made or 0), last))
        if world.SWARM_SERVICE in incident.attributes:
            lists.append(between(self._kinds['swarm'], last - _SWARM_WORKS, last))
        lists = [between(some, first, last) for some in lists if some]
        if sum(map(bool, lists)) < 2:
            return next((some for some in lists if some), [])
        found = {(one.time, one.serial): one for some in lists for one in some}
        return [found[key] for key in sorted(found)]

    def _claim(self, one: Execution, ready: float, incident: Incident) -> Claim | None:
        action = one.command.action or ''
        if action == 'prune':
            return self._prune(one, ready, incident)
        if action.startswith('compose'):
            found = (
                compose.claim(one, ready, incident, self._world) if traces.with_signal(one.command, incident) else None
            )
            if found is None:
                return None
            in_turn = compose.is_in_turn(one, ready, incident, self._world)
            return Claim(one, None, *found, in_turn=in_turn, doubts=compose.doubts(one, incident, found[0]))
        if action in _SWARM:
            return _swarm(one, ready, incident)
        return self._by_target(one, ready, incident)

    def _by_target(self, one: Execution, ready: float, incident: Incident) -> Claim | None:
        command = one.command
        does = {
            'died': command.action in _ENDS or (command.action == 'remove' and command.force),
            'held': command.action in ('stop', 'restart'),
            'removed': command.action == 'remove',
            'renamed': command.action == 'rename',
        }[incident.what]
        moments = traces.with_signal(one.command, incident)
        window = STARTUP + _turns(command)
        if incident.what == 'removed' and command.force:
            window += STARTUP  # the engine waits so long for the end of the container
        is_in_time = traces.in_window(ready, moments, window)
        # A container can have a timeout of its own, without a bound
        waited = [self._world.waited_since(time) for time in moments] if len(command.targets) > 1 else []
        if not does or not (is_in_time or traces.in_window(ready, waited, window)):
            return None
        shape = traces.has_its_shape(command.action or '', incident)
        if shape is None:
            return None
        shape = shape and is_in_time
        # rm alone is refused while it runs
        shape = shape and (incident.what != 'removed' or command.force or (incident.died or 0) <= ready)
        is_whole = one.entry.get('argv_complete', True)
        if incident.what == 'renamed' and is_whole and str(one.entry['argv'][-1]).lstrip('/') != incident.name:
            return None  # it was refused
        for target in command.targets:
            how = self._world.resolves(target, incident, min(incident.times))
            if how:
                # It may have been the name of another one when the command was given
                shape = shape and (how != 'name' or self._world.names_until(incident.id, ready)[-1:] == [target])
                return Claim(one, target, note('names', target=target, how=how), shape)
        if not is_whole:
            return Claim(one, None, note('arguments_missing'), False)
        if (command.subcommand or '').startswith('buildx') and incident.old_name.startswith(_BUILDER):
            # One that is not named, or a further node of one that is
            return Claim(one, None, note('of_builder'), False)
        return None

    def _is_of_this_run(self, one: Execution, ready: float, incident: Incident) -> bool:
        """Whether the container was there and ran when it was asked for, nothing is missing since, and the engine that
        was asked is this one."""
        is_made = incident.what == 'renamed' and (one.command.action or '').startswith('compose')
        began = [None if is_made else incident.created, incident.started if incident.what == 'died' else None]
        # Of several sockets, the log does not tell to which one a command connected
        is_this = len(self._sources.sockets) < 2 or not names.is_foreign(one.command.docker_host, one.command.context)
        is_known = self._sources.events_known(ready, incident.time)
        is_there = all(time is None or time <= ready for time in began)
        return is_this and is_known and is_there and not traces.is_early(one.command, incident)

    def _prune(self, one: Execution, ready: float, incident: Incident) -> Claim | None:
        if not traces.in_window(ready, [incident.time], 6 * STARTUP if one.command.force else PROMPT):
            return None
        position = bisect_left(self._world.prunes, ready)
        end = self._world.prunes[position] if position < len(self._world.prunes) else None
        if end is not None and incident.time > end:
            return None
        # Filters leave out containers, and which ones argv does not say
        evidence = note('prunes', end_noted=end is not None, filtered=bool(one.command.filters))
        # Right after its end, --rm or whoever ended it by force can have removed it; what ran is not pruned
        right_after = incident.died is not None and (
            incident.time - incident.died <= SOON / 2 or (one.command.force and incident.died > ready)
        )
        # What was removed long before its end can be somebody else's work, while it waited at its prompt
        is_near = end is not None and end - incident.time <= _PRUNES
        sure = not one.command.filters and end is not None and not right_after
        doubts = () if one.command.force else (note('answer_not_logged'),)
        return Claim(one, None, evidence, sure, in_turn=is_near, doubts=doubts)


def _turns(command: Command) -> float:
    """How long a command can wait for others before it asks: restart for one after the other, the rest for fifty."""
    turns = max(0, len(command.targets) - 1) // (1 if command.action == 'restart' else _AT_ONCE)
    return turns * (min(traces.timeout(command.timeout), LONGEST_TIMEOUT) + 2) * 1000


def _swarm(one: Execution, ready: float, incident: Incident) -> Claim | None:
    """A command of a swarm: of another service or stack it is no candidate."""
    if incident.what == 'renamed' or not traces.in_window(ready, incident.times, _SWARM_WORKS):
        return None
    command, attributes = one.command, incident.attributes
    service, stack = attributes.get(world.SWARM_SERVICE), attributes.get(world.STACK)
    if command.action in ('service_rm', 'service_scale', 'service_update'):
        identity = attributes.get('com.docker.swarm.service.id', '')
        target = next((name for name in command.targets if name == service or identity.startswith(name)), None)
        if command.action == 'service_update' and command.target_kind == 'stack':
            target = next((name for name in command.targets if name == stack), None)
        if target is None:
            return None
        # The start of an id can be another service's name
        is_it = target in (service, stack, identity)
        sure = is_it and (command.action == 'service_rm' or command.scale.get(target) == 0)
        return Claim(one, target, note('of_service', service=service), sure)
    if command.action == 'stack_rm':
        return Claim(one, stack, note('of_stack', stack=stack), True) if stack in command.targets else None
    return Claim(one, None, note('of_swarm'), False)


def not_logged(sources: Sources, time: float) -> Evidence:
    """That docker commands were not logged, at a time or right before."""
    began = [watch.start for watch in sources.commands if watch.start <= time <= watch.end]
    return note('commands_logged_later', time=min(began)) if began else note('commands_not_logged')


def may_be_tcp(command: Command) -> bool:
    """Whether a command that names another engine can have asked this one after all: over TCP no connect shows.

    Over ssh the docker on this host shows, and through a socket of this host its connect.
    """
    return not (command.docker_host or '').startswith(('ssh://', 'unix://', 'npipe://', 'fd://'))


def who_did(entry: answers.Entry) -> dict[str, Any]:
    """What a line of evidence says of a command or a client."""
    return {
        'time': entry.get('timestamp'),
        'argv': list(entry['argv']) if entry.get('argv') else None,
        'pid': entry.get('pid'),
        'exe': entry.get('exe'),
        'uid': entry.get('uid'),
        'auid': entry.get('auid'),
    }


def between(ran: list[Execution], first: float, last: float) -> list[Execution]:
    """The executions of a period, of a list in the order of time."""
    low = bisect_left(ran, (first,))
    high = bisect_right(ran, (last, float('inf')))
    return ran[low:high]


def _use(claim: Claim, incident: Incident) -> tuple[object, ...]:
    entry = claim.execution.entry
    return entry.get('event'), entry.get('host'), claim.target or incident.id, incident.what


def _values(line: Evidence) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != 'code'}


def fits(claim: Claim) -> Evidence:
    return note('command_' + claim.evidence['code'], **_values(claim.evidence), **who_did(claim.execution.entry))
