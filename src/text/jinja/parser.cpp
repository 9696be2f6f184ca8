#include "text/jinja/parser.h"

#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

namespace nepenthe::text::jinja {

namespace {

using Ends = std::initializer_list<std::string_view>;

// Of blocks and brackets in each other, and of the tree of an expression: a chain of operators is as deep as it is
// long.
constexpr int kDeepestNesting = 60;
constexpr int kDeepestTree = 200;

struct ComparisonSign {
    std::string_view sign;
    Comparison comparison;
};
constexpr std::array kComparisonSigns = {
    ComparisonSign{"==", Comparison::kEqual},  ComparisonSign{"!=", Comparison::kNotEqual},
    ComparisonSign{"<", Comparison::kLess},    ComparisonSign{"<=", Comparison::kLessOrEqual},
    ComparisonSign{">", Comparison::kGreater}, ComparisonSign{">=", Comparison::kGreaterOrEqual},
};

class Parser {
  public:
    explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

    Statements run() { return statements({}); }

  private:
    // One more bracket or block, as long as it lives.
    struct Nested {
        explicit Nested(Parser& owner) : parser(owner) {
            if (++parser.nesting_ > kDeepestNesting) parser.fail_here("blocks or brackets lie too deep in each other");
        }
        ~Nested() { --parser.nesting_; }
        Nested(const Nested&) = delete;
        Nested& operator=(const Nested&) = delete;
        Parser& parser;
    };

    [[noreturn]] void fail_here(std::string_view what) const {
        fail(ErrorKind::kData, "line {}: {}", current().line, what);
    }
    [[noreturn]] void fail_unexpected() const {
        const Token& token = current();
        if (token.kind == TokenKind::kEnd) fail_here("the template ends within a block");
        if (token.kind == TokenKind::kBlockEnd || token.kind == TokenKind::kVariableEnd) {
            fail_here("a tag ends where an expression should go on");
        }
        fail_here(fmt::format("unexpected \"{}\"", token.text.substr(0, 40)));
    }

    const Token& current() const { return tokens_[at_]; }
    const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
    const Token& next() {
        const Token& token = tokens_[at_];
        if (at_ + 1 < tokens_.size()) ++at_;
        return token;
    }
    static bool is(const Token& token, TokenKind kind, std::string_view text) {
        return token.kind == kind && token.text == text;
    }
    bool at_operator(std::string_view sign) const { return is(current(), TokenKind::kOperator, sign); }
    bool at_name(std::string_view name) const { return is(current(), TokenKind::kName, name); }
    bool skip_operator(std::string_view sign) {
        const bool found = at_operator(sign);
        if (found) next();
        return found;
    }
    bool skip_name(std::string_view name) {
        const bool found = at_name(name);
        if (found) next();
        return found;
    }
    void expect_operator(std::string_view sign) {
        if (!skip_operator(sign)) fail_unexpected();
    }
    std::string expect_name() {
        if (current().kind != TokenKind::kName) fail_unexpected();
        return next().text;
    }
    void expect_block_end() {
        if (current().kind != TokenKind::kBlockEnd) fail_unexpected();
        next();
    }

    ExpressionPtr make(Expression::Kind kind, int line, std::vector<ExpressionPtr> parts = {}) const {
        auto result = std::make_unique<Expression>();
        result->kind = kind;
        result->line = line;
        for (const auto& part : parts) deepen(*result, part);
        result->parts = std::move(parts);
        return result;
    }
    template <typename... Parts>
    ExpressionPtr make_of(Expression::Kind kind, int line, Parts... parts) const {
        std::vector<ExpressionPtr> all;
        (all.push_back(std::move(parts)), ...);
        return make(kind, line, std::move(all));
    }
    void deepen(Expression& tree, const ExpressionPtr& part) const {
        if (part) tree.depth = std::max(tree.depth, part->depth + 1);
        if (tree.depth > kDeepestTree) fail_here("an expression is too long or too deep");
    }
    ExpressionPtr constant(Value value, int line) const {
        auto result = make(Expression::Kind::kConstant, line);
        result->value = std::move(value);
        return result;
    }

