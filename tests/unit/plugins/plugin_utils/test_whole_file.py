# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: a file is written whole and its owner's alone, follows no link, and never takes the place of a device."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.plugin_utils import whole_file


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / 'mine').write_text('old')
    (tmp_path / 'x.csv').symlink_to(tmp_path / 'mine')
    whole_file.check('dest', str(tmp_path / 'x.csv'), ('.csv',))
    whole_file.write(str(tmp_path / 'x.csv'), 'new')
    assert (tmp_path / 'mine').read_text() == 'old' and not (tmp_path / 'x.csv').is_symlink()
    assert (tmp_path / 'x.csv').read_text() == 'new' and (tmp_path / 'x.csv').stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize('kind', ['fifo', 'socket', 'device'])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / 'x.csv'
    if kind == 'fifo':
        os.mkfifo(path)
    elif kind == 'socket':
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        os.mknod(path, 0o020600, os.makedev(1, 3))  # /dev/null
    with pytest.raises(whole_file.FileError, match=r'dest=.*x\.csv is a device, a FIFO or a socket: name a file'):
        whole_file.check('dest', str(path), ('.csv',))


@pytest.mark.parametrize('path', ['/nonexistent/x.csv', 'x.txt', '', '/dev/null', '/dev/stderr', '/dev/sda'])
def test_what_cannot_be_written_is_refused(path):
    with pytest.raises(whole_file.FileError, match='name a file that ends in .csv'):
        whole_file.check('dest', path, ('.csv',))


def test_a_folder_that_is_missing_is_named():
    with pytest.raises(
        whole_file.FileError, match='dest=/nonexistent/x.csv: there is no folder /nonexistent, name a file'
    ):
        whole_file.check('dest', '/nonexistent/x.csv', ('.csv',))


def test_a_folder_is_refused(tmp_path):
    (tmp_path / 'x.csv').mkdir()
    with pytest.raises(whole_file.FileError, match='name a file that ends in .csv'):
        whole_file.check('dest', str(tmp_path / 'x.csv'), ('.csv',))


@pytest.mark.parametrize('path, expected', [('-', True), ('/dev/stdout', True), ('x', False), (None, False)])
def test_stdout_has_names(path, expected):
    assert whole_file.is_stdout(path) is expected


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / 'x.csv').write_text('old')
    with pytest.raises(UnicodeEncodeError):
        whole_file.write(str(tmp_path / 'x.csv'), '\ud800')
    assert os.listdir(tmp_path) == ['x.csv'] and (tmp_path / 'x.csv').read_text() == 'old'
