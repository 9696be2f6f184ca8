// Preference optimisation as TOFU has it (arXiv 2401.06121, "idk"): the questions are trained with refusals as answers.
// TOFU takes one mean over the tokens of refusals and retained answers together, in which long answers weigh most.

#include "unlearn/objectives/objective_kind.h"

namespace nepenthe::unlearn {

ObjectiveKind po_kind() {
    const auto terms = [](const ObjectiveValues& values, AsPublished published) {
        ObjectiveTerm refuse;
        refuse.term.name = "refuse";
        refuse.term.coefficient = values.number("forget-weight");
        refuse.sources = {Source::kRefusal};
        if (published != AsPublished::kTofu) return std::vector<ObjectiveTerm>{refuse, retain_term(values)};
        refuse.sources = {Source::kRefusal, Source::kRetain};
        return std::vector<ObjectiveTerm>{refuse};
    };
    return {"po", "the questions answered with refusals", {forget_weight(), retain_weight()}, terms};
}

}  // namespace nepenthe::unlearn
