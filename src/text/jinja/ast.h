#pragma once
// A template as a tree: what the parser makes and the evaluator walks.

#include "text/jinja/operators.h"
#include "text/jinja/value.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nepenthe::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
    std::vector<ExpressionPtr> positional;
    std::vector<std::pair<std::string, ExpressionPtr>> named;
    ExpressionPtr all_positional, all_named;  // f(*a, **b)
};

struct Expression {
    enum class Kind {
        kConstant,     // value
        kName,         // name
        kList,         // parts
        kTuple,        // parts
        kDict,         // parts: key, value, key, value
        kAttribute,    // parts[0].name
        kItem,         // parts[0][parts[1]]
        kSlice,        // parts[0][parts[1]:parts[2]:parts[3]], null where left out
        kCall,         // parts[0](arguments)
        kFilter,       // parts[0] | name(arguments)
        kTest,         // parts[0] is name(arguments)
        kNot,          // parts[0]
        kNegative,     // parts[0]
        kPositive,     // parts[0]
        kAnd,          // parts[0], parts[1]
        kOr,           // parts[0], parts[1]
        kBinary,       // parts[0] operation parts[1]
        kConcat,       // parts, joined as text
        kCompare,      // parts[0] comparisons[0] parts[1] comparisons[1] parts[2] …
        kConditional,  // parts[1] if parts[0] else parts[2], null where there is no else
        kBlockText     // the text of the block that a filter is applied to
    };
    Kind kind = Kind::kConstant;
    int line = 1;
    int depth = 1;  // of the tree below
    Value value;
    std::string name;
    std::vector<ExpressionPtr> parts;
    CallArguments arguments;
    Operator operation = Operator::kAdd;
    std::vector<Comparison> comparisons;
};

struct Statement;
using Statements = std::vector<Statement>;

struct Parameters {
    std::vector<std::string> names;
    std::vector<ExpressionPtr> defaults;  // of the last ones
    // What the body asks for besides: a macro that does not is refused what its parameters do not take.
    bool reads_varargs = false, reads_kwargs = false, reads_caller = false;
};

struct Statement {
    enum class Kind {
        kText,         // text
        kPrint,        // expression
        kFor,          // target in expression if condition: body, else_body
        kIf,           // branches (condition and body), else_body
        kSet,          // target = expression
        kSetBlock,     // target = body, filtered by expression where there is one
        kMacro,        // text(parameters): body
        kCallBlock,    // expression, a call, with body and parameters as `caller`
        kFilterBlock,  // expression of body
        kWith,         // targets and values in assignments: body
        kGeneration,   // body: what the assistant says
        kBreak,
        kContinue
    };
    Kind kind = Kind::kText;
    int line = 1;
    std::string text;
    ExpressionPtr target, expression, condition;
    std::vector<std::pair<ExpressionPtr, Statements>> branches;
    std::vector<std::pair<ExpressionPtr, ExpressionPtr>> assignments;
    Parameters parameters;
    Statements body, else_body;
};

}  // namespace nepenthe::text::jinja
