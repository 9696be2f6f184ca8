#!/usr/bin/env bash
# From nothing to a model that has forgotten a book: set-up, build, demo on 2 ranks, results.
# Running it again redoes nothing that is done. No network is touched once the set-up is complete.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

outputs=$root/outputs/demo
echo "[1/4] set-up"
scripts/setup.sh
echo "[2/4] build"
configure_and_build nepenthe
echo "[3/4] texts: everyday stories, an invented saga, articles on the planets"
[[ -e $outputs/texts/SUMMARY.json ]] || python3 inputs/demo/make_texts.py "$outputs/texts"
echo "[4/4] the demo on 2 ranks: a model is trained, forgets the saga, is told six facts anew, and is set beside one that never read the saga"
mpirun -n 2 build/release/nepenthe run inputs/demo/recipe.json --set texts="$outputs/texts" --outputs "$outputs"
python3 inputs/demo/show_results.py "$outputs"
