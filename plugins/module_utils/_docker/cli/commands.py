# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docker's commands and their options, as tables that can be compared with docker's reference.

A command is ``Verb(options, effect, least, most, …)``; without an effect it takes nothing away and hands nothing on.
How options are written is said at ``pflag.options``. Each has the options of every release: of docker/cli 20.10.24,
23.0, 24.0, 25.0, 26.1, 27.5, 28.2, 28.5 and 29.7 (cli/command), and of docker/buildx 0.10 to 0.36. Where releases
differ, the reading that can do harm wins: an option or alias that any of them knows is known here.

What the packaged CLIs of Debian 12, 13 and testing say of themselves (help texts and completion) is in
tests/unit/fixtures/cli_options.json.gz and held against these tables. A star marks an option or a command that none of
them names: hidden ones, older ones, and newer ones than 28.5, known from docker's sources and reference alone.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import effects, plugins
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import Verb, group

#: Before the command word. The plugins get them, too. Only Docker Desktop's docker knows --cloud, for plugins.CLOUD.
GLOBAL = 'cloud* config= context/c= debug/D host/H= log-level/l= tls tlscacert= tlscert= tlskey= tlsverify'

_READS = Verb()
_FORMAT = Verb('format/f=')
_LIST = Verb('filter/f= format= quiet/q')
_FORCED = 'force/f'


# --- Containers ------------------------------------------------------------------------------------------------------

_NEW_CONTAINER = (
    'add-host= annotation= attach/a= blkio-weight-device= blkio-weight=uint16 cap-add= cap-drop= cgroup-parent= '
    'cgroupns= cidfile= cpu-count=int cpu-percent=int cpu-period=int cpu-quota=int cpu-rt-period=int '
    'cpu-rt-runtime=int cpu-shares/c=int cpus=cpus cpuset-cpus= cpuset-mems= device-cgroup-rule= device-read-bps= '
    'device-read-iops= device-write-bps= device-write-iops= device= disable-content-trust dns-opt=* dns-option= '
    'dns-search= dns= domainname= entrypoint= env-file= env/e= expose= gpus= group-add= health-cmd= '
    'health-interval=duration health-retries=int health-start-interval=duration health-start-period=duration '
    'health-timeout=duration hostname/h= init interactive/i io-maxbandwidth=bytes io-maxiops=uint ip6= ip= ipc= '
    'isolation= kernel-memory=bytes label-file= label/l= link-local-ip= link= log-driver= log-opt= mac-address= '
    'memory-reservation=bytes memory-swap=swap memory-swappiness=int memory/m=bytes mount= name= net-alias=* net=* '
    'network-alias= network= no-healthcheck oom-kill-disable oom-score-adj=int pid= pids-limit=int platform= '
    'privileged publish-all/P publish/p= pull= quiet/q read-only restart=restart rm runtime= security-opt= '
    'shm-size=bytes stop-signal= stop-timeout=int storage-opt= sysctl= tmpfs= tty/t ulimit= use-api-socket user/u= '
    'userns= uts= volume-driver= volume/v= volumes-from= workdir/w='
)

# From 28 on -t is --timeout and --time its hidden old name; before, -t is --time. Both long names at once are refused.
_TIMED = 'time=int timeout=int /t=int signal/s='

