#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <array>

namespace nepenthe::text::jinja {

namespace {

struct ComparisonSign {
    std::string_view sign;
    Comparison comparison;
};
constexpr std::array kComparisonSigns = {
    ComparisonSign{"==", Comparison::kEqual},  ComparisonSign{"!=", Comparison::kNotEqual},
    ComparisonSign{"<", Comparison::kLess},    ComparisonSign{"<=", Comparison::kLessOrEqual},
    ComparisonSign{">", Comparison::kGreater}, ComparisonSign{">=", Comparison::kGreaterOrEqual},
};

}  // namespace

bool ExpressionParser::tuple_ends(std::string_view end_name) const {
    const Token& token = current();
    return token.kind == TokenKind::kVariableEnd || token.kind == TokenKind::kBlockEnd || at_operator(")") ||
           (!end_name.empty() && at_name(end_name));
}

ExpressionPtr ExpressionParser::tuple(bool conditional, std::string_view end_name, bool bracket) {
    const int line = current().line;
    std::vector<ExpressionPtr> parts;
    bool several = false;
    for (;;) {
        if (!parts.empty()) expect_operator(",");
        if (tuple_ends(end_name)) break;
        parts.push_back(expression(conditional));
        if (!at_operator(",")) break;
        several = true;
    }
    if (!several) {
        if (!parts.empty()) return std::move(parts.front());
        if (!bracket) fail_unexpected();
    }
    return make(Expression::Kind::kTuple, line, std::move(parts));
}

ExpressionPtr ExpressionParser::expression(bool conditional) {
    const Nested nested(*this);
    auto result = either();
    while (conditional && at_name("if")) {
        const int line = next().line;
        auto condition = either();
        ExpressionPtr otherwise;
        if (skip_name("else")) otherwise = expression();
        result = make_of(Expression::Kind::kConditional, line, std::move(condition), std::move(result),
                         std::move(otherwise));
    }
    return result;
}

ExpressionPtr ExpressionParser::either() {
    auto left = both();
    while (at_name("or")) {
        const int line = next().line;
        auto right = both();
        left = make_of(Expression::Kind::kOr, line, std::move(left), std::move(right));
    }
    return left;
}

ExpressionPtr ExpressionParser::both() {
    auto left = negation();
    while (at_name("and")) {
        const int line = next().line;
        auto right = negation();
        left = make_of(Expression::Kind::kAnd, line, std::move(left), std::move(right));
    }
    return left;
}

ExpressionPtr ExpressionParser::negation() {
    if (!at_name("not")) return comparison();
    const Nested nested(*this);
    const int line = next().line;
    return make_of(Expression::Kind::kNot, line, negation());
}

std::optional<Comparison> ExpressionParser::comparison_sign() {
    if (current().kind == TokenKind::kOperator) {
        const auto found = std::ranges::find(kComparisonSigns, current().text, &ComparisonSign::sign);
        if (found == kComparisonSigns.end()) return std::nullopt;
        next();
        return found->comparison;
    }
    if (skip_name("in")) return Comparison::kIn;
    if (at_name("not") && is(ahead(), TokenKind::kName, "in")) {
        next();
        next();
        return Comparison::kNotIn;
    }
    return std::nullopt;
}

ExpressionPtr ExpressionParser::comparison() {
    const int line = current().line;
    std::vector<ExpressionPtr> parts;
    std::vector<Comparison> comparisons;
    parts.push_back(sum());
    while (const auto sign = comparison_sign()) {
        comparisons.push_back(*sign);
        parts.push_back(sum());
    }
    if (comparisons.empty()) return std::move(parts.front());
    auto result = make(Expression::Kind::kCompare, line, std::move(parts));
    result->comparisons = std::move(comparisons);
    return result;
}

ExpressionPtr ExpressionParser::binary_of(Operator operation, int line, ExpressionPtr left, ExpressionPtr right) const {
    auto result = make_of(Expression::Kind::kBinary, line, std::move(left), std::move(right));
    result->operation = operation;
    return result;
}

ExpressionPtr ExpressionParser::sum() {
    auto left = concatenation();
    while (at_operator("+") || at_operator("-")) {
        const Token& sign = next();
        left = binary_of(sign.text == "+" ? Operator::kAdd : Operator::kSubtract, sign.line, std::move(left),
                         concatenation());
    }
    return left;
}

ExpressionPtr ExpressionParser::concatenation() {
    const int line = current().line;
    std::vector<ExpressionPtr> parts;
    parts.push_back(product());
    while (skip_operator("~")) parts.push_back(product());
    return parts.size() == 1 ? std::move(parts.front()) : make(Expression::Kind::kConcat, line, std::move(parts));
}

ExpressionPtr ExpressionParser::product() {
    auto left = power();
    for (;;) {
        const Token& sign = current();
        Operator operation = Operator::kMultiply;
        if (at_operator("/")) {
            operation = Operator::kDivide;
        } else if (at_operator("//")) {
            operation = Operator::kFloorDivide;
        } else if (at_operator("%")) {
            operation = Operator::kModulo;
        } else if (!at_operator("*")) {
            return left;
        }
        next();
        left = binary_of(operation, sign.line, std::move(left), power());
    }
}

ExpressionPtr ExpressionParser::power() {
    auto left = unary(true);
    while (at_operator("**")) {
        const int line = next().line;
        left = binary_of(Operator::kPower, line, std::move(left), unary(true));
    }
    return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
    ExpressionPtr result;
    if (at_operator("-") || at_operator("+")) {
        const Nested nested(*this);
        const Token& sign = next();
        result = make_of(sign.text == "-" ? Expression::Kind::kNegative : Expression::Kind::kPositive, sign.line,
                         unary(false));
    } else {
        result = primary();
    }
    result = postfix(std::move(result));
    return with_filters ? filters(std::move(result)) : std::move(result);
}

ExpressionPtr ExpressionParser::primary() {
    const Token& token = current();
    switch (token.kind) {
        case TokenKind::kName: return name_or_constant();
        case TokenKind::kString: {
            std::string joined;
            while (current().kind == TokenKind::kString) joined += next().text;
            return constant(text(std::move(joined)), token.line);
        }
        case TokenKind::kInteger: return constant({next().integer}, token.line);
        case TokenKind::kFloat: return constant({next().real}, token.line);
        default: break;
    }
    if (skip_operator("(")) {
        auto result = tuple(true, "", true);
        expect_operator(")");
        return result;
    }
    if (skip_operator("[")) return list(token.line);
    if (skip_operator("{")) return dictionary(token.line);
    fail_unexpected();
}

ExpressionPtr ExpressionParser::name_or_constant() {
    const Token& token = next();
    const std::string& name = token.text;
    if (name == "true" || name == "True") return constant({true}, token.line);
    if (name == "false" || name == "False") return constant({false}, token.line);
    if (name == "none" || name == "None") return constant(none(), token.line);
    auto result = make(Expression::Kind::kName, token.line);
    result->name = name;
    if (parameters_) {
        parameters_->reads_varargs |= name == "varargs";
        parameters_->reads_kwargs |= name == "kwargs";
        parameters_->reads_caller |= name == "caller";
    }
    return result;
}

ExpressionPtr ExpressionParser::list(int line) {
    std::vector<ExpressionPtr> parts;
    while (!at_operator("]")) {
        if (!parts.empty()) expect_operator(",");
        if (at_operator("]")) break;
        parts.push_back(expression());
    }
    next();
    return make(Expression::Kind::kList, line, std::move(parts));
}

ExpressionPtr ExpressionParser::dictionary(int line) {
    std::vector<ExpressionPtr> parts;
    while (!at_operator("}")) {
        if (!parts.empty()) expect_operator(",");
        if (at_operator("}")) break;
        parts.push_back(expression());
        expect_operator(":");
        parts.push_back(expression());
    }
    next();
    return make(Expression::Kind::kDict, line, std::move(parts));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
    for (;;) {
        const int line = current().line;
        if (skip_operator(".")) {
            value = attribute(std::move(value), line);
        } else if (skip_operator("[")) {
            value = subscript(std::move(value), line);
        } else if (at_operator("(")) {
            value = call(std::move(value));
        } else {
            return value;
        }
    }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr value, int line) {
    if (current().kind == TokenKind::kInteger) {
        auto index = constant({next().integer}, line);
        return make_of(Expression::Kind::kItem, line, std::move(value), std::move(index));
    }
    auto result = make_of(Expression::Kind::kAttribute, line, std::move(value));
    result->name = expect_name();
    return result;
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value, int line) {
    ExpressionPtr first;
    if (!at_operator(":")) first = expression();
    if (first && skip_operator("]")) return make_of(Expression::Kind::kItem, line, std::move(value), std::move(first));
    if (at_operator(",")) fail_here("a subscript with a comma is not supported");
    expect_operator(":");
    ExpressionPtr last, step;
    if (!at_operator("]") && !at_operator(":")) last = expression();
    if (skip_operator(":") && !at_operator("]")) step = expression();
    expect_operator("]");
    return make_of(Expression::Kind::kSlice, line, std::move(value), std::move(first), std::move(last),
                   std::move(step));
}

ExpressionPtr ExpressionParser::call(ExpressionPtr callee) {
    auto result = make_of(Expression::Kind::kCall, current().line, std::move(callee));
    call_arguments(*result);
    return result;
}

void ExpressionParser::call_arguments(Expression& into) {
    expect_operator("(");
    CallArguments& arguments = into.arguments;
    for (bool first = true; !at_operator(")"); first = false) {
        if (!first) expect_operator(",");
        if (at_operator(")")) break;
        ExpressionPtr* place = nullptr;
        if (skip_operator("*")) {
            place = &arguments.all_positional;
        } else if (skip_operator("**")) {
            place = &arguments.all_named;
        } else if (current().kind == TokenKind::kName && is(ahead(), TokenKind::kOperator, "=")) {
            std::string name = next().text;
            next();
            place = &arguments.named.emplace_back(std::move(name), nullptr).second;
        } else {
            if (!arguments.named.empty() || arguments.all_positional || arguments.all_named) fail_unexpected();
            place = &arguments.positional.emplace_back();
        }
        if (*place) fail_unexpected();
        auto argument = expression();
        deepen(into, argument);
        *place = std::move(argument);
    }
    expect_operator(")");
}

std::string ExpressionParser::dotted_name() {
    std::string name = expect_name();
    while (skip_operator(".")) {
        name += '.';
        name += expect_name();
    }
    return name;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr value) {
    for (;;) {
        if (at_operator("|")) {
            value = filter(std::move(value));
        } else if (at_name("is")) {
            value = test(std::move(value));
        } else if (at_operator("(")) {
            value = call(std::move(value));
        } else {
            return value;
        }
    }
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
    const int line = next().line;
    auto result = make_of(Expression::Kind::kFilter, line, std::move(value));
    result->name = dotted_name();
    if (at_operator("(")) call_arguments(*result);
    return result;
}

ExpressionPtr ExpressionParser::filters_of_block(bool without_bar) {
    auto result = make(Expression::Kind::kBlockText, current().line);
    if (without_bar) {
        const int line = result->line;
        result = make_of(Expression::Kind::kFilter, line, std::move(result));
        result->name = dotted_name();
        if (at_operator("(")) call_arguments(*result);
    }
    while (at_operator("|")) result = filter(std::move(result));
    return result;
}

bool ExpressionParser::at_argument_of_test() const {
    const Token& token = current();
    switch (token.kind) {
        case TokenKind::kString:
        case TokenKind::kInteger:
        case TokenKind::kFloat: return true;
        case TokenKind::kOperator: return token.text == "[" || token.text == "{";
        case TokenKind::kName: return token.text != "else" && token.text != "or" && token.text != "and";
        default: return false;
    }
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
    const int line = next().line;
    const bool negated = skip_name("not");
    auto result = make_of(Expression::Kind::kTest, line, std::move(value));
    result->name = dotted_name();
    if (at_operator("(")) {
        call_arguments(*result);
    } else if (at_argument_of_test()) {
        if (at_name("is")) fail_here("tests cannot be chained with \"is\"");
        auto argument = postfix(primary());
        deepen(*result, argument);
        result->arguments.positional.push_back(std::move(argument));
    }
    return negated ? make_of(Expression::Kind::kNot, line, std::move(result)) : std::move(result);
}

}  // namespace nepenthe::text::jinja
