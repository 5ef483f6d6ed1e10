# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Promise: no file, link, FIFO or device that another user put there is opened, followed or replaced."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common import files

OTHER = 12345  # a user who owns nothing here


@pytest.fixture(autouse=True, params=['Linux', 'another system'])
def system(request, monkeypatch):
    """O_PATH is Linux's alone."""
    if request.param != 'Linux':
        monkeypatch.setattr(files, '_O_PATH', 0)
        monkeypatch.delattr(os, 'O_PATH')


@pytest.fixture(autouse=True)
def nothing_stays_open():
    before = len(os.listdir('/proc/self/fd'))
    yield
    assert len(os.listdir('/proc/self/fd')) == before


def put_fifo(path):
    os.mkfifo(path)


def put_device(path):
    # A node needs root; /dev/full would answer a read with zeros
    path.symlink_to('/dev/full')


def put_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def put_folder(path):
    path.mkdir()


def put_pty(path):
    path.symlink_to('/dev/ptmx')


@pytest.mark.parametrize('put', [put_fifo, put_device, put_socket, put_folder, put_pty])
def test_only_regular_files_are_opened(tmp_path, put):
    put(tmp_path / 'thing')
    answers = []

    def attempt():
        try:
            answers.append(files.open_regular(str(tmp_path / 'thing')))
        except OSError as error:
            answers.append(error.strerror)

    # To open a FIFO would wait for ever
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(5)
    assert answers == ['it is not a file']


def test_a_regular_file_is_read_also_by_links_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'file').write_bytes(b'content')
    (tmp_path / 'to folder').symlink_to(tmp_path / 'folder')
    (tmp_path / 'to file').symlink_to('to folder/../folder/file')
    for path in ('folder/file', './/folder/./file', 'to folder/file', 'to file'):
        assert files.read_regular(str(tmp_path / path), 7) == b'content'
    monkeypatch.chdir(tmp_path / 'folder')
    assert files.read_regular('file', 3) == files.read_regular('../to file', 3) == b'con'


@pytest.mark.parametrize('mode', [0o777, 0o1777, 0o702])
def test_a_link_is_not_followed_where_others_may_have_put_it(tmp_path, mode):
    (tmp_path / 'file').write_text('content')
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'link').symlink_to('../file')
    folder.chmod(mode)
    with pytest.raises(OSError, match='link is a link that another user could have put there'):
        files.open_regular(str(folder / 'link'))


def test_a_link_of_another_user_is_not_followed_wherever_it_stands(tmp_path, monkeypatch):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'file').write_text('content')
    (tmp_path / 'link').symlink_to('folder')
    os.lchown(tmp_path / 'link', OTHER, OTHER) if os.geteuid() == 0 else monkeypatch.setattr(
        os, 'geteuid', lambda: OTHER
    )
    with pytest.raises(OSError, match='link is a link that another user could have put there'):
        files.open_regular(str(tmp_path / 'link' / 'file'))


@pytest.mark.parametrize(
    'path, reason',
    [
        ('missing', 'No such file'),
        ('missing/file', 'No such file'),
        ('file/file', 'Not a directory'),
        ('loop', 'Too many levels of symbolic links'),
        ('to root', 'it is not a file'),
        ('', 'it is not a file'),
    ],
)
def test_what_is_not_there_is_an_os_error_as_of_open(tmp_path, path, reason):
    (tmp_path / 'file').touch()
    (tmp_path / 'loop').symlink_to('loop')
    (tmp_path / 'to root').symlink_to('/')
    with pytest.raises(OSError, match=reason):
        files.open_regular(str(tmp_path / path) if path else '/')


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    with files.OwnFolder(str(tmp_path)) as folder:
        folder.write('file', b'first')
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b'first', 0o600)

    def fail(_handle):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', fail)
    with files.OwnFolder(str(tmp_path)) as folder, pytest.raises(OSError, match='No space left'):
        folder.write('file', b'second')
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b'first', ['file'])


# --- Folders for state ---------------------------------------------------------------------------------------------


def test_a_folder_of_ones_own_is_made_and_keeps_files(tmp_path):
    with files.OwnFolder(str(tmp_path / 'a' / 'b')) as folder:
        assert (tmp_path / 'a' / 'b').stat().st_mode & 0o777 == 0o700
        with pytest.raises(FileNotFoundError):
            folder.read('file', 100)
        folder.write('file', b'first')
        folder.write('file', b'second')
        assert folder.read('file', 3) == b'sec'
        for _time in range(2):
            lock = folder.open_lock('lock')
            assert os.pread(lock, 10, 0) in (b'', b'x') and os.pwrite(lock, b'x', 0) == 1
            os.close(lock)
    assert sorted(os.listdir(tmp_path / 'a' / 'b')) == ['file', 'lock']


