# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One argument vector to what it makes docker do to containers, read as docker's own parser reads it.

Sources: the parser is spf13/pflag (``FlagSet.parseArgs``) below spf13/cobra (``Command.Traverse``), the order of
steps ``runDocker`` in cmd/docker/docker.go of docker/cli. The options are those of docker/cli 20.10.24, 23.0, 24.0,
25.0, 27.5, 28.2.2 and 29.7, and of docker/compose 2.0.1 to 5.5 (Go) and 1.29.2 (docopt). Where those versions
differ, the reading that can do harm wins: an option or alias that any of them knows is known here.

Pure: a list of strings in, plain values out. Bytes that are not UTF-8 come as surrogates (``surrogateescape``).
"""

from __future__ import annotations

import posixpath
import re
from collections import namedtuple

#: Every action there is; each can take a container away. A command that cannot has the action None.
ACTIONS = (
    'stop',
    'kill',
    'remove',
    'restart',
    'pause',
    'rename',
    'update',
    'checkpoint',
    'prune',
    'service_rm',
    'service_scale',
    'service_update',
    'stack_rm',
    'node_drain',
    'swarm_leave',
    'compose_down',
    'compose_stop',
    'compose_rm',
    'compose_kill',
    'compose_restart',
    'compose_pause',
    'compose_up',
    'compose_scale',
)

#: Programs by the last part of argv[0]. The plugin that docker starts for "docker compose" is called docker-compose, too.
_DOCKER, _COMPOSE = 'docker', 'docker-compose'

_Command = namedtuple('_Command', 'options least most kind outcome conflicts interspersed')
_Group = namedtuple('_Group', 'options commands')
_Option = namedtuple('_Option', 'name kind')


class DockerCliError(ValueError):
    """What was given is not a list of strings."""


class _Refused(Exception):
    """docker would refuse this command line, or show a help text: it does nothing."""


def parse(argv):
    """One argv to ``{action, subcommand, targets, target_kind, docker_host, context, project, signal}``.

    ``action`` is one of ACTIONS or None, ``subcommand`` the command's words as typed, ``targets`` the references
    that docker acts on, normalised and in order. Raises DockerCliError for anything but a list of strings.
    """
    _require_strings(argv)
    program, words = _program(argv[0]) if argv else None, list(argv[1:])
    if program == _DOCKER:
        return _docker(words)
    if program == _COMPOSE:
        # Plugin and stand-alone program have one name, and so have Compose 1 and 2: argv does not say which one ran.
        readings = [_plugin(words), _plugin(_converted(words)), _compose_v1(words)]
        return next((reading for reading in readings if reading['action']), readings[1])
    return _result()


def strip_interpreter(argv):
    """The argv of a script without its interpreter: ``/bin/sh /usr/bin/docker stop x`` becomes ``/usr/bin/docker stop x``.

    Linux puts the interpreter and at most one argument of the ``#!`` line before the script's path (execve(2)), which is absolute here.
    """
    _require_strings(argv)
    if not argv or _program(argv[0]) in (_DOCKER, _COMPOSE):
        return argv
    for position in range(1, min(3, len(argv))):
        if argv[position].startswith('/') and _program(argv[position]) in (_DOCKER, _COMPOSE):
            return argv[position:]
    return argv


def _require_strings(argv):
    if not isinstance(argv, (list, tuple)):
        raise DockerCliError('an argv is a list of strings, not %s' % type(argv).__name__)
    for word in argv:
        if not isinstance(word, str):
            raise DockerCliError('an argv holds strings, not %s' % type(word).__name__)


def _program(path):
    return path.rpartition('/')[2]


def _result(path=(), values=None, action=None, targets=(), kind=None):
    values = values or {}
    return {
        'action': action,
        'subcommand': ' '.join(path) or None,
        'targets': list(targets),
        'target_kind': kind if action else None,
        'docker_host': values.get('host') or None,
        'context': values.get('context') or None,
        'project': values.get('project-name') or None,
        'signal': values.get('signal') or None if action else None,
    }


# --- The command line ------------------------------------------------------------------------------------------------


def _docker(words):
    """runDocker of docker/cli: global options first, then a plugin or a command."""
    path = []
    try:
        values, rest = _global_options(_GLOBAL, words)
        if rest[:1] == ['compose']:
            return _plugin(words)
        return _run(_ROOT, rest, values, path)
    except _Refused:
        return _result(path)


def _plugin(words):
    """The compose plugin: docker hands it all words, its own global options included (PluginRunCommand, RunPlugin)."""
    path = []
    try:
        values, rest = _global_options(_PLUGIN_GLOBAL, words)
        return _run(_PLUGIN_ROOT, rest, values, path)
    except _Refused:
        return _result(path)


def _global_options(options, words):
    """The options before the first command word (HandleGlobalFlags, then DockerCli.Initialize)."""
    found, rest = _flags(options, words, interspersed=False)
    values = dict(found)
    if values.get('log-level', '').lower() not in _LOG_LEVELS:
        raise _Refused('SetLogLevel: unable to parse logging level')
    hosts = [value for name, value in found if name == 'host']
    if len(hosts) > 1:
        raise _Refused('getServerHost: specify only one -H')
    if hosts and values.get('context'):
        raise _Refused('Initialize: cannot specify both --host and --context')
    for host in hosts:
        values['host'] = host.strip(_BLANKS)
        protocol, separator, _address = values['host'].partition('://')
        if separator and protocol not in ('tcp', 'unix', 'npipe', 'fd', 'ssh'):
            raise _Refused('parseDockerDaemonHost: invalid bind address format')
    return values, rest


def _run(root, words, values, path):
    """Find the command, parse its words, and say what it does. ``path`` is filled on the way."""
    command, rest = _reach(root, words, values, path)
    if command is None:
        # Shown as typed; nothing that it could be takes a container away.
        return _result(path, values)
    own, arguments = _flags(command.options, rest, command.interspersed)
    values.update(own)
    return _outcome(command, arguments, values, own, path)


def _outcome(command, arguments, values, own, path):
    if values.get('help') or values.get('dry-run'):
        return _result(path, values)
    if len(arguments) < command.least or command.most is not None and len(arguments) > command.most:
        raise _Refused('wrong number of arguments')
    if any(values.get(one) and values.get(other) for one, other in command.conflicts):
        raise _Refused('conflicting options')
    action, targets = command.outcome(arguments, values, own)
    # A path that leads elsewhere makes one command do what another is for: see _deletes.
    return _result(
        path, values, action, targets, {'remove': 'container', 'service_rm': 'service'}.get(action, command.kind)
    )


def _reach(node, words, values, path):
    """cobra's Command.Traverse: to the command that the words name, with the options of each level on the way.

    It judges an option by its form alone, so that a value can hide a command word: after an option that is not
    known to be boolean the next word is no command, and "--" is such an option.
    """
    flags, value_follows = [], False
    for index, word in enumerate(words):
        if word.startswith('--') and '=' not in word:
            value_follows = not _is_boolean(node.options, word)
        elif len(word) == 2 and word[0] == '-' and '=' not in word and not _is_boolean(node.options, word):
            value_follows = True
        elif value_follows:
            value_follows = False
        elif not (len(word) > 1 and word[0] == '-'):
            path.append(word)
            child = node.commands.get(word)
            if child is None:
                return None, []
            found, _rest = _flags(node.options, flags, interspersed=True)
            # Global options that come behind "--" are too late: the client is set up by then.
            late = node is _ROOT or node is _PLUGIN_ROOT
            values.update((name, value) for name, value in found if not late or name == 'help')
            if isinstance(child, _Command):
                return child, words[index + 1 :]
            node, flags = child, []
            continue
        flags.append(word)
    return None, []


def _flags(options, words, interspersed):
    """pflag's FlagSet.parseArgs: the options as (name, value) in their order, and the positional arguments."""
    found, arguments = [], []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if len(word) < 2 or word[0] != '-':
            arguments.append(word)
            if not interspersed:
                break
        elif word == '--':
            break
        elif word[1] == '-':
            name, equals, value = word.partition('=')
            option = _known(options, name)
            if not equals:
                value, index = _value_of(option, words, index)
            found.append((option.name, _checked(option, value)))
        else:
            position = 1
            while position < len(word):
                if word.startswith('test.', position):
                    # Left to "go test", ignored by everyone else.
                    break
                option = _known(options, '-' + word[position])
                position += 1
                if word.startswith('=', position) and position + 1 < len(word):
                    value, position = word[position + 1 :], len(word)
                elif option.kind is not None and position < len(word):
                    value, position = word[position:], len(word)
                else:
                    value, index = _value_of(option, words, index)
                found.append((option.name, _checked(option, value)))
    return found, arguments + words[index:]


