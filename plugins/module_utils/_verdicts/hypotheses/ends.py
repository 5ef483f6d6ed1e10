# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypotheses about an end that nobody requested from the engine: its own exit, lack of memory, a signal from the host.

Sources: the shim hands on 128 + N for an end by signal N (containerd/go-runc monitor.go), and a shell ends with the
code of its last command; of all signals from outside, SIGKILL alone ends the first process of a pid namespace that has
not asked for it (kernel/signal.c sig_task_ignored(), SIGNAL_UNKILLABLE); the kernel names whom it killed for want of
memory (mm/oom_kill.c dump_header, mem_cgroup_print_oom_context).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Iterable, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import First
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import (
    Answer,
    Entry,
    Evidence,
    note,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import moment
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.commands import who_did
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    OOM_SOON,
    SOON,
    STARTUP,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources, covers

_NAMED = ('oom_of_limit', 'oom_of_group', 'oom_of_host', 'signal_sent', 'signal_to_shim')
_KILLED = 'killed_outside_engine'
_OF_ENGINE = ('runc', 'crun', 'dockerd', 'containerd-shim-runc-v2')
_OBEYS = 60 * 1000  # what a container takes at most, nearly ever, to end after it was asked to


class OomKill(NamedTuple):
    """A line of the kernel: when it killed which process of which container for want of memory, and of whose."""

    time: float
    id: str
    #: Whether a limit was hit, or the host had no more.
    limit: bool
    task: str
    pid: int
    #: Whether the limit was that of the container, not of a group of several.
    own: bool = True
    #: How many other processes it had then, None where that is not known.
    others: int | None = None
    #: How wrong its time can be, in milliseconds.
    drift: float = 0

    @property
    def code(self) -> str:
        return 'oom_of_host' if not self.limit else 'oom_of_limit' if self.own else 'oom_of_group'


class Ends:
    """What is known of ends that nobody asked the engine for."""

    def __init__(
        self,
        sources: Sources,
        oom_kills: Sequence[OomKill],
        signals: Sequence[Entry],
        firsts: Iterable[First],
    ) -> None:
        """signals are SIGKILLs as audit fields with opid, firsts the first processes of containers in order."""
        self._sources = sources
        self._firsts: dict[str, list[First]] = {}
        for first in firsts:
            self._firsts.setdefault(first.id, []).append(first)
        self._kills: dict[str, list[OomKill]] = {}
        for kill in oom_kills:
            self._kills.setdefault(kill.id, []).append(kill)
        self._signals = sorted(((moment(entry)[0], index) for index, entry in enumerate(signals)), key=lambda one: one)
        self._entries = signals

    def are_known(self, incident: Incident) -> bool:
        """Whether a request to the engine would be known: it leads to an end within a minute."""
        return self._sources.events_known(max(incident.time - _OBEYS, incident.started or 0), incident.time)

    def memory(self, incident: Incident) -> Answer:
        kills = [
            kill
            for kill in self._kills.get(incident.id, ())
            if -SOON - kill.drift <= incident.time - kill.time <= OOM_SOON + kill.drift
        ]
        lines: list[Evidence] = [note(kill.code, time=kill.time, task=kill.task, pid=kill.pid) for kill in kills]
        noted = [one for one in incident.ooms if abs(incident.time - one.time) <= OOM_SOON]
        first = self._first(incident)
        if kills and incident.code == '137':
            if first is not None and not any(kill.pid == first.pid for kill in kills):
                return answers.not_known('oom', evidence=lines + [note('oom_other_victim')])
            if first is None and all(kill.others for kill in kills):
                # A shell hands on the code of its child
                lines.append(note('oom_one_of_several', count=max(kill.others or 0 for kill in kills) + 1))
                return answers.shown('oom', *lines)._replace(is_inferred=True)
            near = any(-SOON <= incident.time - kill.time <= OOM_SOON for kill in kills)
            # Which of its processes is the first one can be not known
            is_it = first is not None or any(kill.others == 0 for kill in kills)
            return answers.shown('oom', *lines)._replace(is_inferred=not (near and is_it))
        if noted and incident.code == '137':
            return answers.shown('oom', note('oom_noted'))
        if kills and incident.code:
            # A first process that is killed ends with 137
            return answers.excluded('oom')._replace(evidence=(*lines, note('oom_other_victim')))
        if kills or incident.ooms:
            return answers.not_known('oom', evidence=lines + [note('oom_but_other_end')])
        # The missing event excludes nothing: engine 20.10 noted none on cgroup 2 (measured)
        if incident.code not in ('137', '') or covers(self._sources.kernel, incident.time - OOM_SOON, incident.time):
            return answers.excluded('oom')
        return answers.not_known('oom', note('kernel_log_not_read'))

    def signal(self, incident: Incident) -> Answer:
        """A signal from outside the engine: by a process of the host, or by a client of containerd."""
        logged = covers(self._sources.signals, incident.time - SOON, incident.time)
        first = self._first(incident)
        hits = self._hits(incident, first) if first is not None and incident.code in ('137', '255', '') else []
        if first is not None and hits:
            return self._killed(hits, first, logged, incident.time)
        if not logged:
            return answers.not_known(_KILLED, note('signals_not_logged'))
        # runc kills for the engine, and for any client of containerd: of other containers, too
        near = [
            entry
            for entry in self._near(incident, 2 * SOON)
            if not _is_of_engine(entry) and entry.get('success') is not False
        ]
        # Each sender once, by the last one
        near = list({(entry.get('pid'), entry.get('exe')): entry for entry in near}.values())
        if not near or first is not None or incident.code not in ('137', ''):
            # A program can handle the others, and end with any code
            return answers.not_known(_KILLED, note('only_kill_is_logged'))
        lines = [note('signal_near', opid=entry.get('opid'), **who_did(entry)) for entry in near]
        return answers.not_known(_KILLED, who=near, evidence=lines)

    def _killed(self, hits: Sequence[Entry], first: First, logged: bool, time: float) -> Answer:
        """The answer where the first process of the container, or its shim, was sent a SIGKILL."""
        lines = []
        inside = [entry for entry in hits if entry.get('opid') == first.pid and not entry.get('of_host')]
        for entry in inside:
            lines.append(note('signal_maybe_inside', opid=entry.get('opid'), **who_did(entry)))
        hits = [entry for entry in hits if entry not in inside]
        if not hits:
            # To the first process of its own pid namespace it does nothing, and is logged all the same
            return answers.not_known(_KILLED, who=inside, evidence=lines)
        for entry in hits:
            values = {'opid': entry.get('opid'), **who_did(entry)}
            is_first = entry.get('opid') == first.pid
            lines.append(note('signal_sent', **values) if is_first else note('signal_to_shim', **values))
        killers = {entry.get('pid'): entry for entry in hits if not _is_of_engine(entry)}
        if _is_of_engine(hits[0]) and (killers or hits[0].get('ppid') != first.shim):
            return answers.not_known(_KILLED, who=hits, evidence=lines)
        if not killers:
            # Nobody asked the engine, whose kills are noted: what is left are other clients of containerd
            return Answer('containerd', answers.SHOWN, (), tuple(lines), is_inferred=True)
        if len(killers) > 1:
            return Answer(_KILLED, answers.NOT_KNOWN, tuple(killers.values()), tuple(lines), sure=True)
        missing = [] if logged else [note('signals_not_logged')]
        missing += self._sources.hiding(time)
        if self._sources.lost_at(time) != 0:
            missing.append(note('records_lost', count=self._sources.lost))
        return Answer(_KILLED, answers.SHOWN, tuple(killers.values()), tuple(lines), tuple(missing))

    def _first(self, incident: Incident) -> First | None:
        """The first process of the run that ended, as the witness noted it."""
        since = float('-inf') if incident.started is None else incident.started - SOON
        found = [
            one
            for one in self._firsts.get(incident.id, ())
            if since <= one.time <= incident.time + SOON and one.start is not None and one.start <= incident.time
        ]
        return found[-1] if found else None

    def _hits(self, incident: Incident, first: First) -> list[Entry]:
        """The SIGKILLs that its first process, or the shim that keeps it, was sent while it ran."""
        since = max(incident.time - STARTUP, first.time if incident.started is None else incident.started)
        return [
            entry
            for entry in self._near(incident, incident.time - since)
            if entry.get('success') is True and entry.get('opid') in (first.pid, first.shim or first.pid)
        ]

    def _near(self, incident: Incident, before: float) -> list[Entry]:
        begin = bisect_left(self._signals, (incident.time - before, 0))
        found = []
        for time, index in self._signals[begin:]:
            if time > incident.time:
                break
            found.append(self._entries[index])
        return found

    def own_exit(self, incident: Incident, others: Sequence[Answer]) -> Answer:
        """Its program ended: what is left where nobody else can have ended it."""
        missing: tuple[Evidence, ...] = ()
        if not self._sources.events_known(incident.started or 0, incident.time):
            missing = (note('events_forgotten'),)
        line = _code_line(incident.code)
        doubtful = not self.are_known(incident) or any(
            answer.state != answers.EXCLUDED and (answer.state == answers.SHOWN or answer.who or answer.evidence)
            for answer in others
        )
        if line['code'] in ('code_of_kill', 'code_of_shim', 'code_not_known') or doubtful:
            return Answer('self_exit', answers.NOT_KNOWN, (), (line,), missing)
        return Answer('self_exit', answers.SHOWN, (), (line,), missing)


def is_named_by_kernel(answer: Answer) -> bool:
    """Whether the kernel itself named the process that was killed."""
    return any(line['code'] in _NAMED for line in answer.evidence)


def _is_of_engine(entry: Entry) -> bool:
    return (entry.get('exe') or '').rpartition('/')[2] in _OF_ENGINE


def _code_line(code: str) -> Evidence:
    if not code:
        return note('code_not_known')
    if code == '137':
        return note('code_of_kill')
    if code == '255':
        return note('code_of_shim')
    return note('code_of_program' if int(code) < 128 else 'code_like_signal', exit_code=code)
