# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: notify.yml posts a finding once, and neither the webhook's URL nor a command line gets into any log.

Runs the real ansible-playbook against a webhook of our own.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import urllib.parse

import pytest
from ansible_collections.claude_hooks.docker_audit.tests.support import playing

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECRET = 'hunter2'
FINDING = {
    'host': 'app1 <!channel>',
    'timestamp': '2026-11-24T03:57:43.051Z',
    'event': '1795492663.051:91',
    'action': 'remove',
    'targets': ['claude-hooks-{{ 7*7 }}'],
    'matched': ['claude-hooks-{{ 7*7 }}'],
    'pid': 14342,
    'uid': 0,
    'auid': 1000,
    'argv': ['docker', '-H', 'tcp://bob:%s@far' % SECRET, 'rm', '-f', 'claude-hooks-{{ 7*7 }}', '`@here`'],
}


@pytest.fixture
def webhook():
    """A function that starts one that answers with a status, and returns (port, list of the bodies that it gets)."""
    with contextlib.ExitStack() as stack:

        def start(status):
            bodies = []

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self):
                    bodies.append(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
                    self.send_response(status)
                    self.end_headers()

                def log_message(self, *unused):
                    pass

            server = stack.enter_context(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return server.server_address[1], bodies

        yield start


def notify(folder, port, *words, log=os.devnull, url=None):
    # As ansible-rulebook hands variables over: words of a command line can be seen by all
    path = folder / 'variables.json'
    extra = {
        'notify_url': 'http://127.0.0.1:%d/hooks/4f2a' % port if url is None else url,
        'finding_encoded': urllib.parse.quote(json.dumps(FINDING)),
    }
    path.write_text(json.dumps(extra))
    return playing.play('playbooks/notify.yml', *words, '-e', '@%s' % path, ANSIBLE_LOG_PATH=str(log))


def test_the_chat_gets_the_finding_as_text(webhook, tmp_path):
    port, bodies = webhook(200)
    code, output = notify(tmp_path, port)
    assert code == 0 and bodies == [
        {
            'text': '`2026-11-24T03:57:43.051Z` `app1 &lt;!channel&gt;`: `remove` of `claude-hooks-{{ 7*7 }}` by '
            "user `0` (login `1000`), pid 14342: `docker -H 'tcp://bob:***@far' rm -f "
            "'claude-hooks-{{ 7*7 }}' '\\x60@here\\x60'`"
        }
    ], output


def test_secrets_are_shown_on_demand(webhook, tmp_path):
    port, bodies = webhook(200)
    code, output = notify(tmp_path, port, '-e', 'secrets=true')
    assert code == 0 and SECRET in bodies[0]['text'], output


@pytest.mark.parametrize(
    'given, message',
    [
        ({}, 'notify_url and finding_encoded not given. notify.yml posts one finding to a webhook, for example: -e '),
        ({'notify_url': 'http://127.0.0.1:1/'}, '"finding_encoded not given. '),
        ({'finding_encoded': '%7B%7D'}, '"notify_url not given. '),
        ({'notify_url': 'http://127.0.0.1:1/', 'finding_encoded': 'hunter2'}, 'finding_encoded holds no finding: '),
        ({'notify_url': 'http://127.0.0.1:1/', 'finding_encoded': ''}, 'finding_encoded holds no finding: '),
    ],
)
def test_a_variable_that_is_missing_is_named_with_an_example(given, message):
    code, output = playing.play('playbooks/notify.yml', options=given)
    assert code == 2 and message in output and SECRET not in output, output
    assert 'is undefined' not in output and 'did not accept' not in output, output


def test_the_example_of_the_playbook_runs(webhook, tmp_path):
    port, bodies = webhook(200)
    (tmp_path / 'finding.json').write_text(json.dumps(FINDING))
    text = (ROOT / 'playbooks/notify.yml').read_text()
    example = '\n'.join(line[4:] for line in text.split('\n') if line.startswith('#   '))
    words = example.replace('https://chat.example.com', 'http://127.0.0.1:%d' % port)
    words = words.replace('finding.json', str(tmp_path / 'finding.json'))
    done = subprocess.run(
        ['bash', '-ec', 'PATH=%s:$PATH; %s' % (playing.BIN, words)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and len(bodies) == 1, done.stdout + done.stderr


@pytest.mark.parametrize('status, code', [(200, 0), (404, 2), (500, 2)])
@pytest.mark.parametrize('verbosity', ['-v', '-vvvvv'])
def test_neither_url_nor_command_line_is_printed_or_logged(webhook, tmp_path, status, code, verbosity):
    port, bodies = webhook(status)
    log = tmp_path / 'log'
    done, output = notify(tmp_path, port, verbosity, log=log)
    assert done == code and len(bodies) == 1, output
    for text in (output, log.read_text()):
        assert '4f2a' not in text and SECRET not in text and 'tcp://' not in text
    assert code == 0 or 'The webhook did not accept the finding: it answered with status %d' % status in output


def test_a_webhook_that_is_not_there_is_an_error_with_its_reason(tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        code, output = notify(tmp_path, taken.getsockname()[1])
    assert code == 2 and 'The webhook did not accept the finding: ' in output and 'refused' in output, output
    assert '4f2a' not in output and SECRET not in output


@pytest.mark.parametrize(
    'url',
    [
        'chat.example.com/hooks/4f2a',
        'https://chat.example.com/hooks/ 4f2a',
        'https://chat.example.com:4f2a/',
        'file:///4f2a',
        ' https://x/4f2a',
        'https:///4f2a',
        '',
    ],
)
@pytest.mark.parametrize('verbosity', ['-v', '-vvvvv'])
def test_what_is_no_url_is_refused_and_not_printed(tmp_path, url, verbosity):
    code, output = notify(tmp_path, None, verbosity, url=url)
    assert code == 2 and 'notify_url holds no URL of a webhook' in output and '4f2a' not in output, output
    assert SECRET not in output


@pytest.mark.parametrize('url', ['http://127.0.0.1:1', 'http://bob:4f2a@127.0.0.1:1/x?y', 'http://[::1]:1/4f2a#x'])
def test_what_is_a_url_is_tried(tmp_path, url):
    code, output = notify(tmp_path, None, url=url)
    assert code == 2 and 'The webhook did not accept the finding: ' in output and '4f2a' not in output, output
