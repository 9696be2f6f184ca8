#include "text/jinja/operators.h"

#include "text/jinja/characters.h"
#include "text/jinja/printing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::text::jinja {

namespace {

[[noreturn]] void fail_beyond() { fail(ErrorKind::kData, "a whole number beyond 64 bits is not supported"); }

std::optional<std::int64_t> as_integer(const Value& value) {
    if (const auto* flag = value.as<bool>()) return *flag ? 1 : 0;
    if (const auto* whole = value.as<std::int64_t>()) return *whole;
    return std::nullopt;
}

std::optional<double> as_real(const Value& value) {
    if (const auto whole = as_integer(value)) return static_cast<double>(*whole);
    if (const auto* real = value.as<double>()) return *real;
    return std::nullopt;
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
    if (b == 0) fail(ErrorKind::kData, "division by zero");
    if (a == std::numeric_limits<std::int64_t>::min() && b == -1) fail_beyond();
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

Value power(std::int64_t base, std::int64_t exponent) {
    if (exponent < 0) {
        if (base == 0) fail(ErrorKind::kData, "zero has no negative power");
        return {std::pow(static_cast<double>(base), static_cast<double>(exponent))};
    }
    if (exponent > 64 && (base > 1 || base < -1)) fail_beyond();
    if (base == 0 || base == 1) return {exponent == 0 ? std::int64_t{1} : base};
    if (base == -1) return {std::int64_t{exponent % 2 == 0 ? 1 : -1}};
    std::int64_t result = 1;
    for (; exponent > 0; --exponent) {
        if (__builtin_mul_overflow(result, base, &result)) fail_beyond();
    }
    return {result};
}

Value of_integers(Operator op, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    bool beyond = false;
    switch (op) {
        case Operator::kAdd: beyond = __builtin_add_overflow(a, b, &result); break;
        case Operator::kSubtract: beyond = __builtin_sub_overflow(a, b, &result); break;
        case Operator::kMultiply: beyond = __builtin_mul_overflow(a, b, &result); break;
        case Operator::kDivide:
            if (b == 0) fail(ErrorKind::kData, "division by zero");
            return {static_cast<double>(a) / static_cast<double>(b)};
        case Operator::kFloorDivide: result = floor_quotient(a, b); break;
        case Operator::kModulo: result = b == -1 ? 0 : a - floor_quotient(a, b) * b; break;
        case Operator::kPower: return power(a, b);
    }
    if (beyond) fail_beyond();
    return {result};
}

Value of_reals(Operator op, double a, double b) {
    switch (op) {
        case Operator::kAdd: return {a + b};
        case Operator::kSubtract: return {a - b};
        case Operator::kMultiply: return {a * b};
        case Operator::kPower:
            if ((a == 0 && b < 0) || (a < 0 && b != std::floor(b))) fail(ErrorKind::kData, "a power that is no number");
            return {std::pow(a, b)};
        default: break;
    }
    if (b == 0) fail(ErrorKind::kData, "float division by zero");
    if (op == Operator::kDivide) return {a / b};
    // As CPython: the remainder has the sign of the divisor, and the quotient agrees with it.
    double remainder = std::fmod(a, b);
    double quotient = (a - remainder) / b;
    if (remainder != 0) {
        if ((b < 0) != (remainder < 0)) {
            remainder += b;
            quotient -= 1;
        }
    } else {
        remainder = std::copysign(0.0, b);
    }
    if (op == Operator::kModulo) return {remainder};
    if (quotient == 0) return {std::copysign(0.0, a / b)};
    const double floored = std::floor(quotient);
    return {quotient - floored > 0.5 ? floored + 1 : floored};
}

Value joined(const Text& left, const Text& right, Budget& budget) {
    if (!left.safe && !right.safe) {
        budget.spend_bytes(left.bytes->size() + right.bytes->size());
        return text(*left.bytes + *right.bytes);
    }
    const auto escaped = [](const Text& part) { return part.safe ? *part.bytes : html_escaped(*part.bytes); };
    std::string result = escaped(left) + escaped(right);
    budget.spend_bytes(result.size());
    return text(std::move(result), true);
}

Value joined(const Sequence& left, const Sequence& right, Budget& budget) {
    budget.spend(left.items->size() + right.items->size());
    Values items = *left.items;
    items.insert(items.end(), right.items->begin(), right.items->end());
    return sequence(std::move(items), left.kind);
}

// Text or items, `times` over.
std::optional<Value> repeated(const Value& value, std::int64_t times, Budget& budget) {
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(times, 0));
    const auto check = [&](std::uint64_t size) {
        if (size && count > (std::uint64_t{1} << 32) / size) budget.spend(std::numeric_limits<std::uint64_t>::max());
    };
    if (const auto* once = value.as<Text>()) {
        check(once->bytes->size());
        budget.spend_bytes(count * once->bytes->size());
        std::string result;
        if (!once->bytes->empty()) {
            for (std::uint64_t i = 0; i < count; ++i) result += *once->bytes;
        }
        return text(std::move(result), once->safe);
    }
    const auto* once = value.as<Sequence>();
    if (!once || once->kind > SequenceKind::kTuple) return std::nullopt;
    check(once->items->size());
    budget.spend(count * once->items->size());
    Values items;
    if (!once->items->empty()) {
        for (std::uint64_t i = 0; i < count; ++i) items.insert(items.end(), once->items->begin(), once->items->end());
    }
    return sequence(std::move(items), once->kind);
}

bool contains(const Value& container, const Value& value, Budget& budget) {
    if (const std::string* whole = text_if(container)) {
        const std::string* part = text_if(value);
        require_defined(value);
        if (!part) {
            fail(ErrorKind::kData, "'in <string>' requires string as left operand, not {}", type_name(value));
        }
        budget.spend_bytes(whole->size());
        return whole->find(*part) != std::string::npos;
    }
    if (const auto* entries = container.as<Dict>()) return find(*entries, value, budget) != nullptr;
    if (const auto* items = container.as<Sequence>()) {
        return std::ranges::any_of(*items->items, [&](const Value& known) { return equal(known, value, budget); });
    }
    if (container.is<Undefined>() || container.is<Generator>()) {
        const Values all = elements(container, budget);
        return std::ranges::any_of(all, [&](const Value& known) { return equal(known, value, budget); });
    }
    fail(ErrorKind::kData, "argument of type '{}' is not iterable", type_name(container));
}

// What slice.indices() gives: every index that a slice takes, in order.
std::vector<std::size_t> indices(std::int64_t size, const Value& first, const Value& last, const Value& step,
                                 Budget& budget) {
    const std::int64_t by = step.is<None>() ? 1 : integer_of(step, "the step of a slice");
    if (by == 0) fail(ErrorKind::kData, "slice step cannot be zero");
    const std::int64_t lowest = by < 0 ? -1 : 0, highest = by < 0 ? size - 1 : size;
    const auto bound = [&](const Value& given, std::int64_t otherwise) {
        if (given.is<None>()) return otherwise;
        const std::int64_t at = integer_of(given, "an index of a slice");
        return at < 0 ? std::max(lowest, at < -size ? lowest : at + size) : std::min(highest, at);
    };
    const std::int64_t begin = bound(first, by < 0 ? highest : lowest), end = bound(last, by < 0 ? lowest : highest);
    std::vector<std::size_t> result;
    for (std::int64_t i = begin; by > 0 ? i < end : i > end;) {
        budget.spend(1);
        result.push_back(static_cast<std::size_t>(i));
        if (__builtin_add_overflow(i, by, &i)) break;
    }
    return result;
}

}  // namespace

