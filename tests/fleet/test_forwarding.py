# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what hosts forward arrives on a log server by rsyslog, also when that was down for a minute.

Run it with: tests/lab/fleet run python -m pytest -q -s tests/fleet
Three hosts with kernels of their own: h1 and h2 forward, h1 with an engine; h3 receives.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SSH = '/run/claude-hooks-docker-audit-fleet/ssh'
SENDERS, STORE = ('h1', 'h2'), 'h3'
PACKAGES = ('rsyslog', 'rsyslog-relp', 'libestr0', 'libfastjson4', 'liblognorm5', 'librelp0')
# What docs/scale.md tells users to configure
HOST_CONFIG, SERVER_CONFIG = re.findall(
    r'^```text\n(# /etc/rsyslog\.d/.*?)^```', (ROOT / 'docs/scale.md').read_text(), re.MULTILINE | re.DOTALL
)


def ssh(host, script, check=True, **options):
    """What a shell script prints on a host. Its input is for the script alone."""
    done = subprocess.run(
        [SSH, host, 'bash -ec %s' % quoted(script)], capture_output=True, check=False, **{'input': b'', **options}
    )
    assert done.returncode == 0 or not check, (host, script[:200], done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.decode()


def quoted(text):
    return "'%s'" % text.replace("'", "'\\''")


def together(function, hosts):
    """Call the function for each host, all at the same time."""
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        return dict(zip(hosts, pool.map(function, hosts)))


@pytest.fixture(scope='module')
def inventory(tmp_path_factory):
    """That of the hosts that forward, and that of the one that receives, with rsyslog on all."""
    folder = tmp_path_factory.mktemp('forwarding')
    subprocess.run([ROOT / 'tests/lab/fleet', 'create', 'h1=bookworm+engine', 'h2=bookworm', 'h3=bookworm'], check=True)
    subprocess.run(['apt-get', '-qq', 'download', *PACKAGES], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    packages = subprocess.run(['tar', '-c', '.'], cwd=folder, check=True, capture_output=True).stdout

    def install(host):
        text = SERVER_CONFIG if host == STORE else HOST_CONFIG.replace('log-server', '10.99.0.13')
        ssh(
            host,
            """mkdir -p /root/debs /etc/rsyslog.d && cd /root/debs && tar -x
            cat >/etc/rsyslog.d/claude-hooks.conf <<'END'
%s
END
            # One way alone reads what is in the journal
            DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold *.deb
            sed -i '/imuxsock/d; /imklog/d' /etc/rsyslog.conf
            systemctl restart rsyslog"""
            % text,
            input=packages,
        )

    together(install, (*SENDERS, STORE))
    return {
        name: _inventory(folder / ('%s.json' % name), hosts)
        for name, hosts in {'senders': SENDERS, 'store': (STORE,)}.items()
    }


def _inventory(path, hosts):
    connection = {'ansible_ssh_executable': SSH, 'ansible_python_interpreter': '/usr/bin/python3'}
    path.write_text(json.dumps({'all': {'hosts': dict.fromkeys(hosts, {}), 'vars': connection}}))
    return path


def play(inventory, playbook, **options):
    """What a playbook prints that is run with options."""
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name('ansible-playbook'), '-i', inventory, 'playbooks/%s.yml' % playbook]
        + ['-e', json.dumps(options)],
        cwd=ROOT,
        env={**os.environ, 'ANSIBLE_PIPELINING': 'true'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


def audit(inventory, **options):
    """The recap of each host that forwards, of audit.yml with options."""
    lines = play(inventory['senders'], 'audit', **options).split('\n')
    return {host: line for line in lines for host in SENDERS if line.startswith(host + ' ')}


def written(host):
    """What the host wrote into its journal."""
    return parsed(ssh(host, 'journalctl --no-pager -q -o cat -t claude-hooks SYSLOG_FACILITY=10').split('\n'))


def received():
    """What arrived, by host."""
    found = {}
    for host in SENDERS:
        text = ssh(STORE, 'cat /var/log/remote/%s/claude-hooks.log 2>/dev/null || true' % host)
        found[host] = parsed(line[line.find('{') :] for line in text.split('\n'))
    return found


def parsed(lines):
    return [json.loads(line) for line in lines if line.startswith('{"claude_hooks_docker_audit":1,')]


def ids(messages):
    return collections.Counter(message['id'] for message in messages)


def all_arrived():
    """What arrived, by host, once all is there that was written, and how much that is."""

    def is_there(host):
        missing = ids(written(host))
        missing.subtract(ids(received()[host]))
        return max(missing.values()) <= 0

    wait(lambda: all(map(is_there, SENDERS)), 300, 'arrived')
    arrived = received()
    for host in SENDERS:
        sent, times = written(host), ids(arrived[host])
        lost = ids(sent).keys() - times.keys()
        counts = (host, len(sent), len(arrived[host]), len(lost), len(arrived[host]) - len(times), len(times))
        print('%s: %d written, %d received, %d lost, %d twice, %d once the ids are compared' % counts)
    return arrived


def read_where_they_arrived(inventory, dest):
    """Each finding is read again on the log server once, of the host that sent it, whoever says which one that is."""
    sent = {message['id']: message['finding'] for host in SENDERS for message in written(host) if 'finding' in message}
    expected = sorted(({**finding, 'origin': 'syslog'} for finding in sent.values()), key=json.dumps)
    twice = sum(len(ids(messages)) for host, messages in received().items() if host == 'h2')
    for options in ({}, {'host_from': 'remote/([^/]+)/'}):
        view = play(
            inventory['store'], 'findings', logs='/var/log/remote/*/claude-hooks.log', dest=str(dest), **options
        )
        assert sorted(map(json.loads, dest.read_text().splitlines()), key=json.dumps) == expected, view
        assert {finding['host'] for finding in expected} == set(SENDERS)
        assert 'Received twice, or in a copy of a log: %d findings. Each is shown once.' % twice in view, view


def arguments(messages):
    return [' '.join(message['finding']['argv'])[:60] for message in messages if message['kind'] == 'finding']


def stop(host, name, count=4):
    """docker commands that would stop containers."""
    ssh(host, 'for n in $(seq %d); do docker stop claude-hooks-%s-$n 2>/dev/null || true; done' % (count, name))


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(3)


# One test: each step needs the one before, and a start of Python takes two seconds there.
def test_nothing_is_lost_while_the_log_server_is_down(inventory, tmp_path):
    recaps = audit(inventory, docker_audit_forward=True)
    assert all(' changed=0 ' not in line for line in recaps.values()), recaps
    recaps = audit(inventory, docker_audit_forward=True)
    assert all(' changed=0 ' in line for line in recaps.values()), recaps
    print(ssh('h1', 'systemd-analyze security --no-pager claude-hooks-forward.service | tail -n 1'))

    together(lambda host: stop(host, 'before'), SENDERS)
    ssh('h2', 'docker -H tcp://bob:hunter2@web stop claude-hooks-secret || true')
    ssh('h2', 'docker stop claude-hooks-long %s || true' % ' '.join('x' * 90 for _number in range(200)))
    ssh('h1', 'docker run -d --name claude-hooks-real lab sleep 1000 && docker kill claude-hooks-real')
    wait(lambda: all(len(found) >= 3 for found in received().values()), 300, received)

    # Its socket would start it again
    ssh(
        STORE,
        'systemctl kill -s KILL rsyslog; systemctl stop syslog.socket rsyslog; ! systemctl is-active rsyslog',
    )
    down, before = time.monotonic(), received()
    together(lambda host: stop(host, 'down', 6), SENDERS)
    wait(lambda: all('claude-hooks-down-6' in ' '.join(arguments(written(host))) for host in SENDERS), 300, 'written')
    time.sleep(max(0, down + 60 - time.monotonic()))
    assert received() == before
    ssh(STORE, 'systemctl start syslog.socket rsyslog')
    together(lambda host: stop(host, 'after'), SENDERS)

    wait(lambda: all('claude-hooks-after-4' in ' '.join(arguments(written(host))) for host in SENDERS), 300, 'written')
    wait(lambda: [each for each in written('h1') if each['kind'] == 'verdict'], 300, 'a verdict')
    arrived = all_arrived()
    for host in SENDERS:
        sent = written(host)
        assert set(ids(sent).values()) == {1}
        assert {message['id']: message for message in arrived[host]} == {each['id']: each for each in sent}
        expected = [
            *('before-%d' % number for number in range(1, 5)),
            *('down-%d' % number for number in range(1, 7)),
            *('after-%d' % number for number in range(1, 5)),
        ]
        commands = arguments(sent)
        assert [name for name in expected if commands.count('docker stop claude-hooks-' + name) != 1] == []
    texts = json.dumps(arrived)
    assert 'hunter2' not in texts and 'tcp://bob:***@web' in texts
    (long,) = [each for each in arrived['h2'] if each.get('cut')]
    assert long['finding']['argv_complete'] is False and len(json.dumps(long, separators=(',', ':'))) <= 8000
    (verdict,) = [each['verdict'] for each in arrived['h1'] if each['kind'] == 'verdict']
    assert (verdict['container'], verdict['cause'], verdict['host']) == ('claude-hooks-real', 'cli', 'h1')

    # As on a host that was restored from a backup: all comes again
    ssh('h2', 'rm /var/lib/claude-hooks/forward*; systemctl start claude-hooks-forward')
    again = all_arrived()['h2']
    assert ids(again) == {name: 2 for name in ids(arrived['h2'])}
    read_where_they_arrived(inventory, tmp_path / 'read.jsonl')
    print(ssh('h2', 'journalctl -q -u claude-hooks-forward -o cat | grep -i consumed | tail -n 3', check=False))

    audit(inventory, state='absent')
    for host in SENDERS:
        left = ssh(
            host,
            "find / -xdev -path /var/log -prune -o -name 'claude-h*' -print | grep -v rsyslog\n"
            "systemctl list-units --all --no-legend 'claude-hooks*'",
            check=False,
        )
        assert left == ''
