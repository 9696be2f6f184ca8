#include "edit/trace/trace_average.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

namespace {

Json json_of(const Estimate& value) {
    return {{"value", value.mean},
            {"ci95", {value.mean - value.half_width, value.mean + value.half_width}},
            {"n", value.count}};
}

// Values by layer, then their estimates.
struct ByLayer {
    std::vector<std::vector<double>> values;
    explicit ByLayer(std::int64_t layers) : values(static_cast<std::size_t>(layers)) {}
    std::vector<Estimate> estimates() const {
        std::vector<Estimate> out;
        for (const auto& some : values) out.push_back(estimate(some));
        return out;
    }
};

RoleEffects role_effects(const std::vector<TraceCase>& cases, std::size_t kind, std::int64_t layers) {
    std::vector<ByLayer> by_role(kRoleNames.size(), ByLayer(layers));
    for (const TraceCase& one : cases) {
        if (!one.correct) continue;
        const std::int64_t tokens = std::ssize(one.tokens.ids);
        for (std::int64_t token = 0; token < tokens; ++token) {
            for (const TokenRole role : roles_of(token, one.tokens.subject, tokens)) {
                for (std::int64_t layer = 0; layer < layers; ++layer) {
                    const double score = one.trace.scores[kind][static_cast<std::size_t>(token * layers + layer)];
                    by_role[static_cast<std::size_t>(role)].values[static_cast<std::size_t>(layer)].push_back(
                        score - one.trace.low);
                }
            }
        }
    }
    RoleEffects effects;
    for (std::size_t role = 0; role < effects.size(); ++role) effects[role] = by_role[role].estimates();
    return effects;
}

Estimate best_effect(const std::vector<TraceCase>& cases, std::size_t kind, std::int64_t layers) {
    std::vector<double> best;
    for (const TraceCase& one : cases) {
        if (!one.correct) continue;
        const auto row = one.trace.scores[kind].begin() + (one.tokens.subject.end - 1) * layers;
        best.push_back(*std::max_element(row, row + layers) - one.trace.low);
    }
    return estimate(best);
}

std::vector<Estimate> severed_effects(const std::vector<TraceCase>& cases, std::vector<double> FactTrace::*scores,
                                      std::int64_t layers) {
    ByLayer effects(layers);
    for (const TraceCase& one : cases) {
        if (!one.correct) continue;
        for (std::size_t layer = 0; layer < effects.values.size(); ++layer) {
            effects.values[layer].push_back((one.trace.*scores)[layer] - one.trace.low);
        }
    }
    return effects.estimates();
}

Json layers_json(const std::vector<Estimate>& layers) {
    Json list = Json::array();
    for (const Estimate& layer : layers) list.push_back(json_of(layer));
    return list;
}

}  // namespace

Estimate estimate(std::span<const double> values) {
    Estimate out{0, 0, std::ssize(values)};
    if (values.empty()) return out;
    for (const double value : values) out.mean += value;
    out.mean /= static_cast<double>(values.size());
    if (values.size() < 2) return out;
    double squares = 0;
    for (const double value : values) squares += (value - out.mean) * (value - out.mean);
    const auto n = static_cast<double>(values.size());
    out.half_width = 1.96 * std::sqrt(squares / (n - 1) / n);
    return out;
}

TraceAverages average(const std::vector<TraceCase>& cases, const TraceSettings& settings, std::int64_t layers) {
    TraceAverages out;
    std::vector<double> high, low, total;
    for (const TraceCase& one : cases) {
        ++out.cases;
        if (!one.correct) continue;
        ++out.correct;
        high.push_back(one.trace.high);
        low.push_back(one.trace.low);
        total.push_back(one.trace.high - one.trace.low);
    }
    if (out.correct == 0) {
        fail(ErrorKind::kData,
             "the model's likeliest next token is the attribute in none of {} prompts: there is nothing to trace",
             out.cases);
    }
    out.high = estimate(high);
    out.low = estimate(low);
    out.total_effect = estimate(total);
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        out.effects.push_back(role_effects(cases, kind, layers));
        out.best_at_last_subject.push_back(best_effect(cases, kind, layers));
    }
    if (settings.severed) {
        out.severed_mlp = severed_effects(cases, &FactTrace::severed_mlp, layers);
        out.severed_attention = severed_effects(cases, &FactTrace::severed_attention, layers);
    }
    return out;
}

