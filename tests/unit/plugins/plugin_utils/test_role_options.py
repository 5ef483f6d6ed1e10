# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: an option means the same however it is written, and one that cannot be used gets a sentence saying so."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import role_options

ROLE = pathlib.Path(__file__).resolve().parents[4] / 'roles/docker_audit'
OPTIONS = yaml.safe_load((ROLE / 'meta/argument_specs.yml').read_text())['argument_specs']['main']['options']
DEFAULTS = yaml.safe_load((ROLE / 'defaults/main.yml').read_text())
KINDS = ['docker', 'socket', 'signals', 'services']


def check(**given):
    return role_options.check(
        {**DEFAULTS, **{'docker_audit_' + name: value for name, value in given.items()}}, OPTIONS, KINDS
    )


def test_the_defaults_are_taken_as_they_are():
    assert check() == ({name[len('docker_audit_') :]: value for name, value in DEFAULTS.items()}, [])


@pytest.mark.parametrize(
    'name, given, expected',
    [
        ('uids', '0,1000', [0, 1000]),
        ('uids', ['0', 1000, 0], [0, 1000]),
        ('uids', 7, [7]),
        ('uids', 0, [0]),
        ('uids', 'all', []),
        ('uids', ['all'], []),
        ('uids', [], []),
        ('uids', '[]', []),
        ('watch', 'signals,socket', ['docker', 'socket', 'signals']),
        ('watch', 'all', KINDS),
        ('watch', ['socket', 'all'], KINDS),
        ('watch', [], ['docker']),
        ('paths', '/a,/b', ['/a', '/b']),
        ('executables', 'docker,docker-compose', ['docker', 'docker-compose']),
        ('prepend', 'yes', True),
        ('prepend', 'false', False),
        ('prepend', 0, False),
        ('key', 123, '123'),
        ('state', 'absent', 'absent'),
    ],
)
def test_is_read_as(name, given, expected):
    checked = check(**{name: given})
    assert (checked.options[name], checked.complaints) == (expected, [])


@pytest.mark.parametrize(
    'name, given, sentence',
    [
        ('state', 'maybe', 'docker_audit_state: "maybe" is no state: use present or absent'),
        ('state', 'a\n-D', r'docker_audit_state: "a\n-D" is no state: use present or absent'),
        ('prepend', 'maybe', 'docker_audit_prepend: "maybe" is not a valid boolean: use true or false'),
        ('witness', None, 'docker_audit_witness: null is not a valid boolean: use true or false'),
        ('forward', 'perhaps', 'docker_audit_forward: "perhaps" is not a valid boolean: use true or false'),
        ('accept_load', [True], 'docker_audit_accept_load: [true] is not a valid boolean: use true or false'),
        ('key', None, 'docker_audit_key: null is no text'),
        ('key', ['a'], 'docker_audit_key: ["a"] is no text'),
        ('rule_file', {'a': 1}, 'docker_audit_rule_file: {"a": 1} is no text'),
        (
            'paths',
            [{'a': 1}],
            'docker_audit_paths: [{"a": 1}] is no list of words: use a list, or words separated by commas',
        ),
        ('uids', None, 'docker_audit_uids: null is no list of words: use a list, or words separated by commas'),
        ('uids', [True], 'docker_audit_uids: [true] is no list of words: use a list, or words separated by commas'),
        ('watch', True, 'docker_audit_watch: true is no list of words: use a list, or words separated by commas'),
    ],
)
def test_a_value_of_another_type_gets_one_sentence(name, given, sentence):
    assert check(**{name: given}).complaints == [sentence]


def test_each_complaint_stands_once():
    given = {'prepend': 'maybe', 'witness': 'maybe', 'state': 'maybe'}
    assert [line.count('maybe') for line in check(**given).complaints] == [1, 1, 1]
    unusable = check(
        key='a b', uids=['root'], watch='sockets', paths=['x'], executables=['../x'], rule_file='x'
    ).complaints
    assert len(unusable) == len({line.split()[0] for line in unusable}) == 6


def test_a_value_of_another_type_hides_no_other_complaint():
    lines = check(prepend='maybe', paths=None, executables=[], uids=['root']).complaints
    assert [line.partition(':')[0] for line in lines] == [
        'docker_audit_paths',
        'docker_audit_prepend',
        'docker_audit_uids',
    ]


def test_a_long_value_does_not_fill_the_screen():
    (line,) = check(prepend='x' * 100000).complaints
    assert len(line) < 400
