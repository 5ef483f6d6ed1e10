# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and options of podman that docker does not have, for hosts where docker is the script of podman-docker.

Only commands that take containers away. Sources: cmd/podman of containers/podman 4.3, 4.9 and 5.8. Which program a
script runs its line does not tell; so these readings are a possibility.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.effects import (
    signal_ends,
    timed_end,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Effect,
    Given,
    Group,
    Refused,
    Verb,
    group,
)

#: Global options; the long ones may come anywhere.
_ANYWHERE = (
    'cdi-spec-dir= cgroup-manager= conmon= connection= db-backend= events-backend= hooks-dir= identity= imagestore= '
    'log-level= module= namespace= network-backend= network-cmd-path= network-config-dir= noout out= pull-option= '
    'registries-conf= remote root= runroot= runtime-flag= runtime= ssh= storage-driver= storage-opt= syslog tmpdir= '
    'trace transient-store url= volumepath= '
)
GLOBAL = _ANYWHERE + 'config= connection/c= context= debug/D host/H= remote/r version/v'


def _ends(action: str, given: Given) -> bool | None:
    """Whether containers end by it."""
    if action == 'kill':
        return signal_ends(given.text('signal'))
    if action == 'remove':
        return given.flag('force')
    return {'stop': timed_end(given), 'restart': timed_end(given), 'pause': False, 'update': None}.get(action, True)


def _on(action: str, kind: str) -> Effect:
    """An action on what is named, or, with an option that says so, on all or on those that a filter or a file names."""

    def effect(arguments: list[str], given: Given) -> Command:
        unnamed = any(
            given.is_set(name) for name in ('all', 'cidfile', 'filter', 'latest', 'pod-id-file', 'running', 'depend')
        )
        if not arguments and not unnamed:
            raise Refused('provide a name or an option that stands for some')
        return Command(
            action, targets=tuple(arguments), target_kind=kind, everything=unnamed, ends=_ends(action, given)
        )

    return effect


def _those_of(arguments: list[str], given: Given) -> Command:
    """Images, networks and volumes removed by force take the containers with them that use them."""
    if not given.flag('force') or not arguments and not given.flag('all'):
        return Command()
    return Command('remove', everything=True, ends=True)


def _replace(kind: str) -> Effect:
    """--replace removes what has the name before it makes the new one."""

    def effect(arguments: list[str], given: Given) -> Command:
        name = given.text('name') or (arguments[0] if kind == 'pod' and arguments else None)
        if not given.flag('replace') or name is None:
            return Command()
        return Command('remove', targets=(name,), target_kind=kind, ends=True)

    return effect


def _everything(action: str, ends: bool) -> Effect:
    return lambda _arguments, _given: Command(action, everything=True, ends=ends)


def _clone(kind: str) -> Effect:
    """--destroy removes what was copied; a pod is removed by force, a container with --force alone."""

    def effect(arguments: list[str], given: Given) -> Command:
        if not given.flag('destroy'):
            return Command()
        return Command('remove', targets=(arguments[0],), target_kind=kind, ends=kind == 'pod' or given.flag('force'))

    return effect


def _label(_arguments: list[str], given: Given) -> Command:
    """runlabel --replace removes the container of the name given, or of one that the image tells."""
    if not given.flag('replace') or given.flag('display'):
        return Command()
    name = given.text('name')
    return Command(
        'remove', targets=(name,) if name else (), target_kind='container', everything=name is None, ends=True
    )


def _commit(arguments: list[str], given: Given) -> Command:
    """Unlike docker it pauses only when told to."""
    return _on('pause', 'container')(arguments[:1], given) if given.flag('pause') else Command()


def _cleanup(arguments: list[str], given: Given) -> Command:
    return _on('remove', 'container')(arguments, given) if given.flag('rm') else Command()


def _checkpoint(arguments: list[str], given: Given) -> Command:
    return (
        Command() if given.flag('leave-running', 'pre-checkpoint') else _on('checkpoint', 'container')(arguments, given)
    )


def _play(_arguments: list[str], given: Given) -> Command:
    """The pods that a file describes."""
    return (
        Command('remove', target_kind='pod', everything=True, ends=True) if given.flag('replace', 'down') else Command()
    )


def _verb(options: str, effect: Effect, least: int = 0, most: int | None = None, interspersed: bool = True) -> Verb:
    return Verb(_ANYWHERE + options, effect, least, most, (), interspersed)


