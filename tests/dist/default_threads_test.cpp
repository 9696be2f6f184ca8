#include "dist/processors.h"
#include "mpi_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

namespace nepenthe::dist {
namespace {

// A variable of the environment for the length of a test.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* now = std::getenv(name)) before_ = now;
        set(value);
    }
    ~Variable() { set(before_ ? before_->c_str() : nullptr); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    void set(const char* value) const { value != nullptr ? ::setenv(name_, value, 1) : ::unsetenv(name_); }

    const char* name_;
    std::optional<std::string> before_;
};

TEST(DefaultThreads, AreTheSameOnAllRanksAndNoMoreThanThereAre) {
    const Variable openmp("OMP_NUM_THREADS", nullptr), slurm("SLURM_CPUS_PER_TASK", nullptr);
    const int count = default_threads(*testing::world);
    EXPECT_EQ(testing::world->all_reduce_max(count), -testing::world->all_reduce_max(-count));
    EXPECT_GE(count, 1);
    const auto cpus = static_cast<int>(processors_here().cpus.size());
    EXPECT_LE(count, std::max(1, cpus / testing::world->size())) << "the ranks of this test share their processors";
}

TEST(DefaultThreads, OpenMpSaysHowManyTheSmallestCounts) {
    const Variable slurm("SLURM_CPUS_PER_TASK", "1");
    {
        const Variable openmp("OMP_NUM_THREADS", "64");
        EXPECT_EQ(default_threads(*testing::world), 64);
    }
    const std::string mine = std::to_string(5 + testing::world->rank());
    const Variable openmp("OMP_NUM_THREADS", mine.c_str());
    EXPECT_EQ(default_threads(*testing::world), 5);
}

TEST(DefaultThreads, SlurmsTasksGetNoMoreThanTheirs) {
    const Variable openmp("OMP_NUM_THREADS", nullptr), slurm("SLURM_CPUS_PER_TASK", "1");
    EXPECT_EQ(default_threads(*testing::world), 1);
}

}  // namespace
}  // namespace nepenthe::dist
