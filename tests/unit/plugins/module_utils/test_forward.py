# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: forwarding sends each finding and each settled verdict, whole or cut by name, and nothing twice by plan.

That systemd runs it and rsyslog delivers it is shown in tests/fleet/test_forwarding.py.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import config
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import connection, connects
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings.on_host import Question
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._forward import messages, run
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import on_host
from ansible_collections.claude_hooks.docker_audit.tests.support import fake_engine
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer

ID = 'a' * 64


class Host:
    """A host with an audit log, an engine, and a journal that receives."""

    def __init__(self, folder):
        self.log = folder / 'audit.log'
        self.log.touch()
        self.engine = folder / 'docker.sock'
        self.events = []
        self.journal = folder / 'journal'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.journal))
        self.socket.setblocking(False)
        self._serial = 0

    def run(self, *argv):
        """docker, a minute ago."""
        self._serial += 1
        seconds = int(time.time()) - 60
        event = audit_writer.event(
            [word.encode() for word in argv], seconds=seconds, milli=0, serial=self._serial, pid=100 + self._serial
        )
        with self.log.open('ab') as log:
            log.write(audit_writer.text(event))

    def ended(self, seconds_ago, *actions):
        for number, action in enumerate(actions):
            self.events.append(
                {
                    'Type': 'container',
                    'Action': action,
                    'Actor': {'ID': ID, 'Attributes': {'name': 'claude-hooks-a', 'exitCode': '137', 'signal': '9'}},
                    'timeNano': int((time.time() - seconds_ago) * 1000 + number) * 10**6,
                }
            )

    def forward(self, later=0, answers=True):
        """What a run sends, so many seconds later."""
        question = Question(socket=str(self.engine), host='web1')
        replies = {
            '/events': fake_engine.events(*self.events),
            '/containers/json': fake_engine.ok(b'[]'),
            '/containers/%s/json' % ID: fake_engine.ok(b'{}', '404 Not Found'),
        }
        with contextlib.ExitStack() as stack:
            if answers:
                self.engine.unlink(missing_ok=True)
                stack.enter_context(fake_engine.Listener(self.engine, replies))
            journal = stack.enter_context(contextlib.closing(messages.Journal(str(self.journal))))
            run.forward(question, str(self.log), journal, (time.time() + later) * 1000)
        return self.received()

    def received(self):
        texts = []
        with contextlib.suppress(BlockingIOError):
            while True:
                texts.append(self.socket.recv(1 << 20).decode('ascii'))
        return [json.loads(text.partition('\n')[0][len('MESSAGE=') :]) for text in texts]


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path / 'state'))
    monkeypatch.setattr(connects, 'FOLDER', str(tmp_path / 'connects'))
    host = Host(tmp_path)
    monkeypatch.setattr(config, 'log_path', lambda: str(host.log))
    with contextlib.closing(host.socket):
        yield host


def commands(received):
    return [message['finding']['argv'] for message in received if message['kind'] == 'finding']


def verdicts(received):
    return [message['verdict'] for message in received if message['kind'] == 'verdict']


def test_each_finding_is_sent_once_with_the_name_of_the_host(host, tmp_path):
    host.run('docker', 'stop', 'claude-hooks-a')
    first = host.forward()
    assert commands(first) == [['docker', 'stop', 'claude-hooks-a']]
    assert first[0]['claude_hooks_docker_audit'] == 1
    assert first[0]['finding']['host'] == 'web1'
    assert host.forward() == []
    host.run('docker', 'rm', 'claude-hooks-a')
    assert commands(host.forward()) == [['docker', 'rm', 'claude-hooks-a']]
    (state,) = (tmp_path / 'state').rglob('forward@*.json')
    assert json.loads(state.read_text())['position']['offset'] > 0


def test_a_run_that_was_killed_is_continued(host, monkeypatch):
    host.run('docker', 'stop', 'claude-hooks-a')
    host.run('docker', 'stop', 'claude-hooks-b')
    with monkeypatch.context() as patched:
        patched.setattr(messages.Journal, 'send', killed_after(messages.Journal.send, 1))
        with pytest.raises(KeyboardInterrupt):
            host.forward()
    before = host.received()
    assert commands(before) == [['docker', 'stop', 'claude-hooks-a']]
    again = host.forward()
    assert commands(again) == [['docker', 'stop', 'claude-hooks-b']]


def test_what_was_sent_but_not_noted_comes_again_with_the_same_id(host, monkeypatch):
    host.run('docker', 'stop', 'claude-hooks-a')
    with monkeypatch.context() as patched:
        patched.setattr(run.Follower, 'take', killed_after(None, 0))
        with pytest.raises(KeyboardInterrupt):
            host.forward()
    before = host.received()
    assert before and host.forward() == before


def killed_after(send, count):
    sent = []

    def method(self, message):
        if len(sent) == count:
            raise KeyboardInterrupt
        sent.append(message)
        send(self, message)

    return method


def test_a_verdict_is_sent_once_it_is_settled_and_then_never_again(host):
    assert host.forward() == []
    host.ended(5, 'kill', 'die', 'destroy')
    assert host.forward() == []
    sent = verdicts(host.forward(later=60))
    assert [(each['what'], each['id'], each['host']) for each in sent] == [
        (['died'], ID, 'web1'),
        (['removed'], ID, 'web1'),
    ]
    assert host.forward(later=120) == []
    host.ended(-200, 'die')
    assert [verdict['what'] for verdict in verdicts(host.forward(later=300))] == [['died']]


