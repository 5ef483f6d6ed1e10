# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parses audit rules and compares their meaning.

The same rule has several spellings: the one in a file below /etc/audit/rules.d, and the one in which
``auditctl -l`` prints it back (``-S all`` or the exec system calls added, ``-w`` for a rule that holds a
path and a permission alone, numbers for names). Syntax: auditctl(8), audit.rules(7), and
src/auditctl-listing.c of audit-userspace for the listing.

Pure: text in, plain values out.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, List, Optional, Tuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.names import DEFAULT_KEY, SUFFIXES

#: The line by which a managed file is known. It records the key, so that removal needs no options.
MARKER = re.compile(r'^# claude_hooks\.docker_audit key=(\S+)$', re.MULTILINE)

#: The operators of ``-F``, in the order in which libaudit looks for them (audit_rule_fieldpair_data).
_OPERATORS = ('!=', '>=', '<=', '&=', '=', '>', '<', '&')
_USER_FIELDS = ('auid', 'loginuid', 'uid', 'euid', 'suid', 'fsuid', 'obj_uid')
_GROUP_FIELDS = ('gid', 'egid', 'sgid', 'fsgid', 'obj_gid')
_UNSET = ('unset', '-1', '4294967295')
_EXEC_CALLS = frozenset(('execve', 'execveat'))
_ARCHITECTURES = {'x86_64': 'b64', 'aarch64': 'b64', 'ppc64le': 'b64', 's390x': 'b64', 'i386': 'b32', 'i686': 'b32'}

#: The number of a user ('uid') or group ('gid') by its name, or None.
Ids = Callable[[str, str], Optional[int]]
Field = Tuple[str, str, str]
Texts = List[str]  # a field of Rule is called list
Fields = List[Texts]


class Rule(TypedDict):
    """A rule as text and as what it means."""

    rule: str
    list: str
    action: str
    arch: str | None  # with its operator
    syscalls: Texts  # sorted, ['all'] for every system call
    fields: Fields  # name, operator and value, sorted, without the keys
    keys: Texts
    prepend: bool


class AuditRuleError(ValueError):
    """A line that auditctl would not read as a rule."""


def parse_rule(line: str, ids: Ids | None = None) -> Rule:
    """One rule line to a Rule. ``ids`` resolves names: ``ids('uid', 'root')`` gives 0 or None.

    Control lines (``-D``, ``-b``, ``-e`` ...) are no rules: see ``control_of``. Raises AuditRuleError.
    """
    words = line.split()
    rule = Rule(rule=' '.join(words), list='', action='', arch=None, syscalls=[], fields=[], keys=[], prepend=False)
    fields: list[Field] = []
    for position in range(0, len(words), 2):
        option = words[position]
        if option not in ('-a', '-A', '-d', '-w', '-W', '-p', '-k', '-S', '-F', '-C'):
            raise AuditRuleError('not an option of a rule: %s' % option)
        if position + 1 >= len(words):
            raise AuditRuleError('%s needs a value' % option)
        field = _option(rule, option, words[position + 1], ids)
        if field is not None:
            fields.append(field)
    if not rule['list']:
        raise AuditRuleError('neither -a, -A nor -w: %s' % rule['rule'])
    if words[0] in ('-w', '-W') and not any(field[0] == 'perm' for field in fields):
        fields.append(('perm', '=', 'arwx'))
    rule['fields'] = [list(field) for field in sorted(set(fields))]
    rule['syscalls'] = _normal_syscalls(rule['syscalls'], fields)
    return rule


def _option(rule: Rule, option: str, value: str, ids: Ids | None) -> Field | None:
    """Put one option of auditctl into the rule. Returns the field that it stands for, if it stands for one."""
    if option in ('-w', '-W'):
        _set_list(rule, 'always,exit')
        return 'path', '=', value.rstrip('/') or '/'
    if option == '-p':
        return 'perm', '=', ''.join(sorted(value))
    if option == '-C':
        return 'compare', '', value
    if option == '-F':
        return _field(rule, value, ids)
    if option == '-k':
        rule['keys'].append(value)
    elif option == '-S':
        rule['syscalls'].extend(value.split(','))
    else:
        _set_list(rule, value)
        rule['prepend'] = option == '-A'
    return None


