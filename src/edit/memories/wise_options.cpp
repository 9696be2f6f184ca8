#include "edit/memories/wise_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

WiseOptions WiseOptions::published(const PublishedWise& row) {
    WiseOptions options;
    options.as_published = true;
    options.layer = row.layer;
    options.steps = row.steps;
    options.lr = row.lr;
    options.alpha = row.alpha;
    options.beta = row.beta;
    options.gamma = row.gamma;
    options.ratio = row.ratio;
    options.clamp = 1.0;  // norm_constraint
    options.irrelevant_rows = 1;
    options.quiet_directions = 0;
    options.merge_shards = 2;  // merge_freq / save_freq
    options.distance = model::SideDistance::kActivated;
    options.pooling = model::SidePooling::kPublished;
    return options;
}

std::int64_t WiseOptions::effective_layer(const model::DecoderConfig& config) const {
    if (layer >= 0) return layer;
    return std::min<std::int64_t>(config.layers - 1, std::lround(0.8 * static_cast<double>(config.layers)));
}

std::vector<std::string> WiseOptions::validate(const model::DecoderConfig& config) const {
    std::vector<std::string> problems;
    const auto require = [&](bool holds, const std::string& what) {
        if (!holds) problems.emplace_back(what);
    };
    require(layer >= -1 && layer < config.layers,
            fmt::format("layer {} does not exist, the model has {}", layer, config.layers));
    require(steps > 0, fmt::format("steps must be positive, not {}", steps));
    require(lr > 0, fmt::format("lr must be positive, not {}", lr));
    require(decay >= 0 && decay < 1, fmt::format("the decay must lie in [0, 1), not {}", decay));
    require(alpha >= 0 && beta > alpha && gamma > 0,
            fmt::format("margins need 0 <= alpha < beta and gamma > 0, not {}, {}, {}", alpha, beta, gamma));
    require(clamp > 0, fmt::format("the clamp must be positive, not {}", clamp));
    require(irrelevant_rows > 0, "at least one irrelevant row a fact is needed, or every prompt would be in scope");
    require(quiet_directions >= 0, fmt::format("quiet directions cannot be {}", quiet_directions));
    require(mask_ratio > 0 && mask_ratio <= 1, fmt::format("the mask ratio must lie in (0, 1], not {}", mask_ratio));
    require(facts_per_shard > 0, fmt::format("facts per shard must be positive, not {}", facts_per_shard));
    require(merge_shards >= 0 && merge_shards != 1, "a merge takes at least two shards (0 = no merge)");
    require(merge_density > 0 && merge_density <= 1,
            fmt::format("the merge density must lie in (0, 1], not {}", merge_density));
    require(prefix_count >= 0 && prefix_count <= 1000,
            fmt::format("context prefixes: between 0 and 1000, not {}", prefix_count));
    require(ratio > 0, fmt::format("the ratio must be positive, not {}", ratio));
    require(distance == model::SideDistance::kLinear || config.activation != model::Activation::kXielu,
            "the activated distance needs an activation without weights of its own");
    return problems;
}

Json WiseOptions::to_json() const {
    return {{"layer", layer},
            {"steps", steps},
            {"lr", lr},
            {"decay", decay},
            {"alpha", alpha},
            {"beta", beta},
            {"gamma", gamma},
            {"clamp", clamp},
            {"stop_loss", stop_loss},
            {"irrelevant_rows", irrelevant_rows},
            {"quiet_directions", quiet_directions},
            {"mask_ratio", mask_ratio},
            {"facts_per_shard", facts_per_shard},
            {"merge_shards", merge_shards},
            {"merge_density", merge_density},
            {"prefix_count", prefix_count},
            {"ratio", ratio},
            {"distance", distance == model::SideDistance::kLinear ? "linear" : "activated"},
            {"pooling", pooling == model::SidePooling::kMean ? "mean" : "published"},
            {"as_published", as_published},
            {"seed", seed}};
}

}  // namespace nepenthe::edit
