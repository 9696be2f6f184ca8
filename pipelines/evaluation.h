#pragma once
// Several models evaluated one after another, and the table that puts them side by side.

#include "evaluate/evaluate.h"
#include "pipelines/fact_words.h"
#include "pipelines/verb.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nepenthe::pipelines {

// What to measure: `tasks` once, and perplexity of each of `texts` as the task "perplexity:NAME".
struct Evaluation {
    evaluate::EvaluateOptions options;
    std::vector<NamedPath> texts;

    void declare(Options& table);
    // Throws Error(kUsage) with every problem.
    void finish(const Options& table, std::uint64_t seed);
    // What is asked of the model in `folder`: forms that are the word "chat" are those of its chat template. Each rank
    // for itself; throws Error(kData) for a model without a template.
    Evaluation asked_of(const std::filesystem::path& folder) const;
    // After asked_of(): the forms that were "chat", by their options' names; null where none was.
    Json chat_forms;
    // Collective. All results of one model, tasks in the order asked for.
    std::vector<evaluate::TaskResult> measure(const dist::Comm& comm, const model::Decoder& decoder,
                                              const text::Tokenizer& tokenizer,
                                              const std::filesystem::path& scratch) const;
    // Collective. What determines the results, for artefact keys: options, and the digests of what the tasks read.
    Json key(const dist::Comm& comm) const;

  private:
    FactWords fact_words_;
    std::string truth_ratio_ = "geometric";
};

// A metric's value among results that hold it.
double metric_value(const std::vector<evaluate::TaskResult>& results, std::string_view task, std::string_view metric);

struct NamedResults {
    std::string name;
    std::vector<evaluate::TaskResult> results;
};

}  // namespace nepenthe::pipelines
