# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as text: a view and single lines for terminals, and JSON Lines, CSV and YAML for files.

Anybody can choose a command line, a folder and the name of a program. So whatever comes from a log and does not print
is shown by its code, nowhere raw.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import shlex

import yaml

WIDTH = 100
_INDENT = ' ' * 4
# An argument can be 128 KiB long, a command line 2 MB: in a terminal that buries all other findings.
_SHOWN_COMMAND = 2000
_SHOWN_TEXT = 400

# str.isprintable is false for control and format characters (bidi marks, most that have no width), surrogates, unassigned
# ones and every blank but the space. These are left: Unicode's Default_Ignorable_Code_Point among marks and letters
# (DerivedCoreProperties.txt), and the blank Braille pattern.
_INVISIBLE = re.compile(
    '[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]'
)
_SHORT = {'\t': '\\t', '\n': '\\n', '\r': '\\r'}

# Characters with which a spreadsheet takes a cell for a formula (OWASP, CSV Injection), and their full-width forms.
# Tab and line ends, the others of that list, are shown by their code.
_FORMULA = tuple('=+-@\uff1d\uff0b\uff0d\uff20')
_CSV_FIELDS = (
    'host',
    'timestamp',
    'event',
    'action',
    'subcommand',
    'targets',
    'matched',
    'docker_host',
    'context',
    'project',
    'signal',
    'match',
    'pid',
    'ppid',
    'uid',
    'user',
    'auid',
    'login_user',
    'ses',
    'tty',
    'comm',
    'exe',
    'cwd',
    'argv',
    'argv_complete',
    'success',
    'keys',
    'argv_hex',
    'caller',
)


class RenderError(ValueError):
    """What was asked for cannot be written so."""


# --- Text from a log -------------------------------------------------------------------------------------------------


def printable(text):
    """The text with every character that does not print shown by its code, as in C."""
    return text if _prints(text) else ''.join(_code(character) for character in text)


def quoted(word):
    """One word as a shell takes it: bash's $'...' where something in it does not print."""
    if _prints(word):
        return shlex.quote(word)
    return "$'%s'" % ''.join('\\' + character if character in "\\'" else _code(character) for character in word)


def command_line(finding):
    """The command as it can be typed again. What argv cannot show exactly, argv_hex does."""
    if finding.get('argv_hex'):
        words = [bytes.fromhex(word).decode('utf-8', 'surrogateescape') for word in finding['argv_hex']]
    else:
        words = finding['argv']
    return ' '.join(quoted(word) for word in words)


def _prints(text):
    return text.isprintable() and not _INVISIBLE.search(text)


def _code(character):
    if _prints(character):
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return '\\x%02x' % (number - 0xDC00)  # a byte that is not UTF-8, by Python's surrogateescape
    if number < 0x80:
        return _SHORT.get(character, '\\x%02x' % number)
    return '\\u%04x' % number if number < 0x10000 else '\\U%08x' % number


def short(text, limit):
    """The text, cut where it is longer than the limit, with how much is left out."""
    return text if len(text) <= limit else '%s ... (%d more characters)' % (text[:limit], len(text) - limit)


# --- The view for a terminal -----------------------------------------------------------------------------------------


def is_finding(item):
    """Whether something is a whole finding, not a part that a query made of it."""
    return isinstance(item, dict) and {'host', 'timestamp', 'event', 'action', 'targets', 'argv'} <= set(item)


def by_time(findings):
    """Newest last: by time, then serial, then host."""
    return sorted(
        findings, key=lambda finding: (finding['timestamp'] or '', _serial(finding) or 0, finding['host'] or '')
    )


def view(items, hosts, since=None, until=None, zone=None):
    """Lines for a terminal: the items that were found, how much of each host's log was seen, and the hosts that were not read.

    items is a list of findings, or whatever a query made of them. hosts maps each host to the result of its module,
    which was asked for findings from since (None: today) to until. Times are shown in zone, or in the controller's own.
    """
    items = _as_list(items)
    if not items:
        lines = ['No finding.']
    elif all(is_finding(item) for item in items):
        lines = table(items, zone)
    else:
        lines = jsonl(items).splitlines()
    return lines + [''] + reach(hosts, since, until, zone)


