# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can keep a host from seeing who stopped a container, by code: how heavy it is, what it means, what to do.

The codes are stable. A ``blind`` host logs no execution of docker, or none that can be read back; a ``partial`` one
misses some; a ``note`` says what can become a problem. docs/coverage.md has the same, by symptom.
"""

from __future__ import annotations

from typing import Iterable, Literal, NamedTuple, TypedDict

Weight = Literal['blind', 'partial', 'note']
#: The heaviest first.
WEIGHTS: tuple[Weight, ...] = ('blind', 'partial', 'note')


class Code(NamedTuple):
    """What is said of every problem with a code. The weight is the usual one."""

    weight: Weight
    meaning: str
    remedy: str


class Problem(TypedDict):
    """Something that keeps a host from seeing."""

    code: str
    weight: Weight
    meaning: str
    evidence: str
    remedy: str


CODES = {
    'kernel_not_readable': Code(
        'blind',
        'The audit of the kernel cannot be asked.',
        'Install the package auditd (RHEL family: audit) on the host, or do what the evidence says.',
    ),
    'audit_off_at_boot': Code(
        'blind',
        'The command line of the kernel turns audit off.',
        'Remove it from the command line of the kernel in the boot loader, and boot.',
    ),
    'audit_disabled': Code(
        'blind',
        'Audit is turned off in the kernel.',
        'auditctl -e 1, and look for -e 0 in /etc/audit/rules.d.',
    ),
    'auditd_not_running': Code(
        'blind',
        'Nothing reads the records of the kernel, so no log of audit is written.',
        'Start auditd, and see the system log where it does not start.',
    ),
    'consumer_not_auditd': Code(
        'blind',
        'Another program than auditd takes the records of the kernel, so they are not in the log that is read here.',
        'Stop that program or let it read behind auditd (a plugin, or multicast), then start auditd.',
    ),
    'consumer_not_known': Code(
        'partial',
        'Which program takes the records of the kernel cannot be seen, as from within a container.',
        'Ask on the host itself, as root.',
    ),
    'never_task': Code(
        'blind',
        'A rule keeps the kernel from auditing any process.',
        'Delete that rule (auditctl -d task,never) and its line in /etc/audit/rules.d.',
    ),
    'log_not_written': Code(
        'blind',
        'auditd is told to write no log.',
        'Set write_logs = yes, local_events = yes and log_format = ENRICHED in auditd.conf, then make auditd read '
        'it (SIGHUP).',
    ),
    'log_missing': Code(
        'blind',
        'The log that auditd should write is not there.',
        'See the system log for what auditd says of it; restart auditd.',
    ),
    'log_disk_full': Code(
        'blind',
        'The disk of the log is so full that auditd does not write.',
        'Free space, then make auditd go on: kill -USR2 its pid, or auditctl --signal resume. It does not by itself.',
    ),
    'log_stale': Code(
        'partial',
        'auditd runs, but nothing was logged for long. After a full disk it stays suspended until it is told to go on.',
        'Try the canary (-e canary=true). Where it is not seen: kill -USR2 the pid of auditd.',
    ),
    'rules_missing': Code(
        'blind',
        'The kernel holds no rule of ours that logs an execution.',
        'Install the rule: audit.yml -e state=present.',
    ),
    'docker_missing': Code(
        'note',
        'There is no docker and no engine on this host, and no rule.',
        'Nothing, unless there should be one: docker_audit_paths names it.',
    ),
    'rules_partial': Code(
        'partial',
        'The kernel holds some of the rules, not all.',
        'Load them: audit.yml -e state=present.',
    ),
    'rules_unexpected': Code(
        'partial',
        'The kernel holds rules with our key that the rule file does not. They are gone with the next load or boot.',
        'Make file and kernel the same: audit.yml -e state=present.',
    ),
    'rules_locked': Code(
        'partial',
        'The rules of the kernel are locked (enabled 2) and are not those of the file.',
        'Boot the host: the file is loaded then.',
    ),
    'rules_not_at_boot': Code(
        'partial',
        'After the next boot the rules are not loaded or auditd does not run.',
        'systemctl unmask and enable the unit that the evidence names.',
    ),
    'rule_shadowed': Code(
        'blind',
        'A rule before ours takes its events: the kernel logs an event once, under the first rule that matches. '
        'Partial where it takes some of them.',
        'Set docker_audit_prepend, which puts our rule first, or search the log for the key of that rule.',
    ),
    'records_excluded': Code(
        'blind',
        'A rule drops records that a finding is made of. Partial where it does so for some users, or with the '
        'folder alone.',
        'Delete that rule of the exclude list and its line in /etc/audit/rules.d.',
    ),
    'rule_path_stale': Code(
        'blind',
        'The path of a rule is not the real file of a docker any more, so the rule does not fire. Partial where '
        'others do.',
        'Let the role find docker again: audit.yml -e state=present.',
    ),
    'binary_not_covered': Code(
        'partial',
        'A program that can stop containers is on this host, and no rule logs it.',
        'Name it beside docker, as in docker_audit_executables: [docker, docker-compose]. docker_audit_paths is '
        'for files elsewhere; it replaces the search, so name every docker in it. docker_audit_watch: [socket] '
        'logs who connects with any program.',
    ),
    'plugin_not_covered': Code(
        'note',
        'A plugin of docker can be executed by itself, past the docker that the rule logs.',
        'If that matters, name it and every docker in docker_audit_paths, which replaces the search.',
    ),
    'users_not_watched': Code(
        'partial',
        'Users who may talk to the engine are not among those whose executions are logged.',
        'Add them to docker_audit_uids (all means every user), or take them out of the group.',
    ),
    'engine_on_tcp': Code(
        'partial',
        'The engine can be reached over TCP: such requests leave no trace on this host.',
        'Remove the tcp:// address from dockerd, or from /etc/docker/daemon.json.',
    ),
    'connects_not_logged': Code(
        'note',
        'API clients (SDKs, curl, Portainer) are not seen: no rule logs who connects to the socket of the engine.',
        'Set docker_audit_watch: [socket].',
    ),
    'records_lost': Code(
        'partial',
        'The kernel dropped records since it started.',
        'Raise the backlog (-b 8192) in /etc/audit/rules.d, then auditctl --reset-lost.',
    ),
    'rate_limited': Code(
        'note',
        'The kernel drops records beyond a number per second.',
        'Set -r 0 in /etc/audit/rules.d.',
    ),
    'backlog_small': Code(
        'note',
        'The backlog is that of a kernel without settings: a burst of records is lost.',
        'Set -b 8192 in /etc/audit/rules.d.',
    ),
    'log_retention_short': Code(
        'note',
        'At the present rate the logs hold less than a day.',
        'Raise max_log_file or num_logs in auditd.conf, or log less.',
    ),
    'log_not_rotated': Code(
        'note',
        'The log is not rotated, so it grows until the disk is full.',
        'Set max_log_file_action = ROTATE and num_logs = 5 in auditd.conf.',
    ),
    'log_may_stop': Code(
        'note',
        'auditd is set to stop logging, or the host, when the disk is full or fails.',
        'Watch the free space, or set SYSLOG or ROTATE in auditd.conf where the log matters less than the host.',
    ),
    'not_readable': Code(
        'partial',
        'Something that was to be looked at could not be read.',
        'Repair what the evidence names.',
    ),
    'canary_not_seen': Code(
        'blind',
        'docker was executed and its record did not come into the log under our key.',
        'See the other problems of the host. Where there is none, auditd may be suspended: kill -USR2 its pid.',
    ),
    'canary_refused': Code(
        'partial',
        'docker was not executed, so it is not proven that it would be seen.',
        'Do what the evidence says, then ask again.',
    ),
}


def problem(code: str, evidence: str, weight: Weight | None = None) -> Problem:
    """A problem with its evidence. ``weight`` where it is not the usual one."""
    known = CODES[code]
    # Anybody can name a file or a rule: bytes that are not UTF-8 are shown, since JSON cannot hold them.
    evidence = evidence.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
    return {
        'code': code,
        'weight': weight or known.weight,
        'meaning': known.meaning,
        'evidence': evidence,
        'remedy': known.remedy,
    }


def by_weight(problems: Iterable[Problem]) -> list[Problem]:
    """The heaviest first."""
    return sorted(problems, key=lambda one: WEIGHTS.index(one['weight']))


def outcome(problems: Iterable[Problem], proven: bool = False) -> str:
    """What all problems of a host come to: blind, partial, complete, or proven where the canary was seen, too."""
    weights = set(one['weight'] for one in problems)
    for weight in ('blind', 'partial'):
        if weight in weights:
            return weight
    return 'proven' if proven else 'complete'
