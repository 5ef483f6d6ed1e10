# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predicts what a load of the rule files does: which lines it loads, where it stops, and which other rules it drops.

Sources: augenrules(8) and the script itself for the order of its output, src/auditctl.c for where a load stops.
Pure: text in, plain values out.
"""

from __future__ import annotations

from typing import Iterable, Iterator, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.rules import (
    AuditRuleError,
    Ids,
    Rule,
    control_of,
    has_key,
    meaning,
    parse_rule,
)


class Line(TypedDict):
    """A line that augenrules takes over: where it stands, and which line of audit.rules it becomes."""

    line: str
    file: str
    number: int
    compiled: int


class Effects(TypedDict):
    """What a load would do to what is not ours."""

    deletes_all: bool
    lost: list[str]
    pending: list[Line]
    dropped: list[str]


def merge(files: Iterable[tuple[str, str]]) -> list[Line]:
    """What augenrules makes of ``[(name, text), ...]``: a list of ``{line, file, number, compiled}`` in its order.

    ``number`` is the line in its file, ``compiled`` the line in the audit.rules that augenrules writes.

    The files are joined as bytes are (one without a final newline swallows the next one's first line, and is
    named as the source of both); comments go, the last -D, -b and -f come first, the last -e comes last.
    """
    lines: list[Line] = []
    open_line: Line | None = None
    for name, text in files:
        for number, part in enumerate(text.split('\n'), 1):
            if number == 1 and open_line is not None:
                open_line['line'] += part
            else:
                open_line = {'line': part, 'file': name, 'number': number, 'compiled': 0}
                lines.append(open_line)
        if text.endswith('\n'):
            lines.pop()
            open_line = None
    hoisted: dict[str, Line | None] = {'-D': None, '-b': None, '-f': None, '-e': None}
    rest: list[Line | None] = []
    for entry in lines:
        stripped = entry['line'].strip()
        if not stripped or stripped.startswith('#'):
            continue
        switch = stripped[:2]
        if switch in ('-b', '-f', '-e') or stripped == '-D':
            hoisted[switch] = entry
        else:
            rest.append(entry)
    # Line 1 of audit.rules is a comment; a missing -D, -b or -f leaves its line empty.
    merged = [hoisted['-D'], hoisted['-b'], hoisted['-f'], *rest, hoisted['-e']]
    for number, one in enumerate(merged, 2):
        if one is not None:
            one['compiled'] = number
    return [one for one in merged if one is not None]


def stopped_at(merged: list[Line], kernel: list[Rule], ids: Ids | None = None) -> Line | None:
    """The entry of ``merge`` at which a load that began with an empty kernel stopped, or None if it went through.

    auditctl stops at a rule that it cannot read or that is there already, and ``auditctl -R`` says so in the
    system log alone (src/auditctl.c: MSG_SYSLOG), where a host has one.
    """
    held = set(meaning(rule) for rule in kernel)
    seen = set()
    for entry in merged:
        rule = comparable(entry['line'], ids)
        if control_of(entry['line']) is None and (rule not in held or rule in seen):
            return entry
        seen.add(rule)
    return None


def effects(
    merged: list[Line],
    compiled: str,
    kernel: list[Rule],
    status: dict[str, int],
    own_keys: Iterable[str],
    ids: Ids | None = None,
) -> Effects:
    """What ``augenrules --load`` would do to what is not ours.

    ``merged`` from ``merge``, ``compiled`` the text of /etc/audit/audit.rules, ``kernel`` parsed rules,
    ``status`` from ``parse_status``. ``deletes_all``: a -D is in force; ``lost``: lines of audit.rules that no file
    holds and that were put there by hand or are in force; ``pending``: a -e or -f 2 that is not yet in force;
    ``dropped``: rules of the kernel that no file holds and a -D takes away.
    """
    switches = {control: entry for entry in merged for control in [control_of(entry['line'])] if control is not None}
    wanted = set(comparable(entry['line'], ids) for entry in merged)
    in_force = set(meaning(rule) for rule in kernel)
    lost = []
    for line, by_hand in _lines_of_audit_rules(compiled):
        rule = comparable(line, ids)
        if control_of(line) in switches or rule in wanted or has_key(line, own_keys):
            continue
        # A line of an earlier load whose file is gone or was corrected is nobody's any more, unless it is in force.
        if by_hand or rule in in_force:
            lost.append(line.strip())
    dropped = []
    if '-D' in switches:
        dropped = [one['rule'] for one in kernel if meaning(one) not in wanted and not set(one['keys']) & set(own_keys)]
    return {
        'deletes_all': '-D' in switches,
        'lost': lost,
        'pending': [switches[name] for name in _PENDING if _is_pending(switches.get(name), name, status)],
        'dropped': dropped,
    }


# -e 2 locks the kernel until a reboot, -e 0 silences audit, -f 2 lets a full backlog panic the host.
_PENDING = {'-e': ('enabled', ('2', '0')), '-f': ('failure', ('2',))}


def _is_pending(entry: Line | None, switch: str, status: dict[str, int]) -> bool:
    """Whether a load would put into force what endangers others."""
    if entry is None:
        return False
    field, dangerous = _PENDING[switch]
    value = entry['line'].split()[-1]
    return value in dangerous and status.get(field) != int(value)


def refusals(effects: Effects) -> list[str]:
    """A sentence for each thing of others that a load would take away or put into force."""
    return (
        [
            'augenrules would overwrite this line of /etc/audit/audit.rules, which no file in /etc/audit/rules.d '
            'holds: %s' % line
            for line in effects['lost']
        ]
        + [
            'A load would put this line of %(file)s into force, which is not in force yet: %(line)s' % entry
            for entry in effects['pending']
        ]
        + [
            'A load would drop this rule from the kernel (it was added by hand, or its file is gone): %s' % rule
            for rule in effects['dropped']
        ]
    )


def _lines_of_audit_rules(text: str) -> Iterator[tuple[str, bool]]:
    """Each rule or control line of audit.rules with whether it was put there by hand.

    augenrules writes its comment, then a line each for -D, -b and -f (empty without), the rules, and a line for
    -e (empty without): what follows that was added. Without the comment all of the file is kept by hand.
    """
    lines = text.split('\n')
    by_hand = not lines[0].startswith('## This file is automatically generated from ')
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.strip().startswith('#'):
            yield line, by_hand
        if number > 4 and (not line.strip() or line.strip().startswith('-e')):
            by_hand = True


def comparable(line: str, ids: Ids | None = None) -> object:
    """A value that is equal for two lines that do the same."""
    try:
        return meaning(parse_rule(line, ids))
    except AuditRuleError:
        return ' '.join(line.split())
