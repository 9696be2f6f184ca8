#include "pipelines/layer_table.h"

#include "pipelines/table_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::pipelines {

namespace {

struct Column {
    std::string model;
    const std::vector<evaluate::Metric>* layers;
};

std::vector<Column> columns_of(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models,
                               const std::string& task, const std::string& metric) {
    std::vector<Column> columns;
    for (const auto* list : {&earlier, &models}) {
        for (const NamedResults& model : *list) {
            const auto found = std::ranges::find(model.results, task, &evaluate::TaskResult::task);
            if (found == model.results.end()) continue;
            const auto by_layer = std::ranges::find(found->by_layer, metric, &evaluate::LayerMetric::name);
            if (by_layer != found->by_layer.end()) columns.push_back({model.name, &by_layer->layers});
        }
    }
    return columns;
}

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool all_alike(const std::vector<Column>& columns) {
    return std::ranges::all_of(columns, [&](const Column& column) {
        return std::ranges::equal(*column.layers, *columns.front().layers, same_number, &evaluate::Metric::value,
                                  &evaluate::Metric::value);
    });
}

std::string one_table(const std::string& task, const std::string& metric, std::vector<Column> columns) {
    const bool alike = columns.size() > 1 && all_alike(columns);
    if (alike) columns.resize(1);
    std::vector<std::vector<std::string>> rows{{"layer"}};
    for (const Column& column : columns) rows[0].push_back(alike ? "all models" : column.model);
    for (std::size_t layer = 0; layer < columns.front().layers->size(); ++layer) {
        auto& row = rows.emplace_back();
        row.push_back(std::to_string(layer));
        for (const Column& column : columns) {
            if (layer >= column.layers->size()) {
                row.emplace_back(kNone);
                continue;
            }
            const evaluate::Metric& value = (*column.layers)[layer];
            row.push_back(with_interval(number_text(value.value), value.low, value.high));
        }
    }
    return fmt::format("\n{}, {} by layer\n", task, metric) + lay_out(rows);
}

}  // namespace

std::string layer_tables(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models) {
    std::string text;
    for (const evaluate::TaskResult& task : models.front().results) {
        for (const evaluate::LayerMetric& metric : task.by_layer) {
            if (metric.layers.empty()) continue;
            text += one_table(task.task, metric.name, columns_of(earlier, models, task.task, metric.name));
        }
    }
    return text;
}

}  // namespace nepenthe::pipelines
