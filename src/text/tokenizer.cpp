#include "text/tokenizer.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "io/text.h"
#include "text/pipeline.h"

#include <limits>
#include <mutex>

namespace nepenthe::text {

namespace {

// Word caches, lent to one caller at a time, so that threads neither share nor lose them.
class CachePool {
  public:
    class Loan {
      public:
        explicit Loan(CachePool& pool) : pool_(pool), cache_(pool.take()) {}
        ~Loan() {
            cache_->release_excess();
            pool_.give_back(std::move(cache_));
        }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        WordCache& cache() { return *cache_; }

      private:
        CachePool& pool_;
        std::unique_ptr<WordCache> cache_;
    };

  private:
    std::unique_ptr<WordCache> take() {
        const std::lock_guard lock(mutex_);
        if (free_.empty()) return std::make_unique<WordCache>();
        auto cache = std::move(free_.back());
        free_.pop_back();
        return cache;
    }
    void give_back(std::unique_ptr<WordCache> cache) {
        const std::lock_guard lock(mutex_);
        free_.push_back(std::move(cache));
    }

    std::mutex mutex_;
    std::vector<std::unique_ptr<WordCache>> free_;
};

}  // namespace

struct Tokenizer::Impl {
    Pipeline pipeline;
    std::string digest;
    std::optional<TokenId> bos, eos;
    mutable CachePool caches;

    std::optional<TokenId> find(std::string_view token) const;
    void read_config(const std::filesystem::path& path);
};

std::optional<TokenId> Tokenizer::Impl::find(std::string_view token) const {
    if (const AddedToken* found = pipeline.added_tokens().find(token)) return found->id;
    const TokenId id = pipeline.vocabulary().find(token);
    return id == Vocabulary::kNone ? std::nullopt : std::optional(id);
}

void Tokenizer::Impl::read_config(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return;
    const Json config = parse_json(io::read_file(path, 64u << 20), path.string());
    if (!config.is_object()) fail(ErrorKind::kData, "{}: not a JSON object", path.string());
    Problems problems;
    const auto special = [&](const char* name) -> std::optional<TokenId> {
        Json token = config.value(name, Json());
        if (token.is_object()) token = token.value("content", Json());  // an AddedToken written out
        if (token.is_null()) return std::nullopt;
        if (!token.is_string()) {
            problems.add("\"{}\" is neither a string nor an added token", name);
            return std::nullopt;
        }
        const auto id = find(token.get<std::string>());
        if (!id) problems.add("\"{}\" is \"{}\", which the tokenizer does not know", name, token.get<std::string>());
        return id;
    };
    bos = special("bos_token");
    eos = special("eos_token");
    problems.throw_if_any(ErrorKind::kData, path.string());
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder_or_file) {
    const bool folder = std::filesystem::is_directory(folder_or_file);
    const auto path = folder ? folder_or_file / "tokenizer.json" : folder_or_file;
    if (folder && !std::filesystem::exists(path)) {
        fail(ErrorKind::kInputOutput,
             "{}: no tokenizer.json; save one with transformers: AutoTokenizer.from_pretrained(…).save_pretrained(…)",
             folder_or_file.string());
    }
    const io::MappedFile mapped(path);
    auto impl =
        std::unique_ptr<Impl>(new Impl{Pipeline(parse_tokenizer_file(mapped.text(), path.string()), path.string()),
                                       sha256_hex(mapped.text()),
                                       {},
                                       {},
                                       {}});
    impl->read_config(path.parent_path() / "tokenizer_config.json");
    return Tokenizer(std::move(impl));
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

namespace {

void require_text(std::string_view text) {
    if (text.size() >= std::numeric_limits<std::uint32_t>::max()) {
        fail(ErrorKind::kData, "a text of {} bytes; offsets have 32 bits, cut it into documents", text.size());
    }
    if (const std::size_t bad = io::find_invalid_utf8(text); bad != std::string_view::npos) {
        fail(ErrorKind::kData, "the text is not UTF-8 at byte {}", bad);
    }
}

}  // namespace

Encoding Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
    require_text(text);
    CachePool::Loan loan(impl_->caches);
    return impl_->pipeline.encode(text, add_special_tokens, true, loan.cache());
}

std::vector<TokenId> Tokenizer::encode_ids(std::string_view text, bool add_special_tokens) const {
    require_text(text);
    CachePool::Loan loan(impl_->caches);
    return impl_->pipeline.encode(text, add_special_tokens, false, loan.cache()).ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const TokenId id : ids) {
        if (const AddedToken* added = impl_->pipeline.added_tokens().find(id)) {
            if (!skip_special_tokens || !impl_->pipeline.added_tokens().is_left_out(*added)) {
                tokens.push_back(added->spelling);
            }
        } else if (impl_->pipeline.vocabulary().contains(id)) {
            tokens.emplace_back(impl_->pipeline.vocabulary().token(id));
        }
    }
    const Decoder* decoder = impl_->pipeline.decoder();
    if (decoder != nullptr) decoder->apply(tokens);
    std::string text;
    for (const std::string& part : tokens) {
        if (decoder == nullptr && !text.empty()) text += ' ';
        text += part;
    }
    return text;
}

TokenId Tokenizer::size() const {
    return std::max(impl_->pipeline.vocabulary().size(), impl_->pipeline.added_tokens().size());
}

std::string Tokenizer::token(TokenId id) const {
    if (const AddedToken* added = impl_->pipeline.added_tokens().find(id)) return added->content;
    return std::string(impl_->pipeline.vocabulary().token(id));
}

std::optional<TokenId> Tokenizer::id(std::string_view token) const { return impl_->find(token); }

std::optional<TokenId> Tokenizer::bos() const { return impl_->bos; }

std::optional<TokenId> Tokenizer::eos() const { return impl_->eos; }

bool Tokenizer::is_special(TokenId id) const {
    const AddedToken* added = impl_->pipeline.added_tokens().find(id);
    return added != nullptr && added->special;
}

const std::string& Tokenizer::digest() const { return impl_->digest; }

}  // namespace nepenthe::text
