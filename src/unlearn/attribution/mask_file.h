#pragma once
// masks.h5, format "nepenthe.masks" version 1: which weights of one model stay trainable, one or several selections of
// them, a bit a weight. docs/formats.md lists the datasets.

#include "base/json.h"
#include "dist/comm.h"
#include "store/hdf5.h"
#include "unlearn/attribution/packed_bits.h"
#include "unlearn/attribution/parameter_table.h"
#include "unlearn/attribution/select.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

inline constexpr const char* kMaskFormat = "nepenthe.masks";
inline constexpr int kMaskFormatVersion = 1;
inline constexpr const char* kMaskFile = "masks.h5";

// What the masks are of, and what they were made from.
struct MaskClaims {
    std::string model_digest = {}, tokenizer_digest = {};
    std::string score = {};                           // score_name(), or the operation that composed masks
    std::string loss = {};                            // what the forget gradient was of; "" where none was read
    std::optional<double> gamma = {};                 // of mean gradients, where the score has one
    std::int64_t forget_items = 0, retain_items = 0;  // that the gradients are means over
    std::uint64_t seed = 0;
    Json config = Json::object();  // the effective options
};

struct MaskSelection {
    std::string name = {};        // "0.95", or the operation that composed it
    std::int64_t kept = 0;        // weights that stay trainable; write_mask_file() counts them
    std::optional<Cut> cut = {};  // where it was cut from scores
};

// "0.95": the shortest decimal that is this double.
std::string selection_name(double share);

// What a file is written from. The functions are collective: all ranks call them in the same order and get the same,
// the whole parameter, so that the largest of them must fit each rank's memory as bits (and as 2 bytes a weight where
// scores are stored).
struct MaskContent {
    MaskClaims claims;
    ParameterTable table;
    std::vector<MaskSelection> selections;
    std::function<PackedBits(std::size_t selection, std::size_t parameter)> bits;
    std::function<std::vector<std::uint16_t>(std::size_t parameter)> scores;  // bf16; may be empty
};

struct WrittenMasks {
    std::string digest;  // of the content
    // By selection: "all", and by "module" and "layer" ("none": of no layer), the share of weights that is kept, as
    // {value, numerator, denominator}.
    Json density;
};

// Collective. The same bytes on any number of ranks. Throws Error(kUsage) for two masks of one name.
WrittenMasks write_mask_file(const dist::Comm& comm, const std::filesystem::path& path, const MaskContent& content);

// Content of cuts through scores of which each rank holds its shard; all arguments but `claims` must outlive it.
MaskContent selected_masks(const dist::Comm& comm, MaskClaims claims, const ParameterTable& table,
                           std::span<const float> scores, const std::vector<ShardRange>& ranges,
                           const std::vector<Cut>& cuts, bool with_scores);

// A file read by one rank alone.
class MaskFile {
  public:
    // Throws Error(kData) where the tables and the datasets do not fit together.
    explicit MaskFile(const std::filesystem::path& path);

    const MaskClaims& claims() const { return claims_; }
    const ParameterTable& table() const { return table_; }
    const std::vector<MaskSelection>& selections() const { return selections_; }
    // The one of this name, or, of "", the only one. Throws Error(kUsage) with the names that there are.
    const MaskSelection& selection(const std::string& name) const;

    // Bits of the elements [begin, begin + numel) of a parameter (its place in table()): 1 = trainable.
    PackedBits bits(const MaskSelection& selection, std::size_t parameter, std::int64_t begin,
                    std::int64_t numel) const;
    PackedBits bits(const MaskSelection& selection, std::size_t parameter) const;
    bool has_scores() const;
    std::vector<float> scores(std::size_t parameter) const;

    // Throws Error(kData) that names what differs: a parameter and its shape, or a digest.
    void require_model(const ParameterTable& table, const std::string& model_digest,
                       const std::string& tokenizer_digest) const;

  private:
    void read_tables();
    void check_datasets() const;

    std::string path_;
    store::H5Reader file_;
    MaskClaims claims_;
    ParameterTable table_;
    std::vector<MaskSelection> selections_;
};

}  // namespace nepenthe::unlearn
