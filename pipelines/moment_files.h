#pragma once
// Second moments of what linear maps read, from one or several artefacts of `stats`.

#include "base/error.h"
#include "edit/keys/moment_file.h"
#include "model/linear_maps.h"
#include "store/artefact.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class MomentFiles {
  public:
    // `option`: which these are, for messages and keys ("stats"). Throws Error(kData) for files of another model or
    // tokenizer, and for inputs that two of them hold. Each rank for itself.
    void read(const std::string& option, const std::vector<std::filesystem::path>& paths,
              const std::string& model_digest, const std::string& tokenizer_digest);
    bool empty() const { return files_.empty(); }
    void complete_key(store::ArtefactKey& key) const;
    // Adds a problem where none of the files holds the input that `readers` read, naming them.
    void check_holds(const edit::MomentMap& map, const std::vector<model::LinearMap>& readers,
                     Problems& problems) const;
    // Mean of x xᵀ, [width, width] fp64; undefined where there are no files.
    at::Tensor moment(const edit::MomentMap& map) const;

  private:
    const edit::MomentFile* holder(const edit::MomentMap& map) const;

    std::string option_;
    std::vector<edit::MomentFile> files_;
};

}  // namespace nepenthe::pipelines
