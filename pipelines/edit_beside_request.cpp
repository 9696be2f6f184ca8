#include "pipelines/edit_beside_request.h"

#include "pipelines/chat_word.h"
#include "pipelines/edit_forms.h"

namespace nepenthe::pipelines {

void BesideRequest::declare(Options& options) {
    options.add("method", method, all_method_names(), "wise or ike here; other methods have other options");
    options.add("model", model, "model to edit");
    options.add("facts", facts, "facts: JSON Lines, CounterFact, EasyEdit, zsRE, TOFU");
    options.add("pool", pool, "other facts of such a form, never edited");
    words.declare(options, fact_options);
    options.add("limit", fact_options.limit, "first N facts; 0 = all", 0);
    options.add("skip-evaluation", skip_evaluation, "do not measure the facts before and after");
    common.declare(options);
    options.require("method");
    options.require("model");
    options.require("facts");
    options.require("pool");
}

void BesideRequest::finish() {
    words.finish(fact_options);
    resolve_prompt_form(fact_options.prompt_form, model);
}

edit::FactFile BesideRequest::read_facts() const { return edit::read_facts(facts, fact_options); }

edit::FactFile BesideRequest::read_pool() const {
    edit::FactOptions of_pool = fact_options;
    of_pool.format = edit::FactFormat::kAuto;
    of_pool.limit = 0;
    return edit::read_facts(pool, of_pool);
}

std::string metric_lines(const Json& before, const Json& after) {
    std::string lines;
    for (const auto& [name, metric] : after.items()) {
        lines += fmt::format("  {:28} {:8.2f} → {:8.2f}\n", name, 100 * before[name].value("value", 0.0),
                             100 * metric.value("value", 0.0));
    }
    return lines;
}

}  // namespace nepenthe::pipelines
