# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calculates when each source was recording: a source excludes only what it would have seen.

Sources: CONFIG_CHANGE records name the key and the list of a rule, not its path or user (kernel/auditfilter.c
audit_log_rule_change, kernel/audit_watch.c audit_watch_log_rule_change); DAEMON_START and DAEMON_END are auditd's own.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, NamedTuple, Sequence, Tuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events, records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Evidence, note

Period = Tuple[float, float]
FOREVER = float('inf')
# Events of several processors are not logged quite in the order of their times
_CLOCK_JITTER = 1000

_KINDS = (b'CONFIG_CHANGE', b'DAEMON_START', b'DAEMON_END', b'DAEMON_ABORT')
_OP = re.compile(rb'\bop="?(add_rule|remove_rule|updated_rules)\b')
_KEY = re.compile(rb'\bkey=(?:"([^"]*)"|([0-9A-F]+))')
_FAILED = re.compile(rb'\bres=0\b')
_ENABLED = re.compile(rb'\baudit_enabled=([012])\b')


class Change(NamedTuple):
    """What happened to the rules with a key (op add_rule, remove_rule), or to the writer of the log (start, end)."""

    time: int
    serial: int
    op: str
    key: str = ''


class Rule(NamedTuple):
    """A rule that the kernel holds now: its key, its paths (none: every path), and its users (none: every user)."""

    key: str
    paths: tuple[str, ...] = ()
    uids: tuple[int, ...] = ()


class Watch(NamedTuple):
    """A time in which docker executions were logged. uids: of these users, None: of every user; known: whether the
    paths and users are known, which they are only of the rules that are in the kernel now."""

    start: float
    end: float
    uids: tuple[int, ...] | None = None
    known: bool = True


class Sources(NamedTuple):
    """When each source was looking. The times in which it was not are unknown, not empty."""

    #: Executions of docker.
    commands: tuple[Watch, ...] = ()
    #: Connects to the engine's socket.
    connects: tuple[Period, ...] = ()
    #: SIGKILL, sent by anybody.
    signals: tuple[Period, ...] = ()
    #: The kernel's own log: what it killed for want of memory.
    kernel: tuple[Period, ...] = ()
    #: Times from which events of the engine are missing.
    blind: tuple[Period, ...] = ()
    #: Times in which it would be known that the engine ended.
    ends: tuple[Period, ...] = ()
    #: Times in which it would be known that a program was started in a container; kept events leave that out.
    execs: tuple[Period, ...] = ((float('-inf'), FOREVER),)
    #: Users of the docker group whose docker is not logged.
    unwatched: tuple[str, ...] = ()
    #: When audit was first switched on, where that was after the boot: it never sees processes that ran before.
    unseen: float | None = None
    log_first: float | None = None
    #: When docker commands ran whose words the log does not tell.
    unreadable: tuple[Period, ...] = ()
    #: Times that came twice, since the clock was set back: a command can stand after what it did.
    set_back: tuple[Period, ...] = ()
    #: The sockets whose connects are logged now, and how many records the kernel has lost; None: not known.
    sockets: tuple[str, ...] = ()
    #: Since when a connect to the socket of another engine is known for one.
    apart_since: float = -FOREVER
    lost: int | None = None
    #: Where the engine listens, too: connects there are not logged.
    unlogged: tuple[str, ...] = ()
    #: When the host booted: what unseen and lost say is of the time since then.
    booted: float = -FOREVER

    def hiding(self, time: float) -> list[Evidence]:
        """Why audit may not have logged all processes at a moment."""
        if time < self.booted:
            return [note('earlier_boot')]
        return [note('processes_before_audit', time=self.unseen)] if self.unseen else []

    def lost_at(self, time: float) -> int | None:
        """How many records the kernel has lost, None: not known; 0 for an earlier boot, of which hiding() tells."""
        return self.lost if time >= self.booted else 0

    def events_known(self, start: float, end: float) -> bool:
        return not any(first < end and last > start for first, last in self.blind)

    def sockets_at(self, time: float) -> frozenset[str]:
        """The sockets whose connects were logged at a moment. Of several, which rule came when is not known: before the
        last change of such rules, it is known of the usual socket alone."""
        found = frozenset(self.sockets)
        is_now = time >= max((start for start, _end in self.connects), default=FOREVER)
        return found if len(found) < 2 or is_now else found & {names.SOCKET}

    def connects_logged(self, start: float, end: float) -> bool:
        return covers(self.connects, start, end)

    def commands_logged(self, start: float, end: float) -> bool:
        """Whether every docker command of all users would be in the log."""
        return any(
            watch.start <= start and watch.end >= end and watch.known and watch.uids is None for watch in self.commands
        )

    def unread(self, start: float, end: float) -> float | None:
        """When a docker command ran in a period that the log does not tell, or None."""
        return _first_within(self.unreadable, start, end)

    def came_twice(self, start: float, end: float) -> float | None:
        """The first moment of a period that came twice, or None."""
        return _first_within(self.set_back, start, end)

    def commands_partly(self, start: float, end: float) -> bool:
        """Whether docker commands of some users would be in the log."""
        return any(watch.start <= start and watch.end >= end for watch in self.commands)


