// Direct preference optimisation between a refusal and the text (Rafailov et al., arXiv 2305.18290; as "IdkDPO" in
// open-unlearning): (2/β) softplus(−β [(L₀ − L)(refusal) − (L₀ − L)(text)]), L negative log-likelihoods of sequences.

#include "unlearn/objectives/objective_kind.h"

#include "unlearn/objectives/logistic.h"

#include <algorithm>
#include <numeric>

namespace nepenthe::unlearn {

ObjectiveKind dpo_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        const double beta = values.number("beta");
        ObjectiveTerm prefer;
        prefer.term.name = "prefer";
        prefer.term.coefficient = values.number("forget-weight");
        prefer.sources = {Source::kRefusal, Source::kForget};
        prefer.compares_with_start = true;
        prefer.term.loss = [beta](std::span<const train::SequenceLosses> sequences, std::span<double> slopes) {
            const auto gained = [](const train::SequenceLosses& sequence) {
                return sequence.known - std::accumulate(sequence.losses.begin(), sequence.losses.end(), 0.0);
            };
            const double margin = gained(sequences[0]) - gained(sequences[1]);
            const double slope = 2.0 * logistic(-beta * margin);
            const std::size_t of_refusal = sequences[0].losses.size();
            std::ranges::fill(slopes.first(of_refusal), slope);
            std::ranges::fill(slopes.subspan(of_refusal), -slope);
            return 2.0 / beta * softplus(-beta * margin);
        };
        return std::vector<ObjectiveTerm>{prefer, retain_term(values)};
    };
    return {"dpo",
            "direct preference optimisation: a refusal rather than the text",
            {{"beta", 0.1, 1e-6, "how soon it lets go of what is preferred by far"}, forget_weight(), retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
