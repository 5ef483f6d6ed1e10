# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis: a client of the API asked, by who was connected to the engine when the container ended.

A client can ask and leave before the look, so that its absence excludes nobody. Candidates are all who are in the look,
and all who connected since an earlier look, or were in that one. Exactly one is certain where nobody else can have
connected unseen. An idle, a busy and a streaming connection look alike.

A docker command waits for the end of what it stops, kills or removes by force (moby's daemon/stop.go, kill.go and
delete.go answer after it): one that is not connected before that end did not ask this engine itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Iterable, Mapping, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.witness import Client, Look
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
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses.commands import who_did
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    SOON,
    STARTUP,
    Incident,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.sources import Sources

CAUSE = 'api'

_NEW = 1000  # a client that connects in order to ask does so within this time
# A request can wait for so long in the engine, while its client has left
_ANSWERED = STARTUP
_ACTIONS = {
    'died': ('kill', 'stop', 'die', 'restart'),
    'held': ('stop', 'restart'),
    'removed': ('destroy',),
    'renamed': ('rename',),
}
_HOUR = 3600 * 1000
_REGULAR = 3  # visits in an hour at which nothing happened


class Candidate(NamedTuple):
    """Who can have asked."""

    who: Entry
    #: When it connected last, as far as that is known: by the audit log, else not before `after`.
    connected: float | None
    after: float
    is_in: bool
    #: Others can ask through it.
    passes_on: bool
    #: It has ended, and its connection is still there: another process may hold that, and have asked.
    is_gone: bool = False

    def is_new(self, asked: float) -> bool | None:
        """Whether it connected within a second before; None: not known."""
        if self.connected is not None:
            return self.connected >= asked - _NEW - names.CLOCK_LAG
        return True if self.after >= asked - _NEW - names.CLOCK_LAG else None if self.after > float('-inf') else False


