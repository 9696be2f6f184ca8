#include "text/corpus.h"

#include "base/error.h"
#include "base/hash.h"

#include <algorithm>
#include <limits>

namespace nepenthe::text {

namespace {

// Lengths go in beside the bytes, so that a text moved from one document to the next changes the digest.
std::string digest_of(const std::vector<std::string>& documents) {
    Sha256 hash;
    for (const std::string& document : documents) {
        hash.update(fmt::format("{}:", document.size())).update(document);
    }
    return hash.hex();
}

}  // namespace

std::int64_t Corpus::tokens() const {
    std::int64_t count = 0;
    for (const TokenBlock& block : blocks) count += static_cast<std::int64_t>(block.ids.size());
    return count;
}

Corpus make_corpus(std::vector<std::string> documents, const Tokenizer& tokenizer, const BlockCut& cut) {
    const std::optional<TokenId> bos = cut.bos ? tokenizer.bos() : std::nullopt;
    const std::int64_t shortest = bos ? 2 : 1;
    if (cut.length < shortest) {
        fail(ErrorKind::kUsage, "blocks of {} tokens; they need at least {}", cut.length, shortest);
    }
    if (documents.size() > std::numeric_limits<std::uint32_t>::max()) {
        fail(ErrorKind::kData, "{} documents, the limit is {}", documents.size(),
             std::numeric_limits<std::uint32_t>::max());
    }
    Corpus corpus;
    corpus.digest = digest_of(documents);
    corpus.documents = std::move(documents);
    const auto text_tokens = static_cast<std::size_t>(cut.length - (bos ? 1 : 0));
    for (std::uint32_t document = 0; document < corpus.documents.size(); ++document) {
        const Encoding encoding = tokenizer.encode(corpus.documents[document], false);
        for (std::size_t begin = 0; begin < encoding.ids.size(); begin += text_tokens) {
            const std::size_t count = std::min(text_tokens, encoding.ids.size() - begin);
            if (count < text_tokens && !cut.keep_tail) break;
            TokenBlock block;
            block.document = document;
            if (bos) {
                block.ids.push_back(*bos);
                block.offsets.push_back({0, 0});
            }
            const auto first = static_cast<std::ptrdiff_t>(begin), last = static_cast<std::ptrdiff_t>(begin + count);
            block.ids.insert(block.ids.end(), encoding.ids.begin() + first, encoding.ids.begin() + last);
            block.offsets.insert(block.offsets.end(), encoding.offsets.begin() + first,
                                 encoding.offsets.begin() + last);
            corpus.blocks.push_back(std::move(block));
        }
    }
    return corpus;
}

}  // namespace nepenthe::text
