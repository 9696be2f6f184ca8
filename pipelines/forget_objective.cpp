#include "pipelines/forget_form.h"
#include "pipelines/objective_request.h"

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
    explicit ObjectiveForm(const std::string& name) : request_(name) {}

    std::string example() const override {
        const unlearn::ObjectiveNeeds needs = request_.needs();
        return "mpirun -n 2 nepenthe forget --objective " + request_.choice().kind->name +
               " --model gemma --forget forget.jsonl" + (needs.retain ? " --retain retain.jsonl" : "") +
               (needs.refusals ? " --refusals idontknow.txt" : "");
    }

    void declare(Options& options, unlearn::ForgetOptions& forget) override {
        forget.train = published_training();
        request_.declare(options);
        options.add("pair", pair_, {"sum", "gru", "blur"}, "how the gradients of the two sides become one step");
        options.add("pair-retain", forget.train.pair.retain, "gru: what the retained gradient weighs beside it");
        options.add("pair-forget", forget.train.pair.forget, "blur: how far to go along the forget gradient");
        options.add("sam", forget.train.pair.radius,
                    "how far uphill the forget gradient is looked at, so that forgetting lasts; 0 = here", 0.0);
        options.set_rare({"reference-tokens", "as-published", "pair-retain", "pair-forget", "sam", "final-lr-share"});
    }

    void finish(const Options& options, unlearn::ForgetOptions& forget, Problems& problems) override {
        request_.finish(options, problems);
        forget.train.pair.rule = train::parse_pair(pair_);
        if (pair_ != "gru") options.refuse_unread({"pair-retain"}, "with --pair gru", problems);
        if (pair_ != "blur") options.refuse_unread({"pair-forget"}, "with --pair blur", problems);
        if (pair_ != "sum" && !request_.needs().retain)
            problems.add("--pair {} needs retained text: {} has none", pair_, request_.choice().kind->name);
        pair_options_ = forget.train.pair;
        if (request_.choice().published != unlearn::AsPublished::kNo) {
            forget.train.loss_mean = train::LossMean::kMicroBatch;
        }
    }

    void read(const dist::Comm& comm, const std::filesystem::path& folder, const model::DecoderConfig& config,
              const text::Tokenizer& tokenizer) override {
        request_.read(comm, folder, config, tokenizer);
    }

    void complete_key(const dist::Comm&, store::ArtefactKey& key) const override {
        request_.complete_key(key);
        if (pair_options_.radius > 0) key.options["sam"] = pair_options_.radius;
        if (pair_ == "sum") return;
        key.options["pair"] = {{"rule", pair_}, {"retain", pair_options_.retain}, {"forget", pair_options_.forget}};
    }

    Made make(const dist::Comm& comm, const model::Decoder& decoder, const unlearn::ForgetOptions& forget,
              const std::filesystem::path& work) const override {
        const train::TrainOptions& train = forget.train;
        const std::int64_t items = std::ssize(request_.data().forget()), visits = train.max_steps * train.global_batch;
        const std::int64_t epochs = train.max_steps > 0 ? (visits + items - 1) / items : train.epochs;
        return {unlearn::make_objective(comm, decoder, request_.data(), request_.choice(), epochs, train.seed, work),
                {},
                request_.summary()};
    }

  private:
    ObjectiveRequest request_;
    std::string pair_ = "sum";
    train::PairOptions pair_options_;
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
