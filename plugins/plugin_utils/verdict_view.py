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
    'cli': 'a docker command', 'api': 'an API client', 'self_exit': 'ended by itself', 'oom': 'out of memory', 'engine_shutdown': 'the engine went down',
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
    lines.append('%d of %d hosts read, since %s%s: %d verdicts' % (
        len(read), len(hosts), render.printable(since) if since else 'today', ' until ' + render.printable(until) if until else '', len(verdicts)))
    unread = [(host, render.unread_reason(result)) for host, result in hosts.items() if render.unread_reason(result)]
    if unread:
        lines += ['', 'NOT READ:'] + ['%s%s: %s' % (_INDENT, render.quoted(host), reason) for host, reason in unread]
    return lines


def by_time(verdicts):
    """Newest last."""
    return sorted(verdicts, key=lambda verdict: (verdict['timestamp'], verdict['host'] or '', verdict['id']))


def block(verdict, zone=None):
    """Lines about one verdict."""
    lines = [
        '%s  %s  %s %s' % (
            render.local_time(verdict['timestamp'], zone), render.quoted(verdict['host'] or '-'), render.quoted(verdict['container'] or '-'),
            ', '.join(verdict['what'])),
        '%sid %s' % (_INDENT, render.quoted(verdict['id'][:12])),
        '%scause %s (%s), %s' % (_INDENT, verdict['cause'], CAUSES[verdict['cause']], verdict['confidence']),
    ]
    label = 'who' if verdict['confidence'] != 'open' else 'can be'
    for who in verdict['who'][:_SHOWN_WHO]:
        lines.append('%s%s user %s (login %s), pid %s, ppid %s, exe %s' % (
            _INDENT, label, _name(who, 'user', 'uid'), _name(who, 'login_user', 'auid'), who.get('pid'), who.get('ppid'), render.quoted(who.get('exe') or '-')))
        if who.get('argv'):
            lines.append('%s    $ %s' % (_INDENT, _short(render.command_line(who))))
        lines += ['%s    %s' % (_INDENT, piece) for piece in render.caller_pieces(who, zone)]
    if len(verdict['who']) > _SHOWN_WHO:
        lines.append('%s%s %d more, see below' % (_INDENT, label, len(verdict['who']) - _SHOWN_WHO))
    return lines + ['%s- %s' % (_INDENT, _short(render.printable(line))) for line in verdict['evidence']]


def reach(host, result, zone=None):
    """A line on how far back the events of a host reach, and one for each time from which some are missing."""
    events = result['events']
    if not events['count']:
        return ['%s: the engine remembers no event' % render.quoted(host)]
    if events.get('kept'):
        what, rest = 'kept events', 'and the engine cannot be asked: %s' % render.printable(events['engine']) if events['engine'] else 'and to now'
    else:
        what, rest = 'the events of the engine', 'what was before is forgotten' if events['full'] else 'all that it had since it started'
    return ['%s: %s reach back to %s, %s' % (render.quoted(host), what, render.local_time(events['first'], zone), rest)] + [
        '%sevents are missing from %s to %s' % (_INDENT, render.local_time(gap['from'], zone), render.local_time(gap['to'], zone))
        for gap in events.get('gaps') or []]


def _name(who, name, number):
    value = who.get(number) if who.get(name) is None else who[name]
    return '-' if value is None else render.quoted(str(value))


def _short(text):
    return text if len(text) <= _SHOWN_LINE else '%s ... (%d more characters)' % (text[:_SHOWN_LINE], len(text) - _SHOWN_LINE)
