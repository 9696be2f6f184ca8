#pragma once
// The blocks of a label artefact as relabel made them, for whoever goes on from there: other label rules, soft labels.

#include "base/json.h"
#include "store/hdf5.h"
#include "unlearn/relabel/combine.h"
#include "unlearn/relabel/relabel_block.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace nepenthe::unlearn {

class StoredLabels {
  public:
    // The folder that relabel published. Throws Error(kData) for tables that do not fit together.
    explicit StoredLabels(const std::filesystem::path& artefact_folder);

    std::uint64_t blocks() const { return blocks_; }
    std::int64_t length() const { return static_cast<std::int64_t>(length_); }  // positions a row
    std::int64_t top_k() const { return static_cast<std::int64_t>(top_k_); }
    Combine combine() const;
    float plausible() const;  // β; 0 in files that do not say
    Json attributes() const { return file_.attributes(); }
    std::string dictionary_text() const { return file_.read_text("/dictionary"); }

    // Token ids of the original text.
    std::vector<text::TokenId> tokens(std::uint64_t block) const;
    // Everything but labels (alphas is 0), full logits and activations.
    BlockLabels read(std::uint64_t block) const;

  private:
    TranslatedBlock read_translation(std::uint64_t block, std::size_t length) const;

    store::H5Reader file_;
    std::uint64_t blocks_ = 0, length_ = 0, top_k_ = 0;
    std::vector<std::int32_t> hits_, forbidden_;  // tables of 8 and 3 columns, by block
};

}  // namespace nepenthe::unlearn
