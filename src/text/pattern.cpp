#include "text/pattern.h"

namespace nepenthe::text {

std::optional<Pattern> Pattern::from_json(const Json& json, std::string_view where, Problems& problems) {
    if (json.is_string()) return literal(json.get<std::string>());
    if (json.is_object() && json.size() == 1 && json.begin()->is_string()) {
        const std::string text = *json.begin();
        if (json.begin().key() == "String") return literal(text);
        if (json.begin().key() == "Regex") {
            try {
                return Pattern("", Regex(text));
            } catch (const Error& error) {
                problems.add("{}: {}", where, error.what());
                return std::nullopt;
            }
        }
    }
    problems.add("{}: the pattern is neither {{\"String\": …}} nor {{\"Regex\": …}}", where);
    return std::nullopt;
}

void Pattern::find_all(std::string_view text, std::vector<TextRange>& matches, WorkBudget& budget) const {
    if (regex_) {
        regex_->find_all(text, matches, budget);
        return;
    }
    if (literal_.empty()) return;
    for (std::size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, at + literal_.size())) {
        matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + literal_.size())});
    }
}

}  // namespace nepenthe::text
