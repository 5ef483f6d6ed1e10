# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts as text for a terminal: a block for each, with its evidence. Nothing of a log or an engine is printed raw."""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import render

_INDENT = ' ' * 4
_SHOWN_LINE = 2000
_SHOWN_WHO = 5  # the evidence lists more
CAUSES = {
    'cli': 'a docker command',
    'api': 'an API client',
    'self_exit': 'ended by itself',
    'oom': 'out of memory',
    'engine_shutdown': 'the engine went down',
    'not_known': 'not known',
}


def view(hosts, since=None, until=None, zone=None):
    """Lines for a terminal: every verdict, how far back each host's engine and log reach, and the hosts that were not read."""
    read = {host: result for host, result in hosts.items() if not render.unread_reason(result)}
    verdicts = by_time([verdict for result in read.values() for verdict in result['verdicts']])
    lines = []
    for verdict in verdicts:
        lines += block(verdict, zone) + ['']
    lines += [] if verdicts else ['No container vanished, as far as the engines remember.', '']
    for host, result in read.items():
        lines += reach(host, result, zone)
    lines.append(
        '%d of %d hosts read, %s: %d verdicts' % (len(read), len(hosts), render.period(since, until), len(verdicts))
    )
    return lines + render.not_read(hosts)


def by_time(verdicts):
    """Newest last."""
    return sorted(verdicts, key=lambda verdict: (verdict['timestamp'], verdict['host'] or '', verdict['id']))


def block(verdict, zone=None):
    """Lines about one verdict."""
    lines = [
        '%s  %s  %s %s'
        % (
            render.local_time(verdict['timestamp'], zone),
            render.quoted(verdict['host'] or '-'),
            render.quoted(verdict['container'] or '-'),
            ', '.join(verdict['what']),
        ),
        '%sid %s' % (_INDENT, render.quoted(verdict['id'][:12])),
        '%scause %s (%s), %s' % (_INDENT, verdict['cause'], CAUSES[verdict['cause']], verdict['confidence']),
    ]
    label = 'who' if verdict['confidence'] != 'open' else 'can be'
    for who in verdict['who'][:_SHOWN_WHO]:
        lines.append(
            '%s%s user %s (login %s), pid %s, ppid %s, exe %s'
            % (
                _INDENT,
                label,
                _name(who, 'user', 'uid'),
                _name(who, 'login_user', 'auid'),
                who.get('pid'),
                who.get('ppid'),
                render.quoted(who.get('exe') or '-'),
            )
        )
        if who.get('argv'):
            lines.append('%s    $ %s' % (_INDENT, render.short(render.command_line(who), _SHOWN_LINE)))
        lines += ['%s    %s' % (_INDENT, piece) for piece in render.caller_pieces(who, zone)]
    if len(verdict['who']) > _SHOWN_WHO:
        lines.append('%s%s %d more, see below' % (_INDENT, label, len(verdict['who']) - _SHOWN_WHO))
    return lines + [
        '%s- %s' % (_INDENT, render.short(render.printable(line), _SHOWN_LINE)) for line in verdict['evidence']
    ]


def reach(host, result, zone=None):
    """A line on how far back the events of a host reach, and one for each time from which some are missing."""
    events = result['events']
    unasked = (
        'and the engine cannot be asked: %s' % render.printable(events['engine']) if events.get('engine') else None
    )
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
        text = '%s reach back to %s, %s' % (what, render.local_time(events['first'], zone), rest)
    return ['%s: %s' % (render.quoted(host), text)] + [
        '%sevents are missing from %s to %s'
        % (_INDENT, render.local_time(gap['from'], zone), render.local_time(gap['to'], zone))
        for gap in events.get('gaps') or []
    ]


def _name(who, name, number):
    value = who.get(number) if who.get(name) is None else who[name]
    return '-' if value is None else render.quoted(str(value))
