#include "pipelines/audit_report.h"

#include "report/line_plot.h"
#include "report/page.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::pipelines {

namespace {

using audit::Subject;

std::string figure_text(const Json& value) {
    return value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : "–";
}

std::string interval_text(const Json& line) {
    const Json& ends = line.at("ci95");
    if (!ends[0].is_number() || !ends[1].is_number()) return "–";
    return fmt::format("[{}, {}]", figure_text(ends[0]), figure_text(ends[1]));
}

std::string limit_text(const Json& line) {
    std::string text;
    if (line.at("at_most").is_number()) text = "at most " + figure_text(line["at_most"]);
    if (line.at("at_least").is_number())
        text += (text.empty() ? "" : ", ") + ("at least " + figure_text(line["at_least"]));
    return text;
}

bool has_model(const audit::Measured& measured, Subject subject) { return measured.front().contains(subject); }

// What no figure of this audit says anything about.
std::vector<std::string> not_concluded(const audit::Policy& policy, const audit::Measured& measured) {
    const auto any = [&](const auto& is) { return std::ranges::any_of(policy.attacks, is); };
    std::vector<std::string> list;
    if (!has_model(measured, Subject::kRetrained))
        list.emplace_back(
            "Whether the model is like one that never saw what was to be forgotten: no retrained model was given. Low "
            "figures may come from damage, or from a model that keeps quiet.");
    if (!has_model(measured, Subject::kBefore))
        list.emplace_back("What forgetting has cost: the model before it was not given.");
    if (!any([](const audit::Attack& attack) { return attack.relearn.is_object(); }))
        list.emplace_back("Whether a few steps of training bring back what was forgotten: no attack relearns.");
    if (!any([](const audit::Attack& attack) { return attack.measure.value("quantise", Json("none")) != "none"; }))
        list.emplace_back("Whether rounded weights bring it back: no attack rounds them.");
    return list;
}

void add_lines(report::Page& page, const Json& verdicts) {
    std::vector<std::vector<std::string>> rows;
    for (const Json& line : verdicts.at("lines")) {
        const auto attack = line.at("attack").get<std::string>();
        rows.push_back({line.at("outcome").get<std::string>(), line.at("name").get<std::string>(),
                        attack.empty() ? "as it is" : attack, line.at("reason").get<std::string>(),
                        std::to_string(line.at("step").get<std::int64_t>()), figure_text(line.at("value")),
                        interval_text(line), limit_text(line),
                        std::to_string(line.at("sampling_units").get<std::int64_t>())});
    }
    page.heading("What must hold");
    page.table({"", "line", "attack", "why open", "step", "value", "95 %", "limit", "sampling units"}, rows, 4);
}

// All figures of an attack, a column a model; the last step of those that train.
void add_figures(report::Page& page, const audit::Attack& attack, const std::map<Subject, audit::Steps>& models) {
    std::vector<std::string> columns = {"task", "metric"};
    std::vector<std::vector<std::string>> rows;
    for (const auto& [subject, steps] : models) columns.emplace_back(audit::subject_name(subject));
    const auto& [last, results] = *models.at(Subject::kAudited).rbegin();
    for (const evaluate::TaskResult& task : results) {
        for (const evaluate::Metric& metric : task.metrics) {
            std::vector<std::string>& row = rows.emplace_back(std::vector<std::string>{task.task, metric.name});
            for (const auto& [subject, steps] : models) {
                const auto& same = *std::ranges::find(steps.at(last), task.task, &evaluate::TaskResult::task);
                const auto& value = *std::ranges::find(same.metrics, metric.name, &evaluate::Metric::name);
                row.push_back(fmt::format("{:.4g} [{:.4g}, {:.4g}]", value.value, value.low, value.high));
            }
        }
    }
    page.heading(attack.name.empty() ? "The models as they are"
                                     : attack.name + (last > 0 ? fmt::format(", after {} steps", last) : ""));
    page.table(columns, rows, 2);
}

double value_at(const std::vector<evaluate::TaskResult>& results, const audit::Line& line) {
    const auto& task = *std::ranges::find(results, line.task, &evaluate::TaskResult::task);
    return std::ranges::find(task.metrics, line.metric, &evaluate::Metric::name)->value;
}

// What a line says of training, over the steps, a curve a model.
void add_curves(report::Page& page, const audit::Policy& policy, const audit::Measured& measured) {
    std::vector<std::pair<std::size_t, std::string>> drawn;
    for (const audit::Line& line : policy.lines) {
        const std::pair figure{line.attack, line.task + "/" + line.metric};
        if (!policy.attacks[line.attack].relearn.is_object() || std::ranges::find(drawn, figure) != drawn.end())
            continue;
        drawn.push_back(figure);
        report::LinePlot plot{policy.attacks[line.attack].name, "steps of training", figure.second, {{"", {}}}};
        for (const auto& [subject, steps] : measured[line.attack]) {
            report::Curve& curve = plot.panels[0].curves.emplace_back();
            curve.name = audit::subject_name(subject);
            for (const auto& [step, results] : steps) {
                curve.x.push_back(static_cast<double>(step));
                curve.y.push_back(value_at(results, line));
            }
        }
        if (drawn.size() == 1) page.heading("Relearning");
        page.figure(line_plot_svg(plot));
    }
}

}  // namespace

std::string limits_text(const Json& line) { return fmt::format("{} ({})", interval_text(line), limit_text(line)); }

std::string audit_report(const audit::Policy& policy, const audit::Measured& measured, const Json& verdicts) {
    report::Page page("Audit: " + policy.name);
    if (!policy.help.empty()) page.paragraph(policy.help);
    const int failed = verdicts.at("failed").get<int>(), open = verdicts.at("open").get<int>();
    page.paragraph(fmt::format(
        "{} of {} lines hold, {} fail, {} are open. A line holds where {} keeps to its limit; intervals are 95 %, and "
        "items of one document count as one.",
        verdicts.at("passed").get<int>(), verdicts.at("lines").size(), failed, open,
        policy.judged == audit::Judged::kInterval ? "the whole interval" : "the value"));
    add_lines(page, verdicts);
    if (const auto list = not_concluded(policy, measured); !list.empty()) {
        page.heading("What this audit cannot conclude");
        for (const std::string& text : list) page.paragraph(text);
    }
    add_curves(page, policy, measured);
    for (std::size_t i = 0; i < measured.size(); ++i) add_figures(page, policy.attacks[i], measured[i]);
    page.heading("Where the figures lie");
    std::vector<std::vector<std::string>> rows;
    for (const Json& part : verdicts.at("parts")) {
        const auto attack = part.at("attack").get<std::string>();
        rows.push_back({attack.empty() ? "as it is" : attack, part.at("subject").get<std::string>(),
                        part.at("artefact").get<std::string>(), part.at("digest").get<std::string>()});
    }
    page.table({"attack", "model", "artefact", "digest"}, rows, 4);
    return page.finish();
}

}  // namespace nepenthe::pipelines
