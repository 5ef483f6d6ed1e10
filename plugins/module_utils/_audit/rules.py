# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Audit rules as text, compared by what they mean.

The same rule has several spellings: the one in a file below /etc/audit/rules.d, and the one in which
``auditctl -l`` prints it back (``-S all`` or the exec system calls added, ``-w`` for a rule that holds a
path and a permission alone, numbers for names). Syntax: auditctl(8), audit.rules(7), and
src/auditctl-listing.c of audit-userspace for the listing. Merging of files: augenrules(8).

Pure: text in, plain values out.
"""

from __future__ import annotations

import re

#: The key of the recipe this collection replaces; a file of its name is ours only if all its rules carry it.
DEFAULT_KEY = 'claude-hooks-docker'

#: The line by which a managed file is known. It records the key, so that removal needs no options.
MARKER = re.compile(r'^# claude_hooks\.docker_audit key=(\S+)$', re.MULTILINE)

#: The operators of ``-F``, in the order in which libaudit looks for them (audit_rule_fieldpair_data).
_OPERATORS = ('!=', '>=', '<=', '&=', '=', '>', '<', '&')
_USER_FIELDS = ('auid', 'loginuid', 'uid', 'euid', 'suid', 'fsuid', 'obj_uid')
_GROUP_FIELDS = ('gid', 'egid', 'sgid', 'fsgid', 'obj_gid')
_UNSET = ('unset', '-1', '4294967295')
_EXEC_CALLS = frozenset(('execve', 'execveat'))
#: What stands behind the key of the rules that log something else than docker itself.
SUFFIXES = ('-socket', '-signals', '-services')
_ARCHITECTURES = {'x86_64': 'b64', 'aarch64': 'b64', 'ppc64le': 'b64', 's390x': 'b64', 'i386': 'b32', 'i686': 'b32'}


class AuditRuleError(ValueError):
    """A line that auditctl would not read as a rule."""


# One branch an option of auditctl.
def parse_rule(line, ids=None):  # noqa: C901, PLR0912
    """One rule line to a dict ``{rule, list, action, arch, syscalls, fields, keys, prepend}``.

    ``fields`` is a sorted list of ``[name, operator, value]`` without the keys; ``syscalls`` a sorted list,
    ``['all']`` for every system call. ``ids`` resolves names: ``ids('uid', 'root')`` gives 0 or None.
    Control lines (``-D``, ``-b``, ``-e`` ...) are no rules: see ``control_of``. Raises AuditRuleError.
    """
    words = line.split()
    rule = {
        'rule': ' '.join(words),
        'list': None,
        'action': None,
        'arch': None,
        'syscalls': [],
        'fields': [],
        'keys': [],
        'prepend': False,
    }
    fields = []
    position = 0
    while position < len(words):
        option = words[position]
        if option not in ('-a', '-A', '-d', '-w', '-W', '-p', '-k', '-S', '-F', '-C'):
            raise AuditRuleError('not an option of a rule: %s' % option)
        if position + 1 >= len(words):
            raise AuditRuleError('%s needs a value' % option)
        value = words[position + 1]
        position += 2
        if option in ('-a', '-A', '-d'):
            _set_list(rule, value)
            rule['prepend'] = option == '-A'
        elif option in ('-w', '-W'):
            _set_list(rule, 'always,exit')
            fields.append(('path', '=', value.rstrip('/') or '/'))
        elif option == '-p':
            fields.append(('perm', '=', ''.join(sorted(value))))
        elif option == '-k':
            rule['keys'].append(value)
        elif option == '-S':
            rule['syscalls'].extend(value.split(','))
        elif option == '-C':
            fields.append(('compare', '', value))
        else:
            name, operator, content = _split_field(value)
            if name == 'key':
                rule['keys'].append(content)
            elif name == 'arch':
                rule['arch'] = operator + _ARCHITECTURES.get(content, content)
            else:
                fields.append(_normal_field(name, operator, content, ids))
    if rule['list'] is None:
        raise AuditRuleError('neither -a, -A nor -w: %s' % rule['rule'])
    if words[0] in ('-w', '-W') and not any(field[0] == 'perm' for field in fields):
        fields.append(('perm', '=', 'arwx'))
    rule['fields'] = [list(field) for field in sorted(set(fields))]
    rule['syscalls'] = _normal_syscalls(rule['syscalls'], fields)
    return rule


def _set_list(rule, value):
    parts = value.split(',')
    actions = [part for part in parts if part in ('always', 'never', 'possible')]
    lists = [part for part in parts if part in ('task', 'exit', 'user', 'exclude', 'filesystem', 'io_uring')]
    if len(parts) != 2 or len(actions) != 1 or len(lists) != 1:
        raise AuditRuleError('not a list and an action: %s' % value)
    rule['list'], rule['action'] = lists[0], actions[0]


def _split_field(text):
    for operator in _OPERATORS:
        name, found, content = text.partition(operator)
        if found:
            return name, operator, content
    raise AuditRuleError('-F without an operator: %s' % text)


def _normal_field(name, operator, value, ids):
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


def _normal_syscalls(names, fields):
    calls = set(names)
    if not calls or 'all' in calls:
        return ['all']
    # perm=x lets no other call through than these two, so that naming them says nothing more.
    if ('perm', '=', 'x') in fields and calls == _EXEC_CALLS:
        return ['all']
    return sorted(calls)


def meaning(rule):
    """A hashable value that is equal for two parsed rules exactly if the kernel treats them alike."""
    return (
        rule['list'],
        rule['action'],
        rule['arch'],
        tuple(rule['syscalls']),
        tuple(tuple(field) for field in rule['fields']),
        tuple(sorted(rule['keys'])),
    )


def deletion(rule):
    """The words after ``auditctl`` that delete just this rule, as the kernel lists it, and no other."""
    words = rule['rule'].split()
    words[0] = '-W' if words[0] == '-w' else '-d'
    return words


def control_of(line):
    """The switch of a line that sets something and adds no rule (``-D``, ``-e`` ...), else None."""
    words = line.split()
    if not words or words[0] in ('-a', '-A', '-w'):
        return None
    return words[0]


def parse_listing(text, ids=None):
    """The output of ``auditctl -l`` to rules, in the kernel's order; a line that is none is returned apart."""
    return _read([line for line in text.split('\n') if line.strip() not in ('', 'No rules')], ids)


