// Gradient ascent on the text (Maini et al., arXiv 2401.06121, "GA"): minus its mean negative log-likelihood.
// Nothing holds it: the loss has no bound.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind ga_kind() {
    const auto terms = [](const ObjectiveValues&, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = -1;
        return std::vector<ObjectiveTerm>{forget};
    };
    return {"ga", "gradient ascent: away from the text, nothing else", {}, terms};
}

}  // namespace nepenthe::unlearn
