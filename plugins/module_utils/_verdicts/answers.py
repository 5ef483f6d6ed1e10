# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data types of a verdict: results of hypotheses, and evidence as codes and values. The view makes the words."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times

SHOWN, EXCLUDED, NOT_KNOWN = 'shown', 'excluded', 'not known'

CAUSES = (
    'cli',
    'api',
    'engine',
    'self_exit',
    'oom',
    'killed_outside_engine',
    'containerd',
    'engine_shutdown',
    'not_known',
)

Evidence = Dict[str, Any]
Entry = Mapping[str, Any]


class Answer(NamedTuple):
    """What a hypothesis says of an incident."""

    cause: str
    state: str
    who: tuple[Entry, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    #: The sources that were not looking, so that it cannot be excluded.
    missing: tuple[Evidence, ...] = ()
    #: How many more than those in who it can have been.
    more: int = 0
    #: The cause is known where no other has a candidate, only not which of those in who it was.
    sure: bool = False
    #: It is shown where all others are excluded, since nobody else is left.
    remains: bool = False
    #: No source says that it did it, only that it could: it is never certain.
    is_inferred: bool = False
    #: Why it can have been another client, where others were connected.
    beside: tuple[Evidence, ...] = ()


def note(code: str, **values: Any) -> Evidence:
    """A line of evidence. A time in milliseconds becomes a timestamp."""
    time = values.get('time')
    if isinstance(time, (int, float)):
        values['time'] = times.timestamp(int(time))
    return dict({'code': code}, **values)


def excluded(cause: str) -> Answer:
    return Answer(cause, EXCLUDED)


def not_known(cause: str, *missing: Evidence, who: Sequence[Entry] = (), evidence: Sequence[Evidence] = ()) -> Answer:
    return Answer(cause, NOT_KNOWN, tuple(who), tuple(evidence), tuple(missing))


def shown(cause: str, *evidence: Evidence, who: Sequence[Entry] = ()) -> Answer:
    return Answer(cause, SHOWN, tuple(who), tuple(evidence))


def once(found: Sequence[Evidence]) -> list[Evidence]:
    """Each line once, in their order."""
    kept: list[Evidence] = []
    for line in found:
        if line not in kept:
            kept.append(line)
    return kept