def parse_status(text):
    """The output of ``auditctl -s`` (a name and a number per line) to a dict of integers."""
    status = {}
    for line in text.split('\n'):
        words = line.split()
        if len(words) >= 2 and words[1].isdecimal() and len(words[1]) < 20:
            status[words[0]] = int(words[1])
    return status


def merge(files):
    """What augenrules makes of ``[(name, text), ...]``: a list of ``{line, file, number, compiled}`` in its order.

    ``number`` is the line in its file, ``compiled`` the line in the audit.rules that augenrules writes.

    The files are joined as bytes are (one without a final newline swallows the next one's first line, and is
    named as the source of both); comments go, the last -D, -b and -f come first, the last -e comes last.
    """
    lines = []
    open_line = None
    for name, text in files:
        for number, part in enumerate(text.split('\n'), 1):
            if number == 1 and open_line is not None:
                open_line['line'] += part
            else:
                open_line = {'line': part, 'file': name, 'number': number}
                lines.append(open_line)
        if text.endswith('\n'):
            lines.pop()
            open_line = None
    hoisted = {'-D': None, '-b': None, '-f': None, '-e': None}
    rest = []
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
    merged = [hoisted[switch] for switch in ('-D', '-b', '-f')] + rest + [hoisted['-e']]
    return [dict(entry, compiled=number) for number, entry in enumerate(merged, 2) if entry is not None]


