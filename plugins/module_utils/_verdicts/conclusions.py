# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes verdicts of the answers of hypotheses, and one of those that belong together."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import times
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import answers
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts import incidents as happening
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.answers import (
    Answer,
    Entry,
    Evidence,
    note,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.hypotheses import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._verdicts.incidents import Incident

# Causes that name nobody
_BY_ITSELF = ('engine', 'engine_shutdown')

# From the end of a container to its removal by the same command
_TOGETHER = 2 * happening.STARTUP


def conclude(incident: Incident, asked: Sequence[Answer], lines: list[Evidence]) -> dict[str, Any]:
    """The verdict from the answers of all hypotheses that apply."""
    left = [answer for answer in asked if answer.state != answers.EXCLUDED]
    shown = [answer for answer in left if answer.state == answers.SHOWN]
    if not shown and len(left) == 1 and left[0].remains and not left[0].missing:
        # All others who could ask are excluded
        shown = left
    if len(shown) == 1:
        chosen = shown[0]
        sure = len(left) == 1 and not chosen.missing and not chosen.is_inferred
        confidence = 'certain' if sure else 'likely'
        evidence = lines + list(chosen.evidence)
        for answer in asked:
            if answer is not chosen:
                evidence += list(answer.evidence)
        if confidence == 'likely':
            evidence += [line for answer in left for line in answer.missing]
        return _as_verdict(incident, chosen.cause, confidence, chosen.who, evidence, chosen.more)
    who: list[Entry] = []
    for answer in left:
        who += [entry for entry in answer.who if not any(entry is other for other in who)]
    evidence = lines + [line for answer in asked for line in answer.evidence]
    evidence += [line for answer in left for line in answer.missing]
    named = [answer for answer in left if answer.who or answer.evidence and answer.cause in _BY_ITSELF]
    only = named[0].cause if len(named) == 1 and named[0].sure else 'not_known'
    return _as_verdict(incident, only, 'open', who, evidence, sum(answer.more for answer in left))


def _as_verdict(
    incident: Incident, cause: str, confidence: str, who: Iterable[Entry], evidence: Sequence[Evidence], more: int
) -> dict[str, Any]:
    return {
        'container': incident.name,
        'id': incident.id,
        'what': [incident.label],
        'timestamp': times.timestamp(int(incident.time)),
        'cause': cause,
        'confidence': confidence,
        'who': list(who),
        'more': more,
        'evidence': answers.once(evidence),
        # For the order and for what is joined
        'time': incident.time,
        'order': ('renamed', 'died', 'held', 'removed').index(incident.what),
        'auto_removal': engine.is_auto_removal(incident),
    }


def public(verdict: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in verdict.items() if name not in ('time', 'order', 'auto_removal')}


def joined(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The verdicts in the order of time. The end and the removal of a container by the same asker are one, and so are
    the end and the removal that the engine does by itself."""
    kept: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    for verdict in sorted(found, key=lambda one: (one['time'], one['order'])):
        before = last.get(verdict['id'])
        if before and verdict['what'] == ['removed'] and 'removed' not in before['what'] and _is_one(before, verdict):
            before['what'] = before['what'] + verdict['what']
            before['evidence'] = answers.once(before['evidence'] + verdict['evidence'])
            before['confidence'] = max(
                before['confidence'], verdict['confidence'], key=('certain', 'likely', 'open').index
            )
            continue
        last[verdict['id']] = verdict
        kept.append(verdict)
    return kept


def _is_one(before: dict[str, Any], verdict: dict[str, Any]) -> bool:
    if verdict['time'] - before['time'] > _TOGETHER:
        return False
    if verdict['cause'] == 'engine' and verdict['auto_removal']:
        return True
    same = [key(who) for who in before['who']] == [key(who) for who in verdict['who']]
    return bool(before['who']) and same and before['cause'] == verdict['cause']


def key(who: Entry) -> tuple[object, ...]:
    return who.get('host'), who.get('event'), who.get('pid')


def seen(incident: Incident) -> list[Evidence]:
    """What the engine noted."""
    lines = [
        note('kill_event', time=request.time, signal=request.attributes.get('signal', '?'))
        for request in incident.requests
    ]
    lines += [note('oom_event', time=one.time) for one in incident.ooms]
    if incident.what == 'died':
        then = 'restart' if incident.restarted else 'stop' if incident.stopped else None
        lines.append(note('die_event', time=incident.time, exit_code=incident.code or '?', then=then))
        if incident.loops > 1:
            lines.append(note('crash_loop', count=incident.loops))
    elif incident.what == 'held':
        lines.append(note('stop_event', time=incident.time))
    elif incident.what == 'renamed':
        lines.append(note('rename_event', time=incident.time, old=incident.old_name, new=incident.name))
    else:
        lines.append(note('destroy_event', time=incident.time))
    return lines
