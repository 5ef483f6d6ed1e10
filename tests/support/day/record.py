# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded day: everything that engine, kernel and script said of it, as they said it, and the verdicts on it."""

from __future__ import annotations

import collections
import gzip
import json
import pathlib
import tempfile

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide
from ansible_collections.claude_hooks.docker_audit.tests.support.day import settings

NAMES = 'claude-hooks-day-*'
EXPECTED = pathlib.Path(__file__).with_name('expected.txt')
CONFIDENCE = ('open', 'likely', 'certain')
# The columns of the table for a setting; where connects are logged for a part of the day, either can hold
_COLUMNS = {
    settings.whole: [0],
    settings.engine_since_the_rules: [0],
    settings.without_connects: [1],
    settings.without_anything: [1],
    settings.everything_but_witness: [0, 1],
    **dict.fromkeys(set(settings.WITH_WITNESS) - {settings.everything_but_witness}, [2]),
}
_NO_COMMANDS = (
    settings.without_commands,
    settings.root_is_not_watched,
    settings.without_anything,
)
# What rests on a source that a setting has not
_AT_MOST = {
    settings.everything_but_connects: {'api': 'likely'},
    settings.everything_but_signals: {'killed_outside_engine': 'open', 'containerd': 'open'},
}


def keep(path, day):
    with gzip.open(path, 'wt', encoding='utf-8') as file:
        json.dump(day, file)


# --- Verdicts ---


def judge(recorded, setting):
    """The verdicts on a day in a setting, from its raw log on, as docker_verdicts_info finds them."""
    judged = []
    for part in settings.parts(recorded):
        day = settings.Day(part)
        setting(day)
        with tempfile.TemporaryDirectory() as folder:
            judged += decide.verdicts(day.material(pathlib.Path(folder)), NAMES, since=day.start)
    return judged


# --- What is true, and what can be said of it ---


def expected():
    """({(kind, what): [{cause: the highest confidence} where connects are logged, where not, and with everything]}, the
    causes that are not true but all that can be shown, as (kind, what, cause))"""
    found, untrue = {}, set()
    for line in EXPECTED.read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            kind, what, *cells = line.split()
            found[kind, what] = [{}, {}, {}]
            for says, cell in zip(found[kind, what], cells):
                for word in cell.split(','):
                    cause, confidence = word.strip('()').split(':')
                    says[cause] = confidence
                    if word.startswith('('):
                        untrue.add((kind, what, cause))
    return found, untrue


def container_of(day, verdict):
    """The container that the script noted: Compose renames it to ID_NAME, the script to NAME-new, and the task of a
    service is NAME.NUMBER.ID."""
    name = 'claude-hooks-day-' + verdict['container'].partition('claude-hooks-day-')[2].partition('.')[0]
    while name not in day['truth'] and '-' in name:
        name = name.rpartition('-')[0]
    return name


def kind_of(name):
    return name[len('claude-hooks-day-') :].rpartition('-')[0]


def noted(day, verdict):
    """What the script noted of the same kind of event. A command that removes a running container ends it, too.

    A restart whose start lies in a gap of the kept events is seen as a stop; in the whole day missing() finds it.
    """
    entries = day['truth'].get(container_of(day, verdict), [])
    same = [entry for entry in entries if entry[0] in verdict['what']]
    part_of = {'died': ('removed', 'restarted'), 'stopped': ('restarted',)}
    seen = part_of.get(verdict['what'][0], ()) if len(verdict['what']) == 1 else ()
    return same or [entry for entry in entries if entry[0] in seen]


def may_say(day, verdict, setting):
    """{cause: the highest confidence} that the table allows."""
    table, untrue = expected()
    kind = kind_of(container_of(day, verdict))
    columns = _COLUMNS.get(setting, [0, 1])
    allowed = {}
    entries = noted(day, verdict)
    for what in {entry[0] for entry in entries}:
        row = table.get((kind, what)) or table['*', what]
        for column in columns:
            for cause, confidence in row[column].items():
                allowed[cause] = max(allowed.get(cause, 'open'), confidence, key=CONFIDENCE.index)
    # Of this very container: the same kind can have one that went another way
    true = {entry[1] for entry in entries}
    allowed = {
        cause: confidence
        for cause, confidence in allowed.items()
        if cause in true or any((kind, entry[0], cause) in untrue for entry in entries)
    }
    for cause, most in _AT_MOST.get(setting, {}).items():
        if cause in allowed:
            allowed[cause] = min(allowed[cause], most, key=CONFIDENCE.index)
    if setting in _NO_COMMANDS:
        # No client of the API is accused for that no command explains it
        allowed.pop('api', None)
    return allowed


