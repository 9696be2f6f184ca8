// Gradient difference (Maini et al., arXiv 2401.06121): ascent on the text, descent on what is retained.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind graddiff_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished) {
        ObjectiveTerm forget;
        forget.term.name = "forget";
        forget.term.coefficient = -values.number("forget-weight");
        return std::vector<ObjectiveTerm>{forget, retain_term(values)};
    };
    return {"graddiff",
            "gradient difference: ascent on the text, descent on --retain",
            {forget_weight(), retain_weight()},
            terms};
}

}  // namespace nepenthe::unlearn
