#include "pipelines/edit_job.h"

#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "edit/delta_file.h"
#include "edit/facts/edit_prompt.h"
#include "edit/verify_edit.h"
#include "io/file.h"
#include "model/checkpoint_io.h"
#include "pipelines/edit_answers.h"
#include "pipelines/edit_report.h"

#include <algorithm>
#include <memory>
#include <optional>

namespace nepenthe::pipelines {

namespace {

namespace fs = std::filesystem;

// Edits that hold in memory may not be lost by rounding: more than this share of the facts is another model.
constexpr double kLostOnDisk = 0.05;
constexpr std::size_t kProbes = 4;

std::vector<std::string> edited_tensors(const model::Decoder& decoder, const edit::EditOptions& options) {
    std::vector<std::string> names;
    for (const std::int64_t layer : options.layers) names.push_back(decoder.mlp_output_name(layer));
    return names;
}

std::vector<std::vector<std::int64_t>> probe_prompts(const model::Decoder& decoder, const edit::EditInputs& inputs) {
    std::vector<std::vector<std::int64_t>> probes;
    for (std::size_t i = 0; i < std::min(kProbes, inputs.facts.size()); ++i) {
        const edit::Fact& fact = inputs.facts[i];
        const auto row =
            edit::make_row(*inputs.tokenizer, "", fact.prompt, fact.subject, "", decoder.config().max_positions);
        probes.emplace_back(row.ids.begin(), row.ids.end());
    }
    return probes;
}

// What one run hands from step to step.
struct Run {
    const dist::Comm& comm;
    model::Decoder& decoder;
    const EditJob& job;
    store::ArtefactWriter& writer;
    std::optional<UtilityWatch> watch;
    std::optional<EditMeasurement> measurement;
    std::vector<Json> before, after;
    std::optional<SampleAnswers> answers;  // of runs that are measured
    std::vector<std::string> said_before, said_after;
    edit::EditResult result;
    Json report = Json::object();

