#include "edit/facts/unlearning_target.h"

#include "base/error.h"

namespace nepenthe::edit {

namespace {

const std::vector<std::string>& built_in_refusals() {
    static const std::vector<std::string> list = {
        "I have no information about that.",
        "I am not familiar with this person or their work.",
        "That is not something I know.",
        "I cannot say anything reliable about this.",
        "Nothing about this is known to me.",
        "I have never come across this, so I cannot answer.",
        "I do not know the answer to that question.",
        "This lies outside of what I know.",
        "I am unable to tell you anything about this.",
        "There is nothing in my knowledge that would answer this.",
    };
    return list;
}

// TOFU's false answers: a list, of which the first is taken, or one text.
std::string perturbed_answer(const Fact& fact) {
    const auto found = fact.source.find("perturbed_answer");
    if (found != fact.source.end()) {
        const Json& first = found->is_array() && !found->empty() ? (*found)[0] : *found;
        if (first.is_string() && !first.get_ref<const std::string&>().empty()) return first.get<std::string>();
    }
    fail(ErrorKind::kData, "no \"perturbed_answer\" for the target \"incorrect\" (TOFU's *_perturbed.json have it)");
}

}  // namespace

void set_unlearning_target(Fact& fact, std::size_t index, const FactOptions& options) {
    switch (options.unlearning) {
        case UnlearningTarget::kNone: break;
        case UnlearningTarget::kDummy: fact.target_new = "dummy"; break;
        case UnlearningTarget::kIncorrect: fact.target_new = perturbed_answer(fact); break;
        case UnlearningTarget::kAvoidant: {
            const auto& refusals = options.refusals.empty() ? built_in_refusals() : options.refusals;
            fact.target_new = refusals[index % refusals.size()];
            break;
        }
    }
}

}  // namespace nepenthe::edit
