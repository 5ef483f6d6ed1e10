# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds which files are rotations of which log, by their names, and puts them in order.

Sources: audit-userspace src/auditd-event.c rotate_logs() for numbers, logrotate(8) for dates, `extension` and
compressed ones.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence

# What follows the name of the log, of this length at most: a number counts rotations, eight digits or more are a date
_LONGEST_ROTATED = 24
_ROTATED = re.compile(r'[.-](\d{1,14}|\d{4}-\d\d-\d\d(?:[T_-]?\d{2,6})?)(?:\.(?:gz|xz|bz2))?\Z')


def age(name: str, log: str) -> tuple[int, int] | None:
    """Sorts the names of a log and its rotations, the newest first; None for the name of something else."""
    if name == log:
        return 0, 0
    stem, extension = os.path.splitext(log)
    found = _ROTATED.match(name[len(log) :]) if name.startswith(log) else None
    if found is None and extension and name.startswith(stem + '-'):
        # logrotate's `extension`: audit-20261121.log
        found = _ROTATED.match(name[len(stem) :].replace(extension, '', 1))
    if found is None:
        return None
    digits = re.sub(r'\D', '', found.group(1))
    return (2, -int(digits.ljust(14, '0'))) if len(digits) >= 8 else (1, int(digits))


def in_order(paths: Sequence[str]) -> list[str]:
    """Files that somebody named, each log with its rotations, the oldest first."""
    return [path for group in in_groups(paths) for path in group]


def in_groups(paths: Sequence[str]) -> list[list[str]]:
    """Files that somebody named, as a list for each log: its rotations and the log, the oldest first."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(os.path.dirname(path), []).append(path)
    placed: dict[str, list[tuple[int, int, str]]] = {}
    for beside in folders.values():
        known = set(beside)
        by_stem: dict[str, list[str]] = {}
        for path in sorted(known, key=_shortest_first):
            by_stem.setdefault(os.path.splitext(path)[0], []).append(path)
        for path in beside:
            # The shortest name of which this one is a rotation, also where that is not among them
            log = min(_logs_of(path, known, by_stem), key=_shortest_first, default=None)
            if log is None:
                cut = _ROTATED.search(path)
                log = path[: cut.start()] if cut else path
            generation, number = age(path, log) or (0, 0)
            placed.setdefault(log, []).append((-generation, -number, path))
    return [[path for _generation, _number, path in sorted(placed[log])] for log in sorted(placed)]


def _shortest_first(path: str) -> tuple[int, str]:
    return len(path), path


def _logs_of(path: str, known: set[str], by_stem: dict[str, list[str]]) -> Iterator[str]:
    """Of the names that are known, those of which a path is a rotation; of those that add nothing but an extension to
    what is left of it, the shortest. by_stem has the known ones in that order.

    The path is cut, instead of compared with each of them: there can be thousands.
    """
    near_end = len(path) - _LONGEST_ROTATED
    for cut in range(len(path) - len(os.path.basename(path)), len(path)):
        log = path[:cut]
        if cut >= near_end and _ROTATED.match(path, cut):
            if log in known:
                yield log
            # audit-20261121 beside audit.log
            beside = by_stem.get(log, []) if path[cut] == '-' else []
            yield from itertools.islice((other for other in beside if other != path and age(path, other)), 1)
        if path[cut] == '-':
            # audit-20261121.log.gz: what stands between can be the extension
            for dot in range(cut + 1, min(cut + _LONGEST_ROTATED, len(path))):
                for end in range(max(dot + 1, near_end), len(path) + 1) if path[dot] == '.' else ():
                    other = log + path[dot:end]
                    if other in known and age(path, other):
                        yield other