def _first_within(periods: Iterable[Period], start: float, end: float) -> float | None:
    return next((max(first, start) for first, last in periods if first <= end and last >= start), None)


def twice(moments: Iterable[tuple[int | None, int]]) -> Iterator[Period]:
    """The times that came twice, from (milliseconds, serial) of events in the order of the log.

    The kernel numbers the events of one boot in their order (kernel/audit.c audit_serial), whatever its clock says.
    """
    before: tuple[int, int] | None = None
    for time, serial in moments:
        if time is None:
            continue
        if before is not None and serial > before[1] and time < before[0] - _CLOCK_JITTER:
            yield time, before[0]
        before = time, serial


def covers(periods: Iterable[Period], start: float, end: float) -> bool:
    return any(first <= start and last >= end for first, last in periods)


def changes(lines: Iterable[bytes]) -> list[Change]:
    """What lines of the audit log tell of rules and of auditd, in order."""
    found: set[Change] = set()
    for line in lines:
        for record in records.records(line):
            time, serial = events.moment_of(record.ident)
            if time is not None and record.origin == records.RAW and record.kind in _KINDS:
                found.update(_change(record.kind, time, serial, record.body))
    return sorted(found)


def _change(kind: bytes, time: int, number: int, body: bytes) -> Iterable[Change]:
    if kind == b'DAEMON_START':
        yield Change(time, number, 'start')
    elif kind in (b'DAEMON_END', b'DAEMON_ABORT'):
        yield Change(time, number, 'end')
    else:
        enabled = _ENABLED.search(body)
        if enabled and not _FAILED.search(body):
            yield Change(time, number, 'end' if enabled.group(1) == b'0' else 'start')
        op = _OP.search(body)
        if op and not _FAILED.search(body):
            for key in _keys(body):
                yield Change(time, number, op.group(1).decode(), key)


def _keys(body: bytes) -> list[str]:
    key = _KEY.search(body)
    if not key:
        return []
    plain, encoded = key.groups()
    value = plain if plain is not None else bytes.fromhex(encoded.decode()) if len(encoded) % 2 == 0 else b''
    return [part.decode('utf-8', 'surrogateescape') for part in value.split(b'\x01')]


def in_force(
    changed: Sequence[Change], key: str, now: float, first: float | None, is_loaded: bool | None
) -> list[tuple[float, float, bool]]:
    """(from, to, whether it is the time up to now) in which a rule with a key was in force and auditd wrote the log.

    first is when the log begins, is_loaded whether the kernel holds such a rule now, None where that is not known. A
    rule that went ends what is known of all with its key, since no record tells which one it was. One that is there
    now may have come at boot without a record of it.
    """
    if first is None:
        return []
    rules = [change for change in changed if change.key == key and first <= change.time <= now]
    edges = [first] + [change.time for change in rules] + [now]
    ops: list[str | None] = [None, *(change.op for change in rules), None]
    found = []
    for start, end, before, after in zip(edges, edges[1:], ops, ops[1:]):
        if after is None and is_loaded is not None:
            loaded = is_loaded
        else:
            loaded = before == 'add_rule' or (before is None and after == 'remove_rule')
        if loaded and start < end:
            found += [(first_, last, after is None) for first_, last in _written(changed, start, end)]
    return found


def _written(changed: Sequence[Change], start: float, end: float) -> list[Period]:
    """The parts of a period in which auditd wrote the log."""
    parts: list[Period] = []
    since: float | None = start
    before = [change.op for change in changed if change.op in ('start', 'end') and change.time <= start]
    if before and before[-1] == 'end':
        since = None
    for change in changed:
        if change.op not in ('start', 'end') or not start < change.time <= end:
            continue
        if change.op == 'end' and since is not None:
            parts.append((since, change.time))
            since = None
        elif change.op == 'start' and since is None:
            since = change.time
    return parts + ([(since, end)] if since is not None else [])


def watched(
    changed: Sequence[Change], rules: Sequence[Rule] | None, key: str, now: float, first: float | None
) -> tuple[tuple[Watch, ...], tuple[Period, ...], tuple[Period, ...]]:
    """(when docker was logged, connects to its socket, SIGKILL), for the key of the docker rule and those beside it.

    rules are those of the kernel now, None where they could not be read.
    """
    own = [rule for rule in rules or () if rule.key == key]
    uids = None if any(not rule.uids for rule in own) else tuple(sorted({uid for rule in own for uid in rule.uids}))

    def loaded(of: str) -> bool | None:
        return None if rules is None else any(rule.key == of for rule in rules)

    commands = tuple(
        Watch(start, end, uids if last else None, last and rules is not None)
        for start, end, last in in_force(changed, key, now, first, loaded(key))
    )
    others = [
        tuple((start, end) for start, end, _last in in_force(changed, key + suffix, now, first, loaded(key + suffix)))
        for suffix in (names.SOCKET_SUFFIX, names.SIGNALS_SUFFIX)
    ]
    return commands, others[0], others[1]
