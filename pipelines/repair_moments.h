#pragma once
// The second moments that `repair` solves with, from one or several artefacts of `stats`.

#include "base/error.h"
#include "edit/keys/moment_file.h"
#include "store/artefact.h"
#include "unlearn/repair/repair.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class RepairMomentFiles {
  public:
    // `option`: which these are, for messages and keys ("stats"). Throws Error(kData) for files of another model or
    // tokenizer, and for inputs that two of them hold. Each rank for itself.
    void read(const std::string& option, const std::vector<std::filesystem::path>& paths,
              const std::string& model_digest, const std::string& tokenizer_digest);
    bool empty() const { return files_.empty(); }
    void complete_key(store::ArtefactKey& key) const;
    // Adds a problem for each input that none of the files holds, naming the matrices that read it.
    void check_holds(const std::vector<unlearn::MovedMaps>& moved, Problems& problems) const;
    // [width, width] fp64; undefined where there are no files.
    at::Tensor moment(const unlearn::MovedMaps& maps) const;

  private:
    const edit::MomentFile* holder(const edit::MomentMap& map) const;

    std::string option_;
    std::vector<edit::MomentFile> files_;
};

}  // namespace nepenthe::pipelines
