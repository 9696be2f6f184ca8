#pragma once
// What an expression of a template has as its value: Python's, as far as templates use them. Everything but a namespace
// is immutable, as in the sandbox of `transformers`; what is mutable belongs to the evaluator, so that nothing can own
// itself.

#include "base/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nepenthe::text::jinja {

// What a rendering may cost, in steps: one for an evaluated node or an element that is made or looked at, one for eight
// bytes of text that is made. A template from outside may loop, recurse and double its text as it likes.
class Budget {
  public:
    explicit Budget(std::uint64_t steps) : left_(steps) {}
    // Throws Error(kData) where nothing is left.
    void spend(std::uint64_t steps) {
        if (steps > left_) fail(ErrorKind::kData, "takes more steps than any chat needs; it may loop without an end");
        left_ -= steps;
    }
    void spend_bytes(std::uint64_t bytes) { spend(1 + bytes / 8); }

  private:
    std::uint64_t left_;
};

struct Value;
using Values = std::vector<Value>;

struct Undefined {
    std::shared_ptr<const std::string> what;  // for the message where it is used after all: "'x' is undefined"
};
struct None {};
struct Text {
    std::shared_ptr<const std::string> bytes;  // UTF-8
    bool safe = false;                         // the filters `safe` and `escape` made it: `+` escapes what is joined
};
enum class SequenceKind { kList, kTuple, kRange, kKeys, kValues, kItems };
struct Sequence {
    std::shared_ptr<const Values> items;
    SequenceKind kind = SequenceKind::kList;
    int depth = 1;
};
// What `map`, `select` and the like give: read once, no length.
struct Generator {
    struct State;
    std::shared_ptr<State> state;
    int depth = 1;
};
using Entries = std::vector<std::pair<Value, Value>>;
struct Dict {
    std::shared_ptr<const Entries> entries;  // in the order in which they were put in; keys are distinct
    int depth = 1;
};
struct Namespace {
    std::vector<std::pair<std::string, Value>> values;
};
struct Loop;      // the variable `loop` of a for block (evaluator.h)
struct Callable;  // a macro, a method of a value, a global function (evaluator.h)

struct Value {
    std::variant<Undefined, None, bool, std::int64_t, double, Text, Sequence, Generator, Dict, Namespace*, Loop*,
                 std::shared_ptr<const Callable>>
        data;

    template <typename T>
    const T* as() const {
        return std::get_if<T>(&data);
    }
    template <typename T>
    bool is() const {
        return std::holds_alternative<T>(data);
    }
};

struct Generator::State {
    Values items;
    std::size_t next = 0;
};

// How deep values may lie in each other; where one would lie deeper, making it throws Error(kData).
constexpr int kDeepestValue = 64;

Value undefined(std::string what);
Value none();
Value text(std::string bytes, bool safe = false);
Value sequence(Values items, SequenceKind kind = SequenceKind::kList);
Value generator(Values items);
// Of keys that occur more than once the first place and the last value stay. Throws Error(kData) for a key that has no
// hash.
Value dict(const Entries& entries, Budget& budget);
int depth_of(const Value& value);

// Python's name of its type, for messages: "str", "NoneType".
std::string_view type_name(const Value& value);
// The text of a string; throws Error(kData) that begins with `what` for anything else.
const std::string& text_of(const Value& value, std::string_view what);
const std::string* text_if(const Value& value);
// An int or bool as a number; throws as text_of().
std::int64_t integer_of(const Value& value, std::string_view what);
// Throws Error(kData) where the value is undefined.
void require_defined(const Value& value);

bool truth(const Value& value);
bool equal(const Value& left, const Value& right, Budget& budget);
// Python's `<`; throws Error(kData) for types that have no order.
bool less(const Value& left, const Value& right, Budget& budget);
const Value* find(const Dict& dict, const Value& key, Budget& budget);
// What a `for` goes over: items, keys, characters. A generator is read to its end. Throws Error(kData) for what is not
// iterable.
Values elements(const Value& value, Budget& budget);
// len(); throws Error(kData) where there is none.
std::int64_t length(const Value& value, Budget& budget);

}  // namespace nepenthe::text::jinja
