# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded day: everything that engine, kernel and script said of it, as they said it, and the verdicts on it.

A setting is the day with its records taken out, those of CONFIG_CHANGE included: as a host has it that logs less.
"""

from __future__ import annotations

import gzip
import json
import pathlib
import re
import tempfile

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import decide, on_host

NAMES = 'claude-hooks-day-*'
EXPECTED = pathlib.Path(__file__).with_name('expected.txt')
CONFIDENCE = ('open', 'likely', 'certain')
SETTINGS = (
    'all',
    'connects not logged',
    'connects from noon',
    'connects until noon',
    'events forgotten',
    'root unwatched',
)
_EVENT = re.compile(r'msg=audit\((\d+)\.(\d{3}):(\d+)\)')
_REMEMBERED = 256  # events that an engine keeps (moby, daemon/events/events.go)


def read(path):
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        return json.load(file)


def keep(path, day):
    with gzip.open(path, 'wt', encoding='utf-8') as file:
        json.dump(day, file)


# --- Settings ---


def setting_of(day, setting):
    """(log, listing of rules, events, whether older ones are forgotten) of the day in a setting."""
    log, rules, events = day['log'], day['rules'], day['events']
    noon = (day['start'] + day['end']) / 2
    socket, own = 'key="%s-socket"' % day['key'], 'key="%s"' % day['key']
    if setting == 'connects not logged':
        log = _without(log, lambda lines, time: socket in lines)
        rules = _without_rule(rules, day['key'] + '-socket')
    elif setting == 'connects from noon':
        log = _moved(log, socket, 'add_rule', noon)
        log = _without(log, lambda lines, time: socket in lines and time < noon)
    elif setting == 'connects until noon':
        log = _without(log, lambda lines, time: socket in lines and time > noon)
        log += 'type=CONFIG_CHANGE msg=audit(%d.%03d:4294967000): op=remove_rule %s list=4 res=1\n' % (
            *divmod(int(noon), 1000),
            socket,
        )
        rules = _without_rule(rules, day['key'] + '-socket')
    elif setting == 'events forgotten':
        events = events[-_REMEMBERED:]
    elif setting == 'root unwatched':
        log = _without(log, lambda lines, time: own in lines and ' uid=0 ' in lines)
        rules = '\n'.join(line for line in rules.split('\n') if own.replace('"', '') not in line or 'uid=0' not in line)
    return log, rules, events, setting == 'events forgotten'


def _groups(log):
    """The events of a log: [(time, lines)], in the order of their first lines."""
    groups = {}
    for line in log.split('\n'):
        found = _EVENT.search(line)
        if found:
            groups.setdefault(found.groups(), []).append(line)
    return [(int(key[0]) * 1000 + int(key[1]), '\n'.join(lines) + '\n') for key, lines in groups.items()]


def _without(log, is_out):
    return ''.join(lines for time, lines in _groups(log) if not is_out(lines, time))


def _moved(log, key, op, time):
    """The log with what it says of a rule at another time."""
    found = []
    for moment, lines in _groups(log):
        if 'type=CONFIG_CHANGE' in lines and key in lines and op in lines:
            lines = lines.replace('audit(%d.%03d:' % divmod(moment, 1000), 'audit(%d.%03d:' % divmod(int(time), 1000))
            moment = time
        found.append((moment, lines))
    return ''.join(lines for _moment, lines in sorted(found, key=lambda group: group[0]))


def _without_rule(rules, key):
    return '\n'.join(line for line in rules.split('\n') if not re.search(r'key=%s(\s|$)' % re.escape(key), line))


# --- Verdicts ---


def judge(day, setting='all'):
    """The verdicts on a day in a setting, by the way that docker_verdicts_info takes."""
    log, rules, events, full = setting_of(day, setting)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'audit.log'
        path.write_bytes(log.encode('latin-1'))
        logged = on_host.read_logs(day['key'], str(path))
    host = on_host.Host(
        key=day['key'],
        logged=logged,
        listing=rules,
        now=day['end'],
        booted=day['booted'],
        events=events,
        full=full,
        kept={'events': [], 'gone': [], 'connects': [], 'gaps': []},
        containers={},
        engine_since=None,
        reasons=[],
        own=[tuple(one) for one in day['own']],
        real=None,
    )
    material = on_host.material(host)
    judged = decide.verdicts(material, NAMES, since=day['start'])
    # The engine that was ended has another socket, whose connects no rule logs
    down = material._replace(
        events=day['down']['events'],
        connects=(),
        sources=material.sources._replace(connects=(), blind=()),
        engine_ends=[day['down']['gone']],
    )
    return judged + decide.verdicts(down, NAMES, since=day['start'])


# --- What is true, and what can be said of it ---


def expected():
    """({(kind, what): [{cause: the highest confidence}, where connects are logged, and where not]}, the causes that are
    not true but all that can be shown, as (kind, what, cause))"""
    found, untrue = {}, set()
    for line in EXPECTED.read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            kind, what, *cells = line.split()
            found[kind, what] = [{}, {}]
            for says, cell in zip(found[kind, what], cells):
                for word in cell.split(','):
                    cause, confidence = word.strip('()').split(':')
                    says[cause] = confidence
                    if word.startswith('('):
                        untrue.add((kind, what, cause))
    return found, untrue


def container_of(day, verdict):
    """The container that the script noted: Compose renames it to ID_NAME, the script to NAME-new."""
    name = 'claude-hooks-day-' + verdict['container'].partition('claude-hooks-day-')[2]
    while name not in day['truth'] and '-' in name:
        name = name.rpartition('-')[0]
    return name


def kind_of(name):
    return name[len('claude-hooks-day-') :].rpartition('-')[0]


def noted(day, verdict):
    """What the script noted of the same kind of event. A command that removes a running container ends it, too."""
    entries = day['truth'].get(container_of(day, verdict), [])
    same = [entry for entry in entries if entry[0] in verdict['what']]
    return same or [entry for entry in entries if entry[0] == 'removed' and verdict['what'] == ['died']]


def may_say(day, verdict, setting):
    """{cause: the highest confidence} that the table allows."""
    table, _untrue = expected()
    kind = kind_of(container_of(day, verdict))
    columns = [0, 1] if 'noon' in setting else [1] if setting == 'connects not logged' else [0]
    allowed = {}
    for what in {entry[0] for entry in noted(day, verdict)}:
        row = table.get((kind, what)) or table['*', what]
        for column in columns:
            for cause, confidence in row[column].items():
                allowed[cause] = max(allowed.get(cause, 'open'), confidence, key=CONFIDENCE.index)
    if setting == 'root unwatched':
        # Nearly nobody's commands are logged: no command explains it, and no client of the API is accused for that
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


def missing(day, judged):
    """[(container, what)] that happened and has no verdict."""
    seen = {}
    for verdict in judged:
        seen.setdefault(container_of(day, verdict), set()).update(verdict['what'])
    return [
        (name, what)
        for name, entries in day['truth'].items()
        for what, _cause, _pid in entries
        if what not in seen.get(name, ())
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
