# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long verdicts take, and how that grows with what a host recorded: eight times the input shall take eight times.

Usage: python3 benchmarks/verdicts.py [--events N] [--commands N] [--connects N]

Each shape of input is judged at an eighth of the size and at the size: a busy host of many containers, one container
in a crash loop, one Compose project, dockers in the foreground,
one client that connects again and again, and everything in one second.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
START = 1795492663000


def event(at, action, identity, name, **attributes):
    return {
        'Type': 'container',
        'Action': action,
        'Actor': {'ID': identity, 'Attributes': dict(attributes, name=name)},
        'timeNano': int((START + at) * 1000000),
    }


def entry(times, number, at, **fields):
    stamp = times.timestamp(int(START + at))
    known = {'timestamp': stamp, 'event': '%d:%d' % (at, number), 'host': None, 'ppid': 1, 'uid': 0, 'auid': None}
    return dict(known, cwd='/srv/shop', comm='docker', argv_complete=True, **fields)


def material(decide, sources, times, shape, sizes):
    """What a host recorded: five events for each container that is stopped and removed."""
    events, commands, connects = [], [], []
    spread = 0.01 if shape == 'one second' else 100
    labels = (
        {'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web'}
        if shape in ('compose', 'foreground')
        else {}
    )
    for number in range(sizes[0] // 5):
        identity = '%064x' % (1 if shape == 'crash loop' else number + 1)
        name = 'claude-hooks-%d' % (0 if shape == 'crash loop' else number)
        at = number * spread
        actions = [('create', {}), ('start', {}), ('kill', {'signal': '15'})]
        actions += [('die', {'exitCode': '143'}), ('stop', {})]
        if shape == 'crash loop':
            actions = [('start', {}), ('exec_start: x', {}), ('health_status: unhealthy', {})]
            actions += [('die', {'exitCode': '1'}), ('oom', {})]
        events += [
            event(at + step * spread / 10, action, identity, name, **more, **labels)
            for step, (action, more) in enumerate(actions)
        ]
    for number in range(sizes[1]):
        words = {
            'compose': 'docker compose stop',
            'attached': 'docker run image',
            'foreground': 'docker compose up',
        }.get(shape, 'docker stop claude-hooks-%d' % (number * 4))
        fields = {'pid': number + 10, 'exe': '/usr/bin/docker', 'argv': words.split()}
        commands.append(entry(times, number, number * spread * 4 + 1, **fields))
    for number in range(sizes[2]):
        pid = 7 if shape == 'one client' else number + 10
        exe = '/usr/bin/docker' if number < sizes[1] else '/usr/bin/curl'
        connects.append(entry(times, number, number * spread + 2, pid=pid, exe=exe))
    ever = (float('-inf'), float('inf'))
    looking = sources.Sources(commands=(sources.Watch(*ever),), connects=(ever,), ends=(ever,), log_first=ever[0])
    return decide.Material(events, commands, connects, looking, engine_ends=[START + 1e9])


def main():
    options = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    for name, default in (('events', 20000), ('commands', 5000), ('connects', 20000)):
        options.add_argument('--' + name, type=int, default=default)
    given = options.parse_args()
    sizes = (given.events, given.commands, given.connects)
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder) / 'ansible_collections' / 'claude_hooks'
        home.mkdir(parents=True)
        (home / 'docker_audit').symlink_to(ROOT)
        sys.path.insert(0, folder)
        from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
        from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide, sources

        print('%-12s %10s %10s %8s %10s' % ('shape', 'an eighth', 'all', 'growth', 'verdicts'))
        for shape in ('busy', 'crash loop', 'compose', 'foreground', 'attached', 'one client', 'one second'):
            took = []
            for part in (8, 1):
                given_part = [size // part for size in sizes]
                recorded = material(decide, sources, times, shape, given_part)
                start = time.perf_counter()
                found = decide.verdicts(recorded, '*')
                took.append(time.perf_counter() - start)
            print('%-12s %8.2f s %8.2f s %8.1f %10d' % (shape, took[0], took[1], took[1] / took[0], len(found)))


if __name__ == '__main__':
    main()
