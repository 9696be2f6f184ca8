#pragma once
// The zero-shot benchmarks as files: JSON Lines with the fields of the Hugging Face data sets that
// lm-evaluation-harness downloads, or with those of llm-foundry's copies (query, choices, gold), turned into the
// harness's prompts. Prompts, versions: lm_eval 0.4.13,
// lm_eval/tasks/{arc,super_glue/boolq,hellaswag,openbookqa,piqa,winogrande,lambada,glue,wmdp,mmlu}.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// A question as (context, continuation) pairs. One context serves all choices, except in WinoGrande, where each choice
// is a context of its own with the same continuation.
struct ChoiceItem {
    std::vector<std::string> contexts;       // one, or as many as there are continuations
    std::vector<std::string> continuations;  // with the leading space
    std::int64_t gold = 0;

    const std::string& context_of(std::size_t choice) const { return contexts[contexts.size() > 1 ? choice : 0]; }
};

struct Benchmark {
    std::string name;  // as in lm-evaluation-harness
    std::string description;
    bool cloze = false;  // LAMBADA: one continuation; right when it is the greedy one
    // Of "acc", "acc_norm", and for two choices with the positive one second "f1", "mcc".
    std::vector<std::string> metrics;
    std::vector<std::string> file_names;  // below the data folder; the first that exists is read
    ChoiceItem (*read)(const Json& row);  // throws Error(kData) for a row it cannot read
};

const std::vector<Benchmark>& benchmarks();
// nullptr for an unknown name.
const Benchmark* find_benchmark(std::string_view name);

// The file of a benchmark below `data`; empty where there is none.
std::filesystem::path benchmark_file(const Benchmark& benchmark, const std::filesystem::path& data);

// Items in the file's order, at most `limit` (0 = all). Throws Error(kData) that lists every bad line.
std::vector<ChoiceItem> read_benchmark(const Benchmark& benchmark, const std::filesystem::path& file,
                                       std::int64_t limit);

// A question of WMDP's or MMLU's kind, its four choices asked for by letter: `intro`, a blank line, the question, the
// choices, "Answer:". The right one is an index, or its letter. Throws Error(kData).
ChoiceItem lettered_question(const Json& row, const std::string& intro);
// The harness's intro of a subject of MMLU's ("high_school_physics").
std::string about_subject(std::string subject);

// HellaSwag's cleaning of contexts and endings, and its contexts: ctx_a, then ctx_b capitalised.
std::string clean_hellaswag(std::string_view text);

}  // namespace nepenthe::evaluate
