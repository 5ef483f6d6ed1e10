# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces what can be a secret in answers by ***, for the views and for forwarding.

The logs of the hosts stay exact, so nothing is lost.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import parse, secrets

_ENTRIES = ('findings', 'unreadable', 'verdicts')
#: Fields in which words of the command line stand again
_WORDS = ('subcommand', 'docker_host', 'context', 'project', 'signal')
#: How codes of evidence begin that quote command lines of any program
_OF_OTHERS = ('sudo_', 'service_', 'client_', 'connected', 'signal_')
_LISTS = ('targets', 'matched')
_REMEMBERED_LENGTH = 500


def of_hosts(hosts: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answers of hosts with their secrets hidden."""
    return {host: of_answer(answer) for host, answer in hosts.items()}


def of_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a host with its secrets hidden."""
    hidden = {name: [entry(each) for each in answer[name]] for name in _ENTRIES if name in answer}
    return dict(answer, **hidden)


def command(argv: Sequence[str], program: str | None = None) -> list[str]:
    """The words of a command line, as many as before. program is what it runs where its first word does not say."""
    if sum(map(len, argv)) > _REMEMBERED_LENGTH:
        return _command(argv, program)
    # A fleet runs the same commands again and again
    return list(_remembered(tuple(argv), program))


@functools.lru_cache(maxsize=2000)
def _remembered(argv: tuple[str, ...], program: str | None) -> tuple[str, ...]:
    return tuple(_command(argv, program))


def _command(argv: Sequence[str], program: str | None) -> list[str]:
    if program is None or parse.program_name(parse.without_interpreter(argv).argv):
        return secrets.masked(argv)
    return [*argv[:1], *secrets.masked([program, *argv[1:]])[1:]]


def entry(shown: dict[str, Any]) -> dict[str, Any]:
    """A finding, an execution, a connect or a verdict."""
    hidden = dict(shown)
    if shown.get('argv'):
        hidden.update(_command_fields(shown))
    if shown.get('caller'):
        hidden['caller'] = {
            name: dict(process, **_argv_fields(process))
            if isinstance(process, dict) and process.get('argv')
            else process
            for name, process in shown['caller'].items()
        }
    if shown.get('who') is not None:
        hidden['who'] = [entry(who) for who in shown['who']]
    if shown.get('evidence') is not None:
        hidden['evidence'] = [_evidence(line) for line in shown['evidence']]
    return hidden


def _argv_fields(process: Mapping[str, Any], program: str | None = None) -> dict[str, Any]:
    argv = process['argv']
    fields: dict[str, Any] = {'argv': command(argv, program)}
    if process.get('argv_hex'):
        fields['argv_hex'] = [
            encoded if word == shown else shown.encode().hex()
            for encoded, word, shown in zip(process['argv_hex'], argv, fields['argv'])
        ]
    return fields


def _command_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    # A client that a look saw has no key
    fields = _argv_fields(entry, _program(entry, is_client=entry.get('keys') == []))
    kept = {word for word, shown in zip(entry['argv'], fields['argv']) if word == shown}
    changed = {word: shown for word, shown in zip(entry['argv'], fields['argv']) if word not in kept}
    for name in _LISTS:
        if entry.get(name):
            fields[name] = [_again(word, changed) for word in entry[name]]
    for name in _WORDS:
        if isinstance(entry.get(name), str):
            fields[name] = _again(entry[name], changed)
    return fields


def _program(fields: Mapping[str, Any], is_client: bool) -> str | None:
    """What runs under the rule is docker, whatever its caller says that it is called; a client can be any program."""
    name = os.path.basename(str(fields.get('exe')))
    if is_client and not name.startswith('docker'):
        return None
    return 'docker-compose' if 'compose' in name else 'docker'


def _again(text: str, changed: Mapping[str, str]) -> str:
    return changed.get(text) or secrets.masked_text(text)


def _evidence(line: dict[str, Any]) -> dict[str, Any]:
    """A line of evidence, which can quote command lines, also of commands that turned out not to be the asker's."""
    hidden = dict(line)
    if line.get('argv'):
        hidden.update(_argv_fields(line, _program(line, str(line.get('code')).startswith(_OF_OTHERS))))
    if line.get('code') == 'exec_started' and line.get('command'):
        # What docker exec runs, as the engine notes it
        hidden['command'] = secrets.MASK
    return hidden