    // ---- statements

    // Up to a tag that begins with one of `ends`, whose name is the current token then; without ends, all.
    Statements statements(Ends ends) {
        const Nested nested(*this);
        Statements result;
        for (;;) {
            const Token& token = current();
            if (token.kind == TokenKind::kData) {
                Statement& statement = result.emplace_back();
                statement.line = token.line;
                statement.text = next().text;
            } else if (token.kind == TokenKind::kVariableBegin) {
                next();
                Statement& statement = result.emplace_back();
                statement.kind = Statement::Kind::kPrint;
                statement.line = token.line;
                statement.expression = tuple();
                if (current().kind != TokenKind::kVariableEnd) fail_unexpected();
                next();
            } else if (token.kind == TokenKind::kBlockBegin) {
                next();
                const bool named = current().kind == TokenKind::kName;
                if (named && std::ranges::find(ends, current().text) != ends.end()) return result;
                result.push_back(statement());
                expect_block_end();
            } else if (token.kind == TokenKind::kEnd && ends.size() == 0) {
                return result;
            } else {
                fail_unexpected();
            }
        }
    }

    // The body of a block whose tag ends here; the name of the tag that closed it.
    std::string body(Statements& into, Ends ends) {
        skip_operator(":");
        expect_block_end();
        into = statements(ends);
        return next().text;
    }

    Statement statement() {
        Statement result;
        result.line = current().line;
        const std::string name = expect_name();
        if (name == "for") {
            for_block(result);
        } else if (name == "if") {
            if_block(result);
        } else if (name == "set") {
            set_statement(result);
        } else if (name == "macro") {
            result.kind = Statement::Kind::kMacro;
            result.text = expect_name();
            signature(result.parameters);
            callable_body(result, "endmacro");
        } else if (name == "call") {
            result.kind = Statement::Kind::kCallBlock;
            if (at_operator("(")) signature(result.parameters);
            result.expression = expression();
            if (result.expression->kind != Expression::Kind::kCall) fail_here("a call block needs a call");
            callable_body(result, "endcall");
        } else if (name == "filter") {
            result.kind = Statement::Kind::kFilterBlock;
            result.expression = filters_of_block(true);
            body(result.body, {"endfilter"});
        } else if (name == "with") {
            with_block(result);
        } else if (name == "generation") {
            result.kind = Statement::Kind::kGeneration;
            body(result.body, {"endgeneration"});
        } else if (name == "break" || name == "continue") {
            if (loops_ == 0) fail_here(fmt::format("\"{}\" outside of a loop", name));
            result.kind = name == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue;
        } else {
            fail(ErrorKind::kData, "line {}: the tag \"{}\" is not supported here", result.line, name);
        }
        return result;
    }

    void for_block(Statement& result) {
        result.kind = Statement::Kind::kFor;
        result.target = assign_target(false);
        if (!skip_name("in")) fail_unexpected();
        result.expression = tuple(false, "recursive");
        if (skip_name("if")) result.condition = expression();
        if (at_name("recursive")) fail_here("a recursive loop is not supported");
        ++loops_;
        const std::string end = body(result.body, {"endfor", "else"});
        --loops_;
        if (end == "else") body(result.else_body, {"endfor"});
    }

    void if_block(Statement& result) {
        result.kind = Statement::Kind::kIf;
        for (;;) {
            auto condition = tuple(false);
            auto& branch = result.branches.emplace_back(std::move(condition), Statements());
            const std::string end = body(branch.second, {"elif", "else", "endif"});
            if (end == "elif") continue;
            if (end == "else") body(result.else_body, {"endif"});
            return;
        }
    }