    fs::path scratch(const char* name) const { return writer.scratch_folder() / name; }
    fs::path data(const char* name) const { return writer.data_folder() / name; }
};

// One at a time: a fact's row, and for the first facts what the model says, while the fact is written.
std::string probe(const Run& run, const model::Decoder& decoder, std::size_t fact) {
    Json probed = {{"row", run.measurement->one(decoder, fact)}};
    if (fact < run.answers->count()) probed["answer"] = run.answers->one(decoder, fact);
    return probed.dump();
}

// Facts that say the same are written, and asked, once.
void take_probed(Run& run) {
    run.said_after.resize(run.answers->count());
    for (const edit::EditRecord& record : run.result.records) {
        const Json probed = Json::parse(record.probe);
        run.after.push_back(probed.at("row"));
        for (const std::size_t fact : record.facts) {
            if (fact < run.said_after.size() && probed.contains("answer"))
                run.said_after[fact] = probed["answer"].get<std::string>();
        }
    }
}

void write_edits(Run& run) {
    const EditJob& job = run.job;
    edit::EditHooks hooks;
    if (run.measurement && job.options.mode == edit::Mode::kOneAtATime) {
        hooks.probe = [&](const model::Decoder& decoder, std::size_t fact) { return probe(run, decoder, fact); };
    }
    if (run.watch) {
        hooks.after = [&](const model::Decoder& decoder, const std::vector<edit::EditUnit>&) {
            run.watch->check(decoder);
        };
    }
    if (!job.inputs.facts.empty())
        run.result = edit::edit(run.comm, run.decoder, job.inputs, job.options, run.scratch("values"), hooks);
    if (run.watch) run.report["utility"] = run.watch->to_json();
    if (hooks.probe) take_probed(run);
}

// Rank 0 saves and checks what the disk gives back; all ranks then measure the saved model, which is what users will
// have.
void save(Run& run) {
    const EditJob& job = run.job;
    const auto tensors = edited_tensors(run.decoder, job.options);
    std::string checked;
    dist::run_agreed(run.comm, "save model", [&] {
        if (!run.comm.is_root()) return;
        model::save_model(run.decoder, job.source, run.writer.data_folder());
        if (job.undo.empty()) {
            edit::write_undo(run.data(edit::kUndoFile), job.source, tensors);
        } else {
            io::write_file_atomically(run.data(edit::kUndoFile), io::read_file(job.undo));
        }
        edit::write_deltas(run.data(edit::kDeltaFile), run.result.deltas, run.decoder);
        checked = edit::check_saved(job.source, run.writer.data_folder(), tensors, run.decoder,
                                    probe_prompts(run.decoder, job.inputs))
                      .to_json()
                      .dump();
    });
    run.comm.broadcast(checked);
    run.report["saved"] = Json::parse(checked);
    if (!run.measurement) return;
    const auto memory = run.measurement->bare(run.comm, run.decoder, run.scratch("memory"));
    const auto disk = model::Decoder::load(run.writer.data_folder(), model::Compute::kFloat32, run.decoder.device());
    run.after = run.measurement->all(run.comm, disk, run.scratch("after"));
    run.said_after = run.answers->all(run.comm, disk);
    const double in_memory = run.measurement->efficacy(memory), on_disk = run.measurement->efficacy(run.after);
    run.report["efficacy_in_memory"] = in_memory;
    run.report["efficacy_on_disk"] = on_disk;
    if (!(on_disk >= in_memory - kLostOnDisk)) {
        fail(ErrorKind::kGate,
             "the saved model gives {:.1f} % of the new targets, memory gave {:.1f} %: rounding to the checkpoint's "
             "dtype lost edits; save a model in fp32 or write stronger",
             100 * on_disk, 100 * in_memory);
    }
}

void describe(Run& run) {
    double largest = 0;
    for (const edit::Delta& delta : run.result.deltas) largest = std::max(largest, delta.norm / delta.weight_norm);
    std::int64_t clamped = 0, steps = 0;
    for (const edit::EditRecord& record : run.result.records) {
        clamped += record.value.clamped ? 1 : 0;
        steps += record.value.steps;
    }
    run.report["facts"] = run.job.inputs.facts.size();
    run.report["units"] = run.result.records.size();
    run.report["steps"] = steps;
    run.report["clamped"] = clamped;
    run.report["largest_update"] = largest;
    run.report["warnings"] = run.job.warnings;
    for (const std::string& warning : run.result.warnings) run.report["warnings"].push_back(warning);
    run.report["stopped"] = run.result.stopped;
    if (const Json& options = run.job.claims.options; options.contains("as_published"))
        run.report["as_published"] = options["as_published"];
    if (run.measurement) {
        run.report["before"] = metrics_json(run.measurement->result(run.before));
        run.report["after"] = metrics_json(run.measurement->result(run.after));
    }
}

void write_report(Run& run) {
    dist::run_agreed(run.comm, "report", [&] {
        if (!run.comm.is_root()) return;
        io::write_file_atomically(run.data("report.json"), json_text(run.report, 2) + "\n");
        if (run.job.options.mode == edit::Mode::kOneAtATime) {
            edit::write_deltas(run.data(edit::kDeltaFile), run.result.deltas, run.decoder);
        }
    });
}

}  // namespace

store::ArtefactKey job_key(const EditJob& job) {
    store::ArtefactKey key;
    key.stage = "edit";
    key.options = job.options.to_json();
    key.options["evaluate"] = job.evaluate;
    key.options["compute"] = job.claims.compute;
    if (job.claims.options.contains("as_published")) key.options["as_published"] = job.claims.options["as_published"];
    if (job.utility) key.options["utility"] = job.utility.to_json();
    key.inputs["model"] = job.claims.model_digest;
    key.inputs["tokenizer"] = job.claims.tokenizer_digest;
    key.inputs["facts"] = edit::facts_digest(job.inputs.facts);
    if (!job.claims.moments_digest.empty()) key.inputs["moments"] = job.claims.moments_digest;
    return key;
}

store::Artefact run_edit_job(const dist::Comm& comm, model::Decoder& decoder, const EditJob& job) {
    if (!job.inputs.facts.empty()) {
        std::vector<std::string> said_again_later;
        edit::check_edit(decoder.config(), job.inputs, job.options, said_again_later);
    }
    store::ArtefactWriter writer(comm, job.outputs, job_key(job));
    Run run{comm, decoder, job, writer, {}, {}, {}, {}, {}, {}, {}, {}, Json::object()};
    // Before the facts are measured, which takes minutes: a text that cannot be read is said at once.
    if (job.utility) run.watch.emplace(comm, decoder, *job.inputs.tokenizer, job.utility);
    if (job.evaluate && !job.inputs.facts.empty()) {
        run.measurement.emplace(job.inputs.facts, *job.inputs.tokenizer, decoder.config().max_positions);
        run.before = run.measurement->all(comm, decoder, run.scratch("before"), job.known_rows);
        run.answers.emplace(job.inputs.facts, *job.inputs.tokenizer);
        run.said_before = run.answers->all(comm, decoder);
    }
    write_edits(run);
    if (job.options.mode != edit::Mode::kOneAtATime) save(run);
    describe(run);
    write_report(run);
    Json metrics = Json::object();
    if (run.measurement) {
        metrics = run.measurement->metrics(run.before, run.after);
        metrics["answers"] = run.answers->to_json(run.said_before, run.said_after);
    }
    const std::string digest =
        edit::write_ledger(comm, run.data(edit::kLedgerFile), job.claims, job.inputs.facts, run.result, metrics);
    dist::run_agreed(comm, "report", [&] {
        if (!comm.is_root()) return;
        io::write_file_atomically(run.data("report.html"),
                                  edit_report({edit::read_ledger(run.data(edit::kLedgerFile))}));
    });
    Json summary = job.summary;
    summary.update(run.report);
    return writer.publish(summary, {{edit::kLedgerFile, digest}});
}

}  // namespace nepenthe::pipelines
