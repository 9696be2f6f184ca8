#include "dist/guard.h"

#include "expected_errors.h"
#include "mpi_world.h"

#include <gtest/gtest.h>

#include <new>

namespace nepenthe::dist {
namespace {

using testing::error_of;

std::string on_rank(int rank, const std::string& text) {
    return testing::world->size() == 1 ? text : fmt::format("rank {}, {}", rank, text);
}

TEST(Agree, LetsEveryonePassWhenNobodyFailed) { EXPECT_NO_THROW(agree(*testing::world, "stage", nullptr)); }

TEST(Agree, GivesTheFirstFailingRanksErrorToAll) {
    for (int failing = 0; failing < testing::world->size(); ++failing) {
        const Error error = error_of([&] {
            run_agreed(*testing::world, "reading", [&] {
                if (testing::world->rank() >= failing) fail(ErrorKind::kData, "line {}", testing::world->rank());
            });
        });
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_EQ(error.what(), on_rank(failing, fmt::format("reading: line {}", failing)));
    }
}

TEST(Agree, KeepsTheTextOfAnAgreedError) {
    const Error error = error_of([&] {
        run_agreed(*testing::world, "outer",
                   [&] { run_agreed(*testing::world, "inner", [] { fail(ErrorKind::kGate, "too much"); }); });
    });
    EXPECT_EQ(error.what(), on_rank(0, "inner: too much"));
    EXPECT_EQ(error.kind(), ErrorKind::kGate);
}

TEST(Agree, KnowsForeignExceptions) {
    EXPECT_EQ(error_of([] { run_agreed(*testing::world, "s", [] { throw std::bad_alloc(); }); }).kind(),
              ErrorKind::kDoesNotFit);
    EXPECT_EQ(error_of([] { run_agreed(*testing::world, "s", [] { throw std::runtime_error("x"); }); }).kind(),
              ErrorKind::kInternal);
    EXPECT_EQ(error_of([] { run_agreed(*testing::world, "s", [] { throw 5; }); }).kind(), ErrorKind::kInternal);
}

TEST(ErrorLine, NamesRankAndTheStageThatUnwound) {
    const Error quiet(ErrorKind::kResume, "stopped");
    EXPECT_EQ(error_line(*testing::world, std::make_exception_ptr(quiet)), "nepenthe: stopped");
    try {
        const StageScope outer("relabel");
        const StageScope inner("labels");
        fail(ErrorKind::kData, "cause");
    } catch (const Error&) {
        const std::string place = testing::world->size() == 1 ? "" : fmt::format("rank {}, ", testing::world->rank());
        EXPECT_EQ(error_line(*testing::world, std::current_exception()),
                  "nepenthe: data error: " + place + "relabel > labels: cause");
    }
}

TEST(StageScope, Nests) {
    EXPECT_EQ(StageScope::current(), "");
    const StageScope outer("a");
    {
        const StageScope inner("b");
        EXPECT_EQ(StageScope::current(), "a > b");
    }
    EXPECT_EQ(StageScope::current(), "a");
}

TEST(Watchdog, LetsFinishedCollectivesPass) {
    const Watchdog watchdog(*testing::world, std::chrono::seconds(1));
    for (int i = 0; i < 100; ++i) testing::world->barrier();
    const Watchdog off(*testing::world, std::chrono::seconds(0));
}

}  // namespace
}  // namespace nepenthe::dist
