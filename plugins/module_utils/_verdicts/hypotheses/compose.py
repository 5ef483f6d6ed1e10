# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the Compose commands that can have taken a container away, by the container's labels.

Sources: compose 2 lowers a project's name and looks for its file in the parent folders, too (cli.ProjectFromOptions of
compose-go), compose 1 strips it (get_project_name of compose/cli/command.py). Only -p comes before COMPOSE_PROJECT_NAME
of the environment, .env and --env-file, which nothing logs (withNamePrecedenceLoad of compose-go): whatever else a
command names, it can mean any project by that. Which services a command touches is
pkg/compose/{stop,kill,remove,down,restart,convergence}.go of docker/compose 2.
"""

from __future__ import annotations

import posixpath
import re

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.command import Command
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import world
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import Evidence, note
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.clients import PROMPT, Execution
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import traces
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import (
    LONGEST_TIMEOUT,
    SOON,
    STARTUP,
    Incident,
)

_ENDS = (
    'compose_stop',
    'compose_kill',
    'compose_restart',
    'compose_down',
    'compose_up',
    'compose_rm',
    'compose_scale',
)
_REMOVES = ('compose_down', 'compose_up', 'compose_rm', 'compose_scale')
_HOLDS = ('compose_stop', 'compose_restart', 'compose_down', 'compose_up', 'compose_scale')
# They touch what they do not name: dependencies, dependents, orphans
_SPREADS = ('compose_up', 'compose_scale', 'compose_restart', 'compose_down')
# One after the other, and each as long as its own grace period, which no label tells
_SLOW = ('compose_down', 'compose_stop', 'compose_restart', 'compose_up')
# From the end of one container to the request for the next
_TURN = 3 * SOON


def claim(one: Execution, ready: float, incident: Incident, known: world.World) -> tuple[Evidence, bool] | None:
    """(evidence, whether it is sure) of a Compose command that can have done it, else None."""
    command, project = one.command, incident.attributes.get(world.PROJECT)
    if not project or not _does(command, incident):
        return None
    in_time = _in_time(command, ready, incident, known)
    service = _of_service(command, incident)
    of_project = _of_project(one, incident, known)
    if in_time is None or service is None or of_project is None:
        return None
    evidence, sure = of_project
    if evidence['code'] == 'of_environment' and known.was_asked_for(evidence['projects'], ready, ready + SOON):
        return None  # it did its work there
    # up and scale leave alone what is as it should be
    does = command.action not in ('compose_up', 'compose_scale') or command.force_recreate
    if incident.what == 'died' and command.action == ('compose_kill' if incident.stopped else 'compose_up'):
        does = False  # beside a kill, the stop or restart is somebody else's
    if incident.what == 'removed' and command.action == 'compose_rm' and not command.stop_before_rm:
        does = does and (incident.died or 0) <= ready  # it leaves alone what runs
    # Which of them touch what "compose run" made differs by release
    does = does and incident.attributes.get(world.ONEOFF) != 'True'
    if not service and evidence['code'] != 'of_environment':
        evidence = dict(evidence, service=incident.attributes.get(world.SERVICE), named=list(command.targets))
    return evidence, sure and in_time and service and does


def doubts(one: Execution, incident: Incident, evidence: Evidence) -> tuple[Evidence, ...]:
    """Why another client that was connected can have done it instead."""
    command, found = one.command, []
    is_plugin = not str(one.entry['argv'][0]).endswith('docker-compose')
    if evidence['code'] in ('of_folder', 'of_files'):
        found.append(note('environment_not_logged'))
    service = incident.attributes.get(world.SERVICE)
    # By -p alone, Compose 2 takes all that have the project's label (projectOrName in cmd/compose/compose.go)
    takes_all = (
        command.project is not None and not command.files and command.action not in ('compose_up', 'compose_scale')
    )
    if service not in command.targets and service not in command.scale and not (takes_all and is_plugin):
        # Of a profile that is not active, or of a file that this command does not read
        found.append(note('service_not_named', service=service))
    if _prompt(command):
        found.append(note('answer_not_logged'))
    return tuple(found)


def may_be_attached(one: Execution, incident: Incident, known: world.World) -> bool:
    """Whether a Compose that stays can be of the project of a container, whatever its services are."""
    of_project = _of_project(one, incident, known)
    return of_project is not None and of_project[0]['code'] != 'of_environment'


def _does(command: Command, incident: Incident) -> bool:
    action = command.action or ''
    if incident.what == 'renamed':
        return action == 'compose_up'
    if incident.what == 'held':
        return action in _HOLDS or command.stop_before_rm
    if incident.what == 'removed':
        return action in _REMOVES or command.remove_orphans
    if not incident.stopped and action not in ('compose_kill', 'compose_up'):
        # All but kill ask the engine to stop, which ends with a stop event; up kills at the second Ctrl-C
        return False
    return action in _ENDS and (action != 'compose_rm' or command.stop_before_rm)


def _in_time(command: Command, ready: float, incident: Incident, known: world.World) -> bool | None:
    """Whether the request came when the command makes it; False: it can be, None: it cannot."""
    asked = min(time for time in incident.times if time >= ready)
    if asked - ready <= _usual(command):
        return True
    # A grace period has no bound: it can have waited for others before
    return False if command.action in _SLOW and known.waited_since(asked) - ready <= PROMPT else None


def is_in_turn(one: Execution, ready: float, incident: Incident, known: world.World) -> bool:
    """Whether a request followed the start of a Compose command, or the one before: it asks for what can end right away
    and for the next when one of those has ended. Others can have asked between these. One that is not bound to this
    project may have meant another, if that was asked for first."""
    command, project = one.command, incident.attributes[world.PROJECT]
    asked = min(time for time in incident.times if time >= ready)
    if command.project is None and not known.was_asked_for([project], one.time, one.time + 2 * SOON):
        first = known.first_asked(one.time)
        if first is not None and first[0] < asked and first[1] != project:
            return False
    before = known.last_asked(project, asked)
    if before is None or before[0] < ready:
        return asked - ready <= STARTUP + _prompt(command)
    # What was asked to end can take its time: the next one is asked for in the same moment, or after that end
    return asked - before[0] <= (SOON if before[1] == 'kill' else _TURN)


def _usual(command: Command) -> float:
    """How long after its start a command still makes requests."""
    seconds = min(traces.timeout(command.timeout), LONGEST_TIMEOUT)
    return STARTUP + 10 * seconds * 1000 + _prompt(command)


def _prompt(command: Command) -> float:
    """How long it can wait for an answer."""
    return PROMPT if command.action == 'compose_rm' and not command.force else 0


def longest(command: Command) -> float:
    """How long after its start it can have made one at most; what it waits for before it connects comes on top."""
    return max(_usual(command), PROMPT) + PROMPT


def _of_service(command: Command, incident: Incident) -> bool | None:
    """Whether the command names the service of the container, or all; False: it can touch it, None: it does not."""
    service = incident.attributes.get(world.SERVICE)
    if command.everything or not command.targets:
        return True
    if service in command.targets or service in command.scale:
        return True
    return False if command.action in _SPREADS or command.remove_orphans else None


def _of_project(one: Execution, incident: Incident, known: world.World) -> tuple[Evidence, bool] | None:
    """Whether the project that a command means is that of the container; None: it is not."""
    command, project = one.command, incident.attributes[world.PROJECT]
    if command.project is not None:
        same = project in (command.project.lower(), normal(command.project))
        return (note('of_project', project=project), True) if same else None
    cwd = one.entry.get('cwd')
    if command.files:
        return _by_files(command, cwd, incident, known)
    if command.project_directory is not None:
        return _by_folders([_path(cwd, command.project_directory)], incident, known)
    folders = []
    while cwd:
        folders.append(cwd)
        # dirname('//') is '//' again: POSIX leaves two leading slashes alone
        cwd = None if cwd in ('/', '//') else posixpath.dirname(cwd)
    return _by_folders(folders, incident, known)


def _by_files(
    command: Command, cwd: str | None, incident: Incident, known: world.World
) -> tuple[Evidence, bool] | None:
    project = incident.attributes[world.PROJECT]
    named = {_path(cwd, name) for name in command.files if name != '-'}
    own = _files(incident.attributes.get(world.FILES))
    if None not in named and named and named & own:
        only = {other for name in named for other in known.by_file.get(name or '', ())} == {project}
        return note('of_files', project=project, files=sorted(own & named)), only
    others = {other for name in named for other in known.by_file.get(name or '', ())}
    if others and project not in others and known.is_real(own) and own and len(named) == len(command.files):
        return _of_others(project, others)
    return note('may_mean', project=project), False


def _by_folders(folders: list[str | None], incident: Incident, known: world.World) -> tuple[Evidence, bool] | None:
    """By the nearest folder of those that a command can mean in which a known project was made."""
    project = incident.attributes[world.PROJECT]
    for folder in folders:
        projects: set[str] = known.projects.get(known.real(folder) or '', set()) if folder else set()
        if project in projects:
            # Of several in one folder the environment decides, which nobody notes
            return note('of_folder', project=project, folder=folder), len(projects) == 1
        if projects:
            own = incident.attributes.get(world.FOLDER)
            if own is None or known.is_real([own]):
                return _of_others(project, projects)
            break
    return note('may_mean', project=project), False


def _of_others(project: str, others: set[str]) -> tuple[Evidence, bool]:
    return note('of_environment', project=project, projects=sorted(others)), False


def _files(label: str | None) -> set[str | None]:
    return {name for name in (label or '').split(',') if name}


def _path(cwd: str | None, name: str) -> str | None:
    """An absolute path without . and .. in it; None for one that is relative to a folder that is not known."""
    if not name.startswith('/'):
        if not cwd:
            return None
        name = posixpath.join(cwd, name)
    return posixpath.normpath(name)


def normal(name: str) -> str:
    """The name of a project as compose 1 makes it."""
    return re.sub('[^-_a-z0-9]', '', name.lower())
