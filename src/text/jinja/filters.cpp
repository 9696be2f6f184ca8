// What may stand behind "|": the filters of Jinja 3.1 that chat templates use, and `tojson` of transformers.

#include "text/jinja/characters.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace nepenthe::text::jinja {

namespace {

// Arguments of a filter by place and name; none counts as given.
struct FilterCall {
    Evaluator& evaluator;
    const Arguments& given;

    Budget& budget() const { return evaluator.budget(); }
    std::int64_t integer(std::size_t place, std::string_view name, std::int64_t otherwise) const {
        const Value* found = given.find(place, name);
        return found ? integer_of(*found, fmt::format("\"{}\"", name)) : otherwise;
    }
    bool flag(std::size_t place, std::string_view name) const {
        const Value* found = given.find(place, name);
        return found && truth(*found);
    }
    std::string text(std::size_t place, std::string_view name, std::string_view otherwise) const {
        const Value* found = given.find(place, name);
        return found ? text_of(*found, fmt::format("\"{}\"", name)) : std::string(otherwise);
    }
};

// ---- text

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

// ---- numbers

// A number as Python reads it: white space around it, underscores between digits.
std::string plain_number(std::string_view written) {
    std::string number(strip(written, true, true));
    for (std::size_t i = number.size(); i-- > 0;) {
        const auto digit = [&](std::size_t at) { return at < number.size() && number[at] >= '0' && number[at] <= '9'; };
        if (number[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) number.erase(i, 1);
    }
    return number;
}

std::optional<double> read_real(std::string_view written) {
    const std::string number = plain_number(written);
    if (number.empty()) return std::nullopt;
    const std::string small = lower(number);
    const std::string_view bare = std::string_view(small).substr(small[0] == '-' || small[0] == '+' ? 1 : 0);
    const bool named = bare == "inf" || bare == "infinity" || bare == "nan";
    if (!named && small.find_first_not_of("0123456789.e+-") != small.npos) return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(small.c_str(), &end);
    if (end != small.c_str() + small.size()) return std::nullopt;
    return value;
}

Value truncated(double real, const Value& otherwise) {
    if (!std::isfinite(real)) return otherwise;
    if (std::abs(real) >= 9.2e18) fail(ErrorKind::kData, "a whole number beyond 64 bits is not supported");
    return {static_cast<std::int64_t>(real)};
}

Value int_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("int", {"default", "base"});
    if (FilterCall{evaluator, given}.integer(1, "base", 10) != 10) {
        fail(ErrorKind::kData, "int with another base than 10 is not supported");
    }
    const Value* given_default = given.find(0, "default");
    const Value otherwise = given_default ? *given_default : Value{std::int64_t{0}};
    require_defined(value);
    if (value.is<std::int64_t>() || value.is<bool>()) return {integer_of(value, "int")};
    if (const auto* real = value.as<double>()) {
        if (std::isinf(*real)) return otherwise;
        return truncated(*real, otherwise);
    }
    const std::string* written = text_if(value);
    if (!written) return otherwise;
    const std::string number = plain_number(*written);
    const std::size_t sign = number.starts_with('-') || number.starts_with('+') ? 1 : 0;
    if (number.size() > sign && number.find_first_not_of("0123456789", sign) == number.npos) {
        std::int64_t whole = 0;
        for (std::size_t i = sign; i < number.size(); ++i) {
            if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, number[i] - '0', &whole)) {
                fail(ErrorKind::kData, "a whole number beyond 64 bits is not supported");
            }
        }
        return {number[0] == '-' ? -whole : whole};
    }
    const auto real = read_real(*written);
    return real ? truncated(*real, otherwise) : otherwise;
}

Value float_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("float", {"default"});
    const Value* otherwise = given.find(0, "default");
    require_defined(value);
    if (value.is<double>()) return value;
    if (value.is<std::int64_t>() || value.is<bool>()) return {static_cast<double>(integer_of(value, "float"))};
    const std::string* written = text_if(value);
    if (const auto real = written ? read_real(*written) : std::nullopt) return {*real};
    return otherwise ? *otherwise : Value{0.0};
}

Value abs_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("abs", {});
    require_defined(value);
    if (const auto* real = value.as<double>()) return {std::abs(*real)};
    const std::int64_t whole = integer_of(value, "what abs is taken of");
    return whole < 0 ? negative(value) : Value{whole};
}

