# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a log server takes to find what is in the logs of all hosts, and how that grows: findings.yml -e logs=...

Usage: python3 benchmarks/store.py [--sizes GB ...] [--part MB] [--folder DIR]

Each host has a log of --part MB with a rotation, 1 % of the events are ours. The files are written once for the largest
size and removed at the end. Before each size they are read once, so that as much as memory holds comes from the page
cache; a size beyond that is read from the disk. Memory is that of this process and of its largest child.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import findings


def host_folder(folder, number):
    return pathlib.Path(folder) / 'remote' / ('web%04d' % number)


def write(folder, megabytes, count):
    """The logs of so many hosts: half of each in the rotation."""
    half = megabytes / 2
    for name, seed in (('audit.log.1', 1), ('audit.log', 2)):
        findings.generate(str(pathlib.Path(folder) / name), half, 0.01, seed)
    for number in range(count):
        target = host_folder(folder, number)
        target.mkdir(parents=True)
        for name in ('audit.log.1', 'audit.log'):
            shutil.copy(pathlib.Path(folder) / name, target / name)


def measure(pattern, workers):
    """One run in this process and its children."""
    root = findings.importable(findings.ROOT)
    try:
        from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import on_host, store

        start = time.perf_counter()
        answer, problems = store.ask(
            on_host.Question(), [pattern], r'/(web\d+)/', None, None, workers if workers else None
        )
        spent = time.perf_counter() - start
    finally:
        shutil.rmtree(root)
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        json.dumps(
            {
                'seconds': spent,
                'processor': sum(one.ru_utime + one.ru_stime for one in (own, children)),
                'bytes': answer['counts']['bytes'],
                'logs': answer['counts']['logs'],
                'findings': len(answer['findings']),
                'peak': findings.peak_megabytes(),
                'child': children.ru_maxrss / 1024,
                'problems': problems,
            }
        )
    )


def report(folder, count, workers):
    # web0000 to web0009 and so on: the first so many folders, through links that the pattern names
    chosen = pathlib.Path(folder) / 'chosen'
    shutil.rmtree(chosen, ignore_errors=True)
    chosen.mkdir()
    for number in range(count):
        (chosen / ('web%04d' % number)).symlink_to(host_folder(folder, number))
    command = [sys.executable, __file__, '--measure', str(chosen / '*' / 'audit.log*'), '--workers', str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    if result['problems'] or result['logs'] != count:
        raise SystemExit('%d logs read, problems: %s' % (result['logs'], result['problems']))
    print(
        '%6.1f GB %5d hosts %7.1f s %7.0f MB/s %7.1f s of processor %7d findings %6.0f MiB, a reader %4.0f MiB'
        % (
            result['bytes'] / 1e9,
            count,
            result['seconds'],
            result['bytes'] / 1e6 / result['seconds'],
            result['processor'],
            result['findings'],
            result['peak'],
            result['child'],
        ),
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--sizes', type=float, nargs='*', default=[1, 2, 5, 10], help='GB (default 1 2 5 10)')
    parser.add_argument('--part', type=int, default=100, help='MB of the logs of one host (default 100)')
    parser.add_argument('--workers', type=int, default=0, help='processes (default: as many as cores)')
    parser.add_argument('--folder', help='where the logs are written and removed')
    parser.add_argument('--measure', metavar='PATTERN', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.workers)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        counts = [max(1, round(size * 1000 / options.part)) for size in options.sizes]
        write(folder, options.part, max(counts))
        os.sync()
        for count in counts:
            report(folder, count, options.workers)
            report(folder, count, 1)


if __name__ == '__main__':
    main()
