# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings or verdicts as one HTML page that needs nothing else: a timeline for each host, a table, what was not seen.

Whatever comes from a host is text in it. What does not print is shown by its code as in the view for a terminal, Jinja
escapes the rest, and the page has a policy that lets no other script or style in than its own two (CSP Level 3).
"""

from __future__ import annotations

import base64
import collections
import functools
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    escape,
    findings_view,
    formats,
    parts,
    timeline,
    verdict_view,
    verdict_words,
    whole_file,
)
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Results, Zone

_FOLDER, _TEMPLATE = os.path.split(os.path.splitext(__file__)[0] + '.html.j2')

# What looks alike on the timeline. The names are in the style of the template, nothing of a host ever is.
_ACTIONS = {
    'remove': ('remove', 'prune', 'service_rm', 'stack_rm', 'compose_down', 'compose_rm'),
    'stop': ('stop', 'compose_stop', 'compose_scale', 'service_scale', 'node_drain', 'swarm_leave'),
    'kill': ('kill', 'compose_kill'),
    'restart': ('restart', 'compose_restart', 'compose_up', 'service_update'),
}
_LOOKS = {action: look for look, actions in _ACTIONS.items() for action in actions}
_LOOKS.update(cli='remove', api='kill', self_exit='restart', oom='stop', engine_shutdown='down', not_known='other')
_LOOKS.update(engine='down', killed_outside_engine='kill', containerd='kill')

_IN_COLUMNS = frozenset(
    ('host', 'timestamp', 'action', 'targets', 'user', 'uid', 'login_user', 'auid', 'pid', 'ppid', 'argv')
)

Cell = dict[str, Any]
_ENDINGS = ('.html', '.htm')
_SHOWN = 2000  # characters: a command line can have two million
_KINDS = 12  # that are counted at the top
_OPEN_HOSTS = 6  # with more, a host's lines are one click away


def check(path: str | None, dest: str | None) -> None:
    """Refuse a file that no page can be written to, and a page that is asked for with the option of other files."""
    if dest is not None and dest.lower().endswith(_ENDINGS):
        raise whole_file.FileError('dest=%s: an HTML page is written with report=%s' % (dest, dest))
    if path is not None:
        whole_file.check('report', path, _ENDINGS[:1], unnamed=_ENDINGS[1:])


def of_findings(
    items: Any,
    hosts: Results,
    since: str | None = None,
    until: str | None = None,
    zone: Zone = None,
    now: str | None = None,
    chosen: bool = False,
    container: str | None = None,
) -> str:
    """The page about findings. hosts maps each host to the result of its module; chosen: select left some out.

    since and until are what was asked for, now (ISO 8601, None: this moment) is when. Times are shown in zone, or in
    the controller's own.
    """
    if chosen and not (isinstance(items, list) and all(formats.is_finding(item) for item in items)):
        raise formats.FormatError('a report shows whole findings: leave select out, or let it only choose findings')
    remarks = ['Only the findings that select chose are shown.'] if chosen else []
    remarks += parts.forgeable(items) + parts.left_out(findings_view.others(hosts), 'finding', container)
    heads = {'Executions': 'executions', 'Not started': 'failed', 'Unreadable': 'unreadable'}
    numbers = {
        host: {
            'Findings': len(result['findings']),
            **{head: result['counts'][name] for head, name in heads.items()},
        }
        for host, result in hosts.items()
        if not parts.unread_reason(result)
    }
    return _page(
        {
            'title': 'Who took containers away',
            'kind': 'findings',
            'columns': ('Time', 'Host', 'Action', 'Containers', 'Caller', 'Command'),
            'remark': ' '.join(remarks),
            'items': [_finding(item, zone) for item in reversed(findings_view.by_time(items))],
        },
        hosts,
        numbers,
        _Period(since, until, zone, now),
    )


def of_verdicts(
    hosts: Results,
    since: str | None = None,
    until: str | None = None,
    zone: Zone = None,
    now: str | None = None,
    container: str | None = None,
) -> str:
    """The page about verdicts. hosts maps each host to the result of its module, the rest is as above."""
    read = {host: result for host, result in hosts.items() if not parts.unread_reason(result)}
    numbers = {
        host: {'Verdicts': len(result['verdicts']), 'Connects': result['connects'], 'Events': result['events']['count']}
        for host, result in read.items()
    }
    return _page(
        {
            'title': 'Why containers ended or were removed',
            'kind': 'verdicts',
            'columns': ('Time', 'Host', 'Container', 'What', 'Cause', 'Caller', 'Evidence'),
            'remark': ' '.join(parts.left_out(verdict_view.others(hosts), 'verdict', container)),
            'items': [_verdict(verdict, zone) for verdict in reversed(verdict_view.of_all(hosts))],
        },
        hosts,
        numbers,
        _Period(since, until, zone, now),
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = escape.html_environment(_FOLDER)
    environment.filters['hash'] = _hash
    return environment.get_template(_TEMPLATE)


class _Period(NamedTuple):
    """The time that was asked for, and when, as of_findings() takes them."""

    since: str | None
    until: str | None
    zone: Zone
    now: str | None


# Long, as each value of the template has its line.
def _page(
    about: dict[str, Any],
    hosts: Results,
    numbers: Mapping[str, Mapping[str, Any]],
    period: _Period,
) -> str:
    items, (since, until, zone, written) = about['items'], period
    now = timeline.moment(written) or int(time.time() * 1000)
    frame = timeline.frame_of(items, hosts, since, until, zone, now)
    by_host: dict[str, list[timeline.Item]] = collections.defaultdict(list)
    for row, item in enumerate(items):
        item['row'] = row
        by_host[item['host']].append(item)
    unread = {_word(host): parts.unread_reason(result) for host, result in hosts.items() if parts.unread_reason(result)}
    seen = {_word(host): result for host, result in hosts.items() if not parts.unread_reason(result)}
    counted: Mapping[str, Any] = next(iter(numbers.values()), {})
    return _template().render(
        about,
        period='since %s%s' % (_text(since or 'today'), ' until ' + _text(until) if until else ''),
        written=timeline.clock(now, zone),
        legend=collections.Counter((item['label'], item['look']) for item in items).most_common(_KINDS),
        causes=verdict_words.CAUSES if about['kind'] == 'verdicts' else {},
        unread=list(unread.items()),
        gaps=[
            (host, sentence)
            for host, result in seen.items()
            for _first, _last, sentence in timeline.gaps(result, frame)
        ],
        span=[timeline.clock(moment, zone) for moment in (frame.start, frame.end)],
        ticks=timeline.ticks(frame),
        timelines=[
            timeline.lines_of(host, there, seen.get(host, {}), frame)
            for host, there in sorted(by_host.items(), key=lambda pair: -len(pair[1]))
        ],
        quiet=[host for host in seen if host not in by_host],
        open_hosts=len(by_host) <= _OPEN_HOSTS,
        read=len(seen),
        asked=len(hosts),
        coverage_columns=('Host', 'Read', *counted, 'Log', 'Not seen, and other remarks'),
        coverage_rows=[
            _coverage(host, result, numbers.get(host, dict.fromkeys(counted, '-')), frame)
            for host, result in hosts.items()
        ],
    )


def _hash(text: str) -> str:
    """The source expression of a script or style in a Content-Security-Policy (CSP Level 3, 2.3.1)."""
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()


# --- Rows of the table -----------------------------------------------------------------------------------------------


def _finding(finding: Mapping[str, Any], zone: Zone) -> timeline.Item:
    """What the page shows of a finding."""
    label, look, caller = _word(finding['action']), _LOOKS.get(str(finding['action']), 'other'), _caller(finding)
    remarks = [findings_view.remark(finding)]
    remarks += [
        '%s %s' % (name, _word(finding[key]))
        for name, key in (('on', 'docker_host'), ('context', 'context'), ('project', 'project'))
        if finding.get(key) is not None
    ]
    targets = _short(' '.join(_word(target) for target in finding['targets']))
    return _item(
        finding,
        label,
        look,
        caller,
        targets,
        [
            _time_cell(finding['timestamp'], zone),
            _cell(_word(finding['host'])),
            _cell(label, look=look),
            _cell(targets or '-', ', '.join(filter(None, remarks)), look='mono'),
            _cell(caller, 'pid %s, parent %s' % (_word(finding.get('pid')), _word(finding.get('ppid')))),
            _cell(_command(finding), look='code', fields=[_fields(_rest(finding))]),
        ],
    )


def _verdict(verdict: Mapping[str, Any], zone: Zone) -> timeline.Item:
    """What the page shows of a verdict."""
    cause, look = _word(verdict['cause']), _LOOKS.get(str(verdict['cause']), 'other')
    name, what = _word(verdict['container']), _text(', '.join(verdict_words.happened(verdict['what'])))
    caller, note = _askers(verdict)
    cause_note = '%s, %s' % (verdict_words.CAUSES.get(str(verdict['cause']), '-'), _text(verdict['confidence']))
    return _item(
        verdict,
        cause,
        look,
        caller,
        '%s %s' % (name, what),
        [
            _time_cell(verdict['timestamp'], zone),
            _cell(_word(verdict['host'])),
            _cell(name, _text(str(verdict['id'])[:12]), look='mono'),
            _cell(what),
            _cell(cause, cause_note, look=look),
            _cell(caller or '-', note),
            _evidence(verdict, zone),
        ],
    )


def _askers(verdict: Mapping[str, Any]) -> tuple[str | None, str]:
    """(in one phrase who asked, a note on the processes)"""
    askers, is_open = verdict['who'], verdict['confidence'] == 'open'
    names = list(dict.fromkeys(map(_caller, askers)))
    if is_open and len(askers) > 1:
        shown = '; '.join(names[:5] + ['others'] * (len(names) > 5))
        return 'one of several', '%d processes: %s' % (len(askers), shown)
    note = '; '.join('pid %s, parent %s' % (_word(who.get('pid')), _word(who.get('ppid'))) for who in askers)
    return ('possibly ' if is_open else '') + '; '.join(names) if names else None, note


def _evidence(verdict: Mapping[str, Any], zone: Zone) -> Cell:
    """The cell with what a verdict rests on: in short the command, or the last line of the evidence."""
    askers, lines = (
        verdict['who'],
        [_text(verdict_words.sentence(verdict_view.in_zone(line, zone))) for line in verdict['evidence']],
    )
    if len(askers) == 1 and askers[0].get('argv'):
        cell = _cell(_command(askers[0]), look='code')
    else:
        cell = _cell(lines[-1] if lines else '-')
    label = 'possibly' if verdict['confidence'] == 'open' else 'caller'
    fields = [_fields([('id', _text(verdict['id']))])]
    for who in askers:
        pairs = [(label, _caller(who)), ('pid', _word(who.get('pid'))), ('parent', _word(who.get('ppid')))]
        pairs += [('command', _command(who))] if who.get('argv') else []
        fields.append(_fields(pairs + _rest(who)))
    return dict(cell, evidence=lines, fields=fields)


def _item(
    shown: Mapping[str, Any], label: str, look: str, caller: str | None, about: str, cells: list[Cell]
) -> timeline.Item:
    return {
        'moment': timeline.moment(shown['timestamp']),
        'host': _word(shown['host']),
        'label': _short(label, 100),
        'look': look,
        'caller': caller and _short(caller, 100),
        'about': _short(about, 100),
        'cells': cells,
    }


def _cell(text: str, note: str = '', look: str = '', **more: Any) -> Cell:
    return dict(
        {'text': text, 'note': note, 'look': look, 'time': None, 'lines': [], 'evidence': [], 'fields': []}, **more
    )


def _time_cell(timestamp: str | None, zone: Zone) -> Cell:
    shown = parts.local_time(timestamp, zone)
    return _cell(shown[:23], shown[23:], look='time', time=_text(timestamp) if timestamp else None)


def _caller(who: Mapping[str, Any]) -> str:
    """In one phrase who ran a command or connected to the engine. A command is docker's, a connect any program's."""
    user, login = (
        who[name] if who.get(name) is not None else who.get(number)
        for name, number in (('user', 'uid'), ('login_user', 'auid'))
    )
    program = '' if who.get('argv') else ', ' + _word(os.path.basename(str(who.get('exe') or '-')))
    return '%s (%s)%s' % (_word(user), 'no login' if login is None else 'login ' + _word(login), program)


def _rest(who: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field that has no column."""
    return [
        (
            _text(name),
            str(value) if value.__class__ is int else _text(value if isinstance(value, str) else json.dumps(value)),
        )
        for name, value in who.items()
        if name not in _IN_COLUMNS and value is not None and value != [] and value != {}
    ]


