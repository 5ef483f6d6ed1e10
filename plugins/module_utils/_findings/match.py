# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a command can affect a container whose name matches the pattern.

Sources: how the engine resolves a reference (full id, exact name, unique id prefix) is moby's daemon/container.go
GetContainer; how a script is run is the kernel's fs/binfmt_script.c.
"""

from __future__ import annotations

import bisect
import re
from typing import Callable, Mapping, NamedTuple, Optional, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, text
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse as docker_cli
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command

_ID = re.compile(r'[0-9a-f]{1,64}\Z')

# From a target, and whether the command talks to another engine, to name, id, possible, or None for no match
Resolve = Callable[[str, bool], Optional[str]]


class Match(NamedTuple):
    """What a command does to matching containers."""

    command: Command
    way: str | None  # name, id or possible; None: it hits none
    targets: list[str]  # those that match by name or id


def matched(event: audit_events.Event, argv: Sequence[bytes], gap: int | None, resolve: Resolve) -> Match | None:
    """The command of an execution, or None for one that takes no container away; gap is the first missing argument."""
    raw = audit_events.fields(event)
    comm, exe = (text.shown(audit_events.text_value(event, raw.get(name))) for name in ('comm', 'exe'))
    words, is_script, is_docker = docker_cli.of_execution([text.exact(word) for word in argv], comm, exe)
    # A program that nothing calls docker was logged under our key all the same
    certain = is_docker and event.origin != records.INTERPRETED
    if gap is not None and certain:
        # What stands before the first missing argument may say enough by itself
        known = _match(docker_cli.parse(words[: max(0, gap - len(argv) + len(words))], is_script), resolve)
        if known.way in ('name', 'id') and not known.command.podman:
            return known
    command = docker_cli.parse(words, is_script)
    if command.action is None:
        return None
    found = _match(command, resolve)
    if (gap is not None and not event.interpreted) or (found.way is not None and (command.podman or not certain)):
        # A missing argument can be another target; which program a script runs is not known
        return found._replace(way='possible')
    return found


class Labels:
    """The names of containers by id, or by the start of an id."""

    def __init__(self, containers: Mapping[str, str]) -> None:
        self._labels = {identity: label.lstrip('/') for identity, label in containers.items()}
        self._ids = sorted(self._labels)

    def names(self) -> frozenset[str]:
        return frozenset(self._labels.values())

    def is_id(self, target: str) -> bool:
        return target in self._labels

    def of(self, target: str) -> str | None:
        """The name of the one container that a reference means by its id, or None."""
        if target in self._labels:
            return self._labels[target]
        # Those with this prefix stand together
        place = bisect.bisect_left(self._ids, target)
        found = [one for one in self._ids[place : place + 2] if _ID.match(target) and one.startswith(target)]
        return self._labels[found[0]] if len(found) == 1 else None


def resolver(labels: Labels, is_match: Callable[[str], bool]) -> Resolve:
    """A function that says how a target matches the name pattern."""
    known_names = labels.names()

    def resolve(target: str, is_foreign: bool) -> str | None:
        label = None if is_foreign else labels.of(target)
        if label is not None and labels.is_id(target):
            return 'id' if is_match(label) else None
        if is_match(target):
            return 'name'
        if is_foreign:
            return 'possible' if _ID.match(target) else None
        if target in known_names or not _ID.match(target):
            return None
        if label is not None:
            return 'id' if is_match(label) else None
        # Unknown, or ambiguous now: then it may have been the id of a matching container that is gone.
        return 'possible'

    return resolve


def _match(command: Command, resolve: Resolve) -> Match:
    if command.action is None:
        return Match(command, None, [])
    if command.target_kind != 'container' or not command.targets:
        return Match(command, 'possible', [])
    is_foreign = names.is_foreign(command.docker_host, command.context)
    ways = [resolve(target, is_foreign) for target in command.targets]
    targets = [target for target, way in zip(command.targets, ways) if way in ('name', 'id')]
    for way in ('name', 'id', 'possible'):
        if way in ways:
            return Match(command, way, targets)
    # It names others, and acts on more than it names
    return Match(command, 'possible' if command.everything else None, [])


def base(path: bytes) -> bytes:
    """The last part of a path."""
    return path.rpartition(b'/')[2]
