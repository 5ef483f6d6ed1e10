# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the findings of a host, with container names from the engine and with the callers."""

from __future__ import annotations

from typing import Iterable, Mapping, NamedTuple, Sequence, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs, sessions
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.events import Event
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading, Stats
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import name_matcher
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import (
    callers,
    entries,
    find,
    processes,
)


class Question(NamedTuple):
    """What is asked of a host, whenever it happened."""

    container: str = names.DEFAULT_CONTAINER  # the pattern of names
    key: str = names.DEFAULT_KEY
    possible: bool = True
    actions: Sequence[str] | None = None
    containers: Mapping[str, str] = {}  # ids to names; they go before what the engine knows
    socket: str = names.SOCKET
    host: str | None = None  # what the findings are shown under; else what the record names


class Span(TypedDict):
    """A time, RFC 3339. An end that is not known is None."""

    first: str | None
    last: str | None


class Counts(TypedDict):
    """What was read."""

    bytes: int
    executions: int
    failed: int
    others: int
    unreadable: int


class Answer(TypedDict):
    """What a host answers, in the words of the module docker_findings_info."""

    findings: list[entries.Finding]
    unreadable: list[entries.Unreadable]
    counts: Counts
    span: Span
    engine: engine.EngineStatus


def span(first: int | None, last: int | None) -> Span:
    """A time from milliseconds since 1970."""
    return {'first': times.timestamp(first), 'last': times.timestamp(last)}


def ask(question: Question, log: str, since: int | None, before: int | None) -> Answer:
    """What the logs of this host hold of a time, in milliseconds since 1970."""
    reading = Reading(question.key, log=log)
    found, reason = search(reading, log, question, engine.SECONDS, since, before)
    return answer(found, reading.stats(), engine.status(reason))


def search(
    events: Iterable[Event] | Reading,
    log: str,
    question: Question,
    seconds: float,
    since: int | None = None,
    before: int | None = None,
) -> tuple[find.Found, str | None]:
    """What is found in events of this host, and why the engine did not name all containers in so many seconds, or None.

    log is where the logins of the callers are.
    """
    known, reason = engine.container_names(question.socket, seconds)
    is_match = name_matcher(question.container)
    labels = {identity: engine.matching_name(newest_last, is_match) for identity, newest_last in known.items()}
    found = find.search(
        events,
        name=question.container,
        key=question.key,
        possible=question.possible,
        containers={**labels, **question.containers},
        host=question.host,
        actions=question.actions,
        since=since,
        before=before,
    )
    with processes.Processes(known) as living:
        callers.add(found['findings'], logs.lines_with(sessions.LINES, log), living)
    entries.drop_nodes(found['findings'])
    entries.drop_nodes(found['unreadable'])
    return found, reason


def answer(found: find.Found, stats: Stats, status: engine.EngineStatus) -> Answer:
    """What was found and read, as it is returned."""
    return {
        'findings': found['findings'],
        'unreadable': found['unreadable'],
        'counts': {
            'bytes': stats['bytes'],
            'executions': found['executions'],
            'failed': found['failed'],
            'others': found['others'],
            'unreadable': found['unreadable_count'],
        },
        'span': span(stats['first'], stats['last']),
        'engine': status,
    }
