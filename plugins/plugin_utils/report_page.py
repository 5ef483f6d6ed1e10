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
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jinja2
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    escape,
    findings_view,
    formats,
    parts,
    report_rows,
    timeline,
    verdict_view,
    verdict_words,
    whole_file,
)
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Results, Zone

_FOLDER, _TEMPLATE = os.path.split(os.path.splitext(__file__)[0] + '.html.j2')

_ENDINGS = ('.html', '.htm')
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
            'items': [report_rows.of_finding(item, zone) for item in reversed(findings_view.by_time(items))],
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
        host: {
            'Verdicts': len(result['verdicts']),
            'Connections': result['connects'],
            'Events': result['events']['count'],
        }
        for host, result in read.items()
    }
    groups = verdict_view.folded(verdict_view.of_all(hosts))
    groups.sort(key=lambda group: str(group[-1]['timestamp']), reverse=True)
    return _page(
        {
            'title': 'Why containers ended or were removed',
            'kind': 'verdicts',
            'columns': ('Time', 'Host', 'Container', 'Cause', 'Caller', 'Evidence'),
            'remark': ' '.join(parts.left_out(verdict_view.others(hosts), 'verdict', container)),
            'items': [report_rows.of_verdicts(group, zone) for group in groups],
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
    marks = [
        dict(item, row=row, moment=moment) for row, item in enumerate(items) for moment in reversed(item['moments'])
    ]
    by_host: dict[str, list[timeline.Item]] = collections.defaultdict(list)
    for mark in sorted(marks, key=lambda mark: -(mark['moment'] or 0)):
        by_host[mark['host']].append(mark)
    frame = timeline.frame_of(marks, hosts, since, until, zone, now)
    unread = {
        report_rows.word(host): parts.unread_reason(result)
        for host, result in hosts.items()
        if parts.unread_reason(result)
    }
    seen = {report_rows.word(host): result for host, result in hosts.items() if not parts.unread_reason(result)}
    counted: Mapping[str, Any] = next(iter(numbers.values()), {})
    return _template().render(
        about,
        count=len(marks),
        period='since %s%s'
        % (report_rows.text(since or 'today'), ' until ' + report_rows.text(until) if until else ''),
        written=timeline.clock(now, zone),
        legend=collections.Counter((mark['label'], mark['look']) for mark in marks).most_common(_KINDS),
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
        coverage_columns=('Host', 'Read', *counted, 'Log', 'Missing data, and other remarks'),
        coverage_rows=[
            report_rows.of_coverage(host, result, numbers.get(host, dict.fromkeys(counted, '-')), frame)
            for host, result in hosts.items()
        ],
    )


def _hash(text: str) -> str:
    """The source expression of a script or style in a Content-Security-Policy (CSP Level 3, 2.3.1)."""
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()
