#pragma once
// What a forgetting objective is about: texts to be forgotten, texts to be kept, and refusals.

#include "base/error.h"
#include "base/json.h"
#include "io/labelled_text_files.h"
#include "text/tokenizer.h"
#include "train/sample.h"
#include "unlearn/data/answer_form.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct ForgetDataFiles {
    std::vector<std::filesystem::path> forget, retain;  // as io::read_labelled_texts() reads them
    std::filesystem::path refusals;                     // a line each; empty: there are none
    std::string form = std::string(AnswerForm::kDefault);
    std::int64_t block = 256;  // tokens of a block of text
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
    // Reads all files: answers become samples behind their questions (answer_form.h), documents blocks of which every
    // token is supervised. `positions`: of the model, 0 = any number. `tokenizer` must outlive this. Throws
    // Error(kData) that lists every bad record of a file, and every item that does not fit into the model, with the
    // longest refusal too; Error(kUsage) for a block of text that does not, and for a form that AnswerForm refuses.
    ForgetData(const ForgetDataFiles& files, const text::Tokenizer& tokenizer, std::int64_t positions);

    const std::vector<train::Sample>& forget() const { return forget_; }
    const std::vector<train::Sample>& retain() const { return retain_; }
    std::size_t refusals() const { return refusals_.size(); }
    // Whether all that is to be forgotten are questions, which can be answered with a refusal.
    bool has_questions() const;
    // Question `item` answered with a refusal.
    train::Sample refused(std::size_t item, std::size_t refusal) const;

    // What was read, for keys: the content by role ("forget", "retain", "refusals"), and the options that shaped it
    // ("form" where there are questions, "block" where there are documents).
    const std::map<std::string, std::string>& digests() const { return digests_; }
    const Json& shaped_by() const { return shaped_by_; }

    Overlap overlap() const;

  private:
    struct Items;
    Items read(const std::string& role, const std::vector<std::filesystem::path>& paths, const ForgetDataFiles& files,
               Problems& problems);
    void check_refusals(Problems& problems) const;

    const text::Tokenizer& tokenizer_;
    AnswerForm form_;
    std::int64_t positions_;
    std::vector<train::Sample> forget_, retain_;
    std::vector<std::string> questions_;  // of forget_; "" for a block of text
    std::vector<std::string> refusals_;
    std::map<std::string, std::string> digests_;
    Json shaped_by_ = Json::object();
};

}  // namespace nepenthe::unlearn
