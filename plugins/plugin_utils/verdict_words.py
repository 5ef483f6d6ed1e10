# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of verdicts: a sentence for each code of evidence, a phrase for each cause. They are defined only here.

The core returns codes and values (plugins/module_utils/_verdicts). Nothing of a host is printed raw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import escape

CAUSES = {
    'cli': 'a docker command',
    'api': 'an API client',
    'engine': 'the engine itself',
    'self_exit': 'ended by itself',
    'oom': 'out of memory',
    'killed_outside_engine': 'killed from outside the engine',
    'containerd': 'a client of containerd',
    'engine_shutdown': 'the engine went down',
    'not_known': 'not known',
}
_HAPPENED = {'died': 'ended'}

_WHO = '{command} by pid {pid} ({user})'
_CLIENT = '{exe}, pid {pid} ({user})'

#: {time}, {command}, {exe}, {pid}, {user} come from the line as they are; a name that a line lacks shows as a dash.
SENTENCES = {
    # events of the engine
    'kill_event': '{time} the engine sent signal {signal} (event kill)',
    'oom_event': '{time} a memory limit was hit (event oom)',
    'die_event': '{time} it ended with exit code {exit_code} (event die{then})',
    'stop_event': '{time} it had been stopped (event stop)',
    'rename_event': '{time} it was renamed from {old} to {new} (event rename)',
    'destroy_event': '{time} it was removed (event destroy)',
    'crash_loop': 'it had ended and been started again {count} times right before',
    'had_ended_by_itself': 'it had ended by itself at {time}: the stop keeps it from starting again',
    'nobody_asked': 'the engine recorded no kill since the container started, so nobody asked the engine to end it',
    'engine_started_then': 'the engine had started at {time}: it stops what outlived a crash of the engine before',
    'killed_before': 'it had been killed at {time}: the same client may also have asked for the removal',
    'docker_then': '{time} ' + _WHO + ' was connected to the engine at that moment, and can have caused it',
    'several_asked': 'more than one signal was requested, so more than one client may have asked for the end',
    'signal_but_later_end': 'somebody asked the engine to send that signal, but no record shows whether the signal '
    'ended the container or its program ended by itself',
    'state': '{time} it ended last with exit code {exit_code} (state of the container in the engine)',
    # commands
    'command_names': '{time} ' + _WHO + ' fits: it names {target}, {how}',
    'command_arguments_missing': '{time} '
    + _WHO
    + ' fits: not all of its arguments are known, so it may name the container',
    'command_prunes': '{time} ' + _WHO + ' fits: a prune removes every stopped container{prune}',
    'command_of_project': '{time} ' + _WHO + ' fits: the container belongs to its project {project}{service}',
    'command_of_files': '{time} '
    + _WHO
    + ' fits: the container of project {project} was created from a file that the command names{service}',
    'command_of_folder': '{time} ' + _WHO + ' fits: the container belongs to the project in {folder}{service}',
    'command_may_mean': '{time} ' + _WHO + ' may fit: it may mean the project {project}{service}',
    'command_of_environment': '{time} ' + _WHO + ' means the project {projects}, unless COMPOSE_PROJECT_NAME or '
    'an env file sets the project to {project}',
    'command_of_service': '{time} ' + _WHO + ' fits: the container belongs to its swarm service {service_name}',
    'command_of_builder': '{time} ' + _WHO + ' may fit: the container belongs to a builder of docker buildx',
    'command_of_stack': '{time} ' + _WHO + ' fits: the container belongs to its stack {stack}',
    'command_of_swarm': '{time} ' + _WHO + ' may fit: the container belongs to a swarm service',
    'command_sent_signal': '{time} ' + _WHO + ' sent a signal',
    'did_not_connect': '{time} ' + _WHO + ' fits, but it did not connect to this engine: it used another one '
    '(DOCKER_HOST, a context), or the record is lost',
    # who passes something on
    'attached': '{time} ' + _WHO + ' was attached to it, and passes signals and keys on as long as it runs',
    'exec_started': '{time} exec: {inside} was started inside',
    'execs_not_kept': 'the saved events do not contain the programs that were started inside',
    'exec_by': '{time} ' + _WHO + ' runs a program inside',
    # clients
    'connected': '{time} ' + _CLIENT + ' connected',
    'connected_meanwhile': '{count} clients connected between the command and the request; the command explains the '
    'request without them',
    'client_then': _CLIENT + '{remote}, was connected at that moment{since}{through}',
    'client_before': _CLIENT + '{remote}, was connected before and had disconnected{since}{through}: it may have asked',
    'named_another_engine': '{time} '
    + _WHO
    + ' fits, but it names another engine; if that address leads to this engine '
    'over TCP, the connection is not logged',
    'not_connected_then': '{time} '
    + _WHO
    + ' fits, but it was not connected to this engine at a time when it would have waited '
    'for the answer: it used another one (DOCKER_HOST, a context)',
    'unhealthy': '{time} its health check failed: tools that restart unhealthy containers act right after that',
    'connects_tell_no_question': 'a connection shows who talked to the engine, not what was requested',
    # the engine
    'swarm_task': 'it is a task of the swarm service {service_name}: the engine itself ends and replaces tasks',
    'made_with_rm': '{time} ' + _WHO + ' created it with --rm, so the engine removes it after its end',
    'removed_with_its_end': 'it was removed {milliseconds} ms after its end, as the engine does with containers that '
    'were run with --rm',
    'removed_at_start': 'it was removed before the engine, which had ended or started at {time}, recorded any other '
    'request: at its start an engine removes containers that were run with --rm',
    'end_not_explained': 'it is not known who ended it; the same client may also have removed it',
    'engine_went_down': '{containers} of the engine ended, and {seconds} s after the signal the engine was gone',
    'engine_end_after': '{together} within the same seconds, and {seconds} s later the engine was gone',
    'unit_stopped': '{time} systemd stopped {unit}',
    'host_shut_down': '{time} the host was shut down{record}',
    'host_booted': '{time} the host booted, and the engine was not started in between',
    'package_changed': '{time} {tool} changed {package}: {change}{record}',
    'sudo_command': '{time} {command} by sudo ({user}){record}',
    'service_command': '{time} ' + _WHO + ' was started',
    # no request
    'code_of_program': 'its program ended with {exit_code}: an end by a signal gives 129 or more, but a program can '
    'handle a signal and end with any code',
    'code_like_signal': 'its program ended with {exit_code}: if the first process of a container does not handle a '
    'signal from outside, only SIGKILL (137) ends it',
    'code_of_kill': '137 is 128 + 9: a SIGKILL from outside the engine, or a program that ended with that code, as a '
    'shell does if its last command was killed',
    'code_of_shim': '255 is what the engine records if the shim of the container was killed, but a program can also '
    'end with it',
    'code_not_known': 'its exit code is not known: the events do not contain it, or a label called exitCode hides it',
    'oom_killed': 'the engine reports OOMKilled',
    'oom_noted': 'the engine recorded close to the end that memory ran out',
    'oom_of_limit': '{time} the kernel killed its process {task} (pid {pid}): the container was at its memory limit',
    'oom_of_host': '{time} the kernel killed its process {task} (pid {pid}): the host was out of memory',
    'oom_of_group': '{time} the kernel killed its process {task} (pid {pid}): a cgroup around the container was at its '
    'limit',
    'oom_one_of_several': 'it had {count} processes then: its first one was killed, or it ended because another one '
    'was',
    'oom_other_victim': 'that was not the first process of the container',
    'oom_but_other_end': 'memory ran out, but it is not certain that this ended the container',
    'signal_sent': '{time} ' + _CLIENT + ' sent SIGKILL to pid {opid}, its first process',
    'signal_to_shim': '{time} ' + _CLIENT + ' sent SIGKILL to pid {opid}, the shim of the container',
    'signal_maybe_inside': '{time} ' + _CLIENT + ' sent SIGKILL to pid {opid}, its first process; from inside the '
    'container that has no effect, and it is not known where the sender ran',
    'signal_near': '{time} ' + _CLIENT + ' sent SIGKILL to pid {opid}, which may have been its first process',
    # which sources were not recording
    'log_begins_later': 'the audit log begins only at {time}',
    'commands_not_logged': 'docker commands were not logged then',
    'commands_logged_later': 'docker commands are logged only since {time}, and one that started before can have asked',
    'command_not_told': 'at {time} docker, or a program that looks like it, was executed, but its command line is '
    'not in the log',
    'clock_set_back': 'the clock was set back, so {time} came twice: a command can have a later time in the log than '
    'what it caused',
    'users_not_watched': 'docker commands of other users are not logged{users}',
    'connects_not_logged': 'connections to the engine were not logged: an API client cannot be ruled out',
    'environment_not_logged': 'COMPOSE_PROJECT_NAME is not logged: the command may have meant another project, and an '
    'older client may have sent the request',
    'service_not_named': 'the command does not name the service {service_name}: Compose leaves out services of '
    'profiles that are not active and of files that it does not read, and another client may have sent the request',
    'answer_not_logged': 'the command asks first: whether it was answered is not logged, and another client may have '
    'sent the request',
    'older_clients': 'there were older connections ({count} clients), and an idle one looks like one that is in use',
    'client_gone': 'the process that made that connection had ended, and may have passed it to another process',
    'client_shares': 'another process also held that connection, or was given it, and may have sent the request',
    'holders_not_known': 'it is not known whether another process held that connection, too',
    'client_could_lend': 'that client has or had child processes, or unix sockets to other processes: one of them may '
    'have used its connection and closed it again',
    'look_not_whole': 'not all connections could be read at that moment',
    'several_engines': 'another engine had a socket on this host, and connections to it cannot be told from those '
    'to this one: the command may have been sent to it',
    'listeners_not_watched': 'connections to another address of the engine are not logged{listeners}',
    'records_lost': 'the kernel may have lost audit records since it started (lost: {count})',
    'connects_logged_later': 'the engine ran before connections were logged: a client that connected earlier cannot be '
    'ruled out',
    'docker_not_logged': 'a docker program connected, and its command is not in the log',
    'processes_before_audit': 'audit does not log processes that were running before {time}, when it was turned on',
    'earlier_boot': 'it was before the last boot: whether audit logged all processes then, and whether the kernel lost '
    'records, is not known',
    'engine_end_not_known': 'it is not known whether the engine went down then',
    'events_forgotten': 'not all earlier events of the engine are known: somebody may have requested it',
    'kernel_log_not_read': 'it is not known whether the kernel killed it because memory ran out',
    'signals_not_logged': 'signals from the host are not logged',
    'only_kill_is_logged': 'no SIGKILL to it is in the log; other signals, cgroup.kill, a CPU limit and processes that '
    'were running before audit was turned on leave no record',
}

