# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a docker CLI says of itself: every command, its options with the kind of their values, its aliases.

Usage: python3 tests/integration/live/cli_help.py NAME=PROGRAM[,PLUGIN ...] ... > FILE.gz

NAME says which one it is ("docker 28.5.2, Debian testing"), PROGRAM is its docker or docker-compose, PLUGIN a plugin
beside it (a file docker-compose or docker-buildx). The programs come from Debian's packages, taken apart: apt-get
download docker.io docker-cli docker-compose docker-buildx; dpkg-deb -x. Nothing asks an engine.
"""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TIMEOUT = 60
_OPTION = re.compile(r'^(?:  -(\w), |      )--([A-Za-z0-9][\w.-]*)(?: (\S.*?))?(?:   ?.*)?$')
_V1_OPTION = re.compile(r'^ {2,6}(?:-(\w)(?: (\S+))?)?(?:, )?(?:--([a-z][a-z-]*)(?:[ =](\S+))?)?(?: .*)?$')


class Cli:
    """One CLI, with nothing of the machine's configuration."""

    def __init__(self, program: str, home: str) -> None:
        self.program = program
        self._environment = {
            'HOME': home,
            'DOCKER_CONFIG': home,
            'DOCKER_HOST': 'unix:///nonexistent/docker.sock',
            'PATH': '/usr/bin:/bin',
            'COLUMNS': '200',
        }

    def says(self, *words: str) -> str:
        """What it prints, on whichever stream."""
        ran = subprocess.run(
            [self.program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
            cwd='/',
            timeout=TIMEOUT,
            check=False,
        )
        return ran.stdout

    def commands(self, first: tuple[str, ...] = ()) -> dict[str, dict]:
        """Every command behind ``first`` by its words."""
        found = {}
        todo = [first]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            while todo:
                read = dict(zip(todo, pool.map(self._command, todo)))
                found.update((' '.join(words), command) for words, command in read.items())
                todo = [words + (word,) for words, command in read.items() for word in command['commands']]
        return found

    def _command(self, words: tuple[str, ...]) -> dict:
        text = self.says(*words, '--help')
        options = {}
        for line in text.split('\n'):
            option = _OPTION.match(line)
            if option:
                options['--' + option.group(2)] = option.group(3)
                if option.group(1):
                    options['-' + option.group(1)] = option.group(3)
        completed = re.findall(r'^(--?[A-Za-z0-9][\w.-]*)=?(?:\t|$)', self.says('__complete', *words, '-'), re.M)
        aliases = re.search(r'^Aliases:\n  (.*)', text, re.M)
        listed = re.findall(
            r'^  ([a-z][a-z0-9-]*)\*? ', '\n'.join(re.findall(r'Commands:\n(?:\n|  .*\n)*', text)), re.M
        )
        return {
            'options': options,
            'completed': sorted(set(completed)),
            'aliases': sorted(aliases.group(1).split(', ')) if aliases else [],
            'commands': [] if len(words) > 5 else listed,
        }

    def commands_v1(self) -> dict[str, dict]:
        """Compose 1, whose help texts are docopt's usages."""
        text = self.says('--help')
        listed = re.findall(r'^  ([a-z]+) ', text[text.index('Commands:') :], re.M)
        found = {'': {'options': _v1_options(text[: text.index('Commands:')])}}
        for word in listed:
            found[word] = {'options': _v1_options(self.says(word, '--help'))}
        return {words: dict(command, completed=[], aliases=[], commands=[]) for words, command in found.items()}


def _v1_options(text: str) -> dict[str, str | None]:
    options: dict[str, str | None] = {}
    for line in text[text.find('Options:') :].split('\n')[1:] if 'Options:' in text else []:
        option = _V1_OPTION.match(line)
        if option and (option.group(1) or option.group(3)):
            kind = option.group(2) or option.group(4)
            if option.group(3):
                options['--' + option.group(3)] = kind
            if option.group(1):
                options['-' + option.group(1)] = kind
    return options


def capture(program: str, plugins: tuple[str, ...] = ()) -> dict[str, dict]:
    """All that a CLI says; with plugins, those alone."""
    with tempfile.TemporaryDirectory() as home:
        cli = Cli(program, home)
        if re.match(r'docker-compose version 1', cli.says('--version')):
            return cli.commands_v1()
        if not plugins:
            return cli.commands()
        folder = pathlib.Path(home, 'cli-plugins')
        folder.mkdir()
        found = {}
        for plugin in plugins:
            path = pathlib.Path(plugin)
            folder.joinpath(path.name).symlink_to(path.resolve())
            found.update(cli.commands((path.name.replace('docker-', ''),)))
        return found


def main() -> None:
    clis = {}
    for argument in sys.argv[1:]:
        name, _equals, programs = argument.partition('=')
        program, *plugins = programs.split(',')
        clis[name] = capture(os.path.abspath(program), tuple(plugins))
    # The same bytes for the same texts.
    text = json.dumps(clis, indent=0, sort_keys=True).encode()
    sys.stdout.buffer.write(gzip.compress(text, mtime=0))


if __name__ == '__main__':
    main()
