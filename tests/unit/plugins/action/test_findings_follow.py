# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: what the module returns is printed once, acknowledged once printed, and asked for again after a failure."""

from __future__ import annotations

import json
import signal
import types

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible_collections.claude_hooks.docker_audit.plugins.action import findings_follow
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import printed

AWAY = AnsibleConnectionFailure('no route\nto host')
BROKEN = {'failed': True, 'msg': 'out of memory'}


def finding(number):
    return {
        'host': 'web1',
        'timestamp': '2026-11-24T23:57:43.051Z',
        'event': '1795564663.051:%d' % number,
        'action': 'stop',
        'targets': ['c%d' % number],
        'match': 'name',
        'pid': number,
        'ppid': 1,
        'uid': 0,
        'auid': None,
        'exe': '/usr/bin/docker',
        'cwd': '/',
        'argv': ['docker', 'stop', 'c%d' % number],
        'argv_complete': True,
    }


def batch(token, *numbers, **changes):
    return dict(
        {
            'findings': [finding(number) for number in numbers],
            'unreadable': [],
            'counts': {'executions': 0, 'failed': 0, 'unreadable': 0},
            'span': {'first': None, 'last': None},
            'token': token,
            'acked': True,
            'gaps': [],
        },
        **changes,
    )


class Follow(findings_follow.ActionModule):
    """The action with the answers of a module that is not there, on a clock that only waiting moves."""

    def __init__(self, answers, clock, check_mode=False, **options):
        task = types.SimpleNamespace(
            args=options,
            check_mode=check_mode,
            async_val=0,
            action='x',
            resolved_action='x',
            diff=False,
            environment=None,
        )
        super().__init__(
            task,
            types.SimpleNamespace(
                get_option=lambda name: {}[name], _shell=types.SimpleNamespace(tmpdir=None), has_pipelining=False
            ),
            None,
            None,
            None,
            None,
        )
        self.answers, self.clock = iter(answers), clock
        self.asked, self.out, self.notices = [], [], []
        self._display = types.SimpleNamespace(
            verbosity=0,
            display=lambda text, screen_only, stderr=False: (self.notices if stderr else self.out).extend(
                text.split('\n')
            ),
        )

    def _execute_module(self, module_name=None, module_args=None, task_vars=None, **unused):
        self.asked.append((module_args['wait'], module_args.get('ack')))
        answer = next(self.answers, batch('end'))
        if isinstance(answer, Exception):
            raise answer
        if answer.get('findings') == []:
            self.clock[0] += module_args['wait']
        return answer

    def cleanup(self, force=False):
        pass


