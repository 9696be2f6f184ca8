#include "dist/processors.h"

#include "base/error.h"
#include "base/json.h"
#include "base/number.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

namespace nepenthe::dist {

namespace fs = std::filesystem;

namespace {

std::vector<int> allowed_cpus() {
    // More processors than the kernel's own limit, so that no machine is too large.
    constexpr std::size_t kMostCpus = 1u << 16;
    cpu_set_t* set = CPU_ALLOC(kMostCpus);
    NEPENTHE_CHECK(set != nullptr);
    const std::size_t bytes = CPU_ALLOC_SIZE(kMostCpus);
    CPU_ZERO_S(bytes, set);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, bytes, set) == 0) {
        for (std::size_t cpu = 0; cpu < kMostCpus; ++cpu) {
            if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(static_cast<int>(cpu));
        }
    }
    CPU_FREE(set);
    return cpus;
}

std::vector<std::string> words_of(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> words;
    for (std::string word; file >> word;) words.push_back(word);
    return words;
}

std::optional<double> ratio(const std::string& quota, const std::string& period) {
    const auto granted = parse_real(quota), of = parse_real(period);
    if (!granted || !of || *granted <= 0 || *of <= 0) return std::nullopt;  // "max", -1: no limit
    return *granted / *of;
}

// The limit that one control group's folder states.
std::optional<double> quota_of(const fs::path& folder) {
    if (const auto words = words_of(folder / "cpu.max"); words.size() == 2) return ratio(words[0], words[1]);
    const auto quota = words_of(folder / "cpu.cfs_quota_us"), period = words_of(folder / "cpu.cfs_period_us");
    if (quota.size() == 1 && period.size() == 1) return ratio(quota[0], period[0]);
    return std::nullopt;
}

bool names_cpu(const std::string& controllers) {
    std::istringstream list(controllers);
    for (std::string controller; std::getline(list, controller, ',');) {
        if (controller == "cpu") return true;
    }
    return false;
}

// Limits of the group `path` below a mounted hierarchy and of all groups above it.
void add_quotas(const fs::path& mount, const std::string& path, std::map<std::string, double>& quotas) {
    fs::path group = fs::path(path).relative_path();
    while (true) {
        if (const auto quota = quota_of(mount / group)) quotas[(mount / group).lexically_normal().string()] = *quota;
        if (group.empty()) return;
        group = group.has_parent_path() ? group.parent_path() : fs::path();
    }
}

std::string packed(const Processors& own) { return canonical_json(Json{own.cpus, own.quotas}); }

Processors unpacked(const std::string& text) {
    const Json json = parse_json(text, "a rank's processors");
    return {json[0].get<std::vector<int>>(), json[1].get<std::map<std::string, double>>()};
}

}  // namespace

Processors processors_here(const fs::path& root) {
    Processors own{allowed_cpus(), {}};
    const fs::path mounts = root / "sys/fs/cgroup";
    std::ifstream groups(root / "proc/self/cgroup");
    // "number:controllers:path"; cgroup v2 has one line, with number 0 and no controllers.
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
        if (controllers.empty()) add_quotas(mounts, path, own.quotas);
        if (!names_cpu(controllers)) continue;
        // The folder is called after all controllers of the hierarchy, or there is a link of the one's name.
        std::error_code unreadable;
        const bool joint = fs::exists(mounts / controllers, unreadable);
        add_quotas(mounts / (joint ? controllers : "cpu"), path, own.quotas);
    }
    return own;
}

std::vector<int> share_processors(const std::vector<Processors>& ranks) {
    std::map<int, int> users;
    std::map<std::string, int> members;
    for (const Processors& rank : ranks) {
        for (const int cpu : rank.cpus) ++users[cpu];
        for (const auto& [group, quota] : rank.quotas) ++members[group];
    }
    std::vector<int> threads;
    for (const Processors& rank : ranks) {
        double share = 0;
        for (const int cpu : rank.cpus) share += 1.0 / users[cpu];
        for (const auto& [group, quota] : rank.quotas) share = std::min(share, quota / members[group]);
        // Thirds add up to a little less than one.
        threads.push_back(std::max(1, static_cast<int>(std::floor(share + 1e-6))));
    }
    return threads;
}

std::optional<int> thread_count_in(const char* text) {
    if (text == nullptr) return std::nullopt;
    constexpr int kMost = 1 << 16;
    const std::string_view all = text;
    const auto count = parse_integer(all.substr(0, all.find(',')));
    if (!count || *count < 1 || *count > kMost) return std::nullopt;
    return static_cast<int>(*count);
}

int default_threads(const Comm& comm) {
    const Comm node = comm.split_node();
    std::vector<Processors> ranks;
    for (const std::string& rank : node.all_gather(packed(processors_here()))) ranks.push_back(unpacked(rank));
    int own = share_processors(ranks)[static_cast<std::size_t>(node.rank())];
    if (const auto task = thread_count_in(std::getenv("SLURM_CPUS_PER_TASK"))) own = std::min(own, *task);
    if (const auto wanted = thread_count_in(std::getenv("OMP_NUM_THREADS"))) own = *wanted;
    return static_cast<int>(-comm.all_reduce_max(-own));
}

}  // namespace nepenthe::dist
