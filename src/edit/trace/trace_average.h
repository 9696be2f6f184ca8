#pragma once
// Averages of causal traces over facts: by role of the token, with confidence bands, and what layers they speak for.

#include "base/json.h"
#include "edit/trace/trace.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace nepenthe::edit {

// A mean and half the width of its 95 % interval (1.96 standard errors).
struct Estimate {
    double mean = 0, half_width = 0;
    std::int64_t count = 0;
};
Estimate estimate(std::span<const double> values);

// Indirect effects (score - low) of one kind: [role][layer]; middle and further tokens pool all of them.
using RoleEffects = std::array<std::vector<Estimate>, kRoleNames.size()>;

struct TraceAverages {
    std::int64_t cases = 0, correct = 0;
    Estimate high, low, total_effect;                      // high - low
    std::vector<RoleEffects> effects;                      // per kind of the settings
    std::vector<Estimate> best_at_last_subject;            // per kind: the best layer of each fact, as an effect
    std::vector<Estimate> severed_mlp, severed_attention;  // effects at the last subject token; [layer]
};

// Over the correct cases alone. Throws Error(kData) where there is none.
TraceAverages average(const std::vector<TraceCase>& cases, const TraceSettings& settings, std::int64_t layers);

// Layers to edit, with the evidence. "single": where the effect of restored MLP outputs at the last subject token peaks
// (of states where MLPs were not traced). "batch": the layers next to it whose effect lies within the peak's interval,
// five at most. Tracing says where a fact is read, which need not be where it is best written: a proposal to start
// from.
Json propose_layers(const TraceAverages& averages, const TraceSettings& settings);

Json averages_json(const TraceAverages& averages, const TraceSettings& settings);

}  // namespace nepenthe::edit
