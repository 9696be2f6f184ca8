#pragma once
// What `repair` measures at every λ: the perplexity of held-out retained text, and probabilities on prompts.

#include "pipelines/evaluation.h"
#include "unlearn/repair/repair.h"

#include <filesystem>

namespace nepenthe::pipelines {

class RepairWatch {
  public:
    void declare(Options& options);
    // After parsing. Adds every problem.
    void finish(const Options& options, std::uint64_t seed, Problems& problems);
    bool has_holdout() const { return !holdout_.empty(); }
    bool has_neighbours() const { return !evaluation_.options.neighbour_prompts.empty(); }
    // Collective. Of what is measured, and how.
    Json key(const dist::Comm& comm) const { return evaluation_.key(comm); }
    // Collective as it is called; nothing where nothing is to be measured. Models are measured in precision `compute`.
    // `comm`, `tokenizer` and this must outlive it.
    unlearn::RepairMeasure measure(const dist::Comm& comm, const text::Tokenizer& tokenizer,
                                   model::Compute compute) const;

  private:
    std::filesystem::path holdout_;
    Evaluation evaluation_;
};

// The curve for people, a line each λ, of what RepairReport::to_json gave.
std::string curve_text(const Json& summary);

}  // namespace nepenthe::pipelines
