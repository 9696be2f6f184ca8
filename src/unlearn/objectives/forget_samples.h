#pragma once
// What a run of forget trains on: labelled blocks, blocks of text that must stay, blocks of the translated corpus.

#include "dist/comm.h"
#include "model/decoder.h"
#include "train/sample.h"
#include "unlearn/relabel/label_targets.h"
#include "unlearn/start/frozen_start.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// What text that must stay should predict.
enum class RetainKind { kModel /* what the untrained model says of it */, kText /* its own next tokens */ };
std::string_view retain_name(RetainKind kind);   // "model", "text"
RetainKind parse_retain(std::string_view name);  // throws Error(kUsage)

struct MixOptions {
    RetainKind retain_targets = RetainKind::kModel;
    double retain_ratio = 1;      // blocks of text to be kept for every block of labels, where there is such text
    double translated_ratio = 0;  // blocks of the translated corpus, kept likewise, for every block of labels

    // Adds every problem.
    void check(Problems& problems) const;
};

class ForgetSamples {
  public:
    // Collective. `rows` are those of `targets` that are trained on; what each epoch sees of the other blocks is drawn
    // once, from (seed, number of blocks). `decoder` must be as it came: what it says of the blocks that stay is
    // computed here, by all ranks together, and kept in `work`, so that a run that was cut off does not begin again.
    // `targets` is kept by reference.
    ForgetSamples(const dist::Comm& comm, const model::Decoder& decoder, const LabelTargets& targets,
                  std::vector<std::size_t> rows, const TextBlocks& retain, const MixOptions& mix, std::uint64_t seed,
                  const std::filesystem::path& work);
    ForgetSamples(const ForgetSamples&) = delete;
    ForgetSamples& operator=(const ForgetSamples&) = delete;

    std::int64_t labelled() const { return static_cast<std::int64_t>(rows_.size()); }
    std::int64_t retained() const { return static_cast<std::int64_t>(retained_.size()); }
    std::int64_t translated() const { return static_cast<std::int64_t>(translated_.size()); }
    std::int64_t size() const { return labelled() + retained() + translated(); }
    // Not collective. Labelled blocks first, then retained, then translated ones.
    train::Sample sample(std::int64_t index) const;

  private:
    const LabelTargets& targets_;
    std::vector<std::size_t> rows_, retained_, translated_;  // indices: of rows, of texts
    std::vector<train::Sample> retain_, translations_;
    std::optional<FrozenStart> of_retain_, of_translations_;
};

}  // namespace nepenthe::unlearn
