// What a model's predictions give away about having seen a text: memorisation of what is to be forgotten, and how well
// losses tell it from a holdout that the model never saw (open-unlearning's exact memorisation, extraction strength and
// membership-inference attacks). specs: objectives.md §3.3.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/compressed_length.h"
#include "evaluate/gradient_norm.h"
#include "evaluate/labelled_texts.h"
#include "evaluate/memorization.h"
#include "evaluate/task.h"

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

namespace {

class MembershipTask : public Task {
  public:
    explicit MembershipTask(const TaskInput& input)
        : tokenizer_(input.tokenizer), gradient_norm_(input.options.gradient_norm) {
        const EvaluateOptions& options = input.options;
        window_ = text_window(input, 2048);
        const std::string form = options.question_prompt.empty() ? "{}" : options.question_prompt;
        Problems problems;
        for (const bool holdout : {false, true}) {
            const auto& path = holdout ? options.holdout_texts : options.member_texts;
            std::size_t number = 0;
            for (io::LabelledText& text : io::read_labelled_texts(path, options.limit)) {
                ++number;
                try {
                    items_.push_back({encode_labelled_text(input, text, form, window_), std::move(text.question),
                                      std::move(text.document), holdout});
                } catch (const Error& error) {
                    if (error.kind() != ErrorKind::kData) throw;
                    problems.add("{}, text {}: {}", path.string(), number, error.what());
                }
            }
        }
        if (!options.fact_options.skip_bad || !has_both_groups()) problems.throw_if_any(ErrorKind::kData, "membership");
        leave_out(problems);
        const bool answers = std::ranges::any_of(items_, [](const Item& item) { return !item.question.empty(); });
        if (answers && !tokenizer_.eos())
            log_warning("membership: the model names no end of sequence: answers are scored without one");
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(items_.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        return static_cast<double>(items_[static_cast<std::size_t>(item)].text.pair.ids.size());
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<EncodedText> texts;
        for (std::int64_t item = begin; item < end; ++item) {
            texts.push_back(items_[static_cast<std::size_t>(item)].text);
        }
        const auto scores = score_labels(decoder, texts);
        std::vector<Json> rows;
        for (const model::ScoreResult& score : scores) {
            rows.push_back(row(static_cast<std::size_t>(begin) + rows.size(), score));
        }
        for (std::size_t i = 0; gradient_norm_ && i < rows.size(); ++i) {
            rows[i]["gradient_norm_auc"] = {gradient_norm(decoder, texts[i].pair),
                                            rows[i]["set"] == "holdout" ? 1 : -1};
        }
        return rows;
    }

    std::vector<std::string> metrics() const override {
        std::vector<std::string> names = {"extraction_strength", "exact_memorization", "loss_auc", "zlib_auc",
                                          "min_k_auc",           "min_k_plus_plus_auc"};
        if (gradient_norm_) names.emplace_back("gradient_norm_auc");
        return names;
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::string digest() const override {
        Sha256 hash;
        for (const Item& item : items_) {
            hash.update(Json{item.holdout, item.text.pair.context, item.text.pair.ids}.dump());
        }
        if (gradient_norm_) hash.update("gradient_norm");
        return hash.hex();
    }

  private:
    struct Item {
        EncodedText text;
        std::string question;  // "" for a document
        std::string document;  // "" where it is not said
        bool holdout = false;
    };

    bool has_both_groups() const {
        return std::ranges::any_of(items_, &Item::holdout) &&
               std::ranges::any_of(items_, [](const Item& item) { return !item.holdout; });
    }

    void leave_out(const Problems& problems) {
        const auto cut = std::ranges::count_if(items_, [](const Item& item) { return item.text.cut; });
        if (cut > 0) {
            log_info("membership: of {} texts the first {} tokens are scored", cut, window_);
            left_out_.push_back({cut, fmt::format("ends of texts, behind their first {} tokens", window_)});
        }
        if (problems.empty()) return;
        const auto count = static_cast<std::int64_t>(problems.items().size());
        log_warning("membership: {} texts cannot be scored and are left out", count);
        left_out_.push_back({count, "texts that cannot be scored, the first: " + problems.items().front()});
    }

    Json row(std::size_t index, const model::ScoreResult& score) const {
        const Item& item = items_[index];
        const double loss = -score.log_likelihood / static_cast<double>(score.tokens);
        const auto bytes = static_cast<double>(compressed_length(label_text(tokenizer_, item.text)));
        // Only what is to be forgotten can have been memorised.
        const auto of_members = [&](double value) { return item.holdout ? Json() : Json(value); };
        const auto scored = [&](double value) { return Json{value, item.holdout ? 1 : -1}; };
        Json row = {{"id", index},
                    {"set", item.holdout ? "holdout" : "forget"},
                    {"tokens", score.tokens},
                    {"extraction_strength", of_members(extraction_strength(score.is_greedy))},
                    {"exact_memorization", of_members(exact_memorization(score.is_greedy))},
                    {"loss_auc", scored(loss)},
                    {"zlib_auc", scored(loss / bytes)},
                    {"min_k_auc", scored(min_k(score.per_token))},
                    {"min_k_plus_plus_auc", scored(min_k_plus_plus(score.per_token, score.mean, score.variance))}};
        if (!item.question.empty()) row["question"] = item.question;
        if (!item.document.empty()) row["document"] = item.document;
        return row;
    }

    std::vector<Item> items_;
    const text::Tokenizer& tokenizer_;
    bool gradient_norm_;
    std::int64_t window_ = 0;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_membership_task(const std::string&, const TaskInput& input) {
    return std::make_unique<MembershipTask>(input);
}

}  // namespace nepenthe::evaluate
