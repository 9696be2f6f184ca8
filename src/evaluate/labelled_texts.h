#pragma once
// Texts whose tokens are predicted one by one: documents as a whole, answers behind their questions.

#include "evaluate/likelihood_request.h"
#include "evaluate/task.h"
#include "io/labelled_text_files.h"
#include "model/score.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

struct EncodedText {
    EncodedPair pair;  // the labels are pair.ids[pair.context:]
    bool cut = false;  // it went on behind the window
};

// A document with the tokenizer's special tokens, all tokens but the first labelled, its first `window` tokens; an
// answer behind `form` with the question in the place of "{}", with the EOS that ends it, all of it. Throws
// Error(kData) where nothing is labelled and where an answer does not fit into the model.
EncodedText encode_labelled_text(const TaskInput& input, const io::LabelledText& text, const std::string& form,
                                 std::int64_t window);

// `--window`, or the model's positions, at most `most`, where it is 0. Throws Error(kUsage) for one that is longer than
// the model.
std::int64_t text_window(const TaskInput& input, std::int64_t most);

// "form" with `question` in the place of its one "{}".
std::string fill_question(const std::string& form, const std::string& question);

// One teacher-forced pass over each text, in order.
std::vector<model::ScoreResult> score_labels(const model::Decoder& decoder, std::span<const EncodedText> texts);

// The labels as text, special tokens left out.
std::string label_text(const text::Tokenizer& tokenizer, const EncodedText& text);

}  // namespace nepenthe::evaluate
