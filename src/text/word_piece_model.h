#pragma once
// WordPiece: the longest token that begins a word, then the longest continuation, and so on; a word that cannot be
// spelt so is unknown as a whole. Schuster and Nakajima 2012; ids and spans as the `tokenizers` package gives them.

#include "base/error.h"
#include "text/tokenizer_file.h"
#include "text/word_model.h"

#include <string>

namespace nepenthe::text {

class WordPieceModel : public WordModel {
  public:
    // `file` holds the vocabulary and outlives the model. Options that are not supported, and an unknown token that the
    // vocabulary lacks, go to `problems`.
    WordPieceModel(const TokenizerFile& file, Problems& problems);

    // O(n · the longest token).
    void encode(std::string_view word, MergeBuffer& buffer, std::vector<WordToken>& tokens) const override;

  private:
    const Vocabulary& vocabulary_;
    std::string prefix_;              // of continuations
    std::size_t longest_word_ = 100;  // characters; longer words are unknown
    std::size_t longest_token_ = 0;   // bytes, prefix included
    TokenId unknown_ = Vocabulary::kNone;
};

}  // namespace nepenthe::text
