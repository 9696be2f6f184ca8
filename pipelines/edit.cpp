#include "base/log.h"
#include "dist/guard.h"
#include "edit/delta_file.h"
#include "edit/ledger.h"
#include "pipelines/edit_beside.h"
#include "pipelines/edit_forms.h"
#include "pipelines/edit_inputs.h"
#include "pipelines/edit_job.h"
#include "pipelines/edit_request.h"
#include "pipelines/edit_tune.h"
#include "pipelines/stage.h"
#include "store/published_files.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>

namespace nepenthe::pipelines {

namespace {

Answer edit_answer(const store::Artefact& artefact, edit::Mode mode) {
    const bool keeps = mode != edit::Mode::kOneAtATime;
    Answer answer = artefact_answer(artefact, keeps ? "edited model" : "results");
    const Json summary = artefact.manifest.value("summary", Json::object());
    answer.json["summary"] = summary;
    if (!summary.contains("after")) return answer;
    for (const auto& [name, metric] : summary["after"].items()) {
        answer.text += fmt::format("  {:28} {:8.2f} → {:8.2f}\n", name,
                                   100 * summary["before"][name].value("value", 0.0), 100 * metric.value("value", 0.0));
    }
    return answer;
}

Answer finish(const dist::Comm& comm, const EditRequest& request, EditJob& job,
              const std::function<model::Decoder()>& unedited) {
    if (auto existing = store::find_artefact(comm, request.common.outputs, job_key(job)))
        return edit_answer(*existing, job.options.mode);
    model::Decoder decoder = unedited();
    return edit_answer(run_edit_job(comm, decoder, job), job.options.mode);
}

// Where values and measurements have their bits from, beside the dtype, which the options of an edit hold.
Json machine_of(const CommonOptions& common) {
    Json compute = common.compute_key();
    compute.erase("dtype");
    return compute;
}

// The job that writes a pilot's facts, for the options of a trial.
EditJob pilot_of(const dist::Comm& comm, const EditRequest& request, const model::DecoderConfig& config,
                 const EditJob& job) {
    EditJob pilot = job;
    pilot.utility = {};
    pilot.evaluate = true;  // what is done with the facts to be written does not matter here
    dist::run_agreed(comm, "pilot", [&] {
        edit::FactOptions options = request.fact_options;
        options.limit = request.tune.limit;
        pilot.inputs.facts = read_writable_facts(request.tune.facts, options, config, *job.inputs.tokenizer);
        check_pilot(pilot.inputs.facts, job.inputs.facts);
    });
    return pilot;
}

// The ledger's options: the job's own, and the published row that they come from.
void claim_options(EditJob& job, const EditRequest& request) {
    job.claims.options = job.options.to_json();
    if (!request.published.is_null()) job.claims.options["as_published"] = request.published;
}

// What an invocation that writes facts comes to, before anything is computed.
struct Writing {
    std::unique_ptr<const text::Tokenizer> tokenizer;  // stays where it is: the job points to it
    EditJob job;                                       // after a pilot: with the options that it chose
    std::optional<EditJob> pilot;
    std::vector<edit::EditOptions> trials;  // of the pilot
};

// Collective. Reads what the options name.
Writing prepare_writing(const dist::Comm& comm, const EditRequest& request) {
    const model::DecoderConfig config = model::read_config(request.model);
    Writing writing;
    writing.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(request.model, config));
    const text::Tokenizer& tokenizer = *writing.tokenizer;
    std::vector<edit::EditOptions>& trials = writing.trials;
    EditJob& job = writing.job;
    job.source = request.model;
    job.outputs = request.common.outputs;
    job.evaluate = !request.skip_evaluation;
    job.utility = request.utility;
    job.options = request.edit;
    std::optional<edit::MomentFile> moments;
    dist::run_agreed(comm, "statistics", [&] {
        if (!request.moments.empty()) moments.emplace(request.moments);
    });
    job.options.fill_defaults(config, moments ? moments->sentences() : 0);
    job.inputs.tokenizer = &tokenizer;
    Problems problems;
    for (const std::string& problem : job.options.validate(config)) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    if (request.tune) {
        TuneRequest wanted = request.tune;
        if (wanted.layers.empty() && request.edit.layers.empty())
            wanted.layers = layers_beside(job.options.layers.front(), config);
        trials = tuning_trials(wanted, job.options, config);
    }
    job.claims.model_digest = input_model_digest(comm, request.model);
    job.claims.tokenizer_digest = tokenizer.digest();
    job.claims.compute = machine_of(request.common);
    dist::run_agreed(comm, "inputs", [&] {
        std::set<std::int64_t> layers;
        if (trials.empty()) layers.insert(job.options.layers.begin(), job.options.layers.end());
        for (const edit::EditOptions& trial : trials) layers.insert(trial.layers.begin(), trial.layers.end());
        job.inputs.facts = read_writable_facts(request.facts, request.fact_options, config, tokenizer);
        use_moments(job, request.model, request.moments, {layers.begin(), layers.end()});
        // What is published was published with running text.
        if (moments && !request.as_published) job.warnings = moment_advice(*moments, job.inputs.facts);
        use_values(job, request.values);
        use_rows(job, request.before);
    });
    for (const std::string& warning : job.warnings) log_warning("{}", warning);
    if (request.tune) writing.pilot = pilot_of(comm, request, config, job);
    claim_options(job, request);
    job.summary["facts_file"] = std::filesystem::absolute(request.facts).string();
    return writing;
}

Answer write_facts(const dist::Comm& comm, const EditRequest& request) {
    Writing writing = prepare_writing(comm, request);
    EditJob& job = writing.job;
    const auto unedited = [&] {
        return model::Decoder::load(request.model, model::Compute::kFloat32, request.common.torch_device(comm));
    };
    std::optional<Tuned> tuned;
    if (writing.pilot) {
        tuned = tune_edit(comm, *writing.pilot, writing.trials, unedited);
        job.options = tuned->best;
        job.summary["tuned"] = std::filesystem::absolute(tuned->artefact.folder).string();
        claim_options(job, request);
    }
    if (!request.published.is_null()) log_info("{}", edit::describe_published(job.claims.options));
    Answer answer = finish(comm, request, job, unedited);
    if (tuned) {
        answer.json["tuned"] = tuned->summary;
        answer.json["tuned"]["artefact"] = tuned->artefact.folder.string();
        answer.json["tuned"]["reused"] = tuned->artefact.reused;
        answer.text += describe_tuning(tuned->summary);
    }
    return answer;
}

// Facts of the ledger that were written (a run that stopped early leaves some out), without those that are taken back.
std::vector<edit::Fact> remaining_facts(const edit::Ledger& ledger, const std::vector<std::string>& ids) {
    std::set<std::string> gone(ids.begin(), ids.end());
    if (gone.erase("all") > 0) return {};
    std::set<std::size_t> written;
    for (const edit::EditRecord& record : ledger.records) written.insert(record.facts.begin(), record.facts.end());
    std::vector<edit::Fact> kept;
    for (std::size_t i = 0; i < ledger.facts.size(); ++i) {
        if (gone.erase(ledger.facts[i].id) == 0 && written.count(i) > 0) kept.push_back(ledger.facts[i]);
    }
    Problems problems;
    for (const std::string& id : gone) problems.add("fact {} is not in the ledger", id);
    problems.throw_if_any(ErrorKind::kUsage, "--rollback");
    return kept;
}

// A ledger's values have the bits of the machine that computed them; what is left of its facts is written likewise.
void compute_as(const dist::Comm& comm, const Json& compute, CommonOptions& common) {
    if (compute.value("device", common.device) != common.device)
        fail(ErrorKind::kUsage, "--rollback: the edit was made with --device {}", compute["device"].dump());
    common.threads = compute.value("threads", common.threads);
    common.apply(comm);
}

// Collective. Reads the ledger; `request` then computes as it says.
Writing prepare_rollback(const dist::Comm& comm, EditRequest& request) {
    Writing writing;
    writing.tokenizer =
        std::make_unique<const text::Tokenizer>(load_tokenizer(request.model, model::read_config(request.model)));
    const text::Tokenizer& tokenizer = *writing.tokenizer;
    const store::Artefact edited = store::verified_artefact(comm, request.model);
    EditJob& job = writing.job;
    job.source = request.model;
    job.undo = request.model / edit::kUndoFile;
    job.outputs = request.common.outputs;
    job.inputs.tokenizer = &tokenizer;
    dist::run_agreed(comm, "ledger", [&] {
        const edit::Ledger ledger = edit::read_ledger(request.model);
        job.options = edit::EditOptions::from_json(ledger.claims.options);
        if (job.options.mode == edit::Mode::kOneAtATime) {
            fail(ErrorKind::kUsage, "{}: these facts were written one at a time, there is nothing to take back",
                 request.model.string());
        }
        job.inputs.facts = remaining_facts(ledger, request.rollback);
        job.inputs.prefixes = ledger.prefixes;
        job.inputs.known_values = ledger.known_values();
        job.known_rows = known_rows(ledger);
        job.evaluate = !ledger.metrics.empty() && !request.skip_evaluation;
        job.claims = ledger.claims;
        job.claims.moments_digest.clear();
        const std::string recorded = edited.manifest.value("summary", Json::object()).value("moments", "");
        use_moments(job, request.model, request.moments.empty() ? std::filesystem::path(recorded) : request.moments,
                    job.options.layers);
        if (job.claims.moments_digest != ledger.claims.moments_digest) {
            fail(ErrorKind::kData, "--moments: the edit was made with other statistics (digest {}); give those",
                 ledger.claims.moments_digest);
        }
    });
    compute_as(comm, job.claims.compute, request.common);
    job.claims.compute = machine_of(request.common);
    return writing;
}

Answer roll_back(const dist::Comm& comm, EditRequest& request) {
    Writing writing = prepare_rollback(comm, request);
    EditJob& job = writing.job;
    return finish(comm, request, job, [&] {
        auto decoder = model::Decoder::load(request.model, model::Compute::kFloat32, request.common.torch_device(comm));
        edit::restore_tensors(job.undo, decoder);
        return decoder;
    });
}

Answer list_ledger(const std::filesystem::path& path) {
    const edit::Ledger ledger = edit::read_ledger(path);
    Answer answer;
    answer.text = edit::describe(ledger);
    answer.json = {{"options", ledger.claims.options},
                   {"model", ledger.claims.model_digest},
                   {"created", ledger.created},
                   {"changes", ledger.changes}};
    answer.json["facts"] = Json::array();
    for (const edit::EditRecord& record : ledger.records) {
        for (const std::size_t i : record.facts) {
            const edit::Fact& fact = ledger.facts[i];
            answer.json["facts"].push_back({{"id", fact.id},
                                            {"sentence", fact.sentence()},
                                            {"target_new", fact.target_new},
                                            {"note", record.note},
                                            {"nll", record.value.nll},
                                            {"first_nll", record.value.first_nll}});
        }
    }
    return answer;
}

Answer diff_ledgers(const std::filesystem::path& first, const std::filesystem::path& second) {
    const edit::LedgerDifference found = edit::difference(edit::read_ledger(first), edit::read_ledger(second));
    Answer answer;
    answer.json = {{"only_first", found.only_first},
                   {"only_second", found.only_second},
                   {"changed", found.changed},
                   {"options", found.options}};
    const auto list = [&](const char* what, const std::vector<std::string>& ids) {
        answer.text += fmt::format("{} ({}):", what, ids.size());
        for (const std::string& id : ids) answer.text += " " + id;
        answer.text += "\n";
    };
    list("facts of the first alone", found.only_first);
    list("facts of the second alone", found.only_second);
    list("the same id, other words", found.changed);
    for (const auto& [name, values] : found.options.items())
        answer.text += fmt::format("{}: {} against {}\n", name, values[0].dump(), values[1].dump());
    return answer;
}

}  // namespace

