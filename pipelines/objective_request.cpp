#include "pipelines/objective_request.h"

#include "base/log.h"
#include "dist/guard.h"
#include "pipelines/chat_word.h"

namespace nepenthe::pipelines {

std::string objective_word(const std::string& verb, std::string unsaid, const std::vector<std::string>& names,
                           const Arguments& arguments) {
    Options options(verb, "", "");
    options.add("objective", unsaid, names, "");
    options.peek(arguments);
    return unsaid;
}

ObjectiveRequest::ObjectiveRequest(const std::string& name) {
    choice_.kind = &unlearn::objective_kind(name);
    choice_.values = unlearn::default_values(*choice_.kind);
}

unlearn::ObjectiveNeeds ObjectiveRequest::needs() const {
    return unlearn::needs_of(unlearn::objective_terms(*choice_.kind, choice_.values, choice_.published));
}

void ObjectiveRequest::declare(Options& options) {
    options.add("forget", files_.forget, "what is to be forgotten: text, or questions with answers (*.json, *.jsonl)");
    options.add("retain", files_.retain, "what must stay, likewise");
    options.add("refusals", files_.refusals, "answers that say nothing, one a line");
    options.add("form", files_.form, "how questions and answers become text; chat = by the model's chat template");
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
}

void ObjectiveRequest::finish(const Options& options, Problems& problems) {
    choice_.published = unlearn::parse_published(published_);
    const unlearn::ObjectiveNeeds needs = this->needs();
    const std::string& name = choice_.kind->name;
    if (files_.forget.empty()) problems.add("--forget is missing: {} needs what is to be forgotten", name);
    if (needs.retain && files_.retain.empty()) problems.add("--retain is missing: {} needs text that must stay", name);
    if (needs.refusals && files_.refusals.empty()) problems.add("--refusals is missing: {} answers with them", name);
    if (!needs.retain) {
        options.refuse_unread({"retain"}, "by objectives that retain something, not by " + name, problems);
        files_.retain.clear();
    }
    if (!needs.refusals) {
        options.refuse_unread({"refusals"}, "by objectives that refuse, not by " + name, problems);
        files_.refusals.clear();
    }
    if (!needs.distributions)
        options.refuse_unread({"reference-tokens"}, "by objectives that keep distributions, not by " + name, problems);
    try {
        if (!is_chat_word(files_.form)) const unlearn::AnswerForm form(files_.form);
    } catch (const Error& error) {
        problems.add("--form: {}", error.what());
    }
    form_said_ = options.said("form");
    block_said_ = options.said("block");
}

void ObjectiveRequest::read(const dist::Comm& comm, const std::filesystem::path& folder,
                            const model::DecoderConfig& config, const text::Tokenizer& tokenizer) {
    dist::run_agreed(comm, "read what is to be forgotten", [&] {
        resolve_answer_form(files_.form, folder);
        data_.emplace(files_, tokenizer, config.max_positions);
        Problems problems;
        choice_.check(*data_, problems);
        if (form_said_ && !data_->shaped_by().contains("form"))
            problems.add("--form is read with questions, and there are none: leave it out");
        if (block_said_ && !data_->shaped_by().contains("block"))
            problems.add("--block is read with text, and there are questions alone: leave it out");
        problems.throw_if_any(ErrorKind::kUsage, "options");
    });
    overlap_ = data_->overlap();
    if (overlap_.shared_items == 0) return;
    if (overlap_.identical_items == overlap_.forget_items) {
        fail(ErrorKind::kData, "everything that is to be forgotten is retained word for word: \"{}\" for one",
             overlap_.example);
    }
    log_warning("{} of {} texts to be forgotten share {} tokens in a row with what is retained: \"{}\" for one",
                overlap_.shared_items, overlap_.forget_items, unlearn::kOverlapTokens, overlap_.example);
}

void ObjectiveRequest::complete_key(store::ArtefactKey& key) const {
    key.options["objective"] = choice_.to_json();
    key.options.update(data_->shaped_by());
    for (const auto& [role, digest] : data_->digests()) key.inputs[role] = digest;
}

Json ObjectiveRequest::summary() const {
    return {{"objective", choice_.to_json()},
            {"forget_items", data_->forget().size()},
            {"retain_items", data_->retain().size()},
            {"overlapping_items", overlap_.shared_items},
            {"identical_items", overlap_.identical_items}};
}

}  // namespace nepenthe::pipelines