_CONTAINER = {
    'attach': Verb('detach-keys= no-stdin sig-proxy', effects.attach, 1, 1),
    'commit': Verb('author/a= change/c= message/m= no-pause* pause/p', effects.commit, 1, 2, (), False),
    'cp': Verb('archive/a follow-link/L quiet/q'),
    'create': Verb(_NEW_CONTAINER, None, 1, None, (), False),
    'diff': _READS,
    'exec': Verb(
        'detach/d detach-keys= env-file= env/e= interactive/i privileged tty/t user/u= workdir/w=',
        effects.execute,
        2,
        None,
        (),
        False,
    ),
    'export': Verb('output/o='),
    'kill': Verb('signal/s=', effects.kill, 1),
    'logs': Verb('details follow/f since= tail/n= timestamps/t until='),
    'pause': Verb('', effects.pause, 1),
    'port': _READS,
    'rename': Verb('', effects.rename, 2, 2),
    'restart': Verb(_TIMED, effects.restart, 1, None, ('time timeout',)),
    'rm': Verb('force/f link/l volumes/v', effects.remove('containers', trim_slashes=True), 1),
    'run': Verb(_NEW_CONTAINER + ' detach-keys= detach/d sig-proxy', effects.run, 1, None, ('attach detach',), False),
    'start': Verb('attach/a checkpoint-dir= checkpoint= detach-keys= interactive/i', effects.start, 1),
    'stats': Verb('all/a format= no-stream no-trunc'),
    'stop': Verb(_TIMED, effects.stop, 1, None, ('time timeout',)),
    'top': Verb('', None, 1, None, (), False),
    'unpause': _READS,
    'update': Verb(
        'blkio-weight=uint16 cpu-period=int cpu-quota=int cpu-rt-period=int cpu-rt-runtime=int cpuset-cpus= '
        'cpuset-mems= cpu-shares/c=int memory/m=bytes memory-reservation=bytes memory-swap=swap kernel-memory=bytes '
        'restart=restart pids-limit=int cpus=cpus',
        effects.update,
        1,
    ),
    'wait': _READS,
}
_PS = Verb('all/a filter/f= format= last/n=int latest/l no-trunc quiet/q size/s')

# --- Images ----------------------------------------------------------------------------------------------------------

_IMAGE = {
    'build': Verb(plugins.BUILD),
    'history': Verb('format= human/H no-trunc platform= quiet/q'),
    'import': Verb('change/c= message/m= platform='),
    'load': Verb('input/i= platform= quiet/q'),
    'pull': Verb('all-tags/a disable-content-trust platform= quiet/q'),
    'push': Verb('all-tags/a disable-content-trust platform= quiet/q'),
    'save': Verb('output/o= platform='),
    'tag': Verb('', None, 2, 2, (), False),
}
_IMAGES = Verb('all/a digests filter/f= format= no-trunc quiet/q tree')
_IMAGE_RM = Verb('force/f no-prune platform=', effects.remove('images'), 1)
_IMAGE_PRUNE = Verb('all/a filter=filter force/f')

# --- Swarm -----------------------------------------------------------------------------------------------------------

_SERVICE = (
    'cap-add= cap-drop= credential-spec= detach/d endpoint-mode= entrypoint= health-cmd= health-interval=duration '
    'health-retries=int health-start-interval=duration health-start-period=duration health-timeout=duration hostname= '
    'init isolation= limit-cpu=cpus limit-memory=bytes limit-pids=int log-driver= log-opt= max-concurrent=uint '
    'memory-swap=swap* memory-swappiness=int* no-healthcheck no-resolve-image oom-score-adj=int quiet/q read-only '
    'replicas-max-per-node=uint replicas=uint reserve-cpu=cpus reserve-memory=bytes restart-condition= '
    'restart-delay=duration restart-max-attempts=uint restart-window=duration rollback-delay=duration '
    'rollback-failure-action= rollback-max-failure-ratio=float rollback-monitor=duration rollback-order= '
    'rollback-parallelism=uint stop-grace-period=duration stop-signal= tty/t update-delay=duration '
    'update-failure-action= update-max-failure-ratio=float update-monitor=duration update-order= '
    'update-parallelism=uint user/u= with-registry-auth workdir/w='
)

_SERVICE_CREATE = (
    'config= constraint= container-label= dns-option= dns-search= dns= env-file= env/e= generic-resource= group= '
    'host= label/l= mode= mount= name= network= placement-pref= publish/p= secret= sysctl= ulimit='
)

_SERVICE_UPDATE = (
    'args= config-add= config-rm= constraint-add= constraint-rm= container-label-add= container-label-rm= dns-add= '
    'dns-option-add= dns-option-rm= dns-rm= dns-search-add= dns-search-rm= env-add= env-rm= force '
    'generic-resource-add= generic-resource-rm= group-add= group-rm= host-add= host-rm= image= label-add= label-rm= '
    'mount-add= mount-rm= network-add= network-rm= placement-pref-add= placement-pref-rm= publish-add= publish-rm= '
    'rollback secret-add= secret-rm= sysctl-add= sysctl-rm= ulimit-add= ulimit-rm='
)

_CLUSTER = (
    'autolock cert-expiry=duration dispatcher-heartbeat=duration external-ca= max-snapshots=uint '
    'snapshot-interval=uint task-history-limit=int'
)
_TASKS = Verb('filter/f= format= no-resolve no-trunc quiet/q')
# Up to 20.10.
_KUBERNETES = 'kubeconfig= namespace= orchestrator='
_MOVED = Verb('', effects.node_role, 1)

