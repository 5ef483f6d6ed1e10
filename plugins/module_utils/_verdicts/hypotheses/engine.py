# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypotheses about the engine: it removed a container that was run with --rm, its swarm agent ended a task, or it went
down and ended its containers.

Sources: moby's daemon/monitor.go (autoRemove), daemon/cluster/executor/container, daemon/daemon.go (Shutdown).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers, reasons, world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Answer, note
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    SOON,
    STARTUP,
    Event,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources, covers

_SHUTDOWN = 60 * 1000
# From the end of its last container to the end of an engine. Measured: 1 s with 20.10, and 5.0 s with 26.1 and 28.5,
# which give an open event stream that long
_LEAVES = 10 * 1000
# What an engine notes without being asked, once it is there again
_AT_START = ('start', 'die', 'destroy', 'health_status', 'kill', 'stop')
# How long the engine can take for what it began: a grace period has no bound, and neither has a removal
_AT_MOST = 3600 * 1000


def ask_itself(incident: Incident, ended: float | None = None) -> Answer:
    """The engine itself as asker: --rm, and the agent of a swarm, which replaces, moves and removes tasks. ended is
    when an earlier engine ended, for a container that the next one can have removed at its start."""
    if world.SWARM_SERVICE in incident.attributes and incident.what != 'renamed':
        line = note('swarm_task', service=incident.attributes[world.SWARM_SERVICE])
    elif is_auto_removal(incident):
        after = round(incident.time - (incident.died or incident.time))
        line = note('removed_with_its_end', milliseconds=after)
    elif ended is not None:
        line = note('removed_at_start', time=ended)
    else:
        return answers.excluded('engine')
    return answers.not_known('engine', evidence=[line])._replace(remains=True)


def is_auto_removal(incident: Incident) -> bool:
    """Whether the engine can have removed it by itself, as it does with --rm (measured: 4 to 8 ms after its end)."""
    return incident.what == 'removed' and incident.died is not None and incident.time - incident.died <= SOON


def is_at_start(incident: Incident, last: float | None) -> bool:
    """Whether it was asked to end right after an engine had started: that stops what outlived a crash of the engine
    before (daemon/daemon.go restore), unless it has live-restore."""
    if last is None or incident.what != 'died' or not incident.requests:
        return False
    return incident.asked - last <= STARTUP and (incident.started is None or incident.started < last)


class _End(NamedTuple):
    """An end of an engine: when, whether containers ran on, its last start of one, its last death, and when those that
    died had been asked to, in order."""

    time: float
    runs_on: bool
    last_start: float
    last_death: float
    asked: list[float]


