#include "text/tokenizer_file.h"

#include "base/error.h"
#include "base/json_builder.h"

#include <optional>
#include <set>

namespace nepenthe::text {

void MergeList::add(std::string_view left, std::string_view right) {
    entries_.push_back(
        {characters_.size(), static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(right.size())});
    characters_ += left;
    characters_ += right;
}

std::pair<std::string_view, std::string_view> MergeList::operator[](std::size_t rank) const {
    const Entry& entry = entries_[rank];
    const std::string_view both = std::string_view(characters_).substr(entry.begin, entry.left + entry.right);
    return {both.substr(0, entry.left), both.substr(entry.left)};
}

namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxBytes = 512u << 20;

// Builds everything but what lies within model.vocab and model.merges.
class TokenizerFileReader : public JsonBuilder {
  public:
    explicit TokenizerFileReader(TokenizerFile& file) : JsonBuilder(file.rest), file_(file) {}

    bool null() override { return within_table() ? refuse("null") : JsonBuilder::null(); }
    bool boolean(bool value) override { return within_table() ? refuse("a truth value") : JsonBuilder::boolean(value); }
    bool number_integer(Json::number_integer_t value) override {
        return within_table() ? refuse(fmt::format("the number {}", value)) : JsonBuilder::number_integer(value);
    }
    bool number_float(Json::number_float_t value, const std::string& spelling) override {
        return within_table() ? refuse(fmt::format("the number {}", spelling))
                              : JsonBuilder::number_float(value, spelling);
    }
    bool number_unsigned(Json::number_unsigned_t value) override {
        if (place_ == Place::kElsewhere) return JsonBuilder::number_unsigned(value);
        if (place_ != Place::kVocabulary) return refuse(fmt::format("the number {}", value));
        return add_token(value);
    }
    bool string(std::string& value) override {
        switch (place_) {
            case Place::kElsewhere: return JsonBuilder::string(value);
            case Place::kVocabulary: return refuse("a string");
            case Place::kMerges: return add_spaced_merge(value);
            case Place::kMergePair: return add_merge_part(value);
        }
        return false;
    }
    bool key(std::string& name) override {
        if (place_ == Place::kVocabulary) {
            token_ = name;
            return true;
        }
        if (depth_ == 1) outer_key_ = name;
        if (depth_ == 2) inner_key_ = name;
        if (depth_ == 3 && outer_key_ == "added_tokens" && !keys_.insert(name).second) {
            problem_ = fmt::format("added_tokens: an entry with \"{}\" twice", name);
            return false;
        }
        return JsonBuilder::key(name);
    }
    bool start_object(std::size_t size) override {
        if (within_table()) return refuse("an object");
        ++depth_;
        if (depth_ == 3) keys_.clear();
        // Of keys that are given twice the last counts.
        if (depth_ == 2 && outer_key_ == "model") {
            file_.vocabulary = Vocabulary();
            file_.merges = MergeList();
        }
        if (at_model_field("vocab")) {
            place_ = Place::kVocabulary;
            file_.vocabulary = Vocabulary();
        }
        return depth_ <= kMaxDepth ? JsonBuilder::start_object(size) : refuse_depth();
    }
    bool end_object() override {
        --depth_;
        place_ = Place::kElsewhere;
        return JsonBuilder::end_object();
    }
    bool start_array(std::size_t size) override {
        if (place_ == Place::kMerges) {
            place_ = Place::kMergePair;
            left_.reset();
            parts_ = 0;
            return true;
        }
        if (within_table()) return refuse("an array");
        ++depth_;
        if (at_model_field("merges")) {
            place_ = Place::kMerges;
            file_.merges = MergeList();
        }
        return depth_ <= kMaxDepth ? JsonBuilder::start_array(size) : refuse_depth();
    }
    bool end_array() override {
        if (place_ == Place::kMergePair) {
            place_ = Place::kMerges;
            return parts_ == 2 || refuse(fmt::format("a pair of {}", parts_));
        }
        --depth_;
        place_ = Place::kElsewhere;
        return JsonBuilder::end_array();
    }
    bool parse_error(std::size_t position, const std::string& token, const Json::exception& error) override {
        problem_ = fmt::format("not JSON at byte {}, near \"{}\"", position, token);
        return JsonBuilder::parse_error(position, token, error);
    }

    const std::string& problem() const { return problem_; }

  private:
    enum class Place { kElsewhere, kVocabulary, kMerges, kMergePair };

    bool within_table() const { return place_ != Place::kElsewhere; }
    bool at_model_field(std::string_view name) const {
        return depth_ == 3 && outer_key_ == "model" && inner_key_ == name;
    }
    bool refuse(std::string_view found) {
        problem_ = place_ == Place::kVocabulary
                       ? fmt::format("model.vocab: \"{}\" has {} where an id belongs", token_, found)
                       : fmt::format("model.merges: entry {} is {}", file_.merges.size(), found);
        return false;
    }
    bool refuse_depth() {
        problem_ = fmt::format("nested deeper than {} levels", kMaxDepth);
        return false;
    }
    bool add_token(std::uint64_t id) {
        if (id > Vocabulary::kMaxId) {
            problem_ = fmt::format("model.vocab: \"{}\" has id {}, the limit is {}", token_, id, Vocabulary::kMaxId);
            return false;
        }
        file_.vocabulary.add(token_, id);
        return true;
    }
    bool add_spaced_merge(std::string_view merge) {
        if (merge.starts_with("#version")) return true;
        const std::size_t space = merge.find(' ');
        if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
            return refuse(fmt::format("\"{}\", not two tokens with a space between", merge));
        }
        file_.merges.add(merge.substr(0, space), merge.substr(space + 1));
        return true;
    }
    bool add_merge_part(std::string& part) {
        ++parts_;
        if (parts_ == 1) left_ = part;
        if (parts_ == 2) file_.merges.add(*left_, part);
        return true;
    }

    TokenizerFile& file_;
    Place place_ = Place::kElsewhere;
    std::size_t depth_ = 0;
    std::string outer_key_, inner_key_;  // of the object at depth 1 and 2
    std::set<std::string> keys_;         // of an entry of added_tokens
    std::string token_;
    std::optional<std::string> left_;
    int parts_ = 0;
    std::string problem_;
};

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view text, std::string_view what) {
    if (text.size() > kMaxBytes) fail(ErrorKind::kData, "{}: {} bytes, the limit is {}", what, text.size(), kMaxBytes);
    // The library takes a NUL byte for the end of the input and would ignore all that follows.
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
        fail(ErrorKind::kData, "{}: not JSON, a NUL byte at byte {}", what, nul);
    }
    TokenizerFile file;
    TokenizerFileReader reader(file);
    if (!Json::sax_parse(text.begin(), text.end(), &reader)) {
        fail(ErrorKind::kData, "{}: {}", what, reader.problem().empty() ? "not JSON" : reader.problem());
    }
    if (!file.rest.is_object()) fail(ErrorKind::kData, "{}: not a JSON object", what);
    return file;
}

}  // namespace nepenthe::text
