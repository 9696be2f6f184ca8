#pragma once
// The ways in which a corpus writes a term, with their counts.

#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct WrittenForm {
    std::string text;  // white space in it as one blank
    std::int64_t count = 0;
    bool operator==(const WrittenForm&) const = default;
};

// The commonest first, equals by their text.
std::vector<WrittenForm> by_count(const std::map<std::string, std::int64_t>& counts);

// "Halcyons (3), HALCYON (2) …"
std::string listed(const std::vector<WrittenForm>& forms, std::size_t most);

// [{"text", "count"}, …]
Json forms_json(const std::vector<WrittenForm>& forms);

// White space and line breaks as one blank each; everything else as it is written.
std::string on_one_line(std::string_view written);

}  // namespace nepenthe::unlearn
