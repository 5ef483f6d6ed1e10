# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns audit events into findings: who stopped, removed or otherwise took away a container."""

from __future__ import annotations

import functools
from typing import Any, Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import argv as argv_records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, text, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.match import (
    Labels,
    Resolve,
    base,
    matched,
    resolver,
)

# The first words of commands that take nothing away, whatever follows: most of what a host runs, not worth a parse
_INERT = frozenset(word.encode() for word in docker_cli.INERT)
_REMEMBERED_CALLS = 2000
_REMEMBERED_BYTES = 500

_SHOWN_UNREADABLE = 20
_SHOWN_BYTES = 300


class FindingsError(ValueError):
    """What was asked for cannot be found in these events."""


class Found(TypedDict):
    """What was found, and what was counted on the way."""

    findings: list[entries.Finding]  # by time, then serial
    executions: int  # with our key
    failed: int  # of these: those that did not start
    others: int  # of these: those that took away containers whose names do not match
    unreadable: list[entries.Unreadable]  # of these: those whose command is not known; the first few
    unreadable_count: int


class _Judgement(NamedTuple):
    """What all executions with the same words have in common."""

    unreadable: str | None = None  # why the command is not known
    command: Command | None = None  # None: it takes no matching container away
    way: str = ''
    matched: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    is_complete: bool = False
    argv_hex: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    comm: str | None = None
    exe: str | None = None


_NOTHING = _Judgement()
# It takes a container away, whose name does not match
_OTHER = _Judgement(way='other')


def find(events: Iterable[audit_events.Event] | Reading, **options: Any) -> Found:
    """The findings of audit events as they are shown, with the options of search()."""
    found = search(events, **options)
    entries.drop_nodes(found['findings'])
    entries.drop_nodes(found['unreadable'])
    return found


# Long, as each option, each outcome and each count has its line.
def search(
    events: Iterable[audit_events.Event] | Reading,
    name: str = names.DEFAULT_CONTAINER,
    key: str = names.DEFAULT_KEY,
    possible: bool = True,
    containers: Mapping[str, str] | None = None,
    host: str | None = None,
    actions: Collection[str] | None = None,
    since: int | None = None,
    before: int | None = None,
) -> Found:
    """The findings of audit events, with the node of each entry. Without host, the host is what each record names.

    since and before are milliseconds since 1970, both included. containers maps container ids to names.
    """
    labels = Labels(containers or {})
    judge = _Judge(resolver(labels, text.name_matcher(name)))
    found: dict[tuple[bytes | None, bytes | None, bytes], tuple[tuple[int, int, bytes, bytes], entries.Finding]] = {}
    unreadable = _Unreadable()
    executions = failed = others = 0
    idle = _Idle(judge, since, before)
    told = events.events(idle) if isinstance(events, Reading) else events
    for event, outcome in _executions(told, text.as_bytes(key), since, before):
        judgement = _judgement(event, outcome, judge)
        if judgement is _NOT_OURS:
            continue
        executions += 1
        failed += outcome == 'failed'
        if judgement.unreadable:
            unreadable.add(event, judgement.unreadable)
        elif judgement is _OTHER:
            others += actions is None
        elif judgement.command is not None and _is_wanted(judgement, possible, actions):
            finding = _finding(event, host, judgement, labels)
            found.setdefault((event.host, event.node, event.ident), (entries.order(event), finding))
    ordered = sorted(found.values(), key=lambda item: item[0])
    return {
        'findings': _without_plugins([finding for _moment, finding in ordered]),
        'executions': executions + idle.executions,
        'failed': failed,
        'others': others,
        'unreadable': [_unreadable(event, host, reason) for event, reason in unreadable.first()],
        'unreadable_count': unreadable.count,
    }


def _executions(
    events: Iterable[audit_events.Event], key: bytes, since: int | None, before: int | None
) -> Iterator[tuple[audit_events.Event, str]]:
    """The executions with a key within a time, and whether each started; and those whose key is not in the log."""
    bounded = since is not None or before is not None
    for event in events:
        outcome = audit_events.outcome(event)
        if outcome is None or not audit_events.has_key(event, key):
            if not audit_events.is_keyless(event):
                continue
            outcome = _KEYLESS
        if not bounded or _is_within(event, since, before):
            yield event, outcome


