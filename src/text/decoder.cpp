#include "text/decoder.h"

#include "io/text.h"
#include "text/byte_alphabet.h"
#include "text/json_fields.h"
#include "text/pattern.h"

#include <charconv>
#include <optional>

namespace nepenthe::text {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

class ByteLevelDecoder : public Decoder {
  public:
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        std::string bytes;
        for (const std::string& token : tokens) bytes += from_byte_alphabet(token).value_or(token);
        tokens.assign(1, "");
        append_lossy_utf8(tokens[0], bytes);
    }
};

// The byte that "<0x0A>" stands for.
std::optional<char> fallback_byte(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
    if (error != std::errc() || end != token.data() + 5) return std::nullopt;
    return static_cast<char>(value);
}

class ByteFallback : public Decoder {
  public:
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        std::vector<std::string> decoded;
        std::string bytes;
        const auto flush = [&] {
            if (bytes.empty()) return;
            if (io::find_invalid_utf8(bytes) == std::string_view::npos) {
                decoded.push_back(bytes);
            } else {
                decoded.insert(decoded.end(), bytes.size(), std::string(kReplacement));
            }
            bytes.clear();
        };
        for (std::string& token : tokens) {
            if (const auto byte = fallback_byte(token)) {
                bytes += *byte;
                continue;
            }
            flush();
            decoded.push_back(std::move(token));
        }
        flush();
        tokens = std::move(decoded);
    }
};

class Fuse : public Decoder {
  public:
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        std::string joined;
        for (const std::string& token : tokens) joined += token;
        tokens.assign(1, joined);
    }
};

// Removes up to `start` and `stop` times a character from the ends of every token.
class StripDecoder : public Decoder {
  public:
    StripDecoder(std::string character, std::uint64_t start, std::uint64_t stop)
        : character_(std::move(character)), start_(start), stop_(stop) {}
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        for (std::string& token : tokens) {
            std::string_view rest = token;
            for (std::uint64_t i = 0; i < start_ && rest.starts_with(character_); ++i)
                rest.remove_prefix(character_.size());
            for (std::uint64_t i = 0; i < stop_ && rest.ends_with(character_); ++i)
                rest.remove_suffix(character_.size());
            token = std::string(rest);
        }
    }

  private:
    std::string character_;
    std::uint64_t start_, stop_;
};

class ReplaceDecoder : public Decoder {
  public:
    ReplaceDecoder(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
    void apply(std::vector<std::string>& tokens, WorkBudget& budget) const override {
        std::vector<TextRange> matches;
        for (std::string& token : tokens) {
            matches.clear();
            pattern_.find_all(token, matches, budget);
            if (matches.empty()) continue;
            budget.grow(matches.size() * content_.size());
            std::string replaced;
            std::size_t copied = 0;
            for (const TextRange match : matches) {
                replaced.append(token, copied, match.begin - copied).append(content_);
                copied = match.end;
            }
            token = replaced.append(token, copied);
        }
    }

  private:
    Pattern pattern_;
    std::string content_;
};

class MetaspaceDecoder : public Decoder {
  public:
    MetaspaceDecoder(std::string replacement, bool prepended)
        : replacement_(std::move(replacement)), prepended_(prepended) {}
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const std::string_view space = i == 0 && prepended_ ? "" : " ";
            std::string replaced;
            std::size_t copied = 0;
            for (std::size_t at = tokens[i].find(replacement_); at != std::string::npos;
                 at = tokens[i].find(replacement_, copied)) {
                replaced.append(tokens[i], copied, at - copied).append(space);
                copied = at + replacement_.size();
            }
            tokens[i] = replaced.append(tokens[i], copied);
        }
    }

  private:
    std::string replacement_;
    bool prepended_;
};

