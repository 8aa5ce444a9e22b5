#!/usr/bin/env bash
# Every check: format, lint, types, import rules, tests, doctests, README examples.
#   bash test.sh [PYTEST ARGUMENTS]
source "$(dirname "$0")/scripts/environment.sh" requirements-dev.lock

ruff format --check .
ruff check .
mypy
lint-imports --config importlinter.ini
python -m pytest "$@"
