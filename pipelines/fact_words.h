#pragma once
// How a file of facts is read, as `edit` in all its forms and `evaluate` are told: the same options by the same names.

#include "edit/facts/facts.h"
#include "pipelines/options.h"

#include <string>

namespace nepenthe::pipelines {

struct FactWords {
    std::string format = "auto", zsre = "rome", target = "none";

    // Declares --fact-format, --zsre-convention, --target, --fact-prompt and --skip-bad.
    void declare(Options& table, edit::FactOptions& options);
    // After parsing: what the words mean.
    void finish(edit::FactOptions& options) const;
};

}  // namespace nepenthe::pipelines