#: Codes that name a source that was not recording.
GAPS = (
    'log_begins_later',
    'commands_not_logged',
    'commands_logged_later',
    'command_not_told',
    'clock_set_back',
    'users_not_watched',
    'connects_not_logged',
    'connects_logged_later',
    'environment_not_logged',
    'service_not_named',
    'answer_not_logged',
    'older_clients',
    'client_gone',
    'client_shares',
    'holders_not_known',
    'client_could_lend',
    'look_not_whole',
    'listeners_not_watched',
    'several_engines',
    'records_lost',
    'docker_not_logged',
    'processes_before_audit',
    'earlier_boot',
    'engine_end_not_known',
    'events_forgotten',
    'end_not_explained',
    'kernel_log_not_read',
    'signals_not_logged',
    'only_kill_is_logged',
)
#: Codes that give the reason why an engine, or a container that ran out of memory, ended.
REASONS = (
    'package_changed',
    'sudo_command',
    'service_command',
    'host_shut_down',
    'host_booted',
    'oom_of_limit',
    'oom_of_group',
    'oom_of_host',
)

_HOW = {
    'id': 'its full id',
    'name': 'its name at that time',
    'prefix': 'the start of its id, which no other container known at that time has',
}


def happened(what: Iterable[Any]) -> list[str]:
    """The words for what happened to a container."""
    return [_HAPPENED.get(str(word), str(word)) for word in what]


