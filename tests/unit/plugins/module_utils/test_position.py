# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: state is kept from one run to the next where nobody else can change it, or refused with a sentence."""

from __future__ import annotations

import os

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._audit import position
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import printed

OTHER = 12345  # a user who owns nothing here


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.delenv('XDG_STATE_HOME', raising=False)
    monkeypatch.setenv('HOME', str(tmp_path))
    return tmp_path


def keep_position():
    state = position.ReaderState('key', 'reader')
    try:
        state.lock()
        warning = state.load()
        token = state.offer(None)
    finally:
        state.unlock()
    return warning, token


def keep_printed():
    kept = printed.Printed('reader', 'key', 'web1')
    before = kept.token()
    with kept.kept():
        kept.record('token')
    return before, kept.token()


KEEPERS = [(keep_position, position.StateError), (keep_printed, printed.PrintedError)]


@pytest.mark.parametrize('keep, _error', KEEPERS)
def test_it_is_kept_in_the_home(home, keep, _error):
    assert keep()[0] is None
    assert len(list((home / '.local/state/claude-hooks').iterdir())) == 2  # with its lock


@pytest.mark.parametrize('keep, error', KEEPERS)
def test_root_keeps_nothing_in_the_home_of_another_user(home, monkeypatch, keep, error):
    """As after `sudo -E`: the other user could put anything there. Where root is played, everybody here is another."""
    (home / '.local').mkdir()
    if os.geteuid() == 0:
        os.chown(home / '.local', OTHER, OTHER)
    else:
        monkeypatch.setattr(os, 'geteuid', lambda: OTHER)
    with pytest.raises(error, match='another user can change it .*set HOME or XDG_STATE_HOME to a folder that is safe'):
        keep()
    assert list((home / '.local').iterdir()) == []


@pytest.mark.parametrize('keep, error', KEEPERS)
@pytest.mark.parametrize('mode', [0o770, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(home, keep, error, mode):
    folder = home / '.local/state/claude-hooks'
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.raises(error, match=r'claude-hooks: its mode 0?%o lets others write to it: chmod 700 it' % mode):
        keep()


@pytest.mark.parametrize('keep, error', KEEPERS)
@pytest.mark.parametrize('put', [os.mkfifo, lambda path: os.symlink('/etc/passwd', path), os.mkdir])
def test_a_lock_that_is_no_file_is_refused(home, keep, error, put):
    keep()
    (lock,) = (home / '.local/state/claude-hooks').glob('*.lock')
    lock.unlink()
    put(lock)
    with pytest.raises(error, match='it is a link|it is not a file'):
        keep()


@pytest.mark.parametrize('put', [os.mkfifo, lambda path: os.symlink('/etc/passwd', path)])
def test_a_state_that_is_no_file_is_told_and_replaced(home, put):
    keep_position()
    state = home / '.local/state/claude-hooks/reader@key.json'
    state.unlink()
    put(state)
    warning, _token = keep_position()
    assert str(state) in warning and ('it is a link' in warning or 'it is not a file' in warning)
    assert keep_position()[0] is None


def test_a_token_that_is_no_file_is_refused(home):
    keep_printed()
    token = home / '.local/state/claude-hooks/printed-reader@key@web1'
    token.unlink()
    os.mkfifo(token)
    with pytest.raises(printed.PrintedError, match='printed-reader@key@web1: it is not a file'):
        keep_printed()


def locked():
    state = position.ReaderState('key', 'reader')
    state.lock()
    assert state.load() is None
    return state


def test_what_was_received_of_a_batch_is_known_to_the_next_run(home):
    state = locked()
    state.offer(None, ['a'])
    state.take('b')
    state.take('c')
    state.unlock()
    state = locked()
    assert (state.taken, state.is_taken('b'), state.is_taken('x')) == (['a', 'b', 'c'], True, False)
    # the next batch is another one
    state.offer(None)
    state.unlock()
    state = locked()
    assert state.taken == []
    state.unlock()


def test_half_a_line_of_a_run_that_was_killed_is_a_part_that_comes_again(home):
    state = locked()
    state.offer(None)
    state.take('a')
    state.unlock()
    (kept,) = (home / '.local/state/claude-hooks').glob('*.taken')
    kept.write_bytes(kept.read_bytes() + b'["x", "b"]\n[1]\n["')
    state = locked()
    assert state.taken == ['a']
    state.unlock()


def test_a_part_that_was_received_costs_a_line_and_not_the_whole_state(home, monkeypatch):
    state = locked()
    state.offer(None)
    written = []
    real = os.write
    monkeypatch.setattr(os, 'write', lambda handle, data: written.append(len(data)) or real(handle, data))
    for number in range(200):
        state.take('1795490000.100:%d' % number)
    state.unlock()
    assert len(written) == 200 and max(written) < 100
