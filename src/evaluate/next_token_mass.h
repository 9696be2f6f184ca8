#pragma once
// Probability of the next token falling into given sets.

#include "model/decoder.h"
#include "text/tokenizer.h"

#include <span>
#include <vector>

namespace nepenthe::evaluate {

struct NextTokenSets {
    std::vector<text::TokenId> prompt;             // not empty
    std::vector<std::vector<text::TokenId>> sets;  // each without repetitions
};

// For every prompt and each of its sets, Σ p(token | prompt), summed in fp64. All prompts form one right-padded batch;
// only the last position of each goes through the head.
std::vector<std::vector<double>> next_token_masses(const model::Decoder& decoder,
                                                   std::span<const NextTokenSets> prompts);

}  // namespace nepenthe::evaluate
