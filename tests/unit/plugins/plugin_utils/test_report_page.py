# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: the page says what was found and what was not seen, and whatever a host says in it is text."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html.parser
import re

import hypothesis
import pytest
import zoneinfo
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import (
    escape,
    formats,
    report_page,
    report_rows,
    whole_file,
)
from ansible_collections.claude_hooks.docker_audit.tests.support import samples
from hypothesis import strategies

UTC = datetime.timezone.utc
NOW = '2026-11-24T12:00:00Z'
FINDING = samples.finding(timestamp='2026-11-24T10:00:00.051Z')
READ = samples.answer([FINDING], span={'first': '2026-11-20T00:00:03.120Z', 'last': '2026-11-24T11:58:01.007Z'})
CONNECT = {'pid': 8, 'ppid': 1, 'uid': 0, 'auid': None, 'comm': 'curl', 'exe': '/usr/bin/curl'}
VERDICT = {
    'host': 'web1',
    'container': 'claude-hooks-dev',
    'id': 'a' * 64,
    'what': ['died', 'removed'],
    'timestamp': '2026-11-24T10:00:00.120Z',
    'cause': 'cli',
    'confidence': 'certain',
    'who': [FINDING],
    'evidence': [{'code': 'kill_event', 'time': '2026-11-24T10:00:00.118Z', 'signal': '9'}],
}
JUDGED = {
    'verdicts': [VERDICT],
    'events': {'count': 9, 'first': '2026-11-24T00:00:00.000Z', 'full': True},
    'connects': 4,
    'span': READ['span'],
}
UNREACHABLE = {'unreachable': True, 'msg': 'no route'}


