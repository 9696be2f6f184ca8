#include "evaluate/fact_items.h"

#include "base/log.h"

#include <utility>

namespace nepenthe::evaluate {

FactItems read_fact_items(const std::filesystem::path& file, const EvaluateOptions& options) {
    edit::FactOptions reading = options.fact_options;
    reading.limit = options.limit;
    edit::FactFile read = edit::read_facts(file, reading);
    FactItems items{std::move(read.facts), {}};
    const auto leave_out = [&](std::size_t count, std::string what) {
        if (count > 0) items.left_out.push_back({static_cast<std::int64_t>(count), std::move(what)});
    };
    leave_out(read.skipped, "bad records" + (read.bad.empty() ? "" : ", the first: " + read.bad.front()));
    leave_out(read.unanswered, "prompts about other things that have no answer");
    return items;
}

void leave_out_unscorable(FactItems& items, const EvaluateOptions& options,
                          const std::function<void(const edit::Fact&)>& encode) {
    if (!options.fact_options.skip_bad) return;
    std::vector<edit::Fact> kept;
    std::string first;
    for (edit::Fact& fact : items.facts) {
        try {
            encode(fact);
            kept.push_back(std::move(fact));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            if (first.empty()) first = fmt::format("fact {}: {}", fact.id, error.what());
        }
    }
    const std::size_t count = items.facts.size() - kept.size();
    if (count > 0) {
        log_warning("{} facts cannot be scored and are left out; {}", count, first);
        items.left_out.push_back(
            {static_cast<std::int64_t>(count), "facts that cannot be scored, the first: " + first});
    }
    if (kept.empty()) fail(ErrorKind::kData, "none of {} facts can be scored; {}", count, first);
    items.facts = std::move(kept);
}

}  // namespace nepenthe::evaluate
