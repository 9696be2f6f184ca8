#pragma once
// Tokenizers from Hugging Face's tokenizer.json: byte-level BPE (GPT-2, NeoX, Llama 3, Qwen) and SentencePiece-style
// BPE with byte fallback (Llama 2, Mistral, Gemma), and WordPiece (BERT and the sentence encoders made of it). Ids and
// offsets equal those of the `tokenizers` package.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nepenthe::text {

using TokenId = std::int32_t;

// One token's span in the text that was encoded: bytes [begin, end). Special tokens added by the post-processor have
// begin == end == 0. A character whose bytes fall into several tokens belongs to each of them (byte-level BPE).
struct Offset {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool operator==(const Offset&) const = default;
};

struct Encoding {
    std::vector<TokenId> ids;
    std::vector<Offset> offsets;  // parallel to ids
};

// The tokens that begin and end a text (special_tokens.h says where they come from).
struct SpecialTokens {
    std::optional<TokenId> bos, eos;
    std::vector<TokenId> ends;  // every id at which generation ends, ascending; EOS is among them
};

class Tokenizer {
  public:
    // Reads tokenizer.json of a model folder, or a tokenizer.json itself, and from the files beside it which tokens
    // begin and end a text. Throws Error(kData) naming every component that is not supported. The file's truncation
    // and padding are not applied.
    // `rows`: of the model's embedding. A tokenizer may know tokens behind the last row (placeholders for images, a
    // padding token that was added later); encoding a text in which one occurs throws Error(kData) that names both.
    static Tokenizer load(const std::filesystem::path& folder_or_file, std::optional<std::int64_t> rows = {});

    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    ~Tokenizer();

    // Text must be valid UTF-8. With `add_special_tokens` the post-processor's tokens (BOS …) are added, but for those
    // that the text itself begins or ends with (the package would double them). Thread-safe.
    Encoding encode(std::string_view text, bool add_special_tokens) const;
    // Ids alone, faster where offsets are not wanted.
    std::vector<TokenId> encode_ids(std::string_view text, bool add_special_tokens) const;
    std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

    // Vocabulary with added tokens: largest id + 1. May exceed the model's rows.
    TokenId size() const;
    // Throws Error(kData) naming the token where the model's embedding has no row for it.
    void require_row(TokenId id) const;
    // The vocabulary's own spelling of an id ("▁the", "Ġthe"), "" for a hole.
    std::string token(TokenId id) const;
    std::optional<TokenId> id(std::string_view token) const;
    std::optional<TokenId> bos() const;
    std::optional<TokenId> eos() const;
    // Where generation ends: EOS and whatever else the model's configuration ends at.
    const std::vector<TokenId>& ends() const;
    bool is_special(TokenId id) const;
    // tokenizer_digest() of what it was read from (tokenizer_digest.h), for artefact keys.
    const std::string& digest() const;

  private:
    struct Impl;
    explicit Tokenizer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::text
