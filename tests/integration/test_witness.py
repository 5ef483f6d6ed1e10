# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what a real engine told is known when it is gone, its end is told from a stop, the witness hides nobody.

A real engine that goes down twice, its socket under the real rule. Needs what tests/lab/lab gives. That systemd runs
the program is shown where there is one, in the scenario fleet_faults. Who asks is test_witness_looks.py.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import events as kept_events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide, host, on_host
from ansible_collections.claude_hooks.docker_audit.tests.support import kernel_audit, own_engine, playing

KEY = 'claude-hooks-test'
IMAGE = os.environ['DOCKER_AUDIT_TEST_IMAGE']
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'roles' / 'docker_audit' / 'files' / 'witness' / 'witness.py'
POLITE = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done']
DOCKERS = [os.path.realpath(shutil.which('docker'))]
Day = collections.namedtuple('Day', 'lives kept keeper start folder')


def wait(condition, told, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """One with the rules for it: an engine that does not run yet makes its socket later, and each time a new one."""
    folder = tmp_path_factory.mktemp('engine')
    added = [['-F', 'path=' + path, '-F', 'perm=x', '-F', 'key=' + KEY] for path in DOCKERS]
    added.append(['-F', 'arch=b64', '-S', 'connect', '-F', 'path=%s/docker.sock' % folder, '-F', 'key=%s-socket' % KEY])
    for rule in added:
        subprocess.run(['auditctl', '-a', 'always,exit', *rule], check=True, stdin=subprocess.DEVNULL)
    yield folder
    for rule in added:
        subprocess.run(['auditctl', '-d', 'always,exit', *rule], check=True, stdin=subprocess.DEVNULL)


def refused_stop(container):
    words = ['docker', '--host', 'unix:///nonexistent', 'stop', container]
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)


@pytest.fixture(scope='module')
def day(folder):
    """Two lives of an engine while the program runs, containers in each, SIGTERM at the end of each."""
    start = int(time.time() * 1000) - 20
    (folder / 'kept').mkdir()
    kept = folder / 'kept' / 'events.jsonl'
    words = [sys.executable, '-I', str(PROGRAM), str(folder / 'kept'), str(folder / 'docker.sock')]
    lives = []

    def told():
        return kept.read_text() + (folder / 'witness.log').read_text()

    with open(folder / 'witness.log', 'wb') as log:
        keeper = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)
    try:
        for life in (1, 2):
            with own_engine.running(folder, IMAGE) as path:
                for number in (1, 2):
                    name = 'claude-hooks-kept-%d-%d' % (life, number)
                    subprocess.run(
                        [
                            'docker',
                            '--host',
                            'unix://' + path,
                            'run',
                            '-d',
                            '--network',
                            'none',
                            '--name',
                            name,
                            IMAGE,
                            *POLITE,
                        ],
                        stdin=subprocess.DEVNULL,
                        capture_output=True,
                        check=True,
                    )
                lives.append(engine.events(path).events)
                wait(
                    # for the events, and to ask about containers
                    lambda: kept.read_text().count('"connected"') == 2 * len(lives),
                    told,
                )  # it looks for a new engine every two seconds
            wait(lambda: kept.read_text().count('"gone"') == len(lives), told)
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(10) == 0
    finally:
        keeper.kill()
    kernel_audit.wait_for_the_log(refused_stop)
    (reader,) = {entry['pid'] for entry in map(json.loads, kept.read_text().splitlines()) if 'looker' in entry}
    return Day(lives, kept, reader, start, folder)


def test_all_that_the_engine_told_is_kept_once_and_in_order(day):
    read = [json.loads(line) for line in day.kept.read_text().splitlines()]
    got = [(entry['Action'], entry['Actor']['ID'], entry['timeNano']) for entry in read if 'Type' in entry]
    told = [
        (event['Action'], event['Actor']['ID'], event['timeNano'])
        for life in day.lives
        for event in life
        if event['Type'] == 'container'
    ]
    assert len(told) == 8 and len(got) == len(set(got))
    # Of two containers that end at the same moment the engine tells in one order and stamps in another (50 us apart)
    for identity in {entry[1] for entry in told}:
        of_one = [entry for entry in got if entry[1] == identity and entry in told]
        assert of_one == [entry for entry in told if entry[1] == identity]
    # the end of each container, which nobody else heard
    assert (
        sorted(action for action, _id, _nano in got if action in ('kill', 'die', 'stop'))
        == ['die'] * 4 + ['kill'] * 4 + ['stop'] * 4
    )
    marks = [entry['mark'] for entry in read if 'mark' in entry]
    assert [mark for mark in marks if mark in ('gone', 'gap', 'ended', 'blind')] == ['gone', 'gone', 'ended']
    assert all(len(line) < 4000 for line in day.kept.read_text().splitlines())


