#include "text/jinja/parser.h"

#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace nepenthe::text::jinja {

namespace {

using Ends = std::initializer_list<std::string_view>;

class StatementParser : ExpressionParser {
  public:
    explicit StatementParser(std::string_view source) : ExpressionParser(source) {}

    Statements run() { return statements({}); }

  private:
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

    int loops_ = 0;  // around what is read
};

}  // namespace

Statements parse(std::string_view source) { return StatementParser(source).run(); }

}  // namespace nepenthe::text::jinja
