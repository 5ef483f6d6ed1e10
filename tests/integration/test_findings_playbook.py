# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: findings.yml shows what the kernel logged on every host, says which hosts it could not read, and obeys no
argument.

Executes docker for real under an audit rule and runs the real ansible-playbook. Needs root and the audit tools, as the
test set-up provides them.
"""

from __future__ import annotations

import csv
import datetime
import html
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time
import unicodedata

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = os.path.realpath(shutil.which('docker'))
KEY = 'claude-hooks-test'
LOG = pathlib.Path('/var/log/audit/audit.log')
INVENTORY = {
    'all': {
        'hosts': {
            'far': {'ansible_connection': 'ssh', 'ansible_host': '127.0.0.1', 'ansible_port': 1},
            'here': {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable},
            'unfit': {'ansible_connection': 'local', 'ansible_python_interpreter': '/nonexistent/python'},
        }
    }
}
HOSTILE = [
    'rm',
    '-f',
    'claude-hooks-play-{{ 7*7 }}',
    '{{ lookup("pipe", "touch /tmp/claude-hooks-play") }}',
    '\x1b]8;;http://x\x07',
    '\x1b[2J',
    '\x7f',
    'a\r\nPLAY RECAP',
    '\u202e\u2066\u200b\u2028',
    '\u009b31m',
    '=1+1',
    "it's",
    '',
]
COMMANDS = [
    ['stop', 'claude-hooks-play-a'],
    ['ps', '-a'],
    HOSTILE,
    ['system', 'prune', '-f'],
    ['kill', b'claude-hooks-play-\xff'],
    ['rm', 'other'],
    ['container', 'rm', 'claude-hooks-play-last'],
]


@pytest.fixture(scope='module')
def start():
    """When the first of COMMANDS ran; all of them are in the audit log."""
    rule = ['-F', 'path=' + DOCKER, '-F', 'perm=x', '-F', 'key=' + KEY]
    # First in the list: a rule that another test left would take the events.
    subprocess.run(['auditctl', '-A', 'exit,always', *rule], check=True)
    # The kernel's clock of an event can lag a tick behind ours
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=20)
    try:
        size = LOG.stat().st_size
        for words in COMMANDS:
            subprocess.run(
                [DOCKER, *words],
                cwd='/',
                env={'HOME': '/', 'DOCKER_HOST': 'unix:///nonexistent'},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        deadline = time.monotonic() + 10
        while b'a3="claude-hooks-play-last"' not in LOG.read_bytes()[size:]:
            assert time.monotonic() < deadline, 'the last command is not in %s after 10 s' % LOG
            time.sleep(0.1)
    finally:
        subprocess.run(['auditctl', '-d', 'exit,always', *rule], check=True)
    return moment.isoformat()


@pytest.fixture(scope='module')
def inventory(tmp_path_factory):
    path = tmp_path_factory.mktemp('inventory') / 'hosts.yml'
    path.write_text(yaml.safe_dump(INVENTORY))
    return path


def play(inventory, *words, **options):
    """Runs ansible-playbook; returns (exit code, output)."""
    return playing.play(
        '-i', inventory, 'playbooks/findings.yml', *words, options={'key': KEY, **options}, TZ='Asia/Kolkata'
    )


@pytest.fixture(scope='module')
def shown(start, inventory):
    return play(inventory, since=start)


def test_the_view_shows_the_command_lines_oldest_first(shown):
    commands = re.findall(r'^ {4}\$ (.*)$', shown[1], re.M)
    assert commands[0] == DOCKER + ' stop claude-hooks-play-a', shown[1]
    assert [line.split()[1] for line in commands] == ['stop', 'rm', 'system', 'kill', 'container'], shown[1]


def test_the_times_are_of_the_controllers_zone(shown):
    assert (
        len(re.findall(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+05:30  here  \w+ +(root|0) ', shown[1], re.M)) == 5
    ), shown[1]


def test_no_argument_is_templated_or_obeyed(shown):
    assert shlex.quote('claude-hooks-play-{{ 7*7 }}') in shown[1] and 'claude-hooks-play-49' not in shown[1], shown[1]
    assert not os.path.exists('/tmp/claude-hooks-play')
    assert {character for character in shown[1] if unicodedata.category(character)[0] == 'C'} | set('\u2028') & set(
        shown[1]
    ) == {'\n'}


def test_the_hosts_that_were_not_read_are_named_at_the_end_and_fail(shown):
    code, output = shown
    end = output[output.index('NOT READ:') :]
    assert re.match(
        r"NOT READ:\n    far: unreachable: .*Connection refused.*\n    unfit: .*/nonexistent/python.*\n\n", end
    ), output
    assert re.search(r'^1 of 3 hosts read, since 2\S+: 5 findings, 7 docker executions seen$', output, re.M), output
    assert code == 2 and re.findall(r'^(\w+) +: ok=.* failed=1', output, re.M) == ['far', 'unfit'], output


def test_a_more_talkative_ansible_shows_no_argument_either(start, inventory):
    output = play(inventory, '-vv', since=start)[1]
    assert {character for character in output if unicodedata.category(character)[0] == 'C'} == {
        '\n'
    } and 'claude-hooks-play-49' not in output


@pytest.mark.parametrize(
    'ending, read',
    [
        ('jsonl', lambda text: [json.loads(line) for line in text.splitlines()]),
        ('yml', yaml.safe_load),
        ('csv', lambda text: [dict(row, argv=json.loads(row['argv'])) for row in csv.DictReader(text.splitlines())]),
    ],
)
def test_a_file_holds_the_exact_arguments_and_is_its_owners_alone(start, inventory, tmp_path, ending, read):
    path = tmp_path / ('findings.' + ending)
    path.write_text('old')
    path.chmod(0o644)
    code, output = play(inventory, '--limit', 'here', since=start, dest=str(path), possible=False)
    assert code == 0 and path.stat().st_mode & 0o777 == 0o600 and os.listdir(tmp_path) == [path.name], output
    found = read(path.read_text())
    assert [finding['argv'][1:] for finding in found] == [
        COMMANDS[0],
        HOSTILE,
        ['kill', 'claude-hooks-play-\\xff'],
        COMMANDS[-1],
    ]
    assert {finding['host'] for finding in found} == {'here'}


def test_a_report_shows_the_arguments_as_text_and_is_its_owners_alone(start, inventory, tmp_path):
    path = tmp_path / 'findings.html'
    code, output = play(inventory, since=start, report=str(path))
    assert code == 2 and path.stat().st_mode & 0o777 == 0o600 and os.listdir(tmp_path) == [path.name], output
    page = html.unescape(path.read_text())
    assert (
        '5 findings since' in page and '1 of 3 hosts read' in page and 'far was not read' in re.sub('<.*?>', '', page)
    )
    assert (
        shlex.quote('claude-hooks-play-{{ 7*7 }}') in page
        and 'claude-hooks-play-49' not in page
        and '$\'\\x1b[2J\'' in page
    )


def test_ecs_and_a_selection_that_chooses(start, inventory, tmp_path):
    path = tmp_path / 'findings.json'
    code, output = play(
        inventory, '--limit', 'here', '-e', 'select=[?action==`kill`]', since=start, dest=str(path), format='ecs'
    )
    assert code == 0 and output.count('    $ /') == 1, output
    document = json.loads(path.read_text())
    assert (document['host']['name'], document['event']['action'], document['process']['working_directory']) == (
        'here',
        'kill',
        '/',
    )


def test_a_selection_that_makes_something_else_is_shown_as_json_lines(start, inventory):
    code, output = play(inventory, '--limit', 'here', since=start, select='[].{a: action, "t": targets[0]} | [:2]')
    assert (
        code == 0
        and '\n{"a": "stop", "t": "claude-hooks-play-a"}\n{"a": "remove", "t": "claude-hooks-play-{{ 7*7 }}"}\n'
        in output
    ), output


def test_check_mode_writes_no_file(start, inventory, tmp_path):
    code, output = play(
        inventory,
        '--limit',
        'here',
        '--check',
        since=start,
        dest=str(tmp_path / 'findings.csv'),
        report=str(tmp_path / 'findings.html'),
    )
    assert code == 0 and '5 findings' in output and os.listdir(tmp_path) == [], output


@pytest.mark.parametrize(
    'options, message',
    [
        ({'dest': 'findings.txt'}, 'ends in one of .jsonl, .json, .csv, .yml, .yaml'),
        ({'dest': '/nonexistent/findings.csv'}, 'in a folder of this machine that you may write to'),
        ({'dest': 'findings.csv', 'format': 'ecs'}, 'format=ecs is written as JSON Lines'),
        ({'format': 'ecs'}, 'name one with dest=FILE.jsonl'),
        ({'dest': 'findings.csv', 'format': 'xml'}, 'value of format must be one of: ecs, got: xml'),
        ({'report': 'findings.csv'}, 'report=findings.csv: name a file that ends in .html'),
        ({'select': '[?action=='}, 'is no JMESPath expression'),
        ({'select': ''}, 'is no JMESPath expression'),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_host_is_touched(inventory, options, message):
    code, output = play(inventory, **options)
    assert code == 2 and message in output and 'Read the audit log' not in output, output


def test_a_selection_that_does_not_fit_is_an_error_with_its_reason(start, inventory):
    code, output = play(inventory, '--limit', 'here', since=start, select='abs(@)')
    assert code == 2 and 'select=abs(@) cannot be applied to the findings: ' in output, output


@pytest.mark.parametrize(
    'playbook, cwd', [('claude_hooks.docker_audit.findings', '/'), (str(ROOT / 'playbooks' / 'findings.yml'), '/')]
)
def test_runs_on_this_host_without_an_inventory(playbook, cwd):
    code, output = playing.play(playbook, cwd=cwd)
    assert code == 0 and '1 of 1 host read, since today: ' in output, output
