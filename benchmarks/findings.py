# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast logs become findings, against ausearch and auparse on the same files in the same run.

Usage: python3 benchmarks/findings.py [--size MB] [--sizes MB ...] [--runs N] [--folder DIR] [--other CHECKOUT]

Each log is generated anew from a fixed seed: ENRICHED executions of six records each, either 1 % or all of them ours.
Of ours, nine in ten only look (ps, inspect, exec, logs); one in twenty takes a matching container away. Every time is
that of the processor, the best of N runs that take turns, so that other load on the machine counts little and hits all
alike, with the file in the page cache. Verdicts are read and sorted out, without an engine.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

KEY = 'claude-hooks-docker'
ROOT = pathlib.Path(__file__).resolve().parents[1]

# A host's containers, jobs and files have some hundred names
NAMES = 500

OURS = [
    (30, 'docker ps -a --format {{.Names}}'),
    (28, 'docker inspect claude-hooks-dev-%d'),
    (20, 'docker exec claude-hooks-dev-%d pg_isready -q'),
    (12, 'docker logs --tail %d web-%d'),
    (5, 'docker stop web-%d'),
    (3, 'docker rm -f claude-hooks-dev-%d'),
    (2, 'docker stop -t 3 claude-hooks-dev-%d'),
]
OTHERS = [(1, 'python3 -m package.module%d --id %d'), (1, 'ls -l /srv/data/%d'), (1, 'grep -r pattern%d /etc')]


def generate(path, megabytes, share, seed=1):
    """Write a log; returns how many events it has and how many of them are ours."""
    chance = random.Random(seed)
    moment, serial, written, ours = 1795490000000, 0, 0, 0
    with open(path, 'wb') as log:
        while written < megabytes * 1000000:
            serial += 1
            moment += chance.randrange(20)
            mine = chance.random() < share
            ours += mine
            commands = OURS if mine else OTHERS
            template = chance.choices([text for _weight, text in commands], [weight for weight, _text in commands])[0]
            argv = (template % tuple(chance.randrange(NAMES) for _number in range(template.count('%d')))).split(' ')
            text = event(argv, moment, serial, chance, KEY if mine else 'rootcmd').encode()
            written += log.write(text)
    return serial, ours


