# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of a log server."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import pathlib
import signal

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import on_host, store
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

QUESTION = on_host.Question(container='*')
STOP = [b'docker', b'stop', b'web']


def event(serial, argv=None, **options):
    return audit_writer.text(audit_writer.event(argv or STOP, serial=serial, **options))


def ask(*patterns, host_from=None, question=QUESTION, since=None, before=None, workers=2):
    return store.ask(question, [str(pattern) for pattern in patterns], host_from, since, before, workers)


def told(answer):
    return [(finding['host'], finding['event'].rpartition(':')[2]) for finding in answer['findings']]


def with_lines(text, prefix):
    return b''.join(prefix + line + b'\n' for line in text.split(b'\n') if line)


def test_each_finding_has_the_host_that_its_record_its_line_or_its_path_names(tmp_path):
    for host in 'abc':
        (tmp_path / host).mkdir()
    (tmp_path / 'a/audit.log').write_bytes(with_lines(event(1), b'node=alpha '))
    (tmp_path / 'b/audit.log').write_bytes(with_lines(event(2), b'Nov 24 03:57:43 beta audisp-syslog: '))
    (tmp_path / 'c/audit.log').write_bytes(event(3))
    answer, problems = ask(tmp_path / '*/audit.log')
    assert told(answer) == [('alpha', '1'), ('beta', '2'), (None, '3')]
    assert len(problems) == 1 and problems[0].startswith('1 finding names no host')
    answer, problems = ask(tmp_path / '*/audit.log', host_from='/([^/]+)/audit')
    assert (told(answer), problems) == ([('a', '1'), ('b', '2'), ('c', '3')], [])


def test_rotated_and_compressed_files_are_one_log_in_their_order(tmp_path):
    # The event goes on in the next file
    whole = event(7).split(b'\n')
    (tmp_path / 'audit.log.2.gz').write_bytes(gzip.compress(event(1)))
    (tmp_path / 'audit.log.1.xz').write_bytes(lzma.compress(event(2) + whole[0] + b'\n'))
    (tmp_path / 'audit.log').write_bytes(b'\n'.join(whole[1:]))
    answer, problems = ask(tmp_path / 'audit.log*', host_from='(audit)')
    assert ([serial for _host, serial in told(answer)], problems, answer['counts']['logs']) == (['1', '2', '7'], [], 1)


def test_records_of_two_hosts_never_join(tmp_path):
    whole = event(7).split(b'\n')
    for host, lines in (('a', whole[:1]), ('b', whole[1:])):
        (tmp_path / host).mkdir()
        (tmp_path / host / 'audit.log').write_bytes(b'\n'.join(lines) + b'\n')
    answer, _problems = ask(tmp_path / '*/audit.log', workers=1)
    assert (answer['findings'], [one['reason'] for one in answer['unreadable']]) == (
        [],
        ['SYSCALL record missing', 'no arguments'],
    )


@pytest.mark.parametrize('workers', [1, 2, 5])
def test_the_number_of_processes_changes_nothing(tmp_path, workers):
    for number in range(7):
        (tmp_path / ('h%d' % number)).mkdir()
        (tmp_path / ('h%d' % number) / 'audit.log').write_bytes(b''.join(event(n) for n in range(1, number + 2)))
    answer, problems = ask(tmp_path / '*/audit.log', host_from='/(h[^/]+)/', workers=workers)
    assert sorted(told(answer)) == sorted(('h%d' % n, str(s)) for n in range(7) for s in range(1, n + 2))
    assert told(answer) == sorted(told(answer), key=lambda one: (int(one[1]), one[0]))
    counts = answer['counts']
    assert (counts['executions'], counts['logs'], problems) == (28, 7, [])


def test_a_log_that_cannot_be_read_takes_away_no_other(tmp_path):
    (tmp_path / 'a.log').write_bytes(event(1))
    (tmp_path / 'b.log').write_bytes(b'sudo: a password is required\n')
    (tmp_path / 'c.log.gz').write_bytes(gzip.compress(event(3))[:60])
    answer, problems = ask(tmp_path / '*')
    assert told(answer) == [(None, '1')]
    assert any('b.log' in problem and 'sudo: a password' in problem for problem in problems)
    assert any('cannot unpack' in problem and 'c.log.gz' in problem for problem in problems)


