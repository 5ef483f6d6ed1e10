# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host could have seen who stopped a container at all: what stands in the way, as a list of problems.

A problem is ``{code, weight, evidence, remedy}``. The codes are stable. A ``blind`` host logs no execution of docker,
or none that can be read back; a ``partial`` one misses some; a ``note`` says what can become a problem.
Sources: auditctl(8), auditd.conf(5), audit-userspace src/auditd-config.c for what auditd does without a setting,
kernel/audit.c and kernel/auditsc.c for the filters.

Pure: what host_facts and auditctl tell of a host in, plain values out.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules

WEIGHTS = ('blind', 'partial', 'note')

#: code -> (its usual weight, what it says, what to do). docs/coverage.md has the same, by symptom.
CODES = {
    'kernel_not_readable': (
        'blind',
        'The audit of the kernel cannot be asked.',
        'Run as root on the host (become), with the package auditd (RHEL family: audit) installed.',
    ),
    'audit_off_at_boot': (
        'blind',
        'The command line of the kernel turns audit off.',
        'Remove it from the command line of the kernel in the boot loader, and boot.',
    ),
    'audit_disabled': (
        'blind',
        'Audit is turned off in the kernel.',
        'auditctl -e 1, and look for -e 0 in /etc/audit/rules.d.',
    ),
    'auditd_not_running': (
        'blind',
        'Nothing reads the records of the kernel, so no log of audit is written.',
        'Start auditd, and see the system log where it does not start.',
    ),
    'consumer_not_auditd': (
        'blind',
        'Another program than auditd takes the records of the kernel, so they are not in the log that is read here.',
        'Stop that program or let it read behind auditd (a plugin, or multicast), then start auditd.',
    ),
    'consumer_not_known': (
        'partial',
        'Which program takes the records of the kernel cannot be seen, as from within a container.',
        'Ask on the host itself, as root.',
    ),
    'never_task': (
        'blind',
        'A rule keeps the kernel from auditing any process.',
        'Delete that rule (auditctl -d task,never) and its line in /etc/audit/rules.d.',
    ),
    'log_not_written': (
        'blind',
        'auditd is told to write no log.',
        'Set write_logs = yes, local_events = yes and log_format = ENRICHED in auditd.conf, '
        'then make auditd read it (SIGHUP).',
    ),
    'log_missing': (
        'blind',
        'The log that auditd should write is not there.',
        'See the system log for what auditd says of it; restart auditd.',
    ),
    'log_disk_full': (
        'blind',
        'The disk of the log is so full that auditd does not write.',
        'Free space, then make auditd go on: kill -USR2 its pid, or auditctl --signal resume. It does not by itself.',
    ),
    'log_stale': (
        'partial',
        'auditd runs, but nothing was logged for long. After a full disk it stays suspended until it is told to go on.',
        'Try the canary (-e canary=true). Where it is not seen: kill -USR2 the pid of auditd.',
    ),
    'rules_missing': (
        'blind',
        'The kernel holds no rule of ours that logs an execution.',
        'Install the rule: audit.yml -e state=present.',
    ),
    'docker_missing': (
        'note',
        'There is no docker and no engine on this host, and no rule.',
        'Nothing, unless there should be one: docker_audit_paths names it.',
    ),
    'rules_partial': (
        'partial',
        'The kernel holds some of the rules, not all.',
        'Load them: audit.yml -e state=present.',
    ),
    'rules_unexpected': (
        'partial',
        'The kernel holds rules with our key that the rule file does not. They are gone with the next load or boot.',
        'Make file and kernel the same: audit.yml -e state=present.',
    ),
    'rules_locked': (
        'partial',
        'The rules of the kernel are locked (enabled 2) and are not those of the file.',
        'Boot the host: the file is loaded then.',
    ),
    'rules_not_at_boot': (
        'partial',
        'After the next boot the rules are not loaded or auditd does not run.',
        'systemctl unmask and enable the unit that the evidence names.',
    ),
    'rule_shadowed': (
        'blind',
        'A rule before ours takes its events: the kernel logs an event once, '
        'under the first rule that matches. Partial where it takes some of them.',
        'Set docker_audit_prepend, which puts our rule first, or search the log for the key of that rule.',
    ),
    'records_excluded': (
        'blind',
        'A rule drops records that a finding is made of. '
        'Partial where it does so for some users, or with the folder alone.',
        'Delete that rule of the exclude list and its line in /etc/audit/rules.d.',
    ),
    'rule_path_stale': (
        'blind',
        'The path of a rule is not the real file of a docker any more, so the rule does not fire. '
        'Partial where others do.',
        'Let the role find docker again: audit.yml -e state=present.',
    ),
    'binary_not_covered': (
        'partial',
        'A program that can stop containers is on this host, and no rule logs it.',
        'audit.yml logs every docker it finds; name others in docker_audit_paths. '
        'docker_audit_watch=socket logs who connects to the engine with any program.',
    ),
    'plugin_not_covered': (
        'note',
        'A plugin of docker can be executed by itself, past the docker that the rule logs.',
        'Name it in docker_audit_paths if that matters.',
    ),
    'users_not_watched': (
        'partial',
        'Users who may talk to the engine are not among those whose executions are logged.',
        'Add them to docker_audit_uids (all means every user), or take them out of the group.',
    ),
    'engine_on_tcp': (
        'partial',
        'The engine can be reached over TCP: such requests leave no trace on this host.',
        'Remove the tcp:// address from dockerd, or from /etc/docker/daemon.json.',
    ),
    'connects_not_logged': (
        'note',
        'API clients (SDKs, curl, Portainer) are not seen: no rule logs who connects to the socket of the engine.',
        'Set docker_audit_watch=socket.',
    ),
    'records_lost': (
        'partial',
        'The kernel dropped records since it started.',
        'Raise the backlog (-b 8192) in /etc/audit/rules.d, then auditctl --reset-lost.',
    ),
    'rate_limited': ('note', 'The kernel drops records beyond a number per second.', 'Set -r 0 in /etc/audit/rules.d.'),
    'backlog_small': (
        'note',
        'The backlog is that of a kernel without settings: a burst of records is lost.',
        'Set -b 8192 in /etc/audit/rules.d.',
    ),
    'log_retention_short': (
        'note',
        'At the present rate the logs hold less than a day.',
        'Raise max_log_file or num_logs in auditd.conf, or log less.',
    ),
    'log_not_rotated': (
        'note',
        'The log is not rotated, so it grows until the disk is full.',
        'Set max_log_file_action = ROTATE and num_logs = 5 in auditd.conf.',
    ),
    'log_may_stop': (
        'note',
        'auditd is set to stop logging, or the host, when the disk is full or fails.',
        'Watch the free space, or set SYSLOG or ROTATE in auditd.conf where the log matters less than the host.',
    ),
    'not_readable': (
        'partial',
        'Something that was to be looked at could not be read.',
        'Run as root on the host (become), or repair what the evidence names.',
    ),
    'canary_not_seen': (
        'blind',
        'docker was executed and its record did not come into the log under our key.',
        'See the other problems of the host. Where there is none, auditd may be suspended: kill -USR2 its pid.',
    ),
    'canary_refused': (
        'partial',
        'docker was not executed, so it is not proven that it would be seen.',
        'Do what the evidence says, then ask again.',
    ),
}

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
_NEEDED_RECORDS = {
    'SYSCALL': 'blind',
    '1300': 'blind',
    'EXECVE': 'blind',
    '1309': 'blind',
    'CWD': 'partial',
    '1307': 'partial',
}


