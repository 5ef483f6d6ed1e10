# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of Compose 2 and later, as tables, and what they do with their arguments.

Sources: cmd/compose and pkg/compose of docker/compose 2.0.1 to 5.5. An option that some releases refuse beside another
counts: only what all refuse is a conflict here (``validateFlags`` in cmd/compose/up.go, by tag). A star
marks what no packaged CLI of Debian names: see commands.py.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.commands import GLOBAL
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.effects import attach, signal_ends
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Effect,
    Given,
    Group,
    Refused,
    Verb,
    group,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.values import decimal

# --- What a command acts on ------------------------------------------------------------------------------------------


def _on(action: str, services: list[str], ends: bool | None) -> Command:
    """An action on services; without any named, on all of the project."""
    return Command(action, targets=tuple(services), target_kind='service', everything=not services, ends=ends)


def services(action: str, ends: bool | None) -> Effect:
    """A command that acts on the services it names, or on all."""
    return lambda arguments, _given: _on(action, arguments, ends)


def kill(arguments: list[str], given: Given) -> Command:
    return _on('compose_kill', arguments, signal_ends(given.text('signal', 's')))


def rm(arguments: list[str], given: Given) -> Command:
    """Removes stopped containers; with -s it stops all before."""
    return _on('compose_rm', arguments, given.flag('stop'))


def _replicas(specifications: list[str]) -> dict[str, int]:
    """SERVICE=NUM to a number for each service (applyScaleOpts; "compose scale" is as strict)."""
    scale = {}
    for specification in specifications:
        name, _equals, text = specification.partition('=')
        number = decimal(text)
        if not name or number is None:
            raise Refused('invalid scale specifier')
        scale[name] = number
    return scale


def up(arguments: list[str], given: Given) -> Command:
    """Recreates what differs; --scale takes containers of services away that the arguments need not name."""
    scale = _replicas(list(given.texts('scale')))
    background = given.flag('detach', 'wait')
    ends_together = given.is_set('exit-code-from') and not given.flag('abort-on-container-failure')
    if background and ends_together:
        raise Refused('--exit-code-from implies --abort-on-container-exit')
    named = frozenset(arguments)
    return _on('compose_up', arguments, None)._replace(
        targets=tuple(arguments) + tuple(name for name in scale if name not in named),
        scale=scale,
        detached=background,
        attached=not background and not given.flag('no-start'),
        watches=given.flag('watch'),
    )


def create(arguments: list[str], given: Given) -> Command:
    """As "up", but for the start."""
    return up(arguments, given)._replace(detached=True, attached=False)


def watch(arguments: list[str], given: Given) -> Command:
    """Stays, and makes containers anew whenever a file changes."""
    return up(arguments, given)._replace(attached=True, watches=True)


def scale(arguments: list[str], _given: Given) -> Command:
    replicas = _replicas(arguments)
    names = [argument.partition('=')[0] for argument in arguments]
    return _on('compose_scale', names, None)._replace(scale=replicas, everything=False)


def commit(arguments: list[str], given: Given) -> Command:
    """The engine pauses the container while it takes the image, unless it is told not to."""
    return _on('compose_pause', arguments[:1], False) if given.flag('pause', default=True) else Command()


def wait(_arguments: list[str], given: Given) -> Command:
    """--down-project takes the whole project down once the first container has stopped."""
    return _on('compose_down', [], True) if given.flag('down-project') else Command()


def run(arguments: list[str], given: Given) -> Command:
    """Recreates (and scales down) the dependencies that differ, before it runs its one-off container.

    (prepareRun and startDependencies in pkg/compose/run.go.) With --remove-orphans the containers of services that left
    the file go, too. In the foreground it hands on signals to the one-off container.
    """
    if any('=' not in label for label in given.texts('label')):
        raise Refused('label must be set as KEY=VALUE')
    alone = given.flag('no-deps') and not given.flag('remove-orphans')
    detached = given.flag('detach')
    return (Command() if alone else _on('compose_up', [], None))._replace(
        detached=detached, attached=not detached, attached_to=arguments[0]
    )


def execute(arguments: list[str], given: Given) -> Command:
    """exec: what it runs inside can end the container."""
    return Command(attached=True, attached_to=arguments[0], detached=given.flag('detach'))


# --- Commands and their options --------------------------------------------------------------------------------------


def _verb(
    options: str,
    effect: Effect | None = None,
    least: int = 0,
    most: int | None = None,
    conflicts: tuple[str, ...] = (),
    interspersed: bool = True,
) -> Verb:
    """--dry-run is an option of all (persistent on the group)."""
    return Verb('dry-run ' + options, effect, least, most, conflicts, interspersed)


_UP_CONFLICTS = (
    'build no-build',
    'no-recreate force-recreate',
    'no-recreate always-recreate-deps',
    'abort-on-container-exit abort-on-container-failure',
    'detach abort-on-container-exit',
    'detach abort-on-container-failure',
    'detach attach-dependencies',
    'detach attach',
    'wait abort-on-container-exit',
    'wait abort-on-container-failure',
    'wait attach-dependencies',
    'wait attach',
)
_COMMIT = 'author/a= change/c= index=int message/m= pause/p'
_CONFIG = _verb(
    'environment format= hash= images lock-image-digests models networks no-consistency no-env-resolution '
    'no-interpolate no-normalize no-path-resolution output/o= profiles quiet/q resolve-image-digests services '
    'variables volumes'
)
_PUBLISH = _verb('app insecure-registry* oci-version= resolve-image-digests with-env yes/y y*')
_STATS = _verb('all/a format= no-stream no-trunc')
_VIZ = _verb('image indentation-size=int networks ports spaces')
_WATCH = _verb('no-up prune quiet', watch)
_READS = _verb('')

