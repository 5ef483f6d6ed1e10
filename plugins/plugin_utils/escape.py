# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every escape of every output: terminal, shell, CSV, JSON Lines, HTML.

Anybody can choose a command line, a folder and the name of a program. So whatever comes from a host and does not print
is shown by its code, nowhere raw, and what an output would obey is made text for that output here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2

# str.isprintable is false for control and format characters (bidi marks, most that have no width), surrogates,
# unassigned ones and every blank but the space. These are left: Unicode's Default_Ignorable_Code_Point among marks and
# letters (DerivedCoreProperties.txt), and the blank Braille pattern.
_INVISIBLE = re.compile(
    '[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]'
)
_SHORT = {'\t': '\\t', '\n': '\\n', '\r': '\\r'}

# Characters with which a spreadsheet takes a cell for a formula (OWASP, CSV Injection), and their full-width forms.
# Tab and line ends, the others of that list, are shown by their code.
_FORMULA = tuple('=+-@\uff1d\uff0b\uff0d\uff20')


# --- Terminal --------------------------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """The text with every character that does not print shown by its code, as in C."""
    return text if _prints(text) else ''.join(_code(character) for character in text)


def quoted(word: str) -> str:
    """One word as a shell takes it: bash's $'...' where something in it does not print."""
    if _prints(word):
        return shlex.quote(word)
    return "$'%s'" % ''.join('\\' + character if character in "\\'" else _code(character) for character in word)


def word(value: Any) -> str:
    """A value of a record as one word, or a dash."""
    return '-' if value is None else quoted(str(value))


def command_line(entry: Mapping[str, Any]) -> str:
    """The command as it can be typed again. What argv cannot show exactly, argv_hex does."""
    words: Iterable[str] = entry['argv']
    if entry.get('argv_hex'):
        words = (bytes.fromhex(part).decode('utf-8', 'surrogateescape') for part in entry['argv_hex'])
    return ' '.join(quoted(part) for part in words)


def short(text: str, limit: int) -> str:
    """The text, cut where it is longer than the limit, with how much is left out."""
    return text if len(text) <= limit else '%s ... (%d more characters)' % (text[:limit], len(text) - limit)


def _prints(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _INVISIBLE.search(text))


def _code(character: str) -> str:
    if _prints(character):
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return '\\x%02x' % (number - 0xDC00)  # a byte that is not UTF-8, by Python's surrogateescape
    if number < 0x80:
        return _SHORT.get(character, '\\x%02x' % number)
    return '\\u%04x' % number if number < 0x10000 else '\\U%08x' % number


# --- Chat ------------------------------------------------------------------------------------------------------------


def chat_code(text: str) -> str:
    """Text as a code span of a chat. Slack's control sequences begin with <, and & begins its entities
    (https://docs.slack.dev/messaging/formatting-message-text); Markdown and mentions end at the backticks."""
    escaped = printable(text).replace('`', '\\x60')
    for character, entity in (('&', '&amp;'), ('<', '&lt;'), ('>', '&gt;')):
        escaped = escaped.replace(character, entity)
    return '`%s`' % (escaped or '-')


# --- Files -----------------------------------------------------------------------------------------------------------


def json_line(item: Any) -> str:
    """One value as JSON (RFC 8259) on one line, in ASCII: no line separator or escape of a log is in it."""
    return json.dumps(item)


def csv_cell(value: Any) -> str:
    """A value as the text of a cell: lists are JSON, and what is a formula for a spreadsheet gets an apostrophe."""
    if value is None:
        return ''
    if not isinstance(value, str):
        return json.dumps(value)
    text = printable(value)
    return "'" + text if text.startswith(_FORMULA) else text


def html_environment(folder: str) -> jinja2.Environment:
    """Templates of a page, in which every value is text."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
