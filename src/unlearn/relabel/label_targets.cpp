#include "unlearn/relabel/label_targets.h"

#include "base/error.h"

#include <cmath>
#include <string>

namespace nepenthe::unlearn {

std::string_view target_name(TargetKind kind) { return kind == TargetKind::kSoft ? "soft" : "hard"; }

TargetKind parse_target(std::string_view name) {
    if (name == "hard") return TargetKind::kHard;
    if (name == "soft") return TargetKind::kSoft;
    fail(ErrorKind::kUsage, "targets \"{}\" are not known; there are \"hard\" and \"soft\"", name);
}

void TargetOptions::check(Problems& problems) const {
    if (!(half_weight >= 0 && std::isfinite(half_weight))) {
        problems.add("a divergence of {} nats for half the weight", half_weight);
    }
}

LabelTargets::LabelTargets(const std::filesystem::path& artefact_folder, const std::string& alpha,
                           const TargetOptions& options)
    : rows_(read_labels(artefact_folder, alpha)), stored_(artefact_folder), options_(options) {
    rule_ = {stored_.combine(), static_cast<float>(std::stod(alpha)), stored_.plausible()};
}

train::Sample LabelTargets::sample(std::size_t row) const {
    train::Sample out;
    out.ids = rows_.ids[row];
    for (const std::int32_t label : rows_.labels[row]) {
        out.labels.push_back(label == kNoLabel ? train::kIgnore : label);
    }
    if (options_.kind == TargetKind::kHard && options_.half_weight == 0) return out;
    const BlockLabels block = stored_.read(rows_.blocks[row]);
    out.targets.resize(out.ids.size());
    for (std::size_t i = 0; i < block.positions.size(); ++i) {
        const auto position = static_cast<std::size_t>(block.positions[i]);
        if (out.labels[position] == train::kIgnore) continue;
        const TopKRow top = top_k_row(block.rows, i);
        const train::Distribution soft = soft_label(top, rule_, out.ids[position + 1]);
        train::Distribution& target = out.targets[position];
        target = options_.kind == TargetKind::kSoft ? soft : train::Distribution{{out.labels[position]}, {1.0f}};
        if (options_.half_weight > 0) {
            const double apart = divergence(top, soft);
            target.weight = static_cast<float>(apart / (apart + options_.half_weight));
        }
    }
    return out;
}

std::vector<text::TokenId> LabelTargets::translation(std::size_t row) const {
    return stored_.read(rows_.blocks[row]).translation.tokens;
}

}  // namespace nepenthe::unlearn
