# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins the events that the witness (roles/docker_audit/files/witness) saved with those that the engine still has.

Pure: text in, plain values out.
"""

from __future__ import annotations

from typing import Any, Iterable, Sequence, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, witness

_MARGIN = 3600 * 1000


class Kept(TypedDict):
    """What the files hold, in milliseconds since 1970."""

    events: list[Any]
    #: When an engine went away.
    gone: list[float]
    #: (process id, from, to) of connects of the process that keeps them.
    connects: list[tuple[int, float, float]]
    #: (from, to) of times from which events are missing.
    gaps: list[tuple[float, float]]
    #: What the witness saw besides events.
    marks: witness.Marks


def read(texts: Iterable[bytes]) -> Kept:
    """Files as bytes, in any order."""
    events: list[Any] = []
    gone: set[float] = set()
    connects: set[tuple[int, float, float]] = set()
    gaps: set[tuple[float, float]] = set()
    marked: list[dict[str, Any]] = []
    for entry in (_entry(line) for text in texts for line in text.split(b'\n')):
        mark, start, end = (entry.get(name) for name in ('mark', 'from', 'to'))
        if entry.get('Type') == 'container':
            events.append(entry)
        elif mark == 'gone' and _is_number(entry.get('time')):
            gone.add(entry['time'])
        elif mark == 'connected' and all(map(_is_number, (start, end, entry.get('pid')))):
            connects.add((int(entry['pid']), float(start or 0), float(end or 0)))
        elif mark == 'gap' and _is_number(start) and _is_number(end):
            gaps.add((float(start or 0), float(end or 0)))
        elif mark:
            marked.append(entry)
    return {
        'events': joined(events),
        'gone': sorted(gone),
        'connects': sorted(connects),
        'gaps': sorted(gaps),
        'marks': witness.marks(marked),
    }


def joined(*sources: Iterable[Any]) -> list[Any]:
    """Events of several sources, each once, in the order of time."""
    found: dict[tuple[Any, str, str], Any] = {}
    for event in (event for source in sources for event in source):
        actor = event.get('Actor') if isinstance(event.get('Actor'), dict) else {}
        if _is_number(event.get('timeNano')):
            found.setdefault((event['timeNano'], str(actor.get('ID')), str(event.get('Action'))), event)
    return [found[key] for key in sorted(found)]


def still_there(events: Sequence[Any], moment: float) -> list[Any]:
    """The events without those of containers that were removed an hour or more before a moment, in milliseconds.

    What was removed by then is no part of anything that happens later, and there can be ten thousands of it.
    """
    last: dict[str | None, Any] = {}
    for event in events:
        last[_container(event)] = event
    gone = {
        container
        for container, event in last.items()
        if container and event.get('Action') == 'destroy' and event['timeNano'] / 1e6 < moment - _MARGIN
    }
    return [event for event in events if _container(event) not in gone]


def _container(event: Any) -> str | None:
    actor = event.get('Actor')
    identity = actor.get('ID') if isinstance(actor, dict) and event.get('Type') == 'container' else None
    return identity if isinstance(identity, str) else None


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = engine.parsed(line)
    except ValueError:
        return {}  # cut by a full disk or a power cut
    return entry if isinstance(entry, dict) else {}


def _is_number(value: Any) -> bool:
    return witness.number(value) is not None