def problem(code, evidence, weight=None):
    usual, _sentence, remedy = CODES[code]
    # Anybody can name a file or a rule: bytes that are not UTF-8 are shown, since JSON cannot hold them.
    evidence = evidence.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    return {'code': code, 'weight': weight or usual, 'evidence': evidence, 'remedy': remedy}


def verdict(problems, proven=False):
    """What all problems of a host come to: blind, partial, complete, or proven where the canary was seen, too."""
    weights = set(one['weight'] for one in problems)
    for weight in ('blind', 'partial'):
        if weight in weights:
            return weight
    return 'proven' if proven else 'complete'


def problems(host):
    """The problems of a host, the heaviest first. ``host`` is what host_facts.look() returns together with

    reason (why auditctl could not be asked, or None), status, kernel (parsed rules), unknown (lines of its
    listing that are none),
    keys (ours), rule_file ``{path, present, rules}``.
    """
    found = []
    for look in (_reading, _kernel, _log, _rules, _others, _engine, _losses):
        found += look(host)
    return sorted(found, key=lambda one: WEIGHTS.index(one['weight']))


def watched(host):
    """``[(path, uid), ...]`` of the executions that the kernel logs under our key, uid None for every user."""
    # The rules for services watch programs, too, but not docker.
    keys = [key for key in host['keys'] if not audit_rules.is_suffixed(key, host['keys'])]
    found = [audit_rules.watches(rule) for rule in host['kernel'] if set(rule['keys']) & set(keys)]
    return [pair for pair in found if pair is not None]


