# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: on a day with stops of every kind, no verdict names a wrong cause or a wrong caller, whatever was logged.

A real engine with the role's witness beside it, and real containers, in random order with overlaps and unrelated
traffic; two engines more, on which clients of the API are alone or beside idle ones (the kinds are in
tests/support/day). The script keeps its own record of who did what; what a verdict may say of each kind was written
down before (expected.txt). All of docker_audit_watch=all is logged; each setting is that day with some of it taken out.

Needs what tests/lab/lab gives; DOCKER_AUDIT_TEST_ENGINE names the engine. SEED=N repeats an order, KINDS=a,b plays some
kinds, KEEP_RECORD=FILE keeps the day for tests without an engine, OFF=SOURCE plays the day without that source, and
judges it in the setting that has all but this (connects, commands, users, signals or witness):

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
import shutil
import subprocess
import threading
import time

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connects as own_connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import processes
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import kernel_log
from ansible_collections.claude_hooks.docker_audit.tests.support import own_engine, own_witness, playing
from ansible_collections.claude_hooks.docker_audit.tests.support.day import (
    clients,
    commands,
    compose,
    others,
    record,
    settings,
)
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
from ansible_collections.claude_hooks.docker_audit.tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
OFF = os.environ.get('OFF')
SETTINGS = (getattr(settings, 'everything_but_' + OFF),) if OFF else settings.SETTINGS + settings.WITH_WITNESS
VARS = yaml.safe_load((ROOT / 'roles/docker_audit/vars/main.yml').read_text())
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


@contextlib.contextmanager
def quiet_engine(folder, name, told):
    """An engine of our own with a witness, whose connects are logged with a key of its own. What both told of it is in
    told at the end, when it has got SIGTERM."""
    folder.mkdir()
    witness = None
    try:
        with own_engine.running(folder, IMAGE) as path:
            if OFF != 'connects':
                load_connects(path, '%s-%s-socket' % (KEY, name))
            events = Events(path)
            witness = None if OFF == 'witness' else own_witness.Witness(folder, path)
            yield clients.Here(path)
        events.join(10)
        if witness:
            wait_until(lambda: '"gone"' in witness.text(), witness.log)
            witness.end()
    finally:
        if witness:
            witness.kill()
    kept = witness.text() if witness else ''
    told[name] = {'socket': path, 'witnessed': kept, 'events': events.events, 'gone': [events.gone]}


def alone(folder, wanted, told, up):
    with quiet_engine(folder / 'alone', 'alone', told) as here:
        clients.start(here, clients.alone, wanted)
        up.release()
        clients.play(here, clients.alone, wanted)


def engine_down(folder, wanted, told, up):
    """An engine that goes down with its containers."""
    with quiet_engine(folder / 'down', 'down', told) as here:
        for beside in (clients.beside_idle, clients.beside_updater):
            clients.start(here, beside, wanted)
        up.release()
        for beside in (clients.beside_idle, clients.beside_updater):
            clients.play(here, beside, wanted)
        for number in (1, 2):
            name = '%sengine_down-%d' % (PREFIX, number)
            here.container(name, *POLITE)
            note(name, 'stopped', 'engine_shutdown')


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
    """All kinds at once, as far as the machine can. Returns what was told of the other engines."""
    jobs = [(KINDS[kind], '%s%s-0' % (PREFIX, kind)) for kind in kinds if kind in KINDS]
    random.shuffle(jobs)
    stop, up, beside = threading.Event(), threading.Semaphore(0), {}
    with concurrent.futures.ThreadPoolExecutor(11) as pool:
        quiet = [pool.submit(engine, folder, kinds, beside, up) for engine in (alone, engine_down)]
        for _engine in quiet:
            up.acquire(timeout=90)
        traffic = pool.submit(unrelated, stop)
        done = [pool.submit(kind, name) for kind, name in jobs]
        try:
            failed = [(name, job.exception()) for (_kind, name), job in zip(jobs, done) if job.exception()]
        finally:
            stop.set()
        traffic.result()
        assert not failed, 'the script of the day failed: %s' % failed
        for job in quiet:
            job.result()
    return beside


LOADED = []


def load(*rule):
    """Load a rule, until the day is over."""
    subprocess.run(['auditctl', '-A', 'exit,always', *rule], check=True, stdin=subprocess.DEVNULL)
    LOADED.append(rule)


def load_connects(path, key):
    for arch, calls in VARS['__docker_audit_connect_calls'].items():
        load('-F', 'arch=' + arch, '-S', calls, '-F', 'path=' + path, '-F', 'key=' + key)


