# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of problem codes: weight, meaning, remedy.

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
        "The kernel's audit state cannot be read.",
        'Install the package auditd (RHEL family: audit) on the host, or do what the evidence says.',
    ),
    'audit_off_at_boot': Code(
        'blind',
        "The kernel's command line turns audit off.",
        "Remove that setting from the kernel's command line in the boot loader, and reboot.",
    ),
    'audit_disabled': Code(
        'blind',
        'Audit is turned off in the kernel.',
        'Run auditctl -e 1, and remove -e 0 from the files in /etc/audit/rules.d.',
    ),
    'auditd_not_running': Code(
        'blind',
        "No program reads the kernel's audit records, so no audit log is written.",
        'Start auditd. If it does not start, see the system log.',
    ),
    'journal_volatile': Code(
        'partial',
        'journald takes the audit records and keeps them in memory: after a reboot they are gone.',
        'Make the folder /var/log/journal, or set Storage=persistent in journald.conf; then restart systemd-journald.',
    ),
    'consumer_not_auditd': Code(
        'blind',
        "A program other than auditd takes the kernel's audit records, so they are not in the audit log.",
        'Stop that program or let it read the records in addition to auditd (as a plugin, or by multicast), then '
        'start auditd.',
    ),
    'never_task': Code(
        'blind',
        'A rule keeps the kernel from auditing any process.',
        'Delete that rule (auditctl -d task,never) and its line in /etc/audit/rules.d.',
    ),
    'log_not_written': Code(
        'blind',
        'auditd is configured to write no log.',
        'Set write_logs = yes, local_events = yes and log_format = ENRICHED in auditd.conf, then make auditd read '
        'it (SIGHUP).',
    ),
    'log_missing': Code(
        'blind',
        'The log that auditd should write is not there.',
        'See the messages of auditd in the system log; restart auditd.',
    ),
    'log_disk_full': Code(
        'blind',
        'The disk of the log is so full that auditd does not write.',
        'Free space, then make auditd resume, which it does not do by itself: kill -USR2 its pid, or auditctl '
        '--signal resume.',
    ),
    'log_stale': Code(
        'partial',
        'auditd runs, but has logged nothing for a long time. After a full disk it stays suspended until it is '
        'told to resume.',
        'Run the canary (-e canary=true). If it is not seen, kill -USR2 the pid of auditd.',
    ),
    'rules_missing': Code(
        'blind',
        'The kernel holds no rule of ours that logs an execution.',
        'Install the rule: audit.yml -e state=present.',
    ),
    'docker_missing': Code(
        'note',
        'There is no docker and no engine on this host, and no rule.',
        'Nothing to do, unless docker is installed in an unusual place: then name its path in docker_audit_paths.',
    ),
    'rules_partial': Code(
        'partial',
        'The kernel holds only some of the rules.',
        'Load them: audit.yml -e state=present.',
    ),
    'rules_unexpected': Code(
        'partial',
        'The kernel holds rules with our key that are not in the rule file. The next load or boot removes them.',
        'Load the rules of the file: audit.yml -e state=present.',
    ),
    'rules_locked': Code(
        'partial',
        "The kernel's rules are locked (enabled 2) and differ from those in the file.",
        'Reboot the host, which loads the file.',
    ),
    'rules_not_at_boot': Code(
        'partial',
        'After the next boot the rules will not be loaded, or auditd will not run.',
        'Run systemctl unmask and systemctl enable for the unit that the evidence names.',
    ),
    'rule_shadowed': Code(
        'blind',
        'A rule before ours takes its events: the kernel logs an event once, under the first rule that matches. '
        'Partial if it takes only some of them.',
        'Set docker_audit_prepend, which puts our rule first, or search the log for the key of that rule.',
    ),
    'records_excluded': Code(
        'blind',
        'A rule drops records that a finding is made of. Partial if it does so only for some users, or drops only '
        'the working directory.',
        'Delete that rule from the exclude list, and its line in /etc/audit/rules.d.',
    ),
    'rule_path_stale': Code(
        'blind',
        'The path of a rule is no longer the real file of a docker CLI, so the rule never matches. Partial if '
        'other rules still match.',
        'Let the role find docker again: audit.yml -e state=present.',
    ),
    'binary_not_covered': Code(
        'partial',
        'This host has a program that can stop containers, and no rule logs it.',
        'Add its name, for example docker_audit_executables: [docker, docker-compose]. If it is in an unusual '
        'place, use docker_audit_paths; that replaces the search, so list every docker there. docker_audit_watch: '
        '[socket] logs connections by any program.',
    ),
    'plugin_not_covered': Code(
        'note',
        'A docker plugin can be executed directly, without the docker CLI that the rule logs.',
        'If that matters, list it and every docker in docker_audit_paths, which replaces the search.',
    ),
    'users_not_watched': Code(
        'partial',
        'Users who may talk to the engine are not among those whose executions are logged.',
        'Add them to docker_audit_uids (all means every user), or take them out of the group.',
    ),
    'engine_on_tcp': Code(
        'partial',
        'The engine can be reached over TCP: such requests leave no trace on this host.',
        'Remove the tcp:// address from the options of dockerd, or from /etc/docker/daemon.json.',
    ),
    'sources_off': Code(
        'note',
        'Executions of docker are logged, but not all that a verdict can use. The evidence names what is off, with the '
        'question that it answers.',
        'Set docker_audit_watch: all and docker_audit_witness: true.',
    ),
    'socket_not_covered': Code(
        'note',
        'The engine listens on a further socket, and no rule logs connections to it.',
        'Run audit.yml -e state=present, which adds a rule. It adds none for a socket in a folder that is not there '
        'at boot: move that socket to /run.',
    ),
    'witness_blind': Code(
        'note',
        'The witness saves events, but cannot see who is connected to the engine when a container ends.',
        'It needs kernel 5.6 or later and kernel.yama.ptrace_scope below 3; '
        'journalctl -u claude-hooks-witness has its reason.',
    ),
    'records_lost': Code(
        'partial',
        'The kernel dropped records since it started.',
        'Raise the backlog (-b 8192) in /etc/audit/rules.d, load the rules, then run auditctl --reset-lost.',
    ),
    'rate_limited': Code(
        'note',
        'The kernel drops records above a set number per second.',
        'Set -r 0 in /etc/audit/rules.d.',
    ),
    'backlog_small': Code(
        'note',
        "The backlog has the kernel's default size: records of a burst can be lost.",
        'Set -b 8192 in /etc/audit/rules.d.',
    ),
    'log_retention_short': Code(
        'note',
        'At the present rate the logs cover less than a day.',
        'Raise max_log_file or num_logs in auditd.conf, or log less.',
    ),
    'log_not_rotated': Code(
        'note',
        'The log is not rotated, so it grows until the disk is full.',
        'Set max_log_file_action = ROTATE and num_logs = 5 in auditd.conf.',
    ),
    'log_may_stop': Code(
        'note',
        'auditd is set to stop logging or to halt the host when the disk is full or fails.',
        'Watch the free space, or, if the host matters more than the log, set SYSLOG or ROTATE in auditd.conf.',
    ),
    'not_readable': Code(
        'partial',
        'The check could not read something that it needs.',
        'Fix what the evidence names.',
    ),
    'canary_not_seen': Code(
        'blind',
        'docker was executed, but its record did not reach the log under our key.',
        'See the other problems of the host. If there are none, auditd may be suspended: kill -USR2 its pid.',
    ),
    'canary_refused': Code(
        'partial',
        'docker was not executed, so it is not proven that the log would show it.',
        'Do what the evidence says, then run the check again.',
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