def test_a_copy_of_a_log_is_shown_once_and_counted(tmp_path):
    text = with_lines(event(1) + event(2), b'node=alpha ')
    (tmp_path / 'a.log').write_bytes(text)
    (tmp_path / 'b.log').write_bytes(text + with_lines(event(3), b'node=beta '))
    answer, problems = ask(tmp_path / '*')
    assert (told(answer), problems) == ([('alpha', '1'), ('alpha', '2'), ('beta', '3')], [])
    assert (answer['counts']['twice'], answer['counts']['executions']) == (2, 3)


def test_of_hosts_without_a_name_nothing_is_taken_for_a_copy(tmp_path):
    for name in 'ab':
        (tmp_path / name).mkdir()
        (tmp_path / name / 'audit.log').write_bytes(event(1))
    answer, _problems = ask(tmp_path / '*/audit.log')
    assert told(answer) == [(None, '1'), (None, '1')]


def test_what_a_pattern_matches_besides_files_is_named_and_never_opened(tmp_path):
    (tmp_path / 'a.log').write_bytes(event(1))
    os.mkfifo(tmp_path / 'fifo.log')
    (tmp_path / 'folder.log').mkdir()
    (tmp_path / 'gone.log').symlink_to('nowhere')
    (tmp_path / 'zero.log').symlink_to('/dev/zero')
    (tmp_path / 'link.log').symlink_to('a.log')
    os.link(tmp_path / 'a.log', tmp_path / 'hard.log')
    answer, problems = ask(tmp_path / '*.log')
    assert told(answer) == [(None, '1')]
    left_out = {pathlib.Path(line.split(' ')[0].rstrip(':')).name: line for line in problems[:-1]}
    assert set(left_out) == {'fifo.log', 'folder.log', 'gone.log', 'zero.log', 'link.log', 'hard.log'}
    assert left_out['zero.log'].endswith('is no file') and 'another name' in left_out['hard.log']


def test_a_process_that_dies_is_an_error():
    logs = [store.Log(['x'], None, 1), store.Log(['y'], None, 1)]

    def read(log):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(store.StoreError, match='ended with status 9'):
        list(store.in_processes(logs, read, 2))


@pytest.mark.parametrize(
    ('patterns', 'host_from', 'reason'),
    [
        (['audit.log'], None, 'absolute'),
        (['/nonexistent/*.log'], None, 'no file matches /nonexistent'),
        (
            ['/var/log'],
            None,
            'no file matches /var/log on this host, which is a folder: name its files, for example /var/log/',
        ),
        ([__file__], '(', 'no regular expression'),
        ([__file__], 'x', 'one group'),
        ([__file__], 'remote/(x)', 'finds no host in'),
    ],
)
def test_what_cannot_be_asked_is_refused(patterns, host_from, reason):
    with pytest.raises(store.StoreError, match=reason):
        store.logs_of(store.matching(patterns)[0], host_from)


# --- What hosts forwarded --------------------------------------------------------------------------------------------


def finding(**fields):
    known = {
        'host': 'web1',
        'timestamp': '2025-11-24T03:57:43.051Z',
        'event': '1763956663.051:91',
        'action': 'stop',
        'pid': 7,
    }
    return {
        **known,
        'targets': ['web'],
        'matched': ['web'],
        'match': 'name',
        'argv': ['docker', 'stop', 'web'],
        **fields,
    }


def message(identity, kind='finding', **fields):
    body = {'claude_hooks_docker_audit': 1, 'id': identity, 'kind': kind, kind: finding(**fields)}
    return json.dumps(body).encode('ascii')


PREFIXES = [b'Nov 24 03:57:43 web1 claude-hooks[77]: ', b'2025-11-24T03:57:43.051+00:00 web1 claude-hooks: ']


