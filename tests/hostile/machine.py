# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules and attacks, run as programs on the kernel that tests/lab/own_kernel gives."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

ATTACKS = pathlib.Path(__file__).with_name('attacks')
COLLECTION = 'ansible_collections.claude_hooks.docker_audit'
RUN = """
import json, sys
from %s.tests.unit.module_args import patch_module_args
from %s.plugins.modules import {0} as module
with patch_module_args(json.loads(sys.argv[1])):
    module.main()
""" % (COLLECTION, COLLECTION)
USER = 1000


def command(module: str, **options: Any) -> list[str]:
    """The words that run a module."""
    return [sys.executable, '-c', RUN.format(module), json.dumps(options)]


def answer(module: str, seconds: float = 120, **options: Any) -> dict[str, Any]:
    """What a module returns. Raises subprocess.TimeoutExpired."""
    done = subprocess.run(
        command(module, **options),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def as_user(program: str, *words: str, capabilities: str = '') -> list[str]:
    """The words that run an attack as a user without rights, or with the capabilities named."""
    prefix = ['setpriv', '--reuid=%d' % USER, '--regid=%d' % USER, '--clear-groups']
    if capabilities:
        prefix += ['--inh-caps=' + capabilities, '--ambient-caps=' + capabilities]
    return [*prefix, sys.executable, str(ATTACKS / program), *words]


def attack(program: str, *words: str, capabilities: str = '') -> str:
    """Run an attack to its end; returns what it printed."""
    return subprocess.run(
        as_user(program, *words, capabilities=capabilities),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    ).stdout
