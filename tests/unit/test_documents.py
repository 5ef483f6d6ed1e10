# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what the documents name exists under that name, and what a user can name stands in a document."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import variables

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob('*.md'),
        *(path for folder in ('docs', 'examples', 'molecule', 'roles') for path in (ROOT / folder).rglob('*.md')),
    ]
)
README = (ROOT / 'README.md').read_text()
USAGE = (ROOT / 'docs/usage.md').read_text()
MAKEFILE = (ROOT / 'Makefile').read_text()
PLAYBOOKS = {path.stem: path.read_text() for path in (ROOT / 'playbooks').glob('*.yml') if path.stem != 'this_host'}
RULEBOOKS = {path.stem for path in (ROOT / 'extensions/eda/rulebooks').glob('*.yml')}
ROLE_OPTIONS = set(yaml.safe_load((ROOT / 'roles/docker_audit/defaults/main.yml').read_text()))
# As playbooks read them: name | default(...), and the one whose bare name is a function of Ansible.
VARIABLES = {
    name
    for name in re.findall(r"\b(\w+)(?:'\])? \| default\(", ' '.join(PLAYBOOKS.values()))
    if not name.startswith('ansible_')
}
PLUGINS = sorted(
    path.stem
    for pattern in ('modules/*.py', 'filter/*.yml', 'lookup/*.py', 'callback/*.py', 'action/*.py')
    for path in (ROOT / 'plugins').glob(pattern)
)

each_document = pytest.mark.parametrize('path', DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code(text):
    return '\n'.join(re.findall(r'^```.*?^```|``.+?``|`[^`\n]+`', text, re.MULTILINE | re.DOTALL))


def anchors(path):
    """Of the headings, as GitHub makes them."""
    titles = re.findall(r'^#+ (.+)$', path.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-') for title in titles}


@each_document
def test_the_links_lead_somewhere(path):
    for link in re.findall(r'\]\((?!https?://)([^)\s]+)\)', path.read_text()):
        name, hash_sign, anchor = link.partition('#')
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not hash_sign or anchor in anchors(target), link


@each_document
def test_the_make_targets_exist(path):
    assert (
        set(re.findall(r'\bmake ([a-z][a-z-]*)', code(path.read_text())))
        - set(re.findall(r'^([a-z-]+):', MAKEFILE, re.MULTILINE))
        == set()
    )


@each_document
def test_the_variables_exist(path):
    # "docker run -e" sets a variable of a container.
    assert set(re.findall(r"(?<!run )-e '?(\w+)=", code(path.read_text()))) - VARIABLES - ROLE_OPTIONS == set()


@each_document
def test_the_plugins_and_playbooks_exist(path):
    named = set(re.findall(r'claude_hooks\.docker_audit\.(\w+)', path.read_text()))
    assert named - set(PLUGINS) - set(PLAYBOOKS) - RULEBOOKS - {'docker_audit'} == set()


@each_document
def test_the_role_options_exist(path):
    # The fact that the role leaves has the role's name, and module docker_audit_info the same beginning.
    assert set(re.findall(r'\bdocker_audit_\w+', code(path.read_text()))) - ROLE_OPTIONS - set(PLUGINS) == set()


def test_every_variable_of_a_playbook_is_told():
    told = set(re.findall(r"-e '?(?:{\")?(\w+)", ' '.join(code(path.read_text()) for path in DOCUMENTS)))
    assert VARIABLES - told == set()


def test_the_table_of_variables_says_which_playbook_takes_each():
    rows = re.findall(r"^\| `+-e '?(\w+)=[^|]*?`+ \| ([a-z, ]+) \|", USAGE.replace('||', ''), re.MULTILINE)
    told = {(name, playbook) for name, playbooks in rows for playbook in playbooks.split(', ')}
    taken = {(name, book) for book, names in variables.PLAYBOOKS.items() for name in names if book != 'audit'}
    assert told == taken


@pytest.mark.parametrize('name', sorted({*PLUGINS, *PLAYBOOKS}))
def test_the_table_of_contents_names_each(name):
    assert re.search(r'`claude_hooks\.docker_audit\.%s`' % name, USAGE)


@pytest.mark.parametrize('target', re.findall(r'^(audit-[a-z]+|test):', MAKEFILE, re.MULTILINE))
def test_the_readme_names_each_command_of_a_user(target):
    assert '`make %s`' % target in README


def test_the_readme_is_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 180


@pytest.mark.parametrize('path', sorted((ROOT / 'docs').glob('*.md')), ids=lambda path: path.name)
def test_the_readme_leads_to_each_document(path):
    assert '](docs/%s)' % path.name in README


def test_make_help_tells_of_every_target():
    targets = re.search(r'^\.PHONY: (.*)$', MAKEFILE, re.MULTILINE).group(1).split()
    assert re.findall(r'^([a-z-]+):.* ## \S', MAKEFILE, re.MULTILINE) == targets


def test_the_forms_of_times_are_those_that_the_code_takes():
    section = USAGE.partition('\n## Times\n')[2].partition('\n## ')[0]
    forms = re.findall(r'`([^`]+)`', ' '.join(re.findall(r'^\| (`.+?) \|', section, re.MULTILINE)))
    assert len(forms) >= 12
    for form in forms:
        assert times.asked(form) > 0
    assert {form[-1] for form in forms if form.startswith('-')} == set(times._UNITS)
    assert {form for form in forms if form.isalpha()} == set(times._DAYS)