def _known(options, name):
    if name not in options:
        raise _Refused('unknown flag')
    return options[name]


def _is_boolean(options, name):
    return name in options and options[name].kind is None


def _value_of(option, words, index):
    """The value of an option that has none in its own word: boolean ones never take the next word."""
    if option.kind is None:
        return 'true', index
    if index >= len(words):
        raise _Refused('flag needs an argument')
    return words[index], index + 1


def _checked(option, value):
    if option.kind is None:
        if value not in _BOOLEANS:
            raise _Refused('invalid boolean')
        return _BOOLEANS[value]
    if not _KINDS[option.kind](value):
        raise _Refused('invalid value')
    return value


# --- Values, as Go's strconv and docker's opts package accept them ---------------------------------------------------

_BOOLEANS = {
    '1': True,
    't': True,
    'T': True,
    'TRUE': True,
    'true': True,
    'True': True,
    '0': False,
    'f': False,
    'F': False,
    'FALSE': False,
    'false': False,
    'False': False,
}
_LOG_LEVELS = ('', 'panic', 'fatal', 'error', 'warn', 'warning', 'info', 'debug', 'trace')
#: unicode.IsSpace, by which strings.TrimSpace trims; str.strip() alone also trims \x1c to \x1f.
_BLANKS = '\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'

