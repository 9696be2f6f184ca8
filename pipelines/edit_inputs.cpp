#include "pipelines/edit_inputs.h"

#include "base/log.h"
#include "edit/edit_context.h"
#include "edit/keys/moment_file.h"
#include "edit/ledger.h"

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
