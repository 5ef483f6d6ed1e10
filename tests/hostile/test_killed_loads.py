# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a load that is killed at any step is finished by the next one, and nobody's rule is lost. On a real kernel.

auditctl and augenrules are the real ones behind a script, which kills the module and all that it started: before or
after its n-th call, or in the middle of one, when the kernel has the first k lines of the rules. The programs and the
kernel are played in tests/unit/plugins/module_utils/test_loading.py, where `make test` runs the same steps.
"""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.hostile.machine import answer, command
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import auditctl

RULES = pathlib.Path('/etc/audit/rules.d')
TOOLS = pathlib.Path('/tmp/tools')
KEY = 'claude-hooks-docker'
OWN = 'claude-hooks-docker.rules'
OURS = ['-a always,exit -F path=/usr/bin/docker -F perm=x -F uid=%d -F key=%s' % (uid, KEY) for uid in (0, 7)]
NEIGHBOUR, BEHIND = '-w /etc/hostname -p wa -k neighbour', '-w /etc/shadow -p wa -k behind'
BY_HAND = '-w /etc/group -p wa -k by-hand'
BROKEN = '-a always,exit -S no_such_call -F key=broken'
HELD = {  # as auditctl -l prints them
    OURS[0]: '-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=0 -F key=' + KEY,
    OURS[1]: '-a always,exit -S all -F path=/usr/bin/docker -F perm=x -F uid=7 -F key=' + KEY,
}

# auditctl -R is asked for the first lines alone where the kill comes in its middle
SCRIPT = r"""#!/bin/sh
cd /tmp/tools
name=$(basename "$0")
count=$(($(cat count) + 1)); echo $count >count
echo "$count $name $*" >>calls
die() { kill -9 -"$(cat group)"; sleep 10; }
[ "before $count" != "$(cat kill)" ] || die
case "$(cat kill) $1" in
    "line "*" -R") head -n "$(sed 's/line //' kill)" "$2" >part; /usr/sbin/auditctl -R part; die ;;
esac
/usr/sbin/$name "$@"; code=$?
[ "after $count" != "$(cat kill)" ] || die
exit $code
"""
# augenrules calls auditctl by its path
AUGENRULES = 's,/sbin/auditctl\\|\\bauditctl\\b,/tmp/tools/auditctl,g; s,/tmp/tools/tmp/tools,/tmp/tools,g'


@pytest.fixture(scope='module', autouse=True)
def tools():
    TOOLS.mkdir()
    for name in ('auditctl', 'augenrules'):
        (TOOLS / name).write_text(SCRIPT)
        (TOOLS / name).chmod(0o755)
    script = pathlib.Path('/usr/sbin/augenrules')
    text = script.read_text()
    assert 'auditctl' in text
    changed = subprocess.run(['sed', AUGENRULES], input=text, capture_output=True, text=True, check=True).stdout
    script.unlink()
    script.write_text(changed)
    script.chmod(0o755)
    yield
    script.write_text(text)


def prepare(deletes_all, is_broken):
    """A host that has our old rule and those of neighbours, and a new file of ours."""
    for file in [*RULES.iterdir(), pathlib.Path('/run/claude-hooks-docker-audit/before.json')]:
        file.unlink(missing_ok=True)
    if deletes_all:
        (RULES / 'audit.rules').write_text('-D\n')
    (RULES / 'n.rules').write_text('\n' + NEIGHBOUR + '\n')
    (RULES / OWN).write_text('\n# claude_hooks.docker_audit key=%s\n%s\n' % (KEY, OURS[0]))
    auditctl('-D')
    (TOOLS / 'kill').write_text('never')
    (TOOLS / 'count').write_text('0')
    subprocess.run(['/usr/sbin/augenrules', '--load'], capture_output=True, check=False)
    if not deletes_all:
        auditctl(*BY_HAND.split())
    if is_broken:
        (RULES / 'o.rules').write_text('\n%s\n%s\n' % (BROKEN, BEHIND))
        auditctl(*BEHIND.split())
    (RULES / OWN).write_text('\n# claude_hooks.docker_audit key=%s\n%s\n' % (KEY, OURS[1]))


def load(kill='never'):
    """Run the module, killed where kill says so; what the tools were asked."""
    for name, text in (('kill', kill), ('count', '0'), ('calls', '')):
        (TOOLS / name).write_text(text)
    module = subprocess.Popen(
        ['sh', '-c', 'echo $$ >/tmp/tools/group; exec "$@"', 'sh', *command('docker_audit_load')],
        env={**os.environ, 'PATH': '%s:%s' % (TOOLS, os.environ['PATH'])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    module.communicate(timeout=60)
    return (TOOLS / 'calls').read_text().split('\n')[:-1], module.returncode


SITUATIONS = {'-D': (True, False), 'no -D': (False, False), 'a broken line': (True, True)}


@pytest.mark.parametrize('situation', SITUATIONS)
def test_a_load_that_is_killed_is_finished_by_the_next(situation):
    deletes_all, is_broken = SITUATIONS[situation]
    prepare(deletes_all, is_broken)
    calls, _code = load()
    whole = auditctl('-l')
    expected = {NEIGHBOUR, HELD[OURS[1]]} | ({BEHIND} if is_broken else set()) | (set() if deletes_all else {BY_HAND})
    assert set(whole.split('\n')[:-1]) == expected
    steps = [
        '%s %d' % (when, number + 1)
        for number, call in enumerate(calls)
        if call.split()[2:3] not in (['-l'], ['-s'])  # what changes nothing
        for when in ('before', 'after')
    ]
    lines = len((pathlib.Path('/etc/audit/audit.rules')).read_text().split('\n'))
    steps += ['line %d' % line for line in range(1, lines)] if any(' -R ' in call for call in calls) else []
    assert len(steps) > 3, calls
    killed = 0
    for step in steps:
        prepare(deletes_all, is_broken)
        _calls, code = load(step)
        killed += code == -9
        load()
        held = set(auditctl('-l').split('\n')[:-1])
        assert held == expected, 'killed %s of %s' % (step, calls)
    print('%s: %d of %d steps killed: %s' % (situation, killed, len(steps), ', '.join(steps)))
    assert killed == len(steps)


def test_a_load_that_is_done_again_changes_nothing():
    prepare(True, False)
    load()
    assert (answer('docker_audit_load')['added'], answer('docker_audit_load')['removed']) == ([], [])
