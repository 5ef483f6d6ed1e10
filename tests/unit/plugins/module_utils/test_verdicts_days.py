# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: of a real day no wrong cause and no wrong name is said, whatever was recorded, and silence is explained.

Two days of tests/integration/test_verdicts_day.py (KEEP_RECORD=FILE), with everything that was recorded: the audit
log, the kernel's rules, the events, and the script's own record of who did what. Engine 20.10.24 of Debian 12 with
compose 1.29 and 2.26, and engine 28.5.2 of Debian testing with compose 2.40, both of 2026-11-26. Each setting is such
a day as another host would have recorded it: with the records taken out that it would not have, those of the rules
that came and went included.
"""

from __future__ import annotations

import collections
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide
from ansible_collections.claude_hooks.docker_audit.tests.support.day.settings import (
    SETTINGS,
    Day,
    engine_since_the_rules,
    events_are_forgotten,
    kept_events_have_a_gap,
    read,
    root_is_not_watched,
    the_rules_are_not_known,
    whole,
    without_anything,
    without_commands,
    without_connects,
)

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / 'fixtures'
PREFIX = 'claude-hooks-day-'


def truth(verdict, noted):
    """What the script noted for the container of a verdict, of the same kind of event."""
    name = PREFIX + verdict['container'].partition(PREFIX)[2].removesuffix('-new')
    same = [entry for entry in noted[name] if entry[0] in verdict['what']]
    # of a restart the events can be missing that tell it from a stop
    same = same or [entry for entry in noted[name] if entry[0] == 'restarted' and 'stopped' in verdict['what']]
    # a command that removes a running container ends it, too
    return same or [entry for entry in noted[name] if entry[0] == 'removed' and verdict['what'] == ['died']]


def wrong(judged, noted):
    found = []
    for verdict in judged:
        true = truth(verdict, noted)
        pids = {pid for _what, _cause, pid in true if pid}
        named = [who['pid'] in pids or who['ppid'] in pids for who in verdict['who']]
        if verdict['cause'] not in {cause for _what, cause, _pid in true} | {'not_known'}:
            found.append(('cause', true, verdict))
        elif verdict['confidence'] != 'open' and not all(named):
            found.append(('name', true, verdict))
    return found


@pytest.fixture(scope='module', params=['day_engine_20', 'day_engine_28'])
def recorded(request):
    return read(FIXTURES / (request.param + '.json.gz'))


@pytest.fixture(scope='module', params=SETTINGS, ids=lambda setting: setting.__name__)
def judged(request, recorded, tmp_path_factory):
    """(setting, verdicts, what the script noted)"""
    day = Day(recorded)
    request.param(day)
    material = day.material(tmp_path_factory.mktemp('log'))
    return request.param, decide.verdicts(material, PREFIX + '*'), day.truth


def test_nothing_wrong_is_said(judged):
    setting, verdicts, noted = judged
    assert len(verdicts) > (20 if setting in (events_are_forgotten, kept_events_have_a_gap) else 90)
    assert wrong(verdicts, noted) == []


def test_what_is_open_says_who_it_can_have_been_or_what_was_missing(judged):
    _setting, verdicts, _noted = judged
    events = ('kill_event', 'die_event', 'destroy_event', 'rename_event', 'oom_event', 'stop_event')
    silent = [
        verdict
        for verdict in verdicts
        if verdict['confidence'] == 'open'
        and not verdict['who']
        and not [line for line in verdict['evidence'] if line['code'] not in events]
    ]
    assert silent == []


# Of each setting: how sure verdicts of docker commands may be at most, and whether clients may be accused.
LIMITS = {
    whole: ('certain', False),
    engine_since_the_rules: ('certain', True),
    without_connects: ('likely', False),
    without_commands: ('open', False),
    root_is_not_watched: ('open', False),
    without_anything: ('open', False),
    the_rules_are_not_known: ('certain', False),
}
RANKS = ('open', 'likely', 'certain')


def test_no_more_is_said_than_what_was_looking_allows(judged):
    setting, verdicts, _noted = judged
    most, accuses = LIMITS.get(setting, ('certain', False))
    of_commands = [verdict['confidence'] for verdict in verdicts if verdict['cause'] == 'cli']
    assert RANKS.index(max(of_commands, key=RANKS.index, default='open')) <= RANKS.index(most)
    assert accuses or [verdict for verdict in verdicts if verdict['cause'] == 'api'] == []
    if most == 'certain' and setting in (whole, engine_since_the_rules):
        assert of_commands.count('certain') > 40


def test_an_end_of_its_own_is_never_certain(judged):
    _setting, verdicts, _noted = judged
    counted = collections.Counter((verdict['cause'], verdict['confidence']) for verdict in verdicts)
    assert not counted['self_exit', 'certain'] and not counted['oom', 'certain']
