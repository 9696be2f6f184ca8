#pragma once
// What operators do to values, as in Python. Each throws Error(kData) for types that it is not made for, and for whole
// numbers beyond 64 bits, which Python has and templates have no use for.

#include "text/jinja/value.h"

#include <optional>

namespace nepenthe::text::jinja {

enum class Operator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
Value binary(Operator op, const Value& left, const Value& right, Budget& budget);
Value negative(const Value& value);
Value positive(const Value& value);

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn, kNotIn };
bool compare(Comparison op, const Value& left, const Value& right, Budget& budget);

// `value[first:last:step]`; none where one is left out.
Value slice(const Value& value, const Value& first, const Value& last, const Value& step, Budget& budget);
// The item that `value[key]` finds by itself, none where there is no such item or value has no items.
std::optional<Value> item(const Value& value, const Value& key, Budget& budget);

// "%s is %d" % values.
std::string percent_formatted(const std::string& format, const Values& values, const Value* only, Budget& budget);

}  // namespace nepenthe::text::jinja
