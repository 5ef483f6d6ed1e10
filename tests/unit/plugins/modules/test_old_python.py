# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: with an old Python, 2.7 too, each module says in a sentence what it needs.

So whatever a module imports before it says that has to be what Python 2.7 can parse.
"""

from __future__ import annotations

import ast
import importlib
import json
import pathlib
import types

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import python
from ansible_collections.claude_hooks.docker_audit.tests.unit.module_args import patch_module_args

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / 'plugins'
ENTRIES = sorted((PLUGINS / 'modules').glob('*.py'))
# The others run on the controller, as actions
ON_HOSTS = [path.stem for path in ENTRIES if 'AnsibleModule(' in path.read_text()]
PACKAGE = 'ansible_collections.claude_hooks.docker_audit.plugins.'
NEWER = (
    ast.AnnAssign,
    ast.AsyncFunctionDef,
    ast.JoinedStr,
    ast.NamedExpr,
    ast.Nonlocal,
    ast.YieldFrom,
)


@pytest.mark.parametrize('name', ON_HOSTS)
def test_a_module_names_the_python_that_is_too_old(monkeypatch, capsys, name):
    monkeypatch.setattr(python, 'sys', types.SimpleNamespace(version_info=(3, 7, 17), executable='/usr/bin/python3'))
    with patch_module_args({}), pytest.raises(SystemExit):
        importlib.import_module(PACKAGE + 'modules.' + name).main()
    told = json.loads(capsys.readouterr().out)
    assert (told['failed'], told['msg']) == (
        True,
        '%s needs Python 3.8 or later on the host, but /usr/bin/python3 is Python 3.7: set ansible_python_interpreter'
        % name,
    )


def test_no_module_that_runs_on_hosts_is_left_out():
    assert len(ON_HOSTS) == 7


@pytest.mark.parametrize('path', ENTRIES, ids=lambda path: path.stem)
def test_python_2_can_parse_what_is_read_first(path):
    tree = ast.parse(path.read_text())
    read = [tree] + [ast.parse(imported.read_text()) for imported in imported_first(tree)]
    assert [newer(node) for part in read for node in ast.walk(part) if newer(node)] == []


def imported_first(tree):
    """The files of the collection that are imported before main() is called, and their packages."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith(PACKAGE):
            place = PLUGINS / node.module[len(PACKAGE) :].replace('.', '/')
            names = [place.with_suffix('.py')] + [place / (alias.name + '.py') for alias in node.names]
            packages = [folder / '__init__.py' for folder in (place, *place.parents)]
            yield from (file for file in names + packages if file.is_file() and PLUGINS in file.parents)


def newer(node):
    """Where and what a node is that Python 2.7 cannot parse."""
    is_newer = (
        isinstance(node, NEWER)
        or getattr(node, 'annotation', None)
        or getattr(node, 'returns', None)
        or (isinstance(node, ast.arguments) and node.kwonlyargs)
        or (isinstance(node, ast.Raise) and node.cause)
        or (isinstance(node, ast.Dict) and None in node.keys)
        or (isinstance(node, (ast.List, ast.Tuple, ast.Set)) and any(isinstance(one, ast.Starred) for one in node.elts))
        or (isinstance(node, ast.Call) and any(isinstance(one, ast.Starred) for one in node.args[:-1]))
        or (isinstance(node, ast.Call) and any(one.arg is None for one in node.keywords[:-1]))
    )
    return (type(node).__name__, getattr(node, 'lineno', None)) if is_newer else None
