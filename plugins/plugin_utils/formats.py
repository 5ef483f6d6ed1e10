# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and verdicts as the text of a file: JSON Lines, CSV, YAML, and the names of the Elastic Common Schema."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from typing import Any

import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, escape, whole_file

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
    'origin',
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
    'target_names',
    'caller',
)
# What has all these is shown with the columns of a finding
_MARKS = {'host', 'timestamp', 'event', 'action', 'targets', 'argv'}
# What the Elastic Common Schema has no name for
_OWN_FIELDS = (
    'subcommand',
    'targets',
    'matched',
    'target_names',
    'match',
    'origin',
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
_OUTCOMES: dict[Any, str] = {True: 'success', False: 'failure'}

Writer = Callable[[Any], str]


class FormatError(ValueError):
    """What was asked for cannot be written so."""


def writer(dest: str, form: str | None) -> Writer:
    """The function that makes the text of a file with that name."""
    ending = '.jsonl' if whole_file.is_stdout(dest) else os.path.splitext(dest)[1].lower()
    if ending not in WRITERS:
        raise FormatError(
            'dest=%s: write JSON Lines, CSV or YAML by naming a file that ends in one of %s'
            % (dest, ', '.join(WRITERS))
        )
    if form == 'ecs':
        if WRITERS[ending] is not jsonl:
            raise FormatError(
                'dest=%s: format=ecs is written as JSON Lines, name a file that ends in .jsonl or .json' % dest
            )
        return ecs_jsonl
    return WRITERS[ending]


def is_finding(item: Any) -> bool:
    """Whether something is a whole finding with values of the right kinds, whatever an expression made of findings."""
    return answers.finding(item) is not None


def as_list(items: Any) -> list[Any]:
    """What an expression made of findings can be anything."""
    return items if isinstance(items, list) else [items]


def serial(finding: dict[str, Any]) -> int | None:
    """The serial number of a finding's event."""
    known = times.of_ident(finding['event'])
    return None if known is None else known[1]


def jsonl(items: Any) -> str:
    """JSON Lines: one value a line."""
    return ''.join(escape.json_line(item) + '\n' for item in as_list(items))


def csv_text(items: Any) -> str:
    """CSV (RFC 4180), one line per item. What does not print is shown by its code: JSON Lines are exact."""
    items = as_list(items)
    if not all(isinstance(item, dict) for item in items):
        items = [{'value': item} for item in items]
        fields = ['value']
    elif all(_MARKS <= item.keys() for item in items):
        fields = list(_CSV_FIELDS)
    else:
        fields = list(dict.fromkeys(name for item in items for name in item))
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)
    for row in [fields] + [[item.get(name) for name in fields] for item in items]:
        rows.writerow([escape.csv_cell(value) for value in row])
    return text.getvalue()


def yaml_text(items: Any) -> str:
    """YAML, in ASCII."""
    if not isinstance(items, list) or not items:
        return _yaml(items, explicit_start=True)
    # One by one, which gives the same text: the tree of all takes 30 KB for each finding
    return '---\n' + ''.join(_yaml([item]) for item in items)


def _yaml(value: Any, **options: Any) -> str:
    # The dumper in C, where PyYAML was built with it, is ten times as fast
    dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, default_flow_style=False, **options))


WRITERS: dict[str, Writer] = {
    '.jsonl': jsonl,
    '.json': jsonl,
    '.csv': csv_text,
    '.yml': yaml_text,
    '.yaml': yaml_text,
}


# --- Elastic Common Schema (https://www.elastic.co/docs/reference/ecs), version 8.11 ----------------------------------


def ecs_jsonl(items: Any) -> str:
    """JSON Lines with the names of the Elastic Common Schema."""
    items = as_list(items)
    if not all(is_finding(item) for item in items):
        raise FormatError(
            'format=ecs names the fields of whole findings: leave select out, or let it only choose findings'
        )
    return jsonl([ecs(finding) for finding in items])


def ecs(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding under the schema's names. What it has no name for stands under docker_audit."""
    command = escape.command_line(finding)
    return _without_empty(
        {
            '@timestamp': finding['timestamp'],
            'ecs': {'version': '8.11.0'},
            'message': command,
            'event': {
                'kind': 'event',
                'category': ['process'],
                'type': ['start'],
                'module': 'auditd',
                'dataset': 'docker_audit.findings',
                'action': finding['action'],
                'id': finding['event'],
                'sequence': serial(finding),
                'outcome': _OUTCOMES.get(finding.get('success'), 'unknown'),
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
                'command_line': command,
            },
            'tags': finding.get('keys'),
            'docker_audit': {name: finding.get(name) for name in _OWN_FIELDS},
        }
    )


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """The schema leaves out what is not known."""
    kept = {}
    for name, value in document.items():
        if isinstance(value, dict):
            value = _without_empty(value)
        if value is not None and value != [] and value != {}:
            kept[name] = value
    return kept
