# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: every example of the documentation and of the folder examples runs as it stands.

Needs root, auditd, docker and the engine, as tests/lab/lab gives them.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
CHECK_MODE = {  # these are run with --check
    'docker_audit': 'changes the rules of the machine',
    'findings_follow': 'goes on for an hour',
}


@pytest.fixture(scope='module')
def installed():
    """The rule, which those examples expect that ask whether it is there."""
    for state in ('present', 'absent'):
        options = {'state': state, 'docker_audit_manage_service': False}
        assert playing.play('playbooks/audit.yml', options=options)[0] == 0
        if state == 'present':
            yield


def documented():
    """(name, examples as text) of all that ansible-doc knows of this collection."""
    shown = subprocess.run(
        [BIN / 'ansible-doc', '--metadata-dump', 'claude_hooks.docker_audit'],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    everything = json.loads(shown.stdout)['all']
    for kind in ('module', 'filter', 'lookup'):
        for name, plugin in sorted(everything[kind].items()):
            yield name.rpartition('.')[2], plugin['examples']
    for name, role in everything['role'].items():
        for point in role['entry_points'].values():
            yield name.rpartition('.')[2], point.get('examples')


@pytest.mark.usefixtures('installed')
@pytest.mark.parametrize('name, examples', [pytest.param(*row, id=row[0]) for row in documented()])
def test_the_examples_run(name, examples, tmp_path):
    logs = tmp_path / 'remote'
    plays = yaml.safe_load(examples.replace('/var/log/remote', str(logs)))
    if 'hosts' not in plays[0]:
        plays = [{'hosts': 'all', 'gather_facts': False, 'tasks': plays}]
    if not os.path.isdir('/run/systemd/system'):
        # On such a host the role refuses it; tests/fleet/test_forwarding.py has hosts with systemd
        plays = [play for play in plays if 'docker_audit_forward' not in str(play.get('roles'))]
    (tmp_path / 'examples.yml').write_text(yaml.safe_dump(plays, sort_keys=False))
    (tmp_path / 'hosts.yml').write_text(
        yaml.safe_dump(
            {
                'docker_hosts': {
                    'hosts': {
                        'web1': {
                            'ansible_connection': 'local',
                            'ansible_python_interpreter': sys.executable,
                            'ansible_become': False,
                        }
                    }
                }
            }
        )
    )
    (logs / 'web2').mkdir(parents=True)
    shutil.copy(ROOT / 'tests/unit/fixtures/captures/ausearch.raw', logs / 'web2/audit.log')
    (tmp_path / 'captures').mkdir()
    shutil.copy(ROOT / 'tests/unit/fixtures/captures/ausearch.raw', tmp_path / 'captures/app1.raw')
    words = ['--check'] if name in CHECK_MODE else []
    code, output = playing.play('-i', 'hosts.yml', 'examples.yml', *words, cwd=tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert code == 0, output


@pytest.mark.usefixtures('installed')
def test_the_lines_for_cron_run(tmp_path):
    (block,) = re.findall(r'^```text\n((?:\d+ .*\n)+)```', (ROOT / 'docs/usage.md').read_text(), re.M)
    venv = os.path.relpath(BIN.parent, ROOT)
    saved = tmp_path / 'findings.jsonl'
    name = 'claude-hooks-cron-%d' % os.getpid()
    subprocess.run([shutil.which('docker'), 'stop', name], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    for _run in range(2):
        for line in block.splitlines():
            command = line.split(' ', 6)[6].replace('/var/log/', str(tmp_path) + '/')
            command = command.replace('make -s -C /opt/docker_audit', 'make -s VENV=%s -o %s/ready' % (venv, venv))
            done = subprocess.run(
                ['sh', '-c', command],
                cwd=ROOT,
                env=dict(os.environ, XDG_STATE_HOME=str(tmp_path)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert '>>' in command or all(
                re.search(r'^1 of 1 host read, since yesterday until today: \d+ %s' % what, done.stdout, re.M)
                for what in ('verdict', 'finding')
            ), done.stdout
    assert [name in line for line in saved.read_text().splitlines()].count(True) == 1


def test_the_inventory_of_the_fleet_gives_the_role_what_it_knows():
    shown = subprocess.run(
        [BIN / 'ansible-inventory', '--list'],
        cwd=ROOT / 'examples/fleet',
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    hosts = json.loads(shown.stdout)['_meta']['hostvars']
    assert len(hosts) == 15
    assert hosts['edge1.example.com']['docker_audit_manage_package'] is False
    known = yaml.safe_load((ROOT / 'roles/docker_audit/defaults/main.yml').read_text())
    used = {name for variables in hosts.values() for name in variables if name.startswith('docker_audit_')}
    assert used - set(known) == set()


def test_systemd_takes_the_units(tmp_path):
    for unit in (ROOT / 'examples/daily_mail').glob('claude-hooks-*'):
        # It also looks whether the program is there.
        (tmp_path / unit.name).write_text(unit.read_text().replace('/usr/local/bin', str(ROOT / 'examples/daily_mail')))
    done = subprocess.run(
        ['systemd-analyze', 'verify', '--man=no', *sorted(tmp_path.iterdir())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, '')


@pytest.fixture(params=['reached', 'away'])
def mailed(request, tmp_path):
    """(reached or away, exit code, words given to mail, mail, folder) of a run where the one host is so."""
    (tmp_path / 'mail').write_text('#!/bin/sh\nprintf "%%s\\n" "$@" >%s/words\ncat >%s/text\n' % (tmp_path, tmp_path))
    (tmp_path / 'mail').chmod(0o755)
    (tmp_path / 'ansible.cfg').write_text('[defaults]\ninventory = hosts.yml\n')
    connection = {
        'reached': {'ansible_connection': 'local', 'ansible_python_interpreter': sys.executable},
        'away': {'ansible_host': '127.0.0.1', 'ansible_port': 1},
    }
    (tmp_path / 'hosts.yml').write_text(yaml.safe_dump({'all': {'hosts': {'web1': connection[request.param]}}}))
    done = subprocess.run(
        [ROOT / 'examples/daily_mail/mail-findings', tmp_path, 'root'],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
        env=dict(os.environ, PATH='%s:%s:%s' % (tmp_path, BIN, os.environ['PATH']), ANSIBLE_NOCOLOR='1'),
    )
    return (
        request.param,
        done.returncode,
        (tmp_path / 'words').read_text().splitlines(),
        (tmp_path / 'text').read_text(),
        tmp_path,
    )


def test_yesterday_is_mailed_and_the_subject_says_where_hosts_are_missing(mailed):
    host, code, words, text, folder = mailed
    day = (datetime.date.today() - datetime.timedelta(days=1)).isoformat()
    assert words == [
        '-s',
        'Containers taken away on %s%s' % (day, '' if host == 'reached' else ': some hosts could not be read'),
        'root',
    ]
    assert code == (0 if host == 'reached' else 2), text
    read = '%s of 1 host read, since %s until %sT23:59:59.999: ' % (1 if host == 'reached' else 0, day, day)
    verdicts, _heading, findings = text.partition('\nEVERY FINDING\n')
    assert re.search(re.escape(read) + r'\d+ verdicts?$', verdicts, re.M), text
    assert re.search(re.escape(read) + r'\d+ findings?, ', findings, re.M), text
    assert 'PLAY' not in text
    for kind in ('verdicts', 'findings'):
        assert (folder / ('%s.%s.jsonl' % (day, kind))).stat().st_mode & 0o777 == 0o600
