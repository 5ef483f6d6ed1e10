# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the engine how existing containers ended last; it still knows that after a restart, when its events are lost.

Source: the Docker Engine API, GET /containers/ID/json, State: FinishedAt is set when the engine hears of the exit
(moby container/state.go SetStopped), and the year 1 stands for never.
"""

from __future__ import annotations

import re
import time
from typing import Any, Iterable, Mapping, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, engine

_FINISHED = re.compile(r'([12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8})(\.[0-9]{1,9})?(Z|[+-][0-9:]{5})\Z')


class State(NamedTuple):
    """How a container ended last."""

    id: str
    name: str
    finished: int | None
    exit_code: int
    oom_killed: bool
    is_running: bool
    labels: Mapping[str, str]


def states(ids: Iterable[str], path: str = names.SOCKET, seconds: float = engine.SECONDS) -> tuple[list[State], int]:
    """(the states of containers that the engine still knows, how many were not asked for in time).

    Each takes about 2 ms.
    """
    deadline = time.monotonic() + seconds
    found: list[State] = []
    wanted = sorted(ids)
    for number, identity in enumerate(wanted):
        try:
            left = max(0.001, deadline - time.monotonic())
            state = of_answer(connection.whole(path, '/containers/%s/json' % identity, left))
        except connection.EngineError:
            if time.monotonic() >= deadline:
                return found, len(wanted) - number
            continue
        if state is not None and state.id == identity:
            found.append(state)
    return found, 0


def of_answer(body: bytes) -> State | None:
    """What an answer says, or None for what is none."""
    try:
        answer: Any = engine.parsed(body)
    except ValueError:
        return None
    answer = answer if isinstance(answer, dict) else {}
    state, config = (_dict(answer.get(name)) for name in ('State', 'Config'))
    identity, name, code = answer.get('Id'), answer.get('Name'), state.get('ExitCode')
    if not isinstance(identity, str) or not isinstance(name, str):
        return None
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    labels = _dict(config.get('Labels'))
    return State(
        identity,
        name.lstrip('/'),
        _moment(state.get('FinishedAt')),
        code,
        state.get('OOMKilled') is True,
        state.get('Running') is True,
        {label: text for label, text in labels.items() if label in engine.ATTRIBUTES and isinstance(text, str)},
    )


def _moment(text: Any) -> int | None:
    found = _FINISHED.match(text) if isinstance(text, str) else None
    if not found:
        return None
    try:
        # Python 3.8 reads three or six digits of a second
        return times.moment(found.group(1) + ((found.group(2) or '.0') + '000')[:4] + found.group(3))
    except times.TimeError:
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
