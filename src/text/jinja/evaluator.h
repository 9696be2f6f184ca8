#pragma once
// Walks a template's tree and writes what it renders.

#include "text/jinja/ast.h"
#include "text/jinja/value.h"

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nepenthe::text::jinja {

// What a call passes, its parameters found by place or name.
struct Arguments {
    Values positional;
    std::vector<std::pair<std::string, Value>> named;

    // The argument of the parameter `name`, the one at `place`; null where it is not given.
    const Value* find(std::size_t place, std::string_view name) const;
    // Throws Error(kData) where there are more than `names`, or one of another name.
    void expect(std::string_view what, const std::vector<std::string_view>& names) const;
};

// Names that a block sees: its own, then those around it.
struct Scope {
    Scope* outer = nullptr;
    std::vector<std::pair<std::string, Value>> variables;

    const Value* find(std::string_view name) const;
    void set(const std::string& name, Value value);
};

struct Loop {
    Values items;
    std::size_t index = 0;
    std::optional<Values> changed;  // what loop.changed() saw last
};

struct Callable {
    enum class Kind { kMacro, kMethod, kCycle, kChanged, kRange, kDict, kNamespace, kRaiseException, kStrftimeNow };
    Kind kind = Kind::kMacro;
    std::string name;
    const Statement* macro = nullptr;  // a macro or call block and the names that it sees
    Scope* scope = nullptr;
    Value receiver{};  // of a method
    Loop* loop = nullptr;
};

// Makes a function a value.
Value callable(Callable function);

class Evaluator {
  public:
    // `now` is what strftime_now() writes. The tree must outlive the evaluator.
    Evaluator(const Statements& statements, std::chrono::local_seconds now, std::uint64_t steps)
        : statements_(statements), now_(now), budget_(steps) {}

    // Throws Error(kData) with the line for whatever the template does that Python refuses or that is not supported,
    // for its own raise_exception(), and where it takes more than its steps.
    std::string render(std::vector<std::pair<std::string, Value>> variables);

    // For filters that take filters and tests by name. Throws Error(kData) for names that are not known.
    Value filter(std::string_view name, const Value& value, const Arguments& arguments);
    bool test(std::string_view name, const Value& value, const Arguments& arguments);
    // value[key], with attributes where there is no such key, as Jinja does.
    Value item_of(const Value& value, const Value& key);
    Budget& budget() { return budget_; }

  private:
    enum class Flow { kNext, kBreak, kContinue };
    // One more block, expression or call in another, as long as it lives; throws Error(kData) where they are too many.
    struct Deeper {
        explicit Deeper(Evaluator& owner);
        ~Deeper() { --evaluator.depth_; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        Evaluator& evaluator;
    };

    Flow run(const Statements& statements, Scope& scope);
    Flow run(const Statement& statement, Scope& scope);
    Flow run_for(const Statement& statement, Scope& scope);
    Flow run_if(const Statement& statement, Scope& scope);
    void run_set(const Statement& statement, Scope& scope);
    void run_call_block(const Statement& statement, Scope& scope);
    void run_with(const Statement& statement, Scope& scope);
    void write(std::string_view text);
    // What the body writes, in a scope of its own.
    std::string captured(const Statements& body, Scope& scope);
    Scope& new_scope(Scope* outer);
    void assign(const Expression& target, const Value& value, Scope& scope);
    Values loop_items(const Statement& statement, Scope& scope);

    Value evaluate(const Expression& expression, Scope& scope);
    Value evaluate_inner(const Expression& expression, Scope& scope);
    Value evaluate_or_none(const ExpressionPtr& expression, Scope& scope);
    Value name(const std::string& name, Scope& scope);
    Value dictionary(const Expression& expression, Scope& scope);
    Value sliced(const Expression& expression, Scope& scope);
    Value concatenated(const Expression& expression, Scope& scope);
    bool compared(const Expression& expression, Scope& scope);
    Value called(const Expression& expression, Scope& scope);
    Values parts(const Expression& expression, Scope& scope);
    Arguments arguments(const CallArguments& call, Scope& scope);

    Value call(const Value& callee, const Arguments& arguments);
    Value call_macro(const Callable& macro, const Arguments& arguments);
    Value call_range(const Arguments& arguments);
    Value call_dict(const Arguments& arguments);
    Value call_namespace(const Arguments& arguments);
    Value attribute(const Value& value, const std::string& name);
    std::optional<Value> own_attribute(const Value& value, const std::string& name);
    std::optional<Value> loop_attribute(Loop& loop, const std::string& name);

    const Statements& statements_;
    std::chrono::local_seconds now_;
    Budget budget_;
    int line_ = 1;   // of what is evaluated, for messages
    int depth_ = 0;  // of calls of evaluate() and run() in each other
    std::string* out_ = nullptr;
    const std::string* block_text_ = nullptr;
    std::deque<Scope> scopes_;  // they live as long as the evaluator: a macro may keep any
    std::deque<Namespace> namespaces_;
    std::deque<Loop> loops_;
};

// The filter of this name on a value; none where there is no such filter, or it is not supported.
using Filter = Value (*)(Evaluator& evaluator, const Value& value, const Arguments& arguments);
Filter find_filter(std::string_view name);
using Test = bool (*)(Evaluator& evaluator, const Value& value, const Arguments& arguments);
Test find_test(std::string_view name);

// Whether Python's type of this value has a method of this name that the sandbox lets templates call; and its call.
// Throws Error(kData) for one that is not supported here.
bool has_method(const Value& value, std::string_view name);
Value call_method(const Value& receiver, std::string_view name, const Arguments& arguments, Budget& budget);

// str.replace(), at most `most` times (negative: always), and str.splitlines().
std::string replaced(const std::string& text, const std::string& old, const std::string& by, std::int64_t most,
                     Budget& budget);
std::vector<std::string> split_lines(std::string_view text);

// As Python's strftime in the C locale. Throws Error(kData) for a directive that is not supported.
std::string strftime(std::chrono::local_seconds time, std::string_view format);

}  // namespace nepenthe::text::jinja
