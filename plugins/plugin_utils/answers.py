# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, checked before anything reads it.

Whoever owns a host chooses what its modules return. So each answer is checked by itself, for types and lengths, and one
that is not what the module returns counts as a host that was not read: it takes away nobody else's view. The host of
an answer is always the one that was asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Optional, Tuple, Union

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import codes
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape

# An argument has at most 128 KiB (MAX_ARG_STRLEN in include/uapi/linux/binfmts.h), each byte of it can show as \xNN.
_LONGEST_TEXT = 4 * (128 << 10)
_LONGEST_NAME = 100
_LONGEST_REASON = 4000
_DEEPEST = 8
_LARGEST = 1 << 64
_TIME = re.compile(r'(?:19[7-9]|[2-8][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{3}(?:[0-9]{3})?)?Z\Z')
# With -vvvv ansible-core before 2.19 gives all that ssh -vvv says for the reason, which comes last
_SSH_STEP = re.compile(r'^debug[123]: .*\n?', re.M)
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


# --- Kinds of values -------------------------------------------------------------------------------------------------


def text(place: Place, value: Any, longest: int = _LONGEST_TEXT) -> None:
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


def record(needed: Mapping[str, Check], known: Mapping[str, Check] | None = None) -> Check:
    """A dictionary with these fields, some of which may be missing. What it has besides can be anything."""
    checks = dict(known or {}, **needed)

    def checked(place: Place, value: Any) -> None:
        if not isinstance(value, dict):
            raise _other(place, value, 'a dictionary')
        for name in needed:
            if name not in value:
                raise AnswerError((place, name), 'is missing')
        for name, part in value.items():
            check = checks.get(name)
            if check is None:
                _check_name(place, name)
                check = anything
            check((place, name), part)

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


# --- What the modules return -----------------------------------------------------------------------------------------

_NUMBERS = {name: maybe(integer) for name in ('pid', 'ppid', 'uid', 'auid', 'ses')}
_TEXTS = {
    name: maybe(text)
    for name in ('tty', 'comm', 'exe', 'cwd', 'user', 'login_user', 'subcommand', 'docker_host', 'context', 'project')
}
_PROCESS = record(
    {'pid': integer, 'argv': listed(text)},
    {
        **{name: maybe(text) for name in ('comm', 'exe', 'unit', 'container', 'container_name')},
        **{name: maybe(time) for name in ('started', 'seen')},
        'argv_hex': listed(encoded),
    },
)
_LOGIN = record(
    {},
    {
        **{name: maybe(text) for name in ('account', 'address', 'hostname', 'terminal', 'exe', 'event')},
        **{name: maybe(integer) for name in ('auid', 'ses')},
        'timestamp': maybe(time),
    },
)
_KNOWN = {
    **_NUMBERS,
    **_TEXTS,
    'argv': listed(text),
    'argv_hex': listed(encoded),
    'argv_complete': flag,
    'success': maybe(flag),
    'keys': listed(text),
    'targets': listed(text),
    'matched': listed(text),
    'signal': maybe(text),
    'match': maybe(text),
    'accepts': maybe(flag),
    'caller': maybe(record({}, {'login': maybe(_LOGIN), 'process': maybe(_PROCESS), 'parent': maybe(_PROCESS)})),
}
_EVENT = {'host': maybe(text), 'timestamp': maybe(time), 'event': maybe(text), 'pid': maybe(integer)}
_FINDING = record({**_EVENT, 'action': text, 'targets': listed(text), 'argv': listed(text)}, _KNOWN)
_UNREADABLE = record({**_EVENT, 'reason': text}, _KNOWN)
_ASKER = record({}, {**_EVENT, **_KNOWN})
_SPAN = record({'first': maybe(time), 'last': maybe(time)})
_HOLE = record({'first': maybe(time), 'last': maybe(time)})
_ENGINE = record({'reachable': maybe(flag), 'reason': maybe(text)})
_WATCHED = record({}, {'uids': maybe(listed(integer)), 'unwatched': listed(text)})
# A line of evidence: its code, and values
_LINE = record({'code': text}, {'argv': maybe(listed(text)), 'time': maybe(time)})
_VERDICT = record(
    {
        'host': maybe(text),
        'container': maybe(text),
        'id': text,
        'what': listed(text),
        'timestamp': time,
        'cause': text,
        'confidence': text,
        'who': listed(_ASKER),
        'evidence': listed(_LINE),
    },
    {'more': integer},
)
_PROBLEM = record({'code': text, 'weight': one_of(*codes.WEIGHTS), 'evidence': text, 'remedy': text})

_FOUND = {
    'findings': listed(_FINDING),
    'unreadable': listed(_UNREADABLE),
    'counts': record(
        {name: integer for name in ('executions', 'failed', 'unreadable')},
        {name: integer for name in ('others', 'twice', 'logs')},
    ),
    'span': _SPAN,
}
_STRANGE = 'this host did not answer as %s does: %s'

