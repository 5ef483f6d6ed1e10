# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the views for a terminal have in common: times, callers, columns, and the hosts that were not read."""

from __future__ import annotations

import collections
import datetime
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape

INDENT = ' ' * 4
#: What every terminal holds
WIDTH = 80
_HANG = 8
# The indent of a line, cells of a table before its text, and a mark
_BEFORE_TEXT = re.compile(r' *(?:\S+  +)*(- |-> )?')
#: An argument can be 128 KiB long, a command line 2 MB: in a terminal that buries all other findings.
SHOWN_COMMAND = 2000
SHOWN_TEXT = 400

Zone = datetime.tzinfo | None
#: Colours a text by what it is about: an action, a word of coverage
Paint = Callable[[str, str], str]
#: What a module returned, by host
Results = Mapping[str, Mapping[str, Any]]


def local_time(timestamp: str | None, zone: Zone = None) -> str:
    """A time of a finding with its offset, or a dash."""
    if not timestamp:
        return '-'
    moment = datetime.datetime.fromisoformat(timestamp.replace('Z', '+00:00')).astimezone(zone)
    return moment.isoformat(sep=' ', timespec='milliseconds')


def name_or_number(entry: Mapping[str, Any], name: str, number: str) -> str:
    """Who a record names, by name where it carries one."""
    return escape.word(entry.get(number) if entry.get(name) is None else entry[name])


def counted(number: int, name: str) -> str:
    """1 host, 2 hosts."""
    return '%d %s%s' % (number, name, '' if number == 1 else 's')


def unpainted(text: str, _about: str) -> str:
    """The text without a colour."""
    return text


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of rows of cells, each column as wide as its widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def fitted(lines: Iterable[str], width: int | None) -> list[str]:
    """The lines broken at blanks where they are wider than a terminal, or as they are where width is None.

    What goes on stands further right than any line begins, so that no text of a host can look like a line of ours.
    A command line is not broken, it may be copied.
    """
    return [piece for line in lines for piece in _fitted(line, width)]


def _fitted(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width or line.lstrip().startswith('$ '):
        return [line]
    match = _BEFORE_TEXT.match(line)
    hang = match.end() + (0 if match.group(1) else 2) if match else 0
    hang = hang if len(INDENT) < hang <= width // 2 else _HANG
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=' ' * hang,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def shown_command(entry: Mapping[str, Any], limit: int = SHOWN_COMMAND) -> str:
    """A command line that is cut where it is long, with a remark where the log lacks some of it."""
    missing = '' if entry.get('argv_complete', True) else ' ... (the log lacks arguments)'
    return escape.short(escape.command_line(entry), limit) + missing


# --- Callers ---------------------------------------------------------------------------------------------------------


def caller_pieces(entry: Mapping[str, Any], zone: Zone = None) -> Iterator[str]:
    """What is known of the asker of a finding or a connect beyond its own record, a piece of text for each."""
    caller = entry.get('caller') or {}
    if caller.get('login'):
        yield _login(caller['login'], zone)
    if isinstance(caller.get('unit'), Mapping):
        yield 'unit: %s (%s)' % (escape.word(caller['unit'].get('name')), escape.word(caller['unit'].get('setting')))
    process, parent = caller.get('process'), caller.get('parent')
    # The command of a finding stands there anyway
    if process and not (entry.get('argv') and parent):
        yield 'process: ' + _process(process)
    # The first process of a container was run by a helper of the engine
    if parent and not (process and process.get('container') and not parent.get('container')):
        yield 'parent: ' + _process(parent)


def _login(login: Mapping[str, Any], zone: Zone) -> str:
    text = 'login: ' + name_or_number(login, 'account', 'auid')
    for label, name in (('from', 'address'), ('on', 'terminal')):
        if login.get(name) is not None:
            text += ' %s %s' % (label, escape.quoted(login[name]))
    return '%s at %s (session %s)' % (text, local_time(login.get('timestamp'), zone), escape.word(login.get('ses')))


def _process(process: Mapping[str, Any]) -> str:
    text = str(process['pid'])
    if process.get('container'):
        text += ' container %s' % escape.quoted(process.get('container_name') or process['container'][:12])
    elif process.get('unit'):
        text += ' ' + escape.quoted(process['unit'])
    # A thread of the kernel has no command line: ps(1) shows its name so
    command = escape.command_line(process) or '[%s]' % escape.printable(process.get('comm') or '')
    # It can have been another program when it ran docker
    return '%s, now %s' % (text, escape.short(command, SHOWN_TEXT))


# --- What was seen at all --------------------------------------------------------------------------------------------


def period(since: str | None, until: str | None) -> str:
    """The time that was asked for, in words."""
    return (
        'since '
        + (escape.printable(since) if since else 'today')
        + (' until ' + escape.printable(until) if until else '')
    )


def read_of(read: Results, hosts: Results, since: str | None, until: str | None) -> str:
    """How many hosts were read, for which time."""
    return '%d of %s read, %s' % (len(read), counted(len(hosts), 'host'), period(since, until))


def left_out(number: int, what: str, container: str | None) -> list[str]:
    """A line on what is not shown because of the pattern, and how to see it, if there is any."""
    if not number:
        return []
    pattern = escape.printable(container or names.DEFAULT_CONTAINER)
    return [
        "%s of other containers %s not shown (container=%s): -e container='*' shows all"
        % (counted(number, what), 'is' if number == 1 else 'are', pattern)
    ]


_FORGERS = {
    'syslog': 'From a syslog: %s. Whoever may write to it could have forged %s.',
    'interpreted': 'From ausearch -i: %s. Whoever may run a command could have forged %s.',
}


def forgeable(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each origin that somebody below root can forge, if there are findings of it. Raw records are not."""
    numbers = collections.Counter(str(finding.get('origin')) for finding in findings)
    return [
        text % (counted(numbers[origin], 'finding'), 'it' if numbers[origin] == 1 else 'them')
        for origin, text in _FORGERS.items()
        if numbers[origin]
    ]


def unreadable_line(execution: Mapping[str, Any], zone: Zone = None) -> str:
    """A line about an execution whose command is not known, or of which it is not known whether it was docker."""
    text = '%s: docker was executed at %s by user %s (pid %s, event %s), but its command is not in the log: %s'
    if execution['reason'] in ('SYSCALL record missing', 'key cut off'):
        text = '%s: perhaps docker was executed at %s by user %s (pid %s, event %s), to take a container away: %s'
    return text % (
        escape.word(execution['host']),
        local_time(execution['timestamp'], zone),
        name_or_number(execution, 'user', 'uid'),
        escape.word(execution.get('pid')),
        escape.word(execution['event']),
        escape.printable(execution['reason']),
    )


def not_read(hosts: Results) -> list[str]:
    """Lines on the hosts that were not read, if there are any."""
    reasons = {host: unread_reason(result) for host, result in hosts.items()}
    lines = ['%s%s: %s' % (INDENT, escape.quoted(host), reason) for host, reason in reasons.items() if reason]
    return ['', 'NOT READ:'] + lines if lines else []


def unread_reason(result: Mapping[str, Any]) -> str | None:
    """Why a host gave no answer, or None."""
    if not (result.get('failed') or result.get('unreachable')):
        return None
    # Programs speak on several lines, a reason stands on one
    words = ' '.join(str(result.get('msg') or 'the module gave no reason').split()).removeprefix('Task failed: ')
    return '%s%s' % (
        'unreachable: ' if result.get('unreachable') else '',
        escape.printable(escape.short(words, SHOWN_TEXT)),
    )
