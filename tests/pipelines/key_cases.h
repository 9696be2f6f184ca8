#pragma once
// Invocations of every verb that makes an artefact, with another value for each of its options: what the tests of keys
// walk over.

#include "key_material.h"

#include <map>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

using Words = std::vector<std::string>;

inline const KeyMaterial& in() { return KeyMaterial::get(); }

struct Case {
    std::string verb;
    Words base;
    // Option → the words that give it another value.
    std::map<std::string, Words> changed;
    // The same for options that do not count, by promise.
    std::map<std::string, Words> promised = {};
};

// The folder name of the artefact that the verb makes of `words`.
std::string name_of(const Case& one, const Words& words);

// `changed`, and what every stage computes with.
std::map<std::string, Words> with_compute(std::map<std::string, Words> changed);
// The options of the training loop, and those that do not count.
std::map<std::string, Words> training();
extern const std::map<std::string, Words> kTrainingPromises;

Case train_case();
Case train_new_case();
Case train_masked_case();
Case relabel_case();
Case relabel_from_case();
Case forget_case();
// forget --objective: one that compares with the start, one that needs its distributions, two that refuse.
Case npo_case();
Case ga_case();
Case gru_case();
Case blur_case();
Case undial_case();
Case dpo_case();
Case flat_case();
Case rmu_case();
Case attribute_case();
Case attribute_by_inputs_case();
Case mask_case();
Case mask_invert_case();
Case trace_case();
Case stats_case();
Case repair_case();
Case repair_fixed_case();

// key_cases_evaluate.cpp
Case evaluate_case();
Case evaluate_told_case();
Case relearn_case();
Case relearn_text_case();
Case audit_case();

// key_cases_edit.cpp
Case edit_case(const std::string& method, std::map<std::string, Words> more);
std::vector<Case> edit_cases();
Case wise_case();
Case ike_case();

}  // namespace nepenthe::pipelines
