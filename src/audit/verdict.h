#pragma once
// Whether the lines of a policy hold, judged from the rows that `evaluate` keeps of every item.

#include "audit/policy.h"
#include "evaluate/evaluate.h"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::audit {

// What was measured of a model under an attack, by the step of training; 0 where nothing is trained.
using Steps = std::map<std::int64_t, std::vector<evaluate::TaskResult>>;
// By attack, in the policy's order.
using Measured = std::vector<std::map<Subject, Steps>>;

enum class Outcome {
    kPass,
    kFail,
    kOpen,  // nothing can be concluded: a model is missing, or there is no interval
};
const char* outcome_name(Outcome outcome);

struct Verdict {
    Outcome outcome = Outcome::kOpen;
    double value = std::numeric_limits<double>::quiet_NaN();
    double low = value, high = value;  // 95 %
    std::int64_t step = 0;             // of several, the one that is farthest from holding
    std::int64_t clusters = 0;         // sampling units of the interval
    std::string reason;                // of kOpen
};

// Intervals take the items that say the same "document" for one sampling unit, and are paired where two models are
// compared. Throws Error(kData) where a task was not measured or has no such metric.
Verdict judge(const Policy& policy, const Line& line, const Measured& measured);

}  // namespace nepenthe::audit
