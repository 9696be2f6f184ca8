#include "pipelines/edit_report.h"

#include "report/dot_plot.h"
#include "report/line_plot.h"
#include "report/page.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kFailuresShown = 200;  // a run

std::vector<std::int64_t> layers_of(const edit::Ledger& run) {
    return run.claims.options.value("layers", std::vector<std::int64_t>{});
}

// What a run was asked to do.
enum Part { kMethod, kMode, kLayers, kClamp, kMoments, kOthers, kFacts, kParts };
using Parts = std::array<std::string, kParts>;

Parts parts_of(const edit::Ledger& run) {
    const Json& options = run.claims.options;
    const std::string& moments = run.claims.moments_digest;
    return {options.value("method", "?"),
            options.value("mode", "?"),
            fmt::format("layer {}", fmt::join(layers_of(run), ",")),
            options.contains("value") ? fmt::format("clamp {:g}", options["value"].value("clamp", 0.0)) : "no values",
            moments.empty() ? "no moments" : "moments " + moments.substr(0, 6),
            "",
            fmt::format("{} {}", run.facts.size(), run.facts.size() == 1 ? "fact" : "facts")};
}

// Options of a run that have no part of their own, by path.
std::map<std::string, std::string> other_options(const edit::Ledger& run) {
    std::map<std::string, std::string> others;
    const Json options = run.claims.options.flatten();
    for (const auto& [path, value] : options.items()) {
        const bool has_part = path == "/method" || path == "/mode" || path == "/value/layer" ||
                              path == "/value/clamp" || path.starts_with("/layers") ||
                              path.starts_with("/as_published");
        if (!has_part) others[path.substr(path.rfind('/') + 1)] = value.dump();
    }
    return others;
}

std::string joined_parts(const Parts& parts, const std::array<bool, kParts>& shown) {
    std::string text;
    for (std::size_t part = 0; part < kParts; ++part) {
        if (shown[part] && !parts[part].empty()) text += (text.empty() ? "" : ", ") + parts[part];
    }
    return text;
}

// Runs in a fixed order, with names that leave out what all of them have in common.
struct NamedRun {
    const edit::Ledger* ledger;
    Parts parts;
    std::string name;
};

// Names the other options in which runs of one method differ: methods differ in theirs by nature.
void add_others(std::vector<NamedRun>& runs) {
    std::map<std::string, std::map<std::string, std::set<std::string>>> values;  // by method and option
    for (const NamedRun& run : runs) {
        for (const auto& [option, value] : other_options(*run.ledger)) values[run.parts[kMethod]][option].insert(value);
    }
    for (NamedRun& run : runs) {
        std::string& text = run.parts[kOthers];
        for (const auto& [option, value] : other_options(*run.ledger)) {
            if (values[run.parts[kMethod]][option].size() > 1)
                text += fmt::format("{}{} {}", text.empty() ? "" : ", ", option, value);
        }
    }
}

std::vector<NamedRun> named_runs(const std::vector<edit::Ledger>& ledgers) {
    std::vector<NamedRun> runs;
    for (const edit::Ledger& ledger : ledgers) runs.push_back({&ledger, parts_of(ledger), ""});
    add_others(runs);
    std::ranges::stable_sort(runs, {}, [](const NamedRun& run) {
        return std::tuple(run.parts[kMode], run.parts[kMethod], layers_of(*run.ledger), run.parts[kClamp],
                          run.parts[kMoments], run.parts[kOthers], run.ledger->facts.size());
    });
    std::array<bool, kParts> shown{};
    shown[kMethod] = shown[kFacts] = true;
    for (std::size_t part = 0; part < kParts; ++part) {
        shown[part] |= runs.size() == 1 || std::ranges::any_of(runs, [&](const NamedRun& run) {
                           return run.parts[part] != runs.front().parts[part];
                       });
    }
    for (NamedRun& run : runs) run.name = joined_parts(run.parts, shown);
    return runs;
}

bool measured(const edit::Ledger& run) { return run.metrics.contains("after"); }

const Json& metrics_of(const edit::Ledger& run, const char* when) { return run.metrics.at(when).at("metrics"); }

// Shares that the figures show, success first: CounterFact's scores, or strict matches where facts have no true object.
std::vector<std::string> shares_of(const edit::Ledger& run) {
    std::vector<std::string> shares;
    for (const char* kind : {"_score", "_strict"}) {
        for (const char* of : {"efficacy", "paraphrase", "neighbourhood"}) {
            if (metrics_of(run, "after").contains(std::string(of) + kind)) shares.push_back(std::string(of) + kind);
        }
        if (!shares.empty()) return shares;
    }
    return shares;
}

