# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: findings.yml reads what a log server has of other hosts, and shows each finding under its host.

Runs the real ansible-playbook.
"""

from __future__ import annotations

import gzip
import json

from ansible_collections.claude_hooks.docker_audit.tests.support import playing
from ansible_collections.claude_hooks.docker_audit.tests.unit import audit_writer


def event(name, serial):
    argv = [b'docker', b'stop', b'claude-hooks-' + name.encode()]
    return audit_writer.text(audit_writer.event(argv, serial=serial))


def test_each_finding_stands_under_its_host(tmp_path):
    for host in ('web1', 'web2'):
        (tmp_path / 'remote' / host).mkdir(parents=True)
    (tmp_path / 'remote/web1/audit.log').write_bytes(event('new', 2))
    (tmp_path / 'remote/web1/audit.log.1.gz').write_bytes(gzip.compress(event('old', 1)))
    (tmp_path / 'remote/web2/audit.log').write_bytes(event('other', 1) + b'type=SYSCALL cut short\n')
    dest = tmp_path / 'findings.jsonl'
    options = {
        'logs': '%s/remote/*/audit.log*' % tmp_path,
        'host_from': 'remote/([^/]+)/',
        'since': '2020-01-01',
        'dest': str(dest),
        'report': str(tmp_path / 'findings.html'),
    }
    code, output = playing.play('playbooks/findings.yml', options=options)
    assert code == 0, output
    assert '3 findings' in output
    written = [json.loads(line) for line in dest.read_text().splitlines()]
    shown = sorted((finding['host'], finding['targets']) for finding in written)
    assert shown == [
        ('web1', ['claude-hooks-new']),
        ('web1', ['claude-hooks-old']),
        ('web2', ['claude-hooks-other']),
    ]
    page = (tmp_path / 'findings.html').read_text()
    assert 'web1' in page and 'web2' in page


def test_a_pattern_without_files_fails_the_host(tmp_path):
    code, output = playing.play('playbooks/findings.yml', options={'logs': '%s/*.log' % tmp_path})
    assert code == 2 and 'no file matches %s/*.log on this host' % tmp_path in output
