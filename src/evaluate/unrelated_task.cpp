// Unintended alteration: greedy answers to prompts that no edit was about. One model alone shows how many of them begin
// with the known answer; compare() counts those that another model changes.

#include "base/error.h"
#include "base/hash.h"
#include "evaluate/fact_items.h"
#include "evaluate/joint_pair.h"
#include "evaluate/task.h"
#include "model/generate.h"

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

namespace {

// An answer is as long as the known one, so that nothing counts that comes after it.
struct Question {
    std::string prompt;
    std::vector<text::TokenId> ids, answer;
};

class UnrelatedTask : public Task {
  public:
    UnrelatedTask(FactItems items, const TaskInput& input)
        : tokenizer_(input.tokenizer), left_out_(std::move(items.left_out)) {
        Problems problems;
        for (const edit::Fact& fact : items.facts) {
            try {
                const EncodedPair pair = encode(fact, input);
                const auto border = pair.ids.begin() + static_cast<std::ptrdiff_t>(pair.context);
                questions_.push_back({fact.sentence(), {pair.ids.begin(), border}, {border, pair.ids.end()}});
            } catch (const Error& error) {
                problems.add("fact {}: {}", fact.id, error.what());
            }
        }
        problems.throw_if_any(ErrorKind::kData, "unrelated facts");
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(questions_.size()); }
    std::int64_t items_per_block() const override { return 16; }
    double cost(std::int64_t item) const override {
        const Question& question = questions_[static_cast<std::size_t>(item)];
        return static_cast<double>(question.ids.size() + 4 * question.answer.size());
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        model::GenerateOptions options;
        options.max_new_tokens = 0;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            prompts.push_back(questions_[i].ids);
            streams.push_back(i);
            options.max_new_tokens =
                std::max(options.max_new_tokens, static_cast<std::int64_t>(questions_[i].answer.size()));
        }
        options.stop = tokenizer_.ends();
        auto answers = model::generate(decoder, prompts, options, streams);
        std::vector<Json> rows;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            auto& answer = answers[rows.size()];
            if (answer.size() > questions_[i].answer.size()) answer.resize(questions_[i].answer.size());
            rows.push_back({{"id", i},
                            {"prompt", questions_[i].prompt},
                            {"answer", tokenizer_.decode(answer, true)},
                            {"answer_ids", answer},
                            {"known_answer_rate", answer == questions_[i].answer ? 1 : 0}});
        }
        return rows;
    }

    std::vector<std::string> metrics() const override { return {"known_answer_rate"}; }
    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::string digest() const override {
        Sha256 hash;
        for (const Question& question : questions_) hash.update(Json{question.ids, question.answer}.dump());
        return hash.hex();
    }

    static EncodedPair encode(const edit::Fact& fact, const TaskInput& input) {
        const std::string& answer = fact.target_true.empty() ? fact.target_new : fact.target_true;
        return joint_pair(input.tokenizer, fact.sentence(), answer, input.config.max_positions);
    }

  private:
    const text::Tokenizer& tokenizer_;
    std::vector<Question> questions_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_unrelated_task(const std::string&, const TaskInput& input) {
    FactItems items = read_fact_items(input.options.unrelated_facts, input.options);
    leave_out_unscorable(items, input.options, [&](const edit::Fact& fact) { UnrelatedTask::encode(fact, input); });
    return std::make_unique<UnrelatedTask>(std::move(items), input);
}

}  // namespace nepenthe::evaluate
