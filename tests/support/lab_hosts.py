# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two hosts with systemd and an engine that tests/lab/fleet has booted for tests/run fleet_engines."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import subprocess
from typing import Any, Callable, Mapping

from ansible_collections.claude_hooks.docker_audit.tests.support import playing
from ansible_collections.claude_hooks.docker_audit.tests.support.playing import ROOT

SSH = '/run/claude-hooks-docker-audit-fleet/ssh'
HOSTS = ('h1', 'h2')
PREFIX = 'claude-hooks-'
START = 'docker run -d --init --network none --name ' + PREFIX + '%s lab sleep 100000 >/dev/null\n'


def on(host: str, script: str, user: str = 'root') -> str:
    """Run a shell script on a host; it fails at its first failure."""
    words = [SSH, f'{user}@{host}', 'sh -e']
    done = subprocess.run(words, input=script, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, (host, script, done.stdout, done.stderr)
    return done.stdout


def everywhere(act: Callable[[str], object]) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(act, HOSTS))


def reboot() -> None:
    subprocess.run([str(ROOT / 'tests/lab/fleet'), 'reboot', *HOSTS], check=True)


def play(folder: pathlib.Path, playbook: str, **options: object) -> None:
    """Run a playbook for both hosts."""
    inventory = folder / 'hosts.json'
    known = {host: {'ansible_user': 'root', 'ansible_ssh_executable': SSH} for host in HOSTS}
    inventory.write_text(json.dumps({'all': {'hosts': known}}))
    # Their processes are slow
    code, output = playing.play('-i', inventory, ROOT / 'playbooks' / playbook, options=options, timeout=None)
    assert code == 0, output
    print(output)


def verdicts(folder: pathlib.Path, moment: str) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """{host: {container without its prefix: its verdicts}}"""
    dest = folder / f'{moment}.jsonl'
    play(folder, 'verdicts.yml', dest=str(dest), evidence=True)
    found: dict[str, dict[str, list[dict[str, Any]]]] = {host: {} for host in HOSTS}
    for line in dest.read_text().splitlines():
        verdict = json.loads(line)
        found[verdict['host']].setdefault(verdict['container'].removeprefix(PREFIX), []).append(verdict)
    return found


def only(found: Mapping[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    """The one verdict on a container."""
    (verdict,) = found[name]
    return verdict


def lines(verdict: Mapping[str, Any], *codes: str) -> list[dict[str, Any]]:
    """Its evidence with one of these codes."""
    return [line for line in verdict['evidence'] if line['code'] in codes]
