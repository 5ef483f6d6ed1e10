# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promise: what the files of a host hold is read as it is, what cannot be read is told. On trees of the test's own."""

from __future__ import annotations

import errno
import gzip
import json
import os
import socket
import stat
import types

import pytest
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._coverage import host_facts, listeners

GROUPS = {'docker': (998, ['anna', 'gone']), 'users': (100, [])}
USERS = {'root': (0, 0), 'anna': (1001, 100), 'bob': (1002, 998)}
# Recorded: an engine that listens on port 2375 of 127.0.0.1, and a program on port 22 with another inode.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
   2: 0100007F:0949 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
   3: 00000000:1ED2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0
"""


@pytest.fixture(autouse=True)
def accounts(monkeypatch):
    def user(name):
        uid, gid = USERS[name]
        return types.SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=gid)

    def group(name):
        gid, members = GROUPS[name]
        return types.SimpleNamespace(gr_name=name, gr_gid=gid, gr_mem=members)

    names = {uid: name for name, (uid, _gid) in USERS.items()}
    group_names = {gid: name for name, (gid, _members) in GROUPS.items()}
    monkeypatch.setattr(
        host_facts,
        'pwd',
        types.SimpleNamespace(
            getpwall=lambda: [user(name) for name in USERS], getpwnam=user, getpwuid=lambda uid: user(names[uid])
        ),
    )
    monkeypatch.setattr(
        host_facts, 'grp', types.SimpleNamespace(getgrnam=group, getgrgid=lambda gid: group(group_names[gid]))
    )


@pytest.fixture
def tree(tmp_path):
    """Writes files below a root and looks at them."""
    return Tree(tmp_path)


class Tree(object):
    def __init__(self, root):
        self.root = root

    def path(self, name):
        path = self.root / name.lstrip('/')
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name, content='', mode=0o644):
        path = self.path(name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def link(self, name, target):
        self.path(name).symlink_to(target)

    def daemon(self, *words, sockets=(), uids=(0, 0, 0, 0), pid=77):
        folder = '/proc/%d/' % pid
        self.link(folder + 'exe', '/usr/bin/dockerd')
        self.write(folder + 'status', 'Name:\tdockerd\nUid:\t%s\n' % '\t'.join(map(str, uids)))
        self.write(folder + 'cmdline', ''.join(word + '\0' for word in ('dockerd',) + words))
        self.write(folder + 'net/tcp', TCP)
        self.path(folder + 'fd/x').parent.mkdir(exist_ok=True)
        for number, inode in enumerate(sockets):
            self.link(folder + 'fd/%d' % number, 'socket:[%d]' % inode)

    def look(self, pid=0, paths=(), search_path=None):
        return host_facts.facts(pid, paths, search_path, str(self.root))


@pytest.mark.parametrize(
    'exe, comm, expected',
    [
        ('/usr/sbin/auditd', 'x', 'auditd'),
        ('/usr/share/auditbeat/bin/auditbeat (deleted)', 'x', 'auditbeat'),
        (None, 'osqueryd\n', 'osqueryd'),
        (None, None, None),
    ],
)
def test_who_reads_the_kernels_records(tree, exe, comm, expected):
    if exe:
        tree.link('/proc/611/exe', exe)
    if comm:
        tree.write('/proc/611/comm', comm)
    assert tree.look(611)['consumer'] == expected


def test_the_settings_of_auditd(tree):
    tree.write(
        '/etc/audit/auditd.conf', '# log_file = /x\nlog_file = /var/log/a.log\nWRITE_LOGS=no\nnonsense\nnum_logs = 5 \n'
    )
    found = tree.look()
    assert (
        found['config'] == {'log_file': '/var/log/a.log', 'write_logs': 'no', 'num_logs': '5'}
        and found['log']['path'] == '/var/log/a.log'
    )


def test_a_missing_auditd_conf_is_told(tree):
    found = tree.look()
    assert found['config'] is None and ('/etc/audit/auditd.conf', 'it does not exist') in found['unseen']


def test_the_log_and_its_rotations(tree):
    record = 'type=X msg=audit(%d.250:7): y\n'
    tree.write('/var/log/audit/audit.log', record % 1795492000 + record % 1795493000)
    tree.write('/var/log/audit/audit.log.10', record % 1795400000)
    tree.write('/var/log/audit/audit.log.9', record % 1795450000)
    tree.write('/var/log/audit/audit.log.old', record % 1)
    log = tree.look()['log']
    assert (log['present'], log['files'], log['bytes'], log['first'], log['last']) == (
        True,
        4 - 1,
        4 * len(record % 1795492000),
        1795400000250,
        1795493000250,
    )
    assert 0 < log['free'] <= log['size']


def test_a_log_begins_where_its_oldest_rotation_does_also_if_that_is_compressed(tree):
    record = b'type=X msg=audit(%d.250:7): y\n'
    tree.write('/var/log/audit/audit.log', record % 1795492000)
    tree.write('/var/log/audit/audit.log.1.gz', gzip.compress(record % 1795400000 + record % 1795400001))
    log = tree.look()['log']
    assert (log['files'], log['first'], log['last']) == (2, 1795400000250, 1795492000250)
    tree.write('/var/log/audit/audit.log.1.gz', gzip.compress(record % 1795400000)[:12])
    found = tree.look()
    assert found['log']['first'] is None and 'cannot unpack' in dict(found['unseen'])['/var/log/audit/audit.log.1.gz']


@pytest.mark.parametrize('content', [b'', b'\0' * 100, b'audit(', b'\xff\xfe'])
def test_a_log_without_a_record_has_no_times(tree, content):
    tree.write('/var/log/audit/audit.log', content)
    log = tree.look()['log']
    assert (log['present'], log['first'], log['last']) == (True, None, None)


def test_a_log_that_is_not_there(tree):
    assert tree.look()['log']['present'] is False


def test_what_must_not_be_read_is_told_and_not_called_missing(tree, monkeypatch):
    def refusing(real):
        def function(path, *more, **options):
            if str(path).endswith(('/var/log/audit', 'daemon.json')):
                raise PermissionError(errno.EACCES, 'Permission denied')
            return real(path, *more, **options)

        return function

    for name in ('listdir', 'open'):
        monkeypatch.setattr(host_facts.os, name, refusing(getattr(os, name)))
    tree.path('/etc/docker/daemon.json')
    found = tree.look()
    assert found['log']['present'] is True
    assert {('/var/log/audit', 'Permission denied'), ('/etc/docker/daemon.json', 'Permission denied')} <= set(
        found['unseen']
    )


def executables(found):
    return [(item['path'], item['real_path'], item['is_plugin']) for item in found['executables']]


def test_every_docker_is_found_once_by_its_real_file(tree):
    tree.write('/opt/docker/bin/docker', mode=0o755)
    tree.link('/usr/bin/docker', '../../opt/docker/bin/docker')
    tree.link('/bin/docker', '../usr/bin/docker')
    tree.write('/usr/local/bin/docker', mode=0o755)
    tree.write('/home/anna/bin/docker', mode=0o755)
    tree.write('/usr/bin/docker-compose', mode=0o644)  # nobody can execute it
    tree.write('/usr/libexec/docker/cli-plugins/docker-compose', mode=0o755)
    tree.path('/sbin/docker').mkdir(parents=True)
    assert executables(tree.look(search_path='relative::/home/anna/bin/:/')) == [
        ('/home/anna/bin/docker', '/home/anna/bin/docker', False),
        ('/usr/local/bin/docker', '/usr/local/bin/docker', False),
        ('/usr/bin/docker', '/opt/docker/bin/docker', False),
        ('/usr/libexec/docker/cli-plugins/docker-compose', '/usr/libexec/docker/cli-plugins/docker-compose', True),
    ]


@pytest.mark.parametrize(
    'text, found', [('#!/bin/sh\nexec /usr/bin/podman "$@"\n', True), ('#!/bin/sh\nexec x\n', False), ('podman', False)]
)
def test_podman_counts_where_docker_is_its_shim(tree, text, found):
    tree.write('/usr/bin/docker', text, 0o755)
    tree.write('/usr/bin/podman', mode=0o755)
    assert ('/usr/bin/podman' in [path for path, _real, _plugin in executables(tree.look())]) is found


def test_the_real_files_of_rules(tree):
    tree.write('/opt/docker')
    tree.link('/usr/bin/docker', '../../opt/docker')
    assert tree.look(paths=['/opt/docker', '/usr/bin/docker', '/gone'])['real_paths'] == {
        '/opt/docker': '/opt/docker',
        '/usr/bin/docker': '/opt/docker',
        '/gone': None,
    }


@pytest.mark.parametrize(
    'words, addresses',
    [
        (('-H', 'fd://'), []),
        (('-H', 'unix:///run/x.sock', '--debug'), []),
        (('-H', 'tcp://0.0.0.0:2375'), ['tcp://0.0.0.0:2375']),
        (('--host=:2375',), [':2375']),
        (('-Htcp://1.2.3.4',), ['tcp://1.2.3.4']),
        (('-H=tcp://1.2.3.4',), ['tcp://1.2.3.4']),
        (('--host', 'tcp://a', '-H', 'fd://', '-H', 'tcp://b'), ['tcp://a', 'tcp://b']),
        (('-H',), []),
    ],
)
def test_tcp_on_the_command_line_of_the_engine(tree, words, addresses):
    tree.daemon(*words)
    assert tree.look()['tcp'] == [(address, 'command line of dockerd, pid 77') for address in addresses]


@pytest.mark.parametrize(
    'text, addresses, is_told',
    [
        ('{"hosts": ["fd://", "tcp://0.0.0.0:2376"], "debug": true}', ['tcp://0.0.0.0:2376'], False),
        ('{"hosts": "tcp://x"}', [], False),
        ('{"hosts": [1, null]}', [], False),
        (r'{"hosts": ["unix:///run/a\u0000b", "unix:///run/\ud800", "tcp://x"]}', ['tcp://x'], False),
        ('', [], False),
        ('{', [], True),
        ('[]', [], True),
        ('[' * 100000, [], True),
    ],
)
def test_tcp_in_the_file_of_the_engine(tree, text, addresses, is_told):
    tree.write('/etc/docker/daemon.json', text)
    found = tree.look()
    assert found['tcp'] == [(address, '/etc/docker/daemon.json') for address in addresses]
    assert found['unseen'].count(('/etc/docker/daemon.json', 'it is not the JSON of a docker engine')) == is_told


def test_another_file_of_the_engine(tree):
    tree.daemon('--config-file', '/etc/other.json')
    tree.write('/etc/other.json', '{"hosts": ["tcp://x"]}')
    assert tree.look()['tcp'] == [('tcp://x', '/etc/other.json')]


@pytest.mark.parametrize('uids', [(1001,) * 4, (1001, 0, 0, 0), (0, 1001, 0, 0), ()])
def test_what_calls_itself_an_engine_but_is_another_users_is_none(tree, uids):
    """No file is opened because such a process names it."""
    tree.daemon('--config-file', '/etc/other.json', '-H', 'tcp://203.0.113.9:2375', uids=uids)
    tree.write('/etc/other.json', '{"hosts": ["tcp://x"]}')
    found = tree.look()
    assert (found['is_docker_host'], found['tcp']) == (False, [])


def test_an_engine_of_the_owner_of_the_socket_is_one(tree, monkeypatch):
    tree.daemon('-H', 'tcp://x', uids=(1001,) * 4)
    listen(tree, '/run/docker.sock', 0o600, monkeypatch, uid=1001)
    assert tree.look()['tcp'] == [('tcp://x', 'command line of dockerd, pid 77')]


def test_no_file_is_opened_that_the_engine_of_a_user_names(tree, monkeypatch):
    tree.daemon('--config-file', '/etc/other.json', uids=(1001,) * 4)
    listen(tree, '/run/docker.sock', 0o600, monkeypatch, uid=1001)
    tree.write('/etc/other.json', '{"hosts": ["tcp://x"]}')
    assert tree.look()['tcp'] == []


@pytest.mark.parametrize('put', [os.mkfifo, lambda path: os.symlink('/dev/full', path), os.mkdir])
@pytest.mark.parametrize('name', ['/etc/other.json', '/etc/docker/daemon.json', '/etc/audit/auditd.conf'])
def test_only_regular_files_are_opened(tree, put, name):
    tree.daemon('--config-file', '/etc/other.json')
    put(str(tree.path(name)))
    assert (name, 'it is not a file') in tree.look()['unseen']


def test_a_host_of_an_engine(tree):
    assert tree.look()['is_docker_host'] is False
    tree.daemon()
    assert tree.look()['is_docker_host'] is True


@pytest.mark.parametrize(
    'inodes, words, addresses',
    [
        ([4711, 9], [], ['tcp port 2375']),
        ([4713], [], []),  # connected, not listening
        ([4714], [], []),  # 7890 is that of its neighbours below
        ([4711], ['--metrics-addr', '127.0.0.1:2375'], []),
        ([4711], ['--metrics-addr=127.0.0.1:2375'], []),
        ([], [], []),
    ],
)
def test_a_listening_socket_of_the_engine(tree, inodes, words, addresses, monkeypatch):
    monkeypatch.setattr(listeners, 'SWARM_PORTS', (0x1ED2,))
    tree.daemon(*words, sockets=inodes)
    assert tree.look()['tcp'] == [(address, 'listening socket of dockerd, pid 77') for address in addresses]


UNIX = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/docker.sock
0000000000000000: 00000002 00000000 00010000 0001 01 22 /run/docker/metrics.sock
0000000000000000: 00000002 00000000 00010000 0001 01 23 /run/docker/libnetwork/a1b2c3.sock
0000000000000000: 00000003 00000000 00000000 0001 03 24 /run/docker.sock
0000000000000000: 00000002 00000000 00010000 0001 01 25 /srv/api socket
0000000000000000: 00000002 00000000 00010000 0001 01 26 @abstract
0000000000000000: 00000002 00000000 00010000 0001 01 27 /run/of-another
0000000000000000: 00000002 00000000 00010000 0001 01 28
"""


