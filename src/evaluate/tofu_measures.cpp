#include "evaluate/tofu_measures.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::evaluate {

namespace {

std::string suffix(TruthRatio form) { return form == TruthRatio::kArithmetic ? "_arithmetic" : ""; }

std::string metric_name(TofuSet set, const char* measure) { return "tofu_" + tofu_set_name(set) + "_" + measure; }

std::string truth_ratio_name(TofuSet set, TruthRatio form) { return metric_name(set, "truth_ratio") + suffix(form); }

// p(false answers) / p(paraphrased answer), from differences of logarithms: single probabilities may underflow.
double false_over_true(const TofuLikelihoods& likelihoods, TruthRatio form) {
    const double count = static_cast<double>(likelihoods.perturbed.size());
    double mean = 0;
    for (const double nll : likelihoods.perturbed) {
        const double logarithm = likelihoods.paraphrased - nll;
        mean += (form == TruthRatio::kGeometric ? logarithm : std::exp(logarithm)) / count;
    }
    return form == TruthRatio::kGeometric ? std::exp(mean) : mean;
}

// p(answer) / (p(answer) + Σ p(false answers))
double share_of_answer(const TofuLikelihoods& likelihoods) {
    double others = 0;
    for (const double nll : likelihoods.perturbed) others += std::exp(likelihoods.answer - nll);
    return 1 / (1 + others);
}

}  // namespace

TruthRatio parse_truth_ratio(const std::string& name) {
    if (name == "geometric") return TruthRatio::kGeometric;
    if (name == "arithmetic") return TruthRatio::kArithmetic;
    fail(ErrorKind::kUsage, "unknown truth ratio \"{}\"; choose geometric (the paper's) or arithmetic", name);
}

std::vector<std::string> tofu_metrics(TruthRatio form) {
    std::vector<std::string> names{"tofu_model_utility" + suffix(form)};
    for (const TofuSet set : kTofuSets) {
        names.push_back(metric_name(set, "probability"));
        names.push_back(metric_name(set, "rouge"));
        names.push_back(truth_ratio_name(set, form));
    }
    return names;
}

void add_tofu_measures(Json& row, TofuSet set, const TofuLikelihoods& likelihoods, double rouge, TruthRatio form) {
    NEPENTHE_CHECK(!likelihoods.perturbed.empty());
    const auto names = tofu_metrics(form);
    std::for_each(names.begin() + 1, names.end(), [&](const std::string& name) { row[name] = nullptr; });
    const bool among_choices = set == TofuSet::kRealAuthors || set == TofuSet::kWorldFacts;
    row[metric_name(set, "probability")] = among_choices ? share_of_answer(likelihoods) : std::exp(-likelihoods.answer);
    row[metric_name(set, "rouge")] = rouge;
    const double ratio = false_over_true(likelihoods, form);
    if (set == TofuSet::kForget) {
        const double truth = 1 / false_over_true(likelihoods, TruthRatio::kGeometric);
        row["forget_truth"] = std::min(truth, std::numeric_limits<double>::max());
        row[truth_ratio_name(set, form)] = std::min(ratio, 1 / ratio);
    } else {
        row[truth_ratio_name(set, form)] = std::max(0.0, 1 - ratio);
    }
}

}  // namespace nepenthe::evaluate