GROUP = group(
    {
        'attach': _verb('detach-keys= index=int no-stdin sig-proxy', attach, 1, 1),
        'bridge': group(
            {
                'convert': _verb('output/o= templates= transformation/t='),
                'transformations': group({'create': _verb('from/f='), 'list ls': _verb('format= quiet/q')}, 'dry-run'),
            },
            'dry-run',
        ),
        'build': _verb(
            'build-arg= builder= check compress* force-rm* memory/m= no-cache no-rm* parallel* print progress=* '
            'provenance= pull push quiet/q sbom= ssh= with-dependencies'
        ),
        'commit': _verb(_COMMIT, commit, 1, 2),
        'config convert': _CONFIG,
        'cp': _verb('all archive/a follow-link/L index=int'),
        # "create" and "watch" recreate containers as "up" does.
        'create': _verb(
            'build force-recreate no-build no-recreate pull= quiet-pull remove-orphans scale= yes/y y*',
            create,
            conflicts=_UP_CONFLICTS,
        ),
        'down': _verb('remove-orphans rmi=rmi timeout/t=int volumes/v volume*', services('compose_down', True)),
        'events': _verb('json since= until='),
        'exec': _verb(
            'detach/d env/e= index=int interactive/i* no-TTY/T no-tty privileged tty/t* user/u= workdir/w=',
            execute,
            2,
            interspersed=False,
        ),
        'export': _verb('index=int output/o='),
        'images': _verb('format= quiet/q'),
        'kill': _verb('remove-orphans signal/s=', kill),
        'logs': _verb('follow/f index=int no-color no-log-prefix since= tail/n= timestamps/t until='),
        'ls': _verb('all/a filter= format= quiet/q'),
        'pause': _verb('', services('compose_pause', False)),
        'port': _verb('index=int protocol='),
        'ps': _verb('all/a filter= format= no-trunc orphans quiet/q services status='),
        'publish': _PUBLISH,
        'pull': _verb('ignore-buildable ignore-pull-failures include-deps no-parallel* parallel* policy= quiet/q'),
        'push': _verb('ignore-push-failures include-deps quiet/q'),
        'restart': _verb('no-deps timeout/t=int', services('compose_restart', True)),
        'rm': _verb('all/a* force/f stop/s volumes/v', rm),
        'run': _verb(
            'build cap-add= cap-drop= detach/d entrypoint= env-from-file= env/e= interactive/i label/l= labels=* name= '
            'no-TTY/T no-deps no-tty* publish/p= pull= quiet-build quiet-pull quiet/q remove-orphans rm '
            'service-ports/P tty/t* use-aliases user/u= volume/v= volumes=* workdir/w=',
            run,
            1,
            conflicts=('service-ports publish',),
            interspersed=False,
        ),
        'scale': _verb('no-deps', scale, 1),
        'start': _verb('wait* wait-timeout=int*'),
        'stats': _STATS,
        'stop': _verb('timeout/t=int', services('compose_stop', True)),
        'top': _READS,
        'unpause': _READS,
        'up': _verb(
            'abort-on-container-exit abort-on-container-failure always-recreate-deps attach-dependencies attach= build '
            'detach/d environment/e=* exit-code-from= force-recreate menu no-attach= no-build no-color no-deps '
            'no-log-prefix no-recreate no-start pull= quiet-build quiet-pull remove-orphans renew-anon-volumes/V '
            'scale= timeout/t=int timestamps wait wait-timeout=int watch/w yes/y y*',
            up,
            conflicts=_UP_CONFLICTS,
        ),
        'version': _verb('format/f= short'),
        'volumes': _verb('format= quiet/q'),
        'wait': _verb('down-project', wait, 1),
        'watch': _WATCH,
        # Where some of them were before they were trusted.
        'alpha*': group(
            {
                'attach': _verb('detach-keys= index=int no-stdin sig-proxy', attach, 1, 1),
                'commit': _verb(_COMMIT, commit, 1, 2),
                'dry-run': _READS,
                'export': _verb('index=int output/o='),
                'generate': _verb('format= name= project-dir='),
                'publish': _PUBLISH,
                'scale': _verb('no-deps', scale, 1),
                'stats': _STATS,
                'viz': _VIZ,
                'wait': _verb('down-project', wait, 1),
                'watch': _WATCH,
            },
            'dry-run',
        ),
        'help*': _READS,
    },
    'all-resources ansi= compatibility dry-run env-file= file/f= insecure-registry=* no-ansi* parallel=int profile= '
    'progress= project-directory= project-name/p= verbose* version/v* workdir=*',
    # cmd/compose/compose.go: SetInterspersed(false)
    interspersed=False,
)
#: The plugin gets docker's global options, too, but for --version.
ROOT = Group(GLOBAL, {'compose': GROUP})
