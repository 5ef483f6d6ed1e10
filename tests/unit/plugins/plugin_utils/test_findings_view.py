# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: findings become text that people can read and programs read back, whatever the log holds."""

from __future__ import annotations

import csv
import datetime
import io
import json
import subprocess
import unicodedata

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import entries
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, findings_view, formats, parts
from ansible_collections.claude_hooks.docker_audit.tests.support import samples

ZONE = datetime.timezone(datetime.timedelta(hours=1))
FINDING = samples.finding(
    'container', 'rm', 'claude-hooks-dev', 'x y', targets=['claude-hooks-dev', 'x'], matched=['claude-hooks-dev']
)
READ = samples.answer([FINDING])

LOGIN = {
    'account': 'bob',
    'address': '192.0.2.1',
    'hostname': 'h',
    'terminal': '/dev/pts/0',
    'exe': '/usr/sbin/sshd',
    'auid': 1000,
    'ses': 3,
    'timestamp': '2026-11-24T23:40:12.305Z',
    'event': '1795563612.305:52',
}
PARENT = {
    'pid': 14296,
    'comm': 'python3',
    'exe': '/usr/bin/python3.11',
    'argv': ['/usr/bin/python3', '/opt/clean up.py'],
    'argv_complete': True,
    'unit': 'cron.service',
    'container': None,
    'container_name': None,
    'started': '2026-11-24T23:57:42.910Z',
    'seen': '2026-11-24T23:57:43.301Z',
}

# What a terminal, a spreadsheet or a line reader would obey: text, and how it is shown within $'...'
HOSTILE = {
    'escape': ('\x1b[2J', r'\x1b[2J'),
    'CSI as C1': ('\x9b31m', r'\u009b31m'),
    'OSC 8 link': ('\x1b]8;;http://x\x07y', r'\x1b]8;;http://x\x07y'),
    'NEL': ('a\x85b', r'a\u0085b'),
    'carriage return': ('a\rb', r'a\rb'),
    'new line': ('a\nb', r'a\nb'),
    'CRLF': ('a\r\nb', r'a\r\nb'),
    'tab': ('a\tb', r'a\tb'),
    'backspace': ('a\bb', r'a\x08b'),
    'NUL': ('a\0b', r'a\x00b'),
    'DEL': ('a\x7fb', r'a\x7fb'),
    'right-to-left override': ('a\u202eb', r'a\u202eb'),
    'isolate': ('a\u2066b', r'a\u2066b'),
    'right-to-left mark': ('a\u200fb', r'a\u200fb'),
    'arabic letter mark': ('a\u061cb', r'a\u061cb'),
    'line separator': ('a\u2028b', r'a\u2028b'),
    'paragraph separator': ('a\u2029b', r'a\u2029b'),
    'zero width space': ('a\u200bb', r'a\u200bb'),
    'byte order mark': ('a\ufeffb', r'a\ufeffb'),
    'no-break space': ('a\xa0b', r'a\u00a0b'),
    'soft hyphen': ('a\xadb', r'a\u00adb'),
    'hangul filler': ('a\u3164b', r'a\u3164b'),
    'variation selector': ('a\ufe0fb', r'a\ufe0fb'),
    'grapheme joiner': ('a\u034fb', r'a\u034fb'),
    'tag character': ('a\U000e0041b', r'a\U000e0041b'),
    'group separator': ('a\x1db', r'a\x1db'),
    'byte that is not UTF-8': ('a\udcffb', r'a\xffb'),
    'other surrogate': ('a\ud800b', r'a\ud800b'),
    'quote and backslash': ("\n'\\", r"\n\'\\"),
}
TEXTS = [text for text, _shown in HOSTILE.values()] + [
    '{{ 7*7 }}',
    '=1+1',
    '',
    ' ',
    "it's",
    '"',
    '\\x1b',
    'caf\u00e9',
    '!unsafe x',
    '- a: b',
    'null',
    '1',
]


# What an expression can make, and what is no finding
ALIKE = {'host': 'x', 'timestamp': 'x', 'event': 'x', 'action': 'x', 'targets': 'x', 'argv': 'docker ps'}


