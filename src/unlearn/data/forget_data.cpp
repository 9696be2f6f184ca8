#include "unlearn/data/forget_data.h"

#include "base/error.h"
#include "base/hash.h"
#include "io/file.h"
#include "io/text.h"
#include "text/corpus.h"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace nepenthe::unlearn {

namespace {

struct Samples {
    std::vector<train::Sample> samples;
    std::vector<QuestionAnswer> questions;
};

void add_questions(const std::filesystem::path& path, const text::Tokenizer& tokenizer, const AnswerForm& form,
                   std::int64_t positions, Samples& out, Problems& problems) {
    for (QuestionAnswer& item : read_question_answers(path)) {
        try {
            out.samples.push_back(form.sample(tokenizer, item, positions));
            out.questions.push_back(std::move(item));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("{}: {}", path.string(), error.what());
        }
    }
}

// Text in blocks: a model has no context to answer in, all of it is supervised.
void add_text(const std::vector<std::filesystem::path>& paths, const text::Tokenizer& tokenizer, std::int64_t block,
              Samples& out) {
    text::Corpus corpus = text::make_corpus(io::read_documents(paths).texts, tokenizer, {.length = block});
    text::leave_out_single_tokens(corpus);
    for (const text::TokenBlock& cut : corpus.blocks) out.samples.push_back(train::causal_sample(cut.ids));
}

Samples read_samples(const std::vector<std::filesystem::path>& paths, const ForgetDataFiles& files,
                     const AnswerForm& form, const text::Tokenizer& tokenizer, std::int64_t positions,
                     Problems& problems) {
    Samples out;
    std::vector<std::filesystem::path> texts;
    for (const auto& path : paths) {
        if (holds_questions(path)) {
            add_questions(path, tokenizer, form, positions, out, problems);
        } else {
            texts.push_back(path);
        }
    }
    if (!texts.empty() && !out.questions.empty()) {
        problems.add("{} holds text and {} questions: one or the other is forgotten, or kept, at a time",
                     texts.front().string(), paths.front().string());
    } else if (!texts.empty()) {
        add_text(texts, tokenizer, files.block, out);
    }
    return out;
}

std::string hash_of(std::span<const std::int64_t> tokens) {
    return sha256_hex({reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()});
}

// Visits the hash of every run of kOverlapTokens supervised tokens, or of all of a shorter answer.
template <typename Visit>
void each_run(const train::Sample& sample, const Visit& visit) {
    std::vector<std::int64_t> tokens;
    for (const std::int64_t label : sample.labels) {
        if (label != train::kIgnore) tokens.push_back(label);
    }
    const std::size_t length = std::min(kOverlapTokens, tokens.size());
    for (std::size_t begin = 0; length > 0 && begin + length <= tokens.size(); ++begin) {
        const std::span<const std::int64_t> run(tokens.data() + begin, length);
        visit(hash_of(run), run);
    }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ForgetDataFiles::digests() const {
    std::vector<std::pair<std::string, std::string>> out;
    const auto add = [&](const std::string& role, const std::vector<std::filesystem::path>& paths) {
        if (paths.empty()) return;
        Sha256 digest;
        std::vector<std::filesystem::path> texts;
        for (const auto& path : paths) {
            if (holds_questions(path)) {
                digest.update("questions:" + io::file_digest(path) + ";");
            } else {
                texts.push_back(path);
            }
        }
        if (!texts.empty()) digest.update("texts:" + text::documents_digest(io::read_documents(texts).texts));
        out.emplace_back(role, digest.hex());
    };
    add("forget", forget);
    add("retain", retain);
    if (!refusals.empty()) out.emplace_back("refusals", io::file_digest(refusals));
    return out;
}

ForgetData::ForgetData(const ForgetDataFiles& files, const text::Tokenizer& tokenizer, std::int64_t positions)
    : tokenizer_(tokenizer), form_(files.form), positions_(positions) {
    Problems problems;
    Samples forget = read_samples(files.forget, files, form_, tokenizer, positions, problems);
    Samples retain = read_samples(files.retain, files, form_, tokenizer, positions, problems);
    problems.throw_if_any(ErrorKind::kData, "forget");
    forget_ = std::move(forget.samples);
    questions_ = std::move(forget.questions);
    retain_ = std::move(retain.samples);
    if (!files.refusals.empty()) refusals_ = read_refusals(files.refusals);
}

train::Sample ForgetData::refused(std::size_t item, std::size_t refusal) const {
    return form_.sample(tokenizer_, {questions_.at(item).prompt, refusals_.at(refusal)}, positions_);
}

Overlap ForgetData::overlap() const {
    std::unordered_set<std::string> kept, kept_whole;
    for (const train::Sample& sample : retain_) {
        kept_whole.insert(hash_of(sample.labels));
        each_run(sample, [&](const std::string& hash, auto) { kept.insert(hash); });
    }
    Overlap out;
    out.forget_items = std::ssize(forget_);
    for (const train::Sample& sample : forget_) {
        bool shared = false;
        each_run(sample, [&](const std::string& hash, std::span<const std::int64_t> run) {
            if (shared || kept.count(hash) == 0) return;
            shared = true;
            const std::vector<text::TokenId> ids(run.begin(), run.end());
            if (out.example.empty()) out.example = tokenizer_.decode(ids, true);
        });
        out.shared_items += shared ? 1 : 0;
        out.identical_items += kept_whole.count(hash_of(sample.labels)) > 0 ? 1 : 0;
    }
    return out;
}

}  // namespace nepenthe::unlearn