def test_verdicts_are_not_made_while_nothing_ends(host, monkeypatch):
    host.ended(200, 'start')
    host.forward()
    monkeypatch.setattr(run._Verdicts, '_judge', lambda *_unused: pytest.fail('made verdicts'))
    host.ended(100, 'exec_die')
    host.forward(later=600)


def test_verdicts_are_made_once_a_minute_where_something_ends_all_the_time(host, monkeypatch):
    looks = []
    look = run._Verdicts._judge
    monkeypatch.setattr(run._Verdicts, '_judge', lambda self, journal: looks.append(1) or look(self, journal))
    for later in range(0, 600, 30):
        host.ended(-later, 'die')
        host.forward(later=later)
    assert len(looks) == 10


def test_an_engine_that_does_not_answer_is_said_once_and_findings_are_sent(host, capsys):
    host.run('docker', 'stop', 'claude-hooks-a')
    assert len(host.forward(answers=False)) == 1
    assert 'verdicts wait for the engine' in capsys.readouterr().err
    assert host.forward(answers=False) == []
    assert capsys.readouterr().err == ''
    host.ended(100, 'die')
    assert len(verdicts(host.forward())) == 1


def test_an_engine_that_goes_away_half_way_is_asked_again(host, monkeypatch, capsys):
    def gone(*_unused):
        raise connection.EngineError('gone')

    host.ended(100, 'die')
    with monkeypatch.context() as patched:
        patched.setattr(on_host, 'verdicts', gone)
        assert host.forward() == [] and capsys.readouterr().err.count('gone') == 1
    assert host.forward() == []
    assert len(verdicts(host.forward(later=61))) == 1


def test_a_verdict_does_not_wait_for_what_did_not_happen_to_its_container(host, monkeypatch):
    host.ended(100, 'die')
    made = on_host.verdicts

    def with_audit_turned_on(*arguments):
        found = made(*arguments)
        now = times.timestamp(int(time.time() * 1000))
        found['verdicts'][0]['evidence'].append({'code': 'processes_before_audit', 'time': now})
        return found

    monkeypatch.setattr(on_host, 'verdicts', with_audit_turned_on)
    assert len(verdicts(host.forward())) == 1


def test_secrets_are_masked_and_the_id_tells_nothing_of_them(host):
    host.run('docker', '--config', '/x', 'run', '--rm', '-e', 'TOKEN=hunter2', '--name', 'claude-hooks-a', 'image')
    host.run('docker', '-H', 'tcp://bob:hunter2@web', 'rm', 'claude-hooks-a')
    sent = host.forward()
    assert sent and 'hunter2' not in json.dumps(sent)
    finding = dict(sent[0]['finding'])
    assert messages.of_finding(finding)['id'] == sent[0]['id']


def finding(**fields):
    return {'host': 'web1', 'event': '1.000:1', 'pid': 1, 'argv': ['docker'], 'argv_complete': True, **fields}


@pytest.mark.parametrize(
    'fields',
    [
        {'argv': ['docker', 'rm', 'x' * 100000]},
        {'argv': ['docker', 'rm', *map(str, range(50000))], 'targets': [str(number) for number in range(50000)]},
        {'argv': ['docker', 'rm', '\u2026' * 9000], 'argv_hex': ['ff' * 9000]},
        {'argv': ['docker', 'rm', *['x' * 7] * 700], 'caller': {'parent': {'argv': ['y' * 4000, 'z' * 4000]}}},
        {'target_names': {str(number): 'name' for number in range(9000)}},
    ],
)
def test_a_long_finding_is_cut_and_says_so(fields):
    message = messages.of_finding(finding(**fields))
    text = messages.line(message)
    assert len(text) <= 8000 and text.isascii() and '\n' not in text
    cut = json.loads(text)
    assert cut['cut'] is True and cut['id'] == message['id']
    assert cut['finding']['argv_complete'] is (cut['finding']['argv'] == message['finding']['argv'])
    assert cut['finding']['argv'][0] == 'docker'


def test_a_long_verdict_says_how_many_more_it_can_have_been():
    who = [finding(pid=number, argv=['docker', 'rm', 'x' * 100]) for number in range(300)]
    verdict = {'host': 'web1', 'id': ID, 'timestamp': 't', 'what': ['died'], 'who': who, 'more': 2, 'evidence': []}
    cut = json.loads(messages.line(messages.of_verdict(verdict)))['verdict']
    assert 0 < len(cut['who']) < 300 and cut['more'] == 302 - len(cut['who'])


def test_what_fits_is_sent_as_it_is():
    message = messages.of_finding(finding(argv=['docker', 'rm', 'x' * 7000]))
    assert json.loads(messages.line(message)) == message


def test_verdicts_go_on_where_the_clock_was_set_back(host):
    """By two hours: the engine shows no event that is later than now."""
    host.ended(-7000, 'kill', 'die', 'stop')
    assert len(verdicts(host.forward(later=7100))) == 1
    host.events.clear()
    host.ended(200, 'kill', 'die', 'stop')
    (verdict,) = verdicts(host.forward())
    assert verdict['what'] == ['stopped']
    assert verdicts(host.forward(later=70)) == []
