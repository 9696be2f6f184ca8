#pragma once
// A fact as token ids: where its subject ends, and which positions must predict its target. specs: editing.md §1.1–1.3.

#include "edit/facts.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// One row: context prefix + ". " + sentence + " " + target without its last token, tokenised once and jointly.
struct EditRow {
    std::vector<text::TokenId> ids;      // with the tokenizer's BOS
    std::size_t subject_last = 0;        // index of the token that covers the subject's last character
    std::vector<text::TokenId> targets;  // what the last targets.size() positions predict; empty for rows without target
};

// Ids of " " + target as it stands after a prompt (one joint tokenisation), the same for training and for scoring.
std::vector<text::TokenId> target_ids(const text::Tokenizer& tokenizer, const std::string& prompt,
                                      const std::string& target);

// `prompt` holds one "{}". Throws Error(kData) where the subject is not followed through, where a target has no tokens,
// or where the row is longer than `max_positions`. An empty target gives a row without targets.
EditRow make_row(const text::Tokenizer& tokenizer, const std::string& prefix, const std::string& prompt,
                 const std::string& subject, const std::string& target, std::int64_t max_positions);

// Context prefixes, generated once from the unedited model: the bare prompt first (""), then texts that continue
// "The", "Therefore", "Because", "I", "You" (top-k 5, from the counter-based stream); braces and line breaks are taken out.
struct PrefixOptions {
    std::vector<std::int64_t> counts = {10, 10};   // ROME: ten texts …
    std::vector<std::int64_t> lengths = {5, 10};   // … of 5 tokens and ten of 10 (the seed word counts)
    std::uint64_t seed = 0;
};
PrefixOptions rome_prefixes();   // 1 + 10 + 10, flat mean
PrefixOptions memit_prefixes();  // 1 + 5 of 10 tokens, half the weight on the bare prompt
std::vector<std::string> make_prefixes(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                       const PrefixOptions& options);

// Weights of the rows in means over prefixes; they add up to one.
enum class PrefixMean { kFlat, kHalfBare /* half on the bare prompt, half on the mean of the others */ };
std::vector<double> prefix_weights(std::size_t prefixes, PrefixMean mean);

}  // namespace nepenthe::edit
