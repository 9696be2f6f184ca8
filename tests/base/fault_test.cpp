#include "base/fault.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

namespace nepenthe {
namespace {

void arm(const char* value, int rank, int ranks = 4) {
    ::setenv("NEPENTHE_FAULT", value, 1);
    arm_faults(rank, ranks);
}

class Fault : public ::testing::Test {
  protected:
    void TearDown() override {
        ::unsetenv("NEPENTHE_FAULT");
        arm_faults(0, 1);
    }
};

TEST_F(Fault, HappensAtItsPointRankAndPassage) {
    arm("throw@blocks.before:1:3", 1);
    fault_point("train.backward");
    fault_point("blocks.before");
    fault_point("blocks.before");
    EXPECT_THROW(fault_point("blocks.before"), Error);
    fault_point("blocks.before");

    arm("throw@blocks.before:1", 0);
    fault_point("blocks.before");
    arm("throw@blocks.before:*", 0);
    EXPECT_THROW(fault_point("blocks.before"), Error);
    arm("throw@blocks.before", 3);
    EXPECT_THROW(fault_point("blocks.before"), Error);
    arm("", 0);
    fault_point("blocks.before");
}

TEST_F(Fault, RefusesWhatCannotBeMeantOnEveryRank) {
    for (const char* value :
         {"burn@blocks.before", "blocks.befor", "here", "@blocks.before", ":1", "throw@", "blocks.before:x",
          "blocks.before:", "blocks.before:-1", "blocks.before:4", "blocks.before:1x", "blocks.before:1:0",
          "blocks.before:1:-2", "blocks.before:1:", "blocks.before:1:2:3", "blocks.before ", "*"}) {
        for (const int rank : {0, 1, 3}) {
            try {
                arm(value, rank);
                ADD_FAILURE() << value << " was taken by rank " << rank;
            } catch (const Error& error) {
                EXPECT_EQ(error.kind(), ErrorKind::kUsage) << value;
            }
        }
    }
}

TEST_F(Fault, NamesTheNearestPoint) {
    try {
        arm("publish.after_renam:0", 0);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("publish.after_rename"), std::string::npos) << error.what();
    }
}

TEST_F(Fault, AnyPointCountsThemAll) {
    arm("throw@any:0:3", 0);
    fault_point("blocks.before");
    fault_point("train.backward");
    EXPECT_THROW(fault_point("lock.made"), Error);
}

// The address sanitizer ends a process that runs out of memory.
#ifndef __SANITIZE_ADDRESS__
TEST_F(Fault, AStarvedProcessGetsNoMoreMemory) {
    const auto child = [] {
        arm("starve@blocks.before", 0);
        fault_point("blocks.before");
        try {
            const std::vector<char> large(64u << 20, 1);
            asm volatile("" : : "r"(large.data()) : "memory");  // or a compiler may leave the allocation out
            std::_Exit(1);
        } catch (const std::bad_alloc&) {
            std::_Exit(0);
        }
    };
    EXPECT_EXIT(child(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace nepenthe