def sentence(line: Any) -> str:
    """A line of evidence in words, as one line that prints."""
    if not isinstance(line, Mapping):
        return escape.printable(str(line))
    template = SENTENCES.get(str(line.get('code')))
    if template is None:
        # Of a newer core
        return escape.printable('{}: {}'.format(line.get('code'), {k: line[k] for k in line if k != 'code'}))
    return escape.printable(template.format_map(_Values(line)))


class _Values(dict):  # type: ignore[type-arg]
    """What the sentences ask for, from the values of a line."""

    def __init__(self, line: Mapping[str, Any]) -> None:
        super().__init__()
        self._line = line

    def __missing__(self, name: str) -> str:
        made = _MADE.get(name)
        return made(self._line) if made else escape.word(self._line.get(name))


def _user(line: Mapping[str, Any]) -> str:
    login = 'no login' if line.get('auid') is None else 'login uid {}'.format(line['auid'])
    return 'uid {}, {}'.format(line.get('uid'), login)


def _command(line: Mapping[str, Any]) -> str:
    argv = line.get('argv')
    return ' '.join(escape.word(word) for word in argv) if isinstance(argv, list) else escape.word(line.get('exe'))


def _service(line: Mapping[str, Any]) -> str:
    if not line.get('named'):
        return ''
    named = ', '.join(map(escape.word, line['named'])) if isinstance(line['named'], list) else '-'
    return '; it names {}, and Compose can also affect {} then'.format(named, escape.word(line.get('service')))


