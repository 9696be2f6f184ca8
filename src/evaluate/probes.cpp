#include "evaluate/probes.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/joint_pair.h"
#include "evaluate/labelled_texts.h"

#include <algorithm>
#include <span>
#include <utility>

namespace nepenthe::evaluate {

namespace {

Probe encode(const TaskInput& input, ProbeItem item, const std::string& form) {
    const std::string prompt = probe_prompt(item, form);
    Probe probe{std::move(item), {}, {}};
    probe.pair = joint_pair(input.tokenizer, prompt, probe.item.answer, input.config.max_positions);
    if (probe.item.choices.empty()) return probe;
    // A tokenizer may give the blank before a letter a token of its own, which is the same for all of them.
    probe.pair.context = probe.pair.ids.size() - 1;
    const auto before = [](const EncodedPair& pair) { return std::span(pair.ids).first(pair.ids.size() - 1); };
    for (const std::string& letter : probe.item.choices) {
        const EncodedPair pair = joint_pair(input.tokenizer, prompt, letter, input.config.max_positions);
        if (!std::ranges::equal(before(pair), before(probe.pair))) {
            fail(ErrorKind::kData, "the choices differ in more than their last token by this tokenizer");
        }
        probe.choices.push_back(pair.ids.back());
    }
    return probe;
}

}  // namespace

std::string probe_prompt(const ProbeItem& item, const std::string& form) {
    if (item.question.empty()) return item.prefix;
    const std::string asked = fill_question(form, item.question);
    return item.prefix.empty() ? asked : asked + " " + item.prefix;
}

Json probe_row(std::size_t index, const Probe& probe) {
    const ProbeItem& item = probe.item;
    Json row = {{"id", index}, {"answer", item.answer}, {"tokens", probe.pair.ids.size() - probe.pair.context}};
    row[item.question.empty() ? "prefix" : "question"] = item.question.empty() ? item.prefix : item.question;
    return row;
}

std::string Probes::digest() const {
    Sha256 hash;
    for (const Probe& probe : list) hash.update(Json{probe.pair.context, probe.pair.ids, probe.choices}.dump());
    return hash.hex();
}

Probes encode_probes(const TaskInput& input, const std::string& task) {
    const EvaluateOptions& options = input.options;
    const std::string form = options.question_prompt.empty() ? kProbeForm : options.question_prompt;
    Probes probes;
    Problems problems;
    std::size_t number = 0;
    for (ProbeItem& item : read_probe_items(options.probe_items, options.limit)) {
        ++number;
        try {
            probes.list.push_back(encode(input, std::move(item), form));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("item {}: {}", number, error.what());
        }
    }
    if (problems.empty()) return probes;
    if (!options.fact_options.skip_bad || probes.list.empty()) problems.throw_if_any(ErrorKind::kData, task);
    const auto count = static_cast<std::int64_t>(problems.items().size());
    log_warning("{}: {} items cannot be measured and are left out", task, count);
    probes.left_out.push_back({count, "items that cannot be measured, the first: " + problems.items().front()});
    return probes;
}

}  // namespace nepenthe::evaluate
