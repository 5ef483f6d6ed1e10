# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: the tables of commands have every command and option that the docker and Compose of this machine know."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import commands, compose, compose_v1
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import Group, options
from cli_help import capture
from test_docker_cli import docker_clis

FOLDERS = ('/usr/libexec/docker/cli-plugins', '/usr/local/lib/docker/cli-plugins', '/usr/lib/docker/cli-plugins')
DOCKER = Group(commands.ROOT.options, {**commands.ROOT.commands, 'compose': compose.GROUP})
STANDALONE = {'1': Group(compose_v1.GLOBAL, compose_v1.COMMANDS), '2': compose.GROUP}


def installed():
    """(name, program, plugins, the tables) of all docker CLIs, of Compose as a program, and of plugins."""
    clis = docker_clis()
    for version, program in clis.items():
        yield 'docker ' + version, program, (), DOCKER
    standalone = shutil.which('docker-compose')
    if standalone:
        said = subprocess.run([standalone, 'version', '--short'], capture_output=True, text=True, check=True).stdout
        yield 'docker-compose', standalone, (), STANDALONE[said.lstrip('v')[0]]
    paths = [os.path.join(folder, name) for folder in FOLDERS for name in ('docker-compose', 'docker-buildx')]
    plugins = tuple(path for path in paths if os.access(path, os.X_OK))
    if plugins:
        yield 'plugins', list(clis.values())[0], plugins, DOCKER


def missing(root, said):
    """The commands and options that are in no table, and options whose value is missed or made up."""
    for words, command in said.items():
        node = root
        for word in words.split():
            if isinstance(node, Group):
                node = node.commands.get(word)
        if node is None:
            yield words, 'the command'
            continue
        table = options(node.options)
        for name in sorted({*command['options'], *command['completed']}):
            if name not in table:
                yield words, name
            elif name in command['options'] and name not in ('-T', '--no-TTY'):
                if (command['options'][name] is None) != (table[name].kind is None):
                    yield words, name + ' and its value'


@pytest.mark.parametrize('program, plugins, tables', [pytest.param(*cli, id=name) for name, *cli in installed()])
def test_the_tables_know_what_is_installed(program, plugins, tables):
    said = capture(program, plugins)
    assert len(said) > 20
    assert list(missing(tables, said)) == []
