# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: tail.yml prints each finding of every host once and at once, until it is stopped, and goes on there the next
time.

Executes docker for real under an audit rule and runs the real ansible-playbook, on this host directly and over ssh with
sudo. Needs root, the audit tools, sshd and sudo, as the test set-up provides them.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import unicodedata

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import parts
from ansible_collections.claude_hooks.docker_audit.tests.support import kernel_audit
from ansible_collections.claude_hooks.docker_audit.tests.support.sshd import Sshd
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
DOCKER = os.path.realpath(shutil.which('docker'))
KEY = 'claude-hooks-test'
HOSTILE = [
    '{{ 7*7 }}',
    '{{ lookup("pipe", "touch /tmp/claude-hooks-tail") }}',
    '\x1b]8;;http://x\x07',
    '\x1b[2J',
    'a\r\nfar: 9 findings, 0 gaps',
    'a\n{"host": "forged"}',
    '\u202e\u2066\u200b\u2028',
    '\u009b31m',
    "it's",
    '',
    b'\xff',
]
NAMES = map('claude-hooks-tail-%d-%d'.__mod__, zip(itertools.repeat(os.getpid()), itertools.count()))
SOON = 60  # seconds: a start of Ansible on a busy machine, no promise
# A run that waits for a module, which waits for findings, ends within 60; the promise of two is tried where it is made
STOPPED = 15
CONTROL = {
    character
    for number in range(0x110000)
    if unicodedata.category(character := chr(number)) in ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
}


@pytest.fixture(scope='module', autouse=True)
def rule():
    # First in the list: a rule that another test left would take the events.
    with kernel_audit.rule('-F', 'path=' + DOCKER, '-F', 'perm=x', '-F', 'key=' + KEY, first=True):
        yield


