# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypotheses about indirect causes: a docker attached to the container, a program that docker exec started inside it, a
client of the engine's API.

Sources: which signals a foreground docker hands on is cli/command/container/signals.go of docker/cli; it sends them by
the request that docker kill uses, so that no `stop` event follows (measured: kill 2, die). Compose stops
(pkg/compose/up.go).
"""

from __future__ import annotations

import re
from typing import Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers, world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Answer, Evidence, note
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import (
    SHOWN_OTHERS,
    Clients,
    Execution,
    is_docker,
    moment,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import compose
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.commands import (
    between,
    not_logged,
    who_did,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    STARTUP,
    Event,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources, covers

# A new container for docker run can have to be pulled first
_PULL = 600 * 1000
# What was started inside has had its effect by then
_EFFECT = 5 * 1000
# But it can have been told to end when its work is done
_LATER_EFFECT = 60 * 1000
_LATER = re.compile('kill|stop|quit|exit|term|halt|shutdown|reboot', re.I)
# A program whose only work is to end others. A shell that still runs can have been told to.
_ENDING = re.compile(r'(?:^|[\s/;&|"\'])(?:kill|pkill|killall|killall5|reboot|shutdown|poweroff|halt)(?=[\s;&|"\']|$)')

# A signal that ends no program by itself, or makes it read its configuration again
_HARMLESS = re.compile(
    r'kill\s+(?:-s\s*|-n\s*|--signal[= ]|-)(?:SIG)?(?:0|1|10|12|17|18|23|28|HUP|USR[12]|CHLD|CONT|WINCH)\b', re.I
)


class Attached:
    """The executions of docker that stay, by the container that they are attached to."""

    def __init__(self, ran: Sequence[Execution], clients: Clients, known: world.World, sources: Sources) -> None:
        self._clients, self._world, self._sources = clients, known, sources
        self._named: dict[str, list[Execution]] = {}
        self._unnamed: list[Execution] = []
        # Those that mean the same, by what they mean it by
        self._compose: dict[tuple[object, ...], list[Execution]] = {}
        for one in ran:
            command = one.command
            if not command.attached or one.carries_requests or clients.is_elsewhere(one):
                continue
            if (command.subcommand or '').startswith('compose'):
                by = (command.project, command.files, command.project_directory, command.targets, one.entry.get('cwd'))
                self._compose.setdefault(by, []).append(one)
            elif command.attached_to:
                self._named.setdefault(command.attached_to, []).append(one)
            else:
                self._unnamed.append(one)

    def to(self, incident: Incident, runs_inside: bool = False) -> list[Execution]:
        """Those that are, or can be, attached to the container of an incident since its start; or that run something
        inside (exec)."""
        found = []
        for target in {incident.old_name, incident.id} | {incident.id[:length] for length in range(1, 64)}:
            for one in self._named.get(target, ()):
                if (one.command.subcommand or '').rpartition(' ')[2] == 'exec':
                    fits = runs_inside and one.time <= incident.time
                else:
                    fits = not runs_inside and one.time <= incident.asked
                # What was attached to an earlier run ended with it
                fits = fits and one.time >= (incident.ended_before or 0)
                if fits and self._world.resolves(target, incident, one.time) and self._did_connect(one):
                    found.append(one)
        if not runs_inside and incident.created is not None:
            found += between(self._unnamed, incident.created - _PULL, incident.created)[-SHOWN_OTHERS:]
        if not runs_inside and world.PROJECT in incident.attributes:
            for same in self._compose.values():
                if compose.may_be_attached(same[0], incident, self._world):
                    found += between(same, 0, incident.asked)[-SHOWN_OTHERS:]
        return sorted(found, key=lambda one: one[:2])

    def _did_connect(self, one: Execution) -> bool:
        return bool(self._clients.of(one)) or not self._sources.connects_logged(one.time, one.time + STARTUP)

    def ask(self, incident: Incident) -> Answer:
        """A signal that a docker in the foreground handed on, or the stop of a Compose in the foreground."""
        found = []
        for one in self.to(incident):
            if incident.what != 'died' and not one.command.watches:
                continue
            is_compose = (one.command.subcommand or '').startswith('compose')
            # No signal can be handed on that nobody can catch
            if (
                is_compose
                or not incident.stopped
                and any(request.attributes.get('signal') != '9' for request in incident.requests)
            ):
                found.append(one)
        if not found:
            return answers.excluded('cli')
        lines = [note('attached', **who_did(one.entry)) for one in found]
        who = [one.entry for one in found]
        # Nobody else is likely to send what Ctrl-C does
        interrupted = any(request.attributes.get('signal') == '2' for request in incident.requests)
        state = answers.SHOWN if len(found) == 1 and interrupted and not incident.stopped else answers.NOT_KNOWN
        return Answer('cli', state, tuple(who), tuple(lines), remains=len(found) == 1, is_inferred=True)


def ask_exec(incident: Incident, attached: Attached, clients: Clients, sources: Sources, since: float | None) -> Answer:
    """A program that was started inside from outside, as docker exec does, and that can have ended the first one."""
    if not covers(sources.execs, incident.started or incident.time, incident.time):
        return _unknown_exec(incident, attached, clients, sources, since)
    left = [
        (one, end)
        for one, end in incident.execs
        if (end is None or end >= incident.time - _effect(one)) and not _is_probe(one, incident)
    ]
    started = [one for one, _end in left]
    if not started:
        return answers.excluded('cli')
    found = []
    for one in attached.to(incident, runs_inside=True):
        if any(one.time - names.CLOCK_LAG <= begun.time <= one.time + STARTUP for begun in started):
            found.append(one)
    lines = [note('exec_started', time=one.time, command=one.detail) for one in started]
    lines += [note('exec_by', **who_did(one.entry)) for one in found]
    who = [one.entry for one in found]
    is_near = any(end is None or end >= incident.time - _EFFECT for _one, end in left)
    if len(found) == 1 and len(started) == 1 and is_near and _is_ending(started[0].detail):
        return answers.shown('cli', *lines, who=who)
    others = clients.others(incident.asked) if not found else None
    return Answer(
        'cli' if found else 'api',
        answers.NOT_KNOWN,
        tuple(who) + (others.entries if others else ()),
        tuple(lines),
        more=others.more if others else 0,
    )


def ended_inside(incident: Incident) -> list[Answer]:
    """A program that was started inside after a request that the first one may have survived, and that ends others."""
    started = [one for one, _end in incident.execs if incident.asked <= one.time and _is_ending(one.detail)]
    lines = [note('exec_started', time=one.time, command=one.detail) for one in started]
    return [answers.not_known('cli', evidence=lines)] if started and not incident.stopped else []


def _unknown_exec(
    incident: Incident, attached: Attached, clients: Clients, sources: Sources, since: float | None
) -> Answer:
    """Where no event tells of programs that were started inside: whoever can have started one."""
    found = attached.to(incident, runs_inside=True)
    others = clients.others(incident.asked)
    started = since if since is not None else float('-inf')
    if (
        not found
        and not others.entries
        and sources.connects_logged(started, incident.time)
        and not sources.hiding(incident.time)
    ):
        return answers.excluded('cli')
    lines = [note('execs_not_kept')] + [note('exec_by', **who_did(one.entry)) for one in found]
    who = tuple(one.entry for one in found) + others.entries
    return Answer('not_known', answers.NOT_KNOWN, who, tuple(lines), more=others.more)


def _is_ending(text: str) -> bool:
    return bool(_ENDING.search(text)) and not _HARMLESS.search(text)


def _effect(one: Event) -> int:
    return _LATER_EFFECT if _LATER.search(one.detail) else _EFFECT


def _is_probe(one: Event, incident: Incident) -> bool:
    """Whether it is a health check: the engine starts the same program again and again."""
    return sum(other.detail == one.detail for other, _end in incident.execs) > 2


def ask_clients(
    incident: Incident, clients: Clients, sources: Sources, since: float | None, commands: Answer
) -> Answer:
    """A client of the engine's API. since is when the engine started, commands what is known of docker commands."""
    others = clients.others(incident.asked)
    if commands.state == answers.SHOWN:
        return _beside(incident, clients, sources, commands)
    missing = _connects_not_logged(incident, sources, since if since is not None else float('-inf'))
    lost = [note('records_lost', count=sources.lost)] if sources.lost_at(incident.asked) else []
    if not others.entries:
        return answers.not_known('api', *missing, *lost) if missing or lost else answers.excluded('api')
    lines = [note('connected', **who_did(entry)) for entry in others.entries]
    if incident.unhealthy is not None and incident.asked - incident.unhealthy <= 6 * STARTUP:
        lines.insert(0, note('unhealthy', time=incident.unhealthy))
    dockers = any(is_docker(entry) for entry in others.entries)
    logged = sources.commands_partly(incident.asked - STARTUP, incident.asked)
    period = (incident.asked - STARTUP, incident.asked)
    is_hidden = sources.unread(*period) is not None or sources.came_twice(*period) is not None
    if commands.who or not logged or dockers or is_hidden:
        if any(is_docker(entry) and not entry.get('argv') for entry in others.entries):
            missing.append(note('docker_not_logged'))
        elif not logged:
            missing.append(not_logged(sources, incident.asked))
        cause = 'not_known'
    else:
        cause = 'api'
    sure = cause == 'api' and len(others.entries) == 1 and not others.more and not missing
    state = answers.SHOWN if sure else answers.NOT_KNOWN
    if sure:
        # A connect tells who talked to the engine, not what was asked, and the rule sees none over TCP
        doubts = (note('connects_tell_no_question'), *lost)
        return Answer(cause, state, others.entries, tuple(lines), doubts, sure=True)
    return Answer(
        cause, state, others.entries, tuple(lines), tuple(missing), others.more, cause == 'api' and not missing
    )


