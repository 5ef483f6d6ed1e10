# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knows which containers existed at a time, under which names, and which container a reference meant.

Source: how a reference is resolved is moby's daemon/container.go GetContainer: full id, exact name, unique id prefix.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Iterable, Mapping, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    STOPS_NOTHING,
    Event,
    Incident,
)

PROJECT = 'com.docker.compose.project'
SERVICE = 'com.docker.compose.service'
#: 'True' for what "compose run" made.
ONEOFF = 'com.docker.compose.oneoff'
FOLDER = PROJECT + '.working_dir'
FILES = PROJECT + '.config_files'
SWARM_SERVICE = 'com.docker.swarm.service.name'
STACK = 'com.docker.stack.namespace'

# What happens to a container only because somebody asked for it
_ASKED = ('create', 'kill', 'stop', 'destroy', 'rename')

# Who asks for one container after the other can wait for the end of one before: what a long wait is, and how long after
# its end the others can follow
_LONG_WAIT = 60 * 1000
_FOLLOW = 600 * 1000

_ID = re.compile(r'[0-9a-f]{1,64}\Z')


class World:
    """The containers that the events and the engine know."""

    def __init__(
        self,
        happened: Iterable[Event],
        containers: Mapping[str, str | Sequence[str]],
        real: Mapping[str, str | None] | None = None,
    ) -> None:
        """containers maps the ids of containers that are there now to their names, real the paths of Compose's labels
        to what they lead to on this host, or to None where they lead nowhere; without it they are taken as they are."""
        self._real = real
        self._names: dict[str, list[tuple[float, str]]] = {}
        self._created: dict[str, float] = {}
        self._destroyed: dict[str, float] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._of_name: dict[str, set[str]] = {}
        self._asked: dict[str, list[tuple[float, str]]] = {}
        self._all_asked: list[tuple[float, str]] = []
        self._stopping: dict[str, float] = {}
        self._waits: list[tuple[float, float]] = []  # begin and end of long ones, in order and apart
        #: When the engine noted the end of a prune, in order.
        self.prunes: list[float] = []
        for one in happened:
            self._add(one)
        for identity, name in containers.items():
            for label in [name] if isinstance(name, str) else name:
                self._call(identity, 0, label.lstrip('/'))
        self._ids = sorted(self._names)
        #: Folder or file -> the Compose projects whose containers were made from it.
        self.projects: dict[str, set[str]] = {}
        self.by_file: dict[str, set[str]] = {}
        for labels in self._labels.values():
            if labels.get(PROJECT):
                for folder in (labels.get(FOLDER), self.real(labels.get(FOLDER))):
                    self.projects.setdefault(folder or '', set()).add(labels[PROJECT])
                for name in labels.get(FILES, '').split(','):
                    for path in (name, self.real(name)):
                        self.by_file.setdefault(path or '', set()).add(labels[PROJECT])
        self.projects.pop('', None)
        self.by_file.pop('', None)

    def real(self, path: str | None) -> str | None:
        """What a path leads to on this host, as far as that is known."""
        return path if self._real is None or path is None else self._real.get(path, path)

    def is_real(self, paths: Iterable[str | None]) -> bool:
        """Whether it is known where all of these paths lead: only then another path is another file."""
        return self._real is None or all(path is not None and self._real.get(path) for path in paths)

    def _add(self, one: Event) -> None:
        if one.action == 'prune':
            self.prunes.append(one.time)
        if not one.id:
            return
        first = 0 if one.id not in self._names else one.time
        if one.action == 'rename':
            self._call(one.id, first, one.attributes.get('oldName', '').lstrip('/'))
        names = self._names.get(one.id)
        if not names or names[-1][1] != one.name:
            self._call(one.id, one.time if names else 0, one.name)
        self._labels[one.id] = one.attributes
        if one.action in _ASKED and PROJECT in one.attributes:
            self._asked.setdefault(one.attributes[PROJECT], []).append((one.time, one.action))
            self._all_asked.append((one.time, one.attributes[PROJECT]))
        self._note_wait(one)
        if one.action == 'create':
            self._created[one.id] = one.time
        elif one.action == 'destroy':
            self._destroyed[one.id] = one.time

    def _note_wait(self, one: Event) -> None:
        if one.action == 'start':
            self._stopping.pop(one.id, None)
        elif one.action == 'kill' and one.attributes.get('signal') not in (*STOPS_NOTHING, '9'):
            self._stopping.setdefault(one.id, one.time)
        elif one.action == 'die':
            begin, end = self._stopping.pop(one.id, one.time), one.time
            if end - begin > _LONG_WAIT:
                while self._waits and self._waits[-1][1] >= begin - _FOLLOW:
                    begin = min(begin, self._waits.pop()[0])
                self._waits.append((begin, end))

    def waited_since(self, time: float) -> float:
        """From when on somebody who asks for one container after the other can have waited for ends of containers until
        a time; that time, where nothing took long right before."""
        place = bisect_left(self._waits, (time,))
        begin, end = self._waits[place - 1] if place else (time, time)
        return begin if end >= time - _FOLLOW else time

    def _call(self, identity: str, time: float, name: str) -> None:
        self._names.setdefault(identity, []).append((time, name))
        if name:
            self._of_name.setdefault(name, set()).add(identity)

    def names_until(self, identity: str, time: float) -> list[str]:
        return [name for moment, name in self._names.get(identity, ()) if moment <= time and name]

    def existed(self, identity: str, time: float) -> bool:
        return self._created.get(identity, 0) <= time <= self._destroyed.get(identity, time)

    def created(self, identity: str) -> float | None:
        return self._created.get(identity)

    def was_asked_for(self, projects: Iterable[str], start: float, end: float) -> bool:
        """Whether somebody asked for something with a container of one of these Compose projects in a period."""
        for project in projects:
            asked = self._asked.get(project, [])
            place = bisect_left(asked, (start,))
            if place < len(asked) and asked[place][0] <= end:
                return True
        return False

    def first_asked(self, time: float) -> tuple[float, str] | None:
        """When somebody first asked for something with a container of a Compose project since a time, and of which."""
        place = bisect_left(self._all_asked, (time,))
        return self._all_asked[place] if place < len(self._all_asked) else None

    def last_asked(self, project: str, time: float) -> tuple[float, str] | None:
        """When, before a time, somebody last asked for what with a container of a Compose project."""
        asked = self._asked.get(project, [])
        place = bisect_left(asked, (time,))
        return asked[place - 1] if place else None

    def resolves(self, target: str, incident: Incident, time: float) -> str | None:
        """How a reference leads to the container of an incident: 'id', 'name', 'prefix'; None if it does not."""
        if target == incident.id:
            return 'id'
        if target == incident.old_name:
            return 'name'
        if not _ID.match(target) or not incident.id.startswith(target):
            return None
        for other in self._of_name.get(target, ()):
            if other != incident.id and self.existed(other, time) and self.names_until(other, time)[-1:] == [target]:
                return None
        for index in range(bisect_left(self._ids, target), len(self._ids)):
            other = self._ids[index]
            if not other.startswith(target):
                break
            if other != incident.id and self.existed(other, time):
                return None
        return 'prefix'
