#include "pipelines/edit_tune.h"

#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "edit/edited_matrix.h"
#include "io/file.h"
#include "pipelines/edit_measure.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

namespace nepenthe::pipelines {

namespace {

namespace fs = std::filesystem;

constexpr const char* kScore = "edit_score";  // harmonic mean of success, paraphrases and neighbours
constexpr const char* kTuneFile = "tune.json";

std::string name_of(const edit::EditOptions& trial) {
    return fmt::format("layer {}, clamp {}", fmt::join(trial.layers, ","), trial.value.clamp);
}

Json identity(const edit::EditOptions& trial) {
    return {{"name", name_of(trial)}, {"layers", trial.layers}, {"clamp", trial.value.clamp}};
}

// Collective. The facts of `pilot` written and measured in memory; the decoder is then as before.
Json try_options(const dist::Comm& comm, model::Decoder& decoder, const EditJob& pilot,
                 const EditMeasurement& measurement, const edit::EditOptions& options, const fs::path& folder) {
    std::vector<edit::EditedMatrix> matrices;
    for (const std::int64_t layer : options.layers) matrices.emplace_back(decoder, layer);
    const bool alone = options.mode == edit::Mode::kOneAtATime;
    edit::EditHooks hooks;
    if (alone) {
        hooks.probe = [&](const model::Decoder& edited, std::size_t fact) {
            return measurement.one(edited, fact).dump();
        };
    }
    const edit::EditResult result = edit::edit(comm, decoder, pilot.inputs, options, folder / "values", hooks);
    std::vector<Json> rows;
    if (alone) {
        for (const edit::EditRecord& record : result.records) rows.push_back(Json::parse(record.probe));
    } else {
        rows = measurement.all(comm, decoder, folder / "after");
    }
    for (edit::EditedMatrix& matrix : matrices) matrix.restore();
    Json tried = identity(options);
    tried["metrics"] = metrics_json(measurement.result(rows));
    return tried;
}

double score_of(const Json& tried) { return tried.at("metrics").at(kScore).at("value").get<double>(); }

std::size_t best_of(const Json& tried) {
    const auto best = std::ranges::max_element(tried, {}, score_of);  // the first of equals
    return static_cast<std::size_t>(best - tried.begin());
}

}  // namespace

void TuneRequest::check(Problems& problems) const {
    if (!*this) return;
    if (clamps.empty()) problems.add("--pilot-clamps is empty");
    for (const double clamp : clamps) {
        if (!(clamp > 0)) problems.add("--pilot-clamps: {} is not positive", clamp);
    }
    if (limit < 0) problems.add("--pilot-limit: {} is negative", limit);
}

std::vector<std::int64_t> layers_beside(std::int64_t layer, const model::DecoderConfig& config) {
    std::vector<std::int64_t> layers;
    for (const std::int64_t near : {layer - 1, layer, layer + 1}) {
        if (near >= 0 && near < config.layers) layers.push_back(near);
    }
    return layers;
}

std::vector<edit::EditOptions> tuning_trials(const TuneRequest& request, const edit::EditOptions& base,
                                             const model::DecoderConfig& config) {
    if (base.method == edit::Method::kFineTune) fail(ErrorKind::kUsage, "--pilot: ft has no clamp to choose");
    std::vector<std::vector<std::int64_t>> places;
    for (const std::int64_t layer : request.layers) places.push_back({layer});
    if (places.empty()) places.push_back(base.layers);
    std::vector<edit::EditOptions> trials;
    Problems problems;
    for (const auto& layers : places) {
        for (const double clamp : request.clamps) {
            edit::EditOptions trial = base;
            trial.layers = layers;
            trial.value.clamp = clamp;
            for (const std::string& problem : trial.validate(config)) problems.add("{}: {}", name_of(trial), problem);
            trials.push_back(std::move(trial));
        }
    }
    problems.throw_if_any(ErrorKind::kUsage, "--pilot");
    return trials;
}

void check_pilot(const std::vector<edit::Fact>& pilot, const std::vector<edit::Fact>& written) {
    std::set<std::string> sentences;
    for (const edit::Fact& fact : written) sentences.insert(fact.sentence());
    Problems problems;
    if (pilot.empty()) problems.add("there are none");
    for (const edit::Fact& fact : pilot) {
        if (fact.target_true.empty() || fact.paraphrases.empty() || fact.neighbourhood.empty())
            problems.add("fact {} lacks a true object, a paraphrase or a prompt about something else", fact.id);
        if (sentences.count(fact.sentence()) > 0)
            problems.add("fact {} is to be written: \"{}\"", fact.id, fact.sentence());
    }
    problems.throw_if_any(ErrorKind::kData, "--pilot: facts that a pilot cannot be tried on");
}

store::ArtefactKey tune_key(const EditJob& pilot, const std::vector<edit::EditOptions>& trials) {
    store::ArtefactKey key = job_key(pilot);
    key.stage = "tune";
    key.options["trials"] = Json::array();
    for (const edit::EditOptions& trial : trials) key.options["trials"].push_back(identity(trial));
    key.options.erase("layers");
    key.options["value"].erase("layer");
    key.options["value"].erase("clamp");
    return key;
}

Tuned tune_edit(const dist::Comm& comm, const EditJob& pilot, const std::vector<edit::EditOptions>& trials,
                const std::function<model::Decoder()>& unedited) {
    const store::ArtefactKey key = tune_key(pilot, trials);
    auto artefact = store::find_artefact(comm, pilot.outputs, key);
    if (!artefact) {
        store::ArtefactWriter writer(comm, pilot.outputs, key);
        model::Decoder decoder = unedited();
        const EditMeasurement measurement(pilot.inputs.facts, *pilot.inputs.tokenizer, decoder.config().max_positions);
        const auto before = measurement.all(comm, decoder, writer.scratch_folder() / "before", pilot.known_rows);
        Json summary = {{"facts", pilot.inputs.facts.size()},
                        {"before", metrics_json(measurement.result(before))},
                        {"trials", Json::array()}};
        for (const edit::EditOptions& trial : trials) {
            log_info("pilot: {}", name_of(trial));
            const fs::path folder = writer.scratch_folder() / fmt::format("trial-{}", summary["trials"].size());
            summary["trials"].push_back(try_options(comm, decoder, pilot, measurement, trial, folder));
        }
        const std::size_t best = best_of(summary["trials"]);
        if (score_of(summary["trials"][best]) == 0) {
            log_warning(
                "pilot: in no trial did success, paraphrases and neighbours all hold for a single fact; the "
                "first one, {}, is taken",
                name_of(trials[best]));
        }
        summary["best"] = best;
        dist::run_agreed(comm, "pilot", [&] {
            if (comm.is_root())
                io::write_file_atomically(writer.data_folder() / kTuneFile, json_text(summary, 2) + "\n");
        });
        artefact = writer.publish(summary);
    }
    Tuned tuned{*artefact, {}, artefact->manifest.at("summary")};
    tuned.best = trials.at(tuned.summary.at("best").get<std::size_t>());
    return tuned;
}

std::string describe_tuning(const Json& summary) {
    std::string text = fmt::format("pilot on {} facts: success, paraphrases, neighbours, their harmonic mean\n",
                                   summary.at("facts").get<std::size_t>());
    const auto line = [&](const std::string& name, const Json& metrics, bool chosen) {
        text += fmt::format("  {:24}", name);
        for (const char* metric : {"efficacy_score", "paraphrase_score", "neighbourhood_score", kScore})
            text += fmt::format(" {:7.2f}", 100 * metrics.at(metric).at("value").get<double>());
        text += chosen ? "  chosen\n" : "\n";
    };
    line("before", summary.at("before"), false);
    for (std::size_t i = 0; i < summary.at("trials").size(); ++i) {
        const Json& tried = summary["trials"][i];
        line(tried.at("name").get<std::string>(), tried.at("metrics"), summary.at("best") == i);
    }
    return text;
}

}  // namespace nepenthe::pipelines
