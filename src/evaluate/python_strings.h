#pragma once
// The string operations of the harness's Python code, on valid UTF-8. White space is Python's (str.isspace, \s):
// Unicode's, not only ASCII's.

#include <cstdint>
#include <string>
#include <string_view>

namespace nepenthe::evaluate {

bool is_python_space(char32_t code_point);
// \w: letters, numbers and the underscore. No combining marks.
bool is_python_word(char32_t code_point);

std::string_view strip_end(std::string_view text);  // str.rstrip()
std::string_view strip(std::string_view text);      // str.strip()

// len(re.split(r"\s+", text)): runs of white space plus one, so that empty ends count as fields.
std::int64_t count_split_fields(std::string_view text);

// Every occurrence from left to right, none overlapping another. `from` is not empty.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

// str.lower(): as text::to_lower, but for the two characters that do not become one each: \u0130 is two, and \u03A3 at
// a word's end is \u03C2.
std::string lower(std::string_view text);

// First letter in upper case, all others in lower case.
std::string capitalize(std::string_view text);

}  // namespace nepenthe::evaluate
