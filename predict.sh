#!/usr/bin/env bash
# Download live data, predict with trained models and submit.
#   bash predict.sh --demo         on the simulated tournament of `prepare.sh --demo`
#   bash predict.sh MODEL...       the real thing; numerai.toml says under which names
source "$(dirname "$0")/scripts/options.sh"
source "$(dirname "$0")/scripts/environment.sh" requirements.lock

if $is_demo; then
    exec nai demo --predict --folder "$NUMERAI_WORKSPACE" "$@"
fi
if [ $# -eq 0 ]; then
    echo "usage: bash predict.sh --demo | [-w DIR] MODEL..." >&2
    exit 2
fi
nai predict "$@"
nai submit "$@"
