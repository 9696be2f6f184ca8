#pragma once
// tokenizer.json's "decoder": from the tokens' spellings back to text.

#include "base/error.h"
#include "base/json.h"
#include "text/work_budget.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

class Decoder {
  public:
    virtual ~Decoder() = default;
    // Rewrites the tokens in place; the text is what they are when joined. Throws Error(kData) beyond the budget.
    virtual void apply(std::vector<std::string>& tokens, WorkBudget& budget) const = 0;
};

// ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, WordPiece, Sequence; null gives none (tokens are then
// joined by spaces). What is not supported goes to `problems` by its path within the file.
std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where, Problems& problems);

// Appends `bytes` as UTF-8, U+FFFD for each longest part of a character that is not completed (Unicode Standard,
// section 3.9, table 3-8).
void append_lossy_utf8(std::string& out, std::string_view bytes);

}  // namespace nepenthe::text
