# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts as text for a terminal: a block for each, with its evidence. Nothing of a host is printed raw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, parts, verdict_words
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Results, Zone

_SHOWN_GAPS = 2
_SHOWN_WHO = 3  # the evidence lists more
_BY_SOMEBODY = ('cli', 'api', 'killed_outside_engine')

#: Takes a verdict and its line
Paint = Callable[[Mapping[str, Any], str], str] | None


def view(
    hosts: Results,
    since: str | None = None,
    until: str | None = None,
    zone: Zone = None,
    evidence: bool = False,
    paint: Paint = None,
    container: str | None = None,
    width: int | None = None,
) -> list[str]:
    """Lines for a terminal: each verdict, how far back the records of each host go, and the hosts that were not read.

    With evidence, what a verdict is based on is printed below it. paint colours the line of a verdict. Lines are
    broken at width, where it is known.
    """
    read = {host: result for host, result in hosts.items() if not parts.unread_reason(result)}
    verdicts = of_all(hosts)
    lines: list[str] = []
    for group in folded(verdicts):
        lines += block(group, zone, evidence, paint, width)
    if not read:
        lines.append('No host was read, so nothing is known about any container.')
    elif not verdicts:
        known = all(_is_known_since(result['events'], since, zone) for result in read.values())
        lines.append(
            'No container ended or was removed.' if known else 'No container ended or was removed, as far as is known.'
        )
    lines.append('')
    below: list[str] = []
    for host, result in read.items():
        below += reach(host, result, zone)
    below.append('%s: %s' % (parts.read_of(read, hosts, since, until), parts.counted(len(verdicts), 'verdict')))
    if verdicts and not evidence:
        below.append('What the verdicts are based on: -e evidence=true')
    below += parts.left_out(others(read), 'verdict', container) + parts.not_read(hosts)
    return lines + parts.fitted(below, width)


def others(hosts: Results) -> int:
    """How many verdicts on other containers the hosts left out."""
    return sum(result.get('others') or 0 for result in hosts.values())


def _is_known_since(events: Mapping[str, Any], since: str | None, zone: Zone) -> bool:
    """Whether all events of the time that was asked for are known."""
    try:
        start = times.timestamp(times.asked(since or 'today', zone))
    except times.TimeError:
        return False
    return bool(events['count'] and str(events['first']) <= str(start) and not events.get('gaps'))


def of_all(hosts: Results) -> list[dict[str, Any]]:
    """The verdicts of all hosts that were read, newest last."""
    return by_time([verdict for result in hosts.values() for verdict in result.get('verdicts') or []])


def in_zone(line: Any, zone: Zone) -> Any:
    """A line of evidence with its time as the view shows times: in one zone."""
    if not isinstance(line, Mapping) or not line.get('time'):
        return line
    return dict(line, time=parts.local_time(line['time'], zone))


