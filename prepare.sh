#!/usr/bin/env bash
# Download training data, turn it into shards, make models and train them.
#   bash prepare.sh --demo         everything on the simulated tournament, no account
#   bash prepare.sh [MODEL...]     the real thing, in this folder (mlp and lightgbm)
#   -w DIR                         in DIR instead
source "$(dirname "$0")/scripts/options.sh"
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if $is_demo; then
    exec nai demo --folder "$NUMERAI_WORKSPACE" "$@"
fi
[ $# -gt 0 ] || set -- mlp lightgbm
workspace=${NUMERAI_WORKSPACE:-.}
[ -f "$workspace/numerai.toml" ] || nai init
nai download
nai etl
for model in "$@"; do
    [ -f "$workspace/models/$model/model.toml" ] || nai new "$model"
done
nai train "$@"
nai score "$@"
