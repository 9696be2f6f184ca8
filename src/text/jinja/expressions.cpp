// Expressions: what names, operators and the like are worth.

#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

#include <algorithm>
#include <array>

namespace nepenthe::text::jinja {

namespace {

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

}  // namespace

Value callable(Callable function) { return {std::make_shared<const Callable>(std::move(function))}; }

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

}  // namespace nepenthe::text::jinja
