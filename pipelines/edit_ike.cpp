#include "dist/guard.h"
#include "edit/ledger.h"
#include "edit/memories/ike.h"
#include "io/file.h"
#include "pipelines/chat_word.h"
#include "pipelines/edit_beside.h"
#include "pipelines/edit_beside_request.h"
#include "pipelines/edit_forms.h"
#include "pipelines/edit_measure.h"
#include "pipelines/stage.h"

#include <memory>

namespace nepenthe::pipelines {

namespace {

struct IkeRequest : BesideRequest {
    std::filesystem::path encoder;
    edit::IkeOptions ike;
};

void declare_ike(Options& options, IkeRequest& request) {
    request.declare(options);
    options.add("encoder", request.encoder, "sentence encoder's folder (all-MiniLM-L6-v2)");
    options.add("demonstrations", request.ike.demonstrations, "demonstrations a fact", 0);
    options.add("reserve", request.ike.reserve, "tokens of the context kept for prompt and answer", 1);
}

IkeRequest parse_ike(const Arguments& arguments) {
    IkeRequest request;
    Options options(
        "edit", "IKE: facts told in the prompt, among demonstrations",
        "nepenthe edit --method ike --model gemma --encoder all-minilm-l6-v2 --facts facts.json --pool others.json");
    declare_ike(options, request);
    options.require("encoder");
    options.set_elsewhere(option_names_of_all_forms());
    options.parse(arguments);
    if (is_chat_word(request.fact_options.prompt_form))
        fail(ErrorKind::kUsage,
             "IKE tells facts before the whole prompt, where no chat template has a place for them: "
             "--fact-prompt chat is for other methods");
    request.finish();
    request.ike.seed = request.common.seed;
    return request;
}

// What the model makes of the facts, alone and told: {"summary": {before, after}, "rows": {before, after}}. Journalled
// block by block.
Json measure(const dist::Comm& comm, const IkeRequest& request, const edit::IkeInputs& inputs,
             const edit::IkeBundle& bundle, const std::filesystem::path& scratch) {
    const auto decoder =
        model::Decoder::load(request.model, request.common.compute(), request.common.torch_device(comm));
    std::vector<edit::Fact> told;
    for (const edit::Fact& fact : inputs.facts) told.push_back(bundle.told(fact));
    Json measured;
    const auto add = [&](const char* when, const std::vector<edit::Fact>& facts) {
        const EditMeasurement measurement(facts, *inputs.tokenizer, inputs.max_positions);
        const std::vector<Json> rows = measurement.all(comm, decoder, scratch / when);
        measured["summary"][when] = metrics_json(measurement.result(rows));
        measured["rows"][when] = rows;
    };
    add("before", inputs.facts);
    add("after", told);
    return measured;
}

Answer ike_answer(const store::Artefact& artefact) {
    Answer answer = artefact_answer(artefact, "prompt bundle");
    const Json summary = artefact.manifest.value("summary", Json::object());
    answer.json["summary"] = summary;
    answer.json["warnings"] = summary.value("warnings", Json::array());
    if (summary.contains("after")) answer.text += metric_lines(summary["before"], summary["after"]);
    return answer;
}

struct IkeStage {
    IkeRequest request;
    std::unique_ptr<const text::Tokenizer> tokenizer;  // stays where it is: the inputs point to it
    edit::IkeInputs inputs;
    store::ArtefactKey key;
};

// Collective. The options, what they name, and the key; no model is loaded.
IkeStage prepare_ike(const dist::Comm& comm, const Arguments& arguments) {
    IkeStage stage{parse_ike(arguments), {}, {}, {}};
    IkeRequest& request = stage.request;
    request.common.apply(comm);
    const model::DecoderConfig config = model::read_config(request.model);
    stage.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(request.model, config));
    edit::IkeInputs& inputs = stage.inputs;
    inputs.tokenizer = stage.tokenizer.get();
    inputs.max_positions = config.max_positions;
    store::ArtefactKey& key = stage.key;
    key = {edit::kIkeStage, request.ike.to_json(), {}};
    key.options["context"] = config.max_positions;
    key.options["compute"] = request.common.compute_key();
    key.options["evaluate"] = !request.skip_evaluation;
    dist::run_agreed(comm, "inputs", [&] {
        edit::FactFile pool = request.read_pool();
        key.inputs["pool"] = edit::facts_digest(pool.facts);
        inputs.pool = std::move(pool.facts);
        inputs.facts = request.read_facts().facts;
    });
    key.inputs["encoder"] = model::encoder_digest(request.encoder);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    key.inputs["facts"] = edit::facts_digest(inputs.facts);
    // A bundle alone depends on no weights but the encoder's.
    if (!request.skip_evaluation) key.inputs["model"] = input_model_digest(comm, request.model);
    return stage;
}

}  // namespace

std::vector<std::string> ike_option_names() {
    IkeRequest request;
    Options options("edit", "", "");
    declare_ike(options, request);
    return options.names();
}

store::ArtefactKey edit_ike_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_ike(comm, arguments).key;
}

Answer run_edit_ike(const dist::Comm& comm, const Arguments& arguments) {
    IkeStage stage = prepare_ike(comm, arguments);
    const IkeRequest& request = stage.request;
    edit::IkeInputs& inputs = stage.inputs;
    if (auto existing = store::find_artefact(comm, request.common.outputs, stage.key)) return ike_answer(*existing);
    const auto encoder = model::SentenceEncoder::load(request.encoder);
    inputs.encoder = &encoder;

    store::ArtefactWriter writer(comm, request.common.outputs, stage.key);
    std::vector<std::string> warnings;
    const edit::IkeBundle bundle = edit::ike(comm, inputs, request.ike, writer.scratch_folder() / "vectors", &warnings);
    Json measured = Json::object(), summary = Json::object();
    if (!request.skip_evaluation) {
        measured = measure(comm, request, inputs, bundle, writer.scratch_folder());
        summary = measured["summary"];
    }
    summary.update(Json{{"method", "ike"}, {"facts", inputs.facts.size()}, {"warnings", warnings}});
    Json report = summary;
    if (measured.contains("rows")) report["rows"] = measured["rows"];
    dist::run_agreed(comm, "report", [&] {
        if (!comm.is_root()) return;
        edit::write_bundle(bundle, writer.data_folder());
        io::write_file_atomically(writer.data_folder() / "report.json", report.dump(2) + "\n");
    });
    return ike_answer(writer.publish(summary));
}

}  // namespace nepenthe::pipelines
