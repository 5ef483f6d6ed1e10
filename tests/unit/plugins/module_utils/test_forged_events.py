# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a label of a container that is called as what the engine says of an event never makes up a verdict.

The engine copies the labels over its own attributes (moby daemon/events.go copyAttributes): all events of the container
show them, also those of which the engine itself says no such thing.
"""

from __future__ import annotations

import importlib.util
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine, events
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.states import State
from ansible_collections.claude_hooks.docker_audit.tests.unit.verdict_events import (
    LOGGED,
    A,
    codes,
    command,
    event,
    gone,
    judge,
    kill,
    life,
    short,
    stop,
)

ROOT = pathlib.Path(__file__).parents[4]
SPEC = importlib.util.spec_from_file_location('keeper', ROOT / 'roles/docker_audit/files/witness/store.py')
keeper = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(keeper)


def labelled(happened, **labels):
    """Events as the engine gives them of a container with such labels: name is set after them."""
    for one in happened:
        attributes = one['Actor']['Attributes']
        one['Actor']['Attributes'] = {**attributes, **labels, 'name': attributes['name']}
    return happened


def died(code='137'):
    return event(1, 'die', exitCode=code)


STATE = State(A, 'claude-hooks-a', None, 0, False, True, {'exitCode': '0'})

# Each that can give the label away, with an end that says that the program ended by itself
GIVEN_AWAY = {
    'its creation': ([event(-60, 'create'), died()], {}),
    'its start': ([event(-59, 'start'), died()], {}),
    'an attach': ([event(-60, 'attach'), died()], {}),
    'a health check': ([event(-60, 'health_status: healthy'), died()], {}),
    'the start of a program inside': ([event(-60, 'exec_start: sh', execID='1'), died()], {}),
    'what comes after its end': ([died(), event(2, 'start')], {}),
    'its removal': ([died(), event(2, 'destroy')], {}),
    'its labels as the engine has them now': ([died()], {'states': [STATE]}),
}


@pytest.mark.parametrize('happened, options', GIVEN_AWAY.values(), ids=GIVEN_AWAY)
def test_an_exit_code_that_a_label_forges_shows_no_end_of_its_own(happened, options):
    verdict = judge(labelled(happened, exitCode='0'), connects=[LOGGED], **options)[0]
    assert verdict['what'][0] == 'died'
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')
    assert {'code_not_known', 'die_event'} <= set(codes(verdict))
    assert next(line for line in verdict['evidence'] if line['code'] == 'die_event')['exit_code'] == '?'


@pytest.mark.parametrize('value', ['0', '', '137', 'x', '9' * 300], ids=repr)
def test_whatever_the_label_says(value):
    verdict = judge(labelled(life(died()), exitCode=value), connects=[LOGGED])[0]
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')


@pytest.mark.parametrize('value', ['x', '\u00b2', '9' * 300, '-1', ' 0', ''], ids=repr)
def test_what_is_no_number_is_no_exit_code_and_no_signal_although_nothing_gives_the_label_away(value):
    verdict = judge([event(0.9, 'kill', signal=value), died(value)], connects=[LOGGED])[0]
    assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')
    assert judge([died(value)], connects=[LOGGED])[0]['confidence'] == 'open'


def test_other_containers_are_judged_as_before():
    happened = labelled([event(-60, 'create', 'b2' * 32), event(-59, 'start', 'b2' * 32)], exitCode='0', signal='9')
    assert short(judge(happened + life(died('0')), connects=[LOGGED])) == short(
        judge(life(died('0')), connects=[LOGGED])
    )


KILLER = [command(0.9, 'docker kill claude-hooks-a')]
# A SIGKILL ends whatever there is, and a stop event is the engine's own: neither needs the exit code
STILL_KNOWN = {
    'kill': (kill(), 'docker kill claude-hooks-a', {'exitCode': '0'}),
    'removal by force': (gone(), 'docker rm -f claude-hooks-a', {'exitCode': '0'}),
    'stop': (stop(), 'docker stop claude-hooks-a', {'exitCode': '0', 'signal': '1'}),
}


@pytest.mark.parametrize('happened, text, labels', STILL_KNOWN.values(), ids=STILL_KNOWN)
def test_whoever_asked_is_found_all_the_same(happened, text, labels):
    verdict = judge(labelled(life(*happened), **labels), [command(0.9, text)])[0]
    assert verdict['cause'] == 'cli'
    assert [who['pid'] for who in verdict['who']] == [100]


def test_a_signal_that_a_label_forges_is_shown_as_not_known():
    verdict = judge(labelled(life(*kill()), signal='1'), KILLER)[0]
    assert next(line for line in verdict['evidence'] if line['code'] == 'kill_event')['signal'] == '?'
    assert verdict['cause'] != 'self_exit' and verdict['confidence'] == 'open'


def test_an_old_name_is_the_one_before_not_the_label():
    renamed = labelled(life(event(1, 'rename', name='x')), oldName='/claude-hooks-other')
    verdict = judge(renamed, [command(0.9, 'docker rename claude-hooks-a x')])[0]
    assert [who['pid'] for who in verdict['who']] == [100]
    assert next(line for line in verdict['evidence'] if line['code'] == 'rename_event')['old'] == 'claude-hooks-a'
    assert judge(renamed, [command(0.9, 'docker rename claude-hooks-other x')])[0]['who'] == []


def test_an_old_name_that_nothing_tells_accuses_nobody():
    renamed = labelled([event(1, 'rename', name='x'), event(2, 'start', name='x')], oldName='/claude-hooks-other')
    verdict = judge(renamed, [command(0.9, 'docker rename claude-hooks-other x')], container='x')[0]
    assert (verdict['cause'], verdict['confidence'], verdict['who']) == ('not_known', 'open', [])


def test_programs_inside_that_a_label_makes_one_count_each_until_the_end():
    inside = [
        event(0.5, 'exec_start: kill 1', execID='1'),
        event(0.6, 'exec_start: true', execID='2'),
        event(0.7, 'exec_die', execID='2', exitCode='0'),
    ]
    verdict = judge(labelled(life(*inside, died('0')), execID='7'), connects=[LOGGED])[0]
    assert [line['command'] for line in verdict['evidence'] if line['code'] == 'exec_started'] == ['kill 1', 'true']


@pytest.mark.parametrize('long', [1, 600, 5000])
def test_kept_and_remembered_events_still_give_the_label_away(long):
    raw = labelled(life(died()), exitCode='0' * long)
    kept = [keeper.reduced(one) for one in raw]
    remembered = [engine.event_of(one) for one in raw]
    for given in (kept, remembered, events.joined(kept[:2], remembered[2:]), events.joined(remembered[:2], kept[2:])):
        verdict = judge(given, connects=[LOGGED])[0]
        assert (verdict['cause'], verdict['confidence']) == ('not_known', 'open')
