#!/usr/bin/env bash
# Every check: format, lint, types, import rules, tests, doctests, README examples.
#   bash test.sh [PYTEST ARGUMENTS]
#   bash test.sh --fast [...]      without the tests that are marked slow
source "$(dirname "$0")/scripts/environment.sh" requirements-dev.lock

# A process a core, up to 8, each with its own TensorFlow: about 1.5 GB. The tests of a
# file stay together, since they share what they make; tests/conftest.py orders the files.
parallel=(-n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder)

ruff format --check .
ruff check .
lint-imports --config importlinter.ini
mypy
if [ "${1:-}" = --fast ]; then
    shift
    parallel+=(-m "not slow")
fi
python -m pytest "${parallel[@]}" "$@"
