#include "dist/guard.h"
#include "edit/ledger.h"
#include "edit/memories/ike.h"
#include "pipelines/edit_beside.h"
#include "pipelines/edit_beside_request.h"
#include "pipelines/edit_forms.h"
#include "pipelines/edit_measure.h"
#include "pipelines/stage.h"

namespace nepenthe::pipelines {

namespace {

struct IkeRequest : BesideRequest {
    std::filesystem::path encoder;
    edit::IkeOptions ike;
};

void declare(Options& options, IkeRequest& request) {
    request.declare(options);
    options.add("encoder", request.encoder, "sentence encoder's folder (all-MiniLM-L6-v2)");
    options.add("demonstrations", request.ike.demonstrations, "demonstrations a fact", 0);
    options.add("reserve", request.ike.reserve, "tokens of the context kept for prompt and answer", 1);
}

IkeRequest parse(const Arguments& arguments) {
    IkeRequest request;
    Options options(
        "edit", "IKE: facts told in the prompt, among demonstrations",
        "nepenthe edit --method ike --model gemma --encoder all-minilm-l6-v2 --facts facts.json --pool others.json");
    declare(options, request);
    options.require("encoder");
    options.set_elsewhere(option_names_of_all_forms());
    options.parse(arguments);
    request.finish();
    request.ike.seed = request.common.seed;
    return request;
}

}  // namespace

std::vector<std::string> ike_option_names() {
    IkeRequest request;
    Options options("edit", "", "");
    declare(options, request);
    return options.names();
}

Answer run_edit_ike(const dist::Comm& comm, const Arguments& arguments) {
    IkeRequest request = parse(arguments);
    request.common.apply(comm);
    const model::DecoderConfig config = model::read_config(request.model);
    const auto tokenizer = load_tokenizer(request.model, config);
    edit::IkeInputs inputs;
    inputs.tokenizer = &tokenizer;
    inputs.max_positions = config.max_positions;
    std::map<std::string, std::string> digests;
    dist::run_agreed(comm, "inputs", [&] {
        edit::FactFile pool = request.read_pool();
        digests["pool"] = pool.digest;
        inputs.pool = std::move(pool.facts);
        inputs.facts = request.read_facts().facts;
    });
    const auto encoder = model::SentenceEncoder::load(request.encoder);
    inputs.encoder = &encoder;
    digests["encoder"] = encoder.digest();
    digests["tokenizer"] = tokenizer.digest();
    digests["facts"] = edit::facts_digest(inputs.facts);
    std::vector<std::string> warnings;
    const edit::IkeBundle bundle = edit::ike(comm, inputs, request.ike, {}, &warnings);
    const store::Artefact artefact = edit::publish_bundle(comm, bundle, request.common.outputs, digests);
    Answer answer = artefact_answer(artefact, false, "prompt bundle");
    answer.json["warnings"] = warnings;
    if (request.skip_evaluation) return answer;

    const auto decoder =
        model::Decoder::load(request.model, request.common.compute(), request.common.torch_device(comm));
    std::vector<edit::Fact> told;
    for (const edit::Fact& fact : inputs.facts) told.push_back(bundle.told(fact));
    const auto metrics = [&](const std::vector<edit::Fact>& facts) {
        const EditMeasurement measurement(facts, tokenizer, config.max_positions);
        return metrics_json(measurement.result(measurement.all(comm, decoder, {})));
    };
    answer.json["summary"] = {{"before", metrics(inputs.facts)}, {"after", metrics(told)}};
    answer.text += metric_lines(answer.json["summary"]["before"], answer.json["summary"]["after"]);
    return answer;
}

}  // namespace nepenthe::pipelines
