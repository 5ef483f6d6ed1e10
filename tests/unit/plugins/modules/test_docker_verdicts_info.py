# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the module asks engine, log and kernel of its host, returns what the views take, and fails in words.

The engine is played, with what a real one said on a recorded day; the log is that day's.
"""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import types

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import host as host_facts
from ansible_collections.claude_hooks.docker_audit.plugins.modules import docker_verdicts_info
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import answers, report_page, verdict_view
from ansible_collections.claude_hooks.docker_audit.tests.support import fake_engine
from ansible_collections.claude_hooks.docker_audit.tests.unit.module_args import patch_module_args

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'day_engine_28.json.gz'
LEFT = 'ab' * 32
STATE = {
    'Id': LEFT,
    'Name': '/claude-hooks-left',
    'State': {'Running': False, 'OOMKilled': True, 'Pid': 0, 'ExitCode': 137, 'FinishedAt': '2026-11-25T23:00:00.5Z'},
}


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with the log and the engine of a recorded day, and what auditctl says there."""
    with gzip.open(FIXTURE, 'rt', encoding='utf-8') as file:
        day = json.load(file)
    (tmp_path / 'audit.log').write_bytes(day['log'].encode('latin-1'))
    monkeypatch.setattr(host_facts.config, 'log_path', lambda: str(tmp_path / 'audit.log'))
    programs = tmp_path / 'bin'
    programs.mkdir()
    script = programs / 'auditctl'
    script.write_text('#!/bin/sh\ncat <<END\n%s\nEND\n' % day['rules'])
    script.chmod(0o755)
    monkeypatch.setenv('PATH', '%s:%s' % (programs, os.environ['PATH']))
    replies = {
        '/events': fake_engine.events(*day['events']),
        '/containers/json': fake_engine.ok(json.dumps([{'Id': LEFT, 'Names': ['/claude-hooks-left']}]).encode()),
        '/containers/%s/json' % LEFT: fake_engine.ok(json.dumps(STATE).encode()),
    }
    for event in day['events']:
        replies.setdefault('/containers/%s/json' % event['Actor']['ID'], fake_engine.ok(b'{}', '404 Not Found'))
    with fake_engine.Listener(tmp_path / 'docker.sock', replies) as engine:
        yield types.SimpleNamespace(folder=tmp_path, day=day, engine=engine, script=script, replies=replies)


def run(capsys, **options):
    with patch_module_args(options), pytest.raises(SystemExit):
        docker_verdicts_info.main()
    return json.loads(capsys.readouterr().out)


def ask(host, capsys, **options):
    known = {'key': host.day['key'], 'since': '2026-11-25T00:00:00Z', 'socket': str(host.folder / 'docker.sock')}
    return run(capsys, **{**known, 'kept': '/nonexistent/events.jsonl', 'container': '*', 'host': 'app1', **options})


def test_a_host_has_its_verdicts_and_the_views_take_them(host, capsys):
    told = ask(host, capsys)
    assert not told['changed'] and len(told['verdicts']) > 90
    assert {verdict['host'] for verdict in told['verdicts']} == {'app1'}
    assert not [who for verdict in told['verdicts'] for who in verdict['who'] if 'node' in who or 'caller' not in who]
    assert told['watched'] == {
        'commands': True,
        'uids': [0],
        'connects': True,
        'unwatched': told['watched']['unwatched'],
    }
    assert told['events']['engine'] == {'reachable': True, 'reason': None} and told['connects'] > 50
    checked = answers.checked('docker_verdicts_info', 'app1', told)
    assert 'failed' not in checked, checked
    for evidence in (False, True):
        lines = verdict_view.view({'app1': checked}, told['span']['first'], evidence=evidence)
        assert not [line for line in lines if not line.isprintable()]
    assert report_page.of_verdicts({'app1': checked}, now='2026-11-27T00:00:00Z').encode()


def test_a_container_that_outlived_the_events_has_a_verdict(host, capsys):
    (verdict,) = ask(host, capsys, container='claude-hooks-left')['verdicts']
    assert (verdict['what'], verdict['cause'], verdict['timestamp']) == (['died'], 'oom', '2026-11-25T23:00:00.500Z')


def test_an_event_of_the_engine_that_cannot_be_read_is_a_gap(host, capsys):
    def is_known(verdict):
        return 'events_forgotten' not in {line['code'] for line in verdict['evidence']}

    told = ask(host, capsys)
    assert told['events']['gaps'] == []
    before = next(one for one in told['verdicts'] if one['cause'] == 'self_exit' and is_known(one))
    events = host.day['events']
    place = next(
        number
        for number, event in enumerate(events)
        if (event['Action'], event['Actor']['ID'], moment(event)) == ('die', before['id'], before['timestamp'])
    )
    lines = [json.dumps(event) for event in events]
    lines.insert(place, '{"Type":"container"}')
    host.replies['/events'] = fake_engine.ok('\n'.join(lines).encode())
    told = ask(host, capsys)
    gap = {'first': moment(events[place - 1]), 'last': moment(events[place])}
    assert told['events']['gaps'] == [gap]
    after = next(
        one for one in told['verdicts'] if (one['id'], one['timestamp']) == (before['id'], before['timestamp'])
    )
    assert not is_known(after)
    checked = answers.checked('docker_verdicts_info', 'app1', told)
    assert any('events are missing from' in line for line in verdict_view.view({'app1': checked}, gap['first']))


def moment(event):
    return times.timestamp(event['timeNano'] // 1000000)


def test_only_the_time_that_is_asked_for_counts(host, capsys):
    later = '2026-11-25T23:00:01Z'
    assert ask(host, capsys, container='claude-hooks-left', since=later)['verdicts'] == []
    assert len(ask(host, capsys, before=later)['verdicts']) == 1


def test_without_the_rules_of_the_kernel_whose_commands_are_logged_is_not_known(host, capsys):
    host.script.write_text('#!/bin/sh\nexit 4\n')
    assert ask(host, capsys)['watched']['uids'] is None


def test_an_engine_that_is_away_is_an_error(host, capsys):
    told = ask(host, capsys, socket='/nonexistent/docker.sock')
    assert told['failed'] and 'cannot ask an engine at /nonexistent/docker.sock' in told['msg']
    assert told['msg'].endswith(': start it, or name the socket of another with socket=PATH')


@pytest.mark.parametrize(
    'options, msg',
    [
        ({'container': ''}, 'container must not be empty'),
        ({'key': ''}, 'key must not be empty'),
        ({'since': 'x'}, "'x' is no ISO 8601 time"),
        ({'since': '2026-11-26', 'before': '2026-11-25'}, 'since is later than before'),
    ],
)
def test_what_cannot_be_asked_is_said(host, capsys, options, msg):
    told = ask(host, capsys, **options)
    assert told['failed'] and msg in told['msg']
