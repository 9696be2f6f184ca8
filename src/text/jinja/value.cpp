#include "text/jinja/value.h"

#include "text/jinja/characters.h"

#include <algorithm>
#include <optional>

namespace nepenthe::text::jinja {

namespace {

int deeper(int depth) {
    if (depth >= kDeepestValue) fail(ErrorKind::kData, "values lie deeper in each other than {}", kDeepestValue);
    return depth + 1;
}

int deepest(const Values& values) {
    int depth = 0;
    for (const Value& value : values) depth = std::max(depth, depth_of(value));
    return depth;
}

// A number that compares with other numbers, as bool, int and float do.
std::optional<double> number(const Value& value) {
    if (const auto* flag = value.as<bool>()) return *flag ? 1.0 : 0.0;
    if (const auto* whole = value.as<std::int64_t>()) return static_cast<double>(*whole);
    if (const auto* real = value.as<double>()) return *real;
    return std::nullopt;
}

std::optional<std::int64_t> whole_number(const Value& value) {
    if (const auto* flag = value.as<bool>()) return *flag ? 1 : 0;
    if (const auto* whole = value.as<std::int64_t>()) return *whole;
    return std::nullopt;
}

bool same_kind(const Sequence& left, const Sequence& right) {
    // Views of keys and items are sets to Python; nobody compares them.
    return left.kind == right.kind;
}

void require_hash(const Value& key) {
    if (key.is<Dict>()) fail(ErrorKind::kData, "unhashable type: 'dict'");
    if (const auto* items = key.as<Sequence>(); items && items->kind != SequenceKind::kRange) {
        if (items->kind != SequenceKind::kTuple) fail(ErrorKind::kData, "unhashable type: '{}'", type_name(key));
        for (const Value& item : *items->items) require_hash(item);
    }
}

}  // namespace

Value undefined(std::string what) { return {Undefined{std::make_shared<const std::string>(std::move(what))}}; }

Value none() { return {None{}}; }

Value text(std::string bytes, bool safe) { return {Text{std::make_shared<const std::string>(std::move(bytes)), safe}}; }

Value sequence(Values items, SequenceKind kind) {
    const int depth = deeper(deepest(items));
    return {Sequence{std::make_shared<const Values>(std::move(items)), kind, depth}};
}

Value generator(Values items) {
    const int depth = deeper(deepest(items));
    return {Generator{std::make_shared<Generator::State>(Generator::State{std::move(items)}), depth}};
}

Value dict(const Entries& entries, Budget& budget) {
    Entries kept;
    int depth = 0;
    for (const auto& entry : entries) {
        const Value &key = entry.first, &value = entry.second;
        require_hash(key);
        depth = std::max({depth, depth_of(key), depth_of(value)});
        budget.spend(1 + kept.size() / 8);
        const auto found =
            std::ranges::find_if(kept, [&](const auto& known) { return equal(known.first, key, budget); });
        if (found == kept.end()) {
            kept.emplace_back(key, value);
        } else {
            found->second = value;
        }
    }
    return {Dict{std::make_shared<const Entries>(std::move(kept)), deeper(depth)}};
}

int depth_of(const Value& value) {
    if (const auto* items = value.as<Sequence>()) return items->depth;
    if (const auto* items = value.as<Generator>()) return items->depth;
    if (const auto* entries = value.as<Dict>()) return entries->depth;
    return value.is<std::shared_ptr<const Callable>>() ? kDeepestValue / 2 : 0;
}

std::string_view type_name(const Value& value) {
    if (const auto* items = value.as<Sequence>()) {
        switch (items->kind) {
            case SequenceKind::kList: return "list";
            case SequenceKind::kTuple: return "tuple";
            case SequenceKind::kRange: return "range";
            case SequenceKind::kKeys: return "dict_keys";
            case SequenceKind::kValues: return "dict_values";
            case SequenceKind::kItems: return "dict_items";
        }
    }
    constexpr std::string_view kNames[] = {"Undefined", "NoneType",  "bool", "int",       "float", "str",
                                           "list",      "generator", "dict", "Namespace", "loop",  "function"};
    return kNames[value.data.index()];
}

const std::string* text_if(const Value& value) {
    const auto* found = value.as<Text>();
    return found ? found->bytes.get() : nullptr;
}

const std::string& text_of(const Value& value, std::string_view what) {
    require_defined(value);
    const std::string* found = text_if(value);
    if (!found) fail(ErrorKind::kData, "{} must be a string, not '{}'", what, type_name(value));
    return *found;
}

std::int64_t integer_of(const Value& value, std::string_view what) {
    require_defined(value);
    const auto found = whole_number(value);
    if (!found) fail(ErrorKind::kData, "{} must be a whole number, not '{}'", what, type_name(value));
    return *found;
}

void require_defined(const Value& value) {
    if (const auto* missing = value.as<Undefined>()) fail(ErrorKind::kData, "{}", *missing->what);
}

bool truth(const Value& value) {
    if (value.is<Undefined>() || value.is<None>()) return false;
    if (const auto known = number(value)) return *known != 0;
    if (const std::string* bytes = text_if(value)) return !bytes->empty();
    if (const auto* items = value.as<Sequence>()) return !items->items->empty();
    if (const auto* entries = value.as<Dict>()) return !entries->entries->empty();
    return true;
}

bool equal(const Value& left, const Value& right, Budget& budget) {
    budget.spend(1);
    if (const auto a = number(left)) {
        const auto b = number(right);
        if (!b) return false;
        const auto i = whole_number(left), j = whole_number(right);
        return i && j ? *i == *j : *a == *b;
    }
    if (left.data.index() != right.data.index()) return false;
    if (const std::string* a = text_if(left)) {
        budget.spend(a->size() / 64);
        return *a == *text_if(right);
    }
    if (const auto* a = left.as<Sequence>()) {
        const auto* b = right.as<Sequence>();
        return same_kind(*a, *b) && std::ranges::equal(*a->items, *b->items, [&](const Value& x, const Value& y) {
                   return equal(x, y, budget);
               });
    }
    if (const auto* a = left.as<Dict>()) {
        const auto* b = right.as<Dict>();
        return a->entries->size() == b->entries->size() && std::ranges::all_of(*a->entries, [&](const auto& entry) {
                   const Value* other = find(*b, entry.first, budget);
                   return other && equal(entry.second, *other, budget);
               });
    }
    if (const auto* a = left.as<Generator>()) return a->state == right.as<Generator>()->state;
    if (const auto* a = left.as<Namespace*>()) return *a == *right.as<Namespace*>();
    if (const auto* a = left.as<Loop*>()) return *a == *right.as<Loop*>();
    if (const auto* a = left.as<std::shared_ptr<const Callable>>()) {
        return *a == *right.as<std::shared_ptr<const Callable>>();
    }
    return true;  // None, Undefined
}

bool less(const Value& left, const Value& right, Budget& budget) {
    budget.spend(1);
    require_defined(left);
    require_defined(right);
    const auto a = number(left), b = number(right);
    if (a && b) {
        const auto i = whole_number(left), j = whole_number(right);
        return i && j ? *i < *j : *a < *b;
    }
    const std::string *s = text_if(left), *t = text_if(right);
    if (s && t) {
        budget.spend(std::min(s->size(), t->size()) / 64);
        return *s < *t;  // the order of UTF-8's bytes is that of the characters
    }
    const auto *x = left.as<Sequence>(), *y = right.as<Sequence>();
    if (x && y && same_kind(*x, *y) && (x->kind == SequenceKind::kList || x->kind == SequenceKind::kTuple)) {
        const std::size_t common = std::min(x->items->size(), y->items->size());
        for (std::size_t i = 0; i < common; ++i) {
            const Value &p = (*x->items)[i], &q = (*y->items)[i];
            if (!equal(p, q, budget)) return less(p, q, budget);
        }
        return x->items->size() < y->items->size();
    }
    fail(ErrorKind::kData, "'{}' and '{}' have no order", type_name(left), type_name(right));
}

const Value* find(const Dict& dict, const Value& key, Budget& budget) {
    require_hash(key);
    for (const auto& [known, value] : *dict.entries) {
        if (equal(known, key, budget)) return &value;
    }
    return nullptr;
}

Values elements(const Value& value, Budget& budget) {
    Values result;
    if (value.is<Undefined>()) return result;
    if (const std::string* bytes = text_if(value)) {
        budget.spend(bytes->size());
        for (std::size_t i = 0; i < bytes->size();) {
            const std::size_t size = character_size(*bytes, i);
            result.push_back(text(bytes->substr(i, size)));
            i += size;
        }
        return result;
    }
    if (const auto* items = value.as<Sequence>()) {
        budget.spend(items->items->size());
        return *items->items;
    }
    if (const auto* items = value.as<Generator>()) {
        auto& state = *items->state;
        budget.spend(state.items.size() - state.next);
        result.assign(state.items.begin() + static_cast<std::ptrdiff_t>(state.next), state.items.end());
        state.next = state.items.size();
        return result;
    }
    if (const auto* entries = value.as<Dict>()) {
        budget.spend(entries->entries->size());
        for (const auto& entry : *entries->entries) result.push_back(entry.first);
        return result;
    }
    fail(ErrorKind::kData, "'{}' object is not iterable", type_name(value));
}

std::int64_t length(const Value& value, Budget& budget) {
    if (value.is<Undefined>()) return 0;
    if (const std::string* bytes = text_if(value)) {
        budget.spend(bytes->size() / 64);
        return static_cast<std::int64_t>(character_count(*bytes));
    }
    if (const auto* items = value.as<Sequence>()) return static_cast<std::int64_t>(items->items->size());
    if (const auto* entries = value.as<Dict>()) return static_cast<std::int64_t>(entries->entries->size());
    fail(ErrorKind::kData, "object of type '{}' has no len()", type_name(value));
}

}  // namespace nepenthe::text::jinja
