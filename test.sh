#!/usr/bin/env bash
# Every check: format, lint, types, import rules, tests, doctests, README examples.
#   bash test.sh [PYTEST ARGUMENTS]
#   bash test.sh --fast [...]      without the tests that are marked slow
source "$(dirname "$0")/scripts/environment.sh" requirements-dev.lock

# One process more than cores, since some tests wait; each has a TensorFlow of its own,
# about 1.5 GB, so there are 8 at most. The tests of a file stay together, since they
# share what they make; tests/conftest.py orders the files.
n_processes=$(python -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))')
parallel=(-n "$n_processes" --dist loadfile --no-loadscope-reorder)

ruff format --check .
ruff check .
lint-imports --config importlinter.ini
mypy
if [ "${1:-}" = --fast ]; then
    shift
    parallel+=(-m "not slow")
fi
python -m pytest "${parallel[@]}" "$@"
