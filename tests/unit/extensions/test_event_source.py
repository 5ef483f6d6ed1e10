# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: ansible-rulebook gets each finding once as an event, whenever it is ended and started again.

This asks the source as ansible-rulebook does, by its path and with a queue; tests/eda runs ansible-rulebook itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import json
import logging
import os
import pathlib
import platform
import random
import runpy
import subprocess
import sys
import time

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import position as reader_state
from ansible_collections.claude_hooks.docker_audit.tests.support import fake_engine, samples
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / 'extensions/eda/plugins/event_source/docker_findings.py'
SECONDS = 30  # longer than anything here takes on a busy machine


class Host(object):
    """An audit log, and runs of the source on it: each reads what the runs before left."""

    def __init__(self, folder):
        self.log = folder / 'audit.log'
        self.log.touch()
        self.state = folder / 'claude-hooks' / 'rulebook@claude-hooks-docker.json'
        self.serial = 0

    def execute(self, *argv, age=0.0, **options):
        """Add an execution to the log. Returns its event id."""
        self.serial += 1
        moment = time.time() - age
        self.write(
            audit_writer.text(
                audit_writer.event(
                    [word if isinstance(word, bytes) else word.encode() for word in argv],
                    seconds=int(moment),
                    milli=int(moment * 1000) % 1000,
                    serial=self.serial,
                    **options,
                )
            )
        )
        return '%d.%03d:%d' % (int(moment), int(moment * 1000) % 1000, self.serial)

    def stop(self, number, **options):
        return self.execute('docker', 'stop', 'claude-hooks-%d' % number, **options)

    def write(self, text):
        with self.log.open('ab') as log:
            log.write(text)

    def rotate(self):
        for number in range(9, -1, -1):
            older = self.log.with_name('audit.log.%d' % number) if number else self.log
            if older.exists():
                older.rename(self.log.with_name('audit.log.%d' % (number + 1)))
        self.log.touch()

    @contextlib.asynccontextmanager
    async def source(self, queue=None, **args):
        """A running source: (its queue, its task). It is cancelled at the end."""
        queue = queue or asyncio.Queue()
        main = runpy.run_path(str(SOURCE))['main']
        task = asyncio.create_task(
            main(queue, dict({'log': str(self.log), 'socket': '/nonexistent/docker.sock'}, **args))
        )
        try:
            yield queue, task
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def run_until_taken(self, count, **args):
        """What a queue took that takes no more than so many. The source is ended while it waits for room."""
        taken = []

        class Queue(object):
            async def put(self, event):
                if len(taken) == count:
                    full.set()
                    await asyncio.Event().wait()
                taken.append(event)

        full = asyncio.Event()
        async with self.source(Queue(), **args):
            await asyncio.wait_for(full.wait(), SECONDS)
        return taken

    def run(self, count, **args):
        """The next events. Waits for them."""

        async def take():
            async with self.source(**args) as (queue, task):
                events = [await got(queue, task) for _number in range(count)]
            return events + drained(queue)

        return asyncio.run(take())


async def got(queue, task):
    """The next event; what ended the source is raised."""
    getter = asyncio.ensure_future(queue.get())
    done, _pending = await asyncio.wait([getter, task], timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if getter not in done:
        getter.cancel()
        raise AssertionError('no event') if not done else task.exception()
    return getter.result()


def drained(queue):
    events = []
    while not queue.empty():
        events.append(queue.get_nowait())
    return events


def targets(events):
    return [event['targets'][0].rpartition('-')[2] if 'targets' in event else 'gap' for event in events]


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path))
    return Host(tmp_path)


# --- What an event is ------------------------------------------------------------------------------------------------


def test_an_event_is_a_finding_with_a_host(host):
    ident = host.execute('docker', 'rm', '-f', 'claude-hooks-1', '/other')
    (event,) = host.run(1)
    # The log tells of no login, and process 99 can be anything here
    assert event.pop('caller')['login'] is None
    time = datetime.datetime.fromtimestamp(float(ident.partition(':')[0]), datetime.timezone.utc)
    expected = samples.finding(
        'rm',
        '-f',
        'claude-hooks-1',
        '/other',
        host=platform.node(),
        timestamp=time.strftime('%Y-%m-%dT%H:%M:%S.') + ident[11:14] + 'Z',
        event=ident,
        subcommand='rm',
        targets=['claude-hooks-1', 'other'],
        matched=['claude-hooks-1'],
        pid=100,
        ppid=99,
    )
    # Its records have no names of users
    assert event == {name: value for name, value in expected.items() if name not in ('user', 'login_user')}


