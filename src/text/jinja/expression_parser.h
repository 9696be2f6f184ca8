#pragma once
// Expressions of a template: Jinja's operators from the weakest to the strongest, filters, tests and calls.

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

#include <algorithm>
#include <optional>

namespace nepenthe::text::jinja {

// Reads tokens from left to right, one ahead. Every function throws Error(kData) with the line where the tokens mean
// nothing.
class ExpressionParser {
  protected:
    explicit ExpressionParser(std::string_view source) : tokens_(tokenize(source)) {}

    // Of blocks and brackets in each other, and of the tree of an expression: a chain of operators is as deep as it is
    // long.
    static constexpr int kDeepestNesting = 60;
    static constexpr int kDeepestTree = 200;

    // One more bracket or block, as long as it lives.
    struct Nested {
        explicit Nested(ExpressionParser& owner) : parser(owner) {
            if (++parser.nesting_ > kDeepestNesting) parser.fail_here("blocks or brackets lie too deep in each other");
        }
        ~Nested() { --parser.nesting_; }
        Nested(const Nested&) = delete;
        Nested& operator=(const Nested&) = delete;
        ExpressionParser& parser;
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

    bool tuple_ends(std::string_view end_name) const;
    // One expression, or several with commas between, which are a tuple.
    ExpressionPtr tuple(bool conditional = true, std::string_view end_name = "", bool bracket = false);
    ExpressionPtr expression(bool conditional = true);
    ExpressionPtr either();
    ExpressionPtr both();
    ExpressionPtr negation();
    std::optional<Comparison> comparison_sign();
    ExpressionPtr comparison();
    ExpressionPtr binary_of(Operator operation, int line, ExpressionPtr left, ExpressionPtr right) const;
    ExpressionPtr sum();
    ExpressionPtr concatenation();
    ExpressionPtr product();
    ExpressionPtr power();
    ExpressionPtr unary(bool with_filters);
    ExpressionPtr primary();
    ExpressionPtr name_or_constant();
    ExpressionPtr list(int line);
    ExpressionPtr dictionary(int line);
    ExpressionPtr postfix(ExpressionPtr value);
    ExpressionPtr attribute(ExpressionPtr value, int line);
    ExpressionPtr subscript(ExpressionPtr value, int line);
    ExpressionPtr call(ExpressionPtr callee);
    void call_arguments(Expression& into);
    std::string dotted_name();
    ExpressionPtr filters(ExpressionPtr value);
    ExpressionPtr filter(ExpressionPtr value);
    // {% filter a|b %}, {% set x | a | b %}
    ExpressionPtr filters_of_block(bool without_bar);
    bool at_argument_of_test() const;
    ExpressionPtr test(ExpressionPtr value);

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int nesting_ = 0;
    Parameters* parameters_ = nullptr;  // of the macro that is read
};

}  // namespace nepenthe::text::jinja
