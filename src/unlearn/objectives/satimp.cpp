// SatImp (Yang et al., arXiv 2505.11953): ascent where each token weighs p^β₁ (1 − p)^β₂, p its probability now:
// neither what is forgotten already nor what is known by heart.

#include "unlearn/objectives/objective_kind.h"

#include <cmath>

namespace nepenthe::unlearn {

ObjectiveKind satimp_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        const double known = values.number("beta1-tokens"), unknown = values.number("beta2-tokens");
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = -values.number("forget-weight");
        forget.term.per_sequence = false;
        forget.term.loss = [known, unknown](std::span<const train::SequenceLosses> sequences,
                                            std::span<double> slopes) {
            const std::span<const double> losses = sequences.front().losses;
            double sum = 0;
            for (std::size_t t = 0; t < losses.size(); ++t) {
                slopes[t] = std::exp(-known * losses[t]) * std::pow(-std::expm1(-losses[t]), unknown);
                sum += slopes[t] * losses[t];
            }
            return sum;
        };
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"satimp",
            "gradient ascent on tokens that are neither forgotten nor certain",
            {{"beta1-tokens", 5, 0, "power of a token's probability in what it weighs"},
             {"beta2-tokens", 1, 0, "power of one minus it"},
             forget_weight(0.1),
             retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
