#pragma once
// tokenizer.json's "normalizer": rewrites the text before it is cut.

#include "base/error.h"
#include "base/json.h"
#include "text/aligned_text.h"

#include <memory>

namespace nepenthe::text {

class Normalizer {
  public:
    virtual ~Normalizer() = default;
    virtual void apply(AlignedText& text) const = 0;
};

// Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, Strip, BertNormalizer, Sequence;
// null gives none. What is not supported goes to `problems` by its path within the file.
std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where, Problems& problems);

}  // namespace nepenthe::text
