#!/usr/bin/env bash
# Train one or more models on the shards and say which epoch is the best.
#   bash train.sh mlp lightgbm     bash train.sh mlp --epochs 3 --demo
source "$(dirname "$0")/scripts/options.sh"
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if [ $# -eq 0 ]; then
    echo "usage: bash train.sh [--demo] [-w DIR] MODEL... [OPTIONS OF nai train]" >&2
    exit 2
fi
exec nai train "$@"
