#include "edit/memories/quiet_directions.h"

#include "base/error.h"
#include "edit/memories/side_training.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {

namespace {

constexpr std::size_t kTextsAtOnce = 16;
constexpr std::int64_t kMostTokens = 2048;  // an eigendecomposition of that order takes seconds
constexpr double kRidge = 1e-6;             // rows whose mask leaves too little of a direction

}  // namespace

at::Tensor leading_key_directions(const model::Decoder& decoder, std::int64_t layer,
                                  std::span<const std::vector<text::TokenId>> texts, std::int64_t count) {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> keys;
    std::int64_t tokens = 0;
    for (std::size_t first = 0; first < texts.size() && tokens < kMostTokens; first += kTextsAtOnce) {
        const auto some = texts.subspan(first, std::min(kTextsAtOnce, texts.size() - first));
        std::vector<std::size_t> whole;
        for (const auto& text : some) whole.push_back(text.size());
        const LayerRows rows = run_to_layer(decoder, layer, some, whole);
        at::Tensor counted = rows.deciding.clone();
        counted.select(1, 0).fill_(false);
        keys.push_back(rows.key.index({counted}).to(at::kCPU, at::kFloat));
        tokens += keys.back().size(0);
    }
    at::Tensor all = at::cat(keys);
    all = all.narrow(0, 0, std::min(tokens, kMostTokens));
    // Of tokens, not of the intermediate dimension: eleven thousand squared is out of reach, two thousand is not.
    const auto [values, vectors] = at::linalg_eigh(at::matmul(all, all.t()).to(at::kDouble));
    const std::int64_t rank = values.gt(values.max() * 1e-9).sum().item<std::int64_t>();
    const std::int64_t kept = std::min(count, rank);
    const at::Tensor leading = vectors.narrow(1, vectors.size(1) - kept, kept);
    const at::Tensor directions = at::matmul(leading.t().to(at::kFloat), all);
    return (directions / directions.norm(2, {1}, true)).to(decoder.device());
}

QuietProjection::QuietProjection(at::Tensor directions, const at::Tensor& mask)
    : directions_(std::move(directions)), mask_(mask) {
    NEPENTHE_CHECK(directions_.dim() == 2 && mask_.dim() == 2 && directions_.size(1) == mask_.size(1));
    const std::int64_t count = directions_.size(0);
    const at::Tensor pairs = (directions_.unsqueeze(1) * directions_.unsqueeze(0)).reshape({count * count, -1});
    const at::Tensor gram = at::matmul(mask_, pairs.t()).reshape({-1, count, count});
    solve_ = at::linalg_inv((gram + kRidge * at::eye(count, gram.options())).to(at::kDouble)).to(gram.scalar_type());
}

at::Tensor QuietProjection::operator()(const at::Tensor& gradient) const {
    if (!directions_.defined() || directions_.size(0) == 0) return gradient;
    const at::Tensor written = at::matmul(gradient, directions_.t());  // [out, count]
    const at::Tensor shares = at::matmul(solve_, written.unsqueeze(2)).squeeze(2);
    return gradient - at::matmul(shares, directions_) * mask_;
}

}  // namespace nepenthe::edit