_INTEGER = re.compile(
    r'([+-]?)(?:0x((?:_?[0-9a-f])+)|0b((?:_?[01])+)|0o?((?:_?[0-7])+)|([1-9](?:_?[0-9])*|0))', re.I | re.A
)
_DECIMAL = re.compile(r'[+-]?[0-9]+', re.A)
_DURATION = re.compile(r'[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)', re.A)
_BYTES = re.compile(r'\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)? ?[kmgtp]?i?b?', re.I | re.A)
_RATIONAL = re.compile(r'[+-]?(?:[0-9]+/[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[ep][+-]?[0-9]+)?)', re.I | re.A)
_FLOAT = re.compile(r'[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)', re.I | re.A)
_RESTART = re.compile(r'[^:]*(?::(?:[+-]?[0-9]+)?)?', re.A)


def _integer(low, high):
    """strconv.ParseInt and ParseUint with base 0: 0x, 0o, 0b and underscores are welcome, a sign only where it can be needed."""

    def accepts(text):
        match = _INTEGER.fullmatch(text)
        if not match or match.group(1) and not low:
            return False
        for digits, base in zip(match.groups()[1:], (16, 2, 8, 10)):
            if digits is not None:
                digits = digits.replace('_', '').lstrip('0')
                # Longer than any 64 bit number; int() is not linear.
                number = int(digits or '0', base) if len(digits) <= 64 else high + 1
        return low <= (-number if match.group(1) == '-' else number) <= high

    return accepts


def _written(pattern):
    return lambda text: pattern.fullmatch(text) is not None


_KINDS = {
    'text': lambda text: True,
    'int': _integer(-(2**63), 2**63 - 1),
    'uint16': _integer(0, 2**16 - 1),
    'uint': _integer(0, 2**64 - 1),
    'duration': _written(_DURATION),
    'bytes': _written(_BYTES),
    'swap': lambda text: text == '-1' or _BYTES.fullmatch(text) is not None,
    'cpus': _written(_RATIONAL),
    'float': _written(_FLOAT),
    'restart': _written(_RESTART),
    'filter': lambda text: not text or '=' in text,
    'rmi': lambda text: text in ('', 'all', 'local'),
}


# --- What a command acts on ------------------------------------------------------------------------------------------


