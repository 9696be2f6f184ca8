#pragma once
// What a forgetting objective is about: texts to be forgotten, texts to be kept, and refusals.

#include "text/tokenizer.h"
#include "train/sample.h"
#include "unlearn/data/answer_form.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct ForgetDataFiles {
    // Text as corpora are read (files, folders of *.txt, *.jsonl with "text"), or JSON Lines of questions.
    std::vector<std::filesystem::path> forget, retain;
    std::filesystem::path refusals;  // a line each
    std::string form = std::string(AnswerForm::kDefault);
    std::int64_t block = 256;  // tokens of a block of text

    // Role → digest of what is read, for keys. Not collective.
    std::vector<std::pair<std::string, std::string>> digests() const;
};

// Text that stands in both sets: it would be pulled both ways.
struct Overlap {
    std::int64_t forget_items = 0;
    std::int64_t shared_items = 0;     // with a run of kOverlapTokens tokens that is retained, too
    std::int64_t identical_items = 0;  // retained word for word
    std::string example;               // of a run that is shared
};
inline constexpr std::size_t kOverlapTokens = 13;

class ForgetData {
  public:
    // Reads all files. `positions`: of the model, 0 = any number. `tokenizer` must outlive this. Throws Error(kData)
    // that lists every bad line and item.
    ForgetData(const ForgetDataFiles& files, const text::Tokenizer& tokenizer, std::int64_t positions);

    const std::vector<train::Sample>& forget() const { return forget_; }
    const std::vector<train::Sample>& retain() const { return retain_; }
    std::size_t refusals() const { return refusals_.size(); }
    // Whether what is to be forgotten are questions, which can be answered with a refusal.
    bool has_questions() const { return !questions_.empty(); }
    // Question `item` answered with a refusal.
    train::Sample refused(std::size_t item, std::size_t refusal) const;

    Overlap overlap() const;

  private:
    const text::Tokenizer& tokenizer_;
    AnswerForm form_;
    std::int64_t positions_;
    std::vector<train::Sample> forget_, retain_;
    std::vector<QuestionAnswer> questions_;  // of forget_, or none
    std::vector<std::string> refusals_;
};

}  // namespace nepenthe::unlearn
