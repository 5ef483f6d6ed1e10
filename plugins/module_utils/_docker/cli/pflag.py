# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Splits a command line as docker does, into commands, options and arguments.

Sources: spf13/pflag (``FlagSet.parseArgs``) below spf13/cobra (``Command.Traverse``). A word is judged by its form and
by the table of the command's options; nothing in a value or an argument is ever read as an option.
"""

from __future__ import annotations

import functools
from typing import Callable, List, Mapping, NamedTuple, Union

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.values import BOOLEANS, KINDS

Value = Union[str, bool]


class Refused(Exception):
    """docker would refuse this command line, or show a help text: it does nothing."""


class Option(NamedTuple):
    """An option: its long name (or its letter, if it has no other), and the kind of its value, None for a boolean."""

    name: str
    kind: str | None


class Given(object):
    """The options that a command line gives, on the way to the command and behind it."""

    def __init__(self) -> None:
        #: Those before the command word and those behind it, in their order.
        self.before: list[tuple[str, Value]] = []
        self.own: list[tuple[str, Value]] = []
        self._last: dict[str, Value] = {}

    def add(self, found: list[tuple[str, Value]]) -> None:
        """Options of a level on the way: the last one of a name counts."""
        self.before += found
        self._last.update(found)

    def add_own(self, found: list[tuple[str, Value]]) -> None:
        """Options of the command itself."""
        self.own = found
        self._last.update(found)

    def flag(self, *names: str, default: bool = False) -> bool:
        """Whether one of these boolean options, the names of one thing, is set."""
        given = [bool(self._last[name]) for name in names if name in self._last]
        return any(given) if given else default

    def text(self, *names: str) -> str | None:
        """The last value of an option, by any of its names; None without one, and an empty one is none."""
        if self._last.keys().isdisjoint(names):
            return None
        last = next((value for name, value in reversed(self.before + self.own) if name in names), None)
        return str(last) if last else None

    def texts(self, *names: str) -> tuple[str, ...]:
        """All values of an option that can be repeated."""
        if self._last.keys().isdisjoint(names):
            return ()
        return tuple(str(value) for name, value in self.before + self.own if name in names)

    def is_set(self, name: str) -> bool:
        """Whether an option has a value that is neither false nor empty."""
        return bool(self._last.get(name))


#: What a command does with its arguments and options.
Effect = Callable[[List[str], Given], Command]


class Verb(NamedTuple):
    """A command: its options as ``options`` reads them, and what it does. Without an effect it takes nothing away."""

    options: str = ''
    effect: Effect | None = None
    #: How many arguments it takes.
    least: int = 0
    most: int | None = None
    #: Pairs of options that every release refuses together.
    conflicts: tuple[str, ...] = ()
    #: Whether options may come behind arguments.
    interspersed: bool = True


class Group(NamedTuple):
    """A word that commands follow, with the options that may come between."""

    options: str
    commands: Mapping[str, Verb | Group]
    #: Whether options count that come behind a word which is no command.
    interspersed: bool = True


def group(commands: Mapping[str, Verb | Group], options: str = '', interspersed: bool = True) -> Group:
    """Commands by their names; aliases stand in one key, with blanks between. A star marks what only sources tell."""
    named = {name.rstrip('*'): command for names, command in commands.items() for name in names.split()}
    return Group(options, named, interspersed)


@functools.lru_cache(maxsize=None)
def options(specification: str) -> dict[str, Option]:
    """``'force/f time/t=int file='`` to a table by spelling: a long name, a letter, and "=" with the kind of the value.

    Without "=" an option is boolean; without a kind the value is any text; a star at the end says that it is known from
    docker's sources alone. --help is everywhere, and so is -h where it
    is not another's.
    """
    table = {'--help': Option('help', None), '-h': Option('help', None)}
    for word in specification.split():
        names, equals, kind = word.rstrip('*').partition('=')
        name, _slash, letter = names.partition('/')
        option = Option(name or letter, (kind or 'text') if equals else None)
        if name:
            table['--' + name] = option
        if letter:
            table['-' + letter] = option
    return table


def parse_flags(
    table: dict[str, Option], words: list[str], interspersed: bool
) -> tuple[list[tuple[str, Value]], list[str]]:
    """FlagSet.parseArgs: the options as (name, value) in their order, and the arguments."""
    found: list[tuple[str, Value]] = []
    arguments: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not is_option(word):
            arguments.append(word)
            if not interspersed:
                break
        elif word == '--':
            break
        elif word[1] == '-':
            index = _long(table, word, words, index, found)
        else:
            index = _bundle(table, word, words, index, found)
    return found, arguments + words[index:]


def _long(table: dict[str, Option], word: str, words: list[str], index: int, found: list[tuple[str, Value]]) -> int:
    """FlagSet.parseLongArg: ``--name``, ``--name=value`` or ``--name value``."""
    name, equals, value = word.partition('=')
    option = known(table, name)
    if not equals:
        value, index = following(option, words, index)
    found.append((option.name, checked(option, value)))
    return index


def _bundle(table: dict[str, Option], word: str, words: list[str], index: int, found: list[tuple[str, Value]]) -> int:
    """FlagSet.parseShortArg: ``-abc``, where a letter that takes a value takes the rest of the word."""
    position = 1
    while position < len(word):
        if word.startswith('test.', position):
            # Left to "go test", ignored by everyone else.
            break
        option = known(table, '-' + word[position])
        position += 1
        if word.startswith('=', position) and position + 1 < len(word):
            value, position = word[position + 1 :], len(word)
        elif option.kind is not None and position < len(word):
            value, position = word[position:], len(word)
        else:
            value, index = following(option, words, index)
        found.append((option.name, checked(option, value)))
    return index


def is_option(word: str) -> bool:
    """Whether a word has the form of an option: "-" alone is an argument."""
    return len(word) > 1 and word[0] == '-'


def known(table: dict[str, Option], spelling: str) -> Option:
    """The option that is spelt so."""
    if spelling not in table:
        raise Refused('unknown flag')
    return table[spelling]


def is_boolean(table: dict[str, Option], spelling: str) -> bool:
    """Whether a spelling is known, and takes no value."""
    return spelling in table and table[spelling].kind is None


def following(option: Option, words: list[str], index: int) -> tuple[str, int]:
    """The value of an option that has none in its own word: boolean ones never take the next word."""
    if option.kind is None:
        return 'true', index
    if index >= len(words):
        raise Refused('flag needs an argument')
    return words[index], index + 1


def checked(option: Option, value: str) -> Value:
    """The value, if the option accepts it."""
    if option.kind is None:
        if value not in BOOLEANS:
            raise Refused('invalid boolean')
        return BOOLEANS[value]
    if not KINDS[option.kind](value):
        raise Refused('invalid value')
    return value


class Reached(NamedTuple):
    """Where the words of a command line lead: the command, None for a word that is none, and the words behind it."""

    verb: Verb | None
    rest: list[str]
    #: No word leads further: docker shows a help text.
    is_help: bool = False


def reach(root: Group, words: list[str], given: Given, path: list[str], late: tuple[str, ...]) -> Reached:
    """Command.Traverse: to the command that the words name, with the options of each level on the way.

    It judges an option by its form alone, so that a value can hide a command word: after an option that is not known
    to be boolean the next word is no command, and "--" is such an option. ``path`` is filled on the way. Of the root's
    own options, those that come behind "--" are too late, but for ``late``: the client is set up by then.
    """
    node = root
    flags: list[str] = []
    value_follows = False
    for index, word in enumerate(words):
        table = options(node.options)
        if word.startswith('--') and '=' not in word:
            value_follows = not is_boolean(table, word)
        elif len(word) == 2 and word[0] == '-' and '=' not in word and not is_boolean(table, word):
            value_follows = True
        elif value_follows:
            value_follows = False
        elif not is_option(word):
            path.append(word)
            child = node.commands.get(word)
            if child is None:
                return Reached(None, [])
            if flags:
                found, _rest = parse_flags(table, flags, node.interspersed)
                given.add([pair for pair in found if node is not root or pair[0] in late])
            if isinstance(child, Verb):
                return Reached(child, words[index + 1 :])
            node, flags = child, []
            continue
        flags.append(word)
    return Reached(None, [], is_help=True)
