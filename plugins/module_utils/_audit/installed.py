# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what audit has on a host: its programs, its rule files, the rules in the kernel. It changes nothing.

The module that asks gives the two functions that run a program and find one.
"""

from __future__ import annotations

import grp
import os
import pwd
from typing import Callable, List, NamedTuple, Tuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.rules import Rule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import proc
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.names import DEFAULT_KEY

RULES_DIR = '/etc/audit/rules.d'
#: What augenrules makes of the rule files.
COMPILED = '/etc/audit/audit.rules'
TOOLS = ('auditctl', 'augenrules', 'ausearch')

#: Runs a program and returns its exit code, stdout and stderr.
Run = Callable[[List[str]], Tuple[int, str, str]]


class HostError(Exception):
    """The host cannot be read; the message says what."""


class Kernel(NamedTuple):
    """The rules and the status of audit in the kernel, or why it could not be asked."""

    reason: str | None
    rules: list[Rule]
    unknown: list[str]  # lines of auditctl -l that are no rules
    status: dict[str, int]  # pid: 0 also where the process that took the records has ended

    @property
    def is_locked(self) -> bool:
        """Whether it takes no change of rules before the next boot."""
        return self.status.get('enabled') == 2


class RuleFiles(NamedTuple):
    """The rule files of a host, and which of them are ours."""

    own_path: str
    texts: dict[str, str]  # in the order of augenrules
    owners: dict[str, str]  # managed, recipe (of what this collection replaces) or foreign, by path
    keys: list[str]  # by which rules are ours: those that were asked for and those that our files record

    @property
    def managed(self) -> list[str]:
        """The files that are ours."""
        return [path for path, owner in self.owners.items() if owner != 'foreign']

    def rules(self, *paths: str) -> list[Rule]:
        """The rules of some files."""
        return [one for path in paths for one in audit_rules.rules_of_file(self.texts.get(path, ''), resolve_id)[0]]


def resolve_id(kind: str, name: str) -> int | None:
    """The number of a user (kind uid) or group (gid) name on this host, or None."""
    try:
        return pwd.getpwnam(name).pw_uid if kind == 'uid' else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def read_text(path: str) -> str | None:
    """The text of a file, or None if there is none."""
    if not os.path.isfile(path):
        return None
    with open(path, 'rb') as stream:
        return stream.read().decode('utf-8', 'replace')


def kernel(run: Run, auditctl: str | None) -> Kernel:
    """What auditctl says of the kernel."""
    if auditctl is None:
        return Kernel('auditctl not found: the package auditd (Debian) or audit (RHEL family) has it', [], [], {})
    answers = []
    for option in ('-l', '-s'):
        code, out, err = run([auditctl, option])
        if code != 0:
            reason = 'auditctl %s failed with exit code %d: %s' % (option, code, (err or out).strip())
            return Kernel(reason, [], [], {})
        answers.append(out)
    rules, unknown = audit_rules.parse_listing(answers[0], resolve_id)
    status = audit_rules.parse_status(answers[1])
    # The kernel notices that an auditd was killed only when it has the next record for it
    if not proc.is_running(status.get('pid', 0)):
        status['pid'] = 0
    return Kernel(None, rules, unknown, status)


def rule_files(run: Run, name: str, keys: list[str]) -> RuleFiles:
    """The rule files. ``name`` is that of ours. Raises HostError."""
    texts = _texts(run)
    owners = {path: _owner(path, text) for path, text in texts.items()}
    recorded = [
        audit_rules.managed_key(text) or DEFAULT_KEY for path, text in texts.items() if owners[path] != 'foreign'
    ]
    return RuleFiles(os.path.join(RULES_DIR, name), texts, owners, audit_rules.with_suffixes(list(keys) + recorded))


def _texts(run: Run) -> dict[str, str]:
    """The texts in the order of augenrules, which is that of ``ls -v``."""
    if not os.path.isdir(RULES_DIR):
        return {}
    code, listing, err = run(['ls', '-1v', RULES_DIR])
    if code != 0:
        raise HostError('%s cannot be read: %s' % (RULES_DIR, err.strip()))
    paths = [os.path.join(RULES_DIR, name) for name in listing.split('\n') if name.endswith('.rules')]
    return {path: text for path in paths for text in [read_text(path)] if text is not None}


def _owner(path: str, text: str) -> str:
    if audit_rules.managed_key(text) is not None:
        return 'managed'
    is_recipe = os.path.basename(path) == DEFAULT_KEY + '.rules'
    return 'recipe' if is_recipe and audit_rules.is_old_recipe(text, resolve_id) else 'foreign'
