#pragma once
// What the model says of texts before it forgets anything: its distribution at every position that predicts something,
// as a target that holds it where it is (the Kullback-Leibler term of TOFU's baselines, arXiv 2401.06121), or that
// lowers the text's own tokens (UNDIAL). Computed beforehand, so that no second model lies in memory.

#include "dist/comm.h"
#include "model/decoder.h"
#include "store/blocks.h"
#include "train/sample.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace nepenthe::unlearn {

using TextBlocks = std::vector<std::vector<text::TokenId>>;
std::vector<train::Sample> causal_samples(const TextBlocks& blocks);

// Tokens that are named of a distribution; all others are one (train/targets.h). Of what Gemma 3 270M says of a novel
// the likeliest 32 hold .86 on average, 64 would hold .90.
inline constexpr std::int64_t kNamedTokens = 32;

class FrozenStart {
  public:
    // Collective. Of the samples `wanted` (indices, repetitions allowed); `samples` is kept by reference. The ranks
    // share one forward pass of `decoder`, which must be as it came; finished samples are kept in `folder` (shared by
    // all ranks), so that a run that was cut off does not begin again.
    FrozenStart(const dist::Comm& comm, const model::Decoder& decoder, const std::vector<train::Sample>& samples,
                std::vector<std::size_t> wanted, const std::filesystem::path& folder,
                std::int64_t named = kNamedTokens);

    // Not collective. Sample i, one of those wanted; its supervised positions have targets that name the likeliest
    // tokens.
    train::Sample sample(std::size_t i) const;
    // The same with the logit of each position's own label lowered by `by`.
    train::Sample lowered(std::size_t i, double by) const;

  private:
    struct Row;
    template <typename Target>
    train::Sample with_targets(std::size_t i, const Target& target) const;

    const std::vector<train::Sample>& samples_;
    std::vector<std::size_t> stored_as_;          // of samples_: which result is its own
    std::optional<store::BlockResults> results_;  // nothing where nothing is wanted
};

}  // namespace nepenthe::unlearn
