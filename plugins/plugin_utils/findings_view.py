# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as text for a terminal: a view of all hosts, and single lines of what is followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, formats, parts
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.parts import Paint, Results, Zone

_HEADS = ('TIME', 'HOST', 'ACTION', 'USER', 'LOGIN USER', 'PID', 'PPID')
_LEAST = 3  # columns that stay, however wide they are
Finding = Mapping[str, Any]


def by_time(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Newest last: by time, then serial, then host."""
    return sorted(
        findings, key=lambda finding: (finding['timestamp'] or '', formats.serial(finding) or 0, finding['host'] or '')
    )


def view(
    items: Any,
    hosts: Results,
    since: str | None = None,
    until: str | None = None,
    zone: Zone = None,
    container: str | None = None,
    paint: Paint = parts.unpainted,
    select: str | None = None,
    width: int | None = None,
) -> list[str]:
    """Lines for a terminal: the items, how much of each host's log was seen, and the hosts that were not read.

    items is a list of findings, or whatever an expression made of them. hosts maps each host to the result of its
    module, which was asked for findings from since (None: today) to until. Times are in zone (None: the local one).
    select is the expression that made the items. The lines below the items are broken at width, where it is known.
    """
    items = formats.as_list(items)
    read = any(not parts.unread_reason(result) for result in hosts.values())
    nothing = 'No finding.' if read or not hosts else 'No host was read, so nothing is known.'
    lines = [] if items else [nothing]
    below = reach(hosts, since, until, zone, container)
    if select is not None and not all(formats.is_finding(item) for item in items):
        return formats.jsonl(items).splitlines() + [''] + parts.fitted(below, width)
    if items:
        lines = table(items, zone, paint) + _on_logins(items)
    left = sum(len(result.get('findings') or []) for result in hosts.values()) - len(items) if select is not None else 0
    if left > 0:
        lines += ['', '%s not shown: select=%s left %s out.' % _was(left, select)]
    origins = parts.forgeable(items)
    return lines + parts.fitted(([''] if origins else []) + origins + [''] + below, width)


def _was(number: int, select: str | None) -> tuple[str, str, str]:
    is_one = number == 1
    shown = escape.short(escape.printable(select or ''), parts.SHOWN_TEXT)
    return parts.counted(number, 'finding') + (' is' if is_one else ' are'), shown, 'it' if is_one else 'them'


def _on_logins(findings: Iterable[Finding]) -> list[str]:
    """What a dash for the login user means, where there is one."""
    if all(finding.get('auid') is not None for finding in findings):
        return []
    # pam_loginuid(8) alone sets the login uid; sudo and su keep the one that is there
    return [
        '',
        'LOGIN USER -: the kernel knows of no login. It was a service or a job, or came',
        'through an sshd, sudo or su whose PAM configuration lacks pam_loginuid.',
    ]


def table(findings: Iterable[Finding], zone: Zone = None, paint: Paint = parts.unpainted) -> list[str]:
    """Lines that show findings. Columns that no longer fit into a terminal stand below."""
    findings = list(findings)
    rows = [_HEADS] + [_cells(finding, zone) for finding in findings]
    kept = len(_HEADS)
    while kept > _LEAST and max(map(len, parts.columns(row[:kept] for row in rows))) > parts.WIDTH:
        kept -= 1
    heads = parts.columns(row[:kept] for row in rows)
    lines = [heads[0]]
    for head, row, finding in zip(heads[1:], rows[1:], findings):
        rest = [' '.join(pair) for pair in zip(map(str.lower, _HEADS[kept:]), row[kept:])]
        lines += (
            [paint(head, str(finding['action']))]
            + _wrapped([*rest, *_details(finding)])
            + [parts.INDENT + piece for piece in parts.caller_pieces(finding, zone)]
            + [parts.INDENT + '$ ' + parts.shown_command(finding)]
        )
    return lines


def _cells(finding: Finding, zone: Zone) -> tuple[str, ...]:
    return (
        parts.local_time(finding['timestamp'], zone),
        escape.word(finding['host']),
        escape.word(finding['action']),
        parts.name_or_number(finding, 'user', 'uid'),
        parts.name_or_number(finding, 'login_user', 'auid'),
        escape.word(finding.get('pid')),
        escape.word(finding.get('ppid')),
    )


def line(finding: Finding, zone: Zone = None) -> str:
    """All that the view shows of a finding, on one line."""
    targets, *rest = _details(finding)
    user = 'user ' + parts.name_or_number(finding, 'user', 'uid')
    if finding.get('auid') is not None or finding.get('login_user') is not None:
        user += ' (login %s)' % parts.name_or_number(finding, 'login_user', 'auid')
    return '  '.join(
        [
            parts.local_time(finding['timestamp'], zone),
            escape.word(finding['host']),
            escape.word(finding['action']),
            targets,
            user,
            'pid ' + escape.word(finding.get('pid')),
            'ppid ' + escape.word(finding.get('ppid')),
            *rest,
            *parts.caller_pieces(finding, zone),
            '$ ' + parts.shown_command(finding),
        ]
    )


def chat_line(finding: Finding) -> str:
    """A finding on one line of a chat."""
    return '%s %s: %s of %s by user %s (login %s), pid %s: %s' % (
        escape.chat_code(finding['timestamp'] or '-'),
        escape.chat_code(finding['host'] or '-'),
        escape.chat_code(finding['action']),
        escape.chat_code(' '.join(finding.get('matched') or finding['targets'])),
        escape.chat_code(parts.name_or_number(finding, 'user', 'uid')),
        escape.chat_code(parts.name_or_number(finding, 'login_user', 'auid')),
        escape.word(finding.get('pid')),
        escape.chat_code(parts.shown_command(finding, parts.SHOWN_TEXT)),
    )


def gap_line(host: str, span: Mapping[str, Any], zone: Zone = None) -> str:
    """A line that says from when to when the log of a host is gone."""
    return 'GAP  %s  what was logged from %s to %s was deleted before it was read' % (
        escape.quoted(host),
        parts.local_time(span.get('first'), zone),
        parts.local_time(span.get('last'), zone),
    )


def remark(finding: Finding, form: str = '%s') -> str:
    """What the targets do not say: that it is only possible, or the names of containers that are named by id."""
    if finding.get('match') == 'possible':
        return form % 'possible'
    if finding.get('match') == 'id':
        labels = dict.fromkeys((finding.get('target_names') or {}).values())
        shown = 'id of ' + (', '.join(map(escape.quoted, labels)) or 'a matching container')
        return form % escape.short(shown, parts.SHOWN_TEXT)
    return ''


def _details(finding: Finding) -> Iterator[str]:
    targets = ' '.join(escape.quoted(target) for target in finding['targets'])
    yield ('targets ' + escape.short(targets, parts.SHOWN_TEXT) if targets else 'no targets') + remark(finding, ' (%s)')
    yield 'exe %s' % escape.word(finding.get('exe'))
    yield 'cwd %s' % escape.word(finding.get('cwd'))
    for label, name in (('engine', 'docker_host'), ('context', 'context'), ('project', 'project')):
        if finding.get(name) is not None:
            yield '%s %s' % (label, escape.quoted(finding[name]))


def _wrapped(pieces: Iterable[str]) -> list[str]:
    """Pieces on as few lines as they fit."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 2 + len(piece) <= parts.WIDTH:
            lines[-1] += '  ' + piece
        else:
            lines.append(parts.INDENT + piece)
    return lines


# --- What was seen at all --------------------------------------------------------------------------------------------


def others(hosts: Results) -> int:
    """How many findings of other containers the hosts left out."""
    return sum((result.get('counts') or {}).get('others', 0) for result in hosts.values())


# Long, as it is one line of the view after the other.
def reach(
    hosts: Results,
    since: str | None = None,
    until: str | None = None,
    zone: Zone = None,
    container: str | None = None,
) -> list[str]:
    """Lines that show how much was seen: what each host's log contains, and which hosts were not read."""
    read = {host: result for host, result in hosts.items() if not parts.unread_reason(result)}
    lines: list[str] = []
    if read:
        heading, *rows = parts.columns(_reach_rows(read))
        lines.append(heading)
        for row, result in zip(rows, read.values()):
            span = result.get('span') or {}
            ends = (parts.local_time(span.get('first'), zone), parts.local_time(span.get('last'), zone))
            lines += [
                row,
                parts.INDENT + ('the log is empty' if ends == ('-', '-') else 'log from %s to %s' % ends),
            ]
        lines.append('')
    failed = sum(result['counts']['failed'] for result in read.values())
    # A log can reach back further than what was asked for
    lines.append(
        '%s: %s, %s seen%s'
        % (
            parts.read_of(read, hosts, since, until),
            parts.counted(sum(len(result['findings']) for result in read.values()), 'finding'),
            parts.counted(sum(result['counts']['executions'] for result in read.values()), 'docker execution'),
            ', %d of them did not start' % failed if failed else '',
        )
    )
    lines += parts.left_out(others(read), 'finding', container)
    twice = sum(result['counts'].get('twice', 0) for result in read.values())
    if twice:
        lines.append('Received twice, or in a copy of a log: %s. Each is shown once.' % parts.counted(twice, 'finding'))
    silent = [host for host, result in read.items() if not result['counts']['executions']]
    if silent:
        lines.append(
            'No docker execution in the log of %s. That proves nothing unless the audit rule was in force: '
            'coverage.yml checks it.' % ', '.join(escape.quoted(host) for host in silent)
        )
    return lines + parts.not_read(hosts)


def _reach_rows(read: Results) -> Iterator[tuple[str, ...]]:
    yield ('HOST', 'FINDINGS', 'EXECUTIONS', 'NOT STARTED', 'UNREADABLE')
    for host, result in read.items():
        counts = result['counts']
        yield (
            escape.quoted(host),
            str(len(result['findings'])),
            *(str(counts[name]) for name in ('executions', 'failed', 'unreadable')),
        )
