# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: every code of evidence and every cause has its words, and no value of a host breaks them or prints raw."""

from __future__ import annotations

import pathlib
import re

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import verdict_words

CORE = pathlib.Path(answers.__file__).parent
CODE = re.compile(r"""(?:note|_reason)\(\s*'([a-z_]+)'(?! \+)""")
# hypotheses/commands.py puts this before the codes of its claims
CLAIMS = re.compile(r"""note\('(names|arguments_missing|prunes|of_[a-z]+|may_mean)'""")


def used():
    text = '\n'.join(path.read_text() for path in CORE.rglob('*.py'))
    claims = set(CLAIMS.findall(text))
    found = {code for code in CODE.findall(text) if code != 'command_'} - claims
    # chosen by a condition
    found |= set(re.findall(r"'(oom_of_[a-z]+|code_of_program|code_like_signal|unit_st[a-z]+)'", text))
    return found | {'command_' + code for code in claims}


def test_every_code_has_a_sentence_and_every_sentence_its_code():
    assert used() == set(verdict_words.SENTENCES)


def test_every_cause_has_its_words():
    assert set(answers.CAUSES) == set(verdict_words.CAUSES)


@pytest.mark.parametrize('code', sorted(verdict_words.SENTENCES))
@pytest.mark.parametrize('value', [None, 7, [], ['x\x1b[2J'], {'a': 1}, 'x\x1b[2J\n', True])
def test_no_value_breaks_a_sentence(code, value):
    names = re.findall(r'{(\w+)}', verdict_words.SENTENCES[code])
    line = dict.fromkeys([*names, 'service', 'named', 'argv', 'users', 'processes', 'auid', 'command'], value)
    assert verdict_words.sentence(dict(line, code=code)).isprintable()
    assert verdict_words.sentence({'code': code}).isprintable()


def test_a_sentence_reads_well():
    line = {
        'code': 'command_names',
        'time': '2026-11-24T03:57:43.051Z',
        'argv': ['docker', 'stop', 'a b'],
        'pid': 7,
        'uid': 0,
        'auid': 1000,
        'target': 'a b',
        'how': 'name',
    }
    assert verdict_words.sentence(line) == (
        "2026-11-24T03:57:43.051Z docker stop 'a b' by pid 7 (uid 0, login uid 1000) fits: it names 'a b', "
        'its name at that time'
    )


def test_a_code_of_a_newer_host_is_shown_as_it_is():
    assert verdict_words.sentence({'code': 'new\x1b', 'x': 1}) == "new\\x1b: {'x': 1}"