def test_the_unix_sockets_on_which_an_engine_listens(tree):
    tree.daemon(sockets=[21, 22, 23, 24, 25, 26, 28])
    tree.write('/proc/77/net/unix', UNIX)
    assert tree.look()['sockets'] == ['/run/docker.sock', '/srv/api socket']


@pytest.mark.parametrize(
    'made', ['x x x zz x x 21 /y', '0: 1 1 zzzzzzzz 1 1 21 /y', ': 21 /y', '0: 1 1 00010000 1 1 21 @y']
)
def test_a_name_with_a_line_end_in_it_breaks_nothing(tree, made):
    """Any user can give a socket such a name."""
    tree.daemon(sockets=[21])
    tree.write(
        '/proc/77/net/unix', UNIX + '0000000000000000: 00000002 00000000 00000000 0001 01 99 /tmp/x\n%s\n' % made
    )
    assert tree.look()['sockets'] == ['/run/docker.sock']


def test_no_number_of_sockets_hides_those_of_an_engine(tree):
    tree.daemon(sockets=[21, 4711])
    others = '0000000000000000: 00000003 00000000 00000000 0001 03 99 /run/user/1000/x\n' * 100000
    head, rest = UNIX.split('\n', 1)
    tree.write('/proc/77/net/unix', head + '\n' + others + rest)
    head, rest = TCP.split('\n', 1)
    tree.write('/proc/77/net/tcp', head + '\n' + ' ' * 150 * 40000 + '\n' + rest)
    found = tree.look()
    assert (found['sockets'], [address for address, _place in found['tcp']]) == (
        ['/run/docker.sock'],
        ['tcp port 2375'],
    )