def hostile(text):
    """A finding with the text wherever a log can bring it."""
    login = dict(LOGIN, **{name: text for name in ('account', 'address', 'hostname', 'terminal', 'exe')})
    parent = dict(PARENT, comm=text, exe=text, argv=[text] if text else [], unit=text)
    caller = {'login': login, 'process': dict(parent, container='a' * 64, container_name=text), 'parent': parent}
    return samples.saying(text, matched=[text], signal=text, caller=caller)


def is_harmless(line):
    return all(
        unicodedata.category(character)[0] not in 'C' and character not in '\u2028\u2029\xa0\u3164\ufe0f\u034f'
        for character in line
    )


@pytest.mark.parametrize('text, shown', HOSTILE.values(), ids=HOSTILE)
def test_what_does_not_print_is_shown_by_its_code(text, shown):
    assert escape.quoted(text) == "$'%s'" % shown


@pytest.mark.parametrize('text', TEXTS)
def test_no_line_of_the_view_holds_what_a_terminal_obeys(text):
    failed = {'failed': True, 'msg': 'cannot read %s' % text}
    lines = findings_view.view(
        [hostile(text)], {text: dict(READ, findings=[hostile(text)]), text + '2': failed}, text, text, ZONE
    )
    assert [line for line in lines if not is_harmless(line)] == []


@pytest.mark.parametrize('text', TEXTS)
def test_text_cannot_add_a_line_to_the_view(text):
    assert len(findings_view.table([hostile(text)], ZONE)) <= len(
        findings_view.table([hostile('x' * max(1, len(escape.quoted(text))))], ZONE)
    )


