# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the filter takes what its documentation says, refuses the rest with a word, and returns the core's
findings.
"""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.claude_hooks.docker_audit.plugins.filter.docker_findings import FilterModule
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

docker_findings = FilterModule().filters()['docker_findings']
TEXT = audit_writer.text(
    audit_writer.event([b'docker', b'rm', b'a1a1'], serial=1),
    audit_writer.event([b'docker', b'stop', b'claude-hooks-a'], serial=2, key=b'other'),
    audit_writer.event([b'docker', b'stop', b'claude-hooks-b'], serial=3, enriched=True),
).decode()


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, [('possible', 1, None), ('name', 3, None)]),
        ({'possible': False}, [('name', 3, None)]),
        ({'container': '*-a', 'key': 'other', 'host': 'app1'}, [('name', 2, 'app1')]),
        ({'containers': {'a1' * 32: 'claude-hooks-x'}}, [('id', 1, None), ('name', 3, None)]),
        ({'containers': None, 'timezone': 'Europe/Berlin'}, [('possible', 1, None), ('name', 3, None)]),
    ],
)
@pytest.mark.parametrize('text', [TEXT, TEXT.splitlines()], ids=['stdout', 'stdout_lines'])
def test_options_reach_the_core(text, options, expected):
    found = docker_findings(text, **options)
    assert [
        (finding['match'], int(finding['event'].rpartition(':')[2]), finding['host']) for finding in found
    ] == expected


INTERPRETED = (
    'type=EXECVE msg=audit(07/24/26 03:57:43.555:96) : argc=3 a0=docker a1=stop a2=claude-hooks-a \n'
    'type=SYSCALL msg=audit(07/24/26 03:57:43.555:96) : arch=x86_64 syscall=execve success=yes exit=0 pid=9 '
    'comm=docker exe=/usr/bin/docker '
    'key=claude-hooks-docker \n'
)


@pytest.mark.parametrize(
    'timezone, expected',
    [
        (None, None),
        ('UTC', '2026-07-24T03:57:43.555Z'),
        ('Europe/Berlin', '2026-07-24T01:57:43.555Z'),
        ('+02:00', '2026-07-24T01:57:43.555Z'),
        ('-0330', '2026-07-24T07:27:43.555Z'),
    ],
)
def test_the_timezone_dates_interpreted_text(timezone, expected):
    assert [finding['timestamp'] for finding in docker_findings(INTERPRETED, timezone=timezone)] == [expected]


@pytest.mark.parametrize(
    'text, options, message',
    [
        ({'stdout': ''}, {}, 'must be a string or a list of lines, not dict: give the stdout'),
        ('NODE,EVENT,DATE,TIME', {}, 'csv format of ausearch.*use `ausearch --raw'),
        ('', {'container': ''}, 'container must be a non-empty string'),
        ('', {'key': 7}, 'key must be a non-empty string, not 7'),
        ('', {'possible': 'yes'}, "possible must be true or false, not 'yes'"),
        ('', {'containers': ['a']}, 'containers must map container ids to names'),
        ('', {'containers': {'a': 1}}, 'containers must map container ids to names'),
        ('', {'host': 3}, 'host must be a string'),
        ('', {'timezone': 'Mars/Olympus'}, 'timezone must be a name like Europe/Berlin or an offset'),
        ('', {'timezone': '../../etc/passwd'}, 'timezone must be a name like Europe/Berlin or an offset'),
        ('', {'timezone': 2}, 'timezone must be a name like Europe/Berlin or an offset'),
    ],
)
def test_wrong_input_is_refused_by_name(text, options, message):
    with pytest.raises(AnsibleFilterError, match='claude_hooks.docker_audit.docker_findings: .*' + message):
        docker_findings(text, **options)
