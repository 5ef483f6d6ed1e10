# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: docker_findings_info tells exactly what was executed on this host, and says why where it cannot tell.

The real docker CLI under a real rule, the log of the real auditd, ids of the real engine. Needs what tests/lab/lab
gives.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import uuid

import pytest
import zoneinfo
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find
from ansible_collections.claude_hooks.docker_audit.tests.support import kernel_audit

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = 'claude_hooks.docker_audit.docker_findings_info'
KEY = 'claude-hooks-docker'
DOCKER = os.path.realpath(shutil.which('docker') or '/usr/bin/docker')
NOWHERE = 'unix:///nonexistent/docker.sock'
LABEL = 'claude_hooks.docker_audit=test'  # tests/lab/lab removes what carries it


def run_module(options, *words, prefix=(), environment=None):
    """What the module returns, run by Ansible; `warned` is what Ansible said beside it."""
    command = [
        *prefix,
        os.path.join(os.path.dirname(sys.executable), 'ansible'),
        'localhost',
        '-c',
        'local',
        '-m',
        MODULE,
        '-a',
        json.dumps({'key': KEY, **options}),
        *words,
    ]
    environment = dict(os.environ, ANSIBLE_NOCOLOR='1', ANSIBLE_CALLBACK_RESULT_FORMAT='json', **(environment or {}))
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    output = done.stdout.decode()
    found = re.search(r'^localhost \| (SUCCESS|FAILED!) => ', output, re.MULTILINE)
    assert found, output + done.stderr.decode()
    return dict(
        json.loads(output[found.end() :]),
        failed=found.group(1) == 'FAILED!',
        warned=' '.join(done.stderr.decode().split()),
    )


def certain(name):
    """Options for the findings of one test: what earlier ones left in the log is at most possible."""
    return {'container': name, 'possible': False}


def argvs(result):
    """The command lines of the findings as bytes."""
    return [
        [bytes.fromhex(word) for word in finding['argv_hex']]
        if 'argv_hex' in finding
        else [word.encode() for word in finding['argv']]
        for finding in result['findings']
    ]


def recorded(entries):
    """Entries without the host, which Ansible names, and without what is known of the caller by processes, which come
    and go: tests/integration/test_callers.py asks for it.
    """
    return [{field: entry[field] for field in entry if field not in ('caller', 'host')} for entry in entries]


def docker(*words, engine=NOWHERE):
    """Runs the docker CLI under the rule. Returns what it printed."""
    done = subprocess.run(
        ['docker', *words],
        executable=DOCKER,
        env=dict(os.environ, DOCKER_HOST=engine),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 or engine == NOWHERE, done.stderr
    return done.stdout.decode().strip()


def now():
    # The kernel stamps its records with a clock that ticks HZ times a second (audit_log_start:
    # ktime_get_coarse_real_ts64): they can be 10 ms behind.
    time.sleep(0.02)
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=10)
    return moment.isoformat(timespec='milliseconds')


def wait_for_the_log():
    """Until auditd has written all that was executed before."""
    kernel_audit.wait_for_the_log(lambda mark: docker('version', mark))


@pytest.fixture(autouse=True)
def rule():
    """Our rule, for what this process executes: nothing else on the machine can add a finding."""
    with kernel_audit.rule(*kernel_audit.executions(DOCKER, KEY)):
        yield


@pytest.fixture
def name():
    return 'claude-hooks-t%s' % uuid.uuid4().hex[:12]


FORGED = (
    'x\ntype=SYSCALL msg=audit(1795490000.100:1): arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=100 '
    'auid=1000 uid=0 comm="docker" '
    'exe="/usr/bin/docker" key="claude-hooks-docker"\n'
    'type=EXECVE msg=audit(1795490000.100:1): argc=3 a0="docker" a1="rm" a2="claude-hooks-forged"\n'
)
HOSTILE = {
    'newlines': [b'a\nb', b'\n', b'\r\n\n'],
    'quotes': [b'"', b"'", b'a"b\'c', b'" key="other'],
    'escape sequences': [b'\x1b[2J\x1b]0;title\x07', b'\x01\x02\x7f', b'\x1d', b'\\x41\\n'],
    'Jinja braces': [b'{{ 7 * 7 }}', b'{% raw %}', b"{{ lookup('pipe', 'id') }}", b'{#', b'!unsafe x'],
    'empty': [b'', b'', b' '],
    'UTF-8': ['käse'.encode(), '\u202e\u2066'.encode(), '\U0001f433'.encode()],
    'invalid UTF-8': [b'\xff', b'\xc3', b'\xed\xa0\x80', bytes(range(128, 256))],
    'a forged record': [FORGED.encode(), FORGED.replace('\n', ' ').encode()],
    'what looks like hex': [b'DEADBEEF', b'00', b'a2=41'],
    '200 kB in one argument and another': [b'x' * 131000, b'y z' * 23000],
    '3,000 arguments': [b'%d' % number for number in range(3000)],
    '3,000 arguments that are hex in the log': [b'n %d' % number for number in range(3000)],
}