std::string words_of(std::string name) {
    std::ranges::replace(name, '_', ' ');
    return name;
}

double number(const Json& json) { return json.is_number() ? json.get<double>() : std::nan(""); }

// A metric in per cent, with its interval and what it was before.
report::Dot dot_of(const edit::Ledger& run, const std::string& name) {
    report::Dot dot;
    const Json& after = metrics_of(run, "after");
    if (!after.contains(name)) return dot;
    dot.value = 100 * number(after[name].at("value"));
    dot.low = 100 * number(after[name].at("ci95").at(0));
    dot.high = 100 * number(after[name].at("ci95").at(1));
    const Json& before = metrics_of(run, "before");
    if (before.contains(name)) dot.reference = 100 * number(before[name].at("value"));
    return dot;
}

std::string per_cent(double value) { return std::isfinite(value) ? fmt::format("{:.1f}", value) : "–"; }

std::vector<double> update_norms(const edit::Ledger& run) {
    std::vector<double> norms;
    for (const Json& change : run.changes)
        norms.push_back(change.value("norm", 0.0) / change.value("weight_norm", 1.0));
    return norms;
}

std::vector<std::string> shares_of(const std::vector<NamedRun>& runs) {
    std::vector<std::string> names;
    for (const NamedRun& run : runs) {
        if (!measured(*run.ledger)) continue;
        for (const std::string& name : shares_of(*run.ledger)) {
            if (std::ranges::find(names, name) == names.end()) names.push_back(name);
        }
    }
    return names;
}

void add_overview(report::Page& page, const std::vector<NamedRun>& runs) {
    std::vector<std::string> shares = shares_of(runs), columns{"run"};
    report::DotPlot plot{.title = "Success and locality by run",
                         .x_label = "per cent; hollow: before; bars: 95 %",
                         .panels = {},
                         .rows = {}};
    for (const std::string& name : shares) plot.panels.push_back(words_of(name));
    shares.push_back("edit_score");
    for (const std::string& name : shares) columns.push_back(words_of(name) + ", %");
    columns.insert(columns.end(), {"largest update / ‖W‖", "values clamped"});
    std::vector<std::vector<std::string>> rows;
    for (const auto& [ledger, parts, name] : runs) {
        std::vector<std::string>& row = rows.emplace_back(1, name);
        report::DotRow dots{name, {}};
        for (const std::string& share : shares) {
            const report::Dot dot = measured(*ledger) ? dot_of(*ledger, share) : report::Dot{};
            row.push_back(measured(*ledger) ? fmt::format("{} → {}", per_cent(dot.reference), per_cent(dot.value))
                                            : "–");
            if (share != "edit_score") dots.dots.push_back(dot);
        }
        const std::vector<double> norms = update_norms(*ledger);
        row.push_back(norms.empty() ? "–" : fmt::format("{:.3g}", std::ranges::max(norms)));
        const auto clamped =
            std::ranges::count_if(ledger->records, [](const auto& record) { return record.value.clamped; });
        row.push_back(fmt::format("{} of {}", clamped, ledger->records.size()));
        if (measured(*ledger)) plot.rows.push_back(std::move(dots));
    }
    page.heading("Runs");
    page.table(columns, rows, 1);
    if (!plot.rows.empty()) page.figure(dot_plot_svg(plot));
    for (const NamedRun& run : runs) {
        const std::string published = edit::describe_published(run.ledger->claims.options);
        if (!published.empty()) page.paragraph(fmt::format("{}: {}.", run.name, published));
    }
}

// Curves of the shares over what `x` says of a run: a figure for each of the settings in which runs agree but for the
// method and the part `varied`, a curve for each method of which there are two places at least.
void add_curves(report::Page& page, const std::string& title, const std::string& x_label,
                const std::vector<NamedRun>& runs, Part varied, const std::function<double(const edit::Ledger&)>& x) {
    std::array<bool, kParts> agreed;
    agreed.fill(true);
    agreed[kMethod] = agreed[varied] = false;
    // Runs on other facts may have the same x: each is a point.
    using Points = std::multimap<double, const edit::Ledger*>;
    std::map<std::string, std::map<std::string, Points>> figures;
    for (const NamedRun& run : runs) {
        if (measured(*run.ledger))
            figures[joined_parts(run.parts, agreed)][run.parts[kMethod]].emplace(x(*run.ledger), run.ledger);
    }
    for (auto& [setting, methods] : figures)
        std::erase_if(methods, [](const auto& method) {
            const Points& points = method.second;
            return points.begin()->first == std::prev(points.end())->first;
        });
    std::erase_if(figures, [](const auto& figure) { return figure.second.empty(); });
    if (figures.empty()) return;
    page.heading(title);
    for (const auto& [setting, methods] : figures) {
        report::LinePlot plot{setting, x_label, "per cent", {}};
        for (const std::string& share : shares_of(runs)) {
            report::Panel& panel = plot.panels.emplace_back(words_of(share), std::vector<report::Curve>{});
            for (const auto& [method, points] : methods) {
                report::Curve& curve = panel.curves.emplace_back(method);
                for (const auto& [at, run] : points) {
                    const double value = dot_of(*run, share).value;
                    if (!std::isfinite(value)) continue;
                    curve.x.push_back(at);
                    curve.y.push_back(value);
                }
            }
        }
        page.figure(line_plot_svg(plot));
    }
}

