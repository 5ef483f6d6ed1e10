# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: docs/how-it-works.md names each file of the core, none that is not there, and says of each what the file
itself says; the way of a command line is the one that it describes."""

from __future__ import annotations

import ast
import pathlib
import re
import sys

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding, on_host
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, findings_view
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = ROOT / 'plugins/module_utils'
TEXT = (ROOT / 'docs/how-it-works.md').read_text()
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


def shown(log):
    """The view of the findings in a log, as the module and findings_report make it."""
    asked = on_host.Question('claude-hooks-*', 'claude-hooks-docker', socket=str(log.parent / 'no engine'))
    answer = answers.checked('docker_findings_info', 'web1', on_host.ask(asked, str(log), None, None))
    hosts = hiding.of_hosts(answers.of_hosts('docker_findings_info', {'web1': answer}))
    return findings_view.view(findings_view.by_time(hosts['web1']['findings']), hosts)


def test_a_command_line_goes_the_way_that_is_described(tmp_path):
    log = tmp_path / 'audit.log'
    log.write_bytes(audit_writer.text(audit_writer.event([b'docker', b'container', b'rm', b'claude-hooks-dev'])))
    called = []

    def note(frame, event, _argument):
        if event == 'call' and '/plugins/' in frame.f_code.co_filename:
            place = frame.f_code.co_filename.rpartition('/plugins/')[2]
            called.append((re.sub('^module_utils/', '', place), frame.f_code.co_name))

    sys.setprofile(note)
    try:
        lines = shown(log)
    finally:
        sys.setprofile(None)
    assert '    $ docker container rm claude-hooks-dev' in lines
    described = re.findall(r'^\d+\. `([a-z_/]+\.py)`, `(\w+)`: ', TEXT, re.MULTILINE)
    on_the_way = [stop for stop in dict.fromkeys(called) if stop in described]
    assert on_the_way == described and described
