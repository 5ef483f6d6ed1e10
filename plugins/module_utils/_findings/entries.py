# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of one audit event: the data types of findings, executions and connects, and the fields they share.

An entry has two hosts: ``node`` is what the record itself names, by which a login and a process are told; ``host`` is
what the entry is shown under. Only ``host`` leaves this package, see shown().
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, text, times

SUCCESS: dict[str | None, bool | None] = {'started': True, 'failed': False, 'unknown': None, None: None}


class _Optional(TypedDict, total=False):
    """What an entry has only where its record or its host has it."""

    user: str | None
    login_user: str | None
    node: str | None
    caller: Any
    argv_hex: list[str]  # of findings alone
    target_names: dict[str, str]  # of findings alone: the names of targets that are ids


class _Process(_Optional):
    pid: int | None
    ppid: int | None
    uid: int | None
    auid: int | None
    ses: int | None
    tty: str | None


class Entry(_Process):
    """An execution or a connect: when, where and by which process, in audit's own words."""

    host: str | None
    timestamp: str | None
    event: str | None
    comm: str | None
    exe: str | None
    cwd: str | None
    success: bool | None
    keys: list[str]


class Finding(Entry):
    """A command that can have taken a matching container away."""

    action: str
    subcommand: str | None
    targets: list[str]
    matched: list[str]
    docker_host: str | None
    context: str | None
    project: str | None
    signal: str | None
    match: str
    origin: str  # raw, syslog or interpreted: who can have forged it
    argv: list[str]
    argv_complete: bool


class Execution(Entry):
    """An execution of docker, whatever it asks for."""

    argv: list[str]
    argv_complete: bool


class Unreadable(Entry):
    """An execution of docker whose command is not known."""

    reason: str
    origin: str
    record: str


def drop_nodes(entries: Iterable[Entry]) -> None:
    """Take from entries what is not for others."""
    for entry in entries:
        entry.pop('node', None)


def connects(events: Iterable[audit_events.Event]) -> list[Entry]:
    """Connects to the engine's socket: who connected, not what was asked. With the node of each."""
    found: dict[tuple[bytes | None, bytes], tuple[tuple[int, int, bytes, bytes], Entry]] = {}
    for event in events:
        if audit_events.is_connect(event):
            found.setdefault((event.node, event.ident), (order(event), {**of_event(event, None), 'success': True}))
    return [entry for _moment, entry in sorted(found.values(), key=lambda item: item[0])]


def signals(events: Iterable[audit_events.Event]) -> list[Entry]:
    """Who sent signals, of events with the key for them, and whether the kernel let it. With the node of each."""
    found: dict[tuple[bytes | None, bytes], tuple[tuple[int, int, bytes, bytes], Entry]] = {}
    for event in events:
        entry: Entry = {**of_event(event, None), 'success': audit_events.succeeded(event)}
        found[(event.node, event.ident)] = (order(event), entry)
    return [entry for _moment, entry in sorted(found.values(), key=lambda item: item[0])]


def executions(events: Iterable[audit_events.Event], key: str = names.DEFAULT_KEY) -> list[Execution]:
    """Every execution that started, whatever it asks for, with its argv and the node of each."""
    wanted_key = text.as_bytes(key)
    found: dict[tuple[bytes | None, bytes], tuple[tuple[int, int, bytes, bytes], Execution]] = {}
    for event in events:
        if audit_events.outcome(event) == 'started' and audit_events.has_key(event, wanted_key):
            argv, gap = audit_events.argv(event)
            entry: Execution = {
                **of_event(event, None),
                'argv': [text.shown(word) for word in argv],
                'argv_complete': gap is None,
            }
            found.setdefault((event.node, event.ident), (order(event), entry))
    return [entry for _moment, entry in sorted(found.values(), key=lambda item: item[0])]


def order(event: audit_events.Event) -> tuple[int, int, bytes, bytes]:
    """Findings are ordered by time, then serial; then by node and host, so that the order of the log plays no part."""
    time, serial = audit_events.when(event)
    return time or 0, serial, event.node or b'', event.host or b''


def of_event(event: audit_events.Event, host: str | None) -> Entry:
    """What is known of every event, by audit's own field names. What `caller` holds comes from callers.py."""
    raw = audit_events.fields(event)
    node = text.shown(event.node)
    entry: Entry = {
        'host': node if host is None else host,
        'timestamp': times.timestamp(audit_events.when(event)[0]),
        'event': audit_events.ident(event),
        **process(raw),
        'comm': text.shown(audit_events.text_value(event, raw.get('comm'))),
        'exe': text.shown(audit_events.text_value(event, raw.get('exe'))),
        'cwd': text.shown(audit_events.cwd(event)),
        'success': SUCCESS[audit_events.outcome(event)],
        'keys': [text.shown(key) for key in audit_events.keys(event)],
        'node': node,
    }
    add_names(entry, event)
    return entry


def process(raw: Mapping[str, bytes]) -> _Process:
    """The process and its user, of the fields of a SYSCALL record."""
    return {
        'pid': audit_events.number(raw.get('pid')),
        'ppid': audit_events.number(raw.get('ppid')),
        'uid': audit_events.number(raw.get('uid')),
        'auid': audit_events.number(raw.get('auid')),
        'ses': audit_events.number(raw.get('ses')),
        'tty': text.shown(audit_events.plain_value(raw.get('tty'))),
    }


def add_names(entry: Entry, event: audit_events.Event) -> None:
    """user and login_user, where the record carries names."""
    known = audit_events.names(event)
    if 'UID' in known:
        entry['user'] = text.shown(known['UID'])
    if 'AUID' in known:
        entry['login_user'] = text.shown(known['AUID'])
