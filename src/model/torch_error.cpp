#include "model/torch_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace nepenthe::model {

namespace {

// Only CUDA's allocator has an exception of its own for it.
bool is_out_of_memory(std::string_view message) {
    constexpr std::array<std::string_view, 4> kPhrases = {"can't allocate memory", "out of memory",
                                                          "CUBLAS_STATUS_ALLOC_FAILED", "not enough memory"};
    return std::ranges::any_of(kPhrases, [&](auto phrase) { return message.find(phrase) != message.npos; });
}

std::string first_line(std::string_view message) {
    return std::string(message.substr(0, std::min(message.find('\n'), message.size())));
}

}  // namespace

std::optional<Error> torch_error(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const c10::Error& error) {
        const std::string message = error.what_without_backtrace();
        const std::string cause = first_line(message);
        const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr || is_out_of_memory(message);
        if (!memory) return Error(ErrorKind::kInternal, cause);
        return Error(ErrorKind::kDoesNotFit, "out of memory: " + cause +
                                                 "; use a smaller micro-batch or block, --dtype bf16, fewer ranks a "
                                                 "node, or nodes with more memory");
    } catch (...) {
        return std::nullopt;
    }
}

}  // namespace nepenthe::model