@pytest.mark.parametrize(
    'made, expected',
    [
        ('', ['/run/docker.sock', '/srv/api']),
        # By a name with a line end in it
        ('0: 1 1 00010000 1 1 29 /run/of-another', ['/run/docker.sock']),
        ('0: 1 1 00010000 1 1 21 /run/of-another', ['/run/docker.sock', '/srv/api']),
    ],
)
def test_no_rule_is_made_for_a_path_that_a_user_adds_to_the_sockets_of_an_engine(tree, monkeypatch, made, expected):
    tree.daemon(sockets=[21, 29])
    line = '0000000000000000: 00000002 00000000 00010000 0001 01 29 /srv/api\n'
    tree.write('/proc/77/net/unix', UNIX + line + made + '\n')
    tree.write('/proc/self/mounts', '/dev/sda / ext4 rw 0 0\n')
    for name in ('/run/docker.sock', '/srv/api', '/run/of-another'):
        tree.write(name, '')
        tree.path(name).unlink()
        os.mknod(tree.path(name), stat.S_IFSOCK | 0o600)
    assert listeners.of_root(listeners.Tree(str(tree.root))) == expected


def test_the_sockets_of_other_engines_are_told_from_those_of_one(tree):
    """An audit record names a socket by device and inode."""
    for pid, sockets in ((77, [21]), (78, [25, 27])):
        tree.daemon(sockets=sockets, pid=pid)
        tree.write('/proc/%d/net/unix' % pid, UNIX)
    for name in ('/run/docker.sock', '/srv/api socket'):
        os.mknod(tree.path(name), stat.S_IFSOCK | 0o600)
    # the same socket by another name
    os.link(tree.path('/run/docker.sock'), tree.path('/run/of-another'))
    here = listeners.Tree(str(tree.root))
    status = tree.path('/srv/api socket').stat()
    device = '%02x:%02x' % (os.major(status.st_dev), os.minor(status.st_dev))
    apart = listeners.apart('/run/docker.sock', here)
    assert apart.own == {'/run/docker.sock'}
    assert apart.others == ((device, status.st_ino, status.st_mtime * 1000, '/srv/api socket'),)
    assert [one.inode for one in listeners.apart('/run/of-another', here).others] == []
    assert listeners.apart('/run/nowhere', here) == (frozenset(), (), ())


