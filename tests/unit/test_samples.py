# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the samples of output in the documents are what the views print today."""

from __future__ import annotations

import datetime
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import codes
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    coverage_view,
    findings_view,
    verdict_view,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
UTC = datetime.timezone.utc

ALICE = {'auid': 1000, 'account': 'alice', 'ses': 3, 'address': '192.0.2.1', 'terminal': '/dev/pts/0'}
STOP = {
    'timestamp': '2026-11-24T08:06:02.595Z',
    'event': 'a@1764576362.595:812',
    'host': 'web1',
    'action': 'stop',
    'match': 'name',
    'targets': ['claude-hooks-dev-default'],
    'argv': ['docker', 'stop', '-t', '0', 'claude-hooks-dev-default'],
    'exe': '/usr/local/bin/docker',
    'cwd': '/root',
    'pid': 7482,
    'ppid': 7294,
    'uid': 0,
    'user': 'root',
    'auid': 1000,
    'login_user': 'alice',
    'success': True,
    'caller': {'login': dict(ALICE, timestamp='2026-11-24T07:58:40.117Z')},
}
KILL = {
    'timestamp': '2026-11-24T08:06:02.787Z',
    'event': 'a@1764576362.787:820',
    'host': 'web1',
    'action': 'kill',
    'match': 'id',
    'target_names': {'47365cddc18e': 'claude-hooks-dev-default'},
    'targets': ['47365cddc18e'],
    'argv': ['docker', 'container', 'kill', '--signal', 'KILL', '47365cddc18e'],
    'exe': '/usr/local/bin/docker',
    'cwd': '/tmp',
    'pid': 7575,
    'ppid': 7561,
    'uid': 0,
    'user': 'root',
    'auid': None,
    'success': True,
    'caller': {
        'parent': {
            'pid': 7561,
            'unit': 'clean.service',
            'argv': ['/bin/sh', '/usr/local/sbin/nightly.sh'],
            'comm': 'sh',
        }
    },
}
FOUND = {
    'web1': {
        'findings': [STOP, KILL],
        'unreadable': [],
        'counts': {'executions': 9, 'failed': 0, 'unreadable': 0, 'others': 0},
        'span': {'first': '2026-11-24T07:52:19.273Z', 'last': '2026-11-24T08:06:03.015Z'},
    },
    'web2': {'unreachable': True, 'msg': 'Failed to connect to the host via ssh: Connection refused'},
}
DB = {
    'host': 'web1',
    'container': 'claude-hooks-dev-db',
    'id': '6eb742fb3e95' + 52 * '0',
    'what': ['died', 'removed'],
    'timestamp': '2026-11-24T13:19:21.079Z',
    'cause': 'cli',
    'confidence': 'certain',
    'who': [
        {
            'pid': 9120,
            'ppid': 9001,
            'uid': 0,
            'user': 'root',
            'auid': 1000,
            'login_user': 'alice',
            'exe': '/usr/bin/docker',
            'argv': ['docker', 'rm', '-f', '6eb742fb3e95'],
            'caller': {'login': dict(ALICE, ses=12, timestamp='2026-11-24T13:19:02.091Z')},
        }
    ],
    'more': 0,
    'evidence': [],
}
WEB = {
    'host': 'web1',
    'container': 'claude-hooks-dev-web',
    'id': '90d2' + 60 * '0',
    'what': ['stopped'],
    'timestamp': '2026-11-24T13:24:02.511Z',
    'cause': 'not_known',
    'confidence': 'open',
    'who': [{'pid': 18411, 'ppid': 1, 'uid': 1001, 'auid': 1001, 'exe': '/usr/bin/docker', 'argv': None}],
    'more': 0,
    'evidence': [{'code': 'docker_not_logged'}],
}
JUDGED = {
    'web1': {
        'verdicts': [DB, WEB],
        'others': 3,
        'events': {'count': 31, 'first': '2026-11-24T13:18:05.924Z', 'full': False},
        'watched': {'commands': True, 'connects': True, 'uids': [0, 1000], 'unwatched': []},
        'span': {'first': '2026-11-24T06:00:00.120Z', 'last': '2026-11-24T13:30:00.000Z'},
    }
}
COVERED = coverage_view.summary(
    {
        'web1': {'problems': [], 'watched': [1, 2], 'retention': {'hours': 192}},
        'web2': {
            'problems': [
                codes.problem(
                    'rule_shadowed',
                    '-w /usr/bin/docker -p x -k docker (key docker) comes first and takes: '
                    'all of /usr/bin/docker by uid 0',
                ),
                codes.problem('users_not_watched', 'uid 1001 (build): group docker of /run/docker.sock'),
            ],
            'watched': [1, 2],
            'retention': {'hours': 120},
        },
    },
    {
        'web1': {
            'runs': [{'path': '/usr/bin/docker', 'uid': 0, 'event': '1764576000.101:90'}],
            'problems': [],
            'proven': True,
        }
    },
)


@pytest.mark.parametrize(
    'document, lines',
    [
        ('README.md', findings_view.view([STOP, KILL], FOUND, zone=UTC)),
        ('README.md', verdict_view.view(JUDGED, zone=UTC)),
        ('docs/usage.md', [findings_view.line(STOP, UTC)]),
        ('docs/coverage.md', coverage_view.view(COVERED)),
    ],
    ids=['findings', 'verdicts', 'tail', 'coverage'],
)
def test_the_sample_is_what_is_printed(document, lines):
    assert '\n'.join(lines).strip() in (ROOT / document).read_text()
