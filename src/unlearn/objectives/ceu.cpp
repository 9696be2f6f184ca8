// CE-U (Yang, arXiv 2503.01224): cross-entropy with the model's own distribution without the text's token, held still.
// Its gradient is that of −log(1 − p_y), which is how it is computed: the two differ by the entropy of the target,
// which moves nothing. As published, the first token of each answer is left out.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind ceu_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = values.number("forget-weight");
        forget.predicted = Predicted::kNotText;
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"ceu", "the model's own distribution without the text's token", {forget_weight(), retain_weight(0)}, terms};
}

}  // namespace nepenthe::unlearn
