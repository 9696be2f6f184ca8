#pragma once
// The grammar of Jinja 3.1, as far as chat templates use it, with the extension for `break` and `continue` and the
// block `generation` of transformers.

#include "text/jinja/ast.h"

#include <string_view>

namespace nepenthe::text::jinja {

// Throws Error(kData) that names the line for what is no template, for statements that are not supported (include,
// import, extends, block, autoescape, recursive loops) and where blocks or expressions lie too deep in each other.
Statements parse(std::string_view source);

}  // namespace nepenthe::text::jinja
