# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: docs/how-it-works.md names each file of the core, and none that is not there."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = ROOT / 'plugins/module_utils'


def test_the_table_of_files_is_the_tree():
    text = (ROOT / 'docs/how-it-works.md').read_text()
    listed = re.findall(r'^\| `(_[a-z_/0-9]+\.py)` \| .+ \|$', text, re.MULTILINE)
    there = [str(path.relative_to(CORE)) for path in CORE.rglob('*.py') if path.name != '__init__.py']
    assert sorted(listed) == sorted(there), 'the table in docs/how-it-works.md: one row for each file'
