# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: each file is read with its own log, in the order in which it was written, however many there are."""

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import rotations
from hypothesis import given, settings
from hypothesis import strategies as st

PARTS = ('a', 'b', '/', '.', '-', '_', '.log', '1', '.1', '-20261121', '12345678', '-2026-11-21', '.gz', '.xz', 'T1234')


def compared(paths):
    """The same, with each name compared with each other."""
    placed = {}
    for path in paths:
        beside = [other for other in paths if os.path.dirname(other) == os.path.dirname(path) and other != path]
        logs = [other for other in sorted(beside, key=lambda one: (len(one), one)) if rotations.age(path, other)]
        cut = rotations._ROTATED.search(path)  # pylint: disable=protected-access
        log = logs[0] if logs else path[: cut.start()] if cut else path
        generation, number = rotations.age(path, log) or (0, 0)
        placed.setdefault(log, []).append((-generation, -number, path))
    return [[path for _generation, _number, path in sorted(placed[log])] for log in sorted(placed)]


@settings(max_examples=500, deadline=None)
@given(st.sets(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map(''.join), max_size=10))
def test_each_file_is_with_the_log_of_which_it_is_a_rotation(paths):
    paths = sorted('/logs/' + path for path in paths)
    assert rotations.in_groups(paths) == compared(paths)


@pytest.mark.parametrize(
    'name', ['host%d.log', 'audit.log.%d', 'audit-20261%06d.log', 'audit.%d', 'audit-%d', 'audit-20261%06d.log.gz']
)
def test_ten_thousand_files_in_a_folder_take_a_moment(name):
    paths = ['/logs/' + name % number for number in range(10000)]
    start = time.process_time()
    groups = rotations.in_groups(paths)
    assert time.process_time() - start < 5
    assert sum(map(len, groups)) == len(paths)
