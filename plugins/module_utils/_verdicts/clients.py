# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matches executions of docker with connections to the engine's socket."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import Iterable, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import witness
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import command as docker_command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Entry

PROMPT = 600 * 1000  # prune and compose rm wait for an answer
SHOWN_OTHERS = 20
# systemd keeps the socket of an engine that is down, and hands on who connected meanwhile (systemd.socket(5))
_QUEUED = 60 * 1000


class Execution(NamedTuple):
    """An execution of docker: when, as users see it, and what it asks for."""

    time: int
    serial: int
    entry: Entry
    command: docker_command.Command

    @property
    def carries_requests(self) -> bool:
        """Whether its words do not say what it asks for: of another host (docker -H ssh://), of an unknown plugin."""
        command = self.command
        is_known = command.action or command.attached or command.harmless
        return command.subcommand == 'system dial-stdio' or not is_known


class Others(NamedTuple):
    """Processes that connected and that no command of docker explains, the nearest first, and how many more."""

    entries: tuple[Entry, ...]
    more: int


def moment(entry: Entry) -> tuple[int, int]:
    """(milliseconds, serial) of an entry: the serial orders events of the same millisecond."""
    _time, serial = times.of_ident(entry.get('event')) or (0, 0)
    return times.moment(entry['timestamp']), serial


def executions(entries: Iterable[Entry], socket: str = names.SOCKET) -> list[Execution]:
    """Executions of docker in order. What an argv asks for is read once here, and nowhere else."""
    found = []
    for entry in entries:
        if entry.get('timestamp'):
            time, serial = moment(entry)
            ran = docker_cli.of_execution([str(word) for word in entry['argv']], entry.get('comm'), entry.get('exe'))
            command = docker_cli.parse(ran.argv, ran.is_script)
            if command.docker_host == 'unix://' + socket:
                command = command._replace(docker_host=None)
            found.append(Execution(time, serial, entry, command))
    return sorted(found, key=lambda one: one[:2])


