// What may stand behind "|": the filters of Jinja 3.1 that chat templates use, and `tojson` of transformers.

#include "text/jinja/filters.h"

#include <algorithm>

namespace nepenthe::text::jinja {

namespace {

Value default_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("default", {"default_value", "boolean"});
    const Value *otherwise = given.find(0, "default_value"), *boolean = given.find(1, "boolean");
    const bool missing = value.is<Undefined>() || (boolean && truth(*boolean) && !truth(value));
    if (!missing) return value;
    return otherwise ? *otherwise : text("");
}

}  // namespace

Filter find_filter(std::string_view name) {
    if (name == "default" || name == "d") return default_filter;
    for (const auto filters : {text_filters(), number_filters(), sequence_filters()}) {
        const auto found = std::ranges::find(filters, name, &FilterRow::name);
        if (found != filters.end()) return found->function;
    }
    return nullptr;
}

}  // namespace nepenthe::text::jinja
