// The bundle as an artefact: options.json and a line of JSON a fact.

#include "base/error.h"
#include "base/json_text.h"
#include "edit/memories/ike.h"
#include "io/file.h"

#include <sstream>

namespace nepenthe::edit {

namespace {

constexpr const char* kOptions = "options.json";
constexpr const char* kFacts = "bundle.jsonl";
constexpr const char* kKindNames[] = {"copy", "update", "retain"};

Json to_json(const ToldFact& fact) {
    Json demonstrations = Json::array();
    for (const Demonstration& one : fact.demonstrations) {
        demonstrations.push_back({{"kind", kKindNames[static_cast<std::size_t>(one.kind)]},
                                  {"pool_id", one.pool_id},
                                  {"similarity", one.similarity},
                                  {"text", one.text}});
    }
    return {{"id", fact.id},           {"sentence", fact.sentence}, {"demonstrations", demonstrations},
            {"context", fact.context}, {"tokens", fact.tokens},     {"left_out", fact.left_out}};
}

DemonstrationKind parse_kind(const std::string& name) {
    for (std::size_t i = 0; i < std::size(kKindNames); ++i) {
        if (name == kKindNames[i]) return static_cast<DemonstrationKind>(i);
    }
    fail(ErrorKind::kData, "a demonstration of the unknown kind \"{}\"", name);
}

ToldFact parse_fact(const Json& json) {
    ToldFact fact;
    fact.id = json.at("id");
    fact.sentence = json.at("sentence");
    fact.context = json.at("context");
    fact.tokens = json.at("tokens");
    fact.left_out = json.at("left_out");
    for (const Json& one : json.at("demonstrations")) {
        fact.demonstrations.push_back(
            {parse_kind(one.at("kind")), one.at("pool_id"), one.at("similarity"), one.at("text")});
    }
    return fact;
}

IkeOptions parse_options(const Json& json) {
    IkeOptions options;
    options.demonstrations = json.at("demonstrations");
    options.copy = json.at("copy");
    options.update = json.at("update");
    options.retain = json.at("retain");
    options.repeat_fact = json.at("repeat_fact");
    options.reserve = json.at("reserve");
    options.seed = json.at("seed");
    return options;
}

}  // namespace

IkeBundle IkeBundle::open(const std::filesystem::path& folder) {
    const store::Artefact artefact = store::open_artefact(folder, /*verify=*/true);
    if (artefact.manifest.value("stage", Json()) != kIkeStage) {
        fail(ErrorKind::kData, "{}: not a prompt bundle of IKE", folder.string());
    }
    try {
        const IkeOptions options = parse_options(parse_json(io::read_file(folder / kOptions), kOptions));
        std::vector<ToldFact> facts;
        std::istringstream lines(io::read_file(folder / kFacts));
        for (std::string line; std::getline(lines, line);) facts.push_back(parse_fact(parse_json(line, kFacts)));
        return {options, std::move(facts)};
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: {}", folder.string(), error.what());
    }
}

void write_bundle(const IkeBundle& bundle, const std::filesystem::path& folder) {
    std::string lines;
    for (const ToldFact& fact : bundle.facts()) lines += fmt::format("{}\n", json_text(to_json(fact)));
    io::write_file_atomically(folder / kFacts, lines);
    io::write_file_atomically(folder / kOptions, bundle.options().to_json().dump(2) + "\n");
}

}  // namespace nepenthe::edit