def _request(*parts):
    """The collection and the rest of the path that a request goes to: the client joins its parts and cleans the path.

    (getAPIPath of the engine's client: path.Join, so that "..", "." and double slashes are gone before it is sent.)
    """
    path = posixpath.normpath('/v1/' + '/'.join(parts))[1:]
    first, _slash, rest = path.partition('/')
    if re.fullmatch(r'v[0-9.]+', first):
        first, _slash, rest = rest.partition('/')
    return first, rest


def _posts(action, verb=None):
    """POST /containers/NAME/verb, one for each argument."""
    tail = '/' + (verb or action)

    def outcome(arguments, _values, _own):
        targets = []
        for name in arguments:
            # From 28 on the client trims blanks and sends nothing for an empty reference.
            collection, rest = _request('containers', name.strip(_BLANKS) + tail)
            if collection == 'containers' and rest.endswith(tail):
                targets.append(rest[: -len(tail)])
        return (action if targets else None), targets

    return outcome


def _deletes(collection, trim_slashes=False):
    """DELETE /collection/NAME for each argument; "../containers/NAME" really leads to the container."""

    def outcome(arguments, values, _own):
        deleted = {'containers': [], 'services': []}
        for name in arguments:
            where, rest = _request(collection, (name.strip('/') if trim_slashes else name).strip(_BLANKS))
            # The engine's route for a service takes one step, the one for a container all that follow, but for checkpoints.
            if rest and (
                where == 'containers'
                and not re.fullmatch('[^/]+/checkpoints/[^/]+', rest)
                or where == 'services'
                and '/' not in rest
            ):
                deleted[where].append(rest)
        # With --link, the engine removes the alias of a legacy link and no container.
        if deleted['containers'] and not values.get('link'):
            return 'remove', deleted['containers']
        return ('service_rm' if deleted['services'] else None), deleted['services']

    return outcome


def _checkpoint_create(arguments, values, own):
    return (
        (None, []) if values.get('leave-running') else _posts('checkpoint', 'checkpoints')(arguments[:1], values, own)
    )


def _checkpoint_rm(arguments, values, own):
    return _deletes('containers')(['%s/checkpoints/%s' % (arguments[0].strip(_BLANKS), arguments[1])], values, own)


def _rename(arguments, values, own):
    if not all(name.strip(_BLANKS) for name in arguments):
        raise _Refused('neither old nor new names may be empty')
    return _posts('rename')(arguments[:1], values, own)


def _update(arguments, values, own):
    if not own:
        raise _Refused('you must provide one or more flags')
    return _posts('update')(arguments, values, own)


def _prune(_arguments, values, own):
    if values.get('volumes') and any(
        name == 'filter' and value.partition('=')[0].strip(_BLANKS).lower() == 'until' for name, value in own
    ):
        raise _Refused('the "until" filter is not supported with "--volumes"')
    return 'prune', []


def _objects(action, collection):
    """Services and nodes are looked up by GET /collection/NAME first; what leads elsewhere is not found."""

    def outcome(arguments, _values, _own):
        requests = [_request(collection, name.strip(_BLANKS)) for name in arguments]
        targets = [rest for where, rest in requests if where == collection and rest and '/' not in rest]
        return (action if targets else None), targets

    return outcome


def _service_update(arguments, values, own):
    if values.get('rollback') and any(name not in ('rollback', 'detach', 'quiet', 'help') for name, _value in own):
        raise _Refused('other flags may not be combined with --rollback')
    return _objects('service_update', 'services')(arguments, values, own)


def _service_scale(arguments, values, own):
    if not all('=' in argument for argument in arguments):
        raise _Refused('invalid scale specifier')
    scaled = [
        argument.partition('=')[0] for argument in arguments if re.fullmatch('[0-9]+', argument.partition('=')[2], re.A)
    ]
    return _objects('service_scale', 'services')(scaled, values, own)


def _stack(action):
    def outcome(arguments, _values, _own):
        if not all(name.strip(_BLANKS + '"\'') for name in arguments):
            raise _Refused('validateStackName: invalid stack name')
        return action, arguments

    return outcome


def _stack_deploy(arguments, values, own):
    if not any(name == 'compose-file' for name, _value in own):
        raise _Refused('specify a Compose file')
    # Replaces the tasks of every service that differs, and with --prune removes services.
    return _stack('service_update')(arguments, values, own)