Value round_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("round", {"precision", "method"});
    const FilterCall call{evaluator, given};
    const std::int64_t precision = call.integer(0, "precision", 0);
    const std::string method = call.text(1, "method", "common");
    if (precision < 0 || precision > 15) fail(ErrorKind::kData, "round to {} digits is not supported", precision);
    const bool whole = value.is<std::int64_t>() || value.is<bool>();
    if (!whole && !value.is<double>()) fail(ErrorKind::kData, "'{}' cannot be rounded", type_name(value));
    const double real = whole ? static_cast<double>(integer_of(value, "round")) : *value.as<double>();
    if (method == "common") {
        if (whole) return {integer_of(value, "round")};
        if (!std::isfinite(real)) return value;
        // The nearest decimal, as Python finds it: by the digits of the number, halves to even.
        return {std::strtod(fmt::format("{:.{}f}", real, precision).c_str(), nullptr)};
    }
    if (method != "ceil" && method != "floor") fail(ErrorKind::kData, "method must be common, ceil or floor");
    const double scale = std::pow(10.0, static_cast<double>(precision));
    return {(method == "ceil" ? std::ceil(real * scale) : std::floor(real * scale)) / scale};
}

// ---- sequences

// What an attribute like "function.name" or "0" finds in an item; the item itself where there is none.
class AttributeGetter {
  public:
    AttributeGetter(Evaluator& evaluator, const Value* attribute, const Value* otherwise = nullptr)
        : evaluator_(evaluator), otherwise_(otherwise && !otherwise->is<None>() ? otherwise : nullptr) {
        if (!attribute || attribute->is<None>()) return;
        const std::string* path = text_if(*attribute);
        if (!path) {
            keys_.push_back(*attribute);
            return;
        }
        for (std::size_t begin = 0; begin <= path->size();) {
            const std::size_t end = std::min(path->find('.', begin), path->size());
            const std::string key = path->substr(begin, end - begin);
            const bool digits = !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == key.npos;
            keys_.push_back(digits ? Value{static_cast<std::int64_t>(std::stoll(key))} : text(key));
            begin = end + 1;
        }
    }

    Value operator()(const Value& item) const {
        Value value = item;
        for (const Value& key : keys_) {
            value = evaluator_.item_of(value, key);
            if (otherwise_ && value.is<Undefined>()) value = *otherwise_;
        }
        return value;
    }

    // For comparing: strings without their case, unless it counts.
    Value key(const Value& item, bool case_sensitive) const {
        Value value = (*this)(item);
        const std::string* written = text_if(value);
        if (case_sensitive || !written) return value;
        evaluator_.budget().spend_bytes(written->size());
        return text(lower(*written));
    }

  private:
    Evaluator& evaluator_;
    const Value* otherwise_;
    Values keys_;
};

Value length_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("length", {});
    return {length(value, evaluator.budget())};
}

Value list_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("list", {});
    return sequence(elements(value, evaluator.budget()));
}

Value first_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("first", {});
    if (const auto* items = value.as<Generator>()) {
        auto& state = *items->state;
        return state.next < state.items.size() ? state.items[state.next++] : undefined("no first item");
    }
    const Values all = elements(value, evaluator.budget());
    return all.empty() ? undefined("no first item, sequence was empty") : all.front();
}

Value last_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("last", {});
    if (value.is<Generator>()) fail(ErrorKind::kData, "a generator has no last item");
    const Values all = elements(value, evaluator.budget());
    return all.empty() ? undefined("no last item, sequence was empty") : all.back();
}

Value reverse_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("reverse", {});
    const bool is_list = value.is<Generator>();
    Values all = elements(value, evaluator.budget());
    std::ranges::reverse(all);
    if (is_list) return sequence(std::move(all));
    if (!value.is<Text>()) return generator(std::move(all));
    std::string result;
    for (const Value& character : all) result += *text_if(character);
    return text(std::move(result));
}

Value join_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("join", {"d", "attribute"});
    Budget& budget = evaluator.budget();
    const Value* separator = given.find(0, "d");
    const std::string between = separator ? str(*separator, budget) : "";
    const AttributeGetter attribute(evaluator, given.find(1, "attribute"));
    std::string result;
    bool first = true;
    for (const Value& item : elements(value, budget)) {
        budget.spend_bytes(between.size());
        if (!first) result += between;
        first = false;
        result += str(attribute(item), budget);
    }
    return text(std::move(result));
}