def _since(line: Mapping[str, Any]) -> str:
    if line.get('seconds') is not None:
        return ', having connected {} s before the request'.format(escape.word(line['seconds']))
    if line.get('new') is None:
        return ', since when is not known'
    return ', for less than a second' if line['new'] is True else ', for more than a second'


def _prune(line: Mapping[str, Any]) -> str:
    if line.get('filtered'):
        return '; which ones its filters leave out is not known'
    return '' if line.get('end_noted') else '; the engine recorded no end of it'


def _listed(name: str) -> Any:
    def words(line: Mapping[str, Any]) -> str:
        found = line.get(name)
        return ': ' + ', '.join(map(escape.word, found)) if isinstance(found, list) and found else ''

    return words


_MADE = {
    'time': lambda line: str(line.get('time') or '-'),
    'user': _user,
    'command': _command,
    'service': _service,
    'service_name': lambda line: escape.word(line.get('service')),
    'inside': lambda line: escape.word(line.get('command')),
    'prune': _prune,
    'how': lambda line: _HOW.get(str(line.get('how')), '-'),
    'then': lambda line: ', then {}'.format(line['then']) if line.get('then') in ('stop', 'restart') else '',
    'containers': lambda line: 'every container' if line.get('containers') != 1 else 'the one container',
    'together': lambda line: '%s containers ended' % escape.word(line.get('containers')),
    'projects': lambda line: _listed('projects')(line)[2:] or '-',
    'users': _listed('users'),
    'listeners': _listed('listeners'),
    # A process with CAP_AUDIT_WRITE can write such a record, too
    'record': lambda line: ' (record %s)' % escape.word(line['record']) if line.get('record') else '',
    'remote': lambda line: ' at ' + escape.word(line['remote']) if line.get('remote') else '',
    'since': _since,
    'through': lambda line: ', and others can send requests through it' if line.get('through') else '',
}
