#include "unlearn/attribution/score.h"

#include "base/error.h"
#include "base/random.h"

#include <ATen/Parallel.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include <array>
#include <cmath>
#include <utility>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<std::pair<std::string_view, ScoreKind>, 6> kScoreNames{{{"wagle", ScoreKind::kWagle},
                                                                             {"gradient", ScoreKind::kGradient},
                                                                             {"snip", ScoreKind::kSnip},
                                                                             {"magnitude", ScoreKind::kMagnitude},
                                                                             {"wanda", ScoreKind::kWanda},
                                                                             {"random", ScoreKind::kRandom}}};

const float* shard_of(const at::Tensor& tensor, std::int64_t n) {
    NEPENTHE_CHECK(tensor.defined() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous() &&
                   tensor.is_cpu() && tensor.numel() == n);
    return tensor.data_ptr<float>();
}

// out[i] = |value(i)|.
template <typename Value>
void fill(float* out, std::int64_t n, Value value) {
    at::parallel_for(0, n, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(std::abs(value(i)));
    });
}

double wide(float value) { return static_cast<double>(value); }

}  // namespace

std::string_view score_name(ScoreKind kind) {
    for (const auto& [name, known] : kScoreNames) {
        if (known == kind) return name;
    }
    return "";
}

ScoreKind parse_score(std::string_view name) {
    for (const auto& [known, kind] : kScoreNames) {
        if (known == name) return kind;
    }
    fail(ErrorKind::kUsage, "there is no score \"{}\"; there are {}", name, fmt::join(score_names(), ", "));
}

std::vector<std::string> score_names() {
    std::vector<std::string> names;
    for (const auto& [name, kind] : kScoreNames) names.emplace_back(name);
    return names;
}

bool reads_weights(ScoreKind kind) {
    return kind == ScoreKind::kWagle || kind == ScoreKind::kSnip || kind == ScoreKind::kMagnitude;
}
bool reads_forget_gradient(ScoreKind kind) {
    return kind == ScoreKind::kWagle || kind == ScoreKind::kSnip || kind == ScoreKind::kGradient;
}
bool reads_retain_gradient(ScoreKind kind) { return kind == ScoreKind::kWagle; }

bool reads_output_ranks(ScoreKind kind) { return kind == ScoreKind::kWanda; }

float random_score(std::uint64_t seed, std::int64_t index) {
    RandomStream stream(seed, "attribution.random", static_cast<std::uint64_t>(index));
    return static_cast<float>(stream.next_u32() >> 8) * 0x1p-24f;
}

void score(ScoreKind kind, const ScoreInputs& inputs, const at::Tensor& out) {
    const std::int64_t n = out.numel();
    shard_of(out, n);
    auto* const to = out.data_ptr<float>();
    const float* const w = reads_weights(kind) ? shard_of(inputs.weights, n) : nullptr;
    const float* const f = reads_forget_gradient(kind) ? shard_of(inputs.forget_gradient, n) : nullptr;
    const float* const r = reads_retain_gradient(kind) ? shard_of(inputs.retain_gradient, n) : nullptr;
    const float* const o = reads_output_ranks(kind) ? shard_of(inputs.output_ranks, n) : nullptr;
    switch (kind) {
        case ScoreKind::kWagle: {
            NEPENTHE_CHECK(inputs.gamma > 0);
            const double gamma = inputs.gamma;
            fill(to, n, [=](std::int64_t i) { return (wide(w[i]) - wide(r[i]) / gamma) * wide(f[i]); });
            break;
        }
        case ScoreKind::kGradient: fill(to, n, [=](std::int64_t i) { return wide(f[i]); }); break;
        case ScoreKind::kSnip: fill(to, n, [=](std::int64_t i) { return wide(f[i]) * wide(w[i]); }); break;
        case ScoreKind::kMagnitude: fill(to, n, [=](std::int64_t i) { return wide(w[i]); }); break;
        case ScoreKind::kWanda: fill(to, n, [=](std::int64_t i) { return wide(o[i]); }); break;
        case ScoreKind::kRandom:
            for (const ShardRange& range : inputs.ranges) {
                NEPENTHE_CHECK(range.shard_begin >= 0 && range.shard_begin + range.numel <= n);
                const std::uint64_t seed = inputs.seed;
                fill(to + range.shard_begin, range.numel,
                     [=](std::int64_t i) { return wide(random_score(seed, range.index + i)); });
            }
            break;
    }
}

}  // namespace nepenthe::unlearn