@pytest.mark.parametrize(
    'words',
    [
        [
            'docker',
            'rm',
            '-f',
            'a b',
            "it's",
            '',
            '$(id)',
            '`id`',
            '{{ 7*7 }}',
            '*',
            '~',
            'caf\u00e9',
            '"',
            '\\',
            '!',
            ';',
        ],
        ["\x1b[31m'\\", 'a\nb\r\t', '\u202ex', '\u009b', '\U000e0041', '\x7f', '0\x011'],
    ],
)
def test_a_shell_takes_the_command_line_back(words):
    line = escape.command_line(dict(FINDING, argv=words))
    printed = subprocess.run(
        ['bash', '-c', "printf '%s\\0' " + line],
        env={'LC_ALL': 'C.UTF-8'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert printed.stdout.decode().split('\0')[:-1] == words


def test_bytes_that_are_not_utf8_come_from_argv_hex():
    finding = dict(FINDING, argv=['docker', '\\xff\\n'], argv_hex=[b'docker'.hex(), b'\xff\\n'.hex()])
    assert escape.command_line(finding) == r"docker $'\xff\\n'"


def test_the_table_shows_what_an_operator_asks_for():
    assert findings_view.table([FINDING], ZONE) == [
        'TIME                           HOST  ACTION  USER  LOGIN USER  PID    PPID',
        '2026-11-25 00:57:43.051+01:00  web1  remove  root  bob         14342  14296',
        '    targets claude-hooks-dev x  exe /usr/bin/docker  cwd /root',
        "    $ docker container rm claude-hooks-dev 'x y'",
    ]


@pytest.mark.parametrize(
    'changes, expected',
    [
        ({'match': 'possible', 'targets': []}, 'no targets (possible)'),
        ({'match': 'id', 'targets': ['4736']}, 'targets 4736 (id of a matching container)'),
        (
            {'match': 'id', 'targets': ['47'], 'target_names': {'47': 'claude-hooks-db'}},
            'targets 47 (id of claude-hooks-db)',
        ),
        ({'match': 'id', 'target_names': {'x': '\x1b'}}, r"(id of $'\x1b')"),
        ({'docker_host': 'tcp://far:1', 'context': 'there'}, 'engine tcp://far:1  context there'),
        ({'argv_complete': False}, "'x y' ... (the log lacks arguments)"),
        ({'user': None, 'login_user': None}, 'remove  0     1000'),
        ({'auid': None, 'login_user': None}, 'root  -'),
        ({'timestamp': None, 'event': None}, '\n-'),
        ({'argv': ['docker', 'rm', 'y' * 131072]}, '... (129082 more characters)'),
        ({'cwd': '/tmp/x  exe /bin/true'}, "cwd '/tmp/x  exe /bin/true'"),
    ],
)
def test_the_table_says_what_is_special(changes, expected):
    assert expected in '\n'.join(findings_view.table([dict(FINDING, **changes)], ZONE))


CONTAINER = {'unit': None, 'container': '3f2a9c1b77d0' + '0' * 52}


@pytest.mark.parametrize(
    'caller, expected',
    [
        ({'login': LOGIN}, 'login: bob from 192.0.2.1 on /dev/pts/0 at 2026-11-25 00:40:12.305+01:00 (session 3)'),
        (
            {'login': dict(LOGIN, account=None, address=None, terminal='cron')},
            'login: 1000 on cron at 2026-11-25 00:40:12.305+01:00 (session 3)',
        ),
        ({'parent': PARENT}, "parent: 14296 cron.service, now /usr/bin/python3 '/opt/clean up.py'"),
        ({'parent': dict(PARENT, unit=None)}, "parent: 14296, now /usr/bin/python3 '/opt/clean up.py'"),
        ({'parent': dict(PARENT, argv=[], comm='kworker/0', unit=None)}, 'parent: 14296, now [kworker/0]'),
        (
            {'parent': dict(PARENT, argv=['x' * 500], **CONTAINER)},
            'parent: 14296 container 3f2a9c1b77d0, now ' + 'x' * 400 + ' ... (100 more characters)',
        ),
        (
            {'parent': dict(PARENT, argv=['sh'], container_name='watchtower', **CONTAINER)},
            'parent: 14296 container watchtower, now sh',
        ),
        ({'process': dict(PARENT, argv=['docker'])}, 'process: 14296 cron.service, now docker'),
        ({'login': None, 'process': None, 'parent': None}, None),
        (
            {'process': dict(PARENT, argv=['docker']), 'parent': PARENT},
            "parent: 14296 cron.service, now /usr/bin/python3 '/opt/clean up.py'",
        ),
    ],
)
def test_what_is_known_of_the_caller_stands_on_a_line_of_its_own(caller, expected):
    lines = findings_view.table([dict(FINDING, caller=caller)], ZONE)
    assert lines[3:-1] == (['    ' + expected] if expected else [])
    assert (expected or 'cwd /root') + '  $ docker' in findings_view.line(dict(FINDING, caller=caller), ZONE)


def test_of_a_connect_the_process_itself_is_shown_too():
    pieces = list(
        parts.caller_pieces({'caller': {'login': LOGIN, 'process': dict(PARENT, pid=7), 'parent': PARENT}}, ZONE)
    )
    assert [piece.split(' ')[:2] for piece in pieces] == [['login:', 'bob'], ['process:', '7'], ['parent:', '14296']]


def test_of_the_first_process_of_a_container_the_helper_of_the_engine_is_not_shown():
    caller = {'process': dict(PARENT, pid=7, **CONTAINER), 'parent': dict(PARENT, unit='docker.service')}
    assert [piece[:10] for piece in parts.caller_pieces({'caller': caller}, ZONE)] == ['process: 7']


@pytest.mark.parametrize('host', ['web1', 'build1.example.com', 'build1.eu-central.example.com'])
@pytest.mark.parametrize('action', ['stop', 'service_update'])
def test_ordinary_findings_fit_into_80_columns(host, action):
    finding = dict(FINDING, host=host, action=action, cwd='/home/bob/' + 'x' * 60, docker_host='ssh://' + 'y' * 60)
    hosts = {host: dict(READ, findings=[finding])}
    lines = findings_view.view([finding], hosts, zone=ZONE)
    tables = [line for line in lines if not line.startswith(('    $ ', '1 of 1 host read'))]
    assert max(map(len, tables)) <= 80
    shown = ' '.join(' '.join(tables).split())
    assert all(word in shown for word in (host, action, 'root', 'bob', '14342', '14296'))


def test_a_line_is_coloured_by_its_action():
    lines = findings_view.table([FINDING], ZONE, lambda text, about: '<%s %s>' % (about, text))
    assert lines[1].startswith('<remove 2026-') and [line for line in lines if '<' in line] == [lines[1]]


def test_a_line_holds_what_the_table_shows():
    assert findings_view.line(FINDING, ZONE) == (
        '2026-11-25 00:57:43.051+01:00  web1  remove  targets claude-hooks-dev x  user root (login bob)  '
        "pid 14342  ppid 14296  exe /usr/bin/docker  cwd /root  $ docker container rm claude-hooks-dev 'x y'"
    )


@pytest.mark.parametrize(
    'changes, expected',
    [
        ({'match': 'possible', 'targets': []}, '  no targets (possible)  '),
        ({'docker_host': 'tcp://far:1', 'context': 'there'}, 'cwd /root  engine tcp://far:1  context there  $ '),
        ({'user': None, 'login_user': None}, '  user 0 (login 1000)  '),
        ({'auid': None, 'login_user': None}, '  user root  pid '),
        ({'timestamp': None}, '-  web1  '),
        ({'argv_complete': False}, "'x y' ... (the log lacks arguments)"),
        ({'cwd': '/tmp  $ docker ps'}, "cwd '/tmp  $ docker ps'  $ docker container rm"),
    ],
)
def test_a_line_says_what_is_special(changes, expected):
    assert expected in findings_view.line(dict(FINDING, **changes), ZONE)


@pytest.mark.parametrize('text', TEXTS)
@pytest.mark.parametrize(
    'shown',
    [
        lambda text: findings_view.line(hostile(text), ZONE),
        lambda text: findings_view.gap_line(text, READ['span'], ZONE),
        lambda text: parts.unreadable_line(dict(hostile(text), reason='failed'), ZONE),
    ],
    ids=['finding', 'gap', 'unreadable'],
)
def test_text_cannot_break_a_line(shown, text):
    assert is_harmless(shown(text)) and '\n' not in shown(text)


def test_a_gap_says_from_when_to_when():
    assert findings_view.gap_line('web1', {'first': '2026-11-20T00:00:03.120Z', 'last': None}, ZONE) == (
        'GAP  web1  what was logged from 2026-11-20 01:00:03.120+01:00 to - was deleted before it was read'
    )


def test_an_execution_without_a_command_is_told_by_who_and_when():
    assert parts.unreadable_line(dict(FINDING, reason='no arguments'), ZONE) == (
        "web1: docker was executed at 2026-11-25 00:57:43.051+01:00 by user root (pid 14342, event 1795564663.051:91), "
        "but its command is not in the log: no arguments"
    )


def test_the_newest_finding_of_all_hosts_is_the_last():
    times = [
        ('2026-11-24T00:00:00.000Z', '1.000:10', 'a'),
        ('2026-11-24T00:00:00.001Z', '1.000:2', 'b'),
        ('2026-11-24T00:00:00.001Z', '1.000:10', 'a'),
        ('2026-11-25T00:00:00.000Z', '1.000:1', 'b'),
    ]
    findings = [dict(FINDING, timestamp=time, event=event, host=host) for time, event, host in times]
    assert findings_view.by_time([findings[3], findings[2], findings[0], findings[1]]) == findings


def test_the_view_ends_with_the_hosts_that_were_not_read():
    hosts = {
        'web1': READ,
        'web2': dict(
            READ,
            findings=[],
            counts={'executions': 0, 'failed': 0, 'unreadable': 0},
            span={'first': None, 'last': None},
        ),
        'web4': {'unreachable': True, 'msg': 'Task failed: no route\nto host'},
        'web3': {'failed': True, 'msg': 'no log\x1b'},
    }
    assert findings_view.view([FINDING], hosts, zone=ZONE)[5:] == [
        'HOST  FINDINGS  EXECUTIONS  NOT STARTED  UNREADABLE',
        'web1  1         12          2            3',
        '    log from 2026-11-20 01:00:03.120+01:00 to 2026-11-25 00:58:01.007+01:00',
        'web2  0         0           0            0',
        '    the log is empty',
        '',
        '2 of 4 hosts read, since today: 1 finding, 12 docker executions seen, 2 of them did not start',
        'No docker execution in the log of web2. That proves nothing unless the audit rule was in force: '
        + 'coverage.yml checks it.',
        '',
        'NOT READ:',
        '    web4: unreachable: no route to host',
        r'    web3: no log\x1b',
    ]


@pytest.mark.parametrize(
    'others, container, expected',
    [
        (0, None, []),
        (
            1,
            None,
            ["1 finding of other containers is not shown (container=claude-hooks-*): -e container='*' shows all"],
        ),
        (7, 'w*', ["7 findings of other containers are not shown (container=w*): -e container='*' shows all"]),
        (7, '\x1b', ["7 findings of other containers are not shown (container=\\x1b): -e container='*' shows all"]),
    ],
)
def test_the_view_says_what_the_pattern_left_out(others, container, expected):
    hosts = {'a': dict(READ, counts=dict(READ['counts'], others=others)), 'b': {'failed': True, 'msg': 'x'}}
    lines = findings_view.view([], hosts, zone=ZONE, container=container)
    assert [line for line in lines if 'not shown' in line] == expected


@pytest.mark.parametrize(
    'kept, expected',
    [
        (3, None),
        (2, "1 finding is not shown: select=[?action=='kill'] left it out."),
        (0, "3 findings are not shown: select=[?action=='kill'] left them out."),
    ],
)
def test_the_view_says_what_select_left_out(kept, expected):
    hosts = {'web1': dict(READ, findings=[FINDING] * 2), 'web2': READ, 'web3': {'failed': True, 'msg': 'x'}}
    lines = findings_view.view([FINDING] * kept, hosts, zone=ZONE, select="[?action=='kill']")
    assert [line for line in lines if 'select' in line] == ([expected] if expected else [])
    assert not any('select' in line for line in findings_view.view([FINDING], hosts, zone=ZONE))


ORIGINS = [
    (['raw', 'raw'], []),
    (['raw', 'syslog'], ['From a syslog: 1 finding. Whoever may write to it could have forged it.']),
    (
        ['interpreted', 'syslog', 'interpreted'],
        [
            'From a syslog: 1 finding. Whoever may write to it could have forged it.',
            'From ausearch -i: 2 findings. Whoever may run a command could have forged them.',
        ],
    ),
]


@pytest.mark.parametrize('origins, expected', ORIGINS)
def test_the_view_says_once_who_could_have_forged_what(origins, expected):
    findings = [dict(FINDING, origin=origin) for origin in origins]
    lines = findings_view.view(findings, {'web1': dict(READ, findings=findings)}, zone=ZONE)
    assert [line for line in lines if 'forged' in line] == expected
    assert all(len(line) <= 80 for line in expected)


def test_the_view_says_for_which_time_it_asked():
    assert any(
        line.startswith('1 of 1 host read, since 2026-11-01 until 2026-11-02: ')
        for line in findings_view.view([], {'a': READ}, '2026-11-01', '2026-11-02')
    )


@pytest.mark.parametrize(
    'items, expected',
    [
        ([], ['No finding.']),
        ([{'a': 1}, 'x\x7f\u202e'], ['{"a": 1}', r'"x\u007f\u202e"']),
        (None, ['null']),
        (3, ['3']),
        (FINDING, findings_view.table([FINDING], ZONE)),
        # its fields have the names of a finding's
        ([ALIKE], [json.dumps(ALIKE)]),
        ([dict(FINDING, argv='x')], [escape.json_line(dict(FINDING, argv='x'))]),
    ],
)
def test_the_view_shows_what_a_query_made(items, expected):
    lines = findings_view.view(items, {'web1': READ}, zone=ZONE, select='[]')
    assert lines[: lines.index('')] == expected


@pytest.mark.parametrize('text', TEXTS)
def test_json_lines_read_back_equal(text):
    written = formats.jsonl([hostile(text), FINDING])
    assert [json.loads(line) for line in written.splitlines()] == [hostile(text), FINDING]
    assert written.isascii() and is_harmless(written.replace('\n', ''))


@pytest.mark.parametrize(
    'text',
    [text for text in TEXTS if text != HOSTILE['other surrogate'][0] and text != HOSTILE['byte that is not UTF-8'][0]],
)
def test_yaml_reads_back_equal(text):
    written = formats.yaml_text([hostile(text), FINDING])
    assert yaml.safe_load(written) == [hostile(text), FINDING]
    assert written.isascii() and is_harmless(written.replace('\n', ''))


@pytest.mark.parametrize('text', TEXTS)
def test_csv_reads_back_with_one_line_per_finding(text):
    written = formats.csv_text([hostile(text), FINDING])
    assert written.count('\n') == 3 and is_harmless(written.replace('\r\n', ''))
    first, second = csv.DictReader(io.StringIO(written, newline=''))
    assert first['exe'].removeprefix("'" if text.startswith(('=', '-')) else '') == escape.printable(text)
    assert json.loads(first['argv']) == ['docker', text]
    assert {name: value for name, value in second.items() if value} == {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in FINDING.items()
        if value is not None
    }


@pytest.mark.parametrize('start', ['=', '+', '-', '@', '\t', '\r', '\n', '\uff1d', '\uff0b', '\uff0d', '\uff20'])
def test_no_csv_cell_starts_a_formula(start):
    finding = hostile(start + 'cmd|"/c calc"!A0')
    for row in csv.reader(
        io.StringIO(formats.csv_text([finding]) + formats.csv_text([start]) + formats.csv_text([{start: start}]))
    ):
        assert [cell for cell in row if cell[:1] == start] == []


@pytest.mark.parametrize(
    'items, expected',
    [
        ([], '"host","timestamp","event",'),
        (['a', 1, ['b']], '"value"\r\n"a"\r\n"1"\r\n"[""b""]"\r\n'),
        ([{'a': 1}, {'b': None}], '"a","b"\r\n"1",""\r\n"",""\r\n'),
        (None, '"value"\r\n""\r\n'),
    ],
)
def test_csv_of_what_a_query_made(items, expected):
    assert formats.csv_text(items).startswith(expected)


def test_csv_has_a_column_for_each_field_of_a_finding():
    (columns,) = csv.reader(io.StringIO(formats.csv_text([])))
    # The node of a record does not leave the core
    assert set(columns) == set(entries.Finding.__annotations__) - {'node'}


def test_ecs_names():
    assert formats.ecs(dict(FINDING, argv_hex=['ff'])) == {
        '@timestamp': '2026-11-24T23:57:43.051Z',
        'ecs': {'version': '8.11.0'},
        'message': r"$'\xff'",
        'event': {
            'kind': 'event',
            'category': ['process'],
            'type': ['start'],
            'module': 'auditd',
            'dataset': 'docker_audit.findings',
            'action': 'remove',
            'id': '1795564663.051:91',
            'sequence': 91,
            'outcome': 'success',
        },
        'host': {'name': 'web1'},
        'container': {'name': ['claude-hooks-dev']},
        'user': {'id': '0', 'name': 'root'},
        'process': {
            'pid': 14342,
            'parent': {'pid': 14296},
            'name': 'docker',
            'executable': '/usr/bin/docker',
            'working_directory': '/root',
            'args': FINDING['argv'],
            'args_count': 5,
            'command_line': r"$'\xff'",
        },
        'tags': ['claude-hooks-docker'],
        'docker_audit': {
            'subcommand': 'container rm',
            'targets': ['claude-hooks-dev', 'x'],
            'matched': ['claude-hooks-dev'],
            'match': 'name',
            'origin': 'raw',
            'auid': 1000,
            'login_user': 'bob',
            'ses': 3,
            'tty': 'pts0',
            'argv_complete': True,
            'argv_hex': ['ff'],
        },
    }


def test_ecs_leaves_out_what_is_not_known_and_keeps_false():
    document = formats.ecs(
        dict(FINDING, uid=None, user=None, matched=[], timestamp=None, event=None, argv_complete=False, success=None)
    )
    assert (
        not {'user', 'container', '@timestamp'} & set(document) and document['docker_audit']['argv_complete'] is False
    )
    assert document['event']['outcome'] == 'unknown' and not {'id', 'sequence'} & set(document['event'])


@pytest.mark.parametrize('part', [{'host': 'web1'}, ALIKE])
def test_ecs_refuses_parts_of_findings(part):
    with pytest.raises(formats.FormatError, match='format=ecs names the fields of whole findings'):
        formats.ecs_jsonl([FINDING, part])


# Half a surrogate is refused before: see answers.text
@pytest.mark.parametrize('text', [text for text in TEXTS if text.encode('utf-8', 'ignore').decode() == text])
def test_ecs_lines_are_json(text):
    document = json.loads(formats.ecs_jsonl([hostile(text)]))
    assert document['process']['args'] == ['docker', text]


@pytest.mark.parametrize('auid, is_explained', [(1000, False), (0, False), (None, True)])
def test_a_dash_for_the_login_is_explained_once_where_there_is_one(auid, is_explained):
    findings = [dict(FINDING, auid=auid, login_user=None)] * 2
    text = '\n'.join(findings_view.view(findings, {'web1': READ}, zone=ZONE))
    assert text.count('pam_loginuid') == is_explained
