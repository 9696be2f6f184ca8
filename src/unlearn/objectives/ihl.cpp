// Inverted hinge loss (Cha et al., "LoKU", arXiv 2408.06621): 1 + p_y − max over v ≠ y of p_v, bounded, and zero where
// another token is certain.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind ihl_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = values.number("forget-weight");
        forget.term.row_loss = train::RowLoss::kHinge;
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {
        "ihl", "inverted hinge loss: the runner-up before the text's token", {forget_weight(), retain_weight()}, terms};
}

}  // namespace nepenthe::unlearn