#: What an answer of each module has.
KINDS: dict[str, Check] = {
    'docker_findings_info': record(_FOUND),
    'docker_verdicts_info': record(
        {
            'verdicts': listed(_VERDICT),
            'events': record(
                {'count': integer, 'first': maybe(time), 'full': flag},
                {'gaps': listed(_HOLE), 'kept': integer, 'unasked': integer, 'engine': _ENGINE},
            ),
            'connects': integer,
            'span': _SPAN,
        },
        {'watched': _WATCHED, 'others': integer},
    ),
    'docker_coverage_info': record(
        {
            'problems': listed(_PROBLEM),
            'watched': listed(anything),
            'retention': maybe(record({'hours': maybe(number)})),
        }
    ),
    'docker_audit_canary': record(
        {
            'problems': listed(_PROBLEM),
            'proven': flag,
            'runs': listed(record({'path': text, 'uid': integer, 'event': maybe(text)})),
        }
    ),
}
#: The same of a call with a cursor.
FOLLOWED = 'docker_findings_info with a cursor'
KINDS[FOLLOWED] = record({**_FOUND, 'token': maybe(text), 'acked': flag, 'gaps': listed(_SPAN)})
#: The same of a log server, whose entries are of other hosts.
STORED = 'docker_findings_info with logs'
KINDS[STORED] = record({**_FOUND, 'findings': listed(anything), 'unreadable': listed(anything)})
_STORED_ENTRIES = (('findings', _FINDING), ('unreadable', _UNREADABLE))
_ENTRIES = ('findings', 'unreadable', 'verdicts')


# --- An answer -------------------------------------------------------------------------------------------------------


def checked(kind: str, host: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer about a host, or in its place a failure with the reason. It never raises."""
    if not answer:
        return failure('it was not asked')
    if answer.get('skipped'):
        return {'skipped': True}
    if answer.get('failed') or answer.get('unreachable'):
        return failure(answer.get('msg'), unreachable=bool(answer.get('unreachable')))
    try:
        kept: dict[str, Any] = plain(answer)
        KINDS[kind](None, kept)
    except AnswerError as error:
        return failure(_STRANGE % (kind, error))
    except RecursionError:
        return failure(_STRANGE % (kind, 'it is too deep'))
    if kind == STORED:
        return _without_strange(kept)
    for entry in [entry for name in _ENTRIES for entry in kept.get(name) or ()]:
        entry['host'] = host
        for who in entry.get('who') or ():
            who['host'] = host
    return kept


def _without_strange(answer: dict[str, Any]) -> dict[str, Any]:
    """Anybody who may write to a syslog can forward what is no finding: it takes away no other."""
    kept = {name: [entry for entry in answer[name] if _passes(check, entry)] for name, check in _STORED_ENTRIES}
    strange = sum(len(answer[name]) - len(entries) for name, entries in kept.items())
    counts = dict(answer['counts'], unreadable=answer['counts']['unreadable'] + strange)
    return {**answer, **kept, 'counts': counts}


def _passes(check: Check, value: Any) -> bool:
    try:
        check(None, value)
    except (AnswerError, RecursionError):
        return False
    return True


def finding(value: Any) -> dict[str, Any] | None:
    """A finding, or None for what is none."""
    try:
        kept: dict[str, Any] = plain(value)
        _FINDING(None, kept)
    except (AnswerError, RecursionError):
        return None
    return kept


def of_hosts(module: str, results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The checked answers of a module by host."""
    return {
        str.__str__(host): checked(module, str.__str__(host), result if isinstance(result, Mapping) else {})
        for host, result in results.items()
    }


def failure(msg: Any, unreachable: bool = False) -> dict[str, Any]:
    """The answer of a host that was not read."""
    return {'unreachable' if unreachable else 'failed': True, 'msg': reason(msg)}


def reason(msg: Any) -> str:
    """What a host says of a failure, on one line that prints: programs speak on several."""
    words = _SSH_STEP.sub('', msg[:_LONGEST_TEXT]) if isinstance(msg, str) else ''
    words = words if words.strip() else 'the module gave no reason'
    return escape.printable(' '.join(words[:_LONGEST_REASON].split()).removeprefix('Task failed: '))


def plain(value: Any) -> Any:
    """A copy of Python's own types: JMESPath knows the types of JSON alone, YAML would write tags."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {name if name.__class__ is str else _plain_name(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    for one in (str, bool, int, float):
        if isinstance(value, one):
            return str.__str__(value) if one is str else one(value)
    return value


def _plain_name(name: Any) -> Any:
    return str.__str__(name) if isinstance(name, str) else name
