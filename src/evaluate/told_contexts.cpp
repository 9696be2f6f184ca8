#include "evaluate/told_contexts.h"

#include "edit/memories/ike.h"

namespace nepenthe::evaluate {

std::vector<ToldContext> told_contexts(const EvaluateOptions& options, const std::vector<std::string>& prompts) {
    if (options.told.empty()) return {};
    const auto bundle = edit::IkeBundle::open(options.told);
    if (bundle.facts().empty()) fail(ErrorKind::kData, "{}: the prompt bundle tells nothing", options.told.string());
    const auto encoder = model::SentenceEncoder::load(options.encoder);
    std::vector<ToldContext> contexts;
    for (const auto& [fact, similarity] : bundle.nearest(encoder, prompts)) {
        const edit::ToldFact& told = bundle.facts()[fact];
        const bool near = static_cast<double>(similarity) >= options.told_above;
        contexts.push_back({near ? told.context : "", told.id, similarity});
    }
    return contexts;
}

}  // namespace nepenthe::evaluate
