# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts as text for a terminal: a block for each, with its evidence. Nothing of a host is printed raw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, parts, verdict_words
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Results, Zone

_SHOWN_WHO = 5  # the evidence lists more


def view(hosts: Results, since: str | None = None, until: str | None = None, zone: Zone = None) -> list[str]:
    """Lines for a terminal: every verdict, how far back each host's events reach, and the hosts that were not read."""
    read = {host: result for host, result in hosts.items() if not parts.unread_reason(result)}
    verdicts = of_all(hosts)
    lines: list[str] = []
    for verdict in verdicts:
        lines += block(verdict, zone) + ['']
    lines += [] if verdicts else ['No container vanished, as far as the engines remember.', '']
    for host, result in read.items():
        lines += reach(host, result, zone)
    lines.append('%s: %s' % (parts.read_of(read, hosts, since, until), parts.counted(len(verdicts), 'verdict')))
    return lines + parts.not_read(hosts)


def of_all(hosts: Results) -> list[dict[str, Any]]:
    """The verdicts of all hosts that were read, newest last."""
    return by_time([verdict for result in hosts.values() for verdict in result.get('verdicts') or []])


def by_time(verdicts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest last."""
    return sorted(verdicts, key=lambda verdict: (verdict['timestamp'], verdict['host'] or '', verdict['id']))


def block(verdict: Mapping[str, Any], zone: Zone = None) -> list[str]:
    """Lines about one verdict."""
    lines = [
        '%s  %s  %s %s'
        % (
            parts.local_time(verdict['timestamp'], zone),
            escape.quoted(verdict['host'] or '-'),
            escape.quoted(verdict['container'] or '-'),
            escape.printable(', '.join(verdict['what'])),
        ),
        '%sid %s' % (parts.INDENT, escape.quoted(verdict['id'][:12])),
        '%scause %s (%s), %s'
        % (
            parts.INDENT,
            escape.printable(verdict['cause']),
            verdict_words.CAUSES.get(verdict['cause'], '-'),
            escape.printable(verdict['confidence']),
        ),
    ]
    label = 'who' if verdict['confidence'] != 'open' else 'can be'
    for who in verdict['who'][:_SHOWN_WHO]:
        lines.append(
            '%s%s user %s (login %s), pid %s, ppid %s, exe %s'
            % (
                parts.INDENT,
                label,
                parts.name_or_number(who, 'user', 'uid'),
                parts.name_or_number(who, 'login_user', 'auid'),
                who.get('pid'),
                who.get('ppid'),
                escape.quoted(who.get('exe') or '-'),
            )
        )
        if who.get('argv'):
            lines.append('%s    $ %s' % (parts.INDENT, escape.short(escape.command_line(who), parts.SHOWN_COMMAND)))
        lines += ['%s    %s' % (parts.INDENT, piece) for piece in parts.caller_pieces(who, zone)]
    if len(verdict['who']) > _SHOWN_WHO:
        lines.append('%s%s %d more, see below' % (parts.INDENT, label, len(verdict['who']) - _SHOWN_WHO))
    return lines + [
        '%s- %s' % (parts.INDENT, escape.short(verdict_words.sentence(line), parts.SHOWN_COMMAND))
        for line in verdict['evidence']
    ]


def reach(host: str, result: Mapping[str, Any], zone: Zone = None) -> list[str]:
    """A line on how far back the events of a host reach, and one for each time from which some are missing."""
    events = result['events']
    reason = (events.get('engine') or {}).get('reason')
    unasked = 'and the engine cannot be asked: %s' % escape.printable(reason) if reason else None
    if not events['count']:
        text = 'no event is kept, ' + unasked if unasked else 'the engine remembers no event'
    else:
        if events.get('kept'):
            what, rest = 'kept events', unasked or 'and to now'
        else:
            what, rest = (
                'the events of the engine',
                'what was before is forgotten' if events['full'] else 'all that it had since it started',
            )
        text = '%s reach back to %s, %s' % (what, parts.local_time(events['first'], zone), rest)
    return ['%s: %s' % (escape.quoted(host), text)] + [
        '%sevents are missing from %s to %s'
        % (parts.INDENT, parts.local_time(gap['first'], zone), parts.local_time(gap['last'], zone))
        for gap in events.get('gaps') or []
    ]
