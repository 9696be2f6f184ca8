#pragma once
// Log-likelihoods of the choices of questions.

#include "evaluate/likelihood_request.h"
#include "model/decoder.h"

#include <span>
#include <vector>

namespace nepenthe::evaluate {

struct ChoiceScore {
    double log_likelihood = 0;  // nats, summed over the continuation in fp64
    std::int64_t tokens = 0;
    bool greedy = true;               // every token of the continuation was the most likely one
    std::vector<text::TokenId> best;  // the most likely token in the place of each; score_continuations only
};

// The choices of one question.
using EncodedItem = std::vector<EncodedPair>;

// Scores of every choice of every item, in order; deterministic for the same items in the same call.
std::vector<std::vector<ChoiceScore>> score_choices(const model::Decoder& decoder, std::span<const EncodedItem> items);

// Scores of pairs, in order; neighbours with the same context share its pass. Contexts go through the model by
// themselves, so that a side memory decides by them alone.
std::vector<ChoiceScore> score_continuations(const model::Decoder& decoder, std::span<const EncodedPair> pairs);

// First index of the largest value, as numpy.argmax.
std::size_t first_largest(std::span<const double> values);

}  // namespace nepenthe::evaluate
