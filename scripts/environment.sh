# Sourced by the scripts at the root: makes .venv once and defines `nai`.
# Usage: source scripts/environment.sh LOCKFILE
# Needs python3 (3.11 to 3.13) with venv; works on Linux, macOS and git bash.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
            >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "error: Python 3.11, 3.12 or 3.13 is needed and none was found." >&2
    echo "Install one, such as: sudo apt install python3 python3-venv" >&2
    return 2
}

check_libraries() { # python
    # Before any work: where the system lacks a library, with the line that helps.
    "$1" - <<'PYTHON'
import sys

from numerai_pipeline.core import PipelineError
from numerai_pipeline.models.trees import load_lightgbm

try:
    load_lightgbm()
except PipelineError as error:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(error.exit_code)
PYTHON
}

install() { # lock file
    local lock=$1 python bin stamp
    [ -d .venv/Scripts ] && bin=.venv/Scripts || bin=.venv/bin
    stamp=".venv/.installed-$(cat "$lock" pyproject.toml | cksum | tr ' ' -)"
    if [ ! -f "$stamp" ]; then
        python=$(find_python)
        echo "Installing into .venv with $("$python" --version) (once; a few minutes)..."
        if ! "$bin/python" -c '' >/dev/null 2>&1; then
            if ! "$python" -m venv --clear .venv; then
                echo "error: no virtual environment. On Debian or Ubuntu:" \
                    "sudo apt install python3-venv" >&2
                return 2
            fi
            [ -d .venv/Scripts ] && bin=.venv/Scripts || bin=.venv/bin
        fi
        # Not quiet: pip shows what it downloads, and how far it is.
        "$bin/python" -m pip install --disable-pip-version-check -r "$lock"
        "$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
        check_libraries "$bin/python"
        echo "Installed in $SECONDS s."
        touch "$stamp"
    fi
    PATH="$PWD/$bin:$PATH"
    export PATH
}

install "$1"