class Looks:
    """What the witness saw at the ends of containers."""

    def __init__(
        self,
        looks: Sequence[Look],
        clients: Clients,
        sources: Sources,
        breaks: Sequence[float],
        asked: Iterable[float],
    ) -> None:
        """looks in the order of time; breaks are moments that no connection outlives; asked those of all incidents."""
        self._looks, self._clients, self._sources, self._breaks = looks, clients, sources, sorted(breaks)
        self._times = [look.time for look in looks]
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

    # --- A docker command, with the look as a second witness ---

    def confirm(self, incident: Incident, seen: Sequence[tuple[float, Look]], command: Answer) -> Answer:
        """What the looks make of the answer of the hypothesis on docker commands."""
        if not seen:
            return command
        asked, look = seen[-1]
        waits = look.is_whole and _waits(incident, look)
        proxies = any(self._passes_on(one) for one in look.clients if not self._is_ours(one, look))
        if command.state == answers.EXCLUDED or not waits or proxies or self._has_unknown_docker(look):
            return command
        # Whoever waits is in every look at the same request
        present = [entry for entry in command.who if any(self._is_in(entry, one) for _asked, one in seen)]
        if len(present) == 1 and command.sure:
            return command._replace(state=answers.SHOWN, who=tuple(present))
        if present:
            return command
        pids = [line.get('pid') for line in command.evidence if line['code'] == 'did_not_connect']
        absent = [note('not_connected_then', **who_did(entry)) for entry in command.who]
        if command.who:
            if len([one for one in self._candidates(asked, look) if one.is_in and one.is_new(asked) is not False]) == 1:
                return answers.excluded(command.cause)._replace(evidence=tuple(absent))
            return command._replace(state=answers.NOT_KNOWN, sure=False, evidence=command.evidence + tuple(absent))
        if pids:
            # It asked another engine: neither the log nor the look has it, and no record is lost
            gone = self._sources.lost == 0 and not any(one.pid in pids for one in look.clients)
            return answers.excluded(command.cause)._replace(evidence=command.evidence) if gone else command
        return answers.excluded(command.cause)

    def _has_unknown_docker(self, look: Look) -> bool:
        """Whether a docker is connected whose command is not known: a plugin (Compose) is another process than the
        docker that the log has, and only its connect says whose."""
        return any(
            (one.exe or 'docker').rpartition('/')[2].startswith('docker')
            and self._clients.behind(one, look.time) is None
            for one in look.clients
            if not self._is_ours(one, look)
        )

    def _is_in(self, entry: Entry, look: Look) -> bool:
        """Whether the process of a command, or a plugin that it started, is connected."""
        ran = moment(entry)
        for one in look.clients:
            behind = self._clients.behind(one, look.time)
            if behind is not None and (behind.time, behind.serial) == ran:
                return True
        return False

    # --- A client of the API ---

    def ask(self, incident: Incident, seen: Sequence[tuple[float, Look]], command: Answer) -> Answer:
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
        found = self._candidates(asked, look)
        missing = self._missing(asked, look)
        if not found:
            return answers.not_known(CAUSE, *missing) if missing else answers.excluded(CAUSE)
        new = [one for one in found if one.is_new(asked) is not False]
        sure = [one for one in new if one.is_new(asked) and not one.is_gone]
        evidence = tuple(self._line(one, asked) for one in found[:SHOWN_OTHERS])
        if incident.unhealthy is not None and asked - incident.unhealthy <= 6 * STARTUP:
            evidence = (note('unhealthy', time=incident.unhealthy), *evidence)
        if any(one.is_gone for one in found):
            missing.append(note('client_gone'))
        if len(found) == 1 and not missing:
            return Answer(CAUSE, answers.SHOWN, (found[0].who,), evidence)
        # Without the log of connects, one that did not wait for the end can have come and gone
        if not self._sources.connects_logged(asked - STARTUP, asked) and not _waits(incident, look):
            sure = []
        if len(sure) == 1 and len(new) == 1 and (len(found) == 1 or self._is_striking(sure[0], incident, asked)):
            older = (note('older_clients', count=len(found) - 1),) if len(found) > 1 else ()
            return Answer(CAUSE, answers.SHOWN, (sure[0].who,), evidence, older + tuple(missing))
        is_api = command.state == answers.EXCLUDED and not any(is_docker(one.who) for one in found)
        who = tuple(one.who for one in found[:SHOWN_OTHERS])
        more = max(0, len(found) - SHOWN_OTHERS)
        cause = CAUSE if is_api else 'not_known'
        return Answer(cause, answers.NOT_KNOWN, who, evidence, tuple(missing), more, sure=is_api)

    def _is_striking(self, one: Candidate, incident: Incident, asked: float) -> bool:
        """Whether the one new client among older ones is there for this request, and not by chance: nothing else ended
        in that second, and its program is no regular visitor."""
        near = self._asked[bisect_left(self._asked, asked - _NEW) : bisect_right(self._asked, asked + _NEW)]
        if not one.is_in or any(time not in incident.times for time in near):
            return False
        visits = self._clients.visits(str(one.who.get('exe') or ''), asked - _HOUR, asked - _NEW)
        for_nothing = 0
        for visit in reversed(visits[-100:]):
            position = bisect_left(self._asked, visit - names.CLOCK_LAG)
            for_nothing += position == len(self._asked) or self._asked[position] > visit + _NEW
        return for_nothing < _REGULAR

    def _beside(self, seen: Sequence[tuple[float, Look]], command: Answer) -> Answer:
        """Whether a client can have asked where a command fits: one that connected since that command started."""
        start = moment(command.who[0])[0]
        asked, look = seen[0]
        found = []
        for one in self._candidates(asked, look):
            after = one.connected if one.connected is not None else one.after
            is_unknown = one.connected is None and float('-inf') < one.after < start
            if after >= start or is_unknown:
                found.append(one)
        is_in = any(self._is_in(command.who[0], each) for _asked, each in seen)
        if found:
            lines = tuple(self._line(one, asked) for one in found[:3])
            return answers.not_known(CAUSE, evidence=(note('connected_meanwhile', count=len(found)), *lines))
        logged = self._sources.connects_logged(start, asked) and not self._sources.unseen
        if look.is_whole and is_in or logged and asked - start <= 2 * STARTUP:
            return answers.excluded(CAUSE)
        return answers.not_known(CAUSE) if logged else answers.not_known(CAUSE, note('connects_not_logged'))

    # --- Who can have asked ---

    def _candidates(self, asked: float, look: Look) -> list[Candidate]:
        """Everybody who can have asked, those that connected last first."""
        first = self._base(asked)
        found: dict[tuple[object, ...], Candidate] = {}
        for earlier in self._looks[bisect_left(self._times, first) : bisect_left(self._times, asked)]:
            for one in earlier.clients:
                self._add(found, one, earlier, asked, False)
        for one in look.clients:
            self._add(found, one, look, asked, True)
        starts: dict[object, list[object]] = {}
        for kind, pid, start in found:
            if kind == 'pid':
                starts.setdefault(pid, []).append(start)
        for time, entry in self._clients.between(first, asked):
            key = _key_of(entry, time, starts.get(entry.get('pid'), ()))
            known = found.get(key)
            if known is None:
                found[key] = Candidate(entry, time, time, False, False)
            else:
                found[key] = known._replace(who={**known.who, **_of_record(entry)}, connected=time, after=time)
        return sorted(found.values(), key=lambda one: (not one.is_in, -max(one.after, one.connected or 0)))

    def _add(
        self, found: dict[tuple[object, ...], Candidate], one: Client, look: Look, asked: float, is_now: bool
    ) -> None:
        """Add a connection of a look, unless it is ours, a docker command's whose words ask for something else, or one
        that came after the request."""
        if self._is_ours(one, look):
            return
        behind = self._clients.behind(one, look.time)
        if behind is not None and not behind.carries_requests:
            return
        before = look.before if look.before is not None else float('-inf')
        if is_now and one.pid is not None and one.seen is None and self._sources.connects_logged(before, look.time):
            later = [entry for _time, entry in self._clients.between(asked + 0.001, look.time)]
            if any(entry.get('pid') == one.pid for entry in later) and not any(
                entry.get('pid') == one.pid for _time, entry in self._clients.between(before, asked)
            ):
                return
        after = float('-inf')
        if one.seen is None:
            # No process connects before it has started
            after = max(before, one.start if one.start is not None else before, 0)
        key = _key_of_client(one, found)
        known = found.get(key)
        if known is not None:
            after = max(after, known.after)
        entry = _who(one, look.time)
        passes_on = self._passes_on(one) or behind is not None
        is_in, is_gone = is_now, is_now and one.gone
        if known is not None:
            is_in, is_gone = is_in or known.is_in, is_gone or known.is_gone
        found[key] = Candidate(entry, None, after, is_in, passes_on, is_gone)

    def _is_ours(self, one: Client, look: Look) -> bool:
        return one.pid is not None and self._clients.is_ours(one.pid, look.time)

    def _passes_on(self, one: Client) -> bool:
        """Whether a docker command can have come through it. What is not known of a docker itself is no matter."""
        return one.pid is None or one.accepts is True or (one.accepts is None and not one.gone)

    def _base(self, asked: float) -> float:
        """Who had left by then is known: the time of the last whole look that is old enough, or of the engine's start;
        -inf without any."""
        started = [time for time in self._breaks if time <= asked]
        start = started[-1] if started else float('-inf')
        for index in range(bisect_right(self._times, asked - _ANSWERED) - 1, -1, -1):
            if self._times[index] <= start:
                break
            if self._looks[index].is_whole:
                return self._times[index]
        return start

    def _missing(self, asked: float, look: Look) -> list[Evidence]:
        """Why others can have connected unseen."""
        sources = self._sources
        missing = [] if look.is_whole else [note('look_not_whole')]
        listeners = sorted({*look.listeners, *(one.listener for one in look.clients)})
        others = [name for name in listeners if _plain(name) not in map(_plain, sources.sockets_at(asked))]
        if not sources.connects_logged(asked - STARTUP, asked):
            missing.append(note('connects_not_logged'))
        elif not sources.connects_logged(self._base(asked), asked):
            missing.append(note('connects_logged_later'))
        elif others:
            missing.append(note('listeners_not_watched', listeners=others))
        if sources.unseen:
            missing.append(note('processes_before_audit', time=sources.unseen))
        if sources.lost != 0:
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


