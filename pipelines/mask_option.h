#pragma once
// --mask and --selection: which weights may move, for the verbs that train.

#include "dist/comm.h"
#include "model/decoder.h"
#include "pipelines/options.h"
#include "store/artefact.h"
#include "train/trained_weights.h"

#include <filesystem>
#include <string>

namespace nepenthe::pipelines {

class MaskOption {
  public:
    void declare(Options& options);
    void finish(const Options& options, Problems& problems) const;
    // Collective. Adds the mask to the key, which holds model and tokenizer already.
    void complete_key(const dist::Comm& comm, store::ArtefactKey& key);
    // Collective. Of no mask: all weights. Throws Error(kData) for a mask of another model.
    train::MovingWeights moving(const dist::Comm& comm, const model::Decoder& decoder,
                                const store::ArtefactKey& key) const;

  private:
    std::filesystem::path folder_;
    std::string selection_;
};

}  // namespace nepenthe::pipelines
