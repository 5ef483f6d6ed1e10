# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of roles/docker_audit/files/keep_events.py, joined with what the engine itself still knows.

Pure: text in, plain values out.
"""

from __future__ import annotations

import math

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine

_MARGIN = 3600 * 1000


def read(texts):
    """Files as bytes, in any order, to a dict.

    ``events`` as the engine gives them, ``gone`` the moments when an engine went away, ``connects`` (process id, from,
    to) of the process that keeps them, ``gaps`` (from, to) of times from which events are missing. In milliseconds.
    """
    result = {'events': [], 'gone': set(), 'connects': set(), 'gaps': set()}
    for entry in (_entry(line) for text in texts for line in text.split(b'\n')):
        mark = entry.get('mark')
        times = [entry.get(name) for name in ('from', 'to')]
        if entry.get('Type') == 'container':
            result['events'].append(entry)
        elif mark == 'gone' and _is_number(entry.get('time')):
            result['gone'].add(entry['time'])
        elif mark == 'connected' and all(map(_is_number, times + [entry.get('pid')])):
            result['connects'].add((int(entry['pid']), *times))
        elif mark == 'gap' and all(map(_is_number, times)):
            result['gaps'].add(tuple(times))
    return {'events': joined(result['events']), **{name: sorted(result[name]) for name in ('gone', 'connects', 'gaps')}}


def joined(*sources):
    """Events of several sources, each once, in the order of time."""
    found = {}
    for event in (event for source in sources for event in source):
        actor = event.get('Actor') if isinstance(event.get('Actor'), dict) else {}
        if _is_number(event.get('timeNano')):
            found.setdefault((event['timeNano'], str(actor.get('ID')), str(event.get('Action'))), event)
    return [found[key] for key in sorted(found)]


def still_there(events, moment):
    """The events without those of containers that were removed an hour or more before a moment, in milliseconds.

    What was removed by then is no part of anything that happens later, and there can be ten thousands of it.
    """
    last = {}
    for event in events:
        last[_container(event)] = event
    gone = {
        container
        for container, event in last.items()
        if container and event.get('Action') == 'destroy' and event['timeNano'] / 1e6 < moment - _MARGIN
    }
    return [event for event in events if _container(event) not in gone]


def _container(event):
    actor = event.get('Actor')
    identity = actor.get('ID') if isinstance(actor, dict) and event.get('Type') == 'container' else None
    return identity if isinstance(identity, str) else None


def _entry(line):
    try:
        entry = engine.parsed(line)
    except ValueError:
        return {}  # cut by a full disk or a power cut
    return entry if isinstance(entry, dict) else {}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
