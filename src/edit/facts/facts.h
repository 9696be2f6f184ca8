#pragma once
// Facts to be written: read as published, checked before anything is computed. specs: editing.md §0, §13, §14.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::edit {

// A prompt about something else and its true answer.
struct Neighbour {
    std::string prompt, answer;
    std::string kind = {};  // what KnowEdit calls it: "Relation_Specificity", "Reasoning" …; "" = has no name
};

struct Fact {
    std::string id;       // unique within a file; the case id of published files
    std::string subject;  // as it stands in the prompt
    std::string prompt;   // with exactly one "{}", where the subject goes
    std::string target_new;
    std::string target_true;                                         // "" = unknown; evaluation alone uses it
    std::vector<std::string> paraphrases;                            // whole prompts
    std::vector<Neighbour> neighbourhood;                            // must keep their answer
    std::vector<Neighbour> portability;                              // what follows from the new target, as answers
    std::vector<std::string> attribute_prompts, generation_prompts;  // CounterFact as ROME publishes it
    std::string relation;                                            // CounterFact's relation_id
    bool subject_proposed = false;  // the subject was found by propose_subject, not given
    std::size_t unanswered = 0;     // prompts of its record that have no answer: they were left out
    Json source;                    // what else the record holds (TOFU's perturbed answers, Wikidata's ids …)

    std::string sentence() const;  // the prompt with its subject
};

enum class FactFormat {
    kAuto,
    kJsonLines /* design.md §5 */,
    kCounterFact,
    kEasyEdit /* CounterFact and KnowEdit in EasyEdit's fields */,
    kZsre,
    kTofu
};

// What to write for a question whose answer is to be forgotten (editing.md §14).
enum class UnlearningTarget { kNone, kDummy, kIncorrect /* the item's perturbed answer */, kAvoidant /* a refusal */ };

// zsRE's new target: the true answer, as ROME and MEMIT score it, or the record's `alt`, as MEND and EasyEdit do.
enum class ZsreConvention { kRome, kEasyEdit };

struct FactOptions {
    FactFormat format = FactFormat::kAuto;  // kAuto: by the fields of the first record that can be read
    ZsreConvention zsre = ZsreConvention::kRome;
    bool skip_bad = false;  // leave bad records out (they are counted and logged) instead of refusing the file
    UnlearningTarget unlearning = UnlearningTarget::kNone;
    std::vector<std::string> refusals;  // for kAvoidant; fact i gets the (i mod n)-th; empty = built-in ones
    std::int64_t limit = 0;             // first N facts, 0 = all
    std::string prompt_form = "{}";     // what every prompt is put into, in the place of "{}": "Question: {}\nAnswer:"
};

struct FactFile {
    std::vector<Fact> facts;
    std::string digest;            // SHA-256 of the file's bytes
    std::vector<std::string> bad;  // with skip_bad: what was left out and why (the first 20, then their lines)
    std::size_t skipped = 0;       // how many records that is
    std::size_t unanswered = 0;    // prompts about other things that have no answer and were left out
};

// A JSON array or JSON Lines of any of the forms, read one record after another. A record without an id gets its index.
// Throws Error(kData) that lists every bad record: the first 20 with line and reason, the lines of the others;
// Error(kUsage) for TOFU without an unlearning target, and for a form of prompts without just one "{}".
FactFile read_facts(const std::filesystem::path& path, const FactOptions& options = {});

FactFormat parse_fact_format(const std::string& name);
UnlearningTarget parse_unlearning_target(const std::string& name);
ZsreConvention parse_zsre_convention(const std::string& name);

// The likeliest subject of a question or statement that names none: a quoted title, else the longest run of capitalised
// words after the first word, else the longest word. Empty where there is nothing to choose from.
std::string propose_subject(const std::string& sentence);

// What a batch of facts would do to itself, found before the solve.
struct FactConflicts {
    std::vector<std::vector<std::size_t>> duplicates;       // same subject, prompt and target
    std::vector<std::vector<std::size_t>> contradictions;   // same subject and prompt, other targets
    std::vector<std::vector<std::size_t>> shared_subjects;  // same subject, other prompts: their keys collide
};
FactConflicts find_conflicts(const std::vector<Fact>& facts);

}  // namespace nepenthe::edit
