#include "text/post_processor.h"

#include "text/json_fields.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

namespace nepenthe::text {

namespace {

// Appends the ids of the special token that a template names.
void add_special(const Json& piece, const Json& specials, std::vector<TokenId>& ids, const std::string& where,
                 Problems& problems) {
    const std::string name = field<std::string>(piece, "id", "", where, problems);
    const auto special = specials.find(name);
    if (special == specials.end() || !special->is_object() || !special->value("ids", Json()).is_array()) {
        problems.add("{}: the template's \"{}\" is not among its special_tokens", where, name);
        return;
    }
    for (const Json& id : (*special)["ids"]) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > Vocabulary::kMaxId) {
            problems.add("{}: the id of \"{}\" is {}", where, name, id.dump().substr(0, 40));
            return;
        }
        ids.push_back(id.get<TokenId>());
    }
}

void add_template(PostProcessor& processor, const Json& json, const std::string& where, Problems& problems) {
    const Json pieces = json.value("single", Json());
    const Json specials = json.value("special_tokens", Json::object());
    if (!pieces.is_array() || !specials.is_object()) {
        problems.add("{}: a TemplateProcessing without a list \"single\"", where);
        return;
    }
    std::vector<TokenId> before, behind;
    int texts = 0;
    for (const Json& piece : pieces) {
        if (piece.is_object() && piece.contains("Sequence")) {
            ++texts;
        } else if (piece.is_object() && piece.contains("SpecialToken") && piece["SpecialToken"].is_object()) {
            add_special(piece["SpecialToken"], specials, texts == 0 ? before : behind, where, problems);
        } else {
            problems.add("{}: the piece {} of the template is not supported", where, piece.dump().substr(0, 60));
        }
    }
    if (texts != 1) problems.add("{}: a template with {} texts where one belongs", where, texts);
    processor.prefix.insert(processor.prefix.begin(), before.begin(), before.end());
    processor.suffix.insert(processor.suffix.end(), behind.begin(), behind.end());
}

void add_step(PostProcessor& processor, const Json& json, const std::string& where, Problems& problems) {
    const std::string type = component_type(json, where, problems);
    if (type == "TemplateProcessing") {
        add_template(processor, json, where, problems);
    } else if (type == "ByteLevel") {
        if (field(json, "trim_offsets", true, where, problems)) {
            processor.trim_offsets = true;
            processor.add_prefix_space = field(json, "add_prefix_space", true, where, problems);
        }
    } else if (type == "Sequence") {
        const Json steps = json.value("processors", Json());
        if (!steps.is_array()) problems.add("{}: a Sequence without \"processors\"", where);
        for (std::size_t i = 0; steps.is_array() && i < steps.size(); ++i) {
            add_step(processor, steps[i], fmt::format("{}.processors[{}]", where, i), problems);
        }
    } else if (!type.empty()) {
        problems.add("{}: the post-processor \"{}\" is not supported", where, type);
    }
}

constexpr char32_t kSpaceOfByteAlphabet = 0x120;  // Ġ

bool is_space(char32_t code_point) { return code_point == kSpaceOfByteAlphabet || is_white_space(code_point); }

}  // namespace

PostProcessor PostProcessor::from_json(const Json& json, const std::string& where, Problems& problems) {
    PostProcessor processor;
    if (!json.is_null()) add_step(processor, json, where, problems);
    return processor;
}

OuterSpaces outer_spaces(std::string_view token) {
    OuterSpaces spaces;
    std::size_t begin = 0;
    while (begin < token.size() && is_space(decode_at(token, begin))) {
        begin += character_length(token[begin]);
        ++spaces.leading;
    }
    for (std::size_t end = token.size(); end > 0; ++spaces.trailing) {
        do --end;
        while (is_continuation_byte(token[end]));
        if (!is_space(decode_at(token, end))) break;
    }
    return spaces;
}

Offset trim_offset(Offset offset, OuterSpaces spaces, bool first, std::string_view text,
                   const PostProcessor& processor) {
    const bool put_there = (first || offset.begin == 0) && processor.add_prefix_space && spaces.leading == 1;
    for (std::uint32_t i = put_there ? spaces.leading : 0; i < spaces.leading && offset.begin < offset.end; ++i) {
        offset.begin += static_cast<std::uint32_t>(character_length(text[offset.begin]));
    }
    for (std::uint32_t i = 0; i < spaces.trailing && offset.end > offset.begin; ++i) {
        do --offset.end;
        while (is_continuation_byte(text[offset.end]));
    }
    return offset;
}

}  // namespace nepenthe::text
