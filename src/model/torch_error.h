#pragma once
// What libtorch throws, as an Error of ours: dist::set_error_translator's for programs that compute.

#include "base/error.h"

#include <exception>
#include <optional>

namespace nepenthe::model {

// Memory that ran out, on the host or on a device, is kDoesNotFit and says what to do; any other c10::Error is
// kInternal with its cause in one line. Nothing for exceptions that are not libtorch's.
std::optional<Error> torch_error(const std::exception_ptr& exception);

}  // namespace nepenthe::model
