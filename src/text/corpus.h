#pragma once
// Corpora cut into token blocks: fixed slices whose ids and shapes depend on the text, the tokenizer and the block
// length alone.

#include "text/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::text {

// One block: up to `length` tokens of one document. offsets count in that document's text.
struct TokenBlock {
    std::uint32_t document = 0;
    std::vector<TokenId> ids;
    std::vector<Offset> offsets;  // parallel to ids; BOS has {0, 0}
};

struct BlockCut {
    std::int64_t length = 512;  // tokens a block, BOS included
    // Each block begins with the tokenizer's BOS, where it has one; a document that begins with it does not get
    // another.
    bool bos = true;
    bool keep_tail = true;  // the last, shorter block of a document is kept
};

// What a corpus is: SHA-256 over its documents in order. How it is cut belongs to the key's options.
std::string documents_digest(const std::vector<std::string>& documents);

struct Corpus {
    std::vector<std::string> documents;
    std::vector<TokenBlock> blocks;
    std::string digest;  // documents_digest()
    std::int64_t tokens() const;
};

// Tokenises whole documents (never slices of them), then cuts. Throws Error(kData) for a token or a BOS that the model
// has no row for.
Corpus make_corpus(std::vector<std::string> documents, const Tokenizer& tokenizer, const BlockCut& cut);

// Leaves out blocks of a single token, in which nothing predicts anything, and returns how many there were. Throws
// Error(kData) where no block remains.
std::int64_t leave_out_single_tokens(Corpus& corpus);

}  // namespace nepenthe::text
