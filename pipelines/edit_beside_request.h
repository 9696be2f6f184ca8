#pragma once
// The options that WISE and IKE share: what to write, and other facts.

#include "edit/facts/facts.h"
#include "pipelines/fact_words.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"

#include <filesystem>
#include <string>

namespace nepenthe::pipelines {

struct BesideRequest {
    CommonOptions common;
    std::filesystem::path model, facts, pool;
    std::string method;
    FactWords words;
    edit::FactOptions fact_options;
    bool skip_evaluation = false;

    void declare(Options& options);
    // After parsing: reads the words. Throws Error(kUsage).
    void finish();
    edit::FactFile read_facts() const;
    // Other facts, never edited: --pool.
    edit::FactFile read_pool() const;
};

// Metrics before and after, one line each.
std::string metric_lines(const Json& before, const Json& after);

}  // namespace nepenthe::pipelines
