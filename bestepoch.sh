#!/usr/bin/env bash
# Print the best epoch of a model's latest run, and its file.
#   bash bestepoch.sh mlp          bash bestepoch.sh mlp --demo
source "$(dirname "$0")/scripts/options.sh"
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if [ $# -ne 1 ]; then
    echo "usage: bash bestepoch.sh [--demo] [-w DIR] MODEL" >&2
    exit 2
fi
exec nai best "$1"
