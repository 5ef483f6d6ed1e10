# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that several packages use: keys of the rules, container names, the engine's socket."""

from __future__ import annotations

DEFAULT_CONTAINER = 'claude-hooks-*'
DEFAULT_KEY = 'claude-hooks-docker'

# What is appended to the key of the docker rule for the rules that watch something else
SOCKET_SUFFIX = '-socket'
SIGNALS_SUFFIX = '-signals'
SERVICES_SUFFIX = '-services'
SUFFIXES = (SOCKET_SUFFIX, SIGNALS_SUFFIX, SERVICES_SUFFIX)

# The engine's socket. /var/run is a link to /run (Filesystem Hierarchy Standard 3.0, 5.13): both name the same inode.
SOCKET = '/run/docker.sock'
SOCKET_SPELLINGS = (SOCKET, '/var/run/docker.sock')

# Where the witness keeps events and what it saw; a file before it has ".1" behind its name
KEPT = '/var/lib/claude-hooks/events.jsonl'

# What -H and DOCKER_HOST can be for the engine behind that socket; an empty one means the default one, and so does a
# bare unix:// (opts/hosts.go in docker/cli).
LOCAL_HOSTS = ('', 'unix://') + tuple('unix://' + path for path in SOCKET_SPELLINGS)
LOCAL_CONTEXTS = ('', 'default')

# What marks a message in which a host forwards a finding or a verdict, and the version of its form
FORWARDED, FORWARDED_VERSION = 'claude_hooks_docker_audit', 1

# Milliseconds. The kernel stamps records with a clock that ticks HZ times a second, 100 at the least (kernel/audit.c
# audit_log_start: ktime_get_coarse_real_ts64), the engine with one that does not: a record can look that much older.
CLOCK_LAG = 50


def is_foreign(docker_host: str | None, context: str | None) -> bool:
    """Whether a command talked to another engine than the one behind this host's socket."""
    return (docker_host is not None and docker_host not in LOCAL_HOSTS) or (
        context is not None and context not in LOCAL_CONTEXTS
    )
