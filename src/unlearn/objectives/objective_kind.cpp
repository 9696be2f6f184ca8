#include "unlearn/objectives/objective_kind.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace nepenthe::unlearn {

namespace {

constexpr std::array<std::pair<AsPublished, std::string_view>, 5> kPublished = {
    {{AsPublished::kNo, "no"},
     {AsPublished::kTofu, "tofu"},
     {AsPublished::kMuse, "muse"},
     {AsPublished::kOpenUnlearning, "open-unlearning"},
     {AsPublished::kWagle, "wagle"}}};

}  // namespace

std::string_view published_name(AsPublished published) {
    for (const auto& [value, name] : kPublished) {
        if (value == published) return name;
    }
    fail(ErrorKind::kInternal, "unknown published variant");
}

AsPublished parse_published(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& [value, known] : kPublished) {
        if (known == name) return value;
        names.push_back(known);
    }
    fail(ErrorKind::kUsage, "as published by \"{}\"; there are {}", name, fmt::join(names, ", "));
}

const std::vector<ObjectiveKind>& objective_kinds() {
    static const std::vector<ObjectiveKind> kinds = {
        ga_kind(),  graddiff_kind(), kl_kind(),  po_kind(),  npo_kind(), simnpo_kind(), dpo_kind(), undial_kind(),
        wga_kind(), satimp_kind(),   ceu_kind(), pdu_kind(), ihl_kind(), flat_kind(),   rmu_kind(),
    };
    return kinds;
}

const ObjectiveKind& objective_kind(std::string_view name) {
    const auto& kinds = objective_kinds();
    const auto found = std::ranges::find_if(kinds, [&](const ObjectiveKind& kind) { return kind.name == name; });
    if (found != kinds.end()) return *found;
    std::vector<std::string> names;
    for (const ObjectiveKind& kind : kinds) names.push_back(kind.name);
    fail(ErrorKind::kUsage, "objective \"{}\" is not known; there are {}", name, fmt::join(names, ", "));
}

ObjectiveValues default_values(const ObjectiveKind& kind) {
    ObjectiveValues values;
    for (const ObjectiveOption& option : kind.options) {
        if (option.words.empty()) {
            values.numbers[option.name] = option.number;
        } else {
            values.words[option.name] = option.words.front();
        }
    }
    return values;
}

std::vector<ObjectiveTerm> objective_terms(const ObjectiveKind& kind, const ObjectiveValues& values,
                                           AsPublished published) {
    std::vector<ObjectiveTerm> terms = kind.terms(values, published);
    // One whose coefficient follows the steps may come back.
    if (kind.after_step == nullptr) {
        std::erase_if(terms, [](const ObjectiveTerm& term) { return term.term.coefficient == 0; });
    }
    return terms;
}

ObjectiveNeeds needs_of(std::span<const ObjectiveTerm> terms) {
    ObjectiveNeeds needs;
    for (const ObjectiveTerm& term : terms) {
        const auto reads = [&](Source source) { return std::ranges::find(term.sources, source) != term.sources.end(); };
        needs.retain = needs.retain || reads(Source::kRetain);
        needs.refusals = needs.refusals || reads(Source::kRefusal);
        needs.likelihoods = needs.likelihoods || term.compares_with_start;
        needs.distributions =
            needs.distributions || term.predicted == Predicted::kStart || term.predicted == Predicted::kLowered;
    }
    return needs;
}

ObjectiveOption forget_weight(double value) { return {"forget-weight", value, 0, "what the forget term weighs"}; }

ObjectiveOption retain_weight(double value) {
    return {"retain-weight", value, 0, "what the retained text's loss weighs; 0 = it is not read"};
}

ObjectiveTerm retain_term(const ObjectiveValues& values) {
    ObjectiveTerm retain;
    retain.term.name = "retain";
    retain.term.side = train::Side::kRetain;
    retain.term.coefficient = values.number("retain-weight");
    retain.sources = {Source::kRetain};
    return retain;
}

}  // namespace nepenthe::unlearn
