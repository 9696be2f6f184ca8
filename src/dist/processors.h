#pragma once
// How many threads a rank may use: what affinity, control groups and the environment leave it.

#include "dist/comm.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::dist {

// What one process may use.
struct Processors {
    std::vector<int> cpus;  // that it may run on
    // Control group → processors' worth of time that it grants to all processes in it; groups without a limit are left
    // out.
    std::map<std::string, double> quotas;
};

// Of this process: sched_getaffinity, and cpu.max (cgroup v2) or cpu.cfs_quota_us (v1) of its control group and those
// above it, as /proc/self/cgroup below `root` names them. Files that are missing or unreadable limit nothing.
Processors processors_here(const std::filesystem::path& root = "/");

// Threads of each rank of a node. A processor that several ranks may run on is divided among them, one of a rank's own
// is its own; likewise a control group's time. At least 1.
std::vector<int> share_processors(const std::vector<Processors>& ranks);

// Whole number in front of an OMP_NUM_THREADS ("4", "4,2") or SLURM_CPUS_PER_TASK; nothing for other text.
std::optional<int> thread_count_in(const char* text);

// Collective. The same number on every rank, so that results do not depend on which rank computes what: the smallest of
// what the ranks have. A rank has OMP_NUM_THREADS where that is set, or else its share of the node, of which no more
// than SLURM_CPUS_PER_TASK.
int default_threads(const Comm& comm);

}  // namespace nepenthe::dist