def _node_update(arguments, values, own):
    # The engine reads the word without regard to case; a paused node gets no new tasks in place of those that end.
    if values.get('availability', '').lower() not in ('drain', 'pause'):
        return None, []
    return _objects('node_drain', 'nodes')(arguments, values, own)


def _services(action):
    return lambda arguments, _values, _own: (action, arguments)


def _compose_scale(arguments, _values, _own):
    pairs = [argument.partition('=') for argument in arguments]
    if not all(name and _DECIMAL.fullmatch(number) for name, _equals, number in pairs):
        raise _Refused('invalid scale specifier')
    return 'compose_scale', [name for name, _equals, _number in pairs]


def _compose_wait(_arguments, values, _own):
    # "--down-project" takes the whole project down once the first container has stopped.
    return ('compose_down' if values.get('down-project') else None), []


def _compose_run(_arguments, values, _own):
    # The one-off container is new; with this option the containers of services that left the file go, as with "up".
    return ('compose_up' if values.get('remove-orphans') else None), []


# --- Commands and their options --------------------------------------------------------------------------------------


def _options(*specifications):
    """``'force/f time/t=int'`` to a table: a word is a long name, a letter, and the kind of the value; none is boolean."""
    table = {}
    for specification in ' '.join(specifications + ('help/h',)).split():
        names, _equals, kind = specification.partition('=')
        name, _slash, letter = names.partition('/')
        option = _Option(name or letter, kind or None)
        if name:
            table['--' + name] = option
        if letter:
            table['-' + letter] = option
    return table


def _command(outcome, options='', least=0, most=None, kind='container', conflicts=(), interspersed=True):
    return _Command(_options(options), least, most, kind, outcome, [pair.split() for pair in conflicts], interspersed)


def _compose_command(outcome, options='', least=0, conflicts=(), interspersed=True):
    return _command(outcome, 'dry-run ' + options, least, None, 'service', conflicts, interspersed)


def _group(*aliases, **commands):
    """Commands by their names; ``aliases`` are ``'alias=command'``, for names that are no Python names, too."""
    for alias in aliases:
        name, _equals, command = alias.partition('=')
        commands[name] = commands[command]
    return _Group(_options(), commands)


# From 28 on -t is --timeout and --time its hidden old name; before, -t is --time. Both long names at once are refused.
_TIMED = 'time=int timeout=int /t=int signal/s=text'
_STOP = _command(_posts('stop'), _TIMED, least=1, conflicts=['time timeout'])
_RESTART_COMMAND = _command(_posts('restart'), _TIMED, least=1, conflicts=['time timeout'])
_KILL = _command(_posts('kill'), 'signal/s=text', least=1)
_RM = _command(_deletes('containers', trim_slashes=True), 'force/f link/l volumes/v', least=1)
_PAUSE = _command(_posts('pause'), least=1)
_RENAME = _command(_rename, least=2, most=2)
_UPDATE = _command(
    _update,
    'blkio-weight=uint16 cpu-period=int cpu-quota=int cpu-rt-period=int cpu-rt-runtime=int cpuset-cpus=text cpuset-mems=text '
    'cpu-shares/c=int memory/m=bytes memory-reservation=bytes memory-swap=swap kernel-memory=bytes restart=restart pids-limit=int cpus=cpus',
    least=1,
)
_IMAGE_RM = _command(_deletes('images'), 'force/f no-prune platform=text', least=1)
_FORCED = 'force/f'

