#include "text/jinja/evaluator.h"

#include "text/jinja/printing.h"

#include <algorithm>
#include <array>

namespace nepenthe::text::jinja {

namespace {

// Of expressions and blocks in each other, through macros too: each level costs stack.
constexpr int kDeepestEvaluation = 400;
constexpr std::int64_t kLongestRange = 100000;  // as in the sandbox of Jinja

struct GlobalFunction {
    std::string_view name;
    Callable::Kind kind;
};
constexpr std::array kGlobalFunctions = {
    GlobalFunction{"range", Callable::Kind::kRange},
    GlobalFunction{"dict", Callable::Kind::kDict},
    GlobalFunction{"namespace", Callable::Kind::kNamespace},
    GlobalFunction{"raise_exception", Callable::Kind::kRaiseException},
    GlobalFunction{"strftime_now", Callable::Kind::kStrftimeNow},
};
constexpr std::array<std::string_view, 3> kOtherGlobals = {"lipsum", "cycler", "joiner"};

Value callable(Callable value) { return {std::make_shared<const Callable>(std::move(value))}; }

}  // namespace

const Value* Arguments::find(std::size_t place, std::string_view name) const {
    if (place < positional.size()) return &positional[place];
    const auto found = std::ranges::find(named, name, &std::pair<std::string, Value>::first);
    return found == named.end() ? nullptr : &found->second;
}

void Arguments::expect(std::string_view what, const std::vector<std::string_view>& names) const {
    if (positional.size() > names.size()) {
        fail(ErrorKind::kData, "{} takes no more than {} arguments", what, names.size());
    }
    for (const auto& [name, value] : named) {
        const auto found = std::ranges::find(names, name);
        if (found == names.end()) fail(ErrorKind::kData, "{} has no argument \"{}\"", what, name);
        if (static_cast<std::size_t>(found - names.begin()) < positional.size()) {
            fail(ErrorKind::kData, "{} is given \"{}\" twice", what, name);
        }
    }
}

const Value* Scope::find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->outer) {
        const auto found = std::ranges::find(scope->variables, name, &std::pair<std::string, Value>::first);
        if (found != scope->variables.end()) return &found->second;
    }
    return nullptr;
}

void Scope::set(const std::string& name, Value value) {
    const auto found = std::ranges::find(variables, name, &std::pair<std::string, Value>::first);
    if (found != variables.end()) {
        found->second = std::move(value);
    } else {
        variables.emplace_back(name, std::move(value));
    }
}

