#pragma once
// Forgetting objectives as rows of a table: what each is called, what it takes, and the terms that it minimises. A new
// one is a file beside this, a line in objective_kinds(), a golden test and a line in docs/methods-objectives.md.

#include "base/error.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/sequence_objective.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

// Where an item's samples come from: the text that is to be forgotten, the same question with a refusal as answer, and
// the retained text that is drawn as the item's partner.
enum class Source { kForget, kRefusal, kRetain };

// What the supervised positions of a sample should predict.
enum class Predicted {
    kText,     // its own next token
    kNotText,  // any token but its own next one, as the model itself ranks them; not the first of an answer
    kStart,    // what the model said of retained text before it forgot anything
    kLowered,  // what it said of text to be forgotten, the logit of the text's own token lowered by `lowered`
};

struct ObjectiveTerm {
    train::SequenceTerm term;
    std::vector<Source> sources = {Source::kForget};  // the samples whose losses make one numerator, in this order
    Predicted predicted = Predicted::kText;
    double lowered = 0;
    bool compares_with_start = false;  // needs SequenceLosses::known: what the untrained model loses on the sequence
};

// An option of one objective: a number, or one of a few words.
struct ObjectiveOption {
    std::string name;  // as on the command line
    double number = 0;
    double least = 0;
    std::string help;
    std::vector<std::string> words = {};  // not empty: one of these, the first is the default
};

// Options by name, all of them present.
class ObjectiveValues {
  public:
    std::map<std::string, double> numbers;
    std::map<std::string, std::string> words;

    double number(const std::string& name) const { return numbers.at(name); }
    const std::string& word(const std::string& name) const { return words.at(name); }
};

// Variants as their published code computes them, where it differs from what this project does by default.
enum class AsPublished { kNo, kTofu, kMuse, kOpenUnlearning, kWagle };
std::string_view published_name(AsPublished published);  // "no", "tofu", "muse", "open-unlearning", "wagle"
AsPublished parse_published(std::string_view name);      // throws Error(kUsage)

class ForgetData;
struct ObjectiveChoice;  // forget_objective.h

struct ObjectiveKind {
    std::string name, description;
    std::vector<ObjectiveOption> options;
    std::vector<ObjectiveTerm> (*terms)(const ObjectiveValues& values, AsPublished published);
    // How coefficients follow the steps; nothing: they stay. `step` counts from 1.
    void (*after_step)(const ObjectiveValues& values, std::int64_t step, std::span<const double> means,
                       std::span<train::SequenceTerm> terms) = nullptr;
    // Objectives that are not made of likelihoods make themselves, with ForgetObjective's arguments; `terms` then shows
    // what they read.
    std::unique_ptr<train::Objective> (*make)(const dist::Comm& comm, const model::Decoder& decoder,
                                              const ForgetData& data, const ObjectiveChoice& choice,
                                              std::int64_t epochs, std::uint64_t seed,
                                              const std::filesystem::path& work) = nullptr;
};

// In the order in which they are listed to users.
const std::vector<ObjectiveKind>& objective_kinds();
const ObjectiveKind& objective_kind(std::string_view name);  // throws Error(kUsage) with all names

ObjectiveValues default_values(const ObjectiveKind& kind);
// The terms of these values; those that weigh nothing are left out.
std::vector<ObjectiveTerm> objective_terms(const ObjectiveKind& kind, const ObjectiveValues& values,
                                           AsPublished published);

struct ObjectiveNeeds {
    bool retain = false, refusals = false, likelihoods = false, distributions = false;
};
ObjectiveNeeds needs_of(std::span<const ObjectiveTerm> terms);

// --- pieces that several rows share ---

ObjectiveOption forget_weight(double value = 1);
ObjectiveOption retain_weight(double value = 1);
// Mean negative log-likelihood of the retained partners, times --retain-weight.
ObjectiveTerm retain_term(const ObjectiveValues& values);

// The rows, each in the file of its name.
ObjectiveKind ga_kind();
ObjectiveKind graddiff_kind();
ObjectiveKind kl_kind();
ObjectiveKind po_kind();
ObjectiveKind npo_kind();
ObjectiveKind simnpo_kind();
ObjectiveKind dpo_kind();
ObjectiveKind undial_kind();
ObjectiveKind wga_kind();
ObjectiveKind satimp_kind();
ObjectiveKind ceu_kind();
ObjectiveKind pdu_kind();
ObjectiveKind ihl_kind();
ObjectiveKind flat_kind();
ObjectiveKind rmu_kind();

}  // namespace nepenthe::unlearn
