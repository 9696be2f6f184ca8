// Filters that make numbers.

#include "text/jinja/characters.h"
#include "text/jinja/filters.h"

#include <cmath>
#include <cstdlib>

namespace nepenthe::text::jinja {

namespace {

// A number as Python reads it: white space around it, underscores between digits.
std::string plain_number(std::string_view written) {
    std::string number(strip(written, true, true));
    for (std::size_t i = number.size(); i-- > 0;) {
        const auto digit = [&](std::size_t at) { return at < number.size() && number[at] >= '0' && number[at] <= '9'; };
        if (number[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) number.erase(i, 1);
    }
    return number;
}

std::optional<double> read_real(std::string_view written) {
    const std::string number = plain_number(written);
    if (number.empty()) return std::nullopt;
    const std::string small = lower(number);
    const std::string_view bare = std::string_view(small).substr(small[0] == '-' || small[0] == '+' ? 1 : 0);
    const bool named = bare == "inf" || bare == "infinity" || bare == "nan";
    if (!named && small.find_first_not_of("0123456789.e+-") != small.npos) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(small.c_str(), &end);
    if (end != small.c_str() + small.size()) return std::nullopt;
    return value;
}

Value truncated(double real, const Value& otherwise) {
    if (!std::isfinite(real)) return otherwise;
    if (std::abs(real) >= 9.2e18) fail(ErrorKind::kData, "a whole number beyond 64 bits is not supported");
    return {static_cast<std::int64_t>(real)};
}

Value int_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("int", {"default", "base"});
    if (FilterCall{evaluator, given}.integer(1, "base", 10) != 10) {
        fail(ErrorKind::kData, "int with another base than 10 is not supported");
    }
    const Value* given_default = given.find(0, "default");
    const Value otherwise = given_default ? *given_default : Value{std::int64_t{0}};
    require_defined(value);
    if (value.is<std::int64_t>() || value.is<bool>()) return {integer_of(value, "int")};
    if (const auto* real = value.as<double>()) {
        if (std::isinf(*real)) return otherwise;
        return truncated(*real, otherwise);
    }
    const std::string* written = text_if(value);
    if (!written) return otherwise;
    const std::string number = plain_number(*written);
    const std::size_t sign = number.starts_with('-') || number.starts_with('+') ? 1 : 0;
    if (number.size() > sign && number.find_first_not_of("0123456789", sign) == number.npos) {
        std::int64_t whole = 0;
        for (std::size_t i = sign; i < number.size(); ++i) {
            if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, number[i] - '0', &whole)) {
                fail(ErrorKind::kData, "a whole number beyond 64 bits is not supported");
            }
        }
        return {number[0] == '-' ? -whole : whole};
    }
    const auto real = read_real(*written);
    return real ? truncated(*real, otherwise) : otherwise;
}

Value float_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("float", {"default"});
    const Value* otherwise = given.find(0, "default");
    require_defined(value);
    if (value.is<double>()) return value;
    if (value.is<std::int64_t>() || value.is<bool>()) return {static_cast<double>(integer_of(value, "float"))};
    const std::string* written = text_if(value);
    if (const auto real = written ? read_real(*written) : std::nullopt) return {*real};
    return otherwise ? *otherwise : Value{0.0};
}

Value abs_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("abs", {});
    require_defined(value);
    if (const auto* real = value.as<double>()) return {std::abs(*real)};
    const std::int64_t whole = integer_of(value, "what abs is taken of");
    return whole < 0 ? negative(value) : Value{whole};
}

Value round_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("round", {"precision", "method"});
    const FilterCall call{evaluator, given};
    const std::int64_t precision = call.integer(0, "precision", 0);
    const std::string method = call.text(1, "method", "common");
    if (precision < 0 || precision > 15) fail(ErrorKind::kData, "round to {} digits is not supported", precision);
    const bool whole = value.is<std::int64_t>() || value.is<bool>();
    if (!whole && !value.is<double>()) fail(ErrorKind::kData, "'{}' cannot be rounded", type_name(value));
    const double real = whole ? static_cast<double>(integer_of(value, "round")) : *value.as<double>();
    if (method == "common") {
        if (whole) return {integer_of(value, "round")};
        if (!std::isfinite(real)) return value;
        // The nearest decimal, as Python finds it: by the digits of the number, halves to even.
        return {std::strtod(fmt::format("{:.{}f}", real, precision).c_str(), nullptr)};
    }
    if (method != "ceil" && method != "floor") fail(ErrorKind::kData, "method must be common, ceil or floor");
    const double scale = std::pow(10.0, static_cast<double>(precision));
    return {(method == "ceil" ? std::ceil(real * scale) : std::floor(real * scale)) / scale};
}

constexpr FilterRow kNumberFilters[] = {
    {"abs", abs_filter},
    {"float", float_filter},
    {"int", int_filter},
    {"round", round_filter},
};

}  // namespace

std::span<const FilterRow> number_filters() { return kNumberFilters; }

}  // namespace nepenthe::text::jinja
