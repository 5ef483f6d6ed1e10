# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: with docker_audit_watch=all and the witness, the end of an engine has its cause and who asked for it.

By hand, by sudo, by a package of the engine that root or sudo changes, and by the end of the host. On hosts with
systemd and the engines of Debian 12 and 13, which tests/lab/fleet has booted:

    tests/run fleet_engines
"""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import lab_hosts
from ansible_collections.claude_hooks.docker_audit.tests.support.lab_hosts import (
    HOSTS,
    PREFIX,
    START,
    everywhere,
    lines,
    on,
    only,
)

# What the witness of an engine that has just started needs until it knows a container that has just started
KNOWN = f"""
for name in %s; do
    identity=$(docker inspect -f {{{{.Id}}}} {PREFIX}$name)
    until grep -q "\\"first\\".*$identity" /var/lib/claude-hooks/events.jsonl; do sleep 0.5; done
done
"""
# way: (who, what is executed, how many containers run)
WAYS = {
    # Two ends of the engine within ten seconds can be one that two programs noted
    'stopped': ('root', 'systemctl stop docker; sleep 10; systemctl start docker', 2),
    'alone': ('root', 'systemctl stop docker; systemctl start docker', 1),
    'sudo': ('watched', 'sudo systemctl restart docker', 2),
    'package': ('root', 'DEBIAN_FRONTEND=noninteractive apt-get -qq install docker.io >/dev/null 2>&1', 2),
    'package-sudo': (
        'watched',
        'sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install --reinstall docker.io >/dev/null 2>&1',
        2,
    ),
    'poweroff': ('root', '', 2),
}
# What the scripts of the package execute
RESTART = 'systemctl --quiet --system restart docker.service docker.socket'
# Written down before the run: the confidence, and the evidence on why the engine went down, besides its unit. A command
# has its login uid.
EXPECTED = {
    'stopped': ('certain', [('service_command', 'systemctl stop docker', 0)]),
    'alone': ('certain', [('service_command', 'systemctl stop docker', 0)]),
    'sudo': (
        'certain',
        [('sudo_command', 'systemctl restart docker', 1000), ('service_command', 'systemctl restart docker', 1000)],
    ),
    'package': (
        'certain',
        [
            ('package_changed', 'upgrade', 'apt-get -qq install docker.io'),
            ('service_command', RESTART, 0),
        ],
    ),
    'package-sudo': (
        'certain',
        [
            ('package_changed', 'reinstall', 'apt-get -qq install --reinstall docker.io (requested by watched (1000))'),
            ('sudo_command', 'apt-get -qq install --reinstall docker.io', 1000),
            ('service_command', RESTART, 1000),
        ],
    ),
    # After a boot, too: the events of the engine that were kept prove it, not the audit log
    'poweroff': ('certain', [('service_command', 'systemctl poweroff', 0)]),
}


def containers(way):
    return [f'{way}-{number}' for number in range(1, WAYS[way][2] + 1)]


def end_engine(host):
    # More starts in a minute than systemd takes by default
    drop_in = '/run/systemd/system/docker.service.d'
    on(host, f"mkdir {drop_in}; printf '[Unit]\\nStartLimitIntervalSec=0\\n' >{drop_in}/lab.conf")
    on(host, 'systemctl daemon-reload; apt-get -qq update')
    for way, (user, script, _count) in WAYS.items():
        names = containers(way)
        on(host, ''.join(START % name for name in names) + KNOWN % ' '.join(names))
        on(host, script, user)


@pytest.fixture(scope='module')
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp('fleet')
    lab_hosts.play(folder, 'audit.yml', state='present', docker_audit_watch='all', docker_audit_witness=True)
    everywhere(end_engine)
    before = lab_hosts.verdicts(folder, 'before')
    lab_hosts.reboot()
    return before, lab_hosts.verdicts(folder, 'after')


def shown(line):
    """A line of evidence, short."""
    if line['code'] == 'package_changed':
        return line['code'], line['change'].split()[0], line['tool']
    return line['code'], ' '.join(line['argv']), line['auid']


@pytest.mark.parametrize('host', HOSTS)
@pytest.mark.parametrize('way, name', [(way, name) for way in WAYS for name in containers(way)])
def test_the_end_of_the_engine_has_its_cause_and_who_asked_for_it(told, host, way, name):
    before, after = told
    verdict = only((after if way == 'poweroff' else before)[host], name)
    confidence, why = EXPECTED[way]
    assert (verdict['cause'], verdict['confidence'], verdict['who']) == ('engine_shutdown', confidence, []), verdict
    found = lines(verdict, 'sudo_command', 'service_command', 'package_changed')
    assert sorted(map(shown, found)) == sorted(why), verdict
    assert all(line['pid'] > 1 for line in lines(verdict, 'service_command'))
    # systemd of Debian 13 is built without utmp, and notes no shutdown
    ends = {'h1': ['host_shut_down'], 'h2': ['host_booted']}[host] if way == 'poweroff' else []
    assert [line['code'] for line in lines(verdict, 'host_shut_down', 'host_booted')] == ends, verdict
