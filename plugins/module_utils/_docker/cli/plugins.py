# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of docker plugins that run or end containers, as tables: buildx, model, and those of Docker Desktop.

How commands and options are written is said in commands.py. Sources: commands of docker/buildx 0.10 to 0.36, cmd/cli of
docker/model-runner 1.2, and docker's reference for desktop, extension, offload and sandbox,
which are not published as source.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Effect,
    Given,
    Refused,
    Verb,
    group,
)

#: The context of the engine that Docker Offload runs elsewhere.
CLOUD = 'docker-cloud'


def _builder(arguments: list[str], given: Given) -> list[str]:
    """The containers of builders: buildx_buildkit_ and the node's name, which is the builder's and a number.

    (driver/driver.go and store/nodegroup.go of docker/buildx. Nodes can be named, and a builder can have several: the
    first one's usual name is all that the command line tells.)
    """
    named = arguments or [name for name in (given.text('builder'),) if name]
    return ['buildx_buildkit_%s0' % name.lower() for name in named]


def buildx_stop(arguments: list[str], given: Given) -> Command:
    targets = tuple(_builder(arguments, given))
    return Command('stop', targets=targets, target_kind='container', everything=not targets, ends=True)


def buildx_rm(arguments: list[str], given: Given) -> Command:
    if given.flag('all-inactive'):
        if arguments:
            raise Refused('cannot specify builder name when --all-inactive is set')
        return Command('prune', everything=True, ends=False)
    if given.flag('keep-daemon'):
        return Command()
    targets = tuple(_builder(arguments, given))
    # driver/docker-container of docker/buildx removes by force
    return Command('remove', targets=targets, target_kind='container', everything=not targets, ends=True, force=True)


def model_runner(_arguments: list[str], _given: Given) -> Command:
    """PruneControllerContainers in cmd/cli/pkg/standalone of docker/model-runner: stopped or running, it is removed."""
    return Command('remove', targets=('docker-model-runner',), target_kind='container', ends=True, force=True)


def _all(action: str, ends: bool | None) -> Effect:
    """What ends containers that the command line cannot name: all of Docker Desktop's, or an extension's."""
    return lambda _arguments, _given: Command(action, everything=True, ends=ends)


def _in_the_cloud(action: str, ends: bool | None, option: str | None = None) -> Effect:
    """What ends the containers of Docker Offload's engine; with an option alone, if there is one."""

    def effect(_arguments: list[str], given: Given) -> Command:
        if option and not given.flag(option):
            return Command()
        return Command(action, everything=True, ends=ends, context=CLOUD)

    return effect


def _sandboxes(action: str) -> Effect:
    """A sandbox is a container, or a machine of its own, under a name that only the plugin knows."""
    return lambda arguments, _given: Command(
        action, targets=tuple(arguments), target_kind='sandbox', everything=not arguments, ends=True
    )


# --- Commands and their options --------------------------------------------------------------------------------------

BUILD = (
    'add-host= allow= annotation= attest= build-arg= build-context= builder= cache-from= cache-to= call= '
    'cgroup-parent= check compress cpu-period=int cpu-quota=int cpu-shares/c=int cpuset-cpus= cpuset-mems= debug/D '
    'detach* disable-content-trust file/f= force-rm iidfile= invoke=* isolation= label= load memory-swap=bytes '
    'memory/m=bytes metadata-file= network= no-cache no-cache-filter= output/o= platform= print=* progress= '
    'provenance= pull push quiet/q rm root=* sbom= secret= security-opt= server-config=* shm-size=bytes squash ssh= '
    'stream* tag/t= target= ulimit='
)

