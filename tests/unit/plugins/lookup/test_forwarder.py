# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the program that forwards is one file with the same bytes each time, and runs without Ansible."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

from ansible_collections.claude_hooks.docker_audit.plugins.lookup import forwarder


def built():
    return forwarder.LookupModule().run([])[0]


def test_it_runs_alone(tmp_path):
    program = tmp_path / 'forward.pyz'
    program.write_bytes(pathlib.Path(built()['path']).read_bytes())
    imports = 'import sys; sys.path.insert(0, sys.argv[1]); import %s.%s.on_host' % (
        'ansible_collections.claude_hooks.docker_audit.plugins.module_utils',
        '_verdicts',
    )
    for words in ([str(program), '--help'], ['-c', imports, str(program)]):
        # Neither the packages of this environment nor the checkout are to be found
        subprocess.run([sys.executable, '-I', '-S', *words], cwd='/', check=True, stdout=subprocess.DEVNULL)


def test_the_same_code_gives_the_same_bytes():
    first = built()
    os.unlink(first['path'])
    assert built() == first
    assert hashlib.sha1(pathlib.Path(first['path']).read_bytes()).hexdigest() == first['sha1']