_NEW = (
    'add-host= annotation= arch= attach/a= authfile= blkio-weight-device= blkio-weight= cap-add= cap-drop= cert-dir= '
    'cgroup-conf= cgroup-parent= cgroupns= cgroups= chrootdirs= cidfile= cpu-period= cpu-quota= cpu-rt-period= '
    'cpu-rt-runtime= cpu-shares/c= cpus= cpuset-cpus= cpuset-mems= creds= decryption-key= detach-keys= detach/d '
    'device-cgroup-rule= device-read-bps= device-read-iops= device-write-bps= device-write-iops= device= '
    'disable-content-trust dns-opt= dns-option= dns-search= dns= entrypoint= env-file= env-host env-merge= env/e= '
    'expose= gidmap= gpus= group-add= group-entry= health-cmd= health-interval= health-log-destination= '
    'health-max-log-count= health-max-log-size= health-on-failure= health-retries= health-start-period= '
    'health-startup-cmd= health-startup-interval= health-startup-retries= health-startup-success= '
    'health-startup-timeout= health-timeout= hostname/h= hosts-file= hostuser= http-proxy image-volume= infra-command= '
    'infra-conmon-pidfile= init init-ctr= init-path= interactive/i ip6= ip= ipc= isolation= kernel-memory= label-file= '
    'label/l= link-local-ip= log-driver= log-opt= mac-address= memory-reservation= memory-swap= memory-swappiness= '
    'memory/m= mount= name= net= network-alias= network= no-healthcheck no-hostname no-hosts oom-kill-disable '
    'oom-score-adj= os= override-arch= override-os= override-variant= passwd passwd-entry= personality= pid= pidfile= '
    'pids-limit= platform= pod-id-file= pod= preserve-fd= preserve-fds= privileged publish-all/P publish/p= pull= '
    'quiet/q rdt-class= read-only read-only-tmpfs replace requires= restart= retry-delay= retry= rm rmi rootfs '
    'sdnotify= seccomp-policy= secret= security-opt= shm-size-systemd= shm-size= sig-proxy signature-policy= '
    'stop-signal= stop-timeout= subgidname= subuidname= sysctl= systemd= timeout= tls-verify tmpfs= tty/t tz= uidmap= '
    'ulimit= umask= unsetenv-all unsetenv= user/u= userns= uts= variant= volume-driver= volume/v= volumes-from= '
    'workdir/w='
)
_PLAY = (
    'annotation= authfile= build cert-dir= configmap= context-dir= creds= down force ip= log-driver= log-opt= '
    'mac-address= network= no-hostname no-hosts no-pod-prefix no-trunc publish-all publish= quiet/q replace '
    'seccomp-profile-root= service-container service-exit-code-propagation= signature-policy= start tls-verify userns= '
    'wait/w'
)
_NEW_CONTAINER = _verb(_NEW, _replace('container'), 1, None, False)
_NAMED = 'all/a cidfile= filter/f= latest/l '
_CONTAINER = {
    'stop': _verb(_NAMED + 'ignore/i service time/t=int', _on('stop', 'container')),
    'kill': _verb('all/a cidfile= latest/l signal/s=', _on('kill', 'container')),
    'rm': _verb(
        'all/a cidfile= depend filter= force/f ignore/i latest/l time/t=int volumes/v', _on('remove', 'container')
    ),
    'restart': _verb(_NAMED + 'running time/t=int', _on('restart', 'container')),
    'pause': _verb(_NAMED, _on('pause', 'container')),
    'run': _NEW_CONTAINER,
    'create': _NEW_CONTAINER,
    'update': _verb(_NEW + ' latest/l', _on('update', 'container'), 0, 1),
    'commit': _verb(
        'author/a= change/c= config= format/f= iidfile= include-volumes message/m= pause/p quiet/q squash/s',
        _commit,
        1,
        2,
    ),
}
_IMAGE_RM = _verb('all/a force/f ignore/i no-prune', _those_of)
_PRUNE = _everything('prune', False)

ROOT = Group(
    GLOBAL,
    {
        **_CONTAINER,
        'rmi': _IMAGE_RM,
        'container': group(
            {
                **_CONTAINER,
                'checkpoint': _verb(
                    'all/a compress/c= create-image= export/e= file-locks ignore-rootfs ignore-volumes keep/k latest/l '
                    'leave-running/R pre-checkpoint/P print-stats tcp-established with-previous',
                    _checkpoint,
                ),
                'clone': _verb(_NEW + ' destroy force/f run', _clone('container'), 1, 3),
                'runlabel': _verb(
                    'authfile= cert-dir= creds= display name/n= opt1= opt2= opt3= pull/p quiet/q replace '
                    'signature-policy= tls-verify',
                    _label,
                    2,
                ),
                'cleanup': _verb('all/a exec= latest/l rm rmi stopped-only', _cleanup),
                'prune': _verb('filter= force/f', _PRUNE, 0, 0),
            }
        ),
        'image': group({'rm': _IMAGE_RM}),
        'auto-update': _verb('authfile= dry-run format= rollback tls-verify', _everything('restart', True), 0, 0),
        'machine': group(
            {
                'rm': _verb('force/f save-ignition save-image', _everything('remove', True)),
                'stop': _verb('', _everything('stop', True)),
                'reset': _verb('force/f', _everything('remove', True), 0, 0),
            }
        ),
        'quadlet': group({'rm': _verb('all/a force/f ignore/i reload-systemd', _everything('remove', True))}),
        'kube': group({'play': _verb(_PLAY, _play), 'down': _verb('force', _everything('remove', True))}),
        'play': group({'kube': _verb(_PLAY, _play)}),
        'network': group({'rm remove': _verb('force/f time/t=int', _those_of)}),
        'pod': group(
            {
                'create': _verb(
                    'exit-policy= infra infra-image= name/n= pod-id-file= replace share-parent share= ' + _NEW,
                    _replace('pod'),
                ),
                'clone': _verb(_NEW + ' destroy name/n= start', _clone('pod'), 1, 2),
                'kill': _verb('all/a latest/l signal/s=', _on('kill', 'pod')),
                'pause': _verb('all/a latest/l', _on('pause', 'pod')),
                'prune': _verb('force/f', _PRUNE, 0, 0),
                'restart': _verb('all/a latest/l', _on('restart', 'pod')),
                'rm': _verb('all/a force/f ignore/i latest/l pod-id-file= time/t=int', _on('remove', 'pod')),
                'stop': _verb('all/a ignore/i latest/l pod-id-file= time/t=int', _on('stop', 'pod')),
            }
        ),
        'system': group(
            {
                'prune': _verb('all/a build external filter= force/f volumes', _PRUNE, 0, 0),
                # migrate() in libpod/runtime_migrate.go stops all before it looks whether anything is to be migrated.
                'migrate': _verb('migrate-db new-runtime=', _everything('stop', True), 0, 0),
                'reset': _verb('force/f', _everything('remove', True), 0, 0),
            }
        ),
        'volume': group({'rm remove': _verb('all/a force/f time/t=int', _those_of)}),
    },
)
