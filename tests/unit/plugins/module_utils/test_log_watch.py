# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: whoever waits for a log wakes when it is written to and when nobody listens any more, and not before."""

from __future__ import annotations

import os
import threading
import time

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import watch as log_watch


@pytest.fixture(params=['inotify', 'without inotify'])
def watch(request, tmp_path, monkeypatch):
    (tmp_path / 'audit.log').write_text('first\n')
    (tmp_path / 'link').symlink_to(tmp_path / 'audit.log')
    if request.param == 'without inotify':
        monkeypatch.setattr(log_watch, '_inotify', lambda folder: None)
    watch = log_watch.LogWatch(str(tmp_path / 'link'))
    assert (watch._inotify is None) == (request.param == 'without inotify')
    return watch


def write(folder):
    with (folder / 'audit.log').open('a') as log:
        log.write('more\n')


def rotate(folder):
    (folder / 'audit.log').rename(folder / 'audit.log.1')
    (folder / 'audit.log').touch()


@pytest.mark.parametrize('change', [write, rotate])
def test_it_wakes_when_the_log_changes(watch, tmp_path, change):
    start = time.monotonic()
    threading.Timer(0.3, change, [tmp_path]).start()
    assert watch.wait(20) == log_watch.WRITTEN and time.monotonic() - start < 15


def test_what_was_written_before_the_wait_wakes_it_too_and_once(watch, tmp_path):
    write(tmp_path)
    assert (watch.wait(20), watch.wait(0.7)) == (log_watch.WRITTEN, log_watch.EXPIRED)


def test_it_waits_as_long_as_it_is_told(watch):
    start = time.monotonic()
    assert watch.wait(0.7) == log_watch.EXPIRED and 0.7 <= time.monotonic() - start < 15


def test_a_log_that_is_written_to_all_the_time_wakes_it_now_and_then(watch, tmp_path):
    ended = threading.Event()

    def fill():
        while not ended.wait(0.002):
            write(tmp_path)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        start = time.monotonic()
        wakes = sum(watch.wait(5) == log_watch.WRITTEN for _wake in range(4))
        assert wakes == 4 and 3 * log_watch._SPACING <= time.monotonic() - start < 15
    finally:
        ended.set()
        thread.join()


def test_it_wakes_when_nobody_listens_any_more(watch):
    listener, output = os.pipe()
    watch._listener = output
    threading.Timer(0.3, os.close, [listener]).start()
    start = time.monotonic()
    assert watch.wait(20) == log_watch.GONE and time.monotonic() - start < 15