Value items_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("items", {});
    if (value.is<Undefined>()) return generator({});
    if (!value.is<Dict>()) fail(ErrorKind::kData, "can only get item pairs from a mapping");
    return generator(elements(call_method(value, "items", {}, evaluator.budget()), evaluator.budget()));
}

Value map_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    Values result;
    if (!truth(value)) return generator({});
    if (given.positional.empty()) {
        given.expect("map", {"attribute", "default"});
        const Value* attribute = given.find(0, "attribute");
        if (!attribute) fail(ErrorKind::kData, "map requires a filter argument");
        const AttributeGetter getter(evaluator, attribute, given.find(1, "default"));
        for (const Value& item : elements(value, evaluator.budget())) result.push_back(getter(item));
        return generator(std::move(result));
    }
    Arguments rest = given;
    rest.positional.erase(rest.positional.begin());
    const std::string& name = text_of(given.positional[0], "the filter of map");
    for (const Value& item : elements(value, evaluator.budget())) {
        result.push_back(evaluator.filter(name, item, rest));
    }
    return generator(std::move(result));
}

template <bool kAttribute, bool kWanted>
Value select_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    Values result;
    if (!truth(value)) return generator({});
    Arguments rest = given;
    Value attribute = none();
    if (kAttribute) {
        if (rest.positional.empty()) fail(ErrorKind::kData, "missing parameter for attribute name");
        attribute = rest.positional.front();
        rest.positional.erase(rest.positional.begin());
    }
    std::optional<std::string> name;
    if (!rest.positional.empty()) {
        name = text_of(rest.positional.front(), "the test of a selection");
        rest.positional.erase(rest.positional.begin());
    }
    const AttributeGetter getter(evaluator, &attribute);
    for (const Value& item : elements(value, evaluator.budget())) {
        const Value found = getter(item);
        const bool holds = name ? evaluator.test(*name, found, rest) : truth(found);
        if (holds == kWanted) result.push_back(item);
    }
    return generator(std::move(result));
}

// Sorted by keys that were made before; stable either way, as Python's.
Values sorted_by(const Values& items, const Values& keys, bool reverse, Budget& budget) {
    std::vector<std::size_t> order(items.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return reverse ? less(keys[b], keys[a], budget) : less(keys[a], keys[b], budget);
    });
    Values result;
    for (const std::size_t i : order) result.push_back(items[i]);
    return result;
}

Value sort_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("sort", {"reverse", "case_sensitive", "attribute"});
    const FilterCall call{evaluator, given};
    const Value* attribute = given.find(2, "attribute");
    if (attribute && text_if(*attribute) && text_if(*attribute)->find(',') != std::string::npos) {
        fail(ErrorKind::kData, "sort by several attributes is not supported");
    }
    const AttributeGetter getter(evaluator, attribute);
    const Values items = elements(value, call.budget());
    Values keys;
    // Keys are lists of one, as in Jinja: what is equal is never asked which is less.
    for (const Value& item : items) keys.push_back(sequence({getter.key(item, call.flag(1, "case_sensitive"))}));
    return sequence(sorted_by(items, keys, call.flag(0, "reverse"), call.budget()));
}

Value dictsort_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("dictsort", {"case_sensitive", "by", "reverse"});
    const FilterCall call{evaluator, given};
    const std::string by = call.text(1, "by", "key");
    if (by != "key" && by != "value") fail(ErrorKind::kData, "dictsort is by key or value");
    if (!value.is<Dict>()) fail(ErrorKind::kData, "'{}' has no items to sort", type_name(value));
    const Values items = elements(call_method(value, "items", {}, call.budget()), call.budget());
    const Value place{std::int64_t{by == "key" ? 0 : 1}};
    const AttributeGetter getter(evaluator, &place);
    Values keys;
    for (const Value& item : items) keys.push_back(getter.key(item, call.flag(0, "case_sensitive")));
    return sequence(sorted_by(items, keys, call.flag(2, "reverse"), call.budget()));
}

