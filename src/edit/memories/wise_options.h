#pragma once
// What WISE is asked for. specs: editing.md §8.

#include "base/json.h"
#include "edit/published/rows.h"
#include "model/family/config.h"
#include "model/side_memory.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// Distances, margins and steps are in units of the model itself, because what the second MLP matrix writes differs by
// orders of magnitude between families: `unit` below is a tenth of the mean norm of its outputs on the facts, and a
// step of length lr is one for keys of unit length. As published they are absolute, and the steps are those of the
// published code (side_training.h).
struct WiseOptions {
    std::int64_t layer = -1;  // -1: at 0.8 of the depth (Llama 2: 25 of 32, published 27)
    std::int64_t steps = 70;  // at most, a fact
    double lr = 0.2;
    double decay = 1e-5;  // a step, of the change (published: lr times it, of the weight, outside the mask too)
    double alpha = 5, beta = 20, gamma = 10;  // margins of distances: out of scope, in scope, between the two
    double clamp = 50;                        // largest change of an entry, in root mean squares of the matrix
    double stop_loss = 0.02;                  // a fact is done when its loss is not above
    std::int64_t irrelevant_rows = 32;  // texts held out of scope while a fact is written, every other one everyday
                                        // language (published: 1, none of them such)
    std::int64_t quiet_directions = 8;  // leading ones of irrelevant keys that a change must not react to (published:
                                        // 0); no more than a quarter of what a row's mask leaves
    double mask_ratio = 0.2;            // share of a shard's entries that may change
    std::int64_t facts_per_shard = 500;
    // So many shards become one memory, which later ones are merged with again (published with retrieval: which stays
    // as it is beside later ones); 0 = all are kept. The most distant memory answers.
    std::int64_t merge_shards = 0;
    double merge_density = 0.53;  // largest changes that survive a merge
    std::int64_t prefix_count =
        10;               // context prefixes beside the bare prompt, half of them of 5 tokens, the others of 10
    double ratio = 0.88;  // of the threshold, that routes to a memory (published; Llama 3: 0.5)
    model::SideDistance distance = model::SideDistance::kLinear;
    model::SidePooling pooling = model::SidePooling::kMean;
    bool as_published = false;
    std::uint64_t seed = 0;

    // What a row of the authors says, and what their code does besides.
    static WiseOptions published(const PublishedWise& row);
    std::int64_t effective_layer(const model::DecoderConfig& config) const;
    std::vector<std::string> validate(const model::DecoderConfig& config) const;
    Json to_json() const;
};

}  // namespace nepenthe::edit
