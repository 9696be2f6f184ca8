#pragma once
// Values as text, as Python writes them: str(), repr() and json.dumps().

#include "text/jinja/value.h"

namespace nepenthe::text::jinja {

// Throws Error(kData) for what has no text of its own (a function, the variable `loop`): Python writes its address.
std::string str(const Value& value, Budget& budget);
std::string repr(const Value& value, Budget& budget);
std::string float_repr(double number);

// json.dumps() with its parameters; an indent of none is one line. Throws Error(kData) for what JSON has no form for.
struct JsonFormat {
    bool ascii = false;
    bool lines = false;
    std::string indent{};
    std::string item_separator = ", ", key_separator = ": ";
    bool sort_keys = false;
};
std::string json_dumps(const Value& value, const JsonFormat& format, Budget& budget);

// The five characters that HTML has a use for, as markupsafe writes them.
std::string html_escaped(std::string_view text);

}  // namespace nepenthe::text::jinja
