#pragma once
// Python's view of characters, on valid UTF-8. Cases are Unicode's simple ones with what templates may meet of the
// special ones (sharp s, ligatures, the final sigma).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nepenthe::text::jinja {

// Of the character that begins at `at`: its bytes, its code point.
std::size_t character_size(std::string_view text, std::size_t at);
char32_t code_point_at(std::string_view text, std::size_t at);
std::size_t character_count(std::string_view text);

std::u32string code_points(std::string_view text);
std::string utf8(std::u32string_view code_points);
void append_utf8(std::string& text, char32_t code_point);

bool is_space(char32_t character);
bool is_letter(char32_t character);
bool is_digit(char32_t character);
// Any of Unicode's numbers.
bool is_number(char32_t character);
bool is_printable(char32_t character);
bool is_upper(char32_t character);
bool is_lower(char32_t character);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalized(std::string_view text);
// str.title(): each run of letters begins with a capital.
std::string title(std::string_view text);

// str.strip() and its sides; without `characters`, of white space.
std::string_view strip(std::string_view text, bool left, bool right);
std::string strip(std::string_view text, std::string_view characters, bool left, bool right);

}  // namespace nepenthe::text::jinja