@pytest.fixture
def follow(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_STATE_HOME', str(tmp_path))
    monkeypatch.setattr(findings_follow.ActionModule, '_end_with_parent', lambda self: None)
    clock = [1000.0]
    monkeypatch.setattr(findings_follow.time, 'monotonic', lambda: clock[0])
    monkeypatch.setattr(findings_follow.time, 'sleep', lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    def start(answers, duration=100, **options):
        action = Follow(answers, clock, duration=duration, **options)
        action.result = action.run(task_vars={'inventory_hostname': 'web1'})
        action.begin = action.notices.pop(0)
        return action

    return start


def token():
    return printed.Printed('tail', 'claude-hooks-docker', 'web1').token()


def targets(action):
    return [line.rpartition(' ')[2] for line in action.out if ' $ ' in line]


def test_each_batch_is_acknowledged_by_the_next_call(follow):
    action = follow([batch('a', 1, 2), batch('b', 3)])
    assert targets(action) == ['c1', 'c2', 'c3'] and action.result == {
        'findings': 3,
        'gaps': 0,
        'reconnects': 0,
        'changed': False,
    }
    assert action.asked == [(0, None), (60, 'a'), (60, 'b'), (40, 'end'), (0, 'end')]


def test_a_run_goes_on_behind_what_the_one_before_it_printed(follow):
    follow([batch('a', 1)], duration=0)
    assert token() == 'a' and follow([], duration=0).asked[0] == (0, 'a')


def test_what_is_found_at_the_end_is_acknowledged_too(follow):
    action = follow([batch('a', 1), batch('b', 2), batch('c', 3)], duration=0)
    assert targets(action) == ['c1', 'c2'] and action.asked == [(0, None), (0, 'a')] and token() == 'b'


def test_the_token_of_an_empty_batch_is_not_written(follow):
    follow([batch('a', 1), batch('b')])
    assert token() == 'a'


def test_check_mode_asks_once_and_writes_nothing(follow, tmp_path):
    action = follow([batch(None, 1, acked=False)], duration=None, check_mode=True)
    assert targets(action) == ['c1'] and len(action.asked) == 1 and list(tmp_path.rglob('*')) == []


@pytest.mark.parametrize(
    'trouble, reason',
    [
        (AWAY, 'unreachable: no route to host'),
        (AnsibleError('Missing sudo password'), 'Missing sudo password'),
        (BROKEN, 'out of memory'),
    ],
)
def test_trouble_is_told_and_the_same_batch_asked_for_again_with_growing_pauses(follow, trouble, reason):
    action = follow([batch('a', 1)] + 8 * [trouble] + [batch('b', 1, 2)], duration=300)
    assert action.notices == ['web1: %s, trying again with growing pauses' % reason, 'web1: back']
    assert action.clock[0] - 1000 >= sum((1, 2, 4, 8, 16, 32, 60, 60))
    assert targets(action) == ['c1', 'c2'] and {ack for _wait, ack in action.asked[1:10]} == {'a'}
    assert action.out[-1] == 'web1: 2 findings, 0 gaps, 1 reconnect' and action.result['reconnects'] == 1


@pytest.mark.parametrize(
    'trouble, message', [(BROKEN, 'out of memory'), (AnsibleError('Missing sudo password'), 'Missing sudo password')]
)
def test_what_fails_in_the_first_place_fails_the_host(follow, trouble, message):
    with pytest.raises(AnsibleActionFail, match=message):
        follow([trouble])


def test_a_host_may_be_away_in_the_first_place(follow):
    assert targets(follow([AWAY, batch('a', 1)])) == ['c1']


def test_a_host_that_is_away_at_the_end_fails(follow):
    action = follow([batch('a', 1)] + 20 * [AWAY], duration=10)
    assert (
        action.result['failed']
        and action.result['msg'] == 'The host was still away at the end: unreachable: no route to host'
    )
    assert action.out[-1] == 'web1: 1 finding, 0 gaps, 0 reconnects' and action.clock == [1010.0]


@pytest.mark.parametrize(
    'output, expected',
    [
        ('text', 'GAP  web1  what was logged from '),
        (
            'jsonl',
            json.dumps(
                {'host': 'web1', 'gap': True, 'first': '2026-11-24T00:00:00.000Z', 'last': '2026-11-24T01:00:00.000Z'}
            ),
        ),
    ],
)
def test_a_gap_is_a_line_before_what_comes_after_it(follow, output, expected):
    action = follow(
        [batch('a', 1, gaps=[{'first': '2026-11-24T00:00:00.000Z', 'last': '2026-11-24T01:00:00.000Z'}])],
        output=output,
    )
    assert (
        action.out[0].startswith(expected)
        and len(action.out) == (3 if output == 'text' else 2)
        and action.result['gaps'] == 1
        and token() == 'a'
    )


def test_json_lines_are_the_findings(follow):
    action = follow([batch('a', 1, 2)], output='jsonl')
    assert [json.loads(line) for line in action.out] == [finding(1), finding(2)]
    assert action.notices == ['web1: 2 findings, 0 gaps, 0 reconnects']


def test_it_begins_with_what_it_follows(follow):
    assert follow([]).begin == "Following 1 host: web1 (container='claude-hooks-*', reader=tail)"
    assert follow([], container='web-*', reader='x').begin.endswith(" (container='web-*', reader=x)")


def test_a_position_that_somebody_else_moved_is_told_and_repeats_nothing(follow):
    action = follow([batch('a', 1), batch('b', 1, 2, acked=False), batch('c')])
    assert targets(action) == ['c1', 'c2'] and len(action.notices) == 1 and 'moved or lost' in action.notices[0]


def test_a_position_that_moves_each_time_is_told_once_and_counted_once(follow):
    counts = {'executions': 0, 'failed': 0, 'unreadable': 0, 'others': 44}
    again = [batch('b%d' % number, 1, acked=False, counts=counts) for number in range(4)]
    action = follow([batch('a', 1, counts=counts), *again])
    assert targets(action) == ['c1']
    assert sum('as by a run from another machine' in line for line in action.notices) == 1
    assert [line for line in action.notices if 'not shown' in line][0].startswith('web1: 44 findings of other')


def test_a_token_that_the_host_does_not_know_at_the_start_is_no_news(follow):
    follow([batch('a', 1)], duration=0)
    assert follow([batch('b', 2, acked=False)]).notices == []


def test_executions_without_a_command_and_warnings_are_told_once(follow):
    execution = {
        'host': 'web1',
        'timestamp': None,
        'event': '1.0:1',
        'reason': 'failed',
        'pid': 7,
        'uid': 0,
        'user': 'bob\x1b',
    }
    counts = {'executions': 3, 'failed': 0}
    again = batch('a', unreadable=[execution], counts=dict(counts, unreadable=3), warnings=['state is damaged\x1b[2J'])
    action = follow([again, dict(again, counts=dict(counts, unreadable=1))], duration=1)
    assert action.notices == [
        r'web1: state is damaged\x1b[2J',
        r"web1: docker was executed at - by user $'bob\x1b' (pid 7, event 1.0:1), "
        r"but its command is not in the log: failed",
        'web1: the command of 2 more executions of docker is not in the log',
    ]
    assert token() == 'a' and action.out == ['web1: 0 findings, 0 gaps, 0 reconnects']


def test_it_remembers_so_many_findings_and_no_more(follow, monkeypatch):
    monkeypatch.setattr(findings_follow, '_REMEMBERED', 2)
    assert targets(follow([batch('a', 1, 2), batch('b', 2, 3), batch('c', 1)])) == ['c1', 'c2', 'c3', 'c1']


@pytest.mark.parametrize('duration', [-1, 'nan', 'inf'])
def test_a_duration_is_a_number_of_seconds(follow, duration):
    with pytest.raises(AnsibleActionFail, match='duration must be'):
        follow([], duration=duration)


def test_a_state_that_cannot_be_kept_is_an_error(follow, tmp_path):
    (tmp_path / 'claude-hooks').write_text('')
    with pytest.raises(AnsibleActionFail, match='cannot keep on this machine what was printed: .*claude-hooks'):
        follow([])


@pytest.mark.parametrize(
    'given, used',
    [
        (
            {'ssh_args': '-C', 'ssh_common_args': None, 'ssh_extra_args': '-4'},
            '-4 -o ServerAliveInterval=15 -o ServerAliveCountMax=2',
        ),
        ({'ssh_args': '-o serveraliveinterval=5', 'ssh_common_args': None, 'ssh_extra_args': None}, None),
    ],
)
def test_ssh_notices_a_dead_host_unless_told_otherwise(follow, given, used):
    action = Follow([], [0.0])
    calls = []
    action._connection.get_option = given.__getitem__
    action._connection.set_option = lambda name, value: calls.append((name, value))
    action._connection.reset = lambda: calls.append('reset')
    action._notice_dead_hosts()
    assert calls == ([('ssh_extra_args', used), 'reset'] if used else [])


@pytest.mark.parametrize('signals, expected', [(1, ['printed', 'end']), (2, ['end', 'printed'])])
def test_a_first_signal_to_end_waits_for_the_line_and_a_second_does_not(signals, expected):
    happened = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: happened.append('end'))
    try:
        with findings_follow._signals_put_off():
            for _number in range(signals):
                signal.raise_signal(signal.SIGTERM)
            happened.append('printed')
    finally:
        signal.signal(signal.SIGTERM, before)
    assert happened[:2] == expected
