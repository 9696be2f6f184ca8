#include "edit/trace/trace_file.h"

#include "store/hdf5.h"

#include <functional>
#include <limits>

namespace nepenthe::edit {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Small tables, by rows.
class Tables {
  public:
    explicit Tables(store::H5Writer& file) : file_(file) {}

    template <typename T>
    void add(const std::string& name, const std::vector<T>& values, std::vector<std::uint64_t> shape,
             std::vector<std::string> axes, const std::string& description, const std::string& units = "") {
        file_.write_small({.name = name,
                           .type = store::h5_type_of<T>(),
                           .shape = shape,
                           .rows_per_chunk = shape[0],
                           .axes = std::move(axes),
                           .description = description,
                           .units = units},
                          std::as_bytes(std::span(values)));
    }

  private:
    store::H5Writer& file_;
};

Json cases_json(const std::vector<TraceCase>& cases) {
    Json list = Json::array();
    for (const TraceCase& one : cases) {
        list.push_back({{"prompt", one.prompt.prompt},
                        {"subject", one.prompt.subject},
                        {"attribute", one.prompt.attribute},
                        {"answer", one.answer},
                        {"input_tokens", one.token_texts}});
    }
    return list;
}

void write_cases(Tables& tables, const std::vector<TraceCase>& cases) {
    std::vector<std::uint8_t> correct;
    std::vector<std::int32_t> answers, ids;
    std::vector<std::int64_t> subjects, first_token{0};
    std::vector<double> high, low;
    for (const TraceCase& one : cases) {
        correct.push_back(one.correct);
        answers.push_back(one.trace.answer);
        subjects.insert(subjects.end(), {one.tokens.subject.begin, one.tokens.subject.end});
        ids.insert(ids.end(), one.tokens.ids.begin(), one.tokens.ids.end());
        first_token.push_back(std::ssize(ids));
        high.push_back(one.correct ? one.trace.high : kNone);
        low.push_back(one.correct ? one.trace.low : kNone);
    }
    const std::uint64_t n = cases.size();
    tables.add("/cases/correct_prediction", correct, {n}, {"case"},
               "1: the likeliest next token is the attribute; others were not traced");
    tables.add("/cases/answer", answers, {n}, {"case"}, "id of the likeliest next token");
    tables.add("/cases/subject_range", subjects, {n, 2}, {"case", "bound"},
               "first subject token and the one behind the last");
    tables.add("/cases/first_token", first_token, {n + 1}, {"case"},
               "row of /tokens and /scores where each case begins; one more at the end");
    tables.add("/cases/high_score", high, {n}, {"case"}, "answer's probability in the clean run, NaN where not traced",
               "probability");
    tables.add("/cases/low_score", low, {n}, {"case"}, "mean probability over corrupted runs, NaN where not traced",
               "probability");
    tables.add("/tokens/id", ids, {ids.size()}, {"token"}, "token ids of all prompts, one behind the other");
}

void write_scores(Tables& tables, const std::vector<TraceCase>& cases, const TraceSettings& settings,
                  std::uint64_t layers) {
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        std::vector<double> scores;
        for (const TraceCase& one : cases) {
            if (one.correct) {
                scores.insert(scores.end(), one.trace.scores[kind].begin(), one.trace.scores[kind].end());
            } else {
                scores.insert(scores.end(), one.tokens.ids.size() * layers, kNone);
            }
        }
        tables.add(std::string("/scores/") + kTraceKindNames[static_cast<std::size_t>(settings.kinds[kind])], scores,
                   {scores.size() / layers, layers}, {"token", "layer"},
                   "mean probability of the answer with this token and layer (or the window around it) restored, NaN "
                   "where not traced",
                   "probability");
    }
    if (!settings.severed) return;
    const auto severed = [&](const char* name, std::vector<double> FactTrace::*values) {
        std::vector<double> scores;
        for (const TraceCase& one : cases) {
            const std::vector<double>& row = one.trace.*values;
            if (one.correct)
                scores.insert(scores.end(), row.begin(), row.end());
            else
                scores.insert(scores.end(), layers, kNone);
        }
        tables.add(
            name, scores, {cases.size(), layers}, {"case", "layer"},
            "as /scores/state at the last subject token, outputs of this kind held at their corrupted values there",
            "probability");
    };
    severed("/severed/mlp", &FactTrace::severed_mlp);
    severed("/severed/attention", &FactTrace::severed_attention);
}

void write_averages(Tables& tables, const TraceAverages& averages, const TraceSettings& settings,
                    std::uint64_t layers) {
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        std::vector<double> means, half_widths;
        std::vector<std::int64_t> counts;
        for (const auto& role : averages.effects[kind]) {
            for (const Estimate& layer : role) {
                means.push_back(layer.mean);
                half_widths.push_back(layer.half_width);
                counts.push_back(layer.count);
            }
        }
        const std::string name =
            std::string("/average/") + kTraceKindNames[static_cast<std::size_t>(settings.kinds[kind])];
        const std::vector<std::uint64_t> shape{kRoleNames.size(), layers};
        tables.add(name, means, shape, {"role", "layer"}, "mean indirect effect (score - low) over correct cases",
                   "probability");
        tables.add(name + "_half_width", half_widths, shape, {"role", "layer"}, "half of the 95 % interval",
                   "probability");
        tables.add(name + "_count", counts, shape, {"role", "layer"}, "tokens in the mean");
    }
}

}  // namespace

std::string write_trace_file(const dist::Comm& comm, const std::filesystem::path& path,
                             const std::vector<TraceCase>& cases, const TraceAverages& averages,
                             const TraceSettings& settings, std::int64_t layers, const Json& attributes) {
    Json root = attributes;
    root["window"] = settings.window;
    root["roles_json"] = canonical_json(Json(kRoleNames));
    store::H5Writer file(comm, path, kTraceFormat, kTraceFormatVersion, root);
    Tables tables(file);
    write_cases(tables, cases);
    write_scores(tables, cases, settings, static_cast<std::uint64_t>(layers));
    write_averages(tables, averages, settings, static_cast<std::uint64_t>(layers));
    file.write_text("/text", canonical_json(cases_json(cases)),
                    "prompts, subjects, attributes, answers and tokens as text, JSON");
    return file.close();
}

}  // namespace nepenthe::edit
