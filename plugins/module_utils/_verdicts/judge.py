# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501, C901, B904 (this file is being replaced part by part)
"""The engine's events, findings and connects to verdicts: why a container vanished, and who asked for it.

Not known is an answer, a wrong name is not. Sources: which events a request makes is moby's daemon/{stop,kill,delete,
restart,rename,prune}.go, measured with engine 20.10 (the sequences are in tests/unit/fixtures); how a reference is
resolved is daemon/container.go GetContainer; what the CLI does at once and what one after the other is
cli/command/container of docker/cli.

Times are milliseconds since 1970. The kernel stamps audit records with a clock that ticks (audit_log_start:
ktime_get_coarse_real_ts64): they can lag behind the engine's by some milliseconds, and are never ahead.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import namedtuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import records as audit_log
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import names, times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import PatternError

# From the start of a command to its request: a loaded host starts programs slowly.
_STARTUP = 10 * 1000
_STOP_TIMEOUT = 10  # seconds; the default of stop and restart
_PROMPT = 600 * 1000  # prune and compose rm wait for an answer
_SOON = 1000  # between events of one request
_OOM_SOON = 5 * 1000
_SHUTDOWN = 60 * 1000
_LEAVES = 5 * 1000  # from the end of its last container to the end of an engine (measured: 1 s)
_OBEYS = 60 * 1000  # what a container takes at most, nearly ever, to end after it was asked to
_LAG = 50  # of the clock of audit behind the engine's
_SHOWN_CONNECTS = 20
# systemd keeps the socket of an engine that is down, and hands on who connected meanwhile (systemd.socket(5))
_QUEUED = 60 * 1000

# What a command can do to a container: end it, remove it, rename it.
_ENDS = {'stop', 'kill', 'restart', 'checkpoint'}
_COMPOSE_ENDS = {
    'compose_stop',
    'compose_kill',
    'compose_restart',
    'compose_down',
    'compose_up',
    'compose_rm',
    'compose_scale',
}
_COMPOSE_REMOVES = {'compose_down', 'compose_up', 'compose_rm', 'compose_scale'}
_SWARM = {'service_rm', 'service_scale', 'service_update', 'stack_rm', 'node_drain', 'swarm_leave'}
_PROJECT = 'com.docker.compose.project'

# What the engine notes of an end once it is over
_AFTER_END = ('stop', 'destroy')

_ONE = 'the one container'
_ID = re.compile(r'[0-9a-f]{1,64}\Z')
_TIMEOUT = re.compile(r'(?:-[a-z]*t=?|--time=|--timeout=)(-?\d+)\Z')
_FORCE = re.compile(r'-[a-zA-Z]*f|--force(=(1|t|T|true|TRUE|True))?\Z')

_Event = namedtuple('_Event', 'time action id name attributes')
_Incident = namedtuple(
    '_Incident', 'what time id name attributes requests ooms stopped restarted died created started', defaults=(None,)
)
# sure: it does that to this container; certain: its process was seen to connect to this engine, too
_Claim = namedtuple('_Claim', 'finding target reason sure certain', defaults=(False,))


def judge(
    events,
    found,
    connects=None,
    name=names.DEFAULT_CONTAINER,
    host=None,
    since=None,
    until=None,
    harmless=(),
    containers=None,
    engine_ends=(),
    engine_since=None,
    own=(),
    blind=(),
):
    """A verdict for every time a matching container ended, was removed or was renamed from since to until, oldest first.

    events are those of the engine, found the findings (all, whatever their match), connects the connects to the
    engine's socket as audit fields with `timestamp`, or None where they are not logged. harmless are (pid, time) of
    executions of docker that cannot have asked for anything. containers maps the ids of the containers that are there
    now to their names, engine_ends are the moments when the engine went away, engine_since when the one that runs now was started,
    own are (pid, from, to) of connects of our own, blind are (from, to) of times from which events are not known.
    """
    try:
        matches = re.compile(fnmatch.translate(name)).match
    except re.error as error:
        raise PatternError('the name pattern %r cannot be used: %s' % (name, error))
    happened = sorted(filter(None, map(_event, events)), key=lambda event: event.time)
    world = _World(happened, containers or {})
    ends = sorted(engine_ends)
    clients = _Clients(found, connects, harmless, own, ends + [engine_since] if engine_since is not None else ends)
    claims = _Claims(found, clients, world)
    verdicts, asked_to_die = [], set()
    for incident in sorted(_incidents(happened), key=lambda incident: (_asked(incident), incident.time)):
        # All of them, since each can use up a command
        verdict = _verdict(
            incident, claims, clients, happened, ends, (incident.id, incident.died) in asked_to_die, blind
        )
        if incident.what == 'died' and verdict['cause'] == 'api':
            asked_to_die.add((incident.id, incident.time))
        if any(map(matches, world.names_until(incident.id, incident.time))) and _is_within(incident.time, since, until):
            verdicts.append(dict({'host': host}, **verdict))
    return _joined(sorted(verdicts, key=lambda verdict: verdict['timestamp']))


def milliseconds(timestamp):
    return times.moment(timestamp)


def _is_within(time, since, until):
    return (since is None or time >= since) and (until is None or time <= until)


# --- What the engine tells --------------------------------------------------------------------------------------------


def _event(event):
    """A container event, or None for any other."""
    if not isinstance(event, dict) or event.get('Type') != 'container':
        return None
    actor = event.get('Actor') if isinstance(event.get('Actor'), dict) else {}
    attributes = actor.get('Attributes') if isinstance(actor.get('Attributes'), dict) else {}
    attributes = {label: value for label, value in attributes.items() if isinstance(value, str)}
    identity, action, nano = actor.get('ID'), event.get('Action'), event.get('timeNano')
    if (
        not isinstance(identity, str)
        or not isinstance(action, str)
        or isinstance(nano, bool)
        or not isinstance(nano, (int, float))
    ):
        return None
    # exec_create and health_status carry more after a colon
    # To the microsecond: engine.py reads numbers as floats
    return _Event(
        round(nano / 1e6, 3), action.partition(':')[0], identity, attributes.get('name', '').lstrip('/'), attributes
    )


class _World(object):
    """Which containers there were at a time, by which names."""

    def __init__(self, happened, containers):
        self._names = {}  # id -> [(time, name)]
        self._created = {}
        self._destroyed = {}
        self.prunes = [event.time for event in happened if event.action == 'prune']
        self._projects = {}  # folder -> the Compose projects whose containers were made there
        for event in happened:
            if not event.id:
                continue
            if event.attributes.get(_PROJECT):
                self._projects.setdefault(event.attributes.get(_PROJECT + '.working_dir'), set()).add(
                    event.attributes[_PROJECT]
                )
            names = self._names.setdefault(event.id, [])
            if event.action == 'rename':
                names.append((event.time if names else 0, event.attributes.get('oldName', '').lstrip('/')))
            names.append((event.time if names else 0, event.name))
            if event.action == 'create':
                self._created[event.id] = event.time
            elif event.action == 'destroy':
                self._destroyed[event.id] = event.time
        for identity, name in containers.items():
            self._names.setdefault(identity, []).extend(
                (0, label.lstrip('/')) for label in ([name] if isinstance(name, str) else name)
            )

    def names_until(self, identity, time):
        return [name for moment, name in self._names.get(identity, ()) if moment <= time and name]

    def projects_in(self, folder):
        return self._projects.get(folder, set())

    def existed(self, identity, time):
        return self._created.get(identity, 0) <= time <= self._destroyed.get(identity, time)

    def created(self, identity):
        return self._created.get(identity)

    def resolves(self, target, incident, time):
        """How a reference leads to the container of an incident, in words; None if it does not."""
        if target == incident.id:
            return 'its full id'
        name = (
            incident.attributes.get('oldName', incident.name).lstrip('/')
            if incident.what == 'renamed'
            else incident.name
        )
        if target == name:
            return 'its name at that time'
        if not _ID.match(target) or not incident.id.startswith(target):
            return None
        for other in self._names:
            if other == incident.id or not self.existed(other, time):
                continue
            if other.startswith(target) or target in self.names_until(other, time)[-1:]:
                return None
        return 'the start of its id, which no other container known at that time has'


def _incidents(happened):
    """Everything that took a container away."""
    by_id = {}
    for event in happened:
        if event.id:
            by_id.setdefault(event.id, []).append(event)
    for identity, events in by_id.items():
        events = _deaths_first(events)
        requests, ooms, died, created, started = [], [], None, None, None
        for index, event in enumerate(events):
            later = events[index + 1 :]
            if event.action == 'create':
                created = event.time
            elif event.action == 'start':
                requests, ooms, died, started = [], [], None, event.time
            elif event.action == 'kill':
                requests = requests + [event]
            elif event.action == 'oom':
                ooms = ooms + [event]
            elif event.action == 'die':
                # The engine notes a kill after it sent the signal (daemon/kill.go killWithSignal), and memory as soon as it hears
                # of it: the death can be noted before (measured: 0.3 s).
                requests = requests + _late(later, 'kill', event.time + _SOON)
                ooms = ooms + _late(later, 'oom', event.time + _OOM_SOON)
                restarted = bool(requests) and _comes(later, 'restart', event.time + _STARTUP, over_start=True)
                stopped = restarted or _comes(later, 'stop', event.time + 2 * _SOON)
                yield _Incident(
                    'died',
                    event.time,
                    identity,
                    event.name,
                    event.attributes,
                    requests,
                    ooms,
                    stopped,
                    restarted,
                    event.time,
                    created,
                    started,
                )
                requests, ooms, died = [], [], event.time
            elif event.action == 'destroy':
                yield _Incident(
                    'removed', event.time, identity, event.name, event.attributes, [], [], False, False, died, created
                )
            elif event.action == 'rename':
                yield _Incident(
                    'renamed', event.time, identity, event.name, event.attributes, [], [], False, False, None, created
                )


def _deaths_first(events):
    """The events of a container, with each end before what follows from it, whichever was noted first.

    The engine promises no order (moby/moby 50242): 20.10 notes `stop` after `die`, 28.5.2 before it (measured: 1 to 80 ms).
    """
    ordered, runs = [], False
    early = set()  # starts of a container that had not ended yet
    for event in events:
        place = len(ordered)
        if event.action == 'die':
            back = place
            while back and event.time - ordered[back - 1].time <= _SOON:
                back -= 1
                earlier = ordered[back]
                if earlier.action in _AFTER_END or earlier.time in early:
                    place = back
                elif earlier.action not in ('kill', 'oom', 'restart'):
                    break
            if place < len(ordered):
                # It was over by the time that the first of these was noted
                event = event._replace(time=ordered[place].time)
        elif event.action == 'start' and runs:
            early.add(event.time)
        ordered.insert(place, event)
        if event.action in ('start', 'die'):
            runs = next(one.action for one in reversed(ordered) if one.action in ('start', 'die')) == 'start'
    return ordered


def _late(later, action, until):
    late = []
    for event in later:
        if event.time > until or event.action == 'start':
            break
        if event.action == action:
            late.append(event)
    return late


def _comes(later, action, until, over_start=False):
    for event in later:
        if event.time > until or (event.action == 'start' and not over_start):
            return False
        if event.action == action:
            return True
    return False


def _serial(entry):
    """What orders events of the same millisecond."""
    serial = (entry.get('event') or '').rpartition(':')[2]
    return int(serial) if serial.isdigit() else 0


def _asked(incident):
    """When the request came that an incident may be due to."""
    return min([request.time for request in incident.requests] + [incident.time])


# --- Who talked to the engine -----------------------------------------------------------------------------------------


class _Clients(object):
    """The connects, and whether a command of docker is behind them."""

    def __init__(self, found, connects, harmless, own, breaks):
        """own are connects of our own, breaks are moments that no connection outlives."""
        self.known = bool(connects)
        self._breaks = breaks
        self._connects = sorted(
            ((milliseconds(connect['timestamp']), connect) for connect in connects or ()),
            key=lambda pair: (pair[0], _serial(pair[1])),
        )
        self._own = own
        self._executions = {}
        for finding in found:
            if finding.get('pid') is not None and finding.get('timestamp'):
                self._executions.setdefault(finding['pid'], []).append((milliseconds(finding['timestamp']), finding))
        for pid, time in harmless:
            self._executions.setdefault(pid, []).append((time, None))
        self._by_pid = {}
        for time, connect in self._connects:
            for pid in (connect.get('pid'), connect.get('ppid')):
                self._by_pid.setdefault(pid, []).append(time)
        self._unexplained = [
            (time, connect) for time, connect in self._connects if not self._is_explained(time, connect)
        ]

    def were_logged_at(self, time):
        return bool(self._connects) and self._connects[0][0] <= time

    def of(self, finding):
        """When the process of a command connected, or a plugin that it started."""
        start = milliseconds(finding['timestamp'])
        return [time for time in self._by_pid.get(finding['pid'], ()) if time >= start]

    def others(self, time):
        """One connect per process that no known command explains, the nearest first, up to a time.

        A process can keep its connection as long as the engine runs: one that connected long ago may have asked.
        """
        nearest = {}
        first = max((moment for moment in self._breaks if moment <= time), default=0) - _QUEUED
        for moment, connect in self._unexplained:
            if first <= moment <= time:
                nearest[(connect.get('pid'), connect.get('exe'))] = (moment, connect)
        return [connect for moment, connect in sorted(nearest.values(), key=lambda pair: -pair[0])]

    def _is_explained(self, time, connect):
        if any(pid == connect.get('pid') and start - _LAG <= time <= end for pid, start, end in self._own):
            return True
        for pid in (connect.get('pid'), connect.get('ppid')):
            before = [start for start, unused in self._executions.get(pid, ()) if start <= time]
            # A process id is used again some day
            if before and time - max(before) <= _PROMPT and 'docker' in (connect.get('exe') or ''):
                return True
        return False


# --- Which commands fit -----------------------------------------------------------------------------------------------


class _Claims(object):
    """The commands that explain an incident. A command that is sure to have done its work is used up."""

    def __init__(self, found, clients, world):
        self._found = sorted(
            (
                (milliseconds(finding['timestamp']), finding)
                for finding in found
                if finding.get('timestamp') and not names.is_foreign(finding.get('docker_host'), finding.get('context'))
            ),
            key=lambda pair: (pair[0], _serial(pair[1])),
        )
        self._clients = clients
        self._world = world
        self._used = {}

    def of(self, incident):
        """(claims, remarks): the commands that fit, and sentences about those that nearly do."""
        claims, remarks = [], []
        times = [request.time for request in incident.requests] if incident.what == 'died' else [incident.time]
        for start, finding in self._found:
            if not times or start > max(times):
                continue
            connected = self._clients.of(finding)
            # The request follows the last connect; a command that waited for an answer connected early
            ready = max([start] + [time for time in connected if time <= min(times)])
            claim = self._claim(ready, finding, incident, times)
            if claim is None or self._used.get(self._use(claim, incident), incident) is not incident:
                continue
            if self._clients.were_logged_at(start) and not connected:
                remarks.append(
                    '%s fits, but it did not connect to this engine: it may have asked another one (DOCKER_HOST, a context), '
                    'or audit lost its record' % _told(finding)
                )
                continue
            if connected and not any(min(connected) <= time for time in times):
                continue
            claims.append(claim._replace(certain=claim.sure and bool(connected)))
        return claims, remarks

    def use(self, claim, incident):
        self._used.setdefault(self._use(claim, incident), incident)

    @staticmethod
    def _use(claim, incident):
        return claim.finding.get('event'), claim.finding.get('host'), claim.target or incident.id, incident.what

    def _claim(self, start, finding, incident, times):
        action = finding['action']
        argv = finding['argv']
        if action == 'prune':
            return self._prune(start, finding, incident)
        if action.startswith('compose'):
            return self._compose(start, finding, incident, times)
        if action in _SWARM:
            if (
                'com.docker.swarm.service.name' in incident.attributes
                and incident.what != 'renamed'
                and _fits(start, times, 6 * _STARTUP)
            ):
                return _Claim(finding, None, 'the container is of a swarm service', False)
            return None
        does = {
            'died': action in _ENDS or (action == 'remove' and _is_forced(argv)),
            'removed': action == 'remove',
            'renamed': action == 'rename',
        }[incident.what]
        if not does:
            return None
        window = _STARTUP
        if action == 'restart':
            # one after the other
            window += max(0, len(finding['targets']) - 1) * (_timeout(argv) + 2) * 1000
        elif incident.what == 'removed' and _is_forced(argv):
            window += _STARTUP  # the engine waits so long for the end of the container
        if not _fits(start, times, window):
            return None
        for target in finding['targets']:
            how = self._world.resolves(target, incident, min(times))
            if how:
                return _Claim(finding, target, 'it names %s, %s' % (_quoted(target), how), True)
        if not finding.get('argv_complete', True):
            return _Claim(finding, None, 'its arguments are not all known: it may name the container', False)
        return None

    def _prune(self, start, finding, incident):
        if incident.what != 'removed' or incident.died is not None and incident.died > incident.time:
            return None
        if not _fits(start, [incident.time], 6 * _STARTUP if _is_forced(finding['argv']) else _PROMPT):
            return None
        ends = [time for time in self._world.prunes if time >= start]
        if ends and incident.time > min(ends):
            return None
        # Filters leave out containers, and which ones argv does not say
        plain = not any(word.startswith('--filter') for word in finding['argv'])
        return _Claim(
            finding,
            None,
            'a prune removes every stopped container' + ('' if ends else '; the engine noted no end of it'),
            plain and bool(ends),
        )

    def _compose(self, start, finding, incident, times):
        action, project = finding['action'], incident.attributes.get(_PROJECT)
        if not project or incident.what == 'renamed' and action != 'compose_up':
            return None
        if (
            incident.what == 'died'
            and action not in _COMPOSE_ENDS
            or incident.what == 'removed'
            and action not in _COMPOSE_REMOVES
        ):
            return None
        if (
            action == 'compose_rm'
            and incident.what == 'died'
            and not any(re.match(r'-[a-z]*s|--stop', word) for word in finding['argv'])
        ):
            return None
        created = self._world.created(incident.id)
        if created is not None and created > milliseconds(finding['timestamp']) and incident.what != 'renamed':
            return None  # it works on the containers that it finds, but for the new one, which it gives the name of the old one at last
        prompt = _PROMPT if action == 'compose_rm' and not _is_forced(finding['argv']) else 0
        if not _fits(start, times, _STARTUP + 10 * _timeout(finding['argv']) * 1000 + prompt):
            return None
        service = incident.attributes.get('com.docker.compose.service')
        if finding['targets'] and service not in [target.partition('=')[0] for target in finding['targets']]:
            return None
        reason, sure = self._project(finding, incident, project)
        if reason is None:
            return None
        # up and scale leave alone what is as it should be
        sure = sure and (action not in ('compose_up', 'compose_scale') or '--force-recreate' in finding['argv'])
        return _Claim(finding, None, reason, sure)

    def _project(self, finding, incident, project):
        """(why the container can be of the project that a command means, or None, whether that is sure)"""
        if finding.get('project') is not None:
            return (
                ('the container is of its project %s' % _quoted(project), True)
                if finding['project'] == project
                else (None, False)
            )
        if finding.get('cwd') and finding['cwd'] == incident.attributes.get(_PROJECT + '.working_dir'):
            return 'the container is of the project in its folder %s' % _quoted(finding['cwd']), True
        elsewhere = any(word.startswith(('-f', '--file', '--project-directory')) for word in finding['argv'])
        known = self._world.projects_in(finding['cwd']) if finding.get('cwd') and not elsewhere else set()
        if known and project not in known:
            return None, False  # it means the project of its folder
        folder = re.sub('[^a-z0-9_-]', '', posixpath.basename(finding.get('cwd') or '').lower())
        # A file, the environment or a name in the file can say another project
        return 'the container is of the project %s, which it may mean' % _quoted(
            project
        ), folder == project and '-f' not in finding['argv']


def _fits(start, times, window):
    return any(start <= time <= start + window for time in times)


def _is_forced(argv):
    return any(_FORCE.match(word) for word in argv[1:])


def _timeout(argv):
    """The seconds that a container gets to end."""
    for word, after in zip(argv, argv[1:] + ['']):
        if word in ('-t', '--time', '--timeout') and re.match(r'-?\d+\Z', after):
            return _seconds(after)
        found = _TIMEOUT.match(word)
        if found:
            return _seconds(found.group(1))
    return _STOP_TIMEOUT


def _seconds(text):
    number = int(text[:9])
    return 3600 if number < 0 else min(number, 3600)


# --- The verdict ------------------------------------------------------------------------------------------------------


def _verdict(incident, claims, clients, happened, ends, by_api, blind):
    """by_api: whether the container ended by the API right before it was removed."""
    if incident.what == 'died' and not incident.requests:
        return _unasked(
            incident, [period for period in blind if period[0] < incident.time and period[1] > (incident.started or 0)]
        )
    evidence = _seen(incident)
    if incident.what == 'died' and not _is_due(incident):
        return _as_verdict(
            incident,
            'not_known',
            [],
            evidence
            + [
                'the engine was asked for that signal, but nothing says that the container ended by it and not by itself'
            ],
            'open',
        )
    fitting, remarks = claims.of(incident)
    if not fitting and incident.what == 'died':
        shutdown = _shutdown(incident, happened, ends)
        if shutdown:
            others = clients.others(_asked(incident))
            if (
                shutdown.startswith(_ONE)
                and others
                and _asked(incident) - milliseconds(others[0]['timestamp']) <= _STARTUP
            ):
                evidence += [shutdown] + remarks + ['but right before it others connected, who can have asked']
                return _as_verdict(
                    incident, 'not_known', others[:_SHOWN_CONNECTS], evidence + _told_others(others), 'open'
                )
            sure = not remarks and not others
            return _as_verdict(
                incident, 'engine_shutdown', [], evidence + [shutdown] + remarks, 'certain' if sure else 'likely'
            )
    others = clients.others(_asked(incident))
    if fitting:
        return _by_cli(incident, claims, fitting, evidence, remarks, others, clients)
    evidence += remarks
    if (
        incident.what == 'removed'
        and incident.died is not None
        and incident.time - incident.died <= _SOON
        and not by_api
    ):
        evidence.append(
            'it was removed %d ms after its end: that can be the engine itself, for a container that was run with --rm'
            % (incident.time - incident.died)
        )
        return _as_verdict(incident, 'not_known', others[:_SHOWN_CONNECTS], evidence + _told_others(others), 'open')
    if not others:
        evidence.append(
            'no command of docker in the audit log explains it, and '
            + (
                'every connect is explained by such a command'
                if clients.known
                else 'connects to the engine are not logged'
            )
        )
        return _as_verdict(incident, 'not_known', [], evidence, 'open')
    evidence.append('no command of docker in the audit log explains it: an API client asked')
    return _as_verdict(
        incident,
        'api',
        others[:_SHOWN_CONNECTS],
        evidence + _told_others(others),
        'likely' if len(others) == 1 and not remarks else 'open',
    )


def _unasked(incident, blind):
    """A container that ended without any request to the engine, as far as events are known. blind are times since its start."""
    code = incident.attributes.get('exitCode', '')
    if any(period[1] > incident.time - _OBEYS for period in blind):
        return _as_verdict(
            incident,
            'not_known',
            [],
            _seen(incident) + ['the events of the engine right before it are not known: it may have been asked'],
            'open',
        )
    evidence = _seen(incident) + [
        'the engine noted no kill since the start of the container: nobody asked it'
        if not blind
        else 'the engine noted no kill in the last %d s, and not all events before are known' % (_OBEYS // 1000)
    ]
    ooms = [event for event in incident.ooms if incident.time - event.time <= _OOM_SOON]
    if ooms and code == '137':
        return _as_verdict(incident, 'oom', [], evidence, 'likely' if blind else 'certain')
    if incident.ooms:
        evidence.append('memory was short, but that did not end it for certain')
        return _as_verdict(incident, 'not_known', [], evidence, 'open')
    if code == '137':
        # The shim hands on 128 + N for an end by signal N (containerd/go-runc monitor.go), and nobody else keeps it: audit logs no
        # signal without a rule for kill(2), the kernel prints none. A shell ends with the code of its last command.
        evidence.append(
            '137 is 128 + 9: a SIGKILL from outside the engine (by root of this host), or a program that ended itself with that code, '
            'as a shell does whose last command was killed; neither the engine nor audit keeps which'
        )
        return _as_verdict(incident, 'not_known', [], evidence, 'open')
    if code == '255' or not code.isdigit():
        evidence.append(
            '255 is what the engine notes when the shim of the container was killed, and a program can end itself with it'
        )
        return _as_verdict(incident, 'not_known', [], evidence, 'open')
    if int(code) < 128:
        evidence.append('its program ended by itself: the end by a signal has a code from 129 on')
        return _as_verdict(incident, 'self_exit', [], evidence, 'certain' if not blind else 'likely')
    # kernel/signal.c sig_task_ignored(): SIGNAL_UNKILLABLE
    evidence.append(
        'its program ended by itself with that code: of all signals from outside the engine, SIGKILL (137) alone ends the first process '
        'of a pid namespace that has not asked for it; one with the pid namespace of the host may have been ended by another'
    )
    return _as_verdict(incident, 'self_exit', [], evidence, 'likely')


def _is_due(incident):
    """Whether the container ended by a request, not only after one."""
    if incident.stopped:
        return True
    code = incident.attributes.get('exitCode', '')
    for request in incident.requests:
        number = request.attributes.get('signal', '')
        if number.isdigit() and code == str(128 + int(number)) and incident.time - request.time <= _STARTUP:
            return not (incident.ooms and number != '9')
        if number in ('15', '2', '3') and incident.time - request.time <= _STARTUP:
            return True
    return False


def _shutdown(incident, happened, ends):
    """A sentence, if the engine ended all its containers and itself."""
    asked = _asked(incident)
    end = next((moment for moment in ends if incident.time <= moment <= asked + _SHUTDOWN), None)
    if end is None or not incident.stopped:
        return None
    running = {}
    for event in happened:
        if event.time <= asked and event.action in ('start', 'die', 'destroy'):
            running[event.id] = event.action == 'start'
        elif asked < event.time <= end and event.action in ('start', 'create'):
            return None
    gone = {event.id for event in happened if event.action == 'die' and asked - _SOON <= event.time <= end}
    if any(identity not in gone for identity, runs in running.items() if runs):
        return None
    if (
        end - max(event.time for event in happened if event.action == 'die' and asked - _SOON <= event.time <= end)
        > _LEAVES
    ):
        return None
    return (
        'every container' if len(gone) > 1 else _ONE
    ) + ' of the engine ended, and %.1f s after the signal the engine was gone' % ((end - asked) / 1000)


def _by_cli(incident, claims, fitting, evidence, remarks, others, clients):
    for claim in fitting:
        evidence.append('%s fits: %s' % (_told(claim.finding), claim.reason))
    evidence += remarks
    if not clients.known:
        evidence.append(
            'connects to the engine are not logged: an API client that asked at the same time cannot be ruled out'
        )
    if len(fitting) == 1 and fitting[0].sure:
        claims.use(fitting[0], incident)
        start = milliseconds(fitting[0].finding['timestamp'])
        meanwhile = [connect for connect in others if milliseconds(connect['timestamp']) >= start]
        if meanwhile:
            evidence.append('meanwhile others connected to the engine, of which none is needed to explain it')
            evidence += _told_connects(meanwhile)
        return _as_verdict(
            incident,
            'cli',
            [fitting[0].finding],
            evidence,
            'certain' if fitting[0].certain and not remarks and not meanwhile else 'likely',
        )
    evidence.append('%s: none is picked' % ('more than one command fits' if len(fitting) > 1 else 'that is not sure'))
    start = min(milliseconds(claim.finding['timestamp']) for claim in fitting)
    only = (
        len(fitting) > 1
        and all(claim.sure for claim in fitting)
        and not any(milliseconds(connect['timestamp']) >= start for connect in others)
    )
    who = [claim.finding for claim in fitting] + others[:_SHOWN_CONNECTS]
    return _as_verdict(incident, 'cli' if only else 'not_known', who, evidence + _told_others(others), 'open')


def _as_verdict(incident, cause, who, evidence, confidence):
    what = 'restarted' if incident.restarted else 'stopped' if incident.stopped else incident.what
    return {
        'container': incident.name,
        'id': incident.id,
        'what': [what],
        'timestamp': audit_log.timestamp(int(incident.time)),
        'cause': cause,
        'confidence': confidence,
        'who': list(who),
        'evidence': evidence,
    }


def _joined(verdicts):
    """The end and the removal of a container by the same command are one verdict."""
    joined, last = [], {}
    for verdict in verdicts:
        before = last.get(verdict['id'])
        same = (
            before and before['who'] and [_key(who) for who in before['who']] == [_key(who) for who in verdict['who']]
        )
        if (
            same
            and before['cause'] == verdict['cause']
            and 'removed' not in before['what']
            and verdict['what'] == ['removed']
            and milliseconds(verdict['timestamp']) - milliseconds(before['timestamp']) <= 2 * _STARTUP
        ):
            before['what'] = before['what'] + verdict['what']
            before['evidence'] = before['evidence'] + [
                line for line in verdict['evidence'] if line not in before['evidence']
            ]
            before['confidence'] = max(
                before['confidence'], verdict['confidence'], key=('certain', 'likely', 'open').index
            )
            continue
        last[verdict['id']] = verdict
        joined.append(verdict)
    return joined


def _key(who):
    return who.get('host'), who.get('event')


# --- In words ---------------------------------------------------------------------------------------------------------


def _seen(incident):
    """What the engine noted, a line for each."""
    lines = [
        '%s kill, signal %s' % (_time(request.time), request.attributes.get('signal', '?'))
        for request in incident.requests
    ]
    lines += ['%s oom: a memory limit was hit' % _time(event.time) for event in incident.ooms]
    if incident.what == 'died':
        then = ', then restart' if incident.restarted else ', then stop' if incident.stopped else ''
        lines.append('%s die, exit code %s%s' % (_time(incident.time), incident.attributes.get('exitCode', '?'), then))
    elif incident.what == 'renamed':
        lines.append(
            '%s rename from %s to %s'
            % (
                _time(incident.time),
                _quoted(incident.attributes.get('oldName', '').lstrip('/')),
                _quoted(incident.name),
            )
        )
    else:
        lines.append('%s destroy' % _time(incident.time))
    return lines


def _told(finding):
    return '%s %s by pid %s (%s)' % (
        finding['timestamp'],
        ' '.join(finding['argv']),
        finding.get('pid'),
        _user(finding),
    )


def _told_connects(connects):
    return [
        '%s pid %s connected: %s (%s)%s'
        % (
            connect['timestamp'],
            connect.get('pid'),
            connect.get('exe'),
            _user(connect),
            ', a docker whose command is not in the log'
            if (connect.get('exe') or '').rpartition('/')[2] == 'docker'
            else '',
        )
        for connect in connects[:_SHOWN_CONNECTS]
    ]


def _user(entry):
    return 'uid %s, %s' % (entry.get('uid'), 'no login' if entry.get('auid') is None else 'auid %s' % entry['auid'])


def _told_others(others):
    lines = _told_connects(others)
    if len(others) > _SHOWN_CONNECTS:
        lines.append('and %d more processes before them' % (len(others) - _SHOWN_CONNECTS))
    if len(others) > 1:
        lines.append('more than one process connected, and a connection can be kept: none is picked')
    return lines


def _time(time):
    return audit_log.timestamp(int(time))


def _quoted(text):
    return repr(text)
