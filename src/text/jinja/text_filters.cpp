// Filters that make text: of text, and of values as JSON.

#include "text/jinja/characters.h"
#include "text/jinja/filters.h"
#include "text/jinja/printing.h"

#include <algorithm>

namespace nepenthe::text::jinja {

namespace {

template <std::string (*kChange)(std::string_view)>
Value changed_text(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("the filter", {});
    return text(kChange(str(value, evaluator.budget())));
}

// Jinja's own title: a word begins behind white space, a hyphen or an opening bracket.
std::string title_of_words(std::string_view whole) {
    std::string result;
    const auto begins_word = [](char32_t c) {
        return is_space(c) || c == U'-' || c == U'(' || c == U'{' || c == U'[' || c == U'<';
    };
    for (std::size_t i = 0; i < whole.size();) {
        const bool between = begins_word(code_point_at(whole, i));
        std::size_t end = i;
        while (end < whole.size() && begins_word(code_point_at(whole, end)) == between)
            end += character_size(whole, end);
        const std::string_view word = whole.substr(i, end - i);
        const std::size_t first = character_size(word, 0);
        result += between ? std::string(word) : upper(word.substr(0, first)) + lower(word.substr(first));
        i = end;
    }
    return result;
}

Value string_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("string", {});
    return value.is<Text>() ? value : text(str(value, evaluator.budget()));
}

Value safe_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("safe", {});
    return text(str(value, evaluator.budget()), true);
}

Value escape_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("escape", {});
    if (const auto* known = value.as<Text>(); known && known->safe) return value;
    std::string escaped = html_escaped(str(value, evaluator.budget()));
    evaluator.budget().spend_bytes(escaped.size());
    return text(std::move(escaped), true);
}

Value trim_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("trim", {"chars"});
    const std::string whole = str(value, evaluator.budget());
    const Value* characters = given.find(0, "chars");
    if (!characters || characters->is<None>()) return text(std::string(strip(whole, true, true)));
    return text(strip(whole, text_of(*characters, "\"chars\""), true, true));
}

Value replace_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("replace", {"old", "new", "count"});
    const FilterCall call{evaluator, given};
    const Value *old = given.find(0, "old"), *by = given.find(1, "new"), *count = given.find(2, "count");
    if (!old || !by) fail(ErrorKind::kData, "replace needs what is replaced and by what");
    const std::int64_t most = count && !count->is<None>() ? integer_of(*count, "\"count\"") : -1;
    return text(
        replaced(str(value, call.budget()), str(*old, call.budget()), str(*by, call.budget()), most, call.budget()));
}

Value indent_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("indent", {"width", "first", "blank"});
    const FilterCall call{evaluator, given};
    const Value* width = given.find(0, "width");
    std::string indent = "    ";
    if (width && text_if(*width)) {
        indent = *text_if(*width);
    } else if (width) {
        const std::int64_t size = std::max<std::int64_t>(call.integer(0, "width", 4), 0);
        call.budget().spend(static_cast<std::uint64_t>(size));
        indent = std::string(static_cast<std::size_t>(size), ' ');
    }
    const bool blank = call.flag(2, "blank");
    std::string result = call.flag(1, "first") ? indent : "";
    bool first = true;
    for (const std::string& line : split_lines(text_of(value, "what is indented") + "\n")) {
        call.budget().spend_bytes(indent.size() + line.size());
        if (!first) result += "\n";
        if (!first && (blank || !line.empty())) result += indent;
        first = false;
        result += line;
    }
    return text(std::move(result));
}

Value truncate_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("truncate", {"length", "killwords", "end", "leeway"});
    const FilterCall call{evaluator, given};
    const std::string end = call.text(2, "end", "...");
    const auto end_size = static_cast<std::int64_t>(character_count(end));
    const std::int64_t size = call.integer(0, "length", 255), leeway = call.integer(3, "leeway", 5);
    if (size < end_size || leeway < 0)
        fail(ErrorKind::kData, "truncate: the length is shorter than what ends the text");
    if (length(value, call.budget()) - leeway <= size) return value;
    const std::u32string whole = code_points(text_of(value, "what is truncated"));
    std::u32string kept = whole.substr(0, static_cast<std::size_t>(size - end_size));
    if (!call.flag(1, "killwords")) kept = kept.substr(0, kept.rfind(U' '));
    return text(utf8(kept) + end);
}

Value center_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("center", {"width"});
    const Value* width = given.find(0, "width");
    return call_method(text(str(value, evaluator.budget())), "center", {{width ? *width : Value{std::int64_t{80}}}, {}},
                       evaluator.budget());
}

Value format_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    if (!given.named.empty()) fail(ErrorKind::kData, "format with names is not supported");
    return text(percent_formatted(str(value, evaluator.budget()), given.positional, nullptr, evaluator.budget()));
}

Value tojson_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
    const FilterCall call{evaluator, given};
    JsonFormat format{.ascii = call.flag(0, "ensure_ascii"), .sort_keys = call.flag(3, "sort_keys")};
    if (const Value* indent = given.find(1, "indent"); indent && !indent->is<None>()) {
        format.lines = true;
        format.item_separator = ",";
        if (const std::string* spelled = text_if(*indent)) {
            format.indent = *spelled;
        } else {
            const std::int64_t size = std::clamp<std::int64_t>(call.integer(1, "indent", 0), 0, 1000);
            format.indent = std::string(static_cast<std::size_t>(size), ' ');
        }
        call.budget().spend_bytes(format.indent.size());
    }
    if (const Value* separators = given.find(2, "separators"); separators && !separators->is<None>()) {
        const Values both = elements(*separators, call.budget());
        if (both.size() != 2) fail(ErrorKind::kData, "tojson: \"separators\" must be two");
        format.item_separator = text_of(both[0], "a separator");
        format.key_separator = text_of(both[1], "a separator");
    }
    return text(json_dumps(value, format, call.budget()));
}

constexpr FilterRow kTextFilters[] = {
    {"capitalize", changed_text<capitalized>},
    {"center", center_filter},
    {"e", escape_filter},
    {"escape", escape_filter},
    {"format", format_filter},
    {"indent", indent_filter},
    {"lower", changed_text<lower>},
    {"replace", replace_filter},
    {"safe", safe_filter},
    {"string", string_filter},
    {"title", changed_text<title_of_words>},
    {"tojson", tojson_filter},
    {"trim", trim_filter},
    {"truncate", truncate_filter},
    {"upper", changed_text<upper>},
};

}  // namespace

std::span<const FilterRow> text_filters() { return kTextFilters; }

}  // namespace nepenthe::text::jinja
