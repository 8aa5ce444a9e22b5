#!/usr/bin/env bash
# Download training data, turn it into shards, make models and train them.
#   bash prepare.sh --demo         everything on the simulated tournament, no account
#   bash prepare.sh [MODEL...]     the real thing, in this folder (mlp and lightgbm)
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if [ "${1:-}" = --demo ]; then
    shift
    exec nai demo "$@"
fi
models=("${@:-mlp}")
[ $# -gt 0 ] || models=(mlp lightgbm)
[ -f numerai.toml ] || nai init
nai download
nai etl
for model in "${models[@]}"; do
    [ -f "models/$model/model.toml" ] || nai new "$model"
done
nai train "${models[@]}"
nai score "${models[@]}"
