# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what a host does to its containers by itself is named: its memory, its units, its packages, its own end.

Hosts with systemd, cgroup v2 and the engines of Debian 12 and 13, which tests/lab/fleet has booted:

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

EAT = 'dd if=/dev/zero of=/dev/null bs=%dM'


def memory(host):
    """Memory runs out: by a limit of the container, of the group it is in, of the host; and for another process."""
    limit, little = '--memory 16m --memory-swap 16m', EAT % 64
    on(
        host,
        f"""
printf '[Slice]\\nMemoryMax=16M\\n' >/run/systemd/system/lab.slice
systemctl daemon-reload
out() {{
    docker run -d --network none --name {PREFIX}$1 $2 lab sh -c "$3" >/dev/null
    docker wait {PREFIX}$1 >/dev/null
}}
out limit '{limit}' 'exec {little}'
out group '--cgroup-parent lab.slice' 'exec {little}'
out host '--oom-score-adj 1000' 'exec {EAT % 970}'
out child '{limit}' '{little}; exit 3'
out handed '{limit}' '{little}; exit $?'
""",
    )


def unit(host):
    """A unit removes a container of an earlier run before it starts its own."""
    on(
        host,
        f"""
cat >/run/systemd/system/blog.service <<'UNIT'
[Service]
Type=oneshot
ExecStartPre=-/usr/bin/docker rm -f {PREFIX}unit
ExecStart=true
UNIT
systemctl daemon-reload
{START % 'unit'}
systemctl start blog
""",
    )


def engine(host):
    """The engine goes down by hand, by sudo and by a package, with two containers. Without containerd it stays."""

    def two(way):
        return ''.join(START % f'{way}-{number}' for number in (1, 2))

    on(host, two('stopped') + 'systemctl stop docker.socket docker; systemctl start docker')
    on(host, two('sudo'))
    on(host, 'sudo systemctl restart docker', user='watched')
    on(
        host,
        START % 'containerd' + 'systemctl stop containerd; sleep 2; systemctl start containerd; sleep 2',
    )
    on(host, f'test "$(docker inspect -f {{{{.State.Running}}}} {PREFIX}containerd)" = true')
    on(host, two('package') + 'apt-get -qq update')
    on(host, 'sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install docker.io >/dev/null 2>&1', user='watched')
    on(host, two('poweroff'))


@pytest.fixture(scope='module')
def told(tmp_path_factory):
    """The verdicts before the engine went down for the first time, and those after the host was off."""
    folder = tmp_path_factory.mktemp('fleet')
    lab_hosts.play(folder, 'audit.yml', state='present', docker_audit_watch='all')
    everywhere(lambda host: (unit(host), memory(host)))
    before = lab_hosts.verdicts(folder, 'before')
    everywhere(engine)
    lab_hosts.reboot()
    return before, lab_hosts.verdicts(folder, 'after')


@pytest.mark.parametrize('host', HOSTS)
@pytest.mark.parametrize(
    'name, cause, confidence, code',
    [
        ('limit', 'oom', 'certain', 'oom_of_limit'),
        # of a group or the host the kernel lists the processes of others, too: the one killed may not be the first
        ('group', 'oom', 'likely', 'oom_of_group'),
        ('host', 'oom', 'likely', 'oom_of_host'),
        # its shell went on, or handed on the code of what was killed
        ('child', 'self_exit', 'likely', 'oom_other_victim'),
        ('handed', 'oom', 'likely', 'oom_one_of_several'),
    ],
)
def test_a_lack_of_memory_is_told_in_the_words_of_its_kind(told, host, name, cause, confidence, code):
    verdict = only(told[0][host], name)
    assert (verdict['cause'], verdict['confidence'], len(lines(verdict, code))) == (cause, confidence, 1), verdict


@pytest.mark.parametrize('host', HOSTS)
def test_a_command_of_systemd_has_its_unit(told, host):
    verdict = only(told[0][host], 'unit')
    (who,) = verdict['who']
    assert (verdict['cause'], verdict['confidence']) == ('cli', 'certain'), verdict
    assert (who['caller']['unit']['name'], who['caller']['unit']['setting']) == ('blog.service', 'ExecStartPre')


# The evidence on why the engine went down, all of it, besides that systemd stopped its unit
WHY = {
    'stopped': [],
    'sudo': [('sudo_command', 'systemctl restart docker')],
    'package': [('sudo_command', 'apt-get -qq install docker.io'), ('package_changed', 'docker.io')],
    'poweroff': [],
}


@pytest.mark.parametrize('host', HOSTS)
@pytest.mark.parametrize('way', WHY)
@pytest.mark.parametrize('number', [1, 2])
def test_the_end_of_the_engine_has_its_own_reason_and_no_other(told, host, way, number):
    verdict = only(told[1][host], f'{way}-{number}')
    assert (verdict['cause'], verdict['confidence'], verdict['who']) == ('engine_shutdown', 'likely', []), verdict
    units = [line['unit'] for line in lines(verdict, 'unit_stopped')]
    # The host takes containerd along
    assert units == ['docker', 'containerd'] if way == 'poweroff' else ['docker'], verdict
    why = lines(verdict, 'sudo_command', 'package_changed', 'host_shut_down', 'host_booted')
    if way == 'poweroff':
        # systemd of Debian 13 is built without utmp, and notes no shutdown
        assert [line['code'] for line in why] == ['host_shut_down' if host == 'h1' else 'host_booted'], verdict
        return
    assert [(line['code'], ' '.join(line['argv']) if 'argv' in line else line['package']) for line in why] == WHY[
        way
    ], verdict
    for line in lines(verdict, 'package_changed'):
        assert line['tool'] == 'apt-get -qq install docker.io (requested by watched (1000))'
        assert line['change'].startswith('upgrade') and line['change'].endswith('+lab1')


@pytest.mark.parametrize('host', HOSTS)
def test_without_containerd_a_container_runs_on(told, host):
    """It ended with the engine, when the package was changed, and not before."""
    assert lines(only(told[1][host], 'containerd'), 'package_changed')


@pytest.mark.parametrize('host', HOSTS)
def test_what_ended_before_the_engine_forgot_its_events_is_not_blamed_on_anybody(told, host):
    for name in ('limit', 'group', 'host', 'child', 'handed'):
        verdict = only(told[1][host], name)
        assert verdict['who'] == [] and verdict['confidence'] != 'certain', verdict
        assert verdict['cause'] in (['not_known'] if name == 'child' else ['oom', 'not_known']), verdict
