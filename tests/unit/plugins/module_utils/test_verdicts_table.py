# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: of whole days with every kind of cause nothing is said that the table does not allow, in any setting.

tests/integration/test_verdicts_day.py recorded them (SEED=1, KEEP_RECORD=FILE) on engines 20.10.24 and 28.5.2; what may
be said stands in tests/support/day/expected.txt, written before. The second half shows that this can fail.
"""

from __future__ import annotations

import functools
import pathlib

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import looks
from ansible_collections.claude_hooks.docker_audit.tests.support.day import record, settings

# All of them on the newer engine's day; on the older one's those that the witness has a part in
SETTINGS = settings.SETTINGS + settings.WITH_WITNESS
PLAYED = [('28', setting) for setting in SETTINGS] + [('20', one) for one in (settings.whole, *settings.WITH_WITNESS)]
FIXTURE = pathlib.Path(__file__).resolve().parents[2] / 'fixtures' / 'day_98_kinds_28.json.gz'


@functools.lru_cache(maxsize=None)
def recorded(engine):
    return settings.read(FIXTURE.with_name('day_98_kinds_%s.json.gz' % engine))


@pytest.fixture(scope='module', params=['20', '28'])
def whole_day(request):
    return recorded(request.param)


@pytest.mark.parametrize('engine, setting', PLAYED, ids=lambda part: getattr(part, '__name__', part))
def test_nothing_is_said_that_the_table_does_not_allow(engine, setting):
    whole_day = recorded(engine)
    assert record.wrong(whole_day, record.judge(whole_day, setting), setting) == []


def test_every_container_of_a_day_has_its_verdicts(whole_day):
    assert record.missing(whole_day, record.judge(whole_day, settings.whole)) == []
    assert len({record.kind_of(name) for name in whole_day['truth']}) >= 98


# --- That what holds verdicts against the table finds each way in which one can be wrong ---


@pytest.fixture(scope='module')
def day():
    return settings.read(FIXTURE)


@pytest.fixture(scope='module')
def judged(day):
    return record.judge(day, settings.whole)


@pytest.mark.parametrize(
    'kind, change, why',
    [
        ('stop_honoured', {'cause': 'api'}, 'cause'),
        ('stop_honoured', {'cause': 'self_exit', 'confidence': 'open'}, 'cause'),
        ('stop_honoured', {'who': [{'pid': 1, 'ppid': 1}]}, 'name'),
        ('own_143', {'cause': 'self_exit', 'confidence': 'certain'}, 'surer than the table allows'),
        ('curl', {'cause': 'cli'}, 'cause'),
        ('stop_honoured', {'what': ['renamed']}, 'nothing of the kind happened'),
    ],
)
def test_a_wrong_verdict_is_found(day, judged, kind, change, why):
    verdict = next(one for one in judged if record.kind_of(record.container_of(day, one)) == kind)
    assert record.wrong(day, [verdict], settings.whole) == []
    assert [found[0] for found in record.wrong(day, [dict(verdict, **change)], settings.whole)] == [why]


def test_certainty_that_rests_on_connects_is_wrong_where_they_are_not_logged(day, judged):
    certain = [
        verdict
        for verdict in judged
        if verdict['confidence'] == 'certain' and record.kind_of(record.container_of(day, verdict)) == 'stop_honoured'
    ]
    assert certain and record.wrong(day, certain, settings.whole) == []
    assert len(record.wrong(day, certain, settings.without_connects)) == len(certain)


def test_a_client_that_is_named_because_it_connected_last_is_found(whole_day, monkeypatch):
    candidates = looks.Candidates.at
    monkeypatch.setattr(looks.Candidates, 'at', lambda *words: candidates(*words)[:1])
    wrong = record.wrong(whole_day, record.judge(whole_day, settings.everything), settings.everything)
    assert 'name' in {why for why, _true, _verdict in wrong}


def test_a_verdict_that_is_not_there_is_missed(day, judged):
    name = record.container_of(day, judged[0])
    rest = [verdict for verdict in judged if record.container_of(day, verdict) != name]
    assert {container for container, _what in record.missing(day, rest)} == {name}


def test_no_kind_may_be_said_more_of_where_connects_are_not_logged():
    table, untrue = record.expected()
    for (kind, what), (logged, not_logged, everything) in table.items():
        for cause, confidence in not_logged.items():
            most = logged.get(cause, 'open')
            assert record.CONFIDENCE.index(confidence) <= record.CONFIDENCE.index(most), (kind, what)
            assert cause in logged or (kind, what, cause) in untrue
        assert everything, (kind, what)
