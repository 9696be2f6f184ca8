# Sourced: a real Slurm of one node, this machine, that lives in a folder of its own and ends with the script.
# shellcheck shell=bash
#
# start_slurm FOLDER sets SLURM_CONF; stop_slurm ends the daemons. Needs slurm-wlm and munge, and root (slurmd does).

start_slurm() {
    slurm_folder=$1
    local host ports
    host=$(hostname -s)
    # Ports that nobody listens on now.
    ports=$(python3 -c 'import socket
sockets = [socket.socket() for _ in range(2)]
for each in sockets: each.bind(("127.0.0.1", 0))
print(*[each.getsockname()[1] for each in sockets])')
    mkdir -p "$slurm_folder"/{state,spool}
    (umask 077 && head -c 128 /dev/urandom >"$slurm_folder/munge.key")
    cat >"$slurm_folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$slurm_folder/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
StateSaveLocation=$slurm_folder/state
SlurmdSpoolDir=$slurm_folder/spool
SlurmctldPidFile=$slurm_folder/slurmctld.pid
SlurmdPidFile=$slurm_folder/slurmd.pid
SlurmctldLogFile=$slurm_folder/slurmctld.log
SlurmdLogFile=$slurm_folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=pmix
MinJobAge=3600
KillWait=10
# A machine of one core runs two ranks as well.
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
SlurmdParameters=config_overrides
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$slurm_folder/slurm.conf
    munged --force --key-file="$slurm_folder/munge.key" --socket="$slurm_folder/munge.sock" \
        --pid-file="$slurm_folder/munged.pid" --log-file="$slurm_folder/munged.log" \
        --seed-file="$slurm_folder/munged.seed" || return 1
    slurmctld && slurmd || return 1
    for _ in {1..60}; do
        if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then return 0; fi
        sleep 0.5
    done
    echo "the node did not come up:" >&2
    cat "$slurm_folder"/*.log >&2
    return 1
}

stop_slurm() {
    local daemon
    scancel --user=root 2>/dev/null
    for daemon in slurmd slurmctld munged; do
        if [[ -s $slurm_folder/$daemon.pid ]]; then kill "$(<"$slurm_folder/$daemon.pid")" 2>/dev/null; fi
    done
    sleep 1
}
