#pragma once
// The page of an audit: what holds, what does not, what cannot be told, and every figure behind it.

#include "audit/verdict.h"
#include "base/json.h"

#include <string>

namespace nepenthe::pipelines {

// Changes with what the page says, for keys.
inline constexpr int kAuditReportVersion = 1;

// "(at most 0.05) [0.01, 0.04]" of a line of verdicts.json.
std::string limits_text(const Json& line);

// HTML of its own; `verdicts` as verdicts.json has them.
std::string audit_report(const audit::Policy& policy, const audit::Measured& measured, const Json& verdicts);

}  // namespace nepenthe::pipelines
