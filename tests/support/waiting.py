# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting in tests."""

from __future__ import annotations

import time
from typing import Callable

SECONDS = 60  # longer than anything takes on a busy machine that is worth waiting for


def wait_until(is_so: Callable[[], object], what: str | Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for something to be so; what says what did not happen, and is only asked for then."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, 'not after %s s: %s' % (seconds, what() if callable(what) else what)
        time.sleep(0.05)
