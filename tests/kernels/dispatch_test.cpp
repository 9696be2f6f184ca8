// Names of paths, and what a path allows.
#include "kernels/dispatch.h"

#include "base/error.h"
#include "kernels/instruction_sets.h"

#include <gtest/gtest.h>

namespace nepenthe::kernels {
namespace {

TEST(Paths, HaveThreeNames) {
    EXPECT_EQ(parse_path("reference"), Path::kReference);
    EXPECT_EQ(parse_path("portable"), Path::kPortable);
    EXPECT_EQ(parse_path("native"), Path::kNative);
    for (const char* name : {"", "Native", "avx512", "reference "}) {
        try {
            parse_path(name);
            FAIL() << name;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kUsage) << name;
        }
    }
}

TEST(Paths, AloneTheNativeOneTakesMoreThanEveryProcessorHas) {
    EXPECT_EQ(instruction_set(Path::kReference), InstructionSet::kBaseline);
    EXPECT_EQ(instruction_set(Path::kPortable), InstructionSet::kBaseline);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        EXPECT_NE(instruction_set(Path::kNative), InstructionSet::kBaseline);
    }
#endif
}

TEST(Paths, RunTheSameBody) {
    for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
        EXPECT_EQ(with_instruction_set(path, [=]() NEPENTHE_INLINED { return 6 * 7; }), 42);
    }
}

}  // namespace
}  // namespace nepenthe::kernels
