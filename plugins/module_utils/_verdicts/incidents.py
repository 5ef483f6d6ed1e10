# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the engine's events into incidents: every time that a container ended, was removed or was renamed.

Sources: which events a request makes is moby's daemon/{stop,kill,delete,restart,rename,prune,monitor}.go, measured with
engines 20.10 and 28.5.2 (the sequences are in tests/unit/fixtures). Times are milliseconds since 1970.

What an event says of an exit code, a signal or an old name can be a label of the container (_docker/engine.py): where
one is known to be, all events of that container are read without it, and then it is not known.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, Mapping, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

SOON = 1000  # between events of one request
OOM_SOON = 5 * 1000
STOP_TIMEOUT = 10  # seconds; the default of stop and restart
LONGEST_TIMEOUT = 3600  # seconds; who waited for longer is a candidate, and never a sure one
STARTUP = 10 * 1000  # from the start of a command to its request: a loaded host starts programs slowly

_NUMBER = re.compile(r'[0-9]{1,3}\Z')  # of a signal or an exit code
# HUP, USR1, USR2 and CONT are the STOPSIGNAL of few images
STOPS_NOTHING = ('1', '10', '12', '18')
# What the engine notes of an end once it is over
_AFTER_END = ('stop', 'destroy')


class Event(NamedTuple):
    """A container event of the engine."""

    time: float
    action: str
    #: What follows the action after a colon: the command of exec_create and exec_start, the state of health_status.
    detail: str
    id: str
    name: str
    attributes: Mapping[str, str]


class Incident(NamedTuple):
    """A container ended ('died'), was removed or was renamed, or was kept from starting again ('held')."""

    what: str
    time: float
    id: str
    name: str
    attributes: Mapping[str, str]
    requests: tuple[Event, ...] = ()
    ooms: tuple[Event, ...] = ()
    #: The programs that were started in it since its last start, with their end, the last ones at the end.
    execs: tuple[tuple[Event, float | None], ...] = ()
    stopped: bool = False
    restarted: bool = False
    #: When it ended, for one that was removed.
    died: float | None = None
    created: float | None = None
    started: float | None = None
    #: When the run before this one ended.
    ended_before: float | None = None
    #: When its health check failed last, since its last start.
    unhealthy: float | None = None
    #: Only the state of the container tells of it, its events are forgotten: whether that says OOMKilled.
    from_state: bool | None = None
    #: How often it had ended and started again within a minute each, right before.
    loops: int = 0

    @property
    def code(self) -> str:
        code = self.attributes.get('exitCode', '')
        return code if _NUMBER.match(code) else ''

    @property
    def old_name(self) -> str:
        """The name by which it was asked for; for a renaming that does not tell it, the new one."""
        return self.attributes.get('oldName', self.name).lstrip('/') if self.what == 'renamed' else self.name

    @property
    def asked(self) -> float:
        """When the request came that it may be due to."""
        return min([request.time for request in self.requests] + [self.time])

    @property
    def times(self) -> list[float]:
        """When requests came that it may be due to."""
        return [request.time for request in self.requests] if self.what == 'died' else [self.time]

    @property
    def label(self) -> str:
        """What happened, in the words of a verdict."""
        return 'restarted' if self.restarted else 'stopped' if self.stopped or self.what == 'held' else self.what

    def of_several(self) -> bool:
        """Whether more than one asked for its end: a stop sends one signal, and SIGKILL after that."""
        return sum(request.attributes.get('signal') != '9' for request in self.requests) > 1

    def is_killed_unasked(self) -> bool:
        """Whether it ended by a SIGKILL that the engine was not asked for."""
        return self.code == '137' and all(request.attributes.get('signal') != '9' for request in self.requests)

    def is_due(self) -> bool:
        """Whether the container can have ended by a request, not only after one."""
        return self.obeyed() or any(
            # A program can handle these, and end as it likes; but it does not kill itself
            request.attributes.get('signal') in ('15', '2', '3') and self.code not in ('137', '')
            for request in self.requests
            if self.time - request.time <= STARTUP
        )

    def obeyed(self) -> bool:
        """Whether it ended as a request makes it end."""
        if self.stopped:
            return True
        for request in self.requests:
            if self.time - request.time <= STARTUP and _is_deadly(request, self.code):
                return not (self.ooms and request.attributes.get('signal') != '9')
        return False