Json propose_layers(const TraceAverages& averages, const TraceSettings& settings) {
    auto kind = std::find(settings.kinds.begin(), settings.kinds.end(), TraceKind::kMlp);
    if (kind == settings.kinds.end()) kind = std::find(settings.kinds.begin(), settings.kinds.end(), TraceKind::kState);
    if (kind == settings.kinds.end()) return {{"single", nullptr}, {"why", "neither MLPs nor states were traced"}};
    const auto index = static_cast<std::size_t>(kind - settings.kinds.begin());
    const std::vector<Estimate>& effects = averages.effects[index][static_cast<std::size_t>(TokenRole::kLastSubject)];
    const auto by_mean = [](const Estimate& a, const Estimate& b) { return a.mean < b.mean; };
    const auto peak = std::max_element(effects.begin(), effects.end(), by_mean) - effects.begin();
    const Estimate& best = effects[static_cast<std::size_t>(peak)];
    std::ptrdiff_t first = peak, last = peak;
    constexpr std::ptrdiff_t kMost = 5;
    const auto belongs = [&](std::ptrdiff_t layer) {
        return layer >= 0 && layer < std::ssize(effects) &&
               effects[static_cast<std::size_t>(layer)].mean >= best.mean - best.half_width;
    };
    // The stronger neighbour first; the lower one where both are alike.
    while (last - first + 1 < kMost && (belongs(first - 1) || belongs(last + 1))) {
        const bool down =
            belongs(first - 1) && (!belongs(last + 1) || !by_mean(effects[static_cast<std::size_t>(first - 1)],
                                                                  effects[static_cast<std::size_t>(last + 1)]));
        (down ? first : last) += down ? -1 : 1;
    }
    Json batch = Json::array();
    for (std::ptrdiff_t layer = first; layer <= last; ++layer) batch.push_back(layer);
    Json out{{"single", peak},
             {"batch", batch},
             {"evidence",
              {{"kind", kTraceKindNames[static_cast<std::size_t>(*kind)]},
               {"role", kRoleNames[static_cast<std::size_t>(TokenRole::kLastSubject)]},
               {"window", *kind == TraceKind::kMlp ? Json(settings.window) : Json(nullptr)},
               {"effect", json_of(best)},
               {"effects", layers_json(effects)},
               {"total_effect", json_of(averages.total_effect)},
               {"facts", averages.correct}}}};
    if (!averages.severed_mlp.empty()) {
        out["evidence"]["severed_mlp"] = layers_json(averages.severed_mlp);
        out["evidence"]["severed_attention"] = layers_json(averages.severed_attention);
    }
    return out;
}

Json averages_json(const TraceAverages& averages, const TraceSettings& settings) {
    Json out{{"cases", averages.cases},
             {"correct", averages.correct},
             {"high", json_of(averages.high)},
             {"low", json_of(averages.low)},
             {"total_effect", json_of(averages.total_effect)}};
    for (std::size_t kind = 0; kind < settings.kinds.size(); ++kind) {
        const char* const name = kTraceKindNames[static_cast<std::size_t>(settings.kinds[kind])];
        Json& of_kind = out["kinds"][name];
        of_kind["best_at_last_subject"] = json_of(averages.best_at_last_subject[kind]);
        for (std::size_t role = 0; role < kRoleNames.size(); ++role) {
            const std::vector<Estimate>& effects = averages.effects[kind][role];
            const auto peak = std::max_element(effects.begin(), effects.end(),
                                               [](const Estimate& a, const Estimate& b) { return a.mean < b.mean; });
            if (peak->count == 0) continue;
            of_kind["peaks"][kRoleNames[role]] = {{"layer", peak - effects.begin()}, {"effect", json_of(*peak)}};
        }
    }
    return out;
}

}  // namespace nepenthe::edit
