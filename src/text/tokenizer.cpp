#include "text/tokenizer.h"

#include "base/error.h"
#include "io/file.h"
#include "io/text.h"
#include "text/pipeline.h"
#include "text/special_tokens.h"
#include "text/tokenizer_digest.h"

#include <fmt/ranges.h>

#include <algorithm>
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
    SpecialTokens special;
    std::int64_t rows = std::numeric_limits<std::int64_t>::max();
    mutable CachePool caches;

    std::optional<TokenId> find(std::string_view token) const;
    bool contains(TokenId id) const {
        return pipeline.added_tokens().find(id) != nullptr || pipeline.vocabulary().contains(id);
    }
    std::string spelling(TokenId id) const {
        const AddedToken* added = pipeline.added_tokens().find(id);
        return added != nullptr ? added->content : std::string(pipeline.vocabulary().token(id));
    }
    Encoding encode(std::string_view text, bool add_special_tokens, bool with_offsets) const;
    [[noreturn]] void refuse_row(TokenId id, std::string_view where) const;
};

std::optional<TokenId> Tokenizer::Impl::find(std::string_view token) const {
    if (const AddedToken* found = pipeline.added_tokens().find(token)) return found->id;
    const TokenId id = pipeline.vocabulary().find(token);
    return id == Vocabulary::kNone ? std::nullopt : std::optional(id);
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder_or_file, std::optional<std::int64_t> rows) {
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
                                       tokenizer_digest_of_file(path),
                                       {},
                                       rows.value_or(std::numeric_limits<std::int64_t>::max()),
                                       {}});
    impl->special = read_special_tokens(path.parent_path(), {[&](std::string_view token) { return impl->find(token); },
                                                             [&](TokenId id) { return impl->contains(id); }});
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

// What stands around `place`, on one line.
std::string excerpt(std::string_view text, Offset place) {
    constexpr std::size_t kAround = 30;
    std::size_t begin = place.begin < kAround ? 0 : place.begin - kAround;
    std::size_t end = std::min(text.size(), std::size_t{place.end} + kAround);
    while (begin > 0 && is_continuation_byte(text[begin])) --begin;
    while (end < text.size() && is_continuation_byte(text[end])) ++end;
    std::string shown(text.substr(begin, end - begin));
    std::ranges::replace_if(
        shown, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    return fmt::format("{}{}{}", begin > 0 ? "…" : "", shown, end < text.size() ? "…" : "");
}

}  // namespace

void Tokenizer::Impl::refuse_row(TokenId id, std::string_view where) const {
    fail(ErrorKind::kData,
         "the token \"{}\" (id {}) lies behind the last of the {} rows of the model's embedding{}; take it out of the "
         "text, or use a model whose embedding was extended for it",
         spelling(id), id, rows, where);
}

Encoding Tokenizer::Impl::encode(std::string_view text, bool add_special_tokens, bool with_offsets) const {
    require_text(text);
    CachePool::Loan loan(caches);
    Encoding encoding = pipeline.encode(text, add_special_tokens, with_offsets, loan.cache());
    const auto behind = [&](TokenId id) { return id >= rows; };
    if (std::ranges::any_of(encoding.ids, behind)) {
        if (!with_offsets) encoding = pipeline.encode(text, add_special_tokens, true, loan.cache());
        const auto found = std::ranges::find_if(encoding.ids, behind);
        const Offset offset = encoding.offsets[static_cast<std::size_t>(found - encoding.ids.begin())];
        refuse_row(*found, fmt::format(" at byte {} of the text \"{}\"", offset.begin, excerpt(text, offset)));
    }
    return encoding;
}

Encoding Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
    return impl_->encode(text, add_special_tokens, true);
}

std::vector<TokenId> Tokenizer::encode_ids(std::string_view text, bool add_special_tokens) const {
    return impl_->encode(text, add_special_tokens, false).ids;
}

void Tokenizer::require_row(TokenId id) const {
    if (id >= impl_->rows) impl_->refuse_row(id, "");
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
    std::size_t bytes = 0;
    for (const std::string& token : tokens) bytes += token.size();
    WorkBudget budget(bytes);
    if (decoder != nullptr) decoder->apply(tokens, budget);
    return fmt::format("{}", fmt::join(tokens, decoder == nullptr ? " " : ""));
}

TokenId Tokenizer::size() const {
    return std::max(impl_->pipeline.vocabulary().size(), impl_->pipeline.added_tokens().size());
}

std::string Tokenizer::token(TokenId id) const { return impl_->spelling(id); }

std::optional<TokenId> Tokenizer::id(std::string_view token) const { return impl_->find(token); }

std::optional<TokenId> Tokenizer::bos() const { return impl_->special.bos; }

std::optional<TokenId> Tokenizer::eos() const { return impl_->special.eos; }

const std::vector<TokenId>& Tokenizer::ends() const { return impl_->special.ends; }

bool Tokenizer::is_special(TokenId id) const {
    const AddedToken* added = impl_->pipeline.added_tokens().find(id);
    return added != nullptr && impl_->pipeline.added_tokens().is_special(*added);
}

const std::string& Tokenizer::digest() const { return impl_->digest; }

}  // namespace nepenthe::text
