#include "unlearn/offline.h"

#include "base/error.h"
#include "base/json.h"
#include "dist/guard.h"
#include "unlearn/label_check.h"
#include "unlearn/label_file.h"
#include "unlearn/relabel_block.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::unlearn {

namespace {

struct StoredBlocks {
    store::H5Reader file;
    Combine combine;
    std::uint64_t blocks, top_k;

    explicit StoredBlocks(const std::filesystem::path& folder) : file(folder / kLabelFile, kLabelFormat) {
        const LabelShape shape = check_label_file(file, (folder / kLabelFile).string());
        blocks = shape.blocks, top_k = shape.top_k;
        combine = parse_combine(file.attributes().at("combine").get<std::string>());
    }
};

void check_alpha(double alpha) {
    if (!std::isfinite(alpha) || alpha < 0) fail(ErrorKind::kUsage, "alpha {} must be a number from 0 on", alpha);
}

// Tokens of a block up to its end.
std::vector<std::int32_t> without_padding(std::vector<std::int32_t> tokens) {
    while (!tokens.empty() && tokens.back() < 0) tokens.pop_back();
    return tokens;
}

void decide_block(const StoredBlocks& stored, std::uint64_t block, float alpha, OfflineLabels& out) {
    const auto tokens = without_padding(stored.file.read<std::int32_t>("/tokens", block, 1));
    const auto index = stored.file.read<std::int32_t>("/topk/index", block, 1);
    const auto baseline = stored.file.read<float>("/topk/baseline", block, 1);
    const auto reinforced = stored.file.read<float>("/topk/reinforced", block, 1);
    const auto lse_b = stored.file.read<float>("/lse/baseline", block, 1);
    const auto lse_r = stored.file.read<float>("/lse/reinforced", block, 1);
    std::vector<std::int32_t> labels(tokens.size(), kNoLabel);
    const std::size_t k = stored.top_k;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        if (index[t * k] < 0) continue;
        const TopKDecision decision =
            decide_from_top_k({index.data() + t * k, k}, {baseline.data() + t * k, k}, {reinforced.data() + t * k, k},
                              lse_b[t], lse_r[t], alpha, stored.combine);
        labels[t] = decision.label;
        if (!decision.certified) out.uncertified.push_back({block, static_cast<std::uint32_t>(t)});
    }
    out.rows.ids.push_back(tokens);
    out.rows.labels.push_back(std::move(labels));
}

// A block's translation as it was stored.
TranslatedBlock stored_translation(const StoredBlocks& stored, std::uint64_t block, std::size_t length) {
    TranslatedBlock out;
    const auto offsets = stored.file.read<std::int64_t>("/translation/offsets", block, 2);
    out.tokens = stored.file.read<std::int32_t>("/translation/tokens", static_cast<std::uint64_t>(offsets[0]),
                                                static_cast<std::uint64_t>(offsets[1] - offsets[0]));
    out.map = stored.file.read<std::int32_t>("/map", block, 1);
    out.map.resize(length);
    if (stored.file.has("/anchors/forbidden")) {
        const auto rows = stored.file.read<std::int32_t>("/anchors/forbidden");
        for (std::size_t i = 0; i + 2 < rows.size(); i += 3) {
            if (static_cast<std::uint64_t>(rows[i]) == block) {
                out.forbidden.push_back({static_cast<std::uint32_t>(rows[i + 1]), rows[i + 2]});
            }
        }
    }
    return out;
}

BlockLabels run_block(const StoredBlocks& stored, std::uint64_t block, const std::vector<std::int32_t>& source,
                      const model::Decoder& baseline, const Unembedding& head_b, const model::Decoder& reinforced,
                      const Unembedding& head_r, const CombineOptions& options) {
    TranslatedBlock translation = stored_translation(stored, block, source.size());
    const std::vector<std::int32_t> positions = labelled_positions(translation);
    std::vector<std::int32_t> targets;
    for (const auto position : positions) targets.push_back(translation.map[static_cast<std::size_t>(position)]);
    States states = run_model(baseline, translation.tokens, targets, {});
    return label_block(std::move(translation), std::move(states), head_b, run_model(reinforced, source, positions, {}),
                       head_r, options, false);
}

std::int32_t label_at(const BlockLabels& block, std::int32_t position) {
    const auto row = std::lower_bound(block.positions.begin(), block.positions.end(), position);
    NEPENTHE_CHECK(row != block.positions.end() && *row == position);
    return block.rows.label[static_cast<std::size_t>(row - block.positions.begin())];
}

}  // namespace

OfflineLabels relabel_offline(const std::filesystem::path& artefact_folder, double alpha) {
    check_alpha(alpha);
    const StoredBlocks stored(artefact_folder);
    OfflineLabels out;
    for (std::uint64_t block = 0; block < stored.blocks; ++block) {
        decide_block(stored, block, static_cast<float>(alpha), out);
    }
    return out;
}

void resolve_uncertified(const dist::Comm& comm, const std::filesystem::path& artefact_folder, double alpha,
                         const model::Decoder& baseline, const model::Decoder& reinforced, OfflineLabels& labels) {
    check_alpha(alpha);
    const StoredBlocks stored(artefact_folder);
    const Unembedding head_b = Unembedding::of(baseline), head_r = Unembedding::of(reinforced);
    const CombineOptions options{stored.combine, {static_cast<float>(alpha)}, static_cast<std::int64_t>(stored.top_k)};
    // Every rank fills the labels of its blocks; elsewhere they are 0, so the sum is the label.
    std::vector<std::int64_t> exact(labels.uncertified.size(), 0);
    dist::run_agreed(comm, "labels from the models", [&] {
        for (std::size_t first = 0, turn = 0; first < labels.uncertified.size(); ++turn) {
            const std::uint64_t block = labels.uncertified[first].block;
            std::size_t behind = first;
            while (behind < labels.uncertified.size() && labels.uncertified[behind].block == block) ++behind;
            if (turn % static_cast<std::size_t>(comm.size()) == static_cast<std::size_t>(comm.rank())) {
                const BlockLabels result =
                    run_block(stored, block, labels.rows.ids[block], baseline, head_b, reinforced, head_r, options);
                for (std::size_t i = first; i < behind; ++i) {
                    exact[i] = label_at(result, static_cast<std::int32_t>(labels.uncertified[i].position));
                }
            }
            first = behind;
        }
    });
    comm.all_reduce_sum(exact);
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const OfflinePosition& at = labels.uncertified[i];
        labels.rows.labels[at.block][at.position] = static_cast<std::int32_t>(exact[i]);
    }
    labels.uncertified.clear();
}

}  // namespace nepenthe::unlearn