def table(findings, zone=None):
    """Lines that show findings, in columns that a terminal of 100 characters holds."""
    rows = [('TIME', 'HOST', 'ACTION', 'USER', 'LOGIN USER', 'PID', 'PPID')]
    for finding in findings:
        rows.append(
            (
                local_time(finding['timestamp'], zone),
                _word(finding['host']),
                _word(finding['action']),
                _who(finding, 'user', 'uid'),
                _who(finding, 'login_user', 'auid'),
                _word(finding.get('pid')),
                _word(finding.get('ppid')),
            )
        )
    heads = columns(rows)
    lines = [heads[0]]
    for head, finding in zip(heads[1:], findings):
        lines += (
            [head]
            + _wrapped(_details(finding))
            + [_INDENT + piece for piece in caller_pieces(finding, zone)]
            + [_INDENT + '$ ' + _shown_command(finding)]
        )
    return lines


def local_time(timestamp, zone=None):
    """A time of a finding with its offset, or a dash."""
    if not timestamp:
        return '-'
    moment = datetime.datetime.fromisoformat(timestamp.replace('Z', '+00:00')).astimezone(zone)
    return moment.isoformat(sep=' ', timespec='milliseconds')


def line(finding, zone=None):
    """All that the view shows of a finding, on one line."""
    targets, *rest = _details(finding)
    user = 'user ' + _who(finding, 'user', 'uid')
    if finding.get('auid') is not None or finding.get('login_user') is not None:
        user += ' (login %s)' % _who(finding, 'login_user', 'auid')
    return '  '.join(
        [
            local_time(finding['timestamp'], zone),
            _word(finding['host']),
            _word(finding['action']),
            targets,
            user,
            'pid ' + _word(finding.get('pid')),
            'ppid ' + _word(finding.get('ppid')),
            *rest,
            *caller_pieces(finding, zone),
            '$ ' + _shown_command(finding),
        ]
    )


def caller_pieces(entry, zone=None):
    """What is known of the asker of a finding or a connect beyond its own record, a piece of text for each."""
    caller = entry.get('caller') or {}
    if caller.get('login'):
        yield _login(caller['login'], zone)
    process, parent = caller.get('process'), caller.get('parent')
    # The command of a finding stands there anyway
    if process and not (entry.get('argv') and parent):
        yield 'process: ' + _process(process)
    # The first process of a container was run by a helper of the engine
    if parent and not (process and process.get('container') and not parent.get('container')):
        yield 'parent: ' + _process(parent)


def _login(login, zone):
    text = 'login: ' + _word(login['auid'] if login.get('account') is None else login['account'])
    for label, name in (('from', 'address'), ('on', 'terminal')):
        if login.get(name) is not None:
            text += ' %s %s' % (label, quoted(login[name]))
    return '%s at %s (session %s)' % (text, local_time(login.get('timestamp'), zone), _word(login.get('ses')))


def _process(process):
    text = str(process['pid'])
    if process.get('container'):
        text += ' container %s' % quoted(process.get('container_name') or process['container'][:12])
    elif process.get('unit'):
        text += ' ' + quoted(process['unit'])
    # A thread of the kernel has no command line: ps(1) shows its name so
    command = ' '.join(quoted(word) for word in process['argv']) or '[%s]' % printable(process.get('comm') or '')
    # It can have been another program when it ran docker
    return '%s, now %s' % (text, short(command, _SHOWN_TEXT))


def gap_line(host, span, zone=None):
    """A line that says from when to when the log of a host is gone."""
    return 'GAP  %s  what was logged from %s to %s was gone before it was read' % (
        quoted(host),
        local_time(span.get('first'), zone),
        local_time(span.get('last'), zone),
    )