def event(raw: Any) -> Event | None:
    """A container event, or None for any other."""
    if not isinstance(raw, dict) or raw.get('Type') != 'container':
        return None
    actor: Any = raw.get('Actor')
    actor = actor if isinstance(actor, dict) else {}
    found = actor.get('Attributes')
    found = found if isinstance(found, dict) else {}
    attributes = {label: value for label, value in found.items() if isinstance(value, str)}
    identity, action, nano = actor.get('ID'), raw.get('Action'), raw.get('timeNano')
    if not isinstance(identity, str) or not isinstance(action, str):
        return None
    if isinstance(nano, bool) or not isinstance(nano, (int, float)):
        return None
    action, _colon, detail = action.partition(':')
    # To the microsecond: engine.py reads numbers as floats
    return Event(
        round(nano / 1e6, 3), action, detail.strip(), identity, attributes.get('name', '').lstrip('/'), attributes
    )


def events(raw: Iterable[Any], labels: Mapping[str, Mapping[str, str]] | None = None) -> list[Event]:
    """The container events in the order of time. labels are those of the containers of which they are known."""
    found = sorted((one for one in map(event, raw) if one is not None), key=lambda one: one.time)
    forged = {identity: engine.labels_shown('', known) for identity, known in (labels or {}).items()}
    for one in found:
        forged.setdefault(one.id, set()).update(engine.labels_shown(one.action, one.attributes))
    last: dict[str, str] = {}
    for index, one in enumerate(found):
        if forged[one.id]:
            told = {name: value for name, value in one.attributes.items() if name not in forged[one.id]}
            if one.action == 'rename' and last.get(one.id):
                told.setdefault('oldName', last[one.id])
            found[index] = one._replace(attributes=told)
        last[one.id] = one.name
    return found


def incidents(happened: Iterable[Event]) -> Iterator[Incident]:
    """Everything that took a container away; of each container in the order of time."""
    by_id: dict[str, list[Event]] = {}
    for one in happened:
        if one.id:
            by_id.setdefault(one.id, []).append(one)
    for found in by_id.values():
        yield from _Life(_deaths_first(found)).incidents()


class _Life:
    """The events of one container, read from its creation on."""

    def __init__(self, happened: list[Event]) -> None:
        self._events = happened
        self._died: float | None = None
        self._created: float | None = None
        self._ended_before: float | None = None
        self._loops = 0
        self._was_asked = False
        self._begin(None)

    def _begin(self, started: float | None) -> None:
        self._started = started
        self._unhealthy: float | None = None
        self._requests: list[Event] = []
        self._ooms: list[Event] = []
        self._execs: dict[str, tuple[Event, float | None]] = {}

    # One branch for each kind of event
    def incidents(self) -> Iterator[Incident]:  # noqa: C901, PLR0912
        for index, one in enumerate(self._events):
            if one.action == 'create':
                self._created = one.time
            elif one.action == 'start':
                if self._died is None or one.time - self._died > 60 * SOON:
                    self._loops = 0
                self._ended_before = self._died if self._died is not None else self._ended_before
                self._died = None
                self._begin(one.time)
            elif one.action == 'kill':
                self._requests.append(one)
            elif one.action == 'oom':
                self._ooms.append(one)
            elif one.action == 'exec_start':
                self._execs[one.attributes.get('execID', str(one.time))] = (one, None)
            elif one.action == 'exec_die' and one.attributes.get('execID') in self._execs:
                started = self._execs[one.attributes['execID']][0]
                self._execs[one.attributes['execID']] = (started, one.time)
            elif one.action == 'health_status' and one.detail == 'unhealthy':
                self._unhealthy = one.time
            elif one.action == 'die':
                yield self._end(index, one)
            elif one.action == 'stop' and self._died is not None and not self._was_asked:
                # Of a container between two starts: it had ended by itself, and the stop keeps it from coming back
                restarted = self._comes(index, 'restart', one.time + STARTUP, over_start=True)
                yield self._incident('held', one)._replace(died=self._died, restarted=restarted)
            elif one.action == 'destroy':
                yield self._incident('removed', one)._replace(died=self._died)
            elif one.action == 'rename':
                yield self._incident('renamed', one)

    def _incident(self, what: str, one: Event) -> Incident:
        return Incident(what, one.time, one.id, one.name, one.attributes, created=self._created)

    def _end(self, index: int, one: Event) -> Incident:
        # The engine notes a kill after it sent the signal (daemon/kill.go killWithSignal), and memory as soon as it
        # hears of it: the death can be noted before (measured: 0.3 s).
        requests = self._requests + self._late(index, 'kill', one.time + SOON)
        restarted = bool(requests) and self._comes(index, 'restart', one.time + STARTUP, over_start=True)
        # Without a request a stop is of a container that had ended before: see above
        stopped = restarted or bool(requests) and self._comes(index, 'stop', one.time + STARTUP)
        found = self._incident('died', one)._replace(
            requests=_that_ended_it(requests, one, stopped, len(self._late(index, 'stop', one.time + STARTUP))),
            ooms=tuple(self._ooms + self._late(index, 'oom', one.time + OOM_SOON)),
            execs=tuple(self._execs.values()),
            restarted=restarted,
            stopped=stopped,
            died=one.time,
            started=self._started,
            ended_before=self._ended_before,
            unhealthy=self._unhealthy,
            loops=self._loops,
        )
        self._loops = 0 if requests else self._loops + 1
        self._was_asked = bool(requests)
        self._died = one.time
        self._begin(None)
        return found

    def _late(self, index: int, action: str, last: float) -> list[Event]:
        late = []
        for one in self._events[index + 1 : index + 50]:
            if one.time > last or one.action == 'start':
                break
            if one.action == action:
                late.append(one)
        return late

    def _comes(self, index: int, action: str, last: float, over_start: bool = False) -> bool:
        for one in self._events[index + 1 : index + 50]:
            if one.time > last or one.action == 'die' or (one.action == 'start' and not over_start):
                return False
            if one.action == action:
                return True
        return False