void add_update_norms(report::Page& page, const std::vector<NamedRun>& runs) {
    report::LinePlot plot{"Update norms along sequential runs", "change of a matrix", "‖Δ‖ / ‖W‖", {{"", {}}}};
    for (const NamedRun& run : runs) {
        if (run.ledger->claims.options.value("mode", "") != "sequential") continue;
        report::Curve curve{run.name, {}, update_norms(*run.ledger), {}};
        for (std::size_t i = 0; i < curve.y.size(); ++i) curve.x.push_back(static_cast<double>(i + 1));
        if (curve.y.size() > 1) plot.panels[0].curves.push_back(std::move(curve));
    }
    if (plot.panels[0].curves.empty()) return;
    page.heading(plot.title);
    page.figure(line_plot_svg(plot));
}

// Facts whose own prompt does not give the new target, and what the ledger says of them.
void add_failures(report::Page& page, const std::vector<NamedRun>& runs) {
    std::vector<std::vector<std::string>> rows;
    std::string left_out;
    for (const auto& [ledger, parts, name] : runs) {
        const edit::Ledger& run = *ledger;
        if (!measured(run) || shares_of(run).empty()) continue;
        const std::string success = shares_of(run).front();
        std::set<std::string> failed;
        for (const Json& row : run.metrics["after"].at("rows")) {
            if (number(row.value(success, Json())) < 1) failed.insert(row.at("fact").get<std::string>());
        }
        std::map<std::size_t, const edit::EditRecord*> records;
        for (const edit::EditRecord& record : run.records) {
            for (const std::size_t fact : record.facts) records[fact] = &record;
        }
        std::size_t shown = 0;
        for (std::size_t i = 0; i < run.facts.size(); ++i) {
            const edit::Fact& fact = run.facts[i];
            if (failed.count(fact.id) == 0 || ++shown > kFailuresShown) continue;
            const auto record = records.find(i);
            std::string reason = "not written: the run ended before it";
            if (record != records.end()) {
                reason = fmt::format("loss {:.2f} when its value was done", record->second->value.nll);
                if (!record->second->note.empty()) reason += "; " + record->second->note;
            }
            rows.push_back({name, fact.id, fact.sentence(), fact.target_new, reason});
        }
        if (shown > kFailuresShown) left_out += fmt::format(" {}: {} more.", name, shown - kFailuresShown);
    }
    page.heading("Facts whose own prompt does not give the new target");
    if (rows.empty()) {
        page.paragraph("None.");
    } else {
        page.table({"run", "fact", "prompt", "new target", "what is known of it"}, rows, 5);
    }
    if (!left_out.empty()) page.paragraph("Not shown:" + left_out);
}

void add_answers(report::Page& page, const std::vector<NamedRun>& runs) {
    std::vector<std::vector<std::string>> rows;
    for (const NamedRun& run : runs) {
        for (const Json& answer : run.ledger->metrics.value("answers", Json::array())) {
            rows.push_back({run.name, answer.at("prompt").get<std::string>(), answer.at("before").get<std::string>(),
                            answer.at("after").get<std::string>()});
        }
    }
    if (rows.empty()) return;
    page.heading("What the model goes on with");
    page.table({"run", "prompt", "before", "after"}, rows, 4);
}

}  // namespace

std::string edit_report(const std::vector<edit::Ledger>& ledgers) {
    const std::vector<NamedRun> runs = named_runs(ledgers);
    report::Page page("Facts written");
    add_overview(page, runs);
    add_curves(
        page, "Over the number of facts", "log10 of the number of facts", runs, kFacts,
        [](const edit::Ledger& run) { return std::log10(std::max(1.0, static_cast<double>(run.facts.size()))); });
    add_curves(page, "Over layers", "layer", runs, kLayers, [](const edit::Ledger& run) {
        return layers_of(run).empty() ? -1.0 : static_cast<double>(layers_of(run).front());
    });
    add_update_norms(page, runs);
    add_failures(page, runs);
    add_answers(page, runs);
    return page.finish();
}

}  // namespace nepenthe::pipelines