_SERVICE_UPDATE = ' '.join(
    (
        'args=text cap-add=text cap-drop=text config-add=text config-rm=text constraint-add=text constraint-rm=text container-label-add=text',
        'container-label-rm=text credential-spec=text detach/d dns-add=text dns-option-add=text dns-option-rm=text dns-rm=text dns-search-add=text',
        'dns-search-rm=text endpoint-mode=text entrypoint=text env-add=text env-rm=text force generic-resource-add=text generic-resource-rm=text',
        'group-add=text group-rm=text health-cmd=text health-interval=duration health-retries=int health-start-interval=duration',
        'health-start-period=duration health-timeout=duration host-add=text host-rm=text hostname=text image=text init isolation=text label-add=text',
        'label-rm=text limit-cpu=cpus limit-memory=bytes limit-pids=int log-driver=text log-opt=text max-concurrent=uint memory-swap=swap',
        'memory-swappiness=int mount-add=text mount-rm=text network-add=text network-rm=text no-healthcheck no-resolve-image oom-score-adj=int',
        'placement-pref-add=text placement-pref-rm=text publish-add=text publish-rm=text quiet/q read-only replicas=uint replicas-max-per-node=uint',
        'reserve-cpu=cpus reserve-memory=bytes restart-condition=text restart-delay=duration restart-max-attempts=uint restart-window=duration rollback',
        'rollback-delay=duration rollback-failure-action=text rollback-max-failure-ratio=float rollback-monitor=duration rollback-order=text',
        'rollback-parallelism=uint secret-add=text secret-rm=text stop-grace-period=duration stop-signal=text sysctl-add=text sysctl-rm=text tty/t',
        'ulimit-add=text ulimit-rm=text update-delay=duration update-failure-action=text update-max-failure-ratio=float update-monitor=duration',
        'update-order=text update-parallelism=uint user/u=text with-registry-auth workdir/w=text',
    )
)

_GLOBAL_OPTIONS = 'config=text context/c=text debug/D host/H=text log-level/l=text tls tlscacert=text tlscert=text tlskey=text tlsverify'
_GLOBAL = _options(_GLOBAL_OPTIONS, 'version/v')
_PLUGIN_GLOBAL = _options(_GLOBAL_OPTIONS)

_ROOT = _Group(
    _GLOBAL,
    {
        'stop': _STOP,
        'kill': _KILL,
        'rm': _RM,
        'restart': _RESTART_COMMAND,
        'pause': _PAUSE,
        'rename': _RENAME,
        'update': _UPDATE,
        'rmi': _IMAGE_RM,
        # Accepted at the top level from 23.0 to 28.2, by the alias of the command it shares with "container".
        'remove': _RM,
        'container': _group(
            'remove=rm',
            stop=_STOP,
            kill=_KILL,
            rm=_RM,
            restart=_RESTART_COMMAND,
            pause=_PAUSE,
            rename=_RENAME,
            update=_UPDATE,
            prune=_command(_prune, 'force/f filter=filter', most=0, kind=None),
        ),
        'system': _group(prune=_command(_prune, 'force/f all/a volumes filter=filter', most=0, kind=None)),
        'checkpoint': _group(
            'remove=rm',
            create=_command(_checkpoint_create, 'checkpoint-dir=text leave-running', least=2, most=2),
            rm=_command(_checkpoint_rm, 'checkpoint-dir=text', least=2, most=2),
        ),
        'service': _group(
            'remove=rm',
            rm=_command(_deletes('services'), least=1, kind='service'),
            scale=_command(_service_scale, 'detach/d', least=1, kind='service'),
            rollback=_command(
                _objects('service_update', 'services'), 'detach/d quiet/q', least=1, most=1, kind='service'
            ),
            update=_command(_service_update, _SERVICE_UPDATE, least=1, most=1, kind='service'),
        ),
        'stack': _group(
            'remove=rm',
            'down=rm',
            'up=deploy',
            rm=_command(_stack('stack_rm'), 'detach/d orchestrator=text', least=1, kind='stack'),
            deploy=_command(
                _stack_deploy,
                'compose-file/c=text detach/d orchestrator=text prune quiet/q resolve-image=text with-registry-auth',
                least=1,
                most=1,
                kind='stack',
            ),
        )._replace(options=_options('orchestrator=text')),
        'node': _group(
            'remove=rm',
            rm=_command(_deletes('nodes'), _FORCED, least=1),
            update=_command(
                _node_update, 'availability=text label-add=text label-rm=text role=text', least=1, most=1, kind='node'
            ),
        ),
        'swarm': _group(leave=_command(_services('swarm_leave'), _FORCED, most=0, kind='swarm')),
        'image': _group('remove=rm', 'rmi=rm', rm=_IMAGE_RM),
        'volume': _group('remove=rm', rm=_command(_deletes('volumes'), _FORCED, least=1)),
        'network': _group('remove=rm', rm=_command(_deletes('networks'), _FORCED, least=1)),
        'secret': _group('remove=rm', rm=_command(_deletes('secrets'), least=1)),
        'config': _group('remove=rm', rm=_command(_deletes('configs'), least=1)),
        'plugin': _group('remove=rm', rm=_command(_deletes('plugins'), _FORCED, least=1)),
        'builder': _group(),
        'buildx': _group(),
        'context': _group(),
        'manifest': _group(),
        'trust': _group(),
    },
)