class _Idle:
    """Counts executions of which it is known by their words that they take nothing away, without a look at the rest."""

    def __init__(self, judge: _Judge, since: int | None, before: int | None) -> None:
        self.executions = 0
        self.is_inert = _is_inert_record
        self.takes = judge.is_idle
        self._first = float('-inf') if since is None else since
        self._last = float('inf') if before is None else before

    def count(self, idents: list[bytes]) -> None:
        """Count those of the time that is asked for."""
        # Texts of one length are in the order of their times
        ends = (min(idents), max(idents)) if all(ident[10:11] == b'.' for ident in idents) else ()
        if ends and all(map(self._is_within, ends)):
            self.executions += len(idents)
        else:
            self.executions += sum(map(self._is_within, idents))

    def _is_within(self, ident: bytes) -> bool:
        moment = audit_events.moment_of(ident)[0]
        return moment is not None and self._first <= moment <= self._last


_FAILED = _Judgement(unreadable='failed')
_NOT_OURS = _Judgement()
_KEYLESS = 'keyless'


def _judgement(event: audit_events.Event, outcome: str, judge: _Judge) -> _Judgement:
    if outcome == _KEYLESS:
        # Whether docker ran is not in the log: the words must tell, or where they are missing, too, the first of them
        judgement = judge.of(event)
        is_cut = judgement.unreadable is not None and b'docker' in base(b''.join(audit_events.argv(event)[0][:1]))
        if judgement.command is None and not is_cut:
            return _NOT_OURS
        return _Judgement(unreadable='key cut off' if event.syscall else 'SYSCALL record missing')
    problem = audit_events.problem(event)
    if problem is not None:
        return _Judgement(unreadable=problem)
    return _FAILED if outcome == 'failed' else judge.of(event)


class _Unreadable:
    """The first executions whose command is not known, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._noted: list[tuple[audit_events.Event, str]] = []

    def add(self, event: audit_events.Event, reason: str) -> None:
        self.count += 1
        self._noted.append((event, reason))
        if len(self._noted) > 10 * _SHOWN_UNREADABLE:
            self._noted = self.first()

    def first(self) -> list[tuple[audit_events.Event, str]]:
        return sorted(self._noted, key=lambda noted: entries.order(noted[0]))[:_SHOWN_UNREADABLE]


def _is_within(event: audit_events.Event, since: int | None, before: int | None) -> bool:
    time = audit_events.when(event)[0]
    if event.problem == audit_events.NO_TIME:
        return True  # nobody knows
    if time is None:
        raise FindingsError(
            '`ausearch -i` prints local times without a zone: give the timezone of that host to use since or before'
        )
    return (since is None or time >= since) and (before is None or time <= before)


def _is_wanted(judgement: _Judgement, possible: bool, actions: Collection[str] | None) -> bool:
    if judgement.command is None:
        return False
    return (possible or judgement.way != 'possible') and (actions is None or judgement.command.action in actions)


class _Judge:
    """Says what executions do to a matching container.

    Hosts repeat their commands: what the EXECVE record and the program's names make of it is remembered for a while.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._remembered: dict[tuple[bytes, bytes], _Judgement] = {}

    def is_idle(self, execve: bytes, syscall: bytes) -> bool:
        """Whether an execution with these records that started takes nothing away, as far as is known by now."""
        return self._remembered.get((execve, syscall[syscall.find(b' comm=') :])) is _NOTHING

    def of(self, event: audit_events.Event) -> _Judgement:
        argv, gap = audit_events.argv(event)
        if gap is None and _is_inert(argv):
            return _NOTHING
        if event.interpreted or len(event.execve) != 1 or len(event.execve[0]) > _REMEMBERED_BYTES:
            return self._judge(event, argv, gap)
        syscall = event.syscall or b''
        call = (event.execve[0], syscall[syscall.find(b' comm=') :])
        judgement = self._remembered.get(call)
        if judgement is None:
            if len(self._remembered) >= _REMEMBERED_CALLS:
                self._remembered.clear()
            judgement = self._remembered[call] = self._judge(event, argv, gap)
        return judgement

    def _judge(self, event: audit_events.Event, argv: Sequence[bytes], gap: int | None) -> _Judgement:
        if gap is not None and not argv:
            return _Judgement(unreadable='no arguments')
        match = matched(event, argv, gap, self._resolve)
        if match is None and gap is not None and not event.interpreted:
            return _Judgement(unreadable='arguments missing')
        if match is None:
            return _NOTHING
        if match.way is None:
            return _OTHER
        raw = audit_events.fields(event)
        return _Judgement(
            command=match.command,
            way=match.way,
            matched=tuple(match.targets),
            argv=tuple(text.shown(word) for word in argv),
            is_complete=gap is None,
            argv_hex=() if all(text.is_utf8(word) for word in argv) else tuple(word.hex() for word in argv),
            keys=tuple(text.shown(key) for key in audit_events.keys(event)),
            comm=text.shown(audit_events.text_value(event, raw.get('comm'))),
            exe=text.shown(audit_events.text_value(event, raw.get('exe'))),
        )


