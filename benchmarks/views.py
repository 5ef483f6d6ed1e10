# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the views of many hosts take, and how much memory: what findings.yml does with the answers of the hosts.

Usage: python benchmarks/views.py [--hosts 1000] [--findings 100000]

Each step runs in a process of its own, with the same answers, made up: their check, and then the text for the terminal
or one kind of file. The goal is one second for each 10,000 findings. The memory is what the step adds to the answers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import hiding
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    answers,
    findings_view,
    formats,
    report_page,
)

NOON = 1795478400


def finding(host, number):
    second = NOON + number * 17 % 80000
    argv = ['docker', 'rm', '--force', 'claude-hooks-job-%d' % number, '-e', 'TOKEN=secret%d' % number]
    moment = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second)) + '.%03dZ' % (number % 1000)
    parent = {
        'pid': 300 + number % 900,
        'comm': 'runner',
        'exe': '/opt/runner/bin/runner',
        'argv': ['/opt/runner/bin/runner', '--labels', 'linux,docker'],
        'argv_complete': True,
        'unit': 'runner.service',
        'container': None,
        'container_name': None,
        'started': moment,
        'seen': moment,
    }
    return {
        'host': host,
        'timestamp': moment,
        'event': '%d.%03d:%d' % (second, number % 1000, number),
        'action': ('stop', 'kill', 'remove', 'restart')[number % 4],
        'subcommand': 'rm',
        'targets': [argv[3]],
        'matched': [argv[3]],
        'docker_host': None,
        'context': None,
        'project': None,
        'signal': None,
        'match': 'name',
        'origin': 'raw',
        'pid': 1000 + number,
        'ppid': 300 + number % 900,
        'uid': 0,
        'auid': 1000,
        'ses': 3,
        'tty': 'pts0',
        'comm': 'docker',
        'exe': '/usr/bin/docker',
        'cwd': '/srv/app',
        'argv': argv,
        'argv_complete': True,
        'success': True,
        'keys': ['claude-hooks-docker'],
        'user': 'root',
        'login_user': 'bob',
        'caller': {'login': None, 'process': None, 'parent': parent},
    }


def answer(host, count):
    return {
        'findings': [finding(host, number) for number in range(count)],
        'unreadable': [],
        'counts': {'bytes': 8 << 20, 'executions': 3 * count, 'failed': 0, 'others': 0, 'unreadable': 0},
        'span': {'first': '2026-11-20T00:00:03.120Z', 'last': '2026-11-24T03:58:01.007Z'},
        'engine': {'reachable': True, 'reason': None},
    }


def peak():
    """MiB"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def checked(results):
    return hiding.of_hosts(answers.of_hosts('docker_findings_info', results))


def in_order(hosts):
    return findings_view.by_time(each for result in hosts.values() for each in result['findings'])


STEPS = {
    'check': lambda hosts: None,
    'text': lambda hosts: findings_view.view(in_order(hosts), hosts),
    'JSON Lines': lambda hosts: formats.jsonl(in_order(hosts)),
    'CSV': lambda hosts: formats.csv_text(in_order(hosts)),
    'ECS': lambda hosts: formats.ecs_jsonl(in_order(hosts)),
    'YAML': lambda hosts: formats.yaml_text(in_order(hosts)),
    'HTML': lambda hosts: report_page.of_findings(in_order(hosts), hosts),
}


def step(name, results, told):
    before, start = peak(), time.process_time()
    hosts = checked(results)
    between = time.process_time()
    made = STEPS[name](hosts)
    end = time.process_time()
    length = len(made) if isinstance(made, str) else sum(map(len, made or ()))
    told.put((between - start, end - between, peak() - before, length / 1e6))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--hosts', type=int, default=1000)
    parser.add_argument('--findings', type=int, default=100000)
    options = parser.parse_args()
    results = {
        'host%d' % number: answer('host%d' % number, options.findings // options.hosts)
        for number in range(options.hosts)
    }
    print('%d findings of %d hosts, %.0f MiB as answers' % (options.findings, options.hosts, peak()))
    print('%-12s %10s %10s %18s %12s %8s' % ('', 'check', 'view', 's a 10,000', 'MiB added', 'MB'))
    forked = multiprocessing.get_context('fork')
    for name in STEPS:
        told = forked.Queue()
        process = forked.Process(target=step, args=(name, results, told))
        process.start()
        check, view, memory, length = told.get()
        process.join()
        each = (check + view) / options.findings * 10000
        print('%-12s %8.1f s %8.1f s %18.2f %12.0f %8.1f' % (name, check, view, each, memory, length), flush=True)


if __name__ == '__main__':
    main()
