#include "unlearn/offline.h"

#include "base/error.h"
#include "base/json.h"
#include "store/blocks.h"
#include "unlearn/label_file.h"
#include "unlearn/relabel_block.h"

#include <cmath>
#include <cstring>
#include <set>

namespace nepenthe::unlearn {

namespace {

struct StoredBlocks {
    store::H5Reader file;
    Combine combine;
    std::uint64_t blocks, length, top_k;

    explicit StoredBlocks(const std::filesystem::path& folder) : file(folder / kLabelFile, kLabelFormat) {
        combine = parse_combine(file.attributes().at("combine").get<std::string>());
        const auto shape = file.shape("/topk/index");
        blocks = shape.at(0), length = shape.at(1), top_k = shape.at(2);
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
        const TopKDecision decision = decide_from_top_k(
            {index.data() + t * k, k}, {baseline.data() + t * k, k}, {reinforced.data() + t * k, k}, lse_b[t],
            lse_r[t], alpha, stored.combine);
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
    std::set<std::uint64_t> ids;
    for (const OfflinePosition& item : labels.uncertified) ids.insert(item.block);
    const std::vector<std::uint64_t> wanted(ids.begin(), ids.end());
    const Unembedding head_b = Unembedding::of(baseline), head_r = Unembedding::of(reinforced);
    const CombineOptions options{stored.combine, {static_cast<float>(alpha)}, static_cast<std::int64_t>(stored.top_k)};
    store::BlockOptions block_options;
    block_options.label = "labels from the models";
    const store::BlockResults results = store::for_each_block(comm, {}, wanted.size(), block_options, [&](std::uint64_t i) {
        const auto& source = labels.rows.ids[wanted[i]];
        TranslatedBlock translation = stored_translation(stored, wanted[i], source.size());
        const auto positions = labelled_positions(translation);
        std::vector<std::int32_t> targets;
        for (const auto position : positions) targets.push_back(translation.map[static_cast<std::size_t>(position)]);
        States states = run_model(baseline, translation.tokens, targets, {});
        return label_block(std::move(translation), std::move(states), head_b,
                           run_model(reinforced, source, positions, {}), head_r, options, false)
            .pack();
    });
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const BlockLabels block = BlockLabels::unpack(results.read(i));
        for (std::size_t row = 0; row < block.positions.size(); ++row) {
            labels.rows.labels[wanted[i]][static_cast<std::size_t>(block.positions[row])] = block.rows.label[row];
        }
    }
    labels.uncertified.clear();
}

}  // namespace nepenthe::unlearn
