# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: every example that ansible-doc shows runs as it stands.

Needs root, auditd, docker and the engine, as tests/lab/lab gives them.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
CHECK_MODE = {  # these are run with --check
    'docker_audit': 'changes the rules of the machine',
    'findings_follow': 'goes on for an hour',
}


def documented():
    """(name, examples as text) of all that ansible-doc knows of this collection."""
    shown = subprocess.run([BIN / 'ansible-doc', '--metadata-dump', 'claude_hooks.docker_audit'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    everything = json.loads(shown.stdout)['all']
    for kind in ('module', 'filter', 'lookup'):
        for name, plugin in sorted(everything[kind].items()):
            yield name.rpartition('.')[2], plugin['examples']
    for name, role in everything['role'].items():
        for point in role['entry_points'].values():
            yield name.rpartition('.')[2], point.get('examples')


@pytest.mark.parametrize('name, examples', [pytest.param(*row, id=row[0]) for row in documented()])
def test_the_examples_run(name, examples, tmp_path):
    plays = yaml.safe_load(examples)
    if 'hosts' not in plays[0]:
        plays = [{'hosts': 'all', 'gather_facts': False, 'tasks': plays}]
    (tmp_path / 'examples.yml').write_text(yaml.safe_dump(plays, sort_keys=False))
    (tmp_path / 'hosts.yml').write_text(yaml.safe_dump({'docker_hosts': {'hosts': {'web1': {
        'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable, 'ansible_become': False}}}}))
    (tmp_path / 'captures').mkdir()
    shutil.copy(ROOT / 'tests/unit/fixtures/captures/ausearch.raw', tmp_path / 'captures/app1.raw')
    done = subprocess.run([BIN / 'ansible-playbook', '-i', 'hosts.yml', 'examples.yml', *(['--check'] if name in CHECK_MODE else [])], cwd=tmp_path,
                          env=dict(os.environ, ANSIBLE_NOCOLOR='1', XDG_STATE_HOME=str(tmp_path)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
