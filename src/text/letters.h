#pragma once
// Letters of UTF-8 text: case and word characters by Unicode's tables, independent of the locale.

#include <cstddef>
#include <string>
#include <string_view>

namespace nepenthe::text {

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
// The first letter of every word (a run without white space) in upper case, the rest as it is.
std::string capitalize_words(std::string_view text);

// Letters, digits, combining marks and the underscore.
bool is_word_character(char32_t code_point);
// Combining marks, which belong to the letter before them.
bool is_mark(char32_t code_point);

// The code point that ends before byte `at`, or that begins at it; 0 at the text's ends. `text` is valid UTF-8 and `at`
// lies between two characters.
char32_t code_point_before(std::string_view text, std::size_t at);
char32_t code_point_at(std::string_view text, std::size_t at);

}  // namespace nepenthe::text
