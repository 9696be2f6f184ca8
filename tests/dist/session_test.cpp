// A process that no launcher started: what Open MPI is asked for while it starts, nothing inherits.
#include "dist/comm.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace nepenthe::dist {
namespace {

TEST(Session, AloneItIsAWorldOfOneAndLeavesTheEnvironmentAsItWas) {
    for (const char* set : {"OMPI_MCA_ess_singleton_isolated", "OMPI_MCA_btl"}) ::unsetenv(set);
    ::setenv("OMPI_MCA_pml", "ob1", /*overwrite=*/1);  // the user's own
    int argc = 0;
    char** argv = nullptr;
    const Session session(&argc, &argv);
    EXPECT_EQ(session.world().size(), 1);
    EXPECT_EQ(std::getenv("OMPI_MCA_ess_singleton_isolated"), nullptr);
    EXPECT_STREQ(std::getenv("OMPI_MCA_pml"), "ob1");
}

}  // namespace
}  // namespace nepenthe::dist
