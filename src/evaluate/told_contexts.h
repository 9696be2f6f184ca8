#pragma once
// What a prompt bundle of IKE puts before the prompts of a task: nobody says which fact a prompt is about, so it gets
// the told fact that is nearest to it, as a retriever would find it.

#include "evaluate/evaluate.h"

#include <string>
#include <vector>

namespace nepenthe::evaluate {

struct ToldContext {
    std::string text;      // "" where no told fact is near enough
    std::string fact;      // the id of the nearest one …
    float similarity = 0;  // … and its cosine with the prompt
};

// One a prompt, by options.told, .encoder and .told_above; empty where options.told is. Not collective. Throws
// Error(kData) for a bundle or an encoder that cannot be read.
std::vector<ToldContext> told_contexts(const EvaluateOptions& options, const std::vector<std::string>& prompts);

}  // namespace nepenthe::evaluate
