# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the systemd unit that ran a command, by the Exec lines that `systemctl show` prints.

Source: src/shared/exec-util and src/systemctl/systemctl-show.c of systemd: { path=… ; argv[]=… ; … ; pid=N ; … },
the arguments with a blank between them and without quotes.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, MutableMapping, NamedTuple

_SETTINGS = ('ExecStartPre', 'ExecStart', 'ExecStartPost', 'ExecReload', 'ExecStop', 'ExecStopPost')
_LIST = ['list-unit-files', '--no-pager', '--no-legend', '--type=service']
_SHOW = ['show', '--no-pager', '--type=service', '--all', '--property=Id,' + ','.join(_SETTINGS), '--', '*']
_NAME = re.compile(r'^([^\s@]+\.service)\s', re.MULTILINE)
_LINE = re.compile(
    r'^(%s)=\{ path=[^\n]*? ; argv\[\]=([^\n]*?) ; (?:flags|ignore_errors)=[^\n]*? ; pid=(\d+) ;' % '|'.join(_SETTINGS),
    re.MULTILINE,
)


class Line(NamedTuple):
    """An Exec line of a unit, and the process that it was last."""

    unit: str
    setting: str
    command: str
    pid: int


def known(systemctl: Callable[[list[str]], str]) -> list[Line]:
    """The Exec lines of all units of a host; systemctl runs it with arguments.

    "*" is what systemd has loaded. It forgets a unit that has done its work, and reads it again where it is named.
    """
    return lines(systemctl(_SHOW + _NAME.findall(systemctl(_LIST))))


def lines(shown: str) -> list[Line]:
    """The Exec lines of all units."""
    found = []
    for block in shown.split('\n\n'):
        unit = re.search(r'^Id=(\S+)$', block, re.MULTILINE)
        if unit:
            found += [Line(unit.group(1), one[1], one[2], int(one[3])) for one in _LINE.finditer(block)]
    return found


def add(entries: Iterable[MutableMapping[str, Any]], all_lines: Iterable[Line]) -> None:
    """Note the unit of each command whose parent is systemd, where exactly one unit has that line.

    Of two units with the same line the process decides, as long as it was the last one of its line.
    """
    all_lines = list(all_lines)
    for entry in entries:
        if entry.get('ppid') != 1 or not entry.get('argv') or not isinstance(entry.get('caller'), dict):
            continue
        same = [line for line in all_lines if _is_same(entry['argv'], line.command)]
        exact = [line for line in same if line.pid == entry.get('pid')]
        units = {line.unit for line in exact or same}
        if len(units) == 1:
            line = (exact or same)[0]
            entry['caller']['unit'] = {'name': line.unit, 'setting': line.setting, 'is_process': bool(exact)}


def _is_same(argv: list[str], command: str) -> bool:
    """Whether an argv is that of an Exec line; the program can be written with its folder or without."""
    program, _blank, rest = command.partition(' ')
    return program.rpartition('/')[2] == argv[0].rpartition('/')[2] and rest == ' '.join(argv[1:])
