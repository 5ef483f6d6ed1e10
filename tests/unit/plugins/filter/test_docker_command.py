# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the filter gives what the core reads, refuses what is no argv, and its documented examples run."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.claude_hooks.docker_audit.plugins.filter import docker_command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import (
    ACTIONS,
    PUBLIC,
    public,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.parse import parse
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

FILTER = docker_command.FilterModule().filters()['docker_command']
DOCUMENTED = yaml.safe_load(pathlib.Path(docker_command.__file__).with_suffix('.yml').read_text(encoding='utf-8'))


def trusted(text):
    """A template as a playbook would hold it: ansible-core 2.19 and later render only what is marked so."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return text
    return trust_as_template(text)


def rendered(text, variables):
    return Templar(loader=DataLoader(), variables=variables).template(trusted(text))


def test_the_result_is_the_core_s():
    assert FILTER(['docker', 'rm', 'x']) == public(parse(['docker', 'rm', 'x']))


def test_the_interpreter_of_a_script_is_left_out():
    assert FILTER(['/bin/sh', '/usr/bin/docker', 'stop', 'x'])['targets'] == ['x']


@pytest.mark.parametrize('wrong', ['docker stop x', None, 5, {'a': 'b'}, ['docker', 5]])
def test_what_is_no_argv_is_refused_with_the_filter_s_name(wrong):
    with pytest.raises(AnsibleFilterError, match='docker_audit.docker_command: an argv '):
        FILTER(wrong)


def test_a_target_is_never_rendered_as_a_template():
    found = FILTER(['docker', 'stop', '{{ 6 * 7 }}'])
    assert rendered('{{ found.targets[0] }}', {'found': found}) == '{{ 6 * 7 }}'


def test_the_documented_examples_run(tmp_path):
    playbook = tmp_path / 'examples.yml'
    playbook.write_text(
        yaml.safe_dump([{'hosts': 'localhost', 'gather_facts': False, 'tasks': yaml.safe_load(DOCUMENTED['EXAMPLES'])}])
    )
    # The folder above ansible_collections, from which this test itself has the filter.
    collections = pathlib.Path(docker_command.__file__).parents[5]
    places = {'ANSIBLE_COLLECTIONS_PATH': str(collections), 'HOME': str(tmp_path)}
    code, output = playing.play('-i', 'localhost,', '-c', 'local', playbook, cwd=tmp_path, **places)
    assert code == 0 and 'ok=3 ' in output, output


def test_the_documentation_names_every_field_and_action():
    returned = DOCUMENTED['RETURN']['_value']['contains']
    assert list(returned) == list(PUBLIC)
    assert [action for action in ACTIONS if 'V(%s)' % action not in ' '.join(returned['action']['description'])] == []
