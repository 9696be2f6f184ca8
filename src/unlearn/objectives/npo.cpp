// Negative preference optimisation (Zhang et al., arXiv 2404.05868): with L the sequence's negative log-likelihood and
// L₀ the same under the start, (2/β) softplus(−β (L − L₀)), a mean over sequences. The start is one number a sequence.

#include "unlearn/objectives/objective_kind.h"

#include "unlearn/objectives/logistic.h"

#include <algorithm>
#include <numeric>

namespace nepenthe::unlearn {

ObjectiveKind npo_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished published) {
        const double beta = values.number("beta");
        // WAGLE's code takes the mean over tokens where the paper has the sum.
        const bool mean = published == AsPublished::kWagle;
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = values.number("forget-weight");
        forget.compares_with_start = true;
        forget.term.loss = [beta, mean](std::span<const train::SequenceLosses> sequences, std::span<double> slopes) {
            const train::SequenceLosses& text = sequences.front();
            const double tokens = mean ? static_cast<double>(text.losses.size()) : 1.0;
            const double above = (std::accumulate(text.losses.begin(), text.losses.end(), 0.0) - text.known) / tokens;
            std::ranges::fill(slopes, -2.0 * logistic(-beta * above) / tokens);
            return 2.0 / beta * softplus(-beta * above);
        };
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"npo",
            "negative preference optimisation: the text less likely than it was",
            {{"beta", 0.1, 1e-6, "how soon it lets go of what has become unlikely"}, forget_weight(), retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
