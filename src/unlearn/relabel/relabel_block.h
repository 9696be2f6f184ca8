#pragma once
// Labels of one block: two forward passes, the combination at every position that has a counterpart, and the bytes that
// the journal keeps. specs: unlearning.md §2.4.

#include "model/decoder.h"
#include "unlearn/anchors/translation.h"
#include "unlearn/relabel/combine.h"
#include "unlearn/relabel/unembedding.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// Source positions that get a label: those that map, but the block's last, whose successor is not in the block.
std::vector<std::int32_t> labelled_positions(const TranslatedBlock& translation);

// States of one model at n positions of one sequence.
struct States {
    std::vector<float> normed;       // [n, hidden], behind the final norm
    std::vector<float> activations;  // [layer, n, hidden], behind the blocks that were asked for

    std::string pack() const;
    static States unpack(std::string_view bytes);
};
// One forward pass over `ids`. positions index `ids`.
States run_model(const model::Decoder& decoder, const std::vector<text::TokenId>& ids,
                 const std::vector<std::int32_t>& positions, const std::vector<std::int64_t>& activation_layers);

// Everything that is stored of a block. Rows are the labelled positions.
struct BlockLabels {
    TranslatedBlock translation;
    std::vector<std::int32_t> positions;  // labelled_positions(translation)
    CombinedRows rows;
    std::vector<float> logits_baseline, logits_reinforced;  // [row, vocabulary], where asked for
    std::vector<float> activations;                         // [layer, row, hidden], of the baseline

    std::string pack() const;
    static BlockLabels unpack(std::string_view bytes);
};

// The combination at all labelled positions, a few at a time. `baseline` and `reinforced` are states at these positions
// (of the translation and of the original); moves the translation and the activations into the result.
BlockLabels label_block(TranslatedBlock translation, States baseline, const Unembedding& baseline_unembedding,
                        const States& reinforced, const Unembedding& reinforced_unembedding,
                        const CombineOptions& options, bool keep_logits);

}  // namespace nepenthe::unlearn
