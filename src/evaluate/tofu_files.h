#pragma once
// TOFU's evaluation sets as published: JSON Lines with question, answer, paraphrased_answer?, perturbed_answer.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

enum class TofuSet { kForget, kRetain, kRealAuthors, kWorldFacts };
inline constexpr std::array<TofuSet, 4> kTofuSets = {TofuSet::kForget, TofuSet::kRetain, TofuSet::kRealAuthors,
                                                     TofuSet::kWorldFacts};

std::string tofu_set_name(TofuSet set);

struct TofuItem {
    TofuSet set = TofuSet::kForget;
    std::string question, answer;
    std::string paraphrased;             // the answer itself of the sets about the real world, and where there is none
    std::vector<std::string> perturbed;  // false answers, at least one
};

// <forget>_perturbed.json, retain_perturbed.json, real_authors_perturbed.json, world_facts_perturbed.json, in this
// order.
std::vector<std::filesystem::path> tofu_files(const std::filesystem::path& folder, const std::string& forget);

// All items, the first `limit` of each set (0 = all). Throws Error(kData) that lists every bad line.
std::vector<TofuItem> read_tofu(const std::filesystem::path& folder, const std::string& forget, std::int64_t limit);

}  // namespace nepenthe::evaluate