def test_the_end_of_the_engine_is_certain_where_the_connect_of_the_keeper_is_known(day):
    kept = kept_events.read([day.kept.read_bytes()])
    read = host.Host(
        key=KEY,
        logged=host.read_logs(KEY, config.log_path()),
        listing=subprocess.run(['auditctl', '-l'], capture_output=True, text=True, check=True).stdout,
        now=time.time() * 1000,
        # The lab switches audit on long after the boot of the machine, before this engine
        booted=day.start,
        events=kept['events'],
        full=False,
        kept=kept,
        containers={},
        engine_since=None,
        reasons=[],
        own=[],
        states=[],
        kernel=[],
        real=None,
    )
    material = on_host.material(read)
    connects = [connect for connect in material.connects if times.moment(connect['timestamp']) >= day.start]
    # of each life: the socket that the second engine made is under the rule, too
    assert [connect['pid'] for connect in connects].count(day.keeper) == 4
    assert {pid for pid, _start, _end in kept['connects']} == {day.keeper}
    # those of the test itself, which asked the engine for events and containers, are no part of what is shown here
    connects = [connect for connect in connects if connect['pid'] == day.keeper]

    def judge(own=()):
        judged = decide.verdicts(material._replace(connects=connects, own=own), 'claude-hooks-kept-*')
        return [
            (verdict['container'], verdict['cause'], verdict['confidence'])
            for verdict in sorted(judged, key=lambda verdict: verdict['container'])
        ]

    names = ['claude-hooks-kept-%d-%d' % (life, number) for life in (1, 2) for number in (1, 2)]
    assert judge(own=kept['connects']) == [(name, 'engine_shutdown', 'certain') for name in names]
    assert judge() == [(name, 'engine_shutdown', 'likely') for name in names]
    # Another process with that id, or the same one at another time, is not explained by it.
    late = [(pid, start + 3600000, end + 3600000) for pid, start, end in kept['connects']]
    assert judge(own=late) == [(name, 'engine_shutdown', 'likely') for name in names]


def ask(day, **options):
    """What docker_verdicts_info returns, run by Ansible."""
    usual = {'socket': str(day.folder / 'docker.sock'), 'kept': str(day.kept)}
    asked = {**usual, 'key': KEY, 'container': 'claude-hooks-kept-*', **options}
    return playing.ask('docker_verdicts_info', asked)[1]


def test_the_module_tells_what_happened_although_the_engine_is_gone(day):
    told = ask(day)
    # The log holds connects of earlier tests, so that it is not certain.
    assert [verdict['cause'] for verdict in told['verdicts']] == ['engine_shutdown'] * 4, told
    assert {verdict['confidence'] for verdict in told['verdicts']} <= {'certain', 'likely'}
    events = told['events']
    assert (events['kept'], events['count'], events['full'], events['gaps']) == (
        20,
        20,
        False,
        [],
    ) and 'cannot ask an engine' in events['engine']['reason']


def test_without_kept_events_an_engine_that_is_gone_is_an_error(day):
    told = ask(day, kept='/nonexistent')
    assert 'cannot ask an engine at' in told['msg'] and 'verdicts' not in told


@pytest.mark.parametrize('mode, owner', [(0o660, 0), (0o602, 0), (0o600, 1001)])
def test_a_file_that_others_than_root_can_write_is_not_believed(day, mode, owner):
    other = day.folder / 'other.jsonl'
    other.write_bytes(day.kept.read_bytes())
    other.chmod(mode)
    os.chown(other, owner, -1)
    assert 'cannot ask an engine at' in ask(day, kept=str(other))['msg']


def test_the_playbook_says_how_far_the_events_reach(day):
    done = subprocess.run(
        [
            os.path.join(os.path.dirname(sys.executable), 'ansible-playbook'),
            'claude_hooks.docker_audit.verdicts',
            '-e',
            json.dumps(
                {
                    'socket': str(day.folder / 'docker.sock'),
                    'kept': str(day.kept),
                    'key': KEY,
                    'container': 'claude-hooks-kept-*',
                }
            ),
        ],
        cwd=ROOT,
        env=dict(os.environ, ANSIBLE_NOCOLOR='1'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and ': the engine went down' in done.stdout, done.stdout + done.stderr
    assert re.search(r'localhost: the saved events go back to .*, and the engine cannot be asked', done.stdout), (
        done.stdout
    )
