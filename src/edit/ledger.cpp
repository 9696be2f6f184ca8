#include "edit/ledger.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json_whole.h"
#include "model/tensor_bytes.h"
#include "store/hdf5.h"
#include "store/published_files.h"

#include <fmt/ranges.h>
#include <torch/types.h>

#include <map>

namespace nepenthe::edit {

namespace {

namespace fs = std::filesystem;

Json unit_to_json(const EditRecord& record) {
    return {{"facts", record.facts},
            {"block_key", record.block_key},
            {"nll", record.value.nll},
            {"first_nll", record.value.first_nll},
            {"kl", record.value.kl},
            {"decay", record.value.decay},
            {"steps", record.value.steps},
            {"clamped", record.value.clamped},
            {"key_cosine", record.key_cosine},
            {"response", record.response},
            {"note", record.note}};
}

EditRecord unit_from_json(const Json& json) {
    EditRecord record;
    record.facts = json_wholes<std::size_t>(json.at("facts"));
    json.at("block_key").get_to(record.block_key);
    json.at("nll").get_to(record.value.nll);
    json.at("first_nll").get_to(record.value.first_nll);
    json.at("kl").get_to(record.value.kl);
    json.at("decay").get_to(record.value.decay);
    record.value.steps = json_whole<decltype(record.value.steps)>(json.at("steps"));
    json.at("clamped").get_to(record.value.clamped);
    json.at("key_cosine").get_to(record.key_cosine);
    json.at("response").get_to(record.response);
    json.at("note").get_to(record.note);
    return record;
}

Json change_to_json(const Delta& delta) {
    return {{"layer", delta.layer},
            {"tensor", delta.tensor},
            {"norm", delta.norm},
            {"weight_norm", delta.weight_norm},
            {"largest", delta.largest},
            {"condition", delta.condition},
            {"jitter", delta.jitter},
            {"error_before", delta.error_before},
            {"first_unit", delta.first_unit},
            {"units", delta.units}};
}

// One row a unit; nothing where the method has no such rows.
void write_rows(store::H5Writer& writer, const std::string& name, const std::string& column,
                const std::string& description, const std::vector<EditRecord>& records, at::ScalarType type,
                const std::function<at::Tensor(const EditRecord&)>& row) {
    if (records.empty() || !row(records.front()).defined()) return;
    std::vector<at::Tensor> rows;
    for (const EditRecord& record : records) rows.push_back(row(record).to(at::kCPU, type));
    const at::Tensor table = at::stack(rows).contiguous();
    store::DatasetSpec spec;
    spec.name = name;
    spec.type = type == at::kFloat ? store::H5Type::kF32 : store::H5Type::kF64;
    spec.shape = {static_cast<std::uint64_t>(table.size(0)), static_cast<std::uint64_t>(table.size(1))};
    spec.rows_per_chunk = std::min<std::uint64_t>(64, spec.shape[0]);
    spec.axes = {"unit", column};
    spec.description = description;
    writer.write_small(spec, model::bytes_of(table));
}

template <typename T>
void read_rows(const store::H5Reader& reader, const std::string& name, std::vector<EditRecord>& records,
               const std::function<at::Tensor&(EditRecord&)>& row) {
    if (!reader.has(name)) return;
    const auto shape = reader.shape(name);
    if (shape.size() != 2 || shape[0] != records.size())
        fail(ErrorKind::kData, "ledger: {} does not have one row a unit", name);
    const at::Tensor table = at::tensor(reader.read<T>(name))
                                 .view({static_cast<std::int64_t>(shape[0]), static_cast<std::int64_t>(shape[1])});
    for (std::size_t i = 0; i < records.size(); ++i) row(records[i]) = table[static_cast<std::int64_t>(i)].clone();
}

// [prompt, answer], and the kind behind them where there is one.
Json neighbours_to_json(const std::vector<Neighbour>& neighbours) {
    Json list = Json::array();
    for (const Neighbour& neighbour : neighbours) {
        list.push_back({neighbour.prompt, neighbour.answer});
        if (!neighbour.kind.empty()) list.back().push_back(neighbour.kind);
    }
    return list;
}

std::vector<Neighbour> neighbours_from_json(const Json& list) {
    std::vector<Neighbour> neighbours;
    for (const Json& one : list) {
        neighbours.push_back({one.at(0).get<std::string>(), one.at(1).get<std::string>(),
                              one.size() > 2 ? one.at(2).get<std::string>() : ""});
    }
    return neighbours;
}

}  // namespace

Json fact_to_json(const Fact& fact) {
    Json json = {{"id", fact.id},
                 {"subject", fact.subject},
                 {"prompt", fact.prompt},
                 {"target_new", fact.target_new},
                 {"target_true", fact.target_true},
                 {"paraphrases", fact.paraphrases},
                 {"neighbourhood", neighbours_to_json(fact.neighbourhood)},
                 {"attribute_prompts", fact.attribute_prompts},
                 {"generation_prompts", fact.generation_prompts},
                 {"relation", fact.relation},
                 {"subject_proposed", fact.subject_proposed},
                 {"source", fact.source}};
    if (!fact.portability.empty()) json["portability"] = neighbours_to_json(fact.portability);
    return json;
}

Fact fact_from_json(const Json& json) {
    Fact fact;
    json.at("id").get_to(fact.id);
    json.at("subject").get_to(fact.subject);
    json.at("prompt").get_to(fact.prompt);
    json.at("target_new").get_to(fact.target_new);
    json.at("target_true").get_to(fact.target_true);
    json.at("paraphrases").get_to(fact.paraphrases);
    fact.neighbourhood = neighbours_from_json(json.at("neighbourhood"));
    if (json.contains("portability")) fact.portability = neighbours_from_json(json.at("portability"));
    json.at("attribute_prompts").get_to(fact.attribute_prompts);
    json.at("generation_prompts").get_to(fact.generation_prompts);
    json.at("relation").get_to(fact.relation);
    json.at("subject_proposed").get_to(fact.subject_proposed);
    fact.source = json.at("source");
    return fact;
}

std::string facts_digest(const std::vector<Fact>& facts) {
    Sha256 hash;
    for (const Fact& fact : facts) hash.update(canonical_json(fact_to_json(fact))).update("\n");
    return hash.hex();
}

KnownValues Ledger::known_values() const {
    KnownValues values;
    for (const EditRecord& record : records) {
        if (record.value.initial.defined()) values[record.block_key] += pack_values({record.value});
    }
    return values;
}

std::string write_ledger(const dist::Comm& comm, const fs::path& path, const LedgerClaims& claims,
                         const std::vector<Fact>& facts, const EditResult& result, const Json& metrics) {
    const Json attributes = {{"options", canonical_json(claims.options)},
                             {"model_digest", claims.model_digest},
                             {"tokenizer_digest", claims.tokenizer_digest},
                             {"moments_digest", claims.moments_digest},
                             {"compute", canonical_json(claims.compute)}};
    store::H5Writer writer(comm, path, kLedgerFormat, kLedgerVersion, attributes);
    Json fact_list = Json::array(), units = Json::array(), changes = Json::array();
    for (const Fact& fact : facts) fact_list.push_back(fact_to_json(fact));
    for (const EditRecord& record : result.records) units.push_back(unit_to_json(record));
    for (const Delta& delta : result.deltas) changes.push_back(change_to_json(delta));
    writer.write_text("/facts", canonical_json(fact_list), "the facts in order, JSON");
    writer.write_text("/units", canonical_json(units),
                      "what got one key and one value: facts by index, losses, notes; JSON");
    writer.write_text("/prefixes", canonical_json(Json(result.prefixes)),
                      "context prefixes, the bare prompt first; JSON");
    writer.write_text("/changes", canonical_json(changes), "changes of matrices in order; JSON");
    writer.write_text("/metrics", canonical_json(metrics), "evaluation of the facts before and after; JSON");
    write_rows(writer, "/value/initial", "hidden", "what stood at the value's place, bare prompt", result.records,
               at::kFloat, [](const EditRecord& record) { return record.value.initial; });
    write_rows(writer, "/value/delta", "hidden", "what the optimisation added", result.records, at::kFloat,
               [](const EditRecord& record) { return record.value.delta; });
    write_rows(writer, "/key", "intermediate", "key of the last edited layer", result.records, at::kDouble,
               [](const EditRecord& record) { return record.key; });
    write_rows(writer, "/residual", "hidden", "residual of the last edited layer", result.records, at::kDouble,
               [](const EditRecord& record) { return record.residual; });
    return writer.close();
}

Ledger read_ledger(const fs::path& path) {
    const fs::path file = fs::is_directory(path) ? path / kLedgerFile : path;
    if (!fs::exists(file))
        fail(ErrorKind::kData, "{}: there is no {} there; it is not an edited model", path.string(), kLedgerFile);
    store::check_published_file(file);
    const store::H5Reader reader(file, kLedgerFormat);
    Ledger ledger;
    try {
        const Json attributes = reader.attributes();
        ledger.claims.options = parse_json(attributes.at("options").get<std::string>(), file.string());
        attributes.at("model_digest").get_to(ledger.claims.model_digest);
        attributes.at("tokenizer_digest").get_to(ledger.claims.tokenizer_digest);
        attributes.at("moments_digest").get_to(ledger.claims.moments_digest);
        ledger.claims.compute = parse_json(attributes.value("compute", "{}"), file.string());
        ledger.created = attributes.value("created", "");
        for (const Json& fact : parse_json(reader.read_text("/facts"), file.string()))
            ledger.facts.push_back(fact_from_json(fact));
        ledger.units = parse_json(reader.read_text("/units"), file.string());
        for (const Json& unit : ledger.units) ledger.records.push_back(unit_from_json(unit));
        ledger.prefixes = parse_json(reader.read_text("/prefixes"), file.string()).get<std::vector<std::string>>();
        ledger.changes = parse_json(reader.read_text("/changes"), file.string());
        ledger.metrics = parse_json(reader.read_text("/metrics"), file.string());
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: {}", file.string(), error.what());
    }
    for (const EditRecord& record : ledger.records) {
        for (const std::size_t fact : record.facts) {
            if (fact >= ledger.facts.size())
                fail(ErrorKind::kData, "{}: a unit names fact {}, there are {}", file.string(), fact,
                     ledger.facts.size());
        }
    }
    read_rows<float>(reader, "/value/initial", ledger.records,
                     [](EditRecord& record) -> at::Tensor& { return record.value.initial; });
    read_rows<float>(reader, "/value/delta", ledger.records,
                     [](EditRecord& record) -> at::Tensor& { return record.value.delta; });
    read_rows<double>(reader, "/key", ledger.records, [](EditRecord& record) -> at::Tensor& { return record.key; });
    read_rows<double>(reader, "/residual", ledger.records,
                      [](EditRecord& record) -> at::Tensor& { return record.residual; });
    return ledger;
}

std::string describe_published(const Json& options) {
    const auto row = options.find("as_published");
    if (row == options.end()) return "";
    const auto changed = row->value("changed", std::vector<std::string>{});
    return fmt::format("{} as published for {} ({}){}", options.value("method", "?"), row->value("row", "?"),
                       row->value("source", "?"),
                       changed.empty() ? "" : fmt::format(", but for --{}", fmt::join(changed, ", --")));
}

namespace {

std::string description(const Ledger& ledger) {
    std::string text = fmt::format("{} {} of {} facts in {} units, made {}\n",
                                   ledger.claims.options.value("method", "?"), ledger.claims.options.value("mode", "?"),
                                   ledger.facts.size(), ledger.records.size(), ledger.created);
    if (const std::string published = describe_published(ledger.claims.options); !published.empty())
        text += "  " + published + "\n";
    for (const Json& change : ledger.changes) {
        text += fmt::format("  layer {}: {} units, norm {:.4g} ({:.2f} % of the matrix)\n", change.value("layer", -1),
                            change.value("units", 0), change.value("norm", 0.0),
                            100 * change.value("norm", 0.0) / change.value("weight_norm", 1.0));
    }
    for (const EditRecord& record : ledger.records) {
        for (const std::size_t i : record.facts) {
            const Fact& fact = ledger.facts[i];
            text +=
                fmt::format("{}\t{} → {}\tloss {:.3f} → {:.3f}{}\n", fact.id, fact.sentence(), fact.target_new,
                            record.value.first_nll, record.value.nll, record.note.empty() ? "" : "\t" + record.note);
        }
    }
    return text;
}

}  // namespace

std::string describe(const Ledger& ledger) {
    try {
        return description(ledger);
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "a ledger whose options or changes are of other types: {}", error.what());
    }
}

LedgerDifference difference(const Ledger& first, const Ledger& second) {
    LedgerDifference result;
    std::map<std::string, const Fact*> of_second;
    for (const Fact& fact : second.facts) of_second.emplace(fact.id, &fact);
    for (const Fact& fact : first.facts) {
        const auto found = of_second.find(fact.id);
        if (found == of_second.end()) {
            result.only_first.push_back(fact.id);
            continue;
        }
        const Fact& other = *found->second;
        if (other.prompt != fact.prompt || other.subject != fact.subject || other.target_new != fact.target_new)
            result.changed.push_back(fact.id);
        of_second.erase(found);
    }
    for (const Fact& fact : second.facts) {
        if (of_second.contains(fact.id)) result.only_second.push_back(fact.id);
    }
    result.options = Json::object();
    Json all = first.claims.options;
    all.update(second.claims.options);
    for (const auto& [name, value] : all.items()) {
        const Json one = first.claims.options.value(name, Json()), other = second.claims.options.value(name, Json());
        if (one != other) result.options[name] = {one, other};
    }
    return result;
}

}  // namespace nepenthe::edit