    void set_statement(Statement& result) {
        result.target = assign_target(true);
        if (skip_operator("=")) {
            result.kind = Statement::Kind::kSet;
            result.expression = tuple();
            return;
        }
        result.kind = Statement::Kind::kSetBlock;
        if (at_operator("|")) result.expression = filters_of_block(false);
        body(result.body, {"endset"});
    }

    void with_block(Statement& result) {
        result.kind = Statement::Kind::kWith;
        while (current().kind != TokenKind::kBlockEnd) {
            if (!result.assignments.empty()) expect_operator(",");
            auto target = assign_target(false);
            expect_operator("=");
            auto value = expression();
            result.assignments.emplace_back(std::move(target), std::move(value));
        }
        body(result.body, {"endwith"});
    }

    // A name, several, or an attribute of a namespace.
    ExpressionPtr assign_target(bool attributes) {
        std::vector<ExpressionPtr> targets;
        const int line = current().line;
        bool several = false;
        const bool bracket = skip_operator("(");
        for (;;) {
            if (!targets.empty() && (at_name("in") || at_operator(")") || at_operator("="))) break;
            auto target = make(Expression::Kind::kName, current().line);
            target->name = expect_name();
            constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
            if (std::ranges::find(kConstants, target->name) != kConstants.end()) {
                fail_here(fmt::format("cannot assign to \"{}\"", target->name));
            }
            if (attributes && skip_operator(".")) {
                const int at = target->line;
                auto attribute = make_of(Expression::Kind::kAttribute, at, std::move(target));
                attribute->name = expect_name();
                target = std::move(attribute);
            }
            targets.push_back(std::move(target));
            if (!skip_operator(",")) break;
            several = true;
        }
        if (bracket) expect_operator(")");
        return several ? make(Expression::Kind::kTuple, line, std::move(targets)) : std::move(targets.front());
    }

    void signature(Parameters& parameters) {
        expect_operator("(");
        while (!at_operator(")")) {
            if (!parameters.names.empty()) expect_operator(",");
            parameters.names.push_back(expect_name());
            if (skip_operator("=")) {
                parameters.defaults.push_back(expression());
            } else if (!parameters.defaults.empty()) {
                fail_here("a parameter without a default follows one with a default");
            }
        }
        expect_operator(")");
    }

    // Of a macro or call block: what it reads of what callers may pass besides its parameters.
    void callable_body(Statement& result, std::string_view end) {
        Parameters* const outside = std::exchange(parameters_, &result.parameters);
        const int loops = std::exchange(loops_, 0);
        body(result.body, {end});
        loops_ = loops;
        parameters_ = outside;
    }

    // ---- expressions, from the weakest operator to the strongest

    bool tuple_ends(std::string_view end_name) const {
        const Token& token = current();
        return token.kind == TokenKind::kVariableEnd || token.kind == TokenKind::kBlockEnd || at_operator(")") ||
               (!end_name.empty() && at_name(end_name));
    }

