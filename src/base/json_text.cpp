#include "base/json_text.h"

#include "base/log.h"

#include <cmath>
#include <utility>

namespace nepenthe {

namespace {

// Leaves null in their places, and in `found` what they were.
void replace_non_finite(Json& value, const Json::json_pointer& place, Json& found) {
    if (value.is_structured()) {
        for (auto& [name, member] : value.items()) replace_non_finite(member, place / name, found);
    } else if (value.is_number_float() && !std::isfinite(value.get<double>())) {
        const double number = value.get<double>();
        found[place.to_string()] = std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
        value = nullptr;
    }
}

}  // namespace

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json with_finite_numbers(Json value) {
    Json found = Json::object();
    replace_non_finite(value, Json::json_pointer(), found);
    if (found.empty()) return value;
    log_warning("{} number{} of the result, {} first, {} not finite; null stands for {}", found.size(),
                found.size() == 1 ? "" : "s", found.begin().key(), found.size() == 1 ? "is" : "are",
                found.size() == 1 ? "it" : "them");
    if (value.is_object()) value["not_finite"] = std::move(found);
    return value;
}

std::string json_text(const Json& value, int indent) {
    return with_finite_numbers(value).dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nepenthe