@pytest.mark.parametrize('words, expected', [([], ('tcp port 2375',)), (['--metrics-addr', '127.0.0.1:2375'], ())])
def test_an_engine_that_is_asked_by_a_socket_can_listen_on_tcp_too(tree, words, expected):
    tree.daemon(*words, sockets=[21, 4711])
    tree.write('/proc/77/net/unix', UNIX)
    assert listeners.apart('/run/docker.sock', listeners.Tree(str(tree.root))) == (
        frozenset(['/run/docker.sock']),
        (),
        expected,
    )


def test_an_engine_without_sockets_has_none(tree):
    tree.daemon()
    tree.write('/proc/77/net/unix', UNIX)
    assert tree.look()['sockets'] == []


def listen(tree, name, mode, monkeypatch, uid=0, gid=998, folder=None):
    """A socket with another owner than the test's own user; its folder has the same, or one of its own."""
    place = str(tree.path(name))
    short = os.open(os.path.dirname(place), os.O_RDONLY)
    server = socket.socket(socket.AF_UNIX)
    server.bind('/proc/self/fd/%d/%s' % (short, os.path.basename(place)))
    server.close()
    os.close(short)
    os.chmod(place, mode)
    kept = os.stat
    owners = {place: uid, os.path.dirname(place): uid if folder is None else folder}

    def status(path, **options):
        real = kept(path, **options)
        return os.stat_result([*real[:4], owners[str(path)], gid, *real[6:]]) if str(path) in owners else real

    monkeypatch.setattr(host_facts.os, 'stat', status)


