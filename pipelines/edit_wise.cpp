#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "edit/ledger.h"
#include "edit/memories/wise.h"
#include "io/file.h"
#include "pipelines/edit_beside.h"
#include "pipelines/edit_beside_request.h"
#include "pipelines/edit_forms.h"
#include "pipelines/edit_measure.h"
#include "pipelines/stage.h"

#include <memory>
#include <optional>

namespace nepenthe::pipelines {

namespace {

void declare_wise(Options& options, edit::WiseOptions& wise) {
    options.add("layer", wise.layer, "layer of the side memory; -1 = at 0.8 of the depth", -1);
    options.add("steps", wise.steps, "steps a fact, at most");
    options.add("lr", wise.lr, "step size, in the model's own units");
    options.add("alpha", wise.alpha, "margin out of scope");
    options.add("beta", wise.beta, "margin in scope");
    options.add("gamma", wise.gamma, "margin between the two");
    options.add("stop-loss", wise.stop_loss, "a fact is done below this loss");
    options.add("irrelevant-rows", wise.irrelevant_rows, "texts held out of scope while a fact is written");
    options.add("quiet-directions", wise.quiet_directions, "leading directions of irrelevant keys that do not count");
    options.add("prefixes", wise.prefix_count, "context prefixes beside the bare prompt");
    options.add("mask-ratio", wise.mask_ratio, "share of the matrix that a shard may change");
    options.add("facts-per-shard", wise.facts_per_shard, "facts written into one memory; shards run side by side");
    options.add("merge-shards", wise.merge_shards, "merge so many memories into one; 0 = keep all");
    options.add("ratio", wise.ratio, "of the threshold, that routes a prompt to the memory");
}

Json record_json(const edit::WiseRecord& record) {
    return {{"id", record.id},
            {"shard", record.shard},
            {"steps", record.report.steps},
            {"first_loss", record.report.first.target},
            {"loss", record.report.last.target},
            {"margin_loss", record.report.last.activation},
            {"distance", record.report.last.bare},
            {"outside", record.report.last.outside},
            {"distance_at_end", record.distance_at_end},
            {"answered_by_memory", record.answered_by_memory}};
}

struct WiseRequest : BesideRequest {
    edit::WiseOptions wise;
    bool as_published = false, chat_template = false;
    std::string published_row;
    Json published;  // {row, source, changed}
};

void declare_wise_request(Options& options, WiseRequest& request) {
    request.declare(options);
    options.add("as-published", request.as_published,
                "the authors' numbers and steps for this model, but for what else is given");
    options.add("published-row", request.published_row, "--as-published, but for this model (llama-2-7b …)");
    declare_wise(options, request.wise);
}

// Reads the words again with what is published in the place of our defaults.
void take_published_wise(const Arguments& arguments, WiseRequest& request) {
    const edit::PublishedWise& row =
        edit::find_published_wise(model::read_config(request.model), request.published_row);
    WiseRequest published;
    published.wise = edit::WiseOptions::published(row);
    Options options("edit", "", "");
    declare_wise_request(options, published);
    options.set_elsewhere(option_names_of_all_forms());
    const Json of_authors = options.effective();
    options.parse(arguments);
    const Json effective = options.effective();
    Options numbers("edit", "", "");
    edit::WiseOptions none;
    declare_wise(numbers, none);
    std::vector<std::string> changed;
    for (const std::string& name : numbers.names()) {
        if (name != "config" && of_authors.at(name) != effective.at(name)) changed.push_back(name);
    }
    published.published = {{"row", row.model.name}, {"source", row.source}, {"changed", changed}};
    published.chat_template = row.chat_template;
    request = std::move(published);
}

WiseRequest parse_wise(const Arguments& arguments) {
    WiseRequest request;
    Options options("edit", "WISE: facts in a side memory, chosen for each prompt",
                    "mpirun -n 2 nepenthe edit --method wise --model gemma --facts facts.json --pool others.json");
    declare_wise_request(options, request);
    options.set_elsewhere(option_names_of_all_forms());
    options.parse(arguments);
    if (!request.published_row.empty() && !request.as_published)
        fail(ErrorKind::kUsage, "--published-row says nothing without --as-published");
    if (request.as_published) take_published_wise(arguments, request);
    request.finish();
    request.wise.seed = request.common.seed;
    if (request.common.dtype != "fp32") fail(ErrorKind::kUsage, "WISE is trained in fp32: --dtype fp32");
    return request;
}

struct WiseStage {
    WiseRequest request;
    std::unique_ptr<const text::Tokenizer> tokenizer;  // stays where it is: the inputs point to it
    edit::WiseInputs inputs;
    store::ArtefactKey key;
};

// Collective. The options, what they name, and the key.
WiseStage prepare_wise(const dist::Comm& comm, const Arguments& arguments) {
    WiseStage stage{parse_wise(arguments), {}, {}, {}};
    WiseRequest& request = stage.request;
    request.common.apply(comm);
    stage.tokenizer =
        std::make_unique<const text::Tokenizer>(load_tokenizer(request.model, model::read_config(request.model)));
    const text::Tokenizer& tokenizer = *stage.tokenizer;
    edit::WiseInputs& inputs = stage.inputs;
    store::ArtefactKey& key = stage.key;
    key = {"edit", request.wise.to_json(), {}};
    dist::run_agreed(comm, "inputs", [&] {
        const edit::FactFile pool = request.read_pool();
        inputs.facts = request.read_facts().facts;
        inputs.irrelevant = edit::irrelevant_texts(pool.facts, inputs.facts);
        key.inputs["pool"] = edit::facts_digest(pool.facts);
    });
    inputs.tokenizer = &tokenizer;
    key.options["method"] = "wise";
    key.options["compute"] = request.common.compute_key();
    if (request.as_published) {
        key.options["as_published"] = request.published;
        log_info("{}", edit::describe_published(key.options));
        if (request.chat_template)
            log_warning(
                "this row was published with the model's chat template around prompts: give --fact-prompt chat");
    }
    key.options["evaluate"] = !request.skip_evaluation;
    key.inputs["model"] = input_model_digest(comm, request.model);
    key.inputs["tokenizer"] = tokenizer.digest();
    key.inputs["facts"] = edit::facts_digest(inputs.facts);
    return stage;
}

Answer wise_answer(const store::Artefact& artefact) {
    Answer answer = summary_answer(artefact, "model with a side memory");
    const Json& summary = answer.json["summary"];
    if (summary.contains("after")) answer.text += metric_lines(summary["before"], summary["after"]);
    return answer;
}

}  // namespace

std::vector<std::string> wise_option_names() {
    WiseRequest request;
    Options options("edit", "", "");
    declare_wise_request(options, request);
    return options.names();
}

store::ArtefactKey edit_wise_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_wise(comm, arguments).key;
}

