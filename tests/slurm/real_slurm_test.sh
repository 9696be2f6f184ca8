#!/usr/bin/env bash
# The job scripts under a real Slurm of one node: ranks by srun, exit codes, a stop that saves and requeues, a recipe in jobs.
# Usage: real_slurm_test.sh CHECKOUT NEPENTHE MATERIAL
set -uo pipefail

checkout=$(realpath "$1")
nepenthe=$(realpath "$2")
material=$(realpath "$3")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/slurm/one_node_slurm.sh
source "$here/one_node_slurm.sh"
# shellcheck source=tests/slurm/checks.sh
source "$here/checks.sh"
work=$(mktemp -d)
trap 'stop_slurm; rm -rf "$work"' EXIT
field() { scontrol --oneliner show job "$1" | grep -o " $2=[^ ]*" | cut -d= -f2-; }
until_true() {  # until_true SECONDS COMMAND...
    local tries=$(($1 * 4))
    shift
    while ((tries-- > 0)); do
        if "$@"; then return 0; fi
        sleep 0.25
    done
    return 1
}
ended() { [[ " COMPLETED FAILED CANCELLED TIMEOUT NODE_FAIL " == *" $(field "$1" JobState) "* ]]; }
logged() { grep -q -- "$1" "$2" 2>/dev/null; }

start_slurm "$work/slurm" || exit 1
export NEPENTHE_ROOT=$checkout NEPENTHE_BINARY=$nepenthe NEPENTHE_LAUNCHER=srun
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
submit() {  # submit OUTPUTS SCRIPT WORD...: id of a job of two ranks
    local outputs=$1 script=$2
    shift 2
    NEPENTHE_OUTPUTS=$outputs sbatch --parsable --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 --time=10 \
        --output="$work/%j.log" --chdir="$work" "$checkout/jobscripts/$script" "$@"
}
training=(train --model "$material/models/stories" --corpus "$material/text/novel.txt" --block 64
    --global-batch 6 --micro-batch 2 --checkpoint-steps 2 --deterministic --lr 1e-3 --threads 1 --json)

# Enough steps that the job is still training, on a fast machine too, when its first checkpoint has been seen.
long=("${training[@]}" --chars 60000 --max-steps 300)

# What the same command gives without Slurm, undisturbed, on one rank.
"$nepenthe" "${long[@]}" --outputs "$work/plain" >"$work/plain.json" 2>"$work/plain.log"
check "the run without Slurm ends well" holds $? 0

job=$(submit "$work/outputs" one-node.sbatch "${long[@]}" --outputs "$work/outputs")
check "a checkpoint appears" until_true 60 bash -c "find '$work/outputs' 2>/dev/null -path '*step*' | grep -q ."
scancel --batch --signal=USR1 "$job"
check "a job told to stop saves and is requeued" until_true 60 logged "saved; requeued" "$work/$job.log"
restarted() { [[ $(field "$1" Restarts) == 1 ]]; }
check "Slurm counts the restart" until_true 60 restarted "$job"
# A requeued job waits for two minutes unless it is told otherwise; what is left of its first run needs a few seconds.
sleep 5
until_true 60 scontrol update "JobId=$job" StartTime=now 2>/dev/null
check "the job ends" until_true 300 ended "$job"
check "it ends well" holds "$(field "$job" ExitCode)" 0:0
check "it went on where it was" logged "continues after step" "$work/$job.log"
digest() { grep -o '"digest":"[0-9a-f]*"' "$1"; }
check "and its model is the undisturbed one's" holds "$(digest "$work/$job.log")" "$(digest "$work/plain.json")"

job=$(submit "$work/outputs" one-node.sbatch train --no-such-option)
until_true 60 ended "$job"
check "a wrong option ends the job with 64" holds "$(field "$job" ExitCode)" 64:0
check "once, not once a rank" holds "$(grep -c no-such-option "$work/$job.log")" 1

cat >"$work/chain.json" <<RECIPE
{"name": "chain", "slurm": {"ntasks": 1, "ntasks-per-node": 1, "cpus-per-task": 1, "time": 10, "output": "$work/%x.log"},
 "stages": [{"name": "short", "verb": "train", "slurm": {"ntasks": 2, "ntasks-per-node": 2},
             "options": {"model": "$material/models/stories", "corpus": "$material/text/novel.txt", "chars": 6000, "block": 64,
                         "global-batch": 6, "micro-batch": 2, "max-steps": 4}},
            {"name": "measured", "verb": "evaluate",
             "options": {"model": "it=@short", "texts": "heldout=$material/text/stories-heldout.txt", "window": 64}}],
 "tables": [{"title": "What came of it", "of": "measured", "columns": [{"perplexity": "results.perplexity:heldout.perplexity"}]}]}
RECIPE
(cd "$work" && "$nepenthe" run chain.json --outputs chained --threads 1 --as-slurm "$checkout/jobscripts/one-node.sbatch") >"$work/chain.log" 2>&1
check "a recipe is submitted, a job a stage and one for its end" holds "$(grep -c "job" "$work/chain.log")" 3
last=$(grep -o "[0-9]*$" "$work/chain.log" | tail -1)
check "its last job ends" until_true 120 ended "$last"
check "well, as those before it did" holds "$(field "$last" JobState)" COMPLETED
check "each stage had its own resources" logged "rank 0" "$work/chain.short.log"
check "the table is filled" logged "| [0-9]" "$work/chained/chain.tables.md"

if ((failures > 0)); then
    tail -n 40 "$work"/*.log "$work"/slurm/slurm*.log
    echo "$failures checks failed"
    exit 1
fi
