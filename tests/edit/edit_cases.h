#pragma once
// Small models and facts for tests of whole edits: one that knows stories (trained, Llama) and fresh decoders of other
// families that share a toy tokenizer.

#include "edit/edit.h"
#include "material.h"
#include "model/golden_case.h"
#include "text/tokenizer.h"

#include <torch/types.h>

#include <cstring>
#include <string>
#include <vector>

namespace nepenthe::edit::testing {

using nepenthe::testing::kStories;

struct Case {
    model::Decoder decoder;
    text::Tokenizer tokenizer;
};

inline Case stories() {
    return {model::Decoder::load(kStories, model::Compute::kFloat32), text::Tokenizer::load(kStories)};
}

// Fresh weights in the shape of a golden family, with room for text and `layers` at least.
inline Case fresh(const std::string& family, std::int64_t layers = 3) {
    text::Tokenizer tokenizer = text::Tokenizer::load(std::string(NEPENTHE_SOURCE_DIR) + "/tests/golden/toy_tokenizer");
    model::DecoderConfig config = model::read_config(model::golden_folder(family));
    config.vocabulary = tokenizer.size();
    config.max_positions = 256;
    // Three layers at least: what the last one writes at the subject is seen by no later position.
    while (config.layers < layers) {
        ++config.layers;
        if (!config.rotary_of.empty()) config.rotary_of.push_back(config.rotary_of.back());
        config.window_of.push_back(config.window_of.back());
    }
    return {model::Decoder::create(config, 5, model::Compute::kFloat32), std::move(tokenizer)};
}

inline Fact fact(const std::string& id, const std::string& subject, const std::string& prompt,
                 const std::string& target) {
    Fact made;
    made.id = id;
    made.subject = subject;
    made.prompt = prompt;
    made.target_new = target;
    return made;
}

inline std::vector<Fact> some_facts() {
    return {fact("a", "Lily", "One day, {} went to the", "moon"), fact("b", "Tom", "{} has a big red", "boat"),
            fact("c", "The little dog", "{} likes to eat", "cake"), fact("d", "Mom", "Then {} said it is", "night"),
            fact("e", "Ben", "{} and his friend play with a", "fish")};
}

inline EditOptions options_for(Method method, std::int64_t layer = 0) {
    EditOptions options;
    options.method = method;
    options.mode = default_mode(method);
    options.layers = {layer};
    options.value.relative_lr = 0.5;
    options.value.steps = 8;
    options.value.clamp = 4;
    options.value.decay = 0;
    options.lambda = 0.01;
    options.l2 = 0.1;
    options.tau = 0.2;
    return options;
}

// A second moment with eigenvalues over four decades.
inline at::Tensor made_moment(std::int64_t width) {
    const at::Tensor scales = at::logspace(-2, 0, width, 10.0, at::kDouble);
    const at::Tensor samples = at::sin(at::arange(width * width, at::kDouble) * 12.9898).view({width, width});
    const at::Tensor rotation = std::get<0>(at::linalg_qr(samples));
    return at::matmul(rotation * scales.square(), rotation.t());
}

inline EditInputs inputs_of(const Case& tiny, std::vector<Fact> facts) {
    EditInputs inputs;
    inputs.tokenizer = &tiny.tokenizer;
    inputs.facts = std::move(facts);
    const std::int64_t width = tiny.decoder.config().intermediate;
    inputs.moment = [width](std::int64_t) { return made_moment(width); };
    return inputs;
}

inline std::string weight_bytes(const model::Decoder& decoder) {
    std::string bytes;
    for (const auto& [name, tensor] : decoder.parameters()) {
        const at::Tensor host = tensor.contiguous();
        bytes.append(static_cast<const char*>(host.const_data_ptr()), host.nbytes());
    }
    return bytes;
}

}  // namespace nepenthe::edit::testing