@pytest.fixture(scope='module')
def rules():
    """Those of docker_audit_watch=all."""
    # No file has these rules
    os.makedirs(own_connects.FOLDER, 0o700, exist_ok=True)
    try:
        for path in DOCKERS if OFF != 'commands' else ():
            for uid in (0, OPS) if OFF != 'users' else (OPS,):
                load('-F', 'path=' + path, '-F', 'perm=x', '-F', 'uid=%d' % uid, '-F', 'key=' + KEY)
        if OFF != 'connects':
            load_connects(SOCKET, KEY + '-socket')
        if OFF != 'signals':
            for arch in ('b64', 'b32'):
                for argument, calls in VARS['__docker_audit_signal_calls'].items():
                    load('-F', 'arch=' + arch, '-S', calls, '-F', argument + '=9', '-F', 'key=%s-signals' % KEY)
        for path in filter(None, map(shutil.which, ('systemctl', 'service'))):
            load('-F', 'path=' + os.path.realpath(path), '-F', 'perm=x', '-F', 'key=%s-services' % KEY)
        yield
    finally:
        for rule in LOADED:
            subprocess.run(['auditctl', '-d', 'exit,always', *rule], check=True, stdin=subprocess.DEVNULL)


def lost_records():
    return int(re.search(r'^lost (\d+)', run('auditctl', '-s')[1], re.MULTILINE)[1])


@pytest.fixture(scope='module')
def witness(tmp_path_factory):
    if OFF == 'witness':
        yield None
    else:
        with own_witness.running(tmp_path_factory.mktemp('witness'), SOCKET) as running:
            yield running


@pytest.fixture(scope='module')
def day(rules, witness, tmp_path_factory):
    seed = int(os.environ.get('SEED') or random.randrange(10**6))
    random.seed(seed)
    start, lost = int(time.time() * 1000) - 20, lost_records()
    kinds = sorted(os.environ['KINDS'].split(',') if os.environ.get('KINDS') else [*KINDS, *clients.ALL])
    events = Events(SOCKET)
    beside = play(kinds, tmp_path_factory.mktemp('engines'))
    time.sleep(1)
    prune_the_rest()
    wait_for_the_log()
    if witness:
        last = [event for event in events.events if event['Type'] == 'container'][-1]
        wait_until(lambda: str(last['timeNano']) in witness.text(), witness.log)
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
        'lost': lost_records() - lost,
        'witnessed': witness.text() if witness else '',
        'recorder': os.getpid(),
        'beside': beside,
        'truth': RECORDS,
    }
    if os.environ.get('KEEP_RECORD'):
        record.keep(os.environ['KEEP_RECORD'], played)
    return played


def test_the_table_has_every_kind():
    table, _untrue = record.expected()
    assert {kind for kind, _what in table} - {'*', 'engine_down'} == {*KINDS, *clients.ALL} and len(KINDS) >= 45


def test_the_script_did_what_the_table_says(day):
    table, untrue = record.expected()
    for name, entries in day['truth'].items():
        for what, cause, _pid in entries:
            kind = record.kind_of(name)
            says = table.get((kind, what)) or table['*', what]
            assert cause in says[0] and (kind, what, cause) not in untrue, (name, what, cause, says)


@pytest.mark.parametrize('setting', SETTINGS, ids=lambda setting: setting.__name__)
def test_no_verdict_names_a_wrong_cause_or_a_wrong_caller(day, setting, capsys):
    judged = record.judge(day, setting)
    with capsys.disabled():
        print('\nengine %s, SEED=%d, %s: %d verdicts' % (day['engine'], day['seed'], setting.__name__, len(judged)))
        print(record.confusion(day, judged))
        if setting in settings.WITH_WITNESS:
            print(record.proven(day, judged))
    wrong = record.wrong(day, judged, setting)
    assert not wrong, '%d wrong, SEED=%d\n%s' % (len(wrong), day['seed'], json.dumps(wrong, indent=1, default=str))


def test_a_client_of_the_api_that_was_alone_is_proven(day):
    """At least one of them: the table says what may be said at most, and of one that has ended before a late look
    nothing is proven."""
    sure = [one['container'] for one in record.judge(day, settings.everything) if one['confidence'] == 'certain']
    alone = [name for name in sure if '_alone-' in name]
    assert alone or day['lost'] or not any('_alone-' in name for name in day['truth'])


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
    assert code == 0 and 'older ones are forgotten' in output, output
    written = [json.loads(line) for line in dest.read_text().splitlines()]
    pruned = [verdict for verdict in written if verdict['who'] and verdict['who'][0].get('action') == 'prune']
    assert pruned and 'container prune -f' in output, output
    assert report.read_text().count('container prune -f') > 1