def test_the_node_of_a_record_is_the_host(host):
    host.stop(1, node=b'web1')
    assert host.run(1)[0]['host'] == 'web1'


@pytest.mark.parametrize(
    'word',
    [
        b'\xff\xfe',
        b"{{ lookup('pipe', 'id') }}",
        b'"\x1b[2J\n',
        '\u202e\u2028'.encode(),
        b'$ANSIBLE_VAULT;1.1;AES256',
        b'x' * 100000,
    ],
)
def test_hostile_words_come_as_the_module_has_them(host, word):
    host.execute('docker', 'stop', 'claude-hooks-1', word)
    event = host.run(1)[0]
    assert event['argv'][3] == word.decode('utf-8', 'backslashreplace')
    assert json.loads(json.dumps(event, allow_nan=False)) == event and json.dumps(event, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    'args, expected',
    [
        ({}, ['1', '2', 'prune']),
        ({'possible': False}, ['1', '2']),
        ({'container': '*-2'}, ['2', 'prune']),
        ({'key': 'other'}, ['3']),
    ],
)
def test_the_arguments_choose(host, args, expected):
    host.stop(1)
    host.stop(2)
    host.stop(3, key=b'other')
    host.execute('docker', 'system', 'prune', '-f')
    host.execute('docker', 'ps')
    assert [
        event['targets'][0][-1] if event['targets'] else 'prune' for event in host.run(len(expected), **args)
    ] == expected


@pytest.mark.parametrize(
    'since, expected', [('today', ['today', 'now']), ('2020-01-01', ['yesterday', 'today', 'now']), ('soon', ['now'])]
)
def test_the_first_run_starts_at_since_and_later_ones_where_it_ended(host, since, expected):
    midnight = datetime.datetime.combine(datetime.date.today(), datetime.time()).timestamp()
    host.execute('docker', 'stop', 'claude-hooks-yesterday', age=time.time() - midnight + 0.1)
    host.execute('docker', 'stop', 'claude-hooks-today', age=time.time() - midnight - 0.1)
    since = datetime.datetime.now().isoformat() if since == 'soon' else since
    host.execute('docker', 'stop', 'claude-hooks-now', age=-0.5)
    assert targets(host.run(len(expected), since=since)) == expected
    host.stop(9)
    tomorrow = (datetime.date.today() + datetime.timedelta(days=1)).isoformat()
    assert targets(host.run(1, since=tomorrow)) == ['9']


def test_a_first_run_that_is_ended_before_midnight_loses_nothing(host):
    """It began with its own today: what its queue did not take comes although it is of yesterday then."""
    host.stop(1)
    host.stop(2)
    tomorrow = (datetime.date.today() + datetime.timedelta(days=1)).isoformat()
    assert targets(asyncio.run(host.run_until_taken(1))) + targets(host.run(1, since=tomorrow)) == ['1', '2']


def test_a_first_run_that_saw_nothing_is_the_first_all_the_same(host):
    async def begin():
        async with host.source():
            deadline = time.monotonic() + SECONDS
            while not host.state.exists():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)

    asyncio.run(begin())
    host.stop(1)
    tomorrow = (datetime.date.today() + datetime.timedelta(days=1)).isoformat()
    assert targets(host.run(1, since=tomorrow)) == ['1']


def test_the_engine_tells_which_ids_match(host, tmp_path):
    """The container a had a matching name before it was renamed, b never had one, c is not known."""
    events = fake_engine.events(
        *(
            {'Action': action, 'Actor': {'ID': 64 * letter, 'Attributes': names}}
            for action, letter, names in (
                ('create', 'a', {'name': 'claude-hooks-1'}),
                ('rename', 'a', {'name': 'renamed', 'oldName': '/claude-hooks-1'}),
                ('create', 'b', {'name': 'other'}),
            )
        )
    )
    for letter in 'abc':
        host.execute('docker', 'rm', 12 * letter)
    replies = {'/events': events, '/containers/json': fake_engine.ok(b'[]')}
    with fake_engine.Listener(tmp_path / 'engine', replies) as listener:
        found = host.run(2, socket=listener.path)
    assert [(event['targets'][0][0], event['match']) for event in found] == [('a', 'id'), ('c', 'possible')]


