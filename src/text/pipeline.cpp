#include "text/pipeline.h"

#include "text/bpe_model.h"
#include "text/json_fields.h"
#include "text/word_piece_model.h"

#include <algorithm>

namespace nepenthe::text {

Pipeline::Pipeline(TokenizerFile file, const std::string& what) : file_(std::move(file)) {
    Problems problems;
    const Json& rest = file_.rest;
    const Json description = rest.value("model", Json());
    // Old files leave the type out; a BPE has merges.
    const std::string type = description.is_object() ? description.value("type", "BPE") : "";
    const bool known = type == "BPE" || type == "WordPiece";
    if (!known) problems.add("model: the type \"{}\" is not supported, only BPE and WordPiece are", type);
    normalizer_ = make_normalizer(rest.value("normalizer", Json()), "normalizer", problems);
    pre_tokenizer_ = make_pre_tokenizer(rest.value("pre_tokenizer", Json()), "pre_tokenizer", problems);
    post_processor_ = PostProcessor::from_json(rest.value("post_processor", Json()), "post_processor", problems);
    decoder_ = make_decoder(rest.value("decoder", Json()), "decoder", problems);
    if (known) {
        if (file_.vocabulary.count() == 0) problems.add("model.vocab: empty or missing");
        if (type == "BPE") {
            model_ = std::make_unique<BpeModel>(file_, pre_tokenizer_ && pre_tokenizer_->byte_level(), problems);
        } else {
            model_ = std::make_unique<WordPieceModel>(file_, problems);
        }
        added_tokens_ = std::make_unique<AddedTokens>(rest.value("added_tokens", Json()), file_.vocabulary,
                                                      normalizer_.get(), problems);
    }
    for (const auto* ids : {&post_processor_.prefix, &post_processor_.suffix}) {
        for (const TokenId id : *ids) {
            if (!added_tokens_ || added_tokens_->find(id) != nullptr || file_.vocabulary.contains(id)) continue;
            problems.add("post_processor: a template has id {}, which is no token", id);
        }
    }
    problems.throw_if_any(ErrorKind::kData, what);
    if (post_processor_.trim_offsets) {
        for (TokenId id = 0; id < file_.vocabulary.size(); ++id) {
            outer_spaces_of_.push_back(outer_spaces(file_.vocabulary.token(id)));
        }
    }
    file_.rest = Json();
    file_.merges = MergeList();
}

// One call of encode: walks the text from added tokens to words to ids.
class Pipeline::Run {
  public:
    Run(const Pipeline& pipeline, std::string_view text, WordCache& cache, bool with_offsets)
        : pipeline_(pipeline), text_(text), cache_(cache), with_offsets_(with_offsets), budget_(text.size()) {}

    Encoding encode(bool add_special_tokens) {
        std::vector<Section> sections;
        pipeline_.added_tokens_->cut(text_, false, sections);
        for (const Section& section : sections) {
            if (section.id == Vocabulary::kNone) {
                encode_section(section.range);
            } else {
                put_added(section.id, {section.range.begin, section.range.end}, section.range, text_);
            }
        }
        if (add_special_tokens) put_special_tokens();
        return std::move(encoding_);
    }

  private:
    // Text between two added tokens that were looked for in raw text.
    void encode_section(TextRange range) {
        AlignedText text(text_.substr(range.begin, range.end - range.begin), range.begin, budget_);
        if (pipeline_.normalizer_) pipeline_.normalizer_->apply(text);
        std::vector<Section> sections;
        pipeline_.added_tokens_->cut(text.text(), true, sections);
        if (sections.size() == 1 && sections[0].id == Vocabulary::kNone) {
            encode_words({std::move(text), {sections[0].range}});
            return;
        }
        for (const Section& section : sections) {
            if (section.id == Vocabulary::kNone) {
                AlignedText part = text.part(section.range);
                const auto size = static_cast<std::uint32_t>(part.text().size());
                encode_words({std::move(part), {{0, size}}});
            } else {
                put_added(section.id, text.span_of_characters(section.range), section.range, text.text());
            }
        }
    }

    void encode_words(Words words) {
        if (pipeline_.pre_tokenizer_) pipeline_.pre_tokenizer_->apply(words);
        const std::string_view text = words.text.text();
        for (const TextRange word : words.ranges) {
            for (std::uint32_t at = word.begin; at < word.end;) {
                const std::string_view rest = text.substr(at, word.end - at);
                const auto length = static_cast<std::uint32_t>(pipeline_.model_->independent_prefix(rest));
                encode_word(words.text, rest.substr(0, length), at);
                at += length;
            }
        }
    }

    void encode_word(const AlignedText& text, std::string_view word, std::uint32_t at) {
        for (const WordToken& token : cache_.tokens_of(word, *pipeline_.model_)) {
            encoding_.ids.push_back(token.id);
            if (!with_offsets_) continue;
            Offset offset = text.span_of_characters({at + token.begin, at + token.end});
            if (!pipeline_.outer_spaces_of_.empty()) {
                const OuterSpaces spaces = pipeline_.outer_spaces_of_[static_cast<std::size_t>(token.id)];
                if (spaces.leading + spaces.trailing > 0) offset = trimmed(offset, spaces);
            }
            encoding_.offsets.push_back(offset);
        }
    }

    Offset trimmed(Offset offset, OuterSpaces spaces) const {
        const bool first = encoding_.ids.size() == 1;
        return trim_offset(offset, spaces, first, text_, pipeline_.post_processor_);
    }

    void put_added(TokenId id, Offset offset, TextRange range, std::string_view text) {
        encoding_.ids.push_back(id);
        if (!with_offsets_) return;
        if (pipeline_.post_processor_.trim_offsets) {
            offset = trimmed(offset, outer_spaces(text.substr(range.begin, range.end - range.begin)));
        }
        encoding_.offsets.push_back(offset);
    }

    // The template's tokens around the text, but for those that the text brings itself.
    void put_special_tokens() {
        const std::vector<TokenId>&prefix = pipeline_.post_processor_.prefix,
              &suffix = pipeline_.post_processor_.suffix;
        std::vector<TokenId>& ids = encoding_.ids;
        const bool begins = ids.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), ids.begin());
        const std::size_t behind = ids.size() - (begins ? prefix.size() : 0);  // a token is not both
        const bool ends = behind >= suffix.size() && std::equal(suffix.rbegin(), suffix.rend(), ids.rbegin());
        if (!begins) put(ids.begin(), encoding_.offsets.begin(), prefix);
        if (!ends) put(ids.end(), encoding_.offsets.end(), suffix);
    }

    void put(std::vector<TokenId>::iterator id, std::vector<Offset>::iterator offset,
             const std::vector<TokenId>& special) {
        encoding_.ids.insert(id, special.begin(), special.end());
        if (with_offsets_) encoding_.offsets.insert(offset, special.size(), Offset{});
    }

    const Pipeline& pipeline_;
    std::string_view text_;
    WordCache& cache_;
    bool with_offsets_;
    WorkBudget budget_;
    Encoding encoding_;
};

Encoding Pipeline::encode(std::string_view text, bool add_special_tokens, bool with_offsets, WordCache& cache) const {
    return Run(*this, text, cache, with_offsets).encode(add_special_tokens);
}

}  // namespace nepenthe::text