_SWARM = {
    'config': group(
        {
            'create': Verb('label/l= template-driver='),
            'inspect': Verb('format/f= pretty'),
            'ls list': _LIST,
            'rm remove': Verb('', effects.remove('configs'), 1),
        }
    ),
    'node': group(
        {
            'demote': _MOVED,
            'promote': _MOVED,
            'inspect': Verb('format/f= pretty'),
            'ls list': _LIST,
            'ps': _TASKS,
            'rm remove': Verb(_FORCED, effects.remove('nodes'), 1),
            'update': Verb('availability= label-add= label-rm= role=', effects.node_update, 1, 1),
        }
    ),
    'secret': group(
        {
            'create': Verb('driver/d= label/l= template-driver='),
            'inspect': Verb('format/f= pretty'),
            'ls list': _LIST,
            'rm remove': Verb('', effects.remove('secrets'), 1),
        }
    ),
    'service': group(
        {
            'create': Verb(_SERVICE + ' ' + _SERVICE_CREATE, None, 1, None, (), False),
            'inspect': Verb('format/f= pretty'),
            'logs': Verb('details follow/f no-resolve no-task-ids no-trunc raw since= tail/n= timestamps/t'),
            'ls list': _LIST,
            'ps': _TASKS,
            'rm remove': Verb('', effects.remove('services'), 1),
            'rollback': Verb('detach/d quiet/q', effects.objects('service_update', 'services', 'service'), 1, 1),
            'scale': Verb('detach/d', effects.service_scale, 1),
            'update': Verb(_SERVICE + ' ' + _SERVICE_UPDATE, effects.service_update, 1, 1),
        }
    ),
    'stack': group(
        {
            'config': Verb('compose-file/c= skip-interpolation'),
            'deploy up': Verb(
                'compose-file/c= detach/d prune quiet/q resolve-image= with-registry-auth ' + _KUBERNETES,
                effects.stack_deploy,
                1,
                1,
            ),
            'ls list': Verb('all-namespaces format= ' + _KUBERNETES),
            'ps': Verb('filter/f= format= no-resolve no-trunc quiet/q ' + _KUBERNETES),
            'rm remove down': Verb('detach/d ' + _KUBERNETES, effects.stack_rm, 1),
            'services': Verb('filter/f= format= quiet/q ' + _KUBERNETES),
        },
        'kubeconfig= orchestrator=',
    ),
    'swarm': group(
        {
            'ca': Verb('ca-cert= ca-key= cert-expiry=duration detach/d external-ca= quiet/q rotate'),
            'init': Verb(
                'advertise-addr= availability= data-path-addr= data-path-port= default-addr-pool= '
                'default-addr-pool-mask-length= force-new-cluster listen-addr= ' + _CLUSTER
            ),
            'join': Verb('advertise-addr= availability= data-path-addr= listen-addr= token='),
            'join-token': Verb('quiet/q rotate'),
            'leave': Verb(_FORCED, effects.swarm_leave, 0, 0),
            'unlock': _READS,
            'unlock-key': Verb('quiet/q rotate'),
            'update': Verb(_CLUSTER),
        }
    ),
}

# --- Everything ------------------------------------------------------------------------------------------------------

_EVENTS = Verb('filter/f= format= since= until=')
_COMPLETION = Verb('no-descriptions')

