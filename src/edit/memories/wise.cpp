#include "edit/memories/wise.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "edit/facts/edit_prompt.h"
#include "edit/memories/side_merge.h"
#include "model/linear.h"
#include "store/blocks.h"
#include "store/packing.h"
#include "text/joined_text.h"

#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <set>

namespace nepenthe::edit {

namespace {

constexpr std::size_t kFactsMeasured = 64;          // that the model's scales are taken from
constexpr double kNewShare = 0.4, kOldShare = 0.6;  // of a merge with what was merged before; published

using Ids = std::vector<text::TokenId>;

// What all shards share, the same on every rank.
struct Plan {
    const model::Decoder& decoder;
    const WiseOptions& options;
    std::int64_t layer = 0;
    std::vector<std::vector<EditRow>> rows;  // by fact, the bare prompt first
    std::vector<Ids> irrelevant, everyday;   // the latter may be empty
    SideScales scales;
    at::Tensor quiet;  // [direction, intermediate]; undefined where there is none

    std::uint64_t shards() const {
        const auto each = static_cast<std::size_t>(options.facts_per_shard);
        return (rows.size() + each - 1) / each;
    }
    std::vector<Ids> irrelevant_of(std::size_t fact) const {
        std::vector<Ids> chosen;
        const auto wanted = static_cast<std::size_t>(options.irrelevant_rows);
        const std::size_t others = everyday.empty() ? 0 : std::min(wanted / 2, everyday.size());
        const std::size_t fact_like = std::min(wanted - others, irrelevant.size());
        for (std::size_t i = 0; i < fact_like; ++i)
            chosen.push_back(irrelevant[(fact * fact_like + i) % irrelevant.size()]);
        for (std::size_t i = 0; i < others; ++i) chosen.push_back(everyday[(fact * others + i) % everyday.size()]);
        return chosen;
    }
};

// Up to where the bare prompt goes: its target is not met when a prompt comes.
std::size_t prompt_length(const EditRow& row) { return row.ids.size() - row.targets.size() + 1; }

Ids prompt_of(const EditRow& row) {
    return {row.ids.begin(), row.ids.begin() + static_cast<std::ptrdiff_t>(prompt_length(row))};
}

struct Shard {
    at::Tensor change;
    double threshold = 0;
    std::vector<WiseRecord> records;
};

std::vector<double> numbers_of(const WiseRecord& record) {
    std::vector<double> numbers = {static_cast<double>(record.report.steps), record.distance_at_end};
    for (const SideLoss* loss : {&record.report.first, &record.report.last}) {
        numbers.insert(numbers.end(), {loss->target, loss->activation, loss->inside, loss->bare, loss->outside});
    }
    return numbers;
}

WiseRecord record_from(std::span<const double> numbers) {
    WiseRecord record;
    record.report.steps = static_cast<std::int64_t>(numbers[0]);
    record.distance_at_end = numbers[1];
    SideLoss* const losses[] = {&record.report.first, &record.report.last};
    for (std::size_t i = 0; i < 2; ++i) {
        const auto of_loss = numbers.subspan(2 + 5 * i, 5);
        *losses[i] = {of_loss[0], of_loss[1], of_loss[2], of_loss[3], of_loss[4]};
    }
    return record;
}

constexpr std::size_t kNumbers = 12;

std::string pack_shard(const Shard& shard) {
    const at::Tensor change = shard.change.to(at::kCPU).contiguous();
    std::vector<double> numbers = {shard.threshold};
    for (const WiseRecord& record : shard.records) {
        const std::vector<double> of_record = numbers_of(record);
        numbers.insert(numbers.end(), of_record.begin(), of_record.end());
    }
    const float* data = change.const_data_ptr<float>();
    return store::Packer().add(numbers).add(std::vector<float>(data, data + change.numel())).take();
}

Shard unpack_shard(const std::string& bytes, at::IntArrayRef shape) {
    std::vector<double> numbers;
    std::vector<float> change;
    store::Unpacker(bytes).read(numbers).read(change);
    Shard shard{at::tensor(change).view(shape), numbers.at(0), {}};
    for (std::size_t at = 1; at + kNumbers <= numbers.size(); at += kNumbers) {
        shard.records.push_back(record_from(std::span(numbers).subspan(at, kNumbers)));
    }
    return shard;
}

double distance_now(const Plan& plan, const SideTraining& training, std::size_t fact) {
    const Ids prompt = prompt_of(plan.rows[fact].front());
    const std::size_t count = prompt.size();
    return training.distances(run_to_layer(plan.decoder, plan.layer, std::span(&prompt, 1), std::span(&count, 1)))[0]
        .item<double>();
}

// The smallest distance of a fact: as it was written, or as later facts left it where they raised it. Facts of one
// subject raise one another; the first ones, written before their margins were reached, would otherwise open the memory
// to everything.
double written_threshold(const Shard& shard) {
    double threshold = std::numeric_limits<double>::max();
    for (const WiseRecord& record : shard.records) {
        const SideLoss& loss = record.report.last;
        threshold = std::min(threshold, std::max(std::min(loss.inside, loss.bare), record.distance_at_end));
    }
    return threshold;
}

// The threshold that still holds when a shard is complete: facts that later ones undid in part pull it down, as long as
// no text that was held out of scope would be routed.
double settled_threshold(const Plan& plan, const SideTraining& training, const Shard& shard, std::size_t first) {
    double inside = shard.threshold, outside = 0;
    for (std::size_t i = 0; i < shard.records.size(); ++i) {
        inside = std::min(inside, shard.records[i].distance_at_end);
        const std::vector<Ids> texts = plan.irrelevant_of(first + i);
        std::vector<std::size_t> whole;
        for (const Ids& text : texts) whole.push_back(text.size());
        const at::Tensor distances = training.distances(run_to_layer(plan.decoder, plan.layer, texts, whole));
        outside = std::max(outside, distances.max().item<double>());
    }
    constexpr double kClear = 1.02;
    return std::min(shard.threshold, std::max(inside, kClear * outside / plan.options.ratio));
}

// Writes a shard's facts one after the other into a change that starts at zero.
Shard train_shard(const Plan& plan, std::uint64_t number) {
    const std::string name = plan.decoder.mlp_output_name(plan.layer);
    const at::Tensor weight = plan.decoder.parameter(name);
    SideTraining training(
        plan.decoder, plan.options, plan.scales,
        shard_mask(weight.size(0), weight.size(1), plan.options.mask_ratio, plan.options.seed, number), plan.quiet);
    Shard shard;
    shard.threshold = std::numeric_limits<double>::max();
    const std::size_t first = number * static_cast<std::size_t>(plan.options.facts_per_shard);
    const std::size_t last = std::min(plan.rows.size(), first + static_cast<std::size_t>(plan.options.facts_per_shard));
    for (std::size_t fact = first; fact < last; ++fact) {
        WiseRecord record;
        record.report = training.write(plan.rows[fact], plan.irrelevant_of(fact));
        shard.threshold = std::min(shard.threshold, record.report.last.inside);  // as published: the mean over the rows
        shard.records.push_back(record);
    }
    for (std::size_t fact = first; fact < last; ++fact) {
        shard.records[fact - first].distance_at_end = distance_now(plan, training, fact);
    }
    if (!plan.options.as_published) {
        shard.threshold = written_threshold(shard);
        shard.threshold = settled_threshold(plan, training, shard, first);
    }
    shard.change = training.change();
    return shard;
}

// The changes that are served: every shard's own, or merged as they fill up, with what was merged before (WISE-Merge)
// or, as published for retrieval, beside it.
std::vector<Shard> merged(std::vector<Shard> shards, const WiseOptions& options) {
    if (options.merge_shards == 0) return shards;
    const auto group = static_cast<std::size_t>(options.merge_shards);
    std::vector<Shard> served, fresh;
    for (Shard& shard : shards) {
        fresh.push_back(std::move(shard));
        if (fresh.size() < group) continue;
        const bool has_merged = !served.empty() && !options.as_published;  // served.front() is the merged one
        std::vector<at::Tensor> changes;
        std::vector<double> weights;
        double threshold = std::numeric_limits<double>::max();
        for (const Shard& one : fresh) {
            changes.push_back(one.change);
            weights.push_back((has_merged ? kNewShare : 1.0) / static_cast<double>(group));
            threshold = std::min(threshold, one.threshold);
        }
        if (has_merged) {
            changes.push_back(served.front().change);
            weights.push_back(kOldShare);
            threshold = std::min(threshold, served.front().threshold);
        }
        if (has_merged) served.clear();
        served.push_back({merge_changes(changes, weights, options.merge_density), threshold, {}});
        fresh.clear();
    }
    for (Shard& shard : fresh) served.push_back(std::move(shard));  // not enough for another merge
    return served;
}

void check_wise_inputs(const model::Decoder& decoder, const WiseInputs& inputs, const WiseOptions& options) {
    Problems problems;
    for (const std::string& problem : options.validate(decoder.config())) problems.add("{}", problem);
    if (decoder.compute() != model::Compute::kFloat32) problems.add("a side memory is trained in fp32, not in bf16");
    if (inputs.facts.empty()) problems.add("there are no facts");
    if (inputs.irrelevant.empty()) {
        problems.add(
            "WISE needs texts about something else to hold out of scope, and got none; give a second file of facts");
    }
    const auto carried = decoder.side_memory();
    if (carried != nullptr && carried->layer != options.effective_layer(decoder.config())) {
        problems.add("the model carries a side memory in layer {} already, so more facts must go there too",
                     carried->layer);
    }
    problems.throw_if_any(ErrorKind::kUsage, "WISE");
}

std::vector<Ids> tokenized(const text::Tokenizer& tokenizer, const std::vector<std::string>& texts,
                           std::int64_t positions) {
    std::vector<Ids> rows;
    for (const std::string& text : texts) {
        Ids ids = tokenizer.encode_ids(text, true);
        if (ids.empty()) continue;
        if (std::cmp_greater(ids.size(), positions)) ids.resize(static_cast<std::size_t>(positions));
        rows.push_back(std::move(ids));
    }
    return rows;
}

// Of everyday language and texts like facts.
at::Tensor quiet_directions(const Plan& plan) {
    const double open = plan.options.mask_ratio * static_cast<double>(plan.decoder.config().intermediate);
    const std::int64_t count = std::min(plan.options.quiet_directions, static_cast<std::int64_t>(open / 4));
    if (count == 0) return {};
    std::vector<Ids> texts = plan.everyday;
    const std::size_t fact_like = std::min(plan.irrelevant.size(), std::max<std::size_t>(texts.size(), kFactsMeasured));
    texts.insert(texts.end(), plan.irrelevant.begin(),
                 plan.irrelevant.begin() + static_cast<std::ptrdiff_t>(fact_like));
    return leading_key_directions(plan.decoder, plan.layer, texts, count);
}

Plan make_plan(const model::Decoder& decoder, const WiseInputs& inputs, const WiseOptions& options,
               const std::vector<std::string>& prefixes) {
    Plan plan{decoder, options, options.effective_layer(decoder.config()), {}, {}, {}, {}, {}};
    const std::int64_t positions = decoder.config().max_positions;
    Problems problems;
    for (const Fact& fact : inputs.facts) {
        std::vector<EditRow>& rows = plan.rows.emplace_back();
        try {
            for (const std::string& prefix : prefixes) {
                rows.push_back(make_row(*inputs.tokenizer, prefix, fact.prompt, fact.subject, fact.target_new,
                                        positions, options.as_published ? " " : ". "));
            }
        } catch (const Error& error) {
            problems.add("fact {}: {}", fact.id, error.what());
        }
    }
    problems.throw_if_any(ErrorKind::kData, "facts cannot be written");
    plan.irrelevant = tokenized(*inputs.tokenizer, inputs.irrelevant, positions);
    if (!options.as_published) plan.everyday = tokenized(*inputs.tokenizer, inputs.everyday, positions);
    if (plan.irrelevant.empty()) fail(ErrorKind::kData, "none of the irrelevant texts has a token");
    std::vector<Ids> prompts;
    for (std::size_t i = 0; i < std::min(kFactsMeasured, plan.rows.size()); ++i) {
        prompts.push_back(prompt_of(plan.rows[i].front()));
    }
    plan.scales = measure_scales(decoder, options, prompts);
    plan.quiet = quiet_directions(plan);
    return plan;
}

// Digest of everything that a shard's bytes depend on, but for the model, which belongs to the scratch folder's key.
std::string plan_digest(const Plan& plan) {
    Sha256 hash;
    hash.update(canonical_json(plan.options.to_json()));
    const auto add = [&](const auto& ids) {
        const std::uint64_t size = ids.size();
        hash.update(std::as_bytes(std::span(&size, 1)));
        hash.update(std::as_bytes(std::span(ids)));
    };
    for (const auto& rows : plan.rows) {
        for (const EditRow& row : rows) add(row.ids), add(row.targets);
    }
    for (const Ids& ids : plan.irrelevant) add(ids);
    for (const Ids& ids : plan.everyday) add(ids);
    const double scales[] = {plan.scales.unit, plan.scales.lr, plan.scales.clamp};
    hash.update(std::as_bytes(std::span(scales)));
    return hash.hex();
}

// Whether some memory answers a prompt, as model::routed_output decides.
bool is_answered(const Plan& plan, const model::SideMemory& memory, const at::Tensor& weight, bool transposed,
                 const Ids& prompt) {
    const std::size_t count = prompt.size();
    const LayerRows rows = run_to_layer(plan.decoder, plan.layer, std::span(&prompt, 1), std::span(&count, 1));
    return std::ranges::any_of(memory.alternatives, [&](const model::SideMemory::Alternative& alternative) {
        const at::Tensor addition = model::linear(rows.key, alternative.weight - weight, {}, transposed);
        const at::Tensor distances =
            model::token_distances(plan.decoder.config(), memory.distance, rows.output + addition, rows.output);
        const double distance = model::pooled_distances(memory.pooling, distances, rows.deciding)[0].item<double>();
        return distance >= alternative.threshold * memory.ratio;
    });
}

Json describe(const Plan& plan, const WiseInputs& inputs) {
    Json ids = Json::array();
    for (const Fact& fact : inputs.facts) ids.push_back(fact.id);
    return {{"method", "wise"}, {"options", plan.options.to_json()}, {"unit", plan.scales.unit}, {"facts", ids}};
}

}  // namespace

PrefixOptions wise_prefixes(const WiseOptions& options) {
    PrefixOptions prefixes;
    prefixes.counts = {options.prefix_count / 2, options.prefix_count - options.prefix_count / 2};
    prefixes.lengths = {5, 10};
    if (options.as_published) {
        prefixes.beginnings = {"I", "You", "Because", "Yes", "Q: "};
        prefixes.count_new_tokens = prefixes.greedy = true;
    }
    prefixes.seed = options.seed;
    return prefixes;
}

std::vector<std::string> irrelevant_texts(const std::vector<Fact>& pool, const std::vector<Fact>& edited) {
    std::set<std::string> taken;
    for (const Fact& fact : edited) taken.insert(fact.sentence());
    std::vector<std::string> texts;
    for (const Fact& fact : pool) {
        const std::string sentence = fact.sentence();
        if (taken.contains(sentence)) continue;
        texts.push_back(text::join_texts(sentence, fact.target_true).text);
    }
    return texts;
}

WiseResult wise(const dist::Comm& comm, model::Decoder& decoder, const WiseInputs& inputs, const WiseOptions& options,
                const std::filesystem::path& scratch) {
    NEPENTHE_CHECK(inputs.tokenizer != nullptr);
    check_wise_inputs(decoder, inputs, options);
    const at::NoGradGuard no_grad;
    WiseResult result;
    result.prefixes =
        inputs.prefixes.empty() ? make_prefixes(decoder, *inputs.tokenizer, wise_prefixes(options)) : inputs.prefixes;
    const Plan plan = make_plan(decoder, inputs, options, result.prefixes);
    result.scales = plan.scales;
    log_info("WISE writes {} facts into layer {}, {} shard(s); a unit of distance is {:.4g}", inputs.facts.size(),
             plan.layer, plan.shards(), plan.scales.unit);
    store::BlockOptions blocks;
    blocks.label = "wise";
    blocks.unit = "shards";
    blocks.key_digest = plan_digest(plan);
    const store::BlockResults finished =
        store::for_each_block(comm, scratch, plan.shards(), blocks,
                              [&](std::uint64_t shard) { return pack_shard(train_shard(plan, shard)); });

    const at::Tensor weight = decoder.parameter(decoder.mlp_output_name(plan.layer));
    std::vector<Shard> shards;
    for (std::uint64_t i = 0; i < plan.shards(); ++i) {
        shards.push_back(unpack_shard(finished.read(i), weight.sizes()));
        for (WiseRecord& record : shards.back().records) {
            record.shard = i;
            record.id = inputs.facts[result.records.size()].id;
            result.records.push_back(record);
        }
    }
    auto memory = std::make_shared<model::SideMemory>();
    if (const auto carried = decoder.side_memory()) memory->alternatives = carried->alternatives;
    memory->layer = plan.layer;
    memory->ratio = options.ratio;
    memory->distance = options.distance;
    memory->pooling = options.pooling;
    memory->source = describe(plan, inputs);
    for (const Shard& shard : merged(std::move(shards), options)) {
        memory->alternatives.push_back({weight.detach() + shard.change.to(weight.device()), shard.threshold});
    }
    const bool transposed = decoder.stores_transposed(decoder.mlp_output_name(plan.layer));
    std::size_t lost = 0;
    for (std::size_t i = 0; i < result.records.size(); ++i) {
        WiseRecord& record = result.records[i];
        record.answered_by_memory = is_answered(plan, *memory, weight, transposed, prompt_of(plan.rows[i].front()));
        lost += record.answered_by_memory ? 0 : 1;
    }
    if (lost > 0) {
        result.warnings.push_back(
            fmt::format("{} of {} facts are below the threshold: the facts written after them undid their change", lost,
                        result.records.size()));
    }
    decoder.attach_side_memory(memory);
    result.memory = memory;
    return result;
}

}  // namespace nepenthe::edit
