// Multiple choice and cloze questions with lm-evaluation-harness's semantics.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/benchmark_files.h"
#include "evaluate/choice_scores.h"
#include "evaluate/task.h"
#include "io/text.h"

#include <span>
#include <utility>

namespace nepenthe::evaluate {

namespace {

constexpr std::int64_t kItemsPerBlock = 32;

class BenchmarkTask : public Task {
  public:
    BenchmarkTask(const Benchmark& benchmark, std::vector<ChoiceItem> items, const TaskInput& input)
        : benchmark_(benchmark), items_(std::move(items)) {
        Problems problems;
        std::vector<ChoiceItem> kept;
        for (std::size_t i = 0; i < items_.size(); ++i) {
            try {
                encoded_.push_back(encode(items_[i], input));
                kept.push_back(items_[i]);
            } catch (const Error& error) {
                problems.add("item {}: {}", i, error.what());
            }
        }
        if (problems.empty()) return;
        if (!input.options.fact_options.skip_bad || kept.empty()) {
            problems.throw_if_any(ErrorKind::kData, benchmark.name);
        }
        const auto count = static_cast<std::int64_t>(problems.items().size());
        log_warning("{}: {} items cannot be scored and are left out", benchmark.name, count);
        left_out_.push_back({count, "items that cannot be scored, the first: " + problems.items().front()});
        items_ = std::move(kept);
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::int64_t items() const override { return static_cast<std::int64_t>(items_.size()); }
    std::int64_t items_per_block() const override { return kItemsPerBlock; }

    double cost(std::int64_t item) const override {
        double tokens = 0;
        for (const EncodedPair& pair : encoded_[static_cast<std::size_t>(item)]) {
            tokens += static_cast<double>(pair.ids.size());
        }
        return tokens;
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        const auto first = static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
        const auto scores = score_choices(decoder, std::span(encoded_).subspan(first, count));
        std::vector<Json> rows;
        for (std::size_t i = 0; i < count; ++i) rows.push_back(row(first + i, scores[i]));
        return rows;
    }

    std::vector<std::string> metrics() const override { return benchmark_.metrics; }

    std::string digest() const override {
        Sha256 hash;
        for (const ChoiceItem& item : items_) {
            hash.update(canonical_json(Json{item.contexts, item.continuations, item.gold}));
        }
        return hash.hex();
    }

  private:
    static EncodedItem encode(const ChoiceItem& item, const TaskInput& input) {
        EncodedItem pairs;
        for (std::size_t choice = 0; choice < item.continuations.size(); ++choice) {
            pairs.push_back(encode_pair(input.tokenizer, item.context_of(choice), item.continuations[choice],
                                        input.config.max_positions));
        }
        return pairs;
    }

    Json row(std::size_t index, const std::vector<ChoiceScore>& scores) const {
        const ChoiceItem& item = items_[index];
        if (benchmark_.cloze) {
            return {{"id", index},
                    {"log_likelihood", scores[0].log_likelihood},
                    {"tokens", scores[0].tokens},
                    {"acc", scores[0].greedy ? 1 : 0},
                    {"perplexity", {-scores[0].log_likelihood, 1}}};
        }
        std::vector<double> sums, normalised;
        std::vector<std::int64_t> tokens;
        for (std::size_t choice = 0; choice < scores.size(); ++choice) {
            // The harness measures the choice as the data has it: in WinoGrande that is the context, where nobody
            // reports a normalised accuracy, elsewhere the continuation without its leading space.
            const std::size_t characters = io::count_code_points(item.continuations[choice]) - 1;
            sums.push_back(scores[choice].log_likelihood);
            normalised.push_back(scores[choice].log_likelihood / static_cast<double>(characters));
            tokens.push_back(scores[choice].tokens);
        }
        const std::size_t answer = first_largest(sums), gold = static_cast<std::size_t>(item.gold);
        Json row = {{"id", index},  {"log_likelihoods", sums}, {"tokens", tokens},
                    {"gold", gold}, {"answer", answer},        {"acc", answer == gold ? 1 : 0}};
        for (const std::string& metric : benchmark_.metrics) {
            if (metric == "acc_norm") {
                row["answer_norm"] = first_largest(normalised);
                row["acc_norm"] = first_largest(normalised) == gold ? 1 : 0;
            }
            if (metric == "f1") row["f1"] = {2 * answer * gold, answer + gold};
            if (metric == "mcc") row["mcc"] = {answer, gold};
        }
        return row;
    }

    const Benchmark& benchmark_;
    std::vector<ChoiceItem> items_;
    std::vector<EncodedItem> encoded_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_benchmark_task(const std::string& name, const TaskInput& input) {
    const Benchmark* benchmark = find_benchmark(name);
    NEPENTHE_CHECK(benchmark != nullptr);
    const auto file = benchmark_file(*benchmark, input.options.data);
    return std::make_unique<BenchmarkTask>(*benchmark, read_benchmark(*benchmark, file, input.options.limit), input);
}

}  // namespace nepenthe::evaluate
