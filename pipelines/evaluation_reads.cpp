#include "pipelines/evaluation_reads.h"

#include "base/contains.h"
#include "evaluate/benchmark_files.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

using Names = std::vector<std::string>;

struct Reads {
    Names options, tasks;
};

// What benchmarks read stands under "benchmarks", texts under "--texts".
const std::vector<Reads>& table() {
    static const Names wikitext{"wikitext_word_perplexity", "wikitext_token_perplexity"};
    static const std::vector<Reads> reads = {
        {{"data"}, {"benchmarks", wikitext[0], wikitext[1]}},
        {{"wikitext"}, wikitext},
        {{"window"}, {"--texts", "perplexity", wikitext[0], wikitext[1], "membership", "muse"}},
        {{"familiarity-prompts"}, {"familiarity_probability", "familiarity_completion", "fluency"}},
        {{"completion-prompts", "completion-tokens"}, {"familiarity_completion", "fluency"}},
        {{"dictionary", "completions"}, {"familiarity_completion"}},
        {{"judge"}, {"fluency"}},
        {{"retrained"}, {"fluency", "depth"}},
        {{"knowing"}, {"depth"}},
        {{"probe-items"}, {"depth", "logit_lens"}},
        {{"neighbour-prompts"}, {"neighbour_probability"}},
        {{"prompt-form"}, {"familiarity_probability", "neighbour_probability", "familiarity_completion", "fluency"}},
        {{"facts"}, {"counterfact", "zsre", "easyedit", "edit_generation"}},
        {{"fact-format", "fact-prompt", "zsre-convention", "target"},
         {"counterfact", "zsre", "easyedit", "edit_generation", "unrelated_facts"}},
        {{"skip-bad"},
         {"benchmarks", "counterfact", "zsre", "easyedit", "edit_generation", "unrelated_facts", "tofu", "membership",
          "muse", "depth", "logit_lens"}},
        {{"reference-texts"}, {"edit_generation"}},
        {{"unrelated-facts"}, {"unrelated_facts"}},
        {{"tofu", "tofu-forget", "tofu-prompt", "tofu-truth-ratio", "told", "answer-tokens"}, {"tofu"}},
        {{"member-texts", "holdout-texts", "gradient-norm"}, {"membership"}},
        {{"question-prompt"}, {"membership", "depth", "logit_lens"}},
        {{"muse", "muse-retrained"}, {"muse"}},
    };
    return reads;
}

bool known(const std::string& task) {
    return std::ranges::any_of(table(), [&](const Reads& reads) { return contains(reads.tasks, task); });
}

}  // namespace

void check_tasks_read(const Options& options, const Names& tasks, bool texts, Problems& problems) {
    Names measured;
    if (texts) measured.emplace_back("--texts");
    for (const std::string& task : tasks) {
        measured.push_back(evaluate::find_benchmark(task) != nullptr ? "benchmarks" : task);
        // A task that the table does not know may read anything.
        if (!known(measured.back())) return;
    }
    for (const Reads& reads : table()) {
        const bool read = std::ranges::any_of(measured, [&](const auto& task) { return contains(reads.tasks, task); });
        if (!read) options.refuse_unread(reads.options, fmt::format("by {}", fmt::join(reads.tasks, ", ")), problems);
    }
    if (!options.given("told")) options.refuse_unread({"encoder", "told-above"}, "with --told", problems);
}

}  // namespace nepenthe::pipelines
