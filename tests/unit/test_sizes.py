# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a file of the product or of the tests' helpers can be read in one go, and so can a function, or a comment
above it says why not.

ruff limits the branches of a function, see ruff.toml.
"""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ('plugins', 'extensions', 'roles', 'tests')
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob('*.py')) if path.name[:5] != 'test_']
LINES_OF_FILE, LINES_OF_FUNCTION = 400, 40
DOCUMENTATION = ('DOCUMENTATION', 'EXAMPLES', 'RETURN')
REASON = '# Long, as '


def length(node):
    return node.end_lineno - node.lineno + 1


def too_long(text):
    """What is too long in the text of a file, as sentences."""
    tree, lines = ast.parse(text), text.split('\n')
    blocks = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DOCUMENTATION
    ]
    code = len(lines) - 1 - sum(map(length, blocks))
    found = ['%d lines without documentation' % code] if code > LINES_OF_FILE else []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and length(node) > LINES_OF_FUNCTION:
            above = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 2
            if not lines[above].strip().startswith(REASON):
                found.append('%s has %d lines and no comment "%s..." above it' % (node.name, length(node), REASON))
    return found


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_too_long(path):
    assert too_long(path.read_text()) == []


def test_what_is_too_long_is_found():
    function = 'def f():\n' + 40 * '    pass\n'
    assert too_long(function) == ['f has 41 lines and no comment "# Long, as ..." above it']
    assert too_long('# Long, as it is a list.\n' + function) == []
    assert too_long('DOCUMENTATION = """' + 500 * '\n' + '"""\n' + 400 * 'a = 1\n') == []
    assert too_long(401 * 'a = 1\n') == ['401 lines without documentation']
