# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: ansible-rulebook notifies of each remove of a matching container once, and runs no word of a command line.

ansible-rulebook itself, with the rulebook as it is shipped, on an audit log that is written here. Needs what
tests/eda/run gives.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import queue
import re
import runpy
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml
from ansible_rulebook import rules_parser

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/unit'))
import audit_writer  # noqa: E402

RULEBOOK = 'claude_hooks.docker_audit.notify_on_remove'
SECONDS = 120  # Java and ansible-playbook start within ten, unless the machine has much else to do


@pytest.fixture
def texts():
    """The texts that a webhook gets, and its address."""
    got = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.put(json.loads(self.rfile.read(int(self.headers['Content-Length'])))['text'])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    got.address = 'http://127.0.0.1:%d/' % server.server_port
    yield got
    server.shutdown()
    server.server_close()


class Rulebook(object):
    """ansible-rulebook with the shipped rulebook, and the log that it follows."""

    def __init__(self, folder, address):
        self._folder = folder
        self._serial = 0
        self.log = folder / 'audit.log'
        self.log.touch()
        collection = folder / 'collections/ansible_collections/claude_hooks'
        collection.mkdir(parents=True)
        (collection / 'docker_audit').symlink_to(ROOT)
        (folder / 'inventory').write_text('localhost\n')
        (folder / 'vars.yml').write_text(json.dumps({'notify_url': address, 'audit_log': str(self.log)}))

    def start(self):
        words = ['ansible-rulebook', '--rulebook', RULEBOOK, '--inventory', 'inventory', '--vars', 'vars.yml']
        environment = dict(
            os.environ, ANSIBLE_COLLECTIONS_PATH=str(self._folder / 'collections'), XDG_STATE_HOME=str(self._folder)
        )
        environment.pop('PYTHONPATH', None)
        with open(self._folder / 'out', 'ab') as out:
            return subprocess.Popen(
                words, cwd=self._folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def execute(self, *words):
        self._serial += 1
        lines = audit_writer.event(
            [word.encode() for word in ('docker',) + words], seconds=int(time.time()), serial=self._serial
        )
        with self.log.open('ab') as log:
            log.write(audit_writer.text(lines))

    def out(self):
        return (self._folder / 'out').read_text()


@pytest.fixture
def rulebook(tmp_path, texts):
    return Rulebook(tmp_path, texts.address)


def told(texts, process, rulebook):
    """The next text without its time and host. Waits for it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return texts.get(timeout=1).partition(': ')[2]
        except queue.Empty:
            pass
    raise AssertionError('the webhook was told nothing: ' + rulebook.out())


def ended(process, number):
    process.send_signal(number)
    process.wait(timeout=30)


def text(name, *words):
    return '`remove` of `%s` by user `0` (login `1000`), pid 100: `%s`' % (name, shlex.join(['docker', *words]))


def test_a_remove_is_told_once_and_nothing_else_is(rulebook, texts, tmp_path):
    hostile = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}{%% raw %%}'\"\\" % (tmp_path / 'ran')
    rulebook.execute('restart', 'claude-hooks-1')
    process = rulebook.start()
    try:
        rulebook.execute('rm', '-f', 'claude-hooks-2', hostile)
        rulebook.execute('stop', 'claude-hooks-3')
        rulebook.execute('rm', 'other')
        rulebook.execute('container', 'rm', 'claude-hooks-4')
        assert told(texts, process, rulebook) == text('claude-hooks-2', 'rm', '-f', 'claude-hooks-2', hostile)
        assert told(texts, process, rulebook) == text('claude-hooks-4', 'container', 'rm', 'claude-hooks-4')
        ended(process, signal.SIGTERM)
        rulebook.execute('restart', 'claude-hooks-5')
        rulebook.execute('rm', 'claude-hooks-6')
        process = rulebook.start()
        assert told(texts, process, rulebook) == text('claude-hooks-6', 'rm', 'claude-hooks-6')
    finally:
        if process.poll() is None:
            ended(process, signal.SIGINT)
    assert texts.empty() and not (tmp_path / 'ran').exists()


def test_what_the_source_cannot_do_ends_it_with_a_sentence(rulebook):
    rulebook.log.unlink()
    process = rulebook.start()
    assert process.wait(timeout=SECONDS) != 0
    assert 'audit.log does not exist: auditd has written no log on this host' in rulebook.out()


def test_the_rulebook_of_the_documents_parses_and_names_every_argument():
    block = next(
        block
        for block in re.findall(r'```yaml\n(.*?)```', (ROOT / 'docs/eda.md').read_text(), re.DOTALL)
        if 'sources:' in block
    )
    source = rules_parser.parse_rule_sets(yaml.safe_load(block))[0].sources[0]
    plugin = runpy.run_path(str(ROOT / 'extensions/eda/plugins/event_source/docker_findings.py'))
    assert (source.source_name, list(source.source_args)) == (
        'claude_hooks.docker_audit.docker_findings',
        list(plugin['_OPTIONS']),
    )
