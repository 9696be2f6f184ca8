#include "model/torch_error.h"

#include "expected_errors.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

namespace nepenthe::model {
namespace {

std::optional<Error> translated(const std::function<void()>& action) {
    try {
        action();
    } catch (...) {
        return torch_error(std::current_exception());
    }
    ADD_FAILURE() << "nothing was thrown";
    return std::nullopt;
}

TEST(TorchError, OfMemoryThatRanOutSaysWhatToDo) {
    const auto host = [] { static_cast<void>(at::empty({std::int64_t{1} << 50})); };
    const auto device = [] { C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB."); };
    const auto library = [] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"); };
    for (const std::function<void()>& action : {std::function<void()>(host), {device}, {library}}) {
        const auto error = translated(action);
        ASSERT_TRUE(error.has_value());
        EXPECT_EQ(error->kind(), ErrorKind::kDoesNotFit) << error->what();
        testing::expect_contains(error->what(), "out of memory");
        testing::expect_contains(error->what(), "micro-batch");
        EXPECT_EQ(std::string(error->what()).find('\n'), std::string::npos);
    }
}

TEST(TorchError, OfAnythingElseIsInternalWithItsCauseInOneLine) {
    const auto error = translated([] { TORCH_CHECK(false, "sizes 3 and 4 differ\nand more lines\nof advice"); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->kind(), ErrorKind::kInternal);
    EXPECT_EQ(std::string(error->what()), "sizes 3 and 4 differ");
}

TEST(TorchError, LeavesOtherExceptionsAlone) {
    EXPECT_FALSE(translated([] { throw std::runtime_error("x"); }).has_value());
    EXPECT_FALSE(translated([] { throw Error(ErrorKind::kData, "x"); }).has_value());
    EXPECT_FALSE(translated([] { throw 5; }).has_value());
}

}  // namespace
}  // namespace nepenthe::model