store::ArtefactKey edit_key(const dist::Comm& comm, const Arguments& arguments) {
    const std::string method = method_word(arguments);
    if (method == "wise") return edit_wise_key(comm, arguments);
    if (method == "ike") return edit_ike_key(comm, arguments);
    EditRequest request = EditRequest::parse(arguments);
    request.common.apply(comm);
    if (!request.rollback.empty()) return job_key(prepare_rollback(comm, request).job);
    if (!request.writes()) fail(ErrorKind::kUsage, "--list and --diff make no artefact");
    const Writing writing = prepare_writing(comm, request);
    return writing.pilot ? tune_key(*writing.pilot, writing.trials) : job_key(writing.job);
}

Answer run_edit(const dist::Comm& comm, const Arguments& arguments) {
    const std::string method = method_word(arguments);
    if (method == "wise") return run_edit_wise(comm, arguments);
    if (method == "ike") return run_edit_ike(comm, arguments);
    EditRequest request = EditRequest::parse(arguments);
    request.common.apply(comm);
    if (!request.list.empty()) return list_ledger(request.list);
    if (!request.diff.empty()) return diff_ledgers(request.diff[0], request.diff[1]);
    return request.rollback.empty() ? write_facts(comm, request) : roll_back(comm, request);
}

}  // namespace nepenthe::pipelines
