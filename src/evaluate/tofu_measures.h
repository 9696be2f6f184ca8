#pragma once
// TOFU's formulas: from the likelihoods of a question's answers to its measures (Maini et al., arXiv 2401.06121,
// §2.2.2; locuslab/tofu, aggregate_eval_stat.py).

#include "base/json.h"
#include "evaluate/tofu_files.h"

#include <string>
#include <vector>

namespace nepenthe::evaluate {

// How the probabilities of false answers become one in r = p(false answers) / p(right answer).
enum class TruthRatio {
    kGeometric,  // their geometric mean, as the paper has it: exp of the mean log-probability
    kArithmetic  // their arithmetic mean, as TOFU's code had it beside the other, and open-unlearning until December
                 // 2025
};
TruthRatio parse_truth_ratio(const std::string& name);  // "geometric", "arithmetic"

// Mean negative log-likelihoods of a token, EOS counted.
struct TofuLikelihoods {
    double answer = 0, paraphrased = 0;
    std::vector<double> perturbed;  // at least one
};

// Names in metric_definitions(): "tofu_model_utility", then probability, ROUGE and truth ratio of each set. Those that
// depend on the form end in "_arithmetic" where it is not the paper's, so that figures of the two never meet.
std::vector<std::string> tofu_metrics(TruthRatio form);

// Adds a value of each metric to an item's row: null for the other sets. `rouge` is the recall of its generated answer.
// Rows of the forget set get "forget_truth" as well, 1 / r by geometric means, of which forget quality is the test.
void add_tofu_measures(Json& row, TofuSet set, const TofuLikelihoods& likelihoods, double rouge, TruthRatio form);

}  // namespace nepenthe::evaluate
