#pragma once
// A task as evaluate() sees it: items with costs, rows computed from them, metrics named.

#include "base/json.h"
#include "evaluate/evaluate.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

class Task {
  public:
    virtual ~Task() = default;

    virtual std::int64_t items() const = 0;
    // Items that are computed together, on one rank. Never depends on the rank count: a row's last bits depend on its
    // block.
    virtual std::int64_t items_per_block() const = 0;
    // Tokens that an item costs, roughly.
    virtual double cost(std::int64_t item) const = 0;
    // Rows of items [begin, end), in order. Not collective.
    virtual std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const = 0;
    // Names in metric_definitions(); every row holds a value of each.
    virtual std::vector<std::string> metrics() const = 0;
    // The same of what is said of every layer; every row holds an array, by layer.
    virtual std::vector<std::string> layer_metrics() const { return {}; }
    // What its files hold and no row does, with the reason in words.
    virtual std::vector<LeftOut> left_out() const { return {}; }
    // What the rows depend on beside the model: content and settings, for the journal's key.
    virtual std::string digest() const = 0;
};

// What a task is built from. The tokenizer must outlive the task.
struct TaskInput {
    const model::DecoderConfig& config;
    const text::Tokenizer& tokenizer;
    const EvaluateOptions& options;
};

enum class InputKind { kFile, kDocuments /* of a corpus */, kArtefact, kEncoder };
struct TaskInputFile {
    std::string role;
    std::filesystem::path path;
    InputKind kind = InputKind::kFile;
};

struct TaskKind {
    std::string name;
    std::string description;
    std::unique_ptr<Task> (*make)(const std::string& name, const TaskInput& input);
    // The inputs among the options that this task reads, each with the option's name; problems of the paths included.
    void (*check)(const std::string& name, const EvaluateOptions& options, Problems& problems);
    // Everything that make() reads, for keys.
    std::vector<TaskInputFile> (*inputs)(const std::string& name, const EvaluateOptions& options);
};

// All tasks, in the order in which they are listed to users.
const std::vector<TaskKind>& task_kinds();

// What the tasks of these options read.
std::vector<TaskInputFile> input_files(const EvaluateOptions& options);

// The WikiText file of these options: `wikitext`, or wikitext2/test.txt in or beside the data folder; empty = none.
std::filesystem::path wikitext_file(const EvaluateOptions& options);
// The prompts that are continued: `completion_prompts`, or else `familiarity_prompts`.
std::filesystem::path completion_prompts_file(const EvaluateOptions& options);

// The families of tasks; each throws Error(kData) for files that it cannot read.
std::unique_ptr<Task> make_benchmark_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_word_perplexity_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_token_perplexity_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_text_perplexity_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_next_token_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_completion_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_fluency_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_edit_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_edit_generation_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_unrelated_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_tofu_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_membership_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_muse_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_depth_task(const std::string& name, const TaskInput& input);
std::unique_ptr<Task> make_logit_lens_task(const std::string& name, const TaskInput& input);

}  // namespace nepenthe::evaluate
