#include "unlearn/objectives/forget_samples.h"

#include "base/error.h"
#include "base/random.h"
#include "dist/guard.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::unlearn {

namespace {

// Which of `available` blocks an epoch sees: all in random order, over and over, until there are `wanted`.
std::vector<std::size_t> draw_blocks(std::size_t available, std::size_t wanted, std::uint64_t seed,
                                     std::string_view stream) {
    std::vector<std::size_t> drawn;
    for (std::uint64_t round = 0; drawn.size() < wanted && available > 0; ++round) {
        const auto order = random_permutation(available, RandomStream(seed, stream, round));
        drawn.insert(drawn.end(), order.begin(), order.end());
    }
    drawn.resize(std::min(drawn.size(), wanted));
    return drawn;
}

train::Sample kept_sample(const std::optional<FrozenStart>& start, const std::vector<train::Sample>& texts,
                          std::size_t drawn) {
    return start ? start->sample(drawn) : texts[drawn];
}

}  // namespace

std::string_view retain_name(RetainKind kind) { return kind == RetainKind::kModel ? "model" : "text"; }

RetainKind parse_retain(std::string_view name) {
    if (name == "model") return RetainKind::kModel;
    if (name == "text") return RetainKind::kText;
    fail(ErrorKind::kUsage, "retain targets \"{}\" are not known; there are \"model\" and \"text\"", name);
}

void MixOptions::check(Problems& problems) const {
    if (!(retain_ratio > 0 && retain_ratio <= 100))
        problems.add("retain ratio {} is not between 0 and 100", retain_ratio);
    if (!(translated_ratio >= 0 && translated_ratio <= 100))
        problems.add("translated ratio {} is not between 0 and 100", translated_ratio);
}

ForgetSamples::ForgetSamples(const dist::Comm& comm, const model::Decoder& decoder, const LabelTargets& targets,
                             std::vector<std::size_t> rows, const TextBlocks& retain, const MixOptions& mix,
                             std::uint64_t seed, const std::filesystem::path& work)
    : targets_(targets), rows_(std::move(rows)), retain_(causal_samples(retain)) {
    const auto wanted = [&](double ratio) {
        return static_cast<std::size_t>(std::ceil(ratio * static_cast<double>(rows_.size())));
    };
    retained_ = draw_blocks(retain.size(), wanted(mix.retain_ratio), seed, "forget.retain");
    translated_ = draw_blocks(rows_.size(), wanted(mix.translated_ratio), seed, "forget.translated");
    dist::run_agreed(comm, "read translations", [&] {
        if (translated_.empty()) return;
        for (const std::size_t row : rows_) translations_.push_back(train::causal_sample(targets.translation(row)));
    });
    if (mix.retain_targets == RetainKind::kText) return;
    of_retain_.emplace(comm, decoder, retain_, retained_, work / "retained");
    of_translations_.emplace(comm, decoder, translations_, translated_, work / "translated");
}

train::Sample ForgetSamples::sample(std::int64_t index) const {
    auto i = static_cast<std::size_t>(index);
    if (i < rows_.size()) return targets_.sample(rows_[i]);
    i -= rows_.size();
    if (i < retained_.size()) return kept_sample(of_retain_, retain_, retained_[i]);
    return kept_sample(of_translations_, translations_, translated_[i - retained_.size()]);
}

}  // namespace nepenthe::unlearn
