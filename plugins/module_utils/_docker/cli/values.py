# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks values of options as Go's strconv and docker's opts package do.

Sources: strconv.ParseInt, ParseUint, ParseBool and ParseFloat; opts/opts.go and opts/units of docker/cli;
docker/go-units size.go; math/big ratconv.go. Every check takes time in proportion to the text: in the patterns no two
neighbouring parts can match the same character, so that there is nothing to go back to.
"""

from __future__ import annotations

import re
from typing import Callable, Pattern

BOOLEANS = {
    '1': True,
    't': True,
    'T': True,
    'TRUE': True,
    'true': True,
    'True': True,
    '0': False,
    'f': False,
    'F': False,
    'FALSE': False,
    'false': False,
    'False': False,
}
LOG_LEVELS = ('', 'panic', 'fatal', 'error', 'warn', 'warning', 'info', 'debug', 'trace')
#: unicode.IsSpace, by which strings.TrimSpace trims; str.strip() alone also trims \x1c to \x1f.
BLANKS = (
    '\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'
    '\u2028\u2029\u202f\u205f\u3000'
)
#: More digits than any 64 bit number has in any base; int() is not linear.
_MOST_DIGITS = 64
_BEYOND = 2**70

_INTEGER = re.compile(r'([+-]?)(?:0x([0-9a-f_]+)|0b([01_]+)|0o?([0-7_]+)|([1-9][0-9_]*|0))', re.I | re.A)
_DECIMAL = re.compile(r'[+-]?[0-9]+', re.A)
_NUMBER = r'(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)'
_DURATION = re.compile(r'[+-]?(?:0|(?:%s(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)' % _NUMBER, re.A)
_BYTES = re.compile(r'\+?%s(?:e[+-]?[0-9]+)? ?[kmgtp]?i?b?' % _NUMBER, re.I | re.A)
_RATIONAL = re.compile(r'[+-]?(?:[0-9]+/[0-9]+|%s(?:[ep][+-]?[0-9]+)?)' % _NUMBER, re.I | re.A)
_FLOAT = re.compile(r'[+-]?(?:%s(?:e[+-]?[0-9]+)?|inf|infinity|nan)' % _NUMBER, re.I | re.A)
_RESTART = re.compile(r'[^:]*(?::(?:[+-]?[0-9]+)?)?', re.A)


def integer(text: str, signed: bool = True) -> int | None:
    """strconv.ParseInt with base 0: 0x, 0o, 0b and single underscores are welcome. None for no number."""
    match = _INTEGER.fullmatch(text)
    if not match or match.group(1) and not signed:
        return None
    for digits, base in zip(match.groups()[1:], (16, 2, 8, 10)):
        if digits is not None:
            if '__' in digits or digits.endswith('_'):
                return None
            digits = digits.replace('_', '').lstrip('0')
            number = int(digits or '0', base) if len(digits) <= _MOST_DIGITS else _BEYOND
    return -number if match.group(1) == '-' else number


def decimal(text: str) -> int | None:
    """strconv.Atoi: decimal digits and a sign."""
    if not _DECIMAL.fullmatch(text):
        return None
    digits = text.lstrip('+-').lstrip('0')
    number = int(digits or '0') if len(digits) <= _MOST_DIGITS else _BEYOND
    return -number if text[0] == '-' else number


def _within(low: int, high: int) -> Callable[[str], bool]:
    def accepts(text: str) -> bool:
        number = integer(text, signed=low < 0)
        return number is not None and low <= number <= high

    return accepts


def _written(pattern: Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


#: The kinds of values in the tables of commands. "text" is any; its name is left out there.
KINDS: dict[str, Callable[[str], bool]] = {
    'text': lambda text: True,
    'int': _within(-(2**63), 2**63 - 1),
    'uint16': _within(0, 2**16 - 1),
    'uint': _within(0, 2**64 - 1),
    'duration': _written(_DURATION),
    'bytes': _written(_BYTES),
    'swap': lambda text: text == '-1' or _BYTES.fullmatch(text) is not None,
    'cpus': _written(_RATIONAL),
    'float': _written(_FLOAT),
    'restart': _written(_RESTART),
    'filter': lambda text: not text or '=' in text,
    'rmi': lambda text: text in ('', 'all', 'local'),
}
