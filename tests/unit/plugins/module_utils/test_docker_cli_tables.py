# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the tables of commands have all that docker's and Compose's own programs say that they know.

fixtures/cli_options.json.gz is what the help texts and the completion of the packages of Debian 12, 13 and testing say
of every command; tests/integration/live/cli_help.py made it, and says how. test_docker_cli_tables.py beside that holds
the programs of the machine against the same tables.
"""

from __future__ import annotations

import collections
import gzip
import json
import pathlib
import re

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import (
    commands,
    compose,
    compose_v1,
    plugins,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Group,
    Verb,
    options,
)

FIXTURE = pathlib.Path(__file__).parents[2] / 'fixtures' / 'cli_options.json.gz'
CLIS = json.loads(gzip.decompress(FIXTURE.read_bytes()))
V1 = Group(compose_v1.GLOBAL, compose_v1.COMMANDS)
DOCKER = Group(commands.ROOT.options, {**commands.ROOT.commands, 'compose': compose.GROUP})
#: A back-quoted word of the description stands where a kind would, though no value follows.
BOOLEAN_ALL_THE_SAME = {'-T', '--no-TTY'}


def root_of(cli):
    return V1 if cli.startswith('docker-compose') else DOCKER


def node_of(cli, words):
    node = root_of(cli)
    for word in words.split():
        if isinstance(node, Verb):
            # "buildx history inspect attachment": takes nothing away, whatever its arguments are.
            assert node.effect is None
            break
        node = node.commands[word]
    return node


COMMANDS = [(cli, words) for cli in sorted(CLIS) for words in sorted(CLIS[cli])]


@pytest.mark.parametrize('cli, words', COMMANDS)
def test_a_command_has_all_its_options_in_the_table(cli, words):
    said = CLIS[cli][words]
    table = options(node_of(cli, words).options)
    assert sorted((set(said['options']) | set(said['completed'])) - set(table)) == []
    valued = {name: kind is not None and name not in BOOLEAN_ALL_THE_SAME for name, kind in said['options'].items()}
    assert {name: table[name].kind is not None for name in valued} == valued


@pytest.mark.parametrize('cli, words', [(cli, words) for cli, words in COMMANDS if CLIS[cli][words]['aliases']])
def test_an_alias_is_the_command(cli, words):
    command = node_of(cli, words)
    for alias in CLIS[cli][words]['aliases']:
        # Up to 20.10 the last words alone, from 23.0 on whole command lines.
        line = alias.split()[1:] if ' ' in alias else words.split()[:-1] + [alias]
        if ' ' not in alias and len(words.split()) == 1:
            # "docker remove" and the like: listed since the command is shared, and no command of the top level.
            continue
        assert node_of(cli, ' '.join(line)) == command


# --- The other way round: a star for what only the sources tell ------------------------------------------------------


def said(root):
    """Words of each command that a packaged CLI names, with the spellings of its options."""
    found = collections.defaultdict(set)
    for cli in CLIS:
        if root_of(cli) is root:
            for words, command in CLIS[cli].items():
                names = [words]
                for alias in command['aliases']:
                    names.append(' '.join(alias.split()[1:] if ' ' in alias else words.split()[:-1] + [alias]))
                if words.startswith('buildx history inspect'):
                    names.append('buildx history inspect')
                for name in names:
                    found[name] |= {'--help', '-h', *command['options'], *command['completed']}
    # docker hands the words of "builder" to buildx.
    found.update({'builder' + words[6:]: seen for words, seen in list(found.items()) if words.startswith('buildx')})
    return found


def nodes(node, words=()):
    yield ' '.join(words), node
    if isinstance(node, Group):
        for word, child in node.commands.items():
            yield from nodes(child, words + (word,))


def starred(specification):
    """The spellings of the options that are marked."""
    return set(options(' '.join(word for word in specification.split() if word.endswith('*')))) - {'--help', '-h'}


@pytest.mark.parametrize('root', [DOCKER, V1], ids=['docker', 'docker-compose 1'])
def test_an_option_has_a_star_where_no_packaged_cli_names_it(root):
    seen = said(root)
    # Commands that share their options share their stars.
    shared = collections.defaultdict(set)
    for words, node in nodes(root):
        if words in seen:
            shared[node.options] |= seen[words]
    wrong = {
        specification: sorted((set(options(specification)) - named) ^ starred(specification))
        for specification, named in shared.items()
    }
    assert {specification: names for specification, names in wrong.items() if names} == {}


def test_a_command_has_a_star_where_no_packaged_cli_names_it():
    tables = ''.join(
        pathlib.Path(module.__file__).read_text(encoding='utf-8') for module in (commands, compose, plugins)
    )
    marked = {name for key in re.findall(r"^ +'([a-z *-]+)': ", tables, re.M) for name in key.split() if '*' in name}
    seen = said(DOCKER)
    unseen = {words for words, _node in nodes(DOCKER) if words not in seen}
    # Below a command with a star, everything has one.
    highest = {words for words in unseen if words.rpartition(' ')[0] not in unseen}
    assert {words.split()[-1] + '*' for words in highest} == marked