def unreadable_line(execution, zone=None):
    """A line about an execution of which the log does not tell the command."""
    return '%s: docker was executed at %s by user %s (pid %s, event %s), the log does not tell the command: %s' % (
        _word(execution['host']),
        local_time(execution['timestamp'], zone),
        _who(execution, 'user', 'uid'),
        _word(execution.get('pid')),
        _word(execution['event']),
        printable(execution['reason']),
    )


def _word(value):
    return '-' if value is None else quoted(str(value))


def _who(finding, name, number):
    return _word(finding.get(number) if finding.get(name) is None else finding[name])


def _details(finding):
    targets = ' '.join(quoted(target) for target in finding['targets'])
    remark = {'possible': ' (possible)', 'id': ' (id of a matching container)'}.get(finding.get('match'), '')
    yield ('targets ' + short(targets, _SHOWN_TEXT) if targets else 'no targets') + remark
    yield 'exe %s' % _word(finding.get('exe'))
    yield 'cwd %s' % _word(finding.get('cwd'))
    for label, name in (('engine', 'docker_host'), ('context', 'context'), ('project', 'project')):
        if finding.get(name) is not None:
            yield '%s %s' % (label, quoted(finding[name]))


def _shown_command(finding):
    missing = '' if finding.get('argv_complete', True) else ' ... (the log lacks arguments)'
    return short(command_line(finding), _SHOWN_COMMAND) + missing


def _wrapped(pieces):
    """Pieces on as few lines as they fit."""
    lines = []
    for piece in pieces:
        if lines and len(lines[-1]) + 2 + len(piece) <= WIDTH:
            lines[-1] += '  ' + piece
        else:
            lines.append(_INDENT + piece)
    return lines


def columns(rows):
    """Lines of rows of cells, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


# --- What was seen at all --------------------------------------------------------------------------------------------


def reach(hosts, since=None, until=None, zone=None):
    """Lines that tell silence from blindness: what each host's log holds, and which hosts were not read."""
    read = {host: result for host, result in hosts.items() if not unread_reason(result)}
    lines = []
    if read:
        rows = [('HOST', 'FINDINGS', 'EXECUTIONS', 'FAILED', 'UNREADABLE', 'LOG FROM', 'LOG TO')]
        for host, result in read.items():
            counts, span = result['counts'], result.get('span') or {}
            rows.append(
                (
                    quoted(host),
                    str(len(result['findings'])),
                    str(counts['executions']),
                    str(counts['failed']),
                    str(counts['unreadable']),
                    local_time(span.get('first'), zone),
                    local_time(span.get('last'), zone),
                )
            )
        lines += columns(rows) + ['']
    # A log can reach back further than what was asked for
    lines += [
        '%d of %d hosts read, %s: %s'
        % (
            len(read),
            len(hosts),
            period(since, until),
            ', '.join(
                '%d %s' % (sum(numbers), label)
                for label, numbers in (
                    ('findings', [len(result['findings']) for result in read.values()]),
                    ('docker executions seen', [result['counts']['executions'] for result in read.values()]),
                    ('of them failed', [result['counts']['failed'] for result in read.values()]),
                )
            ),
        )
    ]
    silent = [host for host, result in read.items() if not result['counts']['executions']]
    if silent:
        lines.append(
            'No execution at all on %s: silence only if the audit rule is in force there.'
            % ', '.join(quoted(host) for host in silent)
        )
    return lines + not_read(hosts)


def period(since, until):
    """The time that was asked for, in words."""
    return 'since ' + (printable(since) if since else 'today') + (' until ' + printable(until) if until else '')


def not_read(hosts):
    """Lines on the hosts that were not read, if there are any."""
    unread = [
        '%s%s: %s' % (_INDENT, quoted(host), unread_reason(result))
        for host, result in hosts.items()
        if unread_reason(result)
    ]
    return ['', 'NOT READ:'] + unread if unread else []