def docker(name, *words):
    """Executes docker stop for a container that does not exist."""
    subprocess.run(
        [DOCKER, 'stop', name, *words],
        cwd='/',
        env={'HOME': '/', 'DOCKER_HOST': 'unix:///nonexistent'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return name


def two_seconds():
    """For the least of some: as many more as others ask for each processor, which is none where the tests run alone."""
    return 2 * max(1, os.getloadavg()[0] / os.cpu_count())


class Bench:
    """A place with an inventory and a state of its own, to run tail.yml from."""

    def __init__(self, folder):
        self.folder = folder
        # Where the other end keeps its state
        self.sshd = Sshd(folder, settings=('SetEnv XDG_STATE_HOME=%s' % (folder / 'far'),))
        self.inventory = folder / 'hosts.yml'
        # Python's own sudo and root's become show that nothing keeps a module alive behind sudo
        self.far = {
            'ansible_connection': 'ssh',
            'ansible_host': '127.0.0.1',
            'ansible_port': self.sshd.port,
            'ansible_user': 'root',
            'ansible_become': True,
            'ansible_become_flags': '--preserve-env=XDG_STATE_HOME -H -S -n',
            'ansible_ssh_private_key_file': str(self.sshd.key),
            'ansible_ssh_common_args': '-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null '
            '-o LogLevel=ERROR',
        }
        self.write(here={'ansible_connection': 'local'}, far=self.far)
        self.running = []

    def write(self, **hosts):
        self.inventory.write_text(
            yaml.safe_dump({'all': {'hosts': hosts, 'vars': {'ansible_python_interpreter': sys.executable}}})
        )

    def start(self, *words, **options):
        run = Run(self.command(*words, **options), self.environment())
        self.running.append(run)
        return run

    def command(self, *words, **options):
        options = dict({'key': KEY, 'container': 'claude-hooks-tail-%d-*' % os.getpid()}, **options)
        return [
            str(BIN / 'ansible-playbook'),
            '-i',
            str(self.inventory),
            'playbooks/tail.yml',
            *words,
            '-e',
            json.dumps(options),
        ]

    def environment(self):
        return dict(
            os.environ,
            ANSIBLE_NOCOLOR='1',
            TZ='Asia/Kolkata',
            XDG_STATE_HOME=str(self.folder / 'here'),
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.folder / 'cp'),
        )

    def left_over(self):
        """Processes that a run started here or on the other end, but for the ssh that keeps the connection for the next
        run.
        """
        found = []
        for entry in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                command = (entry / 'cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')
                if (
                    b'XDG_STATE_HOME=%s/' % os.fsencode(self.folder) in (entry / 'environ').read_bytes()
                    and '[mux]' not in command
                ):
                    found.append((entry.name, command))
        return found


class Run:
    """A running ansible-playbook, and what it printed so far: (time, line)."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.lines, self.notices = [], []
        self._threads = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.notices))
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append((time.time(), line.decode().rstrip('\n')))

    def output(self):
        return '\n'.join(line for _time, line in self.lines + self.notices)

    def with_text(self, text, host=''):
        return [(moment, line) for moment, line in self.lines if text in line and host in line]

    def wait_for(self, text, count=1, seconds=SOON, lines=None):
        """The time when so many lines with this text were there."""
        lines = self.lines if lines is None else lines
        deadline = time.monotonic() + seconds
        while True:
            found = [moment for moment, line in lines if text in line]
            if len(found) >= count:
                return found[count - 1]
            assert time.monotonic() < deadline and self.process.poll() is None, 'no %r within %s s:\n%s' % (
                text,
                seconds,
                self.output(),
            )
            time.sleep(0.01)

    def up(self):
        """Waits until both hosts are followed."""
        self.wait_for(docker(next(NAMES)), 2)
        return self

    def end(self, number=None, seconds=STOPPED):
        if number is not None:
            os.kill(self.process.pid, number)
        self.process.wait(seconds)
        for thread in self._threads:
            thread.join(seconds)
        return self.process.returncode


@pytest.fixture
def bench(tmp_path):
    place = Bench(tmp_path)
    place.sshd.start()
    yield place
    for run in place.running:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    place.sshd.stop()


def test_each_finding_is_one_line_of_each_host_within_two_seconds(bench):
    run, taken = bench.start().up(), []
    for index in range(4):
        name = docker(next(NAMES), *HOSTILE)
        done = time.time()
        taken.append(run.wait_for(name, 2) - done)
        time.sleep(0.2 * index)
    assert min(taken) < two_seconds(), taken
    run.end(signal.SIGINT)
    found = run.with_text(name)
    assert len(found) == 2, run.output()
    for host, (_time, line) in zip(('far', 'here'), sorted(found, key=lambda pair: ' far ' not in pair[1])):
        assert re.match(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+05:30  %s  stop  targets %s .*  user (root|0) .* "
            r"pid \d+  ppid %d  exe %s  cwd /  "
            r"parent: %d, now .*  \$ " % (host, name, os.getpid(), DOCKER, os.getpid()),
            line,
        ), line
    assert shlex.quote(HOSTILE[0]) in line and not os.path.exists('/tmp/claude-hooks-tail')
    assert not CONTROL & set(run.output()) - {'\n'}


def test_each_host_says_at_once_that_no_rule_is_in_force_and_is_followed(bench):
    key = 'claude-hooks-none'
    run = bench.start(key=key)
    for host in ('here', 'far'):
        said = '%s: no audit rule with the key %s is in force, so docker commands are not logged: ' % (host, key)
        run.wait_for(said, lines=run.notices)
    with kernel_audit.rule('-F', 'path=' + DOCKER, '-F', 'perm=x', '-F', 'key=' + key, first=True):
        run.wait_for(docker(next(NAMES)), 2)
    run.end(signal.SIGINT)
    assert run.output().count('no audit rule') == 2, run.output()


def test_jsonl_is_the_exact_finding_alone_on_its_line(bench):
    run = bench.start('-v', '-l', 'here', output='jsonl', duration=6)
    name = docker(next(NAMES), *HOSTILE)
    assert run.end(seconds=SOON) == 0, run.output()
    found = [line for line in run.output().split('\n') if name in line]
    assert [json.loads(line)['argv'][1:] for line in found] == [['stop', name, *HOSTILE[:-1], '\\xff']]
    assert not CONTROL & set(run.output()) - {'\n'}


def test_duration_ends_with_a_summary_of_each_host_and_exit_code_0(bench):
    run = bench.start(duration=5)
    docker(next(NAMES))
    assert run.end(seconds=SOON) == 0 and 'no audit rule' not in run.output(), run.output()
    assert {line for _time, line in run.lines if 'reconnects' in line} == {
        '%s: %s, 0 gaps, 0 reconnects' % (host, parts.counted(len(run.with_text('  $ ', '  %s  ' % host)), 'finding'))
        for host in ('here', 'far')
    }, run.output()
    assert not bench.left_over()


def test_ctrl_c_while_nothing_happens_ends_all_within_two_seconds(bench):
    taken = []
    while not taken or (min(taken) >= 2 and len(taken) < 4):
        run = bench.start().up()
        time.sleep(1)
        pressed = time.monotonic()
        run.end(signal.SIGINT)
        wait_until(lambda: not bench.left_over(), bench.left_over, STOPPED)
        taken.append(time.monotonic() - pressed)
    assert min(taken) < two_seconds(), taken


def test_ctrl_c_ends_make_as_well(bench):
    venv = os.path.relpath(BIN.parent, ROOT)
    words = ' '.join(map(shlex.quote, bench.command()[4:]))
    run = Run(
        [
            'make',
            'audit-tail',
            'VENV=' + venv,
            '-o',
            venv + '/ready',
            'INVENTORY=%s' % bench.inventory,
            'ARGS=' + words,
        ],
        bench.environment(),
    )
    bench.running.append(run.up())
    # As a terminal does it. make ends by the signal too, unless the playbook ends first; neither is an error
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.end() in (0, -signal.SIGINT, 130) and '*** [' not in run.output(), run.output()
    wait_until(lambda: not bench.left_over(), bench.left_over, STOPPED)


def ctrl_c_in_a_slow_call(bench, slow, sleep):
    """Make the next call slow by a file, press Ctrl-C once it sleeps, and see that nothing is left."""
    run = bench.start()
    run.wait_for(docker(next(NAMES)))
    slow.touch()

    def is_slow():
        # Once more for each look: a busy machine may have looked after a sleep of half a second
        docker(next(NAMES))
        return any(sleep in command for _pid, command in bench.left_over())

    wait_until(is_slow, bench.left_over)
    run.end(signal.SIGINT)
    wait_until(lambda: not bench.left_over(), bench.left_over, STOPPED)


def test_ctrl_c_ends_a_module_that_does_not_take_it(bench):
    """Nor waits yet for something new: then it notices that nobody listens any more."""
    python, slow = bench.folder / 'python', bench.folder / 'slow'
    python.write_text('#!/bin/sh\ntrap "" INT\n[ ! -e %s ] || sleep 90\nexec %s "$@"\n' % (slow, sys.executable))
    python.chmod(0o755)
    bench.write(here={'ansible_connection': 'local', 'ansible_python_interpreter': str(python)})
    ctrl_c_in_a_slow_call(bench, slow, 'sleep 90')


def test_ctrl_c_while_a_module_is_sent_leaves_no_half_of_it(bench):
    ssh, slow = bench.folder / 'ssh', bench.folder / 'slow'
    ssh.write_text('#!/bin/sh\n[ -e %s ] || exec ssh "$@"\n{ head -c 70000; sleep 0.5; cat; } | ssh "$@"\n' % slow)
    ssh.chmod(0o755)
    bench.write(far=dict(bench.far, ansible_ssh_executable=str(ssh)))
    ctrl_c_in_a_slow_call(bench, slow, 'sleep 0.5')


def test_what_happened_round_a_stop_is_neither_lost_nor_repeated(bench):
    names, lines = [], []
    for delay in (0, 0.04, 0.08, 0.12, 0.2):
        run = bench.start().up()
        names.append(docker(next(NAMES)))
        time.sleep(delay)
        run.end(signal.SIGINT)
        names.append(docker(next(NAMES)))
        lines += run.lines
    last = bench.start()
    last.wait_for(names[-1], 2)
    last.end(signal.SIGINT)
    lines += last.lines
    text = [line for _time, line in lines]
    assert {
        name: [sum(name + ' ' in line and '  %s  ' % host in line for line in text) for host in ('here', 'far')]
        for name in names
    } == {name: [1, 1] for name in names}


def test_a_killed_run_leaves_no_process_and_loses_nothing(bench):
    first = bench.start().up()
    noted = [bench.folder / 'here' / 'claude-hooks' / ('printed-tail@%s@%s' % (KEY, host)) for host in ('here', 'far')]
    wait_until(lambda: all(path.exists() for path in noted), first.output)
    before = [path.read_text() for path in noted]
    seen = docker(next(NAMES))
    first.wait_for(seen, 2)
    # It is noted once the line is out
    wait_until(lambda: all(path.read_text() != text for path, text in zip(noted, before)), first.output)
    first.end(signal.SIGKILL)
    wait_until(lambda: not bench.left_over(), bench.left_over, STOPPED)
    missed = docker(next(NAMES))
    second = bench.start()
    second.wait_for(missed, 2)
    second.end(signal.SIGINT)
    assert not second.with_text(seen + ' '), second.output()


def test_a_host_that_goes_away_and_comes_back_misses_nothing_and_holds_up_nobody(bench):
    run = bench.start(duration=30).up()
    bench.sshd.stop()
    run.wait_for('far: unreachable: ', lines=run.notices)
    name = docker(next(NAMES))
    # Before the other one is back
    run.wait_for(name)
    assert re.search(r'far: unreachable: .*, trying again with growing pauses', run.output()) and not run.with_text(
        name, ' far '
    )
    bench.sshd.start()
    run.wait_for(name, 2)
    run.wait_for('far: back', lines=run.notices)
    assert run.end(seconds=SOON) == 0, run.output()
    assert run.with_text('far: ')[-1][1].endswith(', 0 gaps, 1 reconnect') and len(run.with_text(name)) == 2, (
        run.output()
    )


def test_a_host_that_is_away_at_the_end_fails(bench):
    bench.sshd.stop()
    try:
        run = bench.start(duration=4)
        assert run.end(seconds=SOON) == 2, run.output()
        assert (
            re.search('far: 0 findings, 0 gaps, 0 reconnects', run.output())
            and 'The host was still away at the end: unreachable: ' in run.output()
        )
    finally:
        bench.sshd.start()


def test_a_second_reader_needs_a_name_of_its_own(bench):
    first = bench.start('-l', 'here')
    first.wait_for(docker(next(NAMES)))
    second = bench.start('-l', 'here')
    assert (
        second.end(seconds=SOON) == 2 and 'the reader tail already follows here from this machine' in second.output()
    ), second.output()
    third = bench.start('-l', 'here', reader='other')
    name = docker(next(NAMES))
    first.wait_for(name)
    third.wait_for(name)
    for run in (first, third):
        run.end(signal.SIGINT)


def test_check_mode_shows_what_is_new_and_keeps_nothing(bench):
    name = docker(next(NAMES))
    for _time in range(2):
        run = bench.start('--check')
        assert run.end(seconds=SOON) == 0 and len(run.with_text(name)) == 2, run.output()
    assert not [path for path in bench.folder.rglob('claude-hooks/*') if path.suffix != '.lock'], run.output()


def test_the_state_is_its_owners_alone(bench):
    run = bench.start().up()
    # It is noted once the line is out: an end in between would be obeyed first, and the batch would come again
    noted = bench.folder / 'here' / 'claude-hooks' / ('printed-tail@%s@far' % KEY)
    wait_until(noted.exists, run.output)
    run.end(signal.SIGINT)
    found = [path for folder in ('here', 'far') for path in (bench.folder / folder / 'claude-hooks').iterdir()]
    assert {path.stat().st_mode & 0o7777 for path in found} == {0o600} and {
        path.parent.stat().st_mode & 0o7777 for path in found
    } == {0o700}
    assert 'printed-tail@%s@far' % KEY in [path.name for path in found]


def test_it_ends_when_nobody_reads_the_output(bench):
    process = subprocess.Popen(
        bench.command('-l', 'here'),
        cwd=ROOT,
        env=bench.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        name = docker(next(NAMES))
        next(line for line in process.stdout if name.encode() in line)
        process.stdout.close()
        docker(next(NAMES))
        assert process.wait(SOON)
    finally:
        process.kill()
    wait_until(lambda: not bench.left_over(), bench.left_over, STOPPED)


@pytest.mark.parametrize(
    'words, options, message',
    [
        (['-l', 'here'], {'reader': 'a b'}, 'must be of 1 to 64 letters'),
        (['-l', 'here'], {'output': 'xml'}, 'value of output must be one of: text, jsonl, got: xml'),
        (['-l', 'here'], {'duration': -1}, 'duration must be a number of seconds from 0 on'),
        (['--forks', '1'], {}, '2 hosts but --forks 1: give --forks 2'),
    ],
)
def test_what_cannot_be_done_is_refused(bench, words, options, message):
    run = bench.start(*words, **options)
    assert run.end(seconds=SOON) == 2 and message in run.output(), run.output()
