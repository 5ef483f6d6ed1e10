# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parses an argument vector as docker's own parser does. The only reader of argv.

``parse`` is the way in, ``Command`` what comes out. The order of steps is that of ``runDocker`` in docker/cli
(cmd/docker/docker.go): global options, then a plugin or a command. pflag.py takes words apart; commands.py, compose.py,
compose_v1.py and podman.py are the tables; effects.py says what a command does with its arguments.

Pure: a list of strings in, plain values out. Bytes that are not UTF-8 come as surrogates (``surrogateescape``).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import text
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import (
    commands,
    compose,
    compose_v1,
    effects,
    plugins,
    podman,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Given,
    Group,
    Refused,
    Verb,
    options,
    parse_flags,
    reach,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.values import (
    BLANKS,
    LOG_LEVELS,
    integer,
)

#: Programs by the last part of argv[0]. The plugin that docker starts for "docker compose" is called docker-compose.
_DOCKER, _COMPOSE = 'docker', 'docker-compose'
#: The kernel cuts comm to this length (TASK_COMM_LEN less the final NUL, include/linux/sched.h).
_COMM_LENGTH = 15
_HARMLESS = Command(harmless=True)


class DockerCliError(ValueError):
    """What was given is not a list of strings."""


class Program(NamedTuple):
    """The words of a program, and whether an interpreter stood in front of them."""

    argv: list[str]
    is_script: bool


class LoggedProgram(NamedTuple):
    """What a logged execution runs, with docker or docker-compose in front."""

    argv: list[str]
    is_script: bool
    is_docker: bool  # False where nothing is called docker: it may be docker by another name


def parse(argv: Sequence[str], is_script: bool = False) -> Command:
    """What one argv makes docker do.

    ``is_script`` says that docker is a script whose interpreter was left out already: then what only podman reads is
    read, too. Raises DockerCliError for anything but a list of strings.
    """
    program = without_interpreter(argv)
    name, words = program_name(program.argv), program.argv[1:]
    if name == _DOCKER:
        command = _docker(words)
        return _by_podman(words, command) if is_script or program.is_script else command
    if name == _COMPOSE:
        # Plugin and stand-alone program have one name, and so have Compose 1 and 2: argv does not say which one ran.
        readings = [_plugin(words), _plugin(compose_v1.converted(words)), _compose_v1(words)]
        likely = [reading for reading in readings if reading.action] + [each for each in readings if each.attached]
        return likely[0] if likely else readings[1]._replace(harmless=any(reading.harmless for reading in readings))
    return Command()


def without_interpreter(argv: Sequence[str], comm: str | None = None) -> Program:
    """The argv of a script without its interpreter: ``/bin/sh /usr/bin/docker stop x`` to ``/usr/bin/docker stop x``.

    Linux puts the interpreter and at most one argument of the ``#!`` line before the script's path (execve(2)). With
    ``comm``, the name that the kernel gave the process, the script is the word that it is the name of; without it, an
    absolute path of docker.
    """
    _require_strings(argv)
    for position in range(1, min(3, len(argv))):
        if comm is not None:
            found = _comm(_base(argv[position])) == comm
        else:
            found = argv[position].startswith('/') and _is_docker(argv[position]) and not _is_docker(argv[0])
        if found:
            return Program(list(argv[position:]), True)
    return Program(list(argv), False)


def of_execution(argv: Sequence[str], comm: str | None, exe: str | None) -> LoggedProgram:
    """The program of an execution that was logged under our key.

    argv[0] is whatever the caller likes; comm and exe tell the program. A script is run as INTERPRETER [ARGUMENT]
    SCRIPT ARGS, with exe the interpreter and comm the name of the script: where docker is a script, what comes before
    it is left out. Where docker itself is the interpreter of some script, docker is what runs.
    """
    program = Program(list(argv), False)
    file = _base(exe or '')
    first = _base(argv[0]) if argv else ''
    if argv and _DOCKER not in file and comm not in (_comm(first), _comm(file)):
        program = without_interpreter(argv, comm or None)
        if program.is_script:
            file = first = _base(program.argv[0])
    named = next((name for name in (file, first, comm or '') if _DOCKER in name), None)
    called = _COMPOSE if named and named.startswith(_COMPOSE) else _DOCKER
    return LoggedProgram([called, *program.argv[1:]], program.is_script, named is not None)


def program_name(argv: Sequence[str]) -> str | None:
    """docker or docker-compose, whichever an argv runs, None for another program."""
    name = _base(argv[0]) if argv else None
    return name if name in (_DOCKER, _COMPOSE) else None


def is_inert(node: Verb | Group | None) -> bool:
    """Whether nothing that follows a command word can make it an action."""
    if node is None:
        return True
    if isinstance(node, Group):
        return all(is_inert(child) for child in node.commands.values())
    return node.effect in (None, effects.attach, effects.start, effects.execute, effects.tunnel, compose.execute)


def _base(path: str) -> str:
    return path.rpartition('/')[2]


def _comm(name: str) -> str:
    """What the kernel makes of the name of a program, as text.shown() shows it."""
    return text.shown(text.as_bytes(name)[:_COMM_LENGTH])


def _is_docker(path: str) -> bool:
    return _base(path) in (_DOCKER, _COMPOSE)


def _require_strings(argv: Sequence[str]) -> None:
    if not isinstance(argv, (list, tuple)):
        raise DockerCliError('an argv is a list of strings, not %s' % type(argv).__name__)
    for word in argv:
        if not isinstance(word, str):
            raise DockerCliError('an argv holds strings, not %s' % type(word).__name__)


# --- The programs ----------------------------------------------------------------------------------------------------


def _docker(words: list[str]) -> Command:
    """runDocker: global options first, then a plugin or a command."""
    given = Given()
    path: list[str] = []
    try:
        rest = _global_options(commands.ROOT, words, given)
        if rest[:1] == ['compose']:
            return _plugin(words)
        return _run(commands.ROOT, rest, given, path)
    except Refused:
        # Of what is not published as source, newer releases can have options that nobody here knows.
        return Command(subcommand=' '.join(path) or None, harmless=path[:1] not in plugins.UNPUBLISHED)


def _plugin(words: list[str]) -> Command:
    """The compose plugin: docker hands it all words, its own global options included (PluginRunCommand, RunPlugin)."""
    given = Given()
    path: list[str] = []
    try:
        return _run(compose.ROOT, _global_options(compose.ROOT, words, given), given, path)
    except Refused:
        return _HARMLESS._replace(subcommand=' '.join(path) or None)


def _compose_v1(words: list[str]) -> Command:
    """Compose 1: docopt once for the program and once for the command."""
    given = Given()
    path: list[str] = []
    try:
        found, rest = compose_v1.docopt(compose_v1.GLOBAL, words)
        given.add(found)
        if given.flag('version') or not rest:
            return _finished(_HARMLESS, given, path)
        path.append(rest[0])
        verb = compose_v1.COMMANDS.get(rest[0])
        if verb is None:
            return _finished(Command(), given, path)
        dashes = rest[0] not in compose_v1.WITHOUT_DASHES
        own, arguments = compose_v1.docopt(verb.options, rest[1:], dashes)
        given.add_own(own)
        return _outcome(verb, arguments, given, path)
    except Refused:
        return _HARMLESS._replace(subcommand=' '.join(path) or None)


def _by_podman(words: list[str], command: Command) -> Command:
    """What podman makes of words that docker would refuse, or would take nothing away for."""
    if command.action:
        return command
    given = Given()
    path: list[str] = []
    try:
        found, rest = parse_flags(options(podman.GLOBAL), words, interspersed=False)
        given.add(found)
        reading = _run(podman.ROOT, rest, given, path)
    except Refused:
        return command._replace(harmless=False)
    return reading._replace(podman=True) if reading.action else command._replace(harmless=False)


# --- From words to a command -----------------------------------------------------------------------------------------


def _global_options(root: Group, words: list[str], given: Given) -> list[str]:
    """The options before the first command word (HandleGlobalFlags, then DockerCli.Initialize); what is behind them."""
    found, rest = parse_flags(options(root.options), words, interspersed=False)
    if not found:
        return rest
    given.add(found)
    if given.flag('cloud') and not given.is_set('context') and not given.is_set('host'):
        given.add([('context', plugins.CLOUD)])
    if (given.text('log-level') or '').lower() not in LOG_LEVELS:
        raise Refused('SetLogLevel: unable to parse logging level')
    hosts = given.texts('host')
    if len(hosts) > 1:
        raise Refused('getServerHost: specify only one -H')
    if hosts and given.is_set('context'):
        raise Refused('Initialize: cannot specify both --host and --context')
    for host in hosts:
        host = host.strip(BLANKS)
        given.add([('host', host)])
        protocol, separator, _address = host.partition('://')
        if separator and protocol not in ('tcp', 'unix', 'npipe', 'fd', 'ssh'):
            raise Refused('parseDockerDaemonHost: invalid bind address format')
    return rest


def _run(root: Group, words: list[str], given: Given, path: list[str]) -> Command:
    """Find the command, parse its words, and say what it does. ``path`` is filled on the way."""
    reached = reach(root, words, given, path, late=('help',))
    if reached.verb is None:
        # Shown as typed. A word that is not known can be a plugin, which does what nobody knows.
        return _finished(Command(harmless=reached.is_help), given, path)
    if reached.verb.effect is None:
        return _finished(_HARMLESS, given, path)
    own, arguments = parse_flags(options(reached.verb.options), reached.rest, reached.verb.interspersed)
    given.add_own(own)
    return _outcome(reached.verb, arguments, given, path)


def _outcome(verb: Verb, arguments: list[str], given: Given, path: list[str]) -> Command:
    """What a command does with its arguments, if docker does not refuse them."""
    if given.flag('help', 'dry-run') or verb.effect is None:
        return _finished(_HARMLESS, given, path)
    if len(arguments) < verb.least or verb.most is not None and len(arguments) > verb.most:
        raise Refused('wrong number of arguments')
    if len(given.own) > 1 and any(all(given.is_set(name) for name in pair.split()) for pair in verb.conflicts):
        raise Refused('conflicting options')
    command = verb.effect(arguments, given)
    fields = _own_options(given, command.action is not None)
    fields['harmless'] = not command.action and not command.attached
    return _finished(command, given, path, fields)


#: Boolean options that matter to whoever judges what happened, and where they are kept.
_FLAGS = {
    'force': 'force',
    'stop': 'stop_before_rm',
    'force-recreate': 'force_recreate',
    'remove-orphans': 'remove_orphans',
}
_TEXTS = {'host': 'docker_host', 'context': 'context', 'project-name': 'project'}
_DIRECTORIES = ('project-directory', 'workdir')


def _own_options(given: Given, acts: bool) -> dict[str, Any]:
    """The fields that the options of the command itself give; the last of a name counts."""
    fields: dict[str, Any] = {}
    for name, value in given.own:
        if name in _FLAGS and isinstance(value, bool):
            fields[_FLAGS[name]] = value
        elif name in ('timeout', 'time', 't') and isinstance(value, str):
            fields['timeout'] = integer(value)
        elif name in ('signal', 's') and acts:
            fields['signal'] = value or None
    filters = tuple(_pair(str(value)) for name, value in given.own if name == 'filter')
    if filters:
        fields['filters'] = filters
    return fields


def _pair(text: str) -> tuple[str, str]:
    name, _equals, value = text.partition('=')
    return name.strip(BLANKS).lower(), value


def _finished(command: Command, given: Given, path: list[str], fields: dict[str, Any] | None = None) -> Command:
    """The command with these fields, and with those that what stands before its word gives."""
    fields = fields or {}
    fields['subcommand'] = ' '.join(path) or None
    for name, value in given.before:
        if name in _TEXTS:
            fields[_TEXTS[name]] = value or None
        elif name in _DIRECTORIES:
            fields['project_directory'] = value or None
    files = tuple(str(value) for name, value in given.before if name == 'file')
    if files:
        fields['files'] = files
    return command._replace(**fields)


#: The first words of commands that take nothing away, whatever follows and whichever docker or docker-compose runs
#: them: most of what a host runs, not worth a parse.
INERT = frozenset(
    word
    for word, node in commands.ROOT.commands.items()
    if is_inert(node)
    and is_inert(compose.GROUP.commands.get(word))
    and is_inert(compose_v1.COMMANDS.get(word))
    and word not in podman.ROOT.commands
)

#: Those of them that only show something, and start and wait for nothing.
PASSIVE = frozenset(
    word for word in INERT for node in [commands.ROOT.commands[word]] if isinstance(node, Verb) and node.effect is None
)
