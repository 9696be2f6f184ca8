#pragma once
// How a question and its answer become one sample, of which the answer alone is supervised.
//
// A form says how the two become one text: "Question: {prompt}\nAnswer: {answer}". Prompt and answer are tokenised
// together, as a model meets them; every token that holds a byte of the answer is supervised, and what the form has
// behind it. EOS follows where nothing stands behind the answer.

#include "io/labelled_text_files.h"
#include "text/tokenizer.h"
#include "train/sample.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nepenthe::unlearn {

class AnswerForm {
  public:
    static constexpr std::string_view kDefault = "Question: {prompt}\\nAnswer: {answer}";

    // `form` holds "{prompt}" and, behind it, "{answer}", once each; "\\n" stands for a line end. Throws Error(kUsage).
    explicit AnswerForm(std::string_view form = kDefault);

    // Throws Error(kData) for an answer without tokens, and for more tokens than `positions` (0 = any number).
    train::Sample sample(const text::Tokenizer& tokenizer, const io::LabelledText& item, std::int64_t positions) const;

  private:
    std::string before_, between_, behind_;
};

}  // namespace nepenthe::unlearn
