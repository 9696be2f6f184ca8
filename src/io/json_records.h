#pragma once
// Files of records as people publish them: a JSON list, or JSON Lines.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace nepenthe::io {

// Calls `read(record)` for the first `limit` records (0 = all) in order; what it throws as Error(kData) is told with
// the line on which the record begins, of all bad records together. Throws Error(kData) for them, and where there is no
// record.
void for_each_json_record(const std::filesystem::path& file, std::int64_t limit,
                          const std::function<void(const Json& record)>& read);

// Nothing but white space.
bool is_blank(std::string_view text);

// A field that is not blank. Throws Error(kData).
std::string text_field(const Json& record, const char* name);

}  // namespace nepenthe::io
