# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: docs/how-it-works.md names each file of the core, none that is not there, and says of each what the file
itself says."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = ROOT / 'plugins/module_utils'
ROWS = dict(
    re.findall(r'^\| `(_[a-z_/0-9]+\.py)` \| (.+) \|$', (ROOT / 'docs/how-it-works.md').read_text(), re.MULTILINE)
)


def test_the_table_of_files_is_the_tree():
    there = [str(path.relative_to(CORE)) for path in CORE.rglob('*.py') if path.name != '__init__.py']
    assert sorted(ROWS) == sorted(there), 'the table in docs/how-it-works.md: one row for each file'


@pytest.mark.parametrize('name', sorted(ROWS))
def test_a_row_is_the_first_sentence_of_its_file(name):
    paragraph = ast.get_docstring(ast.parse((CORE / name).read_text())).partition('\n\n')[0]
    sentence = re.match(r'(.+?)\.(\s|\Z)', ' '.join(paragraph.split()))
    assert sentence and sentence[1] == ROWS[name]
