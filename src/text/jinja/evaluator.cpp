// Statements: what the evaluator does with blocks.

#include "text/jinja/evaluator.h"

#include "text/jinja/printing.h"

#include <algorithm>

namespace nepenthe::text::jinja {

namespace {

// Of expressions and blocks in each other, through macros too: each level costs stack.
constexpr int kDeepestEvaluation = 400;

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

Evaluator::Deeper::Deeper(Evaluator& owner) : evaluator(owner) {
    evaluator.budget_.spend(1);
    if (evaluator.depth_ >= kDeepestEvaluation) {
        fail(ErrorKind::kData, "macros call each other too deep; they may do so without an end");
    }
    ++evaluator.depth_;
}

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

}  // namespace nepenthe::text::jinja
