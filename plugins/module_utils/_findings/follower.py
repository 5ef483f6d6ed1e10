# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Returns findings as they happen to a named reader, which continues where it stopped; used by the module and the event
source.

It has one memory, that of the reader's state: how far the reader got, what it received of the batch on offer, and where
its first run began. A batch is only offered; the position moves when it is acknowledged.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import NamedTuple

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import follow_journal
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import watch as log_watch
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.follow import SETTLED_SECONDS
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit.position import Position, ReaderState
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import find, on_host

# Seconds that the engine may make a finding late
_PATIENCE = 1
_NOT_ASKED = engine.status('it was not asked: nothing happened', asked=False)


class Batch(NamedTuple):
    """What is new: an answer as of on_host, the times from which logs are missing, and how far it goes."""

    answer: on_host.Answer
    gaps: list[on_host.Span]
    position: Position | None


class Follower:
    """Gives what is new since the last batch that was acknowledged. To be closed."""

    def __init__(
        self,
        question: on_host.Question,
        reader: str,
        log: str,
        since: int,
        listener: int = 1,
        keeps: bool = True,
    ) -> None:
        """since is where a first run begins, in milliseconds since 1970. Without keeps, nothing is changed.

        Somebody listens as long as the other end of the pipe listener is open. Else that is stdout.
        """
        self._question = question
        self._log = log
        self._since = since
        self._listener = listener
        self._keeps = keeps
        self._state = ReaderState(question.key, reader, host=question.host)
        self._watch: log_watch.LogWatch | None = None

    def open(self) -> str | None:
        """Keep other readers of this name out. Returns None, or why the state cannot be used: then all comes again."""
        self._state.lock()
        return self._state.load()

    def acknowledge(self, token: str) -> bool:
        """Move the position behind the batch with this token. False where it is not that of the last one."""
        return self._keeps and self._state.acknowledge(token)

    def next(self, seconds: float) -> Batch | None:
        """What is new, as soon as there is something; an empty batch after that time, and None when nobody listens."""
        deadline = time.monotonic() + seconds
        since = self._state.begun(self._since, self._keeps)
        if self._watch is None:
            # Before the log is read, so that nothing that is written meanwhile is missed
            self._watch = log_watch.watch(self._log, self._listener)
        executions = failed = others = 0
        status = _NOT_ASKED
        # A new one for each batch: it keeps the logs open that it has read
        with contextlib.closing(follow_journal.of(self._question.key, self._log, self._state.position)) as following:
            while True:
                events = following.events()
                first = next(events, None)
                found = find.find([])
                if first is not None:
                    # Without an execution nobody needs the names of containers
                    found, reason = on_host.search(
                        itertools.chain([first], events), self._log, self._question, _PATIENCE, since
                    )
                    status = engine.status(reason)
                executions, failed = executions + found['executions'], failed + found['failed']
                others += found['others']
                left = deadline - time.monotonic()
                if found['findings'] or found['unreadable'] or following.gap or left <= 0:
                    break
                # What is held back now is older then, also if nothing more is written
                pause = min(left, SETTLED_SECONDS) if following.is_waiting else left
                if self._watch.wait(pause) == log_watch.GONE:
                    return None
        found['executions'], found['failed'], found['others'] = executions, failed, others
        gaps = [] if following.gap is None else [on_host.span(*following.gap)]
        return Batch(on_host.answer(found, following.stats(), status), gaps, following.position)

    def offer(self, batch: Batch) -> str | None:
        """Keep how far a batch goes. Returns the token that acknowledges it, or None where nothing is kept."""
        return self._state.offer(batch.position, self._state.taken) if self._keeps else None

    def goes_on(self, batch: Batch) -> bool:
        """Whether a batch moves the position."""
        return batch.position != self._state.position

    def is_new(self, name: str) -> bool:
        """Whether this part of the batch was not received before."""
        return not self._state.is_taken(name)

    def take(self, name: str) -> None:
        """Note that a part of the batch on offer was received."""
        self._state.take(name)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        self._state.unlock()