class EngineEnds:
    """The ends of the engine."""

    def __init__(
        self, happened: Sequence[Event], ends: Sequence[float], sources: Sources, why: Sequence[reasons.Reason]
    ) -> None:
        """why are reasons for which it can have gone down."""
        self._happened, self._times, self._sources = happened, sorted(ends), sources
        self._moments = [one.time for one in happened]
        self._known: dict[float, _End] = {}
        self._reasons = why

    def ask(self, incident: Incident) -> Answer:
        """The engine went down and ended it."""
        if incident.what not in ('died',):
            return answers.excluded('engine_shutdown')
        position = bisect_left(self._times, incident.time)
        time = self._times[position] if position < len(self._times) else None
        if time is None or time > incident.asked + _SHUTDOWN:
            slow = self._slowly(incident, time)
            if slow:
                return answers.not_known('engine_shutdown', evidence=slow)
            if covers(self._sources.ends, incident.asked, incident.time):
                return answers.excluded('engine_shutdown')
            return answers.not_known('engine_shutdown', note('engine_end_not_known'))
        end = self._end(time)
        containers, after = _together(end.asked, incident.asked)
        is_cut_off = not incident.stopped and self._is_cut_off(incident, time)
        if (
            not (incident.stopped or is_cut_off)
            or end.runs_on
            or after > STARTUP
            or end.last_start > incident.asked
            or time - end.last_death > _LEAVES
        ):
            since = self._times[position - 1] if position else float('-inf')
            if incident.stopped and not self._sources.events_known(since, time):
                # What ended in the gap seems to run on
                return answers.not_known('engine_shutdown', evidence=[note('events_forgotten')])
            slow = self._slowly(incident, time)
            return answers.not_known('engine_shutdown', evidence=slow) if slow else answers.excluded('engine_shutdown')
        seconds = round((time - incident.asked) / 1000, 1)
        lines = (note('engine_went_down', containers=containers, seconds=seconds), *self.why(time))
        # A busy engine can take its time between two; so can whoever stops one after the other
        if after:
            return answers.not_known('engine_shutdown', evidence=lines)
        if is_cut_off and containers == 1:
            # A client can have sent that one signal, and not have asked for a stop
            return answers.not_known('engine_shutdown', evidence=lines)._replace(remains=True)
        return answers.shown('engine_shutdown', *lines)

    def _is_cut_off(self, incident: Incident, end: float) -> bool:
        """Whether its stop came when nobody was told any more: an engine that goes down ends its answers, and 20.10
        notes a stop only after the end of the container."""
        last = self._happened[bisect_right(self._moments, end) - 1]
        return incident.obeyed() and last.time <= incident.time + SOON

    def _slowly(self, incident: Incident, time: float | None) -> list[answers.Evidence]:
        """What says that the engine, which ended later, can have been going down already: it asks all containers in the
        same moment, gives each its own time, and starts none any more."""
        if time is None or time > incident.asked + _AT_MOST:
            return []
        first, last = incident.asked - SOON / 10, incident.asked + SOON / 10
        near = self._happened[bisect_left(self._moments, first) : bisect_right(self._moments, min(last, time))]
        together = {one.id for one in near if one.action == 'kill'}
        if len(together) < 2 or self._end(time).last_start >= first:
            return []
        seconds = round((time - incident.asked) / 1000, 1)
        return [note('engine_went_down', containers=len(together), seconds=seconds)]

    def of_state(self, incident: Incident, together: int) -> Answer:
        """The same of an end of which the state alone is known. together: how many ended within the same seconds."""
        position = bisect_left(self._times, incident.time)
        time = self._times[position] if position < len(self._times) else None
        if time is None or time > incident.time + 2 * _LEAVES:
            return answers.not_known('engine_shutdown', note('engine_end_not_known'))
        seconds = round((time - incident.time) / 1000, 1)
        line = note('engine_end_after', containers=together, seconds=seconds)
        if together < 2:
            return answers.not_known('engine_shutdown', evidence=[line, *self.why(time)])
        return answers.shown('engine_shutdown', line, *self.why(time))

    def ended_unnoted(self, incident: Incident, last: float | None) -> float | None:
        """When the engine ended, for a container of which no end is noted and that was removed before the next engine
        was asked for anything: at its start, an engine removes what was run with --rm (daemon/daemon.go restore).

        last is the last end or start of an engine before the removal."""
        if last is None or incident.what != 'removed' or (incident.created or 0) > last:
            return None
        if incident.died is not None and not last - _SHUTDOWN <= incident.died <= last:
            return None  # it had ended, and was left there
        noted = self._happened[bisect_right(self._moments, last) : bisect_left(self._moments, incident.time)]
        return last if all(one.action in _AT_START for one in noted) else None

    def why(self, time: float) -> list[answers.Evidence]:
        """Why the engine went down, where the host tells it."""
        return reasons.why(self._reasons, time, self._times)

    def _end(self, time: float) -> _End:
        if time not in self._known:
            running: set[str] = set()
            last_start = last_death = 0.0
            stopping: dict[str, float] = {}
            asked = []
            before = bisect_right(self._times, time) - 2
            # No container is known to run from before an earlier end of the engine on
            first = bisect_right(self._moments, self._times[before]) if before >= 0 else 0
            for one in self._happened[first : bisect_right(self._moments, time)]:
                if one.action in ('start', 'create'):
                    last_start = one.time
                    running |= {one.id} if one.action == 'start' else set()
                elif one.action == 'kill' and one.attributes.get('signal') != '9':
                    stopping[one.id] = one.time
                elif one.action in ('die', 'destroy'):
                    running.discard(one.id)
                    if one.action == 'die':
                        last_death = one.time
                        asked.append(stopping.pop(one.id, one.time))
            self._known[time] = _End(time, bool(running), last_start, last_death, sorted(asked))
        return self._known[time]


def _together(asked: Sequence[float], time: float) -> tuple[int, float]:
    """How many were asked in the same moment, as the engine does when it goes down, and how long after that the next
    one was, 0 for none."""
    first = last = bisect_left(asked, time - SOON)
    while last < len(asked) and asked[last] <= (asked[last - 1] if last > first else time) + SOON:
        last += 1
    return last - first, asked[last] - asked[last - 1] if 0 < last < len(asked) else 0


def several(answer: Answer) -> bool:
    """Whether more than one container ended with the engine."""
    return any(line['code'] == 'engine_went_down' and line['containers'] > 1 for line in answer.evidence)
