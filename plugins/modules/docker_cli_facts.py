#!/usr/bin/python
# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: docker_cli_facts
short_description: Return the docker executables of a host and the real files that an audit rule must name
version_added: 1.0.0
description:
  - Searches for every executable of the given names on E(PATH) and then in C(/usr/local/bin), C(/usr/bin), C(/bin) and C(/snap/bin),
    follows links to the real file, and determines its kind.
  - An audit rule on a link never fires, so a rule must carry the real path.
  - It runs no program and writes nothing.
options:
  executables:
    description:
      - The names to look for, without any folder.
      - Not used when O(paths) is not empty.
    type: list
    elements: str
    default: [docker]
  paths:
    description:
      - Executables given by their absolute paths. When not empty, they replace the search.
      - A path without a file is reported in RV(ansible_facts.docker_cli.found) and is not an error.
    type: list
    elements: path
    default: []
notes:
  - E(PATH) is that of the module's own process on the host. With C(become), sudo's C(secure_path) often makes it shorter than the
    operator's; this is why the usual places are always searched too. A docker in a user's home is found only through O(paths).
  - Execute permission is that of the user who runs the module. Run it with C(become) to see what root can run.
  - Matches of one name that are the same real file (device and inode) are one match, the first. So C(/bin/docker) is not listed beside
    C(/usr/bin/docker) if C(/bin) is a link to C(/usr/bin), nor is a hard link.
requirements:
  - Python 3.8 or newer on the host
extends_documentation_fragment:
  - action_common_attributes
  - action_common_attributes.facts
attributes:
  check_mode:
    support: full
    details:
      - It changes nothing in either mode.
  diff_mode:
    support: none
    details:
      - There is nothing to compare.
  facts:
    support: full
  platform:
    platforms: linux
seealso:
  - name: auditctl(8)
    description: The path field of a rule.
    link: https://man7.org/linux/man-pages/man8/auditctl.8.html
