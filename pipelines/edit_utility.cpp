#include "pipelines/edit_utility.h"

#include "base/hash.h"
#include "evaluate/paired_measures.h"
#include "io/file.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nepenthe::pipelines {

void UtilityBudget::check(Problems& problems) const {
    if (!(budget > 0) || !std::isfinite(budget)) problems.add("--utility-budget must be positive, not {}", budget);
    if (!(altered >= 0 && altered < 1)) problems.add("--utility-altered must be a share below 1, not {}", altered);
    if (windows < 0) problems.add("--utility-windows must not be negative");
    for (const auto& [option, path] : {std::pair{"text", text}, {"probe", probe}}) {
        if (!path.empty() && !std::filesystem::is_regular_file(path))
            problems.add("--utility-{}: there is no file {}", option, path.string());
    }
}

Json UtilityBudget::to_json() const {
    Json json = Json::object();
    if (!text.empty())
        json["perplexity"] = {{"text", sha256_hex(io::read_file(text))}, {"budget", budget}, {"windows", windows}};
    if (!probe.empty()) json["altered"] = {{"probe", sha256_hex(io::read_file(probe))}, {"budget", altered}};
    return json;
}

UtilityWatch::UtilityWatch(const dist::Comm& comm, const model::Decoder& unedited, const text::Tokenizer& tokenizer,
                           UtilityBudget budget)
    : comm_(comm), tokenizer_(tokenizer), budget_(std::move(budget)) {
    if (!budget_.text.empty()) perplexity_before_ = perplexity(unedited);
    if (!budget_.probe.empty()) answers_before_ = answers(unedited);
}

double UtilityWatch::perplexity(const model::Decoder& decoder) const {
    evaluate::EvaluateOptions options;
    options.tasks = {"perplexity"};
    options.text = budget_.text;
    options.limit = budget_.windows;
    options.window =
        std::min<std::int64_t>(512, decoder.config().max_positions);  // a look after every batch must stay cheap
    return evaluate::evaluate(comm_, decoder, tokenizer_, options, {}).front().metrics.front().value;
}

evaluate::TaskResult UtilityWatch::answers(const model::Decoder& decoder) const {
    evaluate::EvaluateOptions options;
    options.tasks = {"unrelated_facts"};
    options.unrelated_facts = budget_.probe;
    return evaluate::evaluate(comm_, decoder, tokenizer_, options, {}).front();
}

void UtilityWatch::check(const model::Decoder& edited) {
    Problems problems;
    // Both written so that NaN is beyond every budget.
    if (!budget_.text.empty()) {
        perplexities_.push_back(perplexity(edited));
        if (!(perplexities_.back() <= perplexity_before_ * (1 + budget_.budget))) {
            problems.add("the perplexity of {} rises from {:.4g} to {:.4g}, more than {:g} % (--utility-budget)",
                         budget_.text.string(), perplexity_before_, perplexities_.back(), 100 * budget_.budget);
        }
    }
    if (!budget_.probe.empty()) {
        const Json changed = evaluate::paired_measures(answers_before_, answers(edited))["unintended_alteration"];
        altered_.push_back(changed.at("value").get<double>());
        if (!(altered_.back() <= budget_.altered)) {
            problems.add("{} of {} answers to {} change, more than {:g} % (--utility-altered)",
                         changed.at("numerator").get<std::int64_t>(), changed.at("denominator").get<std::int64_t>(),
                         budget_.probe.string(), 100 * budget_.altered);
        }
    }
    problems.throw_if_any(ErrorKind::kGate, "edits cost more than they may: write fewer facts, or allow more");
}

Json UtilityWatch::to_json() const {
    Json json = Json::object();
    if (!budget_.text.empty())
        json["perplexity"] = {{"before", perplexity_before_}, {"after", perplexities_}, {"budget", budget_.budget}};
    if (!budget_.probe.empty()) json["altered"] = {{"after", altered_}, {"budget", budget_.altered}};
    return json;
}

}  // namespace nepenthe::pipelines
