#pragma once
// What the model says of blocks of text before it forgets anything: its distribution at every position, as a target
// that holds it where it is (the Kullback-Leibler term of TOFU's baselines, arXiv 2401.06121, on distributions that are
// computed beforehand).

#include "dist/comm.h"
#include "model/decoder.h"
#include "store/blocks.h"
#include "text/tokenizer.h"
#include "train/sample.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

namespace nepenthe::unlearn {

using TextBlocks = std::vector<std::vector<text::TokenId>>;

class FrozenStart {
  public:
    // Collective. Samples of blocks[drawn[i]]; both are kept by reference. The ranks share one forward pass of
    // `decoder`, which must be as it came, over the blocks that are drawn; finished ones are kept in `folder` (shared
    // by all ranks), so that a run that was cut off does not begin again.
    FrozenStart(const dist::Comm& comm, const model::Decoder& decoder, const TextBlocks& blocks,
                const std::vector<std::size_t>& drawn, const std::filesystem::path& folder);

    // Not collective. The block's tokens; at every position but the last a target that names the likeliest tokens.
    train::Sample sample(std::size_t i) const;

  private:
    const TextBlocks& blocks_;
    const std::vector<std::size_t>& drawn_;
    std::vector<std::size_t> stored_as_;          // of blocks_: which result is its own
    std::optional<store::BlockResults> results_;  // nothing where nothing is drawn
};

}  // namespace nepenthe::unlearn
