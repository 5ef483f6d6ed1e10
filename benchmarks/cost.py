# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each source of evidence costs a host: events and bytes in the audit log, processor time, memory.

Usage: python3 benchmarks/cost.py [--image IMAGE] [--idle SECONDS] [--key KEY]

Run it as root on a host that has docker_audit_watch=all, with the witness under systemd. Without systemd it starts the
witness of this checkout. It needs the standard library alone, so that on another host the file by itself is enough.
Each kind of work is done several times; printed is what one of them adds, by the key of the rule.
"""

from __future__ import annotations

import argparse
import collections
import glob
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterator, NamedTuple

LOG = '/var/log/audit/audit.log'
SOCKET = os.environ.get('DOCKER_HOST', 'unix:///run/docker.sock').partition('://')[2]
PROGRAM = pathlib.Path(__file__).resolve().parents[1] / 'roles/docker_audit/files/witness/witness.py'
WATCHES = {'docker': '', 'socket': '-socket', 'signals': '-signals', 'services': '-services'}
EVENT = re.compile(rb'msg=audit\((\d+\.\d+:\d+)\)')
SETTLES = 2  # seconds until everybody has written what happened


class Work(NamedTuple):
    name: str
    times: int
    act: Callable[[], object]


def run(*words: str, text: str = '') -> str:
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, check=False, env={**os.environ, 'DOCKER_BUILDKIT': '0'}
    )
    if done.returncode:
        sys.exit('%s: %s' % (' '.join(words), done.stderr))
    return done.stdout


def container(image: str) -> None:
    identity = run('docker', 'run', '-d', '--network', 'none', image, 'sleep', '1000').strip()
    run('docker', 'stop', '-t', '0', identity)
    run('docker', 'rm', identity)


def connect() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(SOCKET)


def kill() -> None:
    process = subprocess.Popen(['sleep', '1000'])
    process.send_signal(signal.SIGKILL)
    process.wait()


def build(image: str) -> None:
    # A comment of its own, so that no layer is taken from a cache
    steps = ''.join('RUN echo %s-%d >/step\n' % (time.time(), number) for number in range(5))
    run('docker', 'build', '--quiet', '--network', 'none', '-', text='FROM %s\n%s' % (image, steps))


def works(image: str, idle: int) -> Iterator[Work]:
    yield Work('a minute idle', max(1, idle // 60), lambda: time.sleep(60))
    yield Work('docker run, stop and rm', 10, lambda: container(image))
    yield Work('docker ps', 20, lambda: run('docker', 'ps'))
    yield Work('a connection to the socket', 100, connect)
    yield Work('a SIGKILL', 100, kill)
    yield Work('1,000 programs in a shell loop', 1, lambda: run('sh', '-c', 'for i in $(seq 1000); do /bin/true; done'))
    yield Work('docker build, 5 steps', 3, lambda: build(image))
    if os.path.isdir('/run/systemd/system'):
        yield Work('systemctl', 20, lambda: run('systemctl', 'list-jobs'))


def spent(pids: list[int]) -> float:
    """Milliseconds of processor time."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path('/proc/%d/stat' % pid).read_text().rpartition(')')[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf('SC_CLK_TCK')


def memory(pids: list[int]) -> int:
    """KiB of memory, what processes share counted once."""
    texts = [pathlib.Path('/proc/%d/smaps_rollup' % pid).read_text() for pid in pids]
    return sum(int(line.split()[1]) for text in texts for line in text.split('\n') if line.startswith('Pss:'))


def processes(word: str) -> list[int]:
    """Those that have a word in the first ones of their command line."""
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            words = pathlib.Path(path).read_bytes().split(b'\0')[:3]
        except OSError:
            continue
        if any(os.path.basename(os.fsdecode(part)) == word for part in words):
            found.append(int(path.split('/')[2]))
    return found


def added(start: int, key: str) -> dict[str, tuple[int, int]]:
    """{watch: (events, bytes)} of what the audit log got since it had a size."""
    with open(LOG, 'rb') as log:
        log.seek(start)
        lines = log.readlines()
    sizes: dict[bytes, int] = collections.Counter()
    of_watch = {}
    for line in lines:
        event = EVENT.search(line)
        if event:
            sizes[event.group(1)] += len(line)
            for watch, suffix in WATCHES.items():
                if b'type=SYSCALL' in line and b'key="%s"' % os.fsencode(key + suffix) in line:
                    of_watch[event.group(1)] = watch
    counts = {watch: [size for event, size in sizes.items() if of_watch.get(event) == watch] for watch in WATCHES}
    return {watch: (len(those), sum(those)) for watch, those in counts.items()}


def kept(folder: str) -> int:
    return sum(os.path.getsize(path) for path in glob.glob(folder + '/events.jsonl*'))


def measure(work: Work, key: str, folder: str, witness: list[int], auditd: list[int]) -> None:
    start, stored, before = os.path.getsize(LOG), kept(folder), (spent(auditd), spent(witness))
    for _number in range(work.times):
        work.act()
    time.sleep(SETTLES)
    found = ['%.1f, %d' % tuple(value / work.times for value in pair) for pair in added(start, key).values()]
    used = ['%.1f' % ((now - then) / work.times) for now, then in zip((spent(auditd), spent(witness)), before)]
    print(
        '| %s | %s | %s | %d |' % (work.name, ' | '.join(found), ' | '.join(used), (kept(folder) - stored) / work.times)
    )


def calls() -> str:
    """Nanoseconds of system calls that rules can match and do not."""
    here, number = os.getpid(), 200000

    def failing() -> None:
        try:
            client.connect('/run/nobody-listens')
        except OSError:
            pass

    with socket.socket(socket.AF_UNIX) as client:
        best = {}
        for name, act in {'kill': lambda: os.kill(here, 0), 'connect': failing, 'getppid': os.getppid}.items():
            for _round in range(3):
                begin = time.perf_counter_ns()
                for _number in range(number):
                    act()
                best[name] = min(best.get(name, 10**9), (time.perf_counter_ns() - begin) // number)
    return ', '.join('%s %d ns' % pair for pair in best.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--image', default=os.environ.get('DOCKER_AUDIT_TEST_IMAGE', 'lab'))
    parser.add_argument('--idle', type=int, default=120)
    parser.add_argument('--key', default='claude-hooks-docker')
    options = parser.parse_args()
    folder, started = '/var/lib/claude-hooks', None
    if not processes('witness.py'):
        folder = tempfile.mkdtemp()
        started = subprocess.Popen([sys.executable, '-I', str(PROGRAM), folder, SOCKET], stdin=subprocess.DEVNULL)
        time.sleep(5)
    witness, auditd = processes('witness.py'), processes('auditd')
    try:
        print(
            '| one | %s | auditd, ms | witness, ms | witness, bytes |'
            % ' | '.join(w + ': events, bytes' for w in WATCHES)
        )
        print('|---|%s' % ('---|' * (len(WATCHES) + 3)))
        for work in works(options.image, options.idle):
            measure(work, options.key, folder, witness, auditd)
        print('memory of the witness: %d KiB' % memory(witness))
        print('system calls: %s' % calls())
    finally:
        if started:
            started.terminate()
            started.wait(20)
            shutil.rmtree(folder)


if __name__ == '__main__':
    main()
