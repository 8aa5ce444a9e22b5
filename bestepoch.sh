#!/usr/bin/env bash
# Print the best epoch of a model's latest run, and its file.
#   bash bestepoch.sh mlp
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if [ $# -ne 1 ]; then
    echo "usage: bash bestepoch.sh MODEL" >&2
    exit 2
fi
exec nai best "$1"
