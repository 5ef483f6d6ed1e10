# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: captured audit text gives exactly what was executed, whatever ausearch made of it, both ways of reading."""

from __future__ import annotations

import gzip
import json
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import events as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.forms import AuditLogError
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.reading import Reading
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find as findings

CAPTURES = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'captures'
KEY = b'claude-hooks-docker'
EXPECTED = [case for case in json.loads((CAPTURES / 'real.expected.json').read_text()) if case.get('event')]


def capture(name):
    path = CAPTURES / name
    return path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + '.gz').read_bytes())


def ours(text):
    return {
        audit_log.ident(event): event
        for event in audit_log.events(text)
        if audit_log.outcome(event) and audit_log.has_key(event, KEY)
    }


def found(text, **options):
    return findings.find(audit_log.events(text), **dict({'name': '*'}, **options))


def found_on_disk(path):
    return findings.find(Reading(KEY.decode(), files=[str(path)]).events(), name='*')


def without_names(result):
    """Plain ausearch leaves the ENRICHED names out."""
    return [
        {name: value for name, value in finding.items() if name not in ('user', 'login_user')}
        for finding in result['findings']
    ]


@pytest.fixture(scope='module', name='real')
def _real():
    return ours(capture('real.log'))


@pytest.mark.parametrize('case', EXPECTED, ids=lambda case: case['label'])
def test_real_executions_are_read_byte_for_byte(real, case):
    event = real[case['event']]
    argv, gap = audit_log.argv(event)
    if case['argv_hex'] is not None:
        assert ([word.hex() for word in argv], gap) == (case['argv_hex'], None)
    else:
        assert (audit_log.outcome(event), argv, gap) == ('failed', (), 0)


def test_real_log_gives_these_findings_and_counts():
    result = found(capture('real.log'))
    assert {name: value for name, value in result.items() if name not in ('findings', 'unreadable')} == {
        'executions': 52,
        'failed': 5,
        'others': 0,
        'unreadable_count': 5,
    }
    assert [(entry['event'], entry['reason'], entry['comm']) for entry in result['unreadable']] == [
        ('1795492666.579:126', 'failed', 'python3'),
        ('1795492666.607:127', 'failed', 'evil docker'),
        ('1795492792.859:154', 'failed', 'hh'),
        ('1795492792.915:155', 'failed', 'hh del'),
        ('1795492792.919:156', 'failed', 'hhdel'),
    ]
    certain = [finding for finding in result['findings'] if finding['match'] == 'name']
    assert all(
        finding['argv_complete'] and finding['success'] and finding['keys'] == ['claude-hooks-docker']
        for finding in result['findings']
    )
    # The two that were run from a file that is not called docker: a hard link, and a copy of the path in a container
    assert [finding['exe'] for finding in result['findings'] if finding not in certain] == [
        '/srv/h2/exp/hardlink',
        '/bin/dk',
    ]


def test_a_finding_has_these_fields_in_this_order():
    finding = found(capture('real.log'), name='claude-hooks-*', host='app1')['findings'][0]
    expected = {
        'host': 'app1',
        'timestamp': '2026-11-24T03:57:43.051Z',
        'event': '1795492663.051:91',
        'action': 'stop',
        'subcommand': 'stop',
        'targets': ['claude-hooks-h2-plain'],
        'matched': ['claude-hooks-h2-plain'],
        'docker_host': None,
        'context': None,
        'project': None,
        'signal': None,
        'match': 'name',
        'origin': 'raw',
        'pid': 14342,
        'ppid': 14296,
        'uid': 0,
        'auid': None,
        'ses': None,
        'tty': None,
        'comm': 'docker',
        'exe': '/usr/local/bin/docker',
        'cwd': '/srv/h2/exp',
        'argv': ['docker', 'stop', 'claude-hooks-h2-plain'],
        'argv_complete': True,
        'success': True,
        'keys': ['claude-hooks-docker'],
        'user': 'root',
        'login_user': None,
    }
    assert finding == expected and list(finding) == list(expected)


FORMS = {
    'bytes': lambda data: data,
    'str': lambda data: data.decode('utf-8', 'surrogateescape'),
    # as Ansible makes stdout_lines; it splits at the \x1d of ENRICHED records too
    'stdout_lines': lambda data: data.decode('utf-8', 'surrogateescape').splitlines(),
    'CRLF': lambda data: data.replace(b'\n', b'\r\n'),
    'no final newline': lambda data: data.rstrip(b'\n'),
    'NUL blocks': lambda data: data.replace(b'\ntype=SYSCALL', b'\n' + b'\0' * 512 + b'type=SYSCALL'),
    'syslog prefix': lambda data: b'\n'.join(b'Nov 24 03:57:43 host audispd: ' + line for line in data.split(b'\n')),
}


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('name', ['real.log', 'ausearch.raw', 'ausearch.default'])
def test_every_lossless_form_gives_the_findings_of_the_log(name, form):
    expected = without_names(found(capture('real.log')))
    if form == 'syslog prefix':
        # The prefix names the host, and whoever may write to the syslog can forge it
        expected = [dict(finding, host='host', origin='syslog') for finding in expected]
    assert without_names(found(FORMS[form](capture(name)))) == expected


def test_the_tails_that_splitlines_cut_off_are_put_back():
    text = capture('real.log').decode('utf-8', 'surrogateescape')
    assert found(text.splitlines()) == found(text)


