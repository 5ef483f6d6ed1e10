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
from typing import Mapping, NamedTuple, Sequence

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
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources, covers

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
        pids: Mapping[str, Sequence[int]],
    ) -> None:
        """signals are SIGKILLs as audit fields with opid, pids the first processes of containers."""
        self._sources, self._pids = sources, pids
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
        own = self._pids.get(incident.id, ())
        if kills and incident.code == '137':
            if own and not any(kill.pid in own for kill in kills):
                return answers.not_known('oom', evidence=lines + [note('oom_other_victim')])
            if not own and all(kill.others for kill in kills):
                # A shell hands on the code of its child
                lines.append(note('oom_one_of_several', count=max(kill.others or 0 for kill in kills) + 1))
                return answers.shown('oom', *lines)._replace(is_inferred=True)
            near = any(-SOON <= incident.time - kill.time <= OOM_SOON for kill in kills)
            return answers.shown('oom', *lines)._replace(is_inferred=not near)
        if noted and incident.code == '137':
            return answers.shown('oom', note('oom_noted'))
        if kills and incident.code:
            # A first process that is killed ends with 137
            return answers.excluded('oom')._replace(evidence=(*lines, note('oom_other_victim')))
        if kills or incident.ooms:
            return answers.not_known('oom', evidence=lines + [note('oom_but_other_end')])
        # The missing event excludes nothing: engine 20.10 noted none on cgroup 2 (measured)
        if not _can_be_killed(incident) or covers(self._sources.kernel, incident.time - OOM_SOON, incident.time):
            return answers.excluded('oom')
        return answers.not_known('oom', note('kernel_log_not_read'))

    def is_named_by_kernel(self, answer: Answer) -> bool:
        return any(line['code'] in ('oom_of_limit', 'oom_of_group', 'oom_of_host') for line in answer.evidence)

    def signal(self, incident: Incident) -> Answer:
        """A signal from outside the engine: by a process of the host, or by a client of containerd."""
        cause = 'killed_outside_engine'
        near = self._near(incident) if _can_be_killed(incident) else []
        # runc kills for the engine, and for any client of containerd: of other containers, too
        strangers = [entry for entry in near if (entry.get('exe') or '').rpartition('/')[2] not in _OF_ENGINE]
        own = self._pids.get(incident.id, ())
        hits = [entry for entry in near if entry.get('opid') in own]
        if hits:
            lines = [note('signal_sent', opid=entry.get('opid'), **who_did(entry)) for entry in hits]
            state = answers.SHOWN if len(hits) == 1 else answers.NOT_KNOWN
            return Answer(cause, state, tuple(hits), tuple(lines))
        if _can_be_killed(incident) and covers(self._sources.signals, incident.time - SOON, incident.time):
            if own or not strangers:
                # Also by rt_sigqueueinfo and cgroup.kill, which no rule of ours logs
                return answers.not_known(cause, note('only_kill_is_logged'))
            lines = [note('signal_near', opid=entry.get('opid'), **who_did(entry)) for entry in strangers]
            return answers.not_known(cause, who=strangers, evidence=lines)
        # A program can handle the others, and end with any code
        return answers.not_known(cause, note('signals_not_logged'))

    def _near(self, incident: Incident) -> list[Entry]:
        first = bisect_left(self._signals, (incident.time - 2 * SOON, 0))
        found = []
        for time, index in self._signals[first:]:
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


def _can_be_killed(incident: Incident) -> bool:
    return incident.code in ('137', '')


def _code_line(code: str) -> Evidence:
    if not code:
        return note('code_not_known')
    if code == '137':
        return note('code_of_kill')
    if code == '255':
        return note('code_of_shim')
    return note('code_of_program' if int(code) < 128 else 'code_like_signal', exit_code=code)