@pytest.mark.parametrize(
    'mode, talkers',
    [
        (
            0o660,
            [
                (0, 'root', 'owner of /run/docker.sock'),
                (1001, 'anna', 'group docker of /run/docker.sock'),
                (1002, 'bob', 'group docker of /run/docker.sock'),
            ],
        ),
        (0o600, [(0, 'root', 'owner of /run/docker.sock')]),
        (
            0o666,
            [
                (0, 'root', 'owner of /run/docker.sock'),
                (None, None, 'mode 0666 of /run/docker.sock'),
                (1001, 'anna', 'group docker of /run/docker.sock'),
                (1002, 'bob', 'group docker of /run/docker.sock'),
            ],
        ),
    ],
)
def test_who_may_write_to_the_socket(tree, monkeypatch, mode, talkers):
    listen(tree, '/run/docker.sock', mode, monkeypatch)
    assert [(one['uid'], one['name'], one['why']) for one in tree.look()['talkers']] == talkers


def test_an_engine_of_a_user(tree, monkeypatch):
    listen(tree, '/run/user/1001/docker.sock', 0o660, monkeypatch, uid=1001, gid=12345)
    assert tree.look()['talkers'] == [{'uid': 1001, 'name': 'anna', 'why': 'owner of /run/user/1001/docker.sock'}]


