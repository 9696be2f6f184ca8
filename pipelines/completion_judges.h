#pragma once
// The models under which `evaluate` measures how likely completions are (the task fluency): one judge for all models,
// and one that never read the corpus, where there is such a model.

#include "pipelines/evaluation.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class CompletionJudges {
  public:
    void declare(Options& options);
    // Collective. The judges' digests go into the key; without --judge it is the first of `models`. Throws
    // Error(kUsage) where an earlier evaluation was judged by another model.
    void settle(const dist::Comm& comm, const std::vector<NamedPath>& models, const std::vector<NamedResults>& earlier,
                store::ArtefactKey& key);
    // --retrained, which depth reads as well.
    const std::filesystem::path& retrained() const { return retrained_; }
    // Collective. Loads one judge after the other and adds its metric to every model's fluency; nothing where settle()
    // was not called. `key` holds the digests of the models' tokenizers.
    void judge(const dist::Comm& comm, const CommonOptions& common, const store::ArtefactKey& key,
               const std::filesystem::path& scratch, std::vector<NamedResults>& measured) const;

  private:
    struct Judge {
        std::string metric, digest;
        std::filesystem::path path;
    };

    std::filesystem::path judge_, retrained_;
    std::vector<Judge> judges_;
};

}  // namespace nepenthe::pipelines
