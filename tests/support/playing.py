# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running ansible-playbook, or one module, in tests."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any, Iterable

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.path.dirname(sys.executable)
PLAYBOOK = os.path.join(BIN, 'ansible-playbook')
#: Runs a command as another user than root. CAP_DAC_READ_SEARCH lets user 65534 reach this checkout and its python,
#: wherever they are.
AS_ANOTHER = (
    'setpriv',
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
)


def play(
    *words: object,
    prefix: Iterable[str] = (),
    cwd: pathlib.Path | str = ROOT,
    options: dict[str, Any] | None = None,
    timeout: float | None = 120,
    **environment: str,
) -> tuple[int, str]:
    """Run ansible-playbook to its end; (exit code, what it wrote to stdout and then what to stderr).

    options are extra variables; environment is what differs from the environment of the test; prefix is a command that
    runs another one, such as nsenter.
    """
    command = [*prefix, PLAYBOOK, *map(str, words)]
    if options is not None:
        command += ['-e', json.dumps(options)]
    # As bytes: a carriage return is to be seen as one
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, 'ANSIBLE_NOCOLOR': '1', 'ANSIBLE_CALLBACK_RESULT_FORMAT': 'json', **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def ask(module: str, options: dict[str, Any]) -> tuple[bool, Any]:
    """Run a module of this collection here by Ansible; (whether it succeeded, what it returned)."""
    done = subprocess.run(
        [os.path.join(BIN, 'ansible'), 'localhost', '-c', 'local']
        + ['-m', 'claude_hooks.docker_audit.' + module, '-a', json.dumps(options)],
        cwd=ROOT,
        env={**os.environ, 'ANSIBLE_NOCOLOR': '1', 'ANSIBLE_CALLBACK_RESULT_FORMAT': 'json'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = re.search(r'^localhost \| (\S+) => ', done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return found.group(1) == 'SUCCESS', json.loads(done.stdout[found.end() :])


def answering(folder: pathlib.Path, answers: dict[str, str], script: str) -> pathlib.Path:
    """The inventory of hosts that answer whatever they are asked; script is a shell's, for the path of the answer."""
    hosts = {}
    for name, answer in answers.items():
        (folder / name).write_text(answer)
        python = folder / ('python-' + name)
        python.write_text('#!/bin/sh\n%s\n' % script % (folder / name))
        python.chmod(0o755)
        hosts[name] = {'ansible_connection': 'local', 'ansible_python_interpreter': str(python)}
    path = folder / 'hosts.json'
    path.write_text(json.dumps({'all': {'hosts': hosts}}))
    return path