_UP_CONFLICTS = (
    'build no-build',
    'no-recreate renew-anon-volumes',
    'no-recreate force-recreate',
    'no-recreate always-recreate-deps',
    'abort-on-container-exit abort-on-container-failure',
    'detach abort-on-container-exit',
    'detach abort-on-container-failure',
    'detach attach-dependencies',
    'detach watch',
    'wait abort-on-container-exit',
    'wait attach-dependencies',
    'no-build watch',
)
_COMPOSE_WATCH = _compose_command(_services('compose_up'), 'no-up prune quiet')
_COMPOSE_GROUP = _Group(
    _options(
        'all-resources ansi=text compatibility dry-run env-file=text file/f=text insecure-registry=text no-ansi parallel=int profile=text '
        'progress=text project-directory=text project-name/p=text verbose version/v workdir=text'
    ),
    {
        'down': _compose_command(_services('compose_down'), 'remove-orphans rmi=rmi timeout/t=int volumes/v volume'),
        'stop': _compose_command(_services('compose_stop'), 'timeout/t=int'),
        'rm': _compose_command(_services('compose_rm'), 'all/a force/f stop/s volumes/v'),
        'kill': _compose_command(_services('compose_kill'), 'remove-orphans signal/s=text'),
        'restart': _compose_command(_services('compose_restart'), 'no-deps timeout/t=int'),
        'pause': _compose_command(_services('compose_pause')),
        'scale': _compose_command(_compose_scale, 'no-deps', least=1),
        'up': _compose_command(
            _services('compose_up'),
            'abort-on-container-exit abort-on-container-failure always-recreate-deps attach=text attach-dependencies build '
            'detach/d environment/e=text exit-code-from=text force-recreate menu no-attach=text no-build no-color no-deps no-log-prefix no-recreate '
            'no-start pull=text quiet-build quiet-pull remove-orphans renew-anon-volumes/V scale=text timeout/t=int timestamps wait wait-timeout=int '
            'watch/w yes/y y',
            conflicts=_UP_CONFLICTS,
        ),
        # "create" and "watch" recreate containers as "up" does.
        'create': _compose_command(
            _services('compose_up'),
            'build force-recreate no-build no-recreate pull=text quiet-pull remove-orphans scale=text yes/y y',
            conflicts=_UP_CONFLICTS,
        ),
        'watch': _COMPOSE_WATCH,
        'alpha': _group(watch=_COMPOSE_WATCH)._replace(options=_options('dry-run')),
        'wait': _compose_command(_compose_wait, 'down-project', least=1),
        'run': _compose_command(
            _compose_run,
            'build cap-add=text cap-drop=text detach/d entrypoint=text env/e=text env-from-file=text interactive/i label/l=text labels=text '
            'name=text no-deps no-TTY/T no-tty publish/p=text pull=text quiet/q quiet-build quiet-pull remove-orphans rm service-ports/P tty/t '
            'use-aliases user/u=text volume/v=text volumes=text workdir/w=text',
            least=1,
            interspersed=False,
        ),
    },
)
_PLUGIN_ROOT = _Group(_PLUGIN_GLOBAL, {'compose': _COMPOSE_GROUP})


# --- docker-compose as a program of its own --------------------------------------------------------------------------


def _converted(words):
    """Compose 2 run as docker-compose: its words as the plugin's (Convert in cmd/compatibility/convert.go)."""
    texts = ('--tlscacert', '--tlscert', '--tlskey', '--host', '-H', '--context', '--log-level')
    leading, command = [], ['compose']
    index = 0
    while index < len(words):
        word = words[index]
        if word and word[0] != '-':
            break
        index += 1
        word = {'--verbose': '--debug', '-h': '--help', '--version': 'version', '-v': 'version'}.get(word, word)
        glued = next((text for text in texts if word.startswith(text) and '=' in word), None)
        if word in ('--debug', '-D', '--tls', '--tlsverify'):
            leading.append(word)
        elif word in texts:
            # A missing value is refused by the parser: nothing follows here that it could take.
            leading += [word] + words[index : index + 1]
            if index >= len(words):
                return leading
            index += 1
        elif glued:
            leading += [glued, word.partition('=')[2]]
        else:
            command.append(word)
    return leading + command + words[index:]


