# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: a reader that follows this host with docker_findings_info gets each execution once, whatever happens to it
or to the logs.

The real docker CLI under a real rule, the log of the real auditd. Needs what tests/lab/lab gives.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support.kernel_audit import LOG, executions, rotate, rule

KEY = 'claude-hooks-docker'
OTHER_KEY = 'claude-hooks-test'
DOCKER = os.path.realpath(shutil.which('docker') or '/usr/bin/docker')
TRUE = os.path.realpath(shutil.which('true') or '/usr/bin/true')
RUN = '''
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_findings_info
with patch_module_args(json.loads(sys.argv[1])):
    docker_findings_info.main()
'''


class Reader(object):
    """A named reader of the findings of one test; each call is a process of its own."""

    def __init__(self, folder, pattern, cursor='test'):
        self.folder = folder
        self.options = {'container': pattern, 'possible': False, 'cursor': cursor, 'socket': '/nonexistent/docker.sock'}

    def start(self, **options):
        given = {name: value for name, value in dict(self.options, **options).items() if value is not None}
        check = given.pop('check_mode', False)
        return subprocess.Popen(
            [sys.executable, '-c', RUN, json.dumps(dict(given, _ansible_check_mode=check))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, XDG_STATE_HOME=str(self.folder)),
        )

    def call(self, **options):
        process = self.start(**options)
        out, err = process.communicate(timeout=120)
        assert out, err.decode()
        return json.loads(out)

    @property
    def file(self):
        return self.folder / 'claude-hooks' / ('%s@%s.json' % (self.options['cursor'], KEY))


def names(result):
    """What the containers of the findings are called."""
    return [finding['targets'][0].rpartition('.')[2] for finding in result['findings']]


@pytest.fixture
def prefix():
    """What the containers of this test are called before the dot."""
    return 'claude-hooks-cursor-%s' % uuid.uuid4().hex[:12]


