# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the tables of a page: what it shows of a finding, of verdicts, and of how much of a host was recorded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    escape,
    findings_view,
    parts,
    timeline,
    verdict_view,
    verdict_words,
)
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Zone

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
_SHOWN = 2000  # characters: a command line can have two million
_SEVERAL = 'one of several'


def of_finding(finding: Mapping[str, Any], zone: Zone) -> timeline.Item:
    """What the page shows of a finding."""
    label, look, caller = word(finding['action']), _LOOKS.get(str(finding['action']), 'other'), _caller(finding)
    remarks = [findings_view.remark(finding)]
    remarks += [
        '%s %s' % (name, word(finding[key]))
        for name, key in (('on', 'docker_host'), ('context', 'context'), ('project', 'project'))
        if finding.get(key) is not None
    ]
    targets = _short(' '.join(word(target) for target in finding['targets']))
    return _item(
        [finding],
        label,
        look,
        'by ' + caller,
        targets,
        [
            _time_cell(finding['timestamp'], zone),
            _cell(word(finding['host'])),
            _cell(label, look=look),
            _cell(targets or '-', ', '.join(filter(None, remarks)), look='mono'),
            _cell(caller, 'pid %s, parent %s' % (word(finding.get('pid')), word(finding.get('ppid')))),
            _cell(_command(finding), look='code', lines=_known(finding, zone), fields=[_fields(_rest(finding))]),
        ],
    )


def of_verdicts(group: Sequence[Mapping[str, Any]], zone: Zone) -> timeline.Item:
    """What the page shows of verdicts of the same kind: of the last one, and since when there were how many."""
    verdict = group[-1]
    cause, look = word(verdict['cause']), _LOOKS.get(str(verdict['cause']), 'other')
    name = word(verdict['container'] or verdict['id'][:12])
    what = text(' and '.join(verdict_words.happened(verdict['what'])))
    if len(group) > 1:
        what += ' %d times since %s' % (len(group), parts.local_time(group[0]['timestamp'], zone))
    caller, note = _askers(verdict)
    cause_note = '%s, %s' % (verdict_words.CAUSES.get(str(verdict['cause']), '-'), text(verdict['confidence']))
    is_sure = verdict['confidence'] != 'open'
    return _item(
        group,
        cause,
        look,
        caller and ('by ' if is_sure or caller == _SEVERAL else 'possibly by ') + caller,
        '%s %s' % (name, what),
        [
            _time_cell(verdict['timestamp'], zone),
            _cell(word(verdict['host'])),
            _cell(name, what, look='mono'),
            _cell(cause, cause_note, look=look),
            _cell((caller if is_sure or caller == _SEVERAL else 'possibly ' + caller) if caller else '-', note),
            _evidence(verdict, zone),
        ],
    )


def _askers(verdict: Mapping[str, Any]) -> tuple[str | None, str]:
    """(in one phrase who asked, a note on the processes)"""
    askers = verdict['who']
    count = len(askers) + (verdict.get('more') or 0)
    if verdict['confidence'] == 'open' and count > 1:
        return _SEVERAL, '%d candidates' % count
    names = '; '.join(dict.fromkeys(map(_caller, askers)))
    return names or None, '; '.join(
        'pid %s, parent %s' % (word(who.get('pid')), word(who.get('ppid'))) for who in askers
    )


def _evidence(verdict: Mapping[str, Any], zone: Zone) -> Cell:
    """The cell with what a verdict rests on: in short the command, the reason, or who it can have been."""
    askers, is_open = verdict['who'], verdict['confidence'] == 'open'
    if is_open:
        first, *lines = verdict_view.candidates(verdict) + verdict_view.gaps(verdict, zone) or ['-']
        cell = _cell(_short(first), lines=list(map(_short, lines)))
    elif askers and askers[0].get('argv'):
        cell = _cell(_command(askers[0]), look='code', lines=_known(askers[0], zone))
    else:
        cell = _cell(_short(verdict_view.explanation(verdict, zone)), lines=_known(askers[0], zone) if askers else [])
    fields = [_fields([('id', text(verdict['id']))])]
    for who in askers:
        pairs = [('possibly' if is_open else 'caller', _caller(who)), ('pid', word(who.get('pid')))]
        pairs += [('parent', word(who.get('ppid')))]
        pairs += [('command', _command(who))] if who.get('argv') else []
        fields.append(_fields(pairs + _rest(who)))
    evidence = [text(verdict_words.sentence(_in_row(line, verdict['timestamp'], zone))) for line in verdict['evidence']]
    return dict(cell, evidence=evidence, fields=fields)


def _in_row(line: Any, timestamp: str, zone: Zone) -> Any:
    """A line of evidence without the day and the offset of its time, where the row has the same ones."""
    line, row = verdict_view.in_zone(line, zone), parts.local_time(timestamp, zone)
    if not isinstance(line, Mapping) or not line.get('time'):
        return line
    day, clock, offset = line['time'][:11], line['time'][11:23], line['time'][23:]
    return dict(line, time=clock) if (day, offset) == (row[:11], row[23:]) else line


def _known(who: Mapping[str, Any], zone: Zone) -> list[str]:
    """What is known of the caller beyond its record: the login, and the processes that still run."""
    return list(map(_short, parts.caller_pieces(who, zone)))


def _item(
    shown: Sequence[Mapping[str, Any]], label: str, look: str, caller: str | None, about: str, cells: list[Cell]
) -> timeline.Item:
    return {
        'moments': [timeline.moment(one['timestamp']) for one in shown],
        'host': word(shown[-1]['host']),
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
    return _cell(shown[:23], shown[23:], look='time', time=text(timestamp) if timestamp else None)


def _caller(who: Mapping[str, Any]) -> str:
    """In one phrase who ran a command or connected to the engine. A command is docker's, a connect any program's."""
    user, login = (
        who[name] if who.get(name) is not None else who.get(number)
        for name, number in (('user', 'uid'), ('login_user', 'auid'))
    )
    program = '' if who.get('argv') else ', ' + word(os.path.basename(str(who.get('exe') or '-')))
    return '%s (%s)%s' % (word(user), 'no login' if login is None else 'login ' + word(login), program)


def _rest(who: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field that has no column."""
    return [
        (
            text(name),
            str(value) if value.__class__ is int else text(value if isinstance(value, str) else json.dumps(value)),
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


def word(value: Any) -> str:
    return '-' if value is None else _short(escape.quoted(str(value)))


def text(value: Any) -> str:
    return _short(escape.printable(str(value)))


def _short(text: str, limit: int = _SHOWN) -> str:
    return escape.short(text, limit)


# --- What was not seen -----------------------------------------------------------------------------------------------


def of_coverage(
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
        watched = result.get('watched')
        remarks = gaps + ([_short(verdict_view.logged(watched))] if watched else [])
        unreadable = [
            _short(parts.unreadable_line(dict(execution, host=host), frame.zone))
            for execution in result.get('unreadable') or []
        ]
    read = _cell('no', look='bad') if reason else _cell('partly', look='warn') if gaps else _cell('yes')
    return {
        'cells': [
            _cell(word(host)),
            read,
            *(_cell(text(number)) for number in numbers.values()),
            log,
            _cell(remarks[0] if remarks else '-', lines=remarks[1:], evidence=unreadable),
        ]
    }
