#include "evaluate/depth_reference.h"

#include "base/error.h"
#include "base/hash.h"
#include "dist/guard.h"
#include "evaluate/answer_states.h"
#include "evaluate/patched_scores.h"
#include "evaluate/weights_digest.h"
#include "store/blocks.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::evaluate {

namespace {

constexpr std::size_t kDepthItemsPerBlock = 8;

void check_finite(const DepthReference::Drops& drops) {
    const bool finite = std::isfinite(drops.clean) && std::isfinite(drops.last_as_published) &&
                        std::ranges::all_of(drops.by_layer, [](double drop) { return std::isfinite(drop); });
    if (!finite) {
        fail(ErrorKind::kData,
             "depth: a log-probability is not a finite number; the models' activations overflow, check their weights "
             "and dtype");
    }
}

}  // namespace

DepthReference::Drops depth_drops(const model::Decoder& knowing, const Probe& probe, const model::Decoder& other) {
    const PatchedScores patched(knowing, probe.pair);
    const PatchedScores::Scores scores = patched.with(answer_states(other, probe.pair), other);
    DepthReference::Drops drops{patched.clean(), {}, patched.clean() - scores.last_as_published};
    for (const double score : scores.by_layer) drops.by_layer.push_back(patched.clean() - score);
    check_finite(drops);
    return drops;
}

void check_same_shape(const model::DecoderConfig& knowing, const model::DecoderConfig& other, const std::string& who) {
    if (knowing.layers == other.layers && knowing.hidden == other.hidden) return;
    fail(ErrorKind::kData,
         "depth: the knowing model has {} layers of width {}, {} has {} of width {}; states of one take the place of "
         "the other's, so both must be of one architecture",
         knowing.layers, knowing.hidden, who, other.layers, other.hidden);
}

void check_same_tokens(const Probes& knowing, const Probes& other, const std::string& who) {
    if (knowing.digest() == other.digest()) return;
    fail(ErrorKind::kData, "depth: {} has another tokenizer than the knowing model: states stand at other tokens", who);
}

DepthReference::DepthReference(const dist::Comm& comm, Pair pair, const EvaluateOptions& options, std::string id,
                               const std::filesystem::path& scratch)
    : knowing_(std::move(pair.knowing)), id_(std::move(id)) {
    store::BlockOptions block_options;
    block_options.label = "depth of the retrained model";
    dist::run_agreed(comm, "depth", [&] {
        check_same_shape(knowing_.config(), pair.retrained.config(), "the retrained one");
        probes_ = encode_probes({knowing_.config(), pair.knowing_tokenizer, options}, "depth");
        const TaskInput retrained{pair.retrained.config(), pair.retrained_tokenizer, options};
        check_same_tokens(probes_, encode_probes(retrained, "depth"), "the retrained one");
        if (!scratch.empty()) {
            block_options.key_digest = sha256_hex(
                canonical_json({weights_digest(knowing_), weights_digest(pair.retrained), probes_.digest()}));
        }
    });
    const std::size_t items = probes_.list.size(), blocks = (items + kDepthItemsPerBlock - 1) / kDepthItemsPerBlock;
    const auto stored = store::for_each_block(comm, scratch, blocks, block_options, [&](std::uint64_t block) {
        Json rows = Json::array();
        for (std::size_t i = block * kDepthItemsPerBlock; i < std::min(items, (block + 1) * kDepthItemsPerBlock); ++i) {
            const Drops drops = depth_drops(knowing_, probes_.list[i], pair.retrained);
            rows.push_back({drops.clean, drops.by_layer, drops.last_as_published});
        }
        return rows.dump();
    });
    dist::run_agreed(comm, "depth", [&] {
        for (std::size_t block = 0; block < blocks; ++block) {
            for (const Json& row : Json::parse(stored.read(block))) {
                drops_.push_back({row[0].get<double>(), row[1].get<std::vector<double>>(), row[2].get<double>()});
            }
        }
    });
}

}  // namespace nepenthe::evaluate
