# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the words of a command line, or parts of words, that can be secrets; views show them as `***`.

Values of options that carry secrets (``run -e``, ``login -p``, ``--build-arg``, ``join --token``), all of what runs
inside a container, the password in an address, and the value of whatever is called password, token, key or the like.
In the command line of another program: NAME=VALUE, what a shell or an interpreter is to run, and every word with
blanks. Where that program runs docker, its words from there on are read as docker's.
A command line that docker would refuse holds its secrets all the same, so nothing is refused here: behind a command
that the tables do not know, every value counts as one; an option that they do not know is taken for one without a
value, so that what follows an image by mistake is hidden, not shown. ``run -p`` is a port, and ``compose -p`` a name.
"""

from __future__ import annotations

import re
from typing import Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import (
    commands,
    compose,
    compose_v1,
    podman,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.parse import (
    program_name,
    without_interpreter,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Group,
    Option,
    Verb,
    is_option,
    options,
)

MASK = '***'

#: Options whose whole value can be a secret, by their long names: passwords, tokens, and command lines that run inside
#: (health-cmd, args) or Dockerfile lines (change).
_WHOLE = frozenset(
    'args buildkitd-flags change creds decryption-key health-cmd health-startup-cmd passwd-entry password token'.split()
)
#: Options with NAME=VALUE, whose name tells enough.
_PAIRS = frozenset('build-arg driver-opt e env env-add environment set var'.split())
_SECRET_NAME = re.compile('pass|secret|token|key|auth|cred|bearer|cookie|pwd|signature|private', re.I)
#: In their words a name ends at one of these; what follows "=" or ": " is its value.
_SEPARATOR = re.compile(r'[=,;&?\s]')
#: Programs that take docker's command line, and those that docker's grammar is tried on.
_DOCKERS = frozenset('docker docker-compose docker.io nerdctl podman'.split())
_SHELLS = frozenset('ash bash csh dash fish ksh mksh sh tcsh zsh'.split())
#: Programs that run the word behind an option with one of these letters; interpreters do so before their script alone.
_INTERPRETERS = {**dict.fromkeys(('lua', 'node', 'perl', 'ruby'), 'eEp'), **dict.fromkeys(('php', 'python'), 'cr')}
_RUNNERS = {**_INTERPRETERS, **dict.fromkeys(('flock', 'runuser', 'script', 'su'), 'c')}
_RUNNING = frozenset(('--command', '--eval', '--exec', '--execute', '--print', '--run', '--session-command'))
_ASSIGNMENT = re.compile(r'[A-Za-z_][A-Za-z0-9_]*=(?!\d*\Z)')
_HEADER = re.compile(r'[A-Za-z][A-Za-z0-9-]{0,40}: ')
#: Commands behind whose first argument everything runs inside a container, and those where it is settings.
_INSIDE = frozenset(
    ('run', 'exec', 'create', 'container run', 'container exec', 'container create', 'service create', 'compose run')
    + ('compose exec',)
)
_SETTINGS = frozenset(('plugin install', 'plugin set'))


def masked(argv: Sequence[str]) -> list[str]:
    """An argv of the same length with ``***`` for what can be a secret. Where a finding has argv_hex, the words of it
    that differ here are to be hidden there, too."""
    program = without_interpreter(argv)
    interpreter = len(argv) - len(program.argv)
    name, words = program_name(program.argv), program.argv[1:]
    shown = list(argv[: interpreter + 1])
    if words and program.argv[0].rpartition('/')[2] == 'podman':
        return shown + _Walk(words).through(_PODMAN, '')
    if name is None:
        return _elsewhere(argv)
    if name == 'docker-compose':
        return shown + _Walk(words).through(_STANDALONE, 'compose')
    plain = _Walk(words).through(_DOCKER, '')
    if not program.is_script:
        return shown + plain
    by_podman = _Walk(words).through(_PODMAN, '')
    return shown + [one if one != word else other for word, one, other in zip(words, by_podman, plain)]


def masked_text(text: str) -> str:
    """A text of its own (an engine's address, a word) with ``***`` for a password in an address, and for the value of
    what is called password or the like, to the end of the text: a password can hold any separator."""
    text = _without_password(text)
    begin = 0
    for found in _SEPARATOR.finditer(text):
        end = found.start()
        is_value = found.group() == '=' or found.group() == ' ' and text[begin:end].endswith(':')
        if is_value and found.end() < len(text) and _SECRET_NAME.search(text, begin, end):
            return text[: found.end()] + MASK
        begin = found.end()
    return text


def _without_password(text: str) -> str:
    """``tcp://user:***@host``; with https a name alone can be a token.

    Without a scheme it is ``user:***@registry``, but not an image with its tag and digest.
    """
    scheme, separator, rest = text.partition('://')
    account, at, host = rest.rpartition('@')
    if not separator:
        account, at, host = text.partition('@')
        user, colon, password = account.partition(':')
        is_account = at and user and password and host and '/' not in account and not host.startswith('sha')
        return user + colon + MASK + at + host if is_account else text
    if not at:
        return text
    user, colon, password = account.partition(':')
    if colon and password:
        return scheme + separator + user + ':' + MASK + at + host
    if user and scheme.endswith(('http', 'https')) and '/' not in user:
        return scheme + separator + MASK + at + host
    return text


def _elsewhere(words: Sequence[str]) -> list[str]:
    """The words of another program, and of those that it runs in turn: sudo bash -c, env, timeout, ssh."""
    shown: list[str] = []
    letters, has_script_to_come, is_shell = '', False, False
    for index, word in enumerate(words):
        name = word.rpartition('/')[2].lstrip('-')
        before = words[index - 1] if index else ''
        if name in _DOCKERS:
            return shown + [word, *masked([name if program_name([name]) else 'docker', *words[index + 1 :]])[1:]]
        if is_shell and word[:1] in ('-', '+'):
            shown.append(_of_other(word))
            if 'c' in word and not word.startswith('--'):
                return shown + _of_command(words[index + 1 :])
            continue
        program = name.rstrip('0123456789.')
        if is_shell or name in _SHELLS:
            shown.append(word)  # the path of a script can have blanks
        elif before and _runs_next(before, letters) or before.startswith('-') and _names_secret(before):
            shown.append(MASK)
        else:
            shown.append(_of_other(word))
        is_shell = name in _SHELLS
        if program in _RUNNERS:
            letters, has_script_to_come = _RUNNERS[program], program in _INTERPRETERS
        elif has_script_to_come and not is_option(word) and (before == '-m' or not is_option(before)):
            letters = ''
    return shown


def _of_command(words: Sequence[str]) -> list[str]:
    """What a shell is to run, and the arguments of that."""
    return [MASK if not is_option(word) or place else word for place, word in enumerate(words)]


def _runs_next(option: str, letters: str) -> bool:
    return option in _RUNNING or option.startswith('-') and option[1:2] != '-' and option[-1] in letters


def _names_secret(option: str) -> bool:
    return '=' not in option and bool(_SECRET_NAME.search(option))


def _of_other(word: str) -> str:
    """A word of another program."""
    if any(map(str.isspace, word)):
        header = _HEADER.match(word)
        return (header.group() if header else '') + MASK
    name, _equals, value = word.partition('=')
    if _ASSIGNMENT.match(word) or name in _RUNNING and value:
        return name + '=' + MASK
    return masked_text(word)


class _Walk(object):
    """One way through the words of a command line, by one program's tables."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._shown: list[str] = []

    def through(self, root: Group, path: str) -> list[str]:
        """The words as they are shown."""
        node: Group | Verb | None = root
        while len(self._shown) < len(self._words):
            word = self._next()
            if node is None:
                self._show(self._unknown(word))
            elif is_option(word):
                self._option(options(node.options), word)
            elif isinstance(node, Group):
                node = node.commands.get(word)
                # docker-compose can get the word "compose" as the plugin does.
                path = word if word == 'compose' else (path + ' ' + word).strip()
                # What is no command can be the value of an option that is not known.
                self._show(masked_text(word) if node is not None else _pair(word))
            else:
                self._argument(node, path)
        return self._shown

    def _next(self) -> str:
        return self._words[len(self._shown)]

    def _show(self, word: str) -> None:
        self._shown.append(word)

    def _argument(self, verb: Verb, path: str) -> None:
        """The first argument of a command; what follows it if that runs inside, or if no option can follow."""
        word = self._next()
        # docker refuses NAME=VALUE here, and does not read a key from its command line
        self._show(MASK if path == 'swarm unlock' else _pair(word) if _ASSIGNMENT.match(word) else masked_text(word))
        if path in _INSIDE:
            self._shown += [MASK] * (len(self._words) - len(self._shown))
        elif path in _SETTINGS:
            while len(self._shown) < len(self._words):
                self._show(_pair(self._next()))
        elif not verb.interspersed:
            while len(self._shown) < len(self._words):
                self._show(masked_text(self._next()))

    def _option(self, table: dict[str, Option], word: str) -> None:
        """An option, and the next word where that is its value."""
        if word == '--':
            self._show(word)
            return
        spelling, equals, value = word.partition('=')
        if word.startswith('--'):
            option = table.get(spelling) or Option(spelling[2:], '' if _SECRET_NAME.search(spelling) else None)
            if equals:
                self._show(spelling + equals + _value(option, value))
                return
            self._show(word)
        else:
            option, position = _letters(table, word)
            if position < len(word):
                begin = position + (word[position] == '=')
                self._show(word[:begin] + _value(option, word[begin:]))
                return
            self._show(word)
        if option.kind is not None and len(self._shown) < len(self._words):
            self._show(_value(option, self._next()))

    @staticmethod
    def _unknown(word: str) -> str:
        """A word behind a command that is not known: every value can be a secret."""
        if not is_option(word):
            return MASK
        name, equals, value = word.partition('=')
        if not word.startswith('--'):
            return word if len(word) == 2 else word[:2] + MASK
        return name + equals + MASK if value else word


def _letters(table: dict[str, Option], word: str) -> tuple[Option, int]:
    """The option in a bundle that takes a value, and where that begins; the last letter's, if none does."""
    option = Option('', None)
    for position in range(1, len(word)):
        option = table.get('-' + word[position], Option('', None))
        if option.kind is not None or word.startswith('=', position + 1):
            return option, position + 1
    return option, len(word)


def _value(option: Option, value: str) -> str:
    """The value of an option."""
    if not value or option.kind is None:
        return value
    is_command_line = option.name == 'entrypoint' and ' ' in value
    if option.name in _WHOLE or option.kind == '' or is_command_line:
        return MASK
    return _pair(value) if option.name in _PAIRS else masked_text(value)


def _pair(word: str) -> str:
    """NAME=*** of NAME=VALUE."""
    name, equals, value = word.partition('=')
    return name + equals + MASK if value else masked_text(word)


_DOCKER = Group(commands.ROOT.options, {**commands.ROOT.commands, 'compose': compose.GROUP})
#: Version 1 or 2, or the plugin, which gets docker's global options and the word "compose".
_STANDALONE = Group(
    ' '.join((compose.GROUP.options, compose_v1.GLOBAL, commands.GLOBAL)),
    {**compose_v1.COMMANDS, **compose.GROUP.commands, 'compose': compose.GROUP},
)
_PODMAN = Group(
    podman.GLOBAL,
    {
        **commands.ROOT.commands,
        **podman.ROOT.commands,
        'login': Verb('authfile= cert-dir= password-stdin password/p= secret= username/u='),
    },
)