    // One expression, or several with commas between, which are a tuple.
    ExpressionPtr tuple(bool conditional = true, std::string_view end_name = "", bool bracket = false) {
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

    ExpressionPtr expression(bool conditional = true) {
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

    ExpressionPtr either() {
        auto left = both();
        while (at_name("or")) {
            const int line = next().line;
            auto right = both();
            left = make_of(Expression::Kind::kOr, line, std::move(left), std::move(right));
        }
        return left;
    }

    ExpressionPtr both() {
        auto left = negation();
        while (at_name("and")) {
            const int line = next().line;
            auto right = negation();
            left = make_of(Expression::Kind::kAnd, line, std::move(left), std::move(right));
        }
        return left;
    }

    ExpressionPtr negation() {
        if (!at_name("not")) return comparison();
        const Nested nested(*this);
        const int line = next().line;
        return make_of(Expression::Kind::kNot, line, negation());
    }

    std::optional<Comparison> comparison_sign() {
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

    ExpressionPtr comparison() {
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

    ExpressionPtr binary_of(Operator operation, int line, ExpressionPtr left, ExpressionPtr right) const {
        auto result = make_of(Expression::Kind::kBinary, line, std::move(left), std::move(right));
        result->operation = operation;
        return result;
    }

    ExpressionPtr sum() {
        auto left = concatenation();
        while (at_operator("+") || at_operator("-")) {
            const Token& sign = next();
            left = binary_of(sign.text == "+" ? Operator::kAdd : Operator::kSubtract, sign.line, std::move(left),
                             concatenation());
        }
        return left;
    }

    ExpressionPtr concatenation() {
        const int line = current().line;
        std::vector<ExpressionPtr> parts;
        parts.push_back(product());
        while (skip_operator("~")) parts.push_back(product());
        return parts.size() == 1 ? std::move(parts.front()) : make(Expression::Kind::kConcat, line, std::move(parts));
    }

    ExpressionPtr product() {
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

    ExpressionPtr power() {
        auto left = unary(true);
        while (at_operator("**")) {
            const int line = next().line;
            left = binary_of(Operator::kPower, line, std::move(left), unary(true));
        }
        return left;
    }

    ExpressionPtr unary(bool with_filters) {
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

    ExpressionPtr primary() {
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

    ExpressionPtr name_or_constant() {
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

    ExpressionPtr list(int line) {
        std::vector<ExpressionPtr> parts;
        while (!at_operator("]")) {
            if (!parts.empty()) expect_operator(",");
            if (at_operator("]")) break;
            parts.push_back(expression());
        }
        next();
        return make(Expression::Kind::kList, line, std::move(parts));
    }

    ExpressionPtr dictionary(int line) {
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

    ExpressionPtr postfix(ExpressionPtr value) {
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

    ExpressionPtr attribute(ExpressionPtr value, int line) {
        if (current().kind == TokenKind::kInteger) {
            auto index = constant({next().integer}, line);
            return make_of(Expression::Kind::kItem, line, std::move(value), std::move(index));
        }
        auto result = make_of(Expression::Kind::kAttribute, line, std::move(value));
        result->name = expect_name();
        return result;
    }

    ExpressionPtr subscript(ExpressionPtr value, int line) {
        ExpressionPtr first;
        if (!at_operator(":")) first = expression();
        if (first && skip_operator("]"))
            return make_of(Expression::Kind::kItem, line, std::move(value), std::move(first));
        if (at_operator(",")) fail_here("a subscript with a comma is not supported");
        expect_operator(":");
        ExpressionPtr last, step;
        if (!at_operator("]") && !at_operator(":")) last = expression();
        if (skip_operator(":") && !at_operator("]")) step = expression();
        expect_operator("]");
        return make_of(Expression::Kind::kSlice, line, std::move(value), std::move(first), std::move(last),
                       std::move(step));
    }

    ExpressionPtr call(ExpressionPtr callee) {
        auto result = make_of(Expression::Kind::kCall, current().line, std::move(callee));
        call_arguments(*result);
        return result;
    }

    void call_arguments(Expression& into) {
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

    // ---- filters and tests

    std::string dotted_name() {
        std::string name = expect_name();
        while (skip_operator(".")) {
            name += '.';
            name += expect_name();
        }
        return name;
    }

    ExpressionPtr filters(ExpressionPtr value) {
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

    ExpressionPtr filter(ExpressionPtr value) {
        const int line = next().line;
        auto result = make_of(Expression::Kind::kFilter, line, std::move(value));
        result->name = dotted_name();
        if (at_operator("(")) call_arguments(*result);
        return result;
    }

    // {% filter a|b %}, {% set x | a | b %}
    ExpressionPtr filters_of_block(bool without_bar) {
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

    bool at_argument_of_test() const {
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

    ExpressionPtr test(ExpressionPtr value) {
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

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int nesting_ = 0;
    int loops_ = 0;
    Parameters* parameters_ = nullptr;
};

}  // namespace

Statements parse(std::string_view source) { return Parser(source).run(); }

}  // namespace nepenthe::text::jinja
