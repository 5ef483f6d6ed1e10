# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a chat is told of a finding, and nothing in it is markup, mentions anybody or is a secret."""

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.claude_hooks.docker_audit.plugins.filter import chat_text

FINDING = {
    'host': 'app1',
    'timestamp': '2026-11-24T03:57:43.051Z',
    'event': '1795492663.051:91',
    'action': 'remove',
    'targets': ['claude-hooks-dev', 'x'],
    'matched': ['claude-hooks-dev'],
    'pid': 14342,
    'uid': 0,
    'user': 'root',
    'auid': None,
    'argv': ['docker', 'rm', '-f', 'claude-hooks-dev', 'x'],
}


def test_a_line_says_when_where_what_by_whom_and_how():
    assert chat_text.chat_text(FINDING) == (
        '`2026-11-24T03:57:43.051Z` `app1`: `remove` of `claude-hooks-dev` by user `root` (login `-`), pid 14342: '
        '`docker rm -f claude-hooks-dev x`'
    )


@pytest.mark.parametrize(
    'text',
    [
        '<!channel>',
        '<https://x|click>',
        '&lt;!here&gt;',
        '@everyone',
        '`@here`',
        '```',
        '*bold* _it_ ~no~',
        '[a](https://x)',
        'a\n> b',
        '\x1b[2J',
        '\u202e',
        '{{ 7*7 }}',
        '',
    ],
)
def test_no_text_is_markup(text):
    shown = chat_text.chat_text(
        dict(FINDING, host=text, action=text, matched=[text], user=text, login_user=text, argv=['docker', 'rm', text])
    )
    assert shown.count('`') == 14 and '\n' not in shown and shown.isprintable()
    assert re.sub('`[^`]*`', '', shown) == ' :  of  by user  (login ), pid 14342: '
    assert '<' not in shown and '>' not in shown and not re.search('&(?!(amp|lt|gt);)', shown)


def test_secrets_are_shown_on_demand_alone():
    finding = dict(FINDING, argv=['docker', '-H', 'tcp://a:hunter2@b', 'rm', 'claude-hooks-dev'])
    assert 'hunter2' not in chat_text.chat_text(finding)
    assert 'hunter2' in chat_text.chat_text(finding, secrets=True)


@pytest.mark.parametrize('value', [None, 'x', [FINDING], {}, dict(FINDING, argv='x')])
def test_it_takes_a_finding_alone(value):
    with pytest.raises(AnsibleFilterError, match='it takes one finding'):
        chat_text.chat_text(value)