@pytest.mark.parametrize(
    'line',
    [prefix + message('a') for prefix in PREFIXES]
    + [
        message('a'),
        json.dumps({'hostname': 'web1', 'message': message('a').decode()}).encode(),
        json.dumps({'_HOSTNAME': 'web1', 'log': {'original': message('a').decode()}}).encode(),
    ],
)
def test_a_forwarded_finding_is_read_in_every_envelope(tmp_path, line):
    (tmp_path / 'messages').write_bytes(b'Nov 24 03:57:42 web1 sshd[1]: hello\n' + line + b'\n')
    answer, problems = ask(tmp_path / 'messages')
    assert problems == []
    assert [(one['host'], one['action'], one['origin']) for one in answer['findings']] == [('web1', 'stop', 'syslog')]
    assert answer['span'] == {'first': '2025-11-24T03:57:43.051Z', 'last': '2025-11-24T03:57:43.051Z'}


def test_what_arrived_twice_is_counted_and_one_host_hides_nothing_of_another(tmp_path):
    for host in ('web1', 'web2'):
        (tmp_path / host).write_bytes(
            b''.join(PREFIXES[0].replace(b'web1', host.encode()) + message('a') + b'\n' for _number in '12')
        )
    answer, _problems = ask(tmp_path / 'web*')
    assert ([one['host'] for one in answer['findings']], answer['counts']['twice']) == (['web1', 'web2'], 2)


def test_a_message_with_the_id_of_another_hides_no_finding(tmp_path):
    lines = [message('a', argv=['docker', 'rm', 'x']), message('a'), message('a', caller={'login': None})]
    (tmp_path / 'messages').write_bytes(b''.join(PREFIXES[0] + line + b'\n' for line in lines))
    answer, _problems = ask(tmp_path / 'messages')
    assert (len(answer['findings']), answer['counts']['twice']) == (2, 1)


def test_forwarded_findings_are_chosen_as_others(tmp_path):
    lines = [
        message('a', matched=['claude-hooks-a']),
        message('b', matched=['web']),
        message('c', match='possible', matched=[]),
        message('d', matched=['claude-hooks-a'], timestamp='2025-11-23T00:00:00.000Z'),
        message('e', matched=['claude-hooks-a'], action='remove'),
        message('f', kind='verdict'),
    ]
    (tmp_path / 'messages').write_bytes(b'\n'.join(lines) + b'\n')
    question = on_host.Question(possible=False, actions=['stop'])
    answer, _problems = ask(tmp_path / 'messages', question=question, since=1763942400000)
    assert ([one['matched'] for one in answer['findings']], answer['counts']['others']) == ([['claude-hooks-a']], 1)


def test_what_is_no_finding_is_counted_and_takes_away_no_other(tmp_path):
    lines = [
        b'{"claude_hooks_docker_audit": 1, "id": 5}',
        message('b', timestamp='yesterday'),
        message('c', pid='x'),
        b'{"claude_hooks_docker_audit": 1, "id": "z", "kind": "finding", "finding": ' + b'[' * 5000,
        message('d'),
    ]
    (tmp_path / 'messages').write_bytes(b'\n'.join(lines) + b'\n')
    answer, _problems = ask(tmp_path / 'messages')
    checked = answers.checked(answers.STORED, 'logserver', answer)
    assert [(one['host'], one['event']) for one in checked['findings']] == [('web1', '1763956663.051:91')]
    assert checked['counts']['unreadable'] == 3


def nested(depth):
    return {'x': nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    'fields',
    [
        {'evidence': 5},
        {'x': [[]]},
        {'cwd': '\ud800'},
        {'timestamp': '9000-01-01T00:00:00.000Z'},
        {'timestamp': '0001-01-01T00:00:00.000Z'},
        {'pid': float('nan')},
        {'pid': 10**400},
        {'pid': True},
        {'caller': {'x': {'argv': 7}}},
        {'caller': nested(900)},
        {'match': 'id', 'target_names': {'a': 5}},
        {'keys': {'a': 1}},
        {'event': ['x']},
    ],
    ids=str,
)
def test_a_finding_that_somebody_else_wrote_takes_away_no_other(tmp_path, fields):
    """Whoever may write to the syslog of one host can send it."""
    (tmp_path / 'messages').write_bytes(message('bad', **fields) + b'\n' + message('d') + b'\n')
    answer, _problems = ask(tmp_path / 'messages')
    assert len(answer['findings']) == 1 and answer['counts']['unreadable'] == 1
    assert answers.checked(answers.STORED, 'logserver', answer)['findings']