def retention(host):
    """How far back the logs reach: bytes, capacity (None: without end), bytes_per_hour and hours (None: not known
    yet).
    """
    config, log = host['config'] or {}, host['log']
    number, size = _number(config, 'num_logs'), _number(config, 'max_log_file')
    rotates = _word(config, 'max_log_file_action') == 'rotate' and number >= 2 and size > 0
    capacity = number * size * _MB if rotates else None
    result = {'bytes': log['bytes'], 'capacity': capacity, 'bytes_per_hour': None, 'hours': None}
    if log['first'] is not None and log['bytes']:
        hours = (host['now'] - log['first']) / _HOUR
        # A log that has just begun says nothing of the rate, unless it has already filled every file.
        if hours >= 1 or (0 < hours and rotates and log['files'] >= number):
            result['bytes_per_hour'] = round(log['bytes'] / hours)
            if capacity is not None:
                result['hours'] = round(capacity * hours / log['bytes'], 1)
    return result


# --- What stands in the way -------------------------------------------------------------------------------------------


def _reading(host):
    found = []
    if host['reason'] is not None:
        found.append(problem('kernel_not_readable', host['reason']))
    if host['uid'] != 0:
        found.append(problem('not_readable', 'not run as root (uid %d), which alone sees all of a host' % host['uid']))
    found += [problem('not_readable', '%s: %s' % pair) for pair in host['unseen']]
    return found + [
        problem('not_readable', 'a line of auditctl -l that is no rule: %s' % line) for line in host['unknown']
    ]


# One branch a fact.
def _kernel(host):  # noqa: C901
    found = []
    # What stands behind -- is for init (admin-guide/kernel-parameters of the kernel).
    for word in (host['cmdline'] or '').partition(' -- ')[0].split():
        if word in ('audit=0', 'audit=off'):
            found.append(problem('audit_off_at_boot', '%s in /proc/cmdline' % word))
    if host['reason'] is not None:
        return found
    status, consumer = host['status'], host['consumer']
    if status.get('enabled') == 0:
        found.append(problem('audit_disabled', 'auditctl -s: enabled 0'))
    if status.get('pid', 0) == 0:
        found.append(problem('auditd_not_running', 'auditctl -s: pid %s' % status.get('pid')))
    elif consumer is None:
        found.append(
            problem('consumer_not_known', 'auditctl -s: pid %d, and there is no such process in /proc' % status['pid'])
        )
    elif consumer != 'auditd':
        found.append(problem('consumer_not_auditd', 'auditctl -s: pid %d, which is %s' % (status['pid'], consumer)))
    for rule in host['kernel']:
        if rule['list'] == 'task' and rule['action'] == 'never' and not rule['fields']:
            found.append(problem('never_task', rule['rule']))
        for name, operator, value in rule['fields']:
            weight = (
                _NEEDED_RECORDS.get(value)
                if name == 'msgtype' and operator == '=' and rule['list'] == 'exclude'
                else None
            )
            if weight is not None:
                found.append(
                    problem('records_excluded', rule['rule'], weight if len(rule['fields']) == 1 else 'partial')
                )
    return found


def _log(host):
    config, log = host['config'], host['log']
    found = []
    if config is None:
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


def _disk(config, log):
    if log['free'] is None:
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


