#!/usr/bin/env bash
# The job scripts under a bash that stands in for Slurm: srun and scontrol are stubs that write down their calls.
# Usage: jobscripts_test.sh CHECKOUT
set -uo pipefail

checkout=$1
# shellcheck source=tests/slurm/checks.sh
source "$checkout/tests/slurm/checks.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
said() { grep -q -- "$1" "$work/$2"; }
silent() { [[ ! -e $work/$2 ]] || ! grep -q -- "$1" "$work/$2"; }

stub() {  # stub NAME: reads the body from stdin
    cat >"$work/bin/$1" <(echo '#!/usr/bin/env bash') -
    chmod +x "$work/bin/$1"
}

mkdir -p "$work/bin" "$work/outputs"
stub srun <<'BODY'
# Runs the command, as srun would on one task, with the same process id; --options end at the first other word.
while [[ $1 == --* ]]; do shift; done
exec "$@"
BODY
stub scontrol <<BODY
echo "\$*" >>"$work/scontrol"
BODY
stub nepenthe <<BODY
echo "\$*" >>"$work/nepenthe"
trap 'echo saved >>"$work/signals"; exit 75' USR1
[[ \$1 == --hang-timeout ]] && shift 2
case "\$1" in
    exits) exit "\$2" ;;
    waits) touch "$work/waiting"; for _ in {1..100}; do sleep 0.1; done ;;
esac
BODY
export PATH=$work/bin:$PATH NEPENTHE_BINARY=$work/bin/nepenthe NEPENTHE_OUTPUTS=$work/outputs NEPENTHE_ROOT=$checkout
export SLURM_JOB_ID=17 SLURM_SUBMIT_DIR=$checkout NEPENTHE_LAUNCHER=srun

job() {  # job SCRIPT WORD...
    local script=$checkout/jobscripts/$1
    shift
    bash "$script" "$@" >>"$work/log" 2>&1
}

for script in "$checkout"/jobscripts/*.sbatch "$checkout"/jobscripts/*.sh "$checkout"/jobscripts/site.env; do
    check "$(basename "$script") parses" bash -n "$script"
done
for script in one-node many-nodes; do
    for option in "--signal=B:USR1@" "--requeue" "--open-mode=append"; do
        check "$script.sbatch asks for $option" grep -q "^#SBATCH $option" "$checkout/jobscripts/$script.sbatch"
    done
done

for script in one-node many-nodes; do
    job "$script.sbatch" exits 0
    check "$script.sbatch has the watchdog on" said "^--hang-timeout 1800 exits 0$" nepenthe
    rm -f "$work/nepenthe"
done
NEPENTHE_HANG_TIMEOUT=60 job one-node.sbatch exits 0 --hang-timeout 5
check "its time is the site's, unless the words name one" said "^--hang-timeout 60 exits 0 --hang-timeout 5$" nepenthe

for code in 0 64 65 69 70 74 76 137; do
    job one-node.sbatch exits "$code"
    check "exit code $code is passed on" holds $? "$code"
done
check "no other code requeues" silent requeue scontrol

job one-node.sbatch exits 75
check "75 is passed on" holds $? 75
check "75 requeues the job" said "requeue 17" scontrol

for signal in USR1 TERM; do
    rm -f "$work/scontrol" "$work/signals" "$work/waiting"
    bash "$checkout/jobscripts/one-node.sbatch" waits >>"$work/log" 2>&1 &
    script=$!
    for _ in {1..50}; do [[ -e $work/waiting ]] && break; sleep 0.1; done
    kill -"$signal" "$script"
    wait "$script"
    check "$signal to the script ends it with 75" holds $? 75
    check "$signal reaches nepenthe as USR1" said saved signals
    check "$signal requeues once" holds "$(grep -c requeue "$work/scontrol")" 1
done

rm -f "$work/scontrol" "$work"/outputs/restarts-*
for restart in 1 2 3 4; do
    echo "step $restart" >>"$work/outputs/journal"  # something new on disk each time
    job one-node.sbatch exits 75
done
check "a job that gets on is requeued every time" holds "$(grep -c requeue "$work/scontrol")" 4
mkdir -p "$work/outputs/curves/train-0123"
for restart in 1 2 3; do
    touch "$work/outputs/curves/train-0123/events.$restart"  # every start begins one
    job one-node.sbatch exits 75
done
check "a job that does not get on is given up after three restarts" holds "$(grep -c requeue "$work/scontrol")" 6
check "and says so" said "nothing new on disk" log

if ((failures > 0)); then
    cat "$work/log"
    echo "$failures checks failed"
    exit 1
fi
