# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host sees and what stands in its way, as a dict for a file and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import codes
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, parts
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Paint, Results

#: What can be said of a host, the worst first.
VERDICTS = ('failed', 'unreachable', 'blind', 'partial', 'complete', 'proven')
_SHOWN = 600


def summary(results: Results, canaries: Results) -> dict[str, Any]:
    """``{hosts: {name: {...}}, counts: {word: number}}`` of what coverage and canary returned by host."""
    hosts = {host: _host(result, canaries.get(host) or {}) for host, result in results.items()}
    return {
        'hosts': hosts,
        'counts': {one: sum(host['coverage'] == one for host in hosts.values()) for one in VERDICTS},
    }


def _host(result: Mapping[str, Any], canary: Mapping[str, Any]) -> dict[str, Any]:
    reason = parts.unread_reason(result)
    if reason or 'problems' not in result:
        word = 'unreachable' if result.get('unreachable') else 'failed'
        return {
            'coverage': word,
            'reason': reason or 'it was not asked',
            'problems': [],
            'watched': [],
            'retention': None,
            'canary': None,
        }
    problems = list(result['problems'])
    runs = None
    if canary.get('failed') or canary.get('unreachable'):
        problems.append(codes.problem('canary_refused', parts.unread_reason(canary) or '-'))
    elif not canary.get('skipped') and 'runs' in canary:
        problems += canary['problems']
        runs = canary['runs']
    problems = codes.by_weight(problems)
    return {
        'coverage': codes.outcome(problems, bool(runs) and bool(canary['proven'])),
        'reason': None,
        'problems': problems,
        'watched': result['watched'],
        'retention': result['retention'],
        'canary': runs,
    }


def view(found: Mapping[str, Any], paint: Paint = parts.unpainted, width: int | None = None) -> list[str]:
    """Lines for a terminal: a block for each host, then a line for each, and how many there are of each kind.

    Longer lines of the blocks are broken at width, where it is known.
    """
    lines = []
    for name, host in found['hosts'].items():
        heading, *rest = block(name, host)
        lines += [paint(heading, host['coverage']), *parts.fitted(rest, width), '']
    rows = [('HOST', 'COVERAGE', 'BLIND', 'PARTIAL', 'NOTE', 'WATCHED', 'LOGS HOLD')]
    for name, host in found['hosts'].items():
        weights = [one['weight'] for one in host['problems']]
        rows.append(
            (
                escape.quoted(name),
                host['coverage'],
                *(str(weights.count(weight)) for weight in codes.WEIGHTS),
                str(len(host['watched'])),
                _reach(host['retention']),
            )
        )
    counts = ', '.join('%d %s' % (found['counts'][one], one) for one in VERDICTS if found['counts'][one])
    heads, *table = parts.columns(rows)
    lines += [heads] + [paint(row, host['coverage']) for row, host in zip(table, found['hosts'].values())]
    return lines + ['', '%s: %s' % (parts.counted(len(found['hosts']), 'host'), counts)]


def block(name: str, host: Mapping[str, Any]) -> list[str]:
    """Lines about one host."""
    lines = ['%s: %s' % (escape.quoted(name), host['coverage'])]
    if host['reason'] is not None:
        return lines + [parts.INDENT + host['reason']]
    width = max([len(escape.printable(one['code'])) for one in host['problems']] + [0])
    for one, following in zip(host['problems'], host['problems'][1:] + [{}]):
        head = '%s%-7s  %-*s  ' % (parts.INDENT, one['weight'], width, escape.printable(one['code']))
        lines.append(head + escape.short(escape.printable(one['evidence']), _SHOWN))
        if one['remedy'] != following.get('remedy'):
            lines.append(' ' * len(head) + '-> ' + escape.printable(one['remedy']))
    for run in host['canary'] or []:
        if run['event'] is not None:
            lines.append(
                '%sseen     %s executed as uid %s: event %s'
                % (parts.INDENT, escape.quoted(run['path']), run['uid'], escape.printable(run['event']))
            )
    return lines


def _reach(retention: Mapping[str, Any] | None) -> str:
    if retention is None or retention['hours'] is None:
        return '-'
    return '%.0f h' % retention['hours'] if retention['hours'] < 96 else '%.0f days' % (retention['hours'] / 24)
