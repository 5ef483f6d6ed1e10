# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, checked before anything reads it.

Whoever owns a host chooses what its modules return. So each answer is checked by itself, for types and lengths, and one
that is not what the module returns counts as a host that was not read: it takes away nobody else's view. The host of
an answer is always the one that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import codes
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape, values
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.values import (
    AnswerError,
    Check,
    anything,
    encoded,
    flag,
    integer,
    listed,
    maybe,
    named,
    number,
    one_of,
    record,
    simple,
    text,
    time,
)

_LONGEST_REASON = 4000
# With -vvvv ansible-core before 2.19 gives all that ssh -vvv says for the reason, which comes last
_SSH_STEP = re.compile(r'^debug[123]: .*\n?', re.M)


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
        'argv_complete': flag,
        'argv_hex': listed(encoded),
    },
)
_LOGIN = record(
    {},
    {
        **{name: maybe(text) for name in ('account', 'address', 'hostname', 'terminal', 'exe', 'event', 'sure')},
        **{name: maybe(integer) for name in ('auid', 'ses')},
        'timestamp': maybe(time),
        'source': listed(text),
    },
)
_UNIT = record({}, {'name': maybe(text), 'setting': maybe(text), 'is_process': maybe(flag)})
_CALLER = record(
    {}, {'login': maybe(_LOGIN), 'process': maybe(_PROCESS), 'parent': maybe(_PROCESS), 'unit': maybe(_UNIT)}
)
_KNOWN = {
    **_NUMBERS,
    **_TEXTS,
    'action': maybe(text),
    'argv': listed(text),
    'argv_hex': listed(encoded),
    'argv_complete': flag,
    'success': maybe(flag),
    'keys': listed(text),
    'targets': listed(text),
    'target_names': named(text),
    'matched': listed(text),
    'signal': maybe(text),
    'match': maybe(text),
    'origin': maybe(text),
    'record': maybe(text),
    'caller': maybe(_CALLER),
}
_EVENT = {'host': maybe(text), 'timestamp': maybe(time), 'event': maybe(text), 'pid': maybe(integer)}
_FINDING = record({**_EVENT, 'action': text, 'targets': listed(text), 'argv': listed(text)}, _KNOWN)
_UNREADABLE = record({**_EVENT, 'reason': text}, _KNOWN)
# Of a command, of a connect, or of a client that a look saw
_ASKER = record(
    {},
    {
        **_EVENT,
        **_KNOWN,
        **{name: maybe(text) for name in ('remote', 'unit', 'container')},
        'accepts': maybe(flag),
        'opid': maybe(integer),
        'of_host': maybe(flag),
    },
)
_SPAN = record({'first': maybe(time), 'last': maybe(time)})
_ENGINE = record({'reachable': maybe(flag), 'reason': maybe(text)})
_WATCHED = record(
    {}, {'uids': maybe(listed(integer)), 'unwatched': listed(text), 'commands': maybe(flag), 'connects': maybe(flag)}
)
# A line of evidence: its code, and values
_LINE = record(
    {'code': text}, {'argv': maybe(listed(text)), 'argv_hex': maybe(listed(encoded)), 'time': maybe(time)}, rest=simple
)
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
_PROBLEM = record(
    {'code': text, 'weight': one_of(*codes.WEIGHTS), 'evidence': text, 'remedy': text}, {'meaning': maybe(text)}
)

#: What Ansible adds to every result by itself: what a module sends under these names does not come this far.
_OF_ANSIBLE = {'changed': flag, 'warnings': listed(text), 'ansible_facts': anything}
_FOUND = {
    'findings': listed(_FINDING),
    'unreadable': listed(_UNREADABLE),
    'counts': record(
        {name: integer for name in ('executions', 'failed', 'unreadable')},
        {name: integer for name in ('bytes', 'others', 'twice', 'logs')},
    ),
    'span': _SPAN,
}
_BESIDE = {**_OF_ANSIBLE, 'engine': _ENGINE}
_STRANGE = 'this host did not answer as %s does: %s'
_CANARY = 'docker_audit_canary'

#: What an answer of each module has.
KINDS: dict[str, Check] = {
    'docker_findings_info': record(_FOUND, _BESIDE),
    'docker_verdicts_info': record(
        {
            'verdicts': listed(_VERDICT),
            'events': record(
                {'count': integer, 'first': maybe(time), 'full': flag},
                {'gaps': listed(_SPAN), 'kept': integer, 'unasked': integer, 'engine': _ENGINE},
            ),
            'connects': integer,
            'span': _SPAN,
        },
        {**_OF_ANSIBLE, 'watched': _WATCHED, 'others': integer},
    ),
    'docker_coverage_info': record(
        {
            'problems': listed(_PROBLEM),
            'watched': listed(record({}, {'path': maybe(text), 'uid': maybe(integer)})),
            'retention': maybe(
                record(
                    {'hours': maybe(number)},
                    {name: maybe(number) for name in ('bytes', 'capacity', 'bytes_per_hour')},
                )
            ),
        },
        {**_OF_ANSIBLE, 'coverage': text, 'own_keys': listed(text)},
    ),
    _CANARY: record(
        {
            'problems': listed(_PROBLEM),
            'proven': flag,
            'runs': listed(
                record(
                    {'path': text, 'uid': integer, 'event': maybe(text)}, {'pid': maybe(integer), 'reason': maybe(text)}
                )
            ),
        },
        _OF_ANSIBLE,
    ),
}
#: The same of a call with a cursor.
FOLLOWED = 'docker_findings_info with a cursor'
KINDS[FOLLOWED] = record({**_FOUND, 'token': maybe(text), 'acked': flag, 'gaps': listed(_SPAN)}, _BESIDE)
#: The same of a log server, whose entries are of other hosts.
STORED = 'docker_findings_info with logs'
KINDS[STORED] = record({**_FOUND, 'findings': listed(anything), 'unreadable': listed(anything)}, _BESIDE)
_STORED_ENTRIES = (('findings', _FINDING), ('unreadable', _UNREADABLE))
_ENTRIES = ('findings', 'unreadable', 'verdicts')


# --- An answer -------------------------------------------------------------------------------------------------------


def checked(kind: str, host: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer about a host, or in its place a failure with the reason. It never raises."""
    if not answer:
        return failure('it was not asked')
    if answer.get('skipped') and kind == _CANARY:  # in check mode, or where nobody asked for it
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
    words = _SSH_STEP.sub('', msg[: values.LONGEST_TEXT]) if isinstance(msg, str) else ''
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
