#pragma once
// The regular expressions of tokenizer.json. They are written for Oniguruma; the part of its syntax that published
// tokenizers use is translated for PCRE2, where the two mean different things by the same letters.

#include "text/unicode.h"
#include "text/work_budget.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

class Regex {
  public:
    // Throws Error(kData) for a pattern that does not compile or that uses what is not translated (\w, \b, scripts,
    // most POSIX classes …).
    explicit Regex(std::string_view pattern);
    ~Regex();
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;

    // Every match in `text` (valid UTF-8), left to right, without overlaps, behind `matches`. Thread-safe. Throws
    // Error(kData) where the steps that this takes exceed the budget.
    void find_all(std::string_view text, std::vector<TextRange>& matches, WorkBudget& budget) const;

  private:
    struct Code;
    std::unique_ptr<Code> code_;
};

// The pattern as PCRE2 reads it (regex_pattern.cpp): \s, \S and \p{…} spelt out by Unicode 16's tables, classes within
// classes and "&&" as Oniguruma means them.
std::string translate_pattern(std::string_view pattern);

}  // namespace nepenthe::text
