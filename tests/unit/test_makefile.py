# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: make sets a checkout up once for each place, and tells who is not root to use sudo before it does so.

Runs the real make in a folder with a blank, without a network.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / 'a place'
    folder.mkdir()
    for name in ('Makefile', 'requirements.txt'):
        shutil.copy(ROOT / name, folder)
    set_up(folder)
    return folder


def set_up(folder):
    """What the rule for .venv/ready leaves, as far as make looks at it."""
    link = folder / '.venv/lib/python3.11/site-packages/ansible_collections/claude_hooks/docker_audit'
    link.parent.mkdir(parents=True)
    link.symlink_to(folder)
    (folder / '.venv/ready').touch()


def make(folder, *words, user=()):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(('ANSIBLE_', 'MAKE', 'MFLAGS'))}
    done = subprocess.run([*user, 'make', *words], cwd=folder, env=kept, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def sets_up(folder):
    return 'python3 -m venv --clear' in make(folder, '-n', 'audit-findings')[0]


def test_a_checkout_is_set_up_once(checkout):
    assert not sets_up(checkout)


def test_a_copy_is_set_up_anew(checkout, tmp_path):
    assert sets_up(shutil.copytree(checkout, tmp_path / 'copy', symlinks=True)) and not sets_up(checkout)


def test_a_checkout_that_was_moved_is_set_up_anew(checkout, tmp_path):
    assert sets_up(checkout.rename(tmp_path / 'moved'))


def test_a_checkout_that_is_reached_over_a_link_is_not(checkout, tmp_path):
    (tmp_path / 'link').symlink_to(checkout)
    assert not sets_up(tmp_path / 'link')


@pytest.mark.parametrize('typo', ['LIMITS=web1', 'ARG=-v', 'args=-v', 'container=web'])
def test_a_variable_that_would_do_nothing_is_refused(checkout, typo):
    stdout, stderr = make(checkout, '-n', 'audit-uninstall', typo)
    assert stdout == '' and '%s is no variable of make here' % typo.partition('=')[0] in stderr


@pytest.mark.parametrize('word', ['LIMIT=web1', 'ARGS=-v', 'INVENTORY=a.yml', 'PYTHON=python3'])
def test_the_variables_that_help_names_pass(checkout, word):
    assert 'ansible-playbook' in make(checkout, '-n', 'audit-uninstall', word)[0]


@pytest.fixture
def nobody(checkout):
    if os.geteuid() != 0:
        pytest.skip('needs root to be somebody else')
    for folder in (checkout, *checkout.parents):
        if folder.stat().st_uid == 0 and folder.name.startswith(('a place', 'test_', 'pytest-', 'popen-')):
            folder.chmod(folder.stat().st_mode | 0o055)
    return ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups')


@pytest.mark.parametrize(
    'target, args, words',
    [
        ('audit-install', '', 'audit-install needs root on this host: sudo make audit-install'),
        (
            'audit-coverage',
            "-e container='web-*'",
            'audit-coverage needs root on this host: sudo make audit-coverage ARGS="-e container=\'web-*\'"',
        ),
        (
            'audit-tail',
            '-e x="$(id)"',
            'audit-tail needs root on this host to read the audit log: sudo make audit-tail '
            r'ARGS=-e\ x=\"\$\(id\)\"',
        ),
    ],
)
def test_who_is_not_root_is_told_what_to_type(checkout, nobody, target, args, words):
    if target == 'audit-tail' and pathlib.Path('/var/log/audit').exists() and os.stat('/var/log/audit').st_mode & 0o4:
        pytest.skip('everybody may read the audit log here')
    out, err = make(checkout, target, 'ARGS=' + args.replace('$', '$$'), user=nobody)
    assert (out, err.splitlines()[0]) == ('', words), out + err


@pytest.mark.parametrize('more', [['INVENTORY=hosts.yml'], ['ARGS=--check -K'], ['ARGS=-e ansible_become=true']])
def test_who_uses_become_or_other_hosts_is_not(checkout, nobody, more):
    (checkout / '.venv/bin').mkdir()
    (checkout / '.venv/bin/ansible-playbook').write_text('#!/bin/sh\necho asked\n')
    (checkout / '.venv/bin/ansible-playbook').chmod(0o755)
    out, err = make(checkout, '-s', 'audit-findings', *more, user=nobody)
    assert (out, err) == ('asked\n', ''), out + err