def unread_reason(result):
    """Why a host gave no findings, or None."""
    if not (result.get('failed') or result.get('unreachable')):
        return None
    # Programs speak on several lines, a reason stands on one
    words = ' '.join(str(result.get('msg') or 'the module gave no reason').split()).removeprefix('Task failed: ')
    return '%s%s' % ('unreachable: ' if result.get('unreachable') else '', printable(short(words, _SHOWN_TEXT)))


# --- Files -----------------------------------------------------------------------------------------------------------


def jsonl(items):
    """JSON Lines (RFC 8259 text, one value per line), in ASCII: no line separator or escape of a log is in it."""
    return ''.join(json.dumps(item) + '\n' for item in _as_list(items))


def ecs_jsonl(items):
    """JSON Lines with the names of the Elastic Common Schema."""
    items = _as_list(items)
    if not all(is_finding(item) for item in items):
        raise RenderError(
            'format=ecs names the fields of whole findings: leave the query out, or let it only choose findings'
        )
    return jsonl([ecs(finding) for finding in items])


def csv_text(items):
    """CSV (RFC 4180), one line per item. Lists are JSON, and what does not print is shown by its code: JSON Lines are exact."""
    items = _as_list(items)
    if not all(isinstance(item, dict) for item in items):
        items = [{'value': item} for item in items]
        fields = ['value']
    elif all(is_finding(item) for item in items):
        fields = list(_CSV_FIELDS)
    else:
        fields = list(dict.fromkeys(name for item in items for name in item))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    for row in [fields] + [[item.get(name) for name in fields] for item in items]:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()


def yaml_text(items):
    return yaml.safe_dump(items, explicit_start=True, sort_keys=False, default_flow_style=False)


def _as_list(items):
    return items if isinstance(items, list) else [items]


def _cell(value):
    if value is None:
        return ''
    if not isinstance(value, str):
        return json.dumps(value)
    text = printable(value)
    return "'" + text if text.startswith(_FORMULA) else text


# --- Elastic Common Schema (https://www.elastic.co/docs/reference/ecs), version 8.11 -----------------------------------


def ecs(finding):
    """A finding under the schema's names. What it has no name for stands under docker_audit."""
    document = {
        '@timestamp': finding['timestamp'],
        'ecs': {'version': '8.11.0'},
        'message': command_line(finding),
        'event': {
            'kind': 'event',
            'category': ['process'],
            'type': ['start'],
            'module': 'auditd',
            'dataset': 'docker_audit.findings',
            'action': finding['action'],
            'id': finding['event'],
            'sequence': _serial(finding),
            'outcome': {True: 'success', False: 'failure'}.get(finding.get('success'), 'unknown'),
        },
        'host': {'name': finding['host']},
        'container': {'name': finding.get('matched')},
        'user': {'id': _text(finding.get('uid')), 'name': finding.get('user')},
        'process': {
            'pid': finding.get('pid'),
            'parent': {'pid': finding.get('ppid')},
            'name': finding.get('comm'),
            'executable': finding.get('exe'),
            'working_directory': finding.get('cwd'),
            'args': finding['argv'],
            'args_count': len(finding['argv']),
            'command_line': command_line(finding),
        },
        'tags': finding.get('keys'),
        'docker_audit': {
            name: finding.get(name)
            for name in (
                'subcommand',
                'targets',
                'matched',
                'match',
                'docker_host',
                'context',
                'project',
                'signal',
                'auid',
                'login_user',
                'ses',
                'tty',
                'argv_complete',
                'argv_hex',
                'caller',
            )
        },
    }
    return _without_empty(document)


def _serial(finding):
    serial = (finding['event'] or '').rpartition(':')[2]
    return int(serial) if serial.isdigit() else None


def _text(number):
    return None if number is None else str(number)


def _without_empty(document):
    """ECS leaves out what is not known."""
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in document.items()}
    return {name: value for name, value in kept.items() if value not in (None, [], {})}
