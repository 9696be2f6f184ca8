#include "base/json_text.h"
#include "io/file.h"
#include "pipelines/forget_form.h"
#include "pipelines/stage.h"
#include "text/corpus.h"
#include "unlearn/objectives/labels.h"
#include "unlearn/relabel/audit.h"
#include "unlearn/relabel/labels.h"

namespace nepenthe::pipelines {

namespace {

class LabelForm : public ForgetForm {
  public:
    std::string example() const override {
        return "mpirun -n 2 nepenthe forget --model gemma --labels outputs/relabel-… --alpha 5 --lr 2e-5";
    }

    void declare(Options& options, unlearn::ForgetOptions& forget) override {
        forget.train = unlearn::published_label_training();
        retain_cut_.length = 256;
        options.add("labels", folder_, "artefact of relabel");
        options.add("alpha", alpha_, "which of its label sets", 0.0);
        options.add("targets", targets_, {"soft", "hard"}, "whole distributions, or the labels themselves");
        options.add("half-weight", labels_.targets.half_weight,
                    "weigh positions D/(D+N), D nats from label to reinforced model; 0 = all the same", 0.0);
        options.add("translated-ratio", labels_.mix.translated_ratio,
                    "blocks of the translated corpus, kept like --retain, for every block of labels", 0.0);
        options.add("retain", retain_paths_, "text that must stay: files, folders of *.txt, *.jsonl");
        options.add("retain-targets", retain_targets_, {"model", "text"},
                    "what that text should predict: what the model said of it at the start, or itself");
        options.add("retain-ratio", labels_.mix.retain_ratio, "blocks of --retain for every block of labels");
        options.add("retain-block", retain_cut_.length, "tokens of such a block");
        options.add("holdout-share", labels_.holdout_share, "share of blocks kept for a loss that is not trained on");
        options.require("labels");
    }

    void finish(const Options& options, unlearn::ForgetOptions&, Problems& problems) override {
        labels_.alpha = unlearn::alpha_name(alpha_);
        labels_.targets.kind = unlearn::parse_target(targets_);
        labels_.mix.retain_targets = unlearn::parse_retain(retain_targets_);
        if (retain_paths_.empty()) options.refuse_unread({"retain-ratio", "retain-block"}, "with --retain", problems);
        if (retain_paths_.empty() && labels_.mix.translated_ratio == 0)
            options.refuse_unread({"retain-targets"}, "with --retain or --translated-ratio", problems);
        labels_.check(problems);
        if (retain_cut_.length < 2) problems.add("--retain-block must be at least 2 tokens");
    }

    void read(const dist::Comm&, const std::filesystem::path&, const model::DecoderConfig& config,
              const text::Tokenizer& tokenizer) override {
        if (retain_paths_.empty()) return;
        if (config.max_positions > 0 && retain_cut_.length > config.max_positions)
            fail(ErrorKind::kUsage, "--retain-block {}: the model has {} positions", retain_cut_.length,
                 config.max_positions);
        retain_ = text::make_corpus(read_corpus_documents(retain_paths_, 0), tokenizer, retain_cut_);
        leave_out_single_tokens(retain_, "retain");
    }

    void complete_key(const dist::Comm& comm, store::ArtefactKey& key) const override {
        key.options["alpha"] = labels_.alpha;
        key.options["targets"] = unlearn::target_name(labels_.targets.kind);
        key.options["half_weight"] = labels_.targets.half_weight;
        key.options["translated_ratio"] = labels_.mix.translated_ratio;
        key.options["holdout_share"] = labels_.holdout_share;
        key.options["unlabelled_blocks"] = "left out";
        key.inputs["labels"] = input_artefact_digest(comm, folder_);
        if (!retain_.blocks.empty()) {
            key.options["retain_ratio"] = labels_.mix.retain_ratio;
            key.options["retain_block"] = retain_cut_.length;
            key.inputs["retain"] = retain_.digest;
        }
        if (!retain_.blocks.empty() || labels_.mix.translated_ratio > 0) {
            key.options["retain_targets"] = unlearn::retain_name(labels_.mix.retain_targets);
        }
        unlearn::check_labels_belong(folder_, key.inputs.at("model"), key.inputs.at("tokenizer"));
    }

    Made make(const dist::Comm& comm, const model::Decoder& decoder, const unlearn::ForgetOptions& forget,
              const std::filesystem::path& work) const override {
        unlearn::TextBlocks retain;
        for (const text::TokenBlock& block : retain_.blocks) retain.push_back(block.ids);
        auto objective =
            std::make_unique<unlearn::LabelObjective>(comm, decoder, folder_, retain, labels_, forget.train.seed, work);
        const unlearn::LabelObjective& watched = *objective;
        const auto holdout_loss = [&comm, &watched](const model::Decoder& now) {
            return watched.holdout_loss(comm, now);
        };
        const Json summary = watched.counts().to_json();
        return {std::move(objective), holdout_loss, summary};
    }

    void write_beside(const text::Tokenizer& tokenizer, const std::filesystem::path& folder) const override {
        const unlearn::Audit audit = unlearn::audit_labels(folder_, labels_.alpha, tokenizer);
        io::write_file_atomically(folder / "audit.txt", audit.to_text());
        io::write_file_atomically(folder / "audit.json", json_text(audit.to_json(), 2) + "\n");
    }

  private:
    unlearn::LabelOptions labels_;
    std::filesystem::path folder_;
    std::vector<std::filesystem::path> retain_paths_;
    text::BlockCut retain_cut_;
    double alpha_ = 5;
    std::string targets_{unlearn::target_name(labels_.targets.kind)};
    std::string retain_targets_{unlearn::retain_name(labels_.mix.retain_targets)};
    text::Corpus retain_;
};

}  // namespace

std::unique_ptr<ForgetForm> make_label_form() { return std::make_unique<LabelForm>(); }

}  // namespace nepenthe::pipelines
