// Weighted gradient ascent (Wang et al., arXiv 2502.19301): ascent where each token weighs p^β, p its probability now,
// so that what is forgotten already is left alone.

#include "unlearn/objectives/objective_kind.h"

#include <cmath>

namespace nepenthe::unlearn {

ObjectiveKind wga_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        const double beta = values.number("beta");
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = -values.number("forget-weight");
        forget.term.per_sequence = false;
        forget.term.loss = [beta](std::span<const train::SequenceLosses> sequences, std::span<double> slopes) {
            const std::span<const double> losses = sequences.front().losses;
            double sum = 0;
            for (std::size_t t = 0; t < losses.size(); ++t) {
                slopes[t] = std::exp(-beta * losses[t]);
                sum += slopes[t] * losses[t];
            }
            return sum;
        };
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"wga",
            "gradient ascent that leaves unlikely tokens alone",
            {{"beta", 1, 0, "a token weighs its probability to this power"}, forget_weight(), retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