struct Evaluator::Deeper {
    explicit Deeper(Evaluator& owner) : evaluator(owner) {
        evaluator.budget_.spend(1);
        if (evaluator.depth_ >= kDeepestEvaluation) {
            fail(ErrorKind::kData, "macros call each other too deep; they may do so without an end");
        }
        ++evaluator.depth_;
    }
    ~Deeper() { --evaluator.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Evaluator& evaluator;
};

std::string Evaluator::render(std::vector<std::pair<std::string, Value>> variables) {
    try {
        std::string result;
        out_ = &result;
        Scope& outermost = new_scope(nullptr);
        outermost.variables = std::move(variables);
        run(statements_, new_scope(&outermost));
        return result;
    } catch (const Error& error) {
        throw error.with_context(fmt::format("line {}", line_));
    }
}

// ---- statements

Evaluator::Flow Evaluator::run(const Statements& statements, Scope& scope) {
    for (const Statement& statement : statements) {
        if (const Flow flow = run(statement, scope); flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
}

Evaluator::Flow Evaluator::run(const Statement& statement, Scope& scope) {
    const Deeper deeper(*this);
    line_ = statement.line;
    switch (statement.kind) {
        case Statement::Kind::kText: write(statement.text); break;
        case Statement::Kind::kPrint: write(str(evaluate(*statement.expression, scope), budget_)); break;
        case Statement::Kind::kFor: return run_for(statement, scope);
        case Statement::Kind::kIf: return run_if(statement, scope);
        case Statement::Kind::kSet:
        case Statement::Kind::kSetBlock: run_set(statement, scope); break;
        case Statement::Kind::kMacro:
            scope.set(
                statement.text,
                callable(
                    {.kind = Callable::Kind::kMacro, .name = statement.text, .macro = &statement, .scope = &scope}));
            break;
        case Statement::Kind::kCallBlock: run_call_block(statement, scope); break;
        case Statement::Kind::kFilterBlock: {
            const std::string body = captured(statement.body, scope);
            const std::string* const outside = std::exchange(block_text_, &body);
            write(str(evaluate(*statement.expression, scope), budget_));
            block_text_ = outside;
            break;
        }
        case Statement::Kind::kWith: run_with(statement, scope); break;
        case Statement::Kind::kGeneration: write(captured(statement.body, scope)); break;
        case Statement::Kind::kBreak: return Flow::kBreak;
        case Statement::Kind::kContinue: return Flow::kContinue;
    }
    return Flow::kNext;
}

Values Evaluator::loop_items(const Statement& statement, Scope& scope) {
    Values items = elements(evaluate(*statement.expression, scope), budget_);
    if (!statement.condition) return items;
    Values kept;
    for (Value& item : items) {
        Scope& inner = new_scope(&scope);
        assign(*statement.target, item, inner);
        if (truth(evaluate(*statement.condition, inner))) kept.push_back(std::move(item));
    }
    return kept;
}

Evaluator::Flow Evaluator::run_for(const Statement& statement, Scope& scope) {
    Loop& loop = loops_.emplace_back();
    loop.items = loop_items(statement, scope);
    bool finished = false;  // one round came to its end: where each was broken off, Jinja takes the else block
    for (; loop.index < loop.items.size(); ++loop.index) {
        Scope& inner = new_scope(&scope);
        inner.set("loop", {&loop});
        assign(*statement.target, loop.items[loop.index], inner);
        const Flow flow = run(statement.body, inner);
        if (flow == Flow::kBreak) break;
        finished |= flow == Flow::kNext;
    }
    return finished ? Flow::kNext : run(statement.else_body, new_scope(&scope));
}

Evaluator::Flow Evaluator::run_if(const Statement& statement, Scope& scope) {
    for (const auto& [condition, body] : statement.branches) {
        if (truth(evaluate(*condition, scope))) return run(body, scope);
    }
    return run(statement.else_body, scope);
}

void Evaluator::run_set(const Statement& statement, Scope& scope) {
    if (statement.kind == Statement::Kind::kSet) {
        return assign(*statement.target, evaluate(*statement.expression, scope), scope);
    }
    std::string body = captured(statement.body, scope);
    if (!statement.expression) return assign(*statement.target, text(std::move(body)), scope);
    const std::string* const outside = std::exchange(block_text_, &body);
    const Value value = evaluate(*statement.expression, scope);
    block_text_ = outside;
    assign(*statement.target, value, scope);
}

void Evaluator::run_call_block(const Statement& statement, Scope& scope) {
    const Expression& expression = *statement.expression;
    const Value callee = evaluate(*expression.parts[0], scope);
    Arguments passed = arguments(expression.arguments, scope);
    passed.named.emplace_back(
        "caller", callable({.kind = Callable::Kind::kMacro, .name = "caller", .macro = &statement, .scope = &scope}));
    write(str(call(callee, passed), budget_));
}

void Evaluator::run_with(const Statement& statement, Scope& scope) {
    Scope& inner = new_scope(&scope);
    for (const auto& [target, value] : statement.assignments) assign(*target, evaluate(*value, scope), inner);
    run(statement.body, inner);
}

void Evaluator::write(std::string_view text) {
    budget_.spend_bytes(text.size());
    *out_ += text;
}

std::string Evaluator::captured(const Statements& body, Scope& scope) {
    std::string result;
    std::string* const outside = std::exchange(out_, &result);
    run(body, new_scope(&scope));
    out_ = outside;
    return result;
}

Scope& Evaluator::new_scope(Scope* outer) {
    Scope& scope = scopes_.emplace_back();
    scope.outer = outer;
    return scope;
}

void Evaluator::assign(const Expression& target, const Value& value, Scope& scope) {
    if (target.kind == Expression::Kind::kName) return scope.set(target.name, value);
    if (target.kind == Expression::Kind::kTuple) {
        const Values values = elements(value, budget_);
        if (values.size() != target.parts.size()) {
            fail(ErrorKind::kData, "{} values for {} names", values.size(), target.parts.size());
        }
        for (std::size_t i = 0; i < values.size(); ++i) assign(*target.parts[i], values[i], scope);
        return;
    }
    const Value owner = evaluate(*target.parts[0], scope);
    const auto* space = owner.as<Namespace*>();
    if (!space) fail(ErrorKind::kData, "cannot assign attribute on non-namespace object");
    if (target.name.starts_with('_')) {
        fail(ErrorKind::kData, "attributes of a namespace cannot begin with an underscore: \"{}\"", target.name);
    }
    auto& values = (*space)->values;
    const auto found = std::ranges::find(values, target.name, &std::pair<std::string, Value>::first);
    if (found != values.end()) {
        found->second = value;
    } else {
        values.emplace_back(target.name, value);
    }
}

// ---- expressions

Value Evaluator::evaluate(const Expression& expression, Scope& scope) {
    const Deeper deeper(*this);
    line_ = expression.line;
    return evaluate_inner(expression, scope);
}

Value Evaluator::evaluate_inner(const Expression& expression, Scope& scope) {
    const auto part = [&](std::size_t i) { return evaluate(*expression.parts[i], scope); };
    switch (expression.kind) {
        case Expression::Kind::kConstant: return expression.value;
        case Expression::Kind::kName: return name(expression.name, scope);
        case Expression::Kind::kList: return sequence(parts(expression, scope));
        case Expression::Kind::kTuple: return sequence(parts(expression, scope), SequenceKind::kTuple);
        case Expression::Kind::kDict: return dictionary(expression, scope);
        case Expression::Kind::kAttribute: return attribute(part(0), expression.name);
        case Expression::Kind::kItem: {
            const Value value = part(0);
            return item_of(value, part(1));
        }
        case Expression::Kind::kSlice: return sliced(expression, scope);
        case Expression::Kind::kCall: return called(expression, scope);
        case Expression::Kind::kFilter: {
            const Value value = part(0);
            const Arguments given = arguments(expression.arguments, scope);
            line_ = expression.line;
            return filter(expression.name, value, given);
        }
        case Expression::Kind::kTest: {
            const Value value = part(0);
            const Arguments given = arguments(expression.arguments, scope);
            line_ = expression.line;
            return {test(expression.name, value, given)};
        }
        case Expression::Kind::kNot: return {!truth(part(0))};
        case Expression::Kind::kNegative: return negative(part(0));
        case Expression::Kind::kPositive: return positive(part(0));
        case Expression::Kind::kAnd: {
            Value left = part(0);
            return truth(left) ? part(1) : left;
        }
        case Expression::Kind::kOr: {
            Value left = part(0);
            return truth(left) ? left : part(1);
        }
        case Expression::Kind::kBinary: {
            const Value left = part(0), right = part(1);
            line_ = expression.line;
            return binary(expression.operation, left, right, budget_);
        }
        case Expression::Kind::kConcat: return concatenated(expression, scope);
        case Expression::Kind::kCompare: return {compared(expression, scope)};
        case Expression::Kind::kConditional:
            if (truth(part(0))) return part(1);
            if (expression.parts[2]) return part(2);
            return undefined("the inline if-expression evaluated to false and no else section was defined");
        case Expression::Kind::kBlockText: return text(*block_text_);
    }
    return none();
}

Value Evaluator::evaluate_or_none(const ExpressionPtr& expression, Scope& scope) {
    return expression ? evaluate(*expression, scope) : none();
}

Value Evaluator::name(const std::string& name, Scope& scope) {
    if (const Value* found = scope.find(name)) return *found;
    const auto function = std::ranges::find(kGlobalFunctions, name, &GlobalFunction::name);
    if (function != kGlobalFunctions.end()) return callable({.kind = function->kind, .name = name});
    if (std::ranges::find(kOtherGlobals, name) != kOtherGlobals.end()) {
        fail(ErrorKind::kData, "the function \"{}\" is not supported", name);
    }
    return undefined(fmt::format("'{}' is undefined", name));
}

Values Evaluator::parts(const Expression& expression, Scope& scope) {
    Values result;
    for (const auto& part : expression.parts) result.push_back(evaluate(*part, scope));
    return result;
}

Value Evaluator::dictionary(const Expression& expression, Scope& scope) {
    const Values all = parts(expression, scope);
    Entries entries;
    for (std::size_t i = 0; i + 1 < all.size(); i += 2) entries.emplace_back(all[i], all[i + 1]);
    return dict(entries, budget_);
}

Value Evaluator::sliced(const Expression& expression, Scope& scope) {
    const Value value = evaluate(*expression.parts[0], scope);
    const Value first = evaluate_or_none(expression.parts[1], scope);
    const Value last = evaluate_or_none(expression.parts[2], scope);
    const Value step = evaluate_or_none(expression.parts[3], scope);
    require_defined(value);
    return slice(value, first, last, step, budget_);
}

Value Evaluator::concatenated(const Expression& expression, Scope& scope) {
    std::string result;
    for (const auto& part : expression.parts) result += str(evaluate(*part, scope), budget_);
    return text(std::move(result));
}

bool Evaluator::compared(const Expression& expression, Scope& scope) {
    Value left = evaluate(*expression.parts[0], scope);
    for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
        Value right = evaluate(*expression.parts[i + 1], scope);
        line_ = expression.line;
        if (!compare(expression.comparisons[i], left, right, budget_)) return false;
        left = std::move(right);
    }
    return true;
}

Value Evaluator::called(const Expression& expression, Scope& scope) {
    const Value callee = evaluate(*expression.parts[0], scope);
    const Arguments given = arguments(expression.arguments, scope);
    line_ = expression.line;
    return call(callee, given);
}

Arguments Evaluator::arguments(const CallArguments& call, Scope& scope) {
    Arguments result;
    for (const auto& argument : call.positional) result.positional.push_back(evaluate(*argument, scope));
    if (call.all_positional) {
        for (Value& value : elements(evaluate(*call.all_positional, scope), budget_)) {
            result.positional.push_back(std::move(value));
        }
    }
    const auto add = [&](const std::string& name, Value value) {
        if (std::ranges::find(result.named, name, &std::pair<std::string, Value>::first) != result.named.end()) {
            fail(ErrorKind::kData, "the argument \"{}\" is given twice", name);
        }
        result.named.emplace_back(name, std::move(value));
    };
    for (const auto& [name, argument] : call.named) add(name, evaluate(*argument, scope));
    if (call.all_named) {
        const Value value = evaluate(*call.all_named, scope);
        const auto* entries = value.as<Dict>();
        if (!entries) fail(ErrorKind::kData, "what follows ** must be a dict, not '{}'", type_name(value));
        budget_.spend(entries->entries->size() * entries->entries->size() / 8);
        for (const auto& [key, entry] : *entries->entries) add(text_of(key, "the name of an argument"), entry);
    }
    return result;
}

Value Evaluator::filter(std::string_view name, const Value& value, const Arguments& arguments) {
    const Filter function = find_filter(name);
    if (!function) fail(ErrorKind::kData, "the filter \"{}\" is not supported", name);
    const Deeper deeper(*this);
    return function(*this, value, arguments);
}

bool Evaluator::test(std::string_view name, const Value& value, const Arguments& arguments) {
    const Test function = find_test(name);
    if (!function) fail(ErrorKind::kData, "the test \"{}\" is not supported", name);
    const Deeper deeper(*this);
    return function(*this, value, arguments);
}

// ---- calls

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

// ---- attributes

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