def by_time(verdicts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest last."""
    return sorted(verdicts, key=lambda verdict: (verdict['timestamp'], verdict['host'] or '', verdict['id']))


def folded(verdicts: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The verdicts, with ends of the same kind of one container in a row as one group: a crash loop, runs with --rm."""
    groups: list[list[Mapping[str, Any]]] = []
    last: dict[Any, list[Mapping[str, Any]]] = {}
    for verdict in verdicts:
        name = (verdict['host'], verdict['container'])
        before = last.get(name)
        if before and verdict['cause'] == 'self_exit' and _kind(before[-1]) == _kind(verdict):
            before.append(verdict)
            continue
        last[name] = [verdict]
        groups.append(last[name])
    return groups


def _kind(verdict: Mapping[str, Any]) -> tuple[Any, ...]:
    return verdict['what'], verdict['cause'], verdict['confidence']


def block(
    group: Sequence[Mapping[str, Any]],
    zone: Zone = None,
    evidence: bool = False,
    paint: Paint = None,
    width: int | None = None,
) -> list[str]:
    """One line about verdicts of the same kind, and who it can have been where that is open."""
    verdict = group[-1]
    heading = _fitted_headline(group, zone, width)
    lines: list[str] = []
    if verdict['confidence'] == 'open':
        lines += [parts.INDENT + line for line in candidates(verdict) + ([] if evidence else gaps(verdict, zone))]
    for who in verdict['who'][:1] if verdict['confidence'] != 'open' else ():
        lines += [parts.INDENT + piece for piece in parts.caller_pieces(who, zone)]
    if evidence:
        lines.append('%sid %s, %s' % (parts.INDENT, escape.quoted(verdict['id'][:12]), _cause(verdict)))
        lines += ['%s- %s' % (parts.INDENT, _sentence(line, zone)) for line in verdict['evidence']]
    painted = [paint(verdict, line) if paint else line for line in heading]
    return painted + parts.fitted(lines, width)


def _fitted_headline(group: Sequence[Mapping[str, Any]], zone: Zone, width: int | None) -> list[str]:
    """The headline, with its command on a line of its own where both do not fit into one."""
    line = headline(group, zone)
    command = _command(group[-1])
    if width is None or len(line) <= width or command is None:
        return parts.fitted([line], width)
    return [*parts.fitted([line.replace(': ' + command, '', 1)], width), parts.INDENT + '$ ' + command]


def _command(verdict: Mapping[str, Any]) -> str | None:
    """The command line of whoever is named, if there is one."""
    who = verdict['who'][:1]
    is_named = who and verdict['confidence'] != 'open' and verdict['cause'] in _BY_SOMEBODY
    return _doing(who[0]) if is_named and who[0].get('argv') else None


def headline(group: Sequence[Mapping[str, Any]], zone: Zone = None) -> str:
    """web stopped by ops (sudo) at 03:12:07: docker stop web"""
    verdict = group[-1]
    line = '%s: %s %s' % (
        escape.word(verdict['host']),
        escape.quoted(verdict['container'] or verdict['id'][:12]),
        escape.printable(' and '.join(verdict_words.happened(verdict['what']))),
    )
    when = 'at ' + parts.local_time(verdict['timestamp'], zone)
    if len(group) > 1:
        when = '%d times, from %s to %s' % (
            len(group),
            parts.local_time(group[0]['timestamp'], zone),
            parts.local_time(verdict['timestamp'], zone),
        )
    who = verdict['who'][:1]
    if verdict['confidence'] != 'open' and verdict['cause'] in _BY_SOMEBODY and who:
        sent = 'SIGKILL from ' if verdict['cause'] == 'killed_outside_engine' else ''
        line += ' by %s %s: %s%s' % (_person(who[0]), when, sent, _doing(who[0]))
    elif verdict['cause'] == 'not_known':
        return '%s %s: cause not known' % (line, when)
    elif verdict['confidence'] == 'open':
        words = verdict_words.CAUSES.get(verdict['cause'], '-')
        by = 'a SIGKILL' if verdict['cause'] == 'killed_outside_engine' else words
        line += ' %s: by %s, but which one is not known' % (when, by)
        return line
    else:
        line += ' %s: %s' % (when, explanation(verdict, zone))
    return line + (' (likely)' if verdict['confidence'] == 'likely' else '')


def explanation(verdict: Mapping[str, Any], zone: Zone) -> str:
    """What ended it where nobody did, with what the host says of it."""
    is_exit = verdict['cause'] == 'self_exit'
    words = 'by itself' if is_exit else verdict_words.CAUSES.get(verdict['cause'], escape.printable(verdict['cause']))
    for line in verdict['evidence']:
        if isinstance(line, Mapping) and is_exit and line.get('code') == 'die_event':
            words += ', exit code %s' % escape.word(line.get('exit_code'))
    why = [
        _sentence(line, zone)
        for line in verdict['evidence']
        if isinstance(line, Mapping) and line.get('code') in verdict_words.REASONS
    ]
    return '; '.join([words, *why[-2:]])


def _cause(verdict: Mapping[str, Any]) -> str:
    words = verdict_words.CAUSES.get(verdict['cause'], '-')
    return '%s (%s)' % (words, escape.printable(verdict['confidence']))


def candidates(verdict: Mapping[str, Any]) -> list[str]:
    """Who it can have been, the nearest first."""
    who = sorted(verdict['who'], key=lambda one: one.get('timestamp') or '', reverse=True)
    lines = ['possibly %s: %s' % (_person(one), _doing(one)) for one in who[:_SHOWN_WHO]]
    more = len(who[_SHOWN_WHO:]) + (verdict.get('more') or 0)
    return lines + (['and %s' % parts.counted(more, 'more candidate')] if more else [])


def gaps(verdict: Mapping[str, Any], zone: Zone = None) -> list[str]:
    """The first sources that were not recording."""
    missing = [
        line for line in verdict['evidence'] if isinstance(line, Mapping) and line.get('code') in verdict_words.GAPS
    ]
    return [_sentence(line, zone) for line in missing[:_SHOWN_GAPS]]


def _person(who: Mapping[str, Any]) -> str:
    """ops (sudo); root; a user by number."""
    user, login = parts.name_or_number(who, 'user', 'uid'), parts.name_or_number(who, 'login_user', 'auid')
    account = ((who.get('caller') or {}).get('login') or {}).get('account')
    login = escape.quoted(account) if account else login
    if who.get('auid') is None or login == user or who.get('auid') == who.get('uid'):
        return login if account and who.get('auid') == who.get('uid') else user
    parent = ((who.get('caller') or {}).get('parent') or {}).get('comm')
    return '%s (%s)' % (login, 'sudo' if parent == 'sudo' else 'as ' + user)


def _doing(who: Mapping[str, Any]) -> str:
    """What somebody did. Somebody else may use a client that others can connect to."""
    through = 'through ' if who.get('accepts') is True else ''
    if who.get('argv'):
        return through + parts.shown_command(who)
    if who.get('remote') and who.get('pid') is None:
        return 'a client at %s' % escape.word(who['remote'])
    return through + '%s (pid %s)' % (escape.word(who.get('exe')), escape.word(who.get('pid')))


def _sentence(line: Any, zone: Zone) -> str:
    return escape.short(verdict_words.sentence(in_zone(line, zone)), parts.SHOWN_COMMAND)


def reach(host: str, result: Mapping[str, Any], zone: Zone = None) -> list[str]:
    """A line on how far back the events of a host go, and one for each period of which some are missing."""
    events = result['events']
    reason = (events.get('engine') or {}).get('reason')
    unasked = 'and the engine cannot be asked: %s' % escape.printable(reason) if reason else None
    if not events['count']:
        text = 'no event is saved, ' + unasked if unasked else 'the engine remembers no event'
    else:
        if events.get('kept'):
            what, rest = 'the saved events', unasked or 'and reach to now'
        else:
            what, rest = (
                'the events of the engine',
                'older ones are forgotten' if events['full'] else 'which is all since it started',
            )
        text = '%s go back to %s, %s' % (what, parts.local_time(events['first'], zone), rest)
    lines = ['%s: %s' % (escape.quoted(host), text)]
    if result.get('watched'):
        first = (result.get('span') or {}).get('first')
        lines.append(
            '%sthe log begins at %s; %s' % (parts.INDENT, parts.local_time(first, zone), logged(result['watched']))
        )
    if events.get('unasked'):
        count = parts.counted(events['unasked'], 'container')
        lines.append('%show %s ended last could not be asked in time' % (parts.INDENT, count))
    return lines + [
        '%sevents are missing from %s to %s'
        % (parts.INDENT, parts.local_time(gap['first'], zone), parts.local_time(gap['last'], zone))
        for gap in events.get('gaps') or []
    ]


def logged(watched: Mapping[str, Any]) -> str:
    """Whose docker commands, and what else, are in the log."""
    users = watched.get('uids')
    who = 'of every user' if users is None else 'of the users %s' % ', '.join(map(escape.word, users))
    text = 'docker commands %s are logged' % who if watched.get('commands') else 'docker commands are not logged'
    if watched.get('unwatched'):
        text += ', those of %s are not' % ', '.join(map(escape.word, watched['unwatched']))
    return text + ', connections to the engine are %slogged' % ('' if watched.get('connects') else 'not ')