class Parsed(html.parser.HTMLParser):
    """The elements of a page in order, with their attributes, and the text of each."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append('')
        self._open.append(len(self.texts) - 1)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.texts.append('')

    def handle_endtag(self, tag):
        while self._open and self.elements[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data):
        for place in self._open:
            self.texts[place] += data

    def of(self, tag):
        return [text for (name, _attributes), text in zip(self.elements, self.texts) if name == tag]


def findings_page(findings=(FINDING,), host=None, also=None, **asked):
    hosts = {'web1': dict(host or READ, findings=list(findings)), **(also or {})}
    return report_page.of_findings(list(findings), hosts, zone=UTC, now=NOW, **asked)


def verdicts_page(verdicts=(VERDICT,), host=None, also=None, **asked):
    return report_page.of_verdicts(
        {'web1': dict(host or JUDGED, verdicts=list(verdicts)), **(also or {})}, zone=UTC, now=NOW, **asked
    )


def saying(text):
    """Pages where every text that can come from a host is this."""
    finding = samples.saying(text, timestamp=FINDING['timestamp'], action=text)
    verdict = dict(
        VERDICT,
        host=text,
        container=text,
        id=text,
        what=[text],
        cause=text,
        confidence=text,
        who=[finding],
        evidence=[text],
    )
    open_ = dict(verdict, confidence='open', who=[dict(CONNECT, exe=text, comm=text), finding])
    unreadable = [
        {
            'host': text,
            'timestamp': FINDING['timestamp'],
            'event': text,
            'reason': text,
            'pid': 1,
            'uid': 0,
            'user': text,
        }
    ]
    return (
        report_page.of_findings(
            [finding],
            {text: dict(READ, findings=[finding], unreadable=unreadable), 'far': dict(UNREACHABLE, msg=text)},
            since=text,
            until=text,
            zone=UTC,
            now=NOW,
        ),
        report_page.of_verdicts(
            {text: dict(JUDGED, verdicts=[verdict, open_]), 'far': dict(UNREACHABLE, msg=text)},
            since=text,
            until=text,
            zone=UTC,
            now=NOW,
        ),
    )


TAME = [sorted(map(repr, Parsed(page).elements)) for page in saying('claude-hooks-x')]
HOSTILE = [
    '<img src=x onerror=alert(1)>',
    '</script><script>alert(1)</script>',
    '</style>',
    '</pre>',
    '</title>',
    '"><b>',
    "' onclick='x",
    '<!--',
    ']]>',
    '&lt;',
    '{{ 7*7 }}',
    '{% raw %}',
    '{# x #}',
    'javascript:alert(1)',
    '\u202egnp',
    '\u2066',
    '\x1b[2J',
    '\0',
    '\r\n',
    '\u2028',
    '\x85',
    '\ud800',
    '\udcff',
    '',
]


# --- Text stays text -------------------------------------------------------------------------------------------------


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    strategies.one_of(
        strategies.sampled_from(HOSTILE),
        strategies.text(),
        strategies.lists(strategies.sampled_from(HOSTILE)).map(''.join),
    )
)
def test_no_text_of_a_host_makes_an_element_or_an_attribute(text):
    # Names of actions and causes, a list of ours, have looks of their own
    hypothesis.assume(text not in report_rows._LOOKS)
    # Lines of the timeline stand in the order of their names, and an id of no length has no place in a cell
    for page, tame in zip(saying(text or '-'), TAME):
        assert sorted(map(repr, Parsed(page).elements)) == tame
        assert {character for character in page if not character.isprintable()} <= {'\n'}


@pytest.mark.parametrize('text', HOSTILE)
def test_the_command_reads_as_it_was_typed(text):
    page = findings_page([dict(FINDING, argv=['docker', 'rm', text])])
    assert Parsed(page).of('code') == [escape.command_line({'argv': ['docker', 'rm', text]})]


@pytest.mark.parametrize('page', [findings_page(), verdicts_page()])
def test_the_policy_lets_in_the_script_and_the_style_of_the_page_alone(page):
    parsed = Parsed(page)
    policy = next(
        attributes['content']
        for _tag, attributes in parsed.elements
        if attributes.get('http-equiv') == 'Content-Security-Policy'
    )
    hashes = [
        "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in parsed.of('style') + parsed.of('script')
    ]
    assert policy == "default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'" % tuple(
        hashes
    )
    names = {name for _tag, attributes in parsed.elements for name in attributes}
    assert not {name for name in names if name in ('style', 'src', 'srcset', 'action') or name.startswith('on')}
    assert all(attributes['href'].startswith('#') for _tag, attributes in parsed.elements if 'href' in attributes)


def test_a_very_long_command_line_is_cut_and_says_so():
    page = findings_page([dict(FINDING, argv=['docker', 'rm', 'x' * 100000], targets=['x' * 100000])])
    assert len(page) < 40000 and '(98010 more characters)' in Parsed(page).of('code')[0]


# --- What it says ----------------------------------------------------------------------------------------------------


def cells(page, table):
    """Of each row, what stands in each cell, element by element."""
    rows = re.search('<table id="%s".*?</table>' % table, page, re.S).group()
    rows = re.findall('<tr.*?</tr>', rows.partition('<tbody>')[2], re.S)
    return [
        [
            ' | '.join(text for text in re.split(r'(?:<.*?>)+', cell) if text.strip())
            for cell in re.findall('<td>(.*?)</td>', row, re.S)
        ]
        for row in rows
    ]


def test_a_row_says_who_did_what_to_which_container():
    found = dict(FINDING, match='possible', docker_host='tcp://10.0.0.9:2375')
    row = cells(findings_page([found]), 'items')[0]
    assert row[:5] == [
        '2026-11-24 10:00:00.051 | +00:00',
        'web1',
        'remove',
        'claude-hooks-dev | possible, on tcp://10.0.0.9:2375',
        'root (login bob) | pid 14342, parent 14296',
    ]
    assert row[5].startswith('docker container rm claude-hooks-dev | all fields') and 'cwd            /root' in row[5]


def test_the_newest_is_first():
    later = dict(FINDING, timestamp='2026-11-24T10:00:01.000Z', action='stop')
    assert [row[2] for row in cells(findings_page([FINDING, later]), 'items')] == ['stop', 'remove']


@pytest.mark.parametrize(
    'change, cause, caller',
    [
        ({}, 'cli | a docker command, certain', 'root (login bob) | pid 14342, parent 14296'),
        ({'cause': 'api', 'who': [CONNECT]}, 'api | an API client, certain', '0 (no login), curl | pid 8, parent 1'),
        (
            {'cause': 'api', 'confidence': 'open', 'who': [CONNECT]},
            'api | an API client, open',
            'possibly 0 (no login), curl | pid 8, parent 1',
        ),
        (
            {'cause': 'not_known', 'confidence': 'open', 'who': [FINDING, CONNECT]},
            'not_known | not known, open',
            'one of several | 2 candidates',
        ),
        ({'cause': 'oom', 'who': []}, 'oom | out of memory, certain', '-'),
    ],
)
def test_nobody_is_picked_where_a_verdict_is_open(change, cause, caller):
    assert cells(verdicts_page([dict(VERDICT, **change)]), 'items')[0][3:5] == [cause, caller]


def test_candidates_are_listed_as_on_the_terminal():
    who = [dict(CONNECT, pid=pid) for pid in range(5)]
    gap = {'code': 'connects_not_logged'}
    cell = cells(verdicts_page([dict(VERDICT, confidence='open', who=who, more=4, evidence=[gap])]), 'items')[0][5]
    lines = ['possibly 0: /usr/bin/curl (pid %d)' % pid for pid in range(3)] + ['and 6 more candidates']
    lines.append('connections to the engine were not logged: an API client cannot be ruled out')
    assert cell.split(' | ')[:5] == lines


def test_a_crash_loop_is_one_row_and_a_dot_for_each_end():
    ends = [
        dict(
            VERDICT,
            cause='self_exit',
            confidence='likely',
            who=[],
            timestamp='2026-11-24T%02d:00:00.000Z' % hour,
            evidence=[{'code': 'die_event', 'time': '2026-11-24T%02d:00:00.000Z' % hour, 'exit_code': '3'}],
        )
        for hour in range(1, 11)
    ]
    page = verdicts_page([*ends, dict(VERDICT, timestamp='2026-11-24T05:30:00.000Z', container='claude-hooks-other')])
    loop, other = cells(page, 'items')
    assert loop[0] == '2026-11-24 10:00:00.000 | +00:00' and other[2].startswith('claude-hooks-other')
    assert loop[2] == 'claude-hooks-dev | ended and removed 10 times since 2026-11-24 01:00:00.000+00:00'
    assert loop[5].startswith(
        'by itself, exit code 3 | evidence | 10:00:00.000 it ended with exit code 3 (event die) | all fields'
    )
    # Each on the line of the host and on its own
    assert '11 verdicts since today' in page and len(re.findall('(?:href="#|data-row=")row0"', page)) == 20


def test_the_login_of_a_caller_is_a_line_of_the_row():
    login = {'account': 'alice', 'address': '10.0.0.7', 'timestamp': '2026-11-24T09:00:00.000Z', 'ses': 17}
    found = dict(FINDING, caller={'login': login, 'parent': None})
    sentence = 'login: alice from 10.0.0.7 at 2026-11-24 09:00:00.000+00:00 (session 17)'
    assert sentence in cells(findings_page([found]), 'items')[0][5].split(' | ')
    assert sentence in cells(verdicts_page([dict(VERDICT, who=[found])]), 'items')[0][5].split(' | ')


def test_what_is_logged_is_said_of_each_host():
    watched = {'commands': True, 'uids': [0, 1000], 'connects': False, 'unwatched': []}
    sentence = 'docker commands of the users 0, 1000 are logged, connections to the engine are not logged'
    assert cells(verdicts_page(host=dict(JUDGED, watched=watched)), 'coverage-of-hosts')[0][-1] == sentence


def test_the_evidence_is_there_line_by_line():
    row = cells(verdicts_page([dict(VERDICT, evidence=['first', 'second'])]), 'items')[0]
    assert row[5].startswith('docker container rm claude-hooks-dev | evidence | first | second | all fields')


def test_a_report_shows_whole_findings_only():
    with pytest.raises(formats.FormatError, match='let it only choose findings'):
        report_page.of_findings([{'a': 1}], {'web1': READ}, chosen=True)
    assert 'Only the findings that select chose' in findings_page(chosen=True) and 'select chose' not in findings_page()


def test_a_report_of_findings_says_what_the_pattern_left_out():
    host = dict(READ, counts=dict(READ['counts'], others=7))
    assert '7 findings of other containers are not shown' in findings_page(host=host)
    assert 'are not shown' not in findings_page()


@pytest.mark.parametrize(
    'origin, expected',
    [
        ('raw', 0),
        ('syslog', 1),
        ('interpreted', 1),
    ],
)
def test_a_report_says_once_who_could_have_forged_what(origin, expected):
    page = findings_page([dict(FINDING, origin=origin)] * 2)
    assert page.count('could have forged them.') == expected


@pytest.mark.parametrize(
    'name, is_fine',
    [('r.html', True), ('R.HTM', True), ('r.txt', False), ('missing/r.html', False), ('folder.html', False)],
)
def test_what_cannot_be_a_page_is_refused(tmp_path, name, is_fine):
    (tmp_path / 'folder.html').mkdir()
    try:
        report_page.check(str(tmp_path / name), None)
        assert is_fine
    except whole_file.FileError as error:
        assert not is_fine and 'name a file that ends in .html, in a folder' in str(error)


@pytest.mark.parametrize('dest', ['r.html', 'R.HTM'])
def test_a_page_named_as_another_file_is_refused_with_the_option_that_writes_it(dest):
    with pytest.raises(whole_file.FileError, match='dest=%s: an HTML page is written with report=%s' % (dest, dest)):
        report_page.check(None, dest)


# --- What was not seen -----------------------------------------------------------------------------------------------

SPAN_LATE = {'span': {'first': '2026-11-24T09:00:00.000Z', 'last': '2026-11-24T11:00:00.000Z'}}


@pytest.mark.parametrize(
    'page, sentence',
    [
        (findings_page(host=dict(READ, **SPAN_LATE)), 'no log before 2026-11-24 09:00:00.000+00:00'),
        (findings_page(host=dict(READ, span={'first': None, 'last': None})), 'the log holds no record'),
        (
            findings_page(host=dict(READ, gaps=[{'first': '2026-11-24T03:00:00.000Z', 'last': None}])),
            'the log from 2026-11-24 03:00:00.000+00:00 to - is gone',
        ),
        (
            verdicts_page(host=dict(JUDGED, events={'count': 256, 'first': '2026-11-24T09:30:00.000Z', 'full': True})),
            'no event of the engine is known before 2026-11-24 09:30:00.000+00:00',
        ),
        (
            verdicts_page([], dict(JUDGED, events={'count': 0, 'first': None, 'full': False}), also={'web2': JUDGED}),
            'no event of the engine is known',
        ),
        (
            verdicts_page(
                [],
                dict(
                    JUDGED,
                    events=dict(
                        JUDGED['events'],
                        gaps=[
                            {'first': '2026-11-24T09:30:00.000Z', 'last': '2026-11-24T09:40:00.000Z'},
                            {'first': '2026-11-01T00:00:00.000Z', 'last': '2026-11-02T00:00:00.000Z'},
                        ],
                    ),
                ),
                also={'web2': JUDGED},
            ),
            'events of the engine are missing from 2026-11-24 09:30:00.000+00:00 to 2026-11-24 09:40:00.000+00:00',
        ),
    ],
    ids=[
        'log starts late',
        'no log',
        'log gone between',
        'engine forgot',
        'engine knows nothing',
        'kept events with a hole',
    ],
)
def test_a_gap_is_told_at_the_top_on_the_timeline_and_of_its_host(page, sentence):
    parsed = Parsed(page)
    assert [text for text in parsed.of('li') if text == 'web1: ' + sentence]
    assert cells(page, 'coverage-of-hosts')[0][1] == 'partly' and cells(page, 'coverage-of-hosts')[0][-1].startswith(
        sentence
    )
    # A host without any row has no line on the timeline
    assert parsed.of('title').count(sentence) == page.count('<h3><bdi>web1</bdi></h3>')


def test_nothing_missing_is_told_of_a_log_that_covers_all():
    page = findings_page()
    assert 'Some data is missing' not in page and cells(page, 'coverage-of-hosts')[0] == [
        'web1',
        'yes',
        '1',
        '12',
        '2',
        '3',
        '2026-11-20 00:00:03.120 | to 2026-11-24 11:58:01.007+00:00',
        '-',
    ]


def test_a_gap_covers_its_part_of_the_timeline():
    # From 08:00 to 12:00, and the log starts in the middle
    page = findings_page(
        [dict(FINDING, timestamp='2026-11-24T08:00:00.000Z')],
        dict(READ, span={'first': '2026-11-24T10:00:00.000Z', 'last': NOW}),
        since='2026-11-24T08:00:00Z',
    )
    assert '<rect class="gap" x="0.0%" width="50.0%"' in page and '<rect class="bar" x="50.0%" width="50.0%"' in page


def test_hosts_that_were_not_read_are_named_with_their_reason():
    page = findings_page(also={'far': UNREACHABLE})
    assert 'far was not read: unreachable: no route' in Parsed(page).of('li') and '1 of 2 hosts read' in page
    assert cells(page, 'coverage-of-hosts')[1] == ['far', 'no', '-', '-', '-', '-', '-', 'unreachable: no route']


def test_what_else_a_result_says_of_its_coverage_is_shown():
    host = dict(
        READ,
        unreadable=[
            {'host': 'web1', 'timestamp': FINDING['timestamp'], 'event': '1:2', 'reason': 'failed', 'pid': 5, 'uid': 0}
        ],
    )
    assert 'its command is not in the log: failed' in cells(findings_page(host=host), 'coverage-of-hosts')[0][-1]


# --- The timeline ----------------------------------------------------------------------------------------------------


def ticks(page):
    return re.findall(r'<text x="[\d.]+%" y="12">(.*?)</text>', page)


@pytest.mark.parametrize(
    'since, until, zone, expected',
    [
        ('2026-11-24T08:00:00Z', '2026-11-24T11:00:00Z', UTC, ['08:30', '09:00', '09:30', '10:00', '10:30']),
        ('2026-11-24T09:59:58Z', '2026-11-24T10:00:02Z', UTC, ['09:59:59', '10:00:00', '10:00:01']),
        ('2026-11-20', '2026-11-24T11:00:00Z', UTC, ['11-21', '11-22', '11-23', '11-24']),
        (
            '2026-11-23T20:00:00Z',
            '2026-11-24T08:00:00Z',
            zoneinfo.ZoneInfo('Asia/Kolkata'),
            ['03:00', '06:00', '09:00', '12:00'],
        ),
        ('2025-12-01', '2026-11-24T11:00:00Z', UTC, ['2026-03-01', '2026-05-30', '2026-08-28']),
    ],
)
def test_the_axis_has_round_times_of_the_zone(since, until, zone, expected):
    host = dict(READ, span={'first': '2020-01-01T00:00:00.000Z', 'last': NOW})
    moment = FINDING['timestamp'] if until > FINDING['timestamp'] else until
    page = report_page.of_findings(
        [dict(FINDING, timestamp=moment)], {'web1': host}, since=since, until=until, zone=zone, now=NOW
    )
    assert ticks(page) == expected


def test_a_long_void_before_all_that_is_known_is_left_out():
    page = findings_page(host=dict(READ, **SPAN_LATE), since='2020-01-01')
    # An eighth of the three hours from 09:00 to 12:00
    assert (
        '<p class="quiet">2026-11-24 08:37:30+00:00 to 2026-11-24 12:00:00+00:00.' in page and 'no log before' in page
    )


def test_lines_are_of_callers_and_actions_and_the_rare_ones_share_one():
    findings = [dict(FINDING, login_user='u%d' % number) for number in range(15)] + [
        dict(FINDING, login_user='u3', action='stop')
    ] * 2
    lines = re.findall(
        r'<div class="line"><span class="name" data-count="(\d+)"><span>(.*?)</span></span>', findings_page(findings)
    )
    assert len(lines) == 13 and re.sub('<.*?>', '', lines[0][1]) == 'stop by root (login u3)' and lines[0][0] == '2'
    assert re.sub('<.*?>', '', lines[-1][1]) == '4 other lines' and sum(int(count) for count, _name in lines) == 17


def test_thousands_of_findings_are_a_few_hundred_dots():
    start = datetime.datetime(2026, 11, 24, tzinfo=UTC)
    findings = [
        dict(
            FINDING,
            timestamp=(start + datetime.timedelta(seconds=8 * number))
            .isoformat(timespec='milliseconds')
            .replace('+00:00', 'Z'),
        )
        for number in range(5000)
    ]
    page = findings_page(findings)
    print('5000 findings: %.1f MB' % (len(page) / 1e6))
    assert page.count('<circle') <= 2 * 201 and page.count('<tr id=') == 5000 and len(page) < 8e6