def stopped_at(merged, kernel, ids=None):
    """The entry of ``merge`` at which a load that began with an empty kernel stopped, or None if it went through.

    auditctl stops at a rule that it cannot read or that is there already, and ``auditctl -R`` says so in the
    system log alone (src/auditctl.c: MSG_SYSLOG), where a host has one.
    """
    held = set(meaning(rule) for rule in kernel)
    seen = set()
    for entry in merged:
        rule = _comparable(entry['line'], ids)
        if control_of(entry['line']) is None and (rule not in held or rule in seen):
            return entry
        seen.add(rule)
    return None


def load_effects(merged, compiled, kernel, status, own_keys, ids=None):
    """What ``augenrules --load`` would do to what is not ours.

    ``merged`` from ``merge``, ``compiled`` the text of /etc/audit/audit.rules, ``kernel`` parsed rules,
    ``status`` from ``parse_status``. Returns ``deletes_all`` (a -D is in force), ``lost`` (lines of
    audit.rules that no file holds and that were put there by hand or are in force), ``pending`` (a -e or -f 2 of some
    file that is not yet in force) and
    ``dropped`` (rules of the kernel that no file holds and a -D takes away).
    """
    wanted, switches = set(), {}
    for entry in merged:
        switch = control_of(entry['line'])
        if switch is not None:
            switches[switch] = entry
        wanted.add(_comparable(entry['line'], ids))
    deletes_all = '-D' in switches

    in_force = set(meaning(rule) for rule in kernel)
    lost = []
    for line, by_hand in _lines_of_audit_rules(compiled):
        rule = _comparable(line, ids)
        if control_of(line) in switches or rule in wanted or has_key(line, own_keys):
            continue
        # A line of an earlier load whose file is gone or was corrected is nobody's any more, unless it is in force.
        if by_hand or rule in in_force:
            lost.append(line.strip())

    pending = []
    for switch, field in (('-e', 'enabled'), ('-f', 'failure')):
        entry = switches.get(switch)
        value = entry and entry['line'].split()[-1]
        # -e 2 locks the kernel until a reboot, -e 0 silences audit, -f 2 lets a full backlog panic the host.
        if value in (('2', '0') if switch == '-e' else ('2',)) and status.get(field) != int(value):
            pending.append(entry)

    dropped = []
    if deletes_all:
        dropped = [
            rule['rule'] for rule in kernel if meaning(rule) not in wanted and not set(rule['keys']) & set(own_keys)
        ]
    return {'deletes_all': deletes_all, 'lost': lost, 'pending': pending, 'dropped': dropped}


def _lines_of_audit_rules(text):
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


def _comparable(line, ids):
    try:
        return meaning(parse_rule(line, ids))
    except AuditRuleError:
        return ' '.join(line.split())


def with_suffixes(keys):
    """``keys``, each followed by those of its rules for the socket, signals and services; those already there stay as
    they are.
    """
    result = []
    for key in keys:
        for name in (key,) if is_suffixed(key, keys) else (key, *(key + suffix for suffix in SUFFIXES)):
            if name not in result:
                result.append(name)
    return result


def is_suffixed(key, keys):
    """Whether a key is another one of ``keys`` with a suffix."""
    return any(key.endswith(suffix) and key[: -len(suffix)] in keys for suffix in SUFFIXES)


def arches(machine):
    """What ``-F arch=`` must name so that a rule holds for all programs of a machine, by its name in uname(2).

    auditctl knows a 32-bit companion also of other 64-bit machines (audit_determine_machine in lib/libaudit.c), but not
    in every build, and a rule that it does not take ends the load.
    """
    if machine == 'x86_64':
        return ['b64', 'b32']
    return ['b64'] if '64' in machine or machine == 's390x' else ['b32']


def has_key(line, keys):
    """Whether a line is a rule that carries one of ``keys``, as a whole key and not as a part of one."""
    try:
        return bool(set(parse_rule(line)['keys']) & set(keys))
    except AuditRuleError:
        return False


