# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the role's options say the same in defaults/main.yml, argument_specs.yml and the role's README.md."""

from __future__ import annotations

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLE = ROOT / 'roles' / 'docker_audit'
OPTIONS = yaml.safe_load((ROLE / 'meta' / 'argument_specs.yml').read_text())['argument_specs']['main']['options']


def test_defaults_and_argument_specs_are_equal():
    assert {name: option.get('default') for name, option in OPTIONS.items()} == yaml.safe_load(
        (ROLE / 'defaults' / 'main.yml').read_text()
    )


def test_every_option_is_typed_and_described():
    assert [name for name, option in OPTIONS.items() if not option.get('type') or not option.get('description')] == []


def test_the_readme_lists_every_option_once_with_its_default():
    rows = re.findall(r'^\| `(docker_audit_\w+)` \| `([^`]*)` \|', (ROLE / 'README.md').read_text(), re.MULTILINE)
    assert [(name, yaml.safe_load(default)) for name, default in rows] == [
        (name, option['default']) for name, option in OPTIONS.items()
    ]


def test_the_readme_lists_what_can_be_watched():
    kinds = yaml.safe_load((ROLE / 'vars' / 'main.yml').read_text())['__docker_audit_watch_kinds']
    table = (ROLE / 'README.md').read_text().partition('## What the kernel logs')[2].partition('\n## ')[0]
    assert ['docker', *re.findall(r'^\| `(\w+)` \|', table, re.MULTILINE)] == kinds


def test_the_variables_of_the_role_itself_cannot_be_taken_for_options():
    """What begins with docker_audit_ and is no option is refused, whoever sets it."""
    texts = [
        path.read_text() for path in ROLE.rglob('*') if path.suffix in ('.yml', '.j2') and path.parent.name != 'meta'
    ]
    used = set(re.findall(r'(?<![\w.])docker_audit_\w+', ' '.join(texts)))
    modules = {path.stem for path in (ROOT / 'plugins' / 'modules').glob('*.py')}
    assert used - set(OPTIONS) - modules == set()
