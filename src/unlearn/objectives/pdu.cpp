// Primal-dual unlearning (Entesari et al., arXiv 2506.05314): on the text (max z − mean z)², zero where all tokens are
// alike; the retained text's loss L_r is bounded by ε through a multiplier that follows it: after the warm-up
// λ ← max(0, λ + η (L_r − ε)) after every step (published: every micro-batch).

#include "unlearn/objectives/objective_kind.h"

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

std::vector<ObjectiveTerm> pdu_terms(const ObjectiveValues& values, AsPublished) {
    ObjectiveTerm forget;
    forget.term.name = "forget";
    forget.term.coefficient = values.number("forget-weight");
    forget.term.row_loss = train::RowLoss::kPeak;
    ObjectiveTerm retain;
    retain.term.name = "retain";
    retain.term.side = train::Side::kRetain;
    retain.term.coefficient = values.number("multiplier");
    retain.sources = {Source::kRetain};
    return {forget, retain};
}

void follow(const ObjectiveValues& values, std::int64_t step, std::span<const double> means,
            std::span<train::SequenceTerm> terms) {
    if (step <= static_cast<std::int64_t>(values.number("multiplier-warmup"))) return;
    const double above = means[1] - values.number("retain-bound");
    terms[1].coefficient = std::max(0.0, terms[1].coefficient + values.number("multiplier-rate") * above);
}

}  // namespace

ObjectiveKind pdu_kind() {
    return {"pdu",
            "logits made level, while a multiplier keeps the retained loss bounded",
            {forget_weight(),
             {"retain-bound", 0.3, 0, "the retained text's loss that is allowed, nats a token"},
             {"multiplier", 100, 0, "what that loss weighs at first"},
             {"multiplier-rate", 5, 0, "by how much that follows what it exceeds the bound by"},
             {"multiplier-warmup", 0, 0, "steps before it does"}},
            pdu_terms,
            follow};
}

}  // namespace nepenthe::unlearn
