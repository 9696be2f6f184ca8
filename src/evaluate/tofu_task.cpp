// TOFU (Maini et al. 2024): probability, ROUGE-L recall and truth ratio on what is to be forgotten and on three sets
// that must stay, and model utility, their harmonic mean. Forget quality needs a second model: compare(). specs:
// editing.md §14.3.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/choice_scores.h"
#include "evaluate/joint_pair.h"
#include "evaluate/labelled_texts.h"
#include "evaluate/rouge.h"
#include "evaluate/task.h"
#include "evaluate/tofu_files.h"
#include "evaluate/tofu_measures.h"
#include "evaluate/told_contexts.h"
#include "model/generate.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

class TofuTask : public Task {
  public:
    TofuTask(std::vector<TofuItem> items, const TaskInput& input)
        : items_(std::move(items)), tokenizer_(input.tokenizer), form_(input.options.tofu_truth_ratio) {
        generate_.max_new_tokens = input.options.answer_tokens;
        generate_.stop = tokenizer_.ends();
        if (!tokenizer_.eos()) {
            log_warning("tofu: the model names no end of sequence: answers are scored without one");
        }
        std::vector<std::string> prompts;
        for (const TofuItem& item : items_) prompts.push_back(fill_question(input.options.tofu_prompt, item.question));
        told_ = told_contexts(input.options, prompts);
        Problems problems;
        std::vector<TofuItem> kept;
        std::vector<ToldContext> kept_told;
        for (std::size_t i = 0; i < items_.size(); ++i) {
            try {
                encoded_.push_back(encode(items_[i], told_.empty() ? prompts[i] : told_[i].text + prompts[i], input));
                kept.push_back(items_[i]);
                if (!told_.empty()) kept_told.push_back(told_[i]);
            } catch (const Error& error) {
                problems.add("\"{}\": {}", items_[i].question, error.what());
            }
        }
        if (input.options.fact_options.skip_bad)
            leave_out(problems, kept.size());
        else
            problems.throw_if_any(ErrorKind::kData, "tofu");
        items_ = std::move(kept);
        told_ = std::move(kept_told);
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(items_.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        // A generated token goes through the model by itself, which costs several times a scored one.
        double tokens = 4 * static_cast<double>(generate_.max_new_tokens);
        for (const EncodedPair& pair : encoded_[static_cast<std::size_t>(item)]) {
            tokens += static_cast<double>(pair.ids.size());
        }
        return tokens;
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<EncodedPair> pairs;
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            pairs.insert(pairs.end(), encoded_[i].begin(), encoded_[i].end());
            const EncodedPair& answer = encoded_[i].front();
            prompts.emplace_back(answer.ids.begin(), answer.ids.begin() + static_cast<std::ptrdiff_t>(answer.context));
            streams.push_back(i);
        }
        const auto scores = score_continuations(decoder, pairs);
        const auto generated = model::generate(decoder, prompts, generate_, streams);
        std::vector<Json> rows;
        for (auto i = static_cast<std::size_t>(begin), next = std::size_t{0}; std::cmp_less(i, end); ++i) {
            std::vector<double> nlls;
            for (std::size_t k = 0; k < encoded_[i].size(); ++k, ++next) {
                nlls.push_back(-scores[next].log_likelihood / static_cast<double>(scores[next].tokens));
            }
            rows.push_back(row(i, nlls, tokenizer_.decode(generated[rows.size()], true)));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override { return tofu_metrics(form_); }

    std::string digest() const override {
        Sha256 hash;
        for (std::size_t i = 0; i < items_.size(); ++i) {
            hash.update(tofu_set_name(items_[i].set) + Json(items_[i].answer).dump());
            for (const EncodedPair& pair : encoded_[i]) hash.update(Json{pair.context, pair.ids}.dump());
        }
        hash.update(Json{generate_.max_new_tokens, generate_.stop, metrics()}.dump());
        return hash.hex();
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

  private:
    void leave_out(const Problems& problems, std::size_t kept) {
        if (problems.empty()) return;
        if (kept == 0) problems.throw_if_any(ErrorKind::kData, "tofu: no question can be scored");
        const auto count = static_cast<std::int64_t>(problems.items().size());
        log_warning("tofu: {} questions cannot be scored and are left out", count);
        left_out_.push_back({count, "questions that cannot be scored, the first: " + problems.items().front()});
    }

    // Answer, paraphrased answer, false answers; each with the EOS that ends it.
    static EncodedItem encode(const TofuItem& item, const std::string& prompt, const TaskInput& input) {
        std::vector<std::string> answers{item.answer, item.paraphrased};
        answers.insert(answers.end(), item.perturbed.begin(), item.perturbed.end());
        EncodedItem encoded;
        for (const std::string& answer : answers) {
            encoded.push_back(ended_pair(input.tokenizer, prompt, answer, input.config.max_positions));
        }
        return encoded;
    }

    // `nlls` are mean negative log-likelihoods in the order of encode().
    Json row(std::size_t index, const std::vector<double>& nlls, const std::string& generated) const {
        const TofuItem& item = items_[index];
        const std::span<const double> perturbed = std::span(nlls).subspan(2);
        Json row = {{"id", index},
                    {"set", tofu_set_name(item.set)},
                    {"question", item.question},
                    {"generated", generated},
                    {"answer_nll", nlls[0]},
                    {"paraphrase_nll", nlls[1]},
                    {"perturbed_nll", std::vector<double>(perturbed.begin(), perturbed.end())}};
        if (!told_.empty()) {
            const ToldContext& told = told_[index];
            row["told"] = {{"fact", told.fact}, {"similarity", told.similarity}, {"in_context", !told.text.empty()}};
        }
        add_tofu_measures(row, item.set, {nlls[0], nlls[1], {perturbed.begin(), perturbed.end()}},
                          rouge_l_recall(item.answer, generated), form_);
        return row;
    }

    std::vector<TofuItem> items_;
    const text::Tokenizer& tokenizer_;
    TruthRatio form_;
    model::GenerateOptions generate_;
    std::vector<ToldContext> told_;  // by item; empty: no bundle
    std::vector<EncodedItem> encoded_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_tofu_task(const std::string&, const TaskInput& input) {
    const EvaluateOptions& options = input.options;
    return std::make_unique<TofuTask>(read_tofu(options.tofu, options.tofu_forget, options.limit), input);
}

}  // namespace nepenthe::evaluate
