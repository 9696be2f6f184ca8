#include "text/corpus.h"

#include "base/error.h"
#include "base/hash.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace nepenthe::text {

// Lengths go in beside the bytes, so that a text moved from one document to the next changes the digest.
std::string documents_digest(const std::vector<std::string>& documents) {
    Sha256 hash;
    for (const std::string& document : documents) {
        hash.update(fmt::format("{}:", document.size())).update(document);
    }
    return hash.hex();
}

std::int64_t Corpus::tokens() const {
    std::int64_t count = 0;
    for (const TokenBlock& block : blocks) count += static_cast<std::int64_t>(block.ids.size());
    return count;
}

Corpus make_corpus(std::vector<std::string> documents, const Tokenizer& tokenizer, const BlockCut& cut) {
    const bool with_bos = cut.bos && tokenizer.bos().has_value();
    const TokenId bos = with_bos ? *tokenizer.bos() : 0;
    if (with_bos) tokenizer.require_row(bos);
    const std::size_t lead = with_bos ? 1 : 0;
    if (std::cmp_less(cut.length, lead + 1)) {
        fail(ErrorKind::kUsage, "blocks of {} tokens; they need at least {}", cut.length, lead + 1);
    }
    if (documents.size() > std::numeric_limits<std::uint32_t>::max()) {
        fail(ErrorKind::kData, "{} documents, the limit is {}", documents.size(),
             std::numeric_limits<std::uint32_t>::max());
    }
    Corpus corpus;
    corpus.digest = documents_digest(documents);
    corpus.documents = std::move(documents);
    const std::size_t text_tokens = static_cast<std::size_t>(cut.length) - lead;
    for (std::uint32_t document = 0; document < corpus.documents.size(); ++document) {
        const Encoding encoding = tokenizer.encode(corpus.documents[document], false);
        // A BOS that the document brings itself is the first block's.
        const bool written_out = with_bos && !encoding.ids.empty() && encoding.ids.front() == bos;
        for (std::size_t begin = written_out ? 1 : 0; begin < encoding.ids.size(); begin += text_tokens) {
            const std::size_t count = std::min(text_tokens, encoding.ids.size() - begin);
            if (count < text_tokens && !cut.keep_tail) break;
            TokenBlock block;
            block.document = document;
            block.ids.assign(lead + count, bos);
            block.offsets.assign(lead + count, Offset{0, 0});
            const auto from = static_cast<std::ptrdiff_t>(begin), to = static_cast<std::ptrdiff_t>(lead);
            std::copy_n(encoding.ids.begin() + from, count, block.ids.begin() + to);
            std::copy_n(encoding.offsets.begin() + from, count, block.offsets.begin() + to);
            corpus.blocks.push_back(std::move(block));
        }
    }
    return corpus;
}

std::int64_t leave_out_single_tokens(Corpus& corpus) {
    const auto left_out = std::erase_if(corpus.blocks, [](const TokenBlock& block) { return block.ids.size() < 2; });
    if (corpus.blocks.empty()) {
        fail(ErrorKind::kData,
             "nothing in the corpus predicts anything: {} documents give {} blocks of a single token and none of more",
             corpus.documents.size(), left_out);
    }
    return static_cast<std::int64_t>(left_out);
}

}  // namespace nepenthe::text
