// UNDIAL (Dong et al., arXiv 2402.10052): the model is its own teacher, with the logit of the text's token lowered by
// β: cross-entropy with softmax(z₀ − β 1[v = y]).

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind undial_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = values.number("forget-weight");
        forget.predicted = Predicted::kLowered;
        forget.lowered = values.number("beta");
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {
        "undial",
        "self-distillation with the text's tokens lowered",
        {{"beta", 10, 0, "by how much the logit of the text's token is lowered"}, forget_weight(), retain_weight(0)},
        terms};
}

}  // namespace nepenthe::unlearn
