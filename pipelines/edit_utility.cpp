#include "pipelines/edit_utility.h"

#include "base/hash.h"
#include "evaluate/evaluate.h"
#include "io/file.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::pipelines {

void UtilityBudget::check(Problems& problems) const {
    if (!(budget > 0) || !std::isfinite(budget)) problems.add("--utility-budget must be positive, not {}", budget);
    if (windows < 0) problems.add("--utility-windows must not be negative");
    if (!text.empty() && !std::filesystem::exists(text))
        problems.add("--utility-text: {} does not exist", text.string());
}

std::string UtilityBudget::digest() const { return sha256_hex(io::read_file(text)); }

UtilityWatch::UtilityWatch(const dist::Comm& comm, const model::Decoder& unedited, const text::Tokenizer& tokenizer,
                           UtilityBudget budget)
    : comm_(comm), tokenizer_(tokenizer), budget_(std::move(budget)), before_(perplexity(unedited)) {}

double UtilityWatch::perplexity(const model::Decoder& decoder) const {
    evaluate::EvaluateOptions options;
    options.tasks = {"perplexity"};
    options.text = budget_.text;
    options.limit = budget_.windows;
    options.window =
        std::min<std::int64_t>(512, decoder.config().max_positions);  // a look after every batch must stay cheap
    return evaluate::evaluate(comm_, decoder, tokenizer_, options, {}).front().metrics.front().value;
}

void UtilityWatch::check(const model::Decoder& edited) {
    after_.push_back(perplexity(edited));
    const double most = before_ * (1 + budget_.budget);
    if (after_.back() <= most) return;  // not for NaN
    fail(ErrorKind::kGate,
         "the perplexity of {} rises from {:.4g} to {:.4g}, more than {:g} %: write fewer facts, or give a larger "
         "--utility-budget",
         budget_.text.string(), before_, after_.back(), 100 * budget_.budget);
}

Json UtilityWatch::to_json() const { return {{"before", before_}, {"after", after_}, {"budget", budget_.budget}}; }

}  // namespace nepenthe::pipelines
