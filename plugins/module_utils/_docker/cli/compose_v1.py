# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The separate program docker-compose: version 1 and its parser, and how version 2 converts its arguments.

Sources: compose/cli/main.py and docopt of docker/compose 1.29.2; Convert in cmd/compatibility/convert.go of 2.
"""

from __future__ import annotations

from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli import compose
from ansible_collections.claude_hooks.docker_audit.plugins.module_utils._docker.cli.pflag import (
    Option,
    Refused,
    Value,
    Verb,
    checked,
    following,
    is_boolean,
    is_option,
    known,
    options,
)

#: The usage texts of compose/cli/main.py.
GLOBAL = (
    'file/f= project-name/p= profile= context/c= verbose log-level= ansi= no-ansi version/v host/H= tls tlscacert= '
    'tlscert= tlskey= tlsverify skip-hostname-check project-directory= compatibility env-file='
)
_UP_CONFLICTS = (
    'build no-build',
    'no-recreate force-recreate',
    'no-recreate always-recreate-deps',
    'no-recreate renew-anon-volumes',
    'detach abort-on-container-exit',
    'detach exit-code-from',
    'detach attach-dependencies',
    'no-start detach',
    'no-start abort-on-container-exit',
    'no-start exit-code-from',
    'no-start attach-dependencies',
)
_READS = Verb()
COMMANDS = {
    'build': Verb('build-arg= compress force-rm memory/m= no-cache no-rm parallel progress= pull quiet/q'),
    'config': Verb('hash= no-interpolate profiles quiet/q resolve-image-digests services volumes'),
    'create': Verb('build force-recreate no-build no-recreate', compose.create, conflicts=_UP_CONFLICTS),
    'down': Verb('remove-orphans rmi=rmi timeout/t=int volumes/v', compose.services('compose_down', True), 0, 0),
    'events': Verb('json'),
    'exec': Verb('/T detach/d env/e= index=int privileged user/u= workdir/w=', compose.execute, 2),
    'help': _READS,
    'images': Verb('quiet/q'),
    'kill': Verb('/s=', compose.kill),
    'logs': Verb('follow/f no-color no-log-prefix tail= timestamps/t'),
    'pause': Verb('', compose.services('compose_pause', False)),
    'port': Verb('index= protocol='),
    'ps': Verb('all/a filter= quiet/q services'),
    'pull': Verb('ignore-pull-failures include-deps no-parallel parallel quiet/q'),
    'push': Verb('ignore-push-failures'),
    'restart': Verb('timeout/t=int', compose.services('compose_restart', True)),
    'rm': Verb('/v all/a force/f stop/s', compose.rm),
    # It starts dependencies and recreates none (ConvergenceStrategy.never): but the name alone does not tell version 1.
    'run': Verb(
        '/T detach/d entrypoint= /e= label/l= name= no-deps publish/p= rm service-ports use-aliases user/u= volume/v= '
        'workdir/w=',
        compose.run,
        1,
        None,
        ('service-ports publish',),
    ),
    'scale': Verb('timeout/t=int', compose.scale),
    'start': _READS,
    'stop': Verb('timeout/t=int', compose.services('compose_stop', True)),
    'top': _READS,
    'unpause': _READS,
    'up': Verb(
        'abort-on-container-exit always-recreate-deps attach-dependencies build detach/d exit-code-from= '
        'force-recreate no-build no-color no-deps no-log-prefix no-recreate no-start quiet-pull remove-orphans '
        'renew-anon-volumes/V scale= timeout/t=int',
        compose.up,
        conflicts=_UP_CONFLICTS,
    ),
    'version': Verb('short'),
}
#: Their usage has no "[--]": there the word is an argument, the name of a service that cannot be.
WITHOUT_DASHES = ('create', 'down', 'pause', 'scale', 'start', 'top', 'unpause')
#: Options that may come more than once, marked so in the usage; docopt refuses any other twice.
_REPEATED = ('build-arg', 'e', 'env', 'file', 'label', 'profile', 'publish', 'scale', 'volume')


def converted(words: list[str]) -> list[str]:
    """The words of docker-compose as version 2 hands them to itself as a plugin: global options go to the front."""
    texts = ('--tlscacert', '--tlscert', '--tlskey', '--host', '-H', '--context', '--log-level')
    leading: list[str] = []
    command = ['compose']
    index = 0
    while index < len(words):
        word = words[index]
        if word and word[0] != '-':
            break
        index += 1
        word = {'--verbose': '--debug', '-h': '--help', '--version': 'version', '-v': 'version'}.get(word, word)
        glued = next((text for text in texts if word.startswith(text) and '=' in word), None)
        if word in ('--debug', '-D', '--tls', '--tlsverify'):
            leading.append(word)
        elif word in texts:
            # A missing value is refused by the parser: nothing follows here that it could take.
            leading += [word] + words[index : index + 1]
            if index >= len(words):
                return leading
            index += 1
        elif glued:
            leading += [glued, word.partition('=')[2]]
        else:
            command.append(word)
    return leading + command + words[index:]


def docopt(specification: str, words: list[str], dashes: bool = True) -> tuple[list[tuple[str, Value]], list[str]]:
    """docopt's parse_argv with options_first: the options as (name, value), and the arguments.

    Long names may be cut short where that is unique; an option comes once, but for those marked so.
    """
    table = options(specification)
    found: list[tuple[str, Value]] = []
    seen = set()
    index = 0
    while index < len(words):
        word = words[index]
        if not is_option(word):
            break
        index += 1
        if word == '--':
            if not dashes:
                raise Refused('no such service: --')
            break
        for option, given in _long(table, word) if word.startswith('--') else _letters(table, word):
            value = given
            if value is None:
                value, index = following(option, words, index)
            if option.name in seen and option.name not in _REPEATED:
                raise Refused('usage')
            seen.add(option.name)
            found.append((option.name, checked(option, value)))
    return found, words[index:]


def _long(table: dict[str, Option], word: str) -> list[tuple[Option, str | None]]:
    """``--name`` or ``--name=value``, cut short where that is unique."""
    name, equals, value = word.partition('=')
    names = [name] if name in table else [each for each in table if each.startswith(name) and each[1] == '-']
    if len(names) != 1 or equals and is_boolean(table, names[0]):
        raise Refused('usage')
    return [(table[names[0]], value if equals else None)]


def _letters(table: dict[str, Option], word: str) -> list[tuple[Option, str | None]]:
    """``-abc``, where a letter that takes a value takes the rest of the word."""
    parts: list[tuple[Option, str | None]] = []
    position = 1
    while position < len(word):
        option = known(table, '-' + word[position])
        position += 1
        value = None
        if option.kind is not None and position < len(word):
            value, position = word[position:], len(word)
        parts.append((option, value))
    return parts
