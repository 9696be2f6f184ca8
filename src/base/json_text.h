#pragma once
// JSON as it is written and printed: numbers that are not finite, for which it has no form.

#include "base/json.h"

#include <string>

namespace nepenthe {

// null for NaN and the infinities, which JSON has no form for: for what may be undefined and is said to be.
Json finite_or_null(double value);

// What is written or printed: where a number is not finite there is null, and an object gets "not_finite" beside its
// members, {"/place/of/it": "nan", "inf" or "-inf"}, so that no such null passes for a value that was not asked for. A
// warning names the first of them.
Json with_finite_numbers(Json value);
// Its text, `indent` spaces a level (negative: one line); bytes that are not UTF-8 become U+FFFD.
std::string json_text(const Json& value, int indent = -1);

}  // namespace nepenthe
