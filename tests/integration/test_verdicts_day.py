# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: on a day with stops of every kind, no verdict names a wrong cause or a wrong caller, whatever was logged.

A real engine and real containers, in random order with overlaps and unrelated traffic (the kinds are in
tests/support/day). The script keeps its own record of who did what; what a verdict may say of each kind was written
down before (expected.txt). Needs what tests/lab/lab gives; DOCKER_AUDIT_TEST_ENGINE names the engine. SEED=N repeats an
order, KINDS=a,b plays some kinds, KEEP_RECORD=FILE keeps the day for tests without an engine:

    SEED=1 KEEP_RECORD=/tmp/day.json.gz DOCKER_AUDIT_TEST_ENGINE=testing \\
        tests/lab/lab run python -m pytest -q tests/integration/test_verdicts_day.py
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import json
import os
import pathlib
import random
import re
import runpy
import subprocess
import threading
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as own_connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import processes
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import kernel_log
from ansible_collections.claude_hooks.docker_audit.tests.support import own_engine, playing
from ansible_collections.claude_hooks.docker_audit.tests.support.day import commands, compose, others, record, settings
from ansible_collections.claude_hooks.docker_audit.tests.support.day.stage import (
    DOCKERS,
    IMAGE,
    KEY,
    OPS,
    POLITE,
    PREFIX,
    RECORDS,
    SOCKET,
    Events,
    Unix,
    api,
    container,
    docker,
    note,
    run,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {
    name: kind
    for module in (commands, others, compose)
    for name, kind in vars(module).items()
    if inspect.isfunction(kind) and kind.__module__ == module.__name__ and not name.startswith('_')
}


def unrelated(stop):
    number = 0
    while not stop.wait(0.4):
        number += 1
        docker('ps', '-q')
        api(('GET', '/_ping'))
        if number % 4 == 0:
            container('other-day-%d' % number, *POLITE)
            docker('rm', '-f', 'other-day-%d' % number)


def engine_down(folder):
    """An engine of our own with containers, ended by SIGTERM. Returns its events and when it was gone."""
    with own_engine.running(folder, IMAGE) as path:
        events = Events(path)
        for number in (1, 2):
            name = '%sengine_down-%d' % (PREFIX, number)
            run('docker', '--host', 'unix://' + path, 'run', '-d', '--network', 'none', '--name', name, IMAGE, *POLITE)
            note(name, 'stopped', 'engine_shutdown')
    events.join(10)
    return events


def prune_the_rest():
    """At the end of the day somebody removes all that is left."""
    shown = docker('ps', '-a', '--filter', 'name=' + PREFIX, '--format', '{{.Names}} {{.State}}')[1]
    pruned = docker('container', 'prune', '-f')[0]
    for line in shown.splitlines():
        name, state = line.split()
        if state in ('exited', 'created', 'dead'):
            note(name.removesuffix('-new'), 'removed', 'cli', pruned)


def read_log(start):
    """The lines of the audit log from a moment on, as they are."""
    log = pathlib.Path(config.log_path())
    lines = [line for path in (log.with_name(log.name + '.1'), log) if path.exists() for line in path.open('rb')]
    times = ((re.search(rb'msg=audit\((\d+)\.(\d{3}):', line), line) for line in lines)
    return ''.join(
        line.decode('latin-1') for found, line in times if found and int(found[1]) * 1000 + int(found[2]) >= start
    )


def wait_for_the_log():
    pid = docker('version', wanted=None)[0]
    deadline = time.monotonic() + 20
    while b' pid=%d ' % pid not in pathlib.Path('/var/log/audit/audit.log').read_bytes():
        assert time.monotonic() < deadline, 'the last command is not in the log after 20 s'
        time.sleep(0.1)


def play(kinds, folder):
    """All kinds at once, as far as the machine can. Returns what the other engine said."""
    jobs = [(KINDS[kind], '%s%s-0' % (PREFIX, kind)) for kind in kinds]
    random.shuffle(jobs)
    stop = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        traffic = pool.submit(unrelated, stop)
        down = pool.submit(engine_down, folder)
        done = [pool.submit(kind, name) for kind, name in jobs]
        try:
            failed = [(name, job.exception()) for (_kind, name), job in zip(jobs, done) if job.exception()]
        finally:
            stop.set()
        traffic.result()
        assert not failed, 'the script of the day failed: %s' % failed
        return down.result()


@pytest.fixture(scope='module')
def rules():
    added = [
        ['-F', 'path=' + path, '-F', 'perm=x', '-F', 'uid=%d' % uid, '-F', 'key=' + KEY]
        for path in DOCKERS
        for uid in (0, OPS)
    ]
    added.append(['-F', 'arch=b64', '-S', 'connect', '-F', 'path=' + SOCKET, '-F', 'key=%s-socket' % KEY])
    for rule in added:
        subprocess.run(['auditctl', '-A', 'exit,always', *rule], check=True, stdin=subprocess.DEVNULL)
    yield
    for rule in added:
        subprocess.run(['auditctl', '-d', 'exit,always', *rule], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def day(rules, tmp_path_factory):
    seed = int(os.environ.get('SEED') or random.randrange(10**6))
    random.seed(seed)
    start = int(time.time() * 1000) - 20
    kinds = sorted(os.environ['KINDS'].split(',') if os.environ.get('KINDS') else KINDS)
    events = Events(SOCKET)
    down = play(kinds, tmp_path_factory.mktemp('engine'))
    time.sleep(1)
    prune_the_rest()
    wait_for_the_log()
    client = Unix(SOCKET)
    client.request('GET', '/version')
    version = json.loads(client.getresponse().read())['Version']
    with processes.Processes() as living:
        booted = living.booted()
    played = {
        'engine': version,
        'cli': [run(path, '--version')[1] for path in DOCKERS],
        'kernel': os.uname().release,
        'seed': seed,
        'key': KEY,
        'socket': SOCKET,
        # In the kernel at the end, with the paths and users that CONFIG_CHANGE records leave out
        'rules': run('auditctl', '-l')[1],
        'booted': booted,
        'own': own_connects.own(),
        'kmsg': [line.decode('latin-1') for line in kernel_log.read() if b'oom-kill:' in line],
        'start': start,
        'end': int(time.time() * 1000),
        'events': events.events,
        'log': read_log(start),
        'truth': RECORDS,
        'down': {'events': down.events, 'gone': down.gone},
    }
    if os.environ.get('KEEP_RECORD'):
        record.keep(os.environ['KEEP_RECORD'], played)
    return played


def test_the_table_has_every_kind():
    table, _untrue = record.expected()
    assert {kind for kind, _what in table} - {'*', 'engine_down'} == set(KINDS) and len(KINDS) >= 45


def test_the_script_did_what_the_table_says(day):
    table, untrue = record.expected()
    for name, entries in day['truth'].items():
        for what, cause, _pid in entries:
            kind = record.kind_of(name)
            says = table.get((kind, what)) or table['*', what]
            assert cause in says[0] and (kind, what, cause) not in untrue, (name, what, cause, says)


@pytest.mark.parametrize('setting', settings.SETTINGS, ids=lambda setting: setting.__name__)
def test_no_verdict_names_a_wrong_cause_or_a_wrong_caller(day, setting, capsys):
    judged = record.judge(day, setting)
    with capsys.disabled():
        print('\nengine %s, SEED=%d, %s: %d verdicts' % (day['engine'], day['seed'], setting.__name__, len(judged)))
        print(record.confusion(day, judged))
    wrong = record.wrong(day, judged, setting)
    assert not wrong, '%d wrong, SEED=%d\n%s' % (len(wrong), day['seed'], json.dumps(wrong, indent=1, default=str))


def test_every_vanished_container_has_its_verdicts(day):
    assert record.missing(day, record.judge(day, settings.whole)) == [] and len(day['truth']) >= (
        0 if os.environ.get('KINDS') else 45
    )


def test_every_open_verdict_says_what_was_missing_or_who_it_can_have_been(day):
    silent = [
        verdict
        for verdict in record.judge(day, settings.whole)
        if verdict['confidence'] == 'open'
        and not verdict['who']
        and all(line['code'].endswith('_event') for line in verdict['evidence'])
    ]
    assert silent == []


def test_the_event_source_reports_each_command_once(day, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path))
    main = runpy.run_path(str(ROOT / 'extensions/eda/plugins/event_source/docker_findings.py'))['main']
    asked = {'key': KEY, 'socket': SOCKET, 'container': PREFIX + '*', 'since': times.timestamp(day['start'])}

    async def take():
        queue, events = asyncio.Queue(), []
        task = asyncio.create_task(main(queue, asked))
        with contextlib.suppress(asyncio.TimeoutError):
            while not task.done():
                events.append(await asyncio.wait_for(queue.get(), 10))
        task.cancel()
        await asyncio.wait([task])
        return events

    pids = [event['pid'] for event in asyncio.run(take()) if event.get('argv')]
    plain = ('stop_honoured', 'kill', 'remove_by_name', 'remove_by_id', 'remove_by_prefix', 'traversal', 'compose_stop')
    ran = [day['truth']['%s%s-0' % (PREFIX, kind)][0][2] for kind in plain if '%s%s-0' % (PREFIX, kind) in day['truth']]
    assert [pids.count(pid) for pid in ran] == [1] * len(ran) and ran


def test_the_playbook_shows_the_last_verdicts_with_their_evidence(day, tmp_path):
    dest, report = tmp_path / 'verdicts.jsonl', tmp_path / 'verdicts.html'
    asked = {'key': KEY, 'socket': SOCKET, 'container': PREFIX + '*', 'dest': str(dest), 'report': str(report)}
    code, output = playing.play('playbooks/verdicts.yml', options=asked)
    assert code == 0 and 'what was before is forgotten' in output, output
    written = [json.loads(line) for line in dest.read_text().splitlines()]
    pruned = [verdict for verdict in written if verdict['who'] and verdict['who'][0].get('action') == 'prune']
    assert pruned and 'container prune -f' in output, output
    assert report.read_text().count('container prune -f') > 1
