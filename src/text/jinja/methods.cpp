// Methods of strings, dicts and lists.

#include "text/jinja/characters.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

namespace nepenthe::text::jinja {

namespace {

// Those of Python 3.11's types; what changes a list or dict is not there for templates.
constexpr std::string_view kTextMethods[] = {
    "capitalize",   "casefold",   "center",    "count",       "encode",    "endswith",     "expandtabs",   "find",
    "format",       "format_map", "index",     "isalnum",     "isalpha",   "isascii",      "isdecimal",    "isdigit",
    "isidentifier", "islower",    "isnumeric", "isprintable", "isspace",   "istitle",      "isupper",      "join",
    "ljust",        "lower",      "lstrip",    "maketrans",   "partition", "removeprefix", "removesuffix", "replace",
    "rfind",        "rindex",     "rjust",     "rpartition",  "rsplit",    "rstrip",       "split",        "splitlines",
    "startswith",   "strip",      "swapcase",  "title",       "translate", "upper",        "zfill"};
constexpr std::string_view kDictMethods[] = {"copy", "fromkeys", "get", "items", "keys", "values"};
constexpr std::string_view kListMethods[] = {"copy", "count", "index"};
constexpr std::string_view kTupleMethods[] = {"count", "index"};

using Parts = std::vector<std::string>;

Value text_list(const Parts& parts, Budget& budget) {
    Values result;
    for (const std::string& part : parts) {
        budget.spend_bytes(part.size());
        result.push_back(text(part));
    }
    return sequence(std::move(result));
}

// What a string method is called with.
struct MethodCall {
    const std::string& self;
    std::string_view name;
    const Arguments& given;
    Budget& budget;

