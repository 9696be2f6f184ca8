#pragma once
// The numbers of a trace: trace.h5, format "nepenthe.trace" (docs/formats.md).

#include "base/json.h"
#include "dist/comm.h"
#include "edit/trace/trace.h"
#include "edit/trace/trace_average.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

inline constexpr const char* kTraceFile = "trace.h5";
inline constexpr const char* kTraceFormat = "nepenthe.trace";
inline constexpr int kTraceFormatVersion = 1;

// Collective; all ranks hand in the same. Returns the content digest.
std::string write_trace_file(const dist::Comm& comm, const std::filesystem::path& path,
                             const std::vector<TraceCase>& cases, const TraceAverages& averages,
                             const TraceSettings& settings, std::int64_t layers, const Json& attributes);

}  // namespace nepenthe::edit