def _v1(outcome, options='', most=None, conflicts=()):
    return _command(outcome, options, 0, most, 'service', conflicts)


#: The usage texts of compose/cli/main.py, 1.29.2.
_V1_GLOBAL = _options(
    'file/f=text project-name/p=text profile=text context/c=text verbose log-level=text ansi=text no-ansi version/v host/H=text tls tlscacert=text '
    'tlscert=text tlskey=text tlsverify skip-hostname-check project-directory=text compatibility env-file=text'
)
_V1_COMMANDS = {
    'down': _v1(_services('compose_down'), 'rmi=rmi volumes/v remove-orphans timeout/t=int', most=0),
    'stop': _v1(_services('compose_stop'), 'timeout/t=int'),
    'rm': _v1(_services('compose_rm'), 'force/f stop/s /v all/a'),
    'kill': _v1(_services('compose_kill'), '/s=text'),
    'restart': _v1(_services('compose_restart'), 'timeout/t=int'),
    'pause': _v1(_services('compose_pause')),
    'scale': _v1(_compose_scale, 'timeout/t=int'),
    'up': _v1(
        _services('compose_up'),
        'detach/d no-color quiet-pull no-deps force-recreate always-recreate-deps no-recreate no-build no-start build '
        'abort-on-container-exit attach-dependencies timeout/t=int renew-anon-volumes/V remove-orphans exit-code-from=text scale=text no-log-prefix',
        conflicts=_UP_CONFLICTS,
    ),
    'create': _v1(_services('compose_up'), 'force-recreate no-recreate no-build build', conflicts=_UP_CONFLICTS),
}
#: Their usage has no "[--]": there the word is an argument, the name of a service that cannot be.
_V1_WITHOUT_DASHES = ('down', 'pause', 'scale', 'create')


def _compose_v1(words):
    """Compose 1, whose parser is docopt with options_first, once for the program and once for the command."""
    path = []
    try:
        values, rest = _docopt(_V1_GLOBAL, words)
        if values.get('version') or not rest:
            return _result(path, values)
        path.append(rest[0])
        command = _V1_COMMANDS.get(rest[0])
        if command is None:
            return _result(path, values)
        own, arguments = _docopt(command.options, rest[1:], dashes=rest[0] not in _V1_WITHOUT_DASHES)
        values.update(own)
        if 's' in own:
            values['signal'] = own['s']
        return _outcome(command, arguments, values, list(own.items()), path)
    except _Refused:
        return _result(path)


def _docopt(options, words, dashes=True):
    """docopt's parse_argv: long names may be cut short where that is unique; an option comes once, but for those marked so."""
    values = {}
    index = 0
    while index < len(words):
        word = words[index]
        if len(word) < 2 or word[0] != '-':
            break
        index += 1
        if word == '--':
            if not dashes:
                raise _Refused('no such service: --')
            break
        if word.startswith('--'):
            name, equals, value = word.partition('=')
            names = (
                [name]
                if name in options
                else [known for known in options if known.startswith(name) and known[1] == '-']
            )
            if len(names) != 1 or equals and _is_boolean(options, names[0]):
                raise _Refused('usage')
            parts = [(options[names[0]], value if equals else None)]
        else:
            parts, position = [], 1
            while position < len(word):
                option = _known(options, '-' + word[position])
                position += 1
                value = None
                if option.kind is not None and position < len(word):
                    value, position = word[position:], len(word)
                parts.append((option, value))
        for option, value in parts:
            if value is None:
                value, index = _value_of(option, words, index)
            if option.name in values and option.name not in ('file', 'profile', 'scale'):
                raise _Refused('usage')
            values[option.name] = _checked(option, value)
    return values, words[index:]
