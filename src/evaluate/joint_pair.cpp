#include "evaluate/joint_pair.h"

#include "edit/facts/edit_prompt.h"

namespace nepenthe::evaluate {

EncodedPair joint_pair(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& answer,
                       std::int64_t max_positions) {
    // The whole prompt in the subject's place.
    const edit::EditRow row = edit::make_row(tokenizer, "", "{}", prompt, answer, max_positions);
    EncodedPair pair{row.ids, row.ids.size() + 1 - row.targets.size()};
    pair.ids.push_back(row.targets.back());
    return pair;
}

}  // namespace nepenthe::evaluate