ROOT = group(
    {
        **_CONTAINER,
        **_IMAGE,
        **_SWARM,
        **plugins.PLUGINS,
        'ps': _PS,
        'images': _IMAGES,
        'rmi': _IMAGE_RM,
        # Accepted at the top level from 23.0 to 28.2, by the alias of the command it shares with "container".
        'remove*': _CONTAINER['rm'],
        'events': _EVENTS,
        'info': _FORMAT,
        'inspect': Verb('format/f= size/s type='),
        'login': Verb('password-stdin password/p= username/u='),
        'logout': _READS,
        'search': Verb('automated* filter/f= format= limit=int no-trunc stars/s=uint*'),
        'version': Verb('format/f= kubeconfig='),
        'bake*': plugins.BUILDX.commands['bake'],
        # From 23.0 on all but its own two go to buildx (cmd/docker/builder.go forwardBuilder).
        'builder': group(
            {**plugins.BUILDX.commands, 'build': _IMAGE['build'], 'prune': plugins.CACHE_PRUNE}, plugins.BUILDX.options
        ),
        'checkpoint': group(
            {
                'create': Verb('checkpoint-dir= leave-running', effects.checkpoint_create, 2, 2),
                'ls list': Verb('checkpoint-dir='),
                'rm remove': Verb('checkpoint-dir=', effects.checkpoint_rm, 2, 2),
            }
        ),
        'completion': group({'bash fish powershell zsh': _COMPLETION}),
        'container': group(
            {
                **_CONTAINER,
                'inspect': Verb('format/f= size/s'),
                'ls list ps': _PS,
                'prune': Verb('filter=filter force/f', effects.prune, 0, 0),
                'remove': _CONTAINER['rm'],
            }
        ),
        'context': group(
            {
                'create': Verb('default-stack-orchestrator= description= docker= from= kubernetes='),
                'export': Verb('kubeconfig'),
                'import': _READS,
                'inspect': _FORMAT,
                'ls list': Verb('format= quiet/q'),
                'rm remove': Verb(_FORCED),
                'show': _READS,
                'update': Verb('default-stack-orchestrator= description= docker= kubernetes='),
                'use': _READS,
            }
        ),
        'image': group(
            {
                **_IMAGE,
                'inspect': Verb('format/f= platform='),
                'ls list': _IMAGES,
                'prune': _IMAGE_PRUNE,
                'rm remove rmi': _IMAGE_RM,
            }
        ),
        'manifest': group(
            {
                'annotate': Verb('arch= os= os-features= os-version= variant='),
                'create': Verb('amend/a insecure'),
                'inspect': Verb('insecure verbose/v'),
                'push': Verb('insecure purge/p'),
                'rm': _READS,
            }
        ),
        'network': group(
            {
                'connect': Verb('alias= driver-opt= gw-priority=int ip6= ip= link-local-ip= link='),
                'create': Verb(
                    'attachable aux-address= config-from= config-only driver/d= gateway= ingress internal ip-range= '
                    'ipam-driver= ipam-opt= ipv4 ipv6 label= opt/o= scope= subnet='
                ),
                'disconnect': Verb(_FORCED),
                'inspect': Verb('format/f= verbose/v'),
                'ls list': Verb('filter/f= format= no-trunc quiet/q'),
                'prune': Verb('filter= force/f'),
                'rm remove': Verb(_FORCED, effects.remove('networks'), 1),
            }
        ),
        'plugin': group(
            {
                'create': Verb('compress'),
                'disable': Verb(_FORCED),
                'enable': Verb('timeout=int'),
                'inspect': _FORMAT,
                'install': Verb('alias= disable disable-content-trust grant-all-permissions'),
                'ls list': Verb('filter/f= format= no-trunc quiet/q'),
                'push': Verb('disable-content-trust'),
                'rm remove': Verb(_FORCED, effects.remove('plugins'), 1),
                'set': _READS,
                'upgrade': Verb('disable-content-trust grant-all-permissions skip-remote-check'),
            }
        ),
        'system': group(
            {
                'df': Verb('format= verbose/v'),
                'dial-stdio*': Verb('', effects.tunnel, 0, 0),
                'events': _EVENTS,
                'info': _FORMAT,
                'prune': Verb('all/a filter=filter force/f volumes', effects.prune, 0, 0),
            }
        ),
        'trust': group(
            {
                'inspect': Verb('pretty'),
                'key': group({'generate': Verb('dir='), 'load': Verb('name=')}),
                'revoke': Verb('yes/y'),
                'sign': Verb('local'),
                'signer': group({'add': Verb('key='), 'remove': Verb(_FORCED)}),
            }
        ),
        'volume': group(
            {
                'create': Verb(
                    'availability= driver/d= group= label= limit-bytes=bytes name=* opt/o= required-bytes=bytes scope= '
                    'secret= sharing= topology-preferred= topology-required= type='
                ),
                'inspect': _FORMAT,
                'ls list': Verb('cluster filter/f= format= quiet/q'),
                'prune': Verb('all/a filter= force/f'),
                'rm remove': Verb(_FORCED, effects.remove('volumes'), 1),
                'update': Verb('availability='),
            }
        ),
    },
    GLOBAL + ' version/v',
)
