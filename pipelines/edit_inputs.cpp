#include "pipelines/edit_inputs.h"

#include "base/log.h"
#include "edit/edit_context.h"
#include "edit/edit_options.h"
#include "edit/facts/true_sentences.h"
#include "edit/keys/moment_file.h"
#include "edit/ledger.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace nepenthe::pipelines {

void use_moments(EditJob& job, const std::filesystem::path& model_folder, const std::filesystem::path& path,
                 const std::vector<std::int64_t>& layers) {
    if (path.empty()) return;
    const auto file = std::make_shared<edit::MomentFile>(path);
    std::string model = job.claims.model_digest;
    if (std::filesystem::exists(model_folder / edit::kLedgerFile)) {
        const std::string origin = edit::read_ledger(model_folder).claims.model_digest;
        if (file->claims().model_digest == origin) model = origin;
    }
    file->check_belongs(model, job.claims.tokenizer_digest, layers);
    job.claims.moments_digest = file->content_digest();
    job.inputs.moment = [file](std::int64_t layer) { return file->moment(layer); };
    job.summary["moments"] = std::filesystem::absolute(path).string();
}

std::vector<std::string> moment_advice(const edit::MomentFile& moments, const std::vector<edit::Fact>& facts) {
    constexpr std::size_t kNamed = 5;
    std::vector<std::string> advice;
    const std::string how = "stats --facts FILE --leave-out FACTS gathers them beside running text";
    if (moments.sentences() == 0) {
        advice.push_back(
            "the statistics are of running text alone: with true sentences about other subjects more neighbours keep "
            "their answers, and a larger clamp reaches more paraphrases (" +
            how + ")");
    } else if (moments.sentences() < edit::kEnoughSentences) {
        advice.push_back(fmt::format(
            "the statistics hold {} true sentences about other subjects; from {} on they pay for a larger clamp ({})",
            moments.sentences(), edit::kEnoughSentences, how));
    }
    const std::vector<std::string>& subjects = moments.claims().subjects;
    std::vector<std::string> ids;
    for (const edit::Fact& fact : facts) {
        if (std::ranges::binary_search(subjects, edit::normal_name(fact.subject))) ids.push_back(fact.id);
    }
    if (!ids.empty()) {
        const std::vector<std::string> named(ids.begin(),
                                             ids.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, ids.size())));
        advice.push_back(fmt::format(
            "the statistics hold sentences about the subjects of {} of the {} facts that are to be written ({}{}), "
            "which protect what is to change: gather them again with --leave-out",
            ids.size(), facts.size(), fmt::join(named, ", "), ids.size() > kNamed ? " …" : ""));
    }
    return advice;
}

void use_values(EditJob& job, const std::vector<std::filesystem::path>& runs) {
    Problems problems;
    const Json wanted = job.options.values_json();
    for (const std::filesystem::path& path : runs) {
        const edit::Ledger ledger = edit::read_ledger(path);
        const auto differs = [&](const std::string& what, const Json& there, const Json& here) {
            if (there != here)
                problems.add("--values {}: {} was {}, here it is {}", path.string(), what, there.dump(), here.dump());
        };
        differs("the model's digest", ledger.claims.model_digest, job.claims.model_digest);
        differs("the tokenizer's digest", ledger.claims.tokenizer_digest, job.claims.tokenizer_digest);
        differs("what computed it", ledger.claims.compute, job.claims.compute);
        const Json there = edit::EditOptions::from_json(ledger.claims.options).values_json();
        for (const auto& [name, value] : wanted.items()) differs(name, there.at(name), value);
        if (job.inputs.prefixes.empty()) job.inputs.prefixes = ledger.prefixes;
        differs("the list of prefixes", ledger.prefixes, job.inputs.prefixes);
        job.inputs.known_values.merge(ledger.known_values());
        job.known_rows.merge(known_rows(ledger));
    }
    problems.throw_if_any(ErrorKind::kUsage, "values of earlier runs");
}

void use_rows(EditJob& job, const std::vector<std::filesystem::path>& runs) {
    Problems problems;
    for (const std::filesystem::path& path : runs) {
        const edit::Ledger ledger = edit::read_ledger(path);
        if (ledger.claims.model_digest != job.claims.model_digest ||
            ledger.claims.tokenizer_digest != job.claims.tokenizer_digest) {
            problems.add("{}: its facts were measured on another model or with another tokenizer", path.string());
        }
        if (ledger.claims.compute != job.claims.compute) {
            problems.add("{}: its facts were measured with {}, here it is {}", path.string(),
                         ledger.claims.compute.dump(), job.claims.compute.dump());
        }
        job.known_rows.merge(known_rows(ledger));
    }
    problems.throw_if_any(ErrorKind::kUsage, "--before");
}

std::vector<edit::Fact> read_writable_facts(const std::filesystem::path& path, const edit::FactOptions& options,
                                            const model::DecoderConfig& config, const text::Tokenizer& tokenizer) {
    edit::FactFile file = edit::read_facts(path, options);
    if (!options.skip_bad) return std::move(file.facts);
    const auto problems = edit::row_problems(config, tokenizer, file.facts);
    std::vector<edit::Fact> good;
    for (std::size_t i = 0; i < file.facts.size(); ++i) {
        if (problems[i].empty()) {
            good.push_back(std::move(file.facts[i]));
        } else {
            log_warning("fact {} is left out: {}", file.facts[i].id, problems[i]);
        }
    }
    return good;
}

}  // namespace nepenthe::pipelines
