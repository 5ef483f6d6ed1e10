# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings or verdicts as one HTML page that needs nothing else: a timeline for each host, a table, and what was not seen.

Whatever comes from a host is text in it. What does not print is shown by its code as in the view for a terminal, Jinja
escapes the rest, and the page has a policy that lets no other script or style in than its own two (CSP Level 3).
"""

from __future__ import annotations

import base64
import collections
import datetime
import hashlib
import json
import os
import time

import jinja2
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as core
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import render, verdict_view, whole_file

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

_IN_COLUMNS = frozenset(
    ('host', 'timestamp', 'action', 'targets', 'user', 'uid', 'login_user', 'auid', 'pid', 'ppid', 'argv')
)

_SHOWN = 2000  # characters: a command line can have two million
_LANES = 12  # callers and actions of a host that have a line of their own, and kinds that are counted at the top
_OPEN_HOSTS = 6  # with more, a host's lines are one click away
_BINS = 200  # marks that lie closer than this part of the timeline are one
_Frame = collections.namedtuple('_Frame', 'start end zone')  # of the timeline, in milliseconds
_STEPS = [
    datetime.timedelta(seconds=seconds)
    for seconds in (
        1,
        5,
        15,
        30,
        60,
        300,
        900,
        1800,
        3600,
        10800,
        21600,
        43200,
        86400,
        172800,
        604800,
        1209600,
        2592000,
        7776000,
        31536000,
    )
]


def check(path):
    """Refuse a file that no page can be written to."""
    whole_file.check('report', path, ('.html',), unnamed=('.htm',))


def of_findings(items, hosts, since=None, until=None, zone=None, now=None, chosen=False):
    """The page about findings. hosts maps each host to the result of its module, chosen says that a query left some out.

    since and until are what was asked for, now (ISO 8601, None: this moment) is when. Times are shown in zone, or in the
    controller's own.
    """
    if not isinstance(items, list) or not all(render.is_finding(item) for item in items):
        raise render.RenderError('a report shows whole findings: leave the query out, or let it only choose findings')
    numbers = {
        host: {
            'Findings': len(result['findings']),
            **{name.capitalize(): result['counts'][name] for name in ('executions', 'failed', 'unreadable')},
        }
        for host, result in hosts.items()
        if not render.unread_reason(result)
    }
    return _page(
        {
            'title': 'Who took containers away',
            'kind': 'findings',
            'columns': ('Time', 'Host', 'Action', 'Containers', 'Caller', 'Command'),
            'remark': 'Only the findings that the query chose are shown.' if chosen else '',
            'items': [_finding(item, zone) for item in reversed(render.by_time(items))],
        },
        hosts,
        numbers,
        since,
        until,
        zone,
        now,
    )


def of_verdicts(hosts, since=None, until=None, zone=None, now=None):
    """The page about verdicts. hosts maps each host to the result of its module, the rest is as above."""
    read = {host: result for host, result in hosts.items() if not render.unread_reason(result)}
    verdicts = verdict_view.by_time([verdict for result in read.values() for verdict in result['verdicts']])
    numbers = {
        host: {'Verdicts': len(result['verdicts']), 'Connects': result['connects'], 'Events': result['events']['count']}
        for host, result in read.items()
    }
    return _page(
        {
            'title': 'Why containers vanished',
            'kind': 'verdicts',
            'columns': ('Time', 'Host', 'Container', 'What', 'Cause', 'Caller', 'Evidence'),
            'remark': '',
            'items': [_verdict(verdict, zone) for verdict in reversed(verdicts)],
        },
        hosts,
        numbers,
        since,
        until,
        zone,
        now,
    )


def _page(about, hosts, numbers, since, until, zone, now):
    items, now = about['items'], core.moment(now) if now else int(time.time() * 1000)
    frame = _frame(items, hosts, since, until, zone, now)
    by_host = collections.defaultdict(list)
    for row, item in enumerate(items):
        item['row'] = row
        by_host[item['host']].append(item)
    unread = {
        _word(host): render.unread_reason(result) for host, result in hosts.items() if render.unread_reason(result)
    }
    seen = {_word(host): result for host, result in hosts.items() if not render.unread_reason(result)}
    counted = next(iter(numbers.values()), {})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['hash'] = _hash
    return environment.get_template(_TEMPLATE).render(
        about,
        period='since %s%s' % (_text(since or 'today'), ' until ' + _text(until) if until else ''),
        written=_clock(now, zone),
        legend=collections.Counter((item['label'], item['look']) for item in items).most_common(_LANES),
        causes=verdict_view.CAUSES if about['kind'] == 'verdicts' else {},
        unread=list(unread.items()),
        gaps=[(host, sentence) for host, result in seen.items() for _first, _last, sentence in _gaps(result, frame)],
        span=[_clock(moment, zone) for moment in (frame.start, frame.end)],
        ticks=_ticks(frame),
        timelines=[
            _timeline(host, there, seen.get(host, {}), frame)
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


def _hash(text):
    """The source expression of a script or style in a Content-Security-Policy (CSP Level 3, 2.3.1)."""
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()


# --- Rows of the table -----------------------------------------------------------------------------------------------


def _finding(finding, zone):
    """What the page shows of a finding."""
    label, look, caller = _word(finding['action']), _LOOKS.get(str(finding['action']), 'other'), _caller(finding)
    remarks = [{'possible': 'possible', 'id': 'id of a matching container'}.get(finding.get('match'))]
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


def _verdict(verdict, zone):
    """What the page shows of a verdict."""
    cause, look, all_who = _word(verdict['cause']), _LOOKS.get(str(verdict['cause']), 'other'), verdict['who']
    is_open, name, what = (
        verdict['confidence'] == 'open',
        _word(verdict['container']),
        _text(', '.join(map(str, verdict['what']))),
    )
    names = list(dict.fromkeys(map(_caller, all_who)))
    if is_open and len(all_who) > 1:
        caller, note = (
            'one of several',
            '%d processes: %s' % (len(all_who), '; '.join(names[:5] + ['others'] * (len(names) > 5))),
        )
    else:
        caller = ('can be ' if is_open else '') + '; '.join(names) if names else None
        note = '; '.join('pid %s, parent %s' % (_word(who.get('pid')), _word(who.get('ppid'))) for who in all_who)
    evidence = [_text(line) for line in verdict['evidence']]
    told = (
        _cell(_command(all_who[0]), look='code')
        if len(all_who) == 1 and all_who[0].get('argv')
        else _cell(evidence[-1] if evidence else '-')
    )
    told.update(
        evidence=evidence,
        fields=[_fields([('id', _text(verdict['id']))])]
        + [
            _fields(
                [
                    ('can be' if is_open else 'caller', _caller(who)),
                    ('pid', _word(who.get('pid'))),
                    ('parent', _word(who.get('ppid'))),
                ]
                + ([('command', _command(who))] if who.get('argv') else [])
                + _rest(who)
            )
            for who in all_who
        ],
    )
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
            _cell(
                cause,
                '%s, %s' % (verdict_view.CAUSES.get(str(verdict['cause']), '-'), _text(verdict['confidence'])),
                look=look,
            ),
            _cell(caller or '-', note),
            told,
        ],
    )


def _item(shown, label, look, caller, about, cells):
    return {
        'moment': _moment(shown['timestamp']),
        'host': _word(shown['host']),
        'label': _short(label, 100),
        'look': look,
        'caller': caller and _short(caller, 100),
        'about': _short(about, 100),
        'cells': cells,
    }


def _cell(text, note='', look='', **more):
    return dict(
        {'text': text, 'note': note, 'look': look, 'time': None, 'lines': [], 'evidence': [], 'fields': []}, **more
    )


def _time_cell(timestamp, zone):
    shown = render.local_time(timestamp, zone)
    return _cell(shown[:23], shown[23:], look='time', time=_text(timestamp) if timestamp else None)


def _caller(who):
    """In one phrase who ran a command or connected to the engine. A command is docker's, a connect any program's."""
    user, login = (
        who[name] if who.get(name) is not None else who.get(number)
        for name, number in (('user', 'uid'), ('login_user', 'auid'))
    )
    program = '' if who.get('argv') else ', ' + _word(os.path.basename(str(who.get('exe') or '-')))
    return '%s (%s)%s' % (_word(user), 'no login' if login is None else 'login ' + _word(login), program)


def _rest(who):
    """Every field that has no column."""
    return [
        (_text(name), _text(value if isinstance(value, str) else json.dumps(value)))
        for name, value in who.items()
        if name not in _IN_COLUMNS and value not in (None, [], {})
    ]


def _fields(pairs):
    """Names and values on a line each. Neither holds a line end, which does not print."""
    width = max((len(name) for name, _value in pairs), default=0)
    return '\n'.join('%s  %s' % (name.ljust(width), value) for name, value in pairs)


def _command(who):
    return _short(render.command_line(who)) + (
        '' if who.get('argv_complete', True) else ' ... (the log lacks arguments)'
    )


def _word(value):
    return '-' if value is None else _short(render.quoted(str(value)))


def _text(value):
    return _short(render.printable(str(value)))


def _short(text, limit=_SHOWN):
    return render.short(text, limit)


# --- What was not seen -----------------------------------------------------------------------------------------------


def _coverage(host, result, numbers, frame):
    """What the page shows of how much of a host was seen."""
    reason, gaps = render.unread_reason(result), []
    if reason:
        log, remarks, unreadable = _cell('-'), [reason], []
    else:
        first, last = ((result.get('span') or {}).get(end) for end in ('first', 'last'))
        log = dict(_time_cell(first, frame.zone), note='to ' + render.local_time(last, frame.zone))
        gaps = [sentence for _first, _last, sentence in _gaps(result, frame)]
        remarks = gaps + (
            ['no connect to the engine is logged: API clients cannot be told'] if result.get('connects') == 0 else []
        )
        unreadable = [
            _short(render.unreadable_line(dict(execution, host=host), frame.zone))
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


def _gaps(result, frame):
    """Times of which nothing is known, as (first, last, what to say)."""
    span, events, gone = result.get('span') or {}, result.get('events'), result.get('gap_span')
    first = _moment(span.get('first'))
    if first is None:
        yield frame.start, frame.end, 'the log holds no record'
    elif first > frame.start:
        yield frame.start, first, 'no log before %s' % render.local_time(span['first'], frame.zone)
    if result.get('gap') and gone:
        yield (
            _moment(gone.get('first')) or frame.start,
            _moment(gone.get('last')) or frame.end,
            'the log from %s to %s is gone'
            % tuple(render.local_time(gone.get(end), frame.zone) for end in ('first', 'last')),
        )
    for hole in (events or {}).get('gaps') or []:
        if _moment(hole['from']) < frame.end and _moment(hole['to']) > frame.start:
            yield (
                _moment(hole['from']),
                _moment(hole['to']),
                'events of the engine are missing from %s to %s'
                % tuple(render.local_time(hole[end], frame.zone) for end in ('from', 'to')),
            )
    if events and not events['count']:
        yield frame.start, frame.end, 'the engine remembers no event'
    elif events and (_moment(events['first']) or 0) > frame.start:
        yield (
            frame.start,
            _moment(events['first']),
            'the engine remembers only back to %s' % render.local_time(events['first'], frame.zone),
        )


# --- The timeline ----------------------------------------------------------------------------------------------------


def _moment(timestamp):
    """Milliseconds since 1970, or None."""
    return core.moment(timestamp) if timestamp else None


def _frame(items, hosts, since, until, zone, now):
    """From when to when the timeline goes: the time asked for, without a long void before all that is known."""
    begin = _asked(since, zone, _asked(_local(now, zone).date().isoformat(), zone, now))
    times = [item['moment'] for item in items if item['moment'] is not None]
    end = max(times + [min(_asked(until, zone, now), now), begin + 1000])
    known = [_moment((result.get(part) or {}).get('first')) for result in hosts.values() for part in ('span', 'events')]
    earliest = min(
        times + [max(moment, begin) for moment in known if moment is not None and moment < end], default=begin
    )
    return _Frame(max(min(times + [begin]), earliest - max(1000, (end - earliest) // 8)), end, zone)


def _asked(text, zone, default):
    """A time that was asked for, in milliseconds. The hosts judge what is none."""
    try:
        return core.moment(text, zone)
    except core.FindingsError:
        return default


def _timeline(host, items, result, frame):
    """Where the marks of a host are: all on one line, and a line for each caller and action."""
    lanes = collections.defaultdict(list)
    for item in items:
        lanes[item['caller'], item['label'], item['look']].append(item)
    lanes = sorted(lanes.items(), key=lambda lane: (-len(lane[1]), lane[0][1], lane[0][0] or ''))
    shown, rest = lanes[:_LANES], [item for _lane, there in lanes[_LANES:] for item in there]
    if rest:
        shown.append(((None, '%d other lines' % (len(lanes) - _LANES), 'other'), rest))
    span, events = result.get('span') or {}, result.get('events')
    seen = [('audit log', _bar(_moment(span.get('first')), _moment(span.get('last')), frame))]
    if events:
        seen.append(('engine events', _bar(_moment(events['first']), frame.end, frame)))
    return {
        'host': host,
        'count': len(items),
        'marks': _marks(items, frame),
        'seen': seen,
        'lanes': [
            {'caller': caller, 'label': label, 'look': look, 'count': len(there), 'marks': _marks(there, frame)}
            for (caller, label, look), there in shown
        ],
        'gaps': [dict(_bar(first, last, frame), sentence=sentence) for first, last, sentence in _gaps(result, frame)]
        if result
        else [],
    }


def _marks(items, frame):
    """Dots on a line, large ones first. Those that would cover each other are one, which is larger."""
    bins = collections.defaultdict(list)
    for item in items:
        if item['moment'] is not None:
            bins[int(_place(item['moment'], frame) * _BINS / 100), item['look']].append(item)
    marks = []
    for (_bin, look), there in bins.items():
        newest, oldest = there[0], there[-1]
        told = '%s: %s, %s' % (_clock(oldest['moment'], frame.zone), oldest['label'], oldest['about'])
        if there[1:]:
            told += ' and %d more until %s' % (len(there) - 1, _clock(newest['moment'], frame.zone))
        marks.append(
            {
                'x': _place(oldest['moment'], frame),
                'r': min(9, 3 + len(there).bit_length()),
                'look': look,
                'row': oldest['row'],
                'told': told,
            }
        )
    return sorted(marks, key=lambda mark: -mark['r'])


def _bar(first, last, frame):
    if first is None or last is None:
        return {'x': 0, 'width': 0}
    left, right = _place(first, frame), _place(last, frame)
    return {'x': left, 'width': round(right - left, 2)}


def _place(moment, frame):
    """Per cent of the way from start to end."""
    return round(100 * min(max(moment - frame.start, 0), frame.end - frame.start) / (frame.end - frame.start), 2)


def _ticks(frame):
    """Up to seven round times of the zone."""
    seconds = (frame.end - frame.start) / 1000
    step = next((step for step in _STEPS if seconds / step.total_seconds() <= 7), _STEPS[-1])
    first, last = _local(frame.start, frame.zone), _local(frame.end, frame.zone)
    wall, ticks = first.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None), []
    while wall <= last.replace(tzinfo=None):
        moment = wall.replace(tzinfo=frame.zone).timestamp() * 1000
        if moment >= frame.start:
            day = wall.strftime('%m-%d' if first.year == last.year else '%Y-%m-%d')
            clock = wall.strftime('%H:%M' if step.total_seconds() >= 60 else '%H:%M:%S')
            ticks.append({'x': _place(moment, frame), 'text': day if wall.time() == datetime.time() else clock})
        wall += step
    return ticks


def _local(moment, zone):
    return datetime.datetime.fromtimestamp(moment / 1000, datetime.timezone.utc).astimezone(zone)


def _clock(moment, zone):
    return _local(moment, zone).isoformat(sep=' ', timespec='seconds')
