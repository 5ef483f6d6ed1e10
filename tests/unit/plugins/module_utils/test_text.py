# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what stands in a log is shown in a sentence once escaped, and short."""

from __future__ import annotations

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text


@pytest.mark.parametrize(
    'value, expected',
    [
        (b'sudo: a password is required', "'sudo: a password is required'"),
        (b"it's \\ \xc3\xbc", '"it\'s \\ \u00fc"'),
        (b'a\x1b[31m\xff', r"'a\x1b[31m\xff'"),
        (b'\xff' * 80, "'" + r'\xff' * 10 + "...'"),
        ('\u202e'.encode(), r"'\u202e'"),
    ],
)
def test_bytes_are_quoted_for_a_sentence(value, expected):
    assert text.quoted(value) == expected
