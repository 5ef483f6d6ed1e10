# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of values in what a host answered: each check raises where a value is of another kind, and says where."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Optional, Tuple, Union

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times

# An argument has at most 128 KiB (MAX_ARG_STRLEN in include/uapi/linux/binfmts.h), each byte of it can show as \xNN.
LONGEST_TEXT = 4 * (128 << 10)
_LONGEST_NAME = 100
_DEEPEST = 8
_LARGEST = 1 << 64
_TIME = re.compile(r'(?:19[7-9]|[2-8][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{3}(?:[0-9]{3})?)?Z\Z')
_SURROGATE = re.compile('[\ud800-\udfff]')

#: Where a value is: the place that it is in and its name or position there, None for an answer. A text of it is made
#: only for a message, as an answer can hold a million values.
Place = Optional[Tuple[Any, Union[str, int]]]
#: Takes the place and the value, and raises where it is none of the kind.
Check = Callable[[Place, Any], None]


class AnswerError(ValueError):
    """An answer is not what the module returns; the message says where."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__('%s %s' % (_shown(place), text))


def text(place: Place, value: Any, longest: int = LONGEST_TEXT) -> None:
    """A text that is no longer than what it stands for can be."""
    if not isinstance(value, str):
        raise _other(place, value, 'a text')
    if len(value) > longest:
        raise AnswerError(place, 'has %d characters' % len(value))
    # The core shows bytes that are no UTF-8 as \\xNN. Half a surrogate can be neither written to a file nor printed.
    if not value.isascii() and _SURROGATE.search(value):
        raise AnswerError(place, 'is no Unicode')


def time(place: Place, value: Any) -> None:
    """A time of the core, which can be shown in every zone."""
    text(place, value)
    try:
        if not _TIME.match(value):
            raise times.TimeError('')
        times.moment(value)
    except times.TimeError:
        raise AnswerError(place, 'is no time') from None


def integer(place: Place, value: Any) -> None:
    """A number of a process, a user, a count."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _other(place, value, 'a whole number')
    if not -_LARGEST < value < _LARGEST:
        raise AnswerError(place, 'is out of range')


def number(place: Place, value: Any) -> None:
    """A number that may have a fraction."""
    if not isinstance(value, float):
        integer(place, value)
    elif not math.isfinite(value) or not -_LARGEST < value < _LARGEST:
        raise AnswerError(place, 'is out of range')


def flag(place: Place, value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _other(place, value, 'true or false')


def encoded(place: Place, value: Any) -> None:
    """Bytes in hex."""
    text(place, value)
    if not re.fullmatch(r'(?:[0-9a-f]{2})*', value):
        raise AnswerError(place, 'is not hex')


def anything(place: Place, value: Any, depth: int = _DEEPEST) -> None:
    """Any value of JSON that is neither too deep nor too long."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        text(place, value)
    elif isinstance(value, (int, float)):
        number(place, value)
    elif not depth:
        raise AnswerError(place, 'is too deep')
    elif isinstance(value, list):
        for position, part in enumerate(value):
            anything((place, position), part, depth - 1)
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_name(place, name)
            anything((place, name), part, depth - 1)
    else:
        raise _other(place, value, 'a value of JSON')


def one_of(*words: str) -> Check:
    """One of these words."""

    def checked(place: Place, value: Any) -> None:
        text(place, value)
        if value not in words:
            raise AnswerError(place, 'is none of ' + ', '.join(words))

    return checked


def maybe(check: Check) -> Check:
    """The same, or null for what is not known."""

    def checked(place: Place, value: Any) -> None:
        if value is not None:
            check(place, value)

    return checked


def listed(check: Check) -> Check:
    """A list of these."""

    def checked(place: Place, value: Any) -> None:
        if not isinstance(value, list):
            raise _other(place, value, 'a list')
        for position, part in enumerate(value):
            check((place, position), part)

    return checked


def simple(place: Place, value: Any) -> None:
    """A text, a number, true, false, null, or a list of these."""
    for part in value if isinstance(value, list) else (value,):
        if isinstance(part, (list, dict)):
            raise _other(place, part, 'a text or a number')
    anything(place, value)


def named(check: Check) -> Check:
    """A dictionary of these under any names."""

    def checked(place: Place, value: Any) -> None:
        if not isinstance(value, dict):
            raise _other(place, value, 'a dictionary')
        for name, part in value.items():
            _check_name(place, name)
            check((place, name), part)

    return checked


def record(needed: Mapping[str, Check], known: Mapping[str, Check] | None = None, rest: Check | None = None) -> Check:
    """A dictionary with these fields, of which the known ones may be missing.

    What it has besides is taken out: it would be printed or obeyed by whoever knows its name. With rest it is checked.
    """
    checks = dict(known or {}, **needed)

    def checked(place: Place, value: Any) -> None:
        if not isinstance(value, dict):
            raise _other(place, value, 'a dictionary')
        for name in needed:
            if name not in value:
                raise AnswerError((place, name), 'is missing')
        for name in list(value):
            check = checks.get(name) or rest
            if check is None:
                del value[name]
                continue
            if name not in checks:
                _check_name(place, name)
            check((place, name), value[name])

    return checked


def _check_name(place: Place, name: Any) -> None:
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        raise AnswerError(place, 'has a field with a strange name')


def _shown(place: Place) -> str:
    """A place in words: findings[3].argv[0]."""
    text = ''
    while place is not None:
        place, name = place
        text = ('[%d]' % name if isinstance(name, int) else '.%s' % name) + text
    return text.removeprefix('.') or 'it'


def _other(place: Place, value: Any, wanted: str) -> AnswerError:
    kinds = {str: 'a text', list: 'a list', dict: 'a dictionary', bool: 'true or false', type(None): 'null'}
    return AnswerError(place, 'is %s, not %s' % (kinds.get(type(value), 'a number'), wanted))
