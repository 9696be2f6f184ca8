#include "evaluate/joint_pair.h"

#include "base/error.h"
#include "edit/facts/edit_prompt.h"

#include <utility>

namespace nepenthe::evaluate {

EncodedPair joint_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions) {
    edit::JointIds joint = edit::joint_ids(tokenizer, prompt, answer);
    EncodedPair pair{std::move(joint.ids), joint.target_begin};
    if (pair.context == 0) {
        // The tokenizer adds nothing to texts, and the prompt shares its only token with the answer, or is empty.
        pair.ids.insert(pair.ids.begin(), prefix_token(tokenizer));
        pair.context = 1;
    }
    // The last token is predicted, not fed.
    if (std::cmp_greater(pair.ids.size() - 1, max_positions)) {
        fail(ErrorKind::kData, "\"{}\" with \"{}\" behind it takes {} tokens, the model's window holds {}", prompt,
             answer, pair.ids.size() - 1, max_positions);
    }
    return pair;
}

EncodedPair ended_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions) {
    EncodedPair pair = joint_pair(tokenizer, prompt, answer, max_positions);
    const auto eos = tokenizer.eos();
    if (!eos) return pair;
    pair.ids.push_back(*eos);
    // The last token is predicted, not fed.
    if (std::cmp_greater(pair.ids.size() - 1, max_positions)) {
        fail(ErrorKind::kData, "the end of \"{}\" lies behind the model's window of {} tokens", answer, max_positions);
    }
    return pair;
}

}  // namespace nepenthe::evaluate
