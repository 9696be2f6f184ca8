#include "pipelines/comparison_table.h"

#include "pipelines/table_text.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace nepenthe::pipelines {

namespace {

double number_or_nan(const Json& json) { return json.is_number() ? json.get<double>() : NAN; }

std::string p_text(const Json& p) { return p.is_number() ? fmt::format("{:.2g}", p.get<double>()) : kNone; }

const evaluate::TaskResult* find_task(const NamedResults& model, const std::string& task) {
    const auto found = std::ranges::find(model.results, task, &evaluate::TaskResult::task);
    return found == model.results.end() ? nullptr : &*found;
}

class Table {
  public:
    Table(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models, const Json& comparisons)
        : models_(models), comparisons_(comparisons) {
        for (const NamedResults& model : earlier) columns_.push_back(&model);
        for (const NamedResults& model : models) columns_.push_back(&model);
        for (const NamedResults& model : models) {
            if (&model != columns_.front()) changed_.push_back(&model);
        }
    }

    std::string text() && {
        add_head();
        for (const evaluate::TaskResult& task : models_.front().results) {
            for (const evaluate::Metric& metric : task.metrics) add_metric(task.task, metric.name);
            add_paired(task);
        }
        return lay_out(rows_) + left_out();
    }

  private:
    void add_head() {
        std::vector<std::string> row{"task", "metric"};
        for (const NamedResults* model : columns_) row.push_back(model->name);
        for (const NamedResults* model : changed_) {
            row.push_back(columns_.size() == 2 ? "change" : "change of " + model->name);
            row.push_back("p");
        }
        rows_.push_back(std::move(row));
    }

    // What compare() says of this model, in this task, beside the first column's; null where that is nothing.
    const Json& compared(const NamedResults& model, const std::string& task, const std::string& name) const {
        static const Json nothing;
        const auto pair = comparisons_.find(columns_.front()->name + " → " + model.name);
        if (pair == comparisons_.end() || !pair->contains(task) || !pair->at(task).contains(name)) return nothing;
        return pair->at(task).at(name);
    }

    void add_metric(const std::string& task, const std::string& name) {
        std::vector<std::string> row{task, name};
        for (const NamedResults* model : columns_) {
            const evaluate::TaskResult* result = find_task(*model, task);
            const auto* metrics = result == nullptr ? nullptr : &result->metrics;
            const auto metric = metrics == nullptr ? nullptr : find_metric(*metrics, name);
            row.push_back(metric == nullptr ? kNone
                                            : with_interval(number_text(metric->value), metric->low, metric->high));
        }
        for (const NamedResults* model : changed_) {
            const Json& change = compared(*model, task, name);
            if (change.is_null()) {
                row.resize(row.size() + 2, kNone);
                continue;
            }
            row.push_back(with_interval(number_text(number_or_nan(change.at("difference")), "+"),
                                        number_or_nan(change.at("ci95").at(0)), number_or_nan(change.at("ci95").at(1)),
                                        "+"));
            row.push_back(p_text(change.at("p_value")));
        }
        rows_.push_back(std::move(row));
    }

    // Measures of a pair, which no model has alone: its value stands in the other model's column.
    void add_paired(const evaluate::TaskResult& task) {
        std::set<std::string> names;
        for (const NamedResults* model : changed_) {
            const auto pair = comparisons_.find(columns_.front()->name + " → " + model->name);
            if (pair == comparisons_.end() || !pair->contains(task.task)) continue;
            for (const auto& [name, measure] : pair->at(task.task).items()) {
                if (find_metric(task.metrics, name) == nullptr) names.insert(name);
            }
        }
        for (const std::string& name : names) {
            std::vector<std::string> row{task.task, name};
            for (const NamedResults* model : columns_) {
                const Json& measure = compared(*model, task.task, name);
                const Json interval = measure.is_null() ? Json() : measure.value("ci95", Json());
                row.push_back(measure.is_null()
                                  ? kNone
                                  : with_interval(number_text(number_or_nan(measure.at("value"))),
                                                  interval.is_array() ? number_or_nan(interval[0]) : NAN,
                                                  interval.is_array() ? number_or_nan(interval[1]) : NAN));
            }
            for (const NamedResults* model : changed_) {
                const Json& measure = compared(*model, task.task, name);
                // Forget quality is the p-value of a test.
                const bool is_p = !measure.is_null() && measure.contains("statistic");
                row.emplace_back(kNone);
                row.push_back(is_p ? p_text(measure.at("value")) : kNone);
            }
            rows_.push_back(std::move(row));
        }
    }

    static const evaluate::Metric* find_metric(const std::vector<evaluate::Metric>& metrics, const std::string& name) {
        const auto found = std::ranges::find(metrics, name, &evaluate::Metric::name);
        return found == metrics.end() ? nullptr : &*found;
    }

    // Every model leaves out the same, but for what its tokenizer decides.
    std::string left_out() const {
        std::string text;
        for (const NamedResults& model : models_) {
            for (const evaluate::TaskResult& task : model.results) {
                for (const evaluate::LeftOut& some : task.left_out) {
                    const std::string of = models_.size() > 1 ? ", " + model.name : "";
                    text += fmt::format("left out of {}{}: {} {}\n", task.task, of, some.count, some.what);
                }
            }
        }
        return text;
    }

    const std::vector<NamedResults>& models_;
    const Json& comparisons_;
    std::vector<const NamedResults*> columns_, changed_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace

std::string comparison_table(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models,
                             const Json& comparisons) {
    return Table(earlier, models, comparisons).text();
}

}  // namespace nepenthe::pipelines
