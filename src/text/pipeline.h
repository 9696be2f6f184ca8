#pragma once
// The components of one tokenizer.json, and a text's way through them: added tokens, normalizer, pre-tokenizer, model,
// post-processor.

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_file.h"
#include "text/word_cache.h"
#include "text/word_model.h"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace nepenthe::text {

// Immutable once built.
class Pipeline {
  public:
    // Throws Error(kData) naming every component that is not supported; `what` names the file in the message.
    Pipeline(TokenizerFile file, const std::string& what);
    Pipeline(const Pipeline&) = delete;  // the model refers to the vocabulary beside it
    Pipeline& operator=(const Pipeline&) = delete;

    // `text` is valid UTF-8 below 4 GiB. Without `with_offsets` the result has ids alone.
    Encoding encode(std::string_view text, bool add_special_tokens, bool with_offsets, WordCache& cache) const;

    const Vocabulary& vocabulary() const { return file_.vocabulary; }
    const AddedTokens& added_tokens() const { return *added_tokens_; }
    // Null where the tokens are joined by spaces.
    const Decoder* decoder() const { return decoder_.get(); }

  private:
    class Run;
    TokenizerFile file_;
    std::unique_ptr<Normalizer> normalizer_;
    std::unique_ptr<PreTokenizer> pre_tokenizer_;
    std::unique_ptr<WordModel> model_;
    std::unique_ptr<AddedTokens> added_tokens_;
    PostProcessor post_processor_;
    std::unique_ptr<Decoder> decoder_;
    std::vector<OuterSpaces> outer_spaces_of_;  // by id, where offsets are trimmed
};

}  // namespace nepenthe::text