def _field(rule: Rule, text: str, ids: Ids | None) -> Field | None:
    name, operator, content = _split_field(text)
    if name == 'key':
        rule['keys'].append(content)
    elif name == 'arch':
        rule['arch'] = operator + _ARCHITECTURES.get(content, content)
    else:
        return _normal_field(name, operator, content, ids)
    return None


def _set_list(rule: Rule, value: str) -> None:
    parts = value.split(',')
    actions = [part for part in parts if part in ('always', 'never', 'possible')]
    lists = [part for part in parts if part in ('task', 'exit', 'user', 'exclude', 'filesystem', 'io_uring')]
    if len(parts) != 2 or len(actions) != 1 or len(lists) != 1:
        raise AuditRuleError('not a list and an action: %s' % value)
    rule['list'], rule['action'] = lists[0], actions[0]


def _split_field(text: str) -> Field:
    for operator in _OPERATORS:
        name, found, content = text.partition(operator)
        if found:
            return name, operator, content
    raise AuditRuleError('-F without an operator: %s' % text)


def _normal_field(name: str, operator: str, value: str, ids: Ids | None) -> Field:
    if name == 'loginuid':
        name = 'auid'
    if name in ('path', 'dir', 'watch'):
        # The listing prints a watch on a directory as -w too, so both are one field here.
        return 'path', operator, value.rstrip('/') or '/'
    if name == 'perm':
        return name, operator, ''.join(sorted(value))
    if name in _USER_FIELDS + _GROUP_FIELDS + ('sessionid',):
        if value in _UNSET:
            return name, operator, '-1'
        if not value.isdigit() and ids is not None:
            number = ids('gid' if name in _GROUP_FIELDS else 'uid', value)
            value = value if number is None else str(number)
    try:
        value = str(int(value, 0))
    except ValueError:
        pass
    return name, operator, value


def _normal_syscalls(names: Iterable[str], fields: list[Field]) -> list[str]:
    calls = set(names)
    if not calls or 'all' in calls:
        return ['all']
    # perm=x lets no other call through than these two, so that naming them says nothing more.
    if ('perm', '=', 'x') in fields and calls == _EXEC_CALLS:
        return ['all']
    return sorted(calls)


def meaning(rule: Rule) -> tuple[object, ...]:
    """A hashable value that is equal for two parsed rules exactly if the kernel treats them alike."""
    return (
        rule['list'],
        rule['action'],
        rule['arch'],
        tuple(rule['syscalls']),
        tuple(tuple(field) for field in rule['fields']),
        tuple(sorted(rule['keys'])),
    )


def deletion(rule: Rule) -> list[str]:
    """The words after ``auditctl`` that delete just this rule, as the kernel lists it, and no other."""
    words = rule['rule'].split()
    words[0] = '-W' if words[0] == '-w' else '-d'
    return words


def control_of(line: str) -> str | None:
    """The switch of a line that sets something and adds no rule (``-D``, ``-e`` ...), else None."""
    words = line.split()
    if not words or words[0] in ('-a', '-A', '-w'):
        return None
    return words[0]


def parse_listing(text: str, ids: Ids | None = None) -> tuple[list[Rule], list[str]]:
    """The output of ``auditctl -l`` to rules, in the kernel's order; a line that is none is returned apart."""
    return _read([line for line in text.split('\n') if line.strip() not in ('', 'No rules')], ids)


def parse_status(text: str) -> dict[str, int]:
    """The output of ``auditctl -s`` (a name and a number per line) to a dict of integers."""
    status = {}
    for line in text.split('\n'):
        words = line.split()
        if len(words) >= 2 and words[1].isdecimal() and len(words[1]) < 20:
            status[words[0]] = int(words[1])
    return status


def with_suffixes(keys: list[str]) -> list[str]:
    """``keys``, each followed by those of its rules for the socket, signals and services; those already there stay as
    they are.
    """
    result: list[str] = []
    for key in keys:
        for name in (key,) if is_suffixed(key, keys) else (key, *(key + suffix for suffix in SUFFIXES)):
            if name not in result:
                result.append(name)
    return result


