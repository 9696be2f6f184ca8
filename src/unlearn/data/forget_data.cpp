#include "unlearn/data/forget_data.h"

#include "base/error.h"
#include "base/hash.h"
#include "io/json_records.h"
#include "io/text.h"
#include "text/corpus.h"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace nepenthe::unlearn {

namespace {

std::uint64_t hash_of(std::span<const std::int64_t> tokens) { return xxh3(std::as_bytes(tokens)); }

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

// One refusal a line; blank lines are passed over.
std::vector<std::string> read_refusals(const std::filesystem::path& path) {
    const std::string text = io::read_text(path);
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        const std::size_t first = line.find_first_not_of(" \t");
        if (!io::is_blank(line)) out.push_back(line.substr(first, line.find_last_not_of(" \t") + 1 - first));
        begin = end + 1;
    }
    if (out.empty()) fail(ErrorKind::kData, "{} holds no refusals", path.string());
    return out;
}

void add_to(Sha256& digest, const std::string& text) { digest.update(std::to_string(text.size()) + ":").update(text); }

}  // namespace

// Samples, and the questions that they answer, "" for a block of text.
struct ForgetData::Items {
    std::vector<train::Sample> samples;
    std::vector<std::string> questions;
};

ForgetData::ForgetData(const ForgetDataFiles& files, const text::Tokenizer& tokenizer, std::int64_t positions)
    : tokenizer_(tokenizer), form_(files.form), positions_(positions) {
    Problems problems;
    Items forget = read("forget", files.forget, files, problems);
    forget_ = std::move(forget.samples);
    questions_ = std::move(forget.questions);
    retain_ = read("retain", files.retain, files, problems).samples;
    if (!files.refusals.empty()) {
        refusals_ = read_refusals(files.refusals);
        Sha256 digest;
        for (const std::string& refusal : refusals_) add_to(digest, refusal);
        digests_["refusals"] = digest.hex();
        check_refusals(problems);
    }
    problems.throw_if_any(ErrorKind::kData, "what is to be forgotten and kept");
}

ForgetData::Items ForgetData::read(const std::string& role, const std::vector<std::filesystem::path>& paths,
                                   const ForgetDataFiles& files, Problems& problems) {
    Items out;
    if (paths.empty()) return out;
    Sha256 digest;
    for (const std::filesystem::path& path : paths) {
        std::vector<std::string> documents;
        for (io::LabelledText& text : io::read_labelled_texts(path)) {
            add_to(digest, text.question);
            add_to(digest, text.text);
            if (text.question.empty()) {
                documents.push_back(std::move(text.text));
                continue;
            }
            shaped_by_["form"] = files.form;
            try {
                out.samples.push_back(form_.sample(tokenizer_, text, positions_));
                out.questions.push_back(std::move(text.question));
            } catch (const Error& error) {
                if (error.kind() != ErrorKind::kData) throw;
                problems.add("{}: {}", path.string(), error.what());
            }
        }
        if (documents.empty()) continue;
        if (positions_ > 0 && files.block > positions_)
            fail(ErrorKind::kUsage, "--block {}: the model has {} positions", files.block, positions_);
        shaped_by_["block"] = files.block;
        text::Corpus corpus = text::make_corpus(std::move(documents), tokenizer_, {.length = files.block});
        text::leave_out_single_tokens(corpus);
        for (const text::TokenBlock& block : corpus.blocks) {
            out.samples.push_back(train::causal_sample(block.ids));
            out.questions.emplace_back();
        }
    }
    digests_[role] = digest.hex();
    return out;
}

void ForgetData::check_refusals(Problems& problems) const {
    const auto tokens = [&](const std::string& refusal) { return tokenizer_.encode_ids(refusal, false).size(); };
    const std::string& longest = *std::ranges::max_element(refusals_, {}, tokens);
    for (const std::string& question : questions_) {
        if (question.empty()) continue;
        try {
            form_.sample(tokenizer_, {question, longest}, positions_);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("with the longest refusal: {}", error.what());
        }
    }
}

bool ForgetData::has_questions() const {
    return std::ranges::none_of(questions_, [](const std::string& question) { return question.empty(); });
}

train::Sample ForgetData::refused(std::size_t item, std::size_t refusal) const {
    return form_.sample(tokenizer_, {questions_.at(item), refusals_.at(refusal)}, positions_);
}

Overlap ForgetData::overlap() const {
    std::unordered_set<std::uint64_t> kept, kept_whole;
    for (const train::Sample& sample : retain_) {
        kept_whole.insert(hash_of(sample.labels));
        each_run(sample, [&](std::uint64_t hash, auto) { kept.insert(hash); });
    }
    Overlap out;
    out.forget_items = std::ssize(forget_);
    for (const train::Sample& sample : forget_) {
        bool shared = false;
        each_run(sample, [&](std::uint64_t hash, std::span<const std::int64_t> run) {
            if (shared || !kept.contains(hash)) return;
            shared = true;
            const std::vector<text::TokenId> ids(run.begin(), run.end());
            if (out.example.empty()) out.example = tokenizer_.decode(ids, true);
        });
        out.shared_items += shared ? 1 : 0;
        out.identical_items += kept_whole.contains(hash_of(sample.labels)) ? 1 : 0;
    }
    return out;
}

}  // namespace nepenthe::unlearn