@pytest.mark.parametrize(
    'name',
    ['real.log', 'ausearch.raw', 'ausearch.default', 'parallel-interleaved.log', 'ausearch.interpret']
    + sorted('synthetic/' + path.name for path in (CAPTURES / 'synthetic').iterdir()),
)
def test_the_fast_way_gives_what_the_plain_way_gives(tmp_path, name):
    path = tmp_path / 'capture'
    path.write_bytes(capture(name))
    assert found_on_disk(path) == found(capture(name))


def test_interpreted_text_is_only_ever_possible():
    result = found(capture('ausearch.interpret'))['findings']
    assert {
        (finding['match'], finding['argv_complete'], finding['timestamp'], finding['event']) for finding in result
    } == {('possible', False, None, None)}
    assert [finding['pid'] for finding in result if finding['matched'] == ['claude-hooks-h2-plain']] == [14342]
    assert found(capture('ausearch.interpret'), possible=False)['findings'] == []


def test_csv_and_text_output_are_refused_with_the_command_to_use():
    for name in ('ausearch.csv', 'ausearch.text'):
        with pytest.raises(AuditLogError, match=r'leaves out the arguments.*ausearch --raw'):
            read = Reading(KEY.decode(), text=capture(name))
            assert list(read.events()) == []
            read.warnings()


STOP = ['docker', 'stop', 'x']


# file: (findings as (host, event, argv, cwd), executions, reasons of the unreadable), why
@pytest.mark.parametrize(
    'name, expected, executions, unreadable',
    [
        # six digits are no kernel's, but name one event, and the first three are its milliseconds
        ('6-digit-frac', [(None, '1795490000.123456:1', STOP, None)], 1, []),
        # what is no record is passed over, also a header of plain ausearch that is cut
        ('blank-garbage-ausearch-text-header', [(None, '1795490000.100:1', STOP, None)], 1, []),
        # our key on a CONFIG_CHANGE: nothing was executed
        ('config-change-updated-rules', [], 0, []),
        # a record that stands twice is one record
        ('dup-lines', [(None, '1795490000.100:1', STOP, None)], 1, []),
        # one serial at two times is two events
        (
            'dup-serial-different-time',
            [(None, '1795490000.100:1', STOP, None), (None, '1795490009.100:1', STOP, None)],
            2,
            [],
        ),
        ('interleave', [(None, '1795490000.100:1', STOP, None), (None, '1795490000.100:2', STOP, None)], 2, []),
        # ours is one of two keys
        ('key-hex-multi', [(None, '1795490000.100:1', STOP, None)], 1, []),
        ('key-null', [], 0, []),
        # claude-hooks-docker2 contains our key and is not it; `ausearch -k` prints it
        ('key-prefix-superset', [], 0, []),
        # the CWD of event 1 comes after event 2 began; event 2 lost its EXECVE, so its command is not known
        (
            'late-record-after-proctitle-of-next-event-same-sec',
            [(None, '1795490000.100:1', STOP, '/root')],
            2,
            ['no arguments'],
        ),
        # a record longer than ausearch's buffer is read whole; its command (docker AAA..) is none that acts
        ('line-8970', [], 1, []),
        # success=yes and no EXECVE: something was executed, nobody knows what
        ('no-execve', [], 1, ['no arguments']),
        # no milliseconds: the event is certain, its time is so to the second
        ('no-ms', [(None, '1795490000:1', STOP, None)], 1, []),
        ('nul-block-before', [(None, '1795490000.100:1', STOP, None)], 1, []),
        # ausearch loses this record
        ('nul-block-same-line', [(None, '1795490000.100:1', STOP, None)], 1, []),
        # findings are ordered by time, whatever the order in the log
        ('out-of-order-time', [(None, '1795490000.100:1', STOP, None), (None, '1795490010.000:2', STOP, None)], 2, []),
        # one time and serial on two nodes is two events
        ('same-id-diff-node', [('a', '1795490000.100:1', STOP, None), ('b', '1795490000.100:1', STOP, None)], 2, []),
        ('syscall-last-order', [(None, '1795490000.100:1', STOP, '/root')], 1, []),
        # the SYSCALL is read behind its prefix; there is no EXECVE in the file
        ('syslog-prefixed', [], 1, ['no arguments']),
        # the CWD is cut: the command is certain, the directory is not known
        ('truncated-tail-before-sep', [(None, '1795490000.100:1', STOP, None)], 1, []),
        # cut in the tail: the record is whole, its EXECVE was never written
        ('truncated-tail-mid-enriched', [], 1, ['no arguments']),
        # io_uring has our key and is no execution
        ('uringop', [], 0, []),
    ],
)
def test_each_constructed_log_gives(name, expected, executions, unreadable):
    result = found(capture('synthetic/%s.log' % name))
    assert (
        [(finding['host'], finding['event'], finding['argv'], finding['cwd']) for finding in result['findings']],
        result['executions'],
        [entry['reason'] for entry in result['unreadable']],
    ) == (expected, executions, unreadable)


def test_every_constructed_log_has_an_expectation():
    tested = {
        mark.args[1][index][0]
        for mark in test_each_constructed_log_gives.pytestmark
        for index in range(len(mark.args[1]))
    }
    assert tested == {path.stem for path in (CAPTURES / 'synthetic').iterdir()}


def test_parallel_executions_are_all_read_whole():
    result = found(capture('parallel-interleaved.log'))
    assert (
        len(result['findings']),
        result['unreadable_count'],
        {len(finding['argv']) for finding in result['findings']},
    ) == (20, 0, {9})
