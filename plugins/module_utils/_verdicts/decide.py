# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns incidents into verdicts, by a differential diagnosis. Not known is an answer, a wrong name is not.

For each incident a list of hypotheses is asked, and each answers shown, excluded or not known. `certain`: one is shown,
and all others are excluded by sources that were looking at that moment. `likely`: one is shown, of the others none.
`open`: else, with what was not looking.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, text
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.states import State
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers, conclusions, world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import clients as asking
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import incidents as happening
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import (
    Answer,
    Entry,
    note,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import (
    askers,
    commands,
    ends,
    engine,
    looks,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import Incident
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.reasons import Reason
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources

# Between an end as the engine notes it, and as its state has it
_SAME_END = 10 * 1000
# From the end of the first container to that of the last one, where the engine ends them all: they get ten seconds
_SHUTDOWN_TAKES = 15 * 1000


class Material(NamedTuple):
    """Everything that is known of a host."""

    #: The engine's events, as it gives them.
    events: Sequence[Any] = ()
    #: Executions of docker, all of them: findings, and those that take nothing away.
    executions: Sequence[Entry] = ()
    connects: Sequence[Entry] = ()
    sources: Sources = Sources()
    #: Containers that are there now: id to name or names.
    containers: Mapping[str, str | Sequence[str]] = {}
    #: When the engine went away, and for which reasons it can have gone.
    engine_ends: Sequence[float] = ()
    reasons: Sequence[Reason] = ()
    #: When the engine that runs now was started.
    engine_since: float | None = None
    #: (pid, from, to) of connects of our own.
    own: Sequence[tuple[int, float, float]] = ()
    oom_kills: Sequence[ends.OomKill] = ()
    #: SIGKILLs, as audit fields with the opid of one process each.
    signals: Sequence[Entry] = ()
    #: The socket of the engine: a command that names it means this engine.
    socket: str = names.SOCKET
    #: How the containers that are there now ended last, as the engine says.
    states: Sequence[State] = ()
    #: Where the paths of Compose's labels lead on this host.
    real: Mapping[str, str | None] | None = None
    #: What the witness saw besides events.
    marks: witness.Marks = witness.Marks()


def verdicts(
    material: Material,
    container: str = names.DEFAULT_CONTAINER,
    host: str | None = None,
    since: float | None = None,
    before: float | None = None,
) -> list[dict[str, Any]]:
    """A verdict for every time a matching container ended, was removed or was renamed in a period, oldest first."""
    return with_others(material, container, host, since, before)[0]


def with_others(
    material: Material, container: str, host: str | None, since: float | None, before: float | None
) -> tuple[list[dict[str, Any]], int]:
    """The verdicts on matching containers, and how many there are on others."""
    matches = text.name_matcher(container)
    case = _Case(material)
    found: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for incident in case.incidents:
        # All of them, since each can use up a command
        verdict = case.verdict(incident)
        if (since is None or incident.time >= since) and (before is None or incident.time <= before):
            labels = [incident.name, *case.world.names_until(incident.id, incident.time)]
            (found if any(map(matches, labels)) else others).append(dict({'host': host}, **verdict))
    return [conclusions.public(verdict) for verdict in conclusions.joined(found)], len(conclusions.joined(others))


class _Case:
    """The material of a host, indexed."""

    def __init__(self, material: Material) -> None:
        happened = happening.events(material.events, {state.id: state.labels for state in material.states})
        known = list(happening.incidents(happened))
        known += _forgotten(known, material.states)
        self.incidents = sorted(known, key=lambda incident: (incident.asked, incident.time))
        self.sources = material.sources
        self.world = world.World(happened, material.containers, material.real)
        self._since = material.engine_since
        breaks = list(material.engine_ends) + ([] if self._since is None else [self._since])
        ran = asking.executions(material.executions, material.socket)
        self.clients = asking.Clients(
            ran, material.connects, material.own, breaks, (incident.asked for incident in self.incidents)
        )
        self._breaks = sorted(breaks)
        self._made: dict[str, list[asking.Execution]] = {}
        for one in ran:
            if one.command.auto_remove and one.command.attached_to:
                self._made.setdefault(one.command.attached_to, []).append(one)
        self.commands = commands.Commands(ran, self.clients, self.world, self.sources)
        self.attached = askers.Attached(ran, self.clients, self.world, self.sources)
        asked = [one.asked for one in self.incidents] + [one.time for one in happened if one.action == 'kill']
        self.looks = looks.Looks(material.marks.looks, self.clients, self.world, self.sources, self._breaks, asked)
        self.engine_ends = engine.EngineEnds(happened, material.engine_ends, self.sources, material.reasons)
        self.ends = ends.Ends(self.sources, material.oom_kills, material.signals, material.marks.firsts)
        #: Cause and names of each end.
        self._ended_by: dict[tuple[str, float | None], tuple[str, list[tuple[object, ...]]]] = {}

    def verdict(self, incident: Incident) -> dict[str, Any]:
        if incident.from_state is not None:
            verdict = self._forgotten(incident)
        elif incident.what == 'renamed' and 'oldName' not in incident.attributes:
            # A command names the old one
            verdict = conclusions.conclude(
                incident, [answers.not_known('cli'), answers.not_known('api')], conclusions.seen(incident)
            )
        elif incident.what == 'died' and not incident.requests:
            verdict = self._unasked(incident)
        elif incident.what == 'died' and not incident.obeyed():
            verdict = self._not_obeyed(incident)
        else:
            verdict = self._asked(incident)
        if incident.what == 'died':
            self._ended_by[incident.id, incident.time] = (
                verdict['cause'],
                [conclusions.key(who) for who in verdict['who']],
            )
        return verdict

    def _unasked(self, incident: Incident) -> dict[str, Any]:
        """A container that ended without any request to the engine, as far as events are known."""
        asked: list[Answer] = [
            askers.ask_exec(incident, self.attached, self.clients, self.sources, self._engine_since(incident)),
            self.ends.memory(incident),
        ]
        own = self.ends.own_exit(incident, asked)
        asked += [self.ends.signal(incident), own]
        # The kernel says who sent that signal, or whom it was sent to
        killed = [one for one in asked[1:3] if one.state == answers.SHOWN and ends.is_named_by_kernel(one)]
        if len(killed) == 1:
            asked = killed + [answers.excluded(answer.cause) for answer in asked if answer is not killed[0]]
        lines = conclusions.seen(incident)
        if self.ends.are_known(incident):
            lines.append(note('nobody_asked'))
        else:
            lines.append(note('events_forgotten'))
            asked = [answer._replace(state=answers.NOT_KNOWN) for answer in asked]
        lines += [note('attached', **commands.who_did(one.entry)) for one in self.attached.to(incident)]
        return conclusions.conclude(incident, asked, lines)

    def _forgotten(self, incident: Incident) -> dict[str, Any]:
        """An end of which the engine has the state alone: it was started again since, or has pushed the events out."""
        lines = [note('state', time=incident.time, exit_code=incident.code or '?', oom_killed=incident.from_state)]
        lines.append(note('events_forgotten'))
        memory = self.ends.memory(incident)
        if incident.from_state and memory.state != answers.SHOWN:
            # It says that any process of the container was killed so, at any time (measured: with exit code 3)
            state = answers.SHOWN if incident.code == '137' else answers.EXCLUDED
            memory = answers.Answer('oom', state, (), (note('oom_killed'),))
        # By which request it ended, if by any, nothing tells
        request = happening.Event(incident.time, 'kill', '', incident.id, incident.name, {})
        claims, remarks, _by_environment = self.commands.fitting(incident._replace(requests=(request,), stopped=True))
        who = [claim.execution.entry for claim in claims]
        command = answers.not_known('cli', who=who, evidence=[commands.fits(claim) for claim in claims] + remarks)
        down = self.engine_ends.of_state(incident, len(self._together(incident)))
        if who:
            down, memory = _undecided(down), _undecided(memory)
        return conclusions.conclude(
            incident, [memory, down, command, answers.not_known('api'), answers.not_known('self_exit')], lines
        )

    def _together(self, incident: Incident) -> list[Incident]:
        """Those of which the state alone is known and that ended within the same seconds."""
        return [
            other
            for other in self.incidents
            if other.from_state is not None and abs(other.time - incident.time) <= _SHUTDOWN_TAKES
        ]

    def _not_obeyed(self, incident: Incident) -> dict[str, Any]:
        """A container that was asked to end, and did not end as that request makes it end."""
        killed = self._named_by_kernel(incident)
        if killed:
            lines = [*conclusions.seen(incident), note('signal_but_later_end')]
            return conclusions.conclude(incident, killed, lines)
        return self._asked(incident) if incident.is_due() else self._later_end(incident)

    def _later_end(self, incident: Incident) -> dict[str, Any]:
        """A container that was asked for a signal, and ended later or otherwise."""
        lines = conclusions.seen(incident) + [note('signal_but_later_end')]
        claims, remarks, _by_environment = self.commands.fitting(incident)
        lines += [note('command_sent_signal', **commands.who_did(claim.execution.entry)) for claim in claims] + remarks
        return conclusions.conclude(incident, [answers.not_known('self_exit'), answers.not_known('api')], lines)

    def _asked(self, incident: Incident) -> dict[str, Any]:
        """The engine was asked, by somebody or by itself."""
        seen_then = self.looks.of(incident)
        recent = self.clients.meanwhile(incident.asked - happening.STARTUP, incident.asked)
        command, by_environment = self._commands(incident, seen_then, bool(recent.entries))
        attached, down, itself = self.attached.ask(incident), self.engine_ends.ask(incident), self._itself(incident)
        is_of_several = incident.of_several() and down.state == answers.EXCLUDED
        command = _undecided(command) if is_of_several else command
        down = _undecided(down) if command.who else down
        if command.state == answers.SHOWN:
            if engine.is_auto_removal(incident):
                command, itself = self._command_or_engine(incident, command, itself)
            attached = attached._replace(state=answers.NOT_KNOWN) if attached.who else attached
        elif engine.is_auto_removal(incident):
            itself = self._auto_removal(incident, itself)
        api = (
            self.looks.ask(incident, seen_then, command)
            if seen_then
            else askers.ask_clients(incident, self.clients, self.sources, self._engine_since(incident), command)
        )
        attached = _undecided(attached) if recent.entries else attached
        command = self._after_a_kill(incident, command)
        if down.state == answers.SHOWN and engine.several(down):
            # Of all containers and the engine in the same second; but who is not logged can do that, too
            is_unlogged = any(line['code'] != 'users_not_watched' or line['users'] for line in command.missing)
            command = command if is_unlogged else answers.excluded('cli')
        if down.state == answers.SHOWN:
            api, down = self._beside_the_end(incident, api, down)
        elif api.state == answers.SHOWN and (
            attached.who
            or down.evidence
            or itself.state != answers.EXCLUDED
            or self._can_be(command, by_environment, bool(seen_then))
        ):
            api = api._replace(state=answers.NOT_KNOWN)
        found = [command, attached, api, down, itself, by_environment, *self._otherwise(incident)]
        lines = self._lines(incident)
        if is_of_several:
            found, lines = list(map(_undecided, found)), [*lines, note('several_asked')]
        return conclusions.conclude(incident, found, lines)

    def _commands(
        self, incident: Incident, seen_then: Sequence[looks.Seen], have_connected: bool
    ) -> tuple[Answer, Answer]:
        """The answer on docker commands, and that on those which can mean the container by their environment."""
        are_others = bool(self.clients.others(incident.asked).entries) or self.looks.have_others(seen_then)
        command, by_environment = self.commands.ask(incident, have_connected, are_others)
        command = self.looks.confirm(incident, seen_then, command)
        if are_others and command.state == answers.SHOWN:
            command = command._replace(missing=command.missing + command.beside)
        by_environment = self.looks.confirm(incident, seen_then, by_environment)
        # A client that has just come is more likely to have asked
        return command, by_environment._replace(beside=()) if have_connected else by_environment

    def _itself(self, incident: Incident) -> Answer:
        last = self._engine_since(incident)
        answer = engine.ask_itself(incident, self.engine_ends.ended_unnoted(incident, last))
        if answer.state != answers.EXCLUDED:
            return answer
        if incident.what == 'removed' and incident.died is None:
            is_known = self.sources.events_known(incident.time - happening.STARTUP, incident.time)
            return answer if is_known else answers.not_known('engine', note('events_forgotten'))
        made = self._made_with_rm(incident) if incident.what == 'removed' else None
        if made:
            # It removes what it stored first, which takes as long as it takes
            return answers.not_known('engine', evidence=[made])
        if engine.is_at_start(incident, last):
            return answers.not_known('engine', evidence=[note('engine_started_then', time=last)])
        return answer

    def _lines(self, incident: Incident) -> list[answers.Evidence]:
        lines = conclusions.seen(incident)
        if incident.what == 'held':
            known = self.sources.events_known(incident.died or 0, incident.time)
            lines.append(note('had_ended_by_itself', time=incident.died) if known else note('events_forgotten'))
        return lines

    def _otherwise(self, incident: Incident) -> list[Answer]:
        """How a container that was asked to end can have ended without that."""
        if incident.obeyed() or incident.what != 'died':
            return [*self._named_by_kernel(incident), *askers.ended_inside(incident)]
        return [answers.not_known('self_exit', note('signal_but_later_end'))]

    def _named_by_kernel(self, incident: Incident) -> list[Answer]:
        """What the kernel says of the end of a container that was asked to end, where no stop says that it did."""
        if incident.what != 'died' or (incident.stopped and not incident.is_killed_unasked()):
            return []
        return [
            answer
            for answer in (self.ends.memory(incident), self.ends.signal(incident))
            # runc kills for the engine, too
            if answer.state == answers.SHOWN and answer.cause != 'containerd' and ends.is_named_by_kernel(answer)
        ]

    def _command_or_engine(self, incident: Incident, command: Answer, itself: Answer) -> tuple[Answer, Answer]:
        """Who removed a container right after its end: a command that ended it, or came after, or the engine (--rm)."""
        _cause, who = self._ended_by.get((incident.id, incident.died), ('', []))
        is_same = [conclusions.key(entry) for entry in command.who] == who
        if self._made_with_rm(incident) and not is_same:
            # Refused, if the engine had begun
            return command._replace(state=answers.NOT_KNOWN), itself
        if is_same or asking.moment(command.who[0])[0] >= (incident.died or 0):
            return command, answers.excluded('engine')
        return command._replace(state=answers.NOT_KNOWN), itself

    def _can_be(self, command: Answer, by_environment: Answer, is_seen: bool) -> bool:
        """Whether a docker command can have asked: beside a look, only one that is known."""
        return (
            bool(by_environment.beside)
            or command.state != answers.EXCLUDED
            and (not is_seen or bool(command.who or command.evidence))
        )

    def _auto_removal(self, incident: Incident, itself: Answer) -> Answer:
        ended_by, _who = self._ended_by.get((incident.id, incident.died), ('', []))
        if ended_by == 'api':
            # Whoever ended it by the API removed it, or knew that it would be removed
            return answers.excluded('engine')
        missing = (note('end_not_explained'),) if ended_by == 'not_known' else ()
        made = self._made_with_rm(incident)
        if not made:
            return itself._replace(missing=missing)
        return itself._replace(state=answers.SHOWN, missing=missing, evidence=(*itself.evidence, made))

    def _after_a_kill(self, incident: Incident, command: Answer) -> Answer:
        """A command that removed what somebody else had killed: that one may have removed it by force, which kills
        first and can take its time ("removal of container is already in progress")."""
        cause, who = self._ended_by.get((incident.id, incident.died), ('', []))
        if incident.what != 'removed' or command.state != answers.SHOWN or cause != 'api':
            return command
        if incident.time - (incident.died or 0) > 2 * happening.STARTUP or conclusions.key(command.who[0]) in who:
            return command
        return command._replace(missing=(*command.missing, note('killed_before', time=incident.died)))

    def _made_with_rm(self, incident: Incident) -> answers.Evidence | None:
        """The docker run --rm that made it, if one is logged."""
        made = [
            one
            for one in self._made.get(incident.name, ())
            if incident.created is not None and one.time <= incident.created <= one.time + asking.PROMPT
        ]
        return note('made_with_rm', **commands.who_did(made[-1].entry)) if made else None

    def _beside_the_end(self, incident: Incident, api: Answer, down: Answer) -> tuple[Answer, Answer]:
        """Nobody asks for all containers in the same moment and for the engine, too; for one, somebody can have."""
        others = self.clients.others(incident.asked)
        recent = others.entries and incident.asked - asking.moment(others.entries[0])[0] <= happening.STARTUP
        if recent and not engine.several(down):
            return api._replace(cause='not_known', state=answers.NOT_KNOWN), down._replace(state=answers.NOT_KNOWN)
        if others.entries:
            return answers.not_known('api'), down
        if any(line['code'] == 'client_then' and line['new'] for line in api.evidence):
            return api._replace(cause='not_known', state=answers.NOT_KNOWN), down
        if engine.several(down):
            return answers.excluded('api'), down
        return api._replace(state=answers.NOT_KNOWN if api.missing else answers.EXCLUDED), down

    def _engine_since(self, incident: Incident) -> float | None:
        before = [time for time in self._breaks if time <= incident.asked]
        return before[-1] if before else None


def _undecided(answer: Answer) -> Answer:
    return answer._replace(state=answers.NOT_KNOWN) if answer.state == answers.SHOWN else answer


def _forgotten(known: Iterable[Incident], states: Iterable[State]) -> list[Incident]:
    """The ends of which no event is known."""
    ended: dict[str, list[float]] = {}
    for incident in known:
        if incident.what == 'died':
            ended.setdefault(incident.id, []).append(incident.time)
    return [
        happening.of_state(state.id, state.name, state.finished, state.exit_code, state.oom_killed, state.labels)
        for state in states
        if state.finished is not None
        and not state.is_running
        and not any(abs(time - state.finished) <= _SAME_END for time in ended.get(state.id, ()))
    ]
