#pragma once
// labels.h5, format "nepenthe.labels" version 1: the journal's blocks as datasets. docs/formats.md lists them; what a
// reader needs is labels.h.

#include "base/json.h"
#include "dist/comm.h"
#include "store/blocks.h"
#include "text/corpus.h"
#include "unlearn/relabel/relabel_block.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

inline constexpr const char* kLabelFormat = "nepenthe.labels";
inline constexpr int kLabelFormatVersion = 1;
inline constexpr const char* kLabelFile = "labels.h5";

struct LabelFileInput {
    const text::Corpus* corpus = nullptr;
    const store::BlockResults* blocks = nullptr;  // BlockLabels::pack of every block
    std::int64_t length = 0;                      // positions a row
    std::int64_t vocabulary = 0;
    std::vector<double> alphas;
    std::int64_t top_k = 0;
    bool logits = false;
    std::vector<std::int64_t> activation_layers;
    std::int64_t hidden = 0;  // width of an activation
    std::string dictionary_text;
    Json attributes;  // of the root group
};

// Counts over all blocks: "positions", "labelled", "hits", "repeated", and per α how many labels agree with the text,
// with the baseline's argmax, are certified by the top-k, or are missing because nothing proves them. The same on
// every rank.
struct LabelCounts {
    std::int64_t positions = 0, labelled = 0, hits = 0, repeated = 0;
    struct OfAlpha {
        std::int64_t text = 0, baseline = 0, certified = 0, unproved = 0;
    };
    std::vector<OfAlpha> alphas;
    // Rates beside their numerators and denominators, by α.
    Json to_json(const std::vector<double>& alpha_values) const;
};

// Collective. Writes the file and returns its content digest.
std::string write_label_file(const dist::Comm& comm, const std::filesystem::path& path, const LabelFileInput& input,
                             LabelCounts& counts);

}  // namespace nepenthe::unlearn
