#pragma once
// Continuations with the KV cache.

#include "base/random.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace nepenthe::model {

struct GenerateOptions {
    std::int64_t max_new_tokens = 64;
    bool greedy = true;
    double temperature = 1.0;
    std::int64_t top_k = 0;           // 0 = off
    double top_p = 1.0;               // 1 = off
    std::uint64_t seed = 0;           // randomness is keyed by (seed, prompt id)
    std::vector<text::TokenId> stop;  // usually EOS
};

// One continuation a prompt, left-padded into one batch; prompt_ids[i] keys the random stream. The stop token is kept.
std::vector<std::vector<text::TokenId>> generate(const Decoder& decoder,
                                                 const std::vector<std::vector<text::TokenId>>& prompts,
                                                 const GenerateOptions& options,
                                                 const std::vector<std::uint64_t>& prompt_ids);

}  // namespace nepenthe::model