# --- None lost, none twice -------------------------------------------------------------------------------------------


def test_events_come_in_order_and_as_they_happen(host):
    async def follow():
        async with host.source() as (queue, task):
            for number in range(5):
                host.stop(number)
                event = await got(queue, task)
                assert event['targets'] == ['claude-hooks-%d' % number]

    asyncio.run(follow())


def test_one_batch_is_in_the_order_of_time(host):
    for number, age in ((1, 5), (2, 9), (3, 7)):
        host.stop(number, age=age)
    assert targets(host.run(3)) == ['2', '3', '1']


@pytest.mark.parametrize('taken', range(5))
def test_a_run_that_is_ended_within_a_batch_goes_on_behind_what_the_queue_took(host, taken):
    for number in range(5):
        host.stop(number)
    events = asyncio.run(host.run_until_taken(taken))
    host.stop(5)
    assert targets(events) + targets(host.run(6 - taken)) == list('012345')


def test_whatever_happens_each_event_comes_once(host):
    """Runs of random length with queues of random room, while docker is executed and the log is rotated."""
    chance = random.Random(7)
    events = []

    async def some():
        async with host.source(asyncio.Queue(chance.choice([1, 1, 3, 0]))) as (queue, task):
            for _step in range(chance.randrange(6)):
                for _execution in range(chance.randrange(4)):
                    host.stop(host.serial + 1, age=chance.random() / 100)
                if chance.random() < 0.2:
                    host.rotate()
                await asyncio.sleep(chance.random() * 0.3)
                if chance.random() < 0.7:
                    events.extend(drained(queue))
        events.extend(drained(queue))

    for _run in range(12):
        asyncio.run(some())
    missing = host.serial - len(events)
    events += host.run(missing)
    assert sorted(int(number) for number in targets(events)) == list(range(1, host.serial + 1)) and host.serial > 30


def test_a_run_that_is_killed_gives_at_most_one_event_twice(host, tmp_path):
    for number in range(200):
        host.stop(number)
    program = '''
import asyncio, runpy, sys
class Printed(object):
    async def put(self, event):
        print(event['targets'][0].rpartition('-')[2], flush=True)
asyncio.run(runpy.run_path(sys.argv[1])['main'](Printed(), {'log': sys.argv[2]}))
'''
    process = subprocess.Popen(
        [sys.executable, '-c', program, str(SOURCE), str(host.log)], stdout=subprocess.PIPE, text=True
    )
    first = [process.stdout.readline().strip() for _line in range(20)]
    process.kill()
    first += process.stdout.read().split()
    assert 20 <= len(first) < 200
    second = targets(host.run(200 - len(first)))
    assert first + second in (
        [str(number) for number in range(200)],
        [str(number) for number in [*range(len(first)), *range(len(first) - 1, 200)]],
    )


def test_logs_that_are_gone_are_an_event(host):
    host.stop(1)
    host.run(1)
    host.log.unlink()
    host.log.touch()
    ident = host.stop(2)
    gap, event = host.run(2)
    assert (gap['gap'], gap['host'], gap['last'] == event['timestamp'], event['event']) == (
        True,
        platform.node(),
        True,
        ident,
    )


# --- Its end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('has_news', [False, True])
def test_it_ends_at_once_when_it_is_cancelled(host, has_news):
    before = len(os.listdir('/proc/self/fd'))

    async def wait():
        async with host.source() as (queue, task):
            host.stop(1)
            await got(queue, task)
            await asyncio.sleep(0.5)
            if has_news:
                host.stop(2)
            start = time.monotonic()
        return time.monotonic() - start

    start = time.monotonic()
    # The second includes the threads of the loop; without an end a wait takes 60 seconds
    assert asyncio.run(wait()) < SECONDS and time.monotonic() - start < 1.5 * SECONDS
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_second_reader_of_the_same_name_is_refused(host, monkeypatch):
    lock = functools.partialmethod(reader_state.ReaderState.lock, seconds=0.2)
    monkeypatch.setattr(reader_state.ReaderState, 'lock', lock)
    host.stop(1)

    async def both():
        async with host.source() as (queue, task):
            await got(queue, task)
            with pytest.raises(
                reader_state.StateError,
                match='another reader named rulebook reads on this host .process %d.' % os.getpid(),
            ):
                async with host.source() as (other, second):
                    await got(other, second)
            async with host.source(reader='other') as (other, second):
                return await got(other, second)

    assert targets([asyncio.run(both())]) == ['1']