Value binary(Operator op, const Value& left, const Value& right, Budget& budget) {
    require_defined(left);
    if (const std::string* format = text_if(left); format && op == Operator::kModulo) {
        const auto* values = right.as<Sequence>();
        const bool several = values && values->kind == SequenceKind::kTuple;
        return text(
            percent_formatted(*format, several ? *values->items : Values{}, several ? nullptr : &right, budget));
    }
    require_defined(right);
    const auto i = as_integer(left), j = as_integer(right);
    if (i && j) return of_integers(op, *i, *j);
    const auto a = as_real(left), b = as_real(right);
    if (a && b) return of_reals(op, *a, *b);
    if (op == Operator::kAdd) {
        const auto *s = left.as<Text>(), *t = right.as<Text>();
        if (s && t) return joined(*s, *t, budget);
        const auto *x = left.as<Sequence>(), *y = right.as<Sequence>();
        if (x && y && x->kind == y->kind && x->kind <= SequenceKind::kTuple) return joined(*x, *y, budget);
    }
    if (op == Operator::kMultiply && (i || j)) {
        if (auto result = repeated(i ? right : left, i ? *i : *j, budget)) return *result;
    }
    constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};
    fail(ErrorKind::kData, "unsupported operand types for {}: '{}' and '{}'", kSigns[static_cast<int>(op)],
         type_name(left), type_name(right));
}

Value negative(const Value& value) {
    require_defined(value);
    if (const auto* real = value.as<double>()) return {-*real};
    const std::int64_t whole = integer_of(value, "what '-' stands before");
    if (whole == std::numeric_limits<std::int64_t>::min()) fail_beyond();
    return {-whole};
}

Value positive(const Value& value) {
    if (value.is<double>()) return value;
    return {integer_of(value, "what '+' stands before")};
}