def _connects_not_logged(incident: Incident, sources: Sources, start: float) -> list[Evidence]:
    """Why others can have connected unseen since the engine started."""
    missing: list[Evidence] = []
    if not sources.connects_logged(incident.asked - STARTUP, incident.asked):
        missing.append(note('connects_not_logged'))
    elif not sources.connects_logged(start, incident.asked):
        missing.append(note('connects_logged_later'))
    return missing + _elsewhere(sources) + sources.hiding(incident.asked)


def _elsewhere(sources: Sources) -> list[Evidence]:
    return [note('listeners_not_watched', listeners=list(sources.unlogged))] if sources.unlogged else []


def _beside(incident: Incident, clients: Clients, sources: Sources, commands: Answer) -> Answer:
    """Whether a client can have asked where a command fits: one that connected since that command started."""
    start = moment(commands.who[0])[0]
    if not sources.connects_logged(start, incident.asked):
        return answers.not_known('api', note('connects_not_logged'))
    hiding = [*_elsewhere(sources), *sources.hiding(incident.asked)]
    if hiding:
        return answers.not_known('api', *hiding)
    if sources.lost:
        return answers.not_known('api', note('records_lost', count=sources.lost))
    meanwhile = clients.meanwhile(start, incident.asked)
    if not meanwhile.entries and incident.asked - start <= 2 * STARTUP:
        return answers.excluded('api')
    if meanwhile.entries:
        count = len(meanwhile.entries) + meanwhile.more
        lines: tuple[Evidence, ...] = (note('connected_meanwhile', count=count),)
        lines += tuple(note('connected', **who_did(entry)) for entry in meanwhile.entries)
        return answers.not_known('api', evidence=lines)
    return answers.not_known('api') if clients.others(incident.asked).entries else answers.excluded('api')
