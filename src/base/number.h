#pragma once
// Numbers as people write them, in options, environment variables, recipes and lists of layers: read whole or not at
// all.

#include <cstdint>
#include <optional>
#include <string_view>

namespace nepenthe {

// A whole number in decimal, also where an exponent or zeros behind the point say it exactly: "12", "-3", "1e6",
// "2.5e3", "1000.0". None for anything else (blanks, "+", units, "0x10", ".5") and for what 64 bits do not hold.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// A finite number in decimal. None for "nan", "inf", hexadecimal, anything before or behind it, and for what is too
// large or too small for fp64.
std::optional<double> parse_real(std::string_view text);

// A time in seconds, not negative: a number alone, or with one of the units "s", "m" (or "min"), "h" and "d".
std::optional<double> parse_seconds(std::string_view text);

}  // namespace nepenthe
