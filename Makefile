# "make help" lists the targets.
#   INVENTORY=hosts.yml      the hosts (default: this one)
#   LIMIT='web*'             some of them
#   ARGS="-e since=-2h"      options of the playbooks (docs/usage.md) or of ansible-playbook
SHELL := /bin/bash
PYTHON ?= python3
INVENTORY ?=
LIMIT ?=
ARGS ?=

# A typo would choose the default hosts and options
typed := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
unknown := $(filter-out ARGS INVENTORY LIMIT PYTHON VENV,$(typed))
$(if $(unknown),$(error $(firstword $(unknown)) is no variable of make here: use ARGS, INVENTORY, LIMIT or PYTHON. \
  Variables of playbooks belong into ARGS="-e ..."))

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# A copied or moved checkout has a .venv with the paths of its old place: it is made anew.
linked := $(realpath $(wildcard $(VENV)/lib/python3*/site-packages/ansible_collections/claude_hooks/docker_audit))
ifneq ($(linked),$(realpath .))
$(VENV)/ready: anew
endif

# Said before anything is set up, so that .venv is not made by another user. With other hosts or become it is theirs to say.
becomes := $(or $(INVENTORY),$(ANSIBLE_BECOME),$(filter -b -K -bK -Kb --become% --ask-become% ansible_become%,$(ARGS)))
words = $${ARGS:+ ARGS=$$(case "$$ARGS" in *[\"\$$\`\\]*) printf %q "$$ARGS";; *) printf '"%s"' "$$ARGS";; esac)}
refuse = { echo "$(MAKECMDGOALS) needs root on this host$(1): sudo make $(MAKECMDGOALS)$(words)" >&2; exit 1; }

as-root:
	@$(if $(becomes),:,[ "$$(id -u)" = 0 ] || $(call refuse))

as-reader:
	@$(if $(becomes),:,[ "$$(id -u)" = 0 ] || [ -r /var/log/audit ] || $(call refuse, to read the audit log))

# ARGS=-v brings Ansible's own output.
playbook = ANSIBLE_STDOUT_CALLBACK=$${ANSIBLE_STDOUT_CALLBACK:-claude_hooks.docker_audit.quiet} \
  ansible-playbook $(if $(INVENTORY),-i '$(INVENTORY)') $(if $(LIMIT),--limit '$(LIMIT)') playbooks/$(1) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help audit-install audit-uninstall audit-findings audit-verdicts audit-coverage audit-tail samples docs test test-all
.PHONY: as-root as-reader anew

help: ## List the targets
	@echo 'Who stopped my container? By default, containers named claude-hooks-* are shown.'
	@echo "Choose your own: ARGS=\"-e container='web-*'\"    Show all: ARGS=\"-e container='*'\""
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | sort | while IFS=$$'\t' read -r name what; do printf '%-18s %s\n' "$$name" "$$what"; done
	@sed -n 's/^#   /  /p' Makefile

audit-install: as-root $(VENV)/ready ## Install the audit rule on each host and check that the kernel holds it
	@$(call playbook,audit.yml -e state=present)
	@$(if $(filter --check -C% -DC --syntax-check --list-%,$(ARGS)),:,echo) 'Next: make audit-findings shows who stopped or removed a container'

audit-uninstall: as-root $(VENV)/ready ## Remove the rule and what was stored on each host
	@$(call playbook,audit.yml -e state=absent)

audit-findings: as-reader $(VENV)/ready ## Show who stopped or removed a container today
	@$(call playbook,findings.yml)

audit-verdicts: as-reader $(VENV)/ready ## Show why each container ended or was removed today, and who asked for it
	@$(call playbook,verdicts.yml)

audit-coverage: as-root $(VENV)/ready ## Check whether each host would have recorded a docker command
	@$(call playbook,coverage.yml)

# Ansible starts no more processes than there are hosts, so a number that is never too small costs nothing.
audit-tail: as-reader $(VENV)/ready ## Show each finding as it happens, until Ctrl-C
	@$(call playbook,tail.yml --forks 1000)

samples: $(VENV)/ready-test ## Regenerate the samples of output in the documents
	DOCKER_AUDIT_TEST_ENGINE=newest tests/lab/lab run tests/samples/record

docs: $(VENV)/ready-test ## Build the reference as web pages in docs/html
	@docs/docsite/build

test: $(VENV)/ready-test ## Run the tests (as root on Debian; installs what they need)
	tests/run

test-all: $(VENV)/ready-test ## Run the slow tests too, on more releases
	tests/run --all

# Says what it waits for, a package a line.
install = set -o pipefail; $(VENV)/bin/pip install --disable-pip-version-check --requirement $(1) | \
  sed -n -u -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^Installing collected packages.*/  installing them .../p' >&2

# The checkout is linked into the virtual environment under its collection's name, whatever its folder is called.
$(VENV)/ready: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or later, or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), Python 3.11 or later is needed: name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV), once ..." >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(call install,requirements.txt)
	@packages=$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  mkdir -p "$$packages/ansible_collections/claude_hooks" && \
	  ln -sfn '$(CURDIR)' "$$packages/ansible_collections/claude_hooks/docker_audit"
	@touch $@

$(VENV)/ready-test: requirements-test.txt $(VENV)/ready
	@echo "Adding what the tests need to $(VENV), once ..." >&2
	@$(call install,requirements-test.txt)
	@touch $@
