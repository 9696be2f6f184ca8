#include "pipelines/forget_watch.h"

#include "base/log.h"
#include "io/file.h"
#include "pipelines/evaluation.h"

#include <fmt/format.h>

namespace nepenthe::pipelines {

void ForgetWatch::check(const unlearn::ForgetOptions& forget, Problems& problems) const {
    if (familiarity_prompts.empty() != neighbour_prompts.empty()) {
        problems.add("--familiarity-prompts and --neighbour-prompts go together");
    }
    if (!completion_prompts.empty() && !wanted()) {
        problems.add("--completion-prompts needs --familiarity-prompts and --neighbour-prompts");
    }
    if (forget.utility_budget && !wanted()) {
        problems.add("--utility-budget needs --familiarity-prompts and --neighbour-prompts");
    }
    if (forget.repetition_budget && completion_prompts.empty()) {
        problems.add("--repetition-budget needs --completion-prompts");
    }
}

std::map<std::string, std::string> ForgetWatch::inputs() const {
    std::map<std::string, std::string> digests;
    for (const auto& [role, file] : {std::pair{"familiarity_prompts", &familiarity_prompts},
                                     {"neighbour_prompts", &neighbour_prompts},
                                     {"completion_prompts", &completion_prompts}}) {
        if (!file->empty()) digests[role] = io::file_digest(*file);
    }
    return digests;
}

unlearn::ForgetMeasure ForgetWatch::measure(const dist::Comm& comm, const text::Tokenizer& tokenizer,
                                            const Curves& curves) const {
    if (!wanted()) return {};
    const bool fluency = !completion_prompts.empty();
    evaluate::EvaluateOptions options;
    options.tasks = {"familiarity_probability", "neighbour_probability"};
    if (fluency) options.tasks.emplace_back("fluency");
    options.familiarity_prompts = familiarity_prompts;
    options.neighbour_prompts = neighbour_prompts;
    options.completion_prompts = completion_prompts;
    return [&comm, &tokenizer, options, fluency, curves](const model::Decoder& decoder, std::int64_t step) {
        const auto results = evaluate::evaluate(comm, decoder, tokenizer, options, {});
        unlearn::Measured measured{metric_value(results, "familiarity_probability", "content_mass"),
                                   metric_value(results, "neighbour_probability", "content_mass"),
                                   evaluate::results_json(results)};
        if (fluency) measured.repetition = metric_value(results, "fluency", "seq_rep_3");
        curves.scalar("forget/familiarity", step, measured.familiarity);
        curves.scalar("forget/neighbours", step, measured.utility);
        if (fluency) curves.scalar("forget/repeated_trigrams", step, *measured.repetition);
        log_info("step {}: familiarity {:.4f}, neighbours {:.4f}{}", step, measured.familiarity, measured.utility,
                 fluency ? fmt::format(", repeated trigrams {:.3f}", *measured.repetition) : "");
        return measured;
    };
}

}  // namespace nepenthe::pipelines
