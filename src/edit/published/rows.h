#pragma once
// What the authors of ROME, MEMIT, AlphaEdit and WISE published for which model: hyper-parameters as they stand in the
// files of their repositories, one row a model. Data alone: edit_options.h and memories/wise_options.h turn a row into
// options. Everything else of these methods (layers that share a residual, prefix averages, stops) is theirs by nature
// and stands in docs/methods.md with what still differs.

#include "base/json.h"
#include "model/family/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// The architecture that a row was published for. A model is recognised by its numbers, not by the name of its folder.
struct PublishedModel {
    std::string name;    // "gpt2-xl"
    std::string family;  // config.json's model_type
    std::int64_t layers = 0, hidden = 0, intermediate = 0;
    std::int64_t positions = 0;  // of the context, where two models differ in nothing else; 0 = any
    bool matches(const model::DecoderConfig& config) const;
};

// ROME (arXiv 2202.05262), MEMIT (2210.07229), AlphaEdit (2410.02355). Steps of values are absolute, their clamp is in
// ‖v0‖; lambda is the weight of C as a mean over tokens.
struct PublishedEdit {
    std::string method;  // "rome", "memit", "alphaedit"
    PublishedModel model;
    std::vector<std::int64_t> layers;
    std::int64_t steps = 0;  // v_num_grad_steps: the last one only looks
    double lr = 0, clamp = 0, decay = 0, kl = 0;
    bool moments = true;  // mom2_adjustment: false where C is the identity
    bool text_start =
        true;           // context prefixes begin where texts do, not with the words The, Therefore, Because, I, You
    double lambda = 0;  // mom2_update_weight; MEMIT
    double tau = 0, l2 = 0;  // nullspace_threshold, L2; AlphaEdit
    std::string source;      // repository, commit and file
};

// WISE (arXiv 2405.14768): the second MLP matrix of one layer, retrieval of memories.
struct PublishedWise {
    PublishedModel model;
    std::int64_t layer = 0;
    std::int64_t steps = 0;  // n_iter
    double lr = 0, alpha = 0, beta = 0, gamma = 0, ratio = 0;
    bool chat_template = false;  // prompts were put into the model's chat template
    std::string source;
};

const std::vector<PublishedEdit>& published_edits();
const std::vector<PublishedWise>& published_wise();

// The row of a method for a model, or the row called `name` whatever the model. Throws Error(kUsage) that lists the
// method's rows where there is none.
const PublishedEdit& find_published_edit(const std::string& method, const model::DecoderConfig& config,
                                         const std::string& name = "");
const PublishedWise& find_published_wise(const model::DecoderConfig& config, const std::string& name = "");

}  // namespace nepenthe::edit