@pytest.fixture
def stop(prefix):
    """Executes docker under our rule."""

    def execute(name):
        subprocess.run(
            [DOCKER, 'stop', '%s.%s' % (prefix, name)],
            env=dict(os.environ, DOCKER_HOST='unix:///nonexistent/docker.sock'),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    with rule(*executions(DOCKER, KEY), first=True):
        yield execute


@pytest.fixture
def reader(tmp_path, prefix, stop):
    return Reader(tmp_path, prefix + '.*')


@pytest.fixture
def others():
    """Executions of something else, logged under another key, one after the other while the test runs."""
    ended = threading.Event()

    def execute():
        while not ended.wait(random.random() * 0.1):
            subprocess.run([TRUE], check=False)

    with rule(*executions(TRUE, OTHER_KEY), first=True):
        thread = threading.Thread(target=execute)
        thread.start()
        yield
        ended.set()
        thread.join()


def test_the_first_call_gives_what_happened_today_and_the_next_what_came_then(reader, stop):
    stop('a')
    first = reader.call(wait=10)
    stop('b')
    second = reader.call(wait=10, ack=first['token'])
    assert (names(first), names(second), second['acked']) == (['a'], ['b'], True)
    assert names(reader.call(ack=second['token'])) == []


def test_only_the_token_moves_the_position(reader, stop):
    stop('a')
    first = reader.call(wait=10)
    repeated = reader.call()
    assert names(first) == names(repeated) == ['a']
    # the first token is not that of the last batch
    assert [
        (names(result), result['acked']) for result in (reader.call(ack=first['token']), reader.call(ack='unknown'))
    ] == [(['a'], False)] * 2
    last = reader.call()
    assert [
        (names(result), result['acked']) for result in (reader.call(ack=last['token']), reader.call(ack=last['token']))
    ] == [([], True)] * 2


def test_check_mode_moves_and_writes_nothing(reader, stop):
    stop('a')
    looked = reader.call(wait=10, check_mode=True)
    assert (names(looked), looked['token']) == (['a'], None) and not reader.file.exists()
    token = reader.call()['token']
    kept = reader.file.read_bytes()
    assert names(reader.call(check_mode=True, ack=token)) == ['a'] and reader.file.read_bytes() == kept


def test_a_call_that_waits_returns_as_soon_as_there_is_something(reader, stop):
    process = reader.start(wait=60, ack=reader.call()['token'])
    time.sleep(2)
    assert process.poll() is None
    start = time.monotonic()
    stop('a')
    out, _err = process.communicate(timeout=30)
    assert names(json.loads(out)) == ['a'] and time.monotonic() - start < 25


def test_a_call_that_waits_takes_no_time_of_the_processor(reader, others):
    process = reader.start(wait=20, ack=reader.call()['token'])
    time.sleep(5)

    def used():
        fields = pathlib.Path('/proc/%d/stat' % process.pid).read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')  # proc(5): utime, stime

    before = used()
    time.sleep(10)
    assert used() - before < 1  # it reads what others log; a loop without a wait would have used 10
    process.communicate(timeout=30)


def test_a_call_whose_listener_is_gone_ends(reader):
    process = reader.start(wait=60, ack=reader.call()['token'])
    time.sleep(2)
    process.stdout.close()
    process.wait(timeout=5)


def test_readers_with_different_names_do_not_disturb_each_other(reader, stop, tmp_path, prefix):
    other = Reader(tmp_path, prefix + '.*', 'other')
    stop('a')
    first = reader.call(wait=10)
    assert names(first) == names(other.call()) == ['a']
    assert (names(reader.call(ack=first['token'])), names(other.call())) == ([], ['a'])


def test_a_second_reader_of_the_same_name_is_refused(reader):
    process = reader.start(wait=60, ack=reader.call()['token'])
    time.sleep(2)
    refused = reader.call()
    assert (
        refused['failed']
        and 'another reader named test reads on this host (process %d)' % process.pid in refused['msg']
    )
    process.kill()
    assert not reader.call().get('failed')


def damage_garbage(file):
    file.write_bytes(b'\xff{')


def damage_empty(file):
    file.write_bytes(b'')


def damage_cut(file):
    file.write_bytes(file.read_bytes()[:100])


def damage_deep(file):
    file.write_text('[' * 100000)


def damage_form(file):
    state = json.loads(file.read_text())
    state['position']['offset'] = 'x'
    file.write_text(json.dumps(state))


def damage_foreign(file):
    state = json.loads(file.read_text())
    file.write_text(json.dumps(dict(state, key='other-key')))


def damage_owner(file):
    os.chown(file, 1000, -1)


def damage_link(file):
    file.rename(str(file) + '.real')
    file.symlink_to(str(file) + '.real')


@pytest.mark.parametrize(
    'damage',
    [damage_garbage, damage_empty, damage_cut, damage_deep, damage_form, damage_foreign, damage_owner, damage_link],
)
def test_a_damaged_state_is_a_warning_and_everything_of_today_again_once(reader, stop, damage):
    stop('a')
    token = reader.call(wait=10)['token']
    stop('b')
    result = reader.call(wait=10, ack=token)
    assert names(result) == ['b']
    damage(reader.file)
    result = reader.call(ack=result['token'])
    assert names(result) == ['a', 'b'] and not result['acked']
    warning = ' '.join(str(warning) for warning in result['warnings'])
    assert str(reader.file) in warning and 'reading from today on again' in warning
    assert names(reader.call(ack=result['token'])) == []


def test_the_state_is_its_owners_alone(reader):
    reader.call()
    assert reader.file.stat().st_mode & 0o777 == 0o600 and reader.file.parent.stat().st_mode & 0o777 == 0o700


def test_without_xdg_state_home_the_state_is_in_the_home(reader, tmp_path):
    process = subprocess.run(
        [sys.executable, '-c', RUN, json.dumps(reader.options)],
        env={'HOME': str(tmp_path), 'PATH': os.environ['PATH']},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert json.loads(process.stdout)['token'] and (tmp_path / '.local/state/claude-hooks' / reader.file.name).exists()


def test_a_state_that_cannot_be_written_is_an_error_and_loses_nothing(reader, stop, tmp_path):
    stop('a')
    token = reader.call(wait=10)['token']
    mount = [
        'unshare',
        '--mount',
        'sh',
        '-ec',
        'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; exec "$@"',
        str(tmp_path),
    ]
    done = subprocess.run(
        [*mount, sys.executable, '-c', RUN, json.dumps(dict(reader.options, ack=token))],
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, XDG_STATE_HOME=str(tmp_path)),
        capture_output=True,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (
        told['failed']
        and 'cannot keep the position of the reader test' in told['msg']
        and 'Read-only file system' in told['msg']
    )
    assert names(reader.call()) == ['a']


@pytest.mark.parametrize(
    'options, message',
    [
        ({'cursor': '../x'}, 'the name \'../x\' of a reader must be'),
        ({'cursor': ''}, 'the name \'\' of a reader must be'),
        ({'cursor': None, 'wait': 3}, 'wait is for a cursor'),
        ({'wait': -1}, 'wait is for a cursor, in seconds from 0 on'),
        ({'cursor': None, 'ack': 'x'}, "missing parameter(s) required by 'ack': cursor"),
        ({'before': '2026-11-24'}, 'mutually exclusive: cursor|before'),
    ],
)
def test_wrong_options_are_refused(reader, options, message):
    result = reader.call(**options)
    assert result['failed'] and message in result['msg'], result


def test_sixty_executions_between_others_and_rotations_while_the_reader_is_killed(reader, stop, others):
    """Each is given once, or twice where the reader was killed after it gave it out and before it was acknowledged."""
    chance = random.Random(4)
    executed = ['e%d' % number for number in range(60)]
    ended = threading.Event()

    def execute():
        for number, name in enumerate(executed):
            stop(name)
            if number % 12 == 7:
                rotate()
            if number % 24 == 15:
                rotate()
            time.sleep(chance.random() * 0.4)
        ended.set()

    thread = threading.Thread(target=execute)
    thread.start()
    received, batches, kills, token = [], [], 0, None
    try:
        while True:
            was_ended = ended.is_set()
            process = reader.start(wait=5, ack=token)
            if chance.random() < 0.4 and not was_ended:
                time.sleep(chance.random() * 1.5)
                process.kill()
                kills += 1
            out, err = process.communicate(timeout=60)
            if process.returncode == -signal.SIGKILL:
                # Nobody acknowledged what it may have given out: it comes again
                continue
            result = json.loads(out)
            assert not result.get('failed') and not result['gaps'], (result, err)
            received += names(result)
            batches.append(names(result))
            token = result['token']
            if was_ended and not result['findings']:
                break
    finally:
        thread.join()
    print('%d executions in %d batches, %d kills' % (len(received), len(list(filter(None, batches))), kills))
    assert kills >= 5 and received == executed


def test_logs_that_are_gone_are_told_with_the_time(reader, stop):
    stop('a')
    token = reader.call(wait=10)['token']
    number = len(list(LOG.parent.glob('audit.log.*')))
    stop('lost')
    for _rotation in range(number + 5):  # num_logs is 5 in Debian's auditd.conf
        rotate()
    stop('b')
    result = reader.call(wait=10, ack=token)
    (gap,) = result['gaps']
    assert gap['first'] < gap['last'] and names(result) == ['b']
    after = reader.call(ack=result['token'])
    assert (after['gaps'], names(after)) == ([], [])


def test_a_call_under_sudo_whose_listener_is_gone_ends(reader, tmp_path):
    options = json.dumps(dict(reader.options, wait=60, ack=reader.call()['token']))
    process = subprocess.Popen(
        ['sudo', '-n', 'XDG_STATE_HOME=%s' % tmp_path, sys.executable, '-c', RUN, options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(2)
    assert process.poll() is None
    process.stdout.close()
    process.wait(timeout=5)
