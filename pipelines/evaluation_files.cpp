#include "pipelines/evaluation_files.h"

#include "evaluate/metric.h"
#include "io/file.h"
#include "io/text.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

// A metric whose meaning has changed since would be compared with another one under its name.
void check_version(const std::filesystem::path& folder, const std::string& option, const std::string& metric,
                   int version) {
    const int here = evaluate::metric_definition(metric).version;
    if (version == here) return;
    fail(ErrorKind::kData,
         "{} {}: {} was measured by version {} of its definition, this program has version {}; evaluate "
         "that model again",
         option, folder.string(), metric, version, here);
}

}  // namespace

std::string items_file(const std::string& model, std::string task) {
    std::replace(task.begin(), task.end(), ':', '-');
    return fmt::format("items-{}-{}.jsonl", model, task);
}

std::vector<NamedResults> read_evaluation(const store::Artefact& artefact, const std::string& option) {
    const std::filesystem::path& folder = artefact.folder;
    if (artefact.manifest.value("stage", Json()) != "evaluate") {
        fail(ErrorKind::kData, "{} {}: not an evaluation", option, folder.string());
    }
    const Json results = parse_json(io::read_file(folder / "results.json"), "results.json");
    std::vector<NamedResults> models;
    for (const auto& entry : results.at("models").items()) {
        const std::string& model = entry.key();
        const Json& measured = entry.value();
        NamedResults& one = models.emplace_back();
        one.name = model;
        for (const auto& [task, metrics] : measured.at("results").items()) {
            const auto names_in = [&](const Json& by_name) {
                std::vector<std::string> names;
                for (const auto& [name, metric] : by_name.items()) {
                    check_version(folder, option, name, measured.at("metrics").at(name).at("version").get<int>());
                    names.push_back(name);
                }
                return names;
            };
            const Json by_layer = measured.value("by_layer", Json::object()).value(task, Json::object());
            std::vector<Json> rows;
            io::for_each_json_line(folder / items_file(model, task),
                                   [&](std::size_t, const Json& row) { rows.push_back(row); });
            one.results.push_back(evaluate::make_result(task, names_in(metrics), std::move(rows), names_in(by_layer)));
        }
    }
    return models;
}

}  // namespace nepenthe::pipelines
