# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a variable that would do nothing is refused with the nearest known name, and nobody else's is."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import variables

ROOT = pathlib.Path(__file__).resolve().parents[4]
OPTIONS = variables.option_names(yaml.safe_load((ROOT / 'roles/docker_audit/meta/argument_specs.yml').read_text()))


@pytest.mark.parametrize('playbook', variables.PLAYBOOKS)
def test_the_variables_are_those_that_the_playbook_reads(playbook):
    text = (ROOT / 'playbooks' / (playbook + '.yml')).read_text()
    assert set(re.findall(r'\b([a-z]\w*) \| default\(', text)) == variables.PLAYBOOKS[playbook]


@pytest.mark.parametrize(
    'playbook, name, message',
    [
        ('audit', 'sate', 'sate is no variable of audit.yml: is state meant?'),
        ('audit', 'State', 'is state meant?'),
        ('audit', 'docker_audit_state', 'docker_audit_state is given to audit.yml as state'),
        ('audit', 'docker_audit_uid', 'docker_audit_uid is no option of the role docker_audit: the nearest is'),
        ('audit', 'docker_audit_uid', 'docker_audit_uids'),
        ('audit', 'docker_audit_socket', 'docker_audit_socket is now docker_audit_watch'),
        ('audit', 'canary', 'canary is a variable of coverage.yml, not of audit.yml'),
        ('findings', 'name', 'name is now container'),
        ('findings', 'kye', 'is key meant?'),
        ('findings', 'cotainr', 'is container meant?'),
        ('findings', 'docker_audit_uids', 'docker_audit_uids is a variable of audit.yml, not of findings.yml'),
        ('verdicts', 'output', 'not of verdicts.yml: -e dest=- writes JSON to stdout'),
        ('findings', '_raw_params', 'was there a blank in a value? Write a time as 2026-11-24T03:12:00'),
        ('findings', 'duration', 'duration is a variable of tail.yml, not of findings.yml'),
        ('tail', 'docker_audit_nonsense', 'is no option of the role docker_audit'),
    ],
)
def test_what_would_do_nothing_is_refused(playbook, name, message):
    (found,) = variables.extra([name], playbook, OPTIONS)
    assert message in found


@pytest.mark.parametrize(
    'playbook, name',
    [
        ('audit', 'docker_audit_uids'),
        ('audit', 'state'),
        ('findings', 'ansible_user'),
        ('findings', 'awx_job_id'),
        ('findings', 'my_own'),
        ('findings', 'since'),
        ('tail', 'kyee'),  # two edits of a short name
        ('tail', 'cotanr'),  # three of a long one
    ],
)
def test_other_variables_pass(playbook, name):
    assert variables.extra([name], playbook, OPTIONS) == []


def test_variables_of_the_role_of_any_origin_are_checked():
    given = ['docker_audit_uids', '__docker_audit_host', 'docker_audit', 'other', 'docker_audit_keys']
    assert variables.of_role(given, OPTIONS) == [
        'docker_audit_keys is no option of the role docker_audit: the nearest is docker_audit_key'
    ]


@pytest.mark.parametrize(
    'one, other, edits',
    [
        ('', '', 0),
        ('a', '', 1),
        ('key', 'kye', 1),
        ('key', 'keys', 1),
        ('key', 'k', 2),
        ('abc', 'xyz', 3),
        ('A', 'a', 0),
    ],
)
def test_edits_are_counted(one, other, edits):
    assert {variables.distance(*pair) for pair in ((one, other), (other, one))} == {edits}