def event(argv, moment, serial, chance, key):
    head = 'msg=audit(%d.%03d:%d): ' % (moment // 1000, moment % 1000, serial)
    pid = chance.randrange(2, 4000000)
    pointers = [chance.randrange(1 << 47) for _pointer in range(3)]
    program = '/usr/bin/' + argv[0]
    return (
        'type=SYSCALL '
        + head
        + 'arch=c000003e syscall=59 success=yes exit=0 a0=%x a1=%x a2=%x a3=8 items=2 ' % tuple(pointers)
        + 'ppid=%d pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 '
        % (pid - 1, pid)
        + 'comm="%s" exe="%s" subj=unconfined key="%s"' % (argv[0], program, key)
        + '\x1dARCH=x86_64 SYSCALL=execve AUID="bob" UID="root" GID="root" '
        + 'EUID="root" SUID="root" FSUID="root" EGID="root" SGID="root" FSGID="root"\n'
        + 'type=EXECVE '
        + head
        + 'argc=%d ' % len(argv)
        + ' '.join('a%d="%s"' % pair for pair in enumerate(argv))
        + '\n'
        + 'type=CWD '
        + head
        + 'cwd="/root"\n'
        + ''.join(
            'type=PATH '
            + head
            + 'item=%d name="%s" inode=%d dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL '
            'cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\x1dOUID="root" OGID="root"\n'
            % (item, name, 341712 + item)
            for item, name in enumerate((program, '/lib64/ld-linux-x86-64.so.2'))
        )
        + 'type=PROCTITLE '
        + head
        + 'proctitle='
        + '\0'.join(argv).encode().hex().upper()
        + '\n'
    )


def importable(root):
    """Make a checkout the collection, whatever its folder is called, and give it to Ansible's loader."""
    folder = tempfile.mkdtemp()
    collections = os.path.join(folder, 'ansible_collections', 'claude_hooks')
    os.makedirs(collections)
    os.symlink(root, os.path.join(collections, 'docker_audit'))
    os.environ['ANSIBLE_COLLECTIONS_PATH'] = folder
    sys.path.insert(0, folder)
    return folder


def modules():
    """find() and Reading of the checkout that is importable."""
    core = 'ansible_collections.claude_hooks.docker_audit.plugins.module_utils.'
    return [importlib.import_module(core + name) for name in ('_findings.find', '_audit.reading')]


def peak_megabytes():
    """The most memory that this process had resident (not ru_maxrss: a child starts with that of its parent)."""
    with open('/proc/self/status', encoding='ascii') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM')) / 1024


def report(start, count, findings):
    spent = time.process_time() - start
    print(json.dumps({'seconds': spent, 'count': count, 'findings': findings, 'peak': peak_megabytes()}))


def run_ours(path):
    modules()
    start = time.process_time()
    found = find_in(path)
    report(start, found['executions'], len(found['findings']))


def find_in(path):
    """What is found in a log. A checkout from before Reading counted idle executions takes the events."""
    findings, reading = modules()
    read = reading.Reading(KEY, files=[path])
    return findings.find(read if 'idle' in inspect.signature(read.events).parameters else read.events())


def run_start(path):
    """What a host's module takes from the start of Python on."""
    found = find_in(path)
    report(0, found['executions'], len(found['findings']))


def run_verdicts(path):
    """What verdicts need of a log, and the commands among it."""
    core = 'ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.'
    judging = importlib.import_module(core + 'on_host')
    reader = judging if hasattr(judging, 'read_logs') else importlib.import_module(core + 'host')
    start = time.process_time()
    logged = reader.read_logs(KEY, path)
    report(start, None, len(judging.entries(logged.executions, KEY)))


def run_lookup(path):
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader, lookup_loader

    init_plugin_loader()
    lookup = lookup_loader.get('claude_hooks.docker_audit.ausearch', loader=DataLoader())
    start = time.process_time()
    report(start, None, len(lookup.run([path], variables={})))


def run_filter(path):
    from ansible.plugins.loader import filter_loader, init_plugin_loader

    init_plugin_loader()
    plugin = filter_loader.get('claude_hooks.docker_audit.docker_findings')
    function = getattr(plugin, 'j2_function', plugin)
    with open(path, encoding='utf-8', errors='surrogateescape') as log:
        text = log.read()
    start = time.process_time()
    report(start, None, len(function(text)))


def run_reading(path):
    """The events alone: with the findings left out, what is held does not depend on how many there are."""
    _findings, reading = modules()
    start = time.process_time()
    report(start, sum(1 for _event in reading.Reading(KEY, files=[path]).events()), None)


def run_auparse(path):
    """Only walks over all events: what a Python program around auparse takes at least."""
    import auparse

    start = time.process_time()
    parser = auparse.AuParser(auparse.AUSOURCE_FILE, path)
    while parser.parse_next_event():
        pass
    print(
        json.dumps({'seconds': time.process_time() - start, 'count': None, 'findings': None, 'peak': peak_megabytes()})
    )


def run_ausearch(path):
    command = ['ausearch', '-k', KEY, '--raw', '-if', path]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _pid, _status, usage = os.wait4(process.pid, 0)
    print(
        json.dumps(
            {
                'seconds': usage.ru_utime + usage.ru_stime,
                'count': None,
                'findings': None,
                'peak': usage.ru_maxrss / 1024,
            }
        )
    )


WAYS = {
    'ausearch': run_ausearch,
    'auparse': run_auparse,
    'ours': run_ours,
    'ours, events only': run_reading,
    'ours, with the start of Python': run_start,
    'ours, lookup': run_lookup,
    'ours, filter': run_filter,
    'ours, verdicts': run_verdicts,
}


def measure(way, path, python, root):
    """One run in a process of its own, so that its memory is its own."""
    command = [python, __file__, '--root', str(root), '--way', way, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit('%s failed: %s' % (way, done.stderr.strip()))
    return json.loads(done.stdout)


def ways_here():
    """The ways that this machine has, each with the Python to run it."""
    pythons = [python for python in (sys.executable, '/usr/bin/python3') if os.path.exists(python)]
    probes = [
        subprocess.run([python, '-c', 'import auparse'], capture_output=True, check=False).returncode
        for python in pythons
    ]
    with_auparse = next((python for python, code in zip(pythons, probes) if code == 0), None)
    ways = {'ausearch': sys.executable} if shutil.which('ausearch') else {}
    if with_auparse:
        ways['auparse'] = with_auparse
    return dict(ways, **{way: sys.executable for way in WAYS if way.startswith('ours')})


def compare(folder, megabytes, share, runs, ways, other=None):
    path = os.path.join(folder, 'audit.log')
    events, ours = generate(path, megabytes, share)
    size = os.path.getsize(path) / 1e6
    with open(path, 'rb') as log:
        while log.read(1 << 20):
            pass
    best = {}
    for _run in range(runs):
        for way, python, root in [(way, python, ROOT) for way, python in ways.items()] + [
            (way, python, other) for way, python in ways.items() if other and way.startswith('ours')
        ]:
            result = measure(way, path, python, root)
            way = way if root is ROOT else 'other' + way[len('ours') :]
            if way not in best or result['seconds'] < best[way]['seconds']:
                best[way] = result
    for way, result in best.items():
        if result['count'] not in (None, ours):
            raise SystemExit('%s found %s of %d events' % (way, result['count'], ours))
        ratio = '%7.2f x ausearch' % (best['ausearch']['seconds'] / result['seconds']) if 'ausearch' in best else ''
        print(
            '%5d MB  %3d %% ours  %-31s %7.0f MB/s %9.0f events/s %7.1f MiB peak %s%s'
            % (
                size,
                share * 100,
                way,
                size / result['seconds'],
                events / result['seconds'],
                result['peak'],
                ratio,
                '  %d findings' % result['findings'] if result['findings'] is not None else '',
            ),
            flush=True,
        )
    os.unlink(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--size', type=int, default=200, help='MB of the two logs that are compared (default 200)')
    parser.add_argument(
        '--sizes',
        type=int,
        nargs='*',
        default=[50, 200, 800],
        help='MB of the logs that show the growth (default 50 200 800)',
    )
    parser.add_argument('--runs', type=int, default=3, help='runs of each, of which the best counts (default 3)')
    parser.add_argument(
        '--folder', help='where the logs are written and removed (default: the folder for temporary files)'
    )
    parser.add_argument('--other', help='another checkout, to be compared with this one in the same run')
    parser.add_argument('--root', default=str(ROOT), help=argparse.SUPPRESS)
    parser.add_argument('--way', nargs=2, metavar=('WAY', 'LOG'), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        folder = importable(options.root)
        try:
            WAYS[options.way[0]](options.way[1])
        finally:
            shutil.rmtree(folder)
        return
    ways = ways_here()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for share in (0.01, 1):
            compare(folder, options.size, share, options.runs, ways, options.other)
        print('growth')
        own = {way: ways[way] for way in ('ours', 'ours, events only')}
        for share in (0.01, 1):
            for size in options.sizes:
                compare(folder, size, share, options.runs, own)


if __name__ == '__main__':
    main()