def test_the_draft_of_a_run_that_was_killed_is_in_nobodys_way(tmp_path):
    (tmp_path / 'file.new').symlink_to('/dev/full')
    with files.OwnFolder(str(tmp_path)) as folder:
        folder.write('file', b'content')
    assert (os.listdir(tmp_path), (tmp_path / 'file').read_bytes()) == (['file'], b'content')


@pytest.mark.parametrize('use', [lambda folder: folder.read('x', 1), lambda folder: folder.open_lock('x')])
@pytest.mark.parametrize(
    'put, reason',
    [
        (put_fifo, 'it is not a file'),
        (put_socket, 'it is not a file'),
        (put_folder, 'it is not a file'),
        (put_device, 'it is a link'),
        (lambda path: path.symlink_to('file'), 'it is a link'),
    ],
)
def test_what_is_no_file_is_refused_and_stays(tmp_path, put, reason, use):
    (tmp_path / 'file').touch()
    put(tmp_path / 'x')
    before = (tmp_path / 'x').lstat()
    with files.OwnFolder(str(tmp_path)) as folder, pytest.raises(OSError, match=reason):
        use(folder)
    assert (tmp_path / 'x').lstat() == before


@pytest.mark.parametrize('put', [put_fifo, put_socket, put_device])
def test_a_file_that_is_written_replaces_what_is_none(tmp_path, put):
    put(tmp_path / 'x')
    with files.OwnFolder(str(tmp_path)) as folder:
        folder.write('x', b'content')
    assert not (tmp_path / 'x').is_symlink() and (tmp_path / 'x').read_bytes() == b'content'


@pytest.mark.parametrize('mode', [0o660, 0o602])
def test_a_file_that_others_may_write_to_is_not_read(tmp_path, mode):
    (tmp_path / 'x').write_bytes(b'x')
    (tmp_path / 'x').chmod(mode)
    with files.OwnFolder(str(tmp_path)) as folder:
        with pytest.raises(OSError, match='its mode %04o lets others write to it: chmod 600 it' % mode):
            folder.read('x', 10)


@pytest.mark.parametrize('mode', [0o770, 0o702, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path, mode):
    (tmp_path / 'state').mkdir()
    (tmp_path / 'state').chmod(mode)
    with pytest.raises(OSError, match='its mode %04o lets others write to it: chmod 700 it' % mode):
        files.OwnFolder(str(tmp_path / 'state'))


@pytest.mark.parametrize('path', ['open/state', 'open/a/state', 'link/state'])
def test_a_folder_below_one_that_others_can_change_is_refused_and_not_made(tmp_path, path):
    (tmp_path / 'open' / 'a').mkdir(parents=True)
    (tmp_path / 'link').symlink_to('open/a')
    (tmp_path / 'open').chmod(0o777)
    with pytest.raises(OSError, match='another user can change it .*set HOME or XDG_STATE_HOME') as caught:
        files.OwnFolder(str(tmp_path / path))
    assert caught.value.filename == str(tmp_path / 'open') and os.listdir(tmp_path / 'open' / 'a') == []


def test_a_folder_below_a_shared_one_like_tmp_is_ones_own(tmp_path):
    (tmp_path / 'shared').mkdir()
    (tmp_path / 'shared').chmod(0o1777)
    with files.OwnFolder(str(tmp_path / 'shared' / 'state')) as folder:
        folder.write('x', b'')


@pytest.mark.parametrize('path', ['state', 'state/deeper'])
def test_the_folder_of_another_user_is_refused(tmp_path, monkeypatch, path):
    """As root with HOME of another: only that user's id is another one here."""
    (tmp_path / 'state' / 'deeper').mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(tmp_path / 'state', OTHER, OTHER)
    else:
        monkeypatch.setattr(os, 'geteuid', lambda: OTHER)
    with pytest.raises(OSError, match='it belongs to uid|another user can change it'):
        files.OwnFolder(str(tmp_path / path))


@pytest.mark.parametrize('put', [lambda path: path.touch(), lambda path: path.symlink_to('.'), put_fifo])
def test_what_stands_in_place_of_the_folder_is_refused(tmp_path, put):
    put(tmp_path / 'state')
    with pytest.raises(OSError, match='it is a link or a file, not a folder'):
        files.OwnFolder(str(tmp_path / 'state'))
    with pytest.raises(OSError, match='it is a link or a file|Too many'):
        (tmp_path / 'loop').symlink_to('loop')
        files.OwnFolder(str(tmp_path / 'loop' / 'state'))