    const Value* at(std::size_t place, std::string_view parameter = "") const {
        const Value* found = given.find(place, parameter);
        return found && !found->is<None>() ? found : nullptr;
    }
    const std::string& text_at(std::size_t place) const {
        const Value* found = given.find(place, "");
        if (!found) fail(ErrorKind::kData, "{}() needs one more argument", name);
        return text_of(*found, fmt::format("an argument of {}()", name));
    }
    std::int64_t integer_at(std::size_t place, std::string_view parameter, std::int64_t otherwise) const {
        const Value* found = given.find(place, parameter);
        return found ? integer_of(*found, fmt::format("an argument of {}()", name)) : otherwise;
    }
};

Value strip_method(const MethodCall& call, bool left, bool right) {
    call.given.expect(call.name, {""});
    if (!call.at(0)) return text(std::string(strip(call.self, left, right)));
    return text(strip(call.self, call.text_at(0), left, right));
}

// The words between white space, at most `most` cuts; from the right, the cuts are the last ones.
Parts words(std::string_view rest, std::int64_t most, bool from_right) {
    Parts result;
    while (!(rest = strip(rest, !from_right, from_right)).empty()) {
        if (most >= 0 && static_cast<std::int64_t>(result.size()) == most) {
            result.emplace_back(rest);
            break;
        }
        // The word at this end.
        std::size_t begin = 0, end = rest.size();
        for (std::size_t i = 0; i < rest.size(); i += character_size(rest, i)) {
            if (!is_space(code_point_at(rest, i))) continue;
            if (!from_right) {
                end = i;
                break;
            }
            begin = i + character_size(rest, i);
        }
        result.emplace_back(rest.substr(begin, end - begin));
        rest = from_right ? rest.substr(0, begin) : rest.substr(end);
    }
    if (from_right) std::ranges::reverse(result);
    return result;
}

Parts pieces(std::string_view rest, std::string_view separator, std::int64_t most, bool from_right) {
    Parts result;
    while (most < 0 || static_cast<std::int64_t>(result.size()) < most) {
        const std::size_t at = from_right ? rest.rfind(separator) : rest.find(separator);
        if (at == rest.npos) break;
        result.emplace_back(from_right ? rest.substr(at + separator.size()) : rest.substr(0, at));
        rest = from_right ? rest.substr(0, at) : rest.substr(at + separator.size());
    }
    result.emplace_back(rest);
    if (from_right) std::ranges::reverse(result);
    return result;
}

Value split_method(const MethodCall& call, bool from_right) {
    call.given.expect(call.name, {"sep", "maxsplit"});
    const std::int64_t most = call.integer_at(1, "maxsplit", -1);
    const Value* separator = call.at(0, "sep");
    if (!separator) return text_list(words(call.self, most, from_right), call.budget);
    const std::string& by = text_of(*separator, "the separator of split()");
    if (by.empty()) fail(ErrorKind::kData, "empty separator");
    return text_list(pieces(call.self, by, most, from_right), call.budget);
}

Parts lines_of(std::string_view text, bool keep_ends) {
    Parts result;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const char32_t c = code_point_at(text, i);
        const std::size_t after = i + character_size(text, i);
        if ((c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029) {
            const bool pair = c == U'\r' && after < text.size() && text[after] == '\n';
            const std::size_t end = pair ? after + 1 : after;
            result.emplace_back(text.substr(begin, (keep_ends ? end : i) - begin));
            begin = i = end;
        } else {
            i = after;
        }
    }
    if (begin < text.size()) result.emplace_back(text.substr(begin));
    return result;
}

Value affix_method(const MethodCall& call, bool front) {
    call.given.expect(call.name, {"", "", ""});
    if (call.given.positional.size() > 1) fail(ErrorKind::kData, "{}() with positions is not supported", call.name);
    const Value* given = call.given.find(0, "");
    const auto matches = [&](const std::string& affix) {
        return front ? call.self.starts_with(affix) : call.self.ends_with(affix);
    };
    if (const auto* several = given ? given->as<Sequence>() : nullptr;
        several && several->kind == SequenceKind::kTuple) {
        return {std::ranges::any_of(*several->items, [&](const Value& one) {
            return matches(text_of(one, fmt::format("an argument of {}()", call.name)));
        })};
    }
    return {matches(call.text_at(0))};
}

Value partition_method(const MethodCall& call, bool from_right) {
    call.given.expect(call.name, {""});
    const std::string& by = call.text_at(0);
    if (by.empty()) fail(ErrorKind::kData, "empty separator");
    const std::size_t at = from_right ? call.self.rfind(by) : call.self.find(by);
    call.budget.spend_bytes(call.self.size());
    std::string before = call.self, after;
    const bool found = at != std::string::npos;
    if (found) {
        before = call.self.substr(0, at);
        after = call.self.substr(at + by.size());
    } else if (from_right) {
        std::swap(before, after);
    }
    return sequence({text(before), text(found ? by : ""), text(after)}, SequenceKind::kTuple);
}

Value find_method(const MethodCall& call) {
    call.given.expect(call.name, {"", "", ""});
    if (call.given.positional.size() > 1) fail(ErrorKind::kData, "{}() with positions is not supported", call.name);
    const std::string& part = call.text_at(0);
    const bool last = call.name[0] == 'r';
    const std::size_t at = last ? call.self.rfind(part) : call.self.find(part);
    call.budget.spend_bytes(call.self.size());
    if (at == std::string::npos) {
        if (call.name.ends_with("index")) fail(ErrorKind::kData, "substring not found");
        return {std::int64_t{-1}};
    }
    return {static_cast<std::int64_t>(character_count(std::string_view(call.self).substr(0, at)))};
}

Value count_method(const MethodCall& call) {
    call.given.expect(call.name, {""});
    const std::string& part = call.text_at(0);
    call.budget.spend_bytes(call.self.size());
    if (part.empty()) return {static_cast<std::int64_t>(character_count(call.self)) + 1};
    std::int64_t count = 0;
    for (std::size_t at = 0; (at = call.self.find(part, at)) != std::string::npos; at += part.size()) ++count;
    return {count};
}

Value justify_method(const MethodCall& call) {
    call.given.expect(call.name, {"width", "fillchar"});
    const std::string fill = call.at(1) ? call.text_at(1) : " ";
    if (character_count(fill) != 1) fail(ErrorKind::kData, "the fill of {}() must be one character", call.name);
    const auto size = static_cast<std::int64_t>(character_count(call.self));
    const std::int64_t width = call.integer_at(0, "width", 0), missing = std::max<std::int64_t>(width - size, 0);
    call.budget.spend(static_cast<std::uint64_t>(missing) / 8);
    // As CPython: of an odd number the left side gets more where the width is odd.
    const std::int64_t left = call.name == "ljust"   ? 0
                              : call.name == "rjust" ? missing
                                                     : missing / 2 + (missing & width & 1);
    std::string result;
    for (std::int64_t i = 0; i < left; ++i) result += fill;
    result += call.self;
    for (std::int64_t i = left; i < missing; ++i) result += fill;
    return text(std::move(result));
}

Value zfill_method(const MethodCall& call) {
    call.given.expect(call.name, {""});
    const auto size = static_cast<std::int64_t>(character_count(call.self));
    const std::int64_t missing = std::max<std::int64_t>(call.integer_at(0, "", 0) - size, 0);
    call.budget.spend(static_cast<std::uint64_t>(missing) / 8);
    std::string result = call.self;
    const bool sign = result.starts_with('-') || result.starts_with('+');
    result.insert(sign ? 1 : 0, static_cast<std::size_t>(missing), '0');
    return text(std::move(result));
}

// isdigit() and the like: all characters are, and there is one.
template <typename Is>
Value all_are(const MethodCall& call, Is&& is) {
    call.given.expect(call.name, {});
    const std::u32string all = code_points(call.self);
    return {!all.empty() && std::ranges::all_of(all, is)};
}

// islower(), isupper(): one character has a case, and none the other one.
Value cased_method(const MethodCall& call, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
    call.given.expect(call.name, {});
    const std::u32string all = code_points(call.self);
    return {std::ranges::any_of(all, wanted) && std::ranges::none_of(all, other)};
}

Value join_method(const MethodCall& call) {
    call.given.expect(call.name, {""});
    const Value* given = call.given.find(0, "");
    if (!given) fail(ErrorKind::kData, "join() needs a list");
    std::string result;
    bool first = true;
    for (const Value& part : elements(*given, call.budget)) {
        if (!first) result += call.self;
        first = false;
        const std::string& one = text_of(part, "what join() joins");
        call.budget.spend_bytes(one.size() + call.self.size());
        result += one;
    }
    return text(std::move(result));
}

Value removed_affix(const MethodCall& call, bool front) {
    call.given.expect(call.name, {""});
    const std::string& affix = call.text_at(0);
    std::string_view rest = call.self;
    if (front && rest.starts_with(affix)) rest.remove_prefix(affix.size());
    if (!front && rest.ends_with(affix)) rest.remove_suffix(affix.size());
    return text(std::string(rest));
}

std::string swapped_case(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view one = text.substr(i, character_size(text, i));
        result += is_upper(code_point_at(one, 0)) ? lower(one) : upper(one);
        i += one.size();
    }
    return result;
}

Value text_method(const MethodCall& call) {
    const std::string_view name = call.name;
    const auto without_arguments = [&](std::string (*change)(std::string_view)) {
        call.given.expect(name, {});
        return text(change(call.self));
    };
    if (name == "strip") return strip_method(call, true, true);
    if (name == "lstrip") return strip_method(call, true, false);
    if (name == "rstrip") return strip_method(call, false, true);
    if (name == "split" || name == "rsplit") return split_method(call, name == "rsplit");
    if (name == "startswith" || name == "endswith") return affix_method(call, name == "startswith");
    if (name == "upper") return without_arguments(upper);
    if (name == "lower") return without_arguments(lower);
    if (name == "title") return without_arguments(title);
    if (name == "capitalize") return without_arguments(capitalized);
    if (name == "swapcase") return without_arguments(swapped_case);
    if (name == "replace") {
        call.given.expect(name, {"", "", ""});
        return text(replaced(call.self, call.text_at(0), call.text_at(1), call.integer_at(2, "", -1), call.budget));
    }
    if (name == "join") return join_method(call);
    if (name == "splitlines") {
        call.given.expect(name, {"keepends"});
        const Value* keep = call.given.find(0, "keepends");
        return text_list(lines_of(call.self, keep && truth(*keep)), call.budget);
    }
    if (name == "partition" || name == "rpartition") return partition_method(call, name == "rpartition");
    if (name == "find" || name == "rfind" || name == "index" || name == "rindex") return find_method(call);
    if (name == "count") return count_method(call);
    if (name == "removeprefix" || name == "removesuffix") return removed_affix(call, name == "removeprefix");
    if (name == "ljust" || name == "rjust" || name == "center") return justify_method(call);
    if (name == "zfill") return zfill_method(call);
    if (name == "isspace") return all_are(call, is_space);
    if (name == "isalpha") return all_are(call, is_letter);
    if (name == "isdecimal") return all_are(call, is_digit);
    if (name == "isalnum") return all_are(call, [](char32_t c) { return is_letter(c) || is_number(c); });
    if (name == "isupper") return cased_method(call, is_upper, is_lower);
    if (name == "islower") return cased_method(call, is_lower, is_upper);
    const bool ascii = std::ranges::all_of(call.self, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    // Beyond decimal digits Unicode has others, superscripts for example, of which some count.
    const auto other_number = [](char32_t c) { return is_number(c) && !is_digit(c); };
    if (name == "isdigit" && std::ranges::none_of(code_points(call.self), other_number)) {
        return all_are(call, is_digit);
    }
    if (name == "isnumeric" && ascii) return all_are(call, is_digit);
    if (name == "isascii") return {ascii};
    fail(ErrorKind::kData, "the method {}() of a string is not supported here", name);
}

Value dict_method(const Dict& self, std::string_view name, const Arguments& given, Budget& budget) {
    if (name == "get") {
        given.expect(name, {"", ""});
        const Value* key = given.find(0, "");
        const Value* otherwise = given.find(1, "");
        if (!key) fail(ErrorKind::kData, "get() needs a key");
        const Value* found = find(self, *key, budget);
        return found ? *found : otherwise ? *otherwise : none();
    }
    if (name == "fromkeys") fail(ErrorKind::kData, "the method fromkeys() of a dict is not supported");
    given.expect(name, {});
    if (name == "copy") return {self};
    budget.spend(self.entries->size());
    Values result;
    for (const auto& [key, value] : *self.entries) {
        result.push_back(name == "keys"     ? key
                         : name == "values" ? value
                                            : sequence({key, value}, SequenceKind::kTuple));
    }
    return sequence(std::move(result), name == "keys"     ? SequenceKind::kKeys
                                       : name == "values" ? SequenceKind::kValues
                                                          : SequenceKind::kItems);
}

Value list_method(const Sequence& self, std::string_view name, const Arguments& given, Budget& budget) {
    if (name == "copy") {
        given.expect(name, {});
        return {self};
    }
    given.expect(name, {""});
    const Value* wanted = given.find(0, "");
    if (!wanted) fail(ErrorKind::kData, "{}() needs a value", name);
    const auto is_wanted = [&](const Value& value) { return equal(value, *wanted, budget); };
    if (name == "count") return {static_cast<std::int64_t>(std::ranges::count_if(*self.items, is_wanted))};
    const auto found = std::ranges::find_if(*self.items, is_wanted);
    if (found == self.items->end()) fail(ErrorKind::kData, "index(): the value is not in the list");
    return {static_cast<std::int64_t>(found - self.items->begin())};
}

}  // namespace

std::string replaced(const std::string& text, const std::string& old, const std::string& by, std::int64_t most,
                     Budget& budget) {
    std::string result;
    std::int64_t count = 0;
    std::size_t at = 0;
    const auto may = [&] { return most < 0 || count < most; };
    // Nothing is found before each character and at the end.
    while (may()) {
        const std::size_t found = text.find(old, at);
        if (found == std::string::npos) break;
        budget.spend_bytes(by.size() + found - at);
        result.append(text, at, found - at);
        result += by;
        at = found + old.size();
        ++count;
        if (!old.empty()) continue;
        if (at == text.size()) break;
        const std::size_t size = character_size(text, at);
        result.append(text, at, size);
        at += size;
    }
    budget.spend_bytes(text.size() - at);
    return result.append(text, at);
}

std::vector<std::string> split_lines(std::string_view text) { return lines_of(text, false); }

bool has_method(const Value& value, std::string_view name) {
    std::span<const std::string_view> known;
    if (value.is<Text>()) known = kTextMethods;
    if (value.is<Dict>()) known = kDictMethods;
    if (const auto* items = value.as<Sequence>()) {
        if (items->kind == SequenceKind::kList) known = kListMethods;
        if (items->kind == SequenceKind::kTuple || items->kind == SequenceKind::kRange) known = kTupleMethods;
    }
    return std::ranges::find(known, name) != known.end();
}

Value call_method(const Value& receiver, std::string_view name, const Arguments& arguments, Budget& budget) {
    if (const auto* self = receiver.as<Text>()) {
        budget.spend_bytes(self->bytes->size());
        return text_method({*self->bytes, name, arguments, budget});
    }
    if (const auto* self = receiver.as<Dict>()) return dict_method(*self, name, arguments, budget);
    return list_method(*receiver.as<Sequence>(), name, arguments, budget);
}

}  // namespace nepenthe::text::jinja
