#include "unlearn/objectives/forget_objective.h"
#include "base/log.h"
#include "dist/guard.h"
#include "pipelines/forget_form.h"

#include <optional>
#include <set>

namespace nepenthe::pipelines {

namespace {

// As TOFU trains its baselines (arXiv 2401.06121): AdamW, decay .01, 5 epochs of 32 questions, linear to 0 after an
// epoch of warm-up, which depends on the data and is left to the user.
train::TrainOptions published_training() {
    train::TrainOptions options;
    options.lr = 1e-5;
    options.weight_decay = 0.01;
    options.global_batch = 32;
    options.epochs = 5;
    options.label = "forget";
    return options;
}

class ObjectiveForm : public ForgetForm {
  public:
    explicit ObjectiveForm(const std::string& name) {
        choice_.kind = &unlearn::objective_kind(name);
        choice_.values = unlearn::default_values(*choice_.kind);
    }

    std::string example() const override {
        const unlearn::ObjectiveNeeds needs = unlearn::needs_of(terms());
        return "mpirun -n 2 nepenthe forget --objective " + choice_.kind->name +
               " --model gemma --forget forget.jsonl" + (needs.retain ? " --retain retain.jsonl" : "") +
               (needs.refusals ? " --refusals idontknow.txt" : "");
    }

    void declare(Options& options, unlearn::ForgetOptions& forget) override {
        forget.train = published_training();
        options.add("forget", files_.forget, "what is to be forgotten: text, or JSON Lines of questions and answers");
        options.add("retain", files_.retain, "what must stay, likewise");
        options.add("refusals", files_.refusals, "answers that say nothing, one a line");
        options.add("form", files_.form, "how questions and answers become text");
        options.add("block", files_.block, "tokens of a block of text", 2);
        for (const unlearn::ObjectiveOption& option : choice_.kind->options) {
            if (option.words.empty()) {
                options.add(option.name, choice_.values.numbers.at(option.name), option.help, option.least);
            } else {
                options.add(option.name, choice_.values.words.at(option.name), option.words, option.help);
            }
        }
        options.add("reference-tokens", choice_.reference_tokens,
                    "tokens that are named of what the model said at the start", 1);
        options.add("as-published", published_, {"no", "tofu", "muse", "open-unlearning", "wagle"},
                    "compute as this code does where it differs");
        options.require("forget");
    }

    void finish(const Options& options, unlearn::ForgetOptions& forget, Problems& problems) override {
        choice_.published = unlearn::parse_published(published_);
        if (choice_.published != unlearn::AsPublished::kNo) forget.train.loss_mean = train::LossMean::kMicroBatch;
        const unlearn::ObjectiveNeeds needs = unlearn::needs_of(terms());
        const std::string& name = choice_.kind->name;
        if (!needs.retain)
            options.refuse_unread({"retain"}, "by objectives that retain something, not by " + name, problems);
        if (!needs.refusals) options.refuse_unread({"refusals"}, "by objectives that refuse, not by " + name, problems);
        if (!needs.distributions)
            options.refuse_unread({"reference-tokens"}, "by kl and undial, not by " + name, problems);
        if (needs.retain && files_.retain.empty())
            problems.add("--retain is missing: {} needs text that must stay", name);
        if (needs.refusals && files_.refusals.empty())
            problems.add("--refusals is missing: {} answers with them", name);
        try {
            const unlearn::AnswerForm form(files_.form);
        } catch (const Error& error) {
            problems.add("--form: {}", error.what());
        }
    }

    void read(const dist::Comm& comm, const model::DecoderConfig& config, const text::Tokenizer& tokenizer) override {
        if (config.max_positions > 0 && files_.block > config.max_positions)
            fail(ErrorKind::kUsage, "--block {}: the model has {} positions", files_.block, config.max_positions);
        dist::run_agreed(comm, "read what is to be forgotten", [&] {
            data_.emplace(files_, tokenizer, config.max_positions);
            Problems problems;
            choice_.check(*data_, problems);
            problems.throw_if_any(ErrorKind::kUsage, "forget");
        });
        overlap_ = data_->overlap();
        if (overlap_.shared_items == 0) return;
        if (overlap_.shared_items == overlap_.forget_items) {
            fail(ErrorKind::kData, "everything that is to be forgotten is to be retained, too: \"{}\" for one",
                 overlap_.example);
        }
        log_warning("{} of {} texts to be forgotten share {} tokens in a row with what is retained: \"{}\" for one",
                    overlap_.shared_items, overlap_.forget_items, unlearn::kOverlapTokens, overlap_.example);
    }

    void complete_key(const dist::Comm&, store::ArtefactKey& key) const override {
        key.options["objective"] = choice_.to_json();
        key.options["form"] = files_.form;
        key.options["block"] = files_.block;
        for (const auto& [role, digest] : files_.digests()) key.inputs[role] = digest;
    }

    Made make(const dist::Comm& comm, const model::Decoder& decoder, const unlearn::ForgetOptions& forget,
              const std::filesystem::path& work) const override {
        const train::TrainOptions& train = forget.train;
        const std::int64_t items = std::ssize(data_->forget()), visits = train.max_steps * train.global_batch;
        const std::int64_t epochs = train.max_steps > 0 ? (visits + items - 1) / items : train.epochs;
        Json summary = {{"objective", choice_.to_json()},
                        {"forget_items", items},
                        {"retain_items", data_->retain().size()},
                        {"overlapping_items", overlap_.shared_items}};
        return {std::make_unique<unlearn::ForgetObjective>(comm, decoder, *data_, choice_, epochs, train.seed, work),
                {},
                summary};
    }

  private:
    std::vector<unlearn::ObjectiveTerm> terms() const {
        return unlearn::objective_terms(*choice_.kind, choice_.values, choice_.published);
    }

    unlearn::ObjectiveChoice choice_;
    unlearn::ForgetDataFiles files_;
    std::string published_ = "no";
    std::optional<unlearn::ForgetData> data_;
    unlearn::Overlap overlap_;
};

}  // namespace

std::unique_ptr<ForgetForm> make_objective_form(const std::string& name) {
    return std::make_unique<ObjectiveForm>(name);
}

std::vector<std::string> objective_names() {
    std::vector<std::string> names = {"labels"};
    for (const unlearn::ObjectiveKind& kind : unlearn::objective_kinds()) names.push_back(kind.name);
    return names;
}

std::vector<std::string> forget_option_names() {
    std::set<std::string> all;
    for (const std::string& name : objective_names()) {
        const auto form = name == "labels" ? make_label_form() : make_objective_form(name);
        unlearn::ForgetOptions forget;
        Options options("forget", "", "");
        form->declare(options, forget);
        for (const std::string& option : options.names()) all.insert(option);
    }
    return {all.begin(), all.end()};
}

}  // namespace nepenthe::pipelines