def is_suffixed(key: str, keys: Iterable[str]) -> bool:
    """Whether a key is another one of ``keys`` with a suffix."""
    return any(key.endswith(suffix) and key[: -len(suffix)] in keys for suffix in SUFFIXES)


def arches(machine: str) -> list[str]:
    """What ``-F arch=`` must name so that a rule holds for all programs of a machine, by its name in uname(2).

    auditctl knows a 32-bit companion also of other 64-bit machines (audit_determine_machine in lib/libaudit.c), but not
    in every build, and a rule that it does not take ends the load.
    """
    if machine == 'x86_64':
        return ['b64', 'b32']
    return ['b64'] if '64' in machine or machine == 's390x' else ['b32']


def with_keys(rules: Iterable[Rule], keys: Iterable[str]) -> list[Rule]:
    """Those rules that carry one of ``keys``."""
    wanted = set(keys)
    return [rule for rule in rules if wanted & set(rule['keys'])]


def paths(rules: Iterable[Rule]) -> list[str]:
    """The files and sockets that rules name, in their order."""
    return [value for rule in rules for name, operator, value in rule['fields'] if (name, operator) == ('path', '=')]


def difference(wanted: Iterable[Rule], held: Iterable[Rule]) -> tuple[list[str], list[str]]:
    """What is missing of ``wanted`` in ``held``, and what there is beside it, as text."""
    wanted, held = list(wanted), list(held)
    wanted_meanings, held_meanings = set(map(meaning, wanted)), set(map(meaning, held))
    return (
        [rule['rule'] for rule in wanted if meaning(rule) not in held_meanings],
        [rule['rule'] for rule in held if meaning(rule) not in wanted_meanings],
    )


def has_key(line: str, keys: Iterable[str]) -> bool:
    """Whether a line is a rule that carries one of ``keys``, as a whole key and not as a part of one."""
    return used_key(line, keys) is not None


def used_key(line: str, keys: Iterable[str]) -> str | None:
    """The first of ``keys`` that a line carries, or None for what carries none or is no rule."""
    try:
        carried = parse_rule(line)['keys']
    except AuditRuleError:
        return None
    return next((key for key in keys if key in carried), None)


def rules_of_file(text: str, ids: Ids | None = None) -> tuple[list[Rule], list[str]]:
    """The rules of one file of /etc/audit/rules.d: ``(rules, other)``, other being lines that are no rules."""
    return _read([line for line in text.split('\n') if line.strip() and not line.strip().startswith('#')], ids)


def _read(lines: Iterable[str], ids: Ids | None) -> tuple[list[Rule], list[str]]:
    rules, other = [], []
    for line in lines:
        try:
            rules.append(parse_rule(line, ids))
        except AuditRuleError:
            other.append(line)
    return rules, other


def managed_key(text: str) -> str | None:
    """The key that a file of ours records in its header, or None for a file that is not ours."""
    found = MARKER.search(text)
    return found.group(1) if found else None


def is_old_recipe(text: str, ids: Ids | None = None) -> bool:
    """Whether a file without our header is the one that the replaced audit-install recipe wrote."""
    rules, other = rules_of_file(text, ids)
    return bool(rules) and not other and all(rule['keys'] == [DEFAULT_KEY] for rule in rules)


def watches(rule: Rule) -> tuple[str, int | None] | None:
    """``(path, uid)`` of a rule that logs every execution of a file, uid None for every user; else None."""
    fields = dict((name, value) for name, operator, value in rule['fields'] if operator == '=')
    if (
        rule['list'] != 'exit'
        or rule['action'] != 'always'
        or len(fields) != len(rule['fields'])
        or set(fields) - set(('path', 'perm', 'uid'))
    ):
        return None
    if 'path' not in fields or 'x' not in fields.get('perm', 'arwx') or not has_execution(rule):
        return None
    uid = fields.get('uid')
    return (fields['path'], None) if uid is None else (fields['path'], int(uid)) if uid.isdecimal() else None


def has_execution(rule: Rule) -> bool:
    """Whether a rule is for the calls that execute a program."""
    # 59 and 322 are execve and execveat of x86_64 (221 and 281 of arm64): the listing names a call only where it knows
    # the machine.
    return bool(set(rule['syscalls']) & set(('all', 'execve', 'execveat', '59', '322', '221', '281')))