def _fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values on a line each. Neither holds a line end, which does not print."""
    width = max((len(name) for name, _value in pairs), default=0)
    return '\n'.join('%s  %s' % (name.ljust(width), value) for name, value in pairs)


def _command(who: Mapping[str, Any]) -> str:
    return _short(escape.command_line(who)) + (
        '' if who.get('argv_complete', True) else ' ... (the log lacks arguments)'
    )


def _word(value: Any) -> str:
    return '-' if value is None else _short(escape.quoted(str(value)))


def _text(value: Any) -> str:
    return _short(escape.printable(str(value)))


def _short(text: str, limit: int = _SHOWN) -> str:
    return escape.short(text, limit)


# --- What was not seen -----------------------------------------------------------------------------------------------


def _coverage(
    host: str, result: Mapping[str, Any], numbers: Mapping[str, Any], frame: timeline.Frame
) -> dict[str, list[Cell]]:
    """What the page shows of how much of a host was seen."""
    reason = parts.unread_reason(result)
    gaps: list[str] = []
    remarks: list[str] = []
    unreadable: list[str] = []
    if reason:
        log, remarks = _cell('-'), [reason]
    else:
        first, last = ((result.get('span') or {}).get(end) for end in ('first', 'last'))
        log = dict(_time_cell(first, frame.zone), note='to ' + parts.local_time(last, frame.zone))
        gaps = [sentence for _first, _last, sentence in timeline.gaps(result, frame)]
        remarks = gaps + (
            ['the log holds no connection to the engine, so it shows no API client']
            if result.get('connects') == 0
            else []
        )
        unreadable = [
            _short(parts.unreadable_line(dict(execution, host=host), frame.zone))
            for execution in result.get('unreadable') or []
        ]
    read = _cell('no', look='bad') if reason else _cell('partly', look='warn') if gaps else _cell('yes')
    return {
        'cells': [
            _cell(_word(host)),
            read,
            *(_cell(_text(number)) for number in numbers.values()),
            log,
            _cell(remarks[0] if remarks else '-', lines=remarks[1:], evidence=unreadable),
        ]
    }
