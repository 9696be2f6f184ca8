#pragma once
// The label artefact: what relabel writes and forget reads. specs: format "nepenthe.labels", one HDF5 file labels.h5.

#include "store/artefact.h"
#include "store/hdf5.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

inline constexpr std::int32_t kNoLabel = -1;  // stored; position is not supervised

// Rows of one α. Row = block, column = position; labels[t] is what position t should predict next.
struct LabelRows {
    std::vector<std::vector<std::int32_t>> ids;     // [block][length]
    std::vector<std::vector<std::int32_t>> labels;  // [block][length], kNoLabel where none
    std::vector<std::uint64_t> blocks;              // which of the artefact's each is

    std::int64_t labelled() const;  // positions with a label
    // Leaves out blocks without a label and returns how many there were.
    std::int64_t leave_out_unlabelled();
};
// `alpha` as it was given ("5", "2.5"). Throws Error(kUsage) listing the α there are.
LabelRows read_labels(const std::filesystem::path& artefact_folder, const std::string& alpha);

// Throws Error(kData) naming what differs unless the labels were made from the baseline and with the tokenizer of these
// digests. An empty digest is not compared.
void check_labels_belong(const std::filesystem::path& artefact_folder, const std::string& baseline_digest,
                         const std::string& tokenizer_digest);

// Name of an α in dataset paths: shortest decimal form.
std::string alpha_name(double alpha);

}  // namespace nepenthe::unlearn