def rules_of_file(text, ids=None):
    """The rules of one file of /etc/audit/rules.d: ``(rules, other)``, other being lines that are no rules."""
    return _read([line for line in text.split('\n') if line.strip() and not line.strip().startswith('#')], ids)


def _read(lines, ids):
    rules, other = [], []
    for line in lines:
        try:
            rules.append(parse_rule(line, ids))
        except AuditRuleError:
            other.append(line)
    return rules, other


def managed_key(text):
    """The key that a file of ours records in its header, or None for a file that is not ours."""
    found = MARKER.search(text)
    return found.group(1) if found else None


def is_old_recipe(text, ids=None):
    """Whether a file without our header is the one that the replaced audit-install recipe wrote."""
    rules, other = rules_of_file(text, ids)
    return bool(rules) and not other and all(rule['keys'] == [DEFAULT_KEY] for rule in rules)


def watches(rule):
    """``(path, uid)`` of a rule that logs every execution of a file, uid None for every user; else None."""
    fields = dict((name, value) for name, operator, value in rule['fields'] if operator == '=')
    if (
        rule['list'] != 'exit'
        or rule['action'] != 'always'
        or len(fields) != len(rule['fields'])
        or set(fields) - set(('path', 'perm', 'uid'))
    ):
        return None
    if 'path' not in fields or 'x' not in fields.get('perm', 'arwx') or not _has_execution(rule):
        return None
    uid = fields.get('uid')
    return (fields['path'], None) if uid is None else (fields['path'], int(uid)) if uid.isdecimal() else None


def takes(rule, path, uid):
    """Whether a rule of the exit or task list matches when ``uid`` (None: any user) executes ``path``: ``all``,
    ``some`` or ``none``.

    ``some`` is also the answer where it rests on what is not known beforehand, such as the login user.
    Which rule gets an event: the first that matches, kernel/auditsc.c audit_filter_rules() with its prio.
    """
    if rule['list'] == 'task':
        # There is no system call yet, and no file: the filter runs when a process is made.
        if rule['action'] != 'never':
            return 'none'
    elif rule['list'] != 'exit' or not _has_execution(rule) or rule['arch'] == '=b32':
        return 'none'
    found = 'all'
    for name, operator, value in rule['fields']:
        one = _field_takes(name, operator, value, path, uid)
        if one == 'none':
            return 'none'
        if one == 'some':
            found = 'some'
    return found


def _has_execution(rule):
    # 59 and 322 are execve and execveat of x86_64 (221 and 281 of arm64): the listing names a call only where it knows
    # the machine.
    return bool(set(rule['syscalls']) & set(('all', 'execve', 'execveat', '59', '322', '221', '281')))


def _field_takes(name, operator, value, path, uid):
    if name == 'path':
        is_within = path == value or path.startswith(value.rstrip('/') + '/')
        return 'all' if is_within == (operator == '=') else 'none'
    if name == 'exe':
        return 'all' if (path == value) == (operator == '=') else 'none'
    if name == 'perm':
        return 'all' if 'x' in value else 'none'
    if name == 'success':
        return 'all' if (value in ('1', 'yes')) == (operator == '=') else 'none'
    if name == 'compare' and set(re.split('[!=]+', value)) == set(('uid', 'euid')):
        # They differ in programs with the setuid bit alone, which docker has not.
        return 'none' if '!=' in value else 'all'
    if name in ('uid', 'euid', 'suid', 'fsuid'):
        return _number_takes(operator, value, uid)
    return 'some'


def _number_takes(operator, value, number):
    if number is None or not value.isdecimal() or operator not in ('=', '!=', '<', '>', '<=', '>='):
        return 'some'
    wanted = int(value)
    holds = {
        '=': number == wanted,
        '!=': number != wanted,
        '<': number < wanted,
        '>': number > wanted,
        '<=': number <= wanted,
        '>=': number >= wanted,
    }
    return 'all' if holds[operator] else 'none'