def _that_ended_it(requests: list[Event], death: Event, stopped: bool, stops: int) -> tuple[Event, ...]:
    """Those of the requests since the start that an end can be due to: a program can have survived many signals.

    stops counts the `stop` events of the end: each request to stop makes one of its own (daemon/stop.go containerStop).
    """
    if stopped:
        # A stop sends one signal, and SIGKILL where that does not help
        stopping = [one for one in requests if one.attributes.get('signal') not in STOPS_NOTHING]
        requests = stopping if any(one.attributes.get('signal') != '9' for one in stopping) else requests
        asked = [index for index, one in enumerate(requests) if one.attributes.get('signal') != '9'] or [0]
        first = asked[-max(1, stops) :][0]
        if stops < 2 and requests[-1].attributes.get('signal') == '9':
            # The time that was over can be that of an earlier one, however long that was
            first = asked[0]
        while first and requests[first].time - requests[first - 1].time <= STARTUP:
            first -= 1
        return tuple(requests[first:])
    recent = [one for one in requests if death.time - one.time <= STARTUP]
    deadly = [one for one in recent if _is_deadly(one, death.attributes.get('exitCode', ''))]
    return tuple(deadly or recent or requests[-1:])


def _is_deadly(request: Event, code: str) -> bool:
    """Whether a signal ends a program that does not handle it with this code, or with one that is not known."""
    number = request.attributes.get('signal', '')
    return number == '9' and not code or bool(_NUMBER.match(number)) and code == str(128 + int(number))


def of_state(
    identity: str, name: str, finished: float, code: int, oom_killed: bool, labels: Mapping[str, str]
) -> Incident:
    """The last end of a container as inspect shows it: by whom it was asked, if at all, is not known."""
    attributes = {**labels, 'exitCode': str(code), 'name': name}
    return Incident('died', finished, identity, name, attributes, died=finished, from_state=oom_killed)


def _deaths_first(happened: list[Event]) -> list[Event]:
    """The events of a container, with each end before what follows from it, whichever was noted first.

    The engine promises no order (moby/moby 50242): 20.10 notes `stop` after `die`, 28.5.2 before it (measured: 1 to 80
    ms).
    """
    ordered: list[Event] = []
    early: set[float] = set()  # starts of a container that had not ended yet
    runs = False
    for one in happened:
        place = len(ordered)
        if one.action == 'die':
            place = _place_of_death(ordered, one, early)
            if place < len(ordered):
                # It was over by the time that the first of these was noted
                one = one._replace(time=ordered[place].time)
        elif one.action == 'start' and runs:
            early.add(one.time)
        ordered.insert(place, one)
        if one.action in ('start', 'die'):
            runs = next(other.action for other in reversed(ordered) if other.action in ('start', 'die')) == 'start'
    return ordered


def _place_of_death(ordered: list[Event], death: Event, early: set[float]) -> int:
    place = back = len(ordered)
    while back and death.time - ordered[back - 1].time <= SOON:
        back -= 1
        earlier = ordered[back]
        if earlier.action in _AFTER_END or earlier.time in early:
            place = back
        elif earlier.action not in ('kill', 'oom', 'restart'):
            break
    return place
