#pragma once
// A fact as token ids: where its subject ends, and which positions must predict its target. specs: editing.md §1.1–1.2.

#include "edit/facts/prefixes.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// One row: context prefix + ". " (or another joint) + sentence + target (joined by text::join_texts) without its last
// token, tokenised once and jointly.
struct EditRow {
    std::vector<text::TokenId> ids;  // with the tokenizer's BOS
    std::size_t subject_last = 0;    // index of the token that covers the subject's last character
    bool subject_merged =
        false;  // that token also covers more than blanks behind the subject: its key is this prompt's alone
    std::vector<text::TokenId>
        targets;  // what the last targets.size() positions predict; empty for rows without target
};

// `prompt` with `subject` in the place of its one "{}". Throws Error(kData) for another number of "{}".
std::string fill_subject(const std::string& prompt, const std::string& subject);

// A prompt and a target behind it as one tokenised text (text::join_texts). The target's tokens, from ids[target_begin]
// on, are all that cover a character of it. Throws Error(kData) where that is none.
struct JointIds {
    std::vector<text::TokenId> ids;  // with the tokenizer's BOS
    std::size_t target_begin = 0;    // 0 where the prompt has no token of its own
};
JointIds joint_ids(const text::Tokenizer& tokenizer, const std::string& prompt, const std::string& target);

// The target's part of joint_ids, the same for training and for scoring.
std::vector<text::TokenId> target_ids(const text::Tokenizer& tokenizer, const std::string& prompt,
                                      const std::string& target);

// `prompt` holds one "{}". An empty target gives a row without targets. Throws Error(kData) where prompt or subject are
// malformed, where the target has no tokens or shares one with the subject, or where the row is longer than
// `max_positions`.
EditRow make_row(const text::Tokenizer& tokenizer, const std::string& prefix, const std::string& prompt,
                 const std::string& subject, const std::string& target, std::int64_t max_positions,
                 const std::string& joint = ". ");

}  // namespace nepenthe::edit
