# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables would do nothing, so that a typo does not leave the default in force without a word.

Extra variables of other names are nobody's business here: they can be meant for an inventory or for another role.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

#: What was called so before, and what it is called now. Those without the prefix are reserved words of Ansible.
RENAMED = {
    'name': 'container',
    'until': 'before',
    'query': 'select',
    'docker_audit_socket': 'docker_audit_watch: set docker_audit_watch to socket',
    'docker_audit_keep_events': 'docker_audit_witness',
}
PREFIX = 'docker_audit_'
#: The fact that the role leaves behind.
FACT = 'docker_audit'
#: The variables of the playbooks. Those of the role belong to audit.
PLAYBOOKS: Mapping[str, frozenset[str]] = {
    'audit': frozenset(('state',)),
    'coverage': frozenset(('key', 'canary', 'dest')),
    'findings': frozenset(
        (
            'container',
            'key',
            'possible',
            'since',
            'before',
            'dest',
            'report',
            'secrets',
            'format',
            'select',
            'logs',
            'host_from',
        )
    ),
    'tail': frozenset(('container', 'key', 'possible', 'reader', 'output', 'duration', 'secrets')),
    'verdicts': frozenset(
        ('container', 'key', 'since', 'before', 'dest', 'report', 'evidence', 'secrets', 'socket', 'kept')
    ),
}
# Where Ansible puts the words of -e that are no assignment (parse_kv of ansible.parsing.splitter)
_LEFT_OVER = '_raw_params'
_OTHERS = ('ansible_', 'awx_', 'tower_')
_LONG = 7


def extra(given: Iterable[str], playbook: str, options: Collection[str]) -> list[str]:
    """A sentence for each extra variable that a playbook would not use although it looks meant for it.

    ``options`` are those of the role, which belong to audit.yml.
    """
    own = PLAYBOOKS[playbook] | (frozenset(options) - {PREFIX + 'state'} if playbook == 'audit' else frozenset())
    return [line for name in given for line in [_extra(name, playbook, own, options)] if line is not None]


def _extra(name: str, playbook: str, own: frozenset[str], options: Collection[str]) -> str | None:
    if name in RENAMED:
        return '%s is now %s' % (name, RENAMED[name])
    if name == _LEFT_OVER:
        return (
            'a word of -e has no name and no =: was there a blank in a value? Write a time as 2026-11-24T03:12:00, and '
            """another value as -e '{"container": "a b"}'"""
        )
    if name in own or name.startswith(_OTHERS) or name == FACT:
        return None
    if name == PREFIX + 'state' and playbook == 'audit':
        return '%s is given to audit.yml as state: -e state=present or -e state=absent' % name
    homes = [other + '.yml' for other, names in PLAYBOOKS.items() if name in names]
    if name in options:
        homes.append('audit.yml')
    if homes:
        more = ': -e dest=- writes JSON to stdout' if name == 'output' and 'dest' in own else ''
        return '%s is a variable of %s, not of %s.yml%s' % (name, ' and '.join(homes), playbook, more)
    if name.startswith(PREFIX):
        return unknown_option(name, options)
    near = nearest(name, own)
    return None if near is None else '%s is no variable of %s.yml: is %s meant?' % (name, playbook, near)


def of_inventory(hosts: Iterable[str]) -> list[str]:
    """A sentence on docker_audit_state where an inventory sets it for these hosts: audit.yml takes it from state alone.

    A playbook of somebody's own may use the role with it.
    """
    named = sorted(hosts)
    more = '' if len(named) < 2 else ' and %d more' % (len(named) - 1)
    return [
        '%sstate is set in the inventory (%s%s), where audit.yml would not obey it: remove it there, and give -e '
        'state=present or -e state=absent' % (PREFIX, host, more)
        for host in named[:1]
    ]


def of_role(given: Iterable[str], options: Collection[str]) -> list[str]:
    """A sentence for each variable that begins like an option of the role and is none."""
    return [
        '%s is now %s' % (name, RENAMED[name]) if name in RENAMED else unknown_option(name, options)
        for name in sorted(given)
        if name.startswith(PREFIX) and name not in options
    ]


def unknown_option(name: str, options: Collection[str]) -> str:
    """The sentence for a name that no option has."""
    near = min(sorted(options), key=lambda option: distance(name, option))
    return '%s is no option of the role docker_audit: the nearest is %s' % (name, near)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that one edit makes of a name, or two where it has seven letters or more; else None."""
    found = sorted((distance(name, one), one) for one in known)
    close = [one for edits, one in found if edits <= (2 if len(one) >= _LONG else 1)]
    return close[0] if close else None


def distance(one: str, other: str) -> int:
    """How many letters to add, remove, change or swap with their neighbour. Case does not count."""
    one, other = one.lower(), other.lower()
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        two_before, before, row = before, row, [place]
        for there, against in enumerate(other, 1):
            cost = min(before[there] + 1, row[-1] + 1, before[there - 1] + (letter != against))
            is_swapped = place > 1 and there > 1 and letter == other[there - 2] and one[place - 2] == against
            row.append(min(cost, two_before[there - 2] + 1) if is_swapped else cost)
    return row[-1]


def option_names(specification: Mapping[str, Any]) -> frozenset[str]:
    """The options in argument_specs.yml of the role."""
    return frozenset(specification['argument_specs']['main']['options'])