bool compare(Comparison op, const Value& left, const Value& right, Budget& budget) {
    switch (op) {
        case Comparison::kEqual: return equal(left, right, budget);
        case Comparison::kNotEqual: return !equal(left, right, budget);
        case Comparison::kLess: return less(left, right, budget);
        case Comparison::kGreater: return less(right, left, budget);
        case Comparison::kLessOrEqual: return less(left, right, budget) || equal(left, right, budget);
        case Comparison::kGreaterOrEqual: return less(right, left, budget) || equal(left, right, budget);
        case Comparison::kIn: return contains(right, left, budget);
        case Comparison::kNotIn: return !contains(right, left, budget);
    }
    return false;
}

Value slice(const Value& value, const Value& first, const Value& last, const Value& step, Budget& budget) {
    if (const auto* whole = value.as<Text>()) {
        budget.spend_bytes(whole->bytes->size());
        const std::u32string all = code_points(*whole->bytes);
        std::u32string result;
        for (const std::size_t i : indices(static_cast<std::int64_t>(all.size()), first, last, step, budget)) {
            result += all[i];
        }
        return text(utf8(result), whole->safe);
    }
    const auto* items = value.as<Sequence>();
    if (!items || items->kind > SequenceKind::kRange) fail(ErrorKind::kData, "'{}' has no slices", type_name(value));
    Values result;
    for (const std::size_t i : indices(static_cast<std::int64_t>(items->items->size()), first, last, step, budget)) {
        result.push_back((*items->items)[i]);
    }
    return sequence(std::move(result), items->kind);
}

std::optional<Value> item(const Value& value, const Value& key, Budget& budget) {
    if (const auto* entries = value.as<Dict>()) {
        const bool has_hash =
            !key.is<Dict>() && (!key.is<Sequence>() || key.as<Sequence>()->kind != SequenceKind::kList);
        const Value* found = has_hash ? find(*entries, key, budget) : nullptr;
        return found ? std::optional(*found) : std::nullopt;
    }
    const auto at = as_integer(key);
    if (!at) return std::nullopt;
    const auto place = [&](std::size_t size) -> std::optional<std::size_t> {
        const auto count = static_cast<std::int64_t>(size);
        if (*at >= count || *at < -count) return std::nullopt;
        return static_cast<std::size_t>(*at < 0 ? *at + count : *at);
    };
    if (const auto* whole = value.as<Text>()) {
        budget.spend_bytes(whole->bytes->size());
        const std::u32string all = code_points(*whole->bytes);
        const auto i = place(all.size());
        return i ? std::optional(text(utf8({&all[*i], 1}), whole->safe)) : std::nullopt;
    }
    const auto* items = value.as<Sequence>();
    if (!items || items->kind > SequenceKind::kRange) return std::nullopt;
    const auto i = place(items->items->size());
    return i ? std::optional((*items->items)[*i]) : std::nullopt;
}

std::string percent_formatted(const std::string& format, const Values& values, const Value* only, Budget& budget) {
    std::string result;
    std::size_t used = 0;
    const std::size_t given = only ? 1 : values.size();
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%') {
            result += format[i];
            continue;
        }
        if (++i == format.size()) fail(ErrorKind::kData, "incomplete format");
        if (format[i] == '%') {
            result += '%';
            continue;
        }
        int precision = 6;
        if (format[i] == '.' && i + 2 < format.size() && format[i + 1] >= '0' && format[i + 1] <= '9') {
            precision = format[i + 1] - '0';
            i += 2;
        }
        if (used == given) fail(ErrorKind::kData, "not enough arguments for format string");
        const Value& value = only ? *only : values[used];
        ++used;
        const auto real = as_real(value);
        if (format[i] == 's' && format[i - 1] == '%') {
            result += str(value, budget);
        } else if (format[i] == 'r' && format[i - 1] == '%') {
            result += repr(value, budget);
        } else if (format[i] == 'd' && format[i - 1] == '%' && as_integer(value)) {
            result += std::to_string(*as_integer(value));
        } else if (format[i] == 'f' && real && std::isfinite(*real)) {
            result += fmt::format("{:.{}f}", *real, precision);
        } else {
            fail(ErrorKind::kData, "'%{}' of a {} in a format is not supported", format[i], type_name(value));
        }
    }
    // One value with items by key or place may be there for names that the format does not ask for.
    if (used < given && !(only && (only->is<Dict>() || only->is<Sequence>() || only->is<Undefined>()))) {
        fail(ErrorKind::kData, "not all arguments converted during string formatting");
    }
    budget.spend_bytes(result.size());
    return result;
}

}  // namespace nepenthe::text::jinja