def _is_inert(argv: Sequence[bytes]) -> bool:
    return len(argv) > 1 and argv[1] in _INERT and argv[0].endswith(b'docker')


@functools.lru_cache(maxsize=_REMEMBERED_CALLS)
def _is_inert_record(execve: bytes) -> bool:
    plain = argv_records.plain_argv(execve)
    return plain is not None and _is_inert(plain[0])


def _finding(event: audit_events.Event, host: str | None, judgement: _Judgement, labels: Labels) -> entries.Finding:
    raw, command = audit_events.fields(event), judgement.command
    if command is None or command.action is None:
        raise ValueError('there is no finding without an action')
    node = text.shown(event.node)
    finding: entries.Finding = {
        'host': node if host is None else host,
        'timestamp': times.timestamp(audit_events.when(event)[0]),
        'event': audit_events.ident(event),
        'action': command.action,
        'subcommand': text.shown_text(command.subcommand),
        # Findings share no lists: YAML would write aliases
        'targets': [text.shown_text(target) for target in command.targets],
        'matched': [text.shown_text(target) for target in judgement.matched],
        'docker_host': text.shown_text(command.docker_host),
        'context': text.shown_text(command.context),
        'project': text.shown_text(command.project),
        'signal': text.shown_text(command.signal),
        'match': judgement.way,
        'origin': event.origin,
        **entries.process(raw),
        'comm': judgement.comm,
        'exe': judgement.exe,
        'cwd': text.shown(audit_events.cwd(event)),
        'argv': list(judgement.argv),
        'argv_complete': judgement.is_complete,
        'success': entries.SUCCESS[audit_events.outcome(event)],
        'keys': list(judgement.keys),
        'node': node,
    }
    entries.add_names(finding, event)
    if judgement.argv_hex:
        finding['argv_hex'] = list(judgement.argv_hex)
    if judgement.way == 'id':
        known = {target: labels.of(target) for target in judgement.matched}
        finding['target_names'] = {
            text.shown_text(one): text.shown_text(label) for one, label in known.items() if label
        }
    return finding


def _unreadable(event: audit_events.Event, host: str | None, reason: str) -> entries.Unreadable:
    record = text.shown((event.syscall or b'')[:_SHOWN_BYTES])
    return {**entries.of_event(event, host), 'reason': reason, 'origin': event.origin, 'record': record}


def _without_plugins(findings: list[entries.Finding]) -> list[entries.Finding]:
    """Count `docker compose X` once: docker runs its plugin with the same arguments (cli-plugins/manager)."""
    callers: dict[tuple[str | None, int | None], list[str]] = {}
    kept = []
    for finding in findings:
        words = finding['argv']
        if words and finding['action'].startswith('compose'):
            caller = callers.get((finding['node'], finding['ppid']))
            if finding['ppid'] is not None and caller == words[1:] and words[0].rpartition('/')[2] == 'docker-compose':
                continue
            callers[(finding['node'], finding['pid'])] = words[1:]
        kept.append(finding)
    return kept
