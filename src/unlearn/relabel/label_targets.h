#pragma once
// What forget trains on, made from a label artefact block by block: its labels or whole distributions, weighted.

#include "train/sample.h"
#include "unlearn/relabel/labels.h"
#include "unlearn/relabel/soft_label.h"
#include "unlearn/relabel/stored_labels.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace nepenthe::unlearn {

enum class TargetKind { kHard /* the label */, kSoft /* the distribution (soft_label.h) */ };
std::string_view target_name(TargetKind kind);   // "hard", "soft"
TargetKind parse_target(std::string_view name);  // throws Error(kUsage)

struct TargetOptions {
    TargetKind kind = TargetKind::kSoft;
    // Weight of a position: D / (D + this), D the divergence of the label from what the reinforced
    // model says there, in nats (soft_label.h). 0 = all weigh the same.
    double half_weight = 0.5;

    // Adds every problem.
    void check(Problems& problems) const;
};

class LabelTargets {
  public:
    // `alpha` as read_labels takes it.
    LabelTargets(const std::filesystem::path& artefact_folder, const std::string& alpha, const TargetOptions& options);

    const LabelRows& rows() const { return rows_; }
    // Leaves out blocks without a label and returns how many there were.
    std::int64_t leave_out_unlabelled() { return rows_.leave_out_unlabelled(); }
    // Row i of rows().
    train::Sample sample(std::size_t row) const;
    // The translation of row i: what such a text reads like without its names.
    std::vector<text::TokenId> translation(std::size_t row) const;

  private:
    LabelRows rows_;
    StoredLabels stored_;
    LabelRule rule_;
    TargetOptions options_;
};

}  // namespace nepenthe::unlearn
