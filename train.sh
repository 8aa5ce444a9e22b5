#!/usr/bin/env bash
# Train one or more models on the shards and say which epoch is the best.
#   bash train.sh mlp lightgbm
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if [ $# -eq 0 ]; then
    echo "usage: bash train.sh MODEL..." >&2
    exit 2
fi
nai train "$@"