def wrong(day, judged, setting):
    """What is wrong in verdicts: [(why, what is true, the verdict)]."""
    found = []
    for verdict in judged:
        entries, allowed = noted(day, verdict), may_say(day, verdict, setting)
        pids = {pid for _what, _cause, pid in entries if pid}
        named = [who.get('pid') in pids or who.get('ppid') in pids for who in verdict['who']]
        unnamed = any(cause == 'cli' and pid is None for _what, cause, pid in entries)  # the script does not know it
        if not entries:
            found.append(('nothing of the kind happened', entries, verdict))
        elif verdict['cause'] != 'not_known' and verdict['cause'] not in allowed:
            found.append(('cause', entries, verdict))
        elif verdict['confidence'] != 'open' and not unnamed and not all(named):
            found.append(('name', entries, verdict))
        elif verdict['cause'] != 'not_known' and CONFIDENCE.index(verdict['confidence']) > CONFIDENCE.index(
            allowed[verdict['cause']]
        ):
            found.append(('surer than the table allows', entries, verdict))
    return found


# Whether the engine notes a stop of what is between two lives depends on the moment
_CAN_BE_MISSING = ('stop_of_a_crash_loop', 'stopped')


def missing(day, judged):
    """[(container, what)] that happened and has no verdict."""
    seen = {}
    for verdict in judged:
        seen.setdefault(container_of(day, verdict), set()).update(verdict['what'])
    return [
        (name, what)
        for name, entries in day['truth'].items()
        for what, _cause, _pid in entries
        if what not in seen.get(name, ()) and (kind_of(name), what) != _CAN_BE_MISSING
    ]


def confusion(day, judged):
    """The table of true causes against what was said."""
    counts = {}
    for verdict in judged:
        true = '/'.join(sorted({cause for _what, cause, _pid in noted(day, verdict)})) or '?'
        said = '%s/%s' % (verdict['cause'], verdict['confidence'])
        counts[true, said] = counts.get((true, said), 0) + 1
    columns = sorted({said for _true, said in counts})
    lines = ['%-24s' % 'TRUE CAUSE' + ''.join('%30s' % column for column in columns)]
    for true in sorted({true for true, _said in counts}):
        lines.append('%-24s' % true + ''.join('%30s' % (counts.get((true, column)) or '.') for column in columns))
    sure = sum(1 for verdict in judged if verdict['confidence'] != 'open')
    return '\n'.join(lines + ['certain or likely: %d of %d' % (sure, len(judged))])


# What a verdict on a client of the API misses for the proof that it was this one
_MISSING = (
    'look_not_whole',
    'connects_not_logged',
    'connects_logged_later',
    'listeners_not_watched',
    'processes_before_audit',
    'records_lost',
    'did_not_connect',
    'client_gone',
)


def proven(day, judged):
    """How often exactly one client of the API was left as the asker, and what the others missed."""
    of_clients = [one for one in judged if {cause for _what, cause, _pid in noted(day, one)} == {'api'}]
    counts = collections.Counter()
    for verdict in of_clients:
        codes = sorted({line['code'] for line in verdict['evidence']} & set(_MISSING))
        several = len(verdict['who']) + verdict['more'] - 1
        if verdict['confidence'] != 'certain':
            older = sum(line.get('count', 0) for line in verdict['evidence'] if line['code'] == 'older_clients')
            codes += ['one of several new clients'] if several > 0 else ['older clients'] if older else []
            counts[', '.join(codes) or 'nothing of these'] += 1
    sure = collections.Counter(verdict['confidence'] for verdict in of_clients)
    lines = ['of %d ends by clients of the API: %s' % (len(of_clients), dict(sure))]
    return '\n'.join(lines + ['%5d not proven: %s' % (count, why) for why, count in counts.most_common()])
