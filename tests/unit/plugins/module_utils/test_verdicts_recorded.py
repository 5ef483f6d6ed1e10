# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what a real engine and a real kernel recorded of a day of stops leads to no wrong cause and to no wrong name.

The fixture is what tests/integration/test_verdicts_day.py recorded (KEEP_RECORD=FILE) with docker 20.10.24 and 28.2.2 on
Debian 12, with compose 1.29 and 2.26: the events of the engine, findings, connects, and the script's own record of who did what.
"""

from __future__ import annotations

import gzip
import json
import pathlib
import random

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import judge as verdicts

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'verdicts_day.jsonl.gz'
NAMES = 'claude-hooks-day-*'


@pytest.fixture(scope='module')
def day():
    read = {'event': [], 'finding': [], 'connect': [], 'harmless': [], 'down': [], 'gone': [], 'container': {}}
    with gzip.open(FIXTURE, 'rt', encoding='utf-8') as lines:
        for line in map(json.loads, lines):
            if 'container' in line:
                read['container'][line['container']] = line['noted']
            else:
                kind, value = line.popitem()
                read[kind].append(value)
    return read


def wrong(judged, containers, also=frozenset()):
    """The verdicts that name another cause or another caller than the script noted."""
    found = []
    for verdict in judged:
        # compose puts an id before the name, the test -new behind it
        name = 'claude-hooks-day-' + verdict['container'].partition('claude-hooks-day-')[2].removesuffix('-new')
        noted = [
            entry
            for entry in containers[name]
            if entry[0] in verdict['what'] or verdict['what'] == ['died'] and entry[0] == 'removed'
        ]
        pids = {pid for _what, _cause, pid in noted if pid}
        callers = {who['pid'] in pids or who['ppid'] in pids for who in verdict['who']}
        if verdict['cause'] not in {cause for _what, cause, _pid in noted} | {'not_known'} | also or (
            callers and (callers != {True} and (verdict['confidence'] != 'open' or (pids and callers == {False})))
        ):
            found.append(verdict)
    return found


@pytest.mark.parametrize('connects', [True, False], ids=['connects logged', 'connects not logged'])
@pytest.mark.parametrize('findings', [True, False], ids=['commands logged', 'commands not logged'])
def test_nothing_wrong_is_said_whatever_is_logged(day, connects, findings):
    judged = verdicts.judge(
        day['event'],
        day['finding'] if findings else [],
        day['connect'] if connects else None,
        name=NAMES,
        harmless=day['harmless'] if findings else [],
    )
    assert len(judged) > 80
    if not connects:
        # Without connects a command of another engine cannot be told from one of this, so that it is likely at most
        judged = [verdict for verdict in judged if 'elsewhere' not in verdict['container']]
        assert not [verdict for verdict in judged if verdict['cause'] == 'cli' and verdict['confidence'] == 'certain']
        # The list of what it can have been is one of commands then, and says so
        judged = [
            verdict
            for verdict in judged
            if verdict['cause'] != 'not_known'
            or 'connects to the engine are not logged' not in str(verdict['evidence'])
        ]
    # Where its command is not logged, a docker CLI is a client like any other
    assert wrong(judged, day['container'], {'api'} if not findings else set()) == []


def test_the_commands_are_certain(day):
    judged = verdicts.judge(day['event'], day['finding'], day['connect'], name=NAMES, harmless=day['harmless'])
    by_cli = [verdict for verdict in judged if verdict['cause'] == 'cli']
    assert len([verdict for verdict in by_cli if verdict['confidence'] in ('certain', 'likely')]) > 50


def test_the_order_of_what_is_given_does_not_matter(day):
    def shuffled(values):
        return random.Random(1).sample(values, len(values))

    def judge(order):
        return verdicts.judge(
            day['event'], order(day['finding']), order(day['connect']), name=NAMES, harmless=order(day['harmless'])
        )

    assert judge(shuffled) == judge(list)


def test_the_end_of_the_engine(day):
    judged = verdicts.judge(
        day['down'], day['finding'], None, name=NAMES, harmless=day['harmless'], engine_ends=day['gone']
    )
    assert [(verdict['cause'], verdict['confidence']) for verdict in judged] == [('engine_shutdown', 'certain')] * 2