CACHE_PRUNE = Verb(
    'all/a builder= debug/D filter= force/f keep-storage=bytes max-used-space=bytes min-free-space=bytes '
    'reserved-space=bytes timeout=duration* verbose'
)
_OF_BUILDER = 'builder= debug/D '
BUILDX = group(
    {
        'bake f': Verb(
            'allow= builder= call= check debug/D file/f= list= list-targets* list-variables* load metadata-file= '
            'no-cache print progress= provenance= pull push sbom= set= var=*'
        ),
        'build b': Verb(BUILD),
        'create': Verb(
            'append bootstrap buildkitd-config= buildkitd-flags= config=* debug/D driver= driver-opt= leave name= '
            'node= platform= timeout=duration* use'
        ),
        'dial-stdio': Verb(_OF_BUILDER + 'platform= progress='),
        'du': Verb(_OF_BUILDER + 'filter= format= timeout=duration* verbose'),
        'history': group(
            {
                'export': Verb(_OF_BUILDER + 'all finalize output/o='),
                'import': Verb(_OF_BUILDER + 'file/f='),
                'inspect': Verb(_OF_BUILDER + 'format= platform= type='),
                'logs': Verb(_OF_BUILDER + 'progress='),
                'ls': Verb(_OF_BUILDER + 'filter= format= local no-trunc'),
                'open': Verb(_OF_BUILDER),
                'rm': Verb(_OF_BUILDER + 'all'),
                'trace*': Verb(_OF_BUILDER + 'addr= compare='),
            },
            _OF_BUILDER,
        ),
        'imagetools': group(
            {
                'create': Verb(
                    _OF_BUILDER
                    + 'annotation= append dry-run file/f= metadata-file=* platform/p= prefer-index progress= '
                    'tag/t='
                ),
                'inspect': Verb(_OF_BUILDER + 'format= raw'),
            },
            _OF_BUILDER,
        ),
        'inspect': Verb(_OF_BUILDER + 'bootstrap timeout=duration*'),
        'install*': Verb(_OF_BUILDER),
        'ls': Verb('builder=* debug/D format= no-trunc timeout=duration*'),
        'prune': CACHE_PRUNE,
        'rm': Verb(_OF_BUILDER + 'all-inactive force/f keep-daemon keep-state timeout=duration*', buildx_rm),
        'stop': Verb(_OF_BUILDER + 'timeout=duration*', buildx_stop, 0, 1),
        'uninstall*': Verb(_OF_BUILDER),
        'use': Verb(_OF_BUILDER + 'default global timeout=duration*'),
        'version': Verb(_OF_BUILDER),
    },
    _OF_BUILDER,
)
# docker/model-runner cmd/cli/commands: "install", "start" and "status" leave a container that runs alone.
_RUNNER = (
    'backend= debug do-not-track gpu= host= images llama-server-version= models port=uint16 proxy-cert= tls tls-cert= '
    'tls-key= tls-port=uint16'
)
_MODEL = group(
    {
        'reinstall-runner restart-runner stop-runner uninstall-runner': Verb(_RUNNER, model_runner),
        'install-runner start-runner': Verb(_RUNNER),
        'list ls status version': Verb('backend= json openai openaiurl= quiet/q'),
    }
)
_DESKTOP = group(
    {
        'restart': Verb('detach/d timeout=', _all('restart', True)),
        'stop': Verb('detach/d force/f timeout=', _all('stop', True)),
        # Installs a new version, and starts it.
        'update': Verb('check-only/k quiet/q', _all('restart', None)),
        'disable enable logs start status version': Verb(),
    }
)
_EXTENSION = group(
    {
        'disable': Verb('', _all('stop', True)),
        'rm uninstall': Verb('force/f', _all('remove', True)),
        'update upgrade': Verb('force/f', _all('remove', True)),
        'enable init inspect install ls validate version': Verb(),
    }
)
# "stop" pauses the engine in the cloud; older releases ended it, and all that it ran.
_OFFLOAD = group(
    {
        'create': Verb(
            'account/a= cpus= gpu/g idle-timeout= keep-alive memory= recreate timeout= ttl=',
            _in_the_cloud('remove', True, 'recreate'),
        ),
        'rm': Verb('force/f', _in_the_cloud('remove', True)),
        'stop': Verb('force/f', _in_the_cloud('stop', None)),
        'diagnose start status version': Verb(),
    }
)
_SANDBOX = group(
    {
        'reset': Verb('force/f', _sandboxes('remove')),
        'rm remove': Verb('force/f', _sandboxes('remove'), 1),
        'stop': Verb('', _sandboxes('stop'), 1),
        'create inspect ls version': Verb(),
    }
)

#: The first words of commands that are known from docker's reference alone.
UNPUBLISHED = (['desktop'], ['extension'], ['offload'], ['sandbox'])
PLUGINS = {
    'buildx': BUILDX,
    'desktop*': _DESKTOP,
    'extension*': _EXTENSION,
    'model*': _MODEL,
    'offload*': _OFFLOAD,
    'sandbox*': _SANDBOX,
}