Answer run_edit_wise(const dist::Comm& comm, const Arguments& arguments) {
    const WiseStage stage = prepare_wise(comm, arguments);
    const WiseRequest& request = stage.request;
    const edit::WiseInputs& inputs = stage.inputs;
    if (auto existing = store::find_artefact(comm, request.common.outputs, stage.key)) return wise_answer(*existing);

    auto decoder = model::Decoder::load(request.model, model::Compute::kFloat32, request.common.torch_device(comm));
    store::ArtefactWriter writer(comm, request.common.outputs, stage.key);
    std::optional<EditMeasurement> measurement;
    std::vector<Json> before;
    if (!request.skip_evaluation) {
        measurement.emplace(inputs.facts, *stage.tokenizer, decoder.config().max_positions);
        before = measurement->all(comm, decoder, writer.scratch_folder() / "before");
    }
    const edit::WiseResult result = edit::wise(comm, decoder, inputs, request.wise, writer.scratch_folder() / "shards");
    Json summary = {{"method", "wise"},
                    {"facts", inputs.facts.size()},
                    {"layer", result.memory->layer},
                    {"alternatives", result.memory->alternatives.size()},
                    {"unit", result.scales.unit},
                    {"warnings", result.warnings}};
    if (request.as_published) summary["as_published"] = request.published;
    Json report = summary;
    report["prefixes"] = result.prefixes;
    report["records"] = Json::array();
    for (const edit::WiseRecord& record : result.records) report["records"].push_back(record_json(record));
    if (measurement) {
        const auto after = measurement->all(comm, decoder, writer.scratch_folder() / "after");
        summary["before"] = metrics_json(measurement->result(before));
        summary["after"] = metrics_json(measurement->result(after));
        report["rows"] = {{"before", before}, {"after", after}};
    }
    dist::run_agreed(comm, "report", [&] {
        if (comm.is_root())
            io::write_file_atomically(writer.data_folder() / "report.json", json_text(report, 2) + "\n");
    });
    return wise_answer(publish_model(comm, writer, decoder, request.model, {}, summary));
}

}  // namespace nepenthe::pipelines