author:
  - The claude_hooks.docker_audit team (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Find docker as root sees it
  claude_hooks.docker_audit.docker_cli_facts:
  become: true

- name: Show the files that need an audit rule
  ansible.builtin.debug:
    var: ansible_facts.docker_cli.real_paths

- name: Find docker and podman
  claude_hooks.docker_audit.docker_cli_facts:
    executables: [docker, podman]
  become: true

- name: Examine only one docker
  claude_hooks.docker_audit.docker_cli_facts:
    paths: [/opt/docker/bin/docker]
  become: true
"""

RETURN = r"""
ansible_facts:
  description: The facts that are added to the host.
  type: dict
  returned: success
  contains:
    docker_cli:
      description:
        - What was found.
        - Bytes of a path that are not UTF-8 are shown as C(\xNN).
      type: dict
      returned: success
      contains:
        path:
          description:
            - The first match that can be executed, as a shell's C(command -v) would choose it, leaving out relative parts of E(PATH).
            - With several O(executables), that of the first name that has one. It can be one that gets no rule, such as a snap.
            - V(null) if there is none.
          type: str
          returned: success
          sample: /usr/local/bin/docker
        real_path:
          description: The file that RV(ansible_facts.docker_cli.path) leads to, or V(null).
          type: str
          returned: success
          sample: /opt/docker/28.2.2/docker
        real_paths:
          description: The real path of every match that gets an audit rule, each once, in the order of RV(ansible_facts.docker_cli.found).
          type: list
          elements: str
          returned: success
          sample: [/opt/docker/28.2.2/docker, /usr/bin/docker]
        found:
          description: Every match, by name and then in the order of the search.
          type: list
          elements: dict
          returned: success
          contains:
            name:
              description: The name asked for, or the last part of the path given.
              type: str
              returned: success
              sample: docker
            path:
              description: Where it was found.
              type: str
              returned: success
              sample: /snap/bin/docker
            real_path:
              description: The file that the path leads to, or V(null) where it leads to none.
              type: str
              returned: success
              sample: /usr/bin/snap
            kind:
              description:
                - V(elf) is a binary and V(script) a file that starts with C(#!). Both get a rule.
                - V(snap) leads to the program C(snap), which runs all snaps. It gets no rule, for that would log every snap command.
                - V(unknown) can be executed but could not be read or is neither of these. It gets a rule. A shell runs a text without C(#!)
                  by itself after the kernel refused it (ENOEXEC); the rule then logs a failed execution without arguments.
                - The others cannot be executed and get no rule. V(dangling) is a link to a file that does not exist, a link loop, or a link to
                  where the module's user has no access. V(other) is a socket, pipe or device. V(missing) is one of O(paths) without a file.
              type: str
              returned: success
              sample: snap
              choices: [elf, script, snap, unknown, dangling, directory, not_executable, other, missing]
            reason:
              description: Why executions of it are not, or perhaps not fully, in the log. V(null) if a rule on the real path logs them.
              type: str
              returned: success
              sample: all snaps run through /usr/bin/snap, and a rule on it would log every snap command
          sample:
            - name: docker
              path: /usr/local/bin/docker
              real_path: /opt/docker/28.2.2/docker
              kind: elf
              reason:
            - name: docker
              path: /usr/bin/docker
              real_path: /usr/bin/docker
              kind: script
              reason:
            - name: docker
              path: /snap/bin/docker
              real_path: /usr/bin/snap
              kind: snap
              reason: all snaps run through /usr/bin/snap, and a rule on it would log every snap command
        reason:
          description: Why RV(ansible_facts.docker_cli.real_paths) is empty, or V(null) if it is not.
          type: str
          returned: success
          sample: docker not found in PATH or the usual places (/usr/local/bin, /usr/bin, /bin, /snap/bin)
        uncovered:
          description:
            - The entries of RV(ansible_facts.docker_cli.found) that can be executed and have a C(reason). Their executions are missing from the
              log, or for kind V(unknown) may be without arguments there.
            - Beside kinds V(snap) and V(unknown), these are files whose real path cannot be written in an audit rule, because it holds white
              space, a control character, bytes that are not UTF-8, a backslash, or one of C(!=), C(<=), C(>=) and C(&=).
          type: list
          elements: dict
          returned: success
          sample:
            - name: docker
              path: /snap/bin/docker
              real_path: /usr/bin/snap
              kind: snap
              reason: all snaps run through /usr/bin/snap, and a rule on it would log every snap command
        searched:
          description: The folders that were searched, in order, whether they exist or not. Empty when O(paths) is used.
          type: list
          elements: str
          returned: success
          sample: [/usr/local/sbin, /usr/sbin, /usr/local/bin, /usr/bin, /bin, /snap/bin]
        skipped:
          description: The parts of E(PATH) that could not be searched.
          type: list
          elements: dict
          returned: success
          contains:
            path:
              description: The part as it is in E(PATH), an empty string for an empty part.
              type: str
              returned: success
              sample: bin
            reason:
              description: Why it was not searched.
              type: str
              returned: success
              sample: an empty or relative part of PATH means another folder for every command
          sample:
            - path: bin
              reason: an empty or relative part of PATH means another folder for every command
"""

import os
import re
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._common.python import too_old
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.programs import FOLDERS

USUAL_DIRECTORIES = tuple(folder.encode('ascii') for folder in FOLDERS)
EXECUTABLE_KINDS = ('elf', 'script', 'snap', 'unknown')

# White space ends a field of a rule, backslashes escape (audit-userspace, src/auditctl.c: fileopt() and preprocess()), and a
# path with != in it is taken for a comparison (audit 3.0.9: "-F unknown field: path=/opt/a" for the file /opt/a!=b).
NOT_FOR_AUDITCTL = re.compile(r'[ \\]|[!<>&]=')


def main():
    module = AnsibleModule(
        argument_spec=dict(
            executables=dict(type='list', elements='str', default=['docker']),
            paths=dict(type='list', elements='path', default=[]),
        ),
        supports_check_mode=True,
    )
    old = too_old('docker_cli_facts')
    if old:
        module.fail_json(msg=old)
    problem = argument_problem(module.params['executables'], module.params['paths'])
    if problem:
        module.fail_json(msg=problem)
    facts = docker_cli(module.params['executables'], module.params['paths'], os.environb.get(b'PATH'))
    module.exit_json(changed=False, ansible_facts=dict(docker_cli=facts))


def argument_problem(executables, paths):
    """Say in one sentence what is wrong with the options, or return None."""
    if not executables and not paths:
        return 'executables is empty: name at least one executable'
    for name in executables:
        if not name or name in ('.', '..') or '/' in name or ' ' in name or not name.isprintable():
            return 'executables: %r is no name of an executable: give it without folder, white space and control characters' % name
    for path in paths:
        if not path.startswith('/'):
            return 'paths: %r is not absolute: start it with /' % path
        if '\0' in path:
            return 'paths: %r holds a NUL byte, which no path can' % path
    return None


def docker_cli(executables, paths, search_path):
    """Return the fact; search_path is the value of PATH in bytes, or None when it is not set."""
    names = [to_bytes(name) for name in executables]
    if paths:
        found, searched, skipped = look_at([to_bytes(path) for path in paths]), [], []
    else:
        searched, skipped = split_search_path(search_path)
        found, unreachable = search(names, searched)
        skipped += unreachable
    executable = [match for match in found if match['kind'] in EXECUTABLE_KINDS]
    ruled = [match['real_path'] for match in executable if match['kind'] != 'snap' and can_be_ruled(match['real_path'])]
    first = executable[0] if executable else dict(path=None, real_path=None)
    facts = dict(
        path=first['path'],
        real_path=first['real_path'],
        real_paths=list(dict.fromkeys(ruled)),
        reason=None if ruled else nothing_to_rule(paths or executables, found, searched),
        found=found,
        uncovered=[match for match in executable if match['reason']],
        searched=searched,
        skipped=skipped,
    )
    return printable(facts)


def nothing_to_rule(wanted, found, searched):
    """Return in one sentence why no file gets a rule."""
    told = ', '.join(wanted) + ' not found'
    if searched:
        told += ' in PATH or the usual places (%s)' % ', '.join(printable(searched))
    return '; '.join([told] + ['%s %s' % (printable(match['path']), match['reason']) for match in found if match['reason']])


def split_search_path(search_path):
    """Return the folders to search, those of PATH and then the usual ones, and the parts of PATH that are no certain folder."""
    searched = []
    skipped = []
    for part in [] if search_path is None else search_path.split(b':'):
        # An empty part means the current folder (POSIX, XBD 8.3, PATH). Neither it nor a relative part has one real path.
        if part.startswith(b'/'):
            searched.append(part.rstrip(b'/') or b'/')
        else:
            skipped.append(dict(path=part, reason='an empty or relative part of PATH means another folder for every command'))
    return list(dict.fromkeys(searched + list(USUAL_DIRECTORIES))), skipped


def search(names, directories):
    """Return every match of the names in the folders, and the folders that the system did not let us look into."""
    found = []
    unreachable = {}
    for name in names:
        seen = set()
        for directory in directories:
            path = os.path.join(directory, name)
            try:
                match, identity = examine(name, path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                unreachable[directory] = error.strerror
                continue
            if identity not in seen:
                seen.add(identity)
                found.append(match)
    return found, [dict(path=directory, reason=reason) for directory, reason in unreachable.items()]


def look_at(paths):
    """Return one match per file of the given paths."""
    found = []
    seen = set()
    for path in paths:
        name = os.path.basename(path)
        try:
            match, identity = examine(name, path)
        except OSError as error:
            match, identity = dict(name=name, path=path, real_path=None, kind='missing', reason=error.strerror), path
        if identity not in seen:
            seen.add(identity)
            found.append(match)
    return found


def examine(name, path):
    """Return one match and what tells it from others; OSError if there is nothing at the path."""
    try:
        info = os.stat(path)
    except OSError as error:
        info = os.lstat(path)
        real_path = None
        kind, reason = 'dangling', 'leads to no file that uid %d can reach: %s' % (os.geteuid(), error.strerror)
    else:
        real_path = os.path.realpath(path)
        kind, reason = classify(real_path, info)
    match = dict(name=name, path=path, real_path=real_path, kind=kind, reason=reason)
    # The kind belongs to the identity: through a noexec bind mount, a file that can be executed elsewhere cannot.
    return match, (kind, info.st_dev, info.st_ino)


def classify(real_path, info):
    """Return the kind of a real file, and the reason why a rule does not log it."""
    if stat.S_ISDIR(info.st_mode):
        return 'directory', 'is a directory'
    if not stat.S_ISREG(info.st_mode):
        return 'other', 'is no regular file'
    if not os.access(real_path, os.X_OK):
        mode = stat.S_IMODE(info.st_mode)
        return 'not_executable', 'cannot be executed by uid %d: mode %04o, or its file system is mounted noexec' % (os.getuid(), mode)
    if os.path.basename(real_path) == b'snap':
        return 'snap', 'all snaps run through %s, and a rule on it would log every snap command' % printable(real_path)
    kind, reason = read_kind(real_path)
    if not can_be_ruled(real_path):
        reason = 'its real path holds white space or a character that cannot be written in an audit rule: move or rename it'
    return kind, reason


def read_kind(real_path):
    """Return the kind of an executable file by its first bytes, as the kernel tells them apart (fs/binfmt_elf.c, fs/binfmt_script.c)."""
    try:
        with open(real_path, 'rb') as executable:
            start = executable.read(4)
    except OSError as error:
        return 'unknown', 'cannot be read (%s): if it is neither ELF nor a script with #!, its arguments are not logged' % error.strerror
    if start == b'\x7fELF':
        return 'elf', None
    if start[:2] == b'#!':
        return 'script', None
    # Measured on kernel 6.18: the rule logs success=no exit=-8 (ENOEXEC) for it, and the shell that reads it logs nothing more.
    return 'unknown', 'is neither ELF nor a script with #!: a shell interprets it by itself, and its arguments are not logged'


def can_be_ruled(real_path):
    """Whether auditctl reads this path in a rule as it stands."""
    try:
        text = real_path.decode('utf-8')
    except UnicodeDecodeError:
        return False
    return text.isprintable() and not NOT_FOR_AUDITCTL.search(text)


def to_bytes(text):
    return text.encode('utf-8', 'surrogateescape')


def printable(value):
    """Turn the bytes in a value into text that JSON and a terminal can carry."""
    if isinstance(value, bytes):
        return value.decode('utf-8', 'backslashreplace')
    if isinstance(value, dict):
        return dict((key, printable(item)) for key, item in value.items())
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


if __name__ == '__main__':
    main()
