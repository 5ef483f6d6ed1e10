# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finding and an answer of docker_findings_info, for tests of what is done with them."""

from __future__ import annotations

from typing import Any

# The fields of a finding that are any text of its host, besides targets, argv and keys
TEXTS = (
    'host',
    'tty',
    'comm',
    'exe',
    'cwd',
    'user',
    'login_user',
    'docker_host',
    'context',
    'project',
    'subcommand',
)


def finding(*words: str, **fields: Any) -> dict[str, Any]:
    """A finding of a command line, with all its fields; without words, `docker container rm claude-hooks-dev`."""
    argv = ['docker', *(words or ('container', 'rm', 'claude-hooks-dev'))]
    return {
        'host': 'web1',
        'timestamp': '2026-11-24T23:57:43.051Z',
        'event': '1795564663.051:91',
        'action': 'remove',
        'subcommand': 'container rm',
        'targets': argv[-1:],
        'matched': argv[-1:],
        'docker_host': None,
        'context': None,
        'project': None,
        'signal': None,
        'match': 'name',
        'origin': 'raw',
        'pid': 14342,
        'ppid': 14296,
        'uid': 0,
        'auid': 1000,
        'ses': 3,
        'tty': 'pts0',
        'comm': 'docker',
        'exe': '/usr/bin/docker',
        'cwd': '/root',
        'argv': argv,
        'argv_complete': True,
        'success': True,
        'keys': ['claude-hooks-docker'],
        'user': 'root',
        'login_user': 'bob',
        **fields,
    }


def saying(text: str, **fields: Any) -> dict[str, Any]:
    """A finding with the text wherever a log can bring it."""
    said = {**dict.fromkeys(TEXTS, text), 'targets': [text], 'keys': [text]}
    return finding(text, **{**said, **fields})


def answer(findings: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """What docker_findings_info returns of a host."""
    return {
        'findings': findings,
        'unreadable': [],
        'counts': {'bytes': 9, 'executions': 12, 'failed': 2, 'unreadable': 3},
        'span': {'first': '2026-11-20T00:00:03.120Z', 'last': '2026-11-24T23:58:01.007Z'},
        **fields,
    }
