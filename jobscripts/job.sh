# Sourced by the sbatch scripts: runs nepenthe so that a job which is stopped saves itself and goes on later.
# shellcheck shell=bash
#
# Slurm sends USR1 to this shell some minutes before the time limit (--signal=B:USR1@300) and TERM when the job is
# preempted. Either is passed on as USR1: nepenthe then saves at the next step or block and exits with 75. Only 75
# requeues the job; every other code is an answer for the user (docs/operations.md lists them).

root=${NEPENTHE_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}
# shellcheck source=jobscripts/site.env
source "${NEPENTHE_SITE:-$root/jobscripts/site.env}"

saved_wants_to_be_resumed=75
child=

talk() { printf '%s job %s: %s\n' "$(date -u +%FT%TZ)" "${SLURM_JOB_ID:-none}" "$*" >&2; }

pass_on() {
    talk "was told to stop ($1); asking nepenthe to save"
    if [[ -n $child ]]; then kill -USR1 "$child" 2>/dev/null; fi
}

# run_ranks WORD...: nepenthe WORD... on all ranks of the job; returns its exit code. The watchdog is on; a
# --hang-timeout among the words counts more than the site's.
run_ranks() {
    local command code
    set -- --hang-timeout "$hang_timeout" "$@"
    if [[ $launcher == srun ]]; then
        command=(srun "${srun_options[@]}" "$nepenthe" "$@")
    else
        command=("$launcher" "${mpirun_options[@]}" "$nepenthe" "$@")
    fi
    trap 'pass_on USR1' USR1
    trap 'pass_on TERM' TERM
    "${command[@]}" &
    child=$!
    # A trapped signal ends `wait`, not the child.
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    child=
    trap - USR1 TERM
    return "$code"
}

# What lies on disk, as one word: changes whenever an artefact, a checkpoint or a journal record was added. Curves for
# TensorBoard are no progress: every start begins a file of its own.
progress() {
    find "$outputs" -type f ! -name 'restarts-*' ! -path "$outputs/curves/*" -printf '%P %s\n' 2>/dev/null | sort | sha256sum | cut -c1-16
}

# requeue_if_saved CODE: the job again after 75, unless it has stopped moving. Returns CODE.
requeue_if_saved() {
    local code=$1 state=$outputs/restarts-${SLURM_JOB_ID:-none} now idle=0 before=
    if ((code != saved_wants_to_be_resumed)); then
        rm -f "$state"
        return "$code"
    fi
    mkdir -p "$outputs"
    now=$(progress)
    if [[ -e $state ]]; then read -r before idle <"$state"; fi
    if [[ $now == "$before" ]]; then idle=$((idle + 1)); else idle=0; fi
    if ((idle >= restarts_without_progress)); then
        talk "nothing new on disk after $idle restarts; not requeued. Is the time limit shorter than one block or step?"
        rm -f "$state"
        return "$code"
    fi
    echo "$now $idle" >"$state"
    talk "saved; requeued (restart $((${SLURM_RESTART_COUNT:-0} + 1)))"
    scontrol requeue "$SLURM_JOB_ID"
    return "$code"
}
