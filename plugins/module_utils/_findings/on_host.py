# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings on their host: with the names of containers that the engine tells, and with the callers."""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import logs as log_reader
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.text import name_matcher
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker import engine
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import (
    callers,
    processes,
)
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._findings import (
    find as findings,
)


def find(events, log, socket, seconds, name, containers=None, **options):
    """(what findings.find() makes of the events, why the engine did not tell names in so many seconds or None).

    containers go before what the engine tells, the further options are those of findings.find().
    """
    known, reason = engine.container_names(socket, seconds)
    is_match = name_matcher(name)
    named = {identity: engine.label(names, is_match) for identity, names in known.items()}
    found = findings.find(events, name=name, containers={**named, **(containers or {})}, **options)
    with processes.Processes(known) as living:
        callers.add(found['findings'], log_reader.lines_with(callers.LINES, log), living)
    return found, reason