def _rules(host):
    if host['reason'] is not None:
        return []
    file, pairs = host['rule_file'], watched(host)
    ours = [rule for rule in host['kernel'] if set(rule['keys']) & set(host['keys'])]
    held, wanted = set(map(audit_rules.meaning, host['kernel'])), set(map(audit_rules.meaning, file['rules']))
    missing = [rule['rule'] for rule in file['rules'] if audit_rules.meaning(rule) not in held]
    unexpected = [rule['rule'] for rule in ours if audit_rules.meaning(rule) not in wanted]
    found = []
    if not pairs and not file['present'] and not host['executables'] and not host['is_docker_host']:
        found.append(problem('docker_missing', 'nothing on PATH, in the usual places or at /run/docker.sock'))
    elif not pairs:
        found.append(
            problem(
                'rules_missing',
                'no rule with the key %s logs an execution; %s %s'
                % (
                    ' or '.join(host['keys']),
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
    found += [problem('rules_not_at_boot', reason) for reason in _boot(host['units'])] if host['units'] else []
    return found + _shadows(host, pairs) + _stale_paths(host, pairs)


def _boot(units):
    """Why the rules are not there after the next boot. From audit 4.0 audit-rules.service loads them, and
    auditd.service requires it.
    """
    auditd, loader = units['auditd.service'], units['audit-rules.service']
    reasons = []
    if not auditd['present']:
        reasons.append('there is no auditd.service')
    for name, unit in sorted(units.items()):
        if unit['masked']:
            reasons.append('%s is masked' % name)
    if auditd['present'] and not auditd['masked'] and not auditd['enabled']:
        reasons.append('auditd.service is not enabled')
    is_called = auditd['enabled'] and ('audit-rules.service' in auditd['needs'])
    if loader['present'] and not loader['masked'] and not loader['enabled'] and not is_called:
        reasons.append('audit-rules.service is not enabled')
    return reasons


def _shadows(host, pairs):
    """A problem for each rule that comes before ours and takes its events."""
    before, taken = [], set()
    takers = {}
    for rule in host['kernel']:
        if rule['list'] == 'task':
            before.append(rule)
    for rule in host['kernel']:
        if rule['list'] != 'exit':
            continue
        pair = audit_rules.watches(rule) if set(rule['keys']) & set(host['keys']) else None
        if pair is None:
            if not set(rule['keys']) & set(host['keys']):
                before.append(rule)
            continue
        for earlier in before:
            share = audit_rules.takes(earlier, *pair)
            # never,task without a condition has a code of its own
            if share != 'none' and (earlier['list'] != 'task' or earlier['fields']):
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


def _stale_paths(host, pairs):
    stale = {}
    for path in sorted(set(path for path, _uid in pairs)):
        real = host['real_paths'].get(path, path)
        if real is None:
            stale[path] = '%s of the rule does not exist' % path
        elif real != path:
            stale[path] = '%s of the rule leads to %s, and a rule on a link does not fire' % (path, real)
    whole = set(stale) == set(path for path, _uid in pairs)
    return [problem('rule_path_stale', evidence, 'blind' if whole else 'partial') for evidence in stale.values()]


def _others(host):
    """What can stop containers beside the docker that a rule logs."""
    if host['reason'] is not None:
        return []
    paths = set(path for path, _uid in watched(host))
    found = []
    # Without any rule there is nothing beside: rules_missing says it.
    for item in host['executables'] if paths else ():
        if item['real_path'] not in paths:
            way = (
                item['path']
                if item['path'] == item['real_path']
                else '%s, which leads to %s' % (item['path'], item['real_path'])
            )
            if item['real_path'].endswith('/snap'):
                way += ': a rule on it would log every snap command'
            found.append(problem('plugin_not_covered' if item['is_plugin'] else 'binary_not_covered', way))
    connects = [
        rule
        for rule in host['kernel']
        if 'connect' in rule['syscalls'] and any(key + '-socket' in rule['keys'] for key in host['keys'])
    ]
    if not connects:
        names = [key + '-socket' for key in host['keys'] if not key.endswith('-socket')]
        found.append(problem('connects_not_logged', 'no rule with the key %s' % ' or '.join(names)))
    return found


def _engine(host):
    pairs = watched(host)
    uids = set(uid for _path, uid in pairs)
    found = []
    # Without any rule nobody is watched, which rules_missing says.
    if pairs and None not in uids:
        by_user = {}
        for user in host['talkers']:
            if user['uid'] not in uids:
                by_user.setdefault((user['uid'], user['name']), []).append(user['why'])
        for (uid, name), reasons in sorted(by_user.items(), key=lambda item: -1 if item[0][0] is None else item[0][0]):
            who = 'every user' if uid is None else 'uid %d%s' % (uid, ' (%s)' % name if name else '')
            found.append(problem('users_not_watched', '%s: %s' % (who, ', '.join(reasons))))
    return found + [problem('engine_on_tcp', '%s: %s' % (place, address)) for address, place in host['tcp']]


def _losses(host):
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


def _word(config, name, default=''):
    return config.get(name, default).lower()


def _number(config, name):
    text = config.get(name, '')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
