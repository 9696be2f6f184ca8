// Filters of lists, dicts and what else has items.

#include "text/jinja/filters.h"
#include "text/jinja/printing.h"

#include <algorithm>

namespace nepenthe::text::jinja {

namespace {

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

constexpr FilterRow kSequenceFilters[] = {
    {"attr", attr_filter},
    {"count", length_filter},
    {"dictsort", dictsort_filter},
    {"first", first_filter},
    {"items", items_filter},
    {"join", join_filter},
    {"last", last_filter},
    {"length", length_filter},
    {"list", list_filter},
    {"map", map_filter},
    {"max", extreme_filter<true>},
    {"min", extreme_filter<false>},
    {"reject", select_filter<false, false>},
    {"rejectattr", select_filter<true, false>},
    {"reverse", reverse_filter},
    {"select", select_filter<false, true>},
    {"selectattr", select_filter<true, true>},
    {"sort", sort_filter},
    {"sum", sum_filter},
    {"unique", unique_filter},
};

}  // namespace

std::span<const FilterRow> sequence_filters() { return kSequenceFilters; }

}  // namespace nepenthe::text::jinja