def _key_of_client(one: Client, found: Mapping[tuple[object, ...], Candidate]) -> tuple[object, ...]:
    """Which asker a connection is of: all connections of a process are one, and a pid can be used again. Each look
    calculates when a process started by its own clock, so that the times differ a little."""
    if one.pid is None:
        return 'remote', one.remote, one.inode
    if one.gone or one.start is None:
        return 'pid', one.pid, None
    second = one.start // 1000
    near = [key for key in (('pid', one.pid, second + step) for step in (0, -1, 1)) if key in found]
    return near[0] if near else ('pid', one.pid, second)


def _key_of(entry: Entry, time: float, starts: Sequence[object]) -> tuple[object, ...]:
    """Which process with the pid of a connect made it: one that a look has, else one known by program and parent."""
    pid = entry.get('pid')
    before = [start for start in starts if isinstance(start, float) and start * 1000 <= time + names.CLOCK_LAG]
    if before:
        return 'pid', pid, max(before)
    return ('pid', pid, None) if None in starts else ('record', pid, entry.get('ppid'), entry.get('exe'))


def _plain(listener: str) -> str:
    return listener[4:] if listener.startswith('/var/run/') else listener


def _who(one: Client, time: float) -> Entry:
    """A client as a verdict names it."""
    entry: dict[str, object] = {
        'host': None,
        'timestamp': times.timestamp(int(time)),
        'event': None,
        'pid': one.pid,
        'ppid': one.ppid,
        'uid': one.uid,
        'auid': one.auid,
        'ses': one.ses,
        'tty': None,
        'comm': one.comm,
        'exe': one.exe,
        'cwd': None,
        'success': True,
        'keys': [],
        'node': None,
    }
    if one.argv:
        entry.update(argv=list(one.argv), argv_complete=one.argv_complete)
    for name in ('remote', 'unit', 'container', 'accepts'):
        value = getattr(one, name)
        if value is not None:
            entry[name] = value
    return entry


def _of_record(entry: Entry) -> dict[str, object]:
    """What the record of a connect says of its process."""
    return {name: value for name, value in entry.items() if value is not None or name in ('node', 'host')}
