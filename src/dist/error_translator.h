#pragma once
// Exceptions of libraries that this module does not see, as Errors.

#include "base/error.h"

#include <exception>
#include <optional>

namespace nepenthe::dist {

// Nothing for exceptions that it does not know.
using ErrorTranslator = std::optional<Error> (*)(const std::exception_ptr& exception);

// to_error (dist/guard.h) asks it first. Called by main before run_guarded.
void set_error_translator(ErrorTranslator translator);

}  // namespace nepenthe::dist
