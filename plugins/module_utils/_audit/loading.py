# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads our rule file, and restores other rules that the load dropped.

A load empties the kernel where a file has a -D, then stops at the first line that it cannot take: what was behind that
line, and what somebody added by hand meanwhile, is gone. So the rules of others are noted before, in a file that a run
that was killed leaves to the next one, and put back one by one where they are lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import Iterator, NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import forecast, installed
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rules as audit_rules
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.rules import Rule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

#: Root's alone, and empty after a boot, when the kernel has only what the files hold.
FOLDER = '/run/claude-hooks-docker-audit'
_LOCK, _BEFORE = 'load.lock', 'before.json'
_LONGEST = 4 << 20
_SECONDS = 120


class LoadError(Exception):
    """The kernel does not hold what it should. The message has a line for each thing that is wrong."""


class Loaded(NamedTuple):
    """What a load did."""

    added: list[str]
    removed: list[str]
    restored: list[str]  # rules of others that the load took away and that were put back


class Loader:
    """One load of the rule files. ``accept`` lets it drop rules that no file holds."""

    def __init__(
        self, run: installed.Run, tools: dict[str, str | None], rule_file: str, keys: list[str], accept: bool
    ) -> None:
        self._run = run
        self._auditctl = tools['auditctl'] or 'auditctl'
        self._augenrules = tools['augenrules'] or 'augenrules'
        self._unshare = tools.get('unshare')
        self._asked = rule_file, keys
        self._accept = accept

    def apply(self) -> Loaded:
        """Load, compare, put back. Raises LoadError and OSError."""
        with files.OwnFolder(FOLDER) as folder, _locked(folder):
            host, found = self._read()
            if host.is_locked:
                return Loaded([], [], [])
            effects = self._effects(host, found)
            given_up = set(effects['dropped']) if self._accept else set()
            others = [rule['rule'] for rule in host.rules if not set(rule['keys']) & set(found.keys)]
            others += [rule for rule in _kept(folder) if rule not in others]
            folder.write(_BEFORE, json.dumps([rule for rule in others if rule not in given_up]).encode())
            said = self._replace(host, found, effects['deletes_all'])
            after, _found = self._read()
            restored = self._put_back([rule for rule in others if rule not in given_up], after)
            os.unlink(os.path.join(FOLDER, _BEFORE))
            after, found = self._read()
            self._prove(after, found, '\n'.join([said, *('Put back: %s' % rule for rule in restored)]))
            missing, unexpected = audit_rules.difference(
                audit_rules.with_keys(after.rules, found.keys), audit_rules.with_keys(host.rules, found.keys)
            )
            return Loaded(missing, unexpected, restored)

    def _read(self) -> tuple[installed.Kernel, installed.RuleFiles]:
        kernel = installed.kernel(self._run, self._auditctl)
        if kernel.reason is not None:
            raise LoadError('The rules in the kernel cannot be read: %s' % kernel.reason)
        return kernel, installed.rule_files(self._run, *self._asked)

    def _effects(self, kernel: installed.Kernel, found: installed.RuleFiles) -> forecast.Effects:
        """What the load would do to others. Where that is not accepted, it is not done: LoadError."""
        effects = forecast.effects(
            forecast.merge(found.texts.items()),
            installed.read_text(installed.COMPILED) or '',
            kernel.rules,
            kernel.status,
            found.keys,
            installed.resolve_id,
        )
        lines = forecast.refusals(effects)
        if lines and not self._accept:
            raise LoadError('\n'.join(['Since this run began, somebody changed what a load would do:', *lines]))
        return effects

    def _replace(self, kernel: installed.Kernel, found: installed.RuleFiles, deletes_all: bool) -> str:
        """Let augenrules write audit.rules and load it. Returns what the programs said."""
        if not deletes_all:
            # A load stops at the first rule that is there already: ours are replaced one by one.
            code, out, err = self._run([self._augenrules])
            said = ['augenrules: exit code %d %s %s' % (code, out.strip(), err.strip())]
            wanted = found.rules(found.own_path)
            for rule in audit_rules.with_keys(kernel.rules, found.keys):
                self._run([self._auditctl, *audit_rules.deletion(rule)])
            for one in reversed(wanted) if wanted and wanted[0]['prepend'] else wanted:
                code, out, err = self._run([self._auditctl, *one['rule'].split()])
                if code != 0:
                    said.append('auditctl %s: exit code %d %s' % (one['rule'], code, (err or out).strip()))
            return '\n'.join(said)
        code, out, err = self._run([self._augenrules, '--load'])
        return 'augenrules and auditctl said, with exit code %d:\n%s' % (code, '\n'.join((out.strip(), err.strip())))

    def _put_back(self, others: list[str], kernel: installed.Kernel) -> list[str]:
        """Add the rules of others that the kernel lost. Raises LoadError where it takes one no more."""
        held = set(audit_rules.meaning(rule) for rule in kernel.rules)
        restored = []
        for text in others:
            if forecast.comparable(text, installed.resolve_id) not in held:
                code, out, err = self._run([self._auditctl, *text.split()])
                if code != 0:
                    raise LoadError('A rule of others was lost and cannot be put back: %s: %s' % (text, err or out))
                restored.append(text)
        return restored

    def _prove(self, kernel: installed.Kernel, found: installed.RuleFiles, said: str) -> None:
        """Raise LoadError where the kernel does not hold the rules of our file, with the line that stopped the load."""
        wanted, held = found.rules(found.own_path), audit_rules.with_keys(kernel.rules, found.keys)
        missing, unexpected = audit_rules.difference(wanted, held)
        merged = forecast.merge(found.texts.items())
        stopped = forecast.stopped_at(merged, kernel.rules, installed.resolve_id)
        if not missing and not unexpected:
            return
        lines = ['The rules were written to %s, but the kernel does not hold them.' % found.own_path]
        if stopped is not None:
            lines.append('The load stopped at line %(number)d of %(file)s: %(line)s' % stopped)
            reason = self._what_is_wrong(stopped['line'], kernel.rules)
            if reason:
                lines.append(reason)
        lines.append(said)
        lines += ['Missing from the kernel: %s' % rule for rule in missing]
        lines += ['In the kernel, but not in the file: %s' % rule for rule in unexpected]
        raise LoadError('\n'.join(lines))

    def _what_is_wrong(self, line: str, held: list[Rule]) -> str | None:
        """What auditctl says of a line. It is asked where it can change nothing: the kernel takes no rule from another
        user namespace (kernel/audit.c, audit_netlink_ok), so that auditctl gets no further than reading the line.
        """
        if forecast.comparable(line, installed.resolve_id) in set(audit_rules.meaning(rule) for rule in held):
            return 'The same rule stands in a line before it'
        if self._unshare is None:
            return None
        words = [self._unshare, '--user', '--map-root-user', self._auditctl, *line.split()]
        _code, out, err = self._run(words)
        said = [one for one in (err or out).split('\n') if one.strip() and 'Connection refused' not in one]
        if any(one.startswith('unshare:') for one in said):
            return None  # a container, or a kernel without user namespaces: auditctl was not asked
        return 'auditctl says of that line: %s' % ' '.join(said) if said else None


@contextlib.contextmanager
def _locked(folder: files.OwnFolder) -> Iterator[None]:
    """Keep out another run of ours, which would take our rules for those of others."""
    handle = folder.open_lock(_LOCK)
    deadline = time.monotonic() + _SECONDS
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LoadError(
                        'Another run has been loading rules on this host for %d s: try again' % _SECONDS
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def _kept(folder: files.OwnFolder) -> list[str]:
    """The rules of others that a run noted which was killed before it had put them back."""
    try:
        noted = json.loads(folder.read(_BEFORE, _LONGEST))
    except (FileNotFoundError, ValueError):
        return []
    return [rule for rule in noted if isinstance(rule, str)] if isinstance(noted, list) else []