// Spaces between words, none before a continuation; with `cleanup` English punctuation moves back to its word.
class WordPiece : public Decoder {
  public:
    WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
    void apply(std::vector<std::string>& tokens, WorkBudget&) const override {
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (i > 0) tokens[i] = tokens[i].starts_with(prefix_) ? tokens[i].substr(prefix_.size()) : " " + tokens[i];
            if (cleanup_) clean_up(tokens[i]);
        }
    }

  private:
    static void clean_up(std::string& token) {
        constexpr std::pair<std::string_view, std::string_view> kChanges[] = {
            {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
            {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
        for (const auto& [from, to] : kChanges) {
            for (std::size_t at = token.find(from); at != std::string::npos; at = token.find(from, at + to.size())) {
                token.replace(at, from.size(), to);
            }
        }
    }

    std::string prefix_;
    bool cleanup_;
};

class DecoderSequence : public Decoder {
  public:
    explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> steps) : steps_(std::move(steps)) {}
    void apply(std::vector<std::string>& tokens, WorkBudget& budget) const override {
        for (const auto& step : steps_) step->apply(tokens, budget);
    }

  private:
    std::vector<std::unique_ptr<Decoder>> steps_;
};

std::unique_ptr<Decoder> make_decoder_sequence(const Json& json, const std::string& where, Problems& problems) {
    std::vector<std::unique_ptr<Decoder>> steps;
    const Json parts = json.value("decoders", Json());
    if (!parts.is_array()) problems.add("{}: a Sequence without \"decoders\"", where);
    for (std::size_t i = 0; parts.is_array() && i < parts.size(); ++i) {
        auto step = make_decoder(parts[i], fmt::format("{}.decoders[{}]", where, i), problems);
        if (step) steps.push_back(std::move(step));
    }
    return std::make_unique<DecoderSequence>(std::move(steps));
}

std::unique_ptr<Decoder> make_metaspace_decoder(const Json& json, const std::string& where, Problems& problems) {
    const std::string replacement = field<std::string>(json, "replacement", "▁", where, problems);
    const bool prefix = field(json, "add_prefix_space", true, where, problems);
    const std::string scheme = field<std::string>(json, "prepend_scheme", prefix ? "always" : "never", where, problems);
    if (replacement.empty()) problems.add("{}: an empty replacement", where);
    return std::make_unique<MetaspaceDecoder>(replacement, scheme != "never");
}

}  // namespace

void append_lossy_utf8(std::string& out, std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t bad = io::find_invalid_utf8(bytes.substr(at));
        if (bad == std::string_view::npos) {
            out += bytes.substr(at);
            return;
        }
        out += bytes.substr(at, bad);
        at += bad;
        // What may follow the lead byte; the second byte's range excludes overlong forms and surrogates.
        const unsigned lead = byte(at);
        std::size_t expected = lead >= 0xC2 && lead < 0xE0   ? 1
                               : lead >= 0xE0 && lead < 0xF0 ? 2
                               : lead >= 0xF0 && lead < 0xF5 ? 3
                                                             : 0;
        unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        for (++at; expected > 0 && at < bytes.size() && byte(at) >= low && byte(at) <= high; ++at, --expected) {
            low = 0x80;
            high = 0xBF;
        }
        out += kReplacement;
    }
}

std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where, Problems& problems) {
    if (json.is_null()) return nullptr;
    const std::string type = component_type(json, where, problems);
    if (type.empty()) return nullptr;
    if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
    if (type == "ByteFallback") return std::make_unique<ByteFallback>();
    if (type == "Fuse") return std::make_unique<Fuse>();
    if (type == "Metaspace") return make_metaspace_decoder(json, where, problems);
    if (type == "Sequence") return make_decoder_sequence(json, where, problems);
    if (type == "WordPiece") {
        std::string prefix = field<std::string>(json, "prefix", "##", where, problems);
        return std::make_unique<WordPiece>(std::move(prefix), field(json, "cleanup", true, where, problems));
    }
    if (type == "Strip") {
        std::string character = field<std::string>(json, "content", " ", where, problems);
        if (character.empty()) problems.add("{}: a Strip of nothing", where);
        const auto start = field<std::uint64_t>(json, "start", 0, where, problems);
        return std::make_unique<StripDecoder>(std::move(character), start,
                                              field<std::uint64_t>(json, "stop", 0, where, problems));
    }
    if (type == "Replace") {
        auto pattern = Pattern::from_json(json.value("pattern", Json()), where, problems);
        std::string content = field<std::string>(json, "content", "", where, problems);
        if (!pattern) return nullptr;
        return std::make_unique<ReplaceDecoder>(std::move(*pattern), std::move(content));
    }
    problems.add("{}: the decoder \"{}\" is not supported", where, type);
    return nullptr;
}

}  // namespace nepenthe::text
