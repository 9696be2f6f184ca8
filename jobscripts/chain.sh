#!/usr/bin/env bash
# Submits the stages of a chain, each after the one before has ended well, so that each may ask for its own resources:
#
#   jobscripts/chain.sh FILE
#
# FILE holds a stage a line: its name, sbatch options, "::", and the words of nepenthe; "#" begins a comment, and a line
# that ends in "\" goes on. "@NAME" stands for the artefact of an earlier stage (example: jobscripts/oz.chain).
# Where one allocation suits all stages, `nepenthe run RECIPE` in one job is simpler.
set -euo pipefail

if (($# != 1)) || [[ ! -r $1 ]]; then
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export NEPENTHE_ROOT=${NEPENTHE_ROOT:-$(dirname "$here")}
before=
# `read` without -r joins lines that end in a backslash.
# shellcheck disable=SC2162
while read line || [[ -n $line ]]; do
    line=${line%%#*}
    [[ -n ${line//[[:space:]]/} ]] || continue
    if [[ $line != *" :: "* ]]; then
        echo "$1: a stage without \" :: \": $line" >&2
        exit 64
    fi
    read -r -a options <<<"${line%% :: *}"
    read -r -a words <<<"${line#* :: }"
    stage=${options[0]}
    job=$(NEPENTHE_STAGE=$stage sbatch --parsable --job-name="$stage" --export=ALL "${options[@]:1}" \
        ${before:+--dependency=afterok:$before --kill-on-invalid-dep=yes} "$here/stage.sbatch" "${words[@]}")
    before=${job%%;*}
    echo "$stage: job $before"
done <"$1"
