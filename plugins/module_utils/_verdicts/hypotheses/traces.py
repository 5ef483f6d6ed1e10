# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what a docker command does with what the engine noted: its events, its signals, and their times.

Sources: moby's daemon/stop.go, kill.go and delete.go.
"""

from __future__ import annotations

import math
from typing import Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import effects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    SOON,
    STOP_TIMEOUT,
    Incident,
)


def has_its_shape(action: str, incident: Incident) -> bool | None:
    """Whether the engine noted what it notes for an action; False: with that of another beside it; None: it did not.

    The request to stop ends with a `stop` event, the ones to kill and to remove by force have none (daemon/stop.go,
    kill.go, delete.go).
    """
    if incident.what != 'died':
        return True
    if action in ('stop', 'restart'):
        return True if incident.stopped else None
    return not incident.stopped


def is_early(command: Command, incident: Incident) -> bool:
    """Whether SIGKILL came before the time was over that a command gives: then it can be somebody else's.

    The files of Compose can give less than the usual time, and so can the option --stop-timeout of a container.
    """
    signals = [(request.time, request.attributes.get('signal')) for request in incident.requests]
    killed = [time for time, number in signals if number == '9']
    asked = [time for time, number in signals if number != '9']
    is_known = command.timeout is not None or not (command.action or '').startswith('compose')
    if not incident.stopped or not killed or not asked or not is_known:
        return False
    # An engine that is busy kills later, never earlier
    return killed[0] < max(asked) + timeout(command.timeout) * 1000 - SOON / 10


def timeout(given: int | None) -> float:
    """The seconds that a container gets to end."""
    if given is None:
        return STOP_TIMEOUT
    return math.inf if given < 0 else given


def in_window(start: float, moments: Sequence[float], window: float) -> bool:
    return any(start <= time <= start + window for time in moments)


def with_signal(command: Command, incident: Incident) -> list[float]:
    """When requests came that a command can have made: kill and rm --force send one signal only."""
    if incident.what != 'died' or command.action not in ('kill', 'remove', 'compose_kill'):
        return incident.times
    number = effects.signal_number(None if command.action == 'remove' else command.signal)
    if number is None and command.ends is False:
        return []  # the engine refuses what is no signal
    return [
        request.time
        for request in incident.requests
        if number is None or request.attributes.get('signal', str(number)) == str(number)
    ]
