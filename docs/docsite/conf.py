# Copyright: (c) 2026, the claude_hooks.docker_audit team
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of Sphinx for "make docs"."""

from __future__ import annotations

from docutils import nodes

project = 'claude_hooks.docker_audit'
extensions = ['sphinx_antsibull_ext']
html_theme = 'sphinx_ansible_theme'
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_static_path = ['static']
html_css_files = ['menu.css']

# Where the generated pages point to in Ansible's own documentation. Intersphinx would ask its site at each build.
ANSIBLE = 'https://docs.ansible.com/projects/ansible/latest/'
LABELS = {
    'action_plugins': 'plugins/action.html',
    'ansible_collections.ansible.builtin.debug_module': 'collections/ansible/builtin/debug_module.html',
    'ansible_collections.ansible.builtin.default_callback': 'collections/ansible/builtin/default_callback.html',
    'ansible_collections.ansible.builtin.meta_module': 'collections/ansible/builtin/meta_module.html',
    'ansible_configuration_settings': 'reference_appendices/config.html',
    'callback_plugins': 'plugins/callback.html',
    'common_return_values': 'reference_appendices/common_return_values.html',
}


def link_to_ansible(app, env, node, content):
    """Any other label that is not there stays an error of the build."""
    if node['reftype'] == 'ref' and node['reftarget'] in LABELS:
        return nodes.reference('', '', content, internal=False, refuri=ANSIBLE + LABELS[node['reftarget']])
    return None


def setup(app):
    app.connect('missing-reference', link_to_ansible)
