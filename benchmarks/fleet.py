# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long audit.yml takes and how many tasks it runs on a host, against a playbook that copies the same file.

Usage: tests/lab/lab run python benchmarks/fleet.py                           this host, and how time grows with hosts
       python benchmarks/fleet.py --inventory FILE --host NAME [--peer ROLE]  a host of that inventory
       python benchmarks/fleet.py --inventory FILE --grow NAME,NAME,...       hosts of that inventory: one, two, ...
       tests/lab/lab run python benchmarks/fleet.py --many 1,10,50,200        the playbooks on this host by many names

The playbook to compare with is what one writes by hand: copy the rule file, notify augenrules. It checks nothing.
ROLE is the folder of the role robertdebock.auditd, which gets the same rule. Each way installs, runs again
unchanged, and removes, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

KEY = 'claude-hooks-docker'
ROOT = pathlib.Path(__file__).resolve().parents[1]
RULES = ''.join(
    '-a always,exit -F path=/usr/bin/docker -F perm=x -F uid=%d -F key=%s\n' % (uid, KEY) for uid in (0, 1000)
)
BY_HAND = '''
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: "{{ rules }}", dest: /etc/audit/rules.d/by-hand.rules, mode: "0640"}
      when: state == 'present'
      notify: load
    - ansible.builtin.file: {path: /etc/audit/rules.d/by-hand.rules, state: absent}
      when: state == 'absent'
      notify: load
  handlers:
    - name: load
      ansible.builtin.command: /usr/sbin/augenrules --load
'''
PEER = '''
- hosts: all
  gather_facts: true
  roles:
    - role: "{{ peer }}"
      vars:
        auditd_rules:
          - {action: always, filter: exit, file: /usr/bin/docker, permissions: [x], keyname: claude-hooks-docker}
'''


def play(playbook, inventory, host, forks, **options):
    """(seconds, tasks that ran a module on the host)"""
    command = [
        os.path.join(os.path.dirname(sys.executable), 'ansible-playbook'),
        '-i',
        str(inventory),
        '--limit',
        host,
        '--forks',
        str(forks),
        '-vvv',
        str(playbook),
        '-e',
        json.dumps(options),
    ]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit('%s failed: %s' % (' '.join(command), done.stdout[-3000:] + done.stderr[-1000:]))
    return seconds, len(re.findall(r'Using module file ', done.stdout))


def compare(folder, inventory, host, peer, runs):
    (folder / 'by_hand.yml').write_text(BY_HAND)
    ways = {
        'by hand': (folder / 'by_hand.yml', {'rules': RULES}, True),
        'audit.yml': (ROOT / 'playbooks' / 'audit.yml', {'docker_audit_paths': ['/usr/bin/docker']}, True),
    }
    if peer:
        (folder / 'peer.yml').write_text(PEER)
        ways['robertdebock.auditd'] = (folder / 'peer.yml', {'peer': str(pathlib.Path(peer).resolve())}, False)
    best = {}
    for _run in range(runs):
        for way, (playbook, options, removes) in ways.items():
            for step, state in (('install', 'present'), ('unchanged', 'present'), ('remove', 'absent')):
                if step != 'remove' or removes:
                    result = play(playbook, inventory, host, 5, state=state, **options)
                    best[way, step] = min(best.get((way, step), result), result)
    print('%-20s %-10s %8s %6s %s' % ('', '', 'seconds', 'tasks', 'to the playbook by hand'))
    for (way, step), (seconds, tasks) in best.items():
        print(
            '%-20s %-10s %8.1f %6d %6.2f' % (way, step, seconds, tasks, seconds / best['by hand', step][0]), flush=True
        )


def growth(folder, runs):
    """The unchanged run on this host under several names."""
    names = ['host%d' % number for number in range(8)]
    inventory = folder / 'many.json'
    inventory.write_text(json.dumps({'all': {'hosts': {name: local() for name in names}}}))
    playbook = ROOT / 'playbooks' / 'audit.yml'
    play(playbook, inventory, names[0], 1, state='present')
    for count in (1, 2, 4, 8):
        seconds = min(
            play(playbook, inventory, ','.join(names[:count]), count, state='present')[0] for _run in range(runs)
        )
        print(
            '%d hosts, unchanged, --forks %d: %5.1f s, %4.1f s for each host'
            % (count, count, seconds, seconds / count),
            flush=True,
        )
    play(playbook, inventory, names[0], 1, state='absent')


