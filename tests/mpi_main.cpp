// GoogleTest under mpirun: one MPI start a program, verdicts merged over ranks, output of failing ranks only.

#include "dist/comm.h"

#include <gtest/gtest.h>

namespace nepenthe::testing {
const dist::Comm* world = nullptr;
}

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    nepenthe::dist::Session session(&argc, &argv);
    nepenthe::testing::world = &session.world();
    if (!session.world().is_root()) {
        // Ranks above 0 speak only when they fail, through the failure messages of their assertions.
        auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
        class FailuresOnly : public ::testing::EmptyTestEventListener {
            void OnTestPartResult(const ::testing::TestPartResult& result) override {
                if (result.failed()) {
                    fprintf(stderr, "[rank %d] %s:%d: %s\n", nepenthe::testing::world->rank(),
                            result.file_name() ? result.file_name() : "?", result.line_number(), result.message());
                }
            }
        };
        delete listeners.Release(listeners.default_result_printer());
        listeners.Append(new FailuresOnly);
    }
    const int mine = RUN_ALL_TESTS();
    return session.world().all_reduce_or(mine != 0) ? 1 : 0;
}
