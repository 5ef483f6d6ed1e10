# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the role, as whoever sets them writes them, to values that the role can use, or to complaints.

An extra variable (-e docker_audit_uids=0,1000) is a string, whatever the type of the option is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils.variables import PREFIX

# audit cannot express more in a rule: no white space or control bytes, and none of the operators that libaudit would
# find inside a value (audit_rule_fieldpair_data looks for them before the "=").
_KEY = re.compile(r'[!-~]{1,24}\Z')
_PATH = re.compile(r'/[^\s\x00-\x1f\x7f-\x9f]*\Z')
_OPERATOR = re.compile(r'[!<>&]=')
_RULE_FILE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,240}\.rules\Z')
_EXECUTABLE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]*\Z')
_UID = re.compile(r'[0-9]{1,10}\Z')
# In place of a value of another type, of which all is said
_HARMLESS = {
    'key': 'k',
    'rule_file': 'a.rules',
    'uids': [],
    'watch': [],
    'paths': ['/a'],
    'executables': ['a'],
    'forward_container': '*',
}
_STATES = ('present', 'absent')
_NO_UID = 4294967295  # (uid_t) -1


class Checked(NamedTuple):
    """The values by the names of the options without their prefix, and a sentence for each that cannot be used."""

    options: dict[str, Any]
    complaints: list[str]


class _ValueError(Exception):
    """A value is of another type than its option; the message ends a sentence on it."""


def check(given: Mapping[str, Any], specification: Mapping[str, Any], watched: Sequence[str]) -> Checked:
    """given are the values of all options, specification is theirs, watched is what the kernel can be told to log."""
    options: dict[str, Any] = {}
    complaints = []
    for name, option in specification.items():
        try:
            options[name[len(PREFIX) :]] = _reader(name, option['default'])(given.get(name))
        except _ValueError as error:
            complaints.append('%s: %s %s' % (name, _shown(given.get(name)), error))
    complaints += _complaints({**_HARMLESS, **options}, watched)
    if not complaints:
        options['uids'] = list(dict.fromkeys(map(int, options['uids'])))
        # The other rules help to read these
        words = {*watched} if 'all' in options['watch'] else {'docker', *options['watch']}
        options['watch'] = [kind for kind in watched if kind in words]
    return Checked(options, complaints)


def _complaints(options: Mapping[str, Any], watched: Sequence[str]) -> list[str]:
    found = []
    if not _KEY.match(options['key']) or _OPERATOR.search(options['key']):
        found.append(
            'docker_audit_key %s cannot be a key: use 1 to 24 printable ASCII characters without a blank and '
            'without an operator such as != or >=' % _shown(options['key'])
        )
    if not _RULE_FILE.match(options['rule_file']):
        found.append(
            'docker_audit_rule_file %s cannot be a rule file: use a name without a directory, of letters, digits, '
            'dots, dashes and underscores, that ends in .rules' % _shown(options['rule_file'])
        )
    if not options['forward_container']:
        found.append('docker_audit_forward_container must not be empty: use * for all containers')
    found += [
        'docker_audit_uids: %s is no user id: use numbers from 0 to %d, or all for every user'
        % (_shown(uid), _NO_UID - 1)
        for uid in options['uids']
        if not _UID.match(uid) or int(uid) >= _NO_UID
    ]
    found += [
        'docker_audit_watch: %s cannot be watched: use %s or all' % (_shown(word), ', '.join(watched))
        for word in options['watch']
        if word not in (*watched, 'all')
    ]
    found += [
        'docker_audit_paths: %s cannot be in a rule: use an absolute path without white space, control bytes or an '
        'operator such as != or >=' % _shown(path)
        for path in options['paths']
        if not _PATH.match(path) or _OPERATOR.search(path)
    ]
    found += [
        'docker_audit_executables: %s cannot be searched for: use a name without a directory, of letters, digits, '
        'dots, dashes, underscores and plus signs' % _shown(name)
        for name in options['executables']
        if not _EXECUTABLE.match(name)
    ]
    if not options['paths'] and not options['executables']:
        found.append('docker_audit_paths and docker_audit_executables are both empty: name a docker CLI in one of them')
    return found


def _as_text(value: Any) -> str:
    if not _is_word(value):
        raise _ValueError('is no text')
    return str(value)


def _as_bool(value: Any) -> bool:
    try:
        return bool(boolean(value))
    except TypeError:
        raise _ValueError('is not a valid boolean: use true or false') from None


def _as_list(value: Any) -> list[str]:
    if _is_word(value):
        value = str(value).split(',')
    if not isinstance(value, (list, tuple)) or not all(map(_is_word, value)):
        raise _ValueError('is no list of words: use a list, or words separated by commas')
    return [str(word) for word in value]


def _as_users(value: Any) -> list[str]:
    words = _as_list(value)
    # An extra variable that is [] is a string, too
    return [] if words in (['all'], ['[]']) else words


def _as_state(value: Any) -> str:
    if value not in _STATES:
        raise _ValueError('is no state: use ' + ' or '.join(_STATES))
    return str(value)


def _reader(name: str, default: Any) -> Callable[[Any], Any]:
    """How an option is read: as what its default is. The types of the specification are all raw."""
    special = {PREFIX + 'state': _as_state, PREFIX + 'uids': _as_users}
    return special.get(name) or {str: _as_text, bool: _as_bool, list: _as_list}[type(default)]


def _is_word(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as it is written, on one line, whatever it holds."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 200 else text[:200] + '...'