@pytest.mark.parametrize('hostile', HOSTILE.values(), ids=HOSTILE)
def test_hostile_arguments_come_back_exactly_and_alone(name, hostile):
    start = now()
    docker('stop', name, *hostile)
    wait_for_the_log()
    result = run_module({'since': start, 'container': 'claude-hooks-*'})
    assert argvs(result) == [[b'docker', b'stop', name.encode(), *hostile]]
    assert [finding['argv_complete'] for finding in result['findings']] == [True]


def test_a_finding_says_who_where_and_when(name):
    before = time.time()
    docker('kill', '-s', 'INT', name)
    wait_for_the_log()
    result = run_module({'since': '1970-01-01', **certain(name)})
    (finding,) = result['findings']
    assert abs(datetime.datetime.fromisoformat(finding['timestamp'].replace('Z', '+00:00')).timestamp() - before) < 30
    told = {
        field: finding[field]
        for field in (
            'host',
            'action',
            'signal',
            'targets',
            'matched',
            'match',
            'ppid',
            'uid',
            'exe',
            'cwd',
            'keys',
            'success',
        )
    }
    assert told == {
        'host': 'localhost',  # that of the inventory
        'action': 'kill',
        'signal': 'INT',
        'targets': [name],
        'matched': [name],
        'match': 'name',
        'ppid': os.getpid(),
        'uid': os.getuid(),
        'exe': DOCKER,
        'cwd': os.getcwd(),
        'keys': [KEY],
        'success': True,
    }
    assert (result['changed'], result['span']['first'] <= finding['timestamp'] <= result['span']['last']) == (
        False,
        True,
    )
    assert result['counts']['bytes'] > 0


def test_a_foreign_engine_is_reported_as_such(name):
    docker('-H', 'tcp://127.0.0.1:1', 'rm', name)
    wait_for_the_log()
    (finding,) = run_module(certain(name))['findings']
    assert (finding['docker_host'], finding['match']) == ('tcp://127.0.0.1:1', 'name')


def test_options_narrow_the_findings(name):
    start = now()
    for words in (['stop', name], ['rm', name], ['stop', 'other'], ['system', 'prune', '-f']):
        docker(*words)
    wait_for_the_log()
    for options, expected in (
        ({}, ['stop', 'remove', 'prune']),
        ({'possible': False}, ['stop', 'remove']),
        ({'actions': ['remove', 'prune']}, ['remove', 'prune']),
        ({'actions': []}, []),
        ({'container': 'oth*'}, ['stop', 'prune']),
        ({'key': 'claude-hooks-dock'}, []),
        ({'key': 'x-' + KEY}, []),
    ):
        result = run_module(dict({'since': start}, **options))
        assert [finding['action'] for finding in result['findings']] == expected, options
        assert result['counts']['executions'] == (0 if 'key' in options else 5), options


def test_check_mode_tells_the_same(name):
    docker('stop', name)
    wait_for_the_log()
    found = [recorded(run_module(certain(name), *words)['findings']) for words in ([], ['--check'])]
    assert found[0] == found[1] and len(found[0]) == 1


@pytest.mark.parametrize('zone', ['UTC', 'Asia/Kolkata', 'America/St_Johns'])
def test_times_without_an_offset_are_the_hosts(name, zone):
    docker('stop', name)
    middle = (
        datetime.datetime.fromisoformat(now())
        .astimezone(zoneinfo.ZoneInfo(zone))
        .replace(tzinfo=None)
        .isoformat(timespec='milliseconds')
    )
    docker('rm', name)
    wait_for_the_log()
    actions = [
        [
            finding['action']
            for finding in run_module({**options, **certain(name)}, environment={'TZ': zone})['findings']
        ]
        for options in ({'since': '1970-01-01', 'before': middle}, {'since': middle})
    ]
    assert actions == [['stop'], ['remove']]