class Clients:
    """The connects, and whether a command of docker is behind them."""

    def __init__(
        self,
        ran: Sequence[Execution],
        connects: Iterable[Entry],
        own: Sequence[tuple[int, float, float]],
        breaks: Iterable[float],
        questions: Iterable[float],
    ) -> None:
        """own are (pid, from, to) of connects of our own, breaks are moments that no connection outlives, questions
        the moments for which others() will be asked."""
        self._own: dict[int, list[tuple[float, float]]] = {}
        for pid, start, end in own:
            self._own.setdefault(pid, []).append((start, end))
        self._ran: dict[int, list[Execution]] = {}
        for one in ran:
            self._ran.setdefault(one.entry.get('pid') or 0, []).append(one)
        self._times: dict[tuple[int, int], list[int]] = {}
        #: Of each process: when it connected for which execution
        self._explained: dict[int, list[tuple[int, Execution]]] = {}
        self._by_exe: dict[str, list[int]] = {}
        unexplained = []
        for (time, _serial), connect in sorted(((moment(one), one) for one in connects), key=lambda pair: pair[0]):
            if self._is_own(time, connect):
                continue
            behind = self._behind(time, connect)
            if behind is not None:
                self._times.setdefault((behind.time, behind.serial), []).append(time)
                self._explained.setdefault(connect.get('pid') or 0, []).append((time, behind))
            if behind is None or behind.carries_requests:
                unexplained.append((time, connect if behind is None else behind.entry))
                self._by_exe.setdefault(connect.get('exe') or '', []).append(time)
        self._unexplained = unexplained
        self._moments = [time for time, _connect in unexplained]
        self._others = self._at(sorted(set(questions)), sorted(breaks))

    def of(self, one: Execution) -> list[int]:
        """When the process of an execution connected, or a plugin that it started."""
        return self._times.get((one.time, one.serial), [])

    def is_elsewhere(self, one: Execution) -> bool:
        """Whether it means another engine: a context, or another path of a socket, can be this one after all."""
        host = one.command.docker_host
        is_file = host is None or host.startswith('unix://')
        return names.is_foreign(host, one.command.context) and not (is_file and self.of(one))

    def others(self, time: float) -> Others:
        """One connect for each process that no known command explains, the nearest first, up to a time.

        A process can keep its connection as long as the engine runs: one that connected long ago may have asked.
        """
        return self._others[time]

    def meanwhile(self, start: float, end: float) -> Others:
        """The last connects in a period that no known command explains, and how many more there are."""
        first, last = bisect_left(self._moments, start), bisect_right(self._moments, end)
        entries = tuple(connect for _time, connect in self._unexplained[max(first, last - 3) : last])
        return Others(entries, max(0, last - first) - len(entries))

    def between(self, start: float, end: float) -> list[tuple[int, Entry]]:
        """The same with the time of each."""
        return self._unexplained[bisect_left(self._moments, start) : bisect_right(self._moments, end)]

    def visits(self, exe: str, start: float, end: float) -> list[int]:
        """When processes of a program connected in a period, for which no known command explains it."""
        times = self._by_exe.get(exe, [])
        return times[bisect_left(times, start) : bisect_right(times, end)]

    def is_ours(self, pid: int | None, time: float) -> bool:
        """Whether a process that is connected at a time is one of ours."""
        return any(start - names.CLOCK_LAG <= time for start, _end in self._own.get(pid or -1, ()))

    def behind(self, one: witness.Client, time: float) -> Execution | None:
        """The execution of docker that made a connection which was there at a time."""
        explained = [found for at, found in self._explained.get(one.pid or 0, ()) if at <= time]
        if explained and (one.start is None or explained[-1].time >= one.start - PROMPT):
            return explained[-1]
        if one.exe is not None and 'docker' not in one.exe:
            return None
        start = one.start if one.start is not None else time - PROMPT
        for pid, first in ((one.pid, start - names.CLOCK_LAG), (one.ppid, start - PROMPT)):
            ran = [found for found in self._ran.get(pid or 0, ()) if first <= found.time <= time]
            if ran:
                return ran[-1]
        return None

    def _at(self, questions: list[float], breaks: list[float]) -> dict[float, Others]:
        """The answers of others(), in one pass through the connects."""
        found: dict[float, Others] = {}
        nearest: OrderedDict[tuple[object, object], tuple[int, Entry]] = OrderedDict()
        position = 0
        ended = 0
        for question in questions:
            while position < len(self._unexplained) and self._unexplained[position][0] <= question:
                time, connect = self._unexplained[position]
                key = (connect.get('pid'), connect.get('exe'))
                nearest.pop(key, None)
                nearest[key] = (time, connect)
                position += 1
            while ended < len(breaks) and breaks[ended] <= question:
                ended += 1
            if ended:
                while nearest and next(iter(nearest.values()))[0] < breaks[ended - 1] - _QUEUED:
                    nearest.popitem(last=False)
            entries = []
            for _time, connect in reversed(nearest.values()):
                entries.append(connect)
                if len(entries) == SHOWN_OTHERS:
                    break
            found[question] = Others(tuple(entries), len(nearest) - len(entries))
        return found

    def _is_own(self, time: float, connect: Entry) -> bool:
        return any(start - names.CLOCK_LAG <= time <= end for start, end in self._own.get(connect.get('pid') or -1, ()))

    def _behind(self, time: int, connect: Entry) -> Execution | None:
        """The execution of docker that made a connect, itself or by a plugin."""
        if 'docker' not in (connect.get('exe') or ''):
            return None
        for pid in (connect.get('pid'), connect.get('ppid')):
            ran = self._ran.get(pid or 0, [])
            before = bisect_right(ran, (time, float('inf')))
            # A process id is used again some day
            if before and time - ran[before - 1].time <= PROMPT and _same_user(ran[before - 1].entry, connect):
                return ran[before - 1]
        return None


def _same_user(one: Entry, other: Entry) -> bool:
    return all(one[name] == other[name] for name in ('uid', 'auid', 'ses') if name in one and name in other)


def is_docker(entry: Entry) -> bool:
    """Whether a client that connected is a docker CLI, or a plugin of it."""
    return (entry.get('exe') or '').rpartition('/')[2] in ('docker', 'docker-compose', 'docker-buildx')
