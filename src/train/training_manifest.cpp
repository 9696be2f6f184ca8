#include "train/training_manifest.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json_whole.h"

namespace nepenthe::train {

namespace {

constexpr const char* kFormat = "nepenthe.training";
constexpr int kVersion = 3;

Json report_to_json(const StepReport& report) {
    return {report.step,          report.steps,   report.loss,   report.lr,
            report.gradient_norm, report.seconds, report.tokens, report.terms};
}

StepReport report_from_json(const Json& value) {
    const auto number = [&](std::size_t i) { return value.at(i).get<double>(); };
    const auto count = [&](std::size_t i) { return json_whole<std::int64_t>(value.at(i)); };
    return {count(0),  count(1),  number(2), number(3),
            number(4), number(5), count(6),  value.at(7).get<std::vector<double>>()};
}

// Of everything but the digest itself.
std::string own_digest(Json manifest) {
    manifest.erase("digest");
    return sha256_hex(canonical_json(manifest));
}

TrainingManifest from_json(const Json& json, std::string_view what) {
    if (json.at("format") != kFormat || json.at("format_version") != kVersion) {
        fail(ErrorKind::kData, "{}: not a training checkpoint of version {}", what, kVersion);
    }
    if (json.at("digest") != own_digest(json)) fail(ErrorKind::kData, "{}: its digest does not fit", what);
    TrainingManifest manifest;
    try {
        manifest.layout = FlatLayout::from_json(json.at("layout"));
    } catch (const Error& error) {
        throw error.with_context(what);
    }
    manifest.key = json.at("key");
    manifest.objective = json.at("objective");
    manifest.changed_weights = json_whole<std::int64_t>(json.at("changed_weights"));
    for (const Json& report : json.at("reports")) manifest.reports.push_back(report_from_json(report));
    manifest.shards = json.at("shards").get<std::vector<std::string>>();
    if (!manifest.key.is_object()) fail(ErrorKind::kData, "{}: its key is not an object", what);
    if (manifest.reports.empty()) fail(ErrorKind::kData, "{}: no step was done", what);
    if (manifest.shards.size() != static_cast<std::size_t>(manifest.layout.ranks)) {
        fail(ErrorKind::kData, "{}: {} shards of {} ranks", what, manifest.shards.size(), manifest.layout.ranks);
    }
    return manifest;
}

}  // namespace

std::string TrainingManifest::to_text() const {
    Json json = {{"format", kFormat},
                 {"format_version", kVersion},
                 {"layout", layout.to_json()},
                 {"key", key},
                 {"changed_weights", changed_weights},
                 {"reports", Json::array()},
                 {"shards", shards},
                 {"objective", objective}};
    for (const StepReport& report : reports) json["reports"].push_back(report_to_json(report));
    json["digest"] = own_digest(json);
    return json.dump();
}

TrainingManifest TrainingManifest::parse(std::string_view text, std::string_view what) {
    const Json json = parse_json(text, what);
    try {
        return from_json(json, what);
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: a field is missing or of another type ({})", what, error.what());
    }
}

}  // namespace nepenthe::train