def test_today_begins_at_midnight_on_the_host_as_for_ausearch(name):
    docker('stop', name)
    midnight = int(time.time()) + 1
    time.sleep(midnight - time.time() + 0.1)
    docker('rm', name)
    wait_for_the_log()
    # A time zone in which midnight was just then. POSIX counts the hours to the west
    west = (midnight + 12 * 3600) % 86400 - 12 * 3600
    zone = 'TST%s%d:%02d:%02d' % ('-' if west < 0 else '', abs(west) // 3600, abs(west) // 60 % 60, abs(west) % 60)
    events = [finding['event'] for finding in run_module(certain(name), environment={'TZ': zone})['findings']]
    printed = subprocess.run(
        ['ausearch', '--input-logs', '--raw', '-ts', 'today', '-k', KEY],
        env=dict(os.environ, TZ=zone, LC_ALL='C'),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    argument = '="%s"' % name
    assert events == [re.search(r'audit\((.+?)\)', line).group(1) for line in printed.split('\n') if argument in line]
    assert len(events) == 1


def found_with_ausearch(since, folder):
    """What is found in what ausearch finds in the logs of this host."""
    printed = folder / 'ausearch'
    with printed.open('wb') as output:
        # It would wait for input from a pipe. Exit code 1 also says that there is no match
        subprocess.run(
            ['ausearch', '--input-logs', '--raw', '-k', KEY],
            env=dict(os.environ, LC_ALL='C'),
            stdin=subprocess.DEVNULL,
            stdout=output,
            check=True,
        )
    return find.find(Reading(KEY, files=[str(printed)]).events(), since=times.moment(since))


def test_ausearch_finds_the_same_in_a_log_with_rotations(name, tmp_path):
    start = now()
    broken = tmp_path / 'docker'
    broken.write_text('not executable')
    with kernel_audit.rule('-F', 'path=%s' % broken, '-F', 'perm=x', '-F', 'key=%s' % KEY):
        expected = []
        for number, hostile in zip(range(4), itertools.cycle(HOSTILE.values())):
            for action in ('stop', 'rm'):
                expected.append([b'docker', action.encode(), b'%s-%d' % (name.encode(), number), *hostile])
                docker(action, '%s-%d' % (name, number), *hostile)
            with pytest.raises(PermissionError):
                subprocess.run([broken, 'stop', name], check=False)
            wait_for_the_log()
            if number < 3:
                kernel_audit.rotate()
    # now the log is still: what the module reads, ausearch reads, too
    result, other = run_module({'since': start}), found_with_ausearch(start, tmp_path)
    assert argvs(result) == expected
    assert [result['counts'][count] for count in ('executions', 'failed', 'unreadable')] == [16, 4, 4]
    assert [entry['reason'] for entry in result['unreadable']] == ['failed'] * 4
    for part in ('findings', 'unreadable'):
        assert recorded(result[part]) == recorded(other[part])
    assert [other[count] for count in ('executions', 'failed', 'unreadable_count')] == [16, 4, 4]
    # Ids that other tests stopped are the same to both without an engine that knows them
    everything = run_module({'since': '1970-01-01', 'socket': '/nonexistent'})['findings']
    others = found_with_ausearch('1970-01-01', tmp_path)['findings']
    pairs = itertools.zip_longest(recorded(everything), recorded(others))
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    assert not differing, [
        one and (one['event'], one['argv'][:3], len(one['argv']), one['argv_complete'])
        for pair in differing[:5]
        for one in pair
    ]
    assert len(everything) >= 8


def test_ids_of_removed_containers_are_resolved_by_the_engine(name):
    engine = os.environ['DOCKER_HOST']
    image = os.environ['DOCKER_AUDIT_TEST_IMAGE']
    start = now()
    identities = {}
    for label in (name, 'other-%s' % name[-12:], name + '-old'):
        identities[label] = docker(
            'run',
            '--detach',
            '--network',
            'none',
            '--label',
            LABEL,
            '--name',
            label,
            image,
            'sleep',
            '600',
            engine=engine,
        )
    docker('rename', name + '-old', 'renamed-%s' % name[-12:], engine=engine)
    for identity in identities.values():
        docker('rm', '-f', identity[:12], engine=engine)
    docker('rm', '-f', '0123456789ab')
    wait_for_the_log()

    def told(**options):
        asked = {'since': start, 'actions': ['remove'], 'container': name + '*', 'socket': engine[len('unix://') :]}
        result = run_module(dict(asked, **options))
        return [
            (finding['targets'][0], finding['match'], finding['matched']) for finding in result['findings']
        ], result['engine']

    own, other, renamed = (identity[:12] for identity in identities.values())
    unknown = ('0123456789ab', 'possible', [])
    assert told() == ([(own, 'id', [own]), (renamed, 'id', [renamed]), unknown], {'reachable': True, 'reason': None})
    found, state = told(socket='/nonexistent/s')
    assert found == [(identity, 'possible', []) for identity in (own, other, renamed)] + [unknown]
    assert state == {'reachable': False, 'reason': 'cannot ask an engine at /nonexistent/s: No such file or directory'}
    # what the user says counts more than what the engine says
    given = {identities[name]: 'something-else', other: name, '0123456789ab': name}
    assert told(containers=given)[0] == [
        (other, 'id', [other]),
        (renamed, 'id', [renamed]),
        ('0123456789ab', 'id', ['0123456789ab']),
    ]


def with_auditd_conf(tmp_path, line):
    """A prefix that runs a command where auditd.conf has this line in place of its like."""
    config = tmp_path / 'auditd.conf'
    setting = line.split(' ')[0]
    kept = [
        other
        for other in pathlib.Path('/etc/audit/auditd.conf').read_text().split('\n')
        if not other.startswith(setting + ' ')
    ]
    config.write_text('\n'.join(kept + [line, '']))
    return ['unshare', '--mount', 'sh', '-ec', 'mount --bind "$0" /etc/audit/auditd.conf; exec "$@"', str(config)]


@pytest.mark.parametrize(
    'line, message',
    [
        ('write_logs = no', '/etc/audit/auditd.conf says write_logs = no, so auditd keeps no log on this host'),
        ('log_file = /nonexistent/audit.log', '/nonexistent'),
    ],
)
def test_a_host_that_keeps_no_log_is_an_error_with_the_reason(tmp_path, line, message):
    result = run_module({}, prefix=with_auditd_conf(tmp_path, line))
    assert result['failed'] and message in result['msg'], result


def test_another_program_that_gets_the_records_is_named(tmp_path):
    fake = tmp_path / 'auditctl'
    fake.write_text('#!/bin/sh\necho enabled 1\necho pid %d\n' % os.getpid())
    fake.chmod(0o755)
    environment = {'PATH': '%s:%s' % (tmp_path, os.environ['PATH'])}
    own_name = pathlib.Path('/proc/self/comm').read_text().strip()
    sentence = 'the process %d (%s) gets the audit records of this host instead of auditd' % (os.getpid(), own_name)
    failed = run_module(
        {}, prefix=with_auditd_conf(tmp_path, 'log_file = %s/none.log' % tmp_path), environment=environment
    )
    assert (
        failed['failed'] and '%s/none.log does not exist' % tmp_path in failed['msg'] and sentence in failed['msg']
    ), failed
    found = run_module({}, environment=environment)
    assert (found['failed'], sentence in found['warned']) == (False, True), found
    assert 'gets the audit records' not in run_module({})['warned']


@pytest.mark.parametrize(
    'options, message',
    [
        ({'since': 'some day'}, "'some day' is no ISO 8601 time"),
        ({'before': ''}, "'' is no ISO 8601 time"),
        ({'since': '2026-11-25', 'before': '2026-11-24'}, 'since is later than before'),
        ({'actions': ['delete']}, 'value of actions must be one or more of: stop, kill'),
        (
            {'source': 'ausearch'},
            'Unsupported parameters for (claude_hooks.docker_audit.docker_findings_info) module: source',
        ),
        ({'container': ''}, 'container must not be empty'),
        ({'key': ''}, 'key must not be empty'),
        ({'containers': {'3f2a9c1b77d0': ['x']}}, 'containers must map container ids to names'),
    ],
)
def test_wrong_options_are_refused(options, message):
    result = run_module(options)
    assert result['failed'] and message in result['msg'], result
