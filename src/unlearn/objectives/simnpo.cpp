// SimNPO (Fan et al., arXiv 2410.07163): NPO without a start, on the mean over tokens: (2/β) softplus(−β (L/n − δ)).

#include "unlearn/objectives/objective_kind.h"

#include "unlearn/objectives/logistic.h"

#include <algorithm>
#include <numeric>

namespace nepenthe::unlearn {

ObjectiveKind simnpo_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        const double beta = values.number("beta"), delta = values.number("delta");
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = values.number("forget-weight");
        forget.term.loss = [beta, delta](std::span<const train::SequenceLosses> sequences, std::span<double> slopes) {
            const std::span<const double> losses = sequences.front().losses;
            const double n = static_cast<double>(losses.size());
            const double above = std::accumulate(losses.begin(), losses.end(), 0.0) / n - delta;
            std::ranges::fill(slopes, -2.0 * logistic(-beta * above) / n);
            return 2.0 / beta * softplus(-beta * above);
        };
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"simnpo",
            "NPO on the mean over tokens, without a start to compare with",
            {{"beta", 4.5, 1e-6, "how soon it lets go of what has become unlikely"},
             {"delta", 0, 0, "nats a token that are unlikely enough"},
             forget_weight(0.125),
             retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
