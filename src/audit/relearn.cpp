#include "audit/relearn.h"

#include "base/json_text.h"
#include "base/json_whole.h"
#include "base/log.h"
#include "dist/guard.h"
#include "evaluate/metric.h"
#include "io/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace nepenthe::audit {

namespace {

Json point_json(std::int64_t step, std::optional<double> loss, const std::vector<evaluate::TaskResult>& results) {
    Json tasks = Json::object();
    for (const evaluate::TaskResult& result : results) {
        Json& task = tasks[result.task];
        task["metrics"] = Json::array();
        for (const evaluate::Metric& metric : result.metrics) task["metrics"].push_back(metric.name);
        task["items"] = result.items;
    }
    return {{"step", step}, {"loss", loss ? Json(*loss) : Json()}, {"tasks", tasks}};
}

void read_point(const std::filesystem::path& file, Steps& points) {
    const Json point = parse_json(io::read_file(file), file.string());
    try {
        auto& results = points[json_whole<std::int64_t>(point.at("step"))];
        for (const auto& [name, task] : point.at("tasks").items()) {
            results.push_back(evaluate::make_result(name, task.at("metrics").get<std::vector<std::string>>(),
                                                    task.at("items").get<std::vector<Json>>()));
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: not a measured point: {}", file.string(), error.what());
    }
}

}  // namespace

std::filesystem::path point_path(const std::filesystem::path& folder, std::int64_t step) {
    return folder / fmt::format("step-{:08}.json", step);
}

void relearn(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
             train::Objective& objective, const train::TrainOptions& options, const std::vector<std::int64_t>& steps,
             const MeasureModel& measure, const std::filesystem::path& folder,
             const std::filesystem::path& checkpoint_folder, const train::StepHook& after_step) {
    // A run that goes on from a checkpoint meets some steps again; the newer look counts.
    const auto look = [&](std::int64_t step, std::optional<double> loss) {
        const auto results = measure(decoder);
        dist::run_agreed(comm, "write a point", [&] {
            if (comm.is_root())
                io::write_file_atomically(point_path(folder, step), json_text(point_json(step, loss, results)) + "\n");
        });
        log_info("relearn: step {} measured", step);
    };
    bool begun = false;
    dist::run_agreed(comm, "relearn", [&] {
        if (comm.is_root()) begun = std::filesystem::exists(point_path(folder, 0));
    });
    if (!comm.all_reduce_or(begun)) look(0, std::nullopt);
    train::train(comm, collectives, decoder, objective, options, checkpoint_folder,
                 [&](const train::StepReport& report) {
                     const bool go_on = !after_step || after_step(report);
                     if (std::ranges::find(steps, report.step) != steps.end()) look(report.step, report.loss);
                     return go_on;
                 });
}

Steps read_points(const std::filesystem::path& folder) {
    Steps points;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename().string().starts_with("step-")) read_point(entry.path(), points);
    }
    if (points.empty()) fail(ErrorKind::kData, "{} holds no measured step", folder.string());
    return points;
}

}  // namespace nepenthe::audit
