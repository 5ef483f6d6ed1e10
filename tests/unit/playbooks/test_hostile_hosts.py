# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: whatever a host answers, nothing of it reaches the terminal raw, and the other hosts are shown.

Runs the real ansible-playbook on hosts whose Python is a script that prints an answer of our choice.
"""

from __future__ import annotations

import json
import pathlib
import re
import unicodedata

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

ROOT = pathlib.Path(__file__).resolve().parents[3]
RAW = '\x1b[2J\x9b31m\u202e{{ 7*7 }}'
SECRET = 'word-of-a-command-line'
FINDING = {
    'host': 'good',
    'timestamp': '2026-11-24T23:57:43.051Z',
    'event': '1795564663.051:91',
    'action': 'remove',
    'targets': [RAW],
    'pid': 7,
    'argv': ['docker', 'rm', RAW, SECRET],
    'argv_complete': True,
    'exe': RAW,
    'cwd': RAW,
    'tty': RAW,
}
SPAN = {'first': '2026-11-20T00:00:03.120Z', 'last': '2026-11-24T23:58:01.007Z'}
VERDICT = {
    'host': 'good',
    'container': RAW,
    'id': 'f' * 64,
    'what': ['died', RAW],
    'timestamp': '2026-11-24T23:57:43.120Z',
    'cause': RAW,
    'confidence': 'certain',
    'who': [FINDING],
    'evidence': [{'code': RAW, 'argv': [RAW]}],
}
EVENTS = {
    'count': 3,
    'first': SPAN['first'],
    'full': False,
    'gaps': [],
    'kept': 0,
    'engine': {'reachable': True, 'reason': None},
}
# What each module returns besides is of no matter to the others.
ANSWER = {
    'changed': False,
    'findings': [FINDING],
    'unreadable': [],
    'counts': {'bytes': 9, 'executions': 1, 'failed': 0, 'unreadable': 0},
    'span': SPAN,
    'engine': {'reachable': True, 'reason': None},
    'verdicts': [VERDICT],
    'events': EVENTS,
    'connects': 0,
    'problems': [{'code': RAW, 'weight': 'partial', 'evidence': RAW, 'remedy': RAW}],
    'retention': {'hours': 5.5},
    'coverage': RAW,
    'own_keys': [RAW],
    'token': 'x' * 32,
    'acked': True,
    'gaps': [SPAN],
}
OTHER = dict(ANSWER, invocation={'module_args': {'x': SECRET}}, diff={'after': SECRET}, stdout=SECRET)
HOSTS = {
    'good': json.dumps(ANSWER),
    'talkative': json.dumps(dict(OTHER, warnings=[RAW], deprecations=[{'msg': RAW, 'version': '9'}])),
    'bossy': json.dumps(dict(OTHER, ansible_facts={'ansible_python_interpreter': RAW, 'x': RAW})),
    'junk': RAW + '\n' + json.dumps(OTHER) + '\n' + RAW + ' end\n',
    'two': json.dumps(ANSWER) + '\n' + json.dumps(ANSWER),
    'failing': json.dumps({'failed': True, 'msg': 'no disk ' + RAW, 'exception': RAW, 'module_stderr': RAW}),
    'silent': RAW,
    'listing': json.dumps([ANSWER]),
    'strange': json.dumps(dict(ANSWER, findings=[[['x']]], verdicts={'x': RAW})),
    'long': json.dumps(dict(ANSWER, findings=[dict(FINDING, cwd='x' * (10 << 20))], verdicts=['x' * (10 << 20)])),
    'deep': json.dumps(ANSWER)[:-1] + ', "deep": %s1%s}' % ('[' * 900, ']' * 900),
    'skipping': json.dumps({'skipped': True, 'skip_reason': RAW}),
    'counting': json.dumps(
        dict(ANSWER, ansible_stats=5, add_host={'host_name': 'made-up'}, add_group=RAW, results=[5], _ansible_x=RAW)
    ),
    'proving': json.dumps(dict(ANSWER, findings=[dict(FINDING, evidence=5, who=5, target_names=None)], verdicts=5)),
    'empty': json.dumps(dict(ANSWER, findings=None, verdicts=None)),
    'gaping': json.dumps(dict(ANSWER, gaps=5, counts=dict(ANSWER['counts'], others='x'), events=dict(EVENTS, gaps=5))),
    'endless': json.dumps(dict(ANSWER, connects=float('nan'), findings=[dict(FINDING, pid=float('inf'))])),
}
READ = {'good', 'talkative', 'bossy', 'junk', 'counting'}
FIRST = [
    ('findings', 'ansible.builtin.default'),
    ('findings', 'ansible.builtin.minimal'),
    ('findings', 'ansible.builtin.oneline'),
    ('findings', 'ansible.posix.json'),
    ('findings', 'yaml'),
    ('verdicts', 'ansible.builtin.default'),
    ('verdicts', 'ansible.posix.json'),
    ('coverage', 'ansible.builtin.default'),
    ('coverage', 'ansible.posix.json'),
    ('tail', 'ansible.builtin.default'),
]


@pytest.fixture(scope='module')
def inventory(tmp_path_factory):
    folder = tmp_path_factory.mktemp('hosts')
    # The module comes by stdin. What was watched is of another kind where it is asked for the coverage.
    for name, answer in HOSTS.items():
        (folder / (name + '-coverage')).write_text(answer.replace('"problems"', '"watched": [{"uid": 0}], "problems"'))
    return playing.answering(
        folder, HOSTS, 'if grep -q docker_coverage_info; then form=-coverage; fi\nexec cat "%s$form"'
    )


def play(inventory, playbook, *words, callback='ansible.builtin.default', **environment):
    form = {'ANSIBLE_CALLBACK_RESULT_FORMAT': 'yaml'} if callback == 'yaml' else {'ANSIBLE_STDOUT_CALLBACK': callback}
    form = {**form, 'XDG_STATE_HOME': str(inventory.parent), **environment}
    return playing.play('-i', inventory, 'playbooks/%s.yml' % playbook, *words, **form)


def is_of_the_view(line):
    """Whether the views print a command line there: after a dollar sign, or among the words of a tail."""
    return re.match(r' *\$ ', line) or '  $ docker' in line


# A callback prints no more at -v than at -vvvvv: the default one shows what differs, such as the length of results
@pytest.mark.parametrize(
    'playbook, callback, verbosity',
    [(*each, '-vvvvv') for each in FIRST] + [(*each, '-v') for each in FIRST if each[1] == 'ansible.builtin.default'],
)
def test_nothing_is_raw_and_no_callback_or_log_has_a_command_line(inventory, tmp_path, playbook, callback, verbosity):
    words = ['--forks', '20', '-e', 'duration=0', '--check'] if playbook == 'tail' else []
    log = tmp_path / 'log'
    code, output = play(inventory, playbook, verbosity, *words, callback=callback, ANSIBLE_LOG_PATH=str(log))
    assert code == 2, output
    # Views are for the screen alone
    assert log.stat().st_size and SECRET not in log.read_text()
    raw = {character for character in output if unicodedata.category(character) in ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')}
    assert raw == {'\n'} and '49' not in re.findall(r'31m\S*?(49)', output)
    assert [line for line in output.split('\n') if SECRET in line and not is_of_the_view(line)] == []


@pytest.mark.parametrize('playbook, entry', [('findings', 'findings'), ('verdicts', 'verdicts')])
def test_a_bad_answer_is_a_host_that_was_not_read_and_the_others_are_shown(inventory, tmp_path, playbook, entry):
    path = tmp_path / 'x.jsonl'
    code, output = play(inventory, playbook, '-e', 'dest=%s' % path, '-e', 'report=%s' % (tmp_path / 'x.html'))
    assert code == 2 and '%d of %d hosts read' % (len(READ), len(HOSTS)) in output, output
    reasons = dict(re.findall(r'^    (\w+): (.*)$', output[output.index('NOT READ:') :], re.M))
    assert set(reasons) == set(HOSTS) - READ, output
    assert reasons['failing'] == 'no disk \\x1b[2J\\u009b31m\\u202e{{ 7*7 }}'
    for name in ('strange', 'long', 'endless'):
        assert reasons[name].startswith('this host did not answer as docker_%s_info does: ' % entry), reasons
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one['host'] for one in written] == sorted(READ), written
    assert all(who['host'] == one['host'] for one in written for who in one.get('who', ()))
    assert re.findall(r'^(\w+) +: ok=.* failed=1', output, re.M) == sorted(set(HOSTS) - READ), output


def test_only_the_hosts_that_answer_badly_end_a_tail(inventory):
    words = ['--forks', '20', '-e', 'duration=0', '--check']
    code, output = play(inventory, 'tail', *words)
    assert code == 2 and set(re.findall(r'^(\w+) +: ok=.* failed=1', output, re.M)) == set(HOSTS) - READ, output
    assert sorted(re.findall(r'^2026-11-2\S+ \S+  (\w+)  remove  ', output, re.M)) == sorted(READ), output


@pytest.mark.parametrize('verbosity', ['-v', '-vvvv'])
def test_why_a_host_cannot_be_reached_stays_readable(tmp_path, verbosity):
    path = tmp_path / 'hosts.json'
    host = {'ansible_connection': 'ssh', 'ansible_host': '127.0.0.1', 'ansible_port': 1}
    path.write_text(json.dumps({'all': {'hosts': {'far': host}}}))
    code, output = play(path, 'findings', verbosity)
    assert code == 2 and re.search(r'^    far: unreachable: .*Connection refused', output, re.M), output
