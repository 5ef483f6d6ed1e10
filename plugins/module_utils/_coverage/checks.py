# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the list of problems that keep a host from recording who stopped a container.

Sources: auditctl(8), auditd.conf(5), audit-userspace src/auditd-config.c for what auditd does without a setting,
kernel/audit.c and kernel/auditsc.c for the filters.

Pure: what host.facts() and auditctl tell of a host in, plain values out.
"""

from __future__ import annotations

from typing import Optional, Tuple, TypedDict

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import shadows
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.rules import Rule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.auditd import Log, not_at_boot
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.codes import (
    Problem,
    Weight,
    by_weight,
    problem,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage.host_facts import HostFacts

_DAY = 24
_HOUR = 3600 * 1000
_MB = 1 << 20
_STOPS = ('suspend', 'single', 'halt')
_SETTINGS_THAT_STOP = (
    'disk_full_action',
    'disk_error_action',
    'admin_space_left_action',
    'space_left_action',
    'max_log_file_action',
)

# Records by the names and numbers of include/uapi/linux/audit.h, and what is lost with each.
_NEEDED_RECORDS: dict[str, Weight] = {
    'SYSCALL': 'blind',
    '1300': 'blind',
    'EXECVE': 'blind',
    '1309': 'blind',
    'CWD': 'partial',
    '1307': 'partial',
}


# What else a host can record, by the end of its key, and the question that it answers.
_QUESTIONS = (
    (names.SOCKET_SUFFIX, 'socket: which programs use the API'),
    (names.SIGNALS_SUFFIX, 'signals: who sent a SIGKILL'),
    (names.SERVICES_SUFFIX, 'services: who stopped the engine'),
)
_WITNESS = 'witness: which client asked, and what the engine forgets'

Pair = Tuple[str, Optional[int]]


class RuleFile(TypedDict):
    """Our rule file, or files."""

    path: str
    present: bool
    rules: list[Rule]


class Host(HostFacts):
    """What is known of a host."""

    reason: str | None  # why auditctl could not be asked
    status: dict[str, int]
    kernel: list[Rule]
    unknown: list[str]  # lines of auditctl -l that are no rules
    keys: list[str]  # ours
    rule_file: RuleFile


class Retention(TypedDict):
    """How far back the logs reach."""

    bytes: int
    capacity: int | None  # None: without end
    bytes_per_hour: int | None  # None: not known yet, and so hours
    hours: float | None


def problems(host: Host) -> list[Problem]:
    """The problems of a host, the heaviest first."""
    found: list[Problem] = []
    for look in (_reading, _kernel, _log, _rules, _others, _sources, _engine, _losses):
        found += look(host)
    return by_weight(found)


def watched(host: Host) -> list[Pair]:
    """Path and user of the executions that the kernel logs under our key, uid None for every user."""
    # The rules for services watch programs, too, but not docker.
    keys = [key for key in host['keys'] if not audit_rules.is_suffixed(key, host['keys'])]
    found = [audit_rules.watches(rule) for rule in host['kernel'] if set(rule['keys']) & set(keys)]
    return [pair for pair in found if pair is not None]


def retention(host: HostFacts) -> Retention:
    """How far back the logs reach, and how far they would if they were full."""
    config, log = host['config'] or {}, host['log']
    number, size = _number(config, 'num_logs'), _number(config, 'max_log_file')
    rotates = _word(config, 'max_log_file_action') == 'rotate' and number >= 2 and size > 0
    capacity = number * size * _MB if rotates else None
    result: Retention = {'bytes': log['bytes'], 'capacity': capacity, 'bytes_per_hour': None, 'hours': None}
    if log['first'] is not None and log['bytes']:
        hours = (host['now'] - log['first']) / _HOUR
        # A log that has just begun says nothing of the rate, unless it has already filled every file.
        if hours >= 1 or (0 < hours and rotates and log['files'] >= number):
            result['bytes_per_hour'] = round(log['bytes'] / hours)
            if capacity is not None:
                result['hours'] = round(capacity * hours / log['bytes'], 1)
    return result


# --- What stands in the way -------------------------------------------------------------------------------------------


def _reading(host: Host) -> list[Problem]:
    found = []
    if host['reason'] is not None:
        found.append(problem('kernel_not_readable', host['reason']))
    found += [problem('not_readable', '%s: %s' % pair) for pair in host['unseen']]
    return found + [
        problem('not_readable', 'a line of auditctl -l that is no rule: %s' % line) for line in host['unknown']
    ]


def _kernel(host: Host) -> list[Problem]:
    found = []
    # What stands behind -- is for init (admin-guide/kernel-parameters of the kernel).
    for word in (host['cmdline'] or '').partition(' -- ')[0].split():
        if word in ('audit=0', 'audit=off'):
            found.append(problem('audit_off_at_boot', '%s in /proc/cmdline' % word))
    if host['reason'] is not None:
        return found
    if host['status'].get('enabled') == 0:
        found.append(problem('audit_disabled', 'auditctl -s: enabled 0'))
    found += _takers(host)
    for rule in host['kernel']:
        if rule['list'] == 'task' and rule['action'] == 'never' and not rule['fields']:
            found.append(problem('never_task', rule['rule']))
        found += _excluded(rule)
    return found


def _takers(host: Host) -> list[Problem]:
    """What is wrong with the program that takes the records of the kernel."""
    found = []
    status, consumer = host['status'], host['consumer']
    if host['journal']:
        if not host['log']['present']:
            found.append(problem('log_missing', 'journalctl cannot read the audit records of the journal'))
        if host['is_volatile']:
            found.append(problem('journal_volatile', '/var/log/journal does not exist'))
    elif status.get('pid', 0) == 0 or consumer is None:
        found.append(problem('auditd_not_running', 'auditctl -s: pid 0, or that of a process that has ended'))
    elif consumer != 'auditd':
        found.append(problem('consumer_not_auditd', 'auditctl -s: pid %d, which is %s' % (status['pid'], consumer)))
    return found


def _excluded(rule: Rule) -> list[Problem]:
    """The records that a rule of the exclude list drops and that findings are made of."""
    found = []
    for name, operator, value in rule['fields'] if rule['list'] == 'exclude' else ():
        if name == 'msgtype' and operator == '=' and value in _NEEDED_RECORDS:
            weight = _NEEDED_RECORDS[value] if len(rule['fields']) == 1 else 'partial'
            found.append(problem('records_excluded', rule['rule'], weight))
    return found


def _log(host: HostFacts) -> list[Problem]:
    config, log = host['config'], host['log']
    found: list[Problem] = []
    if config is None or host['journal']:
        return found
    for name, value in (('write_logs', 'no'), ('log_format', 'nolog'), ('local_events', 'no')):
        if _word(config, name) == value:
            found.append(problem('log_not_written', '%s = %s in auditd.conf' % (name, config[name])))
    if not log['present'] and not found:
        found.append(problem('log_missing', '%s does not exist' % log['path']))
    if log['present'] and log['last'] is not None and not found:
        hours = (host['now'] - log['last']) // _HOUR
        if hours >= _DAY:
            found.append(problem('log_stale', 'the newest record in %s is %d hours old' % (log['path'], hours)))
    found += _disk(config, log)

    action = _word(config, 'max_log_file_action', 'ignore')
    if action in ('ignore', 'syslog', 'keep_logs'):
        found.append(problem('log_not_rotated', 'max_log_file_action = %s in auditd.conf' % action))
    elif action == 'rotate' and _number(config, 'num_logs') < 2:
        found.append(problem('log_not_rotated', 'num_logs = %s in auditd.conf' % config.get('num_logs', '0')))
    stops = ['%s = %s' % (name, config[name]) for name in _SETTINGS_THAT_STOP if _word(config, name) in _STOPS]
    if stops:
        found.append(problem('log_may_stop', '%s in auditd.conf' % ', '.join(stops)))
    kept = retention(host)
    if kept['hours'] is not None and kept['hours'] < _DAY:
        found.append(
            problem(
                'log_retention_short',
                '%s bytes an hour fill %d files of %d MB in %s hours'
                % (kept['bytes_per_hour'], _number(config, 'num_logs'), _number(config, 'max_log_file'), kept['hours']),
            )
        )
    return found


def _disk(config: dict[str, str], log: Log) -> list[Problem]:
    if log['free'] is None or log['size'] is None:
        return []
    # auditd compares what is free for users (f_bavail) with its limits, in megabytes or per cent (auditd-event.c).
    if log['free'] == 0:
        return [problem('log_disk_full', 'no space is left where %s lies' % log['path'])]
    for name in ('admin_space_left', 'space_left'):
        text = config.get(name, '0')
        share = text.endswith('%')
        limit = _number({name: text.rstrip('%')}, name) * (log['size'] // 100 if share else _MB)
        if log['free'] < limit and _word(config, name + '_action') in _STOPS:
            return [
                problem(
                    'log_disk_full',
                    '%d MB are left where %s lies: below %s = %s auditd does %s'
                    % (log['free'] // _MB, log['path'], name, text, config[name + '_action']),
                )
            ]
    return []


def _rules(host: Host) -> list[Problem]:
    if host['reason'] is not None:
        return []
    file, pairs = host['rule_file'], watched(host)
    missing = audit_rules.difference(file['rules'], host['kernel'])[0]
    unexpected = audit_rules.difference(file['rules'], audit_rules.with_keys(host['kernel'], host['keys']))[1]
    found: list[Problem] = []
    if not pairs and not file['present'] and not host['executables'] and not host['is_docker_host']:
        found.append(problem('docker_missing', 'nothing on PATH, in the usual places or at /run/docker.sock'))
    elif not pairs:
        found.append(
            problem(
                'rules_missing',
                'no rule with the key %s logs an execution; %s %s'
                % (
                    ' or '.join(key for key in host['keys'] if not audit_rules.is_suffixed(key, host['keys'])),
                    file['path'],
                    'asks for %d rules' % len(file['rules']) if file['present'] else 'does not exist',
                ),
            )
        )
    else:
        found += [problem('rules_partial', 'missing in the kernel: %s' % rule) for rule in missing]
        uids = sorted(set(uid for _path, uid in pairs if uid is not None))
        for path in sorted(set(path for path, _uid in pairs)):
            lacking = [uid for uid in uids if (path, uid) not in pairs and (path, None) not in pairs]
            # What the file asks for and the kernel lacks is said above.
            if lacking and not missing:
                found.append(
                    problem('rules_partial', '%s is watched, but not for uid %s' % (path, ', '.join(map(str, lacking))))
                )
    found += [problem('rules_unexpected', 'not in %s: %s' % (file['path'], rule)) for rule in unexpected]
    if host['status'].get('enabled') == 2 and (missing or unexpected):
        found.append(problem('rules_locked', 'auditctl -s: enabled 2, and %d rules differ' % len(missing + unexpected)))
    found += (
        [problem('rules_not_at_boot', reason) for reason in not_at_boot(host['units'], host['journal'])]
        if host['units']
        else []
    )
    return found + _shadows(host, pairs) + _stale_paths(host, pairs)


def _shadows(host: Host, pairs: list[Pair]) -> list[Problem]:
    """A problem for each rule that comes before ours and takes its events."""
    keys = set(host['keys'])
    before = [rule for rule in host['kernel'] if rule['list'] == 'task']
    taken: set[Pair] = set()
    takers: dict[str, tuple[Rule, list[tuple[Pair, shadows.Share]]]] = {}
    for rule in host['kernel']:
        if rule['list'] != 'exit':
            continue
        if not set(rule['keys']) & keys:
            before.append(rule)
            continue
        pair = audit_rules.watches(rule)
        for earlier in before if pair in pairs else ():
            share = shadows.takes(earlier, *pair) if pair else 'none'
            # never,task without a condition has a code of its own
            if pair is not None and share != 'none' and (earlier['list'] != 'task' or earlier['fields']):
                takers.setdefault(earlier['rule'], (earlier, []))[1].append((pair, share))
                if share == 'all':
                    taken.add(pair)
    is_blind = bool(pairs) and taken >= set(pairs)
    found = []
    for earlier, shares in takers.values():
        what = ', '.join(
            '%s of %s by %s' % (share, path, 'every user' if uid is None else 'uid %d' % uid)
            for (path, uid), share in shares
        )
        whole = is_blind and any(share == 'all' for _pair, share in shares)
        found.append(
            problem(
                'rule_shadowed',
                '%s (key %s) comes first and takes: %s' % (earlier['rule'], ', '.join(earlier['keys']) or 'none', what),
                'blind' if whole else 'partial',
            )
        )
    return found


def _stale_paths(host: HostFacts, pairs: list[Pair]) -> list[Problem]:
    stale = {}
    for path in sorted(set(path for path, _uid in pairs)):
        real = host['real_paths'].get(path, path)
        if real is None:
            stale[path] = '%s of the rule does not exist' % path
        elif real != path:
            stale[path] = '%s of the rule leads to %s, and a rule on a link does not fire' % (path, real)
    whole = set(stale) == set(path for path, _uid in pairs)
    return [problem('rule_path_stale', evidence, 'blind' if whole else 'partial') for evidence in stale.values()]


def _others(host: Host) -> list[Problem]:
    """What can stop containers beside the docker that a rule logs."""
    if host['reason'] is not None:
        return []
    paths = set(path for path, _uid in watched(host))
    found = []
    # Without any rule there is nothing beside: rules_missing says it.
    for item in host['executables'] if paths else ():
        if item['real_path'] not in paths:
            leads = '' if item['path'] == item['real_path'] else ', which leads to %s' % item['real_path']
            way = item['path'] + leads
            if item['real_path'].endswith('/snap'):
                way += ': a rule on it would log every snap command'
            found.append(problem('plugin_not_covered' if item['is_plugin'] else 'binary_not_covered', way))
    return found


def _sources(host: Host) -> list[Problem]:
    """The sources that are off, with the questions that they would answer, and sockets of the engine left out."""
    logged = {key for rule in host['kernel'] for key in rule['keys']}
    off = [told for suffix, told in _QUESTIONS if not any(key + suffix in logged for key in host['keys'])]
    off += [] if host['has_witness'] else [_WITNESS]
    # Without a rule for docker, another code says more.
    found = [problem('sources_off', 'off: ' + '; '.join(off))] if off and watched(host) else []
    keys = [key + names.SOCKET_SUFFIX for key in host['keys']]
    sockets = audit_rules.paths(audit_rules.with_keys(host['kernel'], keys))
    return found + [problem('socket_not_covered', path) for path in host['sockets'] if sockets and path not in sockets]


def _engine(host: Host) -> list[Problem]:
    pairs = watched(host)
    uids = set(uid for _path, uid in pairs)
    found = []
    # Without any rule nobody is watched, which rules_missing says.
    if pairs and None not in uids:
        by_user: dict[tuple[int | None, str | None], list[str]] = {}
        for user in host['talkers']:
            if user['uid'] not in uids:
                by_user.setdefault((user['uid'], user['name']), []).append(user['why'])
        for (uid, name), reasons in sorted(by_user.items(), key=lambda item: -1 if item[0][0] is None else item[0][0]):
            who = 'every user' if uid is None else 'uid %d%s' % (uid, ' (%s)' % name if name else '')
            found.append(problem('users_not_watched', '%s: %s' % (who, ', '.join(reasons))))
    if host['blind_witness'] is not None:
        found.append(problem('witness_blind', 'its last word: %s' % host['blind_witness']))
    return found + [problem('engine_on_tcp', '%s: %s' % (place, address)) for address, place in host['tcp']]


def _losses(host: Host) -> list[Problem]:
    status = host['status']
    found = []
    if status.get('lost', 0) > 0:
        found.append(problem('records_lost', 'auditctl -s: lost %d' % status['lost']))
    if status.get('rate_limit', 0) > 0:
        found.append(problem('rate_limited', 'auditctl -s: rate_limit %d' % status['rate_limit']))
    # 0 is without limit.
    if 0 < status.get('backlog_limit', 0) <= 64:
        found.append(problem('backlog_small', 'auditctl -s: backlog_limit %d' % status['backlog_limit']))
    return found


def _word(config: dict[str, str], name: str, default: str = '') -> str:
    return config.get(name, default).lower()


def _number(config: dict[str, str], name: str) -> int:
    text = config.get(name, '')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
