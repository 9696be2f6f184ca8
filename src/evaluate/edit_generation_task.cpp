// What an edited model writes when it is led towards a fact: whether its texts stay varied (GE) and come near to texts
// about the new target (RS). CounterFact as ROME publishes it brings the prompts; the reference texts are a file of
// their own. specs: editing.md §13.2.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/fact_items.h"
#include "evaluate/task.h"
#include "evaluate/text_statistics.h"
#include "io/text.h"
#include "model/generate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace nepenthe::evaluate {

namespace {

constexpr std::int64_t kTokens = 100;  // prompt included, as published

// Texts about (relation, Wikidata id of the target), joined; and each by itself, for the document frequencies.
struct References {
    std::map<std::pair<std::string, std::string>, std::string> about;
    std::vector<std::string> texts;
};

References read_references(const std::filesystem::path& path) {
    References references;
    try {
        for (const Json& entry : parse_json(io::read_text(path), path.string())) {
            std::string& joined =
                references
                    .about[{entry.at("relation_id").get<std::string>(), entry.at("target_id").get<std::string>()}];
            for (const Json& sample : entry.at("samples")) {
                references.texts.push_back(sample.at("text").get<std::string>());
                joined += (joined.empty() ? "" : " ") + references.texts.back();
            }
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: reference texts are a list of {{relation_id, target_id, samples: [{{text}}]}}: {}",
             path.string(), error.what());
    }
    return references;
}

std::string target_id(const edit::Fact& fact) {
    const Json rewrite = fact.source.value("requested_rewrite", Json::object());
    return rewrite.value("target_new", Json::object()).value("id", "");
}

struct Subject {
    std::string fact;
    std::vector<std::vector<text::TokenId>> prompts;
    std::uint64_t first_stream;  // of randomness; one a prompt, numbered over all facts
    std::string reference;       // "" = none
};

class EditGenerationTask : public Task {
  public:
    EditGenerationTask(FactItems items, const TaskInput& input)
        : tokenizer_(input.tokenizer),
          tokens_(std::min(kTokens, input.config.max_positions)),
          seed_(input.options.seed),
          left_out_(std::move(items.left_out)) {
        if (!input.options.reference_texts.empty()) references_ = read_references(input.options.reference_texts);
        tf_idf_.emplace(references_.texts);
        std::uint64_t prompts = 0, long_prompts = 0, without = 0;
        for (const edit::Fact& fact : items.facts) {
            Subject subject{fact.id, {}, prompts, ""};
            for (const std::string& prompt : fact.generation_prompts) {
                auto ids = tokenizer_.encode(prompt, true).ids;
                if (std::ssize(ids) < tokens_) {
                    subject.prompts.push_back(std::move(ids));
                } else {
                    ++long_prompts;
                }
            }
            if (subject.prompts.empty()) {
                ++without;
                continue;
            }
            prompts += subject.prompts.size();
            if (const auto found = references_.about.find({fact.relation, target_id(fact)});
                found != references_.about.end()) {
                subject.reference = found->second;
                referenced_ = true;
            }
            subjects_.push_back(std::move(subject));
        }
        if (subjects_.empty())
            fail(ErrorKind::kData, "none of the facts has generation prompts (CounterFact as ROME publishes it has)");
        if (!input.options.reference_texts.empty() && !referenced_)
            fail(ErrorKind::kData,
                 "{}: no text about the new target of any fact: relation and Wikidata id must be the facts'",
                 input.options.reference_texts.string());
        const auto leave_out = [&](std::uint64_t count, const std::string& what) {
            if (count == 0) return;
            log_warning("{} {} are left out", count, what);
            left_out_.push_back({static_cast<std::int64_t>(count), what});
        };
        leave_out(without, "facts without generation prompts that fit");
        leave_out(long_prompts, fmt::format("generation prompts of {} and more tokens", tokens_));
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::int64_t items() const override { return std::ssize(subjects_); }
    std::int64_t items_per_block() const override { return 1; }
    double cost(std::int64_t item) const override {
        return static_cast<double>(tokens_ * std::ssize(subjects_[static_cast<std::size_t>(item)].prompts));
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<Json> rows;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) rows.push_back(row(decoder, i));
        return rows;
    }

    std::vector<std::string> metrics() const override {
        if (referenced_) return {"generation_entropy", "reference_consistency"};
        return {"generation_entropy"};
    }

    std::string digest() const override {
        Sha256 hash;
        hash.update(Json{seed_, references_.texts}.dump());  // all texts: they decide what a word weighs
        for (const Subject& subject : subjects_)
            hash.update(Json{subject.fact, subject.prompts, subject.reference}.dump());
        return hash.hex();
    }

  private:
    Json row(const model::Decoder& decoder, std::size_t index) const {
        const Subject& subject = subjects_[index];
        double entropy = 0;
        std::string all;
        Json texts = Json::array();
        for (std::size_t p = 0; p < subject.prompts.size(); ++p) {
            texts.push_back(write(decoder, subject.prompts[p], subject.first_stream + p));
            const auto& text = texts.back().get_ref<const std::string&>();
            entropy += ngram_entropy(text) / static_cast<double>(subject.prompts.size());
            all += (all.empty() ? "" : " ") + text;
        }
        Json row = {{"id", index}, {"fact", subject.fact}, {"texts", texts}, {"generation_entropy", entropy}};
        if (referenced_) {
            row["reference_consistency"] =
                subject.reference.empty() ? Json() : Json(tf_idf_->cosine(all, subject.reference));
        }
        return row;
    }

    std::string write(const model::Decoder& decoder, const std::vector<text::TokenId>& prompt,
                      std::uint64_t stream) const {
        model::GenerateOptions options;
        options.max_new_tokens = tokens_ - std::ssize(prompt);
        options.greedy = false;
        options.top_k = 5;
        options.seed = seed_;
        options.stop = tokenizer_.ends();
        std::vector<text::TokenId> ids = prompt;
        const auto written = model::generate(decoder, {prompt}, options, {stream}).front();
        ids.insert(ids.end(), written.begin(), written.end());
        return tokenizer_.decode(ids, true);
    }

    const text::Tokenizer& tokenizer_;
    std::int64_t tokens_;
    std::uint64_t seed_;
    References references_;
    std::vector<Subject> subjects_;
    std::optional<TfIdf> tf_idf_;
    bool referenced_ = false;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_edit_generation_task(const std::string&, const TaskInput& input) {
    return std::make_unique<EditGenerationTask>(read_fact_items(input.options.facts, input.options), input);
}

}  // namespace nepenthe::evaluate
