# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of a page: from when to when it goes, where the marks are, and of which time nothing is known."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import parts
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Results, Zone

_LANES = 12  # callers and actions of a host that have a line of their own
_BINS = 200  # marks that lie closer than this part of the timeline are one
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

Item = dict[str, Any]


class Frame(NamedTuple):
    """From when to when the timeline goes, in milliseconds."""

    start: int
    end: int
    zone: Zone


def moment(timestamp: str | None) -> int | None:
    """Milliseconds since 1970, or None."""
    return times.moment(timestamp) if timestamp else None


def frame_of(
    items: Sequence[Item], hosts: Results, since: str | None, until: str | None, zone: Zone, now: int
) -> Frame:
    """From when to when the timeline goes: the time asked for, without a long void before all that is known."""
    begin = _asked(since or 'today', zone, now, now)
    marked = [item['moment'] for item in items if item['moment'] is not None]
    end = max(marked + [min(_asked(until, zone, now, now), now), begin + 1000])
    known = [moment((result.get(part) or {}).get('first')) for result in hosts.values() for part in ('span', 'events')]
    earliest = min(marked + [max(one, begin) for one in known if one is not None and one < end], default=begin)
    return Frame(max(min(marked + [begin]), earliest - max(1000, (end - earliest) // 8)), end, zone)


def _asked(text: str | None, zone: Zone, now: int, default: int) -> int:
    """A time that was asked for, in milliseconds. The hosts judge what is none."""
    try:
        return default if text is None else times.asked(text, zone, now)
    except times.TimeError:
        return default


def lines_of(host: str, items: Sequence[Item], result: Mapping[str, Any], frame: Frame) -> dict[str, Any]:
    """Where the marks of a host are: all on one line, and a line for each caller and action."""
    by_lane: dict[tuple[str | None, str, str], list[Item]] = collections.defaultdict(list)
    for item in items:
        by_lane[item['caller'], item['label'], item['look']].append(item)
    lanes = sorted(by_lane.items(), key=lambda lane: (-len(lane[1]), lane[0][1], lane[0][0] or ''))
    shown, rest = lanes[:_LANES], [item for _lane, there in lanes[_LANES:] for item in there]
    if rest:
        shown.append(((None, '%d other lines' % (len(lanes) - _LANES), 'other'), rest))
    span, events = result.get('span') or {}, result.get('events')
    seen = [('audit log', _bar(moment(span.get('first')), moment(span.get('last')), frame))]
    if events:
        seen.append(('engine events', _bar(moment(events['first']), frame.end, frame)))
    return {
        'host': host,
        'count': len(items),
        'marks': _marks(items, frame),
        'seen': seen,
        'lanes': [
            {'caller': caller, 'label': label, 'look': look, 'count': len(there), 'marks': _marks(there, frame)}
            for (caller, label, look), there in shown
        ],
        'gaps': [dict(_bar(first, last, frame), sentence=sentence) for first, last, sentence in gaps(result, frame)]
        if result
        else [],
    }


def _marks(items: Sequence[Item], frame: Frame) -> list[dict[str, Any]]:
    """Dots on a line, large ones first. Those that would cover each other are one, which is larger."""
    bins = collections.defaultdict(list)
    for item in items:
        if item['moment'] is not None:
            bins[int(_place(item['moment'], frame) * _BINS / 100), item['look']].append(item)
    marks = []
    for (_bin, look), there in bins.items():
        newest, oldest = there[0], there[-1]
        told = '%s: %s, %s' % (clock(oldest['moment'], frame.zone), oldest['label'], oldest['about'])
        if there[1:]:
            told += ' and %d more until %s' % (len(there) - 1, clock(newest['moment'], frame.zone))
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


def _bar(first: int | None, last: int | None, frame: Frame) -> dict[str, float]:
    if first is None or last is None:
        return {'x': 0, 'width': 0}
    left, right = _place(first, frame), _place(last, frame)
    return {'x': left, 'width': round(right - left, 2)}


def _place(moment: float, frame: Frame) -> float:
    """Per cent of the way from start to end."""
    return round(100 * min(max(moment - frame.start, 0), frame.end - frame.start) / (frame.end - frame.start), 2)


def ticks(frame: Frame) -> list[dict[str, Any]]:
    """Up to seven round times of the zone."""
    seconds = (frame.end - frame.start) / 1000
    step = next((step for step in _STEPS if seconds / step.total_seconds() <= 7), _STEPS[-1])
    first, last = local(frame.start, frame.zone), local(frame.end, frame.zone)
    wall, ticks = first.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None), []
    while wall <= last.replace(tzinfo=None):
        moment = wall.replace(tzinfo=frame.zone).timestamp() * 1000
        if moment >= frame.start:
            day = wall.strftime('%m-%d' if first.year == last.year else '%Y-%m-%d')
            clock = wall.strftime('%H:%M' if step.total_seconds() >= 60 else '%H:%M:%S')
            ticks.append({'x': _place(moment, frame), 'text': day if wall.time() == datetime.time() else clock})
        wall += step
    return ticks


def local(moment: int, zone: Zone) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment / 1000, datetime.timezone.utc).astimezone(zone)


def clock(moment: int, zone: Zone) -> str:
    return local(moment, zone).isoformat(sep=' ', timespec='seconds')


# --- What was not seen -----------------------------------------------------------------------------------------------


def gaps(result: Mapping[str, Any], frame: Frame) -> Iterator[tuple[int, int, str]]:
    """Times of which nothing is known, as (first, last, what to say)."""
    span = result.get('span') or {}
    first = moment(span.get('first'))
    if first is None:
        yield frame.start, frame.end, 'the log holds no record'
    elif first > frame.start:
        yield frame.start, first, 'no log before %s' % parts.local_time(span['first'], frame.zone)
    for gone in result.get('gaps') or []:
        start, end = moment(gone.get('first')), moment(gone.get('last'))
        yield (
            frame.start if start is None else start,
            frame.end if end is None else end,
            'the log from %s to %s is gone' % _ends(gone, frame),
        )
    if result.get('events'):
        yield from _engine_gaps(result['events'], frame)


def _engine_gaps(events: Mapping[str, Any], frame: Frame) -> Iterator[tuple[int, int, str]]:
    for hole in events.get('gaps') or []:
        start, end = moment(hole['first']), moment(hole['last'])
        if start is not None and end is not None and start < frame.end and end > frame.start:
            yield start, end, 'events of the engine are missing from %s to %s' % _ends(hole, frame)
    first = moment(events['first']) if events['count'] else None
    if first is None:
        yield frame.start, frame.end, 'no event of the engine is known'
    elif first > frame.start:
        reach = parts.local_time(events['first'], frame.zone)
        yield frame.start, first, 'no event of the engine is known before %s' % reach


def _ends(span: Mapping[str, Any], frame: Frame) -> tuple[str, str]:
    return parts.local_time(span.get('first'), frame.zone), parts.local_time(span.get('last'), frame.zone)
