#include "unlearn/objectives/forget_objective.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json_whole.h"
#include "base/random.h"
#include "store/blocks.h"
#include "store/packing.h"
#include "unlearn/start/sample_loss.h"

#include <algorithm>
#include <set>
#include <span>

namespace nepenthe::unlearn {

namespace {

// Samples whose loss under the start is computed together: one takes no time worth a journal entry.
constexpr std::size_t kSamplesPerBlock = 16;

std::vector<train::SequenceTerm> sequence_terms(const ObjectiveChoice& choice) {
    std::vector<train::SequenceTerm> out;
    for (const ObjectiveTerm& term : objective_terms(*choice.kind, choice.values, choice.published)) {
        out.push_back(term.term);
    }
    return out;
}

// Collective. The losses of samples under `decoder`, each in a pass of its own.
std::vector<double> losses_of(const dist::Comm& comm, const model::Decoder& decoder,
                              const std::vector<train::Sample>& samples, const std::filesystem::path& folder) {
    store::BlockOptions options;
    options.label = "what the model says before it forgets";
    Sha256 digest;
    const std::size_t blocks = (samples.size() + kSamplesPerBlock - 1) / kSamplesPerBlock;
    options.costs.assign(blocks, 0.0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        options.costs[i / kSamplesPerBlock] += static_cast<double>(samples[i].ids.size());
        digest.update(std::to_string(samples[i].ids.size()) + ":").update(std::as_bytes(std::span(samples[i].ids)));
        digest.update(std::as_bytes(std::span(samples[i].labels)));
    }
    options.key_digest = digest.hex();
    const store::BlockResults results = store::for_each_block(comm, folder, blocks, options, [&](std::uint64_t block) {
        std::vector<double> sums;
        const std::size_t begin = block * kSamplesPerBlock;
        for (std::size_t i = begin; i < std::min(begin + kSamplesPerBlock, samples.size()); ++i) {
            sums.push_back(sample_loss(decoder, samples[i]).sum);
        }
        return store::Packer().add(sums).take();
    });
    std::vector<double> out;
    for (std::uint64_t block = 0; block < results.size(); ++block) {
        const std::string bytes = results.read(block);
        std::vector<double> sums;
        store::Unpacker unpacker(bytes);
        NEPENTHE_CHECK(unpacker.read(sums).finished());
        out.insert(out.end(), sums.begin(), sums.end());
    }
    return out;
}

// Any token but the text's own, as the model ranks them.
train::Sample not_the_text(train::Sample sample) {
    sample.targets.assign(sample.ids.size(), {});
    for (std::size_t t = 0; t < sample.labels.size(); ++t) {
        if (sample.labels[t] != train::kIgnore) sample.targets[t] = {{sample.labels[t]}, {0.0f}, 1.0f};
    }
    return sample;
}

train::Sample without_first_label(train::Sample sample) {
    const auto first = std::ranges::find_if(sample.labels, [](std::int64_t label) { return label != train::kIgnore; });
    if (first != sample.labels.end()) *first = train::kIgnore;
    return sample;
}

bool reads(const ObjectiveTerm& term, Source source) {
    return std::ranges::find(term.sources, source) != term.sources.end();
}

}  // namespace

Json ObjectiveChoice::to_json() const {
    Json json = {{"name", kind->name}, {"as_published", published_name(published)}};
    for (const auto& [name, value] : values.numbers) json["options"][name] = value;
    for (const auto& [name, value] : values.words) json["options"][name] = value;
    if (needs_of(objective_terms(*kind, values, published)).distributions) json["reference_tokens"] = reference_tokens;
    return json;
}

void ObjectiveChoice::check(const ForgetData& data, Problems& problems) const {
    const ObjectiveNeeds needs = needs_of(objective_terms(*kind, values, published));
    if (data.forget().empty()) problems.add("{} needs text or questions to be forgotten (--forget)", kind->name);
    if (needs.retain && data.retain().empty())
        problems.add("{} needs text that must stay (--retain), or --retain-weight 0", kind->name);
    if (needs.refusals && data.refusals() == 0) problems.add("{} needs --refusals, a file of a line each", kind->name);
    if (needs.refusals && !data.has_questions())
        problems.add("{} answers questions with refusals: --forget must hold questions with answers", kind->name);
}

std::unique_ptr<train::Objective> make_objective(const dist::Comm& comm, const model::Decoder& decoder,
                                                 const ForgetData& data, const ObjectiveChoice& choice,
                                                 std::int64_t epochs, std::uint64_t seed,
                                                 const std::filesystem::path& work) {
    Problems problems;
    choice.check(data, problems);
    problems.throw_if_any(ErrorKind::kUsage, "forget");
    if (choice.kind->make != nullptr) return choice.kind->make(comm, decoder, data, choice, epochs, seed, work);
    return std::make_unique<ForgetObjective>(comm, decoder, data, choice, epochs, seed, work);
}

std::size_t draw_partner(const ForgetData& data, const ObjectiveChoice& choice, std::uint64_t seed,
                         const train::Visit& visit) {
    const std::size_t available = data.retain().size();
    if (choice.published == AsPublished::kMuse) return static_cast<std::size_t>(visit.item) % available;
    const std::int64_t items = std::ssize(data.forget());
    RandomStream random(seed, "forget.partner", static_cast<std::uint64_t>(visit.epoch * items + visit.item));
    return static_cast<std::size_t>(random.below(available));
}

ForgetObjective::ForgetObjective(const dist::Comm& comm, const model::Decoder& decoder, const ForgetData& data,
                                 const ObjectiveChoice& choice, std::int64_t epochs, std::uint64_t seed,
                                 const std::filesystem::path& work)
    : SequenceObjective(sequence_terms(choice)),
      data_(data),
      choice_(choice),
      seed_(seed),
      of_terms_(objective_terms(*choice.kind, choice.values, choice.published)) {
    std::set<Text> compared_texts;
    std::set<std::size_t> partners;
    bool of_forget = false, of_retain = false;
    for (const ObjectiveTerm& term : of_terms_) {
        of_forget = of_forget || term.predicted == Predicted::kLowered;
        of_retain = of_retain || term.predicted == Predicted::kStart;
    }
    for (const train::Visit& visit : visits(epochs)) {
        for (const ObjectiveTerm& term : of_terms_) {
            for (const Text& text : compared(term, visit)) compared_texts.insert(text);
        }
        if (of_retain) partners.insert(partner(visit));
    }
    if (!compared_texts.empty()) {
        std::vector<train::Sample> texts;
        for (const auto& [item, refusal] : compared_texts) {
            texts.push_back(refusal ? data.refused(item, *refusal) : data.forget()[item]);
        }
        const std::vector<double> losses = losses_of(comm, decoder, texts, work / "likelihoods");
        std::size_t i = 0;
        for (const Text& text : compared_texts) known_[text] = losses[i++];
    }
    if (of_forget) {
        std::vector<std::size_t> all(data.forget().size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        of_forget_.emplace(comm, decoder, data.forget(), all, work / "forgotten", choice.reference_tokens);
    }
    if (of_retain) {
        of_retain_.emplace(comm, decoder, data.retain(), std::vector<std::size_t>(partners.begin(), partners.end()),
                           work / "retained", choice.reference_tokens);
    }
}

std::vector<train::Visit> ForgetObjective::visits(std::int64_t epochs) const {
    std::vector<train::Visit> out;
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
        for (std::int64_t item = 0; item < items(); ++item) out.push_back({item, epoch});
    }
    return out;
}

std::size_t ForgetObjective::refusal(const train::Visit& visit) const {
    RandomStream random(seed_, "forget.refusal", static_cast<std::uint64_t>(visit.epoch * items() + visit.item));
    return static_cast<std::size_t>(random.below(data_.refusals()));
}

std::vector<ForgetObjective::Text> ForgetObjective::compared(const ObjectiveTerm& term,
                                                             const train::Visit& visit) const {
    if (!term.compares_with_start) return {};
    const auto item = static_cast<std::size_t>(visit.item);
    std::vector<Text> out;
    if (reads(term, Source::kForget)) out.push_back({item, std::nullopt});
    if (reads(term, Source::kRefusal)) out.push_back({item, refusal(visit)});
    return out;
}

train::Sample ForgetObjective::text_of(Source source, const train::Visit& visit) const {
    const auto item = static_cast<std::size_t>(visit.item);
    switch (source) {
        case Source::kForget: return data_.forget()[item];
        case Source::kRefusal: return data_.refused(item, refusal(visit));
        case Source::kRetain: return data_.retain()[partner(visit)];
    }
    fail(ErrorKind::kInternal, "unknown source of samples");
}

train::Sample ForgetObjective::sample_of(const ObjectiveTerm& term, Source source, const train::Visit& visit) const {
    switch (term.predicted) {
        case Predicted::kText: return text_of(source, visit);
        case Predicted::kNotText: return not_the_text(without_first_label(text_of(source, visit)));
        case Predicted::kStart: return of_retain_->sample(partner(visit));
        case Predicted::kLowered: return of_forget_->lowered(static_cast<std::size_t>(visit.item), term.lowered);
    }
    fail(ErrorKind::kInternal, "unknown target of samples");
}

std::vector<train::ItemSample> ForgetObjective::samples(const train::Visit& visit) const {
    std::vector<train::ItemSample> out;
    for (std::size_t i = 0; i < of_terms_.size(); ++i) {
        const ObjectiveTerm& term = of_terms_[i];
        for (const Source source : term.sources) {
            train::ItemSample item{i, sample_of(term, source, visit)};
            if (term.compares_with_start) {
                const bool refused = source == Source::kRefusal;
                item.known = known_.at(
                    {static_cast<std::size_t>(visit.item), refused ? std::optional(refusal(visit)) : std::nullopt});
            }
            out.push_back(std::move(item));
        }
    }
    return out;
}

void ForgetObjective::after_step(std::span<const double> means) {
    ++steps_;
    if (choice_.kind->after_step != nullptr) choice_.kind->after_step(choice_.values, steps_, means, terms_);
}

Json ForgetObjective::state() const {
    if (choice_.kind->after_step == nullptr) return nullptr;
    Json coefficients = Json::array();
    for (const train::SequenceTerm& term : terms_) coefficients.push_back(term.coefficient);
    return {{"steps", steps_}, {"coefficients", coefficients}};
}

void ForgetObjective::restore(const Json& state) {
    if (choice_.kind->after_step == nullptr) return;
    steps_ = json_whole<std::int64_t>(state.at("steps"));
    for (std::size_t i = 0; i < terms_.size(); ++i)
        terms_[i].coefficient = state.at("coefficients").at(i).get<double>();
}

}  // namespace nepenthe::unlearn
