# Sourced by the scripts at the root, before environment.sh: takes the options that
# all of them have, wherever they stand, and leaves the other words as "$@".
#   -w, --workspace DIR    the folder with numerai.toml; by default this repository
#   --demo                 that of the demo: DIR, or else demo
# Sets is_demo and, where there is a folder, NUMERAI_WORKSPACE, which `nai` reads.

set -euo pipefail

is_demo=false
folder=
words=()
while [ $# -gt 0 ]; do
    case $1 in
        --demo) is_demo=true ;;
        --workspace=*) folder=${1#*=} ;;
        -w | --workspace)
            if [ $# -eq 1 ]; then
                echo "error: $1 needs a folder, such as $1 numerai." >&2
                exit 2
            fi
            folder=$2
            shift
            ;;
        *) words+=("$1") ;;
    esac
    shift
done
set -- ${words[@]+"${words[@]}"}

# environment.sh changes into the repository: a folder is meant from where it was said.
case $folder in
    '' | /* | [A-Za-z]:*) ;;
    *) [ "$PWD" -ef "$(dirname "${BASH_SOURCE[0]}")/.." ] || folder=$PWD/$folder ;;
esac
if $is_demo; then
    folder=${folder:-demo}
fi
if [ -n "$folder" ]; then
    export NUMERAI_WORKSPACE=$folder
fi
