#pragma once
// The two models that the task depth of `evaluate` measures all others against: one that knows, and one that never
// learnt it.

#include "pipelines/evaluation.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class DepthModels {
  public:
    void declare(Options& options);
    // Collective. Both models' digests go into the key; without --knowing it is the first of `models`. Throws
    // Error(kUsage) without a retrained model, and where an earlier evaluation was measured against other models.
    void settle(const dist::Comm& comm, const std::vector<NamedPath>& models, const std::filesystem::path& retrained,
                const std::vector<NamedResults>& earlier, store::ArtefactKey& key);
    // Collective. Loads both and measures what the retrained one lacks; nullptr where settle() was not called. The
    // knowing one stays in memory as long as the result.
    std::shared_ptr<const evaluate::DepthReference> reference(const dist::Comm& comm, const CommonOptions& common,
                                                              const evaluate::EvaluateOptions& options,
                                                              const std::filesystem::path& scratch) const;

  private:
    std::filesystem::path knowing_, retrained_;
    std::string id_;
};

}  // namespace nepenthe::pipelines
