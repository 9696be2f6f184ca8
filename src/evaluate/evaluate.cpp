#include "evaluate/evaluate.h"

#include "base/hash.h"
#include "dist/guard.h"
#include "evaluate/metric.h"
#include "evaluate/summary_rows.h"
#include "evaluate/task.h"
#include "evaluate/weights_digest.h"
#include "store/blocks.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace nepenthe::evaluate {

namespace {

// Items [begin, end) of one task.
struct Block {
    std::size_t task;
    std::int64_t begin, end;
    double cost;
};

std::vector<std::unique_ptr<Task>> make_tasks(const TaskInput& input) {
    std::vector<std::unique_ptr<Task>> tasks;
    for (const std::string& name : input.options.tasks) {
        const auto kind = std::find_if(task_kinds().begin(), task_kinds().end(),
                                       [&](const TaskKind& each) { return each.name == name; });
        tasks.push_back(kind->make(name, input));
    }
    return tasks;
}

std::vector<Block> cut_into_blocks(const std::vector<std::unique_ptr<Task>>& tasks) {
    std::vector<Block> blocks;
    for (std::size_t task = 0; task < tasks.size(); ++task) {
        const std::int64_t items = tasks[task]->items(), step = tasks[task]->items_per_block();
        for (std::int64_t begin = 0; begin < items; begin += step) {
            Block block{task, begin, std::min(items, begin + step), 0};
            for (std::int64_t item = block.begin; item < block.end; ++item) block.cost += tasks[task]->cost(item);
            blocks.push_back(block);
        }
    }
    return blocks;
}

std::vector<double> costs_of(const std::vector<Block>& blocks) {
    std::vector<double> costs;
    for (const Block& block : blocks) costs.push_back(block.cost);
    return costs;
}

[[noreturn]] void refuse_not_finite(const std::string& task, const Block& block, const std::string& metric) {
    fail(ErrorKind::kData,
         "{}, items {} to {}: {} is not a finite number; the model's activations overflow, check its weights and dtype",
         task, block.begin, block.end - 1, metric);
}

// The rows of one block as bytes. A number that is not finite would vanish in JSON, so that it is refused here.
std::string run_block(const Task& task, const std::string& name, const model::Decoder& decoder, const Block& block) {
    const std::vector<Json> rows = task.run(decoder, block.begin, block.end);
    for (const std::string& metric : task.metrics()) {
        if (is_composed(metric_definition(metric))) continue;
        for (const ItemValue& value : item_values(rows, metric)) {
            if (!std::isfinite(value.numerator) || !std::isfinite(value.denominator)) {
                refuse_not_finite(name, block, metric);
            }
        }
    }
    for (const std::string& metric : task.layer_metrics()) {
        for (const Json& row : rows) {
            for (const Json& value : row.at(metric)) {
                if (value.is_number() && !std::isfinite(value.get<double>())) refuse_not_finite(name, block, metric);
            }
        }
    }
    return Json(rows).dump();
}

using RunBlock = std::function<std::string(std::uint64_t block)>;

// Every block on one rank, then everything on all; without `scratch` nothing is journalled.
std::vector<std::string> run_blocks(const dist::Comm& comm, const std::filesystem::path& scratch,
                                    const std::string& key, const std::vector<Block>& blocks, const RunBlock& run) {
    const store::BlockOptions options{
        .label = "evaluate", .unit = "blocks", .key_digest = key, .costs = costs_of(blocks)};
    const store::BlockResults stored = store::for_each_block(comm, scratch, blocks.size(), options, run);
    std::vector<std::string> results(blocks.size());
    dist::run_agreed(comm, "evaluate", [&] {
        for (std::size_t block = 0; block < blocks.size(); ++block) results[block] = stored.read(block);
    });
    return results;
}

std::string journal_key(const model::Decoder& decoder, const text::Tokenizer& tokenizer, const EvaluateOptions& options,
                        const std::vector<std::unique_ptr<Task>>& tasks) {
    Json key = {{"weights", weights_digest(decoder)}, {"tokenizer", tokenizer.digest()}, {"tasks", Json::array()}};
    for (std::size_t i = 0; i < tasks.size(); ++i) key["tasks"].push_back({options.tasks[i], tasks[i]->digest()});
    return sha256_hex(canonical_json(key));
}

}  // namespace

std::vector<TaskResult> evaluate(const dist::Comm& comm, const model::Decoder& decoder,
                                 const text::Tokenizer& tokenizer, const EvaluateOptions& options,
                                 const std::filesystem::path& scratch) {
    std::vector<std::unique_ptr<Task>> tasks;
    std::string key;
    dist::run_agreed(comm, "evaluate", [&] {
        options.validate().throw_if_any(ErrorKind::kUsage, "evaluate");
        tasks = make_tasks({decoder.config(), tokenizer, options});
        if (!scratch.empty()) key = journal_key(decoder, tokenizer, options, tasks);
    });
    const std::vector<Block> blocks = cut_into_blocks(tasks);
    const RunBlock run = [&](std::uint64_t id) {
        const Block& block = blocks[id];
        return run_block(*tasks[block.task], options.tasks[block.task], decoder, block);
    };
    const std::vector<std::string> bytes = run_blocks(comm, scratch, key, blocks, run);
    std::vector<std::vector<Json>> rows(tasks.size());
    for (std::size_t block = 0; block < blocks.size(); ++block) {
        for (Json& row : Json::parse(bytes[block])) rows[blocks[block].task].push_back(std::move(row));
    }
    std::vector<TaskResult> results;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        results.push_back(
            make_result(options.tasks[i], tasks[i]->metrics(), std::move(rows[i]), tasks[i]->layer_metrics()));
        results.back().left_out = tasks[i]->left_out();
    }
    for (TaskResult& summary : summary_rows(results)) results.push_back(std::move(summary));
    return results;
}

Json results_json(const std::vector<TaskResult>& results) {
    Json json = {{"results", Json::object()},
                 {"n-samples", Json::object()},
                 {"higher_is_better", Json::object()},
                 {"metrics", Json::object()}};
    for (const TaskResult& result : results) {
        Json& samples = json["n-samples"][result.task] = {{"effective", result.items.size()}};
        for (const LeftOut& some : result.left_out) {
            samples["left_out"].push_back({{"count", some.count}, {"what", some.what}});
        }
        const auto define = [&](const std::string& name) {
            const MetricDefinition& definition = metric_definition(name);
            json["metrics"][name] = {
                {"version", definition.version}, {"unit", definition.unit}, {"formula", definition.formula}};
        };
        for (const Metric& metric : result.metrics) {
            define(metric.name);
            json["results"][result.task][metric.name] = metric.to_json();
            json["higher_is_better"][result.task][metric.name] = metric.higher_is_better;
        }
        for (const LayerMetric& metric : result.by_layer) {
            define(metric.name);
            for (const Metric& layer : metric.layers) {
                json["by_layer"][result.task][metric.name].push_back(layer.to_json());
            }
        }
    }
    return json;
}

}  // namespace nepenthe::evaluate
