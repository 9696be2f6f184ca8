#include "base/number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace nepenthe {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the beginning of `text` off it.
std::string_view take_digits(std::string_view& text) {
    const std::size_t count = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
    const std::string_view digits = text.substr(0, count);
    text.remove_prefix(count);
    return digits;
}

// Takes one character off the beginning, when it is one of these.
bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

// The number's digits behind its sign, when it is whole: "2.5e3" → "2500".
std::optional<std::string> whole_digits(std::string_view text) {
    constexpr int kMostDigits = 20;      // of any number of 64 bits
    constexpr int kMostExponent = 1000;  // keeps sums of exponents in their type
    std::string digits(take_digits(text));
    if (digits.empty()) return std::nullopt;
    int exponent = 0;
    if (take(text, ".")) {
        const std::string_view fraction = take_digits(text);
        if (fraction.empty() || fraction.size() > kMostExponent) return std::nullopt;
        digits += fraction;
        exponent = -static_cast<int>(fraction.size());
    }
    if (take(text, "eE")) {
        const int sign = take(text, "-") ? -1 : 1;
        if (sign > 0) take(text, "+");
        const std::string_view power = take_digits(text);
        int value = 0;
        const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), value);
        if (error != std::errc() || value > kMostExponent) return std::nullopt;
        exponent += sign * value;
    }
    if (!text.empty()) return std::nullopt;
    digits.erase(0, digits.find_first_not_of('0'));
    if (digits.empty()) return "0";
    for (; exponent < 0 && digits.back() == '0'; ++exponent) digits.pop_back();
    if (exponent < 0 || exponent > kMostDigits) return std::nullopt;
    return digits.append(static_cast<std::size_t>(exponent), '0');
}

template <typename T>
std::optional<T> whole(std::string_view text) {
    const bool negative = std::numeric_limits<T>::is_signed && take(text, "-");
    const auto digits = whole_digits(text);
    if (!digits) return std::nullopt;
    const std::string signed_digits = (negative ? "-" : "") + *digits;
    T value = 0;
    const auto [end, error] = std::from_chars(signed_digits.data(), signed_digits.data() + signed_digits.size(), value);
    if (error != std::errc()) return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) { return whole<std::int64_t>(text); }
std::optional<std::uint64_t> parse_unsigned(std::string_view text) { return whole<std::uint64_t>(text); }

std::optional<double> parse_real(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<double> parse_seconds(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, double>, 5> kUnits{
        {{"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
    double unit = 1;
    for (const auto& [name, seconds] : kUnits) {
        if (!text.ends_with(name)) continue;
        text.remove_suffix(name.size());
        unit = seconds;
        break;
    }
    const auto number = parse_real(text);
    if (!number || std::signbit(*number) || !std::isfinite(*number * unit)) return std::nullopt;
    return *number * unit;
}

}  // namespace nepenthe
