# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: times, texts and names mean the same wherever they are used, and refuse what they cannot hold."""

from __future__ import annotations

import pytest
import zoneinfo
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import (
    names,
    text,
    times,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    'written, expected',
    [
        ('2026-11-24T03:13:20.100Z', 1795490000100),
        ('2026-11-24T04:13:20.100+01:00', 1795490000100),
        (' 2026-11-24T03:13:20z ', 1795490000000),
        ('1970-01-01T00:00:00Z', 0),
    ],
)
def test_a_moment_is_read(written, expected):
    assert times.moment(written) == expected


@pytest.mark.parametrize('wrong', ['', 'yesterday', '24.11.2026', '2026-11-24T25:00:00Z', None, 5, ['2026']])
def test_what_is_no_moment_is_refused_with_an_example(wrong):
    with pytest.raises(times.TimeError, match='write it like 2026-11-24'):
        times.moment(wrong)


NOW = 1795568400000  # 2026-11-25T01:00:00Z, which is 20:00 of the day before in New York


@pytest.mark.parametrize(
    'written, expected',
    [
        ('-90s', NOW - 90000),
        ('-30m', NOW - 30 * 60000),
        (' -2H ', NOW - 2 * 3600000),
        ('-3d', NOW - 3 * 86400000),
        ('-1w', NOW - 7 * 86400000),
        ('-999999w', 0),
        ('today', times.moment('2026-11-24T05:00:00Z')),
        ('Yesterday', times.moment('2026-11-23T05:00:00Z')),
        ('2026-11-24', times.moment('2026-11-24T05:00:00Z')),
        ('2026-11-24T00:00:00Z', times.moment('2026-11-24T00:00:00Z')),
    ],
)
def test_a_time_is_asked_for_as_people_do(written, expected):
    assert times.asked(written, zoneinfo.ZoneInfo('America/New_York'), NOW) == expected


def test_yesterday_is_a_midnight_also_where_the_clock_was_changed():
    zone, now = zoneinfo.ZoneInfo('Europe/Berlin'), times.moment('2026-10-26T12:00:00+01:00')
    assert times.asked('yesterday', zone, now) == times.moment('2026-10-25T00:00:00+02:00')


@pytest.mark.parametrize('wrong', ['2h', '-2', '-h', '-2x', '--2h', '-2h -1m', '-1234567h', 'tomorrow', '', '-\u0662h'])
def test_what_is_no_time_to_ask_for_is_refused_with_examples(wrong):
    with pytest.raises(times.TimeError, match='or today, yesterday, -30m, -2h'):
        times.asked(wrong)


def test_a_period_goes_to_a_time_ago():
    first, last = times.period('-2h', '-1h')
    assert last - first == 3600000


def test_a_period_has_its_start_first():
    with pytest.raises(times.TimeError, match=r'since is later than before \(2026-11-25T00:00:00Z, 2026-11-24'):
        times.period('2026-11-25T00:00:00Z', '2026-11-24T00:00:00Z')


@given(st.integers(0, 10**14 - 1), st.integers(0, 2**32))
def test_the_name_of_an_event_is_read_back(milliseconds, serial):
    assert times.of_ident(times.ident(milliseconds, serial)) == (milliseconds, serial)


@pytest.mark.parametrize('wrong', [None, '', '10', 'x.y:z', '1.2:3', '50.900', '1.234:5\n', '\u0661.000:1'])
def test_what_names_no_event_has_no_time(wrong):
    assert times.of_ident(wrong) is None


@given(st.binary(max_size=60))
def test_bytes_are_kept_and_can_be_shown(value):
    assert text.as_bytes(text.exact(value)) == value
    assert text.shown(value) == text.shown_text(text.exact(value))
    text.shown(value).encode('utf-8')
    assert text.is_utf8(value) == (text.shown(value).encode() == value and '\\x' not in text.shown(value)) or (
        b'\\x' in value
    )


@pytest.mark.parametrize(
    'pattern, name, expected',
    [('claude-hooks-*', 'claude-hooks-a', True), ('Web', 'web', False), ('w[e]b', 'web', True), ('*', 'a\nb', True)],
)
def test_a_pattern_matches_as_a_shell_does(pattern, name, expected):
    assert text.name_matcher(pattern)(name) is expected


@pytest.mark.parametrize(
    'docker_host, context, expected',
    [
        (None, None, False),
        ('unix:///run/docker.sock', None, False),
        ('unix:///var/run/docker.sock', 'default', False),
        ('', '', False),
        ('tcp://10.0.0.1:2375', None, True),
        (None, 'prod', True),
    ],
)
def test_only_the_socket_of_this_host_is_its_own_engine(docker_host, context, expected):
    assert names.is_foreign(docker_host, context) is expected
