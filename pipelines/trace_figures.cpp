#include "pipelines/trace_figures.h"

#include "io/file.h"
#include "report/heat_map.h"
#include "report/line_plot.h"

#include <fmt/format.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

using edit::TraceKind;

constexpr std::array<report::Palette, 3> kPalettes = {report::Palette::kPurples, report::Palette::kGreens,
                                                      report::Palette::kReds};
constexpr std::array<const char*, 3> kRestored = {"one state", "MLP outputs", "attention outputs"};

std::string axis_label(TraceKind kind, std::int64_t window) {
    return kind == TraceKind::kState ? "layer whose state is restored"
                                     : fmt::format("centre of the {} layers restored", window);
}

void write_figure(const std::filesystem::path& folder, const std::string& name, const std::string& svg) {
    io::write_file_atomically(folder / (name + ".svg"), svg);
}

report::HeatMap fact_map(const edit::TraceCase& one, TraceKind kind, const std::vector<double>& scores,
                         std::int64_t window, std::int64_t layers) {
    report::HeatMap map{
        .title = fmt::format("Restoring {}: \"{}\"", kRestored[static_cast<std::size_t>(kind)], one.prompt.prompt),
        .rows = {},
        .values = {},
        .x_label = axis_label(kind, window),
        .bar_label = fmt::format("p({})", one.answer),
        .low = one.trace.low,
        .high = std::max(one.trace.high, *std::max_element(scores.begin(), scores.end())),
        .palette = kPalettes[static_cast<std::size_t>(kind)]};
    for (std::int64_t token = 0; token < std::ssize(one.tokens.ids); ++token) {
        const bool subject = token >= one.tokens.subject.begin && token < one.tokens.subject.end;
        map.rows.push_back(one.token_texts[static_cast<std::size_t>(token)] + (subject ? "*" : ""));
        const auto row = scores.begin() + token * layers;
        map.values.emplace_back(row, row + layers);
    }
    return map;
}

// The common upper limit comes from the single states, or from the strongest kind where they were not traced.
double common_limit(const edit::TraceAverages& averages, const edit::TraceSettings& settings) {
    double limit = 1e-9, states = 0;
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        for (const auto& role : averages.effects[kind]) {
            for (const edit::Estimate& layer : role) {
                limit = std::max(limit, layer.mean);
                if (settings.kinds[kind] == TraceKind::kState) states = std::max(states, layer.mean);
            }
        }
    }
    return states > 0 ? states : limit;
}

report::HeatMap average_map(const edit::TraceAverages& averages, const edit::RoleEffects& effects, TraceKind kind,
                            std::int64_t window, double limit) {
    report::HeatMap map{.title = fmt::format("Average indirect effect of {} over {} facts",
                                             kRestored[static_cast<std::size_t>(kind)], averages.correct),
                        .rows = {edit::kRoleNames.begin(), edit::kRoleNames.end()},
                        .values = {},
                        .x_label = axis_label(kind, window),
                        .bar_label = "AIE",
                        .low = 0,
                        .high = limit,
                        .palette = kPalettes[static_cast<std::size_t>(kind)]};
    for (const auto& role : effects) {
        std::vector<double>& row = map.values.emplace_back();
        for (const edit::Estimate& layer : role) row.push_back(std::max(layer.mean, 0.0));
    }
    return map;
}

report::Curve curve(const std::string& name, const std::vector<edit::Estimate>& layers) {
    report::Curve out{name, {}, {}, {}};
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        out.x.push_back(static_cast<double>(layer));
        out.y.push_back(layers[layer].mean);
        out.half_width.push_back(layers[layer].half_width);
    }
    return out;
}

report::LinePlot effects_plot(const edit::TraceAverages& averages, const edit::TraceSettings& settings) {
    report::LinePlot plot{fmt::format("Average indirect effects over {} facts, 95 % bands", averages.correct),
                          "layer",
                          "average indirect effect",
                          {}};
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        report::Panel& panel = plot.panels.emplace_back();
        panel.title = fmt::format("restoring {}", kRestored[static_cast<std::size_t>(settings.kinds[kind])]);
        for (std::size_t role = 0; role < edit::kRoleNames.size(); ++role) {
            if (averages.effects[kind][role][0].count == 0) continue;
            panel.curves.push_back(curve(edit::kRoleNames[role], averages.effects[kind][role]));
        }
    }
    return plot;
}

report::LinePlot severed_plot(const edit::TraceAverages& averages, const edit::TraceSettings& settings) {
    report::Panel panel{"states at the last subject token", {}};
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        if (settings.kinds[kind] != TraceKind::kState) continue;
        const auto& role = averages.effects[kind][static_cast<std::size_t>(edit::TokenRole::kLastSubject)];
        panel.curves.push_back(curve("single state", role));
    }
    panel.curves.push_back(curve("attention severed", averages.severed_attention));
    panel.curves.push_back(curve("MLP severed", averages.severed_mlp));
    return {"What the effect of a state needs above it",
            "layer whose state is restored",
            "average indirect effect",
            {panel}};
}

}  // namespace

void draw_traces(const std::filesystem::path& folder, const std::vector<edit::TraceCase>& cases,
                 const edit::TraceAverages& averages, const edit::TraceSettings& settings, std::int64_t layers,
                 std::int64_t facts) {
    std::filesystem::create_directories(folder);
    std::int64_t drawn = 0;
    for (std::size_t i = 0; i < cases.size() && drawn < facts; ++i) {
        if (!cases[i].correct) continue;
        ++drawn;
        for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
            write_figure(
                folder,
                fmt::format("fact-{:04}-{}", i, edit::kTraceKindNames[static_cast<std::size_t>(settings.kinds[kind])]),
                heat_map_svg(
                    fact_map(cases[i], settings.kinds[kind], cases[i].trace.scores[kind], settings.window, layers)));
        }
    }
    const double limit = common_limit(averages, settings);
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        write_figure(
            folder, std::string("average-") + edit::kTraceKindNames[static_cast<std::size_t>(settings.kinds[kind])],
            heat_map_svg(average_map(averages, averages.effects[kind], settings.kinds[kind], settings.window, limit)));
    }
    write_figure(folder, "effects", line_plot_svg(effects_plot(averages, settings)));
    if (settings.severed) write_figure(folder, "severed", line_plot_svg(severed_plot(averages, settings)));
}

}  // namespace nepenthe::pipelines