@pytest.mark.parametrize('uid, folder', [(1002, 1001), (1001, 1002), (1002, 1002), (0, 1001), (1001, 0)])
def test_a_socket_that_is_not_its_users_tells_of_nobody(tree, monkeypatch, uid, folder):
    listen(tree, '/run/user/1001/docker.sock', 0o666, monkeypatch, uid=uid, gid=12345, folder=folder)
    assert [one['why'] for one in tree.look()['talkers']] == ['group docker of /run/docker.sock'] * 2


def test_without_an_engine_the_group_docker_counts(tree):
    assert [(one['uid'], one['why']) for one in tree.look()['talkers']] == [
        (1001, 'group docker of /run/docker.sock'),
        (1002, 'group docker of /run/docker.sock'),
    ]


def test_units_are_looked_at_where_systemd_runs(tree):
    tree.write('/usr/lib/systemd/system/auditd.service', '[Unit]\nRequires=audit-rules.service\nAfter=x\n')
    assert tree.look()['units'] is None
    tree.path('/run/systemd/system/x')
    tree.link('/etc/systemd/system/multi-user.target.wants/auditd.service', '/usr/lib/systemd/system/auditd.service')
    tree.write('/usr/lib/systemd/system/audit-rules.service', '[Unit]\n')
    tree.link('/etc/systemd/system/audit-rules.service', '/dev/null')
    assert tree.look()['units'] == {
        'auditd.service': {'present': True, 'masked': False, 'enabled': True, 'needs': ['audit-rules.service']},
        'audit-rules.service': {'present': True, 'masked': True, 'enabled': False, 'needs': []},
    }


def test_nothing_is_changed(tree):
    tree.write('/var/log/audit/audit.log', 'x')
    tree.daemon('-H', 'tcp://x')
    before = {path: path.lstat().st_mtime_ns for path in tree.root.rglob('*')}
    tree.look(77, ['/usr/bin/docker'], '/usr/bin')
    assert {path: path.lstat().st_mtime_ns for path in tree.root.rglob('*')} == before


def test_what_blinds_the_witness_is_its_last_word(tree):
    marks = [{'mark': 'blind', 'time': 1000, 'reason': 'slow'}, {'mark': 'sees', 'time': 2000}]
    assert tree.look()['blind_witness'] is None
    tree.write('/var/lib/claude-hooks/events.jsonl.1', ''.join(json.dumps(mark) + '\n' for mark in marks))
    assert tree.look()['blind_witness'] is None
    last = {'mark': 'blind', 'time': 3000, 'reason': 'ptrace_scope'}
    tree.write('/var/lib/claude-hooks/events.jsonl', json.dumps(last) + '\n')
    assert tree.look()['blind_witness'] == 'ptrace_scope'


def test_what_blinds_the_witness_is_known_wherever_it_said_so(tree):
    event = json.dumps({'Type': 'container', 'Action': 'start', 'Actor': {'ID': 'a' * 64}, 'timeNano': 1}) + '\n'
    part = event * ((5 << 20) // len(event))
    marks = [{'mark': 'sees', 'time': 2000}, {'mark': 'blind', 'time': 3000, 'reason': 'ptrace_scope'}]
    first, last = (json.dumps(mark) + '\n' for mark in marks)
    tree.write('/var/lib/claude-hooks/events.jsonl', first + part + last + part)
    assert tree.look()['blind_witness'] == 'ptrace_scope'