def grow(inventory, names):
    """A life of the rule on more and more hosts at the same time."""
    playbook = ROOT / 'playbooks' / 'audit.yml'
    print('%-10s %8s %10s %8s' % ('hosts', 'install', 'unchanged', 'remove'))
    for count in range(1, len(names) + 1):
        hosts = ','.join(names[:count])
        seconds = [
            play(playbook, inventory, hosts, count, state=state)[0] for state in ('present', 'present', 'absent')
        ]
        print('%-10d %6.1f s %8.1f s %6.1f s' % (count, *seconds), flush=True)


MANY = {
    'findings.yml': (),
    'coverage.yml': (),
    'verdicts.yml': (),
    'audit.yml --check': ('--check',),
    # Each host is followed by a process of its own
    'tail.yml, 15 s': ('-e', 'duration=15'),
}


def many(folder, counts, forks):
    """Time and memory of the controller with so many hosts, which are all this host."""
    inventory = folder / 'many.json'
    names = ['host%d' % number for number in range(max(counts))]
    inventory.write_text(json.dumps({'all': {'hosts': {name: local() for name in names}}}))
    play(ROOT / 'playbooks' / 'audit.yml', inventory, names[0], 1, state='present')
    print('--forks %d' % forks)
    print('%-18s %5s %9s %8s %12s %12s %10s' % ('', 'hosts', 'seconds', 'a host', 'main process', 'forks', 'all'))
    for count in counts:
        for name, flags in MANY.items():
            most = count if name.startswith('tail') else forks
            seconds, main, each, total = watched(
                [
                    os.path.join(os.path.dirname(sys.executable), 'ansible-playbook'),
                    *('-i', str(inventory), '--limit', ','.join(names[:count]), '--forks', str(most), *flags),
                    str(ROOT / 'playbooks' / name.split()[0].rstrip(',')),
                ]
            )
            print(
                '%-18s %5d %7.1f s %6.1f s %8.0f MiB %8.0f MiB %6.0f MiB'
                % (name, count, seconds, seconds / count, main, each, total),
                flush=True,
            )
    play(ROOT / 'playbooks' / 'audit.yml', inventory, names[0], 1, state='absent')


def watched(command):
    """(seconds, MiB of the main process, MiB of each of its forks, MiB of all of them), each at its most.

    Memory that processes share is divided among them (Pss, proc(5)).
    """
    start = time.perf_counter()
    main, each, total = 0.0, 0.0, 0.0
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        drained = threading.Thread(target=process.stdout.read, daemon=True)
        drained.start()
        while process.poll() is None:
            # The modules are on the host: what a fork starts is not of the controller
            forks = list(filter(None, map(share, children(process.pid))))
            own = share(process.pid)
            main, total = max(main, own), max(total, own + sum(forks))
            each = max(each, sum(forks) / len(forks) if forks else 0)
            time.sleep(0.3)
        drained.join(5)
    seconds = time.perf_counter() - start
    if process.returncode not in (0, 2):  # coverage.yml fails where a host has a problem
        raise SystemExit('%s failed with exit code %d' % (' '.join(command), process.returncode))
    return seconds, main, each, total


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
            return list(map(int, file.read().split()))
    except OSError:
        return []


def share(pid):
    """MiB of a process."""
    try:
        with open('/proc/%d/smaps_rollup' % pid) as file:
            return int(re.search(r'^Pss: +([0-9]+) kB', file.read(), re.MULTILINE)[1]) / 1024
    except (OSError, TypeError):
        return 0.0


def local():
    return {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--inventory', help='an inventory (default: this host, and the growth with hosts)')
    parser.add_argument('--host', default='localhost', help='the host in it')
    parser.add_argument('--peer', metavar='ROLE', help='the folder of the role robertdebock.auditd')
    parser.add_argument('--runs', type=int, default=3, help='runs of each, of which the best counts (default 3)')
    parser.add_argument(
        '--grow', metavar='NAME,NAME,...', help='only measure the role with more and more of these hosts'
    )
    parser.add_argument('--many', metavar='N,N,...', help='only measure the playbooks with so many hosts')
    parser.add_argument('--forks', type=int, default=20, help='forks of --many (default 20)')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.grow:
            grow(options.inventory, options.grow.split(','))
            return
        if options.many:
            many(folder, [int(count) for count in options.many.split(',')], options.forks)
            return
        inventory = options.inventory
        if inventory is None:
            inventory = folder / 'this.json'
            inventory.write_text(json.dumps({'all': {'hosts': {options.host: local()}}}))
        compare(folder, inventory, options.host, options.peer, options.runs)
        if options.inventory is None:
            growth(folder, options.runs)


if __name__ == '__main__':
    main()
