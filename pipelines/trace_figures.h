#pragma once
// What `trace` draws: heat maps of single facts and of their averages, curves with confidence bands.

#include "edit/trace/trace.h"
#include "edit/trace/trace_average.h"

#include <filesystem>
#include <vector>

namespace nepenthe::pipelines {

// Writes SVG files below `folder`, which is created: fact-NNNN-<kind>.svg for the first `facts` correct cases,
// average-<kind>.svg, effects.svg, severed.svg. Not collective.
void draw_traces(const std::filesystem::path& folder, const std::vector<edit::TraceCase>& cases,
                 const edit::TraceAverages& averages, const edit::TraceSettings& settings, std::int64_t layers,
                 std::int64_t facts);

}  // namespace nepenthe::pipelines
