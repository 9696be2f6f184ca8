#include "dist/fault.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace nepenthe::dist {
namespace {

void arm(const char* value, int rank) {
    ::setenv("NEPENTHE_FAULT", value, 1);
    arm_faults(rank);
}

class Fault : public ::testing::Test {
  protected:
    void TearDown() override {
        ::unsetenv("NEPENTHE_FAULT");
        arm_faults(0);
    }
};

TEST_F(Fault, HappensAtItsPointRankAndPassage) {
    arm("throw@here:1:3", 1);
    fault_point("elsewhere");
    fault_point("here");
    fault_point("here");
    EXPECT_THROW(fault_point("here"), Error);
    fault_point("here");

    arm("throw@here:1", 0);
    fault_point("here");
    arm("throw@here:*", 0);
    EXPECT_THROW(fault_point("here"), Error);
    arm("throw@here", 3);
    EXPECT_THROW(fault_point("here"), Error);
}

TEST_F(Fault, RefusesWhatItCannotRead) {
    EXPECT_THROW(arm("burn@here", 0), Error);
    EXPECT_THROW(arm("here:x", 0), Error);
    EXPECT_THROW(arm("here:1:-2", 0), Error);
}

}  // namespace
}  // namespace nepenthe::dist
