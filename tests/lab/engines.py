# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines of other releases of Debian, beside the machine's own: each in a change-root, with its own CLI and compose.

DOCKER_AUDIT_TEST_ENGINE names the one that the tests run on: a suite of ENGINES, "newest", or nothing for the
machine's own (Debian 12 has 20.10). "newest" is that of Debian testing as long as testing has the version that passed
(the file engine_passed), else that of Debian 13: what testing brings tomorrow is no fault of today's change.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import tempfile

from machine import CACHE_DIR, LabError, command, long_command, say

ENGINES = ('trixie', 'testing')
# Not in /run, from where programs may not be started, and open to every user, unlike the cache in root's home.
HOME = pathlib.Path('/var/lib/claude-hooks-docker-audit-lab')
PASSED_FILE = pathlib.Path(__file__).resolve().with_name('engine_passed')
ROOT_RECIPE = pathlib.Path(__file__).resolve().with_name('root')

# The mounts belong to the engine's own process and are gone with it. The engine remounts "/": it must be a mount point.
# Sockets, test folders and its data have the same paths inside and outside; by /etc/audit "lab down" knows it as ours.
DOCKERD = r"""#!/bin/sh
# dockerd of Debian {suite}, in its own root. Written by tests/lab/engines.py.
exec unshare --mount --propagation private sh -ec '
    here={here}
    mount -t tmpfs layer "$here/layer"
    mkdir "$here/layer/upper" "$here/layer/work" "$here/layer/root"
    mount -t overlay root -o "lowerdir={root},upperdir=$here/layer/upper,workdir=$here/layer/work" "$here/layer/root"
    cd "$here/layer/root"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    for folder in /run /tmp /etc/audit "$here"; do
        mkdir -p ".$folder"
        mount --bind "$folder" ".$folder"
    done
    PATH=/usr/sbin:/usr/bin:/sbin:/bin exec chroot . dockerd "$@"
' dockerd "$@"
"""


def chosen():
    """The suite whose engine the tests shall run on, or None for the machine's own engine."""
    name = os.environ.get('DOCKER_AUDIT_TEST_ENGINE') or 'bookworm'
    if name == 'newest':
        name = newest()
    elif name == 'testing':
        forget_an_older_testing()
    if name == 'bookworm':
        return None
    if name not in ENGINES:
        raise LabError(f'DOCKER_AUDIT_TEST_ENGINE is {name}: choose one of bookworm, {", ".join(ENGINES)}, newest')
    return name


def prepare(suite):
    """Put together what an engine needs. Returns the environment in which "dockerd" and "docker" are that engine's."""
    root = pathlib.Path(command(str(ROOT_RECIPE), suite).strip())
    here = HOME / suite
    for folder in (here, here / 'bin', here / 'layer', here / 'data'):
        folder.mkdir(parents=True, exist_ok=True)
    for program in ('usr/bin/docker', 'usr/libexec/docker/cli-plugins/docker-compose'):
        # Copies, so that users other than root get at them, and that rules on their paths are about them alone.
        copy = here / 'bin' / pathlib.Path(program).name
        if not copy.exists() or copy.stat().st_mtime != (root / program).stat().st_mtime:
            shutil.copy2(root / program, copy.with_suffix('.new'))
            copy.with_suffix('.new').rename(copy)
    script = here / 'bin' / 'dockerd'
    script.write_text(DOCKERD.format(suite=suite, here=here, root=root))
    script.chmod(0o755)
    return {
        'PATH': f'{here}/bin:{os.environ["PATH"]}',
        'DOCKER_HOST': f'unix://{socket_of(suite)}',
        'DOCKER_AUDIT_TEST_ENGINE': suite,
        'DOCKER_AUDIT_TEST_COMPOSE': f'{here}/bin/docker-compose',
    }


def socket_of(suite):
    return f'/run/claude-hooks-{suite}/docker.sock'


def options(suite):
    """The words for a dockerd that keeps to itself, whatever other engine runs."""
    run = pathlib.Path(socket_of(suite)).parent
    # An engine that was killed leaves pids there, which it then takes for its own, and goes on in a swarm of its tests
    for left in (run, HOME / suite / 'data' / 'swarm'):
        shutil.rmtree(left, ignore_errors=True)
    run.mkdir()
    return [f'--data-root={HOME}/{suite}/data', f'--exec-root={run}/exec', f'--pidfile={run}/pid']


# --- which version ---


def versions(root):
    """The upstream versions of engine and compose in a root, as they stand in the file of what passed."""
    asked = command(
        'dpkg-query', f'--root={root}', '--show', '-f', '${Package} ${Version}\n', 'docker.io', 'docker-compose'
    )
    return sorted(upstream(line) for line in asked.splitlines())


def upstream(line):
    package, _blank, version = line.partition(' ')
    return package + ' ' + re.split('[+-]', version.rpartition(':')[2])[0]


def cached_testing():
    return sorted(path for path in CACHE_DIR.glob('root-testing-*') if (path / 'var/lib/dpkg/status').exists())


def versions_in_testing():
    """The same for what the archive has now. Testing's Release file can be older than it says it may be."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / 'lists' / 'partial').mkdir(parents=True)
        (work / 'testing.list').write_text(
            'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian testing main\n'
        )
        apt = [
            '-o', f'Dir::Etc::sourcelist={work}/testing.list',
            '-o', f'Dir::Etc::sourceparts={work}/none',
            '-o', f'Dir::State::lists={work}/lists',
            '-o', f'Dir::Cache={work}',
            '-o', 'Dir::Etc::preferences=/dev/null',
            '-o', 'Dir::Etc::preferencesparts=/dev/null',
            '-o', 'APT::Sandbox::User=root',
            '-o', 'Acquire::Check-Valid-Until=false',
            '-o', 'Acquire::Languages=none',
        ]  # fmt: skip
        long_command(work / 'log', 'apt-get', '--quiet', *apt, 'update')
        shown = command('apt-cache', *apt, 'show', '--no-all-versions', 'docker.io', 'docker-compose')
    fields = re.findall(r'^(?:Package|Version): (\S+)$', shown, re.MULTILINE)
    return sorted(upstream(f'{package} {version}') for package, version in zip(fields[::2], fields[1::2]))


def passed():
    return sorted(line for line in PASSED_FILE.read_text().splitlines() if line and not line.startswith('#'))


def newest():
    """The suite with the newest engine that this project has passed on."""
    roots = cached_testing()
    there = versions(roots[-1]) if roots else versions_in_testing()
    if there == passed():
        say(f'the newest engine is that of Debian testing: {", ".join(there)}')
        return 'testing'
    say(
        f'Debian testing has {", ".join(there)}, the tests passed with {", ".join(passed())}: taking the engine of '
        f'Debian 13; "make test-all" tries the new one'
    )
    return 'trixie'


def forget_an_older_testing():
    """Make room for a root with what testing has now, and say so when that is new."""
    now = versions_in_testing()
    for root in cached_testing():
        if versions(root) != now:
            shutil.rmtree(root)
    if now != passed():
        say(f'Debian testing has {", ".join(now)}, which is new: if all passes, write it into {PASSED_FILE.name}')
