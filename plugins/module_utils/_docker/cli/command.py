# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data type for what a command line does: the result of `parse`."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

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


class Command(NamedTuple):
    """What a command line asks docker to do.

    The first eight fields are public: the filter docker_command returns them, and a finding has them. The others are
    for those who judge what happened to a container. A command that docker refuses, and one that only shows a help
    text, has no action, is attached to nothing and is harmless.
    """

    #: One of ACTIONS, or None for a command that takes nothing away by itself.
    action: str | None = None
    #: The words of the command as typed: "container rm".
    subcommand: str | None = None
    #: What it acts on, as docker normalises it, in the order of the arguments; --scale's services come after them.
    targets: tuple[str, ...] = ()
    #: What the targets are: container, service, stack, node, swarm, sandbox or pod.
    target_kind: str | None = None
    docker_host: str | None = None
    context: str | None = None
    #: Compose's project, as given with -p.
    project: str | None = None
    #: The signal as written, with an action alone.
    signal: str | None = None

    #: It acts on all that there is of its kind (of the project, for Compose), also where ``targets`` names some more.
    #: False: on ``targets`` alone, and on what Compose does to their dependencies and orphans.
    everything: bool = False
    #: Whether the containers end by it: True, sure to; False, sure not to; None, that depends on the program inside or
    #: on what Compose or swarm finds to do. A signal other than KILL only asks.
    ends: bool | None = None
    #: -f of rm, prune, leave and others: without it, rm leaves running containers alone.
    force: bool = False
    #: Seconds given with -t, negative for no end of waiting; None: not given.
    timeout: int | None = None
    #: Those of a prune and of Compose's like, as (name, value), in their order: ('until', '24h').
    filters: tuple[tuple[str, str], ...] = ()

    #: Compose: its files and project directory, as typed.
    files: tuple[str, ...] = ()
    project_directory: str | None = None
    #: Service to its number of replicas: --scale, "compose scale", "service scale", "service update --replicas".
    scale: Mapping[str, int] = {}
    #: compose rm -s.
    stop_before_rm: bool = False
    #: compose up and create: containers that are as they should be are recreated, too.
    force_recreate: bool = False
    remove_orphans: bool = False

    #: -d, or what implies it (compose up --wait).
    detached: bool = False
    #: It hands signals or keys on to a container, runs something inside one, or carries another client's requests
    #: (system dial-stdio): what it does is not in its command line.
    attached: bool = False
    #: The container (for Compose: the service) that it is attached to, where its command line names one.
    attached_to: str | None = None
    #: Compose: it makes containers anew for as long as it runs, whenever a file changes.
    watches: bool = False

    #: run --rm: the engine removes the container after its end.
    auto_remove: bool = False

    #: Known to take nothing away and to hand nothing on: no action, not attached, and no plugin that nobody knows.
    harmless: bool = False
    #: Only podman, behind a docker that is a script, reads the line so: which program it is, is not known.
    podman: bool = False


#: The fields of docker_command, and of a finding.
PUBLIC = Command._fields[:8]


def public(command: Command) -> dict[str, Any]:
    """The fields that users see, as plain values."""
    shown = {name: getattr(command, name) for name in PUBLIC}
    shown['targets'] = list(command.targets)
    return shown
