# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which requests each docker command sends for its arguments.

Sources: the commands of docker/cli (cli/command), the paths of the engine's client (getAPIPath), the routes of moby
(api/server/router). Compose's are in compose.py.
"""

from __future__ import annotations

import posixpath
import re
import signal

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import Effect, Given, Refused
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.values import BLANKS, integer

_NOTHING = Command()
_VERSION = re.compile(r'v[0-9.]+')
_CHECKPOINT = re.compile(r'[^/]+/checkpoints/[^/]+')
_REPLICAS = re.compile(r'[0-9]+', re.A)

#: The numbers of Linux' signals have the same names everywhere but for a few, none of which matters here.
_KILL = ('9', 'KILL')
_STOP = ('19', 'STOP')
_SIGNALS = frozenset(
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP '
    'TSTP TTIN TTOU UNUSED URG USR1 USR2 VTALRM WINCH XCPU XFSZ'.split()
)
# The first and the last real-time signal as docker counts them (sys/signal of moby)
_REAL_TIME = {'RTMIN': 34, 'RTMAX': 64}
# Ascii alone: str.isdigit() takes superscripts, too
_DECIMAL = re.compile(r'[+-]?[0-9]{1,9}', re.A)


# --- Whether it ends -------------------------------------------------------------------------------------------------


def signal_ends(name: str | None) -> bool | None:
    """Whether a signal given to "kill" ends a container: True or False for sure, None where the program decides.

    Without one it is KILL. STOP only freezes; what is no signal is refused (ParseSignal of moby/sys/signal, which takes
    a decimal number, or a name of any case, with SIG or without). Any other can be caught: the default end of a HUP is
    what a first process without a handler never comes to, and httpd ends at a WINCH.
    """
    if not name:
        return True
    word = name.upper()
    word = word[3:] if word.startswith('SIG') else word
    if _REPLICAS.fullmatch(name):
        word = name.lstrip('0')[:4]
    if word in _KILL:
        return True
    if word in _STOP:
        return False
    number = _REPLICAS.fullmatch(word) and 0 < int(word) <= 64
    return None if number or word in _SIGNALS or word.startswith(tuple(_REAL_TIME)) else False


def signal_number(name: str | None) -> int | None:
    """The number of a signal as written for docker kill; None where it is not known."""
    if not name:
        return 9
    if _DECIMAL.fullmatch(name):
        return int(name)
    word = name.upper()
    word = word[3:] if word.startswith('SIG') else word
    if word[5:] and word[:5] in _REAL_TIME and _DECIMAL.fullmatch(word[5:]):
        return _REAL_TIME[word[:5]] + int(word[5:])
    found = getattr(signal, 'SIG' + word, None)
    return int(found) if isinstance(found, signal.Signals) else None


def timed_end(given: Given) -> bool | None:
    """Whether a stop or a restart ends its containers: the engine kills after the timeout, but for a negative one."""
    text = given.text('timeout', 'time', 't')
    return None if text is not None and (integer(text) or 0) < 0 else True


# --- Containers ------------------------------------------------------------------------------------------------------


def request(*parts: str) -> tuple[str, str]:
    """The collection and the rest of the path that a request goes to: the client joins its parts and cleans the path.

    (getAPIPath of the engine's client: path.Join, so that "..", "." and double slashes are gone before it is sent.)
    """
    path = posixpath.normpath('/v1/' + '/'.join(parts))[1:]
    first, _slash, rest = path.partition('/')
    if _VERSION.fullmatch(first):
        first, _slash, rest = rest.partition('/')
    return first, rest


def containers(arguments: list[str], verb: str) -> list[str]:
    """The containers that POST /containers/NAME/verb reaches, one for each argument."""
    tail = '/' + verb
    targets = []
    for name in arguments:
        # From 28 on the client trims blanks and sends nothing for an empty reference.
        collection, rest = request('containers', name.strip(BLANKS) + tail)
        if collection == 'containers' and rest.endswith(tail):
            targets.append(rest[: -len(tail)])
    return targets


def _on(action: str, targets: list[str], kind: str, ends: bool | None) -> Command:
    """An action on targets; without any, nothing is sent."""
    return Command(action, targets=tuple(targets), target_kind=kind, ends=ends) if targets else _NOTHING


def stop(arguments: list[str], given: Given) -> Command:
    return _on('stop', containers(arguments, 'stop'), 'container', timed_end(given))


def restart(arguments: list[str], given: Given) -> Command:
    return _on('restart', containers(arguments, 'restart'), 'container', timed_end(given))


def kill(arguments: list[str], given: Given) -> Command:
    return _on('kill', containers(arguments, 'kill'), 'container', signal_ends(given.text('signal')))


def pause(arguments: list[str], _given: Given) -> Command:
    return _on('pause', containers(arguments, 'pause'), 'container', False)


def commit(arguments: list[str], given: Given) -> Command:
    """The engine pauses the container while it takes the image (daemon/commit.go), unless it is told not to."""
    if given.flag('no-pause') or not given.flag('pause', default=True):
        return _NOTHING
    # Sent as a parameter, not in the path; a leading slash is no part of a name (GetByName).
    name = arguments[0].strip(BLANKS)
    name = name[1:] if name.startswith('/') else name
    return _on('pause', [name] if name else [], 'container', False)


def remove(collection: str, trim_slashes: bool = False) -> Effect:
    """DELETE /collection/NAME for each argument; "../containers/NAME" really leads to the container."""

    def effect(arguments: list[str], given: Given) -> Command:
        deleted: dict[str, list[str]] = {'containers': [], 'services': []}
        for name in arguments:
            where, rest = request(collection, (name.strip('/') if trim_slashes else name).strip(BLANKS))
            # The engine's route for a service takes one step, the one for a container all that follow, but for
            # checkpoints.
            if rest and (
                where == 'containers' and not _CHECKPOINT.fullmatch(rest) or where == 'services' and '/' not in rest
            ):
                deleted[where].append(rest)
        # With --link, the engine removes the alias of a legacy link and no container.
        if deleted['containers'] and not given.flag('link'):
            return _on('remove', deleted['containers'], 'container', given.flag('force'))
        return _on('service_rm', deleted['services'], 'service', True)

    return effect


def checkpoint_create(arguments: list[str], given: Given) -> Command:
    if given.flag('leave-running'):
        return _NOTHING
    return _on('checkpoint', containers(arguments[:1], 'checkpoints'), 'container', True)


def checkpoint_rm(arguments: list[str], given: Given) -> Command:
    return remove('containers')(['%s/checkpoints/%s' % (arguments[0].strip(BLANKS), arguments[1])], given)


def rename(arguments: list[str], _given: Given) -> Command:
    if not all(name.strip(BLANKS) for name in arguments):
        raise Refused('neither old nor new names may be empty')
    return _on('rename', containers(arguments[:1], 'rename'), 'container', False)


def update(arguments: list[str], given: Given) -> Command:
    if not given.own:
        raise Refused('you must provide one or more flags')
    return _on('update', containers(arguments, 'update'), 'container', None)


def prune(_arguments: list[str], given: Given) -> Command:
    filters = given.texts('filter')
    if given.flag('volumes') and any(text.partition('=')[0].strip(BLANKS).lower() == 'until' for text in filters):
        raise Refused('the "until" filter is not supported with "--volumes"')
    return Command('prune', everything=True, ends=False)


# --- Attached to what runs -------------------------------------------------------------------------------------------


def attach(arguments: list[str], given: Given) -> Command:
    """Hands on signals, unless told not to, and what is typed."""
    silent = given.flag('no-stdin') and not given.flag('sig-proxy', default=True)
    return _NOTHING if silent else Command(attached=True, attached_to=arguments[0])


def start(arguments: list[str], given: Given) -> Command:
    """cli/command/container/start.go: with -a or -i it stays, and hands on signals."""
    if not given.flag('attach', 'interactive'):
        return _NOTHING
    if len(arguments) > 1:
        raise Refused('you cannot start and attach multiple containers at once')
    return Command(attached=True, attached_to=arguments[0])


def run(_arguments: list[str], given: Given) -> Command:
    """cli/command/container/run.go: in the foreground it hands on signals to the new container."""
    detached = given.flag('detach')
    return Command(
        attached=not detached,
        attached_to=given.text('name'),
        detached=detached,
        auto_remove=given.flag('rm'),
    )


def execute(arguments: list[str], given: Given) -> Command:
    """exec: what it runs inside can end the container, with -d, too."""
    return Command(attached=True, attached_to=arguments[0], detached=given.flag('detach'))


def tunnel(_arguments: list[str], _given: Given) -> Command:
    """system dial-stdio carries the requests of a client on another host."""
    return Command(attached=True)


# --- Swarm -----------------------------------------------------------------------------------------------------------


def objects(action: str, collection: str, kind: str) -> Effect:
    """Services and nodes are looked up by GET /collection/NAME first; what leads elsewhere is not found."""

    def effect(arguments: list[str], _given: Given) -> Command:
        requests = [request(collection, name.strip(BLANKS)) for name in arguments]
        targets = [rest for where, rest in requests if where == collection and rest and '/' not in rest]
        return _on(action, targets, kind, None)

    return effect


def service_update(arguments: list[str], given: Given) -> Command:
    others = [name for name, _value in given.own if name not in ('rollback', 'detach', 'quiet', 'help')]
    if given.flag('rollback') and others:
        raise Refused('other flags may not be combined with --rollback')
    command = objects('service_update', 'services', 'service')(arguments, given)
    replicas = given.text('replicas')
    if replicas is None:
        return command
    return command._replace(scale={name: integer(replicas) or 0 for name in command.targets})


def service_scale(arguments: list[str], given: Given) -> Command:
    if not all('=' in argument for argument in arguments):
        raise Refused('invalid scale specifier')
    pairs = [argument.partition('=') for argument in arguments]
    scaled = {name: number for name, _equals, number in pairs if _REPLICAS.fullmatch(number)}
    names = [name for name, _equals, number in pairs if _REPLICAS.fullmatch(number)]
    command = objects('service_scale', 'services', 'service')(names, given)
    return command._replace(scale={name: int(number[:20]) for name, number in scaled.items()})


def _stack(action: str, ends: bool | None) -> Effect:
    def effect(arguments: list[str], _given: Given) -> Command:
        if not all(name.strip(BLANKS + '"\'') for name in arguments):
            raise Refused('validateStackName: invalid stack name')
        return _on(action, arguments, 'stack', ends)

    return effect


stack_rm = _stack('stack_rm', True)


def stack_deploy(arguments: list[str], given: Given) -> Command:
    if not given.texts('compose-file'):
        raise Refused('specify a Compose file')
    # Replaces the tasks of every service that differs, and with --prune removes services.
    return _stack('service_update', None)(arguments, given)


def node_update(arguments: list[str], given: Given) -> Command:
    """Ends the tasks on a node that it drains, or whose constraints on labels and role the node no longer meets.

    (swarmkit manager/orchestrator/constraintenforcer rejectNoncompliantTasks.) A paused node gets no new tasks in place
    of those that end. The engine reads the word without regard to case.
    """
    moves = any(given.texts(name) for name in ('label-add', 'label-rm', 'role'))
    if not moves and (given.text('availability') or '').lower() not in ('drain', 'pause'):
        return _NOTHING
    return objects('node_drain', 'nodes', 'node')(arguments, given)


def node_role(arguments: list[str], given: Given) -> Command:
    """promote and demote: a role is a constraint that tasks may have. The first node that is not found ends it."""
    found = []
    for name in arguments:
        if not objects('node_drain', 'nodes', 'node')([name], given).action:
            break
        found.append(name)
    return objects('node_drain', 'nodes', 'node')(found, given)


def swarm_leave(_arguments: list[str], _given: Given) -> Command:
    return Command('swarm_leave', target_kind='swarm', everything=True, ends=True)