@pytest.mark.parametrize(
    'args, told',
    [
        (
            {'contaner': 'web-*'},
            'docker_findings has no argument contaner: there are container, key, possible, since, reader, log, socket',
        ),
        ({'possible': 'no'}, "possible of docker_findings must be a boolean, not 'no'"),
        ({'container': ''}, "container of docker_findings must be a text, not ''"),
        ({'since': 'noon'}, "'noon' is no ISO 8601 time"),
        ({'reader': '../x'}, "the name '../x' of a reader must be of 1 to 64 letters"),
        ({'log': '/nonexistent/audit.log'}, 'cannot list /nonexistent: No such file or directory'),
    ],
)
def test_what_cannot_work_is_told_in_a_sentence(host, args, told):
    with pytest.raises(Exception) as caught:
        host.run(1, **args)
    assert told in str(caught.value)


# --- Logs and state that are not as they should be -------------------------------------------------------------------


def test_garbage_in_the_log_hides_nothing(host):
    chance = random.Random(1)
    for number in range(20):
        host.write(chance.randbytes(chance.randrange(2000)).replace(b'\n', b'') + b'\n')
        host.write(
            b'type=SYSCALL msg=audit(1.1:1): key="claude-hooks-docker"\n' + b'\0' * chance.randrange(5000) + b'\n'
        )
        host.stop(number)
    assert targets(host.run(20)) == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    'text',
    [
        '',
        'garbage',
        '[]',
        '{"format": 1, "key": "claude-hooks-docker", "reader": "rulebook", "offered": {"taken": [1]}}',
        '{"format": 1, "key": "claude-hooks-docker", "reader": "rulebook", "since": "x"}',
    ],
)
def test_a_state_that_cannot_be_used_is_told_and_reading_starts_anew(host, text, caplog):
    host.stop(1)
    host.run(1)
    host.state.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert targets(host.run(1)) == ['1']
    assert 'is damaged or not ours' in caplog.text and 'reading from today on again' in caplog.text


def test_an_execution_without_its_command_is_a_warning(host, caplog):
    host.execute('docker', 'stop', 'claude-hooks-1', success=False)
    host.stop(2)
    with caplog.at_level(logging.WARNING):
        assert targets(host.run(1)) == ['2']
    assert 'the command of 1 executions of docker is not in the log' in caplog.text


# --- How ansible-rulebook loads it -----------------------------------------------------------------------------------


@pytest.mark.parametrize('others', ['none', 'a package of that name', 'a folder of that name'])
def test_it_finds_its_collection_in_a_python_that_knows_no_collections(host, tmp_path, others):
    """runpy.run_path in a process of its own, which does not have the site-packages of this one."""
    elsewhere = tmp_path / 'elsewhere' / 'ansible_collections'
    if others != 'none':
        (elsewhere / 'other').mkdir(parents=True)
        (elsewhere / 'other' / 'thing.py').write_text('')
    if others == 'a package of that name':
        (elsewhere / '__init__.py').write_text('')
    host.stop(1)
    program = '''
import asyncio, runpy, sys
sys.path.insert(0, sys.argv[3])
async def first():
    queue = asyncio.Queue()
    task = asyncio.create_task(runpy.run_path(sys.argv[1])['main'](queue, {'log': sys.argv[2]}))
    print((await queue.get())['targets'])
    task.cancel()
    await asyncio.wait([task])
asyncio.run(first())
if sys.argv[4] != 'none':
    import ansible_collections.other.thing
'''
    done = subprocess.run(
        [sys.executable, '-I', '-S', '-c', program, str(SOURCE), str(host.log), str(elsewhere.parent), others],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['claude-hooks-1']\n", '')


def test_the_documentation_names_the_arguments_with_their_defaults():
    module = runpy.run_path(str(SOURCE))
    documented = {
        name: option.get('default') for name, option in yaml.safe_load(module['DOCUMENTATION'])['options'].items()
    }
    assert documented == module['_OPTIONS']
