# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon tail.yml prints what happens and what it costs while nothing does, against a loop of `ausearch
--checkpoint`.

Usage: tests/lab/lab run python benchmarks/follow.py [--count N] [--idle SECONDS]

Three followers watch this host at the same time: tail.yml over a local connection, tail.yml over ssh on loopback, and
the
loop that it replaces, which runs ausearch every two seconds. First nothing happens, then docker is executed N times at
random pauses while other programs are logged under another key. A time is that from the start of docker to the line.
What ausearch costs grows with the logs, so that is also told for the 40 MB that Debian's auditd.conf lets them have.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import findings

KEY = 'claude-hooks-test'
OTHER_KEY = 'other-key'
ROOT = pathlib.Path(__file__).resolve().parents[1]
CPU = pathlib.Path('/sys/fs/cgroup/cpuacct')
LOOP = '''
while :; do
    if [ -e "$0" ]; then start=; else start='-ts today'; fi
    LC_ALL=C ausearch --input-logs --checkpoint "$0" -k "$1" --raw $start </dev/null
    sleep 2
done
'''


class Group(object):
    """Processes whose time on the processor is counted together, also that of those that have ended."""

    def __init__(self, name):
        self.path = CPU / ('claude-hooks-bench-%d-%s' % (os.getpid(), name))
        self.path.mkdir()

    def start(self, command, **options):
        enter = 'echo $$ >"$0/cgroup.procs"; exec "$@"'
        return subprocess.Popen(
            ['sh', '-c', enter, str(self.path), *command], stdin=subprocess.DEVNULL, start_new_session=True, **options
        )

    def seconds(self):
        return int((self.path / 'cpuacct.usage').read_text()) / 1e9

    def close(self):
        for _attempt in range(50):
            for pid in (self.path / 'cgroup.procs').read_text().split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)


class Follower(object):
    """A running follower and when it printed which container's name."""

    def __init__(self, label, command, environment=None):
        self.label = label
        self.group = Group(label.replace(' ', '-'))
        self.seen = {}
        self.process = self.group.start(
            command,
            cwd=ROOT,
            env=dict(os.environ, **(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            moment = time.time()
            for word in line.decode(errors='replace').replace('"', ' ').replace(',', ' ').split():
                if word.startswith('claude-hooks-bench-'):
                    self.seen.setdefault(word, []).append(moment)
                    break


def sshd(folder, group):
    """Our own sshd on loopback; returns the variables of a host that it stands for."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    for name in ('key', 'host_key'):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / name], check=True)
    (folder / 'sshd_config').write_text(
        '\n'.join(
            [
                'Port %d' % port,
                'ListenAddress 127.0.0.1',
                'HostKey %s/host_key' % folder,
                'AuthorizedKeysFile %s/key.pub' % folder,
                'PidFile none',
                'StrictModes no',
                'UsePAM no',
                'PermitRootLogin prohibit-password',
                'Subsystem sftp internal-sftp',
                'SetEnv XDG_STATE_HOME=%s/far' % folder,
                '',
            ]
        )
    )
    pathlib.Path('/run/sshd').mkdir(exist_ok=True)
    group.start([shutil.which('sshd'), '-D', '-f', str(folder / 'sshd_config')], stderr=subprocess.DEVNULL)
    return {
        'ansible_connection': 'ssh',
        'ansible_host': '127.0.0.1',
        'ansible_port': port,
        'ansible_ssh_private_key_file': str(folder / 'key'),
        'ansible_ssh_common_args': '-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null '
        '-o LogLevel=ERROR',
        'ansible_python_interpreter': sys.executable,
    }


def tail(folder, label, variables):
    inventory = folder / (label + '.json')
    inventory.write_text(json.dumps({'all': {'hosts': {label: variables}}}))
    command = [
        os.path.join(os.path.dirname(sys.executable), 'ansible-playbook'),
        '-i',
        str(inventory),
        'playbooks/tail.yml',
        '-e',
        json.dumps({'key': KEY, 'container': 'claude-hooks-bench-*', 'output': 'jsonl'}),
    ]
    return Follower(
        label, command, {'XDG_STATE_HOME': str(folder / label), 'ANSIBLE_SSH_CONTROL_PATH_DIR': str(folder / 'cp')}
    )


def rule(action, path, key):
    subprocess.run(
        [
            'auditctl',
            action,
            'exit,always',
            '-F',
            'path=' + os.path.realpath(path),
            '-F',
            'perm=x',
            '-F',
            'ppid=%d' % os.getpid(),
            '-F',
            'key=' + key,
        ],
        check=True,
    )


def execute(count):
    """When each container's docker was started."""
    chance = random.Random(1)
    ended = threading.Event()

    def others():
        while not ended.wait(chance.random() * 0.2):
            subprocess.run(['/usr/bin/true'], check=False)

    thread = threading.Thread(target=others)
    thread.start()
    started = {}
    for number in range(count):
        name = 'claude-hooks-bench-%d-%d' % (os.getpid(), number)
        started[name] = time.time()
        subprocess.run(
            ['docker', 'stop', name],
            env=dict(os.environ, DOCKER_HOST='unix:///nonexistent'),
            capture_output=True,
            check=False,
        )
        time.sleep(chance.random() * 2)
    ended.set()
    thread.join()
    return started


def cost_of_loop(folder, megabytes):
    """Seconds of processor that ausearch takes in a minute with logs of that size, run every two seconds."""
    log = folder / 'audit.log'
    findings.generate(str(log), megabytes, 0)
    before = os.times()
    for _run in range(5):
        subprocess.run(
            ['ausearch', '-if', str(log), '--checkpoint', str(folder / 'position'), '-k', KEY, '--raw'],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) / 5 * 30


def part(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] if times else float('nan')


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--count', type=int, default=200, help='executions of docker (default 200)')
    parser.add_argument('--idle', type=int, default=180, help='seconds in which nothing happens (default 180)')
    options = parser.parse_args()
    docker = shutil.which('docker')
    groups = []
    large = 40
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rule('-A', docker, KEY)
        rule('-A', '/usr/bin/true', OTHER_KEY)
        try:
            far = Group('far')
            groups.append(far)
            followers = [
                tail(folder, 'local', {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable}),
                tail(folder, 'ssh', sshd(folder, far)),
                Follower('ausearch', ['bash', '-c', LOOP, str(folder / 'checkpoint'), KEY]),
            ]
            groups += [follower.group for follower in followers]
            time.sleep(20)
            # a whole number of calls of a minute each
            before = [group.seconds() for group in groups]
            time.sleep(options.idle)
            used = {
                group.path.name.rpartition('-')[2]: (group.seconds() - start) * 60 / options.idle
                for group, start in zip(groups, before)
            }
            started = execute(options.count)
            time.sleep(10)
            cost_of_large = cost_of_loop(folder, large)
        finally:
            rule('-d', docker, KEY)
            rule('-d', '/usr/bin/true', OTHER_KEY)
            for group in groups:
                group.close()
    print(
        '%-10s %9s %9s %8s %8s %8s   processor while idle, s/min' % ('', 'shown', 'repeated', 'p50 s', 'p95 s', 'max s')
    )
    for follower in followers:
        times = [
            follower.seen[container][0] - moment for container, moment in started.items() if container in follower.seen
        ]
        repeated = sum(len(moments) - 1 for moments in follower.seen.values())
        cost = {
            'ssh': 'controller %.2f, host %.2f' % (used['ssh'], used['far']),
            'local': 'controller and host %.2f' % used['local'],
        }
        print(
            '%-10s %4d/%-4d %9d %8.2f %8.2f %8.2f   %s'
            % (
                follower.label,
                len(times),
                len(started),
                repeated,
                part(times, 0.5),
                part(times, 0.95),
                part(times, 1),
                cost.get(follower.label, 'host %.2f' % used['ausearch']),
            ),
            flush=True,
        )
    logs = sum(path.stat().st_size for path in pathlib.Path('/var/log/audit').glob('audit.log*'))
    for megabytes, cost in ((logs / 1e6, used['ausearch']), (large, cost_of_large)):
        print(
            'with %3.0f MB of logs the loop costs %5.2f s/min, %5.1f times what tail.yml costs the host'
            % (megabytes, cost, cost / (used["far"] or float("nan")))
        )


if __name__ == '__main__':
    main()
