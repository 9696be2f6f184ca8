#include "dist/processors.h"

#include "temporary_folder.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>
#include <thread>

namespace nepenthe::dist {
namespace {

namespace fs = std::filesystem;

Processors on(std::vector<int> cpus, std::map<std::string, double> quotas = {}) {
    return {std::move(cpus), std::move(quotas)};
}

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

TEST(ShareProcessors, DividesOnlyWhatIsShared) {
    const std::vector<int> four{0, 1, 2, 3};
    EXPECT_EQ(share_processors({on(four)}), (std::vector<int>{4}));
    EXPECT_EQ(share_processors({on(four), on(four)}), (std::vector<int>{2, 2}));
    EXPECT_EQ(share_processors({on(four), on(four), on(four)}), (std::vector<int>{1, 1, 1}));
    EXPECT_EQ(share_processors({on({0, 1}), on({2, 3})}), (std::vector<int>{2, 2})) << "bound by the launcher";
    EXPECT_EQ(share_processors({on({0, 1, 2, 3}), on({2, 3})}), (std::vector<int>{3, 1}));
    EXPECT_EQ(share_processors({on({0}), on({0}), on({0})}), (std::vector<int>{1, 1, 1}));
    const std::vector<int> three{0, 1, 2};
    EXPECT_EQ(share_processors({on(three), on(three), on(three)}), (std::vector<int>{1, 1, 1}));
}

TEST(ShareProcessors, AControlGroupsTimeIsSharedByItsMembers) {
    const std::vector<int> eight{0, 1, 2, 3, 4, 5, 6, 7};
    EXPECT_EQ(share_processors({on(eight, {{"/job", 4}})}), (std::vector<int>{4}));
    EXPECT_EQ(share_processors({on(eight, {{"/job", 4}}), on(eight, {{"/job", 4}})}), (std::vector<int>{2, 2}));
    EXPECT_EQ(share_processors({on(eight, {{"/job", 6}, {"/job/a", 2}}), on(eight, {{"/job", 6}, {"/job/b", 4}})}),
              (std::vector<int>{2, 3}));
    EXPECT_EQ(share_processors({on(eight, {{"/small", 0.5}})}), (std::vector<int>{1}));
    EXPECT_EQ(share_processors({on({0, 1}, {{"/large", 64}})}), (std::vector<int>{2}));
}

TEST(ProcessorsHere, ReadsBothVersionsOfControlGroups) {
    const testing::TemporaryFolder two, one, none;
    write(two.path() / "proc/self/cgroup", "0::/slurm/job_7/step_0\n");
    write(two.path() / "sys/fs/cgroup/slurm/job_7/step_0/cpu.max", "max 100000\n");
    write(two.path() / "sys/fs/cgroup/slurm/job_7/cpu.max", "250000 100000\n");
    auto quotas = processors_here(two.path()).quotas;
    ASSERT_EQ(quotas.size(), 1u);
    EXPECT_EQ(quotas.begin()->second, 2.5);
    EXPECT_TRUE(quotas.begin()->first.ends_with("slurm/job_7")) << quotas.begin()->first;

    write(one.path() / "proc/self/cgroup", "7:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n");
    write(one.path() / "sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "300000\n");
    write(one.path() / "sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n");
    write(one.path() / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    write(one.path() / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    quotas = processors_here(one.path()).quotas;
    ASSERT_EQ(quotas.size(), 1u);
    EXPECT_EQ(quotas.begin()->second, 3);

    // A container sees its own group as the root of the hierarchy.
    write(none.path() / "proc/self/cgroup", "0::/\n");
    write(none.path() / "sys/fs/cgroup/cpu.max", "200000 100000\n");
    EXPECT_EQ(processors_here(none.path()).quotas.begin()->second, 2);
    EXPECT_TRUE(processors_here(none.path() / "nothing").quotas.empty());
}

TEST(ProcessorsHere, FollowsTheAffinityMask) {
    const std::vector<int> all = processors_here().cpus;
    ASSERT_FALSE(all.empty());
    std::vector<int> pinned;
    std::thread([&] {  // an affinity of its own
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(all.back(), &set);
        ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
        pinned = processors_here().cpus;
    })
        .join();
    EXPECT_EQ(pinned, std::vector<int>{all.back()});
}

TEST(ThreadCountIn, ReadsWhatOpenMpAndSlurmWrite) {
    EXPECT_EQ(thread_count_in("4"), 4);
    EXPECT_EQ(thread_count_in("4,2"), 4);
    for (const char* text : {"", "x", "0", "-1", "4x", "4 "}) EXPECT_FALSE(thread_count_in(text)) << text;
    EXPECT_FALSE(thread_count_in(nullptr));
}

}  // namespace
}  // namespace nepenthe::dist