Value unique_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("unique", {"case_sensitive", "attribute"});
    const FilterCall call{evaluator, given};
    const AttributeGetter getter(evaluator, given.find(1, "attribute"));
    Values result, seen;
    for (const Value& item : elements(value, call.budget())) {
        Value key = getter.key(item, call.flag(0, "case_sensitive"));
        if (std::ranges::any_of(seen, [&](const Value& known) { return equal(known, key, call.budget()); })) continue;
        seen.push_back(std::move(key));
        result.push_back(item);
    }
    return generator(std::move(result));
}

template <bool kLargest>
Value extreme_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect(kLargest ? "max" : "min", {"case_sensitive", "attribute"});
    const FilterCall call{evaluator, given};
    const AttributeGetter getter(evaluator, given.find(1, "attribute"));
    const Values items = elements(value, call.budget());
    if (items.empty()) return undefined("no aggregated item, sequence was empty");
    std::size_t best = 0;
    Value best_key = getter.key(items[0], call.flag(0, "case_sensitive"));
    for (std::size_t i = 1; i < items.size(); ++i) {
        Value key = getter.key(items[i], call.flag(0, "case_sensitive"));
        if (!(kLargest ? less(best_key, key, call.budget()) : less(key, best_key, call.budget()))) continue;
        best = i;
        best_key = std::move(key);
    }
    return items[best];
}

Value sum_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("sum", {"attribute", "start"});
    const AttributeGetter getter(evaluator, given.find(0, "attribute"));
    const Value* start = given.find(1, "start");
    Value total = start ? *start : Value{std::int64_t{0}};
    if (total.is<Text>()) fail(ErrorKind::kData, "sum() can't sum strings [use ''.join(seq) instead]");
    for (const Value& item : elements(value, evaluator.budget())) {
        total = binary(Operator::kAdd, total, getter(item), evaluator.budget());
    }
    return total;
}

Value default_filter(Evaluator&, const Value& value, const Arguments& given) {
    given.expect("default", {"default_value", "boolean"});
    const Value *otherwise = given.find(0, "default_value"), *boolean = given.find(1, "boolean");
    const bool missing = value.is<Undefined>() || (boolean && truth(*boolean) && !truth(value));
    if (!missing) return value;
    return otherwise ? *otherwise : text("");
}

// Attributes alone: not the keys of a dict.
Value attr_filter(Evaluator& evaluator, const Value& value, const Arguments& given) {
    given.expect("attr", {"name"});
    const Value* name = given.find(0, "name");
    if (!name) fail(ErrorKind::kData, "attr needs a name");
    require_defined(value);
    if (value.is<Dict>() && !has_method(value, text_of(*name, "\"name\""))) return undefined("no such attribute");
    if (value.is<Dict>()) fail(ErrorKind::kData, "attr of a method is not supported");
    return evaluator.item_of(value, *name);
}

struct FilterRow {
    std::string_view name;
    Filter function;
};
constexpr FilterRow kFilters[] = {
    {"abs", abs_filter},
    {"attr", attr_filter},
    {"capitalize", changed_text<capitalized>},
    {"center", center_filter},
    {"count", length_filter},
    {"d", default_filter},
    {"default", default_filter},
    {"dictsort", dictsort_filter},
    {"e", escape_filter},
    {"escape", escape_filter},
    {"first", first_filter},
    {"float", float_filter},
    {"format", format_filter},
    {"indent", indent_filter},
    {"int", int_filter},
    {"items", items_filter},
    {"join", join_filter},
    {"last", last_filter},
    {"length", length_filter},
    {"list", list_filter},
    {"lower", changed_text<lower>},
    {"map", map_filter},
    {"max", extreme_filter<true>},
    {"min", extreme_filter<false>},
    {"reject", select_filter<false, false>},
    {"rejectattr", select_filter<true, false>},
    {"replace", replace_filter},
    {"reverse", reverse_filter},
    {"round", round_filter},
    {"safe", safe_filter},
    {"select", select_filter<false, true>},
    {"selectattr", select_filter<true, true>},
    {"sort", sort_filter},
    {"string", string_filter},
    {"sum", sum_filter},
    {"title", changed_text<title_of_words>},
    {"tojson", tojson_filter},
    {"trim", trim_filter},
    {"truncate", truncate_filter},
    {"unique", unique_filter},
    {"upper", changed_text<upper>},
};

}  // namespace

Filter find_filter(std::string_view name) {
    const auto found = std::ranges::find(kFilters, name, &FilterRow::name);
    return found == std::end(kFilters) ? nullptr : found->function;
}

}  // namespace nepenthe::text::jinja
