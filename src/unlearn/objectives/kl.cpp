// Ascent on the text, and on what is retained KL(start ‖ model), which holds the model where it was (Maini et al.,
// arXiv 2401.06121, "KL"). The published mean is over pads too; here it is over the positions that predict something.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind kl_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = -values.number("forget-weight");
        ObjectiveTerm retain = retain_term(values);
        retain.predicted = Predicted::kStart;
        return std::vector<ObjectiveTerm>{forget, retain};
    };
    return {"kl",
            "ascent on the text; --retain keeps the model's first distributions",
            {forget_weight(), retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
