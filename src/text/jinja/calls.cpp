// Calls of macros, global functions and methods, and the attributes by which methods are found.

#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

#include <algorithm>

namespace nepenthe::text::jinja {

namespace {

constexpr std::int64_t kLongestRange = 100000;  // as in the sandbox of Jinja

}  // namespace

Value Evaluator::call(const Value& callee, const Arguments& arguments) {
    require_defined(callee);
    const auto* found = callee.as<std::shared_ptr<const Callable>>();
    if (!found) fail(ErrorKind::kData, "'{}' object is not callable", type_name(callee));
    const Callable& function = **found;
    switch (function.kind) {
        case Callable::Kind::kMacro: return call_macro(function, arguments);
        case Callable::Kind::kMethod: return call_method(function.receiver, function.name, arguments, budget_);
        case Callable::Kind::kCycle: {
            if (arguments.positional.empty()) fail(ErrorKind::kData, "no items for cycling given");
            return arguments.positional[function.loop->index % arguments.positional.size()];
        }
        case Callable::Kind::kChanged: {
            auto& seen = function.loop->changed;
            const auto same = [&](const Value& x, const Value& y) { return equal(x, y, budget_); };
            if (seen && std::ranges::equal(*seen, arguments.positional, same)) return {false};
            seen = arguments.positional;
            return {true};
        }
        case Callable::Kind::kRange: return call_range(arguments);
        case Callable::Kind::kDict: return call_dict(arguments);
        case Callable::Kind::kNamespace: return call_namespace(arguments);
        case Callable::Kind::kRaiseException: {
            arguments.expect("raise_exception", {"message"});
            const Value* message = arguments.find(0, "message");
            if (!message) fail(ErrorKind::kData, "raise_exception needs a message");
            fail(ErrorKind::kData, "the template refuses these messages: {}", str(*message, budget_));
        }
        case Callable::Kind::kStrftimeNow: {
            arguments.expect("strftime_now", {"format"});
            const Value* format = arguments.find(0, "format");
            if (!format) fail(ErrorKind::kData, "strftime_now needs a format");
            return text(strftime(now_, text_of(*format, "the format of strftime_now")));
        }
    }
    return none();
}

Value Evaluator::call_macro(const Callable& macro, const Arguments& arguments) {
    const Deeper deeper(*this);
    const Statement& statement = *macro.macro;
    const Parameters& parameters = statement.parameters;
    Scope& scope = new_scope(macro.scope);
    std::vector<bool> used(arguments.named.size(), false);
    const std::size_t without_default = parameters.names.size() - parameters.defaults.size();
    for (std::size_t i = 0; i < parameters.names.size(); ++i) {
        const std::string& name = parameters.names[i];
        const auto named = std::ranges::find(arguments.named, name, &std::pair<std::string, Value>::first);
        if (named != arguments.named.end()) {
            if (i < arguments.positional.size())
                fail(ErrorKind::kData, "\"{}\" is given \"{}\" twice", macro.name, name);
            used[static_cast<std::size_t>(named - arguments.named.begin())] = true;
        }
        if (i < arguments.positional.size()) {
            scope.set(name, arguments.positional[i]);
        } else if (named != arguments.named.end()) {
            scope.set(name, named->second);
        } else if (i >= without_default) {
            scope.set(name, evaluate(*parameters.defaults[i - without_default], scope));
        } else {
            scope.set(name, undefined(fmt::format("parameter '{}' was not provided", name)));
        }
    }
    const bool names_caller = std::ranges::find(parameters.names, "caller") != parameters.names.end();
    if (parameters.reads_caller && !names_caller) scope.set("caller", undefined("No caller defined"));
    Values rest;
    for (std::size_t i = parameters.names.size(); i < arguments.positional.size(); ++i) {
        rest.push_back(arguments.positional[i]);
    }
    Entries named_rest;
    for (std::size_t i = 0; i < arguments.named.size(); ++i) {
        const auto& [name, value] = arguments.named[i];
        if (used[i]) continue;
        if (name == "caller" && parameters.reads_caller) {
            scope.set(name, value);
        } else {
            named_rest.emplace_back(text(name), value);
        }
    }
    if (!rest.empty() && !parameters.reads_varargs) {
        fail(ErrorKind::kData, "macro '{}' takes not more than {} argument(s)", macro.name, parameters.names.size());
    }
    if (!named_rest.empty() && !parameters.reads_kwargs) {
        fail(ErrorKind::kData, "macro '{}' takes no keyword argument '{}'", macro.name,
             text_of(named_rest.front().first, "a name"));
    }
    if (parameters.reads_varargs) scope.set("varargs", sequence(std::move(rest), SequenceKind::kTuple));
    if (parameters.reads_kwargs) scope.set("kwargs", dict(named_rest, budget_));
    return text(captured(statement.body, scope));
}

Value Evaluator::call_range(const Arguments& arguments) {
    arguments.expect("range", {"", "", ""});
    const Values& given = arguments.positional;
    if (given.empty()) fail(ErrorKind::kData, "range needs an end");
    const auto number = [&](std::size_t i) { return integer_of(given[i], "an argument of range"); };
    const std::int64_t first = given.size() > 1 ? number(0) : 0, last = number(given.size() > 1 ? 1 : 0);
    const std::int64_t step = given.size() > 2 ? number(2) : 1;
    if (step == 0) fail(ErrorKind::kData, "the step of range must not be zero");
    Values items;
    for (std::int64_t i = first; step > 0 ? i < last : i > last;) {
        budget_.spend(1);
        if (static_cast<std::int64_t>(items.size()) == kLongestRange) {
            fail(ErrorKind::kData, "a range of more than {} items", kLongestRange);
        }
        items.push_back({i});
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return sequence(std::move(items), SequenceKind::kRange);
}

Value Evaluator::call_dict(const Arguments& arguments) {
    if (arguments.positional.size() > 1) fail(ErrorKind::kData, "dict takes no more than 1 argument");
    Entries entries;
    if (!arguments.positional.empty()) {
        const Value& given = arguments.positional[0];
        if (const auto* other = given.as<Dict>()) {
            entries = *other->entries;
        } else {
            for (const Value& pair : elements(given, budget_)) {
                Values both = elements(pair, budget_);
                if (both.size() != 2) fail(ErrorKind::kData, "dict needs pairs");
                entries.emplace_back(std::move(both[0]), std::move(both[1]));
            }
        }
    }
    for (const auto& [name, value] : arguments.named) entries.emplace_back(text(name), value);
    return dict(entries, budget_);
}

Value Evaluator::call_namespace(const Arguments& arguments) {
    const Value values = call_dict(arguments);
    Namespace& space = namespaces_.emplace_back();
    for (const auto& [key, value] : *values.as<Dict>()->entries) {
        const std::string& name = text_of(key, "the name of a namespace's attribute");
        if (name.starts_with('_')) {
            fail(ErrorKind::kData, "attributes of a namespace cannot begin with an underscore: \"{}\"", name);
        }
        space.values.emplace_back(name, value);
    }
    return {&space};
}

std::optional<Value> Evaluator::own_attribute(const Value& value, const std::string& name) {
    if (const auto* space = value.as<Namespace*>()) {
        const auto found = std::ranges::find((*space)->values, name, &std::pair<std::string, Value>::first);
        if (found == (*space)->values.end()) return std::nullopt;
        return found->second;
    }
    if (const auto* loop = value.as<Loop*>()) return loop_attribute(**loop, name);
    if (!has_method(value, name)) return std::nullopt;
    if (depth_of(value) >= kDeepestValue / 2) fail(ErrorKind::kData, "values lie too deep in each other");
    return callable({.kind = Callable::Kind::kMethod, .name = name, .receiver = value});
}

std::optional<Value> Evaluator::loop_attribute(Loop& loop, const std::string& name) {
    const auto index = static_cast<std::int64_t>(loop.index), size = static_cast<std::int64_t>(loop.items.size());
    if (name == "index") return Value{index + 1};
    if (name == "index0") return Value{index};
    if (name == "revindex") return Value{size - index};
    if (name == "revindex0") return Value{size - index - 1};
    if (name == "first") return Value{index == 0};
    if (name == "last") return Value{index == size - 1};
    if (name == "length") return Value{size};
    if (name == "depth") return Value{std::int64_t{1}};
    if (name == "depth0") return Value{std::int64_t{0}};
    if (name == "previtem") return index > 0 ? loop.items[loop.index - 1] : undefined("there is no previous item");
    if (name == "nextitem") return index + 1 < size ? loop.items[loop.index + 1] : undefined("there is no next item");
    if (name == "cycle") return callable({.kind = Callable::Kind::kCycle, .name = name, .loop = &loop});
    if (name == "changed") return callable({.kind = Callable::Kind::kChanged, .name = name, .loop = &loop});
    return std::nullopt;
}

Value Evaluator::attribute(const Value& value, const std::string& name) {
    require_defined(value);
    if (auto found = own_attribute(value, name)) return std::move(*found);
    if (auto found = item(value, text(name), budget_)) return std::move(*found);
    return undefined(fmt::format("'{}' object has no attribute '{}'", type_name(value), name));
}

Value Evaluator::item_of(const Value& value, const Value& key) {
    require_defined(value);
    if (auto found = item(value, key, budget_)) return std::move(*found);
    const std::string* name = text_if(key);
    if (!name) return undefined(fmt::format("'{}' object has no such element", type_name(value)));
    if (auto found = own_attribute(value, *name)) return std::move(*found);
    return undefined(fmt::format("'{}' object has no attribute '{}'", type_name(value), *name));
}

}  // namespace nepenthe::text::jinja
