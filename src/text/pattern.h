#pragma once
// What a Replace or Split looks for: a literal string or a regular expression.

#include "base/error.h"
#include "base/json.h"
#include "text/regex.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

class Pattern {
  public:
    static Pattern literal(std::string text) { return Pattern(std::move(text), std::nullopt); }
    // {"String": …} or {"Regex": …}, or a plain string. Nothing (and a problem) for anything else.
    static std::optional<Pattern> from_json(const Json& json, std::string_view where, Problems& problems);

    // Appends every match in `text` to `matches`. An empty literal matches nowhere.
    void find_all(std::string_view text, std::vector<TextRange>& matches, WorkBudget& budget) const;

  private:
    Pattern(std::string text, std::optional<Regex> regex) : literal_(std::move(text)), regex_(std::move(regex)) {}
    std::string literal_;
    std::optional<Regex> regex_;
};

}  // namespace nepenthe::text
