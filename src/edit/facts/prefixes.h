#pragma once
// Context prefixes: short texts put before a fact's prompt, so that its key and value do not hang on one context.
// specs: editing.md §1.3.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// The bare prompt comes first (""), then texts that continue `beginnings` in turn.
struct PrefixOptions {
    std::vector<std::int64_t> counts = {10, 10};  // ROME: ten texts …
    std::vector<std::int64_t> lengths = {5, 10};  // … of 5 tokens and ten of 10 (the beginning's tokens count)
    // "" is where texts begin: the token that the tokenizer has for it (ROME's <|endoftext|>).
    std::vector<std::string> beginnings = {"The", "Therefore", "Because", "I", "You"};
    bool count_new_tokens = false;  // lengths are of what is generated alone
    bool greedy = false;            // the likeliest token each time, instead of one of the five likeliest
    std::uint64_t seed = 0;
};
PrefixOptions rome_prefixes();   // 1 + 10 + 10, flat mean
PrefixOptions memit_prefixes();  // 1 + 5 of 10 tokens, half the weight on the bare prompt

// Generated from the unedited model (top-k 5, from the counter-based stream keyed by seed and text); braces and line
// breaks are taken out. Once per run: its texts belong to the artefact. Throws Error(kUsage) where texts are to begin
// with a token that the tokenizer does not have.
std::vector<std::string> make_prefixes(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                       const PrefixOptions& options);

// Weights of the rows in means over prefixes; they add up to one.
enum class PrefixMean { kFlat, kHalfBare /* half on the bare prompt, half on the mean of the others */ };
std::vector<double> prefix_weights(std::size_t prefixes, PrefixMean mean);

}  // namespace nepenthe::edit
