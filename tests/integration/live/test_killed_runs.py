# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a run killed after any task that changed something is healed by the next, and no neighbour loses a rule.

Runs audit.yml on this machine, with the kernel of the lab, and kills it with SIGKILL after its n-th change.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import playing
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import auditctl

RULES = pathlib.Path('/etc/audit/rules.d')
NEIGHBOUR = '-w /etc/hostname -p wa -k neighbour'
KILLER = '''
import os, signal
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: killer\\nshort_description: kills\\ndescription: kills\\ntype: aggregate"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'killer'
    changes = 0

    def v2_runner_on_ok(self, result):
        # Of a loop, its items count
        if result._result.get('changed') and 'results' not in result._result:
            self.changes += 1
            if self.changes == int(os.environ['KILL_AT']):
                os.killpg(0, signal.SIGKILL)
            open(os.environ['CHANGES'], 'w').write(str(self.changes))

    v2_runner_item_on_ok = v2_runner_on_ok
'''


class Machine:
    """Plays audit.yml, and is killed where it is told to."""

    def __init__(self, folder):
        self._folder = folder
        (folder / 'killer.py').write_text(KILLER)

    def play(self, state, kill_at=0):
        """How many changes a run made; None where it was killed."""
        changes = self._folder / 'changes'
        changes.write_text('0')
        code, output = playing.play(
            'playbooks/audit.yml',
            '-e',
            'state=%s' % state,
            *(['-e', 'docker_audit_watch=all'] if state == 'present' else []),
            prefix=['setsid', '--wait'],
            ANSIBLE_CALLBACK_PLUGINS=str(self._folder),
            ANSIBLE_CALLBACKS_ENABLED='killer',
            KILL_AT=str(kill_at),
            CHANGES=str(changes),
        )
        assert code in ([0] if not kill_at else [0, -9, 137]), output
        return int(changes.read_text()) if code == 0 else None

    def end_workers(self):
        """Workers have a session of their own: those of a run that was killed wait for ever to tell it something."""
        mark = ('CHANGES=%s' % (self._folder / 'changes')).encode()
        for folder in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                if mark in (folder / 'environ').read_bytes().split(b'\0'):
                    os.kill(int(folder.name), signal.SIGKILL)

    @staticmethod
    def looks():
        """All rules of the kernel, in any order, and all that is in audit's folders."""
        files = {str(path): path.read_bytes() for path in RULES.iterdir()}
        return sorted(auditctl('-l').splitlines()), files, sorted(os.listdir('/etc/audit'))


@pytest.fixture(scope='module')
def machine(tmp_path_factory):
    neighbour = RULES / '50-neighbour.rules'
    neighbour.write_text(NEIGHBOUR + '\n')
    subprocess.run(['augenrules', '--load'], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    machine = Machine(tmp_path_factory.mktemp('killed'))
    try:
        machine.play('absent')
        yield machine
    finally:
        machine.play('absent')
        machine.end_workers()
        neighbour.unlink()
        subprocess.run(['augenrules', '--load'], stdin=subprocess.DEVNULL, capture_output=True, check=True)


@pytest.fixture(scope='module')
def usual(machine):
    """What the machine looks like, and how many changes led there, by state."""
    changes = {state: (machine.play(state), machine.looks()) for state in ('present', 'absent')}
    assert changes['present'][0] >= 2 and changes['absent'][0] >= 10
    return changes


# The rules are removed one by one, each by the same task: some of these stand for all
@pytest.mark.parametrize('state, kill_at', [('present', 1), ('present', 2), *(('absent', n) for n in (1, 2, 3, 9, -1))])
def test_the_next_run_heals_one_that_was_killed(machine, usual, state, kill_at):
    if state == 'absent':
        machine.play('present')
    assert machine.play(state, kill_at if kill_at > 0 else usual[state][0]) is None
    assert NEIGHBOUR in auditctl('-l').splitlines()
    # The same again, or the other way
    for wanted in (state, 'absent' if state == 'present' else 'present'):
        machine.play(wanted)
        assert machine.looks() == usual[wanted][1]
    assert NEIGHBOUR in auditctl('-l').splitlines()
    machine.play('absent')
